"""The papers' 101 claims as declared checks: what is computed, what its interval has to lie between, and why not.

Thresholds were set before the trainings that they judge, some after trial runs on the same takes: the notebooks say
which. They lie in ``checks_phd.json`` and ``checks_videopose3d.json``, one entry per claim, and nowhere else. What a
verdict is, given numbers and bounds, is decided here too.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from phdlib import paths
from phdlib.published import PAPERS

VERDICTS = ("reproduced", "not reproduced", "not testable here")
OUTCOMES = ("reproduced", "contradicted", "undecided", "not testable here")
MEANING = {
    "reproduced": "everything that was asked of it is met by the whole 95 % interval",
    "contradicted": "in at least one comparison the whole interval lies where it should not",
    "undecided": "an interval reaches over its bound: more people or more seeds would have to tell",
    "not testable here": "these data, or this machine, cannot speak to it",
}
Interval = tuple[float, float]


@dataclass(frozen=True)
class Bound:
    """What a whole 95 % interval, in ``unit``, has to lie between. Where ``above`` equals ``below``, the number has to
    be just that. ``what``: what is measured, where one number is; its sign is that of the words ("a less b")."""

    unit: str
    above: float = -math.inf
    below: float = math.inf
    what: str = ""

    @property
    def exact(self) -> bool:
        return self.above == self.below

    def holds(self, interval: Interval) -> bool:
        """Whether all of it is inside; False for NaN."""
        low, high = interval
        return low == high == self.above if self.exact else self.above < low and high < self.below

    def denied(self, interval: Interval) -> bool:
        """Whether all of it is outside, on one side; False for NaN."""
        low, high = interval
        return high < self.above or low > self.below or (not self.exact and (high == self.above or low == self.below))

    def slack(self, interval: Interval) -> float:
        """How far the interval's worse end is inside, in widths of the interval, so that units do not matter; below 0
        outside, infinite for a number without an interval, minus infinity for NaN."""
        low, high = interval
        if any(map(math.isnan, interval)) or (low == high and not self.holds(interval)):
            return -math.inf
        return math.inf if low == high else min(low - self.above, self.below - high) / (high - low)

    def __str__(self) -> str:
        """The bounds in words: "above 1 mm", "from -1 to 1 mm", "exactly 13 frames"."""
        if self.exact:
            asked = f"exactly {self.above:g}"
        elif math.isinf(self.below):
            asked = f"above {self.above:g}"
        else:
            asked = f"below {self.below:g}" if math.isinf(self.above) else f"from {self.above:g} to {self.below:g}"
        return f"{asked} {self.unit}".strip()


@dataclass(frozen=True)
class Check:
    """How one claim is put to the test.

    ``statement``: the claim in our words, thresholds included. ``published``: what the paper prints. ``notebook``:
    where it is judged ("videopose3d/02_supervised"). ``needs``: the tables and figures whose runs it rests on.
    ``statistic``: what is computed, paired or not, and over what the interval is drawn. ``bounds`` by name: all of them
    have to hold. ``given``: numbers that the statistic takes as given. ``why_not``: why it cannot be tested, by data
    source ("*": any), or by the name of a condition that a run may find. ``limits``: how far a verdict on it carries.
    """

    id: str
    statement: str
    published: str
    notebook: str
    needs: tuple[str, ...]
    statistic: str
    bounds: Mapping[str, Bound]
    given: Mapping[str, float] = field(default_factory=dict)
    why_not: Mapping[str, str] = field(default_factory=dict)
    limits: str = ""

    def bound(self, name: str) -> Bound:
        """``KeyError`` names the bounds that there are."""
        if name not in self.bounds:
            raise KeyError(f"{self.id}: no bound {name!r}; there are {', '.join(self.bounds) or 'none'}")
        return self.bounds[name]

    def reason(self, data: str, because: str = "") -> str:
        """Why it cannot be tested on a data source, or under the condition ``because``; "" where it can."""
        if because and because not in self.why_not:
            raise KeyError(f"{self.id}: no reason {because!r}; there are {', '.join(self.why_not) or 'none'}")
        return self.why_not[because] if because else self.why_not.get(data, self.why_not.get("*", ""))


@cache
def _declared() -> dict[str, Check]:
    found: dict[str, Check] = {}
    for paper in PAPERS:
        path = paths.PACKAGE / f"checks_{paper}.json"
        for entry in json.loads(path.read_text(encoding="utf-8")):
            try:
                found[entry["id"]] = _check(entry)
            except (TypeError, KeyError) as error:
                raise ValueError(f"{path.name}: {entry.get('id', 'an entry without id')}: {error}") from error
    return found


def _check(entry: dict[str, Any]) -> Check:
    bounds = {name: _bound(**numbers) for name, numbers in entry["bounds"].items()}
    return Check(**(entry | {"bounds": bounds, "needs": tuple(entry["needs"])}))


def _bound(unit: str, what: str = "", exactly: float | None = None, **between: float) -> Bound:
    if exactly is not None:
        between = {"above": exactly, "below": exactly}
    return Bound(unit, what=what, **{name: float(value) for name, value in between.items()})


def checks() -> list[Check]:
    """All declared checks, PHD's first."""
    return list(_declared().values())


def check(id: str) -> Check:
    """One check by the id of its claim ("VP3D-C05"); ``KeyError`` where none is."""
    if id not in _declared():
        raise KeyError(f"no check {id!r}; there are PHD-C01 to PHD-C45 and VP3D-C01 to VP3D-C56")
    return _declared()[id]


def bound(id: str, name: str) -> Bound:
    """A bound of a check by name."""
    return check(id).bound(name)


def outcome(found: Sequence[tuple[Bound, Interval]]) -> str:
    """The outcome of a claim that was tested: of all its findings, each a bound and an interval."""
    if all(bound.holds(interval) for bound, interval in found):
        return "reproduced"
    return "contradicted" if any(bound.denied(interval) for bound, interval in found) else "undecided"


def verdict(outcome: str) -> str:
    """The public word for an outcome."""
    return "not reproduced" if outcome in ("contradicted", "undecided") else outcome
