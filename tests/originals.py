"""Where CMU's original files are, for tests that read them: in $PHDLIB_DATA or beside the repository, else nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from phdlib.paths import ROOT, user_data_dir

FOLDERS = [folder / "cmu_mocap" for folder in (user_data_dir(), ROOT.parent / "shared" / "data") if folder is not None]
CMU: Path | None = next((folder for folder in FOLDERS if (folder / "subjects").is_dir()), None)
needs_originals = pytest.mark.skipif(
    CMU is None, reason="CMU's originals are not here: set PHDLIB_DATA to their folder"
)


def original(name: str) -> Path:
    assert CMU is not None
    return CMU / name
