"""What a horizon reads under each reading: closed forms, both alignments, warping, and the tables made of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from roma import rotvec_to_rotmat
from synthetic import clip as synthetic_clip

from phdlib import future_tables
from phdlib.baselines import constant
from phdlib.camera import project_weak_perspective, solve_weak_perspective
from phdlib.data.phd_role import CONDITIONING, evaluation_windows
from phdlib.dtw_protocol import warped_p_mpjpe
from phdlib.future_tables import average, by_action, by_method, compare, intervals, of_actions
from phdlib.futures import (
    READINGS,
    describe,
    futures_2d,
    futures_3d,
    person_size,
    projection_cost,
    read,
    window_frames,
)
from phdlib.metrics import p_mpjpe, pck

T, HORIZONS = 12, (1, 3, 12)


def numbers(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def motion(windows: int = 3, seed: int = 0, frames: int = T, joints: int = 13) -> torch.Tensor:
    """A body's joints, of about a metre, that move on smoothly: (N, T, J, 3)."""
    path = 0.03 * numbers(seed, windows, frames, joints, 3).cumsum(dim=1)
    return 0.4 * numbers(1000 + seed, windows, 1, joints, 3) + path


def seen(truth: torch.Tensor, scale: float = 300.0) -> torch.Tensor:
    """Its keypoints in pixels."""
    return scale * truth[..., :2] + 500


def readings(table: pd.DataFrame) -> np.ndarray:
    return table[list(READINGS)].to_numpy()


# Both roles


def test_a_perfect_prediction() -> None:
    truth, shown = motion(), torch.ones(3, T, 13)
    table = futures_3d(truth, truth, horizons=HORIZONS)
    assert np.abs(readings(table)).max() < 1e-2  # mm
    assert np.allclose(table["speed"].to_numpy(), table["true_speed"].to_numpy(), equal_nan=True)
    assert list(table.columns) == ["window", "horizon", *READINGS, "speed", "true_speed"]
    assert table["window"].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2] and table["horizon"].tolist() == [*HORIZONS] * 3
    table = futures_2d(truth, seen(truth), shown, horizons=HORIZONS)
    assert (readings(table) == 100).all()
    assert np.allclose(table["speed"].to_numpy(), table["true_speed"].to_numpy(), equal_nan=True, rtol=1e-3)


def test_what_alignment_takes_away() -> None:
    """In 3D where the body is, how large, and how it is turned, frame by frame; in 2D all but the turn."""
    truth, shown = motion(), torch.ones(3, T, 13)
    moved = 1.7 * truth + numbers(5, 3, T, 1, 3)
    turned = moved @ rotvec_to_rotmat(numbers(6, 3, T, 3))
    assert np.abs(readings(futures_3d(turned, truth, horizons=HORIZONS))).max() < 1e-2
    assert (readings(futures_2d(moved, seen(truth), shown, horizons=HORIZONS)) == 100).all()
    depth = moved * torch.tensor([1.0, 1.0, 3.0])
    assert (readings(futures_2d(depth, seen(truth), shown, horizons=HORIZONS)) == 100).all()
    assert readings(futures_2d(turned, seen(truth), shown, horizons=HORIZONS)).max() < 90


def test_frame_and_running_mean_by_hand() -> None:
    truth, pred = motion(), motion(seed=1)
    table = futures_3d(pred, truth, horizons=HORIZONS)
    errors = 1000 * p_mpjpe(pred, truth)
    for row in table.itertuples():
        assert row.frame == pytest.approx(errors[row.window, row.horizon - 1].item(), rel=1e-5)
        assert row.mean == pytest.approx(errors[row.window, : row.horizon].mean().item(), rel=1e-5)
    keypoints, shown = seen(truth), torch.rand(3, T, 13, generator=torch.Generator().manual_seed(0)) < 0.8
    table = futures_2d(pred, keypoints, shown, horizons=HORIZONS, alpha=0.2, fewest=1)
    placed = project_weak_perspective(pred, *solve_weak_perspective(pred[..., :2], keypoints, shown))
    share = 100 * pck(placed, keypoints, shown, person_size(keypoints, shown), 0.2)
    assert 5 < share.mean() < 95
    for row in table.itertuples():
        assert row.frame == pytest.approx(share[row.window, row.horizon - 1].item(), rel=1e-5)
        assert row.mean == pytest.approx(share[row.window, : row.horizon].mean().item(), rel=1e-5)


