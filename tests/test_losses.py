"""Losses: closed forms, gradients, and what they refuse."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from phdlib import losses


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(0)
    gt = torch.randn(4, 1, 1, 3, generator=g, dtype=torch.float64)
    gt[..., 2] = gt[..., 2].abs() + 2
    return gt + 0.1 * torch.randn(gt.shape, generator=g, dtype=torch.float64), gt


def test_trajectory_loss_is_equation_1(batch):
    pred, gt = batch
    expected = sum(((p - y).norm() / y[2]).item() for p, y in zip(pred.view(-1, 3), gt.view(-1, 3), strict=True)) / 4
    assert losses.trajectory_loss(pred, gt).item() == pytest.approx(expected)


def test_twice_the_depth_counts_half(batch):
    _, gt = batch
    near, far = gt.clone(), gt.clone()
    far[..., 2] *= 2
    off = torch.tensor([0.1, 0.0, 0.0], dtype=torch.float64)
    near_loss, far_loss = losses.trajectory_loss(near + off, near), losses.trajectory_loss(far + off, far)
    torch.testing.assert_close(far_loss, near_loss / 2)


def test_unit_weights_give_the_plain_loss(batch):
    pred, gt = batch
    weighted = losses.weighted_mpjpe_loss(pred, gt, torch.ones(4, 1, dtype=torch.float64))
    torch.testing.assert_close(weighted, losses.mpjpe_loss(pred, gt))


@pytest.mark.parametrize("loss", [losses.mpjpe_loss, losses.trajectory_loss])
def test_gradients(loss, batch):
    pred, gt = batch
    assert torch.autograd.gradcheck(lambda p: loss(p, gt), pred.requires_grad_())


def test_a_perfect_prediction_has_a_finite_gradient(batch):
    _, gt = batch
    pred = gt.clone().requires_grad_()
    losses.mpjpe_loss(pred, gt).backward()
    assert bool(pred.grad.isfinite().all())


def test_a_root_behind_the_camera_is_refused(batch):
    pred, gt = batch
    gt[2, 0, 0, 2] = -0.5
    with pytest.raises(ValueError, match=r"the smallest is -0\.5 m"):
        losses.trajectory_loss(pred, gt)


def test_a_weight_per_frame_is_wanted(batch):
    pred, gt = batch
    with pytest.raises(ValueError, match=r"\(4, 1\), found \(4,\)"):
        losses.weighted_mpjpe_loss(pred, gt, torch.ones(4))


def constant_optimum(targets: torch.Tensor, loss) -> np.ndarray:
    """The one point that, as prediction for every target (N, 1, 3), has the smallest loss."""

    def value(point: np.ndarray) -> tuple[float, np.ndarray]:
        pred = torch.tensor(point, requires_grad=True)
        total = loss(pred.expand(len(targets), 1, 3), targets)
        total.backward()
        return total.item(), pred.grad.numpy()

    return minimize(value, targets.mean((0, 1)).numpy(), jac=True, tol=1e-14).x


def weighted_geometric_median(points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weiszfeld's iteration: the point whose weighted distances to all the others add up to the least."""
    x = points.mean(0)
    for _ in range(20_000):
        pull = weights / np.linalg.norm(points - x, axis=1)
        x = (pull[:, None] * points).sum(0) / pull.sum()
    return x


def test_the_best_constant_under_equation_1_is_the_weighted_geometric_median():
    targets = torch.tensor([[0.0, 0, 4], [1.5, 0.2, 5], [-0.8, 0.4, 6.5], [0.6, -0.9, 9]], dtype=torch.float64)[:, None]
    points = targets[:, 0].numpy()
    best = constant_optimum(targets, losses.trajectory_loss)
    assert best == pytest.approx(weighted_geometric_median(points, 1 / points[:, 2]), abs=1e-5)
    plain = constant_optimum(targets, losses.mpjpe_loss)
    assert plain == pytest.approx(weighted_geometric_median(points, np.ones(4)), abs=1e-5)
    assert best[2] < plain[2] - 0.1  # the near ones count for more


def test_of_two_roots_in_one_direction_equation_1_wants_the_nearer():
    """Plain MPJPE does not care where between them a prediction lies; a weight of 1 / depth does."""
    gt = torch.tensor([[0.4, 0.0, 2.0], [0.8, 0.0, 4.0]], dtype=torch.float64)[:, None]
    between = [(gt[:1] + a * (gt[1:] - gt[:1])).expand(2, 1, 3) for a in (0.0, 0.25, 0.5, 1.0)]
    plain = torch.stack([losses.mpjpe_loss(pred, gt) for pred in between])
    weighted = torch.stack([losses.trajectory_loss(pred, gt) for pred in between])
    torch.testing.assert_close(plain, plain[:1].expand(4))
    assert bool((weighted.diff() > 0).all())
    torch.testing.assert_close(weighted[3], 2 * weighted[0])
