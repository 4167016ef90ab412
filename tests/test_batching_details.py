"""The numbers of the three details on results that are made up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from phdlib import batching_details as details
from phdlib import figures_batching
from phdlib.statistics import Effect
from phdlib.watched_epochs import WatchedResult, fluctuation
from phdlib.zero_padding import BorderResult


def table(error: float, frames: int = 100) -> pd.DataFrame:
    rows = [{"take": f"{i}@0", "action": action, "frames": frames} for action in "ab" for i in range(4)]
    return pd.DataFrame(rows).assign(mpjpe=error)


def border(everywhere: float, ends: float) -> BorderResult:
    return BorderResult(table(everywhere), [0.1], 1.0, 10, {}, table(ends, 26))


def test_borders_are_compared_seed_by_seed_and_place_by_place() -> None:
    found = {"replicate": [border(60, 70), border(64, 80)], "zeros": [border(60.5, 73), border(64.5, 83)]}
    effects = details.zeros_less_repeated(found)
    assert effects["ends"] == pytest.approx(Effect(3, 3, 3)) and effects["all"].value == pytest.approx(0.5)
    rows = details.border_table(found, effects)
    assert rows["frames"].tolist() == [8 * 26, 8 * 100]
    assert rows["repeated frames, mm"].tolist() == pytest.approx([75, 62])
    assert rows["zeros less repeated"].tolist() == pytest.approx([3, 0.5])


def watched(*errors: float) -> WatchedResult:
    tables = [table(error) for error in errors]
    return WatchedResult(tables[-1], [0.1], 1.0, 10, {}, tables)


def test_scatter_is_of_each_seed_and_its_trend_left_out() -> None:
    """Two seeds that scatter in opposite directions: their mean would be a straight line."""
    up, down = (60, 62, 58, 60), (60, 56, 58, 54)
    found = {"usual": [watched(*up), watched(*down)], "decaying": [watched(60, 59, 58, 57)] * 2}
    effects = details.scatters(found, draws=50)
    expected = (fluctuation(up) + fluctuation(down)) / 2
    assert effects["usual"].value == pytest.approx(expected) and expected > 1
    assert effects["decaying"].value == pytest.approx(0, abs=1e-9)
    assert effects["calmer"].value == pytest.approx(expected / 2)
    rows = details.momentum_table(found, effects)
    assert rows.loc["usual", "MPJPE after the last epoch, mm"] == pytest.approx(57)
    assert details.late_errors(found)["usual"][1] == pytest.approx(list(down))
    fig = figures_batching.by_epoch(details.late_errors(found), 16)
    assert fig.axes[0].get_xticks().tolist() == [13, 14, 15, 16] and len(fig.axes[0].lines) == 4


def test_speeds_are_poses_over_seconds_and_ratios_round_by_round() -> None:
    seconds = {"net": {1: [2.0, 4.0, 2.0], 4: [1.0, 2.0, 1.0]}}
    rows = details.speed_table(seconds, 400, {"net": 101})
    assert rows["poses per second"].tolist() == [200, 400] and rows["frames per pose"].tolist() == [1.25, 2]
    assert rows["times as fast as one"].tolist() == [1, 2]
    assert details.against_one(seconds["net"])[4] == Effect(2, 2, 2)
    assert np.isfinite(rows[["from", "to"]]).all(axis=None)
