"""Which windows and actions a figure shows: rules, so that nothing is picked by eye."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from torch import Tensor

from phdlib.data.clip import Clip
from phdlib.future_tables import Tables

LAGS = (8, 40)  # a repetition is looked for up to 40 frames at 25 Hz, 1.6 s, and 8 frames have to be left to compare
DIP = 0.1


class Example(NamedTuple):
    """A window by number, its value, and its place among the ``count`` that it was chosen from, 1 the least value."""

    window: int
    value: float
    place: int
    count: int


def window_values(tables: Tables, horizon: int = 30, reading: str = "mean", *, action: str | None = None) -> pd.Series:
    """A reading at a horizon by window, averaged over seeds; those without a value are left out. ``ValueError`` if
    nothing is left."""
    rows = pd.concat(tables)
    rows = rows[(rows["horizon"] == horizon) & ((rows["action"] == action) if action else True)]
    values = rows.groupby("window")[reading].mean().dropna()
    if values.empty:
        raise ValueError(f"no window has a value of {reading!r} at horizon {horizon}, action {action or 'any'}")
    return values


def median_window(
    tables: Tables,
    horizon: int = 30,
    reading: str = "mean",
    *,
    action: str | None = None,
    allowed: Sequence[bool] | np.ndarray | None = None,
) -> Example:
    """The window whose value is the median of all, of two middle ones the lower, of equals the first.

    ``tables`` are those of one model, by seed. ``allowed``: by window number, which may be shown at all (those whose
    clip goes on for long enough, say); by default all.
    """
    values = window_values(tables, horizon, reading, action=action)
    if allowed is not None:
        values = values[np.asarray(allowed, dtype=bool)[values.index]]
    if values.empty:
        raise ValueError(f"no window of action {action or 'any'} is allowed")
    order = values.sort_values(kind="stable")
    place = (len(order) - 1) // 2
    return Example(int(order.index[place]), float(order.iloc[place]), place + 1, len(order))


def by_difficulty(
    tables: Tables, horizon: int = 30, reading: str = "mean", higher_is_better: bool = False
) -> pd.Series:
    """Mean of a reading by action, the easiest first. Of the rows of Constant: how little is moving, as no trained
    predictor is asked."""
    rows = pd.concat(tables)
    rows = rows[rows["horizon"] == horizon]
    return rows.groupby("action")[reading].mean().dropna().sort_values(ascending=not higher_is_better, kind="stable")


def periodicity(joints: Tensor, lags: tuple[int, int] = LAGS) -> float:
    """How much of a motion (T, J, 3) comes again: the highest autocorrelation of the pose that lies above an earlier
    one, at a shorter lag, by :data:`DIP` or more.

    Near 1 for steady walking; 0 where the correlation only ever falls within ``lags`` frames, as for a motion that goes
    on one way, or where the clip is too short to tell. Each lag is of the frames that it leaves, centred.
    """
    poses = (joints - joints[:, :1]).flatten(1).double()
    curve = []
    for lag in range(1, min(lags[1], len(poses) - lags[0]) + 1):
        a, b = poses[:-lag], poses[lag:]
        a, b = a - a.mean(0), b - b.mean(0)
        curve.append(float((a * b).sum() / (a.norm() * b.norm()).clamp(min=1e-12)))
    found = np.array(curve)
    again = found[found - np.minimum.accumulate(found) >= DIP] if len(found) else found
    return float(max(again.max(), 0.0)) if len(again) else 0.0


def periodicities(clips: Sequence[Clip], shown: Sequence[int] | None = None) -> pd.Series:
    """:func:`periodicity` by action, the highest first: the mean over its clips, or, where ``shown`` gives the clip of
    each window by number, over its windows, in which long clips weigh more."""
    rows = pd.DataFrame(
        {"action": [clip.action for clip in clips], "value": [periodicity(clip.joints3d) for clip in clips]}
    )
    rows = rows if shown is None else rows.iloc[list(shown)]
    return rows.groupby("action")["value"].mean().sort_values(ascending=False, kind="stable")
