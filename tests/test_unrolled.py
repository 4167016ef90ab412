"""f_AR's rollout with its gradient by hand: values and gradients are automatic differentiation's, frame by frame."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_dynamics import noise, predictor
from torch import Tensor

from phdlib.dynamics import Autoregressor
from phdlib.temporal_stack import State

SPACES = {
    "latent": {},
    "pose": {"features": 6, "channels": 8},
    "absolute": {"features": 6, "channels": 8, "change": False},
}


def frame_by_frame(f_ar: Autoregressor, prediction: Tensor, state: State, steps: int) -> Tensor:
    predictions = [prediction]
    while len(predictions) < steps:
        prediction, state = f_ar.advance(prediction, state)
        predictions.append(prediction)
    return torch.cat(predictions, dim=1)


def start(f_ar: Autoregressor, batch: int = 2) -> tuple[Tensor, State, list[Tensor]]:
    """A frame to go on from, a state, and all that a rollout has a gradient for."""
    with torch.no_grad():
        first, state = f_ar.advance(noise(batch, 4, f_ar.features))
    first = first[:, -1:].clone().requires_grad_()
    state = tuple(tuple(x.clone().requires_grad_() for x in of_block) for of_block in state)
    return first, state, [first, *(x for of_block in state for x in of_block), *f_ar.parameters()]


@pytest.mark.parametrize("space", SPACES)
@given(steps=st.integers(1, 9), batch=st.integers(1, 3), blocks=st.integers(1, 3))
@settings(max_examples=10, deadline=None)
def test_values_and_gradients(space: str, steps: int, batch: int, blocks: int) -> None:
    f_ar = predictor(**SPACES[space], blocks=blocks)
    first, state, inputs = start(f_ar, batch)
    weights = noise(batch, steps, f_ar.features, seed=3)
    ways = []
    for way in (f_ar._continue, lambda *given: frame_by_frame(f_ar, *given)):
        frames = way(first, state, steps)
        found = torch.autograd.grad((frames * weights).sum() + frames[:, -1].square().sum(), inputs, allow_unused=True)
        ways.append((frames, *found))
    for ours, theirs in zip(*ways, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("space", SPACES)
def test_gradcheck(space: str) -> None:
    f_ar = predictor(**SPACES[space], blocks=1)
    first, state, inputs = start(f_ar)
    assert torch.autograd.gradcheck(lambda *_: f_ar._continue(first, state, 4), inputs)


def test_without_a_gradient_the_same_frames() -> None:
    f_ar, strip = predictor(dtype=torch.float32), noise(3, 15, 8, dtype=torch.float32)
    with torch.no_grad():
        plain = f_ar.rollout(strip, 25)
    assert torch.equal(f_ar.rollout(strip, 25), plain)


def test_a_second_derivative_is_refused() -> None:
    """Rather than be wrong in silence."""
    f_ar = predictor()
    first, state, _ = start(f_ar)
    (once,) = torch.autograd.grad(f_ar._continue(first, state, 3).square().sum(), first, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        once.sum().backward()


def test_under_autocast_the_rollout_keeps_its_weights_precision() -> None:
    f_ar, strip = predictor(dtype=torch.float32), noise(2, 15, 8, dtype=torch.float32)
    whole = f_ar.rollout(strip, 10)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = f_ar.rollout(strip, 10)
    assert half.dtype == torch.float32 and (half - whole).abs().max() < 0.1 * whole.abs().max()
    half.sum().backward()
