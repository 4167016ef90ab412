"""A claim of several comparisons holds if all do, and is reported by the weakest."""

from __future__ import annotations

import math

import pytest

from phdlib.findings import Finding, Judgement, evidence, judged
from phdlib.statistics import Effect
from phdlib.verdicts import Verdicts

BETTER = Finding("a against b", Effect(3.0, 2.0, 4.0), "mm", above=1)
CLOSE = Finding("a against c", Effect(1.5, 1.2, 1.8), "mm", above=1)


@pytest.mark.parametrize(
    ("low", "high", "above", "below", "holds"),
    [
        (2, 4, 1, math.inf, True),
        (0.5, 4, 1, math.inf, False),
        (-0.5, 0.5, -1, 1, True),
        (-0.5, 1.5, -1, 1, False),
        (-5, 0.5, -math.inf, 1, True),
        (math.nan, math.nan, 0, math.inf, False),
    ],
)
def test_the_whole_interval_has_to_be_inside(low, high, above, below, holds) -> None:
    assert Finding("x", Effect((low + high) / 2, low, high), "mm", above, below).holds is holds


def test_bounds_in_words() -> None:
    words = [Finding("x", Effect(0, 0, 0), "", a, b).bounds for a, b in ((1, math.inf), (-1, 1), (-math.inf, 3))]
    assert words == ["above 1", "from -1 to 1", "below 3"]


def test_a_judgement_is_reported_by_its_weakest_finding() -> None:
    whole = Judgement("PHD-C02", "Better.", "17.5 mm", (BETTER, CLOSE), note="mind the gap")
    assert whole.holds and whole.weakest is CLOSE
    missing = Finding("a against d", Effect(math.nan, math.nan, math.nan), "mm")
    failed = Judgement("PHD-C04", "Everywhere.", "all", (BETTER, Finding("a against e", Effect(0, -1, 1), "mm"), CLOSE))
    assert not failed.holds and failed.weakest.what == "a against e"
    assert Judgement("PHD-C07", "x", "y", (BETTER, missing)).weakest is missing
    verdicts = Verdicts()
    whole.enter(verdicts)
    failed.enter(verdicts)
    first, second = verdicts.claims
    assert first["verdict"] == "reproduced" and (first["effect"], first["interval"]) == (1.5, (1.2, 1.8))
    assert first["unit"] == "mm (a against c); the weakest of 2 comparisons, of which 2 hold; mind the gap"
    assert second["verdict"] == "not reproduced" and "of 3 comparisons, of which 2 hold" in second["unit"]
    shown = judged(verdicts, [whole, failed])
    assert shown["unit"].tolist() == ["mm", "mm"]
    assert shown["comparison"].iloc[0] == "a against c; the weakest of 2 comparisons, of which 2 hold; mind the gap"
    table = evidence([whole, failed])
    assert table["claim"].tolist() == ["C02"] * 2 + ["C04"] * 3
    assert table["holds"].tolist() == ["yes", "yes", "yes", "no", "yes"]


def test_a_judgement_needs_findings() -> None:
    with pytest.raises(ValueError, match="PHD-C02: a judgement needs findings"):
        Judgement("PHD-C02", "x", "y", ())
