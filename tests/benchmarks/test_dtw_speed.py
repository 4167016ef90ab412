"""How fast warping is, beside a plain loop in the same run. Shown with ``pytest -s tests/benchmarks``.

The bounds asserted here leave room for a busy machine; what was measured is what is printed. The target is 3 ms for
1024 pairs of 30x30, in float32 and with their paths.
"""

import math

import pytest
import torch

from phdlib import metrics
from phdlib.dtw import dtw
from phdlib.dtw_protocol import procrustes_cost, warped_p_mpjpe
from phdlib.timing import best_seconds

STEPS = ((1, 1), (1, 0), (0, 1))


def plain(cost: list[list[float]]) -> tuple[float, list[tuple[int, int]]]:
    """One pair, cell by cell, on lists, which are what Python indexes fastest."""
    T1, T2 = len(cost), len(cost[0])
    total = [[math.inf] * (T2 + 1) for _ in range(T1 + 1)]
    total[0][0] = 0.0
    for i in range(T1):
        for j in range(T2):
            total[i + 1][j + 1] = cost[i][j] + min(total[i][j], total[i][j + 1], total[i + 1][j])
    path = [(T1 - 1, T2 - 1)]
    while path[-1] != (0, 0):
        i, j = path[-1]
        path.append(min(((i - di, j - dj) for di, dj in STEPS), key=lambda cell: total[cell[0] + 1][cell[1] + 1]))
    return total[T1][T2], path[::-1]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_warping(dtype):
    torch.set_num_threads(1)
    cost = torch.rand(1024, 30, 30, generator=torch.Generator().manual_seed(0), dtype=dtype)
    some = cost[:32].tolist()
    runs = {"loop": lambda: [plain(matrix) for matrix in some], "ours": lambda: dtw(cost), "one": lambda: dtw(cost[:1])}
    dtw(cost)
    seconds = best_seconds(runs, 30)
    loop, ours, one = (1000 * seconds[name] for name in ("loop", "ours", "one"))
    loop *= len(cost) / len(some)
    print(
        f"\n1024 pairs of 30x30 with their paths, {dtype}: {ours:.2f} ms, {loop / ours:.0f} x a plain loop "
        f"({loop:.0f} ms, from {len(some)} pairs); a single pair {one:.2f} ms"
    )
    assert ours < 15 and loop / ours > 15


def test_the_cost_of_all_pairs_of_frames():
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    gt = torch.randn(128, 30, 17, 3, generator=generator)
    pred = gt + 0.3 * torch.randn(128, 30, 17, 3, generator=generator)
    two = (2, 30, 30, 17, 3)

    def each():
        return metrics.p_mpjpe(pred[:2].unsqueeze(2).expand(two), gt[:2].unsqueeze(1).expand(two))

    runs = {"each": each, "ours": lambda: procrustes_cost(pred, gt), "all": lambda: warped_p_mpjpe(pred, gt, [30])}
    seconds = best_seconds(runs, 5)
    brute, ours, whole = 64 * seconds["each"], seconds["ours"], seconds["all"]
    print(
        f"\n128 windows of 30 frames: cost of all pairs {1000 * ours:.0f} ms, {brute / ours:.0f} x aligning each "
        f"({1000 * brute:.0f} ms, from two windows); warped P-MPJPE in all {1000 * whole:.0f} ms"
    )
    assert brute / ours > 5
