"""VideoPose3D's models (VP3D 3): 2D keypoints of a clip in, 3D poses out, through convolutions over time.

The pose model answers with all joints relative to the root; the trajectory model is the same network with one joint,
the root itself. :class:`TemporalModel` computes layer by layer, for whole clips; :class:`StridedTemporalModel` computes
only what one output frame needs, for training (VP3D A.6). They share their weights' names and shapes, which are those
of the authors' published files, so a state dict fits either.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import skip_init

from phdlib import temporal
from phdlib.checkpoints import layout_of, read_videopose3d
from phdlib.skeleton import Skeleton


class LiftingModel(nn.Module):
    """Layers and book-keeping that both forms share: an input convolution, B residual blocks, a read-out of kernel 1.

    ``filter_widths`` holds W of the input convolution and of each block: (3, 3, 3, 3, 3) is the paper's model of 243
    frames, (1, 1, 1) its single-frame baseline. ``dense`` puts a weight on every frame that a dilated kernel spans
    (VP3D A.4). ``generator`` draws the initial weights (torch's own generator where it is None).
    """

    def __init__(
        self,
        num_joints_in: int,
        in_features: int,
        num_joints_out: int,
        filter_widths: Sequence[int],
        causal: bool = False,
        dropout: float = 0.25,
        channels: int = 1024,
        dense: bool = False,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if not filter_widths or any(width < 1 or width % 2 == 0 for width in filter_widths):
            raise ValueError(f"filter_widths must be odd and at least one, found {tuple(filter_widths)}")
        self.num_joints_in, self.in_features, self.num_joints_out = num_joints_in, in_features, num_joints_out
        self.filter_widths, self.causal, self.channels, self.dense = tuple(filter_widths), causal, channels, dense
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, found {dropout}")
        self.dropout = dropout

        dilations = temporal.tree_dilations(filter_widths)
        spans = [(width - 1) * dilation + 1 for width, dilation in zip(filter_widths, dilations, strict=True)]
        kernels = spans if dense else list(filter_widths)
        self.dilations = (1,) * len(dilations) if dense else dilations
        self.kernel_sizes = tuple(kernels)

        def conv(inputs: int, width: int, dilation: int = 1) -> nn.Conv1d:
            return skip_init(nn.Conv1d, inputs, channels, width, dilation=dilation, bias=False)

        blocks = list(zip(self.kernel_sizes, self.dilations, strict=True))[1:]
        self.expand_conv = conv(num_joints_in * in_features, filter_widths[0])
        self.expand_bn = nn.BatchNorm1d(channels)
        self.layers_conv = nn.ModuleList(
            layer for width, dilation in blocks for layer in (conv(channels, width, dilation), conv(channels, 1))
        )
        self.layers_bn = nn.ModuleList(nn.BatchNorm1d(channels) for _ in self.layers_conv)
        self.shrink = skip_init(nn.Conv1d, channels, num_joints_out * 3, 1)
        self.initialise(generator)

    def initialise(self, generator: torch.Generator | None = None) -> None:
        """Draw every convolution as torch does by default: uniform within 1 / sqrt(fan in). Norms start as identity."""
        for layer in (self.expand_conv, *self.layers_conv, self.shrink):
            bound = 1 / math.sqrt(layer.in_channels * layer.kernel_size[0])
            nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
            if layer.bias is not None:
                nn.init.uniform_(layer.bias, -bound, bound, generator=generator)

    def receptive_field(self) -> int:
        """Input frames behind one output frame: the product of the filter widths."""
        return temporal.receptive_field(self.kernel_sizes, self.dilations)

    def blocks(self) -> list[tuple[nn.Conv1d, nn.BatchNorm1d, nn.Conv1d, nn.BatchNorm1d]]:
        """The residual blocks: (temporal convolution, its norm, convolution of kernel 1, its norm)."""
        conv, norm = self.layers_conv, self.layers_bn
        return [(conv[i], norm[i], conv[i + 1], norm[i + 1]) for i in range(0, len(conv), 2)]

    def _drop(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        if not self.training or self.dropout == 0 or generator is None:
            return F.dropout(x, self.dropout, self.training)
        if x.device.type != "cpu":
            kept = torch.empty_like(x).bernoulli_(1 - self.dropout, generator=generator)
            return x * (kept / (1 - self.dropout))
        # Few units drop, so draw which: Poisson many places hit each unit independently, and miss it with 1 - p.
        rate = torch.tensor(-x.numel() * math.log1p(-self.dropout), dtype=torch.float64)
        hits = torch.randint(x.numel(), (int(torch.poisson(rate, generator)),), generator=generator)
        kept = x.new_full((x.numel(),), 1 / (1 - self.dropout)).index_fill_(0, hits, 0.0)
        return x * kept.view_as(x)

    def _check(self, keypoints: Tensor) -> None:
        wanted = (self.num_joints_in, self.in_features)
        if keypoints.dim() != 4 or keypoints.shape[2:] != wanted:
            raise ValueError(f"keypoints: expected (B, T, {wanted[0]}, {wanted[1]}), found {tuple(keypoints.shape)}")


class TemporalModel(LiftingModel):
    """The dilated model, layer by layer: (B, T, J_in, in_features) -> (B, T - receptive_field + 1, J_out, 3).

    No convolution pads: output t is the pose of input frame t + (receptive_field - 1) / 2, or, where ``causal``, of the
    last frame it sees, t + receptive_field - 1. To keep a clip's length, :func:`pad` it first. Takes the arguments of
    :class:`LiftingModel`; ``generator`` in the call drives dropout in training (torch's own where it is None).
    """

    def forward(self, keypoints: Tensor, generator: torch.Generator | None = None) -> Tensor:
        self._check(keypoints)
        if keypoints.shape[1] < self.receptive_field():
            raise ValueError(
                f"keypoints: {keypoints.shape[1]} frames are fewer than the receptive field of "
                f"{self.receptive_field()}; lengthen the clip with phdlib.lifting.pad"
            )
        x = keypoints.flatten(2).mT  # (B, J_in F, T)
        x = self._drop(F.relu(self.expand_bn(self.expand_conv(x))), generator)  # (B, C, T - W + 1)
        for conv, norm, mix, mix_norm in self.blocks():
            hidden = self._drop(F.relu(norm(conv(x))), generator)
            hidden = self._drop(F.relu(mix_norm(mix(hidden))), generator)
            first = x.shape[2] - hidden.shape[2] if self.causal else (x.shape[2] - hidden.shape[2]) // 2
            x = x[:, :, first : first + hidden.shape[2]] + hidden  # the residual is sliced to the frames that are left
        return self.shrink(x).mT.unflatten(2, (self.num_joints_out, 3))

    def stream(self) -> CausalStream:
        """The causal model, frame by frame; see :class:`CausalStream`."""
        return CausalStream(self)


class StridedTemporalModel(LiftingModel):
    """The training form: one receptive field (B, receptive_field, J_in, in_features) in, one pose (B, 1, J_out, 3) out.

    With the stride set to the kernel's width every state is used exactly once (VP3D A.6, Figure 10). In evaluation it
    is the same function as :class:`TemporalModel`. In training, batch norm sees only the states that are computed here.
    A convolution whose stride is its width is a matrix product on reshaped frames, and faster so on a CPU; the weights
    keep ``conv1d``'s shape, and lie in memory as that product reads them.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if self.dense:
            raise ValueError("a dense model uses every state for its one output: train it as TemporalModel")
        for conv in (self.expand_conv, *self.layers_conv):
            conv.weight = nn.Parameter(conv.weight.detach().mT.contiguous().mT)

    def forward(self, keypoints: Tensor, generator: torch.Generator | None = None) -> Tensor:
        self._check(keypoints)
        T = keypoints.shape[1]
        if self.receptive_field() != T:
            raise ValueError(f"keypoints: expected clips of exactly {self.receptive_field()} frames, found {T}")
        x = _strided(keypoints.flatten(2).flatten(0, 1), self.expand_conv)  # (B T / W, C), in time order
        x = self._drop(F.relu(self.expand_bn(x)), generator)
        for conv, norm, mix, mix_norm in self.blocks():
            (W,) = conv.kernel_size
            hidden, residual = _Branch.apply(x.view(-1, W * self.channels), _matrix(conv), self.causal)
            hidden = self._drop(F.relu(norm(hidden)), generator)
            hidden = self._drop(F.relu(mix_norm(_strided(hidden, mix))), generator)
            x = residual + hidden
        return _strided(x, self.shrink).unflatten(1, (1, self.num_joints_out, 3))


def _matrix(conv: nn.Conv1d) -> Tensor:
    """A kernel as (C_out, W C_in), frame by frame; a view where the weight lies so in memory."""
    return conv.weight.mT.flatten(1)


def _strided(x: Tensor, conv: nn.Conv1d) -> Tensor:
    """``conv`` with its stride set to its width: W rows at a time of (T, C_in) become one of (T / W, C_out)."""
    return F.linear(x.reshape(-1, conv.kernel_size[0] * x.shape[1]), _matrix(conv), conv.bias)


class _Branch(torch.autograd.Function):
    """Where a block begins: its strided convolution of rows (T / W, W C), and the frame that goes round it, the middle
    or, in a causal model, the last. One function, because autograd would add up the two gradients by way of a tensor
    of zeros."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, causal: bool) -> tuple[Tensor, Tensor]:
        C, width = len(weight), rows.shape[1]
        ctx.frame = slice(width - C, width) if causal else slice((width - C) // 2, (width + C) // 2)
        ctx.save_for_backward(rows, weight)
        return rows @ weight.T, rows[:, ctx.frame].clone()

    @staticmethod
    def backward(ctx: Any, grad: Tensor, grad_residual: Tensor) -> tuple[Tensor, Tensor, None]:
        rows, weight = ctx.saved_tensors
        grad_rows = grad @ weight
        grad_rows[:, ctx.frame] += grad_residual
        return grad_rows, grad.T @ rows, None


class CausalStream:
    """A causal model as it runs beside a camera: push the newest frame, get its pose (VP3D 6.1).

    ``push`` takes (B, J_in, in_features) and returns (B, J_out, 3): the whole-clip result on the clip padded before its
    first frame, at the cost of one frame. ``ValueError`` unless the model is causal and in evaluation mode.
    """

    def __init__(self, model: TemporalModel) -> None:
        if not model.causal or model.training:
            state = f"causal={model.causal}, training={model.training}"
            raise ValueError(f"streaming needs a causal model in evaluation mode, found {state}")
        self.model = model
        self._expand, self._shrink = temporal.StreamingConv(model.expand_conv), temporal.StreamingConv(model.shrink)
        self._blocks = [
            (temporal.StreamingConv(conv), norm, temporal.StreamingConv(mix), mix_norm)
            for conv, norm, mix, mix_norm in model.blocks()
        ]

    @torch.no_grad()
    def push(self, keypoints: Tensor) -> Tensor:
        self.model._check(keypoints.unsqueeze(1))
        x = F.relu(self.model.expand_bn(self._expand.push(keypoints.flatten(1))))
        for conv, norm, mix, mix_norm in self._blocks:
            hidden = F.relu(norm(conv.push(x)))
            x = x + F.relu(mix_norm(mix.push(hidden)))
        return self._shrink.push(x).unflatten(1, (self.model.num_joints_out, 3))


def pad(keypoints: Tensor, receptive_field: int, causal: bool) -> Tensor:
    """Repeat the border frames of (..., T, J, F), so that this receptive field gives T poses (VP3D 3, 5.3)."""
    return temporal.replicate_pad(keypoints, *temporal.context(receptive_field, causal), dim=-3)


def mirror(points: Tensor, skeleton: Skeleton) -> Tensor:
    """The person in a mirror: x negated, left and right joints swapped; (..., J, 2 or 3), x = 0 being the mirror.

    Keypoints are taken in normalised screen coordinates, whose x = 0 is the middle of the image.
    """
    if points.shape[-2] != len(skeleton):
        raise ValueError(f"points: expected the {len(skeleton)} joints of {skeleton.name}, found {tuple(points.shape)}")
    flipped = points[..., skeleton.mirror, :].clone()
    flipped[..., 0].neg_()
    return flipped


@torch.no_grad()
def predict(
    model: nn.Module, keypoints: Tensor, skeleton: Skeleton, flip: bool = True, out_skeleton: Skeleton | None = None
) -> Tensor:
    """Poses of one clip: keypoints (T, J_in, 2), normalised -> (T, J_out, 3), metres.

    ``flip`` averages with the mirrored clip's mirrored answer (VP3D 5.3, A.4). ``skeleton`` is that of the keypoints,
    ``out_skeleton`` that of the poses where it differs; a trajectory (J_out = 1) needs none. ``ValueError`` if the
    model is training, or a keypoint is not finite (it names the frame and the joint).
    """
    if model.training:
        raise ValueError("predict: the model is in training mode; call model.eval() first")
    if keypoints.dim() != 3 or keypoints.shape[1] != len(skeleton):
        raise ValueError(
            f"keypoints: expected (T, {len(skeleton)}, 2) for {skeleton.name}, found {tuple(keypoints.shape)}"
        )
    bad = (~keypoints.isfinite()).any(dim=-1).nonzero()
    if len(bad):
        frame, joint = bad[0].tolist()
        raise ValueError(
            f"keypoints: frame {frame}, joint {skeleton.joints[joint]!r} is not finite ({len(bad)} such in all)"
        )
    clip = pad(keypoints, model.receptive_field(), model.causal)
    if not flip:
        return model(clip[None])[0]
    straight, mirrored = model(torch.stack((clip, mirror(clip, skeleton))))
    if straight.shape[1] == 1:
        return (straight + mirrored * mirrored.new_tensor([-1.0, 1.0, 1.0])) / 2
    return (straight + mirror(mirrored, out_skeleton or skeleton)) / 2


class VideoPose3D(NamedTuple):
    """What a published file holds. ``trajectory_model`` is there only in semi-supervised ones."""

    pose_model: TemporalModel
    trajectory_model: TemporalModel | None


def load_videopose3d(path: str | Path, causal: bool = False) -> VideoPose3D:
    """The authors' published ``.bin`` as models in evaluation mode; sizes are read off the weights.

    Whether a model is causal is not in the file: say it. ``ValueError`` names the file, the key and what was expected.
    """

    def build(state: dict[str, Tensor]) -> TemporalModel:
        size = layout_of(state)
        model = TemporalModel(size.joints_in, 2, size.joints_out, size.filter_widths, causal, channels=size.channels)
        model.load_state_dict(state)
        return model.eval()

    pose, trajectory = read_videopose3d(path)
    return VideoPose3D(build(pose), None if trajectory is None else build(trajectory))
