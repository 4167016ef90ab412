"""Verdicts on all claims, made up: what a run could leave, for tests of the pages that show it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from phdlib import checks


def made_claims(rng: np.random.Generator) -> dict[str, list[dict[str, Any]]]:
    """By notebook ("notebooks/phd/05_evaluation.ipynb"), as :func:`phdlib.publish.save_claims` takes them."""
    found: dict[str, list[dict[str, Any]]] = {}
    for check in checks.checks():
        found.setdefault(f"notebooks/{check.notebook}.ipynb", []).append(_claim(check, rng))
    return found


def _claim(check: checks.Check, rng: np.random.Generator) -> dict[str, Any]:
    about = {"id": check.id, "statement": check.statement, "published": check.published}
    if reason := check.reason("embedded"):
        return about | {"outcome": "not testable here", "verdict": "not testable here", "note": reason}
    bounds = list(check.bounds.values()) * (1 if len(check.bounds) > 1 else int(rng.integers(1, 5)))
    findings = [_finding(bound, number, rng) for number, bound in enumerate(bounds)]
    tested = [(bound, f["interval"] or (f["effect"],) * 2) for bound, f in zip(bounds, findings, strict=True)]
    outcome = checks.outcome(tested)
    first = {key: findings[0][key] for key in ("effect", "interval", "unit")}
    return (
        about
        | first
        | {"findings": findings, "outcome": outcome, "verdict": checks.verdict(outcome), "note": "less than <b> & more"}
    )


def _finding(bound: checks.Bound, number: int, rng: np.random.Generator) -> dict[str, Any]:
    about = {"what": f"{bound.what or 'compared'}, {number} <of> them", "unit": bound.unit}
    if bound.exact:
        effect, interval = bound.above + int(rng.integers(0, 2)), None
    else:
        edge = bound.below if math.isinf(bound.above) else bound.above
        effect, half = edge + rng.normal(0, 2) * max(1, abs(edge)), rng.exponential(1) * max(1, abs(edge))
        interval = (effect - half, effect + half)
    known = {name: None if math.isinf(getattr(bound, name)) else getattr(bound, name) for name in ("above", "below")}
    return about | known | {"effect": effect, "interval": interval, "holds": bound.holds(interval or (effect, effect))}
