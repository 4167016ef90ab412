"""The report's ledger: a row per claim, which opens to all that was found of it, an interval drawn for each number."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from phdlib import checks, published, score
from phdlib.markup import Markup, join, tag
from phdlib.score import Run

TYPES = {
    "N": "a printed number",
    "T": "an ordering or trend",
    "V": "seen in a picture",
    "A": "arithmetic or code",
    "P": "said without evidence",
}
_MARKS = {"reproduced": "✓", "contradicted": "✗", "undecided": "~", "not testable here": "–", score.NOT_YET: "·"}
_WIDTH, _HEIGHT = 220, 20  # of an interval's drawing


def badge(outcome: str, label: str = "") -> Markup:
    """An outcome as a sign with its word: colour is never all that tells."""
    kind = outcome.replace(" ", "-")
    return tag("span", tag("b", _MARKS[outcome], aria_hidden="true"), " ", label or outcome, class_=f"badge {kind}")


def ledger(runs: Sequence[Run]) -> Markup:
    """The table of all claims. ``runs``: the report's own first, then those on other data."""
    heads = [
        ("id", "claim", ""),
        ("text", "what the paper says", ""),
        ("type", "type", "what the claim is"),
        ("outcome", "outcome", ""),
        ("", "measured here", "the effect nearest to failing, with its 95 % interval"),
        ("", "published", ""),
    ]
    titles = [
        tag("th", tag("button", label, type="button", data_sort=key) if key else label, scope="col", title=hint or None)
        for key, label, hint in heads
    ]
    bodies = [_claim(claim, runs) for claim in published.claims()]
    return tag("table", tag("thead", tag("tr", *titles)), *bodies, id="claims", class_="ledger")


def filters(runs: Sequence[Run]) -> Markup:
    """The controls above the ledger; what they do is in report.js."""
    papers = {key: name.partition(",")[0] for key, name in score.NAMES.items()}
    chosen = [
        tag("input", type="search", id="words", placeholder="Search: words or an id", aria_label="Search the claims"),
        _select("paper", "both papers", papers),
        _select("type", "all types", TYPES),
        _select("outcome", "all outcomes", {outcome: outcome for outcome in score.OUTCOMES}),
    ]
    if len(runs) > 1:
        chosen.append(_select("source", "on any data", {run.data: f"on {run.data}" for run in runs}))
    told = tag("output", f"{len(published.claims())} claims", id="shown", aria_live="polite")
    everything = tag("button", "open all", type="button", id="open-all")
    return tag("form", *chosen, told, everything, id="filters", class_="filters")


def _select(name: str, all_of_them: str, options: dict[str, str]) -> Markup:
    first = tag("option", all_of_them, value="")
    rest = [tag("option", label, value=value) for value, label in options.items()]
    return tag("select", first, *rest, id=f"by-{name}", data_filter=name, aria_label=f"Filter by {name}")


def _claim(claim: published.Claim, runs: Sequence[Run]) -> Markup:
    check, own = checks.check(claim.id), runs[0].claims.get(claim.id)
    outcomes = {run.data: run.outcome(claim.id) for run in runs}
    own_first = [(o, o if data == runs[0].data else f"{o} on {data}") for data, o in outcomes.items()]
    badges = [badge(o, label) for o, label in own_first if o != score.NOT_YET or o == label]
    shown = _effect(claim.id, own, ("effect", "interval"), own) if own else Markup()
    if own and len(own["findings"]) > 1:
        shown = join(shown, tag("small", f" nearest to failing of {len(own['findings'])}"))
    row = tag(
        "tr",
        tag("th", tag("button", claim.id, type="button", aria_expanded="false"), scope="row"),
        tag("td", claim.claim, class_="says"),
        tag("td", tag("abbr", claim.type, title=TYPES[claim.type]), class_="type"),
        tag("td", *badges, class_="came"),
        tag("td", shown, class_="num"),
        tag("td", check.published, class_="print"),
        class_="row",
    )
    paper = tag(
        "p", tag("b", "In the paper: "), f"{claim.rests_on}. ", tag("b", "What it prints: "), f"{claim.counts_as}.",
        class_="quiet",
    )  # fmt: skip
    tested = join(
        tag("p", tag("b", "Put to the test: "), check.statement),
        tag("p", tag("b", "How: "), check.statistic) if check.statistic else "",
        tag("p", tag("b", "How far this carries: "), check.limits) if check.limits else "",
    )
    found = [_found(run, claim.id, page=runs[0].folder, named=len(runs) > 1) for run in runs if claim.id in run.claims]
    none = tag("p", f"No run has judged it here; its notebook is {check.notebook}.")
    detail = tag("tr", tag("td", paper, tested, *(found or [none]), colspan=6), class_="detail")
    return tag(
        "tbody", row, detail, id=claim.id, data_paper=claim.paper, data_type=claim.type,
        data_outcome=" ".join(f"{data}:{o.replace(' ', '-')}" for data, o in outcomes.items()),
    )  # fmt: skip


