"""The README's generated parts: filled from ``figures/``, never typed.

A part stands between ``<!-- generated: WHAT -->`` and ``<!-- end -->``; WHAT is ``figure ID``, ``table ID``,
``contents``, ``score`` or ``claims``. ``python -m phdlib.readme`` fills them all, as a default run of the notebooks
does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Any

from phdlib import checks, paths, provenance, publish, published, score, settings

README = paths.ROOT / "README.md"
_PART = re.compile(r"(<!-- generated: (.+?) -->\n)(.*?)(<!-- end -->)", flags=re.DOTALL)
_NOT_YET = "_Not made yet: run `./reproduce.sh`._"


def fill(text: str, figures: Path) -> str:
    """``text`` with every part made anew from the files in ``figures``; ``ValueError`` names an unknown part."""
    manifest = {entry["id"]: entry for entry in publish.read_entries(figures / "manifest.json")}
    claims = publish.read_claims(figures / "claims.json")
    run = score.read_folder(figures, settings.DEFAULT_PROFILE, settings.DEFAULT_DATA)
    others = _others(figures)

    def part(match: re.Match[str]) -> str:
        what, _, id = match[2].partition(" ")
        match what:
            case "figure":
                body = _figure(manifest[id]) if id in manifest else _NOT_YET
            case "table":
                body = (figures / f"{id}.md").read_text(encoding="utf-8").strip() if id in manifest else _NOT_YET
            case "contents":
                body = _contents(list(manifest.values()), figures) if manifest else _NOT_YET
            case "score":
                body = "\n\n".join([score.in_brief(run, others), *_elsewhere(others)]) if claims else _NOT_YET
            case "claims":
                body = f"{score.sentence(run)}{_claims(claims)}" if claims else _NOT_YET
            case _:
                raise ValueError(f"README.md: no generated part is called {match[2]!r}")
        return f"{match[1]}{body}\n{match[4]}"

    return _PART.sub(part, text)


def update() -> None:
    """Write README.md anew. ``OSError`` if it cannot be written."""
    text = fill(README.read_text(encoding="utf-8"), paths.FIGURES)
    paths.write_atomically(README, lambda file: file.write_text(text, encoding="utf-8"))


def _others(figures: Path) -> list[score.Run]:
    """Runs on other data that lie beside."""
    names = [name for name in settings.DATA_SOURCES if name != settings.DEFAULT_DATA]
    runs = [score.read_folder(figures / name, settings.DEFAULT_PROFILE, name) for name in names]
    return [run for run in runs if run.claims]


def _elsewhere(runs: Sequence[score.Run]) -> list[str]:
    """A line for each of them."""
    return [
        f"On {score.DATA[run.data]} (`--data {run.data}`): {score.in_words(run.counts())}; "
        f"[its own report](figures/{run.data}/report.html)."
        for run in runs
    ]


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
        # The table or figure itself before its parts, which are called by their names.
        own = sorted(entry["files"], key=lambda name, id=entry["id"]: (Path(name).stem != id, name))
        files = ", ".join(f"[{name.removeprefix(entry['id']).lstrip('.-')}](figures/{name})" for name in own)
        source = f"[{entry['notebook'].removeprefix('notebooks/').removesuffix('.ipynb')}]({entry['notebook']})"
        minutes = ceil(seconds[entry["id"]] / 60) if entry["id"] in seconds else "–"
        rows.append(f"| {entry['id']} | {entry['title']} | {source} | {files} | {minutes} |")
    sources = "; ".join(sorted({_source(entry) for entry in entries}))
    return "\n".join([*rows, "", f"*{sources}. Minutes are of all trainings behind a row; rows share them.*"])


def _claims(entries: Sequence[publish.Claim]) -> str:
    """A table per outcome, a line per claim. Of several comparisons the one nearest to failing."""
    parts, groups = [""], {o: [e for e in entries if e.outcome == o] for o in checks.OUTCOMES}
    for outcome, group in groups.items():
        if not group:
            continue
        untested = outcome == "not testable here"
        head = "| | claim | why | where |" if untested else "| | claim | measured (95 %) | asked | where |"
        parts += ["", f"**{outcome.capitalize()}**: {checks.MEANING[outcome]}.", ""]
        parts += [head, "| :--- | :--- | :--- | :--- |" if untested else "| :--- | :--- | :--- | :--- | :--- |"]
        parts += [f"| {' | '.join(_line(entry))} |" for entry in group]
    return "\n".join(parts)


def _line(entry: publish.Claim) -> list[str]:
    where = f"[{entry.notebook.removeprefix('notebooks/').removesuffix('.ipynb')}]({entry.notebook})"
    claim = [entry.id, published.claim(entry.id).claim]
    shown = entry.shown()
    if shown is None:
        return [*claim, entry.note, where]
    number = "–" if shown.effect is None else f"{shown.effect:.3g} {shown.unit}"
    if shown.interval:
        number += " ({:.3g} to {:.3g})".format(*shown.interval)
    bound, holding = shown.tested()[0], sum(found.holds for found in entry.findings)
    of_several = f"; {holding} of {len(entry.findings)} hold" if len(entry.findings) > 1 else ""
    return [*claim, number, f"{bound}{of_several}", where]


if __name__ == "__main__":
    update()
