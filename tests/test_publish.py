from __future__ import annotations

import json
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from pydantic import ValidationError

from phdlib import checks, paths, publish, records

PROVENANCE = publish.Provenance(
    profile="standard", data="embedded", seeds=(0, 1), seconds=2.5, revision="abc", settings={"channels": 256}
)
ABOUT = {"paper": "videopose3d", "notebook": "notebooks/videopose3d/02_supervised.py", "provenance": PROVENANCE}
TABLE = pd.DataFrame({"model": ["one|frame", "27 frames"], "MPJPE": [54.96, np.nan], "epochs": [80, 80]})
CHECK = checks.check("VP3D-C05")
MEASURED = {"effect": 6.5, "interval": (5.0, 8.0), "unit": "mm"}
FOUND = {"what": CHECK.bound("gain").what, **MEASURED, "above": 1.0, "below": None, "holds": True}
CLAIM = {
    "id": CHECK.id, "verdict": "reproduced", "outcome": "reproduced", "statement": CHECK.statement,
    "published": CHECK.published, **MEASURED, "findings": [FOUND],
}  # fmt: skip


def manifest(folder):
    return json.loads((folder / "manifest.json").read_text())


def figure():
    fig, ax = plt.subplots(figsize=(2, 2))
    ax.plot([0, 1], [1, 0])
    plt.close(fig)
    return fig


def test_a_stamp_on_real_video_names_it_beside_what_the_models_learned_from(figures):
    shown = PROVENANCE.model_copy(update={"settings": {"video": "dancer.avi"}})
    about = ABOUT | {"paper": "wild", "provenance": shown}
    page = publish.save_table("wild-table-1", TABLE, **about).read_text()
    assert f"_video dancer.avi; the models on it: {shown.line()}_" in page and "data embedded" in shown.line()


def test_each_profile_and_data_source_has_a_folder_of_its_own(figures):
    folders = {(p, d): publish.output_dir(p, d) for p in ("smoke", "standard", "paper") for d in ("embedded", "cmu")}
    assert folders["standard", "embedded"] == figures
    assert folders["standard", "cmu"] == figures / "cmu"
    assert folders["smoke", "cmu"] == figures / "cmu" / "smoke"
    assert len(set(folders.values())) == 6


def test_a_table_is_written_as_csv_and_markdown_with_its_provenance(figures):
    publish.save_table("videopose3d-table-1a", TABLE, title="Errors", **ABOUT)
    assert (figures / "videopose3d-table-1a.csv").read_text().splitlines() == [
        "model,MPJPE,epochs",
        "one|frame,55.0,80",
        "27 frames,–,80",
    ]
    page = (figures / "videopose3d-table-1a.md").read_text()
    assert page.splitlines()[2:6] == [
        "| model | MPJPE | epochs |",
        "| :--- | ---: | ---: |",
        "| one\\|frame | 55.0 | 80 |",
        "| 27 frames | – | 80 |",
    ]
    assert "profile standard, data embedded, seeds 0 1, revision abc" in page


def test_index_and_column_levels_are_kept(figures):
    columns = pd.MultiIndex.from_tuples([("P1", "S1"), ("P1", "S2")])
    table = pd.DataFrame([[1.25, 2.0]], index=pd.Index(["Walk"], name="action"), columns=columns)
    publish.save_table("videopose3d-table-4", table, digits={"P1 S1": 2}, **ABOUT)
    assert (figures / "videopose3d-table-4.csv").read_text() == "action,P1 S1,P1 S2\nWalk,1.25,2.0\n"


def test_a_figure_is_the_same_bytes_each_time(figures):
    first = publish.save_figure("videopose3d-figure-4", figure(), **ABOUT).read_bytes()
    second = publish.save_figure("videopose3d-figure-4", figure(), **ABOUT).read_bytes()
    assert first == second
    assert first.startswith(b"\x89PNG")
    assert not [chunk for chunk in (b"tEXtSoftware", b"tIME", b"Creation") if chunk in first]


