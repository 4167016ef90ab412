"""Where each shown number comes from: ``provenance.json`` beside the tables and figures.

files         of each: the cell that saved it, its sha256, data, seeds, revision, and the pieces read until then
claims        the same of each verdict, whose sha256 is that of its entry
beyond        and of each finding in ``beyond.json``
pieces        of each training: its configuration, what it read, which code and machine made it, what came out
environment   Python and libraries, the committed data with the split

What was read is known because :mod:`phdlib.runs` notes every experiment that it hands out. Seconds stand in
``timings.json``, a file of its own: they alone differ from run to run.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import platform
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

from phdlib import environment, paths

NAME, TIMINGS, MACHINE = "provenance.json", "timings.json", "machine.json"
SPLIT = "phdlib/data/assets/split.csv"

_read: dict[str, dict[str, Any]] = {}  # the pieces that this process has read
_seconds: dict[str, float] = {}  # how long each of them took


# --- what a piece is --------------------------------------------------------------------------------------------------


def name_of(experiment: Any) -> str:
    """A prepared experiment's short name: its class, and the hash that its folder in the cache ends with."""
    return f"{type(experiment).__name__}-{experiment.infra.uid()[-8:]}"


def needs(experiment: Any) -> list[Any]:
    """The prepared experiments that one begins with: the stage before, and what its features were trained by."""
    stage = experiment.before() if hasattr(experiment, "before") else None
    features = experiment.features() if hasattr(experiment, "features") else None
    return [needed.prepared() for needed in (stage, features) if needed is not None]


def is_known(experiment: Any) -> bool:
    """Whether a prepared experiment has been noted."""
    return name_of(experiment) in _read


def note(experiment: Any, result: Any) -> None:
    """Remember that this process has read the result of a prepared experiment."""
    from phdlib.cache import code_fingerprint
    from phdlib.data import sources

    keypoints, role = getattr(experiment, "keypoints", "gt"), getattr(experiment, "role", "human36m")
    told = Path(experiment.infra.uid_folder()) / MACHINE
    _read[name_of(experiment)] = {
        "class": f"{type(experiment).__module__}.{type(experiment).__qualname__}",
        "configuration": configuration(experiment),
        "seed": experiment.seed,
        "data": {"source": experiment.data, "keypoints": keypoints, "role": role,
                 "key": sources.key(experiment.data, keypoints, role)},
        "code": code_fingerprint(*experiment.code),
        "needs": sorted(name_of(needed) for needed in needs(experiment)),
        "result": outcome(result),
        "machine": json.loads(told.read_text(encoding="utf-8")) if told.exists() else None,
    }  # fmt: skip
    _seconds[name_of(experiment)] = round(float(getattr(result, "seconds", 0.0)), 1)


def configuration(experiment: Any) -> dict[str, Any]:
    """The fields that differ from their defaults, and the seed; keys, which follow from data and code, left out."""

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {k: plain(v) for k, v in value.items() if k not in ("key", "infra", "infra.version")}
        return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value

    return {"seed": experiment.seed, **plain(experiment.infra.config(uid=True, exclude_defaults=True))}


def experiment_of(piece: Mapping[str, Any]) -> Any:
    """The experiment that a piece describes."""
    module, _, name = piece["class"].rpartition(".")
    return getattr(import_module(module), name)(**piece["configuration"])


def outcome(result: Any) -> dict[str, Any]:
    """A result in brief: a digest of all its numbers but the seconds; its last loss and its mean error where it has
    them."""
    found: dict[str, Any] = {"digest": digest(result)}
    if (losses := getattr(result, "losses", None)) is not None and len(losses):
        found["losses"] = {"last": _brief(losses["loss"].iloc[-1] if hasattr(losses, "iloc") else losses[-1])}
    if (clips := getattr(result, "clips", None)) is not None:
        from phdlib.evaluation import METRICS, average

        found["errors"] = {metric: _brief(average(clips, metric)) for metric in METRICS}
    elif errors := getattr(result, "validation_mm", None):
        found["errors"] = {name: _brief(value) for name, value in errors.items()}
    return found


def digest(value: Any) -> str:
    """Hash of a result: of its arrays' bytes and everything else's ``repr``, in a fixed order, seconds left out.
    ``TypeError`` for what has no such form."""
    total = hashlib.sha256()

    def take(value: Any, name: str) -> None:
        total.update(f"{name}:{type(value).__name__}\n".encode())
        if dataclasses.is_dataclass(value):
            value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        if hasattr(value, "columns"):
            value = {column: value[column].to_numpy() for column in value.columns}
        if isinstance(value, Mapping):
            for key in sorted(value, key=str):
                if key != "seconds":
                    take(value[key], str(key))
        elif isinstance(value, (list, tuple)):
            for item in value:
                take(item, "")
        elif hasattr(value, "dtype") and hasattr(value, "shape"):
            array = value.numpy() if hasattr(value, "numpy") else value
            total.update(f"{array.dtype} {array.shape}\n".encode())
            total.update(repr(array.tolist()).encode() if array.dtype == object else array.tobytes())
        elif value is None or isinstance(value, (str, bool, int, float)):
            total.update(repr(value).encode())
        else:
            raise TypeError(f"{name or 'a result'}: no digest of {type(value).__name__}")

    take(value, "")
    return total.hexdigest()[:16]