def _found(run: Run, id: str, page: Path, named: bool) -> Markup:
    """What one run found of a claim: outcome, findings, note, the cell and the line that say where it comes from."""
    entry = run.claims[id]
    head = tag("p", badge(entry["outcome"]), tag("span", f" on {run.data}", class_="quiet") if named else "")
    kept = sum(found["holds"] for found in entry["findings"])
    count = f"{kept} of {len(entry['findings'])} comparisons hold; all have to." if len(entry["findings"]) > 1 else ""
    cell = run.cell(id, entry)
    link = tag("a", f"{cell}", href=run.link(cell, page))
    return tag(
        "section", head, tag("p", count) if count else "", _findings(run, id),
        tag("p", entry["note"]) if entry["note"] else "",
        tag("p", link, " · ", provenance(entry["provenance"]), class_="quiet"), class_="found",
    )  # fmt: skip


def provenance(of: dict[str, Any]) -> str:
    """The line of :meth:`phdlib.publish.Provenance.line`, from an entry of a file."""
    seeds = f"seeds {' '.join(map(str, of['seeds']))}" if of["seeds"] else "no random draws"
    return f"profile {of['profile']}, data {of['data']}, {seeds}, revision {of['revision']}"


def _findings(run: Run, id: str) -> Markup:
    findings = run.claims[id]["findings"]
    if not findings:
        return Markup()
    scales = {unit: _scale([f for f in findings if f["unit"] == unit]) for unit in {f["unit"] for f in findings}}
    rows = []
    for number, found in enumerate(findings):
        asked, fields = score.bounds(found), (f"findings.{number}.effect", f"findings.{number}.interval")
        rows.append(
            tag(
                "tr",
                tag("td", found["what"]),
                tag("td", _effect(id, found, fields, run.claims[id]), class_="num"),
                tag("td", f"{asked} {found['unit']}".strip() if asked else "", class_="asked"),
                tag("td", interval(found, scales[found["unit"]])),
                tag("td", score.state(found), class_=_kind(found)),
            )
        )
    heads = ("compared", "effect (95 %)", "asked", "the interval and what it was asked", "")
    return tag("div", tag("table", tag("thead", tag("tr", *(tag("th", h, scope="col") for h in heads))),
                          tag("tbody", *rows), class_="findings"), class_="scroll")  # fmt: skip


def _effect(id: str, of: dict[str, Any], fields: tuple[str, str], entry: dict[str, Any]) -> Markup:
    """Effect, unit and interval, each number marked with the field of claims.json that it shows."""
    if of["effect"] is None:
        return Markup()
    file = "claims.json"
    value, *ends = score.estimate(of["effect"], of["interval"])
    data = entry["provenance"]["data"]
    marked = [tag("data", value, value=of["effect"], data_from=file, data_source=data, data_row=id, data_col=fields[0])]
    for which, end in enumerate(ends):
        column = f"{fields[1]}.{which}"
        marked.append(tag("data", end, value=of["interval"][which], data_from=file, data_source=data, data_row=id,
                          data_col=column))  # fmt: skip
    unit = f" {of['unit']}" if of["unit"] else ""
    if not ends:
        return join(marked[0], unit)
    return join(marked[0], unit, tag("span", " (", marked[1], " to ", marked[2], ")", class_="interval"))


def _scale(findings: Sequence[dict[str, Any]]) -> tuple[float, float]:
    """From where to where the drawings of findings in one unit go: all intervals and bounds, and a little air."""
    ends = [end for f in findings for end in (*(f["interval"] or ()), f["effect"], f["above"], f["below"])]
    known = [end for end in ends if end is not None] or [0.0]
    low, high = min(known), max(known)
    air = 0.06 * (high - low) or 1.0
    return low - air, high + air


def interval(found: dict[str, Any], scale: tuple[float, float]) -> Markup:
    """An interval drawn over the zone that it was asked to lie in; nothing for a number without one."""
    if found["interval"] is None or found["effect"] is None:
        return Markup()
    low, high = scale

    def x(value: float) -> str:
        return f"{(value - low) / (high - low) * _WIDTH:.1f}"

    above, below, middle = found["above"], found["below"], _HEIGHT / 2
    left, right = x(low if above is None else above), x(high if below is None else below)
    zone = tag("rect", x=left, y=2, width=f"{float(right) - float(left):.1f}", height=_HEIGHT - 4, class_="zone")
    edges = [tag("line", x1=x(b), x2=x(b), y1=0, y2=_HEIGHT, class_="bound") for b in (above, below) if b is not None]
    zero = [tag("line", x1=x(0), x2=x(0), y1=4, y2=_HEIGHT - 4, class_="zero")] if low < 0 < high else []
    bar = tag("line", x1=x(found["interval"][0]), x2=x(found["interval"][1]), y1=middle, y2=middle, class_="bar")
    dot = tag("circle", cx=x(found["effect"]), cy=middle, r=3.2)
    effect, *ends = score.estimate(found["effect"], found["interval"])
    told = f"{effect}, from {ends[0]} to {ends[1]}; asked: {score.bounds(found) or 'nothing'}"
    return tag("svg", zone, *zero, *edges, bar, dot, class_=f"plot {_kind(found)}", viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
               width=_WIDTH, height=_HEIGHT, role="img", aria_label=told)  # fmt: skip


def _kind(found: dict[str, Any]) -> str:
    """How a finding is coloured."""
    return {"holds": "yes", "open": "open"}.get(score.state(found), "no")
