"""The report as one HTML page, from the files of a run; :mod:`phdlib.report` writes it.

First the score, then the ledger, the tables and figures, what goes beyond the papers, and where all of it comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from phdlib import paths, published, report_ledger, report_pictures, report_tables, score
from phdlib.markup import Markup, join, tag
from phdlib.report_ledger import badge
from phdlib.report_pictures import Picture
from phdlib.score import Run

TITLE = "Two papers of 3D human motion, claim by claim"
PICTURES = 3_200_000  # bytes that all pictures together may take; the page is to stay below 5 MB
PAPERS = {**score.NAMES, "wild": "Real video, in neither paper"}


def page(runs: Sequence[Run]) -> str:
    """report.html: the first run's, with the verdicts of the others beside its own."""
    run = runs[0]
    names = sorted(name for entry in run.manifest for name in entry["files"] if name.endswith(".png"))
    pictures = report_pictures.embed([run.folder / name for name in names], PICTURES)
    sections = [
        ("ledger", "Every claim", _ledger(runs)),
        ("tables", "The tables beside the published", _by_paper(report_tables.tables, score.NAMES, run, pictures)),
        ("figures", "The figures", _by_paper(report_tables.figures, PAPERS, run, pictures)),
        ("beyond", "Beyond the papers", _beyond(run)),
        ("again", "Where the numbers come from, and how to make them again", _again(run)),
    ]  # fmt: skip
    body = [
        _first_screen(runs, [(id, title) for id, title, _ in sections]),
        tag("main", *(tag("section", tag("h2", title), content, id=id) for id, title, content in sections)),
    ]
    style, script = (Markup((paths.PACKAGE / "templates" / f"report.{s}").read_text("utf-8")) for s in ("css", "js"))
    meta = {"viewport": "width=device-width, initial-scale=1", "color-scheme": "light dark"}
    about = [tag("meta", name=name, content=content) for name, content in meta.items()]
    head = tag("head", tag("meta", charset="utf-8"), *about, tag("title", f"{TITLE}: the report"), tag("style", style))
    return "<!doctype html>\n" + tag("html", head, tag("body", *body, tag("script", script)), lang="en") + "\n"


def _first_screen(runs: Sequence[Run], sections: Sequence[tuple[str, str]]) -> Markup:
    run, total = runs[0], len(published.claims())
    counts = run.counts()
    others = score.in_words({o: n for o, n in counts.items() if o != "reproduced"})
    rest = f"The others: {others}. {score.certainty(run)}".strip()
    heading = tag("h1", tag("b", counts["reproduced"], class_="reproduced"), f" of {total} claims reproduced")
    lead, told = score.warning(run)
    links = tag("nav", *(tag("a", title, href=f"#{id}") for id, title in sections), aria_label="Sections")
    return tag(
        "header", tag("p", TITLE, class_="over"), heading, tag("p", rest, class_="rest"),
        tag("p", tag("strong", lead) if lead else "", f" {told}", class_="warning"),
        tag("div", *_bars(runs), class_="bars"),
        _findings(runs), _legend(runs), links, id="score",
    )  # fmt: skip


def _bars(runs: Sequence[Run]) -> list[Markup]:
    """A bar per paper: how many of its claims came out how; and in words, how on other data."""
    run, bars = runs[0], []
    for paper, name in score.NAMES.items():
        counts = run.counts(paper)
        pieces = [
            tag("span", count, class_=f"piece {outcome.replace(' ', '-')}", style=f"flex-grow:{count}",
                title=f"{count} {outcome}", data_outcome=outcome)
            for outcome, count in counts.items() if count
        ]  # fmt: skip
        label = f"{name}: {sum(counts.values())} claims"
        bar = tag("div", *pieces, class_="bar", role="img", aria_label=f"{label}: {score.in_words(counts)}")
        others = [tag("p", f"On {other.data}: {score.in_words(other.counts(paper))}") for other in runs[1:]]
        bars.append(tag("div", tag("p", label), bar, *others, data_paper=paper))
    return bars


def _legend(runs: Sequence[Run]) -> Markup:
    found = [o for o in score.OUTCOMES if any(run.counts()[o] for run in runs)]
    return tag("ul", *(tag("li", badge(o), f" {score.MEANING[o]}") for o in found), class_="legend")


