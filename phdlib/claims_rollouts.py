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

import numpy as np
import pandas as pd

from phdlib.claims_actions import PERIODIC
from phdlib.claims_future import CLEAR, CONSTANT, LATENT, POSE, ROLE, UNITS
from phdlib.examples import by_difficulty
from phdlib.findings import Finding, Judgement, measured
from phdlib.future_tables import Tables, compare
from phdlib.futures import HORIZONS
from phdlib.published_arithmetic import averaging_and_warping
from phdlib.window_effects import contrast, mean, per_window, windows

RECOVERED = 0.1  # the share of what is lost after the first frame that DTW has to take back
WIDE = 2.0  # mm or PCK points: less is the same for the eye, more is not
LAST = HORIZONS[-1]


@dataclass(frozen=True, eq=False)
class Rollouts:
    """Evaluated ``rows`` (role -> method -> a table per seed), and ``periodicity`` (windows,) by role."""

    rows: Mapping[str, Mapping[str, Tables]]
    periodicity: Mapping[str, np.ndarray]
    rng: np.random.Generator
    draws: int = 1000

    def better(self, role: str, a: str, b: str, reading: str, horizon: int = LAST) -> np.ndarray:
        """By how much ``a`` is better than ``b``, (seeds, windows)."""
        first, second = (per_window(self.rows[role][method], reading, horizon) for method in (a, b))
        return (second - first) if role == "h36m" else (first - second)

    def takes(self, role: str) -> np.ndarray:
        return windows(self.rows[role][LATENT])["take"].to_numpy()

    def mean(
        self, what: str, role: str, values: np.ndarray, kept: np.ndarray, above: float, below: float = np.inf
    ) -> Finding:
        """The mean over some windows, as a finding."""
        takes = self.takes(role)[kept].tolist()
        return measured(
            f"{ROLE[role]}, {what}",
            lambda: mean(values[:, kept], takes, self.rng, self.draws),
            UNITS[role],
            above,
            below,
        )

    def harder(self, role: str, lead: np.ndarray, hard: np.ndarray) -> Finding:
        """By how much a lead is larger in the harder actions than in the simpler ones."""
        what, takes = f"{ROLE[role]}: lead in harder less in simpler actions", self.takes(role).tolist()
        return measured(what, lambda: contrast(lead, hard, takes, self.rng, self.draws), UNITS[role])

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
    findings = []
    for role in UNITS:
        tables, sign = found.rows[role][LATENT], 1 if role == "h36m" else -1
        effect = compare(
            [tables] * 3, [(LAST, "mean"), (LAST, "mean_dtw"), (1, "frame")],
            lambda raw, warped, first, sign=sign: sign * ((raw - warped) - RECOVERED * (raw - first)),
            found.rng, draws=found.draws, paired=True,
        )  # fmt: skip
        what = f"{ROLE[role]}: what DTW takes back, less a tenth of what is lost after the first frame"
        findings.append(Finding(what, effect, UNITS[role]))
        ahead = found.better(role, LATENT, CONSTANT, "mean_dtw")
        every = np.ones(ahead.shape[1], dtype=bool)
        findings.append(found.mean("with DTW: ahead of Constant", role, ahead, every, CLEAR))
    return Judgement(
        "PHD-C24",
        "Tempo off, kind right: of what the latent model loses over 30 frames against its first, DTW takes back more "
        f"than {100 * RECOVERED:.0f} % (of a frozen pose's: nothing); and with DTW it is ahead of the frozen pose by "
        f"more than {CLEAR:g} mm and point.",
        "seen in Figure 4",
        tuple(findings),
    )


def captured(found: Rollouts) -> Judgement:
    """C26."""
    findings = []
    for role in UNITS:
        steady = found.periodicity[role] >= PERIODIC
        for name, kept in (("periodic", steady), ("not periodic", ~steady)):
            for horizon in (10, 30):
                ahead = found.better(role, LATENT, CONSTANT, "frame", horizon)
                findings.append(found.mean(f"{name}, frame {horizon}: ahead of Constant", role, ahead, kept, CLEAR))
    return Judgement(
        "PHD-C26",
        f"Periodic motion (autocorrelation of the clip from {PERIODIC:g} on) and other motion are both foreseen: in "
        "both roles the latent model is ahead of the frozen pose at frames 10 and 30 by more than "
        f"{CLEAR:g} mm and point.",
        "seen in Figure 3",
        tuple(findings),
    )


def simple_and_complex(found: Rollouts) -> Judgement:
    """C27."""
    findings = []
    for role in UNITS:
        lead, hard = found.better(role, LATENT, POSE, "mean"), found.complex(role)
        findings.append(found.mean("simpler actions: lead of the latent model", role, lead, ~hard, -WIDE, WIDE))
        findings.append(found.mean("harder actions: lead of the latent model", role, lead, hard, WIDE))
        findings.append(found.harder(role, lead, hard))
    return Judgement(
        "PHD-C27",
        f"Over 30 frames the latent and the pose-space model are within {WIDE:g} mm and points of each other in the "
        "half of the actions that a frozen pose fits best, and in the other half the latent one is ahead by more than "
        "that, and by more than in the first.",
        "seen in Figures 11 and 12",
        tuple(findings),
    )


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
            effect = found.mean("", role, ahead, kept, 0).effect
            row[f"ahead at {horizon}"] = effect.value
            row[f"interval at {horizon}"] = f"{effect.low:.1f} to {effect.high:.1f}"
            row[f"sure at {horizon}"] = "yes" if effect.low > 0 else "no"
        rows.append(row)
    return pd.DataFrame(rows).set_index("action")


def judgements(found: Rollouts) -> Sequence[Judgement]:
    """C24, C26 and C27."""
    return [tempo(found), captured(found), simple_and_complex(found)]
