"""PHD's Figure 8, what dynamic time warping does to one prediction: the path through its costs, the frames paired."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from phdlib.data.clip import Clip
from phdlib.feature_experiments import FeatureExperiment
from phdlib.figures import MIDDLE, RIGHT, blank, draw_skeleton
from phdlib.figures_meshes import ImageRow, MeshRow, mesh_strip
from phdlib.mistiming import Alignment
from phdlib.palette import BLUE, TRUE_BODY
from phdlib.phd_model import PHD
from phdlib.rollouts import Scene, rollout, row_label
from phdlib.skeleton import Skeleton


def before_and_after(
    model: PHD,
    clip: Clip,
    scene: Scene,
    features: FeatureExperiment,
    found: Alignment,
    columns: int = 9,
    title: str = "",
) -> Figure:
    """Figure 8 as bodies: the video and the true bodies at ``columns`` frames of one window, the predicted bodies of
    the same numbers, and those that the path pairs them with. ``clip`` is the scene's with its features. Above the
    columns: the number of the true and the unaligned frame, then that of the aligned one."""
    shown = np.linspace(0, len(found.cost) - 1, columns).round().astype(int)
    aligned = found.predicted_for(shown)
    whole = rollout(model, clip, scene.start, len(found.cost))
    first, ahead = scene.conditioning, (shown + 1).tolist()
    rows = [
        ImageRow(row_label(features), scene.crops(ahead, features)),
        MeshRow("truth", *scene.truth(ahead), role="truth"),
        MeshRow("prediction", whole.theta[first + shown], whole.beta[first + shown]),
        MeshRow("prediction,\naligned", whole.theta[first + aligned], whole.beta[first + aligned]),
    ]
    labels = [f"{j + 1} | {i + 1}" for j, i in zip(shown, aligned, strict=True)]
    return mesh_strip(rows, labels, title=f"{title} (true and unaligned frame | aligned)", size=100)


def path_figure(found: Alignment, columns: int = 10) -> Figure:
    """Above: the costs with the path, and the error of every true frame, paired in order and along the path. Below,
    ``columns`` true frames in grey, each under the predicted frame of the same number and the one that the path pairs
    it with; rings are joints out of sight, which do not count."""
    T = len(found.cost)
    fig = plt.figure(figsize=(10, 7.2))
    above = fig.add_gridspec(1, 2, width_ratios=(1, 1.1), wspace=0.32, left=0.06, right=0.99, top=0.98, bottom=0.48)
    grid = fig.add_gridspec(2, columns, hspace=0.14, wspace=0.04, left=0.05, right=0.995, top=0.385, bottom=0.025)
    draw_path(fig.add_subplot(above[0]), found)
    _errors(fig.add_subplot(above[1]), found)
    shown = np.linspace(0, T - 1, columns).round().astype(int)
    for row, (name, frames) in enumerate({"in order": shown, "aligned": found.predicted_for(shown)}.items()):
        for column, (j, i) in enumerate(zip(shown, frames, strict=True)):
            ax = fig.add_subplot(grid[row, column])
            draw_pair(ax, found, int(i), int(j))
            if column == 0:
                ax.text(-0.02, 0.5, name, transform=ax.transAxes, rotation=90, ha="right", va="center", fontsize=9)
    return fig


def draw_path(ax: Axes, found: Alignment) -> None:
    """The matrix of costs with the path over it, and the diagonal for comparison."""
    T = len(found.cost)
    image = ax.imshow(found.cost, origin="lower", cmap="Greys", extent=(0.5, T + 0.5, 0.5, T + 0.5))
    ax.plot([1, T], [1, T], ls=":", lw=1.2, color=MIDDLE, label="in order")
    ax.plot(found.path[:, 1] + 1, found.path[:, 0] + 1, "-o", ms=2.5, lw=1.4, color=RIGHT, label="path")
    ax.set_xlabel("true frame")
    ax.set_ylabel("predicted frame")
    ax.legend(fontsize=8, loc="upper left", framealpha=0.9)
    bar = ax.figure.colorbar(image, ax=ax, fraction=0.046, pad=0.02)
    bar.set_label("cost" + (", mm" if found.unit == "mm" else ", share of the person's size"), fontsize=8)
    bar.ax.tick_params(labelsize=7)
    if found.unit == "mm":
        bar.formatter = lambda value, _: f"{1000 * value:.0f}"
        bar.update_ticks()


def _errors(ax: Axes, found: Alignment) -> None:
    frames = np.arange(len(found.cost))
    along = [np.nanmean(found.error[found.path[found.path[:, 1] == j, 0], j]) for j in frames]
    means = f"{found.after_by_frame:.1f} {found.unit}, of its pairs {found.after:.1f}"
    for values, color, name in (
        (np.diagonal(found.error), MIDDLE, f"in order: mean {found.before:.1f} {found.unit}"),
        (along, RIGHT, f"aligned: mean of the frames {means}"),
    ):
        ax.plot(frames + 1, values, color=color, lw=1.6, label=name)
    ax.set_xlabel("true frame")
    ax.set_ylabel("P-MPJPE, mm" if found.unit == "mm" else "PCK, %")
    ax.legend(fontsize=8, frameon=False)
    ax.spines[["top", "right"]].set_visible(False)


def draw_pair(ax: Axes, found: Alignment, predicted: int, true: int) -> None:
    """A true frame in grey, joints that do not count as rings, with a predicted one laid over it; their numbers
    above."""
    draw_skeleton(ax, found.truth[true], found.skeleton, color=TRUE_BODY, width=3.2)
    hidden = found.truth[true, ~found.visible[true]]
    ax.plot(*hidden.T, "o", ms=4.5, mfc="white", mec=TRUE_BODY, mew=1)
    draw_skeleton(ax, found.placed[predicted, true], found.skeleton, color=BLUE, width=1.3)
    ax.set_title(f"true {true + 1}, pred. {predicted + 1}", fontsize=7, pad=1)
    low, high = limits(found)
    ax.set_xlim(low[0], high[0])
    ax.set_ylim(low[1], high[1])
    blank(ax)


def limits(found: Alignment) -> tuple[np.ndarray, np.ndarray]:
    """Corners of a box about every true frame, and most of every prediction."""
    points = np.concatenate((found.truth.reshape(-1, 2), found.placed.reshape(-1, 2)))
    low, high = np.quantile(points, [0.005, 0.995], axis=0)
    return np.minimum(low, found.truth.min((0, 1))) - 0.05, np.maximum(high, found.truth.max((0, 1))) + 0.05


def bone_lines(points: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """All bones of a pose (J, 2) as one broken line (3 bones, 2), NaN between."""
    gap = np.full((1, points.shape[-1]), np.nan)
    return np.concatenate([part for bone in skeleton.bones for part in (points[list(bone)], gap)])
