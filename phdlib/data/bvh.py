"""Biovision BVH files of any rig: the hierarchy, the channels, and where they put every joint.

A joint's rotation is the product of its rotation channels in the order in which CHANNELS lists them, each about the
axis that the earlier ones have turned: ``Zrotation Xrotation Yrotation`` is Rz Rx Ry. Orders may differ between joints
and so may the number of channels. Position channels are added to the joint's OFFSET. Angles are in degrees, lengths in
the file's own unit, which BVH does not state: ``scale`` converts to metres.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import roma
import torch
from torch import Tensor

from phdlib.data.text import fail, floats

CHANNELS = frozenset(f"{axis}{kind}" for axis in "XYZ" for kind in ("position", "rotation"))


@dataclass(frozen=True)
class BvhJoint:
    """A joint with its index of parent (-1 at the root), offset in file units and channels; an End Site has none."""

    name: str
    parent: int
    offset: tuple[float, float, float]
    channels: tuple[str, ...]


@dataclass(frozen=True)
class Bvh:
    """A file's content: ``values`` (T, C) are the channels of all joints side by side, in the order of ``joints``."""

    joints: tuple[BvhJoint, ...]
    frame_time: float
    values: np.ndarray

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(joint.name for joint in self.joints)

    @property
    def fps(self) -> float:
        return 1.0 / self.frame_time


def read_bvh(path: str | Path) -> Bvh:
    """Read a BVH file. ``ValueError`` names file, line, what was found and what was expected.

    End sites become joints called ``<parent>_end``.
    """
    path = Path(path)
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    start = next((i for i, line in enumerate(lines) if line.strip() == "MOTION"), None)
    if start is None:
        raise ValueError(f"{path}: no line 'MOTION' in {len(lines)} lines; the file is truncated or not BVH")
    joints = _read_hierarchy(path, lines[:start])
    frames = _header(path, lines, start + 1, "Frames:")
    frame_time = _header(path, lines, start + 2, "Frame Time:")
    if frames < 1 or frames != int(frames) or not 0.0 < frame_time < 10.0:
        found = f"{frames:.15g} frames of {frame_time} s"
        raise ValueError(f"{path}: found {found}, expected at least 1 frame of 0 to 10 s")
    width = sum(len(joint.channels) for joint in joints)
    return Bvh(joints, frame_time, _read_values(path, lines, start + 3, int(frames), width))


def global_transforms(bvh: Bvh, scale: float, absolute: bool = False) -> tuple[Tensor, Tensor]:
    """Forward kinematics of every joint: positions (T, J, 3) in metres and global rotations (T, J, 3, 3), float64.

    ``scale`` is the length of the file's unit in metres, 0.01 for centimetres. ``absolute``: position channels stand in
    the place of the OFFSET, as Blender writes and reads them, instead of being added to it.
    """
    values = torch.from_numpy(bvh.values)
    positions: list[Tensor] = []
    rotations: list[Tensor] = []
    column = 0
    for joint in bvh.joints:
        channels = values[:, column : column + len(joint.channels)]
        column += len(joint.channels)
        offset = torch.tensor(joint.offset, dtype=torch.float64).repeat(len(values), 1)
        for i, name in enumerate(joint.channels):
            if name.endswith("position"):
                axis = "XYZ".index(name[0])
                offset[:, axis] = channels[:, i] + (0.0 if absolute else offset[:, axis])
        turning = [i for i, name in enumerate(joint.channels) if name.endswith("rotation")]
        local = torch.eye(3, dtype=torch.float64).expand(len(values), 3, 3)
        if turning:
            order = "".join(joint.channels[i][0] for i in turning)
            local = roma.euler_to_rotmat(order, channels[:, turning], degrees=True)
        if joint.parent < 0:
            positions.append(scale * offset)
            rotations.append(local)
        else:
            turn = rotations[joint.parent]
            positions.append(positions[joint.parent] + scale * (turn @ offset[:, :, None])[:, :, 0])
            rotations.append(turn @ local)
    return torch.stack(positions, dim=1), torch.stack(rotations, dim=1)


def _read_hierarchy(path: Path, lines: list[str]) -> tuple[BvhJoint, ...]:
    """Walk the lines; ``stack`` holds the joints whose braces are open."""
    joints: list[BvhJoint] = []
    stack: list[int] = []
    placed: set[int] = set()  # joints whose OFFSET has come
    for number, line in enumerate(lines, start=1):
        match line.split():
            case [] | ["HIERARCHY"] | ["{"]:
                continue
            case ["ROOT" | "JOINT" as kind, name]:
                if (kind == "ROOT") != (not joints):
                    fail(path, number, line.strip(), "one ROOT, before every JOINT")
                joints.append(BvhJoint(name, stack[-1] if stack else -1, (0.0, 0.0, 0.0), ()))
                stack.append(len(joints) - 1)
            case ["End", "Site"] if stack:
                joints.append(BvhJoint(f"{joints[stack[-1]].name}_end", stack[-1], (0.0, 0.0, 0.0), ()))
                stack.append(len(joints) - 1)
            case ["OFFSET", *numbers] if stack:
                joint, (x, y, z) = joints[stack[-1]], floats(path, number, numbers, 3)
                joints[stack[-1]] = BvhJoint(joint.name, joint.parent, (x, y, z), joint.channels)
                placed.add(stack[-1])
            case ["CHANNELS", count, *names] if stack:
                if count != str(len(names)) or not CHANNELS.issuperset(names) or len(set(names)) < len(names):
                    fail(path, number, line.strip(), "a count and as many names such as Zrotation")
                joint = joints[stack[-1]]
                joints[stack[-1]] = BvhJoint(joint.name, joint.parent, joint.offset, tuple(names))
            case ["}"] if stack:
                if (closed := stack.pop()) not in placed:
                    fail(path, number, "}", f"the OFFSET of {joints[closed].name} first")
            case _:
                fail(path, number, line.strip(), "ROOT, JOINT, End Site, OFFSET, CHANNELS or a brace")
    if stack or not joints:
        fail(path, len(lines) + 1, "MOTION", f"{len(stack)} closing braces first" if joints else "a ROOT first")
    return tuple(joints)


def _header(path: Path, lines: list[str], index: int, field: str) -> float:
    line = lines[index].strip() if index < len(lines) else "the end of the file"
    if not line.startswith(field):
        fail(path, index + 1, line, f"'{field}' and a number")
    return floats(path, index + 1, line[len(field) :].split(), 1)[0]


def _read_values(path: Path, lines: list[str], start: int, frames: int, width: int) -> np.ndarray:
    """(frames, width) float64 in one parse; only a file that fails it is read again line by line, to say where."""
    rows = [line for line in lines[start:] if line.strip()]
    try:
        values = np.array(" ".join(rows).split(), dtype=np.float64)
        if len(rows) == frames and values.size == frames * width and np.isfinite(values).all():
            return values.reshape(frames, width)
    except ValueError:
        pass
    for i in range(start, len(lines)):
        if lines[i].strip():
            tokens = lines[i].split()
            if len(tokens) != width:
                fail(path, i + 1, f"{len(tokens)} numbers", f"{width}, one for each channel")
            floats(path, i + 1, tokens, width)
    raise ValueError(f"{path}: found {len(rows)} rows of motion, expected {frames} as 'Frames:' says")
