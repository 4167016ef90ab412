"""A clip as BVH: written, read back, and every joint where the clip has it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from posed import posed_clip
from synthetic import clip as plain_clip

from phdlib.body import load_body
from phdlib.data.bvh import global_transforms, read_bvh
from phdlib.data.bvh_export import END, export_bvh
from phdlib.data.clip import Clip
from phdlib.data.phd_role import in_camera_frame
from phdlib.skeleton import PENN13, SMPL24


@pytest.fixture(scope="module")
def body():
    return load_body()


def world(clip: Clip) -> torch.Tensor:
    """Absolute joints (T, J, 3) of a clip in the world."""
    seen = (clip.joints3d + clip.trajectory[:, None]).double()
    return (seen - clip.camera.translation) @ clip.camera.rotation.double()


def read_back(path, skeleton):
    file = read_bvh(path)
    positions, rotations = global_transforms(file, 0.01)
    order = [file.names.index(joint) for joint in skeleton.joints]
    return file, positions[:, order], rotations[:, order]


def test_joints_come_back_within_a_hundredth_of_a_millimetre_with_the_clips_own_proportions(tmp_path, body):
    clip = posed_clip(body, frames=8)
    file, positions, _ = read_back(export_bvh(clip, tmp_path / "a.bvh", body), SMPL24)
    with torch.no_grad():
        expected = body(clip.theta, clip.beta[None]).joints + torch.tensor([0.3, 1.0, -0.2])
        rest = body.rest_joints(clip.beta[None])[0]
    assert (positions - expected).norm(dim=-1).max() < 1e-5
    assert len(file.values) == 8 and file.fps == pytest.approx(50.0, abs=1e-6)
    offsets = {joint.name: np.array(joint.offset) / 100 for joint in file.joints}
    assert not offsets["pelvis"].any()  # so that it does not matter whether a reader adds to it
    for joint, parent in zip(SMPL24.joints[1:], SMPL24.parents[1:], strict=True):
        np.testing.assert_allclose(offsets[joint], rest[SMPL24.index(joint)] - rest[parent], atol=1e-6)
    np.testing.assert_allclose(offsets["head_end"], END * offsets["head"], atol=1e-7)
    # What the clip's own joints say: hips and knees are joints of both sets.
    shared = ["left_hip", "right_knee", "left_wrist"]
    seen = world(clip)[:, [clip.skeleton.index(joint) for joint in shared]]
    assert (positions[:, [SMPL24.index(joint) for joint in shared]] - seen).norm(dim=-1).max() < 1e-5


@pytest.mark.parametrize("camera", [0, 2])
def test_a_pose_as_the_camera_sees_it_is_written_in_the_world(tmp_path, body, camera):
    clip = posed_clip(body, frames=4, seed=3, camera=camera)
    expected = read_back(export_bvh(clip, tmp_path / "a.bvh", body), SMPL24)[1]
    found = read_back(export_bvh(in_camera_frame(clip), tmp_path / "b.bvh", body), SMPL24)[1]
    assert (found - expected).norm(dim=-1).max() < 1e-4


def test_without_a_camera_a_body_upside_down_is_turned_over(tmp_path, body):
    clip = in_camera_frame(posed_clip(body, frames=4, seed=3))
    _, positions, _ = read_back(export_bvh(replace(clip, camera=None), tmp_path / "a.bvh", body), SMPL24)
    head, ankle = SMPL24.index("head"), SMPL24.index("left_ankle")
    assert (positions[:, head, 1] - positions[:, ankle, 1]).min() > 0.5


def test_a_pose_alone_stands_where_the_body_is_at_rest(tmp_path, body):
    clip = Clip("a", "S1", "stand", 25.0, "test", theta=torch.zeros(3, 72))
    _, positions, rotations = read_back(export_bvh(clip, tmp_path / "a.bvh", body), SMPL24)
    rest = body.rest_joints(torch.zeros(1, 10)).double()
    assert (positions - rest).abs().max() < 1e-6
    assert (rotations - torch.eye(3)).abs().max() < 1e-9


def test_a_pose_by_hand(tmp_path, body):
    """Arms at rest point sideways; the left elbow bends by 90 degrees about y, and the forearm points forward."""
    theta = torch.zeros(1, 72)
    theta[0, 3 * SMPL24.index("left_elbow") + 1] = -torch.pi / 2
    clip = Clip("a", "S1", "stand", 25.0, "test", theta=theta)
    file, positions, _ = read_back(export_bvh(clip, tmp_path / "a.bvh", body), SMPL24)
    rest = body.rest_joints(torch.zeros(1, 10))[0]
    elbow, wrist = SMPL24.index("left_elbow"), SMPL24.index("left_wrist")
    x, y, z = (rest[wrist] - rest[elbow]).tolist()
    np.testing.assert_allclose(positions[0, wrist] - positions[0, elbow], [-z, y, x], atol=1e-6)
    column = 6 + 3 * [j.name for j in file.joints if j.channels and j.parent >= 0].index("left_elbow")
    np.testing.assert_allclose(file.values[0, column : column + 3], [0.0, 0.0, -90.0], atol=1e-5)


def test_joints_alone_are_followed_bone_by_bone(tmp_path, body):
    """Bones of constant length that hang rigidly on their joints come back exactly; the root's path is the clip's."""
    whole = posed_clip(body, frames=6)
    with torch.no_grad():
        joints = body(whole.theta, whole.beta[None]).joints
    clip = Clip(
        "a", "S1", "stand", 50.0, "test", skeleton=SMPL24, joints3d=joints - joints[:, :1], trajectory=joints[:, 0]
    )
    _, positions, _ = read_back(export_bvh(clip, tmp_path / "a.bvh"), SMPL24)
    assert (positions - joints).norm(dim=-1).max() < 1e-4


def test_joints_whose_bones_change_are_off_by_no_more_than_that(tmp_path):
    clip = plain_clip(frames=10)
    path = export_bvh(clip, tmp_path / "a.bvh")
    _, positions, _ = read_back(path, clip.skeleton)
    assert (positions - world(clip)).norm(dim=-1).mean() < 0.12  # limbs that swing by 8 cm each way, on their own
    assert (positions - world(clip))[:, 0].norm(dim=-1).max() < 1e-6


def test_angles_never_jump_between_frames(tmp_path, body):
    turns = torch.linspace(0, 12, 60)
    theta = torch.zeros(60, 72)
    theta[:, 1] = turns
    file = read_bvh(export_bvh(Clip("a", "S1", "turn", 50.0, "test", theta=theta), tmp_path / "a.bvh", body))
    assert np.abs(np.diff(file.values, axis=0)).max() < 15
    assert file.values[-1, 5] == pytest.approx(np.rad2deg(12.0), abs=1e-3)


def test_what_cannot_be_written_is_one_clear_error(tmp_path, body):
    with pytest.raises(ValueError, match="clip S1/a/t: found neither, expected theta or joints3d"):
        export_bvh(Clip("t", "S1", "a", 50.0, "test", keypoints2d=torch.zeros(2, 17, 2)), tmp_path / "a.bvh")
    with pytest.raises(ValueError, match="found no frame"):
        export_bvh(Clip("t", "S1", "a", 50.0, "test", theta=torch.zeros(0, 72)), tmp_path / "a.bvh")
    broken = torch.zeros(2, 13, 3)
    broken[1, 2, 0] = torch.nan
    with pytest.raises(ValueError, match="clip S1/a/t: joints3d is not finite"):
        export_bvh(Clip("t", "S1", "a", 50.0, "test", skeleton=PENN13, joints3d=broken), tmp_path / "a.bvh")
    assert not list(tmp_path.iterdir())
