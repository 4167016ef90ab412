"""The judgements of PHD's failures, of effects made so that each claim is true, is not, or cannot be told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from phdlib.claims_failures import judgements, met_best
from phdlib.statistics import Effect

LINKS = {
    "start, mean of 25": Effect(0.6, 0.4, 0.8),
    "start, frame 30": Effect(0.2, 0, 0.4),
    "view, start": Effect(0.4, 0.1, 0.6),
    "view, mean of 25": Effect(0.2, 0.1, 0.4),
}
ENERGY = {"seen, predicted": Effect(0.5, 0.4, 0.6), "seen, true": Effect(0.3, 0.2, 0.4)}
RATIOS = {"penn": Effect(3, 2.5, 3.5), "human36m": Effect(1, 1, 1)}
RISES, FLAT, MORE = Effect(8, 6, 10), Effect(0.1, -0.1, 0.3), Effect(1, 0, 2)


def penn(takes: int = 5) -> list[pd.DataFrame]:
    return [pd.DataFrame({"take": [f"t{n % takes}@0" for n in range(40)], "image": np.arange(40.0)})]


def test_all_hold_where_all_is_as_the_paper_says() -> None:
    judged = judgements(RATIOS, LINKS, ENERGY, (RISES, FLAT, MORE), penn())
    assert [one.id for one in judged] == ["PHD-C29", "PHD-C40", "PHD-C41", "PHD-C42"]
    assert all(one.holds for one in judged)
    assert judged[0].note == "beyond what Constant's rises by: 1.0 (0.0 to 2.0) mm"


@pytest.mark.parametrize(
    ("rises", "bend", "outcome"),
    [
        (Effect(6, 4, 8), FLAT, "undecided"),
        (Effect(1, 0, 2), FLAT, "contradicted"),
        (RISES, Effect(0.7, 0.6, 0.8), "contradicted"),
        (RISES, Effect(0.4, 0.2, 0.6), "undecided"),
    ],
)
def test_the_rise_and_the_lack_of_a_break_both_count(rises: Effect, bend: Effect, outcome: str) -> None:
    assert judgements(RATIOS, LINKS, ENERGY, (rises, bend, MORE), penn())[0].outcome == outcome


@pytest.mark.parametrize("link", ["view, start", "view, mean of 25", "start, mean of 25"])
def test_a_bad_view_has_to_go_with_a_bad_start_and_a_bad_prediction(link: str) -> None:
    open_link = LINKS | {link: Effect(0.3, -0.1, 0.6)}
    judged = judgements(RATIOS, open_link, ENERGY, (RISES, FLAT, MORE), penn())
    assert [one.outcome for one in judged] == ["reproduced", "reproduced", "undecided", "reproduced"]


def test_of_two_takes_nothing_is_judged() -> None:
    few = penn(2)
    judged = judgements(RATIOS, LINKS, ENERGY, (RISES, FLAT, MORE), few)
    assert [one.outcome for one in judged] == ["reproduced"] + 3 * ["not testable here"]
    assert "2 takes, fewer than the 3" in judged[1].untestable
    assert met_best(few).sum() == 10
