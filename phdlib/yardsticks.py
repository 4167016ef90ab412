"""What a lifter's error is to be held against: how far its 2D input is off, and what an answer without input scores."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from phdlib.data.clip import Clip
from phdlib.data.humaneva_role import is_corrupt
from phdlib.metrics import mpjpe, p_mpjpe, procrustes_align


def pixel_error(clip: Clip) -> Float[Tensor, "T J"]:
    """Distance in pixels of each 2D keypoint from the projection of its true joint, (T, J).

    ``ValueError`` for a clip whose 3D is not what the camera saw, or that lacks keypoints, joints or camera."""
    if is_corrupt(clip.take):
        raise ValueError(f"clip {clip.name}: its motion capture is corrupt, expected 3D joints that the camera saw")
    needed = ("keypoints2d", "joints3d", "trajectory", "camera")
    if missing := [name for name in needed if getattr(clip, name) is None]:
        raise ValueError(f"clip {clip.name}: a pixel error needs {missing[0]}, found None")
    truth = clip.camera.project(clip.joints3d + clip.trajectory[:, None])
    return (clip.keypoints2d - truth).norm(dim=-1)


def one_pose_errors(train: Sequence[Clip], test: Sequence[Clip], every: int = 10, rounds: int = 3) -> pd.DataFrame:
    """What the best single pose scores on the test clips, with no look at their 2D: rows as
    :func:`phdlib.evaluation.evaluate_lifter` makes them, ``mpjpe`` and ``p_mpjpe`` in mm.

    For MPJPE the pose is the mean of every ``every``-th training pose (J, 3) in camera space, relative to the root; for
    P-MPJPE, which forgives rotation and scale, the mean of the training poses each aligned with that mean, found in
    ``rounds`` turns. ``ValueError`` without training clips.
    """
    if not train:
        raise ValueError("one_pose_errors: found no training clips, expected at least one")
    poses = torch.cat([clip.joints3d[::every] for clip in train])
    mean, shape = poses.mean(0), poses[0]
    for _ in range(rounds):
        shape = procrustes_align(poses, shape.expand_as(poses)).mean(0)
    rows = [
        {
            "take": clip.take,
            "camera": clip.camera.name,
            "subject": clip.subject,
            "action": clip.action,
            "frames": len(clip),
            "mpjpe": mpjpe(mean.expand_as(clip.joints3d), clip.joints3d).mean().item() * 1000,
            "p_mpjpe": p_mpjpe(shape.expand_as(clip.joints3d), clip.joints3d).mean().item() * 1000,
        }
        for clip in test
    ]
    return pd.DataFrame(rows)
