"""Yardsticks mean what they say: pixels from the projected truth, and the best answer without input."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from synthetic import clip

from phdlib.evaluation import average, evaluate_lifter
from phdlib.lifting import TemporalModel
from phdlib.metrics import mpjpe, p_mpjpe
from phdlib.yardsticks import one_pose_errors, pixel_error


def test_pixel_error_is_the_distance_from_the_projected_joints() -> None:
    exact = clip(20, 0)
    assert pixel_error(exact).max() < 1e-3
    moved = replace(exact, keypoints2d=exact.keypoints2d + torch.tensor([3.0, -4.0]))
    assert torch.allclose(pixel_error(moved), torch.full((20, 17), 5.0), atol=1e-3)


def test_pixel_error_refuses_what_it_cannot_measure() -> None:
    with pytest.raises(ValueError, match="corrupt"):
        pixel_error(replace(clip(20, 0), take="07_05@60#corrupt"))
    with pytest.raises(ValueError, match="trajectory, found None"):
        pixel_error(replace(clip(20, 0), trajectory=None))


def test_one_pose_is_right_about_people_who_never_move() -> None:
    still = clip(1, 0)
    still = replace(still, **{
        name: getattr(still, name).expand(30, *getattr(still, name).shape[1:])
        for name in ("joints3d", "trajectory", "keypoints2d", "visible")
    })  # fmt: skip
    rows = one_pose_errors([still], [still])
    assert rows[["mpjpe", "p_mpjpe"]].to_numpy().max() < 1e-3
    with pytest.raises(ValueError, match="no training clips"):
        one_pose_errors([], [still])


def test_one_pose_beats_every_pose_of_the_training_clips() -> None:
    train, test = [clip(60, seed) for seed in range(4)], [clip(60, 9)]
    rows, gt = one_pose_errors(train, test, every=1), test[0].joints3d
    poses = torch.cat([part.joints3d for part in train])
    for metric, name in ((mpjpe, "mpjpe"), (p_mpjpe, "p_mpjpe")):
        others = 1000 * metric(poses[::7, None].expand(-1, *gt.shape), gt.expand(len(poses[::7]), -1, -1, -1)).mean(1)
        assert average(rows, name) < others.min()


def test_rows_line_up_with_a_models() -> None:
    test = [clip(30, 1), clip(40, 2, camera=1)]
    model = TemporalModel(17, 2, 17, (3,), channels=8, generator=torch.Generator().manual_seed(0)).eval()
    rows, models = one_pose_errors([clip(30, 0)], test), evaluate_lifter(model, test)
    assert rows.drop(columns=["mpjpe", "p_mpjpe"]).equals(models[["take", "camera", "subject", "action", "frames"]])
