"""Interactive views with plotly: poses to turn and play."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from phdlib.palette import GREY, METHODS
from phdlib.skeleton import H36M17, Skeleton


def _lines(pose: np.ndarray, skeleton: Skeleton) -> dict[str, np.ndarray]:
    """All bones of a pose (J, 3) as one broken line; camera space (y down, z forward) to plotly's z up."""
    gaps = np.full((1, 3), np.nan)
    points = np.concatenate([part for bone in skeleton.bones for part in (pose[list(bone)], gaps)])
    return {"x": points[:, 0].round(3), "y": points[:, 2].round(3), "z": -points[:, 1].round(3)}


def pose_player(
    poses: Mapping[str, np.ndarray], fps: float, skeleton: Skeleton = H36M17, spacing: float = 0.0
) -> go.Figure:
    """Poses (T, J, 3) of several sources, to turn with the mouse and to play; ``spacing`` metres between them."""
    shift = {name: np.array([i * spacing, 0.0, 0.0]) for i, name in enumerate(poses)}

    def traces(t: int) -> list[go.Scatter3d]:
        return [
            go.Scatter3d(
                **_lines(joints[t] + shift[name], skeleton),
                mode="lines",
                name=name,
                line={"width": 6, "color": METHODS.get(name, GREY)},
            )
            for name, joints in poses.items()
        ]

    length = len(next(iter(poses.values())))
    everything = np.concatenate([(joints + shift[name]).reshape(-1, 3) for name, joints in poses.items()])
    low, high = everything.min(0) - 0.1, everything.max(0) + 0.1
    play = {"frame": {"duration": 1000 / fps, "redraw": True}, "fromcurrent": True, "transition": {"duration": 0}}
    still = {"mode": "immediate", "frame": {"duration": 0, "redraw": True}}
    buttons = [
        {"label": "play", "method": "animate", "args": [None, play]},
        {"label": "pause", "method": "animate", "args": [[None], still]},
    ]
    steps = [{"label": f"{t / fps:.2f}", "method": "animate", "args": [[str(t)], still]} for t in range(length)]
    axis = {"showbackground": False, "showticklabels": False, "title": ""}
    return go.Figure(
        data=traces(0),
        frames=[go.Frame(data=traces(t), name=str(t)) for t in range(length)],
        layout=go.Layout(
            scene={
                "aspectmode": "data",
                "xaxis": {**axis, "range": [low[0], high[0]]},
                "yaxis": {**axis, "range": [low[2], high[2]]},
                "zaxis": {**axis, "range": [-high[1], -low[1]]},
                "camera": {"eye": {"x": 0.4, "y": -1.9, "z": 0.4}},
            },
            updatemenus=[{"type": "buttons", "buttons": buttons, "x": 0.05, "y": 0.1, "direction": "left"}],
            sliders=[{"steps": steps, "currentvalue": {"prefix": "seconds: "}, "x": 0.2, "len": 0.75}],
            legend={"orientation": "h", "y": 1.02},
            margin={"l": 0, "r": 0, "t": 30, "b": 0},
            height=520,
        ),
    )
