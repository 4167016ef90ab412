"""The report's tables and figures: each table beside the published one, each picture with the cell that made it."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import PurePosixPath
from typing import Any

from phdlib import cells, published
from phdlib.markup import Markup, join, tag
from phdlib.report_ledger import provenance
from phdlib.report_pictures import Picture
from phdlib.score import Run

_QUIET = {"95 %", "published", "± seeds"}  # rows and columns that stand behind the others


def tables(run: Run, paper: str, pictures: Mapping[str, Picture]) -> Markup:
    """Every table of a paper: as printed, and as this run has it."""
    made = {entry["id"]: entry for entry in run.manifest}
    return join(*(_table(run, id, made.get(id), pictures) for id in published.tables(paper)))


def figures(run: Run, paper: str, pictures: Mapping[str, Picture]) -> Markup:
    """Every figure of a paper (or of real video, "wild") that the run saved, with the tables that go with it."""
    kind = ("-figure-", "-table-") if paper == "wild" else ("-figure-",)
    entries = [e for e in run.manifest if e["paper"] == paper and any(k in e["id"] for k in kind)]
    return join(*(_figure(run, entry, pictures) for entry in entries))


def called(id: str) -> str:
    """ "Table 1a" of "videopose3d-table-1a"."""
    return id.split("-", 1)[1].replace("-", " ").capitalize()


def _table(run: Run, id: str, entry: dict[str, Any] | None, pictures: Mapping[str, Picture]) -> Markup:
    files = entry["files"] if entry else []
    whole = [name for name in files if name == f"{id}.csv"]
    here = [_saved(run, entry, name) for name in whole] or [tag("p", "This run did not make it.", class_="quiet")]
    beside = tag("div", tag("div", tag("h4", f"Here, on {run.data} data"), *here), _published(id), class_="beside")
    head = tag("h3", tag("b", called(id)), f" {published.about(id)['title']}")
    rest = _rest(run, entry, pictures, whole) if entry else ""
    return tag("article", head, beside, rest, id=id)


def _figure(run: Run, entry: dict[str, Any], pictures: Mapping[str, Picture]) -> Markup:
    head = tag("h3", tag("b", called(entry["id"])), f" {entry['title']}")
    return tag("article", head, _rest(run, entry, pictures, []), id=entry["id"])


def _rest(run: Run, entry: dict[str, Any], pictures: Mapping[str, Picture], shown: Sequence[str]) -> Markup:
    """An entry's pictures, its interactive pages, and folded up its further tables."""
    files = sorted(
        set(entry["files"]).difference(shown), key=lambda name: (PurePosixPath(name).stem != entry["id"], name)
    )
    by_kind = {suffix: [name for name in files if name.endswith(suffix)] for suffix in (".png", ".html", ".csv")}
    parts: list[Markup] = [_picture(run, entry, name, pictures[name]) for name in by_kind[".png"]]
    for name in by_kind[".html"]:
        link = tag("a", "Interactive page", href=name)
        parts.append(tag("p", link, " by ", _cell(run, entry, name), class_="quiet"))
    if by_kind[".csv"]:
        count = len(by_kind[".csv"])
        summary = tag("summary", f"{count} further table{'s' * (count > 1)}")
        parts.append(tag("details", summary, *(_saved(run, entry, name, titled=True) for name in by_kind[".csv"])))
    return join(*parts)


def _picture(run: Run, entry: dict[str, Any], name: str, picture: Picture) -> Markup:
    title = _title(entry, name)
    image = tag("img", src=picture.address, width=picture.width, height=picture.height, alt=title, loading="lazy")
    link = tag("a", image, href=name, title="the picture in full size")
    return tag("figure", link, tag("figcaption", f"{title}. ", _source(run, entry, name)))


