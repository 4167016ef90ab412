"""BVH of any rig onto SMPL's tree: which rig it is shows in its joints' names, the rest is told or found out.

What BVH leaves open is settled here once: the unit by the length of the legs; which way is up and which way it faces by
the zero pose, of rigs whose zero pose is a T-pose; and whether position channels are added to a joint's OFFSET or stand
in its place, which shows in joints below the root that have some.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from os.path import commonprefix
from pathlib import Path

import numpy as np
import roma
import torch
from torch import Tensor

from phdlib.data import rigs
from phdlib.data.bvh import Bvh, global_transforms, read_bvh
from phdlib.data.motion import Motion, Neutral, load_neutral
from phdlib.data.rebuild import settle
from phdlib.data.retarget import Capture, leg_length

RIGS = (rigs.CGSPEED, rigs.CHARACTER, rigs.MIXAMO)
# Mixamo's prefix has a number where a scene held several; exporters put "_" for ":" or leave it out.
_PREFIX = re.compile(r"^mixamorig\d*[:_]?")
UNITS = (0.01, 1.0, 0.0254, 0.001, 0.0254 / 0.45)  # centimetres, metres, inches, millimetres, Acclaim's at CMU
LIKELY = 1 / 3  # of a rig's joints that a file's names have to resemble for it to be named as the nearest
LEGS = (0.45, 1.2)  # metres from hip to ankle


def plain_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Joint names without Mixamo's prefix in any of its spellings."""
    return tuple(_PREFIX.sub("", name) for name in names)


def recognise(names: tuple[str, ...], where: str = "BVH") -> rigs.Rig:
    """The rig whose joints all are among ``names``. ``ValueError`` names the likeliest one and what it lacks, or says
    that none is likely."""
    lacking = {rig.name: _needed(rig) - set(plain_names(names)) for rig in RIGS}
    for rig in RIGS:
        if not lacking[rig.name]:
            return rig
    found = f"{where}: found joints {', '.join(names[:12])}, expected those of a known rig or a joint map"
    alike = {rig.name: _alike(rig, names) for rig in RIGS}
    share = {rig.name: len(alike[rig.name]) / len(_needed(rig)) for rig in RIGS}
    nearest = max(share, key=share.__getitem__)
    if share[nearest] < LIKELY:
        raise ValueError(f"{found} (phdlib.data.rigs.Rig); they are not much like those of {', '.join(share)}")
    likely = alike[nearest]
    pairs = [f"{joint} (here {likely[joint]}?)" if joint in likely else joint for joint in sorted(lacking[nearest])]
    raise ValueError(
        f"{found} (phdlib.data.rigs.Rig); nearest is {nearest!r}, which also has {', '.join(pairs[:4])}"
        f"{f' and {len(pairs) - 4} more' * (len(pairs) > 4)}"
    )


def _alike(rig: rigs.Rig, names: tuple[str, ...]) -> dict[str, str]:
    """The rig's joints that have a likely counterpart in a file, and which: equal names, or nearly so, whatever the
    prefix, the case and the marks between words."""
    needed, plain = sorted(_needed(rig)), plain_names(names)
    theirs = {_letters(name, plain): name for name in plain}
    close = {joint: get_close_matches(_letters(joint, needed), theirs, n=1, cutoff=0.85) for joint in needed}
    return {joint: theirs[match[0]] for joint, match in close.items() if match}


def _letters(name: str, of: Sequence[str]) -> str:
    """A name without the prefix that all ``of`` share, in small letters without marks."""
    prefix = commonprefix(list(of)) if len(of) > 1 else ""  # noqa: RUF071  # letters, not paths, are meant
    return re.sub(r"[\W_]", "", name.removeprefix(prefix)).lower()


def load_bvh(
    path: str | Path, rig: rigs.Rig | None = None, metres: float | None = None, neutral: Neutral | None = None
) -> Motion:
    """A BVH file as motion on SMPL's tree, repaired and standing on the floor, at the file's own frame rate.

    ``rig``: a joint map, where the names tell none; ``metres``: the file's unit, where the legs tell it wrong;
    ``neutral``: the body to put it on, else the embedded motion's. ``ValueError`` names file and joint or unit.
    """
    path = Path(path)
    capture, rig = read_capture(path, rig, metres)
    settled = settle(capture, rig, neutral or load_neutral())
    theta = roma.rotmat_to_rotvec(settled.rotations).reshape(-1, 72).float()
    return Motion(path.stem, capture.fps, theta, settled.root.float(), path.stem, f"{rig.name} rig")


