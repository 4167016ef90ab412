"""PHD's evaluation of predicted futures (PHD 4.2): joints of many windows to one row per window and horizon.

The paper does not say what "h frames into the future" means, nor how a horizon is read from a warping path. All of
:data:`READINGS` stand beside each other, each a mean of errors of pairs (predicted frame, true frame):

- ``frame``: frame h with frame h. Table 8, and its like 6, 7 and 3.
- ``mean``: each of the frames 1 to h with itself: the running mean.
- ``mean_dtw``: the first h frames of both are warped; the pairs on their path. Table 2, and 4 and 5:
  :mod:`phdlib.published_arithmetic` works out from the printed numbers that these are running means.
- ``mean_dtw_whole``: all frames are warped together; the pairs of that path whose true frame is among 1 to h. Equal to
  ``mean_dtw`` at the last frame, unequal to ``mean`` at the first.
- ``frame_dtw``: the same path; the pairs of true frame h alone: what a reader who takes a horizon for the frame expects
  under warping. The last frame gains next to nothing, since a path has to end in it.

For a prediction that stands still, warping does nothing: ``mean_dtw`` and ``mean_dtw_whole`` are ``mean`` and
``frame_dtw`` is ``frame``. The path goes over the distance that is left after alignment, never over the keypoints
counted as correct, so that warping may cost PCK, as it does in Table 5 for Squat at 5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd
import torch
from torch import Tensor

from phdlib.camera import project_weak_perspective, solve_weak_perspective
from phdlib.data.clip import Clip
from phdlib.data.phd_role import Windows
from phdlib.dtw import dtw
from phdlib.dtw_protocol import procrustes_cost
from phdlib.metrics import p_mpjpe, pck

HORIZONS = (1, 5, 10, 20, 30)
READINGS = ("frame", "mean", "mean_dtw", "mean_dtw_whole", "frame_dtw")
ALPHA = 0.05  # PCK's threshold as a share of the person's size (PHD 4.2)
FEWEST_VISIBLE = 6  # keypoints below which HMMR's evaluator leaves out a frame
_PAIRS_AT_ONCE = 2**16


@torch.no_grad()
def futures_3d(
    pred: Tensor, gt: Tensor, about: pd.DataFrame | None = None, horizons: Sequence[int] = HORIZONS
) -> pd.DataFrame:
    """P-MPJPE in mm of predicted futures, lower is better: the Human3.6M role.

    ``pred`` and ``gt`` (N, T, J, 3) metres, the T frames after the last one seen. One row per window and horizon, in
    that order: the columns of ``about`` (one row per window, see :func:`describe`), ``window``, ``horizon``,
    :data:`READINGS`, and ``speed`` and ``true_speed``: how far a joint moves from frame to frame against the first
    joint, mm, mean over the frames 1 to h (NaN at 1). Predictions lose speed, and P-MPJPE rewards them for it.
    """
    _check(pred, gt, 3, about, horizons)

    def error(b: Tensor, i: Tensor, j: Tensor) -> Tensor:
        return 1000 * p_mpjpe(pred[b, i], gt[b, j])

    found = read(procrustes_cost(pred, gt), error, horizons)
    for name, joints in (("speed", pred), ("true_speed", gt)):
        moved = (joints - joints[..., :1, :]).diff(dim=1).norm(dim=-1).mean(dim=-1)
        found[name] = 1000 * _up_to(moved, horizons)
    return _rows(found, about, horizons)


@torch.no_grad()
def futures_2d(
    pred: Tensor,
    keypoints: Tensor,
    visible: Tensor,
    about: pd.DataFrame | None = None,
    horizons: Sequence[int] = HORIZONS,
    *,
    size: Tensor | None = None,
    alpha: float = ALPHA,
    fewest: int = FEWEST_VISIBLE,
) -> pd.DataFrame:
    """PCK in percent of predicted futures, higher is better: the Penn Action role.

    ``pred`` (N, T, J, 3) in camera axes, any unit; ``keypoints`` (N, T, J, 2), ``visible`` (N, T, J) the truth. Each
    predicted frame is put on a true one by the camera of eq. 6 over its visible keypoints. A keypoint is correct
    within ``alpha`` times ``size`` (N, T), the unit of the keypoints; by default :func:`person_size` of the true
    frame. Frames with fewer than ``fewest`` visible keypoints count nowhere, since four numbers of two points leave
    eq. 6's three little to miss; a reading without any frame is NaN.

    The evaluator of the released HMMR code, on which PHD builds, aligns by scale and translation as well, but takes
    0.05 of the crop of 224 pixels, in which the diagonal of the person's box is 150: for a box of sides a >= b that is
    0.075 sqrt(a^2 + b^2) where ours is 0.05 a, so its keypoints may miss by 1.5 to 2.1 times as much. Its scale is also
    another, half the trace of (X^T X)^-1 X^T Y for centred points X and Y, which is not the least squares of eq. 6.

    Rows and columns as in :func:`futures_3d`; ``speed`` and ``true_speed`` are of the keypoints against their common
    motion, in percent of the person's size per frame. One scale per window puts the prediction on the image there, the
    mean of eq. 6's, so that a frozen one has none.
    """
    _check(pred, keypoints, 2, about, horizons)
    if visible.shape != keypoints.shape[:-1]:
        raise ValueError(
            f"futures_2d: visible should be (N, T, J) = {tuple(keypoints.shape[:-1])}, found {tuple(visible.shape)}"
        )
    seen = visible.bool()
    size = person_size(keypoints, seen) if size is None else size.to(keypoints)
    if size.shape != keypoints.shape[:2]:
        raise ValueError(f"futures_2d: size should be (N, T) = {tuple(keypoints.shape[:2])}, found {tuple(size.shape)}")
    seen = seen & (seen.sum(dim=-1) >= fewest)[..., None]
    counts = seen.any(dim=-1)
    if not bool(((size > 0) & size.isfinite())[counts].all()):
        worst = (counts & ~((size > 0) & size.isfinite())).nonzero()[0].tolist()
        raise ValueError(f"futures_2d: expected sizes above 0, found {size[tuple(worst)]:g} at window, frame {worst}")
    keypoints = torch.where(seen[..., None], keypoints, 0)
    if not bool(keypoints.isfinite().all()):
        where = (~keypoints.isfinite()).nonzero()[0].tolist()
        raise ValueError(f"futures_2d: a visible keypoint is not finite at {where} of {tuple(keypoints.shape)}")

    def error(b: Tensor, i: Tensor, j: Tensor) -> Tensor:
        truth, known, joints = keypoints[b, j], seen[b, j], pred[b, i]
        placed = project_weak_perspective(joints, *solve_weak_perspective(joints[..., :2], truth, known))
        return 100 * pck(placed, truth, known, size[b, j], alpha)

    found = read(projection_cost(pred[..., :2], keypoints, seen, size), error, horizons)
    s = solve_weak_perspective(pred[..., :2], keypoints, seen).s.where(counts, torch.nan).nanmean(dim=1)
    both = seen[:, 1:] & seen[:, :-1]
    for name, points in (("speed", s[:, None, None, None] * pred[..., :2]), ("true_speed", keypoints)):
        moved = points.diff(dim=1).where(both[..., None], torch.nan)
        moved = (moved - moved.nanmean(dim=2, keepdim=True)).norm(dim=-1).nanmean(dim=-1) / size[:, 1:]
        found[name] = 100 * _up_to(moved, horizons)
    return _rows(found, about, horizons)


def person_size(keypoints: Tensor, visible: Tensor) -> Tensor:
    """The longer side of the box around the visible keypoints: (..., J, 2), (..., J) -> (...,), 0 where there is none.

    Of each frame on its own, as PCK was defined [60]; so a person who crouches has to be met more closely.
    """
    shown = visible.bool()[..., None]
    low = keypoints.where(shown, torch.inf).amin(dim=-2)
    high = keypoints.where(shown, -torch.inf).amax(dim=-2)
    return (high - low).amax(dim=-1).clamp(min=0)


@torch.no_grad()
def projection_cost(x_orth: Tensor, keypoints: Tensor, visible: Tensor, size: Tensor) -> Tensor:
    """What eq. 6 leaves of each pair of frames: root mean square distance over the visible keypoints, over ``size``.

    (B, T1, J, 2), (B, T2, J, 2), (B, T2, J), (B, T2) -> (B, T1, T2). In closed form from sums over joints, in float64.
    A true frame without visible keypoints costs nothing, whatever it is matched with.
    """
    v = visible.double()
    x, y, n = x_orth.double(), keypoints.double(), v.sum(dim=-1).clamp(min=1)[:, None]  # n (B, 1, T2)
    x = x - x.mean(dim=2, keepdim=True)  # nothing that the camera would not undo; spares the digits
    y = torch.where(visible[..., None].bool(), y, 0)
    y = (y - (y.sum(dim=2) / n[:, 0, :, None]).unsqueeze(2)) * v[..., None]
    overlap = x.flatten(2) @ y.flatten(2).mT  # sum over the visible of x . y, y centred
    square = x.square().sum(dim=-1) @ v.mT
    for axis in range(2):
        square = square - (x[..., axis] @ v.mT).square() / n
    explained = torch.where(square > 0, overlap.square() / torch.where(square > 0, square, 1), 0)
    left = (y.square().sum(dim=(2, 3))[:, None] - explained).clamp(min=0) / n
    reach = torch.where(v.any(dim=-1), size.double(), 1)[:, None]
    return (left.sqrt() / reach).to(x_orth.dtype)


def read(
    cost: Tensor, error: Callable[[Tensor, Tensor, Tensor], Tensor], horizons: Sequence[int] = HORIZONS
) -> dict[str, Tensor]:
    """:data:`READINGS` by name, each (N, H), of costs (N, T, T) that the paths are found on.

    ``error(b, i, j)``, three vectors of indices, tells the error of window b's predicted frame i as true frame j; it is
    asked once for each pair that any path meets, and NaN from it is left out of every mean.
    """
    N, T, _ = cost.shape
    paths = {h: dtw(cost[:, :h, :h]).path for h in {*horizons, T}}
    met = torch.eye(T, dtype=torch.bool, device=cost.device).repeat(N, 1, 1)
    for path in paths.values():
        b, k = (path[..., 0] >= 0).nonzero(as_tuple=True)
        met[b, path[b, k, 0], path[b, k, 1]] = True
    errors = torch.full_like(cost, torch.nan)
    for b, i, j in zip(*(index.split(_PAIRS_AT_ONCE) for index in met.nonzero(as_tuple=True)), strict=True):
        errors[b, i, j] = error(b, i, j).to(errors)
    raw, whole, true = errors.diagonal(dim1=1, dim2=2), _along(errors, paths[T]), paths[T][..., 1]
    inside = true >= 0
    readings = {
        "frame": [raw[:, h - 1] for h in horizons],
        "mean": [raw[:, :h].nanmean(dim=1) for h in horizons],
        "mean_dtw": [_along(errors, paths[h]).nanmean(dim=1) for h in horizons],
        "mean_dtw_whole": [whole.where(inside & (true < h), torch.nan).nanmean(dim=1) for h in horizons],
        "frame_dtw": [whole.where(true == h - 1, torch.nan).nanmean(dim=1) for h in horizons],
    }
    return {name: torch.stack(columns, dim=1) for name, columns in readings.items()}


def describe(clips: Sequence[Clip], windows: Windows) -> pd.DataFrame:
    """What each window is of: ``take``, ``camera``, ``subject``, ``action`` and the frame ``start`` it begins at."""
    owners = [clips[i] for i in windows.clip.tolist()]
    columns = {name: [getattr(clip, name) for clip in owners] for name in ("take", "subject", "action")}
    cameras = [clip.camera.name if clip.camera else "" for clip in owners]
    return pd.DataFrame({**columns, "camera": cameras, "start": windows.start.tolist()})


def window_frames(clips: Sequence[Clip], windows: Windows, field: str) -> Tensor:
    """A field of all windows' frames, such as ``keypoints2d``: (N, frames, ...), conditioning frames first.

    ``ValueError`` names a clip that does not have it.
    """
    for clip in clips:
        if getattr(clip, field) is None:
            raise ValueError(f"clip {clip.name}: needs {field}, found None")
    first = torch.tensor([0, *(len(clip) for clip in clips)]).cumsum(0)[windows.clip] + windows.start
    return torch.cat([getattr(clip, field) for clip in clips])[first[:, None] + torch.arange(windows.frames)]


def _along(errors: Tensor, path: Tensor) -> Tensor:
    """Errors (N, T, T) of the pairs on the paths (N, L, 2): (N, L), NaN past a path's end."""
    b = torch.arange(len(path), device=path.device)[:, None]
    i, j = path.clamp(min=0).unbind(dim=-1)
    return errors[b, i, j].where(path[..., 0] >= 0, torch.nan)