def test_readings_of_a_path_by_hand() -> None:
    """Costs that send the whole path round by (1, 0), while its first two frames alone are matched straight."""
    cost = torch.tensor([[[1.0, 8, 9], [1, 1, 9], [9, 9, 1]]])
    errors = torch.tensor([[10.0, 20, 30], [40, 50, 60], [70, 80, 90]])
    asked = []

    def error(b: torch.Tensor, i: torch.Tensor, j: torch.Tensor) -> torch.Tensor:
        asked.extend(zip(b.tolist(), i.tolist(), j.tolist(), strict=True))
        return errors[i, j]

    found = {name: values[0].tolist() for name, values in read(cost, error, (1, 2, 3)).items()}
    assert found["frame"] == [10, 50, 90] and found["mean"] == [10, 30, 50]
    assert found["mean_dtw"] == found["mean_dtw_whole"] == [10, 30, 50] and found["frame_dtw"] == [10, 50, 90]
    assert sorted(asked) == [(0, 0, 0), (0, 1, 1), (0, 2, 2)]

    late = torch.tensor([[[0.0, 9, 9], [0, 9, 9], [9, 0, 0]]])  # (0, 0), (1, 0), (2, 1), (2, 2)
    asked.clear()
    found = {name: values[0].tolist() for name, values in read(late, error, (1, 2, 3)).items()}
    assert found["frame"] == [10, 50, 90] and found["mean"] == [10, 30, 50]
    assert found["mean_dtw"] == [10, 30, pytest.approx((10 + 40 + 80 + 90) / 4)]
    assert found["mean_dtw_whole"] == [25, pytest.approx((10 + 40 + 80) / 3), pytest.approx(220 / 4)]
    assert found["frame_dtw"] == [25, 80, 90]
    assert len(asked) == len(set(asked)) == 5  # each pair that is met, once


def test_the_readings_agree_where_they_must() -> None:
    pred, truth = motion(4, seed=1), motion(4)
    for table in (
        futures_3d(pred, truth, horizons=HORIZONS),
        futures_2d(pred, seen(truth), torch.ones(4, T, 13), horizons=HORIZONS, alpha=0.3),
    ):
        first, last = (table[table["horizon"] == h] for h in (1, T))
        assert np.allclose(first["frame"], first["mean"]) and np.allclose(first["frame"], first["mean_dtw"])
        assert np.allclose(last["mean_dtw"], last["mean_dtw_whole"])
    warped = 1000 * warped_p_mpjpe(pred, truth, HORIZONS)
    table = futures_3d(pred, truth, horizons=HORIZONS)
    assert np.allclose(table["mean_dtw"], warped.flatten(), rtol=1e-5)


def test_a_late_prediction_is_forgiven_by_warping_alone() -> None:
    """The right motion, begun two frames late: only the frames that it never reaches are missed, the last above all,
    where a path has to end."""
    truth, shown = motion(6, frames=30), torch.ones(6, 30, 13)
    late = truth[:, [0, 0, *range(28)]]
    table = futures_3d(late, truth, horizons=(30,))
    assert (table["mean"] > 20).all() and (table["mean_dtw"] < 0.2 * table["mean"]).all()
    assert np.allclose(table["frame_dtw"], table["frame"])
    table = futures_3d(late, truth, horizons=(20,))
    assert (table["frame"] > 20).all() and (table["frame_dtw"] < 0.01).all() and (table["mean_dtw_whole"] < 0.01).all()
    table = futures_2d(late, seen(truth), shown, horizons=(30,), alpha=0.03)
    assert (table["mean"] < 65).all() and (table["mean_dtw"] > 85).all()