def test_a_figure_narrower_than_its_small_print_is_widened_and_no_other(figures):
    for inches, grows in ((1, True), (6, False)):
        fig = figure()
        fig.set_figwidth(inches)
        path = publish.save_figure("videopose3d-figure-4", fig, dpi=100, **ABOUT)
        assert (plt.imread(path).shape[1] > 100 * inches) == grows


def test_an_interactive_page_needs_no_network_and_is_the_same_each_time(figures):
    fig = go.Figure(go.Scatter(x=[0, 1], y=[1, 0]))
    first = publish.save_html("videopose3d-figure-4", fig, **ABOUT).read_text()
    assert publish.save_html("videopose3d-figure-4", fig, **ABOUT).read_text() == first
    assert 'src="plotly.min.js"' in first
    assert "http" not in first.split("</head>")[1].split('class="plotly-graph-div"')[0]
    assert PROVENANCE.line() in first
    assert (figures / "plotly.min.js").stat().st_size > 1e6


def test_the_manifest_has_one_entry_per_id_and_all_its_files(figures):
    publish.save_html("videopose3d-figure-10", go.Figure(), **ABOUT)
    publish.save_figure("videopose3d-figure-10", figure(), part="a", title="Cost", **ABOUT)
    publish.save_figure("videopose3d-figure-4", figure(), **ABOUT)
    publish.save_figure("videopose3d-figure-10", figure(), part="a", **ABOUT)
    entries = manifest(figures)
    assert [entry["id"] for entry in entries] == ["videopose3d-figure-4", "videopose3d-figure-10"]
    assert entries[1] == {
        "id": "videopose3d-figure-10",
        "paper": "videopose3d",
        "title": "Cost",
        "titles": {"videopose3d-figure-10.html": "", "videopose3d-figure-10-a.png": "Cost"},
        "files": ["videopose3d-figure-10-a.png", "videopose3d-figure-10.html"],
        "notebook": "notebooks/videopose3d/02_supervised.ipynb",
        "profile": "standard",
        "data": "embedded",
        "seeds": [0, 1],
        "settings": {"channels": 256},
        "revision": "abc",
    }
    (figures / "videopose3d-figure-10.html").unlink()
    publish.save_figure("videopose3d-figure-10", figure(), part="a", **ABOUT)
    assert manifest(figures)[1]["files"] == ["videopose3d-figure-10-a.png"]


def test_a_part_does_not_give_the_whole_its_title(figures):
    saved = [
        lambda: publish.save_html("videopose3d-figure-9", go.Figure(), title="A page", **ABOUT),
        lambda: publish.save_figure("videopose3d-figure-9", figure(), title="Whole", **ABOUT),
        lambda: publish.save_table("videopose3d-figure-9", TABLE, part="b", title="Part", **ABOUT),
    ]
    for order in ((0, 1, 2), (2, 1, 0)):
        for which in order:
            saved[which]()
        (entry,) = manifest(figures)
        assert entry["title"] == "Whole"
        assert entry["titles"]["videopose3d-figure-9-b.csv"] == "Part"


def test_a_part_of_another_notebook_does_not_take_the_whole_over(figures):
    """Nor its time; without a whole, the newest part speaks for all."""
    longer = PROVENANCE.model_copy(update={"seconds": 99.0})
    other = ABOUT | {"notebook": "notebooks/videopose3d/03_other.py", "provenance": longer}
    for saved, notebook in ((other, "03_other"), (ABOUT, "02_supervised"), (other, "02_supervised")):
        part = "" if saved is ABOUT else "b"
        publish.save_table("videopose3d-table-9", TABLE, part=part, **saved)
        (entry,) = manifest(figures)
        assert entry["notebook"] == f"notebooks/videopose3d/{notebook}.ipynb"
    seconds = json.loads((figures / "timings.json").read_text())["outputs"]["videopose3d-table-9"]
    assert seconds == ABOUT["provenance"].seconds


