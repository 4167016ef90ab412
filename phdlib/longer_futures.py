"""Would longer sequences lessen the drift? Stage 2 with 45 predicted frames in place of 25 (PHD Figure 16).

The same model, recipe, number of steps and of clips per batch as the row "AR on Φ", on top of the same stage 1, but
clips of 60 frames, so half as many frames again per step. Clips that are shorter drop out of the training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

import exca
import numpy as np
from pydantic import PositiveInt

from phdlib import phd_profiles
from phdlib.data import phd_role
from phdlib.data.phd_role import CONDITIONING
from phdlib.failures import TRAINED
from phdlib.long_rollouts import METHODS, LongRollouts, stretch
from phdlib.phd_experiments import PHDExperiment, StageResult
from phdlib.phd_training import FutureRecipe
from phdlib.runs import run_all
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
    run_all(experiments)
    return [experiment.prepared() for experiment in experiments]


def long_enough(role: str, frames: int = CONDITIONING + AHEAD) -> tuple[int, int]:
    """How many of a role's training clips have as many ``frames``, and how many there are."""
    lengths = [len(clip) for clip in phd_role.recorded(role, "train")]
    return sum(length >= frames for length in lengths), len(lengths)


def gains(short: Sequence[LongRollouts], long: Sequence[LongRollouts]) -> dict[str, Effect]:
    """What the longer training takes away, mm: of the mean error of the frames 36 to 60 ("later"), and of its rise from
    the frames 26-35 to 51-60 ("rise"). Seed by seed: the n-th of both begin with the same stage 1."""

    def effect(spans: Sequence[tuple[int, int]], statistic: Callable[..., float]) -> Effect:
        parts = [stretch(rollouts, METHODS[0], *span) for rollouts in (short, long) for span in spans]
        return bootstrap(parts, "value", statistic, np.random.default_rng(0), paired=True)

    late = ((51, 60), (26, 35))
    return {
        "later": effect([(36, 60)], lambda a, b: a - b),
        "rise": effect(late, lambda far, near, far_long, near_long: (far - near) - (far_long - near_long)),
    }


def errors_by_stretch(short: Sequence[LongRollouts], long: Sequence[LongRollouts]) -> dict[str, float]:
    """Mean error of both trainings, mm, up to frame 25, from there to 35, and later."""
    return {
        f"frames {first} to {last}, trained with {ahead}": float(
            np.mean([r.errors[METHODS[0]][:, first - 1 : last].mean() for r in rollouts])
        )
        for first, last in ((1, 25), (26, 35), (36, 60))
        for ahead, rollouts in ((TRAINED, short), (AHEAD, long))
    }
