"""What a verdict consists of, as it is written to JSON: where a number comes from, what was found, what follows.

Each record checks itself, so that an altered file is refused on reading, and cannot be changed.
"""

from __future__ import annotations

import math
import os
import subprocess
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, NonNegativeFloat, model_validator

from phdlib import checks, paths, settings

Profile = Literal[settings.PROFILES]
Verdict = Literal[checks.VERDICTS]
Outcome = Literal[checks.OUTCOMES]


class Record(BaseModel):
    """What is written to a JSON list in the output folder: checked, and not to be changed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Provenance(Record):
    """Where a number comes from. ``seconds``, the time that the run behind it took, goes to ``timings.json`` alone;
    ``revision`` fills itself in."""

    profile: Profile
    data: str
    seeds: tuple[int, ...]
    seconds: Annotated[NonNegativeFloat, Field(exclude=True)]
    settings: dict[str, Any] = {}
    revision: str = Field(default_factory=lambda: revision())

    def line(self) -> str:
        """One line to stand under whatever is shown."""
        seeds = f"seeds {' '.join(map(str, self.seeds))}" if self.seeds else "no random draws"
        warning = f" ({settings.MEANINGLESS})" if self.profile == "smoke" else ""
        return f"profile {self.profile}{warning}, data {self.data}, {seeds}, revision {self.revision}"


class Found(Record):
    """One finding behind a verdict: the whole ``interval`` of ``effect`` has to lie ``above`` and ``below`` (None: no
    such bound), which makes it hold. No interval: a number that no chance enters into; no effect: none came out."""

    what: str
    effect: FiniteFloat | None
    interval: tuple[FiniteFloat, FiniteFloat] | None = None
    unit: str
    above: FiniteFloat | None = None
    below: FiniteFloat | None = None
    holds: bool

    def tested(self) -> tuple[checks.Bound, checks.Interval]:
        """As :func:`phdlib.checks.outcome` takes it."""
        above = -math.inf if self.above is None else self.above
        below = math.inf if self.below is None else self.below
        value = math.nan if self.effect is None else self.effect
        return checks.Bound(self.unit, above, below), self.interval or (value, value)

    @model_validator(mode="after")
    def _follows(self) -> Found:
        if self.interval and (self.effect is None or self.interval[0] > self.interval[1]):
            raise ValueError(
                f"{self.what}: interval {self.interval} of {self.effect}, expected low to high of a number"
            )
        bound, interval = self.tested()
        if bound.holds(interval) != self.holds:
            raise ValueError(f"{self.what}: holds is {self.holds}, but {interval} was to lie {bound}")
        return self


class Claim(Record):
    """A verdict on one claim of a paper, with the ``findings`` that it follows from.

    ``effect`` in ``unit`` with its 95 % ``interval`` over seeds and clips is the finding that comes nearest to failing,
    or fails by most. ``outcome`` is finer than ``verdict`` (:data:`phdlib.checks.MEANING`). ``note``: why it cannot be
    tested, or what a reader should know besides.
    """

    id: Annotated[str, Field(pattern=r"^(PHD|VP3D)-C\d\d$")]
    verdict: Verdict
    outcome: Outcome
    statement: Annotated[str, Field(min_length=1)]
    published: str | FiniteFloat | None = None
    effect: FiniteFloat | None = None
    interval: tuple[FiniteFloat, FiniteFloat] | None = None
    unit: str = ""
    findings: tuple[Found, ...] = ()
    note: str = ""
    notebook: str
    provenance: Provenance

    def shown(self) -> Found | None:
        """The finding whose effect is the claim's; None where there are none."""
        same = (f for f in self.findings if (f.effect, f.interval, f.unit) == (self.effect, self.interval, self.unit))
        return next(same, None)

    @model_validator(mode="after")
    def _evidence(self) -> Claim:
        if self.outcome == "not testable here":
            if self.findings or not self.note:
                raise ValueError(f"{self.id}: what is not testable has a reason as its note, and no findings")
            follows = self.outcome
        elif not self.findings:
            raise ValueError(f"{self.id}: the outcome {self.outcome!r} needs findings")
        else:
            follows = checks.outcome([found.tested() for found in self.findings])
        if (self.outcome, self.verdict) != (follows, checks.verdict(follows)):
            raise ValueError(f"{self.id}: {self.verdict}, {self.outcome}; from the findings follows {follows!r}")
        if self.shown() is None and (self.findings or (self.effect, self.interval, self.unit) != (None, None, "")):
            raise ValueError(f"{self.id}: effect {self.effect} {self.unit}, {self.interval}, is that of no finding")
        return self._declared()

    def _declared(self) -> Claim:
        """``ValueError`` where a claim is not as its check declares it."""
        check = checks.check(self.id)
        if (self.statement, self.published) != (check.statement, check.published):
            raise ValueError(f"{self.id}: statement or published value differ from those of its check")
        asked = {(b.unit, b.above, b.below) for b in check.bounds.values()}
        tested = [found.tested()[0] for found in self.findings]
        if strange := [b for b in tested if (b.unit, b.above, b.below) not in asked]:
            raise ValueError(f"{self.id}: no bound of its check is {str(strange[0])!r}")
        if self.notebook != f"notebooks/{check.notebook}.ipynb":
            raise ValueError(f"{self.id}: judged in {self.notebook}, its check says {check.notebook}")
        return self


@cache
def revision() -> str:
    """The last commit that changed the code (phdlib/, the notebooks' sources, the pinned versions).

    ``-dirty`` is added where that code differs from it; "unknown" outside of a git clone. Commits of regenerated
    figures do not count, so that a run after such a commit writes the same files again.
    """
    code = ["--", "phdlib", ":(glob)notebooks/**/*.py", "pyproject.toml"]
    commit = _git("log", "-1", "--format=%h", "--abbrev=10", *code)
    if not commit:
        return "unknown"
    return commit + ("-dirty" if _git("status", "--porcelain", *code) else "")


def _git(*arguments: str) -> str:
    """Output of a git command in this repository (never in one that encloses it); empty where that fails."""
    environment = os.environ | {"GIT_CEILING_DIRECTORIES": str(paths.ROOT.parent)}
    command = ["git", "-C", str(paths.ROOT), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
