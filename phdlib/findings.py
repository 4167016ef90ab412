"""What was measured of a claim, beside what its declared check asks: findings, and the judgement they make.

Where the data has no windows for one of them (:func:`measured`), the claim is not testable on that data.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from phdlib import checks
from phdlib.checks import Bound, Check
from phdlib.statistics import Effect
from phdlib.window_effects import NoWindowsError

NOTHING = Effect(math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class Finding:
    """One comparison: ``what`` is compared, the ``effect`` (a number alone where no chance enters), and the bound that
    its whole 95 % interval has to keep. ``lacks``: what the data has none of, where there is nothing to compare."""

    what: str
    effect: Effect | float
    bound: Bound
    lacks: str = ""

    @property
    def value(self) -> float:
        return self.effect.value if isinstance(self.effect, Effect) else float(self.effect)

    @property
    def interval(self) -> tuple[float, float]:
        """From the lower to the upper end; of a number alone, that number twice."""
        return (self.effect.low, self.effect.high) if isinstance(self.effect, Effect) else (self.value, self.value)

    @property
    def holds(self) -> bool:
        return self.bound.holds(self.interval)

    @property
    def slack(self) -> float:
        return self.bound.slack(self.interval)


def measured(what: str, effect: Callable[[], Effect], bound: Bound) -> Finding:
    """A finding whose effect is measured now; one that :attr:`Finding.lacks` what it is about if the data has no such
    windows, as a small set of recordings may have none that repeats itself."""
    try:
        return Finding(what, effect(), bound)
    except NoWindowsError as error:
        return Finding(what, NOTHING, bound, str(error))


@dataclass(frozen=True)
class Judgement:
    """A claim judged by its ``findings``: it holds if all of them do. ``note``: what a reader should know besides.

    ``ValueError`` if the findings are not those that the claim's check asks for: each of its bounds, and no other.
    """

    id: str
    findings: tuple[Finding, ...]
    note: str = ""

    def __post_init__(self) -> None:
        asked, found = list(self.check.bounds.values()), [finding.bound for finding in self.findings]
        if not found:
            raise ValueError(f"{self.id}: a judgement needs findings, found none")
        if strange := [f.what for f in self.findings if f.bound not in asked]:
            raise ValueError(f"{self.id}: {strange[0]!r} is held to a bound that its check does not declare")
        if missing := [name for name, bound in self.check.bounds.items() if bound not in found]:
            raise ValueError(f"{self.id}: nothing was found for the bound {missing[0]!r} of its check")

    @classmethod
    def of(cls, id: str, effects: Mapping[str, Effect | float], note: str = "") -> Judgement:
        """Of one effect for each bound, by the bound's name."""
        bounds = {name: checks.bound(id, name) for name in effects}
        return cls(id, tuple(Finding(bounds[n].what, effect, bounds[n]) for n, effect in effects.items()), note)

    @property
    def check(self) -> Check:
        return checks.check(self.id)

    @property
    def untestable(self) -> str:
        """What the data lacks that the claim is about, the first of it; empty if it lacks nothing."""
        return next((f"{finding.what}: {finding.lacks}" for finding in self.findings if finding.lacks), "")

    @property
    def outcome(self) -> str:
        """One of :data:`phdlib.checks.OUTCOMES`."""
        if self.untestable:
            return "not testable here"
        return checks.outcome([(finding.bound, finding.interval) for finding in self.findings])

    @property
    def verdict(self) -> str:
        return checks.verdict(self.outcome)

    @property
    def holds(self) -> bool:
        return self.outcome == "reproduced"

    @property
    def weakest(self) -> Finding:
        """The finding that comes nearest to failing, or fails by most, counted in widths of its interval."""
        return min(self.findings, key=lambda finding: finding.slack)


def evidence(judgements: Sequence[Judgement]) -> pd.DataFrame:
    """All findings as a table: claim, comparison, effect, interval, what was asked of the interval, outcome."""
    rows = [
        {
            "claim": judgement.id.split("-")[1],
            "comparison": finding.what,
            "effect": finding.value,
            "from": finding.interval[0] if isinstance(finding.effect, Effect) else math.nan,
            "to": finding.interval[1] if isinstance(finding.effect, Effect) else math.nan,
            "interval to lie": str(finding.bound),
            "holds": finding.lacks or ("yes" if finding.holds else "no"),
        }
        for judgement in judgements
        for finding in judgement.findings
    ]
    return pd.DataFrame(rows)
