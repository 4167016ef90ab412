"""A pickle read as a recording: what it would make, and of what, without making it. Used by phdlib.data.pickled.

A pickle is a program for a stack machine. Its containers, texts and numbers are built as ever; where it wants a class
or a function, only the name is noted, with the arguments and the state that belong to it, as an :class:`Object`.
Names are checked against those that data need before anything else happens; nothing is imported, nothing called.
"""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass

Key = str | bytes | int | float | None
ARRAYS = {f"numpy.{core}.multiarray._reconstruct" for core in ("core", "_core")}
SCALARS = {f"numpy.{core}.multiarray.scalar" for core in ("core", "_core")}
BUFFERS = {f"numpy.{core}.numeric._frombuffer" for core in ("core", "_core")}
_REBUILDS = {"copy_reg._reconstructor", "copyreg._reconstructor", "copyreg.__newobj__", "copy_reg.__newobj__"}
_SETS = {f"{module}.{kind}" for module in ("builtins", "__builtin__") for kind in ("set", "frozenset")}
_EMPTY_BYTES = ("builtins.bytes", "__builtin__.bytes")
_NAMES = frozenset(
    {"numpy.ndarray", "numpy.dtype", "_codecs.encode", "collections.OrderedDict", "builtins.object",
     "__builtin__.object", *ARRAYS, *SCALARS, *BUFFERS, *_REBUILDS, *_SETS, *_EMPTY_BYTES}
)  # fmt: skip
# Opcodes that no data needs: old-style instances, extension codes, persistent ids, buffers from elsewhere.
_REFUSED = ("INST", "OBJ", "EXT1", "EXT2", "EXT4", "PERSID", "BINPERSID", "NEXT_BUFFER", "READONLY_BUFFER")


@dataclass(eq=False)
class Object:
    """What stands in a pickle as an object: the name of its class or function, the arguments, the state."""

    name: str
    args: tuple = ()
    state: object = None


@dataclass(frozen=True)
class Name:
    """A class or a function that a pickle mentions."""

    name: str


class _Exact(io.BytesIO):
    """Bytes that do not give less than they are asked for."""

    def read(self, size: int = -1) -> bytes:
        data = super().read(size)
        if size is not None and len(data) < size:
            raise EOFError(f"found {len(data)} bytes, expected {size} more; the file is cut off")
        return data


class Recorder(pickle._Unpickler):  # the one in Python: its memo is a dictionary, its opcodes can be chosen
    dispatch = {  # noqa: RUF012  # as in the base class
        code: load
        for code, load in pickle._Unpickler.dispatch.items()
        if code not in {getattr(pickle, name)[0] for name in _REFUSED}
    }

    def __init__(self, data: bytes, known: tuple[str, ...]) -> None:
        super().__init__(_Exact(data), fix_imports=False, encoding="latin1")
        self.known = known

    def find_class(self, module: str, name: str) -> Name:
        full = f"{module}.{name}"
        if full not in _NAMES and not full.startswith(self.known):
            raise RefusedError(f"found a reference to {full}, expected containers, numbers, texts and arrays only")
        return Name(full)

    def _make(self, what: object, args: object) -> object:
        if not isinstance(what, Name) or not isinstance(args, tuple):
            raise ValueError(f"found a call of a {type(what).__name__}, expected that of a name")
        if what.name in _REBUILDS and args and isinstance(args[0], Name):
            return Object(args[0].name, args[1:])
        if what.name == "_codecs.encode":  # how Python 3 writes bytes in protocol 2
            text, coding = args
            if coding not in ("latin1", "latin-1") or not isinstance(text, str):
                raise ValueError(f"found bytes encoded as {coding!r}, expected 'latin1'")
            return text.encode("latin1")
        if what.name == "collections.OrderedDict":
            return {_key(key): value for key, value in (args[0] if args else ())}
        if what.name in _SETS:
            return list(*args)
        if what.name in _EMPTY_BYTES and not args:
            return b""
        return Object(what.name, args)

    def load_reduce(self) -> None:
        args = self.stack.pop()
        self.stack[-1] = self._make(self.stack[-1], args)

    def load_newobj(self) -> None:
        self.load_reduce()

    def load_newobj_ex(self) -> None:
        if self.stack.pop():
            raise ValueError("found an object made with keywords, expected none")
        self.load_reduce()

    def load_build(self) -> None:
        state = self.stack.pop()
        if isinstance(self.stack[-1], dict):  # an OrderedDict's attributes
            return
        if not isinstance(self.stack[-1], Object):
            raise ValueError(f"found a state for a {type(self.stack[-1]).__name__}, expected one for an object")
        self.stack[-1].state = state

    def load_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self.stack[-1][_key(key)] = value

    def load_setitems(self) -> None:
        items = self.pop_mark()
        self.stack[-1].update({_key(items[i]): items[i + 1] for i in range(0, len(items), 2)})

    def load_dict(self) -> None:
        items = self.pop_mark()
        self.append({_key(items[i]): items[i + 1] for i in range(0, len(items), 2)})

    def load_bytearray8(self) -> None:
        self.append(self.read(int.from_bytes(self.read(8), "little")))  # the base class believes the size

    def load_empty_set(self) -> None:
        self.append([])

    def load_additems(self) -> None:
        items = self.pop_mark()
        self.stack[-1].extend(items)

    def load_frozenset(self) -> None:
        self.append(self.pop_mark())

    for _code, _load in {
        "REDUCE": load_reduce, "NEWOBJ": load_newobj, "NEWOBJ_EX": load_newobj_ex, "BUILD": load_build,
        "SETITEM": load_setitem, "SETITEMS": load_setitems, "DICT": load_dict, "BYTEARRAY8": load_bytearray8,
        "EMPTY_SET": load_empty_set, "ADDITEMS": load_additems, "FROZENSET": load_frozenset,
    }.items():  # fmt: skip
        dispatch[getattr(pickle, _code)[0]] = _load


class RefusedError(Exception):
    """A name that data does not need."""


def _key(key: object) -> object:
    """A dictionary's key: plain, or a flat tuple, so that hashing it takes no time that a file could choose."""
    for part in key if isinstance(key, tuple) else (key,):
        if not isinstance(part, Key | Object):
            raise ValueError(f"found a key with a {type(part).__name__}, expected texts and numbers")
    return key
