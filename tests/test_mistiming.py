"""One window under warping, and predictions that are right but for their time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from synthetic import clip

from phdlib.data.phd_role import CONDITIONING, HORIZON, evaluation_windows
from phdlib.futures import describe, window_frames
from phdlib.mistiming import Alignment, align, late, mistimed_window
from phdlib.phd_study import Truth, compare_with_truth
from phdlib.skeleton import H36M17


def truth(with_3d: bool) -> Truth:
    clips = [clip(70, seed) for seed in range(3)]
    if not with_3d:
        clips = [replace(one, joints3d=None) for one in clips]
    windows = evaluation_windows(clips, 10)
    joints = window_frames(clips, windows, "joints3d") if with_3d else None
    parts = [window_frames(clips, windows, name) for name in ("keypoints2d", "visible")]
    return Truth(clips, windows, describe(clips, windows), joints, *parts)


def predicted(known: Truth, by: int) -> torch.Tensor:
    """The truth of all windows, late: (N, 30, J, 3)."""
    shown = slice(CONDITIONING - by, CONDITIONING - by + HORIZON)
    if known.joints is not None:
        return known.joints[:, shown]
    return torch.nn.functional.pad(known.keypoints[:, shown], (0, 1))


@pytest.mark.parametrize("with_3d", [True, False])
def test_an_alignment_is_what_the_evaluation_reads(with_3d: bool) -> None:
    known = truth(with_3d)
    joints = predicted(known, 4) + 0.02 * torch.randn(17, 3, generator=torch.Generator().manual_seed(0))
    rows = compare_with_truth(joints, known)
    last = rows[rows["horizon"] == 30].set_index("window")
    for window in (0, 5):
        found = align(joints[window], known, window)
        assert found.before == pytest.approx(last.loc[window, "mean"], rel=1e-4)
        assert found.after == pytest.approx(last.loc[window, "mean_dtw"], rel=1e-4)
        assert found.cost.shape == found.error.shape == (30, 30) and found.placed.shape == (30, 30, 17, 2)


@pytest.mark.parametrize("with_3d", [True, False])
def test_a_late_prediction_is_paired_with_what_it_shows(with_3d: bool) -> None:
    known = truth(with_3d)
    found = align(predicted(known, 3)[2], known, 2)
    middle = np.arange(8, 24)
    assert (found.predicted_for(middle) == middle + 3).all()
    assert np.allclose(found.placed[middle + 3, middle], found.truth[middle], atol=0.01)
    assert np.abs(found.truth).max() < 1.2  # in units of the person's size
    assert found.truth[0, 10, 1] > found.truth[0, 3, 1]  # the head is above a foot


def test_late_loses_by_the_clock_and_gains_by_warping() -> None:
    for with_3d in (True, False):
        known = truth(with_3d)
        rows = late(known, 4)
        last = rows[rows["horizon"] == 30]
        if with_3d:
            assert (last["mean_dtw"] < 0.5 * last["mean"]).all() and (last["mean"] > 5).all()
        else:
            assert (last["mean_dtw"] >= last["mean"]).all()
    with pytest.raises(ValueError, match="late: expected 1 to 15 frames, found 16"):
        late(truth(True), 16)


def test_the_window_found_is_fast_right_and_gains_most() -> None:
    cells = [  # action, speed, before, after
        ("slow", 1.0, 20.0, 95.0),
        ("fast", 9.0, 30.0, 40.0),
        ("fast", 9.0, 60.0, 80.0),
        ("fast", 9.0, 85.0, 90.0),
        ("faster", 12.0, 10.0, 35.0),
        ("faster", 12.0, np.nan, np.nan),
    ]
    table = pd.DataFrame(
        {"window": n, "action": action, "horizon": h, "true_speed": speed, "mean": before, "mean_dtw": after}
        for n, (action, speed, before, after) in enumerate(cells)
        for h in (20, 30)
    )
    assert mistimed_window(table) == (2, "fast", 60, 80, 2)
    errors = table.assign(mean=100 - table["mean"], mean_dtw=100 - table["mean_dtw"])
    assert mistimed_window(errors, higher_is_better=False)[:4] == (2, "fast", 40, 20)


def test_a_true_frame_with_many_partners_counts_once_by_frame():
    error = np.array([[90.0, 10.0], [80.0, 20.0], [70.0, 30.0]])
    path = np.array([[0, 0], [1, 0], [2, 0], [2, 1]])  # three pairs of the first true frame, one of the second
    nothing = np.zeros((2, 1, 2))
    found = Alignment(error, error, path, nothing, nothing, np.ones((2, 1)), H36M17, "% PCK")
    assert found.after == pytest.approx((90 + 80 + 70 + 30) / 4)
    assert found.after_by_frame == pytest.approx((80 + 30) / 2)