def _findings(runs: Sequence[Run]) -> Markup:
    """The headline claims by outcome: the paper's words, and what was measured here and on other data."""
    columns = []
    for outcome, ids in score.headlines(runs[0]).items():
        links = {id: tag("a", score.evidence(runs[0], id, runs[1:]), href=f"#{id}", class_="num") for id in ids}
        items = [tag("li", published.claim(id).claim, " ", link) for id, link in links.items()]
        title = tag("h2", badge(outcome, score.TITLES[outcome]))
        columns.append(tag("div", title, tag("ul", *items)))
    return tag("div", *columns, class_="findings-in-brief")


def _ledger(runs: Sequence[Run]) -> Markup:
    about = (
        "All claims of both papers, in our words. A row opens to what was put to the test, with which thresholds, to "
        "every comparison behind the verdict, and to the notebook cell that made it. A number without an interval is "
        "one that no chance enters into; how the others' intervals are drawn, a row says. Each is of 95 %, not wider "
        "where a claim rests on many comparisons, all of which have to hold; and since seeds are few, an interval over "
        "them is rather too narrow than too wide."
    )
    return join(tag("p", about), report_ledger.filters(runs), report_ledger.ledger(runs))


def _by_paper(
    part: Callable[[Run, str, Mapping[str, Picture]], Markup],
    papers: Mapping[str, str],
    run: Run,
    pictures: Mapping[str, Picture],
) -> Markup:
    parts = {name: part(run, paper, pictures) for paper, name in papers.items()}
    return join(*(tag("section", tag("h3", name, class_="paper"), shown) for name, shown in parts.items() if shown))


def _beyond(run: Run) -> Markup:
    """What the papers did not report and the run shows, each with its evidence and its limits."""
    if not run.beyond:
        return tag("p", "This run has nothing to say here yet.", class_="quiet")
    return join(*(_finding_beyond(run, entry) for entry in run.beyond))


def _finding_beyond(run: Run, entry: dict[str, Any]) -> Markup:
    rows = []
    for number, found in enumerate(entry["evidence"]):
        value, *ends = score.estimate(found["effect"], found["interval"])
        at = {"data_from": "beyond.json", "data_row": entry["id"]}
        field = f"evidence.{number}"
        shown = [tag("data", value, value=found["effect"], data_col=f"{field}.effect", **at), f" {found['unit']}"]
        for which, end in enumerate(ends):
            exact = found["interval"][which]
            marked = tag("data", end, value=exact, data_col=f"{field}.interval.{which}", **at)
            shown += [(" (", " to ")[which], marked]
        rows.append(tag("tr", tag("td", found["what"]), tag("td", *shown, ")" if ends else "", class_="num")))
    made = {name: other["id"] for other in run.manifest for name in other["files"]}
    files = [tag("a", name, href=f"#{made[name]}" if name in made else name) for name in entry["files"]]
    more = tag("p", "More in ", *(part for link in files for part in (link, " ")), class_="quiet") if files else ""
    cell = run.cell(entry["id"], entry)
    return tag(
        "article", tag("h3", entry["title"]), tag("p", entry["text"]),
        tag("div", tag("table", tag("tbody", *rows), class_="findings"), class_="scroll"),
        tag("p", tag("b", "Limits: "), entry["limits"]), more,
        tag("p", tag("a", f"{cell}", href=run.link(cell, run.folder)), " · ",
            report_ledger.provenance(entry["provenance"]), class_="quiet"),
        id=entry["id"],
    )  # fmt: skip


def _again(run: Run) -> Markup:
    option = "" if run.profile == "standard" else f" --profile {run.profile}"
    option += "" if run.data == "embedded" else f" --data {run.data}"
    traced = " From provenance.json each file can be followed to its trainings." if run.origins else ""
    revisions = sorted({entry["provenance"]["revision"] for entry in run.claims.values()})
    read = join(
        "Every number on this page is read from a file beside it: ", tag("a", "claims.json", href="claims.json"),
        f" has the verdicts, the .csv files the tables, manifest.json what the pictures show.{traced} Cells are "
        "counted from 0, text cells too; JupyterLab opens a notebook at one. Under all that is shown stand the "
        "profile, the data, the seeds and the revision of the code that made it.",
    )  # fmt: skip
    verdicts = f" The verdicts are of revision{'s' * (len(revisions) > 1)} {', '.join(revisions)}." if revisions else ""
    only = tag("code", f"./reproduce.sh{option} --only phd-table-2")
    verify = tag("code", f"./reproduce.sh --verify{option}")
    again = "makes all of it anew; what the cache holds is not trained again. "
    told = tag("p", again, only, " makes one table, ", verify, " holds all against what the code gives.")
    return join(tag("p", read, verdicts), tag("pre", f"./reproduce.sh{option}"), told)
