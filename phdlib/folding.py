"""Lifting long clips fast on a CPU: batch norm folded away, fewer products, and bfloat16 where it is asked for.

In evaluation batch norm is a fixed scale and shift per channel, so it goes into the convolution before it, once and for
all. What is left is matrix products on rows of frames (time first, channels last): a convolution of width 3 sums three
products with rows D frames apart, and two outputs D frames apart share inputs, so that four half-sized products do
instead of six (Winograd's minimal filter F(2, 3); Lavin and Gray, arXiv:1509.09308).

A bfloat16 has eight bits. Processors with matrix units for it multiply several times as fast, and move the poses by
millimetres. The *compensated* product writes every number as the sum of two bfloat16 and keeps all but the product
of the two small parts: four fast products in place of a slow one, and nearly the accuracy of float32.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from phdlib.lifting import LiftingModel, TemporalModel


def fold_batch_norm(
    model: TemporalModel, dtype: torch.dtype = torch.float32, compensated: bool = True
) -> FoldedTemporalModel:
    """The same function as ``model`` in evaluation, as a module for inference only; ``model`` stays as it is.

    ``dtype`` is that of the products inside the blocks, float32 or bfloat16, the latter ``compensated`` or not; input,
    output, first and last layer and the residual stream are float32 always. Without a bfloat16 matrix unit (AMX, on
    Intel's processors) float32 is the fastest. ``ValueError`` for a model in training mode, or another dtype.
    """
    if model.training:
        raise ValueError("fold_batch_norm: the model is in training mode, its statistics still move; call model.eval()")
    if dtype not in (torch.float32, torch.bfloat16):
        raise ValueError(f"fold_batch_norm: dtype must be torch.float32 or torch.bfloat16, found {dtype}")
    return FoldedTemporalModel(model, "float32" if dtype == torch.float32 else "pair" if compensated else "bfloat16")


class FoldedTemporalModel(nn.Module):
    """What :func:`fold_batch_norm` makes: (B, T, J_in, F) -> (B, T - receptive_field + 1, J_out, 3)."""

    def __init__(self, model: LiftingModel, precision: str) -> None:
        super().__init__()
        self.num_joints_in, self.in_features = model.num_joints_in, model.in_features
        self.num_joints_out, self.causal = model.num_joints_out, model.causal
        self._receptive_field = model.receptive_field()
        self.expand = _Convolution(*_folded(model.expand_conv, model.expand_bn), 1, "float32")
        self.convs, self.mixes = nn.ModuleList(), nn.ModuleList()
        for conv, norm, mix, mix_norm in model.blocks():
            self.convs.append(_Convolution(*_folded(conv, norm), conv.dilation[0], precision, in_pairs=True))
            self.mixes.append(_Convolution(*_folded(mix, mix_norm), 1, precision))
        self.shrink = _Convolution(model.shrink.weight.detach(), model.shrink.bias.detach(), 1, "float32", relu=False)
        self.eval()

    def receptive_field(self) -> int:
        return self._receptive_field

    @torch.no_grad()
    def forward(self, keypoints: Tensor) -> Tensor:
        B, T, J, features = keypoints.shape
        if (J, features) != (self.num_joints_in, self.in_features) or self._receptive_field > T:
            wanted = f"(B, T >= {self._receptive_field}, {self.num_joints_in}, {self.in_features})"
            raise ValueError(f"keypoints: expected {wanted}, found {tuple(keypoints.shape)}")
        # All clips run as one long one; the outputs that mix two clips are cut off at the end.
        left = B * T - self.expand.eaten
        x = self.expand(keypoints.reshape(B * T, -1), left)
        # Rows of zeros behind the clip, so that its last outputs have a partner to be computed with.
        x = torch.cat((x, x.new_zeros(max((conv.eaten for conv in self.convs), default=0), x.shape[1])))
        for conv, mix in zip(self.convs, self.mixes, strict=True):
            left -= conv.eaten
            hidden = mix(conv(x, left), left)
            x = x[conv.eaten if self.causal else conv.eaten // 2 :]
            x[:left] += hidden
        poses = self.shrink(x, left)
        poses = torch.cat((poses, poses.new_zeros(B * T - left, poses.shape[1]))).view(B, T, -1, 3)
        return poses[:, : T - self._receptive_field + 1]


class _Convolution(nn.Module):
    """A dilated convolution of rows, and its ReLU: (T, C_in) -> (T - (W - 1) D, C_out)."""

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor,
        dilation: int,
        precision: str,
        *,
        relu: bool = True,
        in_pairs: bool = False,
    ) -> None:
        super().__init__()
        taps = weight.double().permute(2, 1, 0)  # (W, C_in, C_out)
        self.width, self.dilation, self.eaten, self.relu = len(taps), dilation, (len(taps) - 1) * dilation, relu
        self.paired = in_pairs and self.width == 3
        if self.paired:
            a, b, c = taps
            taps = torch.stack((a, (a + b + c) / 2, (a - b + c) / 2, c))
        else:
            taps = taps.reshape(1, -1, taps.shape[2])  # one product of W frames side by side
        self.products = nn.ModuleList(_Product(tap.float(), precision) for tap in taps)
        self.register_buffer("bias", bias.float())

    def forward(self, x: Tensor, T: int) -> Tensor:
        """The first ``T`` outputs; pairs need ``eaten`` rows more behind the last input, whatever they hold."""
        if self.paired:
            return self._pairs(x, T)
        (product,) = self.products
        operand = product.operand(T)
        for rows in _slices(T, len(self.bias), x.device):
            window = [x[rows.start + k * self.dilation : rows.stop + k * self.dilation] for k in range(self.width)]
            product.load(operand, rows, torch.cat(window, dim=1) if self.width > 1 else window[0])
        result = product.multiply(operand)
        out = x.new_empty(T, len(self.bias))
        for rows in _slices(T, len(self.bias), x.device):
            torch.add(product.read(result, rows), self.bias, out=out[rows])
            if self.relu:
                out[rows].relu_()
        return out

    def _pairs(self, x: Tensor, T: int) -> Tensor:
        """F(2, 3): outputs t and t + D from the inputs t, t + D, t + 2D, t + 3D, through four products."""
        D, C = self.dilation, x.shape[1]
        groups = -(-T // (2 * D))
        out = x.new_empty(2 * groups * D, C)

        def comb(rows: Tensor, k: int) -> Tensor:  # (groups, D, C): rows k D, ..., k D + D - 1, and on from 2 D later
            return rows.as_strided((groups, D, C), (2 * D * C, C, 1), rows.storage_offset() + k * D * C)

        a, b, c, d = (comb(x, k) for k in range(4))
        operand = self.products[0].operand(groups * D)
        results = []
        for product, left, right, sign in zip(self.products, (a, b, c, b), (c, c, b, d), (-1, 1, -1, -1), strict=True):
            for some in _slices(groups, D * C, x.device):
                half = torch.add(left[some], right[some], alpha=sign).view(-1, C)
                product.load(operand, slice(some.start * D, some.stop * D), half)
            results.append(product.multiply(operand))
        even, odd = comb(out, 0), comb(out, 1)
        for some in _slices(groups, D * C, x.device):
            rows = slice(some.start * D, some.stop * D)
            m = [
                product.read(result, rows).view(-1, D, C)
                for product, result in zip(self.products, results, strict=True)
            ]
            m[1] += self.bias
            torch.add(m[0].add_(m[1]), m[2], out=even[some]).relu_()
            torch.sub(m[1].sub_(m[2]), m[3], out=odd[some]).relu_()
        return out[:T]


class _Product(nn.Module):
    """Rows times a matrix, float32 in and out; ``precision`` says what happens in between.

    In three steps, so that what surrounds the product can go a few rows at a time, through the processor's cache:
    ``load`` rows into an :meth:`operand`, ``multiply`` it, ``read`` rows of the result.
    """

    def __init__(self, weight: Tensor, precision: str) -> None:
        super().__init__()
        self.precision = precision
        high = weight if precision == "float32" else weight.bfloat16()
        self.register_buffer("weight", high.contiguous())
        self.register_buffer("rest", (weight - high).bfloat16().contiguous() if precision == "pair" else None)

    def operand(self, rows: int) -> list[Tensor]:
        return [self.weight.new_empty(rows, len(self.weight)) for _ in range(1 if self.rest is None else 2)]

    def load(self, operand: list[Tensor], rows: slice, x: Tensor) -> None:
        operand[0][rows] = x
        if self.rest is not None:
            operand[1][rows] = x - operand[0][rows]

    def multiply(self, operand: list[Tensor]) -> list[Tensor]:
        product = operand[0] @ self.weight
        if self.rest is None:
            return [product]
        high, low = operand
        # The sum inside the product is exact enough, its result is rounded: a second run returns what was rounded off.
        rest = torch.addmm(product, high, self.weight, beta=-1)
        return [product, rest.addmm_(low, self.weight).addmm_(high, self.rest)]

    def read(self, result: list[Tensor], rows: slice) -> Tensor:
        product = result[0][rows].float()
        return product if self.rest is None else product + result[1][rows]


def _slices(length: int, numbers_each: int, device: torch.device) -> list[slice]:
    """Cut ``length`` items of ``numbers_each`` numbers into pieces that stay in a processor's cache while in work; one
    piece on a GPU, where each costs the start of a kernel."""
    step = max(1, 2**16 // numbers_each if device.type == "cpu" else length)
    return [slice(start, min(start + step, length)) for start in range(0, length, step)]


def _folded(conv: nn.Conv1d, norm: nn.BatchNorm1d) -> tuple[Tensor, Tensor]:
    """Weight and bias of one convolution that equals ``norm`` after ``conv``, in float64."""
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    shift = norm.bias.double() - norm.running_mean.double() * scale
    return (conv.weight.double() * scale[:, None, None]).detach(), shift.detach()
