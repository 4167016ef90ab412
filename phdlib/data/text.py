"""What readers of text files share: errors that say where, what was found and what was expected."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn


def fail(path: Path, line: int, found: str, expected: str) -> NoReturn:
    """Raise ``ValueError`` for a line (counted from 1) of a file."""
    raise ValueError(f"{path}, line {line}: found {found[:60]!r}, expected {expected}")


def floats(path: Path, line: int, tokens: Sequence[str], count: int) -> tuple[float, ...]:
    """``count`` finite numbers, or ``ValueError``: NaN, infinity and words are none."""
    try:
        values = tuple(float(token) for token in tokens)
    except ValueError:
        values = ()
    if len(values) != count or not all(math.isfinite(value) for value in values):
        fail(path, line, " ".join(tokens), f"{count} finite number{'s' * (count != 1)}")
    return values
