"""VP3D's evaluation: errors per test clip, and their mean of per-action means (VP3D 5.1, 6.1)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import pandas as pd
from torch import Tensor, nn

from phdlib.data.clip import Clip
from phdlib.lifting import predict
from phdlib.metrics import mpjpe, mpjve, n_mpjpe, p_mpjpe

METRICS = ("mpjpe", "p_mpjpe", "n_mpjpe", "mpjve")


def predict_clip(model: nn.Module, clip: Clip, flip: bool = True) -> Tensor:
    """Poses (T, J, 3) of a clip in metres, relative to the root, on the CPU. ``model`` may be folded."""
    device = next(chain(model.parameters(), model.buffers())).device
    return predict(model, clip.screen_keypoints().to(device), clip.skeleton, flip=flip).float().cpu()


def evaluate_lifter(model: nn.Module, clips: Sequence[Clip], flip: bool = True) -> pd.DataFrame:
    """One row of :func:`clip_errors` per clip."""
    return pd.DataFrame([clip_errors(predict_clip(model, clip, flip), clip) for clip in clips])


def clip_errors(pred: Tensor, clip: Clip) -> dict[str, str | float]:
    """Take, camera, subject, action, frames, and the mean of each metric over the frames of poses (T, J, 3), in mm
    (MPJVE in mm per frame). All joints count, the root too, whose error is that of a model which should answer zero
    there."""
    gt = clip.joints3d
    return {
        "take": clip.take,
        "camera": clip.camera.name,
        "subject": clip.subject,
        "action": clip.action,
        "frames": len(clip),
        "mpjpe": mpjpe(pred, gt).mean().item() * 1000,
        "p_mpjpe": p_mpjpe(pred, gt).mean().item() * 1000,
        "n_mpjpe": n_mpjpe(pred, gt).mean().item() * 1000,
        "mpjve": mpjve(pred, gt).mean().item() * 1000,
    }


def per_action(rows: pd.DataFrame, metric: str) -> pd.Series:
    """Mean over the frames of each action, in the order of first appearance, and "Avg": the mean of those means."""
    weights = rows["frames"] - (metric == "mpjve")  # T frames have T - 1 velocities
    grouped = (rows[metric] * weights).groupby(rows["action"], sort=False).sum()
    means = grouped / weights.groupby(rows["action"], sort=False).sum()
    means["Avg"] = means.mean()
    return means


def average(rows: pd.DataFrame, metric: str) -> float:
    """The mean of per-action means."""
    return float(per_action(rows, metric)["Avg"])
