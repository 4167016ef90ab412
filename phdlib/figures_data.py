"""Whatever clips a loader made: what they hold, in one row, and what one of their frames looks like."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from phdlib.data.clip import Clip
from phdlib.figures import blank, draw_skeleton, turned

FIELDS = {"keypoints2d": "2D", "joints3d": "3D", "theta": "SMPL's pose", "frames": "images", "features": "features"}

UNKNOWN = {"unknown", ""}


def summary(clips: Sequence[Clip]) -> pd.DataFrame:
    """One row: how many clips and frames, at what rate, of whom, in which joints, with which fields filled.

    ``ValueError`` without clips."""
    if not clips:
        raise ValueError("summary: found no clip, expected at least one")
    shown = {
        "clips": len(clips),
        "frames": sum(len(clip) for clip in clips),
        "fps": ", ".join(f"{fps:g}" for fps in sorted({clip.fps for clip in clips})),
        "subjects": _few(sorted({clip.subject for clip in clips} - UNKNOWN)) or "not stated",
        "actions": _few(sorted({clip.action for clip in clips} - UNKNOWN)) or "not stated",
        "cameras": _few(sorted({clip.camera.name for clip in clips if clip.camera})) or "none",
        "joints": ", ".join(sorted({clip.skeleton.name for clip in clips})),
        "has": ", ".join(
            word for field, word in FIELDS.items() if any(getattr(clip, field) is not None for clip in clips)
        ),
    }
    return pd.DataFrame([shown], index=[", ".join(sorted({clip.source for clip in clips}))])


def _few(names: Sequence[str], most: int = 4) -> str:
    return ", ".join(names) if len(names) <= most else f"{', '.join(names[:most])} and {len(names) - most} more"


def one_frame(clip: Clip, frame: int | None = None, side: float = 90.0) -> Figure:
    """A frame (None: the middle one) in up to three panels: 2D keypoints, over the image where there is one; 3D joints
    as the camera sees them, and ``side`` degrees off. ``ValueError`` for a clip with neither 2D nor 3D."""
    panels = ["2D"] * (clip.keypoints2d is not None) + ["3D", "3D, from the side"] * (clip.joints3d is not None)
    if not panels:
        raise ValueError(f"clip {clip.name}: found neither keypoints2d nor joints3d, expected one of them to draw")
    t = len(clip) // 2 if frame is None else frame
    fig, axes = plt.subplots(1, len(panels), figsize=(2.1 * len(panels), 2.4), squeeze=False)
    for ax, panel in zip(axes[0], panels, strict=True):
        ax.set_title(panel if clip.frames is None or panel != "2D" else "2D, on its image", fontsize=8)
        if panel == "2D":
            _draw_2d(ax, clip, t)
        else:
            pose = turned(np.asarray(clip.joints3d[t]), 0.0 if panel == "3D" else side)
            draw_skeleton(ax, pose, clip.skeleton)
            middle = (pose.min(0) + pose.max(0)) / 2
            half = 0.6 * max(np.ptp(pose, axis=0).max(), 1e-6)
            ax.set_xlim(middle[0] - 0.8 * half, middle[0] + 0.8 * half)
            ax.set_ylim(middle[1] - half, middle[1] + half)
        blank(ax)
    fig.tight_layout(pad=0.3)
    return fig


def _draw_2d(ax: plt.Axes, clip: Clip, t: int) -> None:
    points = np.asarray(clip.keypoints2d[t])
    if clip.frames is not None:
        image = np.moveaxis(np.asarray(clip.frames[t]), 0, -1)
        ax.imshow(image)
        draw_skeleton(ax, points, clip.skeleton)
        ax.set_xlim(-0.5, image.shape[1] - 0.5)
        ax.set_ylim(image.shape[0] - 0.5, -0.5)
        return
    draw_skeleton(ax, points, clip.skeleton)
    low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
    middle, half = (low + high) / 2, 0.6 * max((high - low).max(), 1.0)
    ax.set_xlim(middle[0] - 0.8 * half, middle[0] + 0.8 * half)
    ax.set_ylim(middle[1] + half, middle[1] - half)  # y of a picture points down