def _saved(run: Run, entry: dict[str, Any], name: str, titled: bool = False) -> Markup:
    """A table as its .csv has it, each number marked with file, row (from 0) and column."""
    if PurePosixPath(name).stem.endswith("-claims"):
        told = "The comparisons behind the verdicts stand in the ledger; as a table in "
        return tag("p", told, tag("a", name, href=name), ", by ", _cell(run, entry, name), ".", class_="quiet")
    with (run.folder / name).open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    folded = {c + end for c in head for end in ("_low", "_high") if {c + "_low", c + "_high"} <= set(head)}
    kept = [number for number, column in enumerate(head) if column not in folded]
    above = [None, *rows[:-1]]
    lines = [_line(name, head, row, k, kept, above[k]) for k, row in enumerate(rows)]
    titles = tag("tr", *(tag("th", head[place], scope="col") for place in kept))
    table = tag("table", tag("thead", titles), tag("tbody", *lines))
    caption = tag("p", f"{_title(entry, name)}. " if titled else "", _source(run, entry, name), class_="quiet")
    return join(tag("div", table, class_="scroll"), caption)


def _line(
    file: str, head: Sequence[str], row: Sequence[str], number: int, kept: Sequence[int], before: Sequence[str] | None
) -> Markup:
    def marked(column: str) -> Markup:
        return tag("data", row[head.index(column)], data_from=file, data_row=number, data_col=column)

    cells_ = []
    for place in kept:
        column, value = head[place], row[place]
        if place == 0:
            again = len(head) > 1 and head[1] == "" and before is not None and before[0] == value
            cells_.append(tag("th", "" if again else value, scope="row"))
        elif f"{column}_low" in head:
            span = tag("small", " ", marked(f"{column}_low"), " to ", marked(f"{column}_high"))
            cells_.append(tag("td", marked(column), span))
        else:
            numeric = column and (value in ("", "–") or any(map(str.isdigit, value)))
            words = None if numeric else "words"
            cells_.append(tag("td", tag("data", value, data_from=file, data_row=number, data_col=column), class_=words))
    quiet = len(row) > 1 and head[1] == "" and row[1] in _QUIET
    return tag("tr", *cells_, class_="behind" if quiet else None)


def _published(id: str) -> Markup:
    about = published.about(id)
    columns = about["columns"]

    def group(column: dict[str, Any]) -> str:
        return ", ".join(filter(None, (column.get("dataset"), column["metric"], column["unit"])))

    grouped = [(name, len(list(members))) for name, members in groupby(columns, key=group)]
    above = [tag("th", name, colspan=size, scope="colgroup") for name, size in grouped]
    below = [tag("th", column["header"], scope="col") for column in columns]
    file = f"published/{id.split('-')[0]}.json"

    def line(number: int, label: str, values: Mapping[str, float | None]) -> Markup:
        shown = [(column, values[column["key"]]) for column in columns]
        at = {"data_from": file, "data_table": id, "data_row": number}
        marked = [tag("td", tag("data", "–" if v is None else v, data_col=c["key"], **at)) for c, v in shown]
        return tag("tr", tag("th", label, scope="row"), *marked)

    rows = [line(number, row["label"], row["values"]) for number, row in enumerate(about["rows"])]
    head = tag("thead", tag("tr", tag("td"), *above), tag("tr", tag("td"), *below))
    said = "; ".join(about["conditions"])
    return tag("div", tag("h4", "Published"), tag("div", tag("table", head, tag("tbody", *rows)), class_="scroll"),
               tag("p", f"{said[:1].upper()}{said[1:]}.", class_="quiet") if said else "")  # fmt: skip


def _title(entry: dict[str, Any], name: str) -> str:
    """A file's own title; that of its entry where a run before kept only one."""
    return entry.get("titles", {}).get(name) or entry["title"]


def _cell(run: Run, entry: dict[str, Any], name: str) -> Markup:
    cell = cells.of_entry(run.origin(name, entry))
    return tag("a", f"{cell}", href=run.link(cell, run.folder))


def _source(run: Run, entry: dict[str, Any], name: str) -> Markup:
    return join(_cell(run, entry, name), f" · {provenance(run.origin(name, entry))}")
