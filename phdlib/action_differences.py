"""Which of two models is better at which action: differences with intervals, where bars of equal height hide them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from phdlib.palette import style
from phdlib.statistics import Effect, bootstrap

Tables = Sequence[pd.DataFrame]  # of one model, by seed: rows of phdlib.evaluation.evaluate_lifter
AVERAGE = "Avg"


def per_action_differences(a: Tables, b: Tables, metric: str, draws: int = 2000) -> dict[str, Effect]:
    """``metric`` of ``a`` less that of ``b`` for every action, in the order of first appearance, and for their mean,
    "Avg"; intervals over seeds and takes (:func:`phdlib.statistics.bootstrap`). An action of one take has no spread but
    that of the seeds."""
    found = {}
    for action in [*a[0]["action"].unique(), AVERAGE]:
        models = [[t if action == AVERAGE else t[t["action"] == action] for t in tables] for tables in (a, b)]
        models = [[table.reset_index(drop=True) for table in tables] for tables in models]
        found[action] = bootstrap(models, metric, lambda x, y: x - y, np.random.default_rng(0), draws=draws)
    return found


def differences_figure(
    differences: Mapping[str, Mapping[str, Effect]], lone: Sequence[str], ylabel: str, less: str
) -> Figure:
    """For each model by name its difference from the model ``less``, action by action: a point and its 95 % interval;
    hollow where the action is ``lone``, of a single take, and the interval knows of seeds alone."""
    actions = list(next(iter(differences.values())))
    fig, ax = plt.subplots(figsize=(11, 3.2))
    for i, (name, effects) in enumerate(differences.items()):
        color = style(name)["color"]
        for x, action in enumerate(actions):
            at, (value, low, high) = x + 0.22 * (i - (len(differences) - 1) / 2), effects[action]
            ax.plot([at, at], [low, high], color=color, lw=1.4)
            face = "white" if action in lone else color
            ax.plot(at, value, "o", ms=5, mfc=face, mec=color, label=f"{name} less {less}" if not x else None)
    ax.axhline(0, color="0.4", lw=0.8, zorder=0)
    ax.axvline(len(actions) - 1.5, color="0.85", lw=0.8, zorder=0)
    ax.set_xticks(range(len(actions)), actions, rotation=35, ha="right", fontsize=8)
    ax.set_ylabel(ylabel)
    ax.legend(frameon=False, fontsize=8, ncols=len(differences))
    ax.spines[["top", "right"]].set_visible(False)
    fig.tight_layout()
    return fig
