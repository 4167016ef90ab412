"""What an error depends on: a property of windows against how well they are predicted, with an interval over takes.

A table of :mod:`phdlib.futures` has one row per window and horizon; here a value per window and seed is set against a
property per window, such as how fast the person moves. Windows of one take are alike, so takes are what is drawn,
whole, and seeds. Where the windows of an action come from one take, as most do here, an interval over takes is also one
over actions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from phdlib.future_tables import Tables
from phdlib.statistics import Effect

LEAST_TAKES = 3  # an interval over fewer says nothing about other takes


class TooFewError(ValueError):
    """The data has too little of what is asked about to answer; the message says of what."""


def too_few(takes: Iterable[str]) -> str:
    """Why these takes ("name@start" by name) are too few to draw an interval from; empty where they are not."""
    number = len(set(_names(list(takes))))
    if not number:
        return "no such windows"
    words = f"{number} take{'s' * (number > 1)}, fewer than the {LEAST_TAKES} that an interval over takes needs"
    return words if number < LEAST_TAKES else ""


def per_window(tables: Tables, reading: str, horizon: int) -> np.ndarray:
    """A reading at a horizon, (seeds, windows) in the order of the windows."""
    found = [table.loc[table["horizon"] == horizon, reading].to_numpy(dtype=float) for table in tables]
    if len({len(values) for values in found}) != 1 or not len(found[0]):
        raise ValueError(
            f"{reading} at {horizon}: expected tables of the same windows, found {[len(v) for v in found]}"
        )
    return np.stack(found)


def windows(tables: Tables) -> pd.DataFrame:
    """What is known of each window, in their order: ``take``, ``action``, ``camera``, ``start``, ``subject``."""
    first = tables[0]
    rows = first[first["horizon"] == first["horizon"].iloc[0]].sort_values("window")
    return rows[["take", "action", "camera", "start", "subject"]].reset_index(drop=True)


def correlation(
    values: np.ndarray,
    of: np.ndarray,
    takes: Sequence[str],
    rng: np.random.Generator,
    *,
    within: Sequence[object] | None = None,
    draws: int = 1000,
) -> Effect:
    """Spearman's rank correlation between ``of`` (windows,) and ``values`` (seeds, windows), averaged over seeds.

    ``within``: a label per window; both sides are then taken relative to their mean over the windows of equal label, so
    that only differences inside such a group count (the views of one motion, say). Windows without a value or property
    (NaN) are left out. Takes ("name@start" by name) and seeds are drawn anew. :class:`TooFewError` where one of the two
    is the same in all windows; in a single draw such a correlation is 0.
    """
    values, of, takes = np.atleast_2d(values), np.asarray(of, dtype=float), _names(takes)
    kept = _check(values, of, takes) & np.isfinite(of)
    values, of, takes = values[:, kept], of[kept], takes[kept]
    if within is not None:
        group = pd.factorize(np.asarray(within, dtype=object)[kept])[0]
        values, of = np.stack([_centred(v, group) for v in values]), _centred(of, group)

    if not (np.ptp(values.mean(0)) > 0 and np.ptp(of) > 0):
        raise TooFewError("one of the two is the same in all windows, so that there is no correlation")

    def spearman(seeds: np.ndarray, picked: np.ndarray) -> float:
        return _spearman(values[np.ix_(seeds, picked)].mean(0), of[picked])

    return _effect(spearman, len(values), [np.flatnonzero(takes == take) for take in pd.unique(takes)], rng, draws)


def mean(values: np.ndarray, takes: Sequence[str], rng: np.random.Generator, draws: int = 1000) -> Effect:
    """Mean of ``values`` (seeds, windows); windows without a value are left out."""
    values, takes = np.atleast_2d(values), _names(takes)
    kept = _check(values, takes, takes)
    values, takes = values[:, kept], takes[kept]
    groups = [np.flatnonzero(takes == take) for take in pd.unique(takes)]
    return _effect(lambda seeds, picked: float(values[np.ix_(seeds, picked)].mean()), len(values), groups, rng, draws)


def contrast(
    values: np.ndarray, group: np.ndarray, takes: Sequence[str], rng: np.random.Generator, draws: int = 1000
) -> Effect:
    """Mean of ``values`` (seeds, windows) where ``group`` (windows,) is true, less the mean where it is false.

    Takes are drawn within each of the two groups; a take with windows in both counts as one in each. Windows without a
    value are left out. :class:`TooFewError` if one group has no windows.
    """
    values, group, takes = np.atleast_2d(values), np.asarray(group, dtype=bool), _names(takes)
    kept = _check(values, group, takes)
    sides = [np.flatnonzero(kept & (group == side)) for side in (True, False)]
    if not all(map(len, sides)):
        raise TooFewError(f"{len(sides[0])} such windows and {len(sides[1])} others; both need some")
    by_take = [[side[takes[side] == take] for take in pd.unique(takes[side])] for side in sides]

    def difference(seeds: np.ndarray, picked: Sequence[np.ndarray]) -> float:
        inside, outside = (values[np.ix_(seeds, side)].mean() for side in picked)
        return float(inside - outside)

    drawn = []
    for _ in range(draws):
        seeds = rng.integers(len(values), size=len(values))
        picked = [np.concatenate([g[i] for i in rng.integers(len(g), size=len(g))]) for g in by_take]
        drawn.append(difference(seeds, picked))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Effect(difference(np.arange(len(values)), sides), float(low), float(high))


def _effect(
    statistic: Callable[[np.ndarray, np.ndarray], float], seeds: int, takes: Sequence[np.ndarray],
    rng: np.random.Generator, draws: int,
) -> Effect:  # fmt: skip
    def anew() -> Iterator[float]:
        for _ in range(draws):
            drawn = rng.integers(seeds, size=seeds)
            yield statistic(drawn, np.concatenate([takes[i] for i in rng.integers(len(takes), size=len(takes))]))

    low, high = np.quantile(list(anew()), [0.025, 0.975])
    return Effect(statistic(np.arange(seeds), np.concatenate(takes)), float(low), float(high))


def _spearman(x: np.ndarray, y: np.ndarray) -> float:
    x, y = rankdata(x), rankdata(y)
    x, y = x - x.mean(), y - y.mean()
    power = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / power if power > 0 else 0.0


def _centred(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    means = np.bincount(group, values) / np.bincount(group)
    return values - means[group]


def _names(takes: Sequence[str]) -> np.ndarray:
    return np.array([str(take).split("@")[0] for take in takes], dtype=object)


def _check(values: np.ndarray, of: np.ndarray, takes: np.ndarray) -> np.ndarray:
    """Which windows have a value under every seed. :class:`TooFewError` if none has."""
    if values.ndim != 2 or not values.shape[1] == len(of) == len(takes):
        raise ValueError(
            f"expected values (seeds, windows), a property and a take per window, found {values.shape}, {len(of)} and "
            f"{len(takes)}"
        )
    kept = np.isfinite(values).all(0)
    if not kept.any():
        raise TooFewError(f"none of {len(kept)} such windows has a value" if len(kept) else "no such windows")
    return kept