def _brief(value: Any) -> float:
    return float(f"{float(value):.6g}")


def machine() -> dict[str, Any]:
    """What the last bits of a result depend on, besides its code: one thread is all that a training has on a CPU."""
    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    threads = torch.get_num_threads()
    vectors = torch.backends.cpu.get_cpu_capability()
    return {"cpu": cpu(), "vectors": vectors, "device": device, "threads": threads, "torch": torch.__version__,
            "python": platform.python_version()}  # fmt: skip


def cpu() -> str:
    """The processor's name, with the numbers of its family and model where the system tells them: virtual machines
    give several generations one name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    told = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if "model name" not in told:
        return platform.processor() or platform.machine()
    return ", ".join([told["model name"], *(f"{n} {told[n]}" for n in ("cpu family", "model") if n in told)])


# --- what is written --------------------------------------------------------------------------------------------------


def enter(
    folder: Path, section: str, entries: Mapping[str, Mapping[str, Any]], seconds: Mapping[str, float], notebook: str
) -> None:
    """Merge entries into a section ("files", "claims") of the folder's ``provenance.json``, each with the cell that is
    being run and the pieces read so far; and ``seconds``, by the id of what took them, into ``timings.json``."""
    about = {"notebook": notebook, "cell": running_cell(paths.ROOT / notebook), "pieces": sorted(_read)}
    with merged(folder / NAME) as content:
        content.setdefault(section, {}).update({name: {**entry, **about} for name, entry in entries.items()})
        content["environment"] = current_environment()
        files = content.setdefault("files", {})
        content["files"] = {name: entry for name, entry in files.items() if (folder / name).exists()}
        known = {**content.get("pieces", {}), **_read}
        content["pieces"] = {name: known[name] for name in _used(content, known)}
        pieces = set(content["pieces"])
    with merged(folder / TIMINGS) as content:
        content.setdefault("outputs", {}).update(seconds)
        known = {**content.get("pieces", {}), **_seconds}
        content["pieces"] = {name: taken for name, taken in known.items() if name in pieces}


def _used(content: Mapping[str, Any], known: Mapping[str, Any]) -> set[str]:
    """The pieces that some entry rests on, with what they need in turn."""
    sections = [part for name, part in content.items() if name not in ("pieces", "environment")]
    open_, used = {piece for part in sections for entry in part.values() for piece in entry["pieces"]}, set()
    while open_:
        used |= open_
        open_ = {needed for piece in open_ if piece in known for needed in known[piece]["needs"]} - used
    return used & set(known)


@contextmanager
def merged(path: Path) -> Iterator[dict[str, Any]]:
    """The content of a JSON object, to change; written back sorted. Other processes wait for the folder's lock.
    ``ValueError`` names a broken file."""
    with paths.locked(path.parent):
        content = read(path)
        yield content
        text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        paths.write_atomically(path, lambda file: file.write_text(text, encoding="utf-8"))


def read(path: Path) -> dict[str, Any]:
    """A JSON object, empty where no file is. ``ValueError`` names a broken file."""
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError(f"a {type(content).__name__}")
    except ValueError as error:
        raise ValueError(f"{path}: expected a JSON object, found {error}; delete or restore it") from error
    return content


def of_file(path: Path) -> str:
    """sha256 of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def of_entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What is recorded of an entry of a JSON list: the sha256 of all of it, whatever its layout, and of a verdict its
    ``values``."""
    text = json.dumps(entry, sort_keys=True, ensure_ascii=False)
    values = {name: entry[name] for name in ("verdict", "outcome", "effect", "interval") if name in entry}
    return {"sha256": hashlib.sha256(text.encode()).hexdigest()} | ({"values": values} if values else {})


def running_cell(notebook: Path) -> str:
    """The id ("cell-07") of the notebook's cell that is being run; empty outside of a notebook, or in a cell that its
    source does not have."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    source = notebook.with_suffix(".py")
    if shell is None or not source.exists():
        return ""
    running = shell.history_manager.input_hist_raw[-1].strip()
    return next((id for id, text in _cells(source, source.stat().st_mtime_ns) if text == running), "")


@cache
def _cells(source: Path, changed: int) -> list[tuple[str, str]]:
    from phdlib.notebook import read_source

    return [(cell["id"], cell.source.strip()) for cell in read_source(source).cells if cell.cell_type == "code"]


@cache
def current_environment() -> dict[str, Any]:
    """Python, the pinned libraries as installed, and the sha256 of the committed data."""
    assets = sorted((paths.PACKAGE / "data" / "assets").glob("*.*"))
    return {
        "python": platform.python_version(),
        "libraries": {name: metadata.version(name) for name in environment.pins()},
        "data": {f"phdlib/data/assets/{path.name}": of_file(path) for path in assets if path.suffix != ".md"},
        "split": SPLIT,
    }
