"""PHD 4.2's evaluation under dynamic time warping: which frames to compare, and the error of what is compared.

The paper prints neither the distance that finds the alignment nor how a horizon is read from it. Ours:

- *The path* is found with ``procrustes_cost``: per pair of frames, the root mean square over joints of the distance
  that the best similarity leaves. This is what Procrustes minimises, and it needs no rotation: of 3x3 matrices, the
  sum of the singular values is enough, and that has a closed form.
- *The error reported* is ``metrics.p_mpjpe``, the mean distance over joints after that same alignment, exact, of the
  pairs on the path. It is never more than the root mean square; the path need not be the one on which its sum is least.
- *A horizon h* aligns the first h frames of both and averages over the pairs of their path. This explains why Table 2's
  first column equals Table 8's, and why Constant, which warping cannot help, prints its running mean there.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from phdlib import metrics
from phdlib.dtw import dtw

PAIRS_AT_ONCE = 2**15  # pairs of frames whose 3x3 products are held at once


@torch.no_grad()
def procrustes_cost(pred: Tensor, gt: Tensor) -> Tensor:
    """Root mean square distance per joint between each pair of frames after the best similarity. -> (B, T1, T2).

    ``pred`` (B, T1, J, 3) is moved onto ``gt`` (B, T2, J, 3) without mirroring, as in ``metrics.procrustes_align``, and
    in the unit of ``gt``. Computed in float64, returned in the type of ``pred``; no gradient passes. Poses that match
    perfectly cost 1e-8 of their size rather than nothing.
    """
    if pred.dim() != 4 or gt.dim() != 4 or pred.shape[-1] != 3 or pred[:, :0].shape != gt[:, :0].shape:
        raise ValueError(
            f"procrustes_cost: expected poses (B, T1, J, 3) and (B, T2, J, 3), found {tuple(pred.shape)} and "
            f"{tuple(gt.shape)}"
        )
    for name, poses in (("pred", pred), ("gt", gt)):
        if not poses.isfinite().all():
            where = tuple((~poses.isfinite()).nonzero()[0].tolist())
            raise ValueError(f"procrustes_cost: {name} is not finite at {where} of {tuple(poses.shape)}")
    (B, T1, J, _), T2 = pred.shape, gt.shape[1]
    cost = pred.new_empty(B, T1, T2)
    step = max(1, PAIRS_AT_ONCE // max(1, T1 * T2))
    for start in range(0, B, step):
        x, y = (poses[start : start + step].double() for poses in (pred, gt))
        x, y = x - x.mean(dim=-2, keepdim=True), y - y.mean(dim=-2, keepdim=True)
        power_x, power_y = (z.square().sum(dim=(-2, -1)) for z in (x, y))
        product = x.permute(3, 0, 1, 2).unsqueeze(1) @ y.permute(3, 0, 2, 1)  # (3, 3, b, T1, T2), the sums of x y^T
        overlap = rotation_overlap(product)
        # The residual of the best scale, |y|^2 - overlap^2 / |x|^2; a pose in one point keeps to the mean of gt.
        px = power_x.unsqueeze(-1)
        explained = torch.where(px > 0, overlap.square() / torch.where(px > 0, px, 1), 0)
        cost[start : start + step] = ((power_y.unsqueeze(-2) - explained).clamp(min=0) / J).sqrt()
    return cost


def p_mpjpe_along(pred: Tensor, gt: Tensor, path: Tensor) -> Tensor:
    """P-MPJPE of each pair on the paths: (B, T1, J, 3), (B, T2, J, 3), (B, L, 2) -> (B, L), NaN past the end."""
    b, k = (path[..., 0] >= 0).nonzero(as_tuple=True)
    i, j = path[b, k].unbind(dim=-1)
    errors = pred.new_full(path.shape[:2], torch.nan)
    return errors.index_put((b, k), metrics.p_mpjpe(pred[b, i], gt[b, j]))


def warped_p_mpjpe(pred: Tensor, gt: Tensor, horizons: Sequence[int]) -> Tensor:
    """Table 2: for each horizon h, the first h frames aligned and the mean P-MPJPE over the pairs of their path.

    ``pred`` and ``gt`` are (B, T, J, 3), and the answer (B, len(horizons)), in metres where they are. Without warping,
    its counterpart is the mean of the first h frames' errors, not the error at frame h, which Table 8 prints.
    """
    T = pred.shape[1]
    if pred.shape != gt.shape or not all(1 <= h <= T for h in horizons):
        raise ValueError(
            f"warped_p_mpjpe: expected equal shapes (B, T, J, 3) and horizons from 1 to T, found {tuple(pred.shape)}, "
            f"{tuple(gt.shape)} and {list(horizons)}"
        )
    cost = procrustes_cost(pred, gt)
    paths = [dtw(cost[:, :h, :h]).path for h in horizons]
    means = [p_mpjpe_along(pred, gt, path).nanmean(dim=1) for path in paths]
    return torch.stack(means, dim=1) if means else pred.new_empty(len(pred), 0)


def mean_per_truth_frame(errors: Tensor, path: Tensor, frames: int) -> Tensor:
    """The other way to read a path: for each true frame, the mean over the predicted frames matched to it.

    ``errors`` (B, L) along ``path`` (B, L, 2) -> (B, frames). Here a frame h keeps an error of its own under warping.
    """
    inside = path[..., 1] >= 0
    j = path[..., 1].clamp(min=0)
    total = errors.new_zeros(len(errors), frames).scatter_add(1, j, errors.where(inside, 0))
    return total / errors.new_zeros(len(errors), frames).scatter_add(1, j, inside.to(errors.dtype))


def rotation_overlap(h: Tensor) -> Tensor:
    """The largest trace of R H over rotations R: s1 + s2 + sign(det H) s3. (3, 3, ...) float64 -> (...,).

    From invariants alone. s1^2 is the largest root of the characteristic cubic of H^T H, by its cosine form. With it
    (s2 +- s3)^2 = s2^2 + s3^2 + 2 det H / s1, where s1^2 (s2^2 + s3^2) = |cof H|^2 - (det H / s1)^2; here the sign of
    the determinant settles mirroring. Exact to rounding, s3 = 0 or s2 = s3 = 0 included; only where a mirroring needed
    is not allowed and s2 = s3, so that the root is of a difference, the error is up to 1e-7 of s1.
    """
    a, b, c = h
    cofactors = torch.stack([_cross(b, c), _cross(c, a), _cross(a, b)])
    determinant = (a * cofactors[0]).sum(dim=0)
    squares = h.square().sum(dim=(0, 1))
    minors = cofactors.square().sum(dim=(0, 1))  # s1^2 s2^2 + s1^2 s3^2 + s2^2 s3^2
    mean = squares / 3
    spread = (mean.square() - minors / 3).clamp(min=0).sqrt()  # 2 * spread is the cosine's amplitude
    third = mean**3 - mean * minors / 2 + determinant.square() / 2
    cosine = torch.where(spread > 0, third / torch.where(spread > 0, spread**3, 1), 1).clamp(-1, 1)
    s1 = (mean + 2 * spread * torch.cos(torch.acos(cosine) / 3)).sqrt()
    s1_or_1 = torch.where(s1 > 0, s1, 1)
    s2_s3 = determinant / s1_or_1  # signed
    half = (minors - s2_s3.square()).clamp(min=0) / s1_or_1.square() / 2  # of s2^2 + s3^2, so never less than |s2 s3|
    return s1 + (2 * (half + s2_s3.clamp(-half, half))).sqrt()


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return torch.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])
