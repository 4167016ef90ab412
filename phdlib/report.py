"""The report of a run: ``python -m phdlib.report`` writes ``report.html`` and ``report.md`` from the files in figures/.

Both say the same, the second in brief; nothing in them is typed but the words around the numbers.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from phdlib import paths, published, report_page, score, settings
from phdlib.score import Run

NAMES = ("report.html", "report.md")


def write(profile: str, data: str) -> None:
    """Write both files into the folder of a run. ``OSError`` if they cannot be written, ``ValueError`` names a file of
    the run that is broken."""
    runs = score.runs(profile, data)
    for name, text in zip(NAMES, (report_page.page(runs), brief(runs)), strict=True):
        paths.write_atomically(runs[0].folder / name, lambda file, text=text: file.write_text(text, encoding="utf-8"))


def brief(runs: Sequence[Run]) -> str:
    """report.md: the score, the headlines and a line per claim."""
    run = runs[0]
    parts = [
        f"# {report_page.TITLE}",
        score.in_brief(run, runs[1:]),
        "With all evidence, tables and figures: [report.html](report.html).",
        *(f"On {other.data} data: {score.in_words(other.counts())}." for other in runs[1:]),
        *(f"## {name}\n\n{_ledger(runs, paper)}" for paper, name in score.NAMES.items()),
    ]
    if run.beyond:
        parts.append("## Beyond the papers")
        parts += [f"**{e['title']}** {e['text']} *Limits:* {e['limits']}" for e in run.beyond]
    return "\n\n".join(parts) + "\n"


def _ledger(runs: Sequence[Run], paper: str) -> str:
    outcomes = [f"outcome, {run.data}" if len(runs) > 1 else "outcome" for run in runs]
    heads = ["claim", "", "measured", *outcomes, "made by"]
    rows = [heads, [":---"] * len(heads)]
    for claim in published.claims(paper):
        entry = runs[0].claims.get(claim.id)
        made = ""
        if entry:
            cell = runs[0].cell(claim.id, entry)
            made = f"[{cell}]({runs[0].link(cell, runs[0].folder)})"
        outcomes = [run.outcome(claim.id) for run in runs]
        rows.append([claim.id, claim.claim, score.measured(entry) if entry else "", *outcomes, made])
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)


def main(arguments: Sequence[str]) -> int:
    """Exit status: 0 written, 1 not, 2 wrong use."""
    parser = argparse.ArgumentParser(prog="python -m phdlib.report", description="Write the report of a run.")
    parser.add_argument("--profile", default=settings.current_profile(), help=", ".join(settings.PROFILES))
    parser.add_argument("--data", default=settings.current_data(), help=", ".join(settings.DATA_SOURCES))
    chosen = parser.parse_args(arguments)
    try:
        profile, data = settings.check_profile(chosen.profile), settings.check_data(chosen.data)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        write(profile, data)
    except (OSError, ValueError) as error:
        print(f"no report: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
