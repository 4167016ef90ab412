"""A take of the embedded motion as CMU's files are: an Acclaim skeleton and its motion, at 120 Hz.

CMU's bone names and zero pose, whose legs are spread (:data:`phdlib.data.rigs.ACCLAIM`); the proportions are the open
body's, and joints that SMPL's tree has and CMU's bones do not meet are left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import roma
import torch
from torch import Tensor

from phdlib.data.cmu import CMU_FPS, INCH
from phdlib.data.motion import Motion, load_neutral
from phdlib.data.retarget import forward_kinematics
from phdlib.data.rigs import ACCLAIM, SIDES
from phdlib.data.stand_in_files import embedded_motion
from phdlib.skeleton import SMPL24

LENGTH = 0.45  # of ASF's units: a length of 1 is 1 / 0.45 inches
BEYOND = {"head": (0.0, 0.18, 0.0), "toes": (0.0, 0.0, 0.06)}  # metres: where bones end that end in no joint


class Bone(NamedTuple):
    """A bone on the end of its ``parent``, which the SMPL joint ``turns`` turns (None: it is rigid with its parent) and
    which ends at the mean of the SMPL joints ``ends``."""

    parent: str
    turns: str | None
    ends: tuple[str, ...]


def _limbs(side: str) -> dict[str, Bone]:
    hip, knee, ankle, foot, collar, shoulder, elbow, wrist, hand = (
        f"{side}_{joint}" for joint in ("hip", "knee", "ankle", "foot", "collar", "shoulder", "elbow", "wrist", "hand")
    )
    chain = {"hipjoint": (None, (hip,)), "femur": (hip, (knee,)), "tibia": (knee, (ankle,)), "foot": (ankle, (foot,)),
             "toes": (foot, ())}, {"clavicle": (collar, (shoulder,)), "humerus": (shoulder, (elbow,)),
             "radius": (elbow, (elbow, wrist)), "wrist": (None, (wrist,)), "hand": (wrist, (hand,))}  # fmt: skip
    bones = {}
    for parent, limb in zip(("root", "thorax"), chain, strict=True):
        for name, (turns, ends) in limb.items():
            bones[side[0] + name] = Bone(parent, turns, ends)
            parent = side[0] + name
    return bones


BONES = {
    "lowerback": Bone("root", "spine1", ("spine2",)),
    "upperback": Bone("lowerback", "spine2", ("spine3",)),
    "thorax": Bone("upperback", "spine3", ("neck",)),
    "lowerneck": Bone("thorax", "neck", ("neck", "head")),
    "upperneck": Bone("lowerneck", "neck", ("head",)),
    "head": Bone("upperneck", "head", ()),
    **_limbs(SIDES[0]),
    **_limbs(SIDES[1]),
}


def write_cmu(folder: Path) -> None:
    """CMU's tree with a take of two seconds, ``cmu_mocap/subjects/07/07_05.amc``."""
    place = folder / "cmu_mocap" / "subjects" / "07"
    place.mkdir(parents=True, exist_ok=True)
    asf, amc = acclaim(embedded_motion("07_05", CMU_FPS, 240))
    (place / "07.asf").write_text(asf, encoding="ascii")
    (place / "07_05.amc").write_text(amc, encoding="ascii")


def acclaim(motion: Motion) -> tuple[str, str]:
    """The texts of an ASF and an AMC file."""
    rest = load_neutral().rest_joints
    local = roma.rotvec_to_rotmat(motion.theta.double().unflatten(1, (-1, 3)))
    _, turned = forward_kinematics(local, motion.root.double(), rest)
    zero = {"root": torch.eye(3, dtype=torch.float64)}  # how a bone is turned in SMPL's rest pose
    now, far = {"root": turned[:, 0]}, {"root": rest[0]}
    channels = {"root": torch.cat((motion.root.double() / INCH * LENGTH, _degrees(turned[:, 0])), dim=1)}
    blocks = []
    for i, (name, bone) in enumerate(BONES.items(), start=1):
        zero[name], now[name] = zero[bone.parent], now[bone.parent]
        if bone.turns:
            zero[name] = roma.unitquat_to_rotmat(
                torch.tensor(ACCLAIM.reference.get(name, (0.0, 0.0, 0.0, 1.0)), dtype=torch.float64)
            )
            now[name] = turned[:, SMPL24.index(bone.turns)] @ zero[name]
            channels[name] = _degrees(now[bone.parent].mT @ now[name])
        far[name] = _end(name, bone, far[bone.parent], rest)
        blocks.append(_block(i, name, zero[name].T @ (far[name] - far[bone.parent]) / INCH * LENGTH, bone))
    children = {parent: [name for name, bone in BONES.items() if bone.parent == parent] for parent in ("root", *BONES)}
    tree = [f"    {parent} {' '.join(names)}" for parent, names in children.items() if names]
    frames = [
        f"{t + 1}\n" + "\n".join(f"{name} " + " ".join(f"{v:.6f}" for v in row) for name, row in frame.items())
        for t, frame in enumerate(
            dict(zip(channels, rows, strict=True))
            for rows in zip(*(values.tolist() for values in channels.values()), strict=True)
        )
    ]
    asf = "\n".join([_HEAD, *blocks, ":hierarchy", "  begin", *tree, "  end", ""])
    return asf, "\n".join([":FULLY-SPECIFIED", ":DEGREES", *frames, ""])


_HEAD = f"""# a stand-in written by phdlib, not CMU's
:version 1.10
:name stand_in
:units
  mass 1.0
  length {LENGTH}
  angle deg
:root
  order TX TY TZ RX RY RZ
  axis XYZ
  position 0 0 0
  orientation 0 0 0
:bonedata"""


def _block(number: int, name: str, arm: Tensor, bone: Bone) -> str:
    length = float(arm.norm())
    direction = " ".join(f"{x:.8f}" for x in (arm / length).tolist())
    lines = ["begin", f"id {number}", f"name {name}", f"direction {direction}", f"length {length:.8f}",
             "axis 0 0 0 XYZ", *(["dof rx ry rz"] if bone.turns else []), "end"]  # fmt: skip
    return "\n".join(f"  {line}" for line in lines)


def _end(name: str, bone: Bone, near: Tensor, rest: Tensor) -> Tensor:
    """Where a bone (3,) ends in SMPL's rest pose."""
    if bone.ends:
        return rest[[SMPL24.index(joint) for joint in bone.ends]].mean(0)
    return near + torch.tensor(BEYOND["head" if name == "head" else "toes"], dtype=torch.float64)


def _degrees(rotations: Tensor) -> Tensor:
    """Angles (T, 3) about fixed axes x, y and z, in this order."""
    return roma.rotmat_to_euler("xyz", rotations, degrees=True)
