"""Trained futures as curves: errors by horizon, and what the training saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from phdlib.future_evidence import ROLE
from phdlib.future_tables import Tables, average
from phdlib.palette import style
from phdlib.phd_experiments import StageResult

LABELS = {"h36m": "P-MPJPE, mm (lower is better)", "penn": "PCK at 0.05, % (higher is better)"}
TERMS = {"joints": "3D joints", "keypoints": "2D keypoints", "movie_strip": "L_movie strip"}  # of the loss
DATA = {"human36m": "Human3.6M role", "penn": "Penn role", "instavariety": "InstaVariety role"}


def error_by_horizon(roles: Mapping[str, Mapping[str, Tables]], reading: str = "frame", ceiling: float = 2.0) -> Figure:
    """Mean by horizon of several models, a panel per role; thin lines are seeds where there are several.

    In mm, the axis ends at ``ceiling`` times what the best row has at its end; rows beyond are cut off, and said so.
    """
    fig, axes = plt.subplots(1, len(roles), figsize=(5.2 * len(roles), 3.6), squeeze=False)
    for ax, (role, methods) in zip(axes[0], roles.items(), strict=True):
        means = {name: average(tables, reading) for name, tables in methods.items()}
        for name, tables in methods.items():
            for table in tables if len(tables) > 1 else []:
                ax.plot(average([table], reading), lw=0.6, alpha=0.5, **style(name))
            ax.plot(means[name], marker="o", ms=3, label=name, **style(name))
        if role == "h36m":
            top = ceiling * min(mean.iloc[-1] for mean in means.values())
            over = [name for name, mean in means.items() if mean.max() > top]
            ax.set_ylim(0, top if over else None)
            if over:
                ends = "; ".join(f"{name}: {means[name].iloc[-1]:.0f}" for name in over)
                ax.text(1, 1, f"beyond the axis at the end: {ends}", fontsize=7, ha="right", transform=ax.transAxes)
        ax.set_title(ROLE[role], fontsize=9, loc="left")
        ax.set_xlabel("frames ahead, at 25 Hz")
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
        for name, of_model in results.items():
            for seed, result in enumerate(of_model):
                if term in result.losses:
                    values = result.losses[term]
                    ax.plot(range(1, len(values) + 1), values, lw=1, label=None if seed else name, **style(name))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        data, _, loss = term.partition(" ")
        ax.set_title(f"{DATA.get(data, data)}: {TERMS.get(loss, loss)}", fontsize=9)
        ax.set_xlabel("epoch", fontsize=8)
        ax.set_ylim(bottom=0)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0, 0].set_ylabel("term of the loss, unweighted", fontsize=8)
    axes[0, 0].legend(frameon=False, fontsize=7)
    fig.tight_layout()
    return fig
