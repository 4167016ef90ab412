"""How sure a comparison is: bootstrap intervals over seeds and over takes, which are what is independent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd


class Effect(NamedTuple):
    """A measured effect and its 95 % interval."""

    value: float
    low: float
    high: float

    def __neg__(self) -> Effect:
        return Effect(0.0 - self.value, 0.0 - self.high, 0.0 - self.low)  # no minus zero


def rounded(effect: Effect) -> tuple[str, str, str]:
    """Value, low and high as text, with as many decimals (1 to 3, none where all come to 0) as the largest asks for."""
    size = max(map(abs, effect))
    places = 1 if size >= 1 else 2 if size >= 0.1 else 3 if size >= 0.0005 else 0
    value, low, high = (f"{round(number, places) + 0.0:.{places}f}" for number in effect)  # + 0.0: no minus zero
    return value, low, high


def outcome(effect: Effect, unit: str, above: str = "better", below: str = "worse") -> str:
    """An effect in words: "better by 3.1 mm (1.0 to 5.2)" where its interval lies ``above`` zero, "worse by ..." where
    it lies ``below``, else that it cannot be told. An interval of no width, as of arithmetic, is left out."""
    exact = effect.low == effect.value == effect.high
    if effect.low > 0 or effect.high < 0:
        word, size = (above, effect) if effect.low > 0 else (below, -effect)
        value, low, high = rounded(size)
        told = f"{word} by {value} {unit}".strip()
        return told if exact else f"{told} ({low} to {high})"
    if exact:
        return f"neither {above} nor {below}"
    value, low, high = rounded(effect)
    return f"neither {above} nor {below} for sure ({f'{value} {unit}'.strip()}, {low} to {high})"


def typical_difference(values: Sequence[float]) -> float:
    """By how much two of some values differ, the mean over all pairs; 0 where there is one value."""
    values = np.asarray(values, dtype=float)
    pairs = max(1, len(values) * (len(values) - 1))
    return float(np.abs(values[:, None] - values).sum() / pairs)


def bootstrap(
    models: Sequence[Sequence[pd.DataFrame]],
    metric: str,
    statistic: Callable[..., float],
    rng: np.random.Generator,
    draws: int = 2000,
    paired: bool = False,
    each_seed: bool = False,
) -> Effect:
    """``statistic`` of the models' averages (means of per-action means), with its bootstrap interval.

    ``models`` holds, for each model, one table of :func:`phdlib.evaluation.evaluate_lifter` per seed, all over the same
    clips; ``statistic`` takes one average per model. Each draw takes seeds anew for each model, and takes anew within
    each action, the same ones for all models; all cameras and stretches of a take stay together. An action of one take
    contributes no spread of its own: the interval says nothing about other takes of it. ``paired``: the n-th tables of
    all models belong together (the same labelled subset, say), and are drawn together. ``each_seed``: so they do, and
    ``statistic`` is taken of each seed's own averages, then averaged, as for a scatter that a mean of seeds would hide.
    """
    paired = paired or each_seed
    if paired and len({len(tables) for tables in models}) > 1:
        raise ValueError(f"bootstrap: pairs need as many tables per model, found {[len(t) for t in models]}")
    first, same = models[0][0], ["take", "action", "frames"]
    if any(not table[same].equals(first[same]) for tables in models for table in tables):
        raise ValueError("bootstrap: the tables are not of the same clips in the same order")
    weights = first["frames"].to_numpy() - (metric == "mpjve")  # T frames have T - 1 velocities
    takes, actions = first["take"].str.split("@").str[0], first["action"]
    groups = [
        [np.flatnonzero((actions == action) & (takes == take)) for take in takes[actions == action].unique()]
        for action in actions.unique()
    ]
    counts = [np.array([weights[index].sum() for index in group]) for group in groups]
    sums = []  # per model and action: (seeds, takes), the errors of all frames of a take
    for tables in models:
        errors = np.stack([table[metric].to_numpy() * weights for table in tables])
        sums.append([np.stack([errors[:, index].sum(1) for index in group], 1) for group in groups])

    def averages(seeds: Sequence[np.ndarray], picked: Sequence[np.ndarray]) -> list[list[float]]:
        """Per model, an average per draw, from what was drawn: (draws, seeds) per model, (draws, takes) per action."""
        found = []
        for of_model, seed in zip(sums, seeds, strict=True):
            totals = [
                s[seed[:, :, None], p[:, None]].reshape(len(p), -1).sum(1)
                for s, p in zip(of_model, picked, strict=True)
            ]
            frames = [seed.shape[1] * c[p].sum(1) for c, p in zip(counts, picked, strict=True)]
            found.append((np.stack(totals, axis=1) / np.stack(frames, axis=1)).mean(1).tolist())
        return found

    def values(seeds: Sequence[np.ndarray], picked: Sequence[np.ndarray]) -> list[float]:
        if not each_seed:
            return [float(statistic(*of_draw)) for of_draw in zip(*averages(seeds, picked), strict=True)]
        alone = [[np.full((len(seeds[0]), 1), n)] * len(models) for n in range(len(models[0]))]
        of_seed = [[statistic(*of_draw) for of_draw in zip(*averages(n, picked), strict=True)] for n in alone]
        return [float(np.mean([of_seed[n][draw] for n in of_draw])) for draw, of_draw in enumerate(seeds[0].tolist())]

    sizes = [*(len(tables) for tables in (models[:1] if paired else models)), *map(len, counts)]
    # One call gives the numbers that one per draw, model and action would; tests/test_statistics.py holds it to that.
    drawn = np.split(rng.integers(np.tile(np.repeat(sizes, sizes), (draws, 1))), np.cumsum(sizes)[:-1], axis=1)
    seeds, picked = drawn[: -len(counts)], drawn[-len(counts) :]
    low, high = np.quantile(values(seeds * len(models) if paired else seeds, picked), [0.025, 0.975])
    every = [np.arange(len(tables))[None] for tables in models], [np.arange(len(c))[None] for c in counts]
    return Effect(values(*every)[0], float(low), float(high))
