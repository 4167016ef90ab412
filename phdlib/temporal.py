"""Convolutions over time: receptive fields, replicated borders, and causal stacks that run one frame at a time.

Tensors are (B, C, T) inside networks. *Centred* convolutions look as far back as ahead, *causal* ones only back, so a
causal network can answer while the video still runs: :class:`StreamingConv` is that, frame by frame, with the result of
the whole sequence.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from operator import mul

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def tree_dilations(filter_widths: Sequence[int]) -> tuple[int, ...]:
    """Dilation of each layer such that the receptive field is a tree (VP3D 3): 1, W1, W1 W2, ...

    Each layer then combines outputs of the layer below whose own fields touch without overlapping, so every input frame
    is reached by exactly one path.
    """
    return (1, *accumulate(filter_widths[:-1], mul))


def receptive_field(kernel_sizes: Sequence[int], dilations: Sequence[int]) -> int:
    """Input frames that one output of a stack of stride-1 convolutions depends on: 1 + sum of (W - 1) D."""
    return 1 + sum((width - 1) * dilation for width, dilation in zip(kernel_sizes, dilations, strict=True))


def context(receptive_field: int, causal: bool) -> tuple[int, int]:
    """Frames seen (before, after) the frame that is predicted."""
    if causal:
        return receptive_field - 1, 0
    if receptive_field % 2 == 0:
        raise ValueError(f"a centred receptive field has an odd number of frames, found {receptive_field}")
    return receptive_field // 2, receptive_field // 2


def replicate_pad(x: Tensor, before: int, after: int, dim: int) -> Tensor:
    """Repeat the first frame ``before`` times and the last ``after`` times along ``dim`` (VP3D 3, Figure 9a)."""
    if x.shape[dim] == 0:
        raise ValueError(
            f"cannot repeat the border frames of a clip without frames: shape {tuple(x.shape)}, time axis {dim}"
        )
    time = torch.arange(-before, x.shape[dim] + after, device=x.device).clamp_(0, x.shape[dim] - 1)
    return x.index_select(dim, time)


class TemporalConv(nn.Conv1d):
    """A convolution over time that keeps the length: (B, C_in, T) -> (B, C_out, T), centred or causal.

    ``border`` says what stands in for the frames beyond the clip: "replicate" repeats the border frame, "zeros" is the
    usual zero padding.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        width: int,
        *,
        dilation: int = 1,
        causal: bool = False,
        border: str = "replicate",
        bias: bool = True,
    ) -> None:
        super().__init__(in_channels, out_channels, width, dilation=dilation, bias=bias)
        if border not in ("replicate", "zeros"):
            raise ValueError(f"border must be 'replicate' or 'zeros', found {border!r}")
        self.causal, self.border = causal, border
        self.before, self.after = context(receptive_field([width], [dilation]), causal)

    def forward(self, x: Tensor) -> Tensor:
        if self.border == "zeros":
            return super().forward(F.pad(x, (self.before, self.after)))
        return super().forward(replicate_pad(x, self.before, self.after, dim=2))


class StreamingConv:
    """A causal convolution fed one frame at a time: ``push`` takes (B, C_in) and returns the newest output (B, C_out).

    The state is the last (W - 1) D + 1 inputs, in a ring. The first frame fills it as replicated borders do, or, with
    ``border="zeros"``, after zeros. A stack of these, with anything per frame between them, equals the whole-sequence
    stack on the input padded before its first frame: layers over a constant past are constant too.
    """

    def __init__(self, conv: nn.Conv1d, border: str = "replicate") -> None:
        if conv.stride != (1,) or conv.groups != 1:
            raise ValueError(f"StreamingConv needs stride 1 and one group, found {conv}")
        self.conv, self.border = conv, border
        (self.width,), (self.dilation,) = conv.kernel_size, conv.dilation
        self._past: Tensor | None = None  # (B, C_in, (W - 1) D + 1), used as a ring; the newest frame is at _now
        self._now = 0

    def push(self, x: Tensor) -> Tensor:
        length = (self.width - 1) * self.dilation + 1
        if self._past is None:
            past = torch.zeros_like(x) if self.border == "zeros" else x
            self._past, self._now = past.unsqueeze(2).repeat(1, 1, length), length - 1
        elif x.shape != self._past.shape[:2]:
            raise ValueError(f"expected a frame {tuple(self._past.shape[:2])} as before, found {tuple(x.shape)}")
        self._now = (self._now + 1) % length
        self._past[:, :, self._now] = x
        taps = [(self._now + 1 + k * self.dilation) % length for k in range(self.width)]  # oldest first
        # A product, not conv1d, which would first rearrange all the weights for the sake of one frame.
        return F.linear(self._past[:, :, taps].flatten(1), self.conv.weight.flatten(1), self.conv.bias)

    def reset(self) -> None:
        """Forget the past: the next frame starts a new clip."""
        self._past = None
