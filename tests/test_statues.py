"""Statues on curves whose answer is known, and their timing in motions whose peak is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from phd_small import FEATURES, features_of, moving_clip, role_data

from phdlib.data.phd_role import CONDITIONING, in_camera_frame, windows
from phdlib.phd_model import PHD
from phdlib.statue_timing import (
    MEASURES,
    agreement,
    agreement_by_chance,
    average,
    excess,
    joint_speed,
    judged,
    judgement,
    shift_test,
    timing,
    timings,
)
from phdlib.statues import AHEAD, HALF, candidates, find, improvement, random_samples, window_accuracy


def step(windows: int, at: int, low: float = 40.0, high: float = 90.0) -> np.ndarray:
    return np.where(np.arange(windows) < at, low, high)


@pytest.mark.parametrize("half", [1, 3, 5])
def test_the_filter_finds_a_step_at_its_place_and_size(half: int) -> None:
    rises = improvement(step(30, 12), half)
    assert np.nanargmax(rises) == 12 and np.nanmax(rises) == pytest.approx(50)
    assert np.isfinite(rises).nonzero()[0].tolist() == list(range(half, 30 - half + 1))


def test_the_filter_is_a_difference_of_means() -> None:
    curve = np.random.default_rng(0).normal(size=25)
    rises = improvement(curve, 4)
    for t in range(4, 22):
        assert rises[t] == pytest.approx(curve[t : t + 4].mean() - curve[t - 4 : t].mean())


def test_the_filter_passes_over_noise_of_one_window() -> None:
    """One window that jumps by more than the lasting rise is not the statue; a filter of one window falls for it."""
    curve = step(40, 25, 50, 80)
    curve[10] += 60
    assert find([curve]).loc[0, "window"] == 25
    assert find([curve], 1).loc[0, "window"] == 10


def test_the_statue_is_the_first_frame_after_the_best_window() -> None:
    found = find([step(20, 7), np.zeros(2 * HALF - 1), step(30, 20)])
    assert found.index.tolist() == [0, 2]
    assert found["frame"].tolist() == [7 + CONDITIONING, 20 + CONDITIONING]
    assert found["rise"].tolist() == [50, 50]
    assert candidates(step(20, 7)).tolist() == list(range(HALF + CONDITIONING, 20 - HALF + 1 + CONDITIONING))


def test_windows_without_an_accuracy_are_not_chosen() -> None:
    curve = step(40, 12)
    curve[12] = np.nan
    found = find([curve]).loc[0, "window"]
    assert not 12 - HALF < found < 12 + HALF + 1
    assert find([np.full(40, np.nan)]).empty


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="half of at least 1"):
        improvement(np.zeros(20), 0)
    with pytest.raises(ValueError, match="15 on either side"):
        timing(np.ones(40), np.array([10, 20]))
    with pytest.raises(ValueError, match="joints3d"):
        joint_speed(replace(moving_clip(40, 0), joints3d=None))


def test_accuracy_of_a_model_that_knows_and_of_one_that_stands_still() -> None:
    """A model's own accuracy is between 0 and 100; held still it is that of the pose it read last."""
    clips, _ = role_data("penn", range(2), frames=44)
    model = PHD(torch.zeros(85), FEATURES, 16, blocks=1, groups=2, hidden=8, dropout=0.0,
                generator=torch.Generator().manual_seed(0)).eval()  # fmt: skip
    cut = windows(clips, CONDITIONING + AHEAD)
    found = window_accuracy(model, clips, cut)
    assert found["own"].shape == found["still"].shape == (2 * 15,)
    assert ((found["own"] >= 0) & (found["own"] <= 100)).all()
    frozen = PHD(torch.zeros(85), FEATURES, 16, blocks=1, groups=2, hidden=8, dropout=0.0).eval()
    frozen.load_state_dict(model.state_dict())
    for parameter in frozen.f_ar.parameters():  # the identity skip alone: nothing moves
        parameter.data.zero_()
    still = window_accuracy(frozen, clips, cut)
    assert np.allclose(still["own"], still["still"]) and np.allclose(still["still"], found["still"])


def kick(frames: int = 80, at: int = 50) -> np.ndarray:
    """Slow, with one fast moment."""
    return 0.2 + 3 * np.exp(-0.5 * ((np.arange(frames) - at) / 3) ** 2)


def test_timing_of_frames_about_a_peak() -> None:
    table = timing(kick(), np.arange(20, 62))
    assert table.loc[45, "lead"] == 5 and table.loc[60, "lead"] == -10
    assert table.index[table["hit"] == 1].tolist() == list(range(36, 51))
    assert table.loc[45, "after"] > 3 * table.loc[45, "before"] and table.loc[60, "before"] > 3 * table.loc[60, "after"]
    assert table.loc[20, "after"] == pytest.approx(kick()[20:35].mean() / np.median(kick()))


def test_a_peak_that_no_candidate_could_precede_is_not_asked_for() -> None:
    early = kick(80, 10) + 0.5 * kick(80, 55)
    assert timing(early, np.arange(20, 62)).loc[50, "lead"] == 5


