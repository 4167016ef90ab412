"""VideoPose3D's network taken to pieces: its layers, their cost, the states an output needs, and the paper's drawings.

Everything is read off the implemented models: sizes by hooks during a forward pass, costs from the convolutions, the
states that matter from the kernels' index arithmetic (which the tests hold against the gradient's support).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from torch import nn

from phdlib import temporal
from phdlib.lifting import LiftingModel, TemporalModel

# Wong's colours, told apart with every kind of colour vision.
GREEN, BLUE, ORANGE, GREY = "#009E73", "#0072B2", "#E69F00", "#777777"


@dataclass(frozen=True)
class Layer:
    """One convolution: kernel, tensor size (frames, channels) behind it, and FLOPs per output frame, 2 W C_in C_out."""

    name: str
    block: int | None
    width: int
    dilation: int
    in_channels: int
    out_channels: int
    frames: int
    flops: int


def layers(model: TemporalModel, frames: int | None = None) -> list[Layer]:
    """The convolutions in the order in which a clip of ``frames`` (one receptive field if None) runs through them."""
    found: list[Layer] = []
    names = {module: name for name, module in model.named_modules()}

    def record(conv: nn.Conv1d, inputs: tuple, output: torch.Tensor) -> None:
        name, (width,), (dilation,) = names[conv], conv.kernel_size, conv.dilation
        block = int(name.split(".")[1]) // 2 if name.startswith("layers_conv") else None
        flops = 2 * width * conv.in_channels * conv.out_channels
        size = conv.in_channels, conv.out_channels, output.shape[2]
        found.append(Layer(name, block, width, dilation, *size, flops))

    _run(model, [module for module in model.modules() if isinstance(module, nn.Conv1d)], record, frames)
    return found


def parameters(model: nn.Module) -> int:
    """Number of trained numbers, norms included (VP3D Table 5)."""
    return sum(parameter.numel() for parameter in model.parameters())


def flops_per_frame(model: nn.Module) -> int:
    """Cost of one frame of an endless clip: 2 W C_in C_out summed over the matrix products, no more (VP3D A.2).

    Each convolution and each linear layer (W = 1) multiplies its whole weight once per frame.
    """
    products = [module for module in model.modules() if isinstance(module, nn.Conv1d | nn.Linear)]
    return sum(2 * module.weight.numel() for module in products)


def offsets(model: LiftingModel) -> list[list[int]]:
    """For the input convolution and each block, where its kernel looks: frames relative to the frame it computes."""
    newest = [(width - 1) * dilation for width, dilation in zip(model.kernel_sizes, model.dilations, strict=True)]
    shifts = [span if model.causal else span // 2 for span in newest]
    kernels = zip(model.kernel_sizes, model.dilations, shifts, strict=True)
    return [[k * dilation - shift for k in range(width)] for width, dilation, shift in kernels]


def used_states(model: LiftingModel) -> list[list[int]]:
    """Which frames' states one output needs, from the input (first) to the output (last); the output's frame is 0."""
    needed = [[0]]
    for kernel in reversed(offsets(model)):
        needed.append(sorted({frame + offset for frame in needed[-1] for offset in kernel}))
    return needed[::-1]


def paths_per_frame(model: LiftingModel) -> list[int]:
    """How many paths through the kernels lead from each frame of the receptive field to the output (skips left out)."""
    paths = np.ones(1, dtype=int)
    for width, dilation in zip(model.kernel_sizes, model.dilations, strict=True):
        comb = np.zeros((width - 1) * dilation + 1, dtype=int)
        comb[::dilation] = 1
        paths = np.convolve(paths, comb)
    return paths.tolist()


def gradient_support(model: TemporalModel, generator: torch.Generator, margin: int = 5) -> list[int]:
    """Frames, relative to the predicted one, that an output depends on: where its gradient is not zero, measured.

    The random clip goes on for ``margin`` frames on both sides of the receptive field. For models in evaluation mode.
    """
    F = model.receptive_field()
    size = 1, F + 2 * margin, model.num_joints_in, model.in_features
    clip = torch.randn(size, generator=generator).to(model.shrink.weight).requires_grad_()
    present = margin + temporal.context(F, model.causal)[0]
    (gradient,) = torch.autograd.grad(model(clip)[0, margin].sum(), clip)
    return (gradient.abs().sum(dim=(0, 2, 3)).nonzero().flatten() - present).tolist()


def computed_states(model: LiftingModel) -> list[int]:
    """States computed behind the input convolution and each block for one output; counted at the norms."""
    counts: list[int] = []

    def count(norm: nn.Module, inputs: tuple, output: torch.Tensor) -> None:
        counts.append(output.shape[2] if output.dim() == 3 else output.shape[0])

    _run(model, [model.expand_bn, *(mix_norm for _, _, _, mix_norm in model.blocks())], count)
    return counts


def _run(model: LiftingModel, modules: Sequence[nn.Module], hook: Callable, frames: int | None = None) -> None:
    """One forward pass in evaluation mode with ``hook`` on ``modules``; leaves the model as it was."""
    handles = [module.register_forward_hook(hook) for module in modules]
    was_training = model.training
    clip = torch.zeros(1, frames or model.receptive_field(), model.num_joints_in, model.in_features)
    with torch.no_grad():
        model.eval()(clip.to(model.shrink.weight))
    model.train(was_training)
    for handle in handles:
        handle.remove()


def figure_2(model: TemporalModel) -> Figure:
    """The network as a row of layers, with the tensor sizes of a one-frame prediction (VP3D Figure 2)."""
    fig, ax = plt.subplots(figsize=(11, 3.0))
    _pipeline(ax, model)
    fig.subplots_adjust(left=0.005, right=0.995, bottom=0.03, top=1)
    return fig


def figure_7(model: TemporalModel) -> Figure:
    """The network with the cost of each convolution per predicted frame (VP3D Figure 7)."""
    fig, (row, bars) = plt.subplots(2, 1, figsize=(11, 4.6), height_ratios=(3, 2.2), sharex=True)
    places = _pipeline(row, model)
    costs = [layer.flops / 1e6 for layer in layers(model)]
    bars.bar(places, costs, width=0.5, color=GREEN)
    for x, cost in zip(places, costs, strict=True):
        bars.text(x, cost + 0.12, f"{cost:.3f}", ha="center", fontsize=9)
    bars.set_facecolor("none")  # the tensor sizes above hang into this panel
    bars.set_ylabel("MFLOPs per frame")
    bars.set_ylim(0, max(costs) * 1.2)
    bars.spines[["top", "right", "bottom"]].set_visible(False)
    bars.tick_params(bottom=False, labelbottom=False)
    bars.set_xlabel(f"sum: {sum(costs):.3f} MFLOPs per frame, {parameters(model) / 1e6:.2f} million parameters")
    fig.subplots_adjust(left=0.045, right=0.995, bottom=0.08, top=1, hspace=0)
    return fig


def figure_6(centred: LiftingModel, causal: LiftingModel, more: int = 6) -> Figure:
    """Information flow from input (bottom) to output (top) of two models of equal width (VP3D Figure 6).

    In colour, all that one output depends on; in grey, the same for ``more`` outputs before and after it.
    """
    fig, axes = plt.subplots(2, 1, figsize=(11, 5.6))
    for ax, model, title in zip(axes, (centred, causal), ("(a) symmetric", "(b) causal"), strict=True):
        _flow(ax, model, range(-more, more + 1), "#d5d5d5", 0.6)
        _flow(ax, model, [0], BLUE, 1.3)
        field = used_states(model)[0]
        ax.axvline(0, color=ORANGE, lw=6, alpha=0.25, zorder=0)
        note = f"{title}: {-field[0]} frames before, {field[-1]} after"
        ax.set_title(note, fontsize=10, loc="left")
        _time_axis(ax, model)
        ax.set_xlim(-causal.receptive_field() - more + 0.5, centred.receptive_field() // 2 + more + 0.5)
    axes[-1].set_xlabel("frame, relative to the one that is predicted (orange)", fontsize=9)
    fig.tight_layout()
    return fig


def figure_10(layerwise: TemporalModel, optimised: LiftingModel) -> Figure:
    """States computed for one output: layer by layer, where many are wasted, and strided, where none is (Figure 10)."""
    fig, axes = plt.subplots(2, 1, figsize=(11, 5.6))
    needed = used_states(layerwise)
    titles = "(a) layer by layer", "(b) optimised for one frame"
    for ax, model, title in zip(axes, (layerwise, optimised), titles, strict=True):
        counts = computed_states(model)
        _flow(ax, layerwise, [0], BLUE, 1.2)
        for level, count in enumerate(counts, 1):
            first = needed[level][0]
            middle = first + (needed[level][-1] - first) / 2
            # The strided form computes the needed states; the dilated one all frames that the layer below allows.
            frames = needed[level] if count == len(needed[level]) else middle - (count - 1) / 2 + np.arange(count)
            wasted = sorted(set(np.round(frames).astype(int)) - set(needed[level]))
            ax.scatter(wasted, [level] * len(wasted), s=26, facecolor="white", edgecolor=ORANGE, lw=1.3, zorder=3)
        used = sum(map(len, needed[1:]))
        waste = sum(counts) - used
        ax.set_title(f"{title}: {sum(counts)} states, {used} used, {waste} wasted", fontsize=10, loc="left")
        _time_axis(ax, layerwise)
    axes[-1].set_xlabel("frame, relative to the one that is predicted; hollow: computed and never used", fontsize=9)
    fig.tight_layout()
    return fig


def _flow(ax: Axes, model: LiftingModel, outputs: Sequence[int], color: str, width: float) -> None:
    """The tree below each output: taps as lines, skip connections dashed, states as dots."""
    kernels, needed = offsets(model), used_states(model)
    taps, skips, states = set(), set(), set()
    for output in outputs:
        for level, kernel in enumerate(kernels):
            for frame in needed[level + 1]:
                t = frame + output
                taps |= {(t + offset, level, t) for offset in kernel}
                skips |= {(t, level)} if level else set()
        states |= {(frame + output, level) for level, frames in enumerate(needed) for frame in frames}
    order = 2 if color == BLUE else 1
    for start, level, end in taps:
        ax.plot([start, end], [level, level + 1], color=color, lw=width, zorder=order)
    for frame, level in skips:
        bend = FancyArrowPatch((frame, level), (frame, level + 1), connectionstyle="arc3,rad=0.3", arrowstyle="-",
                               color=color, lw=width, ls=(0, (3, 2)), zorder=order)  # fmt: skip
        ax.add_patch(bend)
    frames, levels = zip(*sorted(states), strict=True)
    ax.scatter(frames, levels, s=22, color=color, zorder=order + 1)


def _time_axis(ax: Axes, model: LiftingModel) -> None:
    names = ["input", "after the input layer", *(f"after block {i}" for i in range(1, len(model.blocks()) + 1))]
    ax.set_yticks(range(len(names)), names, fontsize=8)
    ax.spines[["top", "right", "left", "bottom"]].set_visible(False)
    ax.tick_params(length=0, labelsize=8)
    ax.margins(x=0.02, y=0.1)


def _pipeline(ax: Axes, model: TemporalModel) -> list[float]:
    """Draw the layers from left to right, blocks framed, skips above; return each convolution's place on the x axis."""
    chain = layers(model)
    places = [0.9 + 1.2 * i for i in range(len(chain))]
    small = {"ha": "center", "fontsize": 8.5}
    ax.text(0.2, 0, f"({model.receptive_field()}, {chain[0].in_channels})", rotation=90, va="center", **small)
    _arrow(ax, 0.36, 0.72)
    for i, (x, layer) in enumerate(zip(places, chain, strict=True)):
        label = f"{layer.in_channels}, {layer.width}d{layer.dilation}, {layer.out_channels}"
        _box(ax, x - 0.12, 0.24, GREEN, label, "white")
        size = f"({layer.frames}, {layer.out_channels})"
        if layer is chain[-1]:
            ax.text(x + 0.27, 0, size, rotation=90, va="center", **small)
            continue
        _box(ax, x + 0.16, 0.22, "#cfe3f2", "BN, ReLU, drop", "black")
        _arrow(ax, x + 0.4, x + 1.02)
        ax.text(x + 0.62, -0.66, size, rotation=90, va="top", color="0.25", **small)
        if layer.block is not None and i % 2 == 0:  # the second convolution of a block
            cut = chain[i - 2].frames - layer.frames
            _skip(ax, x - 1.72, x + 0.58, f"slice {cut} + 0" if model.causal else f"slice {cut // 2} + {cut // 2}")
    ax.set_xlim(0, places[-1] + 0.5)
    ax.set_ylim(-1.25, 1.05)
    ax.axis("off")
    return places


