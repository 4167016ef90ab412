"""3DPW (von Marcard et al. 2018): people outdoors, filmed by a moving camera, with SMPL's parameters.

``sequenceFiles/{train,validation,test}/*.pkl`` are Python 2 pickles, each of a sequence: lists with an entry per person
(``poses`` (N, 72), ``trans`` (N, 3), ``betas``, ``jointPositions`` (N, 72), ``poses2d`` (N, 3, 18), ``campose_valid``
(N,), ``genders``) and the camera of every frame, ``cam_poses`` (N, 4, 4) from the world and ``cam_intrinsics`` (3, 3).
30 frames per second. The images, in ``imageFiles``, are not needed here. Which way the world points up is not stated:
it is read off the people, who mostly stand and walk; nothing here depends on it but ``SmplMotion.up``.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from phdlib.camera import Camera
from phdlib.data.clip import Clip
from phdlib.data.joint_order import warn_of_most
from phdlib.data.pickled import read_pickle
from phdlib.data.smpl_motion import BETAS, SmplMotion, turned
from phdlib.skeleton import SMPL24

FPS = 30.0
STEEP = 0.7  # of a trunk's mean direction, along the axis that is up: within 45 degrees
PARTS = ("train", "validation", "test")
KEYS = ("poses", "trans", "betas", "jointPositions", "poses2d", "campose_valid", "cam_poses", "cam_intrinsics",
        "genders", "sequence")  # fmt: skip


@dataclass(frozen=True, eq=False)
class Person:
    """A person of a sequence: the ``motion`` in the world; ``joints`` (N, 24, 3) of SMPL-24 in the world, metres;
    ``detections`` (N, 18, 3), x, y, confidence of OpenPose-18 (:mod:`phdlib.data.conventions`), zeros where none;
    ``valid`` (N,), where the camera's pose is known; ``cameras`` (N, 4, 4) and ``intrinsics`` (3, 3)."""

    motion: SmplMotion
    joints: Tensor
    detections: Tensor
    valid: Tensor
    cameras: Tensor
    intrinsics: Tensor


def load(folder: str | Path, part: str = "test", shortest: int = 40) -> list[Clip]:
    """Clips at 30 Hz with SMPL-24's joints in 3D and, projected, in 2D, one per person and unbroken stretch of at least
    ``shortest`` frames whose camera is known; ``theta`` as the camera sees it, which moves.

    ``ValueError`` or ``FileNotFoundError`` name file, key, found and expected. For PHD's 25 Hz see
    :func:`phdlib.data.smpl_motion.at_clip_rate`.
    """
    return [clip for person in _people(folder, part) for clip in clips(person, shortest)]


def motions(folder: str | Path, part: str = "train") -> list[SmplMotion]:
    """Everybody's motion, in the world: poses and shapes for the prior (:func:`smpl_motion.prior_samples`)."""
    return [person.motion for person in _people(folder, part)]


def read_sequence(path: str | Path) -> list[Person]:
    """The people of a sequence file. A pickle that asks for more than arrays is refused and does nothing."""
    path = Path(path)
    content = read_pickle(path)
    if not isinstance(content, dict):
        raise ValueError(f"{path}: found a {type(content).__name__}, expected a dictionary with {', '.join(KEYS)}")
    missing = [key for key in KEYS if key not in content]
    if missing:
        raise ValueError(f"{path}: found no key {missing[0]!r}, expected {', '.join(KEYS)}")
    count = len(content["poses"]) if isinstance(content["poses"], list) else -1
    if count < 1:
        raise ValueError(f"{path}: poses: found a {type(content['poses']).__name__}, expected a list, a person each")
    return [_person(path, content, i, count) for i in range(count)]


def clips(person: Person, shortest: int = 40) -> list[Clip]:
    """The stretches of a person whose camera is known, as clips in camera space."""
    rotation, shift = person.cameras[:, :3, :3], person.cameras[:, :3, 3]
    joints = (torch.einsum("tij,tkj->tki", rotation, person.joints) + shift[:, None]).float()
    theta, K = turned(person.motion.theta, rotation), person.intrinsics
    edges = np.flatnonzero(np.diff(np.concatenate(([0], person.valid.numpy().astype(int), [0]))))
    found = []
    for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        seen = joints[start:stop]
        if stop - start < shortest or bool((seen[..., 2] <= 0).any()):
            continue
        # The files do not say how large the images are; their middle is the principal point.
        numbers = torch.tensor([K[0, 0], K[1, 1], K[0, 2], K[1, 2], 0, 0, 0, 0, 0], dtype=torch.float32)
        width, height = round(2 * K[0, 2].item()), round(2 * K[1, 2].item())
        camera = Camera("moving", torch.eye(3), torch.zeros(3), numbers, width, height)
        found.append(
            Clip(
                take=f"{person.motion.name}+{start}",
                subject=person.motion.subject,
                action=person.motion.name.rpartition("/")[0],
                fps=FPS,
                source="3dpw",
                skeleton=SMPL24,
                camera=camera,
                theta=theta[start:stop],
                beta=person.motion.beta,
                joints3d=seen - seen[:, :1],
                trajectory=seen[:, 0],
                keypoints2d=camera.project(seen),
                visible=torch.ones(seen.shape[:2], dtype=torch.bool),
            )
        )
    return found


