"""Motion of any rig onto SMPL's tree: the turn of every joint, the direction of every limb, feet on the floor.

Each SMPL joint takes the global rotation that the rig's joint has made since the rig's T-pose, so that twist comes from
the source; a constant alignment turns SMPL's rest bone onto the rig's, and what is left of a limb's direction, where a
rig's bone is made of two, is corrected frame by frame with the smallest rotation. Proportions stay SMPL's. The path of
the hips is scaled by the ratio of leg lengths, so that steps stay steps, and a take is lifted onto the floor y = 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import roma
import torch
from torch import Tensor

from phdlib.data.rigs import ANKLES, HIPS, KNEES, LIMBS, SIDES, Rig
from phdlib.skeleton import SMPL24


class Capture(NamedTuple):
    """What a source gives: joints' names, positions (T, J, 3) in metres, global rotations (T, J, 3, 3), frame rate."""

    names: tuple[str, ...]
    positions: Tensor
    rotations: Tensor
    fps: float

    def select(self, start: int, stop: int | None) -> Capture:
        return self._replace(positions=self.positions[start:stop], rotations=self.rotations[start:stop])


class Retargeted(NamedTuple):
    """Local rotations (T, 24, 3, 3) on SMPL's tree and the world position (T, 3) of the pelvis joint, metres."""

    rotations: Tensor
    root: Tensor


def retarget(capture: Capture, rig: Rig, rest_joints: Tensor) -> Retargeted:
    """Put a capture on SMPL's tree with the given rest pose ``rest_joints`` (24, 3), a T-pose in metres; float64.

    The root path is the source's times the ratio of leg lengths; :func:`stand_on_floor` places it in height.
    """
    assert rest_joints.shape == (24, 3), f"rest_joints {tuple(rest_joints.shape)}, expected (24, 3)"
    rest = rest_joints.double()
    place = {joint: _point(capture, rig, name) for joint, name in rig.places.items()}
    turns: list[Tensor] = []
    for joint, parent in zip(SMPL24.joints, SMPL24.parents, strict=True):
        if joint not in rig.turns:  # the hands: they go with the wrists
            turns.append(turns[parent])
            continue
        turn = _turn_since_reference(capture, rig, rig.turns[joint])
        if joint in LIMBS:
            turn = turn @ _alignment(joint, turn, place, rest)
            now = turn @ _bone(rest, joint, LIMBS[joint])
            turn = smallest_rotation(now, place[LIMBS[joint]] - place[joint]) @ turn
        turns.append(turn)
    spread = torch.stack(turns, dim=1)
    parents = torch.tensor(SMPL24.parents[1:])
    local = torch.cat([spread[:, :1], spread[:, parents].transpose(-1, -2) @ spread[:, 1:]], dim=1)
    hips = torch.stack([place[joint] for joint in HIPS]).mean(0)
    below = rest[[SMPL24.index(joint) for joint in HIPS]].mean(0) - rest[0]
    ratio = _leg_length_at_rest(rest) / leg_length(place)
    return Retargeted(share_twist(local, rest), ratio * hips - spread[:, 0] @ below)


def share_twist(local: Tensor, rest: Tensor) -> Tensor:
    """Move half of the wrists' twist about the forearm into the elbows, as pronation does: skin wrings less.

    The half grows up to 60 degrees and returns to none at half a turn, so that it never jumps.
    """
    local = local.clone()
    for side in SIDES:
        elbow, wrist = SMPL24.index(f"{side}_elbow"), SMPL24.index(f"{side}_wrist")
        axis = torch.nn.functional.normalize(rest[wrist] - rest[elbow], dim=0)
        quaternion = roma.rotmat_to_unitquat(local[:, wrist])
        twist = 2 * torch.atan2(quaternion[:, :3] @ axis, quaternion[:, 3])
        twist = torch.remainder(twist + torch.pi, 2 * torch.pi) - torch.pi
        share = twist.sign() * torch.minimum(twist.abs() / 2, torch.pi - twist.abs())
        turn = roma.rotvec_to_rotmat(share[:, None] * axis)
        local[:, elbow] = local[:, elbow] @ turn
        local[:, wrist] = turn.transpose(-1, -2) @ local[:, wrist]
    return local


