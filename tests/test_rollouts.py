"""Rollouts, scenes and the rules that find examples: on small models, and on motions whose answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from phd_small import FEATURES, features_of, moving_clip

from phdlib import rollouts
from phdlib.data.phd_role import CONDITIONING, in_camera_frame
from phdlib.examples import by_difficulty, median_window, periodicities, periodicity
from phdlib.phd_model import PHD
from phdlib.rollouts import Scene, frames_ahead, rollout


@pytest.fixture(scope="module", params=["latent", "pose"])
def model(request) -> PHD:
    generator = torch.Generator().manual_seed(1)
    start = 0.1 * torch.randn(85, generator=generator)
    return PHD(start, FEATURES, 16, space=request.param, blocks=1, groups=2, hidden=32, generator=generator).eval()


@pytest.fixture(scope="module")
def clip():
    recorded = moving_clip(50, 3)
    return replace(in_camera_frame(recorded), features=features_of(recorded))


def test_a_rollout_is_the_models_forecast_of_the_frames_seen(model, clip):
    found = rollout(model, clip, 4, 20)
    assert found.theta.shape == (CONDITIONING + 20, 72) and found.beta.shape == (CONDITIONING + 20, 10)
    with torch.no_grad():
        read = model.f_3d(model.f_movie(clip.features[None, 4 : 4 + CONDITIONING]), nearby=False).omega[0]
    assert torch.allclose(found.theta[:CONDITIONING], read[:, 3:75])
    assert torch.allclose(found.camera[:CONDITIONING], read[:, :3])


def test_a_rollout_sees_nothing_else_of_the_clip(model, clip):
    changed = clip.features.clone()
    changed[:4] += 1
    changed[4 + CONDITIONING :] += 1
    other = rollout(model, replace(clip, features=changed), 4, 20)
    assert torch.equal(other.theta, rollout(model, clip, 4, 20).theta)


def test_a_longer_rollout_begins_with_the_shorter(model, clip):
    long, short = rollout(model, clip, 30, 60), rollout(model, clip, 30, 5)
    assert torch.allclose(long.theta[: CONDITIONING + 5], short.theta, atol=1e-6)
    assert torch.equal(long.at([-14, 0, 60]), torch.tensor([0, 14, 74]))


def test_frames_that_are_not_there_are_named(model, clip):
    with pytest.raises(ValueError, match="frames 40 to 54 of 50"):
        rollout(model, clip, 40, 5)
    with pytest.raises(ValueError, match="needs features"):
        rollout(model, replace(clip, features=None), 0, 5)
    with pytest.raises(ValueError, match=r"expected -14 to 5, found \[0, 6\]"):
        frames_ahead([0, 6], CONDITIONING, 20)


def test_a_scene_is_the_recorded_clip_seen_by_its_camera(monkeypatch):
    recorded = moving_clip(60, 5)
    monkeypatch.setattr(rollouts, "footage", lambda role, part="test": (recorded,))
    scene = Scene("penn", 0, 10)
    theta, beta = scene.truth([-14, 0, 35])
    assert scene.left == 35 and beta.shape == (10,)
    assert torch.equal(theta, in_camera_frame(recorded).theta[[10, 24, 59]])
    crops = scene.crops([-14, 35], None)
    assert [tuple(crop.shape) for crop in crops] == [(3, 64, 64)] * 2
    first, last = (scene.crops([ahead], None)[0] for ahead in (-14, 35))
    assert torch.equal(crops[0], first) and torch.equal(crops[1], last) and not torch.equal(first, last)
    with pytest.raises(ValueError, match="expected -14 to 35"):
        scene.truth([36])


def table(values: dict[int, float], actions: dict[int, str], horizon: int = 30) -> pd.DataFrame:
    rows = [{"window": w, "horizon": horizon, "mean": v, "action": actions.get(w, "a")} for w, v in values.items()]
    return pd.DataFrame(rows)


def test_the_median_window_is_in_the_middle_of_the_seeds_mean():
    seeds = [
        table({0: 5.0, 1: 1.0, 2: 3.0, 3: 9.0, 4: np.nan}, {}),
        table({0: 5.0, 1: 3.0, 2: 3.0, 3: 9.0, 4: 2.0}, {}),
    ]
    found = median_window(seeds)
    assert (found.window, found.value, found.place, found.count) == (2, 3.0, 3, 5)
    even = median_window([table({0: 4.0, 1: 1.0, 2: 3.0, 3: 9.0}, {})])
    assert (even.window, even.value, even.place, even.count) == (2, 3.0, 2, 4)


def test_windows_that_may_not_be_shown_are_left_out():
    values, actions = {0: 5.0, 1: 1.0, 2: 3.0, 3: 9.0}, {0: "a", 1: "b", 2: "b", 3: "b"}
    assert median_window([table(values, actions)], action="b").window == 2
    assert median_window([table(values, actions)], action="b", allowed=[True, False, False, True]).window == 3
    with pytest.raises(ValueError, match="no window of action a is allowed"):
        median_window([table(values, actions)], action="a", allowed=[False] * 4)
    with pytest.raises(ValueError, match="action c"):
        median_window([table(values, actions)], action="c")


def test_the_easiest_action_comes_first():
    rows = [table({0: 5.0, 1: 1.0, 2: 3.0}, {0: "a", 1: "b", 2: "c"})]
    assert by_difficulty(rows).index.tolist() == ["b", "c", "a"]
    assert by_difficulty(rows, higher_is_better=True).index.tolist() == ["a", "c", "b"]


def swinging(frames: int, period: float) -> torch.Tensor:
    phase = torch.rand(17, 3, generator=torch.Generator().manual_seed(0)) * 6.28
    return torch.sin(6.2832 * torch.arange(frames)[:, None, None] / period + phase)


def test_what_comes_again_is_periodic():
    assert periodicity(swinging(100, 25)) > 0.99
    assert periodicity(swinging(100, 12.5)) > 0.99
    ramp = torch.linspace(0, 1, 100)[:, None, None] * torch.randn(17, 3, generator=torch.Generator().manual_seed(1))
    assert periodicity(ramp) == 0
    assert periodicity(swinging(10, 5)) == 0  # too short to tell
    noise = torch.randn(200, 17, 3, generator=torch.Generator().manual_seed(2)).cumsum(0)
    assert periodicity(noise) < 0.5


def test_periodicity_does_not_depend_on_size_or_place():
    motion = swinging(80, 20) + 0.3 * torch.randn(80, 17, 3, generator=torch.Generator().manual_seed(3))
    assert periodicity(motion) == pytest.approx(periodicity(5 * motion + 7), abs=1e-6)


def test_actions_are_averaged_over_their_clips():
    clips = [replace(moving_clip(60, seed), action=name) for seed, name in ((0, "x"), (1, "x"), (2, "y"))]
    found = periodicities(clips)
    assert found["x"] == pytest.approx(np.mean([periodicity(c.joints3d) for c in clips[:2]]))
    assert found.is_monotonic_decreasing
    by_window = [periodicity(clips[i].joints3d) for i in (0, 0, 1)]
    assert periodicities(clips, [0, 0, 1, 2])["x"] == pytest.approx(np.mean(by_window))
