from __future__ import annotations

from phdlib import cells, checks, notebook, paths
from phdlib.cells import Cell

SOURCE = '# %% [markdown]\n# "PHD-C01" in words\n\n# %%\nx = 1\n\n# %%\njudge("PHD-C01", x)\n\n# %%\nshow("PHD-C01")\n'


def test_a_claim_is_found_in_the_code_that_names_it(tmp_path):
    (tmp_path / "phd").mkdir()
    (tmp_path / "phd" / "a.py").write_text(SOURCE)
    entry = {"notebook": "notebooks/phd/a.ipynb", "cell": "cell-01"}
    assert cells.that_names("PHD-C01", entry, tmp_path) == Cell("phd/a", "cell-02")
    assert cells.that_names("PHD-C02", entry, tmp_path) == Cell("phd/a", "cell-01")
    assert cells.that_names("PHD-C01", {"notebook": "notebooks/phd/b.ipynb"}, tmp_path) == Cell("phd/b")


def test_cells_are_named_and_linked():
    cell = Cell("phd/05_evaluation", "cell-09")
    assert str(cell) == "cell 9 of phd/05_evaluation"
    assert cell.address("../notebooks") == "../notebooks/phd/05_evaluation.ipynb#cell-id=cell-09"
    assert (str(Cell("00_data")), Cell("00_data").address("..")) == ("00_data", "../00_data.ipynb")


def test_claims_are_found_in_the_notebooks():
    named = 0
    for check in checks.checks():
        cell = cells.that_names(check.id, {"notebook": f"notebooks/{check.notebook}.ipynb"})
        if not cell.id:  # judged by a function of phdlib: the cell that saves it is known to provenance.json
            continue
        source = notebook.read_source(paths.NOTEBOOKS / f"{cell.notebook}.py")
        (found,) = [code for code in source.cells if code["id"] == cell.id]
        assert found.cell_type == "code" and check.id in found.source
        named += 1
    assert named > len(checks.checks()) / 2
