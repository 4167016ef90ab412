"""Data sets that a reader may hold, by the place that their files have below ``PHDLIB_DATA``.

What is shown of those that are absent are a few frames of the embedded motion in files of the same layout
(:mod:`phdlib.data.stand_in_files`), read by the same loader.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from phdlib.body import Body
from phdlib.camera import studio_rig
from phdlib.data import stand_in_files as files
from phdlib.data.clip import Clip
from phdlib.data.smpl_motion import SmplMotion
from phdlib.data.stand_in_acclaim import write_cmu
from phdlib.paths import user_data_dir
from phdlib.skeleton import H36M17, Skeleton

T = TypeVar("T")


class Place(NamedTuple):
    """``markers``: files or folders, as patterns below ``PHDLIB_DATA``, of which one is there where the source is;
    ``write(folder)`` makes the stand-in's files, None where nothing stands in, ``made`` says of what."""

    markers: tuple[str, ...]
    write: Callable[[Path], object] | None
    made: str = "made of the embedded motion"


PLACES = {
    "CMU motion capture": Place(("subjects", "*/subjects", "*/*/subjects"), write_cmu),
    "BVH of your own": Place(("my_bvh/*.bvh",), files.write_bvh),
    "Human3.6M": Place(("data_3d_h36m.npz", "*/data_3d_h36m.npz"), files.write_human36m),
    "HumanEva-I": Place(("data_3d_humaneva15.npz", "*/data_3d_humaneva15.npz"), files.write_humaneva),
    "VideoPose3D's checkpoints": Place(
        ("pretrained_*.bin",), files.write_checkpoint, "a small network of random weights, on files of embedded motion"
    ),
    "Penn Action": Place(("Penn_Action/labels/*.mat",), files.write_penn),
    "AMASS": Place(("AMASS",), files.write_amass),
    "3DPW": Place(("3DPW/sequenceFiles",), files.write_3dpw),
    "SMPL": Place(("smpl/*.pkl", "smpl/*.npz"), files.write_smpl, "this project's open body in SMPL's form"),
    "HMR features": Place(
        ("hmr_features/*.npz",), files.write_features, "random numbers beside the stand-in of Penn Action"
    ),
    "SPIN's checkpoint": Place(("model_checkpoint.pt",), None),
    "detections of your own": Place(("detections/*.npz", "detections/*.json"), files.write_detections),
}


def found(name: str, folder: Path | None = None) -> list[Path]:
    """The files or folders that are there of a source of :data:`PLACES`; none where it is absent.

    ``folder``: instead of the one that ``PHDLIB_DATA`` names.
    """
    base = user_data_dir() if folder is None else folder
    return [path for marker in PLACES[name].markers for path in sorted(base.glob(marker))] if base else []


def first(name: str, folder: Path | None = None) -> Path | None:
    """The first of :func:`found`, or None."""
    return next(iter(found(name, folder)), None)


def load(name: str, loader: Callable[[Path], T], scratch: Path) -> tuple[str, T]:
    """A sentence that says what is shown, and what ``loader`` makes of it: of the user's folder if the source is in it,
    else of the stand-in's files, which are written into ``scratch``.

    A source that is there but cannot be read is named with its error, and the stand-in is shown.
    """
    base, reason = user_data_dir(), f"**{name}:** absent, as PHDLIB_DATA is not set"
    if base is not None:
        reason = f"**{name}:** absent from the folder that PHDLIB_DATA names"
        if path := first(name):
            try:
                return f"**{name}:** there, `$PHDLIB_DATA/{path.relative_to(base).as_posix()}`.", loader(base)
            except (OSError, ValueError) as error:
                reason = f"**{name}:** there, but it cannot be used: {str(error).replace(str(base), '$PHDLIB_DATA')}"
    PLACES[name].write(scratch)
    return f"{reason}. Shown is its stand-in, {PLACES[name].made}.", loader(scratch)


def seen(motion: SmplMotion, body: Body, skeleton: Skeleton = H36M17) -> Clip:
    """A motion as a clip: its path over the middle of a studio's floor, seen by the studio's first camera, which stands
    back as far as it has to."""
    motion = motion.y_up(body).centred()
    reach = motion.trans[:, [0, 2]].norm(dim=-1).max().item()
    return motion.clip(body, studio_rig(max(5.2, reach + 2.7))[0], skeleton)
