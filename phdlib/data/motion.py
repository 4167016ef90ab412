"""Half an hour of real motion in one compact file, and resampling through quaternions.

The file ``assets/motion.npz`` holds, for all takes one after the other, the rotation vectors of the 22 joints that move
(the hands go with the wrists) in steps of pi / 32767, 0.0055 degrees, and the pelvis joint's path in tenths of a
millimetre. Both are stored as differences in time, which compress to half. ``assets/README.md`` says how it was made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import roma
import torch
from torch import Tensor

from phdlib.paths import write_atomically

DEFAULT = Path(__file__).parent / "assets" / "motion.npz"
FPS = 50.0
JOINTS = 22
ROTATION_STEP = np.pi / 32767  # rad
ROOT_STEP = 1e-4  # m
ARRAYS = ("names", "performers", "descriptions", "lengths", "rotations", "roots", "rest_joints", "sole")


class Neutral(NamedTuple):
    """The neutral body that the motion was made for, in metres: joints (24, 3) at rest and the height of its soles."""

    rest_joints: Tensor
    sole: float


@dataclass(frozen=True)
class Motion:
    """A take: ``theta`` (T, 72) float32 axis-angle on SMPL's tree; ``root`` (T, 3) in metres, where the neutral body's
    pelvis joint is in the world (y up, floor at 0); ``performer`` is CMU's subject number.
    """

    name: str
    fps: float
    theta: Tensor
    root: Tensor
    performer: str
    description: str

    def __len__(self) -> int:
        return len(self.theta)

    def at_rate(self, fps: float) -> Motion:
        """The same take at another frame rate, through quaternions."""
        rotations = roma.rotvec_to_rotmat(self.theta.double().reshape(-1, 24, 3))
        rotations, root = resample(rotations, self.root.double(), self.fps, fps)
        theta = roma.rotmat_to_rotvec(rotations).reshape(-1, 72).float()
        return Motion(self.name, fps, theta, root.float(), self.performer, self.description)


def slerp(a: Tensor, b: Tensor, weight: Tensor) -> Tensor:
    """From unit quaternions ``a`` to ``b`` (..., 4, XYZW) the shorter way; at ``weight`` (..., 1) 0 it is ``a``."""
    between = roma.quat_product(roma.quat_conjugation(a), b)
    turn = roma.unitquat_to_rotvec(between * torch.where(between[..., 3:] < 0, -1.0, 1.0))
    return roma.quat_product(a, roma.rotvec_to_unitquat(weight * turn))


def resample(rotations: Tensor, root: Tensor, fps_from: float, fps_to: float) -> tuple[Tensor, Tensor]:
    """Rotations (T, J, 3, 3) by slerp and ``root`` (T, 3) linearly, at times 0, 1/fps_to, .. up to the last frame."""
    T = len(rotations)
    assert rotations.shape[2:] == (3, 3) and root.shape == (T, 3), f"{tuple(rotations.shape)}, {tuple(root.shape)}"
    # Whole numbers of frames first: 2 * 120 / 60 must come out as 4, not as 3.9999.
    times = torch.arange(int((T - 1) * fps_to / fps_from + 1e-9) + 1, dtype=torch.float64) * fps_from / fps_to
    before = (times + 1e-9).floor().long().clamp(max=T - 1)
    weight = (times - before).clamp(0.0, 1.0).to(rotations.dtype)
    after = (before + 1).clamp(max=T - 1)
    quaternions = roma.rotmat_to_unitquat(rotations)
    between = slerp(quaternions[before], quaternions[after], weight[:, None, None])
    return roma.unitquat_to_rotmat(between), torch.lerp(root[before], root[after], weight[:, None].to(root.dtype))


def quantise(rotations: Tensor, root: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (T, 24, 3, 3) and ``root`` (T, 3) float64 as int16 (T, 66) and int32 (T, 3), in the file's steps."""
    vectors = roma.rotmat_to_rotvec(rotations[:, :JOINTS]).reshape(-1, 3 * JOINTS).numpy()
    return np.rint(vectors / ROTATION_STEP).astype(np.int16), np.rint(root.numpy() / ROOT_STEP).astype(np.int32)


