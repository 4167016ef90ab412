"""Where things lie, and how they are written: whole or not at all."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
ROOT = PACKAGE.parent
NOTEBOOKS = ROOT / "notebooks"
FIGURES = ROOT / "figures"


def cache_dir() -> Path:
    """Folder of everything that can be made again: ``$PHDLIB_CACHE``, or ``.cache`` in the repository.

    ``OSError`` names the variable where it is no folder.
    """
    folder = Path(os.environ.get("PHDLIB_CACHE") or ROOT / ".cache").expanduser().absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(error.errno, f"PHDLIB_CACHE: cannot use {folder} as a folder: {error.strerror}") from error
    return folder


def user_data_dir() -> Path | None:
    """Folder with the user's own datasets, ``$PHDLIB_DATA``, or None where it is not set."""
    folder = os.environ.get("PHDLIB_DATA")
    return Path(folder).expanduser() if folder else None


def write_atomically(path: Path, write: Callable[[Path], object]) -> Path:
    """Call ``write`` on a temporary file beside ``path`` and move it into place once it is complete.

    A run that is killed, or a disk that fills up, leaves the old file or none, never half of one. ``OSError`` says
    which file could not be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise OSError(error.errno, f"cannot write {path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)
    return path


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Other processes and threads that ask for the same folder wait until the block ends. The folder is created."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
