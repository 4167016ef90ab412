"""How the nearest neighbour succeeds and fails, window by window (PHD Figures 9 and 10, C39).

The paper shows one case each: a walk whose neighbour fits well and then drifts off, a pitch whose neighbour is too
fast, a clean whose neighbour fits throughout. Here each is a rule on the evaluated rows, so that cases can be counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from phdlib.futures import HORIZONS
from phdlib.statistics import Effect, bootstrap

MODES = {
    "drift": "the error at frame 1 is in the better half, grows from each horizon to the next, and has doubled at 30",
    "wrong speed": "over 30 frames it moves more than 1.5 times as fast as the truth, or as slow, and DTW improves it",
    "good fit": "its speed is within that factor, and over 30 frames it is nearer than the frozen pose",
}
FACTOR = 1.5


def modes(table: pd.DataFrame, still: pd.DataFrame, higher_is_better: bool) -> pd.DataFrame:
    """One row per window of rows of the nearest neighbour (one seed): ``take``, ``action``, ``window``, the ``ratio``
    of its speed to the true one, and whether each of :data:`MODES` holds. ``still``: rows of Constant on the same
    windows. For PCK, which falls, an error is what is missing to 100."""
    if not table["window"].equals(still["window"]):
        raise ValueError(f"modes: {table['window'].nunique()} windows, and {still['window'].nunique()} of Constant")
    wide = {name: table.pivot(index="window", columns="horizon", values=name) for name in ("frame", "mean", "mean_dtw")}
    first, last = HORIZONS[0], HORIZONS[-1]
    error = {name: (100 - values if higher_is_better else values) for name, values in wide.items()}
    rows = table[table["horizon"] == last].set_index("window")
    found = rows[["take", "action"]].copy()
    found["ratio"] = rows["speed"] / rows["true_speed"].where(rows["true_speed"] > 0)
    frames = error["frame"]
    grows = np.logical_and.reduce([frames[b] > frames[a] for a, b in pairwise(HORIZONS)])
    found["drift"] = (frames[first] <= frames[first].median()) & grows & (frames[last] >= 2 * frames[first])
    in_time = found["ratio"].between(1 / FACTOR, FACTOR)
    found["wrong speed"] = ~in_time & found["ratio"].notna() & (error["mean_dtw"][last] < error["mean"][last])
    frozen = still[still["horizon"] == last].set_index("window")["mean"]
    found["good fit"] = in_time & (error["mean"][last] < (100 - frozen if higher_is_better else frozen))
    return found.reset_index()


def shares(by_seed: Sequence[pd.DataFrame], mode: str, rng: np.random.Generator, draws: int = 1000) -> Effect:
    """Percent of the windows in a mode, with its interval over takes and seeds. ``by_seed``: :func:`modes` of each."""
    if mode not in MODES:
        raise ValueError(f"no mode {mode!r}; there are {', '.join(MODES)}")
    tables = [
        pd.DataFrame({"take": found["take"], "action": "All", "frames": 1, "value": 100.0 * found[mode]})
        for found in by_seed
    ]
    return bootstrap([tables], "value", lambda share: share, rng, draws=draws)
