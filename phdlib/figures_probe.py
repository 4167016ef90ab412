"""The causality probe as a picture: which outputs of an encoder move when one input frame is changed."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from torch import Tensor

from phdlib.causality import by_lag, leak, reach, relative
from phdlib.palette import BLUE, RED, SKY

FLOOR = 1e-4  # influences below this share of a frame's own are drawn alike; exact zeros are left white
COLORS = (BLUE, SKY, RED)  # as in the paper, with statistics over time, non-causal


def influence_matrices(matrices: Mapping[str, Tensor]) -> Figure:
    """:func:`phdlib.causality.influences` (T, T) of several encoders on one clip, as pictures on one logarithmic scale,
    and below them the mean by lag. White is an exact zero; what is below :data:`FLOOR` has that colour, and no
    mark."""
    shown = {name: relative(matrix).cpu() for name, matrix in matrices.items()}
    N = len(shown)
    fig = plt.figure(figsize=(max(2.6 * N, 5.2) + 1, 5.4))
    grid = fig.add_gridspec(2, N + 1, height_ratios=(1.5, 1), width_ratios=(*[1] * N, 0.05), hspace=0.5, wspace=0.12)
    axes = [fig.add_subplot(grid[0, i]) for i in range(N)]
    for ax, (name, matrix) in zip(axes, shown.items(), strict=True):
        values = np.ma.masked_equal(matrix.numpy(), 0)
        image = ax.imshow(values.clip(FLOOR), norm=LogNorm(FLOOR, 2), cmap="viridis_r", interpolation="nearest")
        before, after = reach(matrix)
        title = f"{name}\nmoved by {before} frames back, {after} ahead\nthe past moves by {leak(matrix):.2g}"
        ax.set_title(title, fontsize=8)
        ax.set_xlabel("output frame", fontsize=8)
        ax.tick_params(labelsize=7, labelleft=ax is axes[0])
    axes[0].set_ylabel("changed frame", fontsize=8)
    bar = fig.colorbar(image, cax=fig.add_subplot(grid[0, N]), extend="min")
    bar.set_label("moved by, of what a frame\nmoves its own output", fontsize=7)
    bar.ax.tick_params(labelsize=7)
    _lags(fig.add_subplot(grid[1, :]), shown)
    fig.subplots_adjust(left=0.07, right=0.93, top=0.87, bottom=0.1)
    return fig


def _lags(ax: plt.Axes, shown: Mapping[str, Tensor]) -> None:
    lines = zip(shown.items(), COLORS, "os^D", strict=False)
    for i, ((name, matrix), color, marker) in enumerate(lines):
        lags, means = (values.numpy() for values in by_lag(matrix))
        moved = means >= FLOOR
        shift = 0.12 * (i - (len(shown) - 1) / 2)
        ax.plot(lags[moved] + shift, means[moved], marker, ms=3.5, color=color, label=name)
    ax.axvline(0, color="0.7", lw=0.8, zorder=0)
    ax.set_yscale("log")
    ax.set_ylim(FLOOR / 1.5, 3)
    ax.set_xlabel(f"lag: output minus changed frame (left of 0: the past moves; no mark: below {FLOOR:g})", fontsize=8)
    ax.set_ylabel("moved by, mean", fontsize=8)
    ax.tick_params(labelsize=7)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize=7, loc="lower left", bbox_to_anchor=(0, 0.98), ncols=len(shown))
