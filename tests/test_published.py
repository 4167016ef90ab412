"""The published numbers: all of them there, and equal to what arithmetic within the papers says of them."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest
from scipy.interpolate import PchipInterpolator

from phdlib import published


@pytest.mark.parametrize(
    ("paper", "tables", "values", "dashes", "numbers", "claims"),
    [("phd", 8, 423, 1, 47, 45), ("videopose3d", 6, 499, 10, 86, 56)],
)
def test_nothing_is_missing(paper, tables, values, dashes, numbers, claims):
    frames = [published.table(id) for id in published.tables(paper)]
    assert len(frames) == tables
    assert sum(int(frame.notna().to_numpy().sum()) for frame in frames) == values
    assert sum(int(frame.isna().to_numpy().sum()) for frame in frames) == dashes
    prefix = {"phd": "PHD", "videopose3d": "VP3D"}[paper]
    assert [claim.id for claim in published.claims(paper)] == [f"{prefix}-C{i:02d}" for i in range(1, claims + 1)]
    assert [published.in_text(f"{prefix}-X{i:02d}")["id"] for i in range(1, numbers + 1)]


def test_every_claim_is_whole():
    claims = published.claims()
    assert len(claims) == 101
    assert Counter(claim.type for claim in claims).keys() == set("NTVAP")
    assert all(claim.claim and claim.rests_on and claim.counts_as for claim in claims)
    assert not [claim.id for claim in claims if re.search(r"[|*]", claim.claim + claim.counts_as)]


def test_averages_of_video_pose_3d_are_means_of_the_actions():
    """Own rows of Tables 1 and 2 agree with their printed average within rounding (VP3D 5.1)."""
    for id in ("videopose3d-table-1a", "videopose3d-table-1b", "videopose3d-table-2"):
        table = published.table(id)
        own = table[table.index.str.contains("Ours|Single-frame|Temporal")]
        np.testing.assert_allclose(own.drop(columns="Avg").mean(axis=1), own["Avg"], atol=0.1)


def test_table_2_of_phd_is_the_running_mean_of_table_8():
    """For Constant, where warping changes nothing, horizon h with DTW is the mean over frames 1 to h without it."""
    without, with_dtw = (published.table(f"phd-table-{n}").loc["Constant (no motion)"] for n in (8, 2))
    horizons = [1, 5, 10, 20, 30]
    for data in ("h36m", "penn"):
        columns = [f"{data}_{h}" for h in horizons]
        per_frame = PchipInterpolator(horizons, without[columns])(np.arange(1, 31))
        running = [per_frame[:h].mean() for h in horizons]
        np.testing.assert_allclose(running, with_dtw[columns], atol=0.35)


def test_figures_of_the_text_follow_from_the_tables():
    average = published.table("videopose3d-table-1a")["Avg"]
    gain = average["Lee et al. [27]"] - average["Ours, 243 frames, full conv."]
    assert gain == pytest.approx(published.in_text("VP3D-X01")["values"]["mm"], abs=0.05)


def test_units_and_directions_are_known():
    table = published.table("videopose3d-table-5")
    assert table.attrs["unit"]["params_M"] == "million"
    assert published.table("phd-table-2").attrs["direction"] == {
        column: "lower" if column.startswith("h36m") else "higher" for column in published.table("phd-table-2")
    }


@pytest.mark.parametrize("call", [published.table, published.claim, published.in_text])
def test_an_unknown_id_is_named_beside_the_known_ones(call):
    with pytest.raises(KeyError, match=r"'phd-table-99'.*there are .* in all"):
        call("phd-table-99")


def test_an_unknown_paper_is_refused():
    with pytest.raises(ValueError, match="phd, videopose3d"):
        published.tables("vp3d")
