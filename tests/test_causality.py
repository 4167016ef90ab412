"""The probe on encoders whose causality is known: strictly none of the past moves, or all of it does."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from phdlib.causality import by_lag, influence, influences, leak, other_frames, reach, relative
from phdlib.dynamics import MovieStripEncoder

T, D = 30, 8
PHI = torch.randn(T, D, generator=torch.Generator().manual_seed(0))


def encoder(**options) -> MovieStripEncoder:
    """Its convolutions made large, as a training leaves them: at the start the second of each block is near zero."""
    generator = torch.Generator().manual_seed(1)
    made = MovieStripEncoder(D, 16, groups=2, generator=generator, **options)
    with torch.no_grad():
        for block in made.stack.blocks:
            block.conv2.weight.normal_(0, 0.2, generator=generator)
    return made.eval()


def test_a_causal_encoder_leaves_the_past_alone_exactly() -> None:
    matrix = influences(encoder(), PHI)
    assert matrix.shape == (T, T)
    assert (matrix.tril(-1) == 0).all() and leak(matrix) == 0 and reach(matrix) == (12, 0)
    assert (matrix.diagonal() > 0).all()
    frame, output = torch.triu_indices(T, T)
    assert ((matrix[frame, output] > 0) == (output - frame <= 12)).all()


def test_statistics_over_time_leak() -> None:
    matrix = influences(encoder(norm="time"), PHI)
    assert (matrix > 0).all() and leak(matrix) > 1e-3 and reach(matrix) == (T - 1, T - 1)


def test_a_centred_encoder_sees_as_far_ahead_as_back() -> None:
    for padding in ("zero", "edge"):
        matrix = influences(encoder(causal=False, padding=padding), PHI)
        frame, output = torch.meshgrid(torch.arange(T), torch.arange(T), indexing="ij")
        assert ((matrix > 0) == ((output - frame).abs() <= 6)).all() and reach(matrix) == (6, 6)


def test_one_frame_is_a_row_of_all() -> None:
    one = encoder()
    assert torch.allclose(influence(one, PHI, 7), influences(one, PHI)[7], atol=1e-5)
    assert (influence(one, PHI, 7, PHI[7]) == 0).all()
    assert influence(one, PHI, 7, PHI[7] + 1e-3)[7] < influence(one, PHI, 7)[7]


def test_distances_are_those_of_a_known_encoder() -> None:
    """Twice the input, one frame later: the identity shows what is measured."""

    def later(phi: Tensor) -> Tensor:
        return 2 * phi.roll(1, dims=1)

    matrix = influences(later, PHI)
    moved = 2 * (other_frames(PHI) - PHI).norm(dim=1)
    assert torch.allclose(matrix, torch.diag(moved).roll(1, dims=1), atol=1e-5)
    joints = influences(lambda phi: phi[..., :6].unflatten(-1, (2, 3)), PHI)
    apart = (other_frames(PHI) - PHI)[:, :6].unflatten(-1, (2, 3)).norm(dim=-1).mean(dim=-1)
    assert torch.allclose(joints, torch.diag(apart), atol=1e-5)


def test_more_frames_than_fit_a_batch_and_lags() -> None:
    phi = torch.randn(70, D, generator=torch.Generator().manual_seed(2))
    matrix = influences(encoder(), phi)
    assert matrix.shape == (70, 70) and reach(matrix) == (12, 0)
    lags, means = by_lag(relative(matrix))
    assert lags.tolist() == list(range(-35, 36))
    assert ((means > 0) == ((lags >= 0) & (lags <= 12))).all() and means[35].item() == pytest.approx(1)


def test_what_cannot_be_probed_is_told() -> None:
    with pytest.raises(ValueError, match="expected a frame from 0 to 29, found 30"):
        influence(encoder(), PHI, 30)
    with pytest.raises(ValueError, match=r"expected \(T >= 2, D\), found \(8,\)"):
        influences(encoder(), PHI[0])
    still = influences(encoder(), PHI[:1].expand(T, D))
    assert reach(still) == (0, 0)
    with pytest.raises(ValueError, match="no frame moves its own output"):
        leak(still)
