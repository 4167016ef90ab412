"""Dynamic time warping against every path there is, against a plain loop, and the properties that define it."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phdlib import metrics
from phdlib.dtw import DTW, _dtw, dtw
from phdlib.dtw_protocol import (
    mean_per_truth_frame,
    p_mpjpe_along,
    procrustes_cost,
    rotation_overlap,
    warped_p_mpjpe,
)

seeds = st.integers(0, 2**31 - 1)
STEPS = ((1, 1), (1, 0), (0, 1))
Path = list[tuple[int, int]]


def numbers(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def every_path(T1: int, T2: int, i: int = 0, j: int = 0) -> Iterator[Path]:
    """All warping paths from (i, j) to the last pair, in the order of the tie rule."""
    if (i, j) == (T1 - 1, T2 - 1):
        yield [(i, j)]
    for di, dj in STEPS:
        if i + di < T1 and j + dj < T2:
            yield from ([(i, j), *rest] for rest in every_path(T1, T2, i + di, j + dj))


def plain(cost: np.ndarray) -> tuple[float, Path]:
    """One matrix, cell by cell, from the front: the textbook's table of costs so far, walked back from the end."""
    T1, T2 = cost.shape
    total = np.full((T1 + 1, T2 + 1), np.inf)
    total[0, 0] = 0
    for i in range(T1):
        for j in range(T2):
            total[i + 1, j + 1] = cost[i, j] + min(total[i, j], total[i, j + 1], total[i + 1, j])
    path = [(T1 - 1, T2 - 1)]
    while path[-1] != (0, 0):
        i, j = path[-1]
        path.append(min(((i - di, j - dj) for di, dj in STEPS), key=lambda cell: total[cell[0] + 1, cell[1] + 1]))
    return total[T1, T2], path[::-1]


def path_of(answer: DTW, b: int = 0) -> Path:
    path = answer.path[b]
    assert (path[answer.length[b] :] == -1).all()
    return [(int(i), int(j)) for i, j in path[: answer.length[b]]]


