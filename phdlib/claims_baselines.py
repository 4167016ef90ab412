"""PHD's claims about the baselines Constant and Nearest Neighbour (C08 to C11, C39), from evaluated rows to judgements;
see :mod:`phdlib.future_evidence` for what they are judged by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from phdlib.findings import Finding, Judgement
from phdlib.future_evidence import BOTH, CONSTANT, LATENT, METHODS, NEIGHBOUR, POSE, ROLE, UNITS, Evidence
from phdlib.futures import HORIZONS
from phdlib.neighbour_modes import shares


def frozen_pose(found: Evidence) -> Judgement:
    """C08."""
    near = [found.better(role, LATENT, CONSTANT, 1, "Table 8", -np.inf, 3) for role in UNITS]
    far = [found.better(role, LATENT, CONSTANT, 30, table, 5) for table in BOTH for role in UNITS]
    return Judgement(
        "PHD-C08",
        "The frozen pose is within 3 mm and 3 points of the latent model at frame 1, and worse than it by more than 5 "
        "mm and 5 points at 30, in Tables 2 and 8.",
        "behind by 2.0 mm and 2.9 points at 1; at 30 by 25.3 and 27.5 with DTW, 21.7 and 27.4 without",
        (*near, *far),
    )


def neighbour_start(found: Evidence) -> Judgement:
    """C09. ``found`` needs the rows "Nearest Neighbour, body" in the Human3.6M and "..., seam" in the Penn role."""
    findings = []
    for role, turned in (("h36m", "body"), ("penn", "seam")):
        others = [method for method in METHODS if method != NEIGHBOUR]
        picks = [(method, 1, "Table 8") for method in (NEIGHBOUR, *others)]
        effect = found.effect(role, picks, lambda own, *rest: own - max(rest))
        findings.append(Finding(f"{ROLE[role]}, 1: behind the next worst row", effect, UNITS[role]))
        picks = [(method, 1, "Table 8") for method in (NEIGHBOUR, f"{NEIGHBOUR}, {turned}", CONSTANT)]
        effect = found.effect(role, picks, lambda own, aligned, still: (own - aligned) - 0.25 * (own - still))
        what = f"{ROLE[role]}, 1: gain by orientation ({turned}) less a quarter of the gap to {CONSTANT}"
        findings.append(Finding(what, effect, UNITS[role]))
    return Judgement(
        "PHD-C09",
        "At frame 1 the nearest neighbour is the worst row in both roles, and aligning the root's orientation closes "
        "more than a quarter of its gap to the frozen pose (mm: found among poses turned alike; PCK: turned at the "
        "seam).",
        "90.3 mm and 62.5 PCK, 30.6 mm and 15.8 points behind the frozen pose",
        tuple(findings),
    )


def neighbour_later(found: Evidence) -> list[Judgement]:
    """C10 and C11."""

    def behind(table: str, horizon: int) -> Finding:
        others = [method for method in METHODS if method != NEIGHBOUR]
        picks = [(method, horizon, table) for method in (NEIGHBOUR, *others)]
        effect = found.effect("h36m", picks, lambda own, *rest: own - max(rest))
        return Finding(f"{table}, Human3.6M role, {horizon}: behind the next worst row", effect, "mm")

    return [
        Judgement(
            "PHD-C10",
            "In the Penn role the nearest neighbour is better at 30 frames than the frozen pose and than the "
            "pose-space model, by any amount, in Tables 2 and 8.",
            "by 8.1 and 1.3 points with DTW, 8.4 and 6.0 without",
            tuple(found.better("penn", NEIGHBOUR, other, 30, t) for t in BOTH for other in (CONSTANT, POSE)),
        ),
        Judgement(
            "PHD-C11",
            "In the Human3.6M role the nearest neighbour is the worst row at every horizon, in Tables 2 and 8.",
            "worst in all 10 cells",
            tuple(behind(table, horizon) for table in BOTH for horizon in HORIZONS),
        ),
    ]


def neighbour_failures(
    found: Mapping[str, Sequence[pd.DataFrame]], rng: np.random.Generator, draws: int = 1000
) -> Judgement:
    """C39, of :func:`phdlib.neighbour_modes.modes` by role, a table per seed."""
    cases = [("h36m", "drift"), ("penn", "wrong speed"), ("penn", "good fit")]
    return Judgement(
        "PHD-C39",
        "The nearest neighbour drifts in more than 5 % of the windows of the Human3.6M role, and in the Penn role has "
        "the wrong speed in more than 5 % and fits well in more than 5 %.",
        "one example of each (Figures 9 and 10)",
        tuple(
            Finding(f"{ROLE[role]}: {mode}", shares(found[role], mode, rng, draws), "% of windows", 5)
            for role, mode in cases
        ),
    )
