"""Figures as a notebook shows them: the picture, and below it a line that says what it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NAMES = {"phd": "PHD", "videopose3d": "VP3D", "wild": "Real video,"}


def label(id: str) -> str:
    """An id in words: "PHD Figure 8" for "phd-figure-8"."""
    paper, kind, number = id.split("-", 2)
    return f"{_NAMES.get(paper, paper.capitalize())} {kind.capitalize()} {number}"


def in_notebook() -> bool:
    """Whether this code runs in a notebook's cell."""
    from IPython import get_ipython

    return get_ipython() is not None


def show(fig: Figure, caption: str) -> None:
    """Display a figure with its caption below. Outside of a notebook nothing happens.

    The figure is closed, or the notebook would show it a second time at the end of the cell.
    """
    if not in_notebook():
        return
    from IPython.display import Markdown, display
    from matplotlib import pyplot as plt

    display(fig)
    display(Markdown(f"*{sentence(caption)}*"))
    plt.close(fig)


def sentence(text: str) -> str:
    """``text`` on one line with a full stop, and without asterisks, since a caption stands in italics."""
    text = re.sub(r"\s+", " ", text.replace("*", "")).strip()
    return text if text.endswith((".", "?", "!")) else f"{text}."
