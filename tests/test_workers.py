"""Pieces that wait for others; what they run in is a process of its own, so they leave files behind."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from phdlib.workers import run_in_processes


def leave(path: Path) -> None:
    """Note when it began, in nanoseconds, and how many others had ended by then."""
    if path.name == "broken":
        raise RuntimeError("broken")
    ended = sum(1 for _ in path.parent.glob("*"))
    time.sleep(0.2)
    path.write_text(f"{time.monotonic_ns()} {ended}")


def run(folder: Path, names: str, jobs: int = 2, **options) -> dict[str, tuple[int, int]]:
    run_in_processes(leave, [folder / name for name in names.split()], jobs, 0, "pieces", **options)
    return {path.name: tuple(map(int, path.read_text().split())) for path in folder.glob("*")}


def test_a_piece_waits_for_what_it_begins_with(tmp_path: Path) -> None:
    """c begins with b, b with a; d with nothing."""
    left = run(tmp_path, "c b a d", waits_for=[1, 2, None, None])
    assert left["a"][0] < left["b"][0] < left["c"][0] and len(left) == 4
    assert left["b"][1] >= 1 and left["c"][1] >= 2


def test_the_lowest_number_begins(tmp_path: Path) -> None:
    left = run(tmp_path, "a b c d", jobs=1, order=[4, 2, 3, 1])
    assert sorted(left, key=left.get) == ["d", "b", "c", "a"]


def test_what_waits_for_a_failure_is_left_out(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="broken"):
        run(tmp_path, "broken after other", waits_for=[None, 0, None])
    assert [path.name for path in tmp_path.glob("*")] == ["other"]
