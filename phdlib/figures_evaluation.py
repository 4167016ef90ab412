"""Curves of PHD's evaluation: the published tables' arithmetic, and error and speed against the horizon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from scipy.interpolate import PchipInterpolator

from phdlib import published
from phdlib.future_tables import Tables, average
from phdlib.futures import HORIZONS
from phdlib.palette import BLUE, GREY, RED, TRUTH, style
from phdlib.published_arithmetic import running_means

METRICS = {"h36m": ("Human3.6M", "P-MPJPE, mm"), "penn": ("Penn Action", "PCK, %")}


def arithmetic_figure(row: str, title: str = "") -> Figure:
    """A published row without and with DTW: Table 8's points, a curve through them, its running mean, and Table 2's."""
    fig, axes = plt.subplots(1, 2, figsize=(10, 3.4))
    frames = np.arange(1, HORIZONS[-1] + 1)
    tables = [published.table(id).loc[row] for id in ("phd-table-8", "phd-table-2")]
    for ax, (role, (name, metric)) in zip(axes, METRICS.items(), strict=True):
        raw, warped = (table[[f"{role}_{h}" for h in HORIZONS]].to_numpy(dtype=float) for table in tables)
        curve = PchipInterpolator(HORIZONS, raw)(frames)
        ax.plot(frames, curve, color=GREY, lw=1, ls="--", label="Table 8, interpolated")
        ax.plot(HORIZONS, raw, "s", color=GREY, ms=5, label="Table 8: no DTW")
        ax.plot(frames, curve.cumsum() / frames, color=TRUTH, lw=1.4, label="its running mean")
        ax.plot(HORIZONS, warped, "o", color=RED, ms=6, mfc="none", mew=1.6, label="Table 2: with DTW")
        means = running_means(raw)["smooth"].to_numpy()
        for h, printed, mean in zip(HORIZONS, warped, means, strict=True):
            place = (5, 6) if role == "penn" else (5, -11)  # on the side where there is no curve
            less = f"{round(printed - mean, 1) + 0.0:+.1f}"  # no "-0.0"
            ax.annotate(less, (h, printed), xytext=place, textcoords="offset points", fontsize=7)
        ax.margins(y=0.12)
        ax.set_title(f"{name}, {row}" if not title else f"{name}, {title}", fontsize=9, loc="left")
        ax.set_ylabel(metric)
        _tidy(ax)
    axes[0].legend(fontsize=8, frameon=False)
    fig.tight_layout(rect=(0, 0.02, 1, 1))
    return fig


def curves(
    roles: Mapping[str, Mapping[str, Tables]], intervals: Mapping[str, pd.DataFrame], methods: Sequence[str]
) -> Figure:
    """Against the horizon, a column per role: the error of the frame itself, and below it the mean speed up to there,
    the truth's in black. The first method has its interval as a band (``intervals`` by role:
    :func:`phdlib.future_tables.intervals` of ``frame``); that of a difference between methods is narrower."""
    fig, axes = plt.subplots(2, 2, figsize=(10, 6), sharex=True, height_ratios=(1.3, 1))
    for column, (role, (name, metric)) in zip(axes.T, METRICS.items(), strict=True):
        for method in methods:
            band = intervals[role].loc[method]
            look = {"marker": "o", "ms": 3.5, "lw": 1.5, **style(method)}
            column[0].plot(band.index, band["value"], label=method, **look)
            if method == methods[0]:
                column[0].fill_between(band.index, band["low"], band["high"], color=look["color"], alpha=0.12, lw=0)
            column[1].plot(average(roles[role][method], "speed").iloc[1:], **look)
        truth = average(roles[role][methods[0]], "true_speed").iloc[1:]
        column[1].plot(truth, "-o", ms=3.5, lw=1.8, color=TRUTH, label="truth")
        column[0].set_title(f"{name} role", fontsize=9, loc="left")
        column[0].set_ylabel(metric)
        column[1].set_ylabel("speed, mm a frame" if role == "h36m" else "speed, % of size a frame")
        column[1].set_ylim(bottom=0)
        for ax in column:
            _tidy(ax)
    axes[0, 0].legend(fontsize=8, frameon=False)
    axes[1, 0].legend(fontsize=8, frameon=False)
    fig.tight_layout(rect=(0, 0.02, 1, 1))
    return fig


def against_properties(
    panels: Sequence[tuple[str, str, pd.Series, pd.Series]], counts: Mapping[str, int] | None = None
) -> Figure:
    """A panel each for (property, outcome, values by action, values by action): actions as points with their names."""
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    fig, axes = plt.subplots(rows, columns, figsize=(3.9 * columns, 3.3 * rows), squeeze=False)
    for ax in axes.flat[len(panels) :]:
        ax.axis("off")
    for ax, (name, outcome, x, y) in zip(axes.flat, panels, strict=False):
        size = [12 + 2.5 * np.sqrt((counts or {}).get(action, 20)) for action in x.index]
        ax.scatter(x, y.reindex(x.index), s=size, color=BLUE, alpha=0.75, lw=0)
        ax.set_xlabel(name, fontsize=8)
        ax.set_ylabel(outcome, fontsize=8)
        ax.tick_params(labelsize=7)
        ax.margins(x=0.3, y=0.1)
        ax.spines[["top", "right"]].set_visible(False)
    fig.tight_layout(rect=(0, 0.02, 1, 1))
    for ax, (_, _, x, y) in zip(axes.flat, panels, strict=False):
        _names(ax, x, y)
    return fig


def _names(ax: Axes, x: pd.Series, y: pd.Series) -> None:
    """Actions by name beside their points: on the right, or, where a name or a point is there, at the nearest free
    place on either side, above or below. The panel has to have its final size."""
    draw = ax.figure.canvas.get_renderer()
    points = ax.transData.transform(np.column_stack([x, y.reindex(x.index)]))
    places = [(dx, dy) for far in (0, 8, 16, 24, 32) for dy in ((0,) if not far else (far, -far)) for dx in (5, -5)]
    taken: list[Bbox] = [Bbox.from_bounds(px - 3, py - 3, 6, 6) for px, py in points]
    for action in y.reindex(x.index).sort_values().index:
        own = x.index.get_loc(action)
        found = []
        for dx, dy in places:
            text = ax.annotate(
                action, (x[action], y[action]), xytext=(dx, dy), textcoords="offset points", fontsize=6.5, va="center",
                ha="left" if dx > 0 else "right",
                arrowprops={"arrowstyle": "-", "lw": 0.4, "color": "0.6"} if dy else None,
            )  # fmt: skip
            text.update_positions(draw)
            box = Text.get_window_extent(text, draw)  # of the words, without the line
            hits = sum(box.overlaps(other) for i, other in enumerate(taken) if i != own)
            hits += not (ax.bbox.x0 <= box.x0 and ax.bbox.y0 <= box.y0 and box.y1 <= ax.bbox.y1)
            found.append((hits, len(found), text, box))
            if not hits:
                break
        _, _, best, box = min(found, key=lambda one: one[:2])
        for _, _, text, _ in found:
            if text is not best:
                text.remove()
        taken.append(box)


def _tidy(ax: Axes) -> None:
    ax.set_xlabel("frames into the future")
    ax.set_xticks(HORIZONS)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", lw=0.4, alpha=0.6)
