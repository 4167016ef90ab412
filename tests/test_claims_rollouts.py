"""C24, C26 and C27 on rows for which it is known whether they hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from phdlib.claims_future import CONSTANT, LATENT, POSE
from phdlib.claims_rollouts import (
    Rollouts,
    by_actions,
    captured,
    judgements,
    published_recovered,
    recovered,
    simple_and_complex,
    tempo,
)
from phdlib.findings import evidence
from phdlib.futures import HORIZONS
from phdlib.verdicts import Verdicts

ACTIONS = ("easy", "fair", "hard", "wild")
TAKES = 3  # of each action


def table(errors: dict[str, float], first: float, taken: float, seed: int) -> pd.DataFrame:
    """``errors``: of each action over 30 frames and at 30; ``first``: at 1; ``taken``: what DTW takes off."""
    noise, rows = 0.05 * np.random.default_rng(seed).normal(size=len(ACTIONS) * TAKES), []
    for window in range(len(noise)):
        action = ACTIONS[window // TAKES]
        for horizon in HORIZONS:
            value = noise[window] + (first if horizon == 1 else errors[action])
            own = {"frame": value, "mean": value, "mean_dtw": value - (0 if horizon == 1 else taken)}
            rows.append({"take": f"{action}{window}@0", "action": action, "camera": "c", "start": 0, "subject": "S9",
                         "window": window, "horizon": horizon, **own})  # fmt: skip
    return pd.DataFrame(rows)


def rollouts(latent: dict, pose: dict, constant: dict, taken: float = 3.0) -> Rollouts:
    """Both roles alike; in the Penn role everything is 100 less that."""

    def role(turned: bool) -> dict[str, list[pd.DataFrame]]:
        made = {LATENT: (latent, taken), POSE: (pose, taken), CONSTANT: (constant, 0.0)}
        found = {}
        for number, (name, (errors, own)) in enumerate(made.items()):
            tables = [table(errors, 50.0, own, 10 * number + seed) for seed in range(2)]
            readings = ["frame", "mean", "mean_dtw"]
            found[name] = [t.assign(**{r: 100 - t[r] for r in readings}) for t in tables] if turned else tables
        return found

    steady = np.repeat([0.9, 0.0, 0.8, 0.1], TAKES)
    rows = {"h36m": role(False), "penn": role(True)}
    return Rollouts(rows, {"h36m": steady, "penn": steady}, draws=100)


FROZEN = {"easy": 60.0, "fair": 65.0, "hard": 80.0, "wild": 90.0}
GOOD = {"easy": 57.0, "fair": 60.0, "hard": 65.0, "wild": 70.0}
POSED = {"easy": 57.5, "fair": 60.5, "hard": 75.0, "wild": 80.0}


def test_all_hold_where_all_is_as_the_paper_says():
    judged = judgements(rollouts(GOOD, POSED, FROZEN))
    assert [j.id for j in judged] == ["PHD-C24", "PHD-C26", "PHD-C27"] and all(j.holds for j in judged)
    assert [len(j.findings) for j in judged] == [4, 8, 6]


def test_what_warping_takes_back_is_a_share_of_the_loss():
    found = rollouts(GOOD, POSED, FROZEN)
    loss = np.mean(list(GOOD.values())) - 50
    for role in ("h36m", "penn"):
        assert recovered(found.rows[role][LATENT]) == pytest.approx(3 / loss, abs=0.01)
        assert recovered(found.rows[role][CONSTANT]) == pytest.approx(0, abs=1e-9)
    assert not tempo(rollouts(GOOD, POSED, FROZEN, taken=0.1 * loss - 0.5)).holds
    assert not tempo(rollouts({k: v + 4 for k, v in FROZEN.items()}, POSED, FROZEN)).holds  # worse than standing still


def test_in_print_the_frozen_pose_takes_nothing_back():
    found = published_recovered()
    frozen = found.loc["Constant (no motion)"]
    assert list(found.columns) == ["h36m", "penn"] and frozen.abs().max() < 0.02
    latent = found.loc["AR on Phi (latent space)"]
    assert 0.1 < latent["h36m"] < latent["penn"] < 1


def test_periodic_and_other_motion_have_to_hold_alone():
    worse = {**GOOD, "easy": 60.0, "hard": 80.0}  # the periodic ones no better than standing still
    judged = captured(rollouts(worse, POSED, FROZEN))
    failed = [finding.what for finding in judged.findings if not finding.holds]
    assert len(failed) == 4 and all(", periodic" in what for what in failed)


def test_a_claim_about_windows_that_the_data_has_none_of_is_not_testable():
    found = rollouts(GOOD, POSED, FROZEN)
    nothing_repeats = replace(found, periodicity={**found.periodicity, "penn": np.zeros(len(ACTIONS) * TAKES)})
    judged, verdicts = judgements(nothing_repeats), Verdicts("notebooks/phd/08_futures.ipynb", "embedded")
    verdicts.enter(*judged)
    about = verdicts.claims
    assert [c["verdict"] for c in about.values()] == ["reproduced", "not testable here", "reproduced"]
    assert "effect" not in about["PHD-C26"] and "findings" not in about["PHD-C26"]
    told = "Not on these data: Penn role, periodic, frame 10: latent model better than Constant by: no such windows."
    assert about["PHD-C26"]["note"] == told
    shown = evidence(judged)
    lacking = shown[shown["holds"] == "no such windows"]
    assert len(lacking) == 2 and lacking["effect"].isna().all()  # frames 10 and 30
    assert verdicts.table().loc["PHD-C26", ["measured", "asked", "outcome"]].tolist() == ["", "", "not testable here"]
    one = rollouts({"easy": 1.0, "fair": 1.0, "hard": 1.0, "wild": 1.0}, POSED, FROZEN)
    only = {r: {m: [t[t["action"] == "easy"] for t in ts] for m, ts in ms.items()} for r, ms in one.rows.items()}
    alone = simple_and_complex(replace(one, rows=only, periodicity={}))  # a single action has no harder half
    assert [f.lacks for f in alone.findings[1:3]] == ["no such windows"] * 2 and not alone.holds


def test_simple_and_complex_are_halves_by_the_frozen_pose():
    found = rollouts(GOOD, POSED, FROZEN)
    for role in ("h36m", "penn"):
        assert found.complex(role).tolist() == [False] * 2 * TAKES + [True] * 2 * TAKES
    lead = {name: value + 10 for name, value in GOOD.items()}
    assert not simple_and_complex(rollouts(GOOD, lead, FROZEN)).holds  # ahead in simple motion as well
    assert not simple_and_complex(rollouts(GOOD, GOOD, FROZEN)).holds  # ahead nowhere


def test_actions_are_listed_from_the_simplest():
    for role, better in (("h36m", 60 - 57), ("penn", 60 - 57)):
        shown = by_actions(rollouts(GOOD, POSED, FROZEN), role)
        assert shown.index.tolist() == list(ACTIONS)
        assert shown.loc["easy", "ahead at 30"] == pytest.approx(better, abs=0.1)
        assert (shown["sure at 10"] == "yes").all() and (shown["takes"] == TAKES).all()
    level = by_actions(rollouts(FROZEN, POSED, FROZEN), "h36m")
    assert (level["ahead at 30"].abs() < 0.1).all()