def test_joint_speed_of_a_steady_walk() -> None:
    clip = moving_clip(40, 0)
    step = torch.arange(40)[:, None] * torch.tensor([[0.04, 0.0, 0.03]])
    walk = replace(clip, joints3d=clip.joints3d[:1].expand(40, -1, -1), trajectory=clip.trajectory[:1] + step)
    assert np.allclose(joint_speed(walk), 0.05 * 25, atol=1e-4)


def posed(frames: int, seed: int):
    clip = in_camera_frame(moving_clip(frames, seed))
    return replace(clip, features=features_of(clip), action="kick")


def test_judged_statues_and_what_chance_has() -> None:
    clips = [posed(60, seed) for seed in range(3)]
    curves = [step(31, 12), step(31, 20), np.zeros(3)]
    table = judged(curves, clips)
    assert table.index.tolist() == [0, 1] and table["frame"].tolist() == [27, 35]
    possible = timings(curves, clips)
    for row, own in zip(table.to_dict("records"), possible, strict=True):
        for name in MEASURES:
            assert row[name] == own.loc[row["frame"], name]
            assert row[f"{name} chance"] == pytest.approx(own[name].mean())


def test_hits_are_averaged_alone_and_beyond_chance() -> None:
    seeds = [pd.DataFrame({"take": ["a", "b"], "hit": hits, "hit chance": [0.25, 0.5]}) for hits in ([1, 1], [1, 0])]
    share, beyond = (measure(seeds, "hit", np.random.default_rng(0), 500) for measure in (average, excess))
    assert share.value == pytest.approx(0.75) and beyond.value == pytest.approx(0.75 - 0.375)
    assert share.low == pytest.approx(0.0) and share.high == pytest.approx(1.0)


def test_few_sequences_or_takes_and_a_share_without_spread_are_not_judged() -> None:
    def outcome(takes: int, hits: list[int]) -> tuple[str, str]:
        named = [f"t{n % takes}@{n}" for n in range(len(hits))]
        found = judgement([pd.DataFrame({"take": named, "hit": hits, "hit chance": 0.3})])
        return found.outcome, found.untestable + found.note

    assert outcome(6, [1] * 11 + [0])[0] == "reproduced"
    told = outcome(6, [0] * 11 + [1])
    assert told == ("contradicted", "12 sequences; among random frames of their clips 30 %")
    for takes, hits, reason in ((2, [0] * 11 + [1], "2 takes"), (4, [0] * 6 + [1], "7 sequences, fewer than the 10")):
        assert outcome(takes, hits)[0] == "not testable here" and reason in outcome(takes, hits)[1]
    assert outcome(4, [0] * 12)[0] == "not testable here"


def test_the_shift_test_tells_luck_from_skill() -> None:
    rng = np.random.default_rng(0)
    tables = [timing(kick(90, 40 + 2 * i), np.arange(20, 72)) for i in range(10)]
    right = [[38 + 2 * i] * 2 for i in range(10)]
    anywhere = [rng.integers(20, 72, 2).tolist() for _ in range(10)]
    wrong = [[45 + 2 * i] * 2 for i in range(10)]
    assert shift_test(tables, right, "hit", rng, 2000) < 0.002
    assert 0.02 < shift_test(tables, anywhere, "hit", rng, 2000) <= 1
    assert shift_test(tables, wrong, "hit", rng, 2000) == 1
    with pytest.raises(ValueError, match="not among those possible"):
        shift_test(tables, [[0]] * 10, "hit", rng, 10)


def test_agreement_of_seeds() -> None:
    seeds = [find([step(40, a), step(40, b)]) for a, b in ((10, 20), (12, 20), (30, 21))]
    table = agreement(seeds)
    assert table["frames"].tolist() == ["25 27 45", "35 35 36"]
    assert table["apart"].tolist() == pytest.approx([(2 + 20 + 18) / 3, 2 / 3])
    assert table["agree"].tolist() == pytest.approx([1 / 3, 1])
    assert agreement(seeds[:1])["agree"].isna().all()


def test_agreement_by_chance_against_a_simulation() -> None:
    rng = np.random.default_rng(0)
    frames = candidates(step(40, 10))
    pairs = rng.choice(frames, (20000, 2))
    simulated = (np.abs(pairs[:, 0] - pairs[:, 1]) <= 3).mean()
    assert agreement_by_chance([step(40, 10)], [0]) == pytest.approx(simulated, abs=0.01)


def test_random_samples_take_the_largest_categories_and_depend_on_the_generator() -> None:
    found = pd.DataFrame({"action": ["b"] * 7 + ["a"] * 7 + ["c"] * 2 + ["d"]})
    drawn = random_samples(found, np.random.default_rng(0), categories=3, each=5)
    assert list(drawn) == ["a", "b", "c"] and [len(rows) for rows in drawn.values()] == [5, 5, 2]
    assert all((found["action"].iloc[rows] == action).all() for action, rows in drawn.items())
    assert drawn == random_samples(found, np.random.default_rng(0), categories=3, each=5)
    assert drawn != random_samples(found, np.random.default_rng(1), categories=3, each=5)
