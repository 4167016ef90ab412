"""PHD's claims about its tables per action (C17 to C23, C25), judged by measured properties of the motion.

The paper's evidence is a handful of named actions. This data has others, mostly one take each, so a claim of the kind
"fast actions are such" is put to all windows: a rank correlation between the property and the outcome, or a contrast of
two groups of windows, with an interval over takes and seeds (:mod:`phdlib.window_effects`). All at 30 frames unless
said otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from phdlib import checks
from phdlib.checks import Bound
from phdlib.findings import Finding, Judgement, measured
from phdlib.future_evidence import LATENT, POSE
from phdlib.future_tables import DRAWS, Tables
from phdlib.futures import HORIZONS
from phdlib.window_effects import contrast, correlation, mean, per_window

PERIODIC = checks.check("PHD-C17").given["autocorrelation"]  # from this autocorrelation on a clip counts as periodic
LAST = HORIZONS[-1]


@dataclass(frozen=True, eq=False)
class Actions:
    """What the judgements are made of: evaluated ``rows`` (role -> method -> a table per seed) of the latent and the
    pose-space model, and ``properties`` by role (:func:`phdlib.motion_properties.window_properties`)."""

    rows: Mapping[str, Mapping[str, Tables]]
    properties: Mapping[str, pd.DataFrame]
    draws: int = DRAWS

    @property
    def rng(self) -> np.random.Generator:
        """New for each comparison, so that it has one interval in whatever claim it stands."""
        return np.random.default_rng(0)

    def values(self, role: str, reading: str, horizon: int = LAST, method: str = LATENT) -> np.ndarray:
        """(seeds, windows). ``ValueError`` if the properties are of other windows."""
        found, expected = per_window(self.rows[role][method], reading, horizon), len(self.properties[role])
        if found.shape[1] != expected:
            raise ValueError(f"{role}: {found.shape[1]} windows were evaluated, properties are of {expected}")
        return found

    def property(self, role: str, name: str) -> np.ndarray:
        return self.properties[role][name].to_numpy(dtype=float)

    def rho(
        self, what: str, bound: Bound, role: str, name: str, values: np.ndarray, kept: np.ndarray | None = None,
        views: bool = False,
    ) -> Finding:  # fmt: skip
        """Rank correlation of a property with values (seeds, windows). ``kept``: of these windows. ``views``: between
        the views of one motion."""
        about = self.properties[role]
        kept = np.ones(len(about), dtype=bool) if kept is None else kept
        motion = [f"{take}+{start}" for take, start in zip(about["take"], about["start"], strict=True)]
        within = np.array(motion, dtype=object)[kept] if views else None
        return measured(
            what,
            lambda: correlation(
                values[:, kept], self.property(role, name)[kept], about["take"][kept].tolist(), self.rng,
                within=within, draws=self.draws,
            ),
            bound, about["take"][kept],
        )  # fmt: skip

    def gap(self, what: str, bound: Bound, role: str, values: np.ndarray, group: np.ndarray) -> Finding:
        """Mean of the windows in a group, less that of all others."""
        takes, sides = self.properties[role]["take"], (group, ~group)
        effect = partial(contrast, values, group, takes.tolist(), self.rng, self.draws)
        return measured(what, effect, bound, *(takes[side] for side in sides))


def periodic(found: Actions) -> list[Judgement]:
    """C17 and C19."""
    best, cost = checks.check("PHD-C17"), checks.check("PHD-C19")
    steady = found.property("h36m", "periodicity") >= PERIODIC
    warped, raw, running = (found.values("h36m", reading) for reading in ("mean_dtw", "frame", "mean"))
    takes, lower = found.properties["h36m"]["take"], []
    for h in HORIZONS:
        values, what = found.values("h36m", "mean_dtw", h), f"Table 4, {h}: others less periodic"
        lower.append(found.gap(what, best.bound("mm"), "h36m", values, ~steady))
    all_windows = partial(mean, raw - warped, takes.tolist(), found.rng, found.draws)
    rise = [measured("Table 6 less Table 4, 30: all windows", all_windows, cost.bound("cost"), takes)]
    for what, name, values in (
        ("Table 6 less Table 4, 30", "periodic", raw - warped),
        ("running means without less with DTW", "warping", running - warped),
    ):
        what = f"{what}: periodic less others"
        rise.append(found.gap(what, cost.bound(name), "h36m", values, steady))
    return [Judgement(best.id, tuple(lower)), Judgement(cost.id, tuple(rise))]


def easy_and_hard(found: Actions) -> Judgement:
    """C18."""
    bound = checks.bound("PHD-C18", "rho")
    tables = {"Table 4": found.values("h36m", "mean_dtw"), "Table 6": found.values("h36m", "frame")}
    return Judgement(
        "PHD-C18",
        tuple(
            found.rho(f"{table}: {name} and error", bound, "h36m", name, values)
            for table, values in tables.items()
            for name in ("speed", "intricacy")
        ),
    )


def fast_actions(found: Actions) -> list[Judgement]:
    """C20 and C23."""
    speed = found.property("penn", "speed")
    warped, raw, running = (found.values("penn", reading) for reading in ("mean_dtw", "frame", "mean"))
    straight, lost = checks.bound("PHD-C20", "rho"), checks.bound("PHD-C23", "rho")
    what = "Table 5: straightness and PCK, faster half"
    running_means = "running means with less without DTW: speed and loss"
    return [
        Judgement("PHD-C20", (found.rho(what, straight, "penn", "straightness", warped, speed > np.median(speed)),)),
        Judgement(
            "PHD-C23",
            (
                found.rho("Table 5 less Table 7: speed and loss", lost, "penn", "speed", warped - raw),
                found.rho(running_means, lost, "penn", "speed", warped - running),
            ),
        ),
    ]


def viewpoints(found: Actions) -> list[Judgement]:
    """C21 and C22. In the Penn role a motion has one view, so that view and motion cannot be told apart; the Human3.6M
    role has four views of each."""
    speed = found.property("h36m", "speed")
    slow = speed <= np.median(speed)
    judged = []
    for id, table, reading in (("PHD-C21", "with DTW", "mean_dtw"), ("PHD-C22", "without DTW", "frame")):
        what = f"{table}: keypoints in sight and error turned round, slower half, between views"
        error = found.values("h36m", reading)
        finding = found.rho(what, checks.bound(id, "rho"), "h36m", "in sight", -error, slow, views=True)
        judged.append(Judgement(id, (finding,)))
    return judged


def given_away(found: Actions) -> Judgement:
    """C25."""
    check = checks.check("PHD-C25")
    ahead = found.values("penn", "mean_dtw") - found.values("penn", "mean_dtw", method=POSE)
    telling, takes = found.property("penn", "telling"), found.properties["penn"]["take"].to_numpy()
    silent = telling <= np.median(telling)
    lead = measured(
        "Table 5: lead where the pose tells least",
        lambda: mean(ahead[:, silent], takes[silent].tolist(), found.rng, found.draws),
        check.bound("lead"),
        takes[silent],
    )
    what = "Table 5: how telling the pose is and the lead turned round"
    return Judgement(check.id, (lead, found.rho(what, check.bound("rho"), "penn", "telling", -ahead)))


def foresight(found: Actions) -> list[Finding]:
    """C17 and C18 once more, of how much the error with DTW *rises* from frame 1 to frame 30: what is easy to see is
    easy to predict, too, and only the rise is about the future."""
    rise = found.values("h36m", "mean_dtw") - found.values("h36m", "mean_dtw", 1)
    steady = found.property("h36m", "periodicity") >= PERIODIC
    mm, rho = checks.bound("PHD-C17", "mm"), checks.bound("PHD-C18", "rho")
    return [
        found.gap("rise from 1 to 30: others less periodic", mm, "h36m", rise, ~steady),
        found.rho("rise from 1 to 30: speed", rho, "h36m", "speed", rise),
        found.rho("rise from 1 to 30: intricacy", rho, "h36m", "intricacy", rise),
    ]


def tables_4_to_7(found: Actions) -> list[Judgement]:
    """All judgements, in the order of their ids."""
    judged = [*periodic(found), easy_and_hard(found), *fast_actions(found), *viewpoints(found), given_away(found)]
    return sorted(judged, key=lambda judgement: judgement.id)
