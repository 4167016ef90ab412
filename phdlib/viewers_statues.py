"""The statue finder to play with (PHD 4.3): move along a video, see its accuracy, and what the filter makes of it."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from PIL import Image
from plotly.subplots import make_subplots
from torch import Tensor

from phdlib.data.phd_role import CONDITIONING
from phdlib.palette import BLUE, METHODS
from phdlib.statues import AHEAD, HALF, improvement

LATER = 10  # frames from the first picture to the second
HALVES = (1, 3, HALF, 7)


def statue_finder(
    accuracy: Mapping[str, np.ndarray], speed: np.ndarray, images: Sequence[Tensor], halves: Sequence[int] = HALVES
) -> go.Figure:
    """A slider over the conditioning windows of one clip.

    ``accuracy``: PCK in percent of the next 15 frames (windows,) by name, the first of which is searched; ``speed``
    (T,) in m/s; ``images`` (3, S, S), uint8, of all T frames. Above, the first frame after the window and the frame
    :data:`LATER` after that; then the curves; below, the first one's rise by the filter. Buttons choose the filter's
    ``halves``; a dotted line marks the statue that each finds. ``ValueError`` where the lengths do not go together.
    """
    first = next(iter(accuracy.values()))
    windows, T = len(first), len(images)
    if windows != T - CONDITIONING - AHEAD + 1 or len(speed) != T or any(len(a) != windows for a in accuracy.values()):
        raise ValueError(
            f"statue_finder: {T} images need {T - CONDITIONING - AHEAD + 1} windows and {T} speeds, found "
            f"{[len(a) for a in accuracy.values()]} and {len(speed)}"
        )
    rises = {half: improvement(first, half) for half in halves if np.isfinite(improvement(first, half)).any()}
    chosen = HALF if HALF in rises else next(iter(rises))
    statues = {half: int(np.nanargmax(rise)) + CONDITIONING for half, rise in rises.items()}
    pictures = [_uri(image) for image in images]
    fig = make_subplots(
        3, 2, row_heights=[0.42, 0.36, 0.22], vertical_spacing=0.07, horizontal_spacing=0.02,
        specs=[[{}, {}], [{"colspan": 2, "secondary_y": True}, None], [{"colspan": 2}, None]],
        subplot_titles=["the first frame after the window", f"{LATER} frames later", "", ""],
    )  # fmt: skip
    now, later = _pair(pictures, statues[chosen])
    fig.add_trace(go.Image(source=now, hoverinfo="skip"), 1, 1)
    fig.add_trace(go.Image(source=later, hoverinfo="skip"), 1, 2)
    frames = np.arange(windows) + CONDITIONING
    grey = {"fill": "tozeroy", "line": {"color": "#cccccc", "width": 0.5}, "name": "true speed, m/s"}
    fig.add_trace(go.Scatter(x=np.arange(T), y=speed.round(2), **grey), 2, 1, secondary_y=True)
    for name, curve in accuracy.items():
        fig.add_trace(go.Scatter(x=frames, y=curve.round(1), name=name, line={"color": METHODS.get(name, BLUE)}), 2, 1)
    before = len(fig.data)
    for half, rise in rises.items():
        line = {"color": BLUE}
        fig.add_trace(
            go.Scatter(x=frames, y=rise.round(2), name="rise", line=line, visible=half == chosen, showlegend=False),
            3,
            1,
        )
    _controls(fig, frames, pictures, statues, chosen, before)
    fig.update_yaxes(title="PCK, %", range=[0, 102], row=2, col=1, secondary_y=False)
    fig.update_yaxes(showgrid=False, showticklabels=False, range=[0, 2.2 * float(speed.max())], row=2, col=1,
                     secondary_y=True)  # fmt: skip
    fig.update_yaxes(title="rise, points", row=3, col=1)
    fig.update_xaxes(range=[0, T - 1], row=2, col=1)
    fig.update_xaxes(range=[0, T - 1], title="frame", row=3, col=1)
    for column in (1, 2):
        fig.update_xaxes(visible=False, row=1, col=column)
        fig.update_yaxes(visible=False, row=1, col=column)
    fig.update_annotations(font_size=12)
    fig.update_layout(height=720, margin={"l": 55, "r": 10, "t": 60, "b": 10}, legend={"orientation": "h", "y": 0.62})
    return fig


def _controls(
    fig: go.Figure, frames: np.ndarray, pictures: Sequence[str], statues: Mapping[int, int], chosen: int, first: int
) -> None:
    """The slider, the buttons, and the lines that they move: the window's frame in both graphs, then the statue."""
    for x, dash in ((statues[chosen], "solid"), (statues[chosen], "dot")):
        for row in (2, 3):
            fig.add_vline(x=x, row=row, col=1, line={"color": "black", "width": 1.5, "dash": dash})
    steps = []
    for frame in frames.tolist():
        lines = {f"shapes[{i}].{end}": frame for i in (0, 1) for end in ("x0", "x1")}
        steps.append(
            {"label": str(frame), "method": "update", "args": [{"source": _pair(pictures, frame)}, lines, [0, 1]]}
        )
    buttons = []
    traces = list(range(first, first + len(statues)))
    for half, statue in statues.items():
        lines = {f"shapes[{i}].{end}": statue for i in (2, 3) for end in ("x0", "x1")}
        shown = {"visible": [other == half for other in statues]}
        label = f"filter: {half} + {half} windows" if half > 1 else "no low-pass: 1 + 1"
        buttons.append({"label": label, "method": "update", "args": [shown, lines, traces]})
    fig.update_layout(
        sliders=[{"steps": steps, "active": statues[chosen] - int(frames[0]), "pad": {"t": 50},
                  "currentvalue": {"prefix": "first frame after the window: "}}],
        updatemenus=[{"type": "buttons", "direction": "right", "buttons": buttons, "x": 0, "y": 1.1, "xanchor": "left",
                      "active": list(statues).index(chosen)}],
    )  # fmt: skip


def _pair(pictures: Sequence[str], frame: int) -> list[str]:
    return [pictures[frame], pictures[min(frame + LATER, len(pictures) - 1)]]


def _uri(image: Tensor) -> str:
    """A small JPEG that a page can hold."""
    file = io.BytesIO()
    Image.fromarray(image.cpu().permute(1, 2, 0).contiguous().numpy()).save(file, "JPEG", quality=75)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
