from __future__ import annotations

import pytest

from phdlib import checks, published, score, settings


@pytest.mark.parametrize(
    ("effect", "interval", "shown"),
    [
        (35.0, None, ("35",)),
        (0.4009, (-0.0372, 0.7875), ("0.40", "−0.04", "0.79")),
        (53.0726, (51.3556, 54.4198), ("53.1", "51.4", "54.4")),
        (-4.162, (-14.426, 5.811), ("−4.2", "−14.4", "5.8")),
        (2.26e-6, None, ("2.26e−06",)),
        (1.0, (1.0, 1.0), ("1", "1", "1")),
        (None, None, ("–",)),
        (-0.001, (-2.0, 2.0), ("0.0", "−2.0", "2.0")),
    ],
)
def test_numbers_have_as_many_digits_as_their_interval_deserves(effect, interval, shown):
    assert score.estimate(effect, interval) == shown


def test_bounds_are_read_as_they_are_declared():
    for check in checks.checks():
        for bound in check.bounds.values():
            ends = {
                k: None if abs(v) == float("inf") else v for k, v in (("above", bound.above), ("below", bound.below))
            }
            told = score.bounds(ends).replace("−", "-")
            assert str(bound).startswith(told.split(" ")[0]) and told.split(" ")[0] in (
                "above",
                "below",
                "from",
                "exactly",
            )


def test_headlines_are_claims_of_both_papers():
    known = {claim.id for claim in published.claims()}
    assert set(score.HEADLINES) <= known and len(set(score.HEADLINES)) == len(score.HEADLINES)
    assert {id.split("-")[0] for id in score.HEADLINES} == {"PHD", "VP3D"}


def test_every_source_and_profile_has_its_words():
    assert set(score.DATA) == set(settings.DATA_SOURCES) and set(score.SCALE) == set(settings.PROFILES)


def test_what_no_chance_enters_is_told_apart():
    """A reproduced claim counts as exact only if none of its findings has an interval."""
    chance, certain = {"interval": (5.0, 8.0)}, {"interval": None}
    for findings, outcome, exact in (
        ([certain], "reproduced", True),
        ([certain, chance], "reproduced", False),
        ([certain], "contradicted", False),
    ):
        assert score.exact({"outcome": outcome, "findings": findings}) is exact


def test_nothing_judged_is_counted_as_such(tmp_path):
    run = score.read_folder(tmp_path, "standard", "embedded")
    assert score.in_words(run.counts()) == "101 not judged yet"
    assert run.counts("phd")[score.NOT_YET] == 45
    assert score.headlines(run) == {score.NOT_YET: list(score.HEADLINES)}
    assert "not Human3.6M" in score.in_brief(run)
    lead, told = score.warning(score.read_folder(tmp_path, "paper", "human36m"))
    assert lead == "" and told.startswith("Measured on Human3.6M")


@pytest.mark.parametrize(
    ("interval", "above", "below", "state"),
    [
        ((1.5, 2.0), 1.0, None, "holds"),
        ((0.5, 2.0), 1.0, None, "open"),
        ((0.2, 0.9), 1.0, None, "less than asked"),
        ((-0.2, 0.9), 1.0, None, "does not hold"),
        ((1.2, 1.9), -1.0, 1.0, "does not hold"),
        ((-0.9, 0.9), -1.0, 1.0, "holds"),
        (None, 13.0, 13.0, "does not hold"),
    ],
)
def test_what_an_interval_says_of_its_bounds(interval, above, below, state):
    about = {"what": "a less b", "effect": 0.6, "unit": "mm", "above": above, "below": below}
    assert score.state(about | {"interval": interval, "holds": state == "holds"}) == state
