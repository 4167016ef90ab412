"""PHD's claims about its tables per action (C17 to C23, C25), judged by measured properties of the motion.

The paper's evidence is a handful of named actions. This data has others, mostly one take each, so a claim of the kind
"fast actions are such" is put to all windows: a rank correlation between the property and the outcome, or a contrast of
two groups of windows, with an interval over takes and seeds (:mod:`phdlib.window_effects`). A correlation counts from
:data:`RHO` on, a difference from :data:`CLEAR`. All at 30 frames unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from phdlib.findings import Finding, Judgement, measured
from phdlib.future_evidence import CLEAR, LATENT, POSE
from phdlib.future_tables import Tables
from phdlib.futures import HORIZONS
from phdlib.window_effects import contrast, correlation, mean, per_window

RHO = 0.1  # the smallest rank correlation that counts
PERIODIC = 0.5  # from this autocorrelation on a clip counts as periodic
LAST = HORIZONS[-1]


@dataclass(frozen=True, eq=False)
class Actions:
    """What the judgements are made of: evaluated ``rows`` (role -> method -> a table per seed) of the latent and the
    pose-space model, and ``properties`` by role (:func:`phdlib.motion_properties.window_properties`)."""

    rows: Mapping[str, Mapping[str, Tables]]
    properties: Mapping[str, pd.DataFrame]
    rng: np.random.Generator
    draws: int = 1000

    def values(self, role: str, reading: str, horizon: int = LAST, method: str = LATENT) -> np.ndarray:
        """(seeds, windows). ``ValueError`` if the properties are of other windows."""
        found, expected = per_window(self.rows[role][method], reading, horizon), len(self.properties[role])
        if found.shape[1] != expected:
            raise ValueError(f"{role}: {found.shape[1]} windows were evaluated, properties are of {expected}")
        return found

    def property(self, role: str, name: str) -> np.ndarray:
        return self.properties[role][name].to_numpy(dtype=float)

    def rho(
        self, what: str, role: str, name: str, values: np.ndarray, kept: np.ndarray | None = None, views: bool = False
    ) -> Finding:
        """Rank correlation of a property with values (seeds, windows), above :data:`RHO`. ``kept``: of these windows.
        ``views``: between the views of one motion."""
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
            "rank correlation", RHO,
        )  # fmt: skip

    def gap(self, what: str, role: str, values: np.ndarray, group: np.ndarray, unit: str, above: float) -> Finding:
        """Mean of the windows in a group, less that of all others."""
        takes = self.properties[role]["take"].tolist()
        return measured(what, lambda: contrast(values, group, takes, self.rng, self.draws), unit, above)


def periodic(found: Actions) -> list[Judgement]:
    """C17 and C19."""
    steady = found.property("h36m", "periodicity") >= PERIODIC
    warped, raw, running = (found.values("h36m", reading) for reading in ("mean_dtw", "frame", "mean"))
    takes = found.properties["h36m"]["take"].tolist()
    best = [
        found.gap(
            f"Table 4, {h}: others less periodic", "h36m", found.values("h36m", "mean_dtw", h), ~steady, "mm", CLEAR
        )
        for h in HORIZONS
    ]
    cost = mean(raw - warped, takes, found.rng, found.draws)
    rise = [
        Finding("Table 6 less Table 4, 30: all windows", cost, "mm", CLEAR),
        found.gap("Table 6 less Table 4, 30: periodic less others", "h36m", raw - warped, steady, "mm", CLEAR),
        found.gap(
            "running means without less with DTW: periodic less others", "h36m", running - warped, steady, "mm", 0
        ),
    ]
    return [
        Judgement(
            "PHD-C17",
            f"Human3.6M role with DTW: windows of periodic clips (autocorrelation from {PERIODIC:g} on) have a lower "
            f"error than the others at every horizon, by more than {CLEAR:g} mm.",
            "Walking the lowest row at every horizon",
            tuple(best),
        ),
        Judgement(
            "PHD-C19",
            f"Taking DTW away costs more than {CLEAR:g} mm at 30, and more than {CLEAR:g} mm more in periodic clips "
            "than in others; of this, what warping alone gives (between running means) is larger there, too.",
            "25.3 mm for Walking, 16.0 for All",
            tuple(rise),
        ),
    ]


def easy_and_hard(found: Actions) -> Judgement:
    """C18."""
    tables = {"Table 4": found.values("h36m", "mean_dtw"), "Table 6": found.values("h36m", "frame")}
    return Judgement(
        "PHD-C18",
        "Human3.6M role: the error at 30 is larger the more a window moves and the farther its poses are from the "
        f"mean pose: rank correlations above {RHO:g}, with and without DTW.",
        "Eating, Posing, Waiting below All; Sitting Down, Taking Photo highest",
        tuple(
            found.rho(f"{table}: {name} and error", "h36m", name, values)
            for table, values in tables.items()
            for name in ("speed", "intricacy")
        ),
    )


def fast_actions(found: Actions) -> list[Judgement]:
    """C20 and C23."""
    speed = found.property("penn", "speed")
    warped, raw, running = (found.values("penn", reading) for reading in ("mean_dtw", "frame", "mean"))
    fast = speed > np.median(speed)
    return [
        Judgement(
            "PHD-C20",
            "Penn role with DTW, faster half of the windows: PCK at 30 is higher the straighter the motion: rank "
            f"correlation above {RHO:g}.",
            "Baseball Swing, Tennis Forehand above Baseball Pitch, Bowl",
            (found.rho("Table 5: straightness and PCK, faster half", "penn", "straightness", warped, fast),),
        ),
        Judgement(
            "PHD-C23",
            "Penn role: what PCK at 30 loses when DTW is taken away is larger the faster the motion: rank "
            f"correlations above {RHO:g}, as the tables have it and between running means.",
            "Tennis Serve 87.0 at 1 to 40.1 at 30, Baseball Pitch 83.9 to 39.2: the largest drops",
            (
                found.rho("Table 5 less Table 7: speed and loss", "penn", "speed", warped - raw),
                found.rho("running means with less without DTW: speed and loss", "penn", "speed", warped - running),
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
        finding = found.rho(f"{table}: keypoints in sight and error turned round, slower half, between views", "h36m",
                            "in sight", -found.values("h36m", reading), slow, views=True)  # fmt: skip
        published = "Jump Rope, Clean And Jerk far above Bench Press, Situp" if reading == "mean_dtw" else (
            "Jump Rope, Pullup above Bench Press, Pushup, Situp"
        )  # fmt: skip
        statement = (
            f"Human3.6M role {table}, slower half of the windows: of the four views of a motion, those in which the "
            f"body hides less of itself have the lower error at 30: rank correlation above {RHO:g}. (Penn role: one "
            "view a motion.)"
        )
        judged.append(Judgement(id, statement, published, (finding,)))
    return judged


def given_away(found: Actions) -> Judgement:
    """C25."""
    ahead = found.values("penn", "mean_dtw") - found.values("penn", "mean_dtw", method=POSE)
    telling, takes = found.property("penn", "telling"), found.properties["penn"]["take"].to_numpy()
    silent = telling <= np.median(telling)
    return Judgement(
        "PHD-C25",
        "Penn role with DTW at 30: where the present pose tells least about the action (lower half), the latent "
        f"model is ahead of the pose-space one by more than {CLEAR:g} point; and its lead shrinks the more the pose "
        f"tells: rank correlation with the lead turned round above {RHO:g}.",
        "no numbers printed",
        (
            measured(
                "Table 5: lead where the pose tells least",
                lambda: mean(ahead[:, silent], takes[silent].tolist(), found.rng, found.draws),
                "PCK points",
                CLEAR,
            ),
            found.rho("Table 5: how telling the pose is and the lead turned round", "penn", "telling", -ahead),
        ),
    )


def foresight(found: Actions) -> list[Finding]:
    """C17 and C18 once more, of how much the error with DTW *rises* from frame 1 to frame 30: what is easy to see is
    easy to predict, too, and only the rise is about the future."""
    rise = found.values("h36m", "mean_dtw") - found.values("h36m", "mean_dtw", 1)
    steady = found.property("h36m", "periodicity") >= PERIODIC
    return [
        found.gap("rise from 1 to 30: others less periodic", "h36m", rise, ~steady, "mm", CLEAR),
        found.rho("rise from 1 to 30: speed", "h36m", "speed", rise),
        found.rho("rise from 1 to 30: intricacy", "h36m", "intricacy", rise),
    ]


def tables_4_to_7(found: Actions) -> list[Judgement]:
    """All judgements, in the order of their ids."""
    judged = [*periodic(found), easy_and_hard(found), *fast_actions(found), *viewpoints(found), given_away(found)]
    return sorted(judged, key=lambda judgement: judgement.id)