def _people(folder: str | Path, part: str) -> list[Person]:
    found = [person for path in _paths(folder, part) for person in read_sequence(path)]
    y_up = [
        p.joints if p.motion.up == "y" else p.joints[..., [0, 2, 1]] * p.joints.new_tensor([1, 1, -1]) for p in found
    ]
    warn_of_most([(joints, SMPL24) for joints in y_up], f"{folder}, {part}: jointPositions", down=False)
    return found


def _paths(folder: str | Path, part: str) -> list[Path]:
    if part not in PARTS:
        raise ValueError(f"3DPW: no part {part!r}; there are {', '.join(PARTS)}")
    paths = sorted((Path(folder) / "sequenceFiles" / part).glob("*.pkl"))
    if not paths:
        raise FileNotFoundError(f"{folder}: found no sequenceFiles/{part}/*.pkl, expected 3DPW's sequences")
    return paths


def _person(path: Path, content: dict, i: int, count: int) -> Person:
    poses = _array(path, content, "poses", i, count, (None, 3 * len(SMPL24)))
    N = len(poses)
    trans = _array(path, content, "trans", i, count, (N, 3))
    joints = _array(path, content, "jointPositions", i, count, (N, 3 * len(SMPL24)))
    found2d = _array(path, content, "poses2d", i, count, (N, 3, 18))
    valid = _array(path, content, "campose_valid", i, count, (N,))
    betas = _array(path, content, "betas", i, count, (None,))
    cameras = _array(path, content, "cam_poses", None, count, (N, 4, 4))
    intrinsics = _array(path, content, "cam_intrinsics", None, count, (3, 3))
    if N < 1 or len(betas) < BETAS:
        raise ValueError(f"{path}: poses, betas: found {N} frames, {len(betas)} shapes, expected 1 and {BETAS} or more")
    turns = cameras[valid > 0][:, :3, :3]
    if len(turns) and not np.allclose(turns @ turns.swapaxes(1, 2), np.eye(3), atol=1e-2):
        raise ValueError(f"{path}: cam_poses: found matrices that are no rotations, expected rigid motions")
    if intrinsics[0, 0] <= 0 or intrinsics[1, 1] <= 0 or intrinsics[0, 2] <= 0 or intrinsics[1, 2] <= 0:
        raise ValueError(f"{path}: cam_intrinsics: found {intrinsics.tolist()}, expected focal lengths and a middle")
    genders = content["genders"]
    gender = str(genders[i]) if isinstance(genders, list) and len(genders) == count else ""
    name = f"{str(content['sequence'])[:80]}/{i}"
    motion = SmplMotion(
        name=name,
        source="3dpw",
        fps=FPS,
        theta=torch.from_numpy(poses).float(),
        beta=torch.from_numpy(betas[:BETAS]).float(),
        trans=torch.from_numpy(trans).float(),
        gender={"m": "male", "f": "female"}.get(gender, gender),
        up=upward(joints.reshape(N, -1, 3), f"{path}: jointPositions[{i}]"),
        subject=name,  # the files do not say who is in several sequences
    )
    return Person(
        motion=motion,
        joints=torch.from_numpy(joints).unflatten(1, (-1, 3)),
        detections=torch.from_numpy(found2d).transpose(1, 2).float(),
        valid=torch.from_numpy(valid > 0),
        cameras=torch.from_numpy(cameras),
        intrinsics=torch.from_numpy(intrinsics),
    )


def upward(joints: np.ndarray, where: str) -> str:
    """The axis, "y" or "z", that trunks of a world's joints (N, 24, 3) point along on average; where neither is it,
    somebody who lies down say, "y" with a warning."""
    trunk = (joints[:, SMPL24.index("neck")] - joints[:, SMPL24.index("pelvis")]).mean(0)
    trunk = trunk / max(float(np.linalg.norm(trunk)), 1e-12)
    axis = int(trunk[1:].argmax())
    if trunk[1 + axis] < STEEP:
        found = ", ".join(f"{value:+.2f}" for value in trunk)
        warnings.warn(f"{where}: found trunks along ({found}), expected y or z up; y is taken", stacklevel=4)
        return "y"
    return "yz"[axis]


def _array(path: Path, content: dict, key: str, i: int | None, count: int, shape: tuple[int | None, ...]) -> np.ndarray:
    """A key's array, or that of person ``i`` of its list, float64, with finite numbers in a shape (None: any)."""
    value, where = content[key], f"{path}: {key}"
    if i is not None:
        if not isinstance(value, list) or len(value) != count:
            found = f"{len(value)} entries" if isinstance(value, list) else f"a {type(value).__name__}"
            raise ValueError(f"{where}: found {found}, expected a list of {count}, as many as poses has people")
        value, where = value[i], f"{where}[{i}]"
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf":
        found = str(value.dtype) if isinstance(value, np.ndarray) else f"a {type(value).__name__}"
        raise ValueError(f"{where}: found {found}, expected an array of numbers")
    value = value.ravel() if key in ("betas", "campose_valid") else value
    wanted = tuple("N" if size is None else size for size in shape)
    if value.ndim != len(shape) or any(size not in (None, n) for size, n in zip(shape, value.shape, strict=True)):
        raise ValueError(f"{where}: found shape {value.shape}, expected {wanted}")
    with np.errstate(over="ignore"):
        fine = np.isfinite(value.astype(np.float32))
    if not fine.all():
        at = np.argwhere(~fine)[0].tolist()
        raise ValueError(f"{where}: found a number that is not finite at {at}, expected finite ones")
    return value.astype(np.float64)
