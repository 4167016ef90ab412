"""Numbers of the report, taken at random and followed back: to the file that they were read from, and from there to the
cell, the trainings and their configurations."""

from __future__ import annotations

import csv
import json
import random
from functools import cache
from html.parser import HTMLParser
from typing import Any

import pytest

from phdlib import notebook, paths, provenance

NUMBERS = 80


class Marked(HTMLParser):
    """The page's ``data`` elements: their attributes and their text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[dict[str, str], str]] = []
        self.inside = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.inside = tag == "data"
        if self.inside:
            self.found.append(({name: value or "" for name, value in attributes}, ""))

    def handle_data(self, text: str) -> None:
        if self.inside:
            self.found[-1] = (self.found[-1][0], self.found[-1][1] + text)

    def handle_endtag(self, tag: str) -> None:
        self.inside = False


@cache
def marked() -> list[tuple[dict[str, str], str]]:
    """Every marked number of the committed report that this project computed, as a fixed shuffle."""
    page = Marked()
    page.feed((paths.FIGURES / "report.html").read_text(encoding="utf-8"))
    page.close()
    numbers = [(at, text) for at, text in page.found if any(character.isdigit() for character in text)]
    own = [(at, text) for at, text in numbers if not at["data-from"].startswith("published/")]
    random.Random(7).shuffle(own)
    return own


@cache
def content() -> dict[str, Any]:
    return provenance.read(paths.FIGURES / "provenance.json")


@cache
def cell_ids(name: str) -> list[str]:
    cells = notebook.read_source((paths.ROOT / name).with_suffix(".py")).cells
    return [cell["id"] for cell in cells if cell.cell_type == "code"]


def value_of(at: dict[str, str]) -> Any:
    """What stands in the file that a number names."""
    folder = paths.FIGURES / ("" if at.get("data-source", "embedded") == "embedded" else at["data-source"])
    path = folder / at["data-from"]
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            head, *rows = csv.reader(file)
        return rows[int(at["data-row"])][head.index(at["data-col"])]
    value = next(entry for entry in json.loads(path.read_text(encoding="utf-8")) if entry["id"] == at["data-row"])
    for key in at["data-col"].split("."):
        value = value[int(key)] if isinstance(value, list) else value[key]
    return value


def test_the_report_is_full_of_marked_numbers(whole):
    assert len(marked()) > 10 * NUMBERS
    assert len({at["data-from"] for at, _ in marked()}) > 30


@pytest.mark.parametrize("which", range(NUMBERS))
def test_a_number_leads_back_to_what_made_it(request, which):
    at, text = marked()[which]
    value = value_of(at)
    if isinstance(value, str):  # a cell of a .csv is shown as it is
        assert text == value
    else:  # of claims.json and beyond.json, rounded for the eye, exact in the attribute
        assert float(at["value"]) == value
        shown = text.replace("−", "-").replace(",", "")
        decimals = len(shown.partition(".")[2])
        assert abs(float(shown) - value) <= 0.5001 * 10.0**-decimals or float(shown) == pytest.approx(value, rel=5e-3)

    if at.get("data-source", "embedded") != "embedded":
        return  # a run of the user's own, whose provenance lies with it
    file = at["data-from"]
    section, name = ("files", file) if file.endswith(".csv") else (file.removesuffix(".json"), at["data-row"])
    if name not in content().get(section, {}):
        request.getfixturevalue("whole")  # a notebook that waits for its outputs has left no trace yet
    entry = content()[section][name]
    if section == "files":
        assert provenance.of_file(paths.FIGURES / file) == entry["sha256"]
    else:
        entries = json.loads((paths.FIGURES / file).read_text(encoding="utf-8"))
        (own,) = [e for e in entries if e["id"] == name]
        assert provenance.of_entry(own)["sha256"] == entry["sha256"]
    assert entry["cell"] in cell_ids(entry["notebook"])
    assert (entry["profile"], entry["data"]) == ("standard", "embedded") and entry["revision"] != "unknown"
    for piece in entry["pieces"]:
        described = content()["pieces"][piece]
        experiment = provenance.experiment_of(described)
        assert experiment.seed == described["seed"] and described["result"]["digest"]
        assert provenance.configuration(experiment.prepared()) == described["configuration"]


def test_what_is_learned_names_its_trainings(whole):
    """Of the tables of both papers' results none may stand without a training behind it."""
    for name in ("phd-table-1.csv", "phd-table-2.csv", "videopose3d-table-1a.csv", "videopose3d-table-2.csv"):
        pieces = [content()["pieces"][piece] for piece in content()["files"][name]["pieces"]]
        assert {piece["seed"] for piece in pieces} >= set(content()["files"][name]["seeds"])
        assert all(piece["result"]["losses"] for piece in pieces)
