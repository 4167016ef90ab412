from __future__ import annotations

from pathlib import Path

from matplotlib import pyplot as plt

from phdlib import notebook, overview, paths, published, run, score


def test_the_map_has_every_other_notebook_with_what_it_is_about_and_its_time():
    rows = overview.map_of_notebooks().splitlines()[2:]
    names = [notebook.name(source, paths.NOTEBOOKS) for source in notebook.sources(paths.NOTEBOOKS)]
    assert notebook.FRONT_DOOR in names
    assert [row.split("]")[0].removeprefix("| [") for row in rows] == [n for n in names if n != notebook.FRONT_DOOR]
    for row in rows:
        _, _, about, _, time, _ = (cell.strip() for cell in row.split("|"))
        assert about and ("minute" in time or "second" in time)


def test_a_cell_per_claim_and_a_row_per_headline(tmp_path: Path):
    empty = score.read_folder(tmp_path, "smoke", "embedded")
    fig = overview.strip(empty)
    assert sum(len(ax.patches) for ax in fig.axes) == len(published.claims())
    plt.close(fig)
    assert list(overview.headlines(empty).index) == list(score.HEADLINES)


def test_the_front_door_is_run_last_and_stands_first(tmp_path: Path):
    for name in ("00_overview", "01_your_data", "phd/01_a"):
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text("# %%\n1\n")
    listed = [notebook.name(source, tmp_path) for source in notebook.sources(tmp_path)]
    chosen = [notebook.name(source, tmp_path) for source in run._choose(tmp_path, None, "embedded")]
    assert listed[0] == chosen[-1] == notebook.FRONT_DOOR and set(listed) == set(chosen)