def _skip(ax: Axes, start: float, end: float, label: str) -> None:
    """A residual block's frame, and the skip connection over it into a plus."""
    frame = FancyBboxPatch((start + 0.14, -0.57), end - start - 0.27, 1.14, boxstyle="round,pad=0,rounding_size=0.06")
    frame.set(facecolor="none", edgecolor=GREY, linewidth=0.9)
    ax.add_patch(frame)
    ax.plot([start, start, end, end], [0, 0.74, 0.74, 0.1], color=ORANGE, lw=1.5)
    ax.plot(end, 0, "o", ms=11, mfc="white", mec=ORANGE, mew=1.3, zorder=3)
    ax.text(end, -0.005, "+", ha="center", va="center", fontsize=9, zorder=4)
    ax.text((start + end) / 2, 0.8, label, ha="center", fontsize=8.5, color="#8a5f00")


def _arrow(ax: Axes, start: float, end: float) -> None:
    ax.annotate("", (end, 0), (start, 0), arrowprops={"arrowstyle": "->", "color": GREY, "shrinkA": 0, "shrinkB": 0})


def _box(ax: Axes, left: float, width: float, color: str, label: str, ink: str) -> None:
    box = FancyBboxPatch((left, -0.5), width, 1.0, boxstyle="round,pad=0.0,rounding_size=0.04", fc=color, ec="none")
    ax.add_patch(box)
    ax.text(left + width / 2, 0, label, rotation=90, ha="center", va="center", fontsize=8.5, color=ink)
