"""PHD's two diagrams: Figure 2, the model and its losses as they ran on one batch, and Figure 6, what f_AR sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Patch, Rectangle
from torch import nn

from phdlib.field_of_view import FieldOfView
from phdlib.figures import MIDDLE
from phdlib.figures_overview import INPUT, KNOWN, LOSS, NETWORK
from phdlib.phd_model import PHD

PADDED, SEEN, STRIP, OWN = "#F2E3B3", "#EBCB5E", "#9CC5E8", "#2F78B7"
_IDLE = "#ECECEC"


def figure_2(
    model: PHD, features: nn.Module, sizes: Mapping[str, Sequence[int]], terms: pd.DataFrame, vertices: int
) -> Figure:
    """PHD as it ran on one batch (PHD 3, Figure 2): ``sizes`` of tensors by name ("input", its name after a colon, phi,
    Phi, omega, future Phi, future Theta), networks with what they weigh, and below them ``terms``: a loss per row, a
    column per data set and equation, NaN where it is not paid. ``vertices``: of the body. See :mod:`phd_overview`.
    """
    fig, (ax, below) = plt.subplots(2, 1, figsize=(10.6, 7.2), height_ratios=(1.0, 0.98))
    fov = model.f_movie.receptive_field()
    ahead = model.f_ar.receptive_field() if model.f_ar is not None else 0

    def size(name: str) -> str:
        return "(" + ", ".join(map(str, sizes[name])) + ")"

    given = next(name for name in sizes if name.startswith("input"))
    _box(ax, 0.95, 1.0, given.partition(": ")[2], size(given), INPUT, 1.55)
    _box(ax, 2.85, 1.0, "feature network", f"{_count(features)}, frozen", NETWORK, 1.65)
    _box(ax, 4.6, 1.0, "φ", size("phi"), INPUT, 1.25)
    _box(ax, 6.35, 1.0, "f_movie", f"{_count(model.f_movie)}, {fov} frames", NETWORK, 1.75)
    _box(ax, 6.35, 2.35, "movie strips Φ", size("Phi"), INPUT, 1.75)
    _box(ax, 6.35, 3.85, "f_AR", f"{_count(model.f_ar)}, {ahead} strips", NETWORK, 1.75)
    _box(ax, 8.4, 3.85, "future strips Φ\u0303", size("future Phi"), INPUT, 1.55)
    _box(ax, 8.4, 2.35, "f_3D", f"{_count(model.f_3d)}", NETWORK, 1.55)
    _box(ax, 10.4, 3.85, "future Θ\u0303", size("future Theta"), INPUT, 1.5)
    _box(ax, 10.4, 2.35, "[Π, Θ]", size("omega"), INPUT, 1.5)
    _box(ax, 12.3, 3.85, "body M(β, θ)", f"{vertices} vertices", NETWORK, 1.55)
    _box(ax, 12.3, 2.35, "joints x = Π(W M)", "of the future: Π* of eq. 6", NETWORK, 1.7)
    _box(ax, 12.3, 1.0, "what is known", "3D or 2D; people's poses", KNOWN, 1.7)
    _box(ax, 4.3, 3.1, "L_movie strip", "eq. 5", LOSS, 1.3)
    for start, end in (
        ((1.75, 1.0), (2.0, 1.0)), ((3.7, 1.0), (3.95, 1.0)), ((5.25, 1.0), (5.45, 1.0)), ((6.35, 1.32), (6.35, 2.03)),
        ((6.35, 2.67), (6.35, 3.53)), ((7.25, 3.85), (7.6, 3.85)), ((7.25, 2.35), (7.6, 2.35)),
        ((8.4, 3.53), (8.4, 2.67)), ((9.2, 2.35), (9.63, 2.35)), ((9.2, 2.55), (9.9, 3.53)),
        ((11.17, 3.85), (11.5, 3.85)), ((11.17, 2.5), (11.75, 3.53)), ((12.3, 3.53), (12.3, 2.67)),
        ((12.3, 1.32), (12.3, 2.03)), ((5.45, 2.45), (4.7, 2.78)),
    ):  # fmt: skip
        _arrow(ax, start, end)
    _arrow(ax, (8.0, 4.17), (4.3, 3.42), 0.35)
    ax.annotate("", (5.75, 4.17), (7.9, 4.17), arrowprops={
        "arrowstyle": "->", "color": MIDDLE, "ls": "--", "connectionstyle": "arc3,rad=0.45"})  # fmt: skip
    ax.text(6.85, 4.72, "its own output, step by step", fontsize=7.5, ha="center", color="0.3")
    ax.text(8.4, 1.85, "frozen in stage 2", fontsize=7.5, ha="center", color="0.3")
    ax.set_xlim(0.1, 13.2)
    ax.set_ylim(0.55, 4.95)
    ax.axis("off")
    _ledger(below, terms)
    fig.subplots_adjust(left=0.005, right=0.995, top=0.995, bottom=0.02, hspace=0.02)
    return fig


def _ledger(ax: Axes, terms: pd.DataFrame) -> None:
    """Losses as a table of boxes: filled where a data set pays one, with its value."""
    ax.axis("off")
    columns, rows = list(terms.columns), list(terms.index)
    left, wide, tall = 3.0, 10.0 / len(columns), 1.0
    for c, name in enumerate(columns):
        ax.text(left + (c + 0.5) * wide, -0.85, name, ha="center", va="center", fontsize=8)
    for r, name in enumerate(rows):
        ax.text(left - 0.15, r + 0.5, name, ha="right", va="center", fontsize=8)
        for c, column in enumerate(columns):
            value = terms.loc[name, column]
            paid = np.isfinite(value)
            cell = Rectangle((left + c * wide, r), wide, tall, fc=LOSS if paid else _IDLE, ec="white", lw=1.5)
            ax.add_patch(cell)
            text = f"{value:.3g}" if paid else "–"
            ax.text(left + (c + 0.5) * wide, r + 0.5, text, ha="center", va="center", fontsize=7.5,
                    color="0.1" if paid else "0.55")  # fmt: skip
    ax.set_xlim(0.1, 13.2)
    ax.set_ylim(len(rows) + 0.2, -1.7)


def figure_6(fields: Mapping[str, FieldOfView]) -> Figure:
    """A timeline per title: images below, movie strips above them, predictions on top (PHD 6.1, Figure 6).

    What the first prediction depends on is coloured, as :func:`phdlib.field_of_view.measure` found it; hatched places
    lie before the clip, where edge padding repeats the first image. Dark predictions are made of predicted ones alone.
    """
    fig, axes = plt.subplots(len(fields), 1, figsize=(10.6, 2.75 * len(fields) + 0.35), squeeze=False)
    first = -max(field.repeated for field in fields.values())
    last = max(field.frames for field in fields.values())
    for ax, (title, field) in zip(axes[:, 0], fields.items(), strict=True):
        _timeline(ax, field)
        ax.set_title(title, fontsize=9.5, loc="left")
        ax.set_xlim(first - 5.2, last + 0.2)
        ax.set_ylim(-0.75, 4.35)
        ax.axis("off")
    keys = [
        Patch(fc=SEEN, label="behind the first prediction"),
        Patch(fc=PADDED, hatch="////", ec="0.6", lw=0, label="first image repeated"),
        Patch(fc=_IDLE, label="not seen by it"),
        Patch(fc=STRIP, label="predicted, in part from real strips"),
        Patch(fc=OWN, label="from predicted strips alone"),
    ]
    fig.legend(handles=keys, loc="lower center", bbox_to_anchor=(0.5, 0.022), ncols=5, fontsize=8, frameon=False)
    fig.subplots_adjust(left=0.005, right=0.995, top=0.94, bottom=0.1, hspace=0.16)
    return fig


def _timeline(ax: Axes, field: FieldOfView) -> None:
    c, total = field.conditioning, field.frames

    def cell(frame: int, row: float, colour: str, number: int | None = None, hatch: str | None = None) -> None:
        ax.add_patch(Rectangle((frame + 0.06, row), 0.88, 0.72, fc=colour, ec="0.6" if hatch else "white",
                               lw=0.0 if hatch else 0.5, hatch=hatch))  # fmt: skip
        if number is not None:
            dark = "white" if colour == OWN else "0.15"
            ax.text(frame + 0.5, row + 0.35, str(number), fontsize=6, ha="center", va="center", color=dark)

    behind = field.inputs[0].nonzero()[:, 0].tolist()
    for frame in range(total):
        seen = frame < c and bool(field.images[frame])
        cell(frame, 0, SEEN if seen else _IDLE, frame + 1)
        if frame < c:
            cell(frame, 1.6, SEEN if frame in behind else _IDLE, frame + 1)
        else:
            cell(frame, 3.2, OWN if bool(field.own[frame - c]) else STRIP, frame - c + 1)
    for frame in range(-field.repeated, 0):
        cell(frame, 0, PADDED, hatch="////")
    for strip in behind:
        ax.plot([strip + 0.5, c + 0.5], [2.36, 3.16], color=MIDDLE, lw=0.6, alpha=0.8)
    for strip in (behind[0], behind[-1]):
        for frame in (field.behind_strip.nonzero()[:, 0] - (c - 1) + strip).tolist():
            ax.plot([frame + 0.5, strip + 0.5], [0.76, 1.56], color=MIDDLE, lw=0.5, alpha=0.55)
    for row, text in ((0, "images"), (1.6, "movie strips Φ\n(f_movie)"), (3.2, "predictions Φ\u0303\n(f_AR)")):
        ax.text(-field.repeated - 0.4 if row == 0 else -0.4, row + 0.35, text, fontsize=8, ha="right", va="center")
    counts = (
        f"{int(field.images.sum())} images seen, {field.predictions} predictions, "
        f"{int(field.own.sum())} of them from predicted strips alone"
    )
    ax.text(total - 0.1, -0.45, counts, fontsize=8, ha="right", va="center", color="0.3")


def _count(module: nn.Module | None) -> str:
    total = sum(p.numel() for p in module.parameters()) if module is not None else 0
    return f"{total / 1e6:.2f} M weights" if total >= 1e5 else f"{total / 1e3:.1f} k weights"


def _box(ax: Axes, x: float, y: float, title: str, detail: str, colour: str, width: float) -> None:
    patch = FancyBboxPatch((x - width / 2, y - 0.3), width, 0.6, boxstyle="round,pad=0.02,rounding_size=0.08")
    patch.set(facecolor=colour, edgecolor="0.35", linewidth=0.8)
    ax.add_patch(patch)
    ax.text(x, y + (0.1 if detail else 0), title, ha="center", va="center", fontsize=9)
    ax.text(x, y - 0.15, detail, ha="center", va="center", fontsize=7, color="0.25")


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], bend: float = 0.0) -> None:
    style = {"arrowstyle": "->", "color": MIDDLE, "connectionstyle": f"arc3,rad={bend}", "shrinkA": 1, "shrinkB": 1}
    ax.annotate("", end, start, arrowprops=style)
