"""The README's generated parts: filled from ``figures/``, never typed.

A part stands between ``<!-- generated: WHAT -->`` and ``<!-- end -->``; WHAT is ``figure ID``, ``table ID``,
``contents`` or ``claims``. ``python -m phdlib.readme`` fills them all, as a default run of the notebooks does.
"""

from __future__ import annotations

import re
from collections import Counter
from math import ceil
from pathlib import Path
from typing import Any

from phdlib import checks, paths, provenance, publish, published

README = paths.ROOT / "README.md"
_PART = re.compile(r"(<!-- generated: (.+?) -->\n)(.*?)(<!-- end -->)", flags=re.DOTALL)
_NOT_YET = "_Not made yet: run `./reproduce.sh`._"


def fill(text: str, figures: Path) -> str:
    """``text`` with every part made anew from the files in ``figures``; ``ValueError`` names an unknown part."""
    manifest = {entry["id"]: entry for entry in publish.read_entries(figures / "manifest.json")}
    claims = publish.read_entries(figures / "claims.json")

    def part(match: re.Match[str]) -> str:
        what, _, id = match[2].partition(" ")
        match what:
            case "figure":
                body = _figure(manifest[id]) if id in manifest else _NOT_YET
            case "table":
                body = (figures / f"{id}.md").read_text(encoding="utf-8").strip() if id in manifest else _NOT_YET
            case "contents":
                body = _contents(list(manifest.values()), figures) if manifest else _NOT_YET
            case "claims":
                body = _claims(claims) if claims else _NOT_YET
            case _:
                raise ValueError(f"README.md: no generated part is called {match[2]!r}")
        return f"{match[1]}{body}\n{match[4]}"

    return _PART.sub(part, text)


def update() -> None:
    """Write README.md anew. ``OSError`` if it cannot be written."""
    text = fill(README.read_text(encoding="utf-8"), paths.FIGURES)
    paths.write_atomically(README, lambda file: file.write_text(text, encoding="utf-8"))


def _figure(entry: dict[str, Any]) -> str:
    picture = next(name for name in entry["files"] if name.endswith(".png"))
    pages = [f" ([interactive](figures/{name}))" for name in entry["files"] if name.endswith(".html")]
    return f"![{entry['title']}](figures/{picture})\n\n*{entry['title']}{''.join(pages)}. {_source(entry)}*"


def _source(entry: dict[str, Any]) -> str:
    seeds = f"{len(entry['seeds'])} seeds" if len(entry["seeds"]) != 1 else "1 seed"
    return f"Profile {entry['profile']}, {entry['data']} data, {seeds}, revision {entry['revision']}"


def _contents(entries: list[dict[str, Any]], figures: Path) -> str:
    """A row per table and figure. Minutes are those of the runs behind it, from an empty cache."""
    seconds = provenance.read(figures / provenance.TIMINGS).get("outputs", {})
    rows = ["| | what it shows | made by | files | core minutes |", "| :--- | :--- | :--- | :--- | ---: |"]
    for entry in entries:
        files = ", ".join(f"[{Path(name).suffix[1:]}](figures/{name})" for name in entry["files"])
        source = f"[{entry['notebook'].removeprefix('notebooks/').removesuffix('.ipynb')}]({entry['notebook']})"
        minutes = ceil(seconds[entry["id"]] / 60) if entry["id"] in seconds else "–"
        rows.append(f"| {entry['id']} | {entry['title']} | {source} | {files} | {minutes} |")
    sources = "; ".join(sorted({_source(entry) for entry in entries}))
    return "\n".join([*rows, "", f"*{sources}. Minutes are of all trainings behind a row; rows share them.*"])


def _claims(entries: list[dict[str, Any]]) -> str:
    counts = Counter(entry["verdict"] for entry in entries)
    total = len(published.claims())
    rows = ["| claim | | measured | verdict |", "| :--- | :--- | :--- | :--- |"]
    for entry in entries:
        if entry["verdict"] == "not testable here":  # the reason stands in claims.json and in the notebook
            continue
        effect = "" if entry["effect"] is None else f"{entry['effect']:.3g} {entry['unit']}"
        if entry["interval"]:
            effect += " ({:.3g} to {:.3g})".format(*entry["interval"])
        rows.append(f"| {entry['id']} | {published.claim(entry['id']).claim} | {effect} | {entry['verdict']} |")
    score = ", ".join(f"{counts[verdict]} {verdict}" for verdict in checks.VERDICTS if counts[verdict])
    why = " Why those are not testable stands in figures/claims.json." if counts["not testable here"] else ""
    return "\n".join([f"Of the papers' {total} claims {len(entries)} are judged so far: {score}.{why}", "", *rows])


if __name__ == "__main__":
    update()
