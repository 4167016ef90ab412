"""Notebooks as files: the .py (percent format) is the source, the .ipynb beside it is the same with outputs."""

from __future__ import annotations

import fnmatch
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbformat import NotebookNode

from phdlib import paths

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
SHOWN = re.compile(r"\b(?:phd|videopose3d)-(?:table|figure)-\d+[a-z]?\b")
FRONT_DOOR = "00_overview"  # shows what the others leave: listed first, run last
# These show what others have trained, and fill one core: they run side by side, after all that fill every core.
BESIDE = ("00_data", "01_your_data", "phd/01", *(f"phd/0{n}" for n in range(3, 10)))
WIDGET = "application/vnd.jupyter.widget-view+json"


def sources(folder: Path) -> list[Path]:
    """Every notebook's .py below ``folder``, in the order in which they are read."""
    return sorted(path for path in folder.rglob("*.py") if not any(part.startswith(".") for part in path.parts[-3:]))


def name(source: Path, folder: Path) -> str:
    """What a person calls a notebook: its path below ``folder`` without the suffix, ``videopose3d/02_supervised``."""
    return source.relative_to(folder).with_suffix("").as_posix()


def runs_beside(name: str) -> bool:
    """Whether a notebook runs beside others of its kind (:data:`BESIDE`)."""
    return name.startswith(BESIDE)


def shown_ids(source: Path) -> list[str]:
    """The ids of tables and figures ("videopose3d-table-2") that stand in a notebook's source."""
    return sorted(set(SHOWN.findall(source.read_text(encoding="utf-8"))))


def select(found: Iterable[Path], pattern: str, folder: Path) -> list[Path]:
    """Notebooks whose name or one of whose ids contains ``pattern``, or matches it where it is a glob (``*table*``).

    An id is matched whole where it can be: ``phd-table-1`` does not stand for ``phd-table-10``. A notebook's file will
    do as well.
    """
    found = list(found)
    pattern = re.sub(r"^(\./)?notebooks/|\.(ipynb|py)$", "", pattern)
    exact = [source for source in found if pattern in shown_ids(source)]
    if exact:
        return exact
    glob = pattern if any(character in pattern for character in "*?[") else f"*{pattern}*"
    return [s for s in found if any(fnmatch.fnmatchcase(text, glob) for text in [name(s, folder), *shown_ids(s)])]


def read_source(source: Path) -> NotebookNode:
    """The notebook that a .py describes, without outputs. Cell ids count up: equal sources are equal notebooks."""
    notebook = jupytext.read(source, fmt="py:percent")
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL})
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number:02d}"
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def disagreement(source: Path, executed: Path) -> str | None:
    """Where a .py and its .ipynb differ in the type, the tags or the source of a cell; None where they agree."""
    wanted, found = read_source(source).cells, nbformat.read(executed, as_version=4).cells
    for number, (ours, theirs) in enumerate(zip(wanted, found, strict=False)):
        for what in ("cell_type", "source"):
            if ours[what] != theirs[what]:
                return f"{executed.name}, cell {number}: {what} is {theirs[what]!r}, {source.name} has {ours[what]!r}"
        if ours.metadata.get("tags", []) != theirs.metadata.get("tags", []):
            return f"{executed.name}, cell {number}: other tags than in {source.name}"
    if len(wanted) != len(found):
        return f"{executed.name} has {len(found)} cells, {source.name} has {len(wanted)}"
    return None


def tidy(notebook: NotebookNode) -> NotebookNode:
    """Keep what a reader sees: sources, outputs, counts, tags. Times, widget state and this machine's paths go."""
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    cells = []
    for cell in notebook.cells:
        cell = cell.copy()
        tags = cell.metadata.get("tags")
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        if cell.cell_type == "code":
            lasting = [o for o in cell.outputs if WIDGET not in o.get("data", {})]  # progress bars: dead on a page
            cell.outputs = nbformat.from_dict(_without_paths(_joined(lasting)))
        cells.append(cell)
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


def cache_warnings(notebook: NotebookNode) -> list[str]:
    """What a run had to say of unreadable files in the cache, from the cells' stderr."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    text = "\n".join(output.text for output in outputs if output.get("name") == "stderr")
    return re.findall(r"unreadable (?:cache|checkpoint) .*", text)


def write(notebook: NotebookNode, path: Path) -> Path:
    """Write a notebook, whole or not at all. ``OSError`` names the file."""
    return paths.write_atomically(path, lambda file: nbformat.write(notebook, file))


def _joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Outputs with neighbouring pieces of one stream joined: how a stream is cut into messages is a matter of luck."""
    joined: list[NotebookNode] = []
    for output in outputs:
        before = joined[-1] if joined else None
        if before and before.output_type == output.output_type == "stream" and before.name == output.name:
            joined[-1] = nbformat.from_dict({**before, "text": before.text + output.text})
        else:
            joined.append(output)
    return joined


def _without_paths(value: Any) -> Any:
    """A JSON value with the repository's folder as ".", others by name; an IPython cell's temporary file as <cell>."""
    if isinstance(value, dict):
        return {key: _without_paths(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_paths(item) for item in value]
    if not isinstance(value, str):
        return value
    known = {
        sys.prefix: "<environment>",
        str(paths.cache_dir()): "<cache>",
        str(paths.ROOT): ".",
        str(Path.home()): "~",
    }
    for folder in sorted(known, key=len, reverse=True):
        if len(folder) > 1 and folder in value:  # a home of "/" is no name for anything
            value = re.sub(rf"{re.escape(folder)}(?![\w.-])", known[folder], value)
    return re.sub(r"\S*/ipykernel_\d+/\d+\.py", "<cell>", value) if "/ipykernel_" in value else value
