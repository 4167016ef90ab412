"""What was measured of a claim, beside what its declared check asks: findings, and the judgement they make.

Where the data has too little for one of them (:func:`measured`), the claim is not testable on that data, unless another
comparison that rests on enough denies it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from phdlib import checks
from phdlib.checks import Bound, Check
from phdlib.statistics import Effect
from phdlib.window_effects import TooFewError, too_few

NOTHING = Effect(math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class Finding:
    """One comparison: ``what`` is compared, the ``effect`` (a number alone where no chance enters), and the bound that
    its whole 95 % interval has to keep. ``lacks``: what the data has too little of to compare anything."""

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


def measured(what: str, effect: Callable[[], Effect | float], bound: Bound, *takes: Iterable[str]) -> Finding:
    """A finding whose effect is measured now; one that :attr:`Finding.lacks` what it is about if the data has too few
    such windows, as a small set of recordings may have none that repeats itself. ``takes``: of the windows behind the
    effect, or of each group of them, which must be enough for an interval (:func:`phdlib.window_effects.too_few`)."""
    try:
        if lacks := next(filter(None, map(too_few, takes)), ""):
            raise TooFewError(lacks)
        return Finding(what, effect(), bound)
    except TooFewError as error:
        return Finding(what, NOTHING, bound, str(error))


@dataclass(frozen=True)
class Judgement:
    """A claim judged by its ``findings``: it holds if all of them do. ``note``: what a reader should know besides; what
    findings lack is added to it.

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
        if reasons := list(dict.fromkeys(f.lacks for f in self.findings if f.lacks)):
            count = sum(bool(f.lacks) for f in self.findings)
            lacking = f"{count} of {len(self.findings)} comparisons left out: {'; '.join(reasons)}"
            object.__setattr__(self, "note", "; ".join(filter(None, (self.note, lacking))))

    @classmethod
    def of(
        cls, id: str, effects: Mapping[str, Effect | float], note: str = "",
        takes: Mapping[str, Iterable[str]] | None = None,
    ) -> Judgement:  # fmt: skip
        """Of one effect for each bound, by the bound's name. ``takes``: those behind some of them, likewise, which must
        be enough for an interval."""
        found = []
        for name, effect in effects.items():
            bound, behind = checks.bound(id, name), [takes[name]] if takes and name in takes else []
            found.append(measured(bound.what, lambda effect=effect: effect, bound, *behind))
        return cls(id, tuple(found), note)

    @property
    def check(self) -> Check:
        return checks.check(self.id)

    @property
    def untestable(self) -> str:
        """What the data lacks that the claim is about, the first of it; empty if it lacks nothing, and where another
        comparison denies the claim, all of whose comparisons would have to hold."""
        if any(finding.bound.denied(finding.interval) for finding in self.findings):
            return ""
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
        """Of what was measured, the finding that comes nearest to failing, or fails by most, counted in widths of its
        interval."""
        return min([f for f in self.findings if not f.lacks] or self.findings, key=lambda finding: finding.slack)


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
