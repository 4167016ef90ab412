"""Whether two runs gave the same: ``python -m phdlib.determinism A B`` compares two output folders, byte by byte.

Two runs of one revision from empty caches on one machine write the same tables, figures and verdicts. What is measured
in seconds cannot be: it is named below, has files of its own, and is left out of the comparison. So are notebooks,
which show such times, and pages that are made from all other files and repeat them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

MEASURED_FILES = (
    *("timings.json", "benchmarks.json", "videopose3d-figure-9-b.png"),
    *(f"videopose3d-figure-9-{part}.{suffix}" for part in ("b_speed", "inference_speed") for suffix in ("csv", "md")),
)
MEASURED_CLAIMS = ("VP3D-C27", "VP3D-C46", "VP3D-C47")  # of how fast training and inference are
REPEAT = ("report.html", "report.md")  # show measured claims among others


def differences(one: Path, other: Path) -> list[str]:
    """A line per file that only one folder has, or whose content differs, saying where. Empty where all is equal."""
    names = sorted(_compared(one) | _compared(other))
    return [line for name in names if (line := _difference(one / name, other / name, name))]


def _compared(folder: Path) -> set[str]:
    left_out = {*MEASURED_FILES, *REPEAT}
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and path.suffix != ".ipynb")
    return {path.as_posix() for path in found if path.name not in left_out}


def _difference(one: Path, other: Path, name: str) -> str:
    for path, beside in ((one, other), (other, one)):
        if not path.exists():
            return f"{name}: only in {beside.parent}"
    if one.read_bytes() == other.read_bytes():
        return ""
    if name.endswith(".json"):
        first, second = (unmeasured(json.loads(path.read_text(encoding="utf-8"))) for path in (one, other))
        place = first_difference(first, second)
        return f"{name}: {place}" if place else ""
    if name.endswith((".csv", ".md")):
        return f"{name}: {first_line(one.read_text(encoding='utf-8'), other.read_text(encoding='utf-8'))}"
    return f"{name}: other bytes"


def unmeasured(content: Any) -> Any:
    """The content of one of the folder's JSON files without what is measured."""
    left_out = {*MEASURED_FILES, *MEASURED_CLAIMS}
    if isinstance(content, list):
        return [entry for entry in content if entry["id"] not in left_out]
    sections = {name: part for name, part in content.items() if isinstance(part, dict)}
    return content | {name: {k: v for k, v in part.items() if k not in left_out} for name, part in sections.items()}


def first_difference(one: Any, other: Any, place: str = "") -> str:
    """Where two JSON values first differ, and how; empty where they are equal."""
    if one == other:
        return ""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted({*one, *other})
        return next(f for k in keys if (f := first_difference(one.get(k), other.get(k), f"{place}.{k}".strip("."))))
    if isinstance(one, list) and isinstance(other, list):
        names = [entry.get("id", str(at)) if isinstance(entry, dict) else str(at) for at, entry in enumerate(one)]
        pairs = zip_longest(names, one, other)
        return next(f for at, a, b in pairs if (f := first_difference(a, b, f"{place}[{at}]")))
    return f"{place or 'content'} is {_short(one)} and {_short(other)}"


def first_line(one: str, other: str) -> str:
    """The first line in which two texts differ; empty where they are equal."""
    for number, (ours, theirs) in enumerate(zip_longest(one.splitlines(), other.splitlines()), start=1):
        if ours != theirs:
            pairs = enumerate(zip(ours or "", theirs or "", strict=False))
            same = next((i for i, (a, b) in pairs if a != b), 0)
            start = max(0, same - 40) if same > 80 else 0  # of long lines, from where they part
            ours, theirs = (line and "... " * bool(start) + line[start:] for line in (ours, theirs))
            return f"line {number} is {_short(ours)} and {_short(theirs)}"
    return "" if one == other else "the ends of lines differ"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 160 else f"{text[:157]}..."


def main(arguments: Sequence[str]) -> int:
    """Exit status: 0 equal, 1 different, 2 wrong use."""
    folders = [Path(argument) for argument in arguments]
    if len(folders) != 2 or not all(folder.is_dir() for folder in folders):
        print("usage: python -m phdlib.determinism FOLDER FOLDER", file=sys.stderr)
        return 2
    found = differences(*folders)
    count = len(_compared(folders[0]))
    print("\n".join(found) or f"{count} files, all equal; not compared: {', '.join(MEASURED_FILES + MEASURED_CLAIMS)}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
