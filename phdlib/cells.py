"""Which cell of which notebook made what is shown, and how a page links to it.

Cells are counted as :func:`phdlib.notebook.read_source` does, from 0, text cells too; JupyterLab opens a notebook at
one of them by ``#cell-id=cell-14``.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from phdlib import notebook, paths


@dataclass(frozen=True)
class Cell:
    """A code cell: the notebook's name below notebooks/ ("phd/05_evaluation") and the cell's id, empty for the notebook
    as a whole."""

    notebook: str
    id: str = ""

    def __str__(self) -> str:
        return f"cell {int(self.id.removeprefix('cell-'))} of {self.notebook}" if self.id else self.notebook

    def address(self, notebooks: str) -> str:
        """A link to it, where the folder ``notebooks`` holds the executed notebooks."""
        return f"{notebooks}/{self.notebook}.ipynb" + (f"#cell-id={self.id}" if self.id else "")


def of_entry(entry: Mapping[str, Any]) -> Cell:
    """The cell that an entry of provenance.json names, or the notebook that one of another file does."""
    return Cell(entry["notebook"].removeprefix("notebooks/").removesuffix(".ipynb"), entry.get("cell", ""))


def that_names(id: str, entry: Mapping[str, Any], folder: Path = paths.NOTEBOOKS) -> Cell:
    """The first cell of an entry's notebook with ``id`` in its code, as a claim is judged; else :func:`of_entry`."""
    saved = of_entry(entry)
    source = folder / f"{saved.notebook}.py"
    codes = _strings(source) if source.exists() else {}
    return Cell(saved.notebook, next((cell for cell, strings in codes.items() if id in strings), saved.id))


@cache
def _strings(source: Path) -> dict[str, frozenset[str]]:
    """The strings in the code of each cell, by its id."""
    cells = [cell for cell in notebook.read_source(source).cells if cell.cell_type == "code"]
    return {cell["id"]: frozenset(map(_value, ast.walk(ast.parse(cell.source)))) for cell in cells}


def _value(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
