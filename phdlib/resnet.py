"""Residual networks for images (He et al. 2016): ResNet-50 as in PHD 4.1, and small ones of the same kind."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

RESNET50 = {"stem": 64, "widths": (64, 128, 256, 512), "depths": (3, 4, 6, 3), "bottleneck": True}


class Block(nn.Module):
    """x + f(x): two convolutions of 3, or, as a ``bottleneck``, of 1, 3 and 1 with four times as many outputs."""

    def __init__(self, inputs: int, width: int, stride: int, bottleneck: bool) -> None:
        super().__init__()
        shapes = [(inputs, width, 1, 1), (width, width, 3, stride), (width, 4 * width, 1, 1)]
        if not bottleneck:
            shapes = [(inputs, width, 3, stride), (width, width, 3, 1)]
        self.layers = nn.ModuleList(convolution(*shape) for shape in shapes)
        outputs = shapes[-1][1]
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else convolution(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        hidden = x
        for layer in self.layers[:-1]:
            hidden = F.relu(layer(hidden))
        return F.relu(self.shortcut(x) + self.layers[-1](hidden))


class ResNet(nn.Module):
    """Images (B, 3, H, W) to phi (B, D), the average-pooled last layer (PHD 4.1). ``pool``: ResNet's max pooling after
    the stem, which small images can do without. ``generator`` draws the weights."""

    def __init__(
        self,
        stem: int,
        widths: Sequence[int],
        depths: Sequence[int],
        bottleneck: bool = False,
        pool: bool = True,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if len(widths) != len(depths) or not widths:
            raise ValueError(f"ResNet: expected a depth for each width, found {tuple(widths)} and {tuple(depths)}")
        self.stem, self.pool = convolution(3, stem, 7, 2), pool
        blocks, inputs = [], stem
        for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            for i in range(depth):
                blocks.append(Block(inputs, width, 2 if stage and i == 0 else 1, bottleneck))
                inputs = width * (4 if bottleneck else 1)
        self.blocks, self.dimension = nn.Sequential(*blocks), inputs
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):  # He's initialisation
                deviation = math.sqrt(2 / (layer.out_channels * layer.kernel_size[0] ** 2))
                nn.init.normal_(layer.weight, 0, deviation, generator=generator)
        for block in self.blocks:
            nn.init.zeros_(block.layers[-1][1].weight)  # each block starts as its shortcut

    def forward(self, images: Tensor) -> Tensor:
        x = F.relu(self.stem(images))
        x = F.max_pool2d(x, 3, 2, 1) if self.pool else x
        return self.blocks(x).mean((2, 3))


def convolution(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Sequential:
    """A convolution without bias and its batch norm."""
    conv = nn.utils.skip_init(nn.Conv2d, inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs))
