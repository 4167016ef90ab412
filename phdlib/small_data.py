"""VP3D Table 4 beyond the plain evaluation: a cell per action and subject, and the video whose motion capture is
wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from phdlib.data import embedded
from phdlib.data.clip import Clip
from phdlib.data.humaneva_role import CELLS, CORRUPT, is_corrupt
from phdlib.statistics import Effect

CELL_NAMES = tuple(f"{action} {subject}" for action, cells in CELLS.items() for subject in cells)  # of the table's rows


def by_cell(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of :func:`phdlib.evaluation.evaluate_lifter` with "action subject" as their action, so that
    ``per_action`` and ``bootstrap`` take means of cells. Rows are sorted, so that models evaluated in parts line up."""
    cells = rows.assign(action=rows["action"] + " " + rows["subject"])
    return cells.sort_values(["action", "take", "camera"], ignore_index=True)


def as_seen(clips: Sequence[Clip]) -> list[Clip]:
    """Clips of the HumanEva role with corrupt motion capture, their 3D replaced by what the camera saw: the truth that
    a real file with a lost solver no longer holds. ``ValueError`` for a clip that is not corrupt."""
    if sound := [clip for clip in clips if not is_corrupt(clip.take)]:
        raise ValueError(f"clip {sound[0].name}: expected corrupt motion capture, found that of a sound clip")
    truth = {
        f"{performance.segment.take}@{performance.segment.start}#{CORRUPT}": performance
        for performance in embedded.performances("humaneva")
        if performance.segment.part == CORRUPT
    }
    seen = []
    for clip in clips:
        joints = clip.camera.to_camera(truth[clip.take].joints)
        theta = truth[clip.take].theta
        seen.append(replace(clip, theta=theta, joints3d=joints - joints[:, :1], trajectory=joints[:, 0]))
    return seen


def over_seeds(values: Sequence[float], rng: np.random.Generator, draws: int = 2000) -> Effect:
    """The mean of one value per seed, with its 95 % bootstrap interval over the seeds alone: for a comparison of one
    take, where there are no takes to draw. One seed has no spread, and an interval of no width."""
    drawn = rng.choice(np.asarray(values, dtype=float), size=(draws, len(values))).mean(1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Effect(float(np.mean(values)), float(low), float(high))
