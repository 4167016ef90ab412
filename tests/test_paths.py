from pathlib import Path

import nbformat
import pytest

from phdlib import notebook, paths


def test_the_cache_is_where_the_variable_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PHDLIB_CACHE", "mine")
    assert paths.cache_dir() == tmp_path / "mine" and (tmp_path / "mine").is_dir()
    monkeypatch.setenv("PHDLIB_CACHE", "")  # as good as unset
    assert paths.cache_dir() == paths.ROOT / ".cache"
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PHDLIB_CACHE", str(tmp_path / "file"))
    with pytest.raises(OSError, match=r"PHDLIB_CACHE: cannot use .*file as a folder: File exists"):
        paths.cache_dir()


def test_what_a_notebook_says_of_the_cache_reaches_the_terminal() -> None:
    cell = nbformat.v4.new_code_cell("1")
    text = "x.py:3: UserWarning: unreadable cache a.npz (damaged: BadZipFile); building it again\n  warnings.warn(\n"
    cell.outputs = [nbformat.v4.new_output("stream", name="stderr", text=text)]
    found = notebook.cache_warnings(nbformat.v4.new_notebook(cells=[cell, nbformat.v4.new_markdown_cell("text")]))
    assert found == ["unreadable cache a.npz (damaged: BadZipFile); building it again"]


@pytest.mark.parametrize("pattern", ["notebooks/00_data.ipynb", "./notebooks/00_data.py", "00_data", "*0_data"])
def test_a_notebook_is_chosen_by_name_or_by_file(pattern: str) -> None:
    sources = notebook.sources(paths.NOTEBOOKS)
    chosen = notebook.select(sources, pattern, paths.NOTEBOOKS)
    assert [notebook.name(source, paths.NOTEBOOKS) for source in chosen] == ["00_data"]
