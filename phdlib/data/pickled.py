"""Pickles and .npz files of others, read without running anything that they ask for.

A pickle can call any function that there is. Here it is only recorded (:mod:`phdlib.data.pickle_recorder`): nothing
is imported or called. Then the objects that are NumPy's are made into arrays by our own hand, each size held against
the bytes that are there; objects of names that the caller knows stay what they are; any other name is an error.

The one module for this: ``read_pickle(path)`` for pickles (SMPL, 3DPW), ``read_npz(path)`` for archives with or
without object arrays (VideoPose3D's, AMASS), ``unpickle(bytes)`` for what lies elsewhere. Python 2's pickles are read
as latin1, as NumPy's arrays in them need it.
"""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import NoReturn

import numpy as np

from phdlib.data.file_kinds import HEAD, found_in, kind_of
from phdlib.data.pickle_recorder import ARRAYS, BUFFERS, SCALARS, Name, Object, Recorder, RefusedError

_DTYPE = re.compile(r"([biufc]\d{1,2}|[SUO]\d*|\?)")
_BOMB_BYTES, _BOMB_RATIO = 2**28, 200  # an archive's entry above this size that shrank more than this is a trap


class _Settler:
    """Turns what was recorded into containers and arrays, each shared thing once."""

    def __init__(self, known: tuple[str, ...]) -> None:
        self.known = known
        self.done: dict[int, tuple[object, object]] = {}  # id -> (the thing, kept alive, and what became of it)

    def __call__(self, thing: object) -> object:
        if not isinstance(thing, list | tuple | dict | Object | Name):
            return thing
        if id(thing) in self.done:
            return self.done[id(thing)][1]
        made: object
        if isinstance(thing, list):
            made = []
            self.done[id(thing)] = (thing, made)
            made.extend(self(item) for item in thing)
        elif isinstance(thing, dict):
            made = {}
            self.done[id(thing)] = (thing, made)
            made.update((self(key), self(value)) for key, value in thing.items())
        elif isinstance(thing, tuple):
            made = tuple(self(item) for item in thing)
        elif isinstance(thing, Name):
            made = thing.name
        else:
            made = self._object(thing)
        self.done[id(thing)] = (thing, made)
        return made

    def _object(self, thing: Object) -> object:
        if thing.name in ARRAYS:
            if not isinstance(thing.state, tuple) or len(thing.state) not in (4, 5):
                raise ValueError("found an array without a state of 4 or 5 parts")
            if not isinstance(thing.args[0], Name) or thing.args[0].name != "numpy.ndarray":
                raise ValueError("found an array of a class of its own, expected numpy.ndarray")
            shape, dtype, fortran, raw = thing.state[-4:]
            return self._array(shape, dtype, "F" if fortran else "C", raw)
        if thing.name in BUFFERS:
            raw, dtype, shape, order = thing.args
            return self._array(shape, dtype, order, raw)
        if thing.name in SCALARS:
            dtype, raw = (*thing.args, b"")[:2]
            return self._array((), dtype, "C", raw)[()]
        if thing.name == "numpy.dtype":
            return _dtype(thing)
        if not thing.name.startswith(self.known):
            raise ValueError(f"found an object {thing.name}, expected arrays only")
        made = Object(thing.name)
        self.done[id(thing)] = (thing, made)  # before its parts, one of which may be itself
        made.args, made.state = self(thing.args), self(thing.state)
        return made

    def _array(self, shape: object, dtype: object, order: str, raw: object) -> np.ndarray:
        """An array of its own memory. ``ValueError`` unless there are as many bytes as the shape asks for."""
        if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape) or len(shape) > 32:
            raise ValueError("found an array whose shape is no tuple of sizes")
        if not isinstance(dtype, Object) or dtype.name != "numpy.dtype":
            raise ValueError("found an array without a dtype")
        kind, count = _dtype(dtype), math.prod(shape)
        if kind.hasobject:
            if not isinstance(raw, list) or len(raw) != count:
                raise ValueError(f"found an object array of shape {shape} without its {count} objects")
            array = np.empty(count, dtype=object)
            array[:] = [None] * count
            for i, item in enumerate(raw):
                array[i] = self(item)
        else:
            raw = raw.encode("latin1") if isinstance(raw, str) else raw
            found = len(raw) if isinstance(raw, bytes) else -1
            if found != count * kind.itemsize:
                raise ValueError(
                    f"found {found} bytes, expected {count * kind.itemsize} of an array {shape} of {kind.str}"
                )
            array = np.frombuffer(raw, kind, count).copy() if found else np.empty(count, kind)
        return array.reshape(shape, order="F" if order == "F" else "C")


