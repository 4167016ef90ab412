"""Losses: closed forms, gradients, and what they refuse."""

import pytest
import torch

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
