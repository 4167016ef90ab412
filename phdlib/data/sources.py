"""What ``--data`` names: where a source's clips come from, what cache keys depend on, and which notebooks run on it.

A source is one entry of :data:`SOURCES`. Modules that read data are imported when they are asked, so that the names and
the notebooks are there before anything heavy is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache, partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from phdlib import settings
from phdlib.paths import user_data_dir

if TYPE_CHECKING:
    from phdlib.data.clip import Clip


@dataclass(frozen=True)
class Source:
    """``clips(keypoints, role, part)`` and ``key(keypoints, role)``; ``notebooks``, as patterns of their names below
    notebooks/, and in a sentence what keeps the others from it. ``detectors``: "model" where 2D is made by
    :mod:`phdlib.data.detector`, whose noise can be taken away again, "real" where networks saw pictures, "none" where
    people marked the joints. ``holds``: what ``PHDLIB_DATA`` has to hold, in words; ``find(folder)`` looks for it."""

    clips: Callable[[str, str, str], Sequence[Clip]]
    key: Callable[[str, str], str]
    notebooks: tuple[str, ...]
    why_not: str = ""
    detectors: str = "model"
    holds: str = ""
    find: Callable[[Path], object] | None = None


def clips(data: str, keypoints: str, part: str, role: str = "human36m") -> tuple[Clip, ...]:
    """Clips of one part of a source's role, with the 2D of a named level of the detector."""
    _check_pack(data)
    return tuple(source(data).clips(keypoints, role, part))


def key(data: str, keypoints: str = "gt", role: str = "human36m") -> str:
    """What has to be computed anew when the data changes hangs on this."""
    _check_pack(data)
    return source(data).key(keypoints, role)


def source(data: str) -> Source:
    """A source by its name; ``ValueError`` names those that there are."""
    if data not in SOURCES:
        raise ValueError(f"unknown data source {data!r}: choose one of {', '.join(SOURCES)}")
    return SOURCES[data]


def check(data: str) -> None:
    """To be called before anything starts: ``FileNotFoundError`` says what a source needs that is not there."""
    needed, folder = source(data), user_data_dir()
    if needed.find is None:
        return
    if folder is None or not folder.is_dir():
        found = "PHDLIB_DATA is not set" if folder is None else f"PHDLIB_DATA names {folder}, which is no folder"
        raise FileNotFoundError(f"--data {data}: {found}; expected the folder that holds {needed.holds}")
    try:
        needed.find(folder)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"--data {data}: {error}") from error


def runs_on(data: str, notebook: str) -> bool:
    """Whether a notebook ("videopose3d/02_supervised") runs on a source."""
    return any(fnmatchcase(notebook, pattern) for pattern in source(data).notebooks)


def _embedded_clips(keypoints: str, role: str, part: str) -> Sequence[Clip]:
    from phdlib.data import embedded

    return embedded.load(keypoints, role, parts=(part,))


def _embedded_key(keypoints: str, role: str) -> str:
    from phdlib.data import embedded

    return embedded.data_key()


def _check_pack(data: str) -> None:
    """Which motion :mod:`phdlib.data.embedded` reads is settled for the whole process, by ``--data``."""
    if data in ("embedded", "cmu") and data != settings.current_motion():
        found = f"$PHDLIB_DATA_SOURCE is {settings.current_data()!r}"
        raise ValueError(f"data source {data!r}: {found}, expected the same; set it before the notebook starts")


# VideoPose3D's own data sets, by the role of the embedded data that stands for them.
_NPZ = {"human36m": "phdlib.data.human36m", "humaneva": "phdlib.data.humaneva"}
_READERS = ("phdlib.data.videopose3d", "phdlib.data.calibrated", "phdlib.data.pickled", "phdlib.camera")


def _npz_clips(keypoints: str, role: str, part: str) -> Sequence[Clip]:
    return import_module(_module(role)).load(_folder(), keypoints, (part,))


def _npz_key(keypoints: str, role: str) -> str:
    """Of the two files that are read, the cameras and the code: detections that come later leave the others alone."""
    from phdlib.cache import code_fingerprint, key_of
    from phdlib.data.calibrated import ASSETS
    from phdlib.data.videopose3d import find

    module = import_module(_module(role))
    files = [find(_folder(), name) for name in (module.FILE_3D, module.keypoints_file(keypoints))]
    prints = [_print(file, file.stat().st_mtime_ns) for file in (*files, ASSETS / f"{role}_cameras.json")]
    return key_of(files=prints, code=code_fingerprint(_module(role), *_READERS))