def test_writers_at_the_same_time_lose_nothing_and_leave_nothing_behind(figures):
    ids = [f"videopose3d-table-{i}" for i in range(1, 41)]
    start = threading.Barrier(8)

    def write(worker: int) -> None:
        start.wait()
        for id in ids[worker::8]:
            publish.save_table(id, TABLE, **ABOUT)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert [entry["id"] for entry in manifest(figures)] == ids
    assert not list(figures.glob(".*"))


@pytest.mark.parametrize(
    ("id", "about"),
    [("videopose3d-table", {}), ("phd-table-1", {}), ("videopose3d-table-1", {"notebook": "/tmp/a.ipynb"})],
)
def test_a_wrong_id_or_notebook_is_refused(figures, id, about):
    with pytest.raises(ValueError, match="expected"):
        publish.save_table(id, TABLE, **(ABOUT | about))
    assert not (figures / "manifest.json").exists()


@pytest.mark.parametrize("text", ['[{"id": 1}]', '[{"id": "a"}', "{}x", '["a"]', '{"a": 1}'])
def test_a_broken_manifest_is_named_and_left_alone(figures, text):
    figures.mkdir()
    (figures / "manifest.json").write_text(text)
    with pytest.raises(ValueError, match=r"manifest\.json: expected a list of entries"):
        publish.save_table("videopose3d-table-1", TABLE, **ABOUT)
    assert (figures / "manifest.json").read_text() == text


def claim(value: float | None, interval: tuple[float, float] | None, outcome: str, holds: bool = False) -> dict:
    """:data:`CLAIM` with another number."""
    measured = {"effect": value, "interval": interval}
    found = FOUND | measured | {"holds": holds}
    return CLAIM | measured | {"findings": [found], "outcome": outcome, "verdict": checks.verdict(outcome)}


def untestable() -> dict:
    """A claim that cannot be tested."""
    check = checks.check("VP3D-C01")
    said = {"id": check.id, "statement": check.statement, "published": check.published, "note": "no rivals here"}
    return said | dict.fromkeys(("verdict", "outcome"), "not testable here")


def test_claims_are_merged_by_id(figures):
    about = {"notebook": ABOUT["notebook"], "provenance": PROVENANCE}
    publish.save_claims([CLAIM, untestable()], **about)
    publish.save_claims([claim(-1.0, None, "contradicted")], **about)
    entries = json.loads((figures / "claims.json").read_text())
    assert [(e["id"], e["verdict"], e["outcome"], e["effect"]) for e in entries] == [
        ("VP3D-C01", "not testable here", "not testable here", None),
        ("VP3D-C05", "not reproduced", "contradicted", -1.0),
    ]
    assert entries[0]["provenance"]["seeds"] == [0, 1]


@pytest.mark.parametrize(
    "sound",
    [claim(2.0, (0.5, 3.0), "undecided"), claim(0.5, (0.1, 0.9), "contradicted"), claim(None, None, "undecided")],
)
def test_what_follows_from_the_findings_is_accepted(figures, sound):
    publish.save_claims([sound], notebook=ABOUT["notebook"], provenance=PROVENANCE)


