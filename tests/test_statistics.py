"""Bootstrap intervals: equal to drawing one by one, as the docstring says it, to the last bit."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phdlib.statistics import Effect, bootstrap

DRAWS = 20


def made_up(rng: np.random.Generator, models: list[int]) -> list[list[pd.DataFrame]]:
    """Tables of some actions, takes and cameras; ``models``: seeds of each."""
    rows = [
        (f"take{action}_{take}@{camera}", f"action{action}", int(rng.integers(20, 900)))
        for action in range(rng.integers(1, 10))
        for take in range(rng.integers(1, 12))
        for camera in range(rng.integers(1, 4))
    ]
    clips = pd.DataFrame(rows, columns=["take", "action", "frames"])
    return [
        [clips.assign(mpjpe=rng.gamma(2, 30, len(clips)), mpjve=rng.gamma(2, 3, len(clips))) for _ in range(seeds)]
        for seeds in models
    ]


def one_by_one(
    models: list[list[pd.DataFrame]], metric: str, statistic: Callable[..., float], rng: np.random.Generator,
    paired: bool, each_seed: bool,
) -> Effect:  # fmt: skip
    first = models[0][0]
    weights = first["frames"].to_numpy() - (metric == "mpjve")
    names = first["take"].str.split("@").str[0]
    groups = {action: names[first["action"] == action].unique() for action in first["action"].unique()}

    def average(tables: list[pd.DataFrame], picked: dict[str, list[str]]) -> float:
        of_actions = []
        for action, takes in picked.items():
            rows = [np.flatnonzero((first["action"] == action) & (names == take)) for take in takes]
            sums = np.array([[(t[metric].to_numpy() * weights)[r].sum() for r in rows] for t in tables])
            of_actions.append(sums.sum() / (len(tables) * sum(weights[r].sum() for r in rows)))
        return float(np.mean(of_actions))

    def value(seeds: list[list[int]], picked: dict[str, list[str]]) -> float:
        chosen = [[tables[n] for n in seed] for tables, seed in zip(models, seeds, strict=True)]
        if not each_seed:
            return float(statistic(*(average(tables, picked) for tables in chosen)))
        alone = range(len(seeds[0]))
        return float(np.mean([statistic(*(average([tables[n]], picked) for tables in chosen)) for n in alone]))

    drawn = []
    for _ in range(DRAWS):
        if paired or each_seed:
            seeds = [rng.choice(len(models[0]), len(models[0])).tolist()] * len(models)
        else:
            seeds = [rng.choice(len(tables), len(tables)).tolist() for tables in models]
        drawn.append(value(seeds, {action: rng.choice(takes, len(takes)) for action, takes in groups.items()}))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Effect(value([list(range(len(tables))) for tables in models], groups), float(low), float(high))


@given(
    seed=st.integers(0, 999), metric=st.sampled_from(["mpjpe", "mpjve"]), mode=st.sampled_from(["", "paired", "each"])
)
@settings(max_examples=8, deadline=None)
def test_as_one_draw_after_another(seed: int, metric: str, mode: str) -> None:
    rng = np.random.default_rng(seed)
    seeds = rng.integers(1, 5, size=rng.integers(1, 4)).tolist()
    models = made_up(rng, [seeds[0]] * len(seeds) if mode else seeds)
    ours, theirs = np.random.default_rng(7), np.random.default_rng(7)
    how = {"paired": mode == "paired", "each_seed": mode == "each"}

    def statistic(*averages: float) -> float:
        return averages[0] - 0.5 * averages[-1]

    found = bootstrap(models, metric, statistic, ours, DRAWS, **how)
    assert found == one_by_one(models, metric, statistic, theirs, **how)
    assert ours.bit_generator.state == theirs.bit_generator.state  # what is drawn later is the same, too


def test_other_clips_are_refused() -> None:
    models = made_up(np.random.default_rng(0), [2, 2])
    with pytest.raises(ValueError, match="not of the same clips"):
        bootstrap([models[0], [models[1][0].iloc[::-1]] * 2], "mpjpe", lambda a, b: a - b, np.random.default_rng(0))
    with pytest.raises(ValueError, match="pairs need as many tables"):
        bootstrap([models[0], models[1][:1]], "mpjpe", lambda a, b: a - b, np.random.default_rng(0), paired=True)
