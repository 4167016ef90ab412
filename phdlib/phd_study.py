"""PHD's evaluation in one place: a row of Tables 2 and 8 is a method, here one table of futures per seed and role.

Trained rows come from :func:`phdlib.phd_profiles.models`; Constant and Nearest Neighbour start from what the latent
model of the same seed reads in the conditioning frames. Rows are cached beside the trainings that they are of.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from phdlib import cache, phd_profiles
from phdlib.baselines import NearestNeighbour, Neighbours, constant
from phdlib.body import BETAS, load_body
from phdlib.data.clip import Clip
from phdlib.data.phd_role import CONDITIONING, EVERY, HORIZON, Windows, evaluation_windows
from phdlib.feature_experiments import FeatureExperiment
from phdlib.futures import describe, futures_2d, futures_3d, window_frames
from phdlib.paths import cache_dir
from phdlib.phd_experiments import (
    EVALUATED,
    EncoderExperiment,
    EncoderResult,
    PHDExperiment,
    PHDResult,
    role_clips,
)
from phdlib.phd_model import PHD
from phdlib.regressor import split_omega
from phdlib.runs import one_thread, read_or_run, run_all
from phdlib.workers import run_in_processes, tick

SHORT = {"human36m": "h36m", "penn": "penn"}  # as the columns of the published tables begin
BASELINES = ("Constant", "Nearest Neighbour")
PUBLISHED = {  # our rows of Tables 2, 3 and 8 by their printed names
    "AR on Φ": "AR on Phi (latent space)",
    "No L_movie strip": "AR on Phi without L_movie_strip (no distillation loss)",
    "AR on Θ": "AR on Theta (pose space)",
    "Constant": "Constant (no motion)",
    "Nearest Neighbour": "Nearest Neighbor",
}
_CODE = (
    *("phdlib.phd_study", "phdlib.futures", "phdlib.baselines", "phdlib.dtw", "phdlib.dtw_protocol", "phdlib.metrics"),
    *("phdlib.camera", "phdlib.data.phd_role"),
)

Rows = dict[str, dict[str, list[pd.DataFrame]]]  # role ("h36m", "penn") -> method -> a table per seed


@dataclass(frozen=True, eq=False)
class Truth:
    """The evaluation windows of a role's test clips (PHD 4.2), ``about`` one row per window, and all 45 frames of each:
    ``joints`` (N, 45, J, 3) metres in camera axes relative to the first, None where the role has no 3D; ``keypoints``
    (N, 45, J, 2) pixels, ``visible`` (N, 45, J). ``phi`` of a window is read from its ``clips``."""

    clips: list[Clip]
    windows: Windows
    about: pd.DataFrame
    joints: Tensor | None
    keypoints: Tensor
    visible: Tensor


@dataclass(frozen=True, eq=False)
class Study:
    """Trained rows by name, one experiment and result per seed, and the ``rows`` of all, baselines included."""

    experiments: dict[str, list[PHDExperiment]]
    results: dict[str, list[PHDResult]]
    rows: Rows

    def model(self, name: str, seed: int = 0) -> PHD:
        """The trained networks of a row, by the seed's place in the list."""
        return self.experiments[name][seed].learned_network(self.results[name][seed])

    @property
    def seconds(self) -> float:
        """How long the trainings took, stage 2 alone."""
        return sum(result.seconds for results in self.results.values() for result in results)


def study(
    profile: str,
    data: str = "embedded",
    names: Sequence[str] | None = None,
    *,
    features: str | None = None,
    seeds: tuple[int, ...] | None = None,
    baselines: bool = True,
    jobs: int | None = None,
) -> Study:
    """Train, or read from the cache, the rows ``names`` of :data:`phdlib.phd_profiles.MODELS` (all by default), and
    evaluate them. With ``baselines``, those of the first row beside. ``features``, ``seeds``: None for the profile's.
    ``KeyError`` for an unknown name."""
    known = phd_profiles.models(profile, data, features, seeds)
    chosen = {name: [e.prepared() for e in known[name]] for name in (known if names is None else names)}
    flat = run_all([e for of_model in chosen.values() for e in of_model], jobs)
    pieces = [(e, name) for name, of_model in chosen.items() for e in of_model]
    if baselines:
        pieces += [(e, method) for method in BASELINES for e in next(iter(chosen.values()))]
    rows = evaluate(pieces, jobs)
    results, at = {}, iter(flat)
    for name, of_model in chosen.items():
        results[name] = [next(at) for _ in of_model]
    return Study(chosen, results, rows)


def encoder_results(
    profile: str, data: str = "embedded", names: Sequence[str] | None = None, jobs: int | None = None
) -> tuple[dict[str, list[EncoderExperiment]], dict[str, list[EncoderResult]]]:
    """Stage 1 of the rows ``names`` of :data:`phdlib.phd_profiles.ENCODERS` (all by default): Table 1's models, an
    experiment and a result per seed."""
    known = phd_profiles.encoders(profile, data)
    chosen = {name: [e.prepared() for e in known[name]] for name in (known if names is None else names)}
    flat = [experiment for of_row in chosen.values() for experiment in of_row]
    found = iter(run_all(flat, jobs))
    return chosen, {name: [next(found) for _ in of_row] for name, of_row in chosen.items()}


