"""The judgements of Tables 4 to 7, put to windows made so that a claim is true, and so that it is not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from phdlib import claims_actions as claims
from phdlib.claims_actions import Actions
from phdlib.future_evidence import LATENT, POSE
from phdlib.futures import HORIZONS

TAKES, STARTS, VIEWS = 8, 6, 4
N = TAKES * STARTS * VIEWS


def properties() -> pd.DataFrame:
    """Windows of eight takes, half of them periodic, seen from four views; all other properties are random."""
    rng = np.random.default_rng(0)
    take = np.arange(N) // (STARTS * VIEWS)
    table = pd.DataFrame({"take": [f"t{t}@0" for t in take], "start": np.arange(N) // VIEWS % STARTS})
    for name in ("speed", "straightness", "intricacy", "in sight", "telling"):
        table[name] = rng.uniform(size=N)
    return table.assign(periodicity=np.where(take % 2, 0.9, 0.1))


def table(readings: dict[str, np.ndarray], first: float | np.ndarray = 50.0) -> pd.DataFrame:
    """Rows with some values at 30, and ``first`` at every other horizon."""
    parts = [
        pd.DataFrame({"window": range(N), "horizon": h, **(readings if h == 30 else dict.fromkeys(readings, first))})
        for h in HORIZONS
    ]
    return pd.concat(parts).sort_values(["window", "horizon"], kind="stable").reset_index(drop=True)


def judged(role: str, function: Callable, at_30: dict[str, np.ndarray], first=50.0, pose: np.ndarray | None = None):
    own = table(at_30, first)
    rows = {role: {LATENT: [own], POSE: [own if pose is None else table({"mean_dtw": pose})]}}
    found = function(Actions(rows, {role: properties()}, draws=100))
    return {one.id[-3:]: one.holds for one in (found if isinstance(found, list) else [found])}


ABOUT = properties()
STEADY = (ABOUT["periodicity"] > 0.5).to_numpy()
FLAT = np.full(N, 50.0)


def column(name: str) -> np.ndarray:
    return ABOUT[name].to_numpy()


def test_periodic_clips_are_best_and_lose_most() -> None:
    def holds(warped: np.ndarray, running: np.ndarray, frame: np.ndarray, first=None) -> dict[str, bool]:
        first = warped if first is None else first
        return judged("h36m", claims.periodic, {"mean_dtw": warped, "mean": running, "frame": frame}, first)

    easy = FLAT - 10 * STEADY
    assert holds(easy, easy + 2 + 3 * STEADY, easy + 5 + 5 * STEADY) == {"C17": True, "C19": True}
    assert holds(easy, easy + 2, easy + 5 + 5 * STEADY) == {"C17": True, "C19": False}  # none of it is DTW's
    assert holds(easy, easy + 2 + 3 * STEADY, easy + 5) == {"C17": True, "C19": False}
    assert holds(FLAT, FLAT + 2 + 3 * STEADY, FLAT + 5 + 5 * STEADY) == {"C17": False, "C19": True}
    assert not holds(easy, easy, easy, first=FLAT)["C17"]  # at 30 alone


def test_small_motion_and_intricate_poses() -> None:
    hard = 50 + 10 * column("speed") + 10 * column("intricacy")
    assert judged("h36m", claims.easy_and_hard, {"mean_dtw": hard, "frame": hard})["C18"]
    only = 50 + 10 * column("speed")
    assert not judged("h36m", claims.easy_and_hard, {"mean_dtw": hard, "frame": only})["C18"]


def test_fast_actions() -> None:
    straight = 50 + 10 * column("straightness")
    drop = 30 * column("speed")
    readings = {"mean_dtw": straight, "mean": straight - drop, "frame": straight - 2 * drop}
    assert judged("penn", claims.fast_actions, readings) == {"C20": True, "C23": True}
    only_averaging = {"mean_dtw": straight, "mean": straight, "frame": straight - 2 * drop}
    assert judged("penn", claims.fast_actions, only_averaging) == {"C20": True, "C23": False}
    fast = column("speed") > np.median(column("speed"))
    among_the_slow = np.where(fast, 50.0, straight)
    assert not judged("penn", claims.fast_actions, {**readings, "mean_dtw": among_the_slow})["C20"]


def test_viewpoints_within_one_motion() -> None:
    """What a view shows counts against the other views of the motion, not against other motions."""
    motion = np.arange(N) // VIEWS
    error = 50 + 5.0 * motion - 10 * column("in sight")
    assert judged("h36m", claims.viewpoints, {"mean_dtw": error, "frame": error}) == {"C21": True, "C22": True}
    of_motion = ABOUT.groupby(motion)["in sight"].transform("mean").to_numpy()
    between = {"mean_dtw": 50 - 30 * of_motion, "frame": error}
    assert judged("h36m", claims.viewpoints, between) == {"C21": False, "C22": True}


def test_what_the_pose_gives_away() -> None:
    lead = 20 * (1 - column("telling"))
    assert judged("penn", claims.given_away, {"mean_dtw": FLAT + lead}, pose=FLAT)["C25"]
    assert not judged("penn", claims.given_away, {"mean_dtw": FLAT + 20}, pose=FLAT)["C25"]
    assert not judged("penn", claims.given_away, {"mean_dtw": FLAT - 20 + lead}, pose=FLAT)["C25"]


def test_only_the_rise_is_foresight() -> None:
    """Periodic clips that are easy from the first frame on, and no easier later."""
    easy = FLAT - 10 * STEADY
    rows = {"h36m": {LATENT: [table({"mean_dtw": easy + 8}, first=easy)]}}
    found = claims.foresight(Actions(rows, {"h36m": ABOUT}, draws=20))
    assert found[0].effect.value == pytest.approx(0) and not any(finding.holds for finding in found)


def test_properties_of_other_windows_are_refused() -> None:
    rows = {"h36m": {LATENT: [table({"mean_dtw": FLAT, "frame": FLAT})]}}
    found = Actions(rows, {"h36m": ABOUT.iloc[:-1]})
    with pytest.raises(ValueError, match=f"h36m: {N} windows were evaluated, properties are of {N - 1}"):
        claims.easy_and_hard(found)


def test_two_takes_or_a_constant_property_cannot_be_judged() -> None:
    """Where all windows are of two takes, and where no pose tells its action."""
    two = ABOUT.assign(take=["t0@0" if n < N // 2 else "t1@0" for n in range(N)])
    for about, reason in ((two, "2 takes, fewer than the 3"), (ABOUT.assign(telling=0.0), "the same in all windows")):
        rows = {"penn": {LATENT: [table({"mean_dtw": FLAT + 20 + column("speed")})], POSE: [table({"mean_dtw": FLAT})]}}
        judged = claims.given_away(Actions(rows, {"penn": about}, draws=20))
        assert judged.outcome == "not testable here" and reason in judged.untestable