def _up_to(moved: Tensor, horizons: Sequence[int]) -> Tensor:
    """Means (N, H) of the steps (N, T - 1) between the frames 1 to h."""
    return torch.stack([moved[:, : h - 1].nanmean(dim=1) for h in horizons], dim=1)


def _rows(found: dict[str, Tensor], about: pd.DataFrame | None, horizons: Sequence[int]) -> pd.DataFrame:
    N, H = found["frame"].shape
    table = pd.DataFrame({name: values.double().cpu().flatten().numpy() for name, values in found.items()})
    table.insert(0, "horizon", list(horizons) * N)
    table.insert(0, "window", [n for n in range(N) for _ in range(H)])
    if about is None:
        return table
    return pd.concat([about.iloc[table["window"].to_numpy()].reset_index(drop=True), table], axis=1)


def _check(pred: Tensor, gt: Tensor, axes: int, about: pd.DataFrame | None, horizons: Sequence[int]) -> None:
    if pred.dim() != 4 or pred.shape[-1] != 3 or gt.shape != (*pred.shape[:-1], axes):
        raise ValueError(
            f"futures_{axes}d: expected predictions (N, T, J, 3) and a truth (N, T, J, {axes}) of as many windows, "
            f"frames and joints, found {tuple(pred.shape)} and {tuple(gt.shape)}"
        )
    T = pred.shape[1]
    if not horizons or not all(1 <= h <= T for h in horizons):
        raise ValueError(f"futures_{axes}d: expected horizons from 1 to the {T} frames there are, found {horizons}")
    if not bool(pred.isfinite().all()):
        where = (~pred.isfinite()).nonzero()[0].tolist()
        raise ValueError(f"futures_{axes}d: the prediction is not finite at {where} of {tuple(pred.shape)}")
    if about is not None and len(about) != len(pred):
        raise ValueError(f"futures_{axes}d: {len(pred)} windows, but {len(about)} rows about them")
