"""Rollouts of 60 frames, longer than trained (25) and evaluated (30): where do they drift? (PHD 6, Figure 16)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from phdlib import cache
from phdlib.baselines import constant
from phdlib.body import load_body
from phdlib.data import phd_role
from phdlib.data.phd_role import CONDITIONING, EVERY, evaluation_windows
from phdlib.failures import nearest_pose
from phdlib.futures import describe, window_frames
from phdlib.metrics import p_mpjpe
from phdlib.paths import cache_dir
from phdlib.phd_experiments import PHDExperiment, role_clips
from phdlib.phd_predictions import predict_futures
from phdlib.runs import read_or_run
from phdlib.statistics import Effect, bootstrap

STEPS = 60
SEEN_AT = (1, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60)  # frames ahead whose poses are compared with known ones
SAMPLED = 8  # of every so many windows, the poses of one are compared
METHODS = ("model", "Constant")
_CODE = ("phdlib.long_rollouts", "phdlib.failures", "phdlib.metrics", "phdlib.dtw_protocol", "phdlib.data.phd_role")


@dataclass(frozen=True, eq=False)
class LongRollouts:
    """Windows of a role's test clips that go on for 60 frames, ``about`` one row each (see
    :func:`phdlib.futures.describe`, and ``clip``); ``errors`` by method, P-MPJPE in mm (N, 60); how far from the
    nearest training pose the predicted and the true ones are, mm (n, 13), at the frames :data:`SEEN_AT`."""

    about: pd.DataFrame
    errors: dict[str, np.ndarray]
    strange: dict[str, np.ndarray]


def long_rollouts(experiment: PHDExperiment, role: str = "human36m", steps: int = STEPS) -> LongRollouts:
    """Computed once; 3D truth is used in every role, to measure."""
    experiment = experiment.prepared()
    clips, _ = role_clips(experiment.features(), role, "test")
    windows = evaluation_windows(clips, EVERY[role], steps)

    def build() -> Mapping[str, np.ndarray]:
        model = experiment.learned_network(read_or_run(experiment))
        joints = torch.from_numpy(predict_futures(model, clips, windows, load_body(), CONDITIONING).joints)
        truth = window_frames(phd_role.load(role, "test", full_3d=True), windows, "joints3d")
        return measured(joints, truth, training_poses(role))

    key = cache.key_of(uid=experiment.infra.uid(), role=role, steps=steps, code=cache.code_fingerprint(*_CODE))
    folder = cache_dir() / "rollouts"
    folder.mkdir(exist_ok=True)
    found = cache.cached_arrays(f"rollouts-{role}", key, build, folder)
    about = describe(clips, windows).assign(clip=windows.clip.numpy())
    return LongRollouts(
        about,
        {method: found[name] for method, name in zip(METHODS, ("own", "still"), strict=True)},
        {"predicted": found["strange"], "true": found["strange_true"]},
    )


def measured(joints: Tensor, truth: Tensor, known: Tensor) -> dict[str, np.ndarray]:
    """The arrays of :class:`LongRollouts` from joints (N, 15 + T, J, 3), read and predicted, the truth alike, and poses
    (M, J, 3) of training."""
    steps = joints.shape[1] - CONDITIONING
    real, last = truth[:, CONDITIONING:], joints[:, CONDITIONING - 1]
    futures = {"own": joints[:, CONDITIONING:], "still": constant(last, steps)}
    found = {
        name: torch.cat([1000 * p_mpjpe(p, t) for p, t in zip(pred.split(64), real.split(64), strict=True)])
        for name, pred in futures.items()
    }
    at = torch.tensor([h - 1 for h in SEEN_AT if h <= steps])
    for name, poses in (("strange", futures["own"]), ("strange_true", real)):
        some = poses[::SAMPLED][:, at]
        found[name] = nearest_pose(some.flatten(0, 1), known).unflatten(0, some.shape[:2])
    return {name: values.double().numpy() for name, values in found.items()}


def training_poses(role: str) -> Tensor:
    """True poses (M, J, 3) of a role's training clips, one each second, of the camera that comes first."""
    clips = phd_role.load(role, "train", full_3d=True)
    first = {}
    for clip in clips:
        first.setdefault(clip.take, clip)
    return torch.cat([clip.joints3d[:: round(clip.fps)] for clip in first.values()])


def stretch(rollouts: Sequence[LongRollouts], method: str, first: int, last: int) -> list[pd.DataFrame]:
    """Tables for :func:`phdlib.statistics.bootstrap`, one per seed: the mean error of the frames ``first`` to ``last``
    ahead, counted from 1, as ``value``."""
    return [
        pd.DataFrame(
            {"take": r.about["take"], "action": "All", "frames": 1,
             "value": r.errors[method][:, first - 1 : last].mean(axis=1)}
        )
        for r in rollouts
    ]  # fmt: skip


def rise(rollouts: Sequence[LongRollouts], rng: np.random.Generator, method: str = METHODS[0]) -> Effect:
    """Mean error of the frames 51 to 60 less that of 26 to 35, mm."""
    both = [stretch(rollouts, method, *frames) for frames in ((51, 60), (26, 35))]
    return bootstrap(both, "value", lambda late, early: late - early, rng, paired=True)


def beyond(rollouts: Sequence[LongRollouts], rng: np.random.Generator) -> Effect:
    """By how much the model's :func:`rise` is above that of Constant, whose error grows only as the future goes away
    from the present, mm."""
    four = [stretch(rollouts, method, *frames) for method in METHODS for frames in ((51, 60), (26, 35))]
    return bootstrap(four, "value", lambda late, early, still, before: late - early - still + before, rng, paired=True)


def bend(rollouts: Sequence[LongRollouts], rng: np.random.Generator, method: str = METHODS[0]) -> Effect:
    """By how much the error grows faster after frame 25, where training ended, than before it, mm per frame: the means
    of frames 31 to 35, 21 to 25 and 11 to 15 tell the slopes."""
    three = [stretch(rollouts, method, *frames) for frames in ((31, 35), (21, 25), (11, 15))]
    return bootstrap(three, "value", lambda late, at, early: (late - 2 * at + early) / 10, rng, paired=True)
