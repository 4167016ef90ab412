"""Dynamic time warping of many pairs of sequences at once: the alignment under which PHD 4.2 evaluates predictions.

A warping path matches frame ``i`` of one sequence with frame ``j`` of the other. It leads from the first pair to the
last by steps (1, 1), (1, 0) and (0, 1), so every frame of either is matched and indices never decrease, as PHD asks;
it costs the sum of the costs of its cells, each counted once. ``dtw`` finds the cheapest.

Cells with the same ``i + j`` do not depend on each other, so the sweep takes one anti-diagonal of all pairs at a time:
T1 + T2 - 1 rounds of five operations, whatever the batch. Costs are laid out with the batch innermost and moves with
each anti-diagonal in one piece, so that every operation runs over long contiguous rows. The sweep goes from the last
cell back to the first and keeps the cost *to go*, so that the paths are then read off forwards.

The same lines run under NumPy on a CPU and under torch on any other device, whose functions of these names agree.
NumPy is there for speed: hundreds of operations on ten thousand numbers each are its case, where torch pays for every
call, and for threads that wait for each other when the machine has other work.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

Array = Any  # np.ndarray or Tensor


class DTW(NamedTuple):
    """The cheapest warping path of each pair of a batch."""

    distance: Tensor  # (B,), the sum of the costs along the path, in the type of the costs
    path: Tensor  # (B, T1 + T2 - 1, 2), int64: the pairs (i, j) in order, then -1
    length: Tensor  # (B,), int64: how many pairs the path has


@torch.no_grad()
def dtw(cost: Tensor) -> DTW:
    """The cheapest warping path through each matrix of costs. (B, T1, T2), float32 or float64, B may be 0.

    *Ties*: where several paths cost the same, the one whose steps come first in the order (1, 1), (1, 0), (0, 1), read
    from the start: at each cell the diagonal if some cheapest path takes it, else a step along the first sequence. So
    the answer does not depend on the batch or the device. What counts as equal are sums in floating point, taken from
    the end of the path. No gradient passes.
    """
    _check(cost)
    return _dtw(cost, np if cost.device.type == "cpu" else torch)


def _dtw(cost: Tensor, xp: ModuleType) -> DTW:
    B, T1, T2 = cost.shape
    columns = _empty(xp, cost, (T1 * T2, B), cost.dtype)
    columns[:] = _own(xp, cost.detach().reshape(B, T1 * T2)).T
    if not xp.isfinite(columns).all():
        _refuse(cost)
    with np.errstate(over="ignore"):  # looked for below, where it matters
        distance, down, diagonal = _sweep(xp, columns, T1, T2, cost)
    if not xp.isfinite(distance).all():
        b = torch.as_tensor(distance).isfinite().tolist().index(False)
        raise ValueError(f"dtw: the costs of pair {b} add up to more than {cost.dtype} can hold")
    path, length = _trace(xp, down, diagonal, T1, T2, cost)
    return DTW(torch.as_tensor(distance).clone(), torch.as_tensor(path), torch.as_tensor(length))


def _sweep(xp: ModuleType, columns: Array, T1: int, T2: int, like: Tensor) -> tuple[Array, Array, Array]:
    """Cost to go from the first cell, (B,), and for each cell the best step from it.

    Steps are two booleans in row ``(i + j) * T1 + i``: ``down`` where the step advances i, and beside it ``diagonal``
    where it advances j too.
    """
    B, last = columns.shape[1], T1 + T2 - 2
    rows = (last + 1 + min(T1, T2)) * T1
    down, diagonal = (_empty(xp, like, (rows, B), torch.bool) for _ in range(2))
    # From its end on, a path says neither, and so goes on in place (see _trace).
    down[(last + 1) * T1 - 1 :: T1] = diagonal[(last + 1) * T1 - 1 :: T1] = False
    # Cost to go on three anti-diagonals in turn, by i. Outside the matrix it is infinite: row T1, and rows i with
    # j = T2, which no anti-diagonal nearer to the end has written, since i + j only falls.
    to_go = _empty(xp, like, (3, T1 + 1, B), like.dtype)
    to_go[:] = torch.inf
    best = _empty(xp, like, (T1, B), like.dtype)
    to_go[last % 3, T1 - 1] = columns[T1 * T2 - 1]
    for d in range(last - 1, -1, -1):
        lo, hi = max(0, d - T2 + 1), min(T1 - 1, d) + 1  # the cells (i, d - i) with lo <= i < hi
        here, after = slice(d * T1 + lo, d * T1 + hi), to_go[(d + 1) % 3]
        go_right, go_down, go_both = after[lo:hi], after[lo + 1 : hi + 1], to_go[(d + 2) % 3, lo + 1 : hi + 1]
        first, least = lo * T2 + d - lo, best[: hi - lo]
        entered = columns[first : first + (hi - lo - 1) * (T2 - 1) + 1 : max(T2 - 1, 1)]
        xp.minimum(go_both, go_down, out=least)
        xp.less_equal(least, go_right, out=down[here])
        xp.minimum(least, go_right, out=least)
        xp.less_equal(go_both, least, out=diagonal[here])
        xp.add(least, entered, out=to_go[d % 3, lo:hi])
    return to_go[0, 0], down, diagonal


def _trace(xp: ModuleType, down: Array, diagonal: Array, T1: int, T2: int, like: Tensor) -> tuple[Array, Array]:
    """Follow the best steps from (0, 0): path (B, T1 + T2 - 1, 2) and length (B,).

    After k steps a path stands in row ``(i + j) * T1 + i`` = ``k * T1 + row``, where a step (0, 1) leaves ``row`` as it
    is, (1, 0) adds 1 and (1, 1) adds 1 + T1. A path at its end takes steps (0, 1) out of the matrix, known by j >= T2.
    """
    B, steps = down.shape[1], T1 + T2 - 1
    down, diagonal = down.reshape(-1), diagonal.reshape(-1)
    place = _empty(xp, like, (steps, B), torch.int64)  # row * B + b
    place[0] = _own(xp, torch.arange(B, device=like.device))
    one = xp.full_like(place[0], B)
    across = one * T1
    for k in range(steps - 1):
        here, rest = place[k], slice(k * T1 * B, None)
        there = place[k + 1]
        xp.add(here, one * down[rest][here], out=there)
        there += across * diagonal[rest][here]
    row = place // max(B, 1)
    beyond = row // T1  # (i + j) - k
    i = row - beyond * T1
    j = beyond - i
    j += _own(xp, torch.arange(steps, device=like.device))[:, None]
    inside = j < T2
    path = _empty(xp, like, (B, steps, 2), torch.int64)
    path[..., 0] = xp.where(inside, i, -1).T
    path[..., 1] = xp.where(inside, j, -1).T
    return path, inside.sum(0)


def _empty(xp: ModuleType, like: Tensor, shape: tuple[int, ...], dtype: torch.dtype) -> Array:
    """An array of ``xp`` beside the tensor ``like``, with nothing written in it."""
    return _own(xp, torch.empty(shape, dtype=dtype, device=like.device))


def _own(xp: ModuleType, tensor: Tensor) -> Array:
    """The memory of a tensor as an array of ``xp``."""
    return tensor.numpy() if xp is np else tensor


def _check(cost: Tensor) -> None:
    if cost.dim() != 3:
        raise ValueError(f"dtw: cost must be (B, T1, T2), found {tuple(cost.shape)}")
    if cost.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"dtw: cost must be float32 or float64, found {cost.dtype}")
    if 0 in cost.shape[1:]:
        raise ValueError(f"dtw: both sequences need at least one frame, found cost {tuple(cost.shape)}")


def _refuse(cost: Tensor) -> None:
    bad = ~cost.isfinite()
    first = tuple(bad.nonzero()[0].tolist())
    raise ValueError(
        f"dtw: {int(bad.sum())} costs are not finite, the first, {cost[first]:g}, at {first} of {tuple(cost.shape)}"
    )
