"""Claims that rest on several comparisons at once, such as "better at every horizon, with and without DTW".

A :class:`Finding` is one comparison with the bounds that its interval has to keep. A :class:`Judgement` is a claim: it
holds if all of its findings do, and is reported by the one that comes nearest to failing. Where the data has no windows
for one of them (:func:`measured`), the claim is not testable on that data.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from phdlib.statistics import Effect
from phdlib.verdicts import Verdicts
from phdlib.window_effects import NoWindowsError

NOTHING = Effect(math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class Finding:
    """One comparison: ``what`` is compared, the ``effect`` in ``unit``, and the bounds that its whole 95 % interval has
    to lie between: ``above`` for "better by more than", both for "equal within". ``lacks``: what the data has none of,
    where there is nothing to compare."""

    what: str
    effect: Effect
    unit: str
    above: float = 0.0
    below: float = math.inf
    lacks: str = ""

    @property
    def margin(self) -> float:
        """How far the interval's worse end is inside the bounds; negative where it is outside."""
        return min(self.effect.low - self.above, self.below - self.effect.high)

    @property
    def holds(self) -> bool:
        return self.margin > 0  # False for NaN too

    @property
    def bounds(self) -> str:
        """The bounds in words: "above 1", "from -1 to 1", "below 3"."""
        if math.isinf(self.below):
            return f"above {self.above:g}"
        return f"below {self.below:g}" if math.isinf(self.above) else f"from {self.above:g} to {self.below:g}"


def measured(
    what: str, effect: Callable[[], Effect], unit: str, above: float = 0.0, below: float = math.inf
) -> Finding:
    """A finding whose effect is measured now; one that :attr:`Finding.lacks` what it is about if the data has no such
    windows, as a small set of recordings may have none that repeats itself."""
    try:
        return Finding(what, effect(), unit, above, below)
    except NoWindowsError as error:
        return Finding(what, NOTHING, unit, above, below, str(error))


@dataclass(frozen=True)
class Judgement:
    """A claim by its inventory ``id``: our ``statement`` of it, thresholds included, what is ``published``, and the
    ``findings`` that have to hold, all of them. ``note``: what a reader of the verdict should know besides."""

    id: str
    statement: str
    published: str
    findings: tuple[Finding, ...]
    note: str = ""

    def __post_init__(self) -> None:
        if not self.findings:
            raise ValueError(f"{self.id}: a judgement needs findings, found none")

    @property
    def holds(self) -> bool:
        return all(finding.holds for finding in self.findings)

    @property
    def weakest(self) -> Finding:
        """The finding that comes nearest to failing, or fails by most."""
        return min(self.findings, key=lambda finding: -math.inf if math.isnan(finding.margin) else finding.margin)

    @property
    def untestable(self) -> str:
        """What the data lacks that the claim is about, the first of it; empty if it lacks nothing."""
        return next((f"{finding.what}: {finding.lacks}" for finding in self.findings if finding.lacks), "")

    def enter(self, verdicts: Verdicts) -> None:
        """Into the notebook's verdicts, by the weakest finding; not testable if the data lacks what one is about."""
        if self.untestable:
            verdicts.not_testable(self.id, f"{self.statement} Not on this data: {self.untestable}.", self.published)
            return
        weakest = self.weakest
        unit = "; ".join([f"{weakest.unit} ({weakest.what})", *self._besides()])
        verdicts.judge(self.id, self.statement, weakest.effect, unit, self.published, self.holds)

    @property
    def comparison(self) -> str:
        """What the effect is of: the weakest finding, of how many, and the note."""
        if self.untestable:
            return ""
        return "; ".join([self.weakest.what, *self._besides()])

    def _besides(self) -> list[str]:
        kept, count = sum(finding.holds for finding in self.findings), len(self.findings)
        of_all = [f"the weakest of {count} comparisons, of which {kept} hold"] if count > 1 else []
        return of_all + ([self.note] if self.note else [])


def judged(verdicts: Verdicts, judgements: Sequence[Judgement]) -> pd.DataFrame:
    """:meth:`phdlib.verdicts.Verdicts.table`, what was compared in a column of its own instead of beside the unit."""
    table = verdicts.table()
    by_id = {judgement.id: judgement for judgement in judgements}
    units = [
        by_id[id].weakest.unit if id in by_id and not by_id[id].untestable else unit
        for id, unit in table["unit"].items()
    ]
    compared = [by_id[id].comparison if id in by_id else "" for id in table.index]
    table["unit"] = units
    table.insert(table.columns.get_loc("unit") + 1, "comparison", compared)
    return table


def evidence(judgements: Sequence[Judgement]) -> pd.DataFrame:
    """All findings as a table: claim, comparison, effect, interval, unit, what was asked of the interval, outcome."""
    rows = [
        {
            "claim": judgement.id.removeprefix("PHD-"),
            "comparison": finding.what,
            "effect": finding.effect.value,
            "from": finding.effect.low,
            "to": finding.effect.high,
            "unit": finding.unit,
            "interval to lie": finding.bounds,
            "holds": finding.lacks or ("yes" if finding.holds else "no"),
        }
        for judgement in judgements
        for finding in judgement.findings
    ]
    return pd.DataFrame(rows)
