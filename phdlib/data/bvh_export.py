"""A clip as BVH, for Blender and its like: the clip's own proportions, its path in the world, y up, centimetres.

With ``theta`` the tree is SMPL's, on the body that ``beta`` gives: joints come back exactly. With 3D joints alone the
tree is that of the joint set, bones have their mean lengths and every joint is turned so that the bones which hang on
it point where they do, or as near to it as one turn takes several of them. A joint set whose bones are not rigid comes
back that much off: 7 mm on average, 57 at most, in the embedded data's 60_05 seen as Human3.6M's 17 joints.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import roma
import torch
from torch import Tensor

from phdlib.body import Body, load_body
from phdlib.data.clip import Clip
from phdlib.paths import write_atomically
from phdlib.skeleton import SMPL24, Skeleton

CENTIMETRES = 100.0
END = 0.5  # of its bone's length: how far a bone without a child goes on, since BVH ends none without an End Site
ORDER = "ZXY"
_UP = torch.diag(torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64))  # from a camera's axes, where y points down


class Posed(NamedTuple):
    """A tree in motion: joints at rest (J, 3), local rotations (T, J, 3, 3), the root joint's path (T, 3) in the world,
    metres, y up, float64."""

    skeleton: Skeleton
    rest: Tensor
    rotations: Tensor
    root: Tensor


def export_bvh(clip: Clip, path: str | Path, body: Body | None = None) -> Path:
    """Write a clip as BVH; ``body``: the one that ``theta`` and ``beta`` are of, else the open body.

    ``ValueError`` for a clip with neither ``theta`` nor 3D joints, without frames, or with values that are not finite.
    """
    path = Path(path)
    text = to_bvh(posed(clip, body), clip.fps)
    return write_atomically(path, lambda temporary: temporary.write_text(text, encoding="ascii"))


def posed(clip: Clip, body: Body | None = None) -> Posed:
    """What :func:`export_bvh` writes of a clip. A clip without ``trajectory`` stays where its root is at rest."""
    if (clip.theta is None and clip.joints3d is None) or not len(clip):
        found = "neither" if len(clip) else "no frame"
        raise ValueError(f"clip {clip.name}: found {found}, expected theta or joints3d to export")
    for name in ("theta", "beta", "joints3d", "trajectory"):
        value = getattr(clip, name)
        if value is not None and not bool(value.isfinite().all()):
            raise ValueError(f"clip {clip.name}: {name} is not finite, expected numbers in all frames to export")
    if clip.theta is None:
        return _fit(clip)
    body = body or load_body()
    beta = torch.zeros(10) if clip.beta is None else clip.beta
    with torch.no_grad():
        rest = body.rest_joints(beta[None])[0].double()
        points = body.keypoints(clip.skeleton)(clip.theta, beta[None]).double()  # as if theta were in the world
    turn, joints, path = _in_world(clip)
    rotations = roma.rotvec_to_rotmat(clip.theta.double().reshape(-1, len(SMPL24), 3))
    pelvis = points[:, :1] - rest[0]  # from the pelvis joint, about which the body turns, to the joint set's root
    if joints is not None and _apart(points @ turn.T, joints) < _apart(
        points, joints
    ):  # theta is as the camera sees it
        rotations = torch.cat((turn @ rotations[:, :1], rotations[:, 1:]), dim=1)
        pelvis = pelvis @ turn.T
    root = rest[:1].expand(len(clip), 3) if path is None else path - pelvis[:, 0]
    return Posed(SMPL24, rest, rotations, root)


def to_bvh(motion: Posed, fps: float) -> str:
    """The text of a BVH file. The root's OFFSET is zero, so that it does not matter whether a reader adds to it."""
    skeleton, offsets = motion.skeleton, _offsets(motion.skeleton, motion.rest) * CENTIMETRES
    angles = roma.rotmat_to_euler(ORDER, motion.rotations, degrees=True).numpy()
    angles = np.unwrap(angles, period=360.0, axis=0)  # no jump between two frames, where a player interpolates
    order: list[int] = []
    lines = ["HIERARCHY", *_lines(skeleton, offsets, skeleton.parents.index(-1), order)]
    lines += ["MOTION", f"Frames: {len(angles)}", f"Frame Time: {1 / fps:.9f}"]
    rows = np.concatenate((motion.root.numpy() * CENTIMETRES, angles[:, order].reshape(len(angles), -1)), axis=1)
    return "\n".join(lines + [" ".join(f"{value:.6f}" for value in row) for row in rows]) + "\n"


