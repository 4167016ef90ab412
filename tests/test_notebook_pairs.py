"""The committed notebooks: each .py has its .ipynb, they agree, and nothing of the machine that ran them is inside."""

from __future__ import annotations

import os
import re
from pathlib import Path

import nbformat
import pytest
from jupyter_server.services.contents.largefilemanager import LargeFileManager
from jupytext.sync_contentsmanager import build_sync_jupytext_contents_manager_class

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
    """Executed from its first cell to its last, or not at all: then its outputs follow with the next run."""
    path = source.with_suffix(".ipynb")
    text = path.read_text(encoding="utf-8")
    executed = nbformat.reads(text, as_version=4)
    nbformat.validate(executed)
    code = [cell for cell in executed.cells if cell.cell_type == "code"]
    assert len(text) < 2e6
    counts = [cell.execution_count for cell in code]
    assert counts == list(range(1, len(code) + 1)) or not (any(counts) or any(cell.outputs for cell in code))
    assert not [output for cell in code for output in cell.outputs if output.output_type == "error"]
    assert "papermill" not in executed.metadata
    for folder in (str(paths.ROOT), str(Path.home()) + "/", "/site-packages/"):
        assert folder not in text


def test_jupyterlab_opens_the_pair_from_its_source_with_its_outputs(tmp_path: Path):
    """Whichever of the two is newer, as after a git clone; and only below notebooks/ is a .py a notebook."""
    folder = tmp_path / "notebooks" / "phd"
    folder.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text((paths.ROOT / "pyproject.toml").read_text())
    (folder / "a.py").write_text("# %%\n1 + 1\n")
    (tmp_path / "module.py").write_text("x = 1\n")
    executed = notebook.read_source(folder / "a.py")
    executed.cells[0].outputs = [nbformat.v4.new_output("stream", text="2")]
    notebook.write(notebook.tidy(executed), folder / "a.ipynb")
    manager = build_sync_jupytext_contents_manager_class(LargeFileManager)()
    manager.root_dir = str(tmp_path)
    for seconds in (0, 1e9, 2e9):
        os.utime(folder / "a.ipynb", (seconds, seconds))
        os.utime(folder / "a.py", (1e9, 1e9))
        for suffix in ("py", "ipynb"):
            (cell,) = manager.get(f"notebooks/phd/a.{suffix}", type="notebook")["content"]["cells"]
            assert (cell.source, cell.outputs[0].text) == ("1 + 1", "2")
    manager.save(manager.get("module.py", type="notebook"), "module.py")
    assert not (tmp_path / "module.ipynb").exists()


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