def _module(role: str) -> str:
    if role not in _NPZ:
        raise ValueError(f"no role {role!r} in VideoPose3D's files; there are {', '.join(_NPZ)}")
    return _NPZ[role]


def _folder() -> Path:
    folder = user_data_dir()
    if folder is None:
        raise FileNotFoundError("PHDLIB_DATA is not set; expected the folder that holds VideoPose3D's data_3d_*.npz")
    return folder


@lru_cache(maxsize=32)  # hundreds of megabytes, asked for by every experiment
def _print(file: Path, changed: int) -> str:
    from phdlib.cache import file_fingerprint

    return file_fingerprint(file)


def _find_npz(role: str, folder: Path) -> Path:
    from phdlib.data.videopose3d import find

    return find(folder, import_module(_NPZ[role]).FILE_3D)


def _find_cmu(folder: Path) -> object:
    from phdlib.data import cmu_tree

    return cmu_tree.takes(cmu_tree.find_tree(folder))


# Penn Action: 2D by hand, and pictures.
PENN = "Penn_Action"


def _penn_clips(keypoints: str, role: str, part: str) -> Sequence[Clip]:
    from phdlib.data import penn

    _check_penn(keypoints, role)
    return penn.load(_folder() / PENN, part)


def _penn_key(keypoints: str, role: str) -> str:
    """Of the label files and the code; images are not looked at."""
    from phdlib.cache import code_fingerprint, key_of

    _check_penn(keypoints, role)
    labels = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in _find_penn(_folder())]
    return key_of(labels=labels, code=code_fingerprint("phdlib.data.penn", "phdlib.camera"))


def _check_penn(keypoints: str, role: str) -> None:
    if (keypoints, role) != ("gt", "penn"):
        found = f"keypoints {keypoints!r}, role {role!r}"
        raise ValueError(f"data source 'penn': found {found}, expected keypoints 'gt' and role 'penn': 2D by hand")


def _find_penn(folder: Path) -> list[Path]:
    paths = sorted((folder / PENN / "labels").glob("*.mat"))
    if not paths:
        raise FileNotFoundError(f"{folder}: found no {PENN}/labels/*.mat, expected Penn Action as it unpacks")
    return paths


_NO_BODIES = (
    "its files hold joints and keypoints only, no bodies and no pictures (what PHD needs), and no model of the "
    "detector's noise (what 00_data and videopose3d/03 are about)"
)
SOURCES: dict[str, Source] = {
    "embedded": Source(_embedded_clips, _embedded_key, notebooks=("*",)),
    "cmu": Source(
        _embedded_clips, _embedded_key,
        notebooks=("00_overview", "01_your_data", "02_pseudo_ground_truth", "videopose3d/*", "phd/*"),
        why_not="00_data is about the motion that comes with the repository",
        holds="CMU's tree (cmu_mocap/subjects)", find=_find_cmu,
    ),
    "human36m": Source(
        _npz_clips, _npz_key,
        notebooks=(
            "00_overview", "01_your_data", "videopose3d/01_temporal_model", "videopose3d/02_supervised",
            "videopose3d/04_size_and_ablations", "videopose3d/05_batching", "videopose3d/06_back_projection",
            "videopose3d/07_semi_supervised",
        ),
        why_not=_NO_BODIES, detectors="real",
        holds="VideoPose3D's data_3d_h36m.npz", find=partial(_find_npz, "human36m"),
    ),
    "humaneva": Source(
        _npz_clips, _npz_key, notebooks=("00_overview", "01_your_data"),
        why_not="Table 4's notebook is written about the embedded chunks, the others want Human3.6M; what runs on it "
        "is phdlib.pretrained.evaluate_pretrained, and any LiftingExperiment(data='humaneva', role='humaneva')",
        detectors="real", holds="VideoPose3D's data_3d_humaneva15.npz", find=partial(_find_npz, "humaneva"),
    ),
    "penn": Source(
        _penn_clips, _penn_key, notebooks=("00_overview", "01_your_data"),
        why_not="Penn Action has 2D of 13 joints and pictures, no 3D: VideoPose3D's models want 3D labels, and PHD's "
        "want other data with 3D beside it and features of its pictures from HMR's network, which nobody may hand on; "
        "01_your_data measures on it what needs neither, a pose that stands still",
        detectors="none", holds="Penn_Action/labels/*.mat", find=_find_penn,
    ),
}  # fmt: skip
