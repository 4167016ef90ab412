"""``python -m phdlib.data.cmu_fetch [SUBJECT ...]``: CMU's Acclaim files from mocap.cs.cmu.edu, when asked.

With subject numbers, their skeletons and the trials that the list knows go to ``subjects/NN/``, file by file; without,
the archive ``allasfamc.zip`` (over a gigabyte) is fetched and unpacked. Everything goes below ``cmu_mocap/`` in the
folder that ``PHDLIB_DATA`` names. The site publishes no checksums: the sha256 of what came first is written beside it
(``allasfamc.zip.sha256``), and a later download that differs is refused.
"""

from __future__ import annotations

import argparse
import hashlib
import stat
import sys
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from tqdm.auto import tqdm

from phdlib.data.cmu_trials import load_trials
from phdlib.data.file_kinds import found_in
from phdlib.paths import user_data_dir, write_atomically

SITE = "http://mocap.cs.cmu.edu"
ARCHIVE = "allasfamc.zip"
CHUNK = 1 << 20
LARGEST = 4 << 30  # bytes: of the archive (1.1 GB), a file of it (50 MB), and of all that it unpacks to (4 GB)
LARGEST_FILE = 256 << 20
LARGEST_TREE = 16 << 30


def fetch_archive(folder: Path, site: str = SITE) -> Path:
    """Fetch and unpack the whole archive into ``folder``; the tree's root.

    ``OSError`` without a network, ``ValueError`` where the bytes are not those of the first time or no sound archive.
    """
    archive = folder / ARCHIVE
    if not archive.exists():
        download(f"{site}/{ARCHIVE}", archive, LARGEST)
    unpack(archive, folder)
    return folder / "all_asfamc"


def fetch_subject(subject: str, folder: Path, site: str = SITE) -> list[Path]:
    """Fetch a subject's skeleton and the trials of the list that are not there yet into ``folder/subjects/NN``.

    ``ValueError`` for a subject that the list does not know; else as :func:`fetch_archive`.
    """
    known = [trial.take for trial in load_trials().values() if trial.performer == f"{int(subject):02d}"]
    if not known:
        raise ValueError(f"CMU subject {subject}: the trial list has none of it, expected a number such as 07")
    number = f"{int(subject):02d}"
    names = [f"{number}.asf", *(f"{take}.amc" for take in known)]
    paths = [folder / "subjects" / number / name for name in names]
    for path in tqdm([path for path in paths if not path.exists()], desc=f"subject {number}", unit="file"):
        download(f"{site}/subjects/{number}/{path.name}", path, LARGEST_FILE)
    return paths


