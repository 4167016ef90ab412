"""The causality probe to play with: choose a frame to change, see which outputs move."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots
from torch import Tensor

from phdlib.causality import reach, relative
from phdlib.figures_probe import FLOOR
from phdlib.palette import BLUE, RED

PAST, LATER = RED, BLUE


def causality_probe(matrices: Mapping[str, Tensor], start: int | None = None) -> go.Figure:
    """A slider over the changed frame and, for each encoder, bars of how far its outputs move, on a logarithmic scale:
    red before the changed frame, blue from it on, no bar for an exact zero.

    ``matrices``: :func:`phdlib.causality.influences` (T, T) of several encoders on one clip, by name. ``start``: the
    frame first shown, by default the middle one. ``ValueError`` for matrices of unequal size.
    """
    shown = {name: relative(matrix).cpu().numpy() for name, matrix in matrices.items()}
    sizes = {matrix.shape for matrix in shown.values()}
    if len(sizes) != 1:
        raise ValueError(f"causality_probe: expected matrices of one clip, found sizes {sorted(sizes)}")
    T = len(next(iter(shown.values())))
    start = T // 2 if start is None else start
    reaches = [reach(matrix) for matrix in matrices.values()]
    titles = [f"{name}: {back} frames back, {ahead} ahead" for name, (back, ahead) in zip(shown, reaches, strict=True)]
    fig = make_subplots(len(shown), 1, shared_xaxes=True, subplot_titles=titles, vertical_spacing=0.09)
    for row, matrix in enumerate(shown.values(), start=1):
        bar = go.Bar(x=list(range(T)), **_bars(matrix, start), hovertemplate="output %{x} moves by %{y}<extra></extra>")
        bar.marker.update(colorscale=[[0, PAST], [1, LATER]], cmin=0, cmax=1, line={"width": 0})
        fig.add_trace(bar, row=row, col=1)
    steps = [{"label": str(t), "method": "restyle", "args": [_restyled(shown.values(), t)]} for t in range(T)]
    fig.update_yaxes(type="log", range=[np.log10(FLOOR), np.log10(3)], dtick=1, tickformat=".0e", tickfont={"size": 9})
    fig.update_xaxes(range=[-0.7, T - 0.3])
    fig.update_xaxes(title="output frame (orange: before the changed one)", row=len(shown), col=1)
    fig.update_annotations(font_size=12)
    fig.update_layout(
        sliders=[{"steps": steps, "active": start, "currentvalue": {"prefix": "changed frame: "}, "pad": {"t": 45}}],
        margin={"l": 50, "r": 10, "t": 30, "b": 10},
        height=150 * len(shown) + 130,
        showlegend=False,
        bargap=0.15,
    )
    return fig


def _bars(matrix: np.ndarray, frame: int) -> dict[str, Any]:
    """Heights, and 0 for the outputs before the changed frame, 1 for the others."""
    heights = [float(f"{value:.3g}") if value > 0 else None for value in matrix[frame]]
    return {"y": heights, "marker": {"color": [int(t >= frame) for t in range(len(matrix))]}}


def _restyled(matrices: Iterable[np.ndarray], frame: int) -> dict[str, list[Any]]:
    """:func:`_bars` of all encoders as plotly's restyle takes them. Not as animation frames: a page would play them."""
    bars = [_bars(matrix, frame) for matrix in matrices]
    return {"y": [bar["y"] for bar in bars], "marker.color": [bar["marker"]["color"] for bar in bars]}
