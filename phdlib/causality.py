"""A probe of causality (PHD 3.2, 4.1): change one frame of what an encoder sees, and measure which of its outputs move.

A causal encoder's outputs before the changed frame must not move at all. The paper's "causal" blocks are said to
normalise by GroupNorm; where its statistics pool over time, every frame moves every output. Distances here are exact
zeros or they are not: both clips are computed in batches of one shape, so that equal frames are rounded alike.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

Encoder = Callable[[Tensor], Tensor]  # (B, T, D) -> (B, T, C), or (B, T, J, 3)
_AT_ONCE = 64  # edited clips in a batch


def influence(
    encoder: Encoder, phi: Float[Tensor, "T D"], frame: int, edit: Float[Tensor, " D"] | None = None
) -> Float[Tensor, " T"]:
    """How far each output moves when ``frame`` of a clip is replaced by ``edit``, by default the frame half a clip on.

    ``encoder``: a module such as ``model.f_movie``, or any function of it. Moved by: Euclidean distance along the last
    axis of its output, mean over those between time and it; the strip's own unit for strips (B, T, C), metres for
    joints (B, T, J, 3). ``ValueError`` for a frame that the clip does not have.
    """
    T = _check(phi)
    if not 0 <= frame < T:
        raise ValueError(f"influence: expected a frame from 0 to {T - 1}, found {frame}")
    other = other_frames(phi)[frame] if edit is None else edit
    return _moved(encoder, phi, torch.tensor([frame], device=phi.device), other[None])[0]


def influences(encoder: Encoder, phi: Float[Tensor, "T D"]) -> Float[Tensor, "T T"]:
    """:func:`influence` of every frame: row i, column t tells how far output t moves when frame i is replaced. A causal
    encoder leaves everything left of the diagonal at zero."""
    edits, found = other_frames(phi), []
    for frames in torch.arange(_check(phi), device=phi.device).split(_AT_ONCE):
        found.append(_moved(encoder, phi, frames, edits[frames]))
    return torch.cat(found)


def relative(matrix: Float[Tensor, "T T"]) -> Float[Tensor, "T T"]:
    """Influences in units of what frames do to their own outputs, the diagonal's mean: for encoders whose outputs have
    no common unit. ``ValueError`` where that is zero."""
    own = matrix.diagonal().mean()
    if not own > 0:
        raise ValueError("relative: no frame moves its own output; is the clip, or the encoder, constant?")
    return matrix / own


def reach(matrix: Float[Tensor, "T T"]) -> tuple[int, int]:
    """How many frames (before, after) an output there are inputs that move it: (12, 0) for PHD's causal encoder."""
    frame, output = matrix.nonzero(as_tuple=True)
    lag = output - frame
    return (int(lag.max().clamp(min=0)), int((-lag).max().clamp(min=0))) if len(lag) else (0, 0)


def leak(matrix: Float[Tensor, "T T"]) -> float:
    """Mean influence on the outputs before the changed frame, in units of that on its own output: 0 if causal."""
    frame, output = torch.tril_indices(*matrix.shape, offset=-1)
    return relative(matrix)[frame, output].mean().item()


def last_on_first(encoder: Encoder, phi: Float[Tensor, "T D"]) -> float:
    """How far replacing the last frame of a clip moves the first output, in units of what it does to the last: 0 if
    causal. ``ValueError`` where it does nothing to the last."""
    moved = influence(encoder, phi, _check(phi) - 1)
    if not moved[-1] > 0:
        raise ValueError(
            "last_on_first: the last frame does not move its own output; is the clip, or the encoder, constant?"
        )
    return (moved[0] / moved[-1]).item()


def by_lag(matrix: Float[Tensor, "T T"]) -> tuple[Tensor, Tensor]:
    """Mean influence by lag, output minus changed frame: the lags from -(T // 2) to T // 2, and their means."""
    lags = torch.arange(-(len(matrix) // 2), len(matrix) // 2 + 1)
    return lags, torch.stack([matrix.diagonal(int(lag)).mean() for lag in lags])


def other_frames(phi: Float[Tensor, "T D"]) -> Float[Tensor, "T D"]:
    """What each frame is replaced by: the frame half a clip on, beginning anew at the end. A real frame, so that the
    encoder is asked nothing that it could not see."""
    return phi.roll(-(len(phi) // 2), dims=0)


@torch.no_grad()
def _moved(encoder: Encoder, phi: Tensor, frames: Tensor, edits: Tensor) -> Tensor:
    clips = phi.repeat(len(frames), 1, 1)
    edited = clips.clone()
    edited[torch.arange(len(frames), device=phi.device), frames] = edits
    distance = (encoder(edited) - encoder(clips)).norm(dim=-1)
    return distance if distance.dim() == 2 else distance.flatten(2).mean(dim=-1)


def _check(phi: Tensor) -> int:
    if phi.dim() != 2 or len(phi) < 2:
        raise ValueError(f"phi: expected (T >= 2, D), found {tuple(phi.shape)}")
    return len(phi)
