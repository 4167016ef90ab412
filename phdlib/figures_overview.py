"""VP3D Figure 1, a clip going through a trained model, and Figure 3, the semi-supervised losses on a real batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from torch import Tensor

from phdlib.architecture import used_states
from phdlib.figures import MIDDLE, blank, draw_skeleton, overlay, turned
from phdlib.lifting import TemporalModel
from phdlib.palette import style
from phdlib.semi_supervised import PoseAndTrajectory

INPUT, NETWORK, LOSS, KNOWN = "#cfe3f2", "#a9dbc9", "#f3c99b", "#e3e3e3"


def figure_1(
    model: TemporalModel, images: Sequence[np.ndarray | None], keypoints: np.ndarray, poses: np.ndarray, step: int
) -> Figure:
    """A clip going through a centred model: 2D keypoints (F, J, 2) of one receptive field below, over their images, the
    states that the middle frame's pose needs, and 3D poses (F, J, 3) above, every ``step``-th frame of both drawn."""
    field, needed = model.receptive_field(), used_states(model)
    fig, axes = plt.subplots(3, 1, figsize=(11, 6.2), height_ratios=(1.1, 1.0, 1.1))
    frames = range(field // 2 % step, field, step)
    low, high = keypoints.min((0, 1)), keypoints.max((0, 1))
    for ax, row in ((axes[0], "pose"), (axes[2], "image")):
        for t in frames:
            left = (t + 0.5) / field - 0.5 * step / field
            cell = ax.inset_axes((left, 0, step / field, 1))
            if row == "image":
                middle, half = (keypoints[t].min(0) + keypoints[t].max(0)) / 2, 0.6 * (high - low)[1]
                wide = 0.6 * half
                overlay(cell, images[t], keypoints[t], (middle[0] - wide, middle[0] + wide, middle[1] + half,
                                                        middle[1] - half))  # fmt: skip
            else:
                answered = t == field // 2
                draw_skeleton(cell, turned(poses[t], 45), color=None if answered else "0.75", width=2.2)
                cell.set_xlim(-0.75, 0.75)
                cell.set_ylim(-1.1, 0.9)
                blank(cell)
        ax.axis("off")
    _tree(axes[1], model, needed)
    for ax, label in zip(axes, ("3D poses", "states", "2D keypoints"), strict=True):
        ax.text(-0.012, 0.5, label, transform=ax.transAxes, rotation=90, ha="center", va="center", fontsize=10)
    fig.subplots_adjust(left=0.035, right=0.995, top=0.99, bottom=0.03, hspace=0.02)
    return fig


def _tree(ax: Axes, model: TemporalModel, needed: list[list[int]]) -> None:
    """The states behind one output, a line for every kernel tap."""
    reach = model.receptive_field() / 2
    for level, (kernel, dilation) in enumerate(zip(model.kernel_sizes, model.dilations, strict=True)):
        for frame in needed[level + 1]:
            for tap in range(kernel):
                source = frame + (tap - kernel // 2) * dilation
                ax.plot([source, frame], [level, level + 1], color="#0072B2", lw=1)
    for level, states in enumerate(needed):
        ax.plot(states, [level] * len(states), "o", ms=5, color="#0072B2")
    ax.set_xlim(-reach, reach)
    ax.set_ylim(-0.3, len(needed) - 0.7)
    ax.axis("off")


def figure_3(net: PoseAndTrajectory, sizes: Mapping[str, Tensor], terms: Mapping[str, Tensor]) -> Figure:
    """The scheme of VP3D 4 as it ran on one batch, the labelled half first: ``sizes`` the tensors that went in
    ("labelled keypoints", ...), ``terms`` the losses that came out (:func:`phdlib.semi_supervised.loss_terms`)."""
    fig, ax = plt.subplots(figsize=(11, 5.4))

    def shape(name: str) -> str:
        return "(" + ", ".join(map(str, sizes[name].shape)) + ")"

    def count(module: torch.nn.Module | None) -> str:
        total = sum(p.numel() for p in (module or net.pose).parameters())
        return f"{total / 1e6:.2f} M weights, {net.receptive_field()} frames"

    def box(x: float, y: float, title: str, detail: str, color: str, width: float = 1.75) -> None:
        frame = FancyBboxPatch((x - width / 2, y - 0.3), width, 0.6, boxstyle="round,pad=0.02,rounding_size=0.08")
        frame.set(facecolor=color, edgecolor="0.35", linewidth=0.8)
        ax.add_patch(frame)
        ax.text(x, y + 0.09, title, ha="center", va="center", fontsize=9)
        ax.text(x, y - 0.14, detail, ha="center", va="center", fontsize=7.5, color="0.25")

    def arrow(start: tuple[float, float], end: tuple[float, float], bend: float = 0.0) -> None:
        style = {"arrowstyle": "->", "color": MIDDLE, "connectionstyle": f"arc3,rad={bend}", "shrinkA": 2, "shrinkB": 2}
        ax.annotate("", end, start, arrowprops=style)

    def loss(x: float, y: float, title: str, name: str) -> None:
        value = f"{terms[name].item():.4f}" if name in terms else "not used"
        box(x, y, title, value, LOSS)

    box(1, 4, "labelled keypoints", shape("labelled keypoints"), INPUT)
    box(1, 1, "unlabelled keypoints", shape("unlabelled keypoints"), INPUT)
    box(3.7, 3.3, "pose model", count(net.pose), NETWORK, 2.2)
    box(3.7, 1.7, "trajectory model", count(net.trajectory), NETWORK, 2.2)
    box(6.6, 4.6, "3D pose, true", shape("true poses"), KNOWN)
    box(6.6, 0.4, "trajectory, true", shape("true roots"), KNOWN)
    box(6.6, 3.3, "3D pose", shape("poses"), INPUT)
    box(6.6, 1.7, "trajectory", shape("roots"), INPUT)
    box(8.5, 2.5, "projection", "intrinsics " + shape("intrinsics"), NETWORK, 1.6)
    loss(10.6, 4.6, "MPJPE", "pose")
    loss(10.6, 3.5, "bone lengths, L2", "bone length")
    loss(10.6, 1.5, "2D, back-projected", "back-projection")
    loss(10.6, 0.4, "WMPJPE", "trajectory")
    for start in ((1.9, 4.0), (1.9, 1.0)):
        arrow(start, (2.55, 3.3))
        arrow(start, (2.55, 1.7))
    arrow((4.82, 3.3), (5.7, 3.3))
    arrow((4.82, 1.7), (5.7, 1.7))
    arrow((7.5, 3.3), (7.95, 2.82))
    arrow((7.5, 1.7), (7.95, 2.18))
    arrow((9.32, 2.4), (9.72, 1.7))
    arrow((7.5, 4.6), (9.7, 4.6))
    arrow((7.5, 3.45), (9.7, 4.4), -0.1)
    arrow((7.5, 3.3), (9.7, 3.45), -0.1)
    arrow((7.5, 4.5), (9.7, 3.65), 0.1)
    arrow((7.5, 0.4), (9.7, 0.4))
    arrow((7.5, 1.55), (9.7, 0.6), 0.1)
    arrow((1.4, 0.68), (10.4, 1.18), 0.27)
    ax.text(6.1, -0.62, "the input keypoints of the unlabelled half are the target of the projection",
            ha="center", fontsize=8, color="0.3")  # fmt: skip
    ax.set_xlim(-0.1, 11.6)
    ax.set_ylim(-0.95, 5.05)
    ax.axis("off")
    fig.subplots_adjust(left=0.005, right=0.995, top=0.995, bottom=0.03)
    return fig


def figure_5(panels: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]], labels: Mapping[str, str]) -> Figure:
    """Error against the amount of labelled data (VP3D Figure 5). ``panels[title][method][subset]`` holds the error of
    every draw; a line joins the means, a bar spans the draws; ``labels[title]`` names the metric."""
    markers = {"supervised, equal time": "s", "semi-supervised, no bone lengths": "x"}
    fig, axes = plt.subplots(len(panels), 1, figsize=(7.5, 3.0 * len(panels)), squeeze=False)
    for ax, (title, methods) in zip(axes[:, 0], panels.items(), strict=True):
        for i, (method, subsets) in enumerate(methods.items()):
            look = style(method)
            x = np.arange(len(subsets)) + 0.06 * (i - 1)
            values = [np.asarray(errors, dtype=float) for errors in subsets.values()]
            means = [v.mean() for v in values]
            ax.plot(x, means, marker=markers.get(method, "o"), label=method, ms=5, lw=1.5, **look)
            ax.vlines(x, [v.min() for v in values], [v.max() for v in values], color=look["color"], lw=1.2, alpha=0.7)
        subsets = next(iter(methods.values()))
        ax.set_xticks(range(len(subsets)), list(subsets), fontsize=8)
        ax.set_title(title, fontsize=10, loc="left")
        ax.set_ylabel(labels[title])
        ax.set_xlabel("labelled; line: mean over draws, bar: from the best draw to the worst", fontsize=8)
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(axis="y", lw=0.4, alpha=0.6)
        ax.legend(frameon=False, fontsize=8)
    fig.tight_layout(rect=(0, 0.01, 1, 1))
    return fig
