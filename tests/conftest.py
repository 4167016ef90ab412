"""What all tests share: no display, few threads, a cache of their own, and hypothesis without luck."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("PHDLIB_CACHE", str(Path(__file__).resolve().parents[1] / ".cache" / "tests"))

# A failing example is the same one on every machine and in every run.
settings.register_profile("phdlib", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("phdlib")


@pytest.fixture
def figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that stands for figures/."""
    from phdlib import paths

    monkeypatch.setattr(paths, "FIGURES", tmp_path / "figures")
    return tmp_path / "figures"


@pytest.fixture
def whole() -> None:
    """Skips while a notebook is committed without outputs: what it writes is then of earlier code, and not traced."""
    from phdlib import paths

    waiting = [p.stem for p in paths.NOTEBOOKS.rglob("*.ipynb") if '"output_type"' not in p.read_text(encoding="utf-8")]
    if waiting:
        pytest.skip(f"the next standard run writes the outputs of {', '.join(sorted(waiting))}")
