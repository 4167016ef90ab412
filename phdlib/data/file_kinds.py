"""What a file is that its reader cannot read: mostly something else of that name, or half of it.

Downloads fail in a few ways that the readers' own words hide: a page instead of the file, a pointer of Git LFS, nothing
at all, a copy that broke off. A file's first bytes tell.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

HEAD = 512  # bytes that are looked at
_PAGES = (b"<!doctype", b"<html", b"<head", b"<?xml", b"<body")
_KINDS = {
    b"version https://git-lfs": "a pointer of Git LFS instead of the file that it stands for (git lfs pull gets it)",
    b"PK\x03\x04": "a zip archive",
    b"\x93NUMPY": "a single array, .npy",
    b"MATLAB 5.0": "a MATLAB file of version 5",
    b"MATLAB 7.3": "a MATLAB file of version 7.3",
    b"\x89HDF": "an HDF5 file",
    b"\x1f\x8b": "gzip data, still packed",
    b"BZh": "bzip2 data, still packed",
    b"Rar!": "a RAR archive, still packed",
    b"7z\xbc\xaf": "a 7z archive, still packed",
    b"%PDF": "a PDF document",
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x89PNG": "a PNG picture",
    b"\x80": "a pickle",
}


def kind_of(head: bytes, size: int) -> str:
    """In words, what ``size`` bytes are that begin with ``head``."""
    if size == 0:
        return "an empty file"
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(_PAGES):
        return f"a web page of {size} bytes, which is what a refused download leaves"
    for magic, kind in _KINDS.items():
        if head.startswith(magic):
            return f"{kind}, {size} bytes"
    return f"{size} bytes that begin with {head[:12]!r}"


def found_in(path: Path) -> str:
    """:func:`kind_of` of a file; of a zip archive also whether its end, where the directory is, is missing."""
    with path.open("rb") as file:
        kind = kind_of(file.read(HEAD), path.stat().st_size)
    if kind.startswith("a zip archive") and not zipfile.is_zipfile(path):
        return f"{kind}, cut off: its directory, which stands at the end, is missing"
    return kind
