"""What the papers did not report and our runs show: a record each, with its evidence and its limits, as data.

The sentences of a record are written by its evidence: a field such as ``{gain:better|worse}`` becomes "better by
3.1 mm (1.0 to 5.2)", "worse by ..." or "neither better nor worse for sure (...)", and ``{share}`` the number itself. So
another run changes the sentence with the number, and none can contradict it.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import pandas as pd
from pydantic import Field, FiniteFloat, model_validator

from phdlib import publish, records
from phdlib.statistics import Effect, outcome, rounded

NAME = "beyond"  # of the file, and of its section in provenance.json
Text = Annotated[str, Field(min_length=1)]


class Evidence(records.Record):
    """One number: ``what`` was measured or compared, the ``effect`` in ``unit``, and its 95 % ``interval`` over seeds
    and takes; None where there is none, as in arithmetic on printed numbers."""

    what: Text
    effect: FiniteFloat
    interval: tuple[FiniteFloat, FiniteFloat] | None = None
    unit: str = ""

    @model_validator(mode="after")
    def _ordered(self) -> Evidence:
        if self.interval and not self.interval[0] <= self.interval[1]:
            raise ValueError(f"{self.what}: interval {self.interval} should be (low, high)")
        return self

    @property
    def span(self) -> Effect:
        """As an :class:`Effect`; without an interval, one of no width."""
        return Effect(self.effect, *(self.interval or (self.effect, self.effect)))

    def __format__(self, words: str) -> str:
        """As words in a sentence: ``above|below`` name what is above and below zero; none: the number itself."""
        if words:
            above, bar, below = words.partition("|")
            if not (above and bar and below):
                raise ValueError(f"{self.what}: expected words such as better|worse, found {words!r}")
            return outcome(self.span, self.unit, above, below)
        value, low, high = rounded(self.span)
        number = f"{value} {self.unit}".strip()
        return f"{number} ({low} to {high})" if self.interval else number


def measured(what: str, effect: Effect | float, unit: str = "") -> Evidence:
    """An :class:`Effect` with its interval, or a number that no chance enters into."""
    if isinstance(effect, Effect):
        return Evidence(what=what, effect=effect.value, interval=(effect.low, effect.high), unit=unit)
    return Evidence(what=what, effect=float(effect), unit=unit)


class Beyond(records.Record):
    """One finding: ``text`` in a sentence or two, the ``evidence`` that wrote it, what that does not show (``limits``),
    and the ``files`` beside ``beyond.json`` in which more of it stands."""

    id: Annotated[str, Field(pattern=r"^beyond(-[a-z0-9]+)+$")]
    title: Text
    text: Text
    evidence: Annotated[tuple[Evidence, ...], Field(min_length=1)]
    limits: Text
    notebook: str
    files: tuple[Annotated[str, Field(pattern=r"^[^/]+$")], ...] = ()
    provenance: publish.Provenance

    def table(self) -> pd.DataFrame:
        """The evidence, a row each, rounded as it is read."""
        rows = {}
        for found in self.evidence:
            value, low, high = rounded(found.span)
            rows[found.what] = {
                "effect": value,
                "95 %": f"{low} to {high}" if found.interval else "",
                "unit": found.unit,
            }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("what")

    def page(self) -> str:
        """All of it as markdown, for the notebook that found it."""
        table = publish.to_markdown(self.table().reset_index())
        return f"**Beyond the paper: {self.title}.** {self.text}\n\n{table}\n\n*What this does not show:* {self.limits}"


def save(
    id: str,
    title: str,
    text: str,
    evidence: Mapping[str, Evidence],
    limits: str,
    *,
    notebook: str,
    provenance: publish.Provenance,
    files: Sequence[str] = (),
) -> Beyond:
    """Write a finding into ``beyond.json``, where it replaces an earlier one of its id.

    ``text`` holds at least one field that names a piece of ``evidence``; see :meth:`Evidence.__format__`. Where the
    provenance has one seed, the limits begin by saying so. ``ValueError`` names a field without evidence, a text
    without fields, or a file that is not there.
    """
    fields = [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]
    if not fields:
        raise ValueError(
            f"{id}: text {text!r} has no field; its evidence has to write it, such as {{gain:better|worse}}"
        )
    if unknown := sorted(set(fields) - set(evidence)):
        raise ValueError(f"{id}: text names {', '.join(unknown)}; its evidence is {', '.join(evidence)}")
    folder = publish.output_dir(provenance.profile, provenance.data)
    if missing := [name for name in files if not (folder / name).exists()]:
        raise ValueError(f"{id}: file {missing[0]} is not in {folder}; save it first")
    alone = "One seed only. " if len(provenance.seeds) == 1 else ""
    found = Beyond(
        id=id, title=title, text=text.format(**evidence), evidence=tuple(evidence.values()), limits=alone + limits,
        notebook=publish.notebook_path(notebook), files=tuple(files), provenance=provenance,
    )  # fmt: skip
    publish.merge(NAME, [found], notebook=notebook, provenance=provenance)
    return found


def read(profile: str, data: str) -> list[dict[str, Any]]:
    """What a run has found so far, sorted by id."""
    return publish.read_entries(publish.output_dir(profile, data) / f"{NAME}.json")
