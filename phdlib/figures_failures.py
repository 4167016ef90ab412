"""Failures to look at (PHD Figures 13 to 16): strips of bodies, and the relations that they are examples of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from phdlib.data.clip import Clip
from phdlib.data.phd_role import CONDITIONING
from phdlib.failures import MEASURES, TRAINED
from phdlib.feature_experiments import FeatureExperiment
from phdlib.figures import RIGHT
from phdlib.figures_meshes import ImageRow, MeshRow, mesh_strip
from phdlib.long_rollouts import METHODS, SEEN_AT, LongRollouts
from phdlib.palette import BLUE, TRUTH
from phdlib.palette import METHODS as COLOURS
from phdlib.phd_model import PHD
from phdlib.rollouts import Scene, rollout, row_label

AHEAD = (-14, -7, 0, 1, 5, 10, 15, 20, 25)  # frames ahead of the last one seen
_LABELS = MEASURES | {"view": "how unusual the torso's direction is, degrees"}
FAR = (-7, 0, 5, 10, 20, 25, 30, 35, 40, 50, 60)


def failure_strip(
    scene: Scene, model: PHD, clip: Clip, features: FeatureExperiment, ahead: Sequence[int] = AHEAD, title: str = ""
) -> Figure:
    """As the paper's: the views, framed where they are given to the model; its bodies, yellow where read and blue where
    predicted, from the camera and from the side; below, for reference, the true ones. ``clip``: the scene's, with phi.
    """
    found = rollout(model, clip, scene.start, max(ahead))
    index = found.at(ahead)
    roles = ["conditioning" if frame <= 0 else "latent" for frame in ahead]
    body = MeshRow("read and\npredicted", found.theta[index], found.beta[index], roles)
    truth = MeshRow("truth", *scene.truth(ahead), role="truth")
    rows = [
        ImageRow(row_label(features), scene.crops(ahead, features, 80), seen=sum(frame <= 0 for frame in ahead)),
        body, body.from_side(), truth, truth.from_side(),
    ]  # fmt: skip
    return mesh_strip(rows, [f"{frame:+d}" if frame else "0" for frame in ahead], title=title, size=96)


def scatter(pairs: Mapping[str, tuple[pd.DataFrame, str, str, int | None]], same: bool = False) -> Figure:
    """A panel per relation: a table of windows, the columns on x and y, and the window that is shown as a strip.
    ``same``: one scale of y for all."""
    fig, axes = plt.subplots(1, len(pairs), figsize=(3.6 * len(pairs), 3.2), squeeze=False, sharey=same)
    for ax, (title, (table, x, y, case)) in zip(axes[0], pairs.items(), strict=True):
        ax.plot(table[x], table[y], ".", ms=3, color=BLUE, alpha=0.5)
        if case is not None:
            ax.plot(table.loc[case, x], table.loc[case, y], "o", ms=10, mfc="none", mec=RIGHT, mew=1.8)
        ax.set_xlabel(_LABELS.get(x, x), fontsize=7.5)
        ax.set_ylabel(_LABELS.get(y, y), fontsize=7.5)
        ax.set_title(title, fontsize=9)
    highest = axes[0, 0].get_ylim()[1]
    for ax in axes[0]:
        _plain(ax, highest if same else None)
    fig.tight_layout(rect=(0, 0.02, 1, 1))
    return fig


def drift(roles: Mapping[str, Sequence[LongRollouts]]) -> Figure:
    """For each role by name, above the error against the frame ahead (a thin line per seed, their mean thick), below
    how far the poses, predicted and true, are from the nearest one of training."""
    fig, axes = plt.subplots(2, len(roles), figsize=(4.6 * len(roles), 5.0), squeeze=False, sharex=True)
    for column, (name, seeds) in enumerate(roles.items()):
        above, below = axes[:, column]
        for method, colour in zip(METHODS, (BLUE, COLOURS["Constant"]), strict=True):
            each = [rollouts.errors[method].mean(axis=0) for rollouts in seeds]
            _lines(above, np.arange(1, len(each[0]) + 1), each, colour, method)
        for what, colour in (("predicted", BLUE), ("true", TRUTH)):
            each = [rollouts.strange[what].mean(axis=0) for rollouts in seeds]
            _lines(below, np.array(SEEN_AT[: len(each[0])]), each, colour, what)
        above.set_title(f"{name}: {len(seeds[0].about)} windows", fontsize=9)
        for ax in (above, below):
            for frame in (TRAINED, 35):
                ax.axvline(frame, color="0.5", lw=0.8, ls=":")
            ax.legend(frameon=False, fontsize=7.5)
            _plain(ax)
        below.set_xlabel("frames ahead (dotted: 25, where training ended, and 35)", fontsize=8)
    axes[0, 0].set_ylabel("P-MPJPE, mm", fontsize=8)
    axes[1, 0].set_ylabel("to the nearest training pose, mm", fontsize=8)
    fig.tight_layout(rect=(0, 0.02, 1, 1))
    return fig


def _lines(ax: Axes, x: np.ndarray, each: Sequence[np.ndarray], colour: str, label: str) -> None:
    for own in each if len(each) > 1 else []:
        ax.plot(x, own, color=colour, lw=0.7, alpha=0.5)
    ax.plot(x, np.mean(each, axis=0), color=colour, lw=1.8, label=label)


def _plain(ax: Axes, highest: float | None = None) -> None:
    ax.tick_params(labelsize=7.5)
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_ylim(0, highest or 1.04 * ax.get_ylim()[1])


def shown(role: str, table: pd.DataFrame, window: int) -> Scene:
    """The scene of a row of a table with the columns ``clip`` and ``start``."""
    return Scene(role, int(table.loc[window, "clip"]), int(table.loc[window, "start"]), CONDITIONING)