@settings(deadline=None)
@given(seeds, st.integers(1, 5), st.integers(1, 5), st.booleans())
def test_the_best_of_all_paths(seed, T1, T2, whole):
    """With whole numbers there are many ties, and the first of the cheapest paths in the tie rule's order is ours."""
    cost = numbers(seed, 3, T1, T2)
    cost = (1.5 * cost).round() if whole else cost  # of either sign
    answer = dtw(cost)
    for b in range(3):
        cheapest = min(every_path(T1, T2), key=lambda path: sum(cost[b, i, j].item() for i, j in path))
        assert path_of(answer, b) == cheapest
        assert answer.distance[b].item() == pytest.approx(sum(cost[b, i, j].item() for i, j in cheapest), abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(seeds, st.integers(1, 40), st.integers(1, 40), st.sampled_from([torch.float32, torch.float64]))
def test_agrees_with_a_plain_loop(seed, T1, T2, dtype):
    cost = numbers(seed, 2, T1, T2, dtype=dtype).abs()
    answer = dtw(cost)
    assert answer.distance.dtype == dtype and answer.path.dtype == answer.length.dtype == torch.int64
    assert answer.path.shape == (2, T1 + T2 - 1, 2)
    for b in range(2):
        distance, path = plain(cost[b].double().numpy())
        assert answer.distance[b].item() == pytest.approx(distance, rel=1e-5 if dtype == torch.float32 else 1e-12)
        if dtype == torch.float64:
            assert path_of(answer, b) == path


@settings(deadline=None, max_examples=40)
@given(seeds, st.integers(1, 30), st.integers(1, 30), st.sampled_from([torch.float32, torch.float64]))
def test_paths_are_warping_paths(seed, T1, T2, dtype):
    cost = numbers(seed, 4, T1, T2, dtype=dtype)
    answer = dtw(cost)
    for b in range(4):
        path = path_of(answer, b)
        assert path[0] == (0, 0) and path[-1] == (T1 - 1, T2 - 1)
        assert {(i - k, j - m) for (k, m), (i, j) in pairwise(path)} <= set(STEPS)
        assert {i for i, _ in path} == set(range(T1)) and {j for _, j in path} == set(range(T2))
        along = sum(cost[b, i, j].item() for i, j in path)
        assert answer.distance[b].item() == pytest.approx(
            along, rel=1e-4, abs=1e-4 if dtype == torch.float32 else 1e-12
        )


@settings(deadline=None, max_examples=40)
@given(seeds, st.integers(1, 12), st.integers(1, 12))
def test_torch_and_numpy_agree(seed, T1, T2):
    """What runs on a GPU is the same lines under torch; ties included."""
    cost = (2 * numbers(seed, 5, T1, T2, dtype=torch.float32)).round()
    for ours, other in zip(dtw(cost), _dtw(cost, torch), strict=True):
        assert ours.dtype == other.dtype and torch.equal(ours, other)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_cuda_agrees(dtype):
    for shape in ((64, 30, 30), (3, 1, 7), (2, 50, 9), (0, 4, 4)):
        cost = numbers(0, *shape, dtype=dtype)
        there = dtw(cost.cuda())
        for ours, other in zip(dtw(cost), there, strict=True):
            assert other.is_cuda and torch.equal(ours, other.cpu())
    poses = numbers(1, 2, 4, 10, 17, 3, dtype=dtype).cuda()
    torch.testing.assert_close(procrustes_cost(*poses).cpu(), procrustes_cost(*poses.cpu()))
    torch.testing.assert_close(warped_p_mpjpe(*poses, [1, 10]).cpu(), warped_p_mpjpe(*poses.cpu(), [1, 10]))


def test_a_sequence_with_itself():
    x = numbers(0, 3, 20, 5)
    answer = dtw(torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist"))
    assert (answer.distance == 0).all() and (answer.length == 20).all()
    assert path_of(answer) == [(t, t) for t in range(20)]


def test_a_delayed_sequence_is_found():
    x = numbers(0, 1, 20, 5)
    late = x[:, [0, 0, 0, 0, *range(1, 20)]]
    answer = dtw(torch.cdist(x, late, compute_mode="donot_use_mm_for_euclid_dist"))
    assert answer.distance == 0 and path_of(answer) == [(0, 0), (0, 1), (0, 2), *((t, t + 3) for t in range(20))]


@settings(deadline=None, max_examples=40)
@given(seeds, st.integers(1, 15), st.integers(1, 15))
def test_either_sequence_may_come_first(seed, T1, T2):
    cost = numbers(seed, 2, T1, T2)
    answer, swapped = dtw(cost), dtw(cost.mT)
    assert torch.equal(answer.distance, swapped.distance) and torch.equal(answer.path.flip(-1), swapped.path)


def test_pairs_do_not_see_their_batch():
    cost = numbers(0, 7, 9, 13).round()
    together = dtw(cost)
    for b in range(7):
        for one, all_of_them in zip(dtw(cost[b : b + 1]), together, strict=True):
            assert torch.equal(one[0], all_of_them[b])


def test_ties():
    """Where nothing costs anything: diagonal steps first, then what is left, along one sequence, at the end."""
    assert path_of(dtw(torch.zeros(1, 3, 3))) == [(0, 0), (1, 1), (2, 2)]
    assert path_of(dtw(torch.zeros(1, 4, 2))) == [(0, 0), (1, 1), (2, 1), (3, 1)]
    assert path_of(dtw(torch.zeros(1, 2, 4))) == [(0, 0), (1, 1), (1, 2), (1, 3)]
    # Round the middle by either side: down, along the first sequence, before right.
    around = torch.tensor([[0.0, 1, 9], [1, 9, 1], [9, 1, 0]])
    assert path_of(dtw(around[None])) == [(0, 0), (1, 0), (2, 1), (2, 2)]


@settings(deadline=None, max_examples=40)
@given(seeds, st.integers(1, 20), st.integers(1, 20))
def test_warping_cannot_help_constant(seed, T1, T2):
    """All predicted frames equal: a cell costs f(j) >= 0, whichever its i.

    Each true frame is on a path at least once, so no path costs less than the sum of f. With T1 = T2 the diagonal costs
    just that, and where f > 0 no other path does: its mean is the mean of the unwarped errors. A longer prediction must
    repeat true frames, and repeats the best of them.
    """
    f = numbers(seed, 2, 1, T2).abs() + 0.01
    constant = dtw(f.expand(2, T1, T2))
    shortest = f.sum(dim=(1, 2)) + max(T1 - T2, 0) * f.amin(dim=(1, 2))
    torch.testing.assert_close(constant.distance, shortest)
    square = dtw(f.expand(2, T2, T2))
    assert path_of(square) == [(t, t) for t in range(T2)]
    torch.testing.assert_close(square.distance / square.length, f.mean(dim=(1, 2)))


@pytest.mark.parametrize("shape", [(0, 4, 6), (0, 1, 1), (1, 1, 1), (1, 1, 5), (1, 5, 1)])
@pytest.mark.parametrize("xp", [np, torch])
def test_small_batches_and_short_sequences(shape, xp):
    cost = torch.ones(shape)
    answer = _dtw(cost, xp)
    B, T1, T2 = shape
    assert answer.distance.tolist() == answer.length.tolist() == [T1 + T2 - min(T1, T2)] * B
    assert answer.path.shape == (B, T1 + T2 - 1, 2)


def test_any_layout_and_no_change():
    cost = numbers(0, 6, 8, 10)
    before = cost.clone()
    for view in (cost.permute(1, 2, 0), cost[::2, :, 3:], cost.requires_grad_()):
        for ours, other in zip(dtw(view), dtw(view.detach().clone(memory_format=torch.contiguous_format)), strict=True):
            assert torch.equal(ours, other) and not ours.requires_grad
    assert torch.equal(cost.detach(), before)


@pytest.mark.parametrize(
    ("cost", "found"),
    [
        (torch.zeros(3, 3), r"must be \(B, T1, T2\), found \(3, 3\)"),
        (torch.zeros(2, 0, 3), r"at least one frame, found cost \(2, 0, 3\)"),
        (torch.zeros(0, 3, 0), r"at least one frame, found cost \(0, 3, 0\)"),
        (torch.zeros(2, 3, 3, dtype=torch.int64), "found torch.int64"),
        (torch.zeros(2, 3, 3).half(), "found torch.float16"),
        (torch.full((1, 2, 2), 3e38), "costs of pair 0 add up to more than torch.float32 can hold"),
    ],
)
def test_errors(cost, found):
    with pytest.raises(ValueError, match=found):
        dtw(cost)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_a_cost_that_is_no_number(value):
    cost = torch.zeros(4, 3, 3)
    cost[2, 1, 0] = cost[3, 0, 0] = value
    with pytest.raises(ValueError, match=rf"2 costs are not finite, the first, {value}, at \(2, 1, 0\) of \(4, 3, 3\)"):
        dtw(cost)


# The paper's protocol


def all_pairs(pred: torch.Tensor, gt: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    shape = (*pred.shape[:2], *gt.shape[1:])
    return pred.unsqueeze(2).expand(shape), gt.unsqueeze(1).expand(shape)


@settings(deadline=None, max_examples=20)
@given(seeds, st.integers(1, 20), st.sampled_from([1e-3, 1.0, 1e3]))
def test_procrustes_cost_is_what_the_alignment_leaves(seed, joints, size):
    """Half of the predictions are mirrored, so that the best orthogonal map is no rotation."""
    gt, pred = size * numbers(seed, 3, 4, joints, 3), numbers(seed + 1, 3, 5, joints, 3)
    pred[:, :4] += gt / size
    pred[1] *= torch.tensor([-1.0, 1, 1])
    x, y = all_pairs(pred, gt)
    left = (metrics.procrustes_align(x, y) - y).square().sum(dim=-1).mean(dim=-1).sqrt()
    torch.testing.assert_close(procrustes_cost(pred, gt), left, rtol=1e-7, atol=1e-6 * size)
    assert (metrics.p_mpjpe(x, y) <= procrustes_cost(pred, gt) + 1e-6 * size).all()
    torch.testing.assert_close(procrustes_cost(pred.float(), gt.float()), left.float(), rtol=1e-4, atol=1e-4 * size)


def test_procrustes_cost_of_degenerate_poses():
    flat = numbers(0, 1, 1, 17, 3) * torch.tensor([1.0, 1, 0])
    line = numbers(1, 1, 1, 17, 1) * torch.tensor([1.0, 2, 3])
    point, solid = torch.ones(1, 1, 17, 3).double(), numbers(2, 1, 1, 17, 3)
    poses = torch.cat([flat, line, point, solid, -solid, flat.flip(-1)], dim=1)
    x, y = all_pairs(poses, poses)
    left = (metrics.procrustes_align(x, y) - y).square().sum(dim=-1).mean(dim=-1).sqrt()
    torch.testing.assert_close(procrustes_cost(poses, poses), left, rtol=1e-7, atol=1e-6)


@pytest.mark.parametrize(
    "values", [(1, 1, 1), (1, 1, 0), (1, 0.5, 0.5), (1, 0.1, 1e-3), (1, 1, -1), (1, 0.5, -0.5), (1, 0, 0), (0, 0, 0)]
)
def test_rotation_overlap_where_singular_values_coincide(values):
    left, right = (torch.linalg.qr(numbers(k, 500, 3, 3)).Q for k in (0, 1))
    left, right = (q * torch.linalg.det(q).sign()[:, None, None] for q in (left, right))
    h = left @ torch.diag(torch.tensor(values, dtype=torch.float64)) @ right
    mirrored = values[2] < 0
    expected = torch.full((500,), float(sum(values)), dtype=torch.float64)
    torch.testing.assert_close(rotation_overlap(h.permute(1, 2, 0)), expected, rtol=0, atol=1e-7 if mirrored else 1e-14)


def test_similar_frames_cost_nothing():
    pred = numbers(0, 2, 6, 17, 3)
    turn = torch.linalg.qr(numbers(1, 3, 3)).Q
    moved = 3 * pred @ (turn * torch.linalg.det(turn)) + 2
    assert procrustes_cost(pred, moved).diagonal(dim1=1, dim2=2).max() < 1e-6
    assert path_of(dtw(procrustes_cost(pred, moved))) == [(t, t) for t in range(6)]


def test_errors_along_the_path_are_p_mpjpe():
    pred, gt = numbers(0, 3, 6, 17, 3), numbers(1, 3, 8, 17, 3)
    answer = dtw(procrustes_cost(pred, gt))
    errors = p_mpjpe_along(pred, gt, answer.path)
    for b in range(3):
        path = path_of(answer, b)
        expected = torch.stack([metrics.p_mpjpe(pred[b, i], gt[b, j]) for i, j in path])
        torch.testing.assert_close(errors[b, : len(path)], expected)
        assert errors[b, len(path) :].isnan().all()
        by_hand = [
            torch.stack([e for e, (_, j) in zip(expected, path, strict=True) if j == t]).mean() for t in range(8)
        ]
        torch.testing.assert_close(mean_per_truth_frame(errors, answer.path, 8)[b], torch.stack(by_hand))


def test_a_mistimed_prediction():
    """Figure 8: the right motion, begun too soon. Only warping sees that it is right."""
    t = torch.arange(34, dtype=torch.float64)[:, None, None]
    motion = numbers(0, 17, 3) + torch.sigmoid(t - 12) * numbers(1, 17, 3)
    gt, early = motion[None, :30], motion[None, 4:]
    raw = metrics.p_mpjpe(early, gt).mean()
    assert warped_p_mpjpe(early, gt, [30]) < 0.1 * raw


def test_constant_prints_its_running_mean():
    """What `A finding in the published numbers` rests on: with DTW, Constant's horizon h is its mean up to h."""
    gt = numbers(0, 3, 1, 17, 3) + 0.1 * numbers(1, 3, 30, 17, 3)
    constant = gt[:, :1].expand(gt.shape) + 0.2 * numbers(2, 3, 1, 17, 3)
    horizons = [1, 5, 10, 20, 30]
    raw = metrics.p_mpjpe(constant, gt)
    running = torch.stack([raw[:, :h].mean(dim=1) for h in horizons], dim=1)
    torch.testing.assert_close(warped_p_mpjpe(constant, gt, horizons), running)
    path = dtw(procrustes_cost(constant, gt)).path
    torch.testing.assert_close(mean_per_truth_frame(p_mpjpe_along(constant, gt, path), path, 30), raw)


def test_protocol_errors():
    poses = torch.zeros(2, 4, 17, 3)
    with pytest.raises(ValueError, match=r"found \(2, 4, 17, 3\) and \(2, 4, 16, 3\)"):
        procrustes_cost(poses, poses[:, :, :16])
    with pytest.raises(ValueError, match=r"horizons from 1 to T, found .* and \[1, 5\]"):
        warped_p_mpjpe(poses, poses, [1, 5])
    broken = poses.clone()
    broken[1, 2, 3, 0] = torch.nan
    with pytest.raises(ValueError, match=r"gt is not finite at \(1, 2, 3, 0\) of \(2, 4, 17, 3\)"):
        procrustes_cost(poses, broken)


def test_an_empty_batch_through_the_protocol():
    assert warped_p_mpjpe(torch.zeros(0, 6, 17, 3), torch.zeros(0, 6, 17, 3), [1, 6]).shape == (0, 2)
    assert warped_p_mpjpe(torch.zeros(2, 6, 17, 3), torch.zeros(2, 6, 17, 3), []).shape == (2, 0)
