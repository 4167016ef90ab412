"""Table 1: what an error is worth knowing of a prediction whose error is known, and what the intervals are over."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from phd_small import role_data
from torch import Tensor

from phdlib import published
from phdlib.data.clip import Clip
from phdlib.futures import person_size
from phdlib.phd_experiments import EncoderResult
from phdlib.phd_predictions import Present
from phdlib.present_tables import COLUMNS, clip_errors, compare, frame_errors, rows, table_1

HUMANS = [replace(c, action=a) for c, a in zip(role_data("human36m", range(3))[0], "aab", strict=True)]
PENN = [replace(clip, visible=torch.ones_like(clip.visible)) for clip in role_data("penn", range(10, 13))[0]]


def present(clips: list[Clip], joints: list[Tensor] | None = None, keypoints: list[Tensor] | None = None) -> Present:
    """The truth, but for what is given."""
    J = len(clips[0].skeleton)
    joints = joints or [torch.zeros(len(c), J, 3) if c.joints3d is None else c.joints3d for c in clips]
    keypoints = keypoints or [clip.keypoints2d for clip in clips]
    lengths = np.array([len(clip) for clip in clips])
    return Present(torch.cat(joints).float().numpy(), torch.cat(keypoints).float().numpy(), lengths)


def result(humans: Present, penn: Present) -> EncoderResult:
    return EncoderResult({}, 1, pd.DataFrame(), 0.0, 1, {"human36m": humans, "penn": penn})


def test_the_truth_has_no_error() -> None:
    errors = frame_errors(present(HUMANS), HUMANS)
    assert [set(e) for e in errors] == [{"mpjpe", "p_mpjpe"}] * 3
    assert all(e[name].shape == (44,) and e[name].max() < 1e-2 for e in errors for name in e)
    assert all((e["pck"] == 100).all() for e in frame_errors(present(PENN), PENN))


def test_mpjpe_forgives_the_place_and_p_mpjpe_the_view_and_the_size() -> None:
    turn = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    away = [clip.joints3d + torch.tensor([1.0, 2, 3]) for clip in HUMANS]
    assert clip_errors(present(HUMANS, away), HUMANS)["mpjpe"].max() < 1e-2
    table = clip_errors(present(HUMANS, [1.3 * clip.joints3d @ turn for clip in HUMANS]), HUMANS)
    assert table["mpjpe"].min() > 100 and table["p_mpjpe"].max() < 0.1
    off = [clip.joints3d.clone() for clip in HUMANS]
    for joints in off:
        joints[:, 5, 0] += 0.17
    assert clip_errors(present(HUMANS, off), HUMANS)["mpjpe"].to_numpy() == pytest.approx(10)  # 170 mm over 17 joints


def test_pck_takes_the_predicted_camera_as_it_is() -> None:
    """A person's size away by a little less and a little more than the threshold; nothing is aligned."""
    for share, expected in ((0.049, 100.0), (0.051, 0.0)):
        moved = [c.keypoints2d + share * person_size(c.keypoints2d, c.visible)[:, None, None] * torch.tensor([0.6, 0.8])
                 for c in PENN]  # fmt: skip
        assert clip_errors(present(PENN, keypoints=moved), PENN)["pck"].to_numpy() == pytest.approx(expected)


def test_unseen_keypoints_do_not_count_and_frames_of_few_are_left_out() -> None:
    visible = torch.ones(44, 13, dtype=torch.bool)
    visible[:, 0] = False
    visible[:10, 5:] = False  # 4 are left of 13
    points = PENN[0].keypoints2d.clone()
    points[:, 0] += 1000
    points[:10, 1] += 1000
    clips = [replace(PENN[0], visible=visible), replace(PENN[1], visible=torch.zeros_like(visible)), PENN[2]]
    found = present(clips, keypoints=[points, clips[1].keypoints2d, clips[2].keypoints2d])
    assert frame_errors(found, clips)[0]["pck"].isnan().tolist() == [True] * 10 + [False] * 34
    table = clip_errors(found, clips)
    assert table["take"].tolist() == [clips[0].take, clips[2].take]
    assert table["frames"].tolist() == [34, 44] and table["pck"].tolist() == [100, 100]


def test_table_1_has_the_published_columns_and_intervals_over_seeds_and_takes() -> None:
    def noisy(seed: int, mm: float) -> EncoderResult:
        generator = torch.Generator().manual_seed(seed)
        humans = [c.joints3d + mm / 1000 * torch.randn(c.joints3d.shape, generator=generator) for c in HUMANS]
        points = [c.keypoints2d + mm / 2 * torch.randn(c.keypoints2d.shape, generator=generator) for c in PENN]
        return result(present(HUMANS, humans), present(PENN, keypoints=points))

    found = rows({"good": [noisy(0, 20), noisy(1, 22)], "bad": [noisy(2, 60)]}, {"human36m": HUMANS, "penn": PENN})
    table = table_1(found, np.random.default_rng(0), draws=50)
    assert set(COLUMNS) == set(published.table("phd-table-1").columns) <= set(table.columns)
    assert list(table.index) == ["good", "bad"]
    for column in COLUMNS:
        low, value, high = (table[f"{column}{end}"] for end in ("_low", "", "_high"))
        assert (low <= value).all() and (value <= high).all() and low["good"] < high["good"]
    every = pd.concat(found["human36m"]["good"])
    assert table.loc["good", "h36m_mpjpe"] == pytest.approx(every["mpjpe"].mean())  # clips of equal length
    assert table.loc["good", "h36m_reconst"] < table.loc["good", "h36m_mpjpe"] < table.loc["bad", "h36m_mpjpe"]
    assert table.loc["bad", "penn_pck"] < table.loc["good", "penn_pck"]


def test_frames_or_actions_weigh_alike() -> None:
    table = pd.DataFrame(
        {"take": ["a", "b", "c"], "action": ["x", "x", "y"], "frames": [10, 30, 10], "mpjpe": [1.0, 2.0, 6.0]}
    )

    def mean(over: str) -> float:
        return compare([[table]], "mpjpe", lambda x: x, np.random.default_rng(0), over=over, draws=10).value

    assert mean("frames") == pytest.approx((10 + 60 + 60) / 50)
    assert mean("actions") == pytest.approx((70 / 40 + 6) / 2)
    gap = compare([[table], [table]], "mpjpe", lambda a, b: a - b, np.random.default_rng(0), draws=10)
    assert gap.value == gap.low == gap.high == 0
    with pytest.raises(ValueError, match="over 'clips': expected one of frames, actions"):
        mean("clips")
    with pytest.raises(ValueError, match="no metric 'pck' in a table of take, action"):
        compare([[table]], "pck", lambda x: x, np.random.default_rng(0))


def test_what_does_not_fit_is_told() -> None:
    whole = present(HUMANS)
    with pytest.raises(ValueError, match=r"clips of \[44, 44, 44\] frames, expected \[44, 44\]"):
        clip_errors(whole, HUMANS[:2])
    with pytest.raises(ValueError, match=r"joints should be \(132, 13, 3\), found \(132, 17, 3\)"):
        clip_errors(whole, PENN)
    broken = whole.joints.copy()
    broken[7, 3, 1] = np.nan
    with pytest.raises(ValueError, match=r"joints is not finite at \[7, 3, 1\]"):
        clip_errors(replace(whole, joints=broken), HUMANS)
