"""Trained futures as curves: errors by horizon, and what the training saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from phdlib.future_tables import Tables, average
from phdlib.phd_experiments import StageResult

LABELS = {"h36m": "P-MPJPE, mm (lower is better)", "penn": "PCK at 0.05, % (higher is better)"}
COLORS = ("#0072B2", "#CC79A7", "#D55E00", "#56B4E9", "#E69F00", "#999999", "#009E73")


def error_by_horizon(roles: Mapping[str, Mapping[str, Tables]], reading: str = "frame", ceiling: float = 2.0) -> Figure:
    """Mean by horizon of several models, a panel per role; thin lines are seeds where there are several.

    In mm, the axis ends at ``ceiling`` times what the best row has at its end; rows beyond are cut off, and said so.
    """
    fig, axes = plt.subplots(1, len(roles), figsize=(5.2 * len(roles), 3.6), squeeze=False)
    for ax, (role, methods) in zip(axes[0], roles.items(), strict=True):
        means = {name: average(tables, reading) for name, tables in methods.items()}
        for (name, tables), color in zip(methods.items(), COLORS * len(methods), strict=False):
            for table in tables if len(tables) > 1 else []:
                ax.plot(average([table], reading), color=color, lw=0.6, alpha=0.5)
            ax.plot(means[name], color=color, marker="o", ms=3, label=name)
        if role == "h36m":
            top = ceiling * min(mean.iloc[-1] for mean in means.values())
            over = [name for name, mean in means.items() if mean.max() > top]
            ax.set_ylim(0, top if over else None)
            if over:
                ends = "; ".join(f"{name}: {means[name].iloc[-1]:.0f}" for name in over)
                ax.set_title(f"beyond the axis at the end: {ends}", fontsize=7)
        ax.set_xlabel(f"frames ahead, at 25 Hz ({role})")
        ax.set_ylabel(LABELS[role])
        ax.spines[["top", "right"]].set_visible(False)
    axes[0, 0].legend(frameon=False, fontsize=7)
    fig.tight_layout()
    return fig


def training_terms(results: Mapping[str, Sequence[StageResult]], terms: Sequence[str]) -> Figure:
    """Terms of the loss by epoch, without weights, a panel per term, a line per seed; a model that lacks a term has no
    line there."""
    fig, axes = plt.subplots(1, len(terms), figsize=(3.6 * len(terms), 2.8), squeeze=False)
    for ax, term in zip(axes[0], terms, strict=True):
        for (name, of_model), color in zip(results.items(), COLORS, strict=False):
            for seed, result in enumerate(of_model):
                if term in result.losses:
                    values = result.losses[term]
                    ax.plot(range(1, len(values) + 1), values, color=color, lw=1, label=name if seed == 0 else None)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        ax.set_title(term, fontsize=9)
        ax.set_xlabel("epoch", fontsize=8)
        ax.set_ylim(bottom=0)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0, 0].legend(frameon=False, fontsize=7)
    fig.tight_layout()
    return fig
