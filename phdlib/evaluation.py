"""VP3D's evaluation: errors per test clip, and their mean of per-action means (VP3D 5.1, 6.1)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
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
    """One row per clip: take, camera, subject, action, frames, and the mean of each metric over its frames, in mm
    (MPJVE in mm per frame). All joints count, the root too, whose error is that of a model which should answer zero
    there."""
    rows = []
    for clip in clips:
        pred = predict_clip(model, clip, flip)
        gt = clip.joints3d
        rows.append(
            {
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
        )
    return pd.DataFrame(rows)


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


def paired_gain(
    worse: Sequence[pd.DataFrame],
    better: Sequence[pd.DataFrame],
    metric: str,
    rng: np.random.Generator,
    ratio: bool = False,
    draws: int = 2000,
) -> tuple[float, float, float]:
    """How much smaller an error is: (effect, low, high) with a 95 % bootstrap interval over seeds and takes.

    ``worse`` and ``better`` hold one table of :func:`evaluate_lifter` per seed, over the same clips. The effect is the
    difference of their averages, or with ``ratio`` their quotient. Seeds are drawn anew for each side, takes within
    their action and for both sides alike, all cameras and cuts of a take together: those are what is independent.
    """
    frames = worse[0]["frames"].to_numpy() - (metric == "mpjve")
    takes = worse[0]["take"].str.split("@").str[0]
    actions = worse[0]["action"]
    errors = [np.stack([rows[metric].to_numpy() * frames for rows in side]) for side in (worse, better)]
    groups = [
        [np.flatnonzero((actions == action) & (takes == take)) for take in takes[actions == action].unique()]
        for action in actions.unique()
    ]
    sums = [[np.stack([side[:, index].sum(1) for index in group], 1) for group in groups] for side in errors]
    counts = [np.array([frames[index].sum() for index in group]) for group in groups]

    def effect(pick: list[np.ndarray], seeds: tuple[np.ndarray, np.ndarray]) -> float:
        means = [
            np.mean(
                [s[seed][:, p].sum() / (len(seed) * c[p].sum()) for s, c, p in zip(side, counts, pick, strict=True)]
            )
            for side, seed in zip(sums, seeds, strict=True)
        ]
        return means[0] / means[1] if ratio else means[0] - means[1]

    whole = effect([np.arange(len(c)) for c in counts], (np.arange(len(worse)), np.arange(len(better))))
    drawn = [
        effect(
            [rng.integers(len(c), size=len(c)) for c in counts],
            (rng.integers(len(worse), size=len(worse)), rng.integers(len(better), size=len(better))),
        )
        for _ in range(draws)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(whole), float(low), float(high)
