"""A claim of several comparisons holds if all do, is held to what its check declares, and is shown by the weakest."""

from __future__ import annotations

import math

import pytest

from phdlib import checks
from phdlib.findings import Finding, Judgement, evidence, measured
from phdlib.statistics import Effect

MM, POINTS = checks.bound("PHD-C02", "h36m"), checks.bound("PHD-C02", "penn")
BETTER = Finding("a less b", Effect(3.0, 2.0, 4.0), MM)
CLOSE = Finding("a less c", Effect(1.5, 1.2, 1.8), POINTS)
OPEN = Finding("a less d", Effect(1.0, 0.0, 2.0), POINTS)
WORSE = Finding("a less e", Effect(-1.0, -2.0, 0.0), MM)
NONE = Finding("a less f", Effect(math.nan, math.nan, math.nan), POINTS)


@pytest.mark.parametrize(
    ("findings", "outcome", "verdict", "weakest"),
    [
        ((BETTER, CLOSE), "reproduced", "reproduced", CLOSE),
        ((BETTER, OPEN), "undecided", "not reproduced", OPEN),
        ((WORSE, OPEN), "contradicted", "not reproduced", WORSE),
        ((BETTER, NONE), "undecided", "not reproduced", NONE),
    ],
)
def test_a_judgement_follows_from_its_findings(findings, outcome, verdict, weakest) -> None:
    judgement = Judgement("PHD-C02", findings)
    assert (judgement.outcome, judgement.verdict, judgement.weakest) == (outcome, verdict, weakest)
    assert judgement.holds is (outcome == "reproduced")


def test_a_judgement_of_other_findings_than_its_check_asks_for_is_refused() -> None:
    with pytest.raises(ValueError, match="PHD-C02: a judgement needs findings"):
        Judgement("PHD-C02", ())
    with pytest.raises(ValueError, match="PHD-C02: nothing was found for the bound 'penn'"):
        Judgement("PHD-C02", (BETTER,))
    with pytest.raises(ValueError, match="PHD-C02: 'x' is held to a bound that its check does not declare"):
        Judgement("PHD-C02", (BETTER, CLOSE, Finding("x", 1.0, checks.bound("PHD-C04", "h36m"))))
    with pytest.raises(KeyError, match="VP3D-C05: no bound 'loss'; there are gain"):
        Judgement.of("VP3D-C05", {"loss": 1.0})


def test_findings_by_the_name_of_their_bound() -> None:
    exact = Judgement.of("PHD-C34", {"frames": 13})
    assert exact.holds and exact.weakest.what == "frames behind a movie strip" and exact.weakest.interval == (13, 13)
    assert Judgement.of("PHD-C34", {"frames": 12}).outcome == "contradicted"


def test_evidence_is_every_finding() -> None:
    table = evidence([Judgement("PHD-C02", (BETTER, OPEN)), Judgement.of("VP3D-C08", {"ahead": 0})])
    assert table["claim"].tolist() == ["C02", "C02", "C08"]
    assert table["holds"].tolist() == ["yes", "no", "yes"]
    assert table["interval to lie"].tolist() == ["above 1 mm", "above 1 PCK points", "exactly 0 frames"]
    assert math.isnan(table["from"].iloc[2]) and table["from"].iloc[0] == 2.0


def test_what_rests_on_too_few_takes_is_not_testable_unless_another_comparison_denies() -> None:
    few = measured("a less g", lambda: Effect(5.0, 4.0, 6.0), POINTS, ["t0@0", "t1@0", "t1@9"])
    assert few.lacks.startswith("2 takes") and not few.holds and math.isnan(few.value)
    assert measured("a less g", lambda: BETTER.effect, POINTS, ["t0", "t1", "t2"]).holds
    beside = Judgement("PHD-C02", (BETTER, few), "seen")
    assert beside.outcome == "not testable here" and beside.untestable == f"a less g: {few.lacks}"
    assert beside.note == f"seen; 1 of 2 comparisons left out: {few.lacks}"
    denied = Judgement("PHD-C02", (WORSE, few))
    assert denied.outcome == "contradicted" and not denied.untestable and denied.weakest == WORSE
    of = Judgement.of("PHD-C04", {"h36m": BETTER.effect, "penn": BETTER.effect}, takes={"penn": ["t0", "t1"]})
    assert of.outcome == "not testable here" and of.findings[0].holds and of.findings[1].lacks == few.lacks
