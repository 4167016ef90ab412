"""The papers' errors of 3D and 2D poses, one implementation each: torch, batched, per frame, nothing changed in place.

Every function returns one number per frame, ``(...,)`` for poses ``(..., J, 3)``, in the unit of its input (metres in,
metres out), and leaves the averaging to the caller: VP3D's tables, for one, are means of per-action means. A joint that
is not a number makes its frame's error not a number, except where an alignment has to be solved: there it is an error.
"""

from __future__ import annotations

import torch
from torch import Tensor


def mpjpe(pred: Tensor, gt: Tensor) -> Tensor:
    """Protocol 1: mean Euclidean distance between predicted and true joints (VP3D 5.1). (..., J, 3) -> (...,)."""
    _check_poses(pred, gt)
    return torch.linalg.vector_norm(pred - gt, dim=-1).mean(dim=-1)


def p_mpjpe(pred: Tensor, gt: Tensor) -> Tensor:
    """Protocol 2: MPJPE after each frame's best translation, rotation and scale (VP3D 5.1). (..., J, 3) -> (...,).

    PHD reports the same number as its reconstruction error.
    """
    return mpjpe(procrustes_align(pred, gt), gt)


def n_mpjpe(pred: Tensor, gt: Tensor) -> Tensor:
    """Protocol 3: MPJPE after each frame's best scale alone (VP3D 5.1, 6.2). (..., J, 3) -> (...,).

    The scale minimises the squared distance and acts about the origin, so poses are meant relative to their root. A
    prediction that is zero everywhere keeps the scale 1: no scale would change it.
    """
    _check_poses(pred, gt)
    power = pred.square().sum(dim=(-2, -1), keepdim=True)
    overlap = (pred * gt).sum(dim=(-2, -1), keepdim=True)
    scale = torch.where(power > 0, overlap / torch.where(power > 0, power, 1), 1)
    return mpjpe(scale * pred, gt)


def mpjve(pred: Tensor, gt: Tensor) -> Tensor:
    """Velocity error: MPJPE of the first differences along time (VP3D 6.1, Table 2). (..., T, J, 3) -> (..., T - 1).

    In metres per frame: the paper names no unit and divides by no time step, so compare at one frame rate only.
    """
    _check_poses(pred, gt)
    if pred.dim() < 3 or pred.shape[-3] < 2:
        raise ValueError(f"mpjve: needs poses (..., T, J, 3) with T >= 2 frames, found {tuple(pred.shape)}")
    return mpjpe(pred.diff(dim=-3), gt.diff(dim=-3))


def procrustes_align(pred: Tensor, gt: Tensor) -> Tensor:
    """Each predicted pose under the similarity (no reflection) that brings it closest to ``gt`` in least squares.

    Poses (..., J, 3) of any batch shape; solved in float64, returned in the type of ``pred``. Degenerate poses are
    allowed: where all predicted joints coincide, they land on the mean of ``gt``; where they lie on a line or in a
    plane, one of the equally good rotations is taken. ``ValueError`` names the first joint that is not finite.
    """
    _check_poses(pred, gt)
    _check_finite(pred, "pred")
    _check_finite(gt, "gt")
    x, y = pred.double(), gt.double()
    mean_x, mean_y = x.mean(dim=-2, keepdim=True), y.mean(dim=-2, keepdim=True)
    x, y = x - mean_x, y - mean_y
    u, s, vh = torch.linalg.svd(x.mT @ y)  # (..., 3, 3); rows are points, so the rotation acts from the right: x @ r
    # Where the best orthogonal map mirrors, turning its weakest axis round gives the best rotation.
    weakest = torch.where(torch.linalg.det(u) * torch.linalg.det(vh) < 0, -1.0, 1.0).to(s)
    sign = torch.ones_like(s)
    sign[..., -1] = weakest
    rotation = (u * sign.unsqueeze(-2)) @ vh
    power = x.square().sum(dim=(-2, -1))
    scale = torch.where(power > 0, (s * sign).sum(dim=-1) / torch.where(power > 0, power, 1), 0)
    return (scale[..., None, None] * (x @ rotation) + mean_y).to(pred.dtype)


def pck(pred2d: Tensor, gt2d: Tensor, visible: Tensor, scale: Tensor | float, alpha: float = 0.05) -> Tensor:
    """Share of the visible joints within ``alpha * scale`` of the truth (PHD 5). (..., J, 2) -> (...,) from 0 to 1.

    ``visible`` (..., J) is boolean or 0/1; ``scale`` (...,) is the size of the person in the unit of the points, such
    as the longer side of the box around the person. A frame without a visible joint has no share: NaN.
    """
    if pred2d.shape != gt2d.shape or pred2d.shape[-1] != 2:
        raise ValueError(
            f"pck: expected two sets of points (..., J, 2), found {tuple(pred2d.shape)}, {tuple(gt2d.shape)}"
        )
    if visible.shape != pred2d.shape[:-1]:
        raise ValueError(f"pck: visible must be (..., J) = {tuple(pred2d.shape[:-1])}, found {tuple(visible.shape)}")
    seen = visible.bool()
    reach = alpha * torch.as_tensor(scale, dtype=pred2d.dtype, device=pred2d.device)
    # An unseen joint may hold anything, NaN included: it is compared, and then left out of the count.
    hit = (torch.linalg.vector_norm(pred2d - gt2d, dim=-1) <= reach.unsqueeze(-1)) & seen
    count = seen.sum(dim=-1)
    share = hit.sum(dim=-1) / count.clamp(min=1).to(pred2d.dtype)
    return torch.where(count > 0, share, torch.nan)


def _check_poses(pred: Tensor, gt: Tensor) -> None:
    if pred.shape != gt.shape or pred.dim() < 2 or pred.shape[-1] != 3:
        raise ValueError(
            f"expected two poses (..., J, 3) of equal shape, found {tuple(pred.shape)} and {tuple(gt.shape)}"
        )


def _check_finite(poses: Tensor, name: str) -> None:
    bad = (~poses.isfinite()).any(dim=-1)
    if bad.any():
        where = bad.nonzero()[0].tolist()
        raise ValueError(
            f"{name}: {int(bad.sum())} joints are not finite, the first at index {where} of {tuple(bad.shape)}"
        )
