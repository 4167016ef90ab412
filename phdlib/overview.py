"""The front door, ``notebooks/00_overview``: every claim as a coloured cell, and a map of the notebooks."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from phdlib import notebook, paths, publish, published, score
from phdlib.score import Run

COLOURS = {  # as in the report: a background, and what is legible on it
    "reproduced": ("#1c7566", "white"),
    "contradicted": ("#b4431c", "white"),
    "undecided": ("#d9b24c", "#2b2203"),
    "not testable here": ("#aab0b6", "#1e2328"),
    score.NOT_YET: ("#dcdad4", "#1e2328"),
}
_ACROSS = 15  # cells in a row


def strip(run: Run) -> Figure:
    """A cell per claim, by paper and number, coloured by its outcome."""
    rows = {paper: -(-len(published.claims(paper)) // _ACROSS) for paper in score.NAMES}
    fig, axes = plt.subplots(
        len(rows), figsize=(9, 0.55 * sum(rows.values()) + 1.6), height_ratios=list(rows.values()), layout="constrained"
    )
    for ax, (paper, count) in zip(axes, rows.items(), strict=True):
        for place, claim in enumerate(published.claims(paper)):
            row, column = divmod(place, _ACROSS)
            back, front = COLOURS[run.outcome(claim.id)]
            ax.add_patch(Rectangle((column + 0.04, row + 0.04), 0.92, 0.92, color=back, lw=0))
            number = claim.id.rpartition("C")[2]
            ax.text(column + 0.5, row + 0.52, number, ha="center", va="center", color=front, fontsize=8)
        ax.set(xlim=(0, _ACROSS), ylim=(count, 0))
        ax.set_title(f"{score.NAMES[paper]}: {score.in_words(run.counts(paper))}", loc="left", fontsize=10)
        ax.axis("off")
    found = [outcome for outcome, count in run.counts().items() if count]
    handles = [Rectangle((0, 0), 1, 1, color=COLOURS[outcome][0]) for outcome in found]
    fig.legend(handles, found, loc="outside lower left", ncols=len(found), frameon=False, fontsize=9)
    return fig


def headlines(run: Run) -> pd.DataFrame:
    """The headline claims with what was measured of them, by outcome."""
    rows = [
        {"id": id, "what the paper says": published.claim(id).claim, "outcome": outcome,
         "measured here, 95 %": score.evidence(run, id).partition(": ")[2]}
        for outcome, ids in score.headlines(run).items() for id in ids
    ]  # fmt: skip
    return pd.DataFrame(rows).set_index("id")


def map_of_notebooks(folder: Path = paths.NOTEBOOKS) -> str:
    """A markdown table of the other notebooks, in the order in which to read them: what each asks, what it makes, and
    how long that takes, by its own first lines."""
    rows = ["| notebook | what it is about | makes | time |", "| :--- | :--- | :--- | :--- |"]
    for source in notebook.sources(folder):
        name = notebook.name(source, folder)
        if name == notebook.FRONT_DOOR:
            continue
        text = " ".join(cell.source for cell in notebook.read_source(source).cells if cell.cell_type == "markdown")
        title = text.partition("\n")[0].removeprefix("# ")
        found = re.search(r"\*Time:\* (.+?)(?:[;(]|\.(?:\s|$)|, (?:once|if|nearly|where|two))", text, flags=re.DOTALL)
        time = re.sub(r"\s+", " ", found[1]).strip() if found else ""
        rows.append(f"| [{name}]({name}.ipynb) | {title} | {_short(notebook.shown_ids(source))} | {time} |")
    return "\n".join(rows)


def _short(ids: list[str]) -> str:
    """ "Tables 2, 3; Figure 8" for a list of ids of one paper."""
    said = []
    for kind in ("table", "figure"):
        found = {id.rpartition("-")[2] for id in ids if f"-{kind}-" in id}
        if numbers := sorted(found, key=publish.natural):
            said.append(f"{kind.capitalize()}{'s' * (len(numbers) > 1)} {', '.join(numbers)}")
    return "; ".join(said)
