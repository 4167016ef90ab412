"""Keypoints of many bodies at once, for training: :class:`phdlib.body.KeypointRegressor` in half the time.

smplx turns one joint after another, in thousands of products of 4 by 4 matrices, which take a CPU longer to begin
than to do. Here joints that are equally far from the root are turned together, and bodies lie side by side in
memory (the last dimension), so that each number of a matrix is one long vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from phdlib.body import Body, KeypointRegressor, check_parameters
from phdlib.skeleton import SMPL24, Skeleton


class Chain(NamedTuple):
    """Bodies side by side: ``turns`` (24, 3, 3, B) of each joint relative to its parent, ``turned`` (24, 3, 3, B) and
    ``placed`` (24, 3, B) in the world, ``rest`` (24, 3, B); metres."""

    turns: Tensor
    turned: Tensor
    placed: Tensor
    rest: Tensor

    def part(self, bodies: slice) -> Chain:
        return Chain(*(x[..., bodies] for x in self))


class TrainingKeypoints(KeypointRegressor):
    """The same keypoints within rounding."""

    def __init__(self, body: Body, skeleton: Skeleton) -> None:
        super().__init__(body, skeleton)
        self.parents = body.smpl.parents.tolist()

    def forward(self, theta: Tensor, beta: Tensor, trans: Tensor | None = None) -> Tensor:
        """Keypoints (B, K, 3), metres, of ``theta`` (B, 72), ``beta`` (B or 1, 10), ``trans`` (B, 3) or
        None. ``ValueError`` on other shapes."""
        if self.posedirs is not None:  # keypoints on skin that the pose bulges
            return super().forward(theta, beta, trans)
        theta, beta, trans = check_parameters(theta, beta, trans)
        keypoints = self.on(self.chain(theta, beta), beta)
        return keypoints if trans is None else keypoints + trans[:, None]

    def chain(self, theta: Tensor, beta: Tensor) -> Chain:
        """The joints that all joint sets of one body share, of ``theta`` (B, 72) and ``beta`` (B, 10)."""
        turns = rotations(theta.T.unflatten(0, (len(SMPL24), 3)))
        rest = self.body.rest_joints(beta).permute(1, 2, 0)
        return Chain(turns, *posed_joints(turns, rest, self.parents), rest)

    def on(self, chain: Chain, beta: Tensor) -> Tensor:
        """This joint set's keypoints (B, K, 3), metres, on joints placed already, of shapes ``beta`` (B, 10)."""
        shaped = self.template[..., None] + torch.einsum("bs,pcs->pcb", beta, self.shapedirs)
        mass = self.mass[..., None]
        arm = shaped - mass * chain.rest[self.joint]  # from the joint that each part of a keypoint hangs on
        moved = product(chain.turned[self.joint], arm[:, :, None])[:, :, 0] + mass * chain.placed[self.joint]
        return torch.einsum("kp,pcb->bkc", self.onto, moved)


def keypoints_of_sets(
    theta: Tensor, beta: Tensor, sets: Sequence[tuple[TrainingKeypoints, int]]
) -> tuple[list[Tensor], Tensor]:
    """Keypoints X of bodies ``theta`` (B, 72), ``beta`` (B, 10), of which the first n are asked for in one joint set,
    the next in another: (n, K, 3), metres. And the rotations (B, 24, 3, 3) of all joints relative to their parents,
    as the prior takes them. All go through one chain, whose many small steps take as long on few bodies as on many."""
    chain, start, found = sets[0][0].chain(theta, beta), 0, []
    for joints, count in sets:
        rows = slice(start, start := start + count)
        bulges = joints.posedirs is not None
        found.append(joints(theta[rows], beta[rows]) if bulges else joints.on(chain.part(rows), beta[rows]))
    return found, chain.turns.permute(3, 0, 1, 2)


def posed_joints(turns: Tensor, rest: Tensor, parents: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Rotations (J, 3, 3, B) and positions (J, 3, B) of joints in the world, metres, from rotations relative to the
    parent and joints at rest: the kinematic chain of SMPL, which PHD's bodies M(beta, theta) are (PHD 3.1)."""
    above, *others = levels(parents)
    turned, placed = [turns[above.start : above.stop]], [rest[above.start : above.stop]]
    for level in others:
        joints, onto = slice(level.start, level.stop), [parents[joint] for joint in level]
        mine = [parent - above.start for parent in onto]  # among those one level up
        offset = rest[joints] - rest[onto]
        moved = product(turned[-1][mine], torch.cat((turns[joints], offset[:, :, None]), dim=2))  # (n, 3, 4, B)
        turned.append(moved[:, :, :3])
        placed.append(moved[:, :, 3] + placed[-1][mine])
        above = level
    return torch.cat(turned), torch.cat(placed)


def levels(parents: Sequence[int]) -> list[range]:
    """Joints by their distance from the root. ``ValueError`` if those of one level do not lie side by side."""
    depth = [0]
    for parent in parents[1:]:
        depth.append(depth[parent] + 1)
    if depth != sorted(depth):
        raise ValueError(f"joints must be ordered by their distance from the root, found distances {depth}")
    return [range(depth.index(d), depth.index(d) + depth.count(d)) for d in sorted(set(depth))]


def rotations(rotvec: Tensor) -> Tensor:
    """Rodrigues' formula: axis-angle (J, 3, B) -> matrices (J, 3, 3, B)."""
    angle = (rotvec + 1e-8).norm(dim=1)  # (J, B), as smplx keeps it from zero
    x, y, z = (rotvec / angle[:, None]).unbind(1)
    sin, cos = angle.sin(), angle.cos()
    vx, vy, vz = x * (1 - cos), y * (1 - cos), z * (1 - cos)
    rows = [x * vx + cos, x * vy - z * sin, x * vz + y * sin,
            y * vx + z * sin, y * vy + cos, y * vz - x * sin,
            z * vx - y * sin, z * vy + x * sin, z * vz + cos]  # fmt: skip
    return torch.stack(rows, dim=1).unflatten(1, (3, 3))


def product(a: Tensor, b: Tensor) -> Tensor:
    """Products of matrices (n, 3, 3, B) and (n, 3, m, B), number by number."""
    first, second, third = (a[:, :, k, None] for k in range(3))
    return torch.addcmul(torch.addcmul(first * b[:, None, 0], second, b[:, None, 1]), third, b[:, None, 2])
