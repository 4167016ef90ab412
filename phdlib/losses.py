"""Training losses; each names its equation. Scalars out, the mean over everything that is given."""

from __future__ import annotations

from torch import Tensor

from phdlib import metrics


def mpjpe_loss(pred: Tensor, gt: Tensor) -> Tensor:
    """VP3D's supervised pose loss (4): the mean joint error of root-relative poses (..., J, 3), in metres."""
    return metrics.mpjpe(pred, gt).mean()


def weighted_mpjpe_loss(pred: Tensor, gt: Tensor, weight: Tensor) -> Tensor:
    """Mean over frames of weight (...,) times joint error of poses (..., J, 3) (VP3D eq. 1)."""
    errors = metrics.mpjpe(pred, gt)
    if weight.shape != errors.shape:
        raise ValueError(
            f"weighted_mpjpe_loss: expected a weight per frame {tuple(errors.shape)}, found {tuple(weight.shape)}"
        )
    return (weight * errors).mean()


def inverse_depth(trajectory: Tensor) -> Tensor:
    """VP3D eq. 1's weight 1 / y_z, from the true root (..., 1, 3) in camera space (z forward, metres) -> (...,).

    ``ValueError`` if a root is not in front of the camera, where the weight would be infinite or negative.
    """
    if trajectory.shape[-2:] != (1, 3):
        raise ValueError(f"inverse_depth: expected a trajectory (..., 1, 3), found {tuple(trajectory.shape)}")
    depth = trajectory[..., 0, 2]
    if not bool((depth > 0).all()):
        raise ValueError(f"inverse_depth: depths must be above 0 m, the smallest is {depth.min().item():g} m")
    return depth.reciprocal()


def trajectory_loss(pred: Tensor, gt: Tensor) -> Tensor:
    """VP3D eq. 1: error of the root (..., 1, 3) in camera space, each frame weighted by 1 / its true depth."""
    return weighted_mpjpe_loss(pred, gt, inverse_depth(gt))
