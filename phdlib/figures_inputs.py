"""Pictures of what goes into a lifter, and of what that does to its error (VP3D Tables 3 and 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from phdlib.data.humaneva_role import CORRUPT, dropouts
from phdlib.data.motion import FPS
from phdlib.data.split import Segment
from phdlib.figures import LEFT, MIDDLE, RIGHT
from phdlib.palette import BLUE

PART_COLORS = {"train": "#999999", "test": LEFT, CORRUPT: RIGHT}


def error_against_input(pixels: Mapping[str, float], errors: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """3D error in mm against 2D error in pixels: a line per metric through the means of the named levels, a mark
    per seed. ``pixels`` has one number per level, ``errors`` one per metric, level and seed."""
    fig, ax = plt.subplots(figsize=(6, 3.4))
    for (metric, of_levels), mark, line in zip(errors.items(), "os", ("-", "--"), strict=False):
        means = [np.mean(values) for values in of_levels.values()]
        ax.plot([pixels[level] for level in of_levels], means, line, color=BLUE, lw=1)
        for level, values in of_levels.items():
            ax.plot([pixels[level]] * len(values), values, mark, ms=4, alpha=0.7, color=BLUE,
                    label=None if level != next(iter(of_levels)) else metric)  # fmt: skip
    for level, x in pixels.items():
        ax.axvline(x, color="0.9", lw=0.8, zorder=0)
        ax.annotate(level, (x, 1.0), xycoords=("data", "axes fraction"), ha="center", va="bottom", fontsize=8)
    ax.set_ylim(0, 1.05 * ax.get_ylim()[1])
    ax.set_xlabel("mean 2D error of the keypoints, px")
    ax.set_ylabel("3D error, mm")
    ax.legend(frameon=False, fontsize=8, loc="lower right")
    ax.spines[["top", "right"]].set_visible(False)
    fig.tight_layout()
    return fig


def chunk_timeline(segments: Sequence[Segment]) -> Figure:
    """One line per take of the HumanEva role: its chunks in training, in test and with wrong motion capture, and the
    moments at which motion capture is lost. What is left out between training and test of one take is hatched."""
    takes = list(dict.fromkeys((s.action, s.subject, s.take) for s in segments))
    fig, ax = plt.subplots(figsize=(11, 0.2 * len(takes) + 1.2))
    for y, (_, _, take) in enumerate(takes):
        own = sorted((s for s in segments if s.take == take), key=lambda s: s.start)
        for segment in own:
            ax.barh(y, len(segment) / FPS, left=segment.start / FPS, height=0.62, color=PART_COLORS[segment.part])
        for start, stop in dropouts(take, own[-1].stop):
            ax.barh(y, (stop - start) / FPS, left=start / FPS, height=0.9, color="black")
        trained, tested = ([s for s in own if s.part == part] for part in ("train", "test"))
        if trained and tested:
            left, right = trained[-1].stop / FPS, tested[0].start / FPS
            ax.barh(y, right - left, left=left, height=0.62, color="none", edgecolor="0.7", hatch="////", lw=0,
                    zorder=0)  # fmt: skip
    ax.set_yticks(
        range(len(takes)), [f"{action} {subject}, take {take}" for action, subject, take in takes], fontsize=7
    )
    ax.invert_yaxis()
    ax.set_xlabel("time in the take, s")
    names = {"train": "training", "test": "test", CORRUPT: "test, motion capture wrong"}
    handles = [Patch(color=PART_COLORS[part], label=name) for part, name in names.items()]
    handles += [Patch(color="black", label="motion capture lost"),
                Patch(fc="none", ec="0.7", hatch="////", lw=0, label="left out between training and test")]  # fmt: skip
    ax.legend(handles=handles, frameon=False, fontsize=8, loc="lower right")
    ax.spines[["top", "right"]].set_visible(False)
    fig.tight_layout()
    return fig


def error_over_time(
    curves: Mapping[str, Sequence[tuple[np.ndarray, np.ndarray]]], wrong: tuple[float, float], ylabel: str
) -> Figure:
    """Errors along one take. Each named curve is made of stretches (seconds (T,), errors (T,)); ``wrong`` is the
    stretch of time with wrong motion capture."""
    fig, ax = plt.subplots(figsize=(8, 2.8))
    ax.axvspan(*wrong, color=RIGHT, alpha=0.12, lw=0, label="motion capture wrong")
    for (name, stretches), color in zip(curves.items(), (MIDDLE, BLUE), strict=False):
        for i, (time, error) in enumerate(stretches):
            ax.plot(time, error, color=color, lw=1.2, label=None if i else name)
    ax.set_ylim(0, 1.05 * ax.get_ylim()[1])
    ax.set_xlabel("time in the take, s")
    ax.set_ylabel(ylabel)
    ax.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    ax.spines[["top", "right"]].set_visible(False)
    fig.tight_layout()
    return fig
