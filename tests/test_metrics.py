"""Metrics against independent references, and the invariances that define them."""

import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.spatial import procrustes
from scipy.spatial.transform import Rotation

from phdlib import metrics

seeds = st.integers(0, 2**31 - 1)


def poses(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def similarity(seed: int) -> tuple[torch.Tensor, float, torch.Tensor]:
    rng = np.random.default_rng(seed)
    rotation = torch.from_numpy(Rotation.random(rng=rng).as_matrix())
    return rotation, float(rng.uniform(0.2, 5)), torch.from_numpy(rng.normal(size=3))


def test_mpjpe_of_a_known_offset():
    gt = poses(0, 4, 5, 17)
    assert metrics.mpjpe(gt + torch.tensor([0.0, 0.003, 0.004]), gt).shape == (4, 5)
    torch.testing.assert_close(
        metrics.mpjpe(gt + torch.tensor([0.0, 0.003, 0.004]), gt), torch.full((4, 5), 0.005).double()
    )


@settings(deadline=None)
@given(seeds, st.integers(4, 20))
def test_p_mpjpe_agrees_with_scipy(seed, joints):
    """scipy normalises both sets and allows mirroring: its disparity is ours where no mirror is needed."""
    gt = poses(seed, joints)
    pred = gt + 0.2 * poses(seed + 1, joints)
    aligned = metrics.procrustes_align(pred, gt)
    centred = gt - gt.mean(0)
    disparity = (aligned - gt).square().sum() / centred.square().sum()
    x, y = pred - pred.mean(0), centred
    if torch.linalg.det(x.mT @ y) > 0:
        assert disparity.item() == pytest.approx(procrustes(gt.numpy(), pred.numpy())[2], abs=1e-10)


@settings(deadline=None, max_examples=20)
@given(seeds)
def test_procrustes_is_the_best_of_scipys_rotations(seed):
    gt, pred = poses(seed, 6), poses(seed + 1, 6)
    x, y = (pred - pred.mean(0)).numpy(), (gt - gt.mean(0)).numpy()
    rotation, _ = Rotation.align_vectors(y, x)
    turned = rotation.apply(x)
    expected = turned * (turned * y).sum() / (turned * turned).sum() + gt.mean(0).numpy()
    np.testing.assert_allclose(metrics.procrustes_align(pred, gt).numpy(), expected, atol=1e-7)


@settings(deadline=None)
@given(seeds, seeds)
def test_p_mpjpe_does_not_see_similarities(seed, turn):
    gt, pred = poses(seed, 3, 17), poses(seed + 1, 3, 17)
    rotation, scale, shift = similarity(turn)
    moved = scale * pred @ rotation.T + shift
    torch.testing.assert_close(metrics.p_mpjpe(moved, gt), metrics.p_mpjpe(pred, gt))
    torch.testing.assert_close(metrics.p_mpjpe(scale * gt @ rotation.T + shift, gt), torch.zeros(3).double())


def test_p_mpjpe_sees_a_mirror():
    gt = poses(3, 17)
    assert metrics.p_mpjpe(gt * torch.tensor([-1.0, 1, 1]), gt) > 0.1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_procrustes_of_degenerate_poses(dtype):
    gt = poses(0, 17).to(dtype)
    line = torch.linspace(-1, 1, 17, dtype=dtype)[:, None] * torch.tensor([1.0, 2, 3], dtype=dtype)
    plane = poses(1, 17).to(dtype) * torch.tensor([1, 1, 0], dtype=dtype)
    point = torch.ones(17, 3, dtype=dtype)
    for pred in (line, plane, point):
        aligned = metrics.procrustes_align(pred, gt)
        assert aligned.dtype == dtype and bool(aligned.isfinite().all())
    torch.testing.assert_close(metrics.procrustes_align(point, gt), gt.mean(0).expand(17, 3))
    rotation, scale, shift = similarity(5)
    moved = scale * (line.double() @ rotation.T) + shift
    assert metrics.p_mpjpe(line, moved.to(dtype)) < 1e-5
    moved = scale * (plane.double() @ rotation.T) + shift
    assert metrics.p_mpjpe(plane, moved.to(dtype)) < 1e-5


@settings(deadline=None)
@given(seeds, st.floats(0.1, 10))
def test_n_mpjpe_takes_the_best_scale_and_only_that(seed, factor):
    gt, pred = poses(seed, 17), poses(seed + 1, 17)
    torch.testing.assert_close(metrics.n_mpjpe(factor * pred, gt), metrics.n_mpjpe(pred, gt))
    torch.testing.assert_close(metrics.n_mpjpe(factor * gt, gt), torch.zeros(()).double(), atol=1e-12, rtol=0)
    best = minimize_scalar(lambda s: (s * pred - gt).square().sum().item()).x
    torch.testing.assert_close(metrics.n_mpjpe(pred, gt), metrics.mpjpe(best * pred, gt), atol=1e-5, rtol=0)


def test_n_mpjpe_of_nothing_is_the_size_of_the_truth():
    gt = poses(0, 17)
    torch.testing.assert_close(metrics.n_mpjpe(torch.zeros_like(gt), gt), metrics.mpjpe(torch.zeros_like(gt), gt))


def test_mpjve_against_a_loop_and_its_blind_spot():
    gt, pred = poses(0, 2, 9, 17), poses(1, 2, 9, 17)
    loop = [
        [
            np.linalg.norm(((pred[b, t + 1] - pred[b, t]) - (gt[b, t + 1] - gt[b, t])).numpy(), axis=-1).mean()
            for t in range(8)
        ]
        for b in range(2)
    ]
    np.testing.assert_allclose(metrics.mpjve(pred, gt).numpy(), loop)
    assert metrics.mpjve(gt + 7.0, gt).max() < 1e-12  # a constant offset has no velocity


@settings(deadline=None)
@given(seeds)
def test_pck_counts_visible_hits(seed):
    g = torch.Generator().manual_seed(seed)
    gt, scale = torch.rand(6, 13, 2, generator=g), torch.rand(6, generator=g) + 0.5
    pred = gt + 0.1 * torch.randn(6, 13, 2, generator=g)
    visible = torch.rand(6, 13, generator=g) < 0.7
    visible[0] = False
    share = metrics.pck(pred, gt, visible, scale, alpha=0.1)
    assert share[0].isnan()
    for t in range(1, 6):
        if not visible[t].any():
            continue
        hits = [
            ((pred[t, j] - gt[t, j]).square().sum().sqrt() <= 0.1 * scale[t]).item() for j in range(13) if visible[t, j]
        ]
        assert share[t].item() == pytest.approx(sum(hits) / len(hits))


def test_pck_ignores_what_an_unseen_joint_holds():
    gt, visible = torch.rand(2, 13, 2, generator=torch.Generator().manual_seed(0)), torch.ones(2, 13)
    gt[:, 4], visible[:, 4] = torch.nan, 0
    assert metrics.pck(gt, gt, visible, 1.0).tolist() == [1, 1]


@pytest.mark.parametrize("metric", [metrics.mpjpe, metrics.p_mpjpe, metrics.n_mpjpe, metrics.mpjve])
def test_metrics_leave_their_arguments_alone_and_keep_the_type(metric):
    pred, gt = poses(0, 2, 5, 17).float(), poses(1, 2, 5, 17).float()
    before = pred.clone(), gt.clone()
    assert metric(pred, gt).dtype == torch.float32
    assert torch.equal(pred, before[0]) and torch.equal(gt, before[1])


@pytest.mark.parametrize("metric", [metrics.mpjpe, metrics.p_mpjpe, metrics.n_mpjpe, metrics.mpjve])
def test_a_wrong_shape_is_named(metric):
    with pytest.raises(ValueError, match=r"\(5, 17, 3\) and \(5, 16, 3\)"):
        metric(torch.zeros(5, 17, 3), torch.zeros(5, 16, 3))


def test_a_number_that_is_none_is_named_with_its_place():
    pred, gt = poses(0, 5, 17), poses(1, 5, 17)
    pred[3, 2, 1] = torch.nan
    with pytest.raises(ValueError, match=r"pred: 1 joints are not finite, the first at index \[3, 2\] of \(5, 17\)"):
        metrics.p_mpjpe(pred, gt)
    assert metrics.mpjpe(pred, gt).isnan().tolist() == [False, False, False, True, False]


def test_velocity_needs_two_frames():
    with pytest.raises(ValueError, match="T >= 2"):
        metrics.mpjve(torch.zeros(1, 17, 3), torch.zeros(1, 17, 3))


def test_ten_thousand_frames_align_in_well_under_a_second():
    pred, gt = poses(0, 10_000, 17).float(), poses(1, 10_000, 17).float()
    start = time.perf_counter()
    metrics.p_mpjpe(pred, gt)
    assert time.perf_counter() - start < 1.0