def _dtype(thing: Object) -> np.dtype:
    """A dtype of plain numbers, texts or objects; ``ValueError`` for structured and other ones."""
    code, state = (thing.args or ("",))[0], thing.state
    order = state[1] if isinstance(state, tuple) and len(state) > 4 else "|"
    structured = isinstance(state, tuple) and len(state) > 4 and any(part is not None for part in state[2:5])
    code = code.decode("latin1") if isinstance(code, bytes) else code
    if not isinstance(code, str) or not _DTYPE.fullmatch(code) or order not in ("<", ">", "|", "=") or structured:
        raise ValueError(f"found an array of dtype {code!r:.40}, expected numbers, texts or objects")
    return np.dtype("O") if code.startswith("O") else np.dtype(order + code)


def unpickle(data: bytes, where: str, known: Collection[str] = ()) -> object:
    """What a pickle holds: dictionaries, lists (also for sets), tuples, texts, numbers, NumPy arrays of plain dtypes.

    ``known``: beginnings of names, such as "chumpy.", whose objects are handed out as :class:`Object`. Nothing that the
    pickle names is imported, nothing called. ``ValueError`` begins with ``where`` and says what was refused or broken.
    """
    prefixes = tuple(known)
    try:
        return _Settler(prefixes)(Recorder(data, prefixes).load())
    except RefusedError as error:
        raise ValueError(f"{where}: refused, {error}") from error
    except Exception as error:  # a damaged pickle fails wherever the damage leads it
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        found = kind_of(data[:HEAD], len(data))
        raise ValueError(
            f"{where}: not a readable pickle: found {found} ({reason}), expected a whole pickle"
        ) from error


def read_pickle(path: str | Path, known: Collection[str] = ()) -> object:
    """:func:`unpickle` of a file. ``FileNotFoundError`` where there is none."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}; expected a pickle")
    return unpickle(path.read_bytes(), str(path), known)


def read_npz(
    path: str | Path, known: Collection[str] = (), keys: Collection[str] | None = None
) -> dict[str, np.ndarray]:
    """The arrays of an .npz by name; one that holds objects is read as :func:`unpickle` does, so that the single
    object that VideoPose3D's files wrap in an array of shape () comes out as ``array.item()``. ``keys``: those alone.

    ``ValueError`` names file and key; sizes that headers claim are held against the archive before memory is taken.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}; expected an .npz")
    try:
        with zipfile.ZipFile(path) as archive:
            entries = {info.filename[:-4]: info for info in archive.infolist() if info.filename.endswith(".npy")}
            wanted = [key for key in entries if keys is None or key in keys]
            return {key: _member(archive, entries[key], f"{path}: {key}", known) for key in wanted}
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError) as error:
        found, reason = found_in(path), f"{type(error).__name__}: {error}"
        raise ValueError(f"{path}: not a readable .npz: found {found} ({reason}), expected a whole archive") from error


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, where: str, known: Collection[str]) -> np.ndarray:
    """One array of an archive."""
    if info.file_size > _BOMB_BYTES and info.file_size > _BOMB_RATIO * max(info.compress_size, 1):
        _refuse(where, f"{info.file_size} bytes packed into {info.compress_size}", "motion, which does not shrink so")
    try:
        with archive.open(info) as stream:
            major, _ = np.lib.format.read_magic(stream)
            reader = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}[major]
            shape, fortran, dtype = reader(stream)
            left = info.file_size - stream.tell()
            if dtype.hasobject:
                found = unpickle(stream.read(left), where, known)
                if not isinstance(found, np.ndarray) or found.shape != shape:
                    _refuse(where, f"a {type(found).__name__}", f"an array of objects of shape {shape}")
                return found
            if math.prod(shape) * dtype.itemsize != left:
                wanted = math.prod(shape) * dtype.itemsize
                _refuse(where, f"{left} bytes", f"{wanted} for the shape {shape} of {dtype.str} that its header claims")
            values = np.frombuffer(stream.read(left), dtype).copy() if left else np.empty(math.prod(shape), dtype)
            return values.reshape(shape, order="F" if fortran else "C")
    except (KeyError, EOFError, TypeError, ValueError, zipfile.BadZipFile, zipfile.zlib.error) as error:
        if isinstance(error, ValueError) and str(error).startswith(where):
            raise
        reason = " ".join(str(error).split())[:120]
        raise ValueError(f"{where}: not a readable array: {type(error).__name__}: {reason}") from error


def _refuse(where: str, found: str, expected: str) -> NoReturn:
    raise ValueError(f"{where}: found {found}, expected {expected}")
