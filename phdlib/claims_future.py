"""PHD's claims about Tables 2, 3 and 8 and Figure 8 (C02 to C07, C12 to C16, C32, C38), from evaluated rows to
judgements; see :mod:`phdlib.future_evidence` for what they are judged by."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from phdlib.claims_baselines import frozen_pose, neighbour_later, neighbour_start
from phdlib.findings import Finding, Judgement
from phdlib.future_evidence import (
    BOTH,
    CLEAR,
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
from phdlib.future_tables import compare
from phdlib.futures import HORIZONS


def latent_over_pose(found: Evidence) -> Judgement:
    """C02."""
    return Judgement(
        "PHD-C02",
        f"With DTW (Table 2) the latent model is better than the pose-space one at 30 frames, by more than {CLEAR:g} "
        f"mm and {CLEAR:g} PCK point.",
        "17.5 mm and 20.7 points at 30",
        tuple(found.better(role, LATENT, POSE, 30, "Table 2", CLEAR) for role in UNITS),
    )


def gap_grows(found: Evidence) -> Judgement:
    """C03."""

    def growth(role: str, table: str) -> Finding:
        picks = [(LATENT, 5, table), (POSE, 5, table), (LATENT, 30, table), (POSE, 30, table)]
        effect = found.effect(role, picks, lambda a, b, c, d: (d - c) - (b - a))
        return Finding(f"{table}, {ROLE[role]}: advantage at 30 less that at 5", effect, UNITS[role], CLEAR)

    return Judgement(
        "PHD-C03",
        "The latent model's advantage over the pose-space one is larger at 30 frames than at 5, by more than "
        f"{CLEAR:g} mm and {CLEAR:g} point, in Tables 2 and 8.",
        "with DTW by 15.3 mm and 15.0 points, without by 19.4 mm and 15.6 points",
        tuple(growth(role, table) for table in BOTH for role in UNITS),
    )


def never_worse(found: Evidence) -> Judgement:
    """C04."""
    return Judgement(
        "PHD-C04",
        f"The latent model is nowhere worse than the pose-space one by {CLEAR:g} mm or {CLEAR:g} point: five "
        "horizons, both roles, Tables 2 and 8.",
        "no worse in all 20 cells",
        tuple(found.better(r, LATENT, POSE, h, t, -CLEAR) for t in BOTH for r in UNITS for h in HORIZONS),
    )


def distillation(found: Evidence) -> list[Judgement]:
    """C05 and C06."""

    def loss(table: str) -> Finding:
        picks = [(method, h, table) for method in (LATENT, NO_STRIP) for h in HORIZONS]
        effect = found.effect(
            "penn", picks, lambda *x: float(np.mean(x[len(HORIZONS) :]) - np.mean(x[: len(HORIZONS)]))
        )
        return Finding(
            f"{table}, Penn role, mean of the horizons: loss without distillation", effect, "PCK points", 0, 5
        )

    slight = Judgement(
        "PHD-C05",
        "Without distillation PCK in the Penn role is lower, but not by 5 points: mean of the five horizons, Tables 2 "
        "and 8.",
        "1.3 points with DTW, mean of the horizons",
        tuple(loss(table) for table in BOTH),
    )
    same = Judgement(
        "PHD-C06",
        f"Without distillation the error in the Human3.6M role changes by less than {CLEAR:g} mm either way, at every "
        "horizon with DTW (Table 2).",
        "within 0.8 mm",
        tuple(found.better("h36m", LATENT, NO_STRIP, h, "Table 2", -CLEAR, CLEAR) for h in HORIZONS),
    )
    return [slight, same]


def over_baselines(found: Evidence) -> list[Judgement]:
    """C07 and C16."""
    baselines = (CONSTANT, NEIGHBOUR)
    everywhere = [found.better(r, LATENT, b, h, t) for t in BOTH for r in UNITS for b in baselines for h in HORIZONS]
    return [
        Judgement(
            "PHD-C07",
            "The latent model is better than the frozen pose and the nearest neighbour, by any amount: five horizons, "
            "both roles, Tables 2 and 8.",
            "better in all 40 comparisons",
            tuple(everywhere),
        ),
        Judgement(
            "PHD-C16",
            f"Without DTW (Table 8) the latent model is ahead of both baselines at 30 frames by more than {CLEAR:g} "
            f"mm and {CLEAR:g} point.",
            "21.7 and 52.2 mm, 27.4 and 19.0 points",
            tuple(found.better(r, LATENT, b, 30, "Table 8", CLEAR) for r in UNITS for b in baselines),
        ),
    ]


def single_image(found: Evidence) -> list[Judgement]:
    """C12, C13 and C14. ``found`` needs the rows of [11] and [27] (:mod:`phdlib.single_image_study`)."""
    chao, kanazawa = "Chao et al. [11]", "Kanazawa et al. [27]"
    return [
        Judgement(
            "PHD-C12",
            "Five frames ahead in the Penn role (Table 3) the latent model is better than both predictors that see "
            "one image, by more than 2 points.",
            "9.1 and 9.4 points",
            tuple(found.better("penn", LATENT, other, 5, "Table 3", 2) for other in (chao, kanazawa)),
        ),
        Judgement(
            "PHD-C13",
            f"Five frames ahead in the Human3.6M role the latent model is better than [27] by more than {CLEAR:g} mm.",
            "4.1 mm",
            (found.better("h36m", LATENT, kanazawa, 5, "Table 3", CLEAR),),
        ),
        Judgement(
            "PHD-C14",
            f"Five frames ahead the pose-space model is not better than [27] by {CLEAR:g} mm or {CLEAR:g} point.",
            "0.6 mm worse, 0.0 points",
            tuple(found.better(role, POSE, kanazawa, 5, "Table 3", -np.inf, CLEAR) for role in UNITS),
        ),
    ]


def without_warping(found: Evidence) -> Judgement:
    """C15."""

    def removal(role: str, method: str, horizon: int) -> Finding:
        effect = found.effect(role, [(method, horizon, t) for t in BOTH], lambda warped, raw: raw - warped)
        return Finding(f"{ROLE[role]}, {horizon}: {method}, Table 8 against Table 2", effect, UNITS[role])

    return Judgement(
        "PHD-C15",
        "Every row is worse in Table 8 than in Table 2 from horizon 5 on, by any amount, in both roles. (The tables as "
        "printed: the frame itself against the warped running mean.)",
        "worse in all 40 cells",
        tuple(removal(r, m, h) for r in UNITS for m in METHODS for h in HORIZONS if h >= 5),
        note="between running means with and without DTW the frozen pose does not change at all",
    )


def labels_2d(found: Evidence) -> Judgement:
    """C32. ``found`` needs :data:`FULL`, the latent model given 3D labels in every role."""
    return Judgement(
        "PHD-C32",
        "Trained without 3D labels of the Penn role, the latent model there is better than the frozen pose at 30 "
        f"frames with DTW by more than {CLEAR:g} point, and behind the same model given 3D labels by less than 3 "
        "points.",
        "77.2 PCK against 49.7 of the frozen pose",
        (
            found.better("penn", LATENT, CONSTANT, 30, "Table 2", CLEAR),
            found.better("penn", FULL, LATENT, 30, "Table 2", -np.inf, 3),
        ),
    )


def mistimed(late: Mapping[str, pd.DataFrame], rng: np.random.Generator, draws: int = 1000) -> Judgement:
    """C38, of the truth itself, some frames late (:func:`phdlib.mistiming.late`), by role."""

    def kept(role: str) -> Finding:
        best = 0.0 if role == "h36m" else 100.0
        effect = compare(
            [[late[role]]] * 2, [(30, "mean"), (30, "mean_dtw")],
            lambda plain, warped: abs(plain - best) - 2 * abs(warped - best), rng, draws=draws,
        )  # fmt: skip
        return Finding(f"{ROLE[role]}: penalty without DTW less twice the penalty with it", effect, UNITS[role])

    return Judgement(
        "PHD-C38",
        "Of what a prediction loses by being the truth five frames late, DTW takes away more than half (running means "
        "over 30 frames, both roles).",
        "a golf swing begun too soon (Figure 8), no numbers",
        tuple(kept(role) for role in UNITS),
    )


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
