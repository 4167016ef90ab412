"""Drawing what VP3D A.5 is about: how batches are cut from video, and what that costs in error and time (Figure 9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from phdlib.figures import MIDDLE, RIGHT
from phdlib.palette import BLUE, GREEN, GREY
from phdlib.statistics import Effect


def figure_9a(seen: np.ndarray) -> Figure:
    """The video on top and below it one row per sample: the frames (N, F) that each of its N samples sees, counted from
    0, at the time they stand for. Hatched: beyond the video; framed: the frame that is predicted."""
    N, F = seen.shape
    before = F // 2
    shades = plt.colormaps["YlGnBu"](np.linspace(0.08, 0.55, N))
    fig, ax = plt.subplots(figsize=(0.62 * (N + F - 1) + 1.6, 0.42 * (N + 2) + 0.5))

    def cell(time: int, row: float, frame: int, beyond: bool) -> None:
        box, hatch = ((time - 0.5, row - 0.42), 1, 0.84), "//" if beyond else None
        ax.add_patch(Rectangle(*box, fc=shades[frame], ec="white", lw=1.5, hatch=hatch))
        ax.text(time, row, str(frame + 1), ha="center", va="center", fontsize=9)

    for frame in range(N):
        cell(frame, -0.3, frame, False)
    ax.text(-before - 0.7, -0.3, f"video of {N} frames", ha="right", va="center", fontsize=9)
    for sample, frames in enumerate(seen):
        for time, frame in enumerate(frames, sample - before):
            cell(time, sample + 1, int(frame), not 0 <= time < N)
        ax.add_patch(Rectangle((sample - 0.5, sample + 0.58), 1, 0.84, fc="none", ec=RIGHT, lw=2.2, zorder=3))
        ax.text(-before - 0.7, sample + 1, f"sample {sample + 1}", ha="right", va="center", fontsize=9)
    keys = [Patch(fc="none", ec=RIGHT, lw=2, label="predicted"),
            Patch(fc=shades[N // 2], ec="white", lw=0, hatch="//", label="border frame repeated")]  # fmt: skip
    ax.legend(handles=keys, loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=2, fontsize=8, frameon=False)
    ax.set_xlim(-before - 0.6, N + before - 0.4)
    ax.set_ylim(N + 0.6, -0.9)
    ax.axis("off")
    fig.tight_layout()
    return fig


def figure_9b(
    errors: Mapping[str, Sequence[float]], speed: Mapping[str, Effect], single_frame: Sequence[float]
) -> Figure:
    """Left, MPJPE in mm of every seed by step size; right, training speed relative to step size "1". "1f", the strided
    form, stands first in both; ``single_frame`` is a line."""
    names = ["1f", *(name for name in errors if name != "1f")]
    colors = [GREEN if name == "1f" else BLUE for name in names]
    fig, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.3))
    for i, (name, color) in enumerate(zip(names, colors, strict=True)):
        left.plot([i] * len(errors[name]), errors[name], "o", color=color, ms=4, alpha=0.6)
    means = [np.mean(errors[name]) for name in names]
    left.plot(range(1, len(names)), means[1:], color=BLUE, lw=1.5)
    left.plot([0], means[:1], "_", color=GREEN, ms=16, mew=2)
    left.axhline(np.mean(single_frame), color=MIDDLE, lw=1, ls="--", label="model of one frame")
    left.legend(fontsize=8, frameon=False)
    left.set_ylabel("MPJPE, mm")
    heights = [speed[name].value for name in names]
    reach = [[h - speed[name].low for h, name in zip(heights, names, strict=True)],
             [speed[name].high - h for h, name in zip(heights, names, strict=True)]]  # fmt: skip
    right.bar(range(len(names)), heights, yerr=reach, color=colors, ecolor="0.3", capsize=2, width=0.7)
    for i, height in enumerate(heights):
        right.annotate(f"{height:.1f}", (i, speed[names[i]].high), (0, 2), textcoords="offset points", ha="center",
                       fontsize=8)  # fmt: skip
    right.axhline(1, color=MIDDLE, lw=1, ls="--")
    right.set_ylabel("training speed, times that of step size 1")
    right.margins(y=0.12)
    for ax in (left, right):
        ax.set_xticks(range(len(names)), names)
        ax.set_xlabel("step size: frames predicted per sample")
        ax.spines[["top", "right"]].set_visible(False)
    fig.tight_layout()
    return fig


def batch_means(means: Mapping[str, np.ndarray], spread: np.ndarray) -> Figure:
    """One panel per way of making batches: each dot (n, 2) is what a batch thinks the mean is. The circle is how far
    single frames lie from it, one standard deviation ``spread`` (2,)."""
    fig, axes = plt.subplots(1, len(means), figsize=(2.9 * len(means), 3.1), sharex=True, sharey=True)
    middle = np.concatenate(list(means.values())).mean(0)
    angle = np.linspace(0, 2 * np.pi, 100)
    for ax, (name, points) in zip(np.atleast_1d(axes), means.items(), strict=True):
        ax.plot(*(middle[:, None] + spread[:, None] * [np.cos(angle), np.sin(angle)]), color="0.6", lw=1)
        ax.plot(*points.T, ".", color=BLUE, ms=4, alpha=0.7)
        ax.set_title(name, fontsize=9)
        ax.set_aspect("equal")
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=7)
        ax.set_xlabel("x, screen units", fontsize=8)
    np.atleast_1d(axes)[0].set_ylabel("y, screen units", fontsize=8)
    ax.invert_yaxis()  # of all, since they share it: in an image y points down
    fig.tight_layout()
    return fig


def by_epoch(errors: Mapping[str, Sequence[Sequence[float]]], last: int) -> Figure:
    """Test MPJPE in mm after each of the last epochs, the very last being number ``last``: a line per seed, for each of
    two schedules by name."""
    fig, ax = plt.subplots(figsize=(6, 3.2))
    for (name, seeds), color in zip(errors.items(), (GREY, BLUE), strict=True):
        for i, of_seed in enumerate(seeds):
            epochs = range(last - len(of_seed) + 1, last + 1)
            ax.plot(epochs, of_seed, "o-", color=color, ms=3, lw=1.2, alpha=0.8, label=None if i else name)
    ax.set_xticks(epochs)
    ax.set_xlabel("epoch")
    ax.set_ylabel("MPJPE, mm")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(fontsize=8, frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1, 1))
    fig.tight_layout()
    return fig
