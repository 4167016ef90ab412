"""Pieces of a run made again from scratch, for :mod:`phdlib.verify`.

A temporary cache borrows from the user's what a piece begins with, where it is there and as it was recorded: arrays of
the data, features, trainings of earlier stages. What is not there is made. The piece itself always is.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from phdlib import paths, provenance
from phdlib.committed import Check
from phdlib.runs import completed, read_or_run, run_all

# How far a result may be off, relative to the committed one, where another processor, Python or torch made it. Sums in
# another order change the last bit of a number, and training carries that on like another draw of its batches, so that
# the bound is about what seeds differ by: `tests/test_verify.py` holds the committed trainings against it.
TOLERANCE = {"errors": 0.1, "losses": 0.1}

Pieces = Mapping[str, dict[str, Any]]


def lent(pieces: Pieces) -> dict[str, Path]:
    """What the user's cache has to lend: its folders of those pieces that others begin with, if the result in it is
    the recorded one."""
    found = {}
    for name in sorted({needed for piece in pieces.values() for needed in piece["needs"]} & set(pieces)):
        experiment = provenance.experiment_of(pieces[name]).prepared()
        if completed(experiment) and provenance.digest(read_or_run(experiment)) == pieces[name]["result"]["digest"]:
            found[name] = Path(experiment.infra.uid_folder())
    return found


def sample(
    pieces: Pieces, seconds: Mapping[str, float], rng: np.random.Generator, count: int | None, within: float,
    there: Collection[str] = (),
) -> list[str]:  # fmt: skip
    """Names of pieces in random order: ``count`` of them, or as many as fit ``within`` that many recorded seconds with
    all that they begin with and that is not ``there``; the shortest where none does."""
    drawn = [str(name) for name in rng.permutation(sorted(pieces))]
    if count is not None:
        return drawn[:count]
    chosen: list[str] = []
    for name in drawn:
        if cost([*chosen, name], pieces, seconds, there) <= within:
            chosen.append(name)
    return chosen or [min(drawn, key=lambda name: cost([name], pieces, seconds, there))]


def cost(names: Sequence[str], pieces: Pieces, seconds: Mapping[str, float], there: Collection[str] = ()) -> float:
    """Recorded seconds of pieces and of what they begin with and that is not ``there``."""
    made = {*names, *(needed for needed in begun_with(names, pieces) if needed not in there)}
    return sum(seconds.get(name, 0.0) for name in made)


def begun_with(names: Sequence[str], pieces: Pieces) -> list[str]:
    """All pieces that some begin with, near or far, themselves left out."""
    found: set[str] = set()
    open_ = set(names)
    while open_:
        open_ = {needed for name in open_ for needed in pieces[name]["needs"] if needed in pieces} - found
        found |= open_
    return sorted(found - set(names))


@contextmanager
def temporary_cache(names: Sequence[str], pieces: Pieces, there: Mapping[str, Path]) -> Iterator[Path]:
    """Inside, the process' cache is an empty one, but for what ``names`` may borrow."""
    own = paths.cache_dir()
    with TemporaryDirectory(prefix="phdlib-verify-") as place:
        cache = Path(place)
        for path in [*own.glob("*.npz"), *own.glob("features/*.npz")]:
            link = cache / path.relative_to(own)
            link.parent.mkdir(exist_ok=True)
            link.symlink_to(path)
        for name in begun_with(names, pieces):
            if name in there:
                shutil.copytree(there[name], cache / there[name].relative_to(own))
        os.environ["PHDLIB_CACHE"] = place
        try:
            yield cache
        finally:
            os.environ["PHDLIB_CACHE"] = str(own)


def rerun(names: Sequence[str], pieces: Pieces, there: Mapping[str, Path], jobs: int | None = None) -> Iterator[Check]:
    """Make pieces again and hold them against the committed ones."""
    with temporary_cache(names, pieces, there):
        experiments = [provenance.experiment_of(pieces[name]) for name in names]
        results = run_all(experiments, jobs)
        machine = provenance.machine() | {"threads": 1}
    for name, result in zip(names, results, strict=True):
        yield from compare(name, pieces[name], provenance.outcome(result), machine)


def compare(name: str, piece: Mapping[str, Any], found: Mapping[str, Any], machine: Mapping[str, Any]) -> list[Check]:
    """A result against the committed one: equal to the last bit on the machine that made it, near it on another."""
    committed, called = piece["result"], f"{name}, seed {piece['seed']}"
    if found["digest"] == committed["digest"]:
        return [(True, f"{called}: digest {found['digest']}, equal to the last bit")]
    if piece["machine"] == machine:
        told = _numbers(committed, found) or "the numbers in brief are equal"
        line = f"{called}: digest committed {committed['digest']}, found {found['digest']} on the same kind of machine"
        return [(False, f"{line}; {told}")]
    lines = []
    for field, bound in TOLERANCE.items():
        for key, value in committed.get(field, {}).items():
            now = found.get(field, {}).get(key, float("nan"))
            off = abs(now - value) / max(abs(value), 1e-9)
            told = f"{called}: {field}.{key} committed {value:g}, found {now:g}, off by {off:.2%}, at most {bound:.0%}"
            lines.append((bool(off <= bound), told))
    told = f"{called}: digest committed {committed['digest']}, found {found['digest']}, and no number to compare"
    return lines or [(False, told)]


def _numbers(committed: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """The numbers in brief that differ."""
    pairs = [
        (f"{field}.{key}", value, found.get(field, {}).get(key))
        for field in TOLERANCE
        for key, value in committed.get(field, {}).items()
    ]
    return ", ".join(f"{place} committed {value:g}, found {now}" for place, value, now in pairs if value != now)
