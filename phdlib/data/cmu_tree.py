"""CMU's motion capture as people hold it: where the tree is, and which takes lie in it.

The official archive unpacks to ``all_asfamc/subjects/NN/`` with a skeleton ``NN.asf`` and its trials ``NN_TT.amc``;
files fetched one by one lie in ``subjects/NN/``. Folders beside ``subjects`` whose names begin with "bvh" hold takes as
``NN_TT.bvh`` (``007_05.bvh`` and ``07_05.bvh`` are the same one). Where a take lies in both forms, Acclaim's is used.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from phdlib.paths import user_data_dir

PLACES = ("", "cmu_mocap", "cmu", "all_asfamc", "allasfamc", "cmu_mocap/all_asfamc", "cmu/all_asfamc",
          "allasfamc/all_asfamc")  # fmt: skip
_TAKE = re.compile(r"0*(\d{1,3})_(\d{1,3})", re.ASCII)


class TakeFiles(NamedTuple):
    """A take and the file that its motion is read from; ``skeleton`` is the .asf of an .amc, None for a .bvh."""

    name: str
    motion: Path
    skeleton: Path | None


def find_tree(folder: Path | None = None) -> Path:
    """The folder that holds ``subjects/`` (or folders of BVH): ``folder``, else the one that PHDLIB_DATA names, itself
    or below it as ``cmu_mocap``, ``cmu`` or as the archive unpacks. ``FileNotFoundError`` says where it was looked for.
    """
    base = user_data_dir() if folder is None else Path(folder)
    if base is None:
        raise FileNotFoundError(
            "PHDLIB_DATA is not set; expected the folder that holds CMU's tree (cmu_mocap/subjects)"
        )
    for place in PLACES:
        if (base / place / "subjects").is_dir():
            return base / place
    for place in PLACES:
        if any((base / place).glob("bvh*/*.bvh")):
            return base / place
    raise FileNotFoundError(
        f"{base}: found no CMU tree, expected subjects/NN/NN_TT.amc in it, in cmu_mocap/ or in all_asfamc/ "
        "(python -m phdlib.data.cmu_fetch gets it)"
    )


def take_name(stem: str) -> str | None:
    """Take "07_05" of a file's stem "007_05" or "07_05"; None for a name that is no take's."""
    match = _TAKE.fullmatch(stem)
    return f"{int(match[1]):02d}_{int(match[2]):02d}" if match else None


def takes(root: Path) -> dict[str, TakeFiles]:
    """Every take of a tree by name, in order of subject and trial.

    ``FileNotFoundError`` if there is none, and for trials whose skeleton is missing.
    """
    found: dict[str, TakeFiles] = {}
    for path in sorted(root.glob("bvh*/*.bvh")):
        if name := take_name(path.stem):
            found.setdefault(name, TakeFiles(name, path, None))
    for path in sorted((root / "subjects").glob("*/*.amc")):
        if name := take_name(path.stem):
            skeleton = path.parent / f"{path.parent.name}.asf"
            if not skeleton.is_file():
                raise FileNotFoundError(f"{path}: its skeleton is missing, expected {skeleton}")
            found[name] = TakeFiles(name, path, skeleton)
    if not found:
        raise FileNotFoundError(f"{root}: found no take, expected subjects/NN/NN_TT.amc or bvh/NN_TT.bvh")
    return dict(sorted(found.items(), key=lambda item: tuple(map(int, item[0].split("_")))))
