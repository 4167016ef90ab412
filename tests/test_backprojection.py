"""Back-projection: against projection by hand, in closed form, and what a wrong input meets."""

import math

import pytest
import torch
from synthetic import REST, clip
from torch import Tensor

from phdlib.backprojection import (
    NEAREST,
    back_project,
    bone_length_loss,
    bone_lengths,
    reprojection_loss,
    root_from_depth,
)
from phdlib.camera import studio_rig
from phdlib.lifting import mirror
from phdlib.skeleton import H36M17, HUMANEVA15

MIRRORED = torch.tensor([1, 1, -1, 1, 1, 1, 1, -1, 1], dtype=torch.float64)  # the principal point's x, tangential x


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def scene() -> tuple[Tensor, Tensor, Tensor]:
    """Poses (4, 3, 17, 3), roots (4, 3, 1, 3) in front of a camera per sample, and those cameras' numbers (4, 1, 9)."""
    poses, roots = 0.3 * draw(4, 3, 17, 3), 0.4 * draw(4, 3, 1, 3, seed=1)
    roots[..., 2] += 5
    cameras = torch.stack([camera.screen_intrinsics for camera in studio_rig()]).double()
    cameras[:, 7:] += 0.05  # studio lenses are so good that a wrong tangential term would hardly show
    return poses, roots, cameras[:, None]


def by_hand(point: list[float], numbers: list[float]) -> list[float]:
    """The pinhole with Brown's radial and tangential terms, for one point and in plain numbers."""
    fx, fy, cx, cy, k1, k2, k3, px, py = numbers
    x, y = point[0] / point[2], point[1] / point[2]
    r2 = x * x + y * y
    factor = 1 + k1 * r2 + k2 * r2 * r2 + k3 * r2**3 + px * x + py * y
    return [fx * (x * factor + px * r2) + cx, fy * (y * factor + py * r2) + cy]


def test_back_projection_is_the_cameras_own_per_sample(scene):
    poses, roots, cameras = scene
    expected = [
        [
            [by_hand((joint + roots[b, t, 0]).tolist(), cameras[b, 0].tolist()) for joint in poses[b, t]]
            for t in range(3)
        ]
        for b in range(4)
    ]
    torch.testing.assert_close(back_project(poses, roots, cameras), torch.tensor(expected, dtype=torch.float64))


def test_the_mirrored_person_in_the_mirrored_camera_is_the_mirrored_picture(scene):
    poses, roots, cameras = scene
    seen = back_project(poses, roots, cameras)
    reflected = back_project(mirror(poses, H36M17), roots * torch.tensor([-1.0, 1, 1]), cameras * MIRRORED)
    torch.testing.assert_close(reflected, mirror(seen, H36M17))


def test_the_clips_keypoints_are_met_exactly():
    one = clip(12)
    args = one.joints3d, one.trajectory[:, None], one.camera.screen_intrinsics
    torch.testing.assert_close(back_project(*args), one.screen_keypoints(), atol=1e-5, rtol=0)
    assert reprojection_loss(*args[:2], one.screen_keypoints(), args[2]).item() < 1e-5
    pixels = reprojection_loss(one.joints3d, one.trajectory[:, None], one.keypoints2d + 3.0, one.camera.intrinsics)
    assert pixels.item() == pytest.approx(3 * math.sqrt(2), rel=1e-3)


def test_the_reprojection_loss_is_a_mean_distance_in_the_unit_of_the_intrinsics(scene):
    poses, roots, cameras = scene
    keypoints = back_project(poses, roots, cameras) + 0.1 * draw(4, 3, 17, 2, seed=2)
    loss = reprojection_loss(poses, roots, keypoints, cameras)
    off = (back_project(poses, roots, cameras) - keypoints).flatten(0, -2).tolist()
    assert loss.item() == pytest.approx(sum(math.hypot(x, y) for x, y in off) / len(off))
    pixels = torch.cat((500 * cameras[..., :4], cameras[..., 4:]), dim=-1)
    torch.testing.assert_close(reprojection_loss(poses, roots, 500 * keypoints, pixels), 500 * loss)


def test_depths_behind_the_camera_count_as_half_a_metre(scene):
    poses, roots, cameras = scene
    poses, roots = poses.clone().requires_grad_(), roots.clone()
    roots[1] *= -1  # a whole sample behind the camera
    roots[2, 0, 0, 2] = 0
    X = (poses + roots).detach()
    X[..., 2] = X[..., 2].clamp(min=NEAREST)
    seen = back_project(poses, roots, cameras)
    torch.testing.assert_close(seen.detach(), back_project(X, torch.zeros_like(roots), cameras))
    assert NEAREST == 0.5 and bool(seen.isfinite().all())
    seen.sum().backward()
    assert bool(poses.grad.isfinite().all()) and bool((poses.grad[1, ..., 2] == 0).all())
    assert bool((poses.grad[1, ..., :2] != 0).any())