def test_warping_changes_nothing_for_a_prediction_that_stands_still() -> None:
    truth, still = motion(5), constant(motion(5, seed=1)[:, 0], T)
    shown = torch.rand(5, T, 13, generator=torch.Generator().manual_seed(1)) < 0.7
    for table in (
        futures_3d(still, truth, horizons=HORIZONS),
        futures_2d(still, seen(truth), shown, horizons=HORIZONS, alpha=0.3),
    ):
        assert np.allclose(table["mean_dtw"], table["mean"], rtol=1e-5, equal_nan=True)
        assert np.allclose(table["mean_dtw_whole"], table["mean"], rtol=1e-5, equal_nan=True)
        assert np.allclose(table["frame_dtw"], table["frame"], rtol=1e-5, equal_nan=True)
        later = table[table["horizon"] > 1]
        assert (later["speed"] == 0).all() and (later["true_speed"] > 1).all()
        assert table[table["horizon"] == 1]["speed"].isna().all()


def test_windows_do_not_see_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    pred, truth, shown = motion(5, seed=1), motion(5), torch.ones(5, T, 13)
    order = [3, 0, 4, 1, 2]
    about = pd.DataFrame({"take": list("abcde")})
    tables = [
        (futures_3d(pred, truth, about, HORIZONS), futures_3d(pred[order], truth[order], about.iloc[order], HORIZONS)),
        (
            futures_2d(pred, seen(truth), shown, about, HORIZONS),
            futures_2d(pred[order], seen(truth)[order], shown, about.iloc[order], HORIZONS),
        ),
    ]
    monkeypatch.setattr("phdlib.futures._PAIRS_AT_ONCE", 7)
    tables += [(tables[0][0], futures_3d(pred, truth, about, HORIZONS))]
    for one, other in tables:
        one, other = (table.drop(columns="window").sort_values(["take", "horizon"]) for table in (one, other))
        pd.testing.assert_frame_equal(one.reset_index(drop=True), other.reset_index(drop=True), rtol=1e-5)


def test_no_windows() -> None:
    none = torch.empty(0, T, 13, 3)
    table = futures_3d(none, none, pd.DataFrame({"take": []}), HORIZONS)
    assert table.empty and list(table.columns) == ["take", "window", "horizon", *READINGS, "speed", "true_speed"]
    assert futures_2d(none, none[..., :2], none[..., 0], horizons=HORIZONS).empty


def test_speed_by_hand() -> None:
    """Every joint but the root moves on by 2 mm, or 3 pixels of a person of 300, a frame."""
    base = 0.4 * numbers(0, 1, 1, 13, 3).expand(1, T, 13, 3)
    step = torch.arange(T)[None, :, None, None] * torch.tensor([0.002, 0.0, 0.0])
    step = step * (torch.arange(13) > 0)[:, None]
    table = futures_3d(base + step, base + 2 * step + numbers(1, 1, T, 1, 3), horizons=(3, 12))
    assert table["speed"].to_numpy() == pytest.approx(2 * 12 / 13, rel=1e-3)
    assert table["true_speed"].to_numpy() == pytest.approx(4 * 12 / 13, rel=1e-3)
    one_way = torch.tensor([1.0, -1.0] * 6 + [0.0])[:, None] * torch.tensor([3.0, 0.0])
    keypoints = seen(base) + one_way * torch.arange(T)[None, :, None, None]
    table = futures_2d(base, keypoints, torch.ones(1, T, 13), horizons=(3,), size=torch.full((1, T), 300.0))
    assert table["true_speed"].to_numpy() == pytest.approx(100 * 3 / 300 * 12 / 13, rel=1e-3)


# 2D


def test_pck_with_hidden_keypoints_and_frames_without_enough() -> None:
    truth = motion()
    keypoints, shown = seen(truth), torch.ones(3, T, 13, dtype=torch.bool)
    shown[:, :, 4:6] = False
    keypoints[:, :, 4:6] = torch.nan  # what is hidden may hold anything
    shown[0, 0, 5:] = False  # five are left
    shown[2] = False
    table = futures_2d(truth, keypoints, shown, horizons=HORIZONS)
    nothing = table["frame"].isna().tolist()
    assert nothing == [True, False, False, False, False, False, True, True, True]
    assert (table.loc[1:5, list(READINGS)] == 100).all(axis=None)
    assert table.loc[6:, [*READINGS, "speed", "true_speed"]].isna().all(axis=None)
    alone = futures_2d(truth, keypoints, shown, horizons=HORIZONS, fewest=4)
    assert alone["frame"].isna().tolist() == [False] * 6 + [True] * 3