@pytest.mark.parametrize(
    "wrong",
    [
        {"verdict": "holds"},
        {"id": "VP3D-5"},
        {"effect": None},
        {"effect": float("nan")},
        {"interval": (8.0, 5.0)},
        {"interval": (5.0, float("inf"))},
        {"effect": 7.5},
        {"interval": (5.0, 9.0)},
        {"unit": "cm"},
        {"statement": ""},
        {"statement": "More than 7 mm."},
        {"published": "7.0"},
        {"verdict": "not reproduced"},
        {"outcome": "undecided"},
        {"verdict": "not reproduced", "outcome": "contradicted"},
        {"verdict": "not testable here", "outcome": "not testable here"},
        {"findings": []},
        {"findings": [FOUND | {"above": 0.5}]},
        {"findings": [FOUND | {"holds": False}]},
        {"findings": [FOUND | {"interval": (0.5, 8.0)}]},
        {"findings": [FOUND, FOUND | {"effect": 0.5, "interval": (0.1, 0.9), "holds": False}]},
        {"colour": "red"},
        claim(0.5, (0.1, 0.9), "reproduced", holds=True),
        claim(0.5, (0.1, 0.9), "undecided"),
        claim(None, (0.1, 0.9), "undecided"),
        untestable() | {"note": ""},
        untestable() | {"findings": [FOUND]},
    ],
)
def test_a_verdict_that_its_findings_do_not_give_is_refused(figures, wrong):
    with pytest.raises(ValidationError):
        publish.save_claims([CLAIM | wrong], notebook=ABOUT["notebook"], provenance=PROVENANCE)
    assert not (figures / "claims.json").exists()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"outcome": "reproduced"', '"outcome": "undecided"'),
        ('"effect": 6.5', '"effect": 7.5'),
        ("   5.0", "   0.5"),
        ('"above": 1.0', '"above": -1.0'),
        ("by more than 1 mm", "by any amount"),
    ],
)
def test_an_altered_file_is_refused(figures, before, after):
    publish.save_claims([CLAIM], notebook=ABOUT["notebook"], provenance=PROVENANCE)
    path = figures / "claims.json"
    assert [claim.id for claim in publish.read_claims(path)] == ["VP3D-C05"]
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))
    with pytest.raises(ValueError, match=r"claims\.json: VP3D-C05 is not as its notebook wrote it"):
        publish.read_claims(path)


def test_a_claim_of_another_notebook_is_refused(figures):
    with pytest.raises(ValidationError, match="its check says videopose3d/02_supervised"):
        publish.save_claims([CLAIM], notebook="notebooks/videopose3d/05_batching.py", provenance=PROVENANCE)


def test_revision_follows_the_code_and_not_the_figures(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "ROOT", tmp_path)

    def revision() -> str:
        records.revision.cache_clear()
        return records.revision()

    def commit(path: str, text: str) -> None:
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        for command in (["add", path], [*identity, "commit", "-qm", path]):
            subprocess.run(["git", "-C", tmp_path, *command], check=True)

    assert revision() == "unknown"
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    assert revision() == "unknown"
    commit("phdlib/a.py", "1")
    first = revision()
    assert len(first) == 10
    commit("figures/table.md", "1")
    commit("notebooks/a.ipynb", "1")
    assert revision() == first
    commit("notebooks/a.py", "1")
    second = revision()
    assert second != first
    (tmp_path / "phdlib" / "a.py").write_text("2")
    assert revision() == f"{second}-dirty"
    records.revision.cache_clear()


def test_what_shows_published_numbers_alone_is_not_stamped_with_our_run(figures):
    publish.save_table("videopose3d-table-1a", TABLE, stamp=publish.PUBLISHED, **ABOUT)
    small_print = (figures / "videopose3d-table-1a.md").read_text().splitlines()[-1]
    assert small_print == f"_{publish.PUBLISHED}; revision abc_"


def test_small_print_can_say_more_than_where_numbers_come_from(figures):
    publish.save_table("videopose3d-table-1a", TABLE, stamp="real video", **ABOUT)
    small_print = (figures / "videopose3d-table-1a.md").read_text().splitlines()[-1]
    assert small_print == f"_real video: {PROVENANCE.line()}_"


def test_numbers_of_smoke_say_that_they_mean_nothing():
    smoke = PROVENANCE.model_copy(update={"profile": "smoke"})
    assert "mean nothing" in smoke.line() and "mean nothing" not in PROVENANCE.line()
