"""How steady the test error is from epoch to epoch, which hangs on batch norm's momentum (VP3D 5.3).

In training, batch norm uses the statistics of each batch; the momentum only says how fast the *running* estimates
follow, which inference uses. So two schedules of the momentum lead to the same weights, bit for bit, and whatever
differs between their test errors is the running estimates' doing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import ClassVar

import exca
import numpy as np
import pandas as pd

from phdlib.data.windows import Windows
from phdlib.evaluation import evaluate_lifter
from phdlib.experiments import LiftingExperiment, LiftingResult, for_clips
from phdlib.training import local_fabric, train_lifter
from phdlib.workers import tick


@dataclass(frozen=True, eq=False)
class WatchedResult(LiftingResult):
    """``epochs``: errors per test clip after each of the last epochs, the last of all being ``clips``."""

    epochs: list[pd.DataFrame]


class WatchedExperiment(LiftingExperiment):
    """A lifting model trained in its strided form, and evaluated in its inference form at the end of each of its last
    ``watched`` epochs, with the running statistics of that moment. A run that was killed starts over."""

    code: ClassVar[tuple[str, ...]] = (*LiftingExperiment.code, "phdlib.watched_epochs")

    watched: int = 6
    infra: exca.TaskInfra = exca.TaskInfra(version="1", mode="retry")

    @infra.apply
    def run(self) -> WatchedResult:
        """Train and evaluate, or read what an equal experiment left."""
        fabric = local_fabric(self.recipe.precision)
        model, inference = self.model(strided=True), self.model().to(fabric.device).eval()
        windows = Windows(
            self.clips("train"), model.receptive_field(), causal=self.causal, flip=self.recipe.flip,
            device=fabric.device,
        )  # fmt: skip
        found, epochs = [], count(self.watched - self.recipe.epochs)

        def watch() -> None:
            tick()
            if next(epochs) >= 0:
                inference.load_state_dict(model.state_dict())
                found.append(evaluate_lifter(for_clips(inference), self.clips("test"), flip=self.test_flip))

        trained = train_lifter(model, windows, self.recipe, seed=self.seed, on_epoch=watch, fabric=fabric)
        weights = {name: value.cpu().numpy() for name, value in model.state_dict().items()}
        return WatchedResult(found[-1], trained.losses, trained.seconds, trained.steps, weights, found)


def fluctuation(errors: Sequence[float]) -> float:
    """How far errors of successive epochs scatter about their common trend: the standard deviation about the straight
    line that fits them best, in their unit. ``ValueError`` with fewer than 3, through which a line may pass."""
    if len(errors) < 3:
        raise ValueError(f"fluctuation: expected errors of at least 3 epochs, found {len(errors)}")
    epochs = np.arange(len(errors))
    left = np.asarray(errors) - np.polyval(np.polyfit(epochs, errors, 1), epochs)
    return float(np.sqrt(np.square(left).sum() / (len(errors) - 2)))
