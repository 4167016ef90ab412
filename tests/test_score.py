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


def test_a_share_is_never_a_small_effect_of_the_right_sign():
    share = {"what": "of all", "effect": 26.0, "interval": (11.0, 48.0), "above": 50.0, "below": None, "holds": False}
    assert score.state(share | {"unit": "% of sequences"}) == "does not hold"
    assert score.state(share | {"unit": "%"}) == "less than asked"


def test_evidence_tells_what_other_data_say_and_how_much_was_tested(tmp_path):
    found = {"what": "a less b", "unit": "mm", "above": 1.0, "below": None}
    runs = []
    for data, effect, interval, outcome in (
        ("embedded", 3.0, (2.0, 4.0), "reproduced"), ("cmu", 0.5, (-1.0, 2.0), "undecided"),
    ):  # fmt: skip
        measured = {"effect": effect, "interval": interval, "unit": "mm"}
        finding = found | measured | {"holds": outcome == "reproduced"}
        run = score.read_folder(tmp_path, "standard", data)
        run.claims["VP3D-C05"] = measured | {"outcome": outcome, "findings": [finding]}
        runs.append(run)
    told = "VP3D-C05: 3.00 mm (2.00 to 4.00), asked above 1"
    assert score.evidence(runs[0], "VP3D-C05") == told
    assert score.evidence(runs[0], "VP3D-C05", runs[1:]) == f"{told}; undecided on cmu"
    assert score.extent(runs[0]) == ""
    (tmp_path / "phd-table-4.csv").write_text(
        'action,windows,takes\nwalking,36,3\nsalsa,9,1\n"All, mean of windows",45,4\npublished: All,,\n'
    )
    (tmp_path / "phd-table-5.csv").write_text("action,windows,takes\nkick,36,2\n")
    told = "Tested on 4 takes of 2 actions in the Human3.6M role and 2 takes of 1 action in the Penn role."
    assert score.extent(runs[0]) == f" {told}"
