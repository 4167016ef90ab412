"""The report: one file, whole, escaped, in step with the files of its run; README and report.md say the same."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from made_claims import made_claims

from phdlib import paths, publish, published, readme, report, report_page, report_pictures, score

VOID = {"meta", "img", "input", "br"}
PROVENANCE = publish.Provenance(profile="standard", data="embedded", seeds=(0, 1, 2), seconds=1, revision="abc")


class Page(HTMLParser):
    """Elements with their attributes, in order; an error where tags do not close as they opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[dict[str, str | None], str]] = []  # of <data>
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        if self.open and self.open[-1][0] == "data":
            self.texts.append((self.open[-1][1], data))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A folder in which a run on the embedded data left all claims, another on cmu some of them."""
    folder = tmp_path_factory.mktemp("run") / "figures"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "FIGURES", folder)
        rng = np.random.default_rng(0)
        for notebook, claims in made_claims(rng).items():
            publish.save_claims(claims, notebook=notebook, provenance=PROVENANCE)
        cmu = PROVENANCE.model_copy(update={"data": "cmu"})
        notebook = "notebooks/videopose3d/02_supervised.ipynb"
        publish.save_claims(made_claims(rng)[notebook], notebook=notebook, provenance=cmu)
        about = {"paper": "phd", "notebook": "notebooks/phd/03_causal_encoder.ipynb", "provenance": PROVENANCE}
        rows = pd.DataFrame({"method": ["<i>causal</i>", "other"], "mm": [55.04, 56.0], "mm_low": [50.0, 51.0],
                             "mm_high": [60.0, 61.0], "PCK": [np.nan, 70.0]})  # fmt: skip
        publish.save_table("phd-table-1", rows, title="Encoders", **about)
        publish.save_table("phd-table-1", rows, part="more", title="More <b>of</b> it", **about)
        fig, ax = plt.subplots()
        ax.plot([0, 1])
        publish.save_figure("phd-figure-5", fig, title="A curve & more", **about)
        plt.close(fig)
        report.write("standard", "embedded")
    return folder


@pytest.fixture(scope="module")
def text(run: Path) -> str:
    return (run / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def entries(run: Path, name: str = "claims.json") -> dict:
    return {entry["id"]: entry for entry in json.loads((run / name).read_text(encoding="utf-8"))}


def half_a_digit(shown: str) -> float:
    """What rounding may have changed: half of the last digit, of "2.1e−05" too."""
    digits, _, power = shown.replace("−", "-").partition("e")
    return 0.501 * 10.0 ** (int(power or 0) - len(digits.partition(".")[2]))


def test_it_is_one_small_file_that_asks_no_network(text: str, page: Page):
    assert len(text.encode()) < 5e6
    assert not page.of("link") and not page.of("iframe")
    assert [script for script in page.of("script") if "src" in script] == []
    assert all(image["src"].startswith("data:image/webp;base64,") for image in page.of("img"))
    assert not re.search(r"@import|url\(|https?://|//\w+\.\w+/", text)


def test_every_claim_has_its_row_once_with_its_outcome(run: Path, page: Page):
    rows = {body["id"]: body["data-outcome"] for body in page.of("tbody") if "id" in body}
    assert list(rows) == [claim.id for claim in published.claims()]
    on_cmu = entries(run / "cmu")
    for id, entry in entries(run).items():
        other = on_cmu[id]["outcome"] if id in on_cmu else score.NOT_YET
        expected = f"embedded:{entry['outcome']} cmu:{other}".replace(" ", "-").replace("-cmu:", " cmu:")
        assert rows[id] == expected


def test_its_counts_are_those_of_the_claims(run: Path, page: Page, text: str):
    found = list(entries(run).values())
    for paper, prefix in (("phd", "PHD"), ("videopose3d", "VP3D")):
        bar = re.search(rf'<div data-paper="{paper}">.*?<div class="bar".*?</div>', text, re.DOTALL)
        pieces = dict(re.findall(r'data-outcome="([^"]+)">(\d+)<', bar[0]))
        counted = {o: sum(e["outcome"] == o and e["id"].startswith(prefix) for e in found) for o in score.OUTCOMES}
        assert {outcome: int(count) for outcome, count in pieces.items()} == {o: n for o, n in counted.items() if n}
    reproduced = sum(entry["outcome"] == "reproduced" for entry in found)
    assert f'<b class="reproduced">{reproduced}</b> of 101 claims reproduced' in text


def test_every_number_leads_back_to_its_file(run: Path, page: Page):
    tables = {name: pd.read_csv(run / name, dtype=str, keep_default_na=False) for name in ("phd-table-1.csv",)}
    claims = {"embedded": entries(run), "cmu": entries(run / "cmu")}
    seen = set()
    for at, shown in page.texts:
        name = at["data-from"]
        seen.add(name)
        if name in tables:
            assert shown == tables[name][at["data-col"]][int(at["data-row"])]
        elif name == "claims.json":
            value = claims[at["data-source"]][at["data-row"]]
            for key in at["data-col"].split("."):
                value = value[int(key) if key.isdigit() else key]
            assert float(at["value"]) == value
            assert float(shown.replace("−", "-")) == pytest.approx(value, abs=half_a_digit(shown))
        elif name.startswith("published/"):
            row = published.about(at["data-table"])["rows"][int(at["data-row"])]
            value = row["values"][at["data-col"]]
            assert shown == ("–" if value is None else str(value))
    assert seen >= {"phd-table-1.csv", "claims.json", "published/phd.json", "published/videopose3d.json"}
    assert sum(at["data-from"] == "phd-table-1.csv" for at, _ in page.texts) == 2 * 4  # all but the methods


@pytest.mark.parametrize(
    ("written", "raw"),
    [
        ("&lt;i&gt;causal&lt;/i&gt;", "<i>causal"),
        ("More &lt;b&gt;of", "More <b>of"),
        ("less than &lt;b&gt; &amp; more", "less than <b>"),
        ("A curve &amp; more", "A curve & more"),
    ],
)
def test_text_of_others_is_escaped(text: str, written: str, raw: str):
    assert written in text and raw not in text


def test_its_links_lead_somewhere(run: Path, page: Page):
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for link in page.of("a"):
        address, _, fragment = link["href"].partition("#")
        if not address:
            assert fragment in ids
        elif address.endswith(".ipynb"):
            folder, _, name = address.rpartition("notebooks/")
            assert folder in ("../", "cmu/") and (paths.NOTEBOOKS / name).with_suffix(".py").exists(), address
            assert not fragment or re.fullmatch(r"cell-id=cell-\d\d", fragment)
        else:
            assert (run / address).exists(), address
    to_cells = [a["href"] for a in page.of("a") if "02_supervised.ipynb#cell-id=" in a["href"]]
    assert to_cells  # the claims' own cells, by their ids in the notebook's code


def test_the_page_of_an_empty_folder_says_so(figures: Path):
    report.write("smoke", "cmu")
    text = (figures / "cmu" / "smoke" / "report.html").read_text(encoding="utf-8")
    Page(text)
    assert '<b class="reproduced">0</b> of 101 claims reproduced' in text and "101 not judged yet" in text
    assert "the numbers mean nothing" in text
    assert "101 not judged yet" in (figures / "cmu" / "smoke" / "report.md").read_text(encoding="utf-8")


def test_readme_and_both_reports_say_the_same(run: Path, text: str):
    brief = (run / "report.md").read_text(encoding="utf-8")
    told = readme.fill("<!-- generated: score -->\n<!-- end -->\n", run).split("-->\n")[1].removesuffix("\n<!-- end ")
    ours, elsewhere = told.strip().split("\n\nOn ")
    assert ours and ours in brief
    on_cmu = score.in_words(score.read_folder(run / "cmu", "standard", "cmu").counts())
    assert on_cmu in elsewhere and f"On cmu data: {on_cmu}." in brief
    counts = score.read_folder(run, "standard", "embedded").counts()
    assert score.in_words(counts) in brief
    assert readme.fill("<!-- generated: claims -->\n<!-- end -->\n", run).count(score.in_words(counts)) == 1
    for id in score.HEADLINES:
        assert brief.count(f"({id}") == 1 and f'href="#{id}"' in text
    assert brief.count("| PHD-C") == 45 and brief.count("| VP3D-C") == 56


def test_the_committed_report_is_of_the_committed_files():
    runs = score.runs("standard", "embedded")
    brief, page = ((paths.FIGURES / name).read_text(encoding="utf-8") for name in ("report.md", "report.html"))
    assert brief == report.brief(runs), "python -m phdlib.report"
    assert report_pictures.without(page) == report_pictures.without(report_page.page(runs))
    assert len(page.encode()) < 5e6


def test_wrong_use_and_broken_files_are_one_line(figures: Path, capsys):
    assert report.main(["--profile", "fast"]) == 2
    figures.mkdir()
    (figures / "claims.json").write_text("[{}]")
    assert report.main(["--profile", "standard", "--data", "embedded"]) == 1
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2 and "claims.json" in told[1]
