"""What PHD's claims about Tables 2, 3 and 8 are judged by: differences between rows, from evaluated windows.

A claim is judged by the reading of the table that it rests on: Table 2 is ``mean_dtw``, Tables 3 and 8 are ``frame``
(:mod:`phdlib.futures`); where it names both tables, both have to bear it out. Effects are differences between rows on
the same windows, turned so that above zero is what the claim says, be it mm or PCK points; intervals are bootstraps
over takes and seeds, the seeds of all rows drawn together, since the n-th models of all rows share their encoder's
first
training. A comparison always draws the same, so that it has one interval in whatever claim it stands; one of too few
takes is none (:func:`phdlib.findings.measured`). What each claim asks of them is declared in :mod:`phdlib.checks`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from phdlib import checks
from phdlib.checks import Bound
from phdlib.findings import Finding, measured
from phdlib.future_tables import DRAWS, Tables, compare
from phdlib.statistics import Effect

LATENT, NO_STRIP, POSE, CONSTANT, NEIGHBOUR = "AR on Φ", "No L_movie strip", "AR on Θ", "Constant", "Nearest Neighbour"
METHODS = (LATENT, NO_STRIP, POSE, CONSTANT, NEIGHBOUR)
FULL = "AR on Φ, full 3D"
READING = {"Table 2": "mean_dtw", "Table 8": "frame", "Table 3": "frame"}
BOTH = ("Table 2", "Table 8")
UNITS = {"h36m": "mm", "penn": "PCK points"}
ROLE = {"h36m": "Human3.6M role", "penn": "Penn role"}


@dataclass(frozen=True, eq=False)
class Evidence:
    """Evaluated ``rows`` (role -> method -> a table per seed), and how often their differences are drawn."""

    rows: Mapping[str, Mapping[str, Tables]]
    draws: int = DRAWS

    def effect(self, role: str, picks: Sequence[tuple[str, int, str]], statistic: Callable[..., float]) -> Effect:
        """``statistic`` of the mean errors at some (method, horizon, table), in the order of ``picks``. Errors: what is
        better when lower, so a PCK comes with its sign turned."""
        if missing := [method for method, _, _ in picks if method not in self.rows[role]]:
            raise ValueError(f"{ROLE[role]}: no rows of {missing[0]!r}; there are {', '.join(self.rows[role])}")
        sign = 1.0 if role == "h36m" else -1.0
        models = [self.rows[role][method] for method, _, _ in picks]
        return compare(
            models, [(horizon, READING[table]) for _, horizon, table in picks],
            lambda *values: statistic(*(sign * value for value in values)), np.random.default_rng(0), draws=self.draws,
            paired=len({len(tables) for tables in models}) == 1,
        )  # fmt: skip

    def finding(
        self, what: str, role: str, picks: Sequence[tuple[str, int, str]], statistic: Callable[..., float], bound: Bound
    ) -> Finding:
        """:meth:`effect`, held to a bound."""
        takes = next(iter(self.rows[role].values()))[0]["take"]
        return measured(what, lambda: self.effect(role, picks, statistic), bound, takes)

    def better(self, id: str, role: str, a: str, b: str, horizon: int, table: str, bound: str = "") -> Finding:
        """By how much ``a`` is better than ``b``, for a bound of the claim ``id``: the role's, if none is named."""
        what = f"{table}, {ROLE[role]}, {horizon}: {a} better than {b} by"
        picks = [(a, horizon, table), (b, horizon, table)]
        return self.finding(what, role, picks, lambda x, y: y - x, checks.bound(id, bound or role))
