"""Comparing speeds on a machine that others use too: everything is timed in turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch

from phdlib.statistics import Effect


def in_turns(runs: Mapping[str, Callable[[], object]], rounds: int = 6) -> dict[str, list[float]]:
    """Seconds of each run in each round. All runs of a round are neighbours in time, so that a busy moment hits all
    alike."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def best_seconds(runs: Mapping[str, Callable[[], object]], rounds: int = 6) -> dict[str, float]:
    """The shortest time of each run."""
    return {name: min(seconds) for name, seconds in in_turns(runs, rounds).items()}


def times_as_fast(one: Sequence[float], other: Sequence[float], rng: np.random.Generator, draws: int = 2000) -> Effect:
    """How many times as fast as ``other`` ``one`` is, each given as its seconds in the same rounds: the median of the
    rounds' ratios, with a bootstrap interval over rounds."""
    ratios = np.divide(other, one)
    drawn = np.median(rng.choice(ratios, (draws, len(ratios))), axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Effect(float(np.median(ratios)), float(low), float(high))
