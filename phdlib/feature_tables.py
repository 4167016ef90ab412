"""Where phi comes from, in tables: the data roles, the two providers, what phi tells, and PHD on either of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from phdlib import future_tables, phd_profiles, present_tables
from phdlib.crops import clip_boxes, clip_crops, crop_joints, true_joints2d
from phdlib.data import embedded, phd_role
from phdlib.data.clip import TEMPORAL, Clip
from phdlib.feature_experiments import (
    TRAIN_SUBJECTS,
    VALIDATION_SUBJECTS,
    FeatureExperiment,
    ImageFeatureExperiment,
    with_features,
)
from phdlib.metrics import mpjpe, p_mpjpe
from phdlib.motion_properties import own_frame
from phdlib.phd_experiments import EncoderResult
from phdlib.phd_study import Study, evaluate
from phdlib.runs import Experiment, read_or_run, run_all
from phdlib.statistics import Effect

PROVIDERS = ("images", "lifter")
LATENT = "AR on Φ"  # the row that the providers are compared by
LAGS = (0, 5, 10)  # frames back: what a probe of three frames sees
AHEAD = 10  # frames: how far ahead a probe is asked where the joints will be
RIDGE = 1e-2  # of the training frames' number, on features of unit variance


def roles() -> pd.DataFrame:
    """PHD's data roles out of the embedded data at 25 Hz, a row per role and part: labels, performances, clips (views
    of them), frames of all clips, and the median length of a performance in frames."""
    rows = []
    for role, known in phd_role.ROLES.items():
        for part in known.parts:
            clips = phd_role.recorded(role, part)
            lengths = pd.Series({clip.take: len(clip) for clip in clips})
            rows.append({
                "role": role, "part": part, "subjects": ", ".join(phd_role.SUBJECTS[part]),
                "3D": "yes" if known.labels3d else "no",
                "2D": "ground truth" if known.keypoints == "gt" else f"detector, {known.keypoints}",
                "performances": len(lengths), "clips": len(clips), "frames": sum(map(len, clips)),
                "median length": lengths.median(),
            })  # fmt: skip
    return pd.DataFrame(rows).set_index(["role", "part"])


def lengths(role: str = "penn") -> pd.DataFrame:
    """All performances of a role at 25 Hz, a row per action and "All": how many, their median length in frames, how
    many are too short to be a clip (40 frames), and how many of the others to be evaluated (45)."""
    shown = [p for p in embedded.performances(phd_role.ROLES[role].role)]
    frames = pd.Series([len(p.joints[::2]) for p in shown])
    shortest, whole = phd_role.SHORTEST, phd_role.CONDITIONING + phd_role.HORIZON
    columns = {
        "performances": lambda n: len(n), "median length": lambda n: n.median(),
        f"below {shortest} frames": lambda n: int((n < shortest).sum()),
        f"{shortest} to {whole - 1}": lambda n: int(n.between(shortest, whole - 1).sum()),
    }  # fmt: skip
    groups = {action: of_it for action, of_it in frames.groupby([p.segment.action for p in shown])} | {"All": frames}
    table = {action: {name: of(n) for name, of in columns.items()} for action, n in groups.items()}
    return pd.DataFrame(table).T.rename_axis("action").convert_dtypes()


def providers(experiments: Mapping[str, FeatureExperiment], beside: Sequence[Experiment] = ()) -> pd.DataFrame:
    """Both providers: what they see, their size, what their training took, and the errors of the single-frame network
    on the validation subject, in mm; below them the mean training pose, which sees nothing: for MPJPE the mean of poses
    as the cameras see them, for P-MPJPE that of poses turned to face alike, which is nearer after alignment.

    ``beside``: trainings that other notebooks will ask for, to use the cores that a network of images leaves idle."""
    if beside:
        run_all([*experiments.values(), *beside])
    rows = {}
    for name, experiment in experiments.items():
        experiment = experiment.prepared()
        result, network = read_or_run(experiment), experiment.network()
        images = isinstance(experiment, ImageFeatureExperiment)
        stride = experiment.stride if images else 1
        seen = f"{experiment.size} x {experiment.size} pixels" if images else f"2D keypoints, {experiment.keypoints}"
        rows[name] = {
            "sees": seen,
            "phi": network.backbone.dimension if images else network.channels,
            "weights, thousands": sum(p.numel() for p in network.parameters()) / 1000,
            "training frames": sum(len(clip) for clip in experiment.clips(TRAIN_SUBJECTS, stride)),
            "steps x batch": f"{result.steps} x {experiment.recipe.batch_size}",
            "training, s": result.seconds,
            "MPJPE, mm": result.validation_mm["mpjpe"], "P-MPJPE, mm": result.validation_mm["p_mpjpe"],
        }  # fmt: skip
    train = experiment.clips(TRAIN_SUBJECTS, 10)
    seen = torch.cat([clip.joints3d for clip in train]).mean(dim=0)
    alike = torch.cat([own_frame(clip.joints3d, clip.skeleton) for clip in train]).mean(dim=0)
    true = torch.cat([clip.joints3d for clip in experiment.clips(VALIDATION_SUBJECTS, 10)])
    errors = {name: 1000 * of(mean.expand_as(true), true).mean().item() for name, of, mean in
              (("MPJPE, mm", mpjpe, seen), ("P-MPJPE, mm", p_mpjpe, alike))}  # fmt: skip
    return pd.DataFrame({**rows, "mean pose": {"sees": "nothing", **errors}}).T.rename_axis("provider").convert_dtypes()


def crop_examples(
    experiment: ImageFeatureExperiment, each: int = 8, names: Sequence[str] = ("human36m", "penn")
) -> tuple[list[Tensor], list[Tensor], list[str]]:
    """Crops (3, S, S) as the network sees them, their 17 joints (17, 2) in crop coordinates, and titles: the middle
    frame of the first test clip of ``each`` actions per role, spread over them; views take turns where there are
    several."""
    surface, crops, joints, titles = experiment.surface(), [], [], []
    for role in names:
        clips = phd_role.recorded(role, "test", keypoints=experiment.keypoints)
        actions = list(dict.fromkeys(clip.action for clip in clips))
        count = min(each, len(actions))
        for i, action in enumerate(actions[i * len(actions) // count] for i in range(count)):
            of_it = [clip for clip in clips if clip.action == action]
            take = [clip for clip in of_it if clip.take == of_it[0].take]
            one = _frame(take[i % len(take)], len(take[0]) // 2)
            boxes = clip_boxes(one, experiment.margin)
            crops.append(next(clip_crops(one, surface, experiment.size, boxes))[0])
            joints.append(crop_joints(true_joints2d(one), boxes)[0])
            titles.append(f"{action}\n{one.subject}, {one.camera.name}")
    return crops, joints, titles


def _frame(clip: Clip, t: int) -> Clip:
    """One frame; the take keeps its name, which its clothes go by."""
    known = {name: getattr(clip, name) for name in TEMPORAL}
    return replace(clip, **{name: value[t : t + 1] for name, value in known.items() if value is not None})


# What phi tells


def told(experiments: Mapping[str, FeatureExperiment], every: int = 5) -> pd.DataFrame:
    """What can be read from phi by ridge regression, fitted on every ``every``-th frame of the training subjects and
    tried on the test subjects (Human3.6M role): the share of a quantity's variance that is explained, which is below 0
    for worse than the training mean. From one frame, and from three frames, 0, 5 and 10 back: what one image cannot
    tell and a movie strip could."""
    columns = {}
    for name, experiment in experiments.items():
        parts = {
            part: with_features(experiment, phd_role.recorded("human36m", part, keypoints=experiment.keypoints))
            for part in ("train", "test")
        }
        for lags in (LAGS[:1], LAGS):
            (x, y), (x_test, y_test) = (_probed(clips, lags, every) for clips in parts.values())
            predict = ridge(x, torch.cat(list(y.values()), dim=1))
            found = predict(x_test).split([of.shape[1] for of in y.values()], dim=1)
            frames = "one frame" if len(lags) == 1 else f"{len(lags)} frames"
            columns[name, frames] = {
                what: explained(got, y_test[what], y[what].mean(dim=0)) for what, got in zip(y, found, strict=True)
            }
    return pd.DataFrame(columns).rename_axis("share explained")


def _probed(clips: Sequence[Clip], lags: Sequence[int], every: int) -> tuple[Tensor, dict[str, Tensor]]:
    """phi of the frames ``lags`` back, side by side (N, len(lags) D), and what it is asked for, each (N, ...)."""
    x, y = [], []
    for clip in clips:
        t = torch.arange(LAGS[-1], len(clip) - AHEAD, every)
        joints = clip.joints3d.flatten(1)
        x.append(torch.cat([clip.features[t - lag] for lag in lags], dim=1))
        y.append((joints[t], joints[t] - joints[t - 1], joints[t + AHEAD] - joints[t]))
    what = ("the joints", "their velocity", f"where they go in {AHEAD / phd_role.FPS:.1f} s")
    return torch.cat(x), dict(zip(what, (torch.cat(of) for of in zip(*y, strict=True)), strict=True))


def ridge(x: Tensor, y: Tensor, strength: float = RIDGE) -> Callable[[Tensor], Tensor]:
    """Linear regression of y (N, K) on x (N, D), standardised, its weights held back by ``strength`` times N."""
    mean, scale, centre = x.mean(dim=0), x.std(dim=0) + 1e-6, y.mean(dim=0)
    z = ((x - mean) / scale).double()
    gram = z.T @ z + strength * len(z) * torch.eye(z.shape[1], dtype=z.dtype)
    weights = torch.linalg.solve(gram, z.T @ (y - centre).double())
    return lambda new: (((new - mean) / scale).double() @ weights).to(y) + centre


def explained(found: Tensor, true: Tensor, mean: Tensor) -> float:
    """1 minus the squared error of ``found`` over that of ``mean``, all columns together."""
    return 1 - ((found - true).square().sum() / (true - mean).square().sum()).item()


# PHD on either


def studies(
    profile: str,
    data: str = "embedded",
    seeds: int | None = 1,
    jobs: int | None = None,
    *,
    beside: Sequence[Experiment] = (),
) -> dict[str, Study]:
    """The causal latent model on each provider's phi, trained or read from the cache, and its futures; of the profile's
    seeds the first ``seeds`` alone, None for all. ``beside``: as for :func:`providers`."""
    own = phd_profiles.PHD_SIZES[profile].seeds[:seeds]
    chosen = {name: [e.prepared() for e in phd_profiles.models(profile, data, name, own)[LATENT]] for name in PROVIDERS}
    run_all([*(e for of_provider in chosen.values() for e in of_provider), *beside], jobs)
    found = {}
    for name, experiments in chosen.items():
        results, rows = [read_or_run(e) for e in experiments], evaluate([(e, LATENT) for e in experiments], jobs)
        found[name] = Study({LATENT: experiments}, {LATENT: results}, rows)
    return found


def encoders(study: Study) -> list[EncoderResult]:
    """Stage 1 behind a study's models: the causal row of Table 1, one result per seed."""
    return [read_or_run(experiment.before().prepared()) for experiment in study.experiments[LATENT]]


