"""A player for predicted bodies: meshes side by side, to turn with the mouse and to play, as a page of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from phdlib.body import load_body
from phdlib.crops import Surface
from phdlib.palette import BODIES

GRID = 0.05  # metres, see phdlib.crops.Surface: a thousand vertices, 8 kB per body and frame in the page


class Moving(NamedTuple):
    """One body of the player: ``theta`` (T, 72) as the camera sees it, ``beta`` (T, 10) or (10,), and per frame, or for
    all of them, a key of :data:`phdlib.palette.BODIES`."""

    theta: Tensor
    beta: Tensor
    role: str | list[str]


def mesh_player(bodies: Mapping[str, Moving], fps: float, *, first: int = 0, spacing: float = 1.0) -> go.Figure:
    """Bodies by name, each about its own pelvis, ``spacing`` metres from one to the next. ``first``: the number of the
    first frame, so that with -14 frame 15 is 0, the present. ``ValueError`` unless all have as many frames."""
    lengths = {name: len(body.theta) for name, body in bodies.items()}
    if len(set(lengths.values())) != 1 or 0 in lengths.values():
        raise ValueError(f"mesh player: expected bodies of as many frames, at least one, found {lengths}")
    (T,), surface = set(lengths.values()), Surface(load_body(), GRID)
    i, j, k = surface.caster.faces.short().T.numpy()  # a thousand vertices have room in 16 bits
    still = {"i": i, "j": j, "k": k, "hoverinfo": "name", "showlegend": True}
    paths = {
        name: _points(surface, body) + np.array([1000 * n * spacing, 0, 0], dtype=np.int16)
        for n, (name, body) in enumerate(bodies.items())
    }
    colours = {name: _colours(name, body, T) for name, body in bodies.items()}

    def traces(t: int, **more) -> list[go.Mesh3d]:
        return [
            go.Mesh3d(x=p[t, :, 0].copy(), y=p[t, :, 1].copy(), z=p[t, :, 2].copy(), color=colours[name][t],
                      name=name, **more)
            for name, p in paths.items()
        ]  # fmt: skip

    names = [str(t + first) for t in range(T)]
    frames = [go.Frame(data=traces(t), name=name) for t, name in enumerate(names)]
    return go.Figure(traces(0, **still), _layout(paths, names, fps), frames)


@torch.no_grad()
def _points(surface: Surface, body: Moving) -> np.ndarray:
    """Vertices (T, V, 3) in millimetres, int16, about the pelvis: to the right, away from the camera, up."""
    shapes = body.beta.float().expand(len(body.theta), -1)
    found = []
    for theta, beta in zip(body.theta.float(), shapes, strict=True):
        pelvis = surface.keypoints(theta[None], beta[None])[0, :1]
        found.append(surface(theta[None], beta)[0] - pelvis)
    x, y, z = torch.stack(found).unbind(-1)
    return (1000 * torch.stack((x, z, -y), -1)).round().numpy().astype(np.int16)


def _colours(name: str, body: Moving, frames: int) -> list[str]:
    roles = [body.role] * frames if isinstance(body.role, str) else body.role
    if len(roles) != frames or not set(roles) <= set(BODIES):
        raise ValueError(f"body {name!r}: expected {frames} roles of {', '.join(BODIES)}, found {roles}")
    return [BODIES[role] for role in roles]


def _layout(paths: Mapping[str, np.ndarray], names: list[str], fps: float) -> go.Layout:
    points = np.concatenate([p.reshape(-1, 3) for p in paths.values()])
    ranges = np.stack((points.min(0) - 100, points.max(0) + 100)).T.astype(float)
    play = {"frame": {"duration": 1000 / fps, "redraw": True}, "fromcurrent": True, "transition": {"duration": 0}}
    still = {"mode": "immediate", "frame": {"duration": 0, "redraw": True}}
    buttons = [
        {"label": "play", "method": "animate", "args": [None, play]},
        {"label": "pause", "method": "animate", "args": [[None], still]},
    ]
    steps = [{"label": name, "method": "animate", "args": [[name], still]} for name in names]
    axes = {
        f"{axis}axis": {"visible": False, "range": list(limits)} for axis, limits in zip("xyz", ranges, strict=True)
    }
    return go.Layout(
        scene={"aspectmode": "data", **axes, "camera": {"eye": {"x": 0.25, "y": -1.7, "z": 0.25}}},
        updatemenus=[{"type": "buttons", "buttons": buttons, "x": 0.05, "y": 0.1, "direction": "left"}],
        sliders=[{"steps": steps, "currentvalue": {"prefix": "frame: "}, "x": 0.2, "len": 0.75}],
        legend={"orientation": "h", "y": 1.02},
        margin={"l": 0, "r": 0, "t": 30, "b": 0},
        height=520,
    )
