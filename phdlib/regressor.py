"""f_3D (PHD 3.2): the body and the camera out of a movie strip, by HMR's iterative regressor [26].

The regressor's vector is ``omega`` = [Pi, theta, beta]: weak-perspective camera s, tx, ty (3), pose (72, axis-angle,
radians), shape (10); 85 numbers. PHD's Theta = [theta, beta] are its last 82: what pose-space autoregression works on
(eq. 8), and all that means something in the future, where no image tells the camera (eq. 6 stands in for it).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import skip_init

CAMERA, BETAS = 3, 10  # numbers before and after the pose in omega


class Omega(NamedTuple):
    """``camera`` (..., 3), ``theta`` (..., 72), ``beta`` (..., 10)."""

    camera: Tensor
    theta: Tensor
    beta: Tensor


def split_omega(omega: Tensor) -> Omega:
    """[Pi, theta, beta] (..., 85) into its parts; the pose is what lies between 3 and the last 10."""
    return Omega(omega[..., :CAMERA], omega[..., CAMERA:-BETAS], omega[..., -BETAS:])


class Regression(NamedTuple):
    """``omega`` (..., 85) of the frame itself, and ``nearby``: by offset in frames, omega (..., 85) of that frame."""

    omega: Tensor
    nearby: dict[int, Tensor]


def linear(inputs: int, outputs: int, generator: torch.Generator | None = None, scale: float = 1.0) -> nn.Linear:
    """A linear layer drawn by Xavier's rule with ``scale`` times its variance, biases zero."""
    layer = skip_init(nn.Linear, inputs, outputs)
    nn.init.xavier_uniform_(layer.weight, math.sqrt(scale), generator=generator)
    nn.init.zeros_(layer.bias)
    return layer


class IterativeRegressor(nn.Module):
    """Error feedback [26]: ``iterations`` times omega <- omega + MLP([Phi, omega]), the same MLP each time.

    ``forward`` takes Phi (..., features) and the start (..., outputs) and returns (..., outputs). Two hidden layers of
    ``hidden`` units, each with ReLU and dropout; the last layer starts small, and so the answers near the start.
    """

    def __init__(
        self,
        features: int,
        outputs: int,
        hidden: int = 1024,
        iterations: int = 3,
        dropout: float = 0.5,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if iterations < 1:
            raise ValueError(f"iterations must be at least 1, found {iterations}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, found {dropout}")
        self.features, self.outputs, self.iterations, self.dropout = features, outputs, iterations, dropout
        self.fc1 = linear(features + outputs, hidden, generator)
        self.fc2 = linear(hidden, hidden, generator)
        self.fc3 = linear(hidden, outputs, generator, 0.01)  # as HMR's released code draws them

    def forward(self, Phi: Tensor, start: Tensor, generator: torch.Generator | None = None) -> Tensor:
        from_strip, from_omega = self.fc1.weight.split((self.features, self.outputs), dim=1)
        strip = F.linear(Phi, from_strip, self.fc1.bias)  # this part of fc1([Phi, omega]) is the same in each iteration
        omega = start
        for _ in range(self.iterations):
            x = self._drop(F.relu(strip + F.linear(omega, from_omega)), generator)
            x = self._drop(F.relu(self.fc2(x)), generator)
            omega = omega + self.fc3(x)
        return omega

    def _drop(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        if not self.training or self.dropout == 0 or generator is None:
            return F.dropout(x, self.dropout, self.training)
        kept = torch.rand(x.shape, generator=generator, device=x.device) >= self.dropout  # bernoulli_ takes 4 x as long
        return x * (kept / (1 - self.dropout)).to(x.dtype)


class PoseRegressor(nn.Module):
    """f_3D: movie strips Phi (..., features) -> :class:`Regression`, the body and camera of the frame and near it.

    ``start`` (85,) is the mean omega at which the iterations start; as in the released code it is trained with the
    rest. Its length sets the outputs (3 + pose + 10), so another parametrisation of pose needs nothing else.
    ``offsets`` are the nearby frames of eq. 1, each with a regressor of its own: (-10, -5) for the causal encoder,
    (-5, 5) for that of [27]; () for none. As in the released code a nearby regressor starts at the present prediction,
    gives camera and pose, and takes over the present shape. With no nearby ones the same network serves as the head of
    a single-frame model, and its weights start f_3D: ``f_3d.present.load_state_dict(head.present.state_dict())``.

    ``generator`` draws the initial weights here, and in the call dropout (torch's own where it is None).
    ``ValueError`` for sizes that cannot be.
    """

    def __init__(
        self,
        start: Tensor,
        features: int = 2048,
        offsets: Sequence[int] = (-10, -5),
        *,
        hidden: int = 1024,
        iterations: int = 3,
        dropout: float = 0.5,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if start.dim() != 1 or len(start) <= CAMERA + BETAS:
            raise ValueError(f"start: expected (85,), camera 3, pose 72, shape 10; found {tuple(start.shape)}")
        if 0 in offsets or len(set(offsets)) != len(offsets):
            raise ValueError(f"offsets must be distinct and not zero, found {tuple(offsets)}")
        self.features, self.offsets = features, tuple(offsets)
        self.start = nn.Parameter(start.detach().clone())
        sizes = {"hidden": hidden, "iterations": iterations, "dropout": dropout, "generator": generator}
        self.present = IterativeRegressor(features, len(start), **sizes)
        self.nearby = nn.ModuleDict(
            {str(offset): IterativeRegressor(features, len(start) - BETAS, **sizes) for offset in self.offsets}
        )

    def forward(self, Phi: Tensor, generator: torch.Generator | None = None, *, nearby: bool = True) -> Regression:
        """``nearby=False`` leaves the nearby frames out, as in the future (eq. 7)."""
        if Phi.shape[-1] != self.features:
            raise ValueError(f"Phi: expected (..., {self.features}), found {tuple(Phi.shape)}")
        omega = self.present(Phi, self.start.expand(*Phi.shape[:-1], -1), generator)
        moving, beta = omega[..., :-BETAS], omega[..., -BETAS:]
        around = {
            offset: torch.cat((self.nearby[str(offset)](Phi, moving, generator), beta), dim=-1)
            for offset in (self.offsets if nearby else ())
        }
        return Regression(omega, around)