def compared(
    found: Mapping[str, Study], rng: np.random.Generator, horizons: Sequence[int] = (1, 10, 30), draws: int = 2000
) -> pd.DataFrame:
    """PHD on images and on the lifter's features: the present frame after stage 1 (Table 1's measures) and futures
    (Table 8's: the frame itself, no DTW), a row per measure; ``images minus lifter`` with its 95 % interval over takes
    and seeds."""
    present = present_tables.rows({name: encoders(study) for name, study in found.items()})
    rows = {}
    for column, (role, metric) in present_tables.COLUMNS.items():
        models = [present[role][name] for name in PROVIDERS]
        measure = f"present: {present_tables.HEADINGS[column]}"
        rows[measure] = _side_by_side(present_tables.compare, models, metric, metric, rng, draws)
    for role, name, unit in (("h36m", "Human3.6M role", "P-MPJPE, mm"), ("penn", "Penn role", "PCK, %")):
        models = [found[name].rows[role][LATENT] for name in PROVIDERS]
        for horizon in horizons:
            one, both = ([(horizon, "frame")] * n for n in (1, 2))
            measure = f"{horizon} ahead: {name}, {unit}"
            rows[measure] = _side_by_side(future_tables.compare, models, one, both, rng, draws)
    return pd.DataFrame(rows).T.rename_axis("measure")


def _side_by_side(
    compare: Callable[..., Effect], models: list, one: Any, both: Any, rng: np.random.Generator, draws: int
) -> dict[str, float]:
    """Each model's mean of ``one``, and the first's minus the second's of ``both`` with its interval."""
    values = [compare([tables], one, lambda x: x, rng, draws=1).value for tables in models]
    gap = compare(models, both, lambda a, b: a - b, rng, draws=draws)
    named = dict(zip(PROVIDERS, values, strict=True))
    return {**named, " minus ".join(PROVIDERS): gap.value, "from": gap.low, "to": gap.high}
