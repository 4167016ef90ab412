"""Evidence beyond PHD's tables, from rows whose means are known."""

import numpy as np
import pytest
from future_rows import as_published, rows

from phdlib import beyond_futures
from phdlib.future_evidence import CONSTANT, FULL, LATENT, NEIGHBOUR, POSE
from phdlib.futures import HORIZONS
from phdlib.label_effects import advantages


def flat(value: float) -> dict[int, float]:
    return dict.fromkeys(HORIZONS, value)


def test_gains_are_turned_so_that_above_zero_is_better():
    low, high = ([rows(flat(v), flat(v), seed=s) for s in range(2)] for v in (40.0, 50.0))
    assert beyond_futures.gain("h36m", high, low, 5).value == pytest.approx(10, abs=0.1)
    assert beyond_futures.gain("penn", high, low, 5).value == pytest.approx(-10, abs=0.1)
    assert beyond_futures.gain("penn", low[:1], high, 30).low > 9.5
    assert beyond_futures.gain("h36m", low, low, 30) == (0, 0, 0)


def test_what_warping_leaves_is_the_arithmetic_of_the_printed_tables_and_ours():
    roles = as_published()
    for table in roles["penn"][LATENT]:
        table["mean"] = table["mean_dtw"] - 7.0
    found = beyond_futures.warping(roles)
    assert len(found) == 3 + 2 * 2 * 5
    assert found["off"].effect < 0.4 and found["off"].interval is None
    assert found["h36m_step"].effect == pytest.approx(16.0) and found["penn_step"].effect == pytest.approx(17.1)
    assert found["h36m_latent_print"].effect == pytest.approx(1.8, abs=0.1)
    assert "-0.8 to 5.2" in found["h36m_latent_print"].what
    assert found["penn_latent_here"].effect == pytest.approx(7.0) and found["penn_latent_here"].unit == "PCK points"


def test_supervision_reads_the_advantages_at_30():
    roles = as_published()
    for methods in roles.values():
        methods[f"{POSE}, full 3D"] = methods[POSE]
    found = beyond_futures.supervision(roles, advantages(roles))
    assert found["h36m_mixed"].effect == pytest.approx(105.2 - 81.1, abs=0.1)
    assert found["h36m_full"].effect == pytest.approx(105.2 - 80.1, abs=0.1)
    assert found["h36m_difference"].effect == pytest.approx(-1, abs=0.1)
    assert found["penn_more"].effect == pytest.approx(1, abs=0.1) and FULL in roles["penn"]


def test_past_and_line_name_their_frames():
    many, one = ({role: [rows(flat(v), flat(v))] for role in ("h36m", "penn")} for v in (50.0, 53.0))
    found = beyond_futures.past(one, many)
    assert found["h36m_5"].effect == pytest.approx(3) and found["penn_30"].effect == pytest.approx(-3)
    line = beyond_futures.against_line({LATENT: many["h36m"], POSE: one["h36m"]}, one["h36m"][0])
    assert line["latent_10"].effect == pytest.approx(3) and line["pose_1"].effect == pytest.approx(0)


def test_freezing_compares_a_still_pose_with_futures_that_move():
    roles = as_published()
    for table in roles["h36m"][LATENT]:
        table["speed"] = np.where(table["horizon"] == 30, 0.5, 9.0)
    found = beyond_futures.freezing(roles, {15: rows(flat(100.0), flat(100.0))})
    assert found["h36m_latent"].effect == pytest.approx(25) and found["penn_neighbour"].effect == pytest.approx(50)
    assert found["still"].effect == pytest.approx(133.3 - 102.8, abs=0.1) and NEIGHBOUR in found["still"].what
    assert found["late_15"].effect == pytest.approx(100 - 102.8, abs=0.1) and CONSTANT in found["late_15"].what
