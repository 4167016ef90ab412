"""PHD's claims about Tables 2, 3 and 8 and Figure 8 (C02 to C07, C12 to C16, C32, C38), from evaluated rows to
judgements; see :mod:`phdlib.future_evidence` for what they are judged by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from phdlib import checks
from phdlib.claims_baselines import frozen_pose, neighbour_later, neighbour_start
from phdlib.findings import Finding, Judgement, measured
from phdlib.future_evidence import (
    BOTH,
    CONSTANT,
    FULL,
    LATENT,
    METHODS,
    NEIGHBOUR,
    NO_STRIP,
    POSE,
    ROLE,
    UNITS,
    Evidence,
)
from phdlib.future_tables import DRAWS, compare
from phdlib.futures import HORIZONS


def latent_over_pose(found: Evidence) -> Judgement:
    """C02."""
    id = "PHD-C02"
    return Judgement(id, tuple(found.better(id, role, LATENT, POSE, 30, "Table 2") for role in UNITS))


def gap_grows(found: Evidence) -> Judgement:
    """C03."""

    def growth(role: str, table: str) -> Finding:
        picks = [(LATENT, 5, table), (POSE, 5, table), (LATENT, 30, table), (POSE, 30, table)]
        what = f"{table}, {ROLE[role]}: advantage at 30 less that at 5"
        return found.finding(what, role, picks, lambda a, b, c, d: (d - c) - (b - a), checks.bound("PHD-C03", role))

    return Judgement("PHD-C03", tuple(growth(role, table) for table in BOTH for role in UNITS))


def never_worse(found: Evidence) -> Judgement:
    """C04."""
    id = "PHD-C04"
    return Judgement(id, tuple(found.better(id, r, LATENT, POSE, h, t) for t in BOTH for r in UNITS for h in HORIZONS))


def distillation(found: Evidence) -> list[Judgement]:
    """C05 and C06."""

    def loss(table: str) -> Finding:
        picks = [(method, h, table) for method in (LATENT, NO_STRIP) for h in HORIZONS]
        what, half = f"{table}, Penn role, mean of the horizons: loss without distillation", len(HORIZONS)
        bound = checks.bound("PHD-C05", "penn")
        return found.finding(what, "penn", picks, lambda *x: float(np.mean(x[half:]) - np.mean(x[:half])), bound)

    same = (found.better("PHD-C06", "h36m", LATENT, NO_STRIP, h, "Table 2") for h in HORIZONS)
    return [Judgement("PHD-C05", tuple(loss(table) for table in BOTH)), Judgement("PHD-C06", tuple(same))]


def over_baselines(found: Evidence) -> list[Judgement]:
    """C07 and C16."""

    def ahead(id: str, tables: Sequence[str], horizons: Sequence[int]) -> Judgement:
        pairs = [(table, role, other) for table in tables for role in UNITS for other in (CONSTANT, NEIGHBOUR)]
        return Judgement(id, tuple(found.better(id, r, LATENT, other, h, t) for t, r, other in pairs for h in horizons))

    return [ahead("PHD-C07", BOTH, HORIZONS), ahead("PHD-C16", BOTH[1:], [30])]


def single_image(found: Evidence) -> list[Judgement]:
    """C12, C13 and C14. ``found`` needs the rows of [11] and [27] (:mod:`phdlib.single_image_study`)."""
    chao, kanazawa = "Chao et al. [11]", "Kanazawa et al. [27]"

    def at_5(id: str, role: str, method: str, other: str) -> Finding:
        return found.better(id, role, method, other, 5, "Table 3")

    return [
        Judgement("PHD-C12", tuple(at_5("PHD-C12", "penn", LATENT, other) for other in (chao, kanazawa))),
        Judgement("PHD-C13", (at_5("PHD-C13", "h36m", LATENT, kanazawa),)),
        Judgement("PHD-C14", tuple(at_5("PHD-C14", role, POSE, kanazawa) for role in UNITS)),
    ]


def without_warping(found: Evidence) -> Judgement:
    """C15."""

    def removal(role: str, method: str, horizon: int) -> Finding:
        what, picks = (
            f"{ROLE[role]}, {horizon}: {method}, Table 8 worse than Table 2 by",
            [(method, horizon, t) for t in BOTH],
        )
        return found.finding(what, role, picks, lambda warped, raw: raw - warped, checks.bound("PHD-C15", role))

    return Judgement(
        "PHD-C15",
        tuple(removal(r, m, h) for r in UNITS for m in METHODS for h in HORIZONS if h >= 5),
        note="between running means with and without DTW the frozen pose does not change at all",
    )


def labels_2d(found: Evidence) -> Judgement:
    """C32. ``found`` needs :data:`FULL`, the latent model given 3D labels in every role."""
    id = "PHD-C32"
    return Judgement(
        id,
        (
            found.better(id, "penn", LATENT, CONSTANT, 30, "Table 2", "ahead"),
            found.better(id, "penn", FULL, LATENT, 30, "Table 2", "behind"),
        ),
    )


def mistimed(late: Mapping[str, pd.DataFrame], rng: np.random.Generator, draws: int = DRAWS) -> Judgement:
    """C38, of the truth itself, some frames late (:func:`phdlib.mistiming.late`), by role."""
    times = checks.check("PHD-C38").given["times"]

    def kept(role: str) -> Finding:
        best = 0.0 if role == "h36m" else 100.0
        what = f"{ROLE[role]}: penalty without DTW less {times:g} times the penalty with it"
        return measured(
            what,
            lambda: compare(
                [[late[role]]] * 2, [(30, "mean"), (30, "mean_dtw")],
                lambda plain, warped: abs(plain - best) - times * abs(warped - best), rng, draws=draws,
            ),
            checks.bound("PHD-C38", role), late[role]["take"],
        )  # fmt: skip

    return Judgement("PHD-C38", tuple(kept(role) for role in UNITS))


def tables_2_and_8(found: Evidence) -> list[Judgement]:
    """All judgements of Tables 2 and 8, in the order of their ids."""
    judged = [
        latent_over_pose(found),
        gap_grows(found),
        never_worse(found),
        *distillation(found),
        *over_baselines(found),
    ]
    judged += [
        frozen_pose(found),
        neighbour_start(found),
        *neighbour_later(found),
        without_warping(found),
        labels_2d(found),
    ]
    return sorted(judged, key=lambda judgement: judgement.id)
