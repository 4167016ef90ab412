"""The verdicts of one notebook: judged by what their checks declare, shown, and saved."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import pandas as pd
from IPython.display import Markdown, display

from phdlib import checks, publish
from phdlib.findings import Finding, Judgement
from phdlib.statistics import Effect

CAPTION = (
    "Statements and thresholds were declared before these trainings; what had been seen by then is said above, or "
    "beside the verdict. Where a threshold was added or tightened afterwards, the claim's limits in the report say so. "
    "Where fewer than three takes stand behind a comparison, a claim is not tested on these data, unless another "
    "comparison denies it (a rule that came after the results). "
    "*Measured* is an effect with its 95 % "
    'interval, its sign that of the words of *compared* ("a less b": above zero a is larger). A claim is '
    "**reproduced** where every interval lies wholly as *asked*, **contradicted** where one lies wholly elsewhere, "
    "**undecided** where one reaches over its bound. Of several comparisons the one nearest to failing is shown."
)


class Verdicts:
    """The claims that a ``notebook`` ("notebooks/phd/05_evaluation.ipynb") judges on a ``data`` source, in the order in
    which it does. ``ValueError`` for a claim that is another notebook's, or that is judged twice."""

    def __init__(self, notebook: str, data: str) -> None:
        self.notebook, self.data = notebook, data
        self.judgements: dict[str, Judgement] = {}
        self.claims: dict[str, dict[str, Any]] = {}

    def judge(self, id: str, effects: Mapping[str, Effect | float], note: str = "") -> None:
        """Enter a claim by one effect for each bound of its check, by the bound's name."""
        self.enter(Judgement.of(id, effects, note))

    def enter(self, *judgements: Judgement) -> None:
        """Enter claims; ``ValueError`` for one that its check declares not testable on these data."""
        for judgement in judgements:
            if reason := judgement.check.reason(self.data):
                raise ValueError(f"{judgement.id}: declared not testable on {self.data!r}: {reason}")
            if judgement.untestable:
                self._enter(judgement.id, judgement.outcome, f"Not on these data: {judgement.untestable}.")
                continue
            measured = {key: _number(judgement.weakest)[key] for key in ("effect", "interval", "unit")}
            measured["findings"] = [_number(finding) for finding in judgement.findings]
            self._enter(judgement.id, judgement.outcome, judgement.note, **measured)
            self.judgements[judgement.id] = judgement

    def not_testable(self, id: str, *, because: str = "", note: str = "") -> None:
        """Enter a claim that cannot be tested, for the reason that its check gives for these data, or for the condition
        ``because``. ``note`` is added to the reason."""
        reason = checks.check(id).reason(self.data, because)
        if not reason:
            raise ValueError(f"{id}: its check gives no reason why it should not be testable on {self.data!r}")
        self._enter(id, "not testable here", " ".join(filter(None, (reason, note))))

    def _enter(self, id: str, outcome: str, note: str, **measured: Any) -> None:
        check, name = checks.check(id), PurePosixPath(self.notebook).relative_to("notebooks").with_suffix("")
        if check.notebook != str(name):
            raise ValueError(f"{id}: its check names the notebook {check.notebook}, judged in {name}")
        if id in self.claims:
            raise ValueError(f"{id}: judged twice in {name}")
        about = {"id": id, "statement": check.statement, "published": check.published, "note": note}
        self.claims[id] = about | {"outcome": outcome, "verdict": checks.verdict(outcome)} | measured

    def save(self, provenance: publish.Provenance) -> None:
        """Merge into ``claims.json``. ``ValueError`` if the provenance is of other data."""
        if provenance.data != self.data:
            raise ValueError(f"verdicts on {self.data!r}, provenance of {provenance.data!r}")
        publish.save_claims(list(self.claims.values()), notebook=self.notebook, provenance=provenance)

    def table(self) -> pd.DataFrame:
        """The claims as a reader wants them, by id."""
        rows = {id: self._row(id) for id in sorted(self.claims)}
        return pd.DataFrame(rows).T.rename_axis("id")

    def _row(self, id: str) -> dict[str, str]:
        claim, judgement = self.claims[id], self.judgements.get(id)
        row = {"statement": claim["statement"], "published": claim["published"]}
        if judgement is None:
            return row | {"compared": claim["note"], "measured": "", "asked": "", "outcome": claim["outcome"]}
        weakest, findings = judgement.weakest, judgement.findings
        count = f"{sum(f.holds for f in findings)} of {len(findings)} hold" if len(findings) > 1 else ""
        compared = "; ".join(filter(None, (weakest.what, count, judgement.note)))
        measured, asked = in_words(weakest), str(weakest.bound)
        return row | {"compared": compared, "measured": measured, "asked": asked, "outcome": claim["outcome"]}

    def show(self) -> None:
        """In a notebook: the table with what its columns mean."""
        display(Markdown(CAPTION), self.table())


def in_words(finding: Finding) -> str:
    """Effect, unit and interval."""
    number = f"{finding.value:.4g} {finding.bound.unit}"
    if not isinstance(finding.effect, Effect):
        return number
    return "{} ({:.3g} to {:.3g})".format(number, *finding.interval)


def _number(finding: Finding) -> dict[str, Any]:
    """The fields of :class:`phdlib.records.Found`. Infinite bounds and numbers that are none are left out."""
    bound, sure = finding.bound, not isinstance(finding.effect, Effect)
    known = not any(map(math.isnan, (finding.value, *finding.interval)))
    return {
        "what": finding.what,
        "effect": finding.value if known else None,
        "interval": finding.interval if known and not sure else None,
        "unit": bound.unit,
        "above": None if math.isinf(bound.above) else bound.above,
        "below": None if math.isinf(bound.below) else bound.below,
        "holds": finding.holds,
    }