def smallest_rotation(a: Tensor, b: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3) that turn directions ``a`` onto ``b`` (..., 3) the shortest way, not for b = -a."""
    a, b = torch.broadcast_tensors(torch.nn.functional.normalize(a, dim=-1), torch.nn.functional.normalize(b, dim=-1))
    quaternion = torch.cat([torch.linalg.cross(a, b), 1 + (a * b).sum(-1, keepdim=True)], dim=-1)
    return roma.unitquat_to_rotmat(torch.nn.functional.normalize(quaternion, dim=-1))


def forward_kinematics(local: Tensor, root: Tensor, rest_joints: Tensor) -> tuple[Tensor, Tensor]:
    """Positions (T, 24, 3) and global rotations (T, 24, 3, 3) of ``local`` ones with the pelvis joint at ``root``."""
    positions, rotations = [root], [local[:, 0]]
    for joint, parent in enumerate(SMPL24.parents[1:], start=1):
        offset = (rest_joints[joint] - rest_joints[parent]).to(local.dtype)
        positions.append(positions[parent] + rotations[parent] @ offset)
        rotations.append(rotations[parent] @ local[:, joint])
    return torch.stack(positions, dim=1), torch.stack(rotations, dim=1)


def leg_length(place: dict[str, Tensor]) -> Tensor:
    """Mean length of thigh plus shin over both sides and all frames, in metres."""
    bones = zip(HIPS + KNEES, KNEES + ANKLES, strict=True)
    return sum((place[far] - place[near]).norm(dim=-1).mean() for near, far in bones) / 2


def sole_height(positions: Tensor, rotations: Tensor, rest_joints: Tensor, sole: float) -> Tensor:
    """Height (T,) of the lowest point of both soles: heel, ball and tip of the toes, ``sole`` being the sole's rest y.

    The heel lies 5 cm behind the ankle and the tip 6 cm before the ball, as on a shoe of the neutral body.
    """
    heights = []
    for side in SIDES:
        ankle, ball = SMPL24.index(f"{side}_ankle"), SMPL24.index(f"{side}_foot")
        for joint, forward in ((ankle, -0.05), (ankle, 0.03), (ball, 0.0), (ball, 0.06)):
            offset = torch.tensor([0.0, sole - float(rest_joints[joint, 1]), forward], dtype=positions.dtype)
            heights.append((positions[:, joint] + rotations[:, joint] @ offset)[:, 1])
    return torch.stack(heights).amin(0)


def stand_on_floor(heights: Tensor, constant: float, fps: float, slack: float = 0.01, reach: float = 0.25) -> Tensor:
    """Lift (T,) in metres that keeps soles with the given ``heights`` (T,) from sinking into the floor y = 0.

    What is more than ``slack`` below the floor after the ``constant`` lift is raised smoothly: the largest depth within
    ``reach`` seconds, averaged twice over that span, which is never less than the depth itself.
    """
    depth = (-slack - heights - constant).clamp(min=0.0)
    half = max(1, round(reach * fps / 2))
    window = 2 * half + 1
    lift = torch.nn.functional.max_pool1d(_pad(depth, 2 * half), 2 * window - 1, stride=1)
    for _ in range(2):
        lift = torch.nn.functional.avg_pool1d(_pad(lift[0], half), window, stride=1)
    return constant + lift[0]


def _pad(values: Tensor, width: int) -> Tensor:
    return torch.nn.functional.pad(values[None, None], (width, width), mode="replicate")[0]


def _point(capture: Capture, rig: Rig, name: str) -> Tensor:
    if name not in capture.names:
        raise ValueError(f"rig {rig.name!r} needs joint {name!r}; found {', '.join(capture.names[:40])}")
    return capture.positions[:, capture.names.index(name)]


def _turn_since_reference(capture: Capture, rig: Rig, names: Sequence[str]) -> Tensor:
    """Global rotation (T, 3, 3) since the reference pose of a rig's joint, or half way between two."""
    turns = []
    for name in names:
        _point(capture, rig, name)
        quaternion = torch.tensor(rig.reference.get(name, (0.0, 0.0, 0.0, 1.0)), dtype=torch.float64)
        reference = roma.unitquat_to_rotmat(torch.nn.functional.normalize(quaternion, dim=0))
        turns.append(capture.rotations[:, capture.names.index(name)] @ reference.T)
    if len(turns) == 1:
        return turns[0]
    between = roma.rotmat_to_rotvec(turns[0].transpose(-1, -2) @ turns[1])
    return turns[0] @ roma.rotvec_to_rotmat(between / 2)


def _bone(rest: Tensor, near: str, far: str) -> Tensor:
    return rest[SMPL24.index(far)] - rest[SMPL24.index(near)]


def _alignment(joint: str, turn: Tensor, place: dict[str, Tensor], rest: Tensor) -> Tensor:
    """(3, 3): SMPL's rest bone of a limb onto the direction that the rig's bone has in the rig's reference pose.

    Trunk, head, hands and feet need none: their bones' directions differ between rigs, the way they face does not.
    """
    # The bone is rigid in the joint's frame; the mean over frames also serves one that is made of two.
    arm = (turn.transpose(-1, -2) @ (place[LIMBS[joint]] - place[joint])[:, :, None])[:, :, 0].mean(0)
    return smallest_rotation(_bone(rest, joint, LIMBS[joint]), arm)


def _leg_length_at_rest(rest: Tensor) -> Tensor:
    return leg_length({joint: rest[SMPL24.index(joint)] for joint in HIPS + KNEES + ANKLES})
