"""Properties of motions whose answer is known, on synthetic clips."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from roma import rotvec_to_rotmat
from synthetic import clip

from phdlib.data.phd_role import evaluation_windows
from phdlib.motion_properties import (
    COLUMNS,
    about_the_hips,
    own_frame,
    properties,
    straightness,
    telling,
    training_poses,
)
from phdlib.skeleton import H36M17


def moving(path: torch.Tensor) -> torch.Tensor:
    """A window in which every joint goes along a path (T, 3): (1, T, 5, 3)."""
    return path[None, :, None].expand(1, -1, 5, 3)


def test_straightness_of_known_motions() -> None:
    t = torch.linspace(0, 1, 31)
    zero = torch.zeros_like(t)
    line = torch.stack((t, 2 * t, zero), -1)
    back = torch.stack((1 - (2 * t - 1).abs(), zero, zero), -1)
    circle = torch.stack((torch.cos(math.pi * t), torch.sin(math.pi * t), zero), -1)  # half of one
    found = [straightness(moving(path)).item() for path in (line, back, circle, 0 * line)]
    assert found[:2] == pytest.approx([1, 0], abs=1e-6) and found[3] == 1
    assert found[2] == pytest.approx(2 / math.pi, rel=1e-3)


def test_own_frame_is_the_same_wherever_the_person_faces() -> None:
    joints = clip(10).joints3d
    turned = joints @ rotvec_to_rotmat(torch.tensor([0.3, 1.2, -0.4])).T + 0.7
    assert torch.allclose(own_frame(joints, H36M17), own_frame(turned, H36M17), atol=1e-5)
    hips = [H36M17.index("left_hip"), H36M17.index("right_hip")]
    assert torch.allclose(about_the_hips(turned, H36M17)[:, hips].mean(1), torch.zeros(10, 3), atol=1e-6)


def test_telling_counts_neighbours_of_the_same_action() -> None:
    generator = torch.Generator().manual_seed(0)
    near, far = torch.randn(20, 17, 3, generator=generator) * 0.01, torch.randn(20, 17, 3, generator=generator) * 0.01
    known, actions = torch.cat((near, far + 5)), ["sit"] * 20 + ["jump"] * 20
    assert telling(near[:3], ["sit", "jump", "dance"], known, actions).tolist() == [1, 0, 0]
    with pytest.raises(ValueError, match="needs 15 known poses at least, found 3"):
        telling(near, ["sit"] * 20, near[:3], ["sit"] * 3)


def test_training_poses_are_as_many_of_each_action() -> None:
    poses, actions = training_poses([clip(30, action="a"), clip(100, 1, action="b"), clip(20, 2, action="a")], 40)
    assert len(poses) == 80 and actions == ["a"] * 40 + ["b"] * 40
    poses, actions = training_poses([clip(30, action="a"), clip(100, 1, action="b")], 400)
    assert actions.count("a") == actions.count("b") == 30


def test_a_row_per_evaluation_window() -> None:
    test = [clip(60, 3, action="a"), clip(44, 4, action="a"), clip(50, 5, action="b")]
    still = replace(test[2], joints3d=test[2].joints3d[:1].expand(50, -1, -1))
    table = properties([*test[:2], still], [clip(80, 1, action="a"), clip(80, 2, action="b")], every=5)
    assert len(table) == len(evaluation_windows(test, 5)) == 4 + 0 + 2
    assert table["action"].tolist() == ["a"] * 4 + ["b"] * 2 and table["start"].tolist() == [0, 5, 10, 15, 0, 5]
    assert np.isfinite(table[list(COLUMNS)].to_numpy(dtype=float)).all()
    assert (table["speed"][4:] == 0).all() and (table["speed"][:4] > 1).all() and (table["straightness"][4:] == 1).all()
    assert (table["in sight"] == 1).all() and table["telling"].between(0, 1).all()
    future = about_the_hips(test[0].joints3d[15:45], H36M17)
    speed = 1000 * future.diff(dim=0).norm(dim=-1).mean().item()
    assert table["speed"][0] == pytest.approx(speed, rel=1e-5)
