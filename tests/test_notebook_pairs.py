"""The committed notebooks: each .py has its .ipynb, they agree, and nothing of the machine that ran them is inside."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from phdlib import notebook, paths

SOURCES = notebook.sources(paths.NOTEBOOKS)
each = pytest.mark.parametrize("source", SOURCES, ids=lambda source: notebook.name(source, paths.NOTEBOOKS))


def test_every_executed_notebook_has_a_source():
    executed = {path for path in paths.NOTEBOOKS.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts}
    assert executed == {source.with_suffix(".ipynb") for source in SOURCES}


@each
def test_source_and_executed_notebook_agree(source: Path):
    assert notebook.disagreement(source, source.with_suffix(".ipynb")) is None, "run ./reproduce.sh"


@each
def test_exactly_one_cell_holds_the_parameters(source: Path):
    cells = notebook.read_source(source).cells
    (parameters,) = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    assert {"profile", "data"} <= set(re.findall(r"^(\w+)\b.*=", parameters.source, flags=re.MULTILINE))


@each
def test_the_executed_notebook_is_small_whole_and_clean(source: Path):
    path = source.with_suffix(".ipynb")
    text = path.read_text(encoding="utf-8")
    executed = nbformat.reads(text, as_version=4)
    nbformat.validate(executed)
    code = [cell for cell in executed.cells if cell.cell_type == "code"]
    assert len(text) < 2e6
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not [output for cell in code for output in cell.outputs if output.output_type == "error"]
    assert "papermill" not in executed.metadata
    for folder in (str(paths.ROOT), str(Path.home()) + "/", "/site-packages/"):
        assert folder not in text


def test_a_difference_between_the_pair_is_found(tmp_path: Path):
    source, executed = tmp_path / "a.py", tmp_path / "a.ipynb"
    source.write_text('# %% [markdown]\n# Words\n\n# %% tags=["parameters"]\nx = 1\n')
    notebook.write(notebook.tidy(notebook.read_source(source)), executed)
    assert notebook.disagreement(source, executed) is None
    agreed = source.read_text()
    for change in (
        agreed.replace("Words", "Other words"),
        agreed.replace("x = 1", "x = 2"),
        agreed.replace(' tags=["parameters"]', ""),
        agreed.replace(" [markdown]", ""),
        agreed + "\n# %%\ny = 1\n",
    ):
        source.write_text(change)
        assert notebook.disagreement(source, executed)