def download(url: str, path: Path, largest: int) -> Path:
    """Fetch a file, whole or not at all. Its sha256 is compared with the one noted beside it, or noted there.

    ``OSError`` names what could not be reached; ``ValueError`` a file too large, cut short or not the noted one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()

    def write(temporary: Path) -> None:
        with _open(url) as answer, temporary.open("wb") as file:
            expected = int(answer.headers.get("Content-Length") or 0)
            _check_size(url, expected, largest)
            with tqdm(total=expected or None, desc=path.name, unit="B", unit_scale=True, leave=False) as bar:
                while chunk := answer.read(CHUNK):
                    file.write(chunk)
                    digest.update(chunk)
                    bar.update(len(chunk))
                    _check_size(url, bar.n, largest)
            size = file.tell()
        if expected and size != expected:
            raise ValueError(f"{url}: found {size} bytes, expected {expected}; the connection was cut")
        _check_digest(path, digest.hexdigest())

    write_atomically(path, write)
    note = _note(path)
    if not note.exists():
        write_atomically(note, lambda temporary: temporary.write_text(f"{digest.hexdigest()}  {path.name}\n"))
    return path


def unpack(archive: Path, folder: Path) -> list[Path]:
    """Unpack a zip's ASF and AMC files below ``folder``, those that are not there yet.

    ``ValueError`` names the member that points elsewhere, is no plain file or claims too many bytes, before anything is
    written; and an archive that cannot be read.
    """
    try:
        with zipfile.ZipFile(archive) as file:
            members = [_checked(archive, info) for info in file.infolist() if not info.is_dir()]
            if (total := sum(info.file_size for info in members)) > LARGEST_TREE:
                raise ValueError(f"{archive}: its members claim {total} bytes, expected at most {LARGEST_TREE}")
            wanted = [info for info in members if info.filename.lower().endswith((".asf", ".amc"))]
            if not wanted:
                raise ValueError(f"{archive}: found no .asf or .amc among {len(members)} members, expected CMU's tree")
            written = []
            for info in tqdm(wanted, desc="unpacking", unit="file", leave=False):
                path = folder.joinpath(*PurePosixPath(info.filename).parts)
                if not (path.exists() and path.stat().st_size == info.file_size):
                    write_atomically(path, _extract(file, info))
                written.append(path)
            return written
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise ValueError(
            f"{archive}: found no sound zip but {found_in(archive)} ({error}), expected CMU's {ARCHIVE}"
        ) from error


def _extract(file: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[Path], None]:
    def write(temporary: Path) -> None:
        left = info.file_size
        with file.open(info) as source, temporary.open("wb") as target:
            while chunk := source.read(min(CHUNK, left + 1)):  # a member may hold more than it claims
                left -= len(chunk)
                if left < 0:
                    raise ValueError(
                        f"{file.filename}: {info.filename} holds more than the {info.file_size} bytes claimed"
                    )
                target.write(chunk)

    return write


def _checked(archive: Path, info: zipfile.ZipInfo) -> zipfile.ZipInfo:
    """A member that stays below the folder, is a plain file of a kind that CMU has, and of a credible size."""
    name, mode = info.filename, info.external_attr >> 16
    parts = PurePosixPath(name).parts
    unsafe = not parts or parts[0] == "/" or ".." in parts or "\\" in name or ":" in name or "\0" in name
    if unsafe or stat.S_ISLNK(mode):
        raise ValueError(f"{archive}: refused, member {name!r}, expected plain files below all_asfamc/")
    if info.file_size > LARGEST_FILE:
        raise ValueError(f"{archive}: member {name!r} claims {info.file_size} bytes, expected at most {LARGEST_FILE}")
    return info


def _open(url: str):
    try:
        return urllib.request.urlopen(url, timeout=60)
    except (urllib.error.URLError, TimeoutError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise OSError(f"cannot fetch {url}: {reason}; fetch it elsewhere and put it below $PHDLIB_DATA") from error


def _check_size(url: str, size: int, largest: int) -> None:
    if size > largest:
        raise ValueError(f"{url}: found {size} bytes, expected at most {largest}")


def _note(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _check_digest(path: Path, found: str) -> None:
    if _note(path).exists() and (noted := _note(path).read_text(encoding="utf-8", errors="replace")[:64]) != found:
        raise ValueError(f"{path}: sha256 {found[:12]}, expected {noted[:12]} as {_note(path).name} says")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m phdlib.data.cmu_fetch", description=__doc__.partition(":")[2])
    parser.add_argument("subjects", nargs="*", type=int, help="subject numbers; none: the whole archive")
    parser.add_argument("--to", type=Path, help="folder (else cmu_mocap in the one that PHDLIB_DATA names)")
    options = parser.parse_args(arguments)
    base = user_data_dir()
    if options.to is None and base is None:
        print("PHDLIB_DATA is not set; expected the folder to put CMU's tree into, or --to FOLDER", file=sys.stderr)
        return 2
    folder = options.to or base / "cmu_mocap"
    try:
        for subject in options.subjects:
            fetch_subject(str(subject), folder)
        print(f"{folder if options.subjects else fetch_archive(folder)}; sha256 of what was fetched lies beside it")
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
