"""Cells line up whatever the order of the clips, and the corrupt video's truth is what its keypoints show."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from synthetic import clip

from phdlib.data import embedded
from phdlib.evaluation import evaluate_lifter, per_action
from phdlib.experiments import LiftingExperiment, LiftingResult
from phdlib.small_data import CELL_NAMES, as_seen, by_cell, over_seeds
from phdlib.yardsticks import pixel_error

CLIPS = [clip(20 + i, i, action, subject) for i, (action, subject) in enumerate(
    [("walking", "S1"), ("walking", "S2"), ("punching", "S1"), ("punching", "S1")]
)]  # fmt: skip


@pytest.fixture(scope="module")
def experiment() -> LiftingExperiment:
    return LiftingExperiment(filter_widths=(3,), channels=8)


@pytest.fixture(scope="module")
def result(experiment: LiftingExperiment) -> LiftingResult:
    weights = {name: value.numpy() for name, value in experiment.model().state_dict().items()}
    return LiftingResult(evaluate_lifter(experiment.model().eval(), CLIPS), [], 0.0, 0, weights)


def test_cells_are_frame_weighted_and_in_an_order_of_their_own(result: LiftingResult) -> None:
    cells = by_cell(result.clips)
    assert cells.equals(by_cell(result.clips.iloc[::-1]))
    means = per_action(cells, "p_mpjpe")
    assert set(means.index) == {"walking S1", "walking S2", "punching S1", "Avg"}
    two = result.clips.iloc[2:]
    assert means["punching S1"] == pytest.approx(np.average(two["p_mpjpe"], weights=two["frames"]))
    assert len(CELL_NAMES) == 9 and set(means.index) - {"Avg"} <= set(CELL_NAMES)


def test_what_the_camera_saw_is_where_true_keypoints_are() -> None:
    corrupt = embedded.load("gt", role="humaneva", parts=("corrupt",))
    for clip_, seen in zip(corrupt, as_seen(corrupt), strict=True):
        projected = seen.camera.project(seen.joints3d + seen.trajectory[:, None])
        assert torch.allclose(projected, seen.keypoints2d, atol=1e-2)
        assert len(seen.theta) == len(clip_) and not torch.equal(seen.joints3d, clip_.joints3d)
        with pytest.raises(ValueError, match="corrupt"):
            pixel_error(clip_)
    with pytest.raises(ValueError, match="expected corrupt motion capture"):
        as_seen(CLIPS)


def test_an_interval_over_seeds_holds_their_mean() -> None:
    effect = over_seeds([1.0, 2.0, 6.0], np.random.default_rng(0))
    assert effect.value == pytest.approx(3.0) and 1.0 <= effect.low < 3.0 < effect.high <= 6.0
    assert over_seeds([2.0], np.random.default_rng(0)) == (2.0, 2.0, 2.0)
