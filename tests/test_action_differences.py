from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from phdlib.action_differences import AVERAGE, differences_figure, per_action_differences


def table(walk: float, jump: float, seed: int = 0) -> pd.DataFrame:
    about = {"take": ["a@0", "b@0", "c@0"], "action": ["walk", "walk", "jump"], "frames": [10, 30, 20]}
    return pd.DataFrame(about | {"mpjpe": [walk + seed, walk + 4 + seed, jump + seed]})


def test_differences_by_action_and_of_their_mean():
    a, b = [table(40, 70), table(40, 70, 1)], [table(38, 71), table(38, 71, 1)]
    found = per_action_differences(a, b, "mpjpe", draws=200)
    assert list(found) == ["walk", "jump", AVERAGE]
    assert [found[x].value for x in found] == pytest.approx([2, -1, 0.5])
    assert all(effect.low <= effect.value <= effect.high for effect in found.values())


def test_every_action_has_a_point_per_model_and_lone_ones_are_hollow():
    found = per_action_differences([table(40, 70)], [table(38, 71)], "mpjpe", draws=20)
    fig = differences_figure({"single-frame": found, "causal": found}, ["jump"], "MPJPE, mm", "full")
    points = [line for line in fig.axes[0].get_lines() if line.get_marker() == "o"]
    assert len(points) == 2 * 3 and sum(line.get_markerfacecolor() == "white" for line in points) == 2
    assert [text.get_text() for text in fig.axes[0].get_legend().get_texts()] == [
        "single-frame less full",
        "causal less full",
    ]
    plt.close(fig)
