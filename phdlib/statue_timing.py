"""Where statues lie (PHD 4.3, PHD-C28): in the true motion, of which no network has seen the 3D, against random frames
of the same clips, and from seed to seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

from phdlib import checks
from phdlib.data.clip import Clip
from phdlib.findings import Judgement, measured
from phdlib.statistics import Effect, bootstrap
from phdlib.statues import AHEAD, HALF, candidates, find
from phdlib.window_effects import TooFewError

MEASURES = ("hit", "lead", "after", "before")
FEWEST = 10  # sequences that a share is judged of
TOLERANCE = 3  # frames apart that count as the same moment, 0.12 s


def joint_speed(clip: Clip) -> np.ndarray:
    """How fast a clip's joints move in each frame, (T,), m/s: mean over joints, the person's own path included, by
    central differences. ``ValueError`` for a clip without 3D."""
    if clip.joints3d is None or clip.trajectory is None:
        raise ValueError(f"clip {clip.name}: needs joints3d and trajectory, found None")
    joints = (clip.joints3d + clip.trajectory[:, None]).double().numpy()
    return np.linalg.norm(np.gradient(joints, axis=0), axis=-1).mean(axis=-1) * clip.fps


def timing(speed: np.ndarray, frames: np.ndarray) -> pd.DataFrame:
    """Where each of the ``frames`` that could be chosen lies in the motion of a clip with this ``speed`` (T,).

    The *peak* is the highest speed among the frames that one of them could precede: from the first of them to
    :data:`AHEAD` - 1 after the last. ``lead``: frames from here to the peak, below 0 where it is past; ``hit``: whether
    the peak is this frame or one of the next :data:`AHEAD` - 1; ``after`` and ``before``: mean speed in the
    :data:`AHEAD` frames from this one on, and in those before it, over the median of the clip.
    """
    if not len(frames) or frames.min() < AHEAD or frames.max() + AHEAD > len(speed):
        raise ValueError(f"timing: frames should have {AHEAD} on either side of {len(speed)}, found {frames.tolist()}")
    first = int(frames.min())
    peak = first + int(np.argmax(speed[first : int(frames.max()) + AHEAD]))
    means = sliding_window_view(speed, AHEAD).mean(axis=1) / np.median(speed)  # of the stretch that begins at a frame
    lead = peak - frames
    return pd.DataFrame(
        {
            "hit": ((lead >= 0) & (lead < AHEAD)).astype(float),
            "lead": lead.astype(float),
            "after": means[frames],
            "before": means[frames - AHEAD],
        },
        index=pd.Index(frames, name="frame"),
    )


def timings(curves: Sequence[np.ndarray], clips: Sequence[Clip], half: int = HALF) -> list[pd.DataFrame]:
    """:func:`timing` of each clip that has a statue, in the order of :func:`find`; ``clips`` with their 3D."""
    found = find(curves, half).index
    return [timing(joint_speed(clips[i]), candidates(curves[i], half)) for i in found]


def judged(curves: Sequence[np.ndarray], clips: Sequence[Clip], half: int = HALF) -> pd.DataFrame:
    """A row per statue: ``take``, ``action`` and the fields of :func:`find`, :data:`MEASURES` at its frame, and each as
    ``chance`` has it: the mean over all frames of that clip that could have been chosen ("hit chance", ...)."""
    table = find(curves, half)
    rows = []
    for (i, statue), possible in zip(table.iterrows(), timings(curves, clips, half), strict=True):
        row = {"take": clips[i].take, "action": clips[i].action, **possible.loc[int(statue["frame"])]}
        rows.append(row | {f"{name} chance": possible[name].mean() for name in MEASURES})
    return table.join(pd.DataFrame(rows, index=table.index))


def shift_test(
    timings: Sequence[pd.DataFrame],
    frames: Sequence[Sequence[int]],
    measure: str,
    rng: np.random.Generator,
    draws: int = 5000,
) -> float:
    """The share of draws in which chance does at least as well as the chosen frames in the mean of a measure.

    ``timings`` of each clip, ``frames`` its statues, one per seed. A draw moves all statues of a clip by the same
    number of places among those possible, from the last round to the first: what the seeds have in common stays.
    """
    values = [table[measure].to_numpy() for table in timings]
    chosen = [table.index.get_indexer(list(own)) for table, own in zip(timings, frames, strict=True)]
    if any((own < 0).any() for own in chosen):
        raise ValueError("shift_test: a frame that is not among those possible in its clip")

    def mean(shifts: Sequence[int]) -> float:
        moved = [v[(c + s) % len(v)].mean() for v, c, s in zip(values, chosen, shifts, strict=True)]
        return float(np.mean(moved))

    observed = mean([0] * len(values))
    drawn = np.array([mean([rng.integers(len(v)) for v in values]) for _ in range(draws)])
    return float((1 + (drawn >= observed - 1e-12).sum()) / (1 + draws))


def agreement(by_seed: Sequence[pd.DataFrame], tolerance: int = TOLERANCE) -> pd.DataFrame:
    """How far apart the seeds' statues of a clip are: their ``frames``, and for each pair of seeds how many frames lie
    between them, averaged (``apart``); ``agree``: the share of pairs at most ``tolerance`` apart. NaN for one seed."""
    frames = pd.DataFrame({seed: table["frame"] for seed, table in enumerate(by_seed)})
    pairs = [(a, b) for a in frames for b in frames if a < b]
    apart = pd.DataFrame({pair: (frames[pair[0]] - frames[pair[1]]).abs() for pair in pairs}, index=frames.index)
    listed = [" ".join(map(str, row)) for row in frames.to_numpy()]
    return pd.DataFrame(
        {
            "frames": listed,
            "apart": apart.mean(axis=1),
            "agree": (apart <= tolerance).mean(axis=1) if pairs else np.nan,
        },
        index=frames.index,
    )


def agreement_by_chance(
    curves: Sequence[np.ndarray], clips: Sequence[int], half: int = HALF, tolerance: int = TOLERANCE
) -> float:
    """The share of pairs of independent random frames of a clip at most ``tolerance`` apart, mean over ``clips``."""
    shares = []
    for i in clips:
        frames = candidates(curves[i], half)
        shares.append((np.abs(frames[:, None] - frames) <= tolerance).mean())
    return float(np.mean(shares))


def average(by_seed: Sequence[pd.DataFrame], measure: str, rng: np.random.Generator, draws: int = 2000) -> Effect:
    """The mean of a measure over the statues of :func:`judged`, one table per seed, with its interval over takes and
    seeds."""
    return _over_takes([(t["take"], t[measure]) for t in by_seed], rng, draws)


def excess(by_seed: Sequence[pd.DataFrame], measure: str, rng: np.random.Generator, draws: int = 2000) -> Effect:
    """By how much the statues are above chance in it, likewise."""
    return _over_takes([(t["take"], t[measure] - t[f"{measure} chance"]) for t in by_seed], rng, draws)


def judgement(by_seed: Sequence[pd.DataFrame]) -> Judgement:
    """C28, of :func:`judged`, one table per seed. Fewer than :data:`FEWEST` sequences, or sequences that all say the
    same, have no interval to judge by."""
    check, sequences = checks.check("PHD-C28"), len(by_seed[0])
    chance = 100 * pd.concat(by_seed)["hit chance"].mean()

    def percent(measure: Callable[..., Effect]) -> Effect:
        if sequences < FEWEST:
            raise TooFewError(f"{sequences} sequences, fewer than the {FEWEST} that a share of them needs")
        effect = Effect(*(100 * value for value in measure(by_seed, "hit", np.random.default_rng(0))))
        if effect.low == effect.high:
            raise TooFewError(f"the {sequences} sequences all say the same, which leaves no spread to draw from")
        return effect

    findings = (
        measured(check.bound(name).what, partial(percent, measure), check.bound(name), by_seed[0]["take"])
        for name, measure in (("share", average), ("excess", excess))
    )
    return Judgement(
        check.id, tuple(findings), f"{sequences} sequences; among random frames of their clips {chance:.0f} %"
    )


def _over_takes(by_seed: Sequence[tuple[pd.Series, pd.Series]], rng: np.random.Generator, draws: int) -> Effect:
    tables = [
        pd.DataFrame({"take": takes, "action": "All", "frames": 1, "value": values}).reset_index(drop=True)
        for takes, values in by_seed
    ]
    return bootstrap([tables], "value", lambda x: x, rng, draws=draws)


def summary(
    by_seed: Sequence[pd.DataFrame], timings: Sequence[pd.DataFrame], rng: np.random.Generator
) -> dict[str, float]:
    """A line about the statues of one method: shares in percent, speeds over the clip's median, ``p`` of the hits."""
    rows = pd.concat(by_seed)
    frames = np.stack([table["frame"].to_numpy() for table in by_seed], axis=1)
    return {
        "peak within the next 15, %": 100 * rows["hit"].mean(),
        "by chance, %": 100 * rows["hit chance"].mean(),
        "p": shift_test(timings, frames, "hit", rng),
        "frames to the peak, median": rows["lead"].median(),
        "speed of the next 15": rows["after"].mean(),
        "of any 15 after, by chance": rows["after chance"].mean(),
        "speed of the 15 before": rows["before"].mean(),
        "of any 15 before, by chance": rows["before chance"].mean(),
    }
