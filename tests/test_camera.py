import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import least_squares

from phdlib.camera import (
    denormalize_screen,
    normalize_screen,
    project_perspective,
    project_weak_perspective,
    solve_weak_perspective,
    studio_rig,
)


def test_projection_by_hand() -> None:
    """x = (0.5, -0.25), r2 = 0.3125; radial 1 + 0.1 r2 + 0.2 r2^2 + 0.3 r2^3; tangential 0.01 * 0.5 + 0.02 * -0.25 =
    0."""
    r2 = 0.3125
    radial = 1 + 0.1 * r2 + 0.2 * r2**2 + 0.3 * r2**3
    expected = (2 * (0.5 * radial + 0.01 * r2) + 0.1, 3 * (-0.25 * radial + 0.02 * r2) + 0.2)
    numbers = torch.tensor([2.0, 3.0, 0.1, 0.2, 0.1, 0.2, 0.3, 0.01, 0.02], dtype=torch.float64)
    found = project_perspective(torch.tensor([[1.0, -0.5, 2.0]], dtype=torch.float64), numbers)
    assert found[0].tolist() == pytest.approx(expected, abs=1e-12)


def test_without_distortion_it_is_the_pinhole_and_gradients_flow() -> None:
    X = torch.tensor([[0.3, 0.2, 4.0], [-1.0, 0.7, 3.0]], dtype=torch.float64, requires_grad=True)
    numbers = torch.tensor([1000.0, 1100.0, 500.0, 510.0, 0, 0, 0, 0, 0], dtype=torch.float64)
    pinhole = X[:, :2] / X[:, 2:] * numbers[:2] + numbers[2:4]
    assert torch.allclose(project_perspective(X, numbers), pinhole)
    distorted = torch.tensor([1.1, 1.2, 0.1, 0.1, -0.2, 0.2, 0.01, 1e-3, -2e-3], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: project_perspective(x, distorted), (X,))


def test_one_camera_per_batch_element() -> None:
    rig = studio_rig()
    X = torch.rand(4, 17, 3) + torch.tensor([0.0, 0.0, 4.0])
    together = project_perspective(X, torch.stack([camera.intrinsics for camera in rig]))
    for i, camera in enumerate(rig):
        assert torch.equal(together[i], camera.project(X[i]))


def test_bad_points_and_intrinsics_are_named() -> None:
    with pytest.raises(ValueError, match=r"expected 9 numbers .* found 4"):
        project_perspective(torch.ones(1, 3), torch.ones(4))
    with pytest.raises(ValueError, match=r"depths above 0 .* -1.000 m"):
        project_perspective(torch.tensor([[0.0, 0.0, -1.0]]), torch.ones(9))


def test_screen_units_keep_the_aspect_and_invert() -> None:
    corners = torch.tensor([[0.0, 0.0], [1000.0, 800.0]])
    assert normalize_screen(corners, 1000, 800).tolist() == [[-1.0, pytest.approx(-0.8)], [1.0, pytest.approx(0.8)]]
    points = torch.rand(5, 2) * 1000
    assert torch.allclose(denormalize_screen(normalize_screen(points, 1000, 800), 1000, 800), points, atol=1e-3)
    camera = studio_rig()[0]
    X = torch.rand(17, 3) + torch.tensor([0.0, 0.0, 4.0])
    direct = project_perspective(X, camera.screen_intrinsics)
    assert torch.allclose(direct, normalize_screen(camera.project(X), camera.width, camera.height), atol=1e-5)


def test_the_rig_faces_the_performer() -> None:
    for camera in studio_rig():
        rotation = camera.rotation.double()
        assert torch.allclose(rotation @ rotation.T, torch.eye(3, dtype=torch.float64), atol=1e-6)
        assert torch.linalg.det(rotation).item() == pytest.approx(1.0, abs=1e-6)
        feet, head = camera.to_camera(torch.tensor([[0.0, 0.0, 0.0], [0.0, 1.7, 0.0]]))
        assert 4.8 < feet[2] < 5.6 and feet[1] > head[1]  # y points down in the image
        pixels = camera.project(torch.stack((feet, head)))
        assert ((pixels > 0) & (pixels < 1000)).all()
    left, right = studio_rig()[0], studio_rig()[2]
    assert left.to_camera(torch.tensor([1.0, 1.0, 0.0]))[0] > 0  # in front, a left hand (+x) is seen on the right
    assert math.isclose(
        left.to_camera(torch.zeros(3))[0].item(), right.to_camera(torch.zeros(3))[0].item(), abs_tol=1e-5
    )


@given(st.integers(0, 2**32 - 1), st.integers(2, 17))
def test_weak_perspective_solve_is_the_least_squares_optimum(seed: int, joints: int) -> None:
    rng = np.random.default_rng(seed)
    x, gt = rng.normal(size=(joints, 2)), rng.normal(size=(joints, 2)) * 3
    visible = np.ones(joints, bool)
    visible[2:] = rng.random(joints - 2) < 0.7
    found = solve_weak_perspective(torch.from_numpy(x), torch.from_numpy(gt), torch.from_numpy(visible))

    def residual(p: np.ndarray) -> np.ndarray:
        return ((p[0] * x + p[1:] - gt) * visible[:, None]).ravel()

    best = least_squares(residual, np.zeros(3)).cost
    assert 0.5 * (residual(np.array([found.s, *found.t])) ** 2).sum() <= best * (1 + 1e-6) + 1e-9


def test_weak_perspective_solve_recovers_a_camera_and_has_gradients() -> None:
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(3, 17, 3, generator=generator, dtype=torch.float64)
    s, t = torch.rand(3, generator=generator, dtype=torch.float64) + 0.5, torch.randn(3, 2, dtype=torch.float64,
                                                                                   generator=generator)  # fmt: skip
    visible = torch.rand(3, 17, generator=generator) < 0.8
    target = project_weak_perspective(X, s, t)
    found = solve_weak_perspective(X[..., :2], target, visible)
    assert torch.allclose(found.s, s) and torch.allclose(found.t, t)
    x, noisy = X[..., :2].clone().requires_grad_(), target + torch.sin(7 * target)
    assert torch.autograd.gradcheck(lambda x: tuple(solve_weak_perspective(x, noisy, visible)), (x,))


def test_weak_perspective_solve_where_the_scale_is_open() -> None:
    x, gt = torch.full((3, 5, 2), 0.3), torch.rand(3, 5, 2)
    visible = torch.tensor([[True] * 5, [True, False, False, False, False], [False] * 5])
    s, t = solve_weak_perspective(x, gt, visible)
    assert s.tolist() == [0, 0, 0]
    assert torch.allclose(t, torch.stack((gt[0].mean(0), gt[1, 0], torch.zeros(2))))
