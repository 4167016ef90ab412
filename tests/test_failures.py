"""The searches for failures on tables whose answer is known, and their numbers on bodies that were made to fail."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from roma import rotvec_to_rotmat

from phdlib.camera import project_weak_perspective
from phdlib.data.phd_role import CONDITIONING
from phdlib.failures import (
    MEASURES,
    angle_to_nearest,
    by_quarter,
    depth_split,
    image_error,
    measures,
    motion,
    nearest_pose,
    search,
    spearman,
)
from phdlib.long_rollouts import LongRollouts, bend, beyond, measured, rise, stretch


def numbers(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def moving(n: int = 4, frames: int = 45, joints: int = 13, seed: int = 0) -> torch.Tensor:
    """Smooth motion, metres, relative to the first joint."""
    path = numbers(seed, n, 1, joints, 3) * 0.3 + 0.01 * numbers(seed + 1, n, frames, joints, 3).cumsum(1)
    return path - path[:, :, :1]


def on_image(truth: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    n, frames = truth.shape[:2]
    s = torch.full((n, frames), 200.0)
    return project_weak_perspective(truth, s, torch.full((n, frames, 2), 300.0)), torch.ones(truth.shape[:3])


def test_a_perfect_prediction_has_no_error() -> None:
    truth = moving()
    table = measures(truth.clone(), truth, *on_image(truth))
    assert set(MEASURES) | {"future 1", "future 10", "future 20", "future 30"} == set(table.columns)
    for name in ("image", "plane", "depth", "read", "future", "future 30"):
        assert table[name].max() < 1e-2, name
    assert np.allclose(table["moved out"], table["predicted motion"])


def test_depth_that_is_wrong_projects_right() -> None:
    """A mirrored depth, as the bistable figure of Necker, fits the image and is wrong in 3D."""
    truth = moving()
    pred = truth.clone()
    pred[:, CONDITIONING:, :, 2] *= -1
    table = measures(pred, truth, *on_image(truth))
    assert table["image"].max() < 1e-2 and table["plane"].max() < 1e-2
    z = truth[:, CONDITIONING : CONDITIONING + 25, :, 2]
    expected = 2000 * (z - z.mean(-1, keepdim=True)).square().mean(-1).sqrt().mean(1)
    assert np.allclose(table["depth"], expected, rtol=1e-4)
    assert table["future"].min() > 20 and table["read"].max() < 1e-2


def test_errors_without_a_direction_split_alike() -> None:
    truth = moving(50, 20)
    plane, depth = depth_split(truth + 0.02 * numbers(5, *truth.shape), truth)
    assert depth.mean() / plane.mean() == pytest.approx(1, abs=0.1)
    scaled, deep = depth_split(3 * (truth + torch.tensor([1.0, -2.0, 5.0])), truth)
    assert scaled.max() < 1e-5 and deep.max() < 1e-5


def test_image_error_counts_visible_keypoints_only() -> None:
    truth = moving(2, 3)
    keypoints, visible = on_image(truth)
    keypoints[:, :, 4] = torch.nan
    visible[:, :, 4] = 0
    assert image_error(truth, keypoints, visible.bool()).max() < 1e-5
    visible[:, 0, 1:] = 0
    assert image_error(truth, keypoints, visible.bool())[:, 0].isnan().all()


def test_motion_is_against_the_common_motion() -> None:
    truth = moving(1, 2)[:, :1].expand(-1, 10, -1, -1)
    travelling = truth + torch.arange(10.0)[:, None, None]
    assert float(motion(travelling)) == pytest.approx(0, abs=1e-4)
    one = truth.clone()
    one[:, :, 3, 0] += 0.13 * torch.arange(10.0)[None]
    # one of 13 joints at 0.13 m a frame; the mean takes 0.01 of it from each
    assert float(motion(one)) == pytest.approx(25 * (0.12 + 12 * 0.01) / 13, rel=1e-4)


def test_bad_input_is_named() -> None:
    truth = moving()
    with pytest.raises(ValueError, match="expected joints and truth"):
        measures(truth[:, :-1], truth, *on_image(truth))
    with pytest.raises(ValueError, match="2 to 30 frames, found 31"):
        measures(truth, truth, *on_image(truth), frames=31)
    with pytest.raises(ValueError, match="nearest should be 1 to the 2 known"):
        angle_to_nearest(torch.eye(3)[None], torch.eye(3).repeat(2, 1, 1), 3)


def table_of(n: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({"image": rng.permutation(n) + 1.0, "depth": rng.permutation(n) + 1.0, "take": "a@0"})


def test_a_search_finds_the_planted_case_and_says_its_rule() -> None:
    table = table_of()
    table.loc[17, ["image", "depth"]] = [0.5, 30.5]
    table.loc[table["image"].nlargest(3).index, "depth"] = 100  # wrong in 3D, but in 2D, too
    low = table[table["image"] <= table["image"].quantile(0.25)]
    found = search(table, {"image": 0.25}, "depth")
    assert found.window == low["depth"].idxmax() and found.values["depth"] == low["depth"].max()
    assert found.rule.startswith(f"Of 40 windows, of the {len(low)} among the lowest 25 % in 2D error")
    assert MEASURES["depth"] in found.rule
    assert search(table, {}, "depth").values["depth"] == 100


def test_a_search_keeps_all_its_conditions() -> None:
    table = pd.DataFrame({"a": [1.0, 1, 9, 9], "b": [1.0, 9, 1, 9], "c": [1.0, 2, 3, 4]})
    assert search(table, {"a": 0.5, "b": 0.5}, "c").window == 0
    with pytest.raises(ValueError, match="no window is low in all of a, b"):
        search(table.iloc[1:3], {"a": 0.4, "b": 0.4}, "c")
    with pytest.raises(ValueError, match="expected a share above 0"):
        search(table, {"a": 0.0}, "c")
    table.loc[0, "c"] = np.nan
    assert search(table, {"a": 0.5}, "c").window == 1


def linked(strength: float, takes: int = 12, each: int = 30, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=takes * each)
    y = strength * x + rng.normal(size=takes * each)
    return pd.DataFrame({"x": x, "y": np.exp(y), "take": np.repeat([f"t{i}@0" for i in range(takes)], each)})


def test_spearman_of_known_relations() -> None:
    rng = np.random.default_rng(0)
    same = linked(1.0).assign(y=lambda t: t["x"] ** 3)
    assert spearman([same], "x", "y", rng, 50) == pytest.approx((1, 1, 1))
    strong = spearman([linked(2.0), linked(2.0, seed=1)], "x", "y", rng, 200)
    assert 0.8 < strong.low < strong.value < strong.high < 0.95
    none = spearman([linked(0.0)], "x", "y", rng, 200)
    assert none.low < 0 < none.high
    assert spearman([linked(1.0).assign(y=1.0)], "x", "y", rng, 20).value == 0


def test_spearman_takes_whole_takes() -> None:
    """Windows that repeat each other give no certainty: what differs are the takes."""
    few = linked(1.0, takes=5, each=1)
    repeated = few.loc[few.index.repeat(100)].reset_index(drop=True)
    wide = spearman([repeated], "x", "y", np.random.default_rng(0), 300)
    assert wide.high - wide.low > 0.3


def test_quarters_are_of_equal_size_and_in_order() -> None:
    table = pd.DataFrame({"a": np.arange(16.0)[::-1], "b": np.arange(16.0)})
    means = by_quarter([table], "a", ["a", "b"])
    assert means["a"].tolist() == [1.5, 5.5, 9.5, 13.5] and means["b"].tolist() == [13.5, 9.5, 5.5, 1.5]
    assert means.index[0] == "lowest quarter"


def test_an_unusual_view_is_far_from_those_known() -> None:
    axis = torch.tensor([0.0, 1.0, 0.0])
    known = rotvec_to_rotmat(torch.linspace(-0.5, 0.5, 101)[:, None] * axis)
    asked = rotvec_to_rotmat(torch.tensor([0.0, 1.5])[:, None] * axis)
    found = angle_to_nearest(asked, known, 1)
    assert found[0] < 0.1 and float(found[1]) == pytest.approx(np.rad2deg(1.0), abs=0.1)
    assert angle_to_nearest(asked, known, 101)[0] == pytest.approx(np.rad2deg(0.5), abs=0.1)


def test_nearest_pose_knows_a_pose_from_any_side_and_at_any_size() -> None:
    known = 0.3 * numbers(0, 20, 13, 3)
    turned = 1.2 * known[[3, 7]] @ rotvec_to_rotmat(numbers(1, 3)) + 1.0
    assert nearest_pose(turned, known).max() < 0.1
    assert nearest_pose(0.3 * numbers(9, 2, 13, 3), known).min() > 50


def rollouts_of(curve: np.ndarray, n: int = 12, seed: int = 0) -> LongRollouts:
    rng = np.random.default_rng(seed)
    errors = curve + rng.normal(size=(n, 1))
    about = pd.DataFrame({"take": [f"t{i // 2}@0" for i in range(n)]})
    return LongRollouts(about, {"model": errors, "Constant": errors}, {})


def test_rise_and_bend_of_known_curves() -> None:
    frames = np.arange(1.0, 61)
    rng = np.random.default_rng(0)
    straight = [rollouts_of(2 * frames), rollouts_of(2 * frames, seed=1)]
    assert bend(straight, rng).value == pytest.approx(0, abs=1e-9)
    assert rise(straight, rng).value == pytest.approx(2 * 25)
    assert beyond(straight, rng).value == pytest.approx(0, abs=1e-9)
    drifting = rollouts_of(2 * frames)
    drifting.errors["model"] = drifting.errors["Constant"] + 4 * (frames > 40)
    assert beyond([drifting], rng) == pytest.approx((4, 4, 4))
    broken = [rollouts_of(2 * frames + 3 * (frames - 25).clip(0))]
    assert bend(broken, rng).value == pytest.approx(3 * (33 - 25) / 10)  # frames 31 to 35 are 33 on average
    assert stretch(straight, "model", 26, 35)[0]["value"].mean() == pytest.approx(61, abs=1)


def test_measured_rollouts() -> None:
    truth = moving(9, CONDITIONING + 12)
    joints = truth.clone()
    joints[:, CONDITIONING + 6 :] += 0.1 * numbers(3, *joints[:, CONDITIONING + 6 :].shape)
    found = measured(joints, truth, truth[0, ::5])
    assert found["own"].shape == found["still"].shape == (9, 12)
    assert found["own"][:, :6].max() < 1e-2 < 20 < found["own"][:, 6:].min()
    assert (found["still"][:, 0] > 0).all()
    assert found["strange"].shape == found["strange_true"].shape == (2, 3)  # every 8th window; frames 1, 5 and 10
    assert np.allclose(found["strange"][:, :2], found["strange_true"][:, :2], atol=1e-3)
    assert (found["strange"][:, 2] > found["strange_true"][:, 2]).all()
