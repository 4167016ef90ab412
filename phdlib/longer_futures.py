"""Would longer sequences lessen the drift? Stage 2 with 45 predicted frames in place of 25 (PHD Figure 16).

The same model, recipe, number of steps and of clips per batch as the row "AR on Φ", on top of the same stage 1, but
clips of 60 frames, so half as many frames again per step. Clips that are shorter drop out of the training.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import exca
import numpy as np
from pydantic import PositiveInt

from phdlib import phd_profiles
from phdlib.data import phd_role
from phdlib.data.phd_role import CONDITIONING
from phdlib.long_rollouts import LongRollouts, stretch
from phdlib.phd_experiments import PHDExperiment, StageResult, run_stages
from phdlib.phd_training import FutureRecipe
from phdlib.statistics import Effect, bootstrap

AHEAD = 45  # predicted frames in a row, after 15 seen


class LongerRecipe(FutureRecipe):
    """The curriculum grows to ``ahead`` steps in the same share of the epochs."""

    ahead: PositiveInt = AHEAD

    def own_at(self, epoch: int) -> int:
        if self.teacher_forcing:
            return 1
        last = round(self.ramp * (self.epochs - 1))
        return 1 + round((self.ahead - 1) * min(1.0, epoch / last)) if last else self.ahead


class LongerExperiment(PHDExperiment):
    """Stage 2 on clips of 15 and ``recipe.ahead`` frames. Weights only: what it predicts is asked of it later."""

    code: ClassVar[tuple[str, ...]] = (*PHDExperiment.code, "phdlib.longer_futures")

    recipe: LongerRecipe = LongerRecipe()
    infra: exca.TaskInfra = exca.TaskInfra(version="1", mode="retry")

    @infra.apply
    def run(self) -> StageResult:
        """Train, or read what an equal experiment left."""
        return self.learn(frames=CONDITIONING + self.recipe.ahead)[1]


def longer(profile: str, data: str = "embedded", row: str = "AR on Φ", ahead: int = AHEAD) -> list[LongerExperiment]:
    """The row ``row`` of :data:`phdlib.phd_profiles.MODELS`, once per seed, trained to predict ``ahead`` frames."""
    found = []
    for short in phd_profiles.models(profile, data)[row]:
        names = type(short).model_fields.keys() - {"infra", "key", "recipe"}
        recipe = LongerRecipe(**{name: getattr(short.recipe, name) for name in FutureRecipe.model_fields}, ahead=ahead)
        found.append(LongerExperiment(**{name: getattr(short, name) for name in names}, recipe=recipe))
    return found


def trained_longer(profile: str, data: str = "embedded", row: str = "AR on Φ") -> list[LongerExperiment]:
    """:func:`longer`, trained and prepared for :func:`phdlib.long_rollouts.long_rollouts`."""
    experiments = longer(profile, data, row)
    run_stages(experiments)
    return [experiment.prepared() for experiment in experiments]


def long_enough(role: str, frames: int = CONDITIONING + AHEAD) -> tuple[int, int]:
    """How many of a role's training clips have as many ``frames``, and how many there are."""
    lengths = [len(clip) for clip in phd_role.recorded(role, "train")]
    return sum(length >= frames for length in lengths), len(lengths)


def gain_after(
    short: Sequence[LongRollouts], long: Sequence[LongRollouts], rng: np.random.Generator, first: int = 36
) -> Effect:
    """By how much the error of the frames from ``first`` to 60 is lower with the longer training, mm. Seed by seed: the
    n-th of both begin with the same stage 1."""
    both = [stretch(rollouts, "model", first, 60) for rollouts in (short, long)]
    return bootstrap(both, "value", lambda a, b: a - b, rng, paired=True)


def gain_in_rise(short: Sequence[LongRollouts], long: Sequence[LongRollouts], rng: np.random.Generator) -> Effect:
    """By how much less the error rises from the frames 26-35 to 51-60 with the longer training, mm."""
    four = [stretch(r, "model", *frames) for r in (short, long) for frames in ((51, 60), (26, 35))]
    return bootstrap(four, "value", lambda late, early, later, before: late - early - later + before, rng, paired=True)
