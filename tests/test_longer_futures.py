"""Stage 2 with more predicted frames: how long its clips are, where it begins, and what the curves of both tell."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from test_phd_experiments import LATENT, TINY, fields
from test_phd_experiments import small_data as small_data  # an autouse fixture: its data, for every test here

from phdlib import phd_experiments, phd_profiles
from phdlib.long_rollouts import LongRollouts
from phdlib.longer_futures import LongerExperiment, LongerRecipe, errors_by_stretch, gains, long_enough, longer
from phdlib.phd_training import FutureRecipe
from phdlib.runs import read_or_run
from phdlib.statistics import Effect


def small(**recipe: float) -> LongerExperiment:
    return LongerExperiment(**fields(LATENT) | {"recipe": LongerRecipe(**TINY, **recipe)})


def test_it_sees_longer_clips_and_begins_where_the_short_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    assert small().before().prepared().infra.uid() == LATENT.before().prepared().infra.uid()
    frames, whole = [], phd_experiments.train_stage

    def spy(model, trained, objective, tracks, *args, **kwargs):
        frames.append({track.frames for track in tracks.values()})
        return whole(model, trained, objective, tracks, *args, **kwargs)

    read_or_run(LATENT.before().prepared())
    monkeypatch.setattr(phd_experiments, "train_stage", spy)
    experiment = small(ahead=28)
    result = read_or_run(experiment.prepared())
    assert frames == [{43}] and result.steps == 4
    assert experiment.learned_network(result).f_ar is not None


def test_how_far_ahead_is_part_of_the_key() -> None:
    uids = {small(ahead=ahead).prepared().infra.uid() for ahead in (27, 28)} | {LATENT.prepared().infra.uid()}
    assert len(uids) == 3


def test_the_curriculum_is_the_short_one_stretched() -> None:
    short, same, long = FutureRecipe(epochs=16, ramp=0.3), LongerRecipe(epochs=16, ramp=0.3, ahead=25), LongerRecipe()
    assert [same.own_at(epoch) for epoch in range(16)] == [short.own_at(epoch) for epoch in range(16)]
    assert (long.own_at(0), long.own_at(99)) == (1, 45)
    assert LongerRecipe(teacher_forcing=True).own_at(99) == 1


@pytest.mark.parametrize("profile", ["smoke", "standard", "paper"])
def test_both_arms_differ_in_nothing_but_the_frames_ahead(profile: str) -> None:
    for short, long in zip(phd_profiles.models(profile)["AR on Φ"], longer(profile), strict=True):
        assert long.recipe.model_dump() == short.recipe.model_dump() | {"ahead": 45}
        assert {**fields(long), "recipe": None} == {**fields(short), "recipe": None}


def test_clips_that_are_too_short_are_counted() -> None:
    assert long_enough("penn", 44) == (2, 2) and long_enough("penn", 45) == (0, 2)


def test_gains_are_those_of_the_curves() -> None:
    def rollouts(curve: np.ndarray) -> LongRollouts:
        about = pd.DataFrame({"take": [f"{i}@0" for i in range(6)]})
        return LongRollouts(about, {"model": np.tile(curve, (6, 1))}, {})

    time = np.arange(1.0, 61)
    short, long = [rollouts(time), rollouts(time + 5)], [rollouts(0.8 * time), rollouts(0.8 * time + 5)]
    found = gains(short, long)
    assert found["later"].value == pytest.approx(0.2 * 48) and found["rise"].value == pytest.approx(0.2 * 25)
    assert gains(short, short)["later"] == pytest.approx(Effect(0, 0, 0))
    means = errors_by_stretch(short, long)
    assert means["frames 1 to 25, trained with 25"] == pytest.approx(13 + 2.5)
    assert means["frames 36 to 60, trained with 45"] == pytest.approx(0.8 * 48 + 2.5)
