"""Claims judged: the paper's statement, a threshold of ours, the effect measured with its interval, and a verdict."""

from __future__ import annotations

from typing import Any

import pandas as pd

from phdlib import publish
from phdlib.statistics import Effect


class Verdicts:
    """The claims that one notebook judges, in the order in which it does."""

    def __init__(self) -> None:
        self.claims: list[dict[str, Any]] = []

    def judge(self, id: str, statement: str, effect: Effect | float, unit: str, published: str, holds: bool) -> None:
        """Enter one claim; ``holds`` says whether the whole interval is beyond the statement's threshold. A number
        instead of an effect is one that no chance enters into."""
        sure = not isinstance(effect, Effect)
        self.claims.append(
            {
                "id": id,
                "statement": statement,
                "published": published,
                "effect": float(effect) if sure else effect.value,
                "interval": None if sure else (effect.low, effect.high),
                "unit": unit,
                "verdict": "reproduced" if holds else "not reproduced",
            }
        )

    def not_testable(self, id: str, statement: str, published: str) -> None:
        """Enter a claim that the present data cannot speak to; the statement says why."""
        self.claims.append({"id": id, "statement": statement, "published": published, "verdict": "not testable here"})

    def save(self, *, notebook: str, provenance: publish.Provenance) -> None:
        """Merge into ``claims.json``."""
        publish.save_claims(self.claims, notebook=notebook, provenance=provenance)

    def table(self) -> pd.DataFrame:
        """The claims as a reader wants them."""
        shown = pd.DataFrame(self.claims).set_index("id")
        fields = ["statement", "published", "effect", "interval", "unit", "verdict"]
        shown = shown.reindex(columns=fields)
        shown["interval"] = [f"{i[0]:.2f} to {i[1]:.2f}" if isinstance(i, tuple) else "" for i in shown["interval"]]
        return shown.round(2).astype(object).where(shown.notna(), "")
