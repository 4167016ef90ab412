"""The factorized adversarial prior (PHD 3.2, after HMR [26]): 25 small critics that tell people's poses from others.

One critic per joint learns that joint's limits, one sees all joints together, one sees the shape; they are trained on
poses of real people without any image, against the poses that the encoder predicts, by least squares (LSGAN).

What [26] states: the 23 relative rotations as matrices, the global one left out; an embedding of two layers of 32 units
that all joints share; a critic per joint on it; two layers of 1024 on all embeddings together for the whole pose;
layers of 10, 5 and 1 for the shape. Chosen here: ReLU, Xavier-uniform weights and zero biases, the defaults of the
library that [26] was written in; critics per joint that are linear, as in its code.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from roma import rotvec_to_rotmat
from torch import Tensor, nn
from torch.nn.utils import skip_init

from phdlib.body import BETAS
from phdlib.skeleton import SMPL24

JOINTS = len(SMPL24) - 1  # every joint turns relative to its parent, but for the pelvis, which turns in the world
CRITICS = JOINTS + 2  # then the whole pose, then the shape


class FactorizedPrior(nn.Module):
    """All discriminators as one module: (theta, beta) -> 25 values, near 1 for real people and 0 for predictions.

    ``embedding`` and ``hidden`` are the widths of the joints' shared embedding and of the whole pose's layers.
    ``generator`` draws the initial weights (torch's own generator where it is None).
    """

    def __init__(self, embedding: int = 32, hidden: int = 1024, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.embed = _mlp(9, embedding, embedding)
        self.joint_weight = nn.Parameter(torch.empty(JOINTS, embedding))
        self.joint_bias = nn.Parameter(torch.zeros(JOINTS))
        self.whole_pose = nn.Sequential(_mlp(JOINTS * embedding, hidden, hidden), skip_init(nn.Linear, hidden, 1))
        self.shape = nn.Sequential(_mlp(BETAS, 10, 5), skip_init(nn.Linear, 5, 1))
        self.initialise(generator)

    def initialise(self, generator: torch.Generator | None = None) -> None:
        """Xavier-uniform weights, zero biases."""
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight, generator=generator)
                nn.init.zeros_(layer.bias)
        bound = math.sqrt(6 / (self.joint_weight.shape[1] + 1))  # each row is a layer of its own, to one output
        nn.init.uniform_(self.joint_weight, -bound, bound, generator=generator)
        nn.init.zeros_(self.joint_bias)

    def forward(self, theta: Float[Tensor, "*B 72"], beta: Float[Tensor, "*B 10"]) -> Float[Tensor, "*B 25"]:
        """Axis-angle ``theta``, global rotation first (it is not looked at), and shape ``beta`` -> the values of the 23
        joints' discriminators in SMPL's order, of the whole pose's and of the shape's.

        ``ValueError`` on other shapes.
        """
        if theta.shape[-1] != 3 * len(SMPL24) or beta.shape != (*theta.shape[:-1], BETAS):
            raise ValueError(
                f"prior: theta {tuple(theta.shape)}, beta {tuple(beta.shape)}; expected (..., 72), (..., {BETAS})"
            )
        return self.judge(rotvec_to_rotmat(theta.unflatten(-1, (-1, 3))), beta)

    def judge(self, rotations: Float[Tensor, "*B 24 3 3"], beta: Float[Tensor, "*B 10"]) -> Float[Tensor, "*B 25"]:
        """:meth:`forward` of a pose as matrices relative to the parent, the global one first (not looked at)."""
        embedded = self.embed(rotations[..., 1:, :, :].flatten(-2))  # (*B, 23, embedding)
        joints = (embedded * self.joint_weight).sum(-1) + self.joint_bias
        return torch.cat((joints, self.whole_pose(embedded.flatten(-2)), self.shape(beta)), dim=-1)


def discriminator_loss(real: Tensor, predicted: Tensor) -> Tensor:
    """What the discriminators minimise: sum over them of E[(D_i(real) - 1)^2] + E[D_i(predicted)^2] (HMR [26],
    adversarial prior; least-squares GAN).

    Values (..., 25) of as many real and predicted people as there are, the two numbers may differ. Give the predicted
    poses detached, so that the encoder does not learn from its critics' lesson.
    """
    return (real - 1).square().sum(-1).mean() + predicted.square().sum(-1).mean()


def encoder_loss(predicted: Tensor) -> Tensor:
    """L_adv prior, what the encoder minimises: sum over the discriminators of E[(D_i(predicted) - 1)^2] (PHD 3.2; HMR
    [26], adversarial prior).

    Values (..., 25). Its gradient also reaches the discriminators' weights: step the encoder's alone.
    """
    return (predicted - 1).square().sum(-1).mean()


def _mlp(inputs: int, *widths: int) -> nn.Sequential:
    """Linear layers, each with a ReLU behind it."""
    sizes = zip((inputs, *widths[:-1]), widths, strict=True)
    return nn.Sequential(*(part for a, b in sizes for part in (skip_init(nn.Linear, a, b), nn.ReLU())))
