"""The motion file and the split of the user's own CMU tree: what the embedded data is made of, of all that is there.

``python -m phdlib.data.cmu_pack [FOLDER]`` builds it; whatever asks for data source "cmu" does so by itself. Every take
goes through what made the embedded file (:mod:`phdlib.data.rebuild`) and is kept by itself, so that a build that was
stopped goes on where it was. A take that cannot be read is left out and listed in ``left_out.csv`` beside the pack.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import sys
import warnings
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from tqdm.auto import tqdm

from phdlib.cache import cached_arrays, code_fingerprint, file_fingerprint, key_of
from phdlib.data import cmu_split, cmu_trials
from phdlib.data.cmu_tree import TakeFiles, find_tree, takes
from phdlib.data.cmu_trials import Trial
from phdlib.data.motion import DEFAULT, Neutral, QuantisedTake, load_motions, load_neutral, save_motions
from phdlib.data.rebuild import build_take
from phdlib.data.split import summary, write_split
from phdlib.paths import cache_dir, write_atomically

MOTION_CODE = ("phdlib.data.cmu", "phdlib.data.bvh", "phdlib.data.rigs", "phdlib.data.retarget", "phdlib.data.clean",
               "phdlib.data.motion", "phdlib.data.rebuild")  # fmt: skip
CODE = (*MOTION_CODE, "phdlib.data.cmu_trials", "phdlib.data.cmu_split", "phdlib.data.cmu_tree", "phdlib.data.split",
        "phdlib.data.humaneva_role")  # fmt: skip
ON_THINGS = ("climbing", "uneven walking")  # feet stand on things above the floor: see rebuild's CLIMBERS


class Pack(NamedTuple):
    """Files of a built pack: motion (as ``assets/motion.npz``), split (as ``assets/split.csv``), takes left out."""

    motion: Path
    split: Path
    left_out: Path


def pack(folder: Path | None = None) -> Pack:
    """The pack of the tree in ``folder`` (None: in PHDLIB_DATA), built if it is not there for these very files.

    ``FileNotFoundError`` if there is no tree; ``ValueError`` if no take of it can be used, or a role has nothing.
    """
    root = find_tree(folder).resolve()
    found = takes(root)
    state = [(name, *_state(files.motion), *_state(files.skeleton)) for name, files in found.items()]
    made_of = key_of(files=hashlib.sha256(repr(state).encode()).hexdigest(), root=str(root))
    return _pack(root, made_of, str(cache_dir()))


@lru_cache(maxsize=4)
def _pack(root: Path, made_of: str, cache: str) -> Pack:
    trials = cmu_trials.load_trials()
    key = key_of(of=made_of, code=code_fingerprint(*CODE), files=file_fingerprint(DEFAULT, cmu_trials.DEFAULT))
    folder = Path(cache) / "cmu" / key
    files = Pack(folder / "motion.npz", folder / "split.csv", folder / "left_out.csv")
    if not all(path.exists() for path in files):
        _build(root, trials, files)
    return files


def _build(root: Path, trials: Mapping[str, Trial], files: Pack) -> None:
    neutral, built, left_out = load_neutral(), [], []
    found = takes(root)
    for name, take in tqdm(found.items(), desc="CMU's takes onto SMPL's tree", unit="take"):
        trial = trials.get(name)
        if trial is None or trial.role == cmu_trials.NONE:
            left_out.append((name, "not in the trial list" if trial is None else f"no role: {trial.category}"))
            continue
        try:
            built.append(_take(take, trial, neutral))
        except (ValueError, OSError, RuntimeError, IndexError) as error:  # whatever a broken take leads to
            left_out.append((name, " ".join(str(error).split())[:300] or type(error).__name__))
    broken = [(name, why) for name, why in left_out if not why.startswith(("not in the trial list", "no role"))]
    if not built:
        example = f"; the first that could not be read: {broken[0][1]}" if broken else ""
        raise ValueError(f"{root}: found {len(found)} takes and none that can be used, expected some{example}")
    if broken:
        names = ", ".join(name for name, _ in broken[:8])
        warnings.warn(f"{root}: {len(broken)} takes cannot be read and are left out ({names}); why: {files.left_out}",
                      stacklevel=4)  # fmt: skip
    save_motions(built, neutral, files.motion)
    write_split(cmu_split.make_split(load_motions(files.motion), trials), files.split)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("take", "why"), *left_out])
    write_atomically(files.left_out, lambda temporary: temporary.write_text(text.getvalue(), encoding="utf-8"))


def _take(files: TakeFiles, trial: Trial, neutral: Neutral) -> QuantisedTake:
    """A take as stored, from the cache if the bytes it comes from, what is made of it and the code are the same."""
    bytes_of = file_fingerprint(files.motion, *([files.skeleton] if files.skeleton else []))
    climbs = trial.category in ON_THINGS
    key = key_of(bytes_of=bytes_of, fps=trial.fps, climbs=climbs, code=code_fingerprint(*MOTION_CODE),
                 body=file_fingerprint(DEFAULT))  # fmt: skip

    def build() -> dict[str, np.ndarray]:
        take, _ = build_take(files.motion, neutral, fps=trial.fps, climbs=climbs)
        return {"rotations": take.rotations, "root": take.root}

    arrays = cached_arrays(files.name, key, build, _takes_folder())
    return QuantisedTake(files.name, trial.performer, trial.description or trial.category, **arrays)


def _takes_folder() -> Path:
    folder = cache_dir() / "cmu" / "takes"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _state(path: Path | None) -> tuple[str, int, int]:
    """What tells that a file has changed, without reading it: gigabytes of them are asked for often."""
    if path is None:
        return "", 0, 0
    status = path.stat()
    return str(path), status.st_size, status.st_mtime_ns


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m phdlib.data.cmu_pack", description=__doc__.partition(":")[2])
    parser.add_argument("folder", type=Path, nargs="?", help="the tree, if not in the folder that PHDLIB_DATA names")
    torch.set_num_threads(1)
    try:
        files = pack(parser.parse_args(arguments).folder)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    from phdlib.data.split import load_split

    print(summary(load_split(files.split)).to_string(index=False))
    print(*files, sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