def test_a_keypoint_counts_within_the_share_of_the_size() -> None:
    """A regular 12-gon, seen one joint 20 pixels off in a cross of 400: within 6 %, and not within 4 %."""
    angle = torch.arange(12) * (2 * torch.pi / 12)
    body = torch.stack((angle.cos(), angle.sin(), 0 * angle), dim=-1).expand(1, 1, 12, 3)
    keypoints = 200 * body[..., :2]
    assert person_size(keypoints, torch.ones(1, 1, 12)).item() == pytest.approx(400)
    keypoints = keypoints.clone()
    keypoints[..., 1, 0] -= 20
    keypoints[..., 1, 1] -= 10
    shares = [
        futures_2d(body, keypoints, torch.ones(1, 1, 12), horizons=(1,), alpha=alpha)["frame"].item()
        for alpha in (0.04, 0.06)
    ]
    assert shares == [pytest.approx(100 * 11 / 12), 100]
    twice = futures_2d(body, keypoints, torch.ones(1, 1, 12), horizons=(1,), alpha=0.03, size=torch.tensor([[800.0]]))
    assert twice["frame"].item() == 100


def test_the_size_is_that_of_the_true_frame() -> None:
    """Whichever predicted frames warping brings to it."""
    pred, truth = motion(4, seed=1), motion(4)
    size = torch.where(torch.arange(T) % 3 == 0, 1e6, 1.0).expand(4, T)
    every = tuple(range(1, T + 1))
    table = futures_2d(pred, seen(truth), torch.ones(4, T, 13), horizons=every, size=size)
    assert not np.allclose(table["mean_dtw"], table["mean"])  # it is warped
    assert (table["frame_dtw"] == np.tile([100.0, 0, 0], 4 * T // 3)).all()


def test_person_size() -> None:
    points = torch.tensor([[0.0, 0], [3, 1], [1, 7], [100, 100]])
    assert person_size(points, torch.tensor([1, 1, 1, 0])) == 7
    assert person_size(points, torch.tensor([1, 1, 0, 0])) == 3
    assert person_size(points, torch.zeros(4)) == 0
    points[3] = torch.nan
    assert person_size(points, torch.tensor([1, 1, 1, 0])) == 7


def test_projection_cost_is_what_eq_6_leaves() -> None:
    pred, keypoints = motion(2, seed=1)[:, :7, :, :2] + 3, seen(motion(2))[:, :5]
    shown = torch.rand(2, 5, 13, generator=torch.Generator().manual_seed(0)) < 0.6
    shown[1, 2] = False
    shown[0, 3] = torch.arange(13) < 1
    size = person_size(keypoints, torch.ones(2, 5, 13))
    x, y, v = pred[:, :, None].expand(2, 7, 5, 13, 2), keypoints[:, None].expand(2, 7, 5, 13, 2), shown[:, None]
    v = v.expand(2, 7, 5, 13)
    placed = project_weak_perspective(x, *solve_weak_perspective(x, y, v))
    square = torch.where(v[..., None], placed - y, 0).square().sum((-2, -1)) / v.sum(-1).clamp(min=1)
    cost = projection_cost(pred, keypoints, shown, size)
    assert cost.shape == (2, 7, 5)
    assert torch.allclose(cost, square.sqrt() / size[:, None], atol=1e-4)
    assert bool((cost[1, :, 2] == 0).all()) and bool((cost[0, :, 3] < 1e-6).all())


def test_what_cannot_be_evaluated_is_named() -> None:
    truth, shown = motion(), torch.ones(3, T, 13)
    broken = truth.clone()
    broken[1, 2, 3, 0] = torch.nan
    with pytest.raises(ValueError, match=r"futures_3d: expected .*found \(3, 12, 13, 3\) and \(3, 12, 12, 3\)"):
        futures_3d(truth, truth[:, :, :12])
    with pytest.raises(ValueError, match=r"horizons from 1 to the 12 frames there are, found \(1, 5, 10, 20, 30\)"):
        futures_3d(truth, truth)
    with pytest.raises(ValueError, match=r"futures_2d: the prediction is not finite at \[1, 2, 3, 0\]"):
        futures_2d(broken, seen(truth), shown, horizons=HORIZONS)
    with pytest.raises(ValueError, match=r"gt is not finite at \(1, 2, 3, 0\)"):
        futures_3d(truth, broken, horizons=HORIZONS)
    with pytest.raises(ValueError, match=r"a visible keypoint is not finite at \[1, 2, 3, 0\]"):
        futures_2d(truth, seen(broken), shown, horizons=HORIZONS, size=torch.ones(3, T))
    with pytest.raises(ValueError, match="3 windows, but 2 rows about them"):
        futures_3d(truth, truth, pd.DataFrame({"take": ["a", "b"]}), HORIZONS)
    with pytest.raises(ValueError, match=r"visible should be \(N, T, J\) = \(3, 12, 13\), found \(3, 12\)"):
        futures_2d(truth, seen(truth), shown[..., 0], horizons=HORIZONS)
    with pytest.raises(ValueError, match=r"size should be \(N, T\) = \(3, 12\), found \(3,\)"):
        futures_2d(truth, seen(truth), shown, horizons=HORIZONS, size=torch.ones(3))
    with pytest.raises(ValueError, match=r"sizes above 0, found 0 at window, frame \[0, 0\]"):
        futures_2d(truth, seen(truth), shown, horizons=HORIZONS, size=torch.zeros(3, T))


# Windows of clips


def test_windows_are_described_and_gathered() -> None:
    clips = [synthetic_clip(44), synthetic_clip(70, seed=1, action="jump", camera=2), synthetic_clip(46, seed=2)]
    windows = evaluation_windows(clips, 25)
    about = describe(clips, windows)
    assert about["start"].tolist() == [0, 25, 0] and about["action"].tolist() == ["jump", "jump", "swing"]
    assert about["take"].tolist() == ["01_01@0", "01_01@0", "02_01@0"]
    assert about["camera"].tolist() == ["front_right", "front_right", "front_left"]
    joints, shown = window_frames(clips, windows, "joints3d"), window_frames(clips, windows, "visible")
    assert joints.shape == (3, 45, 17, 3) and shown.shape == (3, 45, 17)
    assert torch.equal(joints[1], clips[1].joints3d[25:70]) and torch.equal(joints[2], clips[2].joints3d[:45])
    future = joints[:, CONDITIONING:]
    table = futures_3d(constant(joints[:, CONDITIONING - 1], 30), future, about)
    assert len(table) == 15 and table["action"].tolist() == ["jump"] * 10 + ["swing"] * 5
    with pytest.raises(ValueError, match="swing/00_01@0/front_left: needs theta, found None"):
        window_frames(clips, windows, "theta")


# Tables


def rows(values: list[float], takes: list[str], actions: list[str], horizons: tuple[int, ...] = (1, 5)) -> pd.DataFrame:
    """Windows whose readings at horizon h are all h times their value."""
    return pd.DataFrame(
        {"take": take, "action": action, "window": n, "horizon": h, **dict.fromkeys(READINGS, h * value)}
        for n, (value, take, action) in enumerate(zip(values, takes, actions, strict=True))
        for h in horizons
    )


TAKES, ACTIONS = ["a@0", "a@9", "b@0", "c@0"], ["walk", "walk", "walk", "sit"]


def test_tables_by_method_and_by_action() -> None:
    seeds = [rows([1, 2, 3, 10], TAKES, ACTIONS), rows([3, 4, 5, 12], TAKES, ACTIONS)]
    assert average(seeds, "mean").to_dict() == {1: 5, 5: 25}
    assert average(seeds, "mean", "actions").to_dict() == {1: 7, 5: 35}
    table = by_action(seeds, "mean_dtw")
    assert table.index.tolist() == ["walk", "sit", "All"] and table.columns.tolist() == ["1", "5"]
    assert table["1"].tolist() == [3, 11, 5] and by_action(seeds, "frame", "actions")["1"].tolist() == [3, 11, 7]
    assert table.attrs["windows"] == {"walk": 3, "sit": 1}
    methods = by_method({"h36m": {"latent": seeds, "constant": seeds[:1]}, "penn": {"latent": seeds[1:]}}, "frame")
    assert methods.columns.tolist() == ["h36m_1", "h36m_5", "penn_1", "penn_5"]
    assert methods.loc["latent"].tolist() == [5, 25, 6, 30]
    assert (
        methods.loc["constant"].tolist()[:2] == [4, 20] and methods.loc["constant", ["penn_1", "penn_5"]].isna().all()
    )


def test_windows_without_a_value_are_left_out() -> None:
    table = rows([1, 2, 3, 10], TAKES, ACTIONS)
    table.loc[(table["window"] == 3) & (table["horizon"] == 1), list(READINGS)] = np.nan
    assert average([table], "frame").to_dict() == {1: 2, 5: 20} and average([table], "frame", "actions")[1] == 2
    rng = np.random.default_rng(0)
    found = intervals({"m": [table]}, "frame", draws=50)
    assert found.loc[("m", 1), "value"] == pytest.approx(2) and found.loc[("m", 5), "value"] == pytest.approx(20)
    gap = compare([[table], [table]], [(5, "mean"), (1, "mean")], lambda late, early: late - early, rng, draws=50)
    assert gap.value == pytest.approx(10 - 2)  # without window 3 at 5 frames either


def test_intervals_hold_the_value_and_come_from_seeds_and_takes() -> None:
    rng = np.random.default_rng(0)
    seeds = [rows([1, 2, 3, 10], TAKES, ACTIONS), rows([3, 4, 5, 12], TAKES, ACTIONS)]
    for over in future_tables.OVER:
        found = intervals({"m": seeds}, "mean", over=over, draws=200)
        assert found["value"].tolist() == pytest.approx(average(seeds, "mean", over).tolist())
        assert (found["low"] <= found["value"]).all() and (found["value"] <= found["high"]).all()
        assert (found["high"] - found["low"] > 0.5).all()
    same = compare([seeds, seeds], [(1, "mean"), (1, "mean")], lambda a, b: a - b, rng, draws=50, paired=True)
    assert same == (0, 0, 0)
    one = intervals(of_actions(seeds[:1]), "mean", draws=50)
    assert one.loc[("sit", 1)].tolist() == [10, 10, 10]  # one take and one seed: nothing to draw
    still = [table.assign(speed=np.where(table["horizon"] > 1, 2.0, np.nan)) for table in seeds]
    found = intervals({"m": still}, "speed", draws=50)
    assert found.loc[("m", 1)].isna().all() and found.loc[("m", 5)].tolist() == [2, 2, 2]


def test_what_cannot_be_tabulated_is_named() -> None:
    table, rng = rows([1, 2, 3, 10], TAKES, ACTIONS), np.random.default_rng(0)
    with pytest.raises(ValueError, match="no reading 'dtw'; there are frame, mean, mean_dtw"):
        average([table], "dtw")
    with pytest.raises(ValueError, match="over 'takes': expected one of windows, actions"):
        average([table], "mean", "takes")
    with pytest.raises(ValueError, match=r"no horizon 7; there are \[1, 5\]"):
        compare([[table]], [(7, "mean")], lambda x: x, rng)
    with pytest.raises(ValueError, match="2 models, but 1 picks"):
        compare([[table], [table]], [(1, "mean")], lambda x: x, rng)
    with pytest.raises(ValueError, match=r"of different windows, found \[3, 4\] of them"):
        compare([[table], [table[table["window"] < 3]]], [(1, "mean")] * 2, lambda x, y: x - y, rng)
    empty = table.assign(mean=np.nan)
    with pytest.raises(ValueError, match="no window of 4 has a value"):
        compare([[empty]], [(1, "mean")], lambda x: x, rng)


def test_a_quantity_has_one_interval_whatever_else_is_tabulated() -> None:
    rng = np.random.default_rng(1)
    seeds = [rows(rng.normal(50, 5, 4).tolist(), TAKES, ACTIONS) for _ in range(3)]
    alone = intervals({"m": seeds}, "mean", draws=50)
    among = intervals({"other": seeds[:1], "m": seeds}, "mean", draws=50)
    assert alone.equals(among.loc[["m"]])
