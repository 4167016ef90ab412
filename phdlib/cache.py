"""What has been computed once: arrays on disk, keyed by everything that changes them."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np

from phdlib.paths import cache_dir, write_atomically


def code_fingerprint(*modules: str) -> str:
    """Hash of what modules do: of their syntax trees, without comments, layout and docstrings.

    Code that an edit listed in ``equivalent_code.json`` led to keeps the hash of the code before it, so that what was
    trained stays valid. The list spares time and vouches for nothing: ``--verify N`` trains anew and compares bits.
    """
    digest = hashlib.sha256()
    for module in sorted(set(modules)):
        spec = importlib.util.find_spec(module)
        if spec is None or spec.origin is None:
            raise ValueError(f"no source for module {module!r}")
        path = Path(spec.origin)
        digest.update(f"{module}\n{_syntax(path, path.stat().st_mtime_ns)}\n".encode())
    found = digest.hexdigest()[:16]
    return _equivalents().get(found, found)


@lru_cache
def _equivalents() -> dict[str, str]:
    """From the hash of code to that of older code with the same results."""
    edits = json.loads(Path(__file__).with_name("equivalent_code.json").read_text(encoding="utf-8"))
    return {new: old for edit in edits for new, old in edit["same_as"].items()}


@lru_cache(maxsize=256)
def _syntax(path: Path, changed: int) -> str:
    """What a source file says to Python; ``changed``, its time, sees to it that it is read again when it was edited."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr) and _is_text(body[0]):
            body[0] = ast.Pass()
    return ast.dump(tree)


def _is_text(statement: ast.Expr) -> bool:
    return isinstance(statement.value, ast.Constant) and isinstance(statement.value.value, str)


def file_fingerprint(*paths: Path) -> str:
    """Hash of the contents of files."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def key_of(**parts: object) -> str:
    """One short key from named parts; their ``repr`` must tell them apart."""
    return hashlib.sha256(repr(sorted(parts.items())).encode()).hexdigest()[:16]


def cached_arrays(
    name: str, key: str, build: Callable[[], Mapping[str, np.ndarray]], folder: Path | None = None
) -> dict[str, np.ndarray]:
    """``build()``, or what it returned the last time under this name and key.

    Kept as an uncompressed .npz with a checksum per array. A file that cannot be read is named in a warning of one line
    and built again; a disk without room raises ``OSError`` with the file's name.
    """
    path = (folder or cache_dir()) / f"{name}-{key}.npz"
    if path.exists():
        try:
            with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                return {field: file[field] for field in file.files}
        except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError, KeyError) as error:
            kind = type(error).__name__  # its text would be NumPy's, about pickles
            warnings.warn(f"unreadable cache {path} (damaged: {kind}); building it again", stacklevel=2)
    arrays = dict(build())
    write_atomically(path, lambda temporary: np.savez(temporary, **arrays))
    return arrays
