"""Beyond the comparison of two models: a row of growing sizes, and a trained model asked again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from phdlib.data.clip import Clip
from phdlib.evaluation import evaluate_lifter
from phdlib.experiments import LiftingExperiment, LiftingResult, for_clips
from phdlib.statistics import Effect, bootstrap


class Trend(NamedTuple):
    """Of the errors along a row of sizes. ``gain``: how much the first exceeds the last. ``largest_rise`` from one size
    to the next, below zero where each step helps; the largest of several noisy numbers, so it errs upwards.
    ``levelling``: ``share`` of the gain, less what the last step brings; above zero where the curve has levelled off.
    ``last_step``: what that brings by itself.
    """

    gain: Effect
    largest_rise: Effect
    levelling: Effect
    last_step: Effect


def trend(
    models: Sequence[Sequence[pd.DataFrame]], metric: str, rng: np.random.Generator, share: float = 0.25
) -> Trend:
    """``models``: for each size, in their order, one table of :func:`phdlib.evaluation.evaluate_lifter` per seed."""
    if len(models) < 3:
        raise ValueError(f"a trend takes at least 3 sizes, found {len(models)}")
    statistics = (
        lambda *errors: errors[0] - errors[-1],
        lambda *errors: float(np.diff(errors).max()),
        lambda *errors: share * (errors[0] - errors[-1]) - (errors[-2] - errors[-1]),
        lambda *errors: errors[-2] - errors[-1],
    )
    return Trend(*(bootstrap(models, metric, statistic, rng) for statistic in statistics))


def evaluate_again(
    experiment: LiftingExperiment,
    result: LiftingResult,
    clips: Sequence[Clip] | None = None,
    flip: bool | None = None,
) -> pd.DataFrame:
    """Errors in mm, as in ``result.clips``, of a model that is trained already: on other clips, or with or without
    averaging over the mirrored clip. What is None stays as it was. Not cached."""
    clips = experiment.clips("test") if clips is None else clips
    flip = experiment.test_flip if flip is None else flip
    return evaluate_lifter(for_clips(experiment.trained_model(result)), clips, flip=flip)