def evaluate(pieces: Sequence[tuple[PHDExperiment, str]], jobs: int | None = None) -> Rows:
    """The futures of each (experiment, method): a baseline's name, "Nearest Neighbour" with an orientation after a
    comma (``"Nearest Neighbour, body"``), or any other for the experiment's own predictions."""
    pieces = [(experiment.prepared(), method) for experiment, method in pieces]
    missing = [piece for piece in pieces if not all(_path(*piece, role).exists() for role in EVALUATED)]
    jobs = min(jobs or int(os.environ.get("PHDLIB_JOBS") or os.cpu_count() or 1), max(len(missing), 1))
    if len(missing) > 1 and jobs > 1 and not torch.cuda.is_available():
        run_in_processes(_fill, missing, jobs, len(missing), "futures compared with the truth")
    found: Rows = {short: {} for short in SHORT.values()}
    for experiment, method in pieces:
        for role, short in SHORT.items():
            found[short].setdefault(method, []).append(_rows(experiment, method, role))
    return found


@lru_cache(maxsize=4)
def _truth(features_key: str, role: str, every: int) -> Truth:
    clips, _ = role_clips(_FEATURES[features_key], role, "test")
    windows = evaluation_windows(clips, every)
    joints = window_frames(clips, windows, "joints3d") if clips[0].joints3d is not None else None
    return Truth(
        clips, windows, describe(clips, windows), joints,
        window_frames(clips, windows, "keypoints2d"), window_frames(clips, windows, "visible"),
    )  # fmt: skip


_FEATURES: dict[str, FeatureExperiment] = {}


def truth(features: FeatureExperiment, role: str) -> Truth:
    """What really followed; ``features`` say which phi the clips carry (``experiment.features()``)."""
    features = features.prepared()
    _FEATURES[features.infra.uid()] = features
    return _truth(features.infra.uid(), role, EVERY[role])


def compare_with_truth(joints: Tensor, known: Truth) -> pd.DataFrame:
    """Rows of predicted joints (N, 30, J, 3) of all windows: P-MPJPE where there is 3D, else PCK."""
    future = slice(CONDITIONING, None)
    if known.joints is not None:
        return futures_3d(joints, known.joints[:, future], known.about)
    return futures_2d(joints, known.keypoints[:, future], known.visible[:, future], known.about)


@torch.no_grad()
def mean_shape_joints(experiment: PHDExperiment, model: PHD, clips: Sequence[Clip]) -> list[Tensor]:
    """What the encoder reads in every frame of clips, on a body of mean shape, relative to the root: (T, J, 3) each."""
    regressor, found = load_body().keypoints(clips[0].skeleton), []
    for clip in clips:
        omega = model.f_3d(model.f_movie(clip.features[None]), nearby=False).omega[0]
        joints = regressor(split_omega(omega).theta, torch.zeros(len(omega), BETAS))
        found.append(joints - joints[:, :1])
    return found


def neighbours(experiment: PHDExperiment, role: str, orientation: str = "camera") -> Neighbours:
    """The nearest training stretch to each evaluation window of a role, as the experiment's encoder reads both."""
    experiment = experiment.prepared()
    model = experiment.learned_network(read_or_run(experiment))
    train, _ = role_clips(experiment.features(), role, "train")
    index = NearestNeighbour(
        mean_shape_joints(experiment, model, train), CONDITIONING, HORIZON, orientation, train[0].skeleton
    )
    known = truth(experiment.features(), role)
    stretches = [
        known.clips[c].features[s : s + CONDITIONING]
        for c, s in zip(known.windows.clip.tolist(), known.windows.start.tolist(), strict=True)
    ]
    regressor, queries = load_body().keypoints(train[0].skeleton), []
    with torch.no_grad():
        for phi in torch.stack(stretches).split(64):
            theta = split_omega(model.f_3d(model.f_movie(phi), nearby=False).omega).theta.flatten(0, 1)
            queries.append(regressor(theta, torch.zeros(len(theta), BETAS)).unflatten(0, (len(phi), -1)))
    return index(torch.cat(queries))


def _rows(experiment: PHDExperiment, method: str, role: str) -> pd.DataFrame:
    known = truth(experiment.features(), role)

    def build() -> Mapping[str, np.ndarray]:
        table = compare_with_truth(_predicted(experiment, method, role), known)
        return {name: table[name].to_numpy() for name in table.columns.difference(known.about.columns, sort=False)}

    path = _path(experiment, method, role)
    name, _, key = path.stem.rpartition("-")
    with one_thread():  # as in a worker
        table = pd.DataFrame(cache.cached_arrays(name, key, build, path.parent))
    about = known.about.iloc[table["window"].to_numpy()].reset_index(drop=True)
    return pd.concat([about, table], axis=1)


def _predicted(experiment: PHDExperiment, method: str, role: str) -> Tensor:
    """Joints (N, 30, J, 3) of one method."""
    joints = torch.from_numpy(read_or_run(experiment).futures[role].joints)
    if method == "Constant":
        return constant(joints[:, CONDITIONING - 1], HORIZON)
    if method.startswith("Nearest Neighbour"):
        return neighbours(experiment, role, method.partition(", ")[2] or "camera").future
    return joints[:, CONDITIONING:]


def _path(experiment: PHDExperiment, method: str, role: str):
    baseline = method if method.startswith(BASELINES) else "own"
    key = cache.key_of(uid=experiment.infra.uid(), method=baseline, role=role, code=cache.code_fingerprint(*_CODE))
    folder = cache_dir() / "futures"
    folder.mkdir(exist_ok=True)
    return folder / f"{role}-{key}.npz"


def _fill(piece: tuple[PHDExperiment, str]) -> None:
    for role in EVALUATED:
        _rows(*piece, role)
    tick()
