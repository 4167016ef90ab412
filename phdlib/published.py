"""What the two papers print: their tables, the numbers of their running text, and their claims, as data.

The files lie in ``published/``, one per paper. Table ids are those of the manifest ("videopose3d-table-1a"), claim ids
those of the papers' inventory ("VP3D-C05"). A dash in print is a missing value here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd

from phdlib import paths

PAPERS = ("phd", "videopose3d")


@dataclass(frozen=True)
class Claim:
    """One claim of a paper, in our words.

    ``type``: N a printed number, T an ordering or trend, V seen in a picture, A arithmetic or code, P asserted without
    printed evidence. ``rests_on``: where in the paper. ``counts_as``: what would reproduce it, printed values first.
    """

    id: str
    type: str
    paper: str
    claim: str
    rests_on: str
    counts_as: str


@cache
def _load(paper: str) -> dict[str, Any]:
    if paper not in PAPERS:
        raise ValueError(f"unknown paper {paper!r}: choose one of {', '.join(PAPERS)}")
    return json.loads((paths.PACKAGE / "published" / f"{paper}.json").read_text(encoding="utf-8"))


def tables(paper: str) -> list[str]:
    """Ids of a paper's tables, in its order."""
    return [entry["id"] for entry in _load(paper)["tables"]]


def about(id: str) -> dict[str, Any]:
    """All that is known of a table: title, metrics with units and direction, conditions, notes, columns, rows."""
    known = {entry["id"]: entry for paper in PAPERS for entry in _load(paper)["tables"]}
    return _get(known, id, "table")


def table(id: str) -> pd.DataFrame:
    """A published table as floats, NaN where the paper prints a dash: methods (or actions) by columns, as keyed there.

    ``attrs`` holds the title and, by column, the unit and whether "lower" or "higher" is better.
    """
    entry = about(id)
    keys = [column["key"] for column in entry["columns"]]
    labels = pd.Index([row["label"] for row in entry["rows"]], name="published")
    frame = pd.DataFrame([row["values"] for row in entry["rows"]], index=labels, columns=keys, dtype=float)
    frame.attrs = {"title": entry["title"]}
    for what in ("unit", "direction"):
        frame.attrs[what] = {column["key"]: column[what] for column in entry["columns"]}
    return frame


def in_text(id: str) -> dict[str, Any]:
    """A number of the running text ("VP3D-X01"): ``section``, ``what``, ``kind``, ``values`` by name, ``unit``."""
    return _get({entry["id"]: entry for paper in PAPERS for entry in _load(paper)["in_text"]}, id, "number")


def claims(paper: str | None = None) -> list[Claim]:
    """The claims of one paper, or of both, in the order of their ids."""
    return [Claim(paper=p, **c) for p in PAPERS if paper in (None, p) for c in _load(p)["claims"]]


def claim(id: str) -> Claim:
    """One claim by its id; ``KeyError`` names the known ones."""
    return _get({claim.id: claim for claim in claims()}, id, "claim")


def ambiguities(paper: str) -> list[str]:
    """Where a paper leaves something open, or prints what cannot be meant."""
    return list(_load(paper)["ambiguities"])


def _get(known: dict[str, Any], id: str, what: str) -> Any:
    if id not in known:
        ids = list(known)
        raise KeyError(f"no published {what} {id!r}; there are {ids[0]} to {ids[-1]} ({len(ids)} in all)")
    return known[id]
