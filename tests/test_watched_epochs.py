"""One table of errors per late epoch, and two schedules of the momentum that differ in the running estimates alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from synthetic import clip

from phdlib import ablations, experiments
from phdlib.evaluation import METRICS, average, evaluate_lifter
from phdlib.experiments import for_clips
from phdlib.runs import read_or_run
from phdlib.training import Recipe
from phdlib.watched_epochs import WatchedExperiment, fluctuation

SMALL = WatchedExperiment(
    filter_widths=(3,), channels=16, dropout=0.1, watched=3,
    recipe=Recipe(epochs=5, batch_size=16, steps_per_epoch=3, bn_momentum=(0.1, 0.001)),
)  # fmt: skip


@pytest.fixture(autouse=True)
def small_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHDLIB_CACHE", str(tmp_path))
    monkeypatch.setattr(
        experiments, "load_clips", lambda data, keypoints, part, role: (clip(30, 0), clip(35, int(part == "test")))
    )


def test_there_is_one_table_per_late_epoch_and_the_last_is_the_model_s() -> None:
    result = read_or_run(SMALL.prepared())
    assert len(result.epochs) == 3 and len(result.losses) == 5 and result.steps == 15
    assert len({average(rows, "mpjpe") for rows in result.epochs}) == 3
    again = evaluate_lifter(for_clips(SMALL.trained_model(result)), SMALL.clips("test"))
    assert result.clips is result.epochs[-1]
    assert np.allclose(again[list(METRICS)], result.clips[list(METRICS)], rtol=1e-5)


def test_two_schedules_train_the_same_weights_and_run_other_estimates() -> None:
    usual = SMALL.model_copy(update={"recipe": SMALL.recipe.model_copy(update={"bn_momentum": (0.1, 0.1)})})
    one, other = (read_or_run(experiment.prepared()) for experiment in (SMALL, usual))
    assert one.losses == other.losses
    for name, value in one.weights.items():
        running = "running" in name
        assert np.array_equal(value, other.weights[name]) != running, name
    assert not np.allclose(one.clips["mpjpe"], other.clips["mpjpe"])


def test_the_fluctuation_is_what_a_straight_line_leaves() -> None:
    assert fluctuation([50, 48, 46, 44]) == pytest.approx(0, abs=1e-9)
    noise = np.random.default_rng(0).normal(0, 0.7, (4000, 6)) + 60 - np.arange(6)
    assert np.mean([fluctuation(errors) ** 2 for errors in noise]) == pytest.approx(0.49, rel=0.05)
    with pytest.raises(ValueError, match="at least 3 epochs, found 2"):
        fluctuation([1, 2])


@pytest.mark.parametrize("profile", ["smoke", "standard", "paper"])
def test_the_two_groups_differ_in_the_momentum_alone(profile: str) -> None:
    groups = ablations.momenta(profile)
    for usual, decaying in zip(groups["usual"], groups["decaying"], strict=True):
        first, last = decaying.recipe.bn_momentum
        assert usual.recipe.bn_momentum == (first, first) == (0.1, 0.1) and last < first
        assert usual.model_copy(update={"recipe": decaying.recipe}) == decaying
        assert 3 <= usual.watched <= usual.recipe.epochs
