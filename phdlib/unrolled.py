"""f_AR's rollout over many steps with its gradient written out (PHD eq. 4, 8; 3.4), for stage 2 spends its time on it.

Each step computes one frame, so that the products of matrices are small, and the bookkeeping of automatic
differentiation on hundreds of small operations takes longer than they do. Backpropagation through time is therefore
done by hand: frame by frame what the next frame depends on, and for the weights all frames at once. Values and
gradients are those of :meth:`phdlib.temporal_stack.TemporalStack.advance`, called frame by frame.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from phdlib.temporal_stack import WIDTH, State, TemporalStack

_PER_LAYER = 5  # tensors of each convolution: what it saw last, the weights of its norm, and its own


def unrolled(
    first: Tensor, state: State, steps: int, stack: TemporalStack, embed: nn.Module, readout: nn.Module, change: bool
) -> Tensor:
    """``steps`` frames (B, steps, C) that begin with ``first`` (B, 1, C). Each is embedded, sent through the causal
    ``stack`` and read out to be the next, or, with ``change``, the step to the next. ``embed`` and ``readout`` are both
    linear or both the identity. Differentiable, once, in ``first``, ``state`` and all weights."""
    if steps == 1:
        return first
    layers = []
    for block, seen in zip(stack.blocks, state, strict=True):
        for norm, conv, past in zip((block.norm1, block.norm2), (block.conv1, block.conv2), seen, strict=True):
            matrix = conv.weight.permute(2, 1, 0).flatten(0, 1)  # (WIDTH C, C), as in over_time
            layers += [past.to(matrix.dtype), norm.weight, norm.bias, matrix, conv.bias]
    ends = [getattr(end, name, None) for end in (embed, readout) for name in ("weight", "bias")]
    first = first.to(layers[-1].dtype)
    with torch.autocast(first.device.type, enabled=False):
        later = _Rollout.apply(steps - 1, stack.blocks[0].norm1, change, first[:, 0], *ends, *layers)
    return torch.cat((first, later), dim=1)


class _Layer:
    """Conv(ReLU(GN(x))) of one frame x after another, and its gradient, of one frame before another."""

    def __init__(self, steps: int, norm: nn.GroupNorm, past: Tensor, *weights: Tensor) -> None:
        self.gamma, self.beta, self.matrix, self.bias = weights
        self.groups, self.eps, self.steps = norm.num_groups, norm.eps, steps
        self.seen = past.new_empty(len(past), WIDTH - 1 + steps, past.shape[2])  # by the convolution
        self.seen[:, : WIDTH - 1] = past
        self.windows, self.own = self.views(self.seen)
        self.normalised: list[tuple[Tensor, ...]] = []

    def views(self, frames: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Of each step, the window (B, WIDTH C) and the newest frame in it (B, C)."""
        B, T, C = frames.shape
        windows = frames.as_strided((self.steps, B, WIDTH * C), (C, T * C, 1))
        return windows.unbind(), frames[:, WIDTH - 1 :].unbind(1)

    def forward(self, t: int, x: Tensor) -> Tensor:
        x = x.unflatten(1, (self.groups, -1))
        unit, mean, scale = torch.native_layer_norm(x, x.shape[2:], None, None, self.eps)
        self.normalised.append((x, mean, scale, unit))
        torch.addcmul(self.beta, unit.view_as(self.own[t]), self.gamma, out=self.own[t]).relu_()
        return torch.addmm(self.bias, self.windows[t], self.matrix)

    def start_backward(self) -> None:
        self.d_seen = torch.zeros_like(self.seen)
        self.d_windows, self.d_own = self.views(self.d_seen)
        self.d_units: list[Tensor] = []
        self.d_outs: list[Tensor] = []

    def backward(self, t: int, d_out: Tensor) -> Tensor:
        """The gradient of frame t's input from that of its output; those of the frames after it have been here."""
        self.d_outs.append(d_out)
        self.d_windows[t].addmm_(d_out, self.matrix.T)
        d_unit = torch.ops.aten.threshold_backward(self.d_own[t], self.own[t], 0)  # complete: no earlier window has it
        self.d_units.append(d_unit)
        x, mean, scale, _ = self.normalised[t]
        d_normalised = (d_unit * self.gamma).view_as(x)
        d_x, _, _ = torch.ops.aten.native_layer_norm_backward(
            d_normalised, x, x.shape[2:], mean, scale, None, None, [True, False, False]
        )
        return d_x.flatten(1)

    def gradients(self) -> tuple[Tensor, ...]:
        """Of the past and the weights."""
        d_unit, d_out = torch.cat(self.d_units[::-1]), torch.cat(self.d_outs[::-1])  # (steps B, C)
        unit = torch.cat([unit for *_, unit in self.normalised]).view_as(d_unit)
        frames = self.seen.transpose(0, 1).contiguous()
        d_matrix = [frames[k : k + self.steps].flatten(0, 1).T @ d_out for k in range(WIDTH)]
        return self.d_seen[:, : WIDTH - 1], (d_unit * unit).sum(0), d_unit.sum(0), torch.cat(d_matrix), d_out.sum(0)


class _Rollout(torch.autograd.Function):
    """The ``steps`` frames (B, steps, C) after a frame (B, C)."""

    @staticmethod
    def forward(ctx: Any, steps: int, norm: nn.GroupNorm, change: bool, first: Tensor, *given: Tensor | None) -> Tensor:
        into, onto, out, above, *parts = given
        layers = [_Layer(steps, norm, *parts[i : i + _PER_LAYER]) for i in range(0, len(parts), _PER_LAYER)]
        x, frames, hidden = first, [], []
        for t in range(steps):
            h = x if into is None else torch.addmm(onto, x, into.T)
            for one, two in zip(layers[::2], layers[1::2], strict=True):
                h = h + two.forward(t, one.forward(t, h))
            hidden.append(h)
            y = h if out is None else torch.addmm(above, h, out.T)
            x = x + y if change and out is not None else y
            frames.append(x)
        result = torch.stack(frames, dim=1)
        ctx.layers, ctx.change, ctx.hidden = layers, change, hidden
        ctx.save_for_backward(first, result, into, out)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_frames: Tensor) -> tuple[Tensor | None, ...]:
        first, frames, into, out = ctx.saved_tensors
        for layer in ctx.layers:
            layer.start_backward()
        d_next, d_embedded, d_read = torch.zeros_like(first), [], []  # the lists from the last frame to the first
        for t, d_x in reversed(list(enumerate(d_frames.unbind(1)))):
            d_x = d_x + d_next
            d_read.append(d_x)
            d_h = d_x if out is None else d_x @ out
            for one, two in zip(ctx.layers[-2::-2], ctx.layers[::-2], strict=True):
                d_h = d_h + one.backward(t, two.backward(t, d_h))
            d_embedded.append(d_h)
            d_next = d_h if into is None else d_h @ into
            if ctx.change and out is not None:
                d_next = d_next + d_x
        ends: list[Tensor | None] = [None] * 4
        if into is not None:
            inputs = torch.cat((first, *frames[:, :-1].unbind(1)))
            d_h, d_y = torch.cat(d_embedded[::-1]), torch.cat(d_read[::-1])
            ends = [d_h.T @ inputs, d_h.sum(0), d_y.T @ torch.cat(ctx.hidden), d_y.sum(0)]
        return None, None, None, d_next, *ends, *(d for layer in ctx.layers for d in layer.gradients())