def test_bone_lengths_of_a_known_skeleton():
    stick = torch.zeros(17, 3)
    for parent, child in H36M17.bones:  # every bone of the child's number in centimetres, along an axis
        stick[child] = stick[parent] + torch.eye(3)[child % 3] * child / 100
    torch.testing.assert_close(bone_lengths(stick, H36M17), torch.tensor([c for _, c in H36M17.bones]) / 100)
    lengths = dict(zip(H36M17.bones, bone_lengths(REST, H36M17).tolist(), strict=True))
    thigh = (H36M17.index("left_hip"), H36M17.index("left_knee"))
    assert lengths[thigh] == pytest.approx(math.dist(REST[thigh[0]].tolist(), REST[thigh[1]].tolist()))
    assert bone_lengths(draw(2, 5, 15, 3), HUMANEVA15).shape == (2, 5, 14)


def test_the_bone_length_loss_in_closed_form():
    """Everybody a tenth taller: the square of a tenth of the mean bone lengths, whatever the batches' sizes."""
    labelled = REST.expand(6, 1, 17, 3)
    expected = 0.01 * bone_lengths(REST, H36M17).square().sum()
    torch.testing.assert_close(bone_length_loss(1.1 * labelled[:4], labelled, H36M17), expected)


def test_single_people_may_differ_where_the_means_agree():
    small_and_tall = torch.stack((0.8 * REST, 1.2 * REST))[:, None]
    alike = torch.stack((REST, REST, REST))[:, None]
    pred = small_and_tall.double().requires_grad_()
    loss = bone_length_loss(pred, alike.double(), H36M17)
    assert loss.item() == pytest.approx(0, abs=1e-6)
    bone_length_loss(alike, alike.clone().requires_grad_(), H36M17).backward()  # at the goal itself: no NaN
    loss.backward()
    assert bool(pred.grad.isfinite().all())


def test_a_turned_person_has_the_same_bones():
    turn, _ = torch.linalg.qr(draw(3, 3))
    poses = draw(8, 1, 17, 3)
    moved = poses @ turn.T + draw(3, seed=3)
    assert bone_length_loss(moved, poses, H36M17).item() == pytest.approx(0, abs=1e-12)


def test_root_from_depth_inverts_a_pinhole(scene):
    _, roots, cameras = scene
    pinhole = torch.cat((cameras[..., :4], torch.zeros_like(cameras[..., 4:])), dim=-1)
    seen = back_project(torch.zeros_like(roots), roots, pinhole)
    torch.testing.assert_close(root_from_depth(roots[..., 2:], seen, pinhole), roots)
    torch.testing.assert_close(root_from_depth(roots[..., 2:], seen, cameras), roots)  # the lens is left out
    again = back_project(torch.zeros_like(roots), root_from_depth(roots[..., 2:] + 1, seen, pinhole), pinhole)
    torch.testing.assert_close(again, seen)  # any depth lies on the same ray


def test_gradients(scene):
    poses, roots, cameras = (part[:2] for part in scene)
    keypoints = back_project(poses, roots, cameras) + 0.1 * draw(2, 3, 17, 2, seed=2)
    other = 0.3 * draw(3, 1, 17, 3, seed=4)
    inputs = poses[:, :1].clone().requires_grad_(), roots[:, :1].clone().requires_grad_()
    for function in (
        lambda p, r: back_project(p, r, cameras),
        lambda p, r: reprojection_loss(p, r, keypoints[:, :1], cameras),
        lambda p, r: bone_length_loss(p + r, other, H36M17),
        lambda p, r: bone_lengths(p + r, H36M17),
        lambda p, r: root_from_depth(r[..., 2:], p[..., :1, :2], cameras),
    ):
        assert torch.autograd.gradcheck(function, inputs)


def test_wrong_sizes_are_refused(scene):
    poses, roots, cameras = scene
    with pytest.raises(ValueError, match=r"expected the 17 joints of H36M-17, found \(4, 3, 15, 3\)"):
        bone_lengths(poses[..., :15, :], H36M17)
    with pytest.raises(ValueError, match=r"expected the 15 joints of HumanEva-15"):
        bone_length_loss(poses[..., :15, :], poses, HUMANEVA15)
    with pytest.raises(ValueError, match="expected 9 numbers"):
        back_project(poses, roots, cameras[..., :4])
    with pytest.raises(RuntimeError, match="size of tensor"):
        reprojection_loss(poses, roots, torch.zeros(4, 3, 15, 2, dtype=torch.float64), cameras)