def dequantise(rotations: np.ndarray, root: np.ndarray) -> tuple[Tensor, Tensor]:
    """The inverse: ``theta`` (T, 72) with still hands and ``root`` (T, 3), float32."""
    theta = np.zeros((len(rotations), 72), dtype=np.float32)
    theta[:, : 3 * JOINTS] = rotations.astype(np.float64) * ROTATION_STEP
    return torch.from_numpy(theta), torch.from_numpy((root.astype(np.float64) * ROOT_STEP).astype(np.float32))


@dataclass(frozen=True)
class QuantisedTake:
    """What the file stores of a take: the arrays of :func:`quantise` and three texts."""

    name: str
    performer: str
    description: str
    rotations: np.ndarray
    root: np.ndarray


def save_motions(takes: Iterable[QuantisedTake], neutral: Neutral, path: Path = DEFAULT) -> Path:
    """Write the takes, by name, into one file; the same takes give the same bytes. ``OSError`` if it fails."""
    ordered = sorted(takes, key=lambda take: take.name)
    arrays = {
        "names": np.array([take.name for take in ordered]),
        "performers": np.array([take.performer for take in ordered]),
        "descriptions": np.array([take.description for take in ordered]),
        "lengths": np.array([len(take.root) for take in ordered], dtype=np.int32),
        # Differences wrap around at 16 bits, and so does their sum: nothing is lost.
        "rotations": np.concatenate([np.diff(take.rotations, axis=0, prepend=np.int16(0)) for take in ordered]).T,
        "roots": np.concatenate([np.diff(take.root, axis=0, prepend=np.int32(0)) for take in ordered]).T,
        "rest_joints": neutral.rest_joints.double().numpy(),
        "sole": np.array(neutral.sole),
    }
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez_compressed(file, sha256=np.array(_digest(arrays)), **arrays)

    return write_atomically(path, write)


def _load(path: Path) -> dict[str, np.ndarray]:
    """The arrays of the file, checked. ``ValueError`` names a file that is not what was written."""
    with Path(path).open("rb") as stream:
        try:
            with np.load(stream, allow_pickle=False) as file:
                arrays = {name: file[name] for name in ARRAYS}
                stored = str(file["sha256"])
        except Exception as error:  # a damaged archive makes its readers fail in a dozen ways
            reason = " ".join(str(error).split())[:120]
            raise ValueError(f"{path}: damaged or not a motion file ({reason}); check it out again") from error
    if _digest(arrays) != stored:
        raise ValueError(f"{path}: damaged: sha256 {_digest(arrays)[:12]} of its arrays, expected {stored[:12]}")
    return arrays


def load_neutral(path: Path = DEFAULT) -> Neutral:
    """The body that the file was made for. Errors as :func:`load_motions`."""
    arrays = _load(path)
    return Neutral(torch.from_numpy(arrays["rest_joints"]), arrays["sole"].item())


def load_quantised(path: Path = DEFAULT) -> list[QuantisedTake]:
    """The takes as stored, by name. Errors as :func:`load_motions`."""
    arrays = _load(path)
    stops = np.cumsum(arrays["lengths"])
    takes = []
    for i, stop in enumerate(stops):
        part = slice(stop - arrays["lengths"][i], stop)
        rotations = np.cumsum(arrays["rotations"][:, part], axis=1, dtype=np.int16).T
        root = np.cumsum(arrays["roots"][:, part], axis=1, dtype=np.int32).T
        texts = (str(arrays[field][i]) for field in ("names", "performers", "descriptions"))
        takes.append(QuantisedTake(*texts, rotations, root))
    return takes


def load_motions(path: Path = DEFAULT) -> dict[str, Motion]:
    """Every take of the file by name, at 50 Hz.

    ``ValueError`` names the file if a byte of it is not as it was written; ``FileNotFoundError`` if there is none.
    """
    motions = {}
    for take in load_quantised(path):
        theta, root = dequantise(take.rotations, take.root)
        motions[take.name] = Motion(take.name, FPS, theta, root, take.performer, take.description)
    return motions


def _digest(arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in ARRAYS:
        array = arrays[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
