"""What reaches what in f_AR on top of f_movie (PHD 6.1, Figure 6), read off the networks by their gradients.

An output depends on an input frame where the gradient of the one with respect to the other is not zero. Nothing is
counted on paper: :func:`measure` runs the networks, on random input, and looks.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from phdlib.dynamics import Autoregressor, MovieStripEncoder

_DRAWS = 3  # random inputs: a path may be closed by a ReLU in one of them


class FieldOfView(NamedTuple):
    """A clip of ``frames`` frames of which the first ``conditioning`` are seen.

    ``images`` (conditioning,): which of them the first prediction depends on. ``behind_strip`` (conditioning,): which
    the last real strip depends on. ``inputs`` (predictions, frames): which strips, by frame, each prediction is made of
    directly, be they real (before ``conditioning``) or predicted. ``repeated``: how many of the places that the first
    prediction looks at lie before the clip, where edge padding repeats its first frame.
    """

    frames: int
    conditioning: int
    images: Tensor
    behind_strip: Tensor
    inputs: Tensor
    repeated: int

    @property
    def predictions(self) -> int:
        return len(self.inputs)

    @property
    def own(self) -> Tensor:
        """Whether each prediction is made of predicted strips alone, (predictions,)."""
        return ~self.inputs[:, : self.conditioning].any(dim=1)


def support(network: Callable[[Tensor], Tensor], frames: int, features: int, output: int, seed: int = 0) -> Tensor:
    """Which of ``frames`` input frames an output frame depends on, (frames,): ``network`` takes (1, frames, features)
    to (1, T, any), of which frame ``output`` is asked. Weights must be float64."""
    generator = torch.Generator().manual_seed(seed)
    reached = torch.zeros(frames, dtype=torch.bool)
    for _ in range(_DRAWS):
        x = torch.randn(1, frames, features, generator=generator, dtype=torch.float64).requires_grad_(True)
        y = network(x)[0, output]
        (gradient,) = torch.autograd.grad(y @ torch.randn(len(y), generator=generator, dtype=y.dtype), x)
        reached |= gradient[0].abs().amax(dim=1) > 0
    return reached


def measure(f_movie: MovieStripEncoder, f_ar: Autoregressor, frames: int = 40, conditioning: int = 15) -> FieldOfView:
    """Of the given networks, which are copied to float64; ``ValueError`` unless there is a frame left to predict."""
    if not 1 <= conditioning < frames:
        raise ValueError(f"field of view: {conditioning} conditioning frames of {frames}, expected 1 to {frames - 1}")
    f_movie, f_ar = (_in_double(network) for network in (f_movie, f_ar))
    behind_strip = support(f_movie, conditioning, f_movie.features, conditioning - 1)
    images = support(lambda phi: f_ar(f_movie(phi)), conditioning, f_movie.features, conditioning - 1)
    # f_AR's output at t is frame t + 1: that of the last strip seen is the first prediction.
    inputs = torch.stack([support(f_ar, frames, f_ar.features, t) for t in range(conditioning - 1, frames - 1)])
    unbounded = support(lambda phi: f_ar(f_movie(phi)), 4 * frames, f_movie.features, 4 * frames - 1)
    repeated = max(int(unbounded.sum()) - conditioning, 0)
    return FieldOfView(frames, conditioning, images, behind_strip, inputs, repeated)


def papers_numbers(f_movie: MovieStripEncoder, f_ar: Autoregressor, frames: int = 40) -> dict[str, tuple[int, int]]:
    """The arithmetic of PHD 6.1 and 4.1 by what it counts: (here, in the paper)."""
    longest = measure(f_movie, f_ar, 2 * frames, 2 * frames - 1)
    possible = int(longest.images.sum())
    theory, used = measure(f_movie, f_ar, frames, possible), measure(f_movie, f_ar, frames, 15)
    return {
        "frames behind a movie strip": (int(longest.behind_strip.sum()), 13),
        "strips behind a prediction": (int(longest.inputs[0].sum()), 13),
        "images behind the first prediction, at most": (possible, 25),
        "steps until all input is predicted": (int(used.own.float().argmax()) + 1, 14),
        f"predictions left in {frames} frames after these": (theory.predictions, 15),
        "of them fully self-conditioned": (int(theory.own.sum()), 2),
        "images behind the first prediction, as trained": (int(used.images.sum()), 15),
        "predictions left after these": (used.predictions, 25),
    }


def _in_double(network: torch.nn.Module) -> torch.nn.Module:
    return copy.deepcopy(network).double().requires_grad_(False).eval()