def _lines(skeleton: Skeleton, offsets: Tensor, joint: int, order: list[int], depth: int = 0) -> list[str]:
    """A joint's block and those of the joints below it; ``order`` takes them up as they come."""
    order.append(joint)
    children = [child for parent, child in skeleton.bones if parent == joint]
    indent, turns = "  " * depth, " ".join(f"{axis}rotation" for axis in ORDER)
    channels = f"CHANNELS 3 {turns}" if depth else f"CHANNELS 6 Xposition Yposition Zposition {turns}"
    lines = [f"{'JOINT' if depth else 'ROOT'} {skeleton.joints[joint]}", "{", f"  OFFSET {_triple(offsets[joint])}"]
    lines += [f"  {channels}"]
    if not children:
        lines += ["  End Site", "  {", f"    OFFSET {_triple(END * offsets[joint])}", "  }"]
    lines = [indent + line for line in lines]
    for child in children:
        lines += _lines(skeleton, offsets, child, order, depth + 1)
    return [*lines, indent + "}"]


def _triple(vector: Tensor) -> str:
    return " ".join(f"{value:.6f}" for value in vector.tolist())


def _offsets(skeleton: Skeleton, rest: Tensor) -> Tensor:
    """Each joint (J, 3) from its parent; the root's is zero."""
    parents = torch.tensor(skeleton.parents)
    return torch.where(parents[:, None] < 0, 0.0, rest - rest[parents.clamp(min=0)])


def _in_world(clip: Clip) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """The turn (3, 3) from the clip's 3D to the world, joints (T, J, 3) relative to the root, the root's path (T, 3).

    Without a camera the 3D is turned over if its head is below its feet, as in a camera's axes.
    """
    joints, path = (None if x is None else x.double() for x in (clip.joints3d, clip.trajectory))
    if clip.camera is not None:
        turn, place = clip.camera.rotation.double().T, clip.camera.translation.double()
    else:
        heads = [i for i, name in enumerate(clip.skeleton.joints) if name in ("head", "neck", "nose")]
        feet = [i for i, name in enumerate(clip.skeleton.joints) if name.endswith("_ankle")]
        over = joints is not None and joints[:, heads, 1].mean() < joints[:, feet, 1].mean()
        turn, place = (_UP if over else torch.eye(3, dtype=torch.float64)), torch.zeros(3, dtype=torch.float64)
    return turn, None if joints is None else joints @ turn.T, None if path is None else (path - place) @ turn.T


def _apart(points: Tensor, joints: Tensor) -> float:
    return float(((points - points[:, :1]) - (joints - joints[:, :1])).norm(dim=-1).mean())


def _fit(clip: Clip) -> Posed:
    """The joint set as a tree: at rest as in the first frame with bones of mean length, then turned bone by bone."""
    skeleton = clip.skeleton
    _, joints, path = _in_world(clip)
    parents = torch.tensor(skeleton.parents).clamp(min=0)
    bones = joints - joints[:, parents]  # (T, J, 3)
    lengths = bones.norm(dim=-1)
    offsets = bones[0] / lengths[0, :, None].clamp(min=1e-9) * lengths.mean(0)[:, None]
    turns: dict[int, Tensor] = {-1: torch.eye(3, dtype=torch.float64).expand(len(clip), 3, 3)}
    local, rest, waiting = torch.empty(len(clip), len(skeleton), 3, 3).double(), torch.zeros_like(offsets), set(turns)
    while waiting:
        parent = waiting.pop()
        for joint in (j for j, p in enumerate(skeleton.parents) if p == parent):
            below = [child for above, child in skeleton.bones if above == joint]
            # The parent's turn decides what the bones leave open, the twist about a single one; it weighs next to none.
            cross = torch.einsum("tci,cj->tij", bones[:, below], offsets[below]) + 1e-6 * turns[parent]
            turns[joint] = roma.special_procrustes(cross) if below else turns[parent]
            local[:, joint] = turns[parent].transpose(-1, -2) @ turns[joint]
            rest[joint] = offsets[joint] + (rest[parent] if parent >= 0 else 0.0)
            waiting.add(joint)
    still = torch.zeros(len(clip), 3, dtype=torch.float64)
    still[:, 1] = -joints[0, :, 1].min()
    return Posed(skeleton, rest, local, still if path is None else path)
