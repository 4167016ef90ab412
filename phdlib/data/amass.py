"""AMASS (Mahmood et al. 2019): motion capture of many laboratories as parameters of SMPL+H or SMPL-X.

A folder per laboratory and subject; ``*_poses.npz`` (SMPL+H: ``poses`` (T, 156), ``mocap_framerate``) or
``*_stageii.npz`` (SMPL-X: ``poses`` (T, 165), ``mocap_frame_rate``), with ``trans`` (T, 3), ``betas`` (16,) and
``gender``; z points up. The first 22 joints are SMPL's in both; the first ten shape coefficients are taken. They belong
to the gendered body of their model, so on SMPL's they give a similar person, not the same one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from phdlib.data.pickled import read_npz
from phdlib.data.smpl_motion import BETAS, SmplMotion, body_pose

WIDTHS = {66: "22 joints", 72: "SMPL", 156: "SMPL+H", 165: "SMPL-X"}
_RATES = ("mocap_framerate", "mocap_frame_rate")
_PATTERNS = ("*_poses.npz", "*_stageii.npz")
_FASTEST = 1000.0  # Hz


def load(folder: str | Path, fps: float | None = None, pattern: str = "") -> Iterator[SmplMotion]:
    """The motions of a folder and of those in it, in the order of their paths, one at a time: AMASS is large.

    ``fps``: at another rate than the file's. ``pattern``: only paths that contain it, such as "CMU/". Files of other
    names (``shape.npz``, ``*_stagei.npz``) hold no motion and are passed over. ``FileNotFoundError`` without a motion.
    """
    folder = Path(folder)
    paths = sorted(path for kind in _PATTERNS for path in folder.rglob(kind) if pattern in path.as_posix())
    if not paths:
        wanted = f" with {pattern!r} in their path" if pattern else ""
        raise FileNotFoundError(f"{folder}: found no {' or '.join(_PATTERNS)}{wanted}, expected AMASS's folders")
    return (_at(read_amass(path, path.relative_to(folder).with_suffix("").as_posix()), fps) for path in paths)


def read_amass(path: str | Path, name: str | None = None) -> SmplMotion:
    """A motion of AMASS; the subject is the folder in its ``name``.

    ``ValueError`` or ``FileNotFoundError`` name the file, the key, found and expected.
    """
    path = Path(path)
    content = read_npz(path, keys=("poses", "trans", "betas", "gender", *_RATES))
    poses = _numbers(path, content, "poses", 2)
    T = len(poses)
    if not T or poses.shape[1] not in WIDTHS:
        widths = ", ".join(f"{width} ({model})" for width, model in WIDTHS.items())
        raise ValueError(f"{path}: poses: found shape {poses.shape}, expected (T, width) with a width of {widths}")
    trans, betas = _numbers(path, content, "trans", 2), _numbers(path, content, "betas", 1)
    if trans.shape != (T, 3):
        raise ValueError(f"{path}: trans: found shape {trans.shape}, expected {(T, 3)} as poses has {T} frames")
    if len(betas) < BETAS:
        raise ValueError(f"{path}: betas: found {len(betas)} coefficients, expected at least {BETAS}")
    rate = next((key for key in _RATES if key in content), None)
    if rate is None:
        raise ValueError(f"{path}: found neither {' nor '.join(_RATES)}, expected one of them")
    fps = float(_numbers(path, content, rate, 0))
    if not 0 < fps <= _FASTEST:
        raise ValueError(f"{path}: {rate}: found {fps:g}, expected a rate above 0 and up to {_FASTEST:g} Hz")
    return SmplMotion(
        name=name or path.stem,
        source="amass",
        fps=fps,
        theta=body_pose(torch.from_numpy(poses)).float(),
        beta=torch.from_numpy(betas[:BETAS]).float(),
        trans=torch.from_numpy(trans).float(),
        gender=_text(content.get("gender")),
        up="z",
        subject=(name or "").rpartition("/")[0] or "unknown",
    )


def _at(motion: SmplMotion, fps: float | None) -> SmplMotion:
    return motion if fps is None or fps == motion.fps else motion.at_rate(fps)


def _numbers(path: Path, content: dict[str, np.ndarray], key: str, dimensions: int) -> np.ndarray:
    if key not in content:
        raise ValueError(f"{path}: found no key {key!r}, expected poses, trans, betas, gender and a frame rate")
    found = content[key]
    if found.size == 1 and dimensions == 0:
        found = found.reshape(())
    if found.dtype.kind not in "iuf" or found.ndim != dimensions:
        raise ValueError(f"{path}: {key}: found {found.dtype} {found.shape}, expected numbers, {dimensions} dimensions")
    with np.errstate(over="ignore"):
        fine = np.isfinite(found.astype(np.float32))
    if not fine.all():
        where = np.argwhere(~fine)[0].tolist()
        raise ValueError(f"{path}: {key}: found a number that is not finite at {where}, expected finite ones")
    return found.astype(np.float64)


def _text(value: np.ndarray | None) -> str:
    """A text as NumPy or Python 2 left it: 'male', b'male', "b'male'"."""
    if value is None or not value.size:
        return ""
    word = value.ravel()[0]
    word = word.decode("latin1") if isinstance(word, bytes) else str(word)
    return word.removeprefix("b'").removesuffix("'")