def read_capture(
    path: str | Path, rig: rigs.Rig | None = None, metres: float | None = None
) -> tuple[Capture, rigs.Rig]:
    """Joints in metres, y up, facing +z in the rig's zero pose, and the rig. Arguments, errors: :func:`load_bvh`'s."""
    path = Path(path)
    file = read_bvh(path)
    rig = rig or recognise(file.names, str(path))
    names = plain_names(file.names)
    if missing := sorted(_needed(rig) - set(names)):
        raise ValueError(
            f"{path}: found no joint {missing[0]!r}, expected it on rig {rig.name!r} as its joint map says"
        )
    absolute = replaces_offsets(file)
    metres = metres or rig.metres or _unit(path, file, rig, names, absolute)
    positions, rotations = global_transforms(file, metres, absolute)
    turn = torch.eye(3, dtype=torch.float64) if rig.reference else _upright(file, rig, names)
    # Rates are rounded in files: 0.0166667 is 60 frames a second, not 59.9999.
    fps = round(file.fps) if abs(file.fps - round(file.fps)) < 1e-3 * file.fps else file.fps
    return Capture(names, positions @ turn.T, turn @ rotations @ turn.T, float(fps)), rig


def replaces_offsets(file: Bvh) -> bool:
    """Whether position channels stand in the place of OFFSET: joints below the root hardly move from where they are, so
    that theirs are near to it, or near to zero where they are added to it."""
    near_offset, near_zero, column = 0.0, 0.0, 0
    for joint in file.joints:
        for i, channel in enumerate(joint.channels):
            if channel.endswith("position") and joint.parent >= 0:
                value = float(np.median(file.values[:, column + i]))
                near_offset += abs(value - joint.offset["XYZ".index(channel[0])])
                near_zero += abs(value)
        column += len(joint.channels)
    return near_offset < near_zero


def _needed(rig: rigs.Rig) -> set[str]:
    return {name for names in rig.turns.values() for name in names} | set(rig.places.values())


def _zero_pose(file: Bvh, rig: rigs.Rig, names: tuple[str, ...]) -> dict[str, Tensor]:
    """Where the rig's places (3,) are, in file units, with all channels at zero and OFFSETs alone."""
    joints = tuple(replace(joint, channels=()) for joint in file.joints)
    positions, _ = global_transforms(Bvh(joints, file.frame_time, np.zeros((1, 0))), 1.0)
    return {joint: positions[0, names.index(name)] for joint, name in rig.places.items()}


def _unit(path: Path, file: Bvh, rig: rigs.Rig, names: tuple[str, ...], absolute: bool) -> float:
    """Metres per unit, by the first frame's legs: BVH does not state it."""
    first = Bvh(file.joints, file.frame_time, file.values[:1])
    positions, _ = global_transforms(first, 1.0, absolute)
    length = float(leg_length({joint: positions[:, names.index(name)] for joint, name in rig.places.items()}))
    for unit in UNITS:
        if LEGS[0] < unit * length < LEGS[1]:
            return unit
    raise ValueError(
        f"{path}: found legs of {length:.4g} units, expected {LEGS[0]} to {LEGS[1]} m in one of the units "
        f"{', '.join(f'{unit:.4g}' for unit in UNITS)} m; say which with metres="
    )


def _upright(file: Bvh, rig: rigs.Rig, names: tuple[str, ...]) -> Tensor:
    """The turn (3, 3) between axes that makes the zero pose stand: y up, left towards +x, facing +z."""
    place = _zero_pose(file, rig, names)
    hips, shoulders = ([place[f"{side}_{joint}"] for side in rigs.SIDES] for joint in ("hip", "shoulder"))
    left = _nearest_axis(hips[0] - hips[1])
    up = _nearest_axis((shoulders[0] + shoulders[1] - hips[0] - hips[1]) * (1 - left.abs()))
    return torch.stack((left, up, torch.linalg.cross(left, up)))


def _nearest_axis(direction: Tensor) -> Tensor:
    """The unit vector (3,) along the axis, either way, that a direction is nearest to."""
    i = int(direction.abs().argmax())
    axis = torch.zeros(3, dtype=torch.float64)
    axis[i] = 1.0 if direction[i] >= 0 else -1.0
    return axis
