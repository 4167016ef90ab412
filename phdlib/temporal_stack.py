"""The stack of residual blocks that PHD's f_movie and f_AR both are (PHD 4.1), and how it goes on where it stopped.

A causal stack that normalises each frame by itself needs, to continue a clip, only the last frames that each of its
convolutions saw: ``advance`` takes frames and that state, in any portions, and gives what the whole clip would have
given. The state is a value (tuples of tensors, nothing is changed in place), so gradients flow through a rollout, and
one state can be continued into many futures.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import skip_init

from phdlib import temporal

WIDTH = 3  # of every convolution (PHD 4.1)
# Not in the paper, from its released code: Xavier's draw, its variance times this for the second convolution of each
# block. On features of about unit size a stack then starts close to the identity, and f_AR as "nothing moves".
NEAR_ZERO = 0.001

State = tuple[tuple[Tensor, Tensor], ...]  # per block, what its two convolutions saw last: (B, WIDTH - 1, C) each


def over_time(conv: nn.Conv1d, frames: Tensor) -> Tensor:
    """``conv`` without padding, frames first: (B, T + WIDTH - 1, C_in) -> (B, T, C_out).

    As one matrix product. On a CPU that is as fast as ``conv1d`` on long clips and several times faster on one frame,
    for which ``conv1d`` would first rearrange all weights.
    """
    T = frames.shape[1] - WIDTH + 1
    windows = frames.flatten(1).unsqueeze(1) if T == 1 else torch.cat([frames[:, k : k + T] for k in range(WIDTH)], 2)
    matrix = conv.weight.permute(2, 1, 0).flatten(0, 1)  # (WIDTH C_in, C_out)
    return F.linear(windows, matrix.T, conv.bias)


class Block(nn.Module):
    """A pre-activation residual block: x + Conv(ReLU(GN(Conv(ReLU(GN(x)))))), frames (B, T, C) -> (B, T, C) (PHD 4.1).

    ``forward`` also returns what each convolution saw, (B, T + WIDTH - 1, C), borders or ``past`` included.
    """

    def __init__(self, channels: int, groups: int, causal: bool, norm: str, padding: str) -> None:
        super().__init__()
        self.causal, self.norm, self.padding = causal, norm, padding
        self.before, self.after = temporal.context(WIDTH, causal)
        self.norm1, self.norm2 = nn.GroupNorm(groups, channels), nn.GroupNorm(groups, channels)
        self.conv1 = skip_init(nn.Conv1d, channels, channels, WIDTH)
        self.conv2 = skip_init(nn.Conv1d, channels, channels, WIDTH)

    def initialise(self, generator: torch.Generator | None) -> None:
        for conv, scale in ((self.conv1, 1.0), (self.conv2, NEAR_ZERO)):
            nn.init.xavier_uniform_(conv.weight, math.sqrt(scale), generator=generator)
            nn.init.zeros_(conv.bias)
            # Same shape, but in memory as over_time reads it: few frames then take a third to two thirds of the time.
            conv.weight = nn.Parameter(conv.weight.detach().permute(2, 1, 0).contiguous().permute(2, 1, 0))

    def forward(
        self, x: Tensor, past: tuple[Tensor | None, Tensor | None] = (None, None)
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        first = self.extend(F.relu(self.normalise(self.norm1, x)), past[0])
        second = self.extend(F.relu(self.normalise(self.norm2, over_time(self.conv1, first))), past[1])
        return x + over_time(self.conv2, second), (first, second)

    def normalise(self, norm: nn.GroupNorm, x: Tensor) -> Tensor:
        """GroupNorm with the statistics of each frame, or of all frames of the clip together."""
        if self.norm == "time":
            return norm(x.mT).mT
        # GroupNorm of single frames is LayerNorm of each group, which torch computes two to three times as fast.
        groups = x.unflatten(-1, (norm.num_groups, -1))
        unit = F.layer_norm(groups, groups.shape[-1:], eps=norm.eps).flatten(-2)
        return torch.addcmul(norm.bias, unit, norm.weight)

    def extend(self, x: Tensor, past: Tensor | None) -> Tensor:
        """Put before (and after) the frames what the convolution shall see there: the past, or else the padding."""
        if past is not None:
            return torch.cat((past, x), dim=1)
        if self.padding == "zero":
            return F.pad(x, (0, 0, self.before, self.after))
        return temporal.replicate_pad(x, self.before, self.after, dim=1)


class TemporalStack(nn.Module):
    """What f_movie and f_AR are made of: residual blocks over time, (B, T, C) -> (B, T, C).

    ``causal`` shifts the outputs so that frame t depends on frames up to t. ``padding`` fills every convolution's
    borders: "edge" repeats its border frame (PHD), "zero" is that of [27]. In a causal stack edge padding equals
    repeating the clip's first frame for ever. ``groups`` is not stated; 32 is the released code's, 64 channels each.
    In a narrow stack take fewer: a frame's statistics are of ``channels / groups`` numbers, and of few, little is left.

    Departs from the paper: ``norm="frame"`` normalises each frame by itself. In the released code the statistics pool
    over the whole clip, so a "causal" output changes with the frames after it; ``norm="time"`` does that.

    ``generator`` draws the initial weights (torch's own where it is None). ``ValueError`` for sizes or names that
    cannot be, and for a state where there is none.
    """

    def __init__(
        self,
        channels: int = 2048,
        *,
        blocks: int = 3,
        groups: int = 32,
        causal: bool = True,
        norm: str = "frame",
        padding: str = "edge",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if norm not in ("frame", "time"):
            raise ValueError(f"norm must be 'frame' or 'time', found {norm!r}")
        if padding not in ("edge", "zero"):
            raise ValueError(f"padding must be 'edge' or 'zero', found {padding!r}")
        if blocks < 1:
            raise ValueError(f"blocks must be at least 1, found {blocks}")
        if groups < 1 or channels % groups or channels < 2 * groups:
            raise ValueError(f"channels must be a multiple of groups, two or more each; found {channels} and {groups}")
        self.channels, self.causal, self.norm, self.padding = channels, causal, norm, padding
        self.blocks = nn.ModuleList(Block(channels, groups, causal, norm, padding) for _ in range(blocks))
        for block in self.blocks:
            block.initialise(generator)

    def receptive_field(self) -> int:
        """Frames behind one output: 1 + 2 convolutions x 2 x blocks, 13 for three blocks."""
        convolutions = 2 * len(self.blocks)
        return temporal.receptive_field([WIDTH] * convolutions, [1] * convolutions)

    @property
    def streams(self) -> bool:
        """Whether ``advance`` can go on from a state: causal, and no statistics that pool over time."""
        return self.causal and self.norm == "frame"

    def forward(self, x: Tensor) -> Tensor:
        return self.run(x)[0]

    def advance(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """The next frames (B, T, C), T >= 1, of a clip, and the state after them; ``state`` None begins a clip."""
        if not self.streams:
            raise ValueError(f"a state needs causal=True, norm='frame'; found causal={self.causal}, norm={self.norm!r}")
        x, seen = self.run(x, state)
        return x, tuple((a[:, 1 - WIDTH :], b[:, 1 - WIDTH :]) for a, b in seen)

    def run(self, x: Tensor, state: State | None = None) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """The output, and what every convolution saw: a causal one, frames -2 to T - 1."""
        check_frames("frames", x, self.channels)
        seen = []
        for block, past in zip(self.blocks, state or [(None, None)] * len(self.blocks), strict=True):
            x, frames = block(x, past)
            seen.append(frames)
        return x, seen


def check_frames(name: str, x: Tensor, features: int) -> None:
    """``ValueError`` unless ``x`` is (B, T, features) with at least one frame."""
    if x.dim() != 3 or x.shape[2] != features or x.shape[1] == 0:
        raise ValueError(f"{name}: expected (B, T >= 1, {features}), found {tuple(x.shape)}")
