"""Whether what is committed is what this code gives: ``python -m phdlib.verify [N]``, or ``./reproduce.sh --verify``.

First every file of the run is held against ``provenance.json`` and against what it is made from. Then N trainings,
drawn at random (as many as took three minutes together, where N is not given), are made again from scratch and compared
with what is recorded of them: to the last bit where processor, Python and torch are the same, else within
:data:`phdlib.reruns.TOLERANCE`.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import Iterable, Sequence

import numpy as np

from phdlib import committed, provenance, publish, reruns, settings

MINUTES = 3.0  # of recorded training time, where no number is given; it is spread over the cores


def main(arguments: Sequence[str]) -> int:
    """Exit status: 0 all agrees, 1 something differs, 2 wrong use, or nothing that could be verified."""
    try:
        chosen = _arguments(arguments)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    folder = publish.output_dir(chosen.profile, chosen.data)
    content = provenance.read(folder / provenance.NAME)
    if not content:
        print(f"{folder / provenance.NAME}: not there, so nothing can be verified; run it first", file=sys.stderr)
        return 2
    os.environ |= {"PHDLIB_PROFILE": chosen.profile, "PHDLIB_DATA_SOURCE": chosen.data}
    agrees = _show(committed.checks(folder, chosen.profile, chosen.data))
    pieces, rng = content["pieces"], np.random.default_rng(chosen.seed)
    seconds = provenance.read(folder / provenance.TIMINGS).get("pieces", {})
    if pieces and chosen.count != 0:
        there = reruns.lent(pieces)
        names = reruns.sample(pieces, seconds, rng, chosen.count, 60 * MINUTES, there)
        taken = reruns.cost(names, pieces, seconds, there) / 60
        told = f"{len(names)} of {len(pieces)} trainings, drawn with --seed {chosen.seed}"
        print(f"Again from scratch: {told}; they took {taken:.1f} minutes of one core.", flush=True)
        try:
            agrees &= _show(reruns.rerun(names, pieces, there, chosen.jobs))
        except Exception as error:
            print(f"DIFFERS  {', '.join(names)}: could not be run: {type(error).__name__}: {error}")
            agrees = False
    print("All agrees." if agrees else "Something differs: see the lines that begin with DIFFERS.")
    return 0 if agrees else 1


def _show(checks: Iterable[committed.Check]) -> bool:
    """Print a line per check as it comes; whether all agree."""
    everything = True
    for agrees, line in checks:
        print(f"{'agrees' if agrees else 'DIFFERS':8} {line}", flush=True)
        everything &= agrees
    return everything


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:
        raise ValueError(f"--verify: {message}")


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(prog="./reproduce.sh --verify", description="Hold what is committed against what the code gives.")
    parser.add_argument("count", nargs="?", type=int, metavar="N", help="trainings to make again; 0 for none")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10_000), help="draws them (default: by chance)")
    parser.add_argument("--profile", default=settings.current_profile(), help=", ".join(settings.PROFILES))
    parser.add_argument("--data", default=settings.current_data(), help=", ".join(settings.DATA_SOURCES))
    parser.add_argument("--jobs", type=int, help="processes (default: one per core)")
    chosen = parser.parse_args(arguments)
    settings.check_profile(chosen.profile)
    settings.check_data(chosen.data)
    if (chosen.count or 0) < 0 or chosen.seed < 0 or (chosen.jobs or 1) < 1:
        raise ValueError("--verify: N and --seed count from 0, --jobs from 1")
    return chosen


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
