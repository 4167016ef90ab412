"""How much predicted poses tremble: the acceleration of their joints, beside that of the truth (VP3D 6.1, Figure 4).

MPJVE compares velocities with the true ones, and so mixes trembling with being late. Acceleration needs no truth: a
trembling joint is thrown about harder than people move.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd
from torch import Tensor

from phdlib.data.clip import Clip


def acceleration(poses: Tensor) -> Tensor:
    """Mean length over joints of the second difference along time, (..., T, J, 3) -> (..., T - 2), in the unit of the
    poses per frame squared. ``ValueError`` with fewer than 3 frames."""
    if poses.dim() < 3 or poses.shape[-3] < 3 or poses.shape[-1] != 3:
        raise ValueError(f"acceleration: needs poses (..., T, J, 3) with T >= 3 frames, found {tuple(poses.shape)}")
    return poses.diff(n=2, dim=-3).norm(dim=-1).mean(dim=-1)


def jitter(clips: Sequence[Clip], poses: Iterable[Tensor]) -> pd.DataFrame:
    """One row per clip for :func:`phdlib.statistics.bootstrap`: take, camera, subject, action, the number of
    accelerations (``frames``), and their mean in m/s² (``jitter``); ``poses`` (T, J, 3), metres, one per clip."""
    rows = []
    for clip, pose in zip(clips, poses, strict=True):
        if len(pose) != len(clip):
            raise ValueError(f"jitter: {clip.name} has {len(clip)} frames, its poses {len(pose)}")
        about = {"take": clip.take, "camera": clip.camera.name, "subject": clip.subject, "action": clip.action}
        mean = clip.fps**2 * acceleration(pose).mean().item()
        rows.append({**about, "frames": len(clip) - 2, "jitter": mean})
    return pd.DataFrame(rows)
