"""Every claim of the papers is a declared check, whole, and a verdict is what its bounds say of an interval."""

from __future__ import annotations

import math
import re

import pytest

from phdlib import checks, paths, published, settings
from phdlib.checks import Bound

CLEAR = Bound("mm", above=1)
SAME = Bound("mm", above=-1, below=1)
EIGHT = Bound("of 8", above=8, below=8)
INSIDE, STRADDLING, OUTSIDE, MISSING = (1.5, 3), (0.5, 3), (-1, 0.5), (math.nan, math.nan)


def test_every_claim_of_the_papers_is_declared_once() -> None:
    assert [check.id for check in checks.checks()] == [claim.id for claim in published.claims()]


@pytest.mark.parametrize("check", checks.checks(), ids=lambda check: check.id)
def test_a_check_is_whole(check: checks.Check) -> None:
    assert check.statement and check.published and check.needs
    assert check.bounds or check.why_not, "neither bounds nor a reason"
    assert not check.bounds or check.statistic
    assert (paths.NOTEBOOKS / f"{check.notebook}.py").exists()
    about = "phd-" if check.id.startswith("PHD") else "videopose3d-"
    assert all(re.fullmatch(rf"{about}(table|figure)-\d+[a-z]?", id) for id in check.needs)
    conditions = set(check.why_not) - {"*", *settings.DATA_SOURCES}
    assert not conditions or check.bounds, "a condition that a run may find stands beside bounds"


@pytest.mark.parametrize(
    ("bound", "interval", "holds", "denied", "slack"),
    [
        (CLEAR, INSIDE, True, False, 1 / 3),
        (CLEAR, STRADDLING, False, False, -0.2),
        (CLEAR, OUTSIDE, False, True, -4 / 3),
        (CLEAR, (0, 1), False, True, -1),
        (CLEAR, MISSING, False, False, -math.inf),
        (SAME, (-0.5, 0.5), True, False, 0.5),
        (SAME, (-0.5, 1.5), False, False, -0.25),
        (SAME, (1.5, 2), False, True, -2),
        (Bound("mm", below=3), (-5, 2), True, False, 1 / 7),
        (EIGHT, (8, 8), True, False, math.inf),
        (EIGHT, (7, 7), False, True, -math.inf),
        (EIGHT, (7, 9), False, False, -0.5),
        (CLEAR, (2, 2), True, False, math.inf),
    ],
)
def test_an_interval_is_inside_outside_or_neither(bound, interval, holds, denied, slack) -> None:
    assert (bound.holds(interval), bound.denied(interval)) == (holds, denied)
    assert bound.slack(interval) == pytest.approx(slack)


@pytest.mark.parametrize(
    ("intervals", "outcome", "verdict"),
    [
        ([INSIDE, INSIDE], "reproduced", "reproduced"),
        ([INSIDE, STRADDLING], "undecided", "not reproduced"),
        ([STRADDLING, OUTSIDE, INSIDE], "contradicted", "not reproduced"),
        ([INSIDE, MISSING], "undecided", "not reproduced"),
    ],
)
def test_a_claim_is_what_its_findings_make_it(intervals, outcome, verdict) -> None:
    assert checks.outcome([(CLEAR, interval) for interval in intervals]) == outcome
    assert checks.verdict(outcome) == verdict


def test_bounds_in_words() -> None:
    words = [str(bound) for bound in (CLEAR, SAME, Bound("mm", below=3), EIGHT)]
    assert words == ["above 1 mm", "from -1 to 1 mm", "below 3 mm", "exactly 8 of 8"]


@pytest.mark.parametrize("check", checks.checks(), ids=lambda check: check.id)
def test_a_statement_names_every_threshold_of_its_bounds(check: checks.Check) -> None:
    """0 may be said without a number. Thirds of published differences are shown with three digits."""
    said = {float(number) for number in re.findall(r"\d+(?:\.\d+)?", check.statement)}
    said |= {1 / 2} if "half" in check.statement else set()
    for bound in check.bounds.values():
        for number in {bound.above, bound.below} - {0.0, math.inf, -math.inf}:
            assert round(abs(number), 3) in said


def test_thirds_are_thirds_of_what_is_published() -> None:
    """A gain of VP3D's Table 5 and A.4 counts from a third of the published one on."""
    mpjpe = published.table("videopose3d-table-5")["mpjpe"]
    lstm, dense = mpjpe[mpjpe.index.str.contains("Hossain")].item(), mpjpe["Ours 27f w/o dilation"]
    flipped = published.in_text("VP3D-X72")["values"]
    differences = {
        ("VP3D-C20", "gain"): lstm - mpjpe["Ours 27f"],
        ("VP3D-C21", "gain"): published.in_text("VP3D-X39")["values"]["mm"],
        ("VP3D-C25", "detected"): published.in_text("VP3D-X74")["values"]["increase"],
        ("VP3D-C25", "true"): dense - mpjpe["Ours 27f"],
        ("VP3D-C43", "gain"): flipped["without"] - flipped["with"],
        ("VP3D-C44", "gain"): published.in_text("VP3D-X73")["values"]["increase"],
    }
    for (id, name), difference in differences.items():
        assert checks.bound(id, name).above == pytest.approx(difference / 3, abs=1e-6)


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(KeyError, match="no check 'PHD-C46'"):
        checks.check("PHD-C46")
    with pytest.raises(KeyError, match="VP3D-C05: no bound 'loss'; there are gain"):
        checks.bound("VP3D-C05", "loss")
    with pytest.raises(KeyError, match="VP3D-C31: no reason 'rain'"):
        checks.check("VP3D-C31").reason("embedded", "rain")
    own, any_other = (checks.check("VP3D-C01").reason(data) for data in ("human36m", "cmu"))
    assert own and any_other and own != any_other
