"""PHD's claims about the baselines Constant and Nearest Neighbour (C08 to C11, C39), from evaluated rows to judgements;
see :mod:`phdlib.future_evidence` for what they are judged by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd

from phdlib import checks
from phdlib.findings import Finding, Judgement, measured
from phdlib.future_evidence import BOTH, CONSTANT, LATENT, METHODS, NEIGHBOUR, POSE, ROLE, UNITS, Evidence
from phdlib.futures import HORIZONS
from phdlib.neighbour_modes import shares


def frozen_pose(found: Evidence) -> Judgement:
    """C08."""
    id = "PHD-C08"
    near = [found.better(id, role, LATENT, CONSTANT, 1, "Table 8", f"{role} 1") for role in UNITS]
    far = [found.better(id, role, LATENT, CONSTANT, 30, table, f"{role} 30") for table in BOTH for role in UNITS]
    return Judgement(id, (*near, *far))


def neighbour_start(found: Evidence) -> Judgement:
    """C09. ``found`` needs the rows "Nearest Neighbour, body" in the Human3.6M and "..., seam" in the Penn role."""
    check = checks.check("PHD-C09")
    share, findings = check.given["share"], []
    for role, turned in (("h36m", "body"), ("penn", "seam")):
        others = [method for method in METHODS if method != NEIGHBOUR]
        picks = [(method, 1, "Table 8") for method in (NEIGHBOUR, *others)]
        what, worst = f"{ROLE[role]}, 1: behind the next worst row", check.bound(f"{role} worst")
        findings.append(found.finding(what, role, picks, lambda own, *rest: own - max(rest), worst))
        picks = [(method, 1, "Table 8") for method in (NEIGHBOUR, f"{NEIGHBOUR}, {turned}", CONSTANT)]
        what = f"{ROLE[role]}, 1: gain by orientation ({turned}) less a share of {share:g} of the gap to {CONSTANT}"
        findings.append(
            found.finding(
                what, role, picks, lambda own, aligned, still: (own - aligned) - share * (own - still),
                check.bound(f"{role} aligned"),
            )
        )  # fmt: skip
    return Judgement(check.id, tuple(findings))


def neighbour_later(found: Evidence) -> list[Judgement]:
    """C10 and C11."""

    def behind(table: str, horizon: int) -> Finding:
        others = [method for method in METHODS if method != NEIGHBOUR]
        picks = [(method, horizon, table) for method in (NEIGHBOUR, *others)]
        what, bound = f"{table}, Human3.6M role, {horizon}: behind the next worst row", checks.bound("PHD-C11", "h36m")
        return found.finding(what, "h36m", picks, lambda own, *rest: own - max(rest), bound)

    ahead = (found.better("PHD-C10", "penn", NEIGHBOUR, other, 30, t) for t in BOTH for other in (CONSTANT, POSE))
    return [
        Judgement("PHD-C10", tuple(ahead)),
        Judgement("PHD-C11", tuple(behind(table, horizon) for table in BOTH for horizon in HORIZONS)),
    ]


def neighbour_failures(
    found: Mapping[str, Sequence[pd.DataFrame]], rng: np.random.Generator, draws: int = 1000
) -> Judgement:
    """C39, of :func:`phdlib.neighbour_modes.modes` by role, a table per seed."""
    cases, bound = [("h36m", "drift"), ("penn", "wrong speed"), ("penn", "good fit")], checks.bound("PHD-C39", "share")
    findings = (
        measured(f"{ROLE[r]}: {mode}", partial(shares, found[r], mode, rng, draws), bound, found[r][0]["take"])
        for r, mode in cases
    )
    return Judgement("PHD-C39", tuple(findings))
