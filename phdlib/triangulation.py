"""3D points from several calibrated cameras that agree on them: what a reference is made of where there is no mocap."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from phdlib.camera import Camera
from phdlib.wild_camera import undistort

AGREE = 20.0  # pixels: how far a keypoint may be from the point that it shares in
FEWEST = 2


class Triangulated(NamedTuple):
    """``points`` (T, J, 3) metres in the world, NaN where fewer cameras agree than were asked for; ``cameras`` (T, J)
    how many do; ``error`` (T, J) their root mean square distance in pixels."""

    points: Tensor
    cameras: Tensor
    error: Tensor


def triangulate(
    cameras: Sequence[Camera],
    keypoints: Float[Tensor, "C T J 2"],
    scores: Float[Tensor, "C T J"],
    agree: float = AGREE,
    fewest: int = FEWEST,
) -> Triangulated:
    """The point of each joint and frame that most cameras agree on within ``agree`` pixels; of equally many, those that
    agree best. A keypoint without a finite place or with score 0 has no part. ``ValueError`` for shapes that do not
    fit, or fewer than two cameras."""
    C = len(cameras)
    if C < 2 or keypoints.shape[0] != C or scores.shape != keypoints.shape[:-1]:
        found = f"{C} cameras, keypoints {tuple(keypoints.shape)}, scores {tuple(scores.shape)}"
        raise ValueError(f"triangulate: found {found}, expected at least 2 cameras, (C, T, J, 2) and (C, T, J)")
    rays = torch.stack([undistort(x.double(), camera.intrinsics) for x, camera in zip(keypoints, cameras, strict=True)])
    weights = scores.double() * rays.isfinite().all(-1)
    rays = rays.nan_to_num()
    matrices = torch.stack([torch.cat((c.rotation, c.translation[:, None]), 1).double() for c in cameras])  # (C, 3, 4)
    focal = torch.stack([c.intrinsics[:2].mean() for c in cameras]).double()
    best = Triangulated(
        torch.full((*keypoints.shape[1:3], 3), torch.nan, dtype=torch.float64),
        torch.zeros(keypoints.shape[1:3], dtype=torch.int64),
        torch.full(keypoints.shape[1:3], torch.inf, dtype=torch.float64),
    )
    for count in range(C, fewest - 1, -1):
        for chosen in combinations(range(C), count):
            part = list(chosen)
            points = _solve(matrices[part], rays[part], weights[part])
            off = _distance(matrices[part], points, rays[part]) * focal[part, None, None]
            usable = (weights[part] > 0).all(0) & (off < agree).all(0)
            error = off.square().mean(0).sqrt()
            better = (
                usable & (best.cameras <= count) & (error < torch.where(best.cameras == count, best.error, torch.inf))
            )
            best.points[better] = points[better]
            best.cameras[better] = count
            best.error[better] = error[better]
    return Triangulated(best.points.float(), best.cameras, best.error.float())


def _solve(matrices: Tensor, rays: Tensor, weights: Tensor) -> Tensor:
    """Linear triangulation: each ray gives two equations on the homogeneous point, weighted by its score."""
    M = matrices[:, None, None]
    rows = torch.stack([rays[..., i, None] * M[..., 2, :] - M[..., i, :] for i in (0, 1)], dim=-2)  # (C, T, J, 2, 4)
    rows = (weights[..., None, None] * rows).movedim(0, -3).flatten(-3, -2)
    X = torch.linalg.eigh(rows.mT @ rows).eigenvectors[..., 0]
    return X[..., :3] / torch.where(X[..., 3:].abs() < 1e-9, torch.full_like(X[..., 3:], 1e-9), X[..., 3:])


def _distance(matrices: Tensor, points: Tensor, rays: Tensor) -> Tensor:
    """(C, T, J) distance of projected points from the rays where z is 1; infinite behind a camera."""
    seen = torch.einsum("cij,tkj->ctki", matrices[..., :3], points) + matrices[:, None, None, :, 3]
    off = (seen[..., :2] / seen[..., 2:] - rays).norm(dim=-1)
    return torch.where(seen[..., 2] > 0, off, torch.inf)


def offsets(
    cameras: Sequence[Camera], keypoints: Tensor, scores: Tensor, most: int = 10, joints: Sequence[int] | None = None
) -> tuple[int, ...]:
    """By how many frames each camera lags behind the first: the whole numbers, up to ``most``, for which all cameras
    agree best (the median distance over joints that all see), found camera by camera in turn until nothing changes."""
    use = slice(None) if joints is None else list(joints)
    points, weights = keypoints[:, :, use], scores[:, :, use]

    def misfit(lags: Sequence[int]) -> float:
        moved, known = (shifted(x, lags) for x in (points, weights))
        found = triangulate(cameras, moved, known, agree=torch.inf, fewest=len(cameras))
        return float(found.error[found.error.isfinite()].median())

    lags = [0] * len(cameras)
    for _ in range(3):
        before = list(lags)
        for c in range(1, len(cameras)):
            lags[c] = min(range(-most, most + 1), key=lambda lag: (misfit([*lags[:c], lag, *lags[c + 1 :]]), abs(lag)))
        if lags == before:
            break
    return tuple(lags)


def shifted(values: Tensor, lags: Sequence[int]) -> Tensor:
    """(C, T, ...) of cameras that lag, cut to the frames that all have: camera c's frame t + lag beside frame t."""
    T, low, high = values.shape[1], min(0, *lags), max(0, *lags)
    return torch.stack([values[c, lag - low : T - high + lag] for c, lag in enumerate(lags)])


def smoothed(points: Float[Tensor, "T J 3"], fps: float, longest: int, cutoff: float = 6.0) -> Tensor:
    """Gaps of up to ``longest`` frames on straight lines, longer ones left NaN, the rest low-passed (Butterworth,
    fourth order, forwards and backwards, ``cutoff`` Hz, as is usual for marker data)."""
    from scipy.signal import butter, filtfilt

    b, a = butter(4, min(cutoff / (fps / 2), 0.99))
    found = points.double().numpy().copy()
    for j in range(found.shape[1]):
        known = np.isfinite(found[:, j]).all(-1)
        edges = np.flatnonzero(np.diff(np.concatenate(([True], known, [True]))))
        if not known.any():
            continue
        at = np.arange(len(found))
        line = np.stack([np.interp(at, at[known], found[known, j, i]) for i in range(3)], axis=-1)
        line = filtfilt(b, a, line, axis=0) if len(line) > 15 else line
        for start, stop in zip(edges[::2], edges[1::2], strict=True):
            if stop - start > longest or start == 0 or stop == len(found):
                line[start:stop] = np.nan
        found[:, j] = line
    return torch.from_numpy(found).float()
