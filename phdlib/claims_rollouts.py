"""PHD's claims about the pictures of its rollouts (C24, C26, C27), put as numbers of the windows behind them.

A picture convinces of one window; the numbers are of all. Each stands for a part of what the eye is asked to see:

- *The tempo may be off, the kind is right* (C24): dynamic time warping takes back a good part of what the prediction
  loses after its first frame, and the moving prediction, once warped, is ahead of a body that stands still.
- *Periodic and complex motion is captured* (C26): the least one can ask is that it beats standing still, in both.
- *Simple motion suits both spaces, complex motion only the latent one* (C27): the lead of one space over the other,
  by how hard the action is for a body that stands still, which is asked of no trained predictor.

All at 30 frames; differences are turned so that above zero is what the claim says, be it mm or PCK points.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from phdlib import checks
from phdlib.claims_actions import PERIODIC
from phdlib.claims_future import CONSTANT, LATENT, POSE, ROLE, UNITS
from phdlib.examples import by_difficulty
from phdlib.findings import Judgement, measured
from phdlib.future_tables import DRAWS, Tables, compare
from phdlib.futures import HORIZONS
from phdlib.published_arithmetic import averaging_and_warping
from phdlib.statistics import Effect
from phdlib.window_effects import contrast, mean, per_window, windows

LAST = HORIZONS[-1]


@dataclass(frozen=True, eq=False)
class Rollouts:
    """Evaluated ``rows`` (role -> method -> a table per seed), and ``periodicity`` (windows,) by role."""

    rows: Mapping[str, Mapping[str, Tables]]
    periodicity: Mapping[str, np.ndarray]
    draws: int = DRAWS

    @property
    def rng(self) -> np.random.Generator:
        """New for each comparison, so that it has one interval in whatever claim it stands."""
        return np.random.default_rng(0)

    def better(self, role: str, a: str, b: str, reading: str, horizon: int = LAST) -> np.ndarray:
        """By how much ``a`` is better than ``b``, (seeds, windows)."""
        first, second = (per_window(self.rows[role][method], reading, horizon) for method in (a, b))
        return (second - first) if role == "h36m" else (first - second)

    def takes(self, role: str) -> np.ndarray:
        return windows(self.rows[role][LATENT])["take"].to_numpy()

    def mean(self, role: str, values: np.ndarray, kept: np.ndarray) -> Effect:
        """The mean over some windows."""
        return mean(values[:, kept], self.takes(role)[kept].tolist(), self.rng, self.draws)

    def complex(self, role: str) -> np.ndarray:
        """Which windows are of the harder half of the actions, (windows,): by the running mean of Constant."""
        order = by_difficulty(self.rows[role][CONSTANT], LAST, "mean", role == "penn").index
        return windows(self.rows[role][LATENT])["action"].isin(order[(len(order) + 1) // 2 :]).to_numpy()


def recovered(tables: Tables) -> float:
    """The share of what a prediction loses after its first frame, averaged over 30 frames, that DTW takes back: 0 where
    it takes nothing, 1 where the warped frames are on average as good as the first."""
    first, raw, warped = (
        float(np.nanmean(per_window(tables, reading, horizon)))
        for reading, horizon in (("frame", 1), ("mean", LAST), ("mean_dtw", LAST))
    )
    return (raw - warped) / (raw - first)


def published_recovered() -> pd.DataFrame:
    """:func:`recovered` of the printed tables, by role and method. Their running means have to be guessed between the
    printed horizons (:mod:`phdlib.published_arithmetic`)."""
    cells = averaging_and_warping()
    cells = cells[cells["table"] == "phd-table-2"].set_index(["role", "row", "horizon"])
    rows = {}
    for (role, row), of_row in cells.groupby(level=["role", "row"], sort=False):
        last, first = of_row.loc[(role, row, LAST)], of_row.loc[(role, row, 1)]
        rows[row, role] = (last["averaged"] - last["warped"]) / (last["averaged"] - first["frame"])
    return pd.Series(rows).unstack(sort=False).rename_axis(index="published")


def tempo(found: Rollouts) -> Judgement:
    """C24."""
    check, findings = checks.check("PHD-C24"), []
    share = check.given["share"]
    for role in UNITS:
        tables, sign = found.rows[role][LATENT], 1 if role == "h36m" else -1
        effect = partial(
            compare, [tables] * 3, [(LAST, "mean"), (LAST, "mean_dtw"), (1, "frame")],
            lambda raw, warped, first, sign=sign: sign * ((raw - warped) - share * (raw - first)),
            found.rng, draws=found.draws, paired=True,
        )  # fmt: skip
        what = f"{ROLE[role]}: what DTW takes back, less a share of {share:g} of what is lost after the first frame"
        findings.append(measured(what, effect, check.bound(f"{role} taken back"), found.takes(role)))
        effect = partial(
            compare, [tables, found.rows[role][CONSTANT]], [(LAST, "mean_dtw")] * 2,
            lambda own, still, sign=sign: sign * (still - own), found.rng, draws=found.draws, paired=True,
        )  # fmt: skip
        what = f"{ROLE[role]}, with DTW: latent model better than Constant by"
        findings.append(measured(what, effect, check.bound(f"{role} ahead"), found.takes(role)))
    return Judgement(check.id, tuple(findings))


def captured(found: Rollouts) -> Judgement:
    """C26."""
    check, findings = checks.check("PHD-C26"), []
    for role in UNITS:
        steady = found.periodicity[role] >= PERIODIC
        for name, kept in (("periodic", steady), ("not periodic", ~steady)):
            for horizon in (10, 30):
                ahead = found.better(role, LATENT, CONSTANT, "frame", horizon)
                what = f"{ROLE[role]}, {name}, frame {horizon}: latent model better than Constant by"
                effect = partial(found.mean, role, ahead, kept)
                findings.append(measured(what, effect, check.bound(role), found.takes(role)[kept]))
    return Judgement(check.id, tuple(findings))


def simple_and_complex(found: Rollouts) -> Judgement:
    """C27."""
    check, findings = checks.check("PHD-C27"), []
    for role in UNITS:
        lead, hard, takes = found.better(role, LATENT, POSE, "mean"), found.complex(role), found.takes(role)
        for name, which, kept in (("simple", "simpler", ~hard), ("hard", "harder", hard)):
            what = f"{ROLE[role]}, {which} actions: lead of the latent model"
            effect = partial(found.mean, role, lead, kept)
            findings.append(measured(what, effect, check.bound(f"{role} {name}"), takes[kept]))
        what = f"{ROLE[role]}: lead in harder less in simpler actions"
        more = partial(contrast, lead, hard, takes.tolist(), found.rng, found.draws)
        findings.append(measured(what, more, check.bound(f"{role} more"), takes[hard], takes[~hard]))
    return Judgement(check.id, tuple(findings))


def by_actions(found: Rollouts, role: str) -> pd.DataFrame:
    """Per action, the simplest first: windows, takes, the running mean at 30 of Constant, latent and pose space, and by
    how much the latent model is ahead of Constant at the frames 10 and 30, with intervals over seeds and takes."""
    about = windows(found.rows[role][LATENT])
    names, rows = about["take"].str.split("@").str[0], []
    for action in by_difficulty(found.rows[role][CONSTANT], LAST, "mean", role == "penn").index:
        kept = (about["action"] == action).to_numpy()
        row = {"action": action, "windows": int(kept.sum()), "takes": int(names[kept].nunique())}
        for method in (CONSTANT, LATENT, POSE):
            row[method] = float(np.nanmean(per_window(found.rows[role][method], "mean", LAST)[:, kept]))
        for horizon in (10, LAST):
            ahead = found.better(role, LATENT, CONSTANT, "frame", horizon)
            effect = found.mean(role, ahead, kept)
            row[f"ahead at {horizon}"] = effect.value
            row[f"interval at {horizon}"] = f"{effect.low:.1f} to {effect.high:.1f}"
            row[f"sure at {horizon}"] = "yes" if effect.low > 0 else "no"
        rows.append(row)
    return pd.DataFrame(rows).set_index("action")


def judgements(found: Rollouts) -> Sequence[Judgement]:
    """C24, C26 and C27."""
    return [tempo(found), captured(found), simple_and_complex(found)]
