"""Three details of VP3D in numbers: borders (3), batch norm's momentum (5.3), speed against batch size (6.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from phdlib.evaluation import average
from phdlib.statistics import Effect, bootstrap
from phdlib.timing import times_as_fast
from phdlib.watched_epochs import WatchedResult, fluctuation
from phdlib.zero_padding import BorderResult

Borders = Mapping[str, Sequence[BorderResult]]  # "replicate" and "zeros", a result per seed
Momenta = Mapping[str, Sequence[WatchedResult]]  # "usual" and "decaying", a result per seed
PLACES = {"ends": "near the ends", "all": "all frames"}


def zeros_less_repeated(found: Borders) -> dict[str, Effect]:
    """By how many mm of MPJPE zero padding is worse than repeated border frames, near the "ends" and over "all" frames;
    the n-th models of both began with the same weights."""
    return {
        place: bootstrap(
            [_tables(found[border], place) for border in ("zeros", "replicate")], "mpjpe", lambda a, b: a - b,
            np.random.default_rng(0), paired=True,
        )
        for place in PLACES
    }  # fmt: skip


def border_table(found: Borders, effects: Mapping[str, Effect]) -> pd.DataFrame:
    """Frames, the MPJPE of both borders in mm, and their difference with its interval, near the ends and in all."""
    rows = {}
    for place, name in PLACES.items():
        repeated, zeros = (_tables(found[border], place) for border in ("replicate", "zeros"))
        rows[name] = {
            "frames": int(zeros[0]["frames"].sum()),
            "repeated frames, mm": np.mean([average(rows, "mpjpe") for rows in repeated]),
            "zero padding, mm": np.mean([average(rows, "mpjpe") for rows in zeros]),
            **_said("zeros less repeated", effects[place]),
        }
    return pd.DataFrame(rows).T.rename_axis("MPJPE")


def _tables(results: Sequence[BorderResult], place: str) -> list[pd.DataFrame]:
    return [result.ends if place == "ends" else result.clips for result in results]


def late_errors(found: Momenta) -> dict[str, list[list[float]]]:
    """Test MPJPE in mm after each watched epoch, for each seed of a schedule."""
    return {name: [[average(t, "mpjpe") for t in r.epochs] for r in of] for name, of in found.items()}


def scatters(found: Momenta, draws: int = 500) -> dict[str, Effect]:
    """How much the test error of the last epochs scatters with either schedule, mm, and "calmer": half the scatter with
    the usual momentum less that with the decaying one. Of each seed's own errors, averaged over seeds."""
    watched = len(found["usual"][0].epochs)
    epochs = [[r.epochs[i] for r in found[name]] for name in ("usual", "decaying") for i in range(watched)]

    def effect(statistic: Callable[[float, float], float]) -> Effect:
        def of_errors(*errors: float) -> float:
            return statistic(fluctuation(errors[:watched]), fluctuation(errors[watched:]))

        return bootstrap(epochs, "mpjpe", of_errors, np.random.default_rng(0), draws, each_seed=True)

    return {
        "usual": effect(lambda usual, decaying: usual),
        "decaying": effect(lambda usual, decaying: decaying),
        "calmer": effect(lambda usual, decaying: usual / 2 - decaying),
    }


def momentum_table(found: Momenta, effects: Mapping[str, Effect]) -> pd.DataFrame:
    """The scatter with either schedule, and the error after the last epoch, mm."""
    late = late_errors(found)
    rows = {
        name: _said("scatter, mm", effects[name]) | {"MPJPE after the last epoch, mm": np.mean([s[-1] for s in seeds])}
        for name, seeds in late.items()
    }
    return pd.DataFrame(rows).T.rename_axis("momentum")


def against_one(seconds: Mapping[int, Sequence[float]]) -> dict[int, Effect]:
    """How many times as fast as a single sequence each batch size is, of :func:`phdlib.throughput.seconds_by_batch`."""
    rng = np.random.default_rng(0)
    return {size: times_as_fast(taken, seconds[1], rng) for size, taken in seconds.items()}


def speed_table(
    seconds: Mapping[str, Mapping[int, Sequence[float]]], poses: int, fields: Mapping[str, int]
) -> pd.DataFrame:
    """A row per network and batch size: frames given per pose (``fields``: the networks' receptive fields), poses per
    second, and how many times as fast as one sequence."""
    rows = [
        {
            "network": name,
            "sequences": size,
            "frames per pose": 1 + size * (fields[name] - 1) / poses,
            "poses per second": poses / np.median(taken),
            **_said("times as fast as one", against_one(of_network)[size]),
        }
        for name, of_network in seconds.items()
        for size, taken in of_network.items()
    ]
    return pd.DataFrame(rows)


def _said(what: str, effect: Effect) -> dict[str, float]:
    return {what: effect.value, "from": effect.low, "to": effect.high}
