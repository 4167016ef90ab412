"""Drawing errors against a number: a size, a step, a position. One curve per kind of error, and how seeds spread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, LogFormatter, NullLocator

from phdlib.figures import MIDDLE
from phdlib.palette import BLUE, RED

Runs = Mapping[float, Sequence[float]]  # the value of every seed at each x


def curve(ax: Axes, runs: Runs, label: str = "", color: str = BLUE, style: str = "-", dots: bool = True) -> None:
    """The mean over seeds, a band of one standard deviation to either side, and (``dots``) every seed."""
    x = sorted(runs)
    mean, spread = (np.array([statistic(runs[at]) for at in x]) for statistic in (np.mean, np.std))
    ax.plot(x, mean, style, color=color, lw=1.6, label=label)
    ax.fill_between(x, mean - spread, mean + spread, color=color, alpha=0.18, lw=0)
    if dots:
        ax.plot(*np.array([(at, value) for at in x for value in runs[at]]).T, "o", color=color, ms=3.5, alpha=0.7)


def against_size(
    ax: Axes, runs: Runs, xlabel: str, ylabel: str = "MPJPE, mm", training: Runs | None = None, log: bool = True
) -> None:
    """Test error, and the training error where it is given, against a size; ticks at the sizes alone."""
    curve(ax, runs, "test")
    if training is not None:
        curve(ax, training, "training, last epoch", MIDDLE, "--")
        ax.legend(frameon=False, fontsize=8)
    if log:
        ax.set_xscale("log")
    ax.xaxis.set_major_locator(FixedLocator(sorted(runs)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    ax.grid(axis="y", color="0.92")
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def figure_8(channels: tuple[Runs, Runs], fields: tuple[Runs, Runs]) -> Figure:
    """Test and training error against the number of channels and against the receptive field (VP3D Figure 8)."""
    fig, axes = plt.subplots(1, 2, figsize=(10, 3.6), sharey=True)
    for ax, (test, training), xlabel, letter in zip(
        axes, (channels, fields), ("channels, at 27 frames", "receptive field, frames"), "ab", strict=True
    ):
        against_size(ax, test, f"({letter}) {xlabel}", training=training)
    axes[1].set_ylabel("")
    axes[1].tick_params(labelleft=True)
    fig.tight_layout(rect=(0, 0.02, 1, 1))
    return fig


def by_position(curves: Mapping[str, Sequence[np.ndarray]]) -> Figure:
    """Error against the frame within a piece, per name one array per seed; up to three names: an LSTM in long and in
    short pieces, and the convolutional model."""
    fig, ax = plt.subplots(figsize=(8, 3.2))
    looks = ((RED, "-"), (RED, "--"), (BLUE, "-"))  # the LSTM in long and short pieces, the convolutional model
    for (name, seeds), (color, line) in zip(curves.items(), looks[: len(curves)], strict=True):
        curve(ax, dict(enumerate(np.stack(seeds, axis=1), start=1)), name, color, line, dots=False)
    ax.set_xlabel("frame within the piece")
    ax.set_ylabel("MPJPE, mm")
    low, high = ax.dataLim.intervaly
    if high > 4 * low:
        ax.set_yscale("log")
        ax.set_ylabel("MPJPE, mm (log scale)")
        ax.yaxis.set_major_formatter("{x:.0f}")
        ax.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.5)))
    ax.legend(frameon=False, fontsize=8)
    ax.grid(axis="y", color="0.92")
    ax.spines[["top", "right"]].set_visible(False)
    fig.tight_layout()
    return fig
