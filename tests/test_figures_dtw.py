"""Pictures of an alignment and of the evaluation say what they are given; whether they please is for eyes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from test_mistiming import predicted, truth

from phdlib import published
from phdlib.figures_dtw import bone_lines, path_figure
from phdlib.figures_evaluation import against_properties, arithmetic_figure
from phdlib.mistiming import Alignment, align
from phdlib.viewers_dtw import path_explorer


@pytest.fixture(scope="module", params=[True, False])
def found(request: pytest.FixtureRequest) -> Alignment:
    known = truth(request.param)
    known.visible[3, 20:, :4] = False
    return align(predicted(known, 4)[3], known, 3)


def test_the_path_figure_pairs_frames_as_the_path_does(found: Alignment) -> None:
    fig = path_figure(found, columns=6)
    path = next(line for line in fig.axes[0].lines if line.get_label() == "path")
    assert np.array_equal(path.get_xydata(), found.path[:, ::-1] + 1)
    titles = [ax.get_title() for ax in fig.axes if ax.get_title()]
    shown = np.linspace(0, 29, 6).round().astype(int)
    assert titles[:6] == [f"true {j + 1}, pred. {j + 1}" for j in shown]
    assert titles[6:] == [
        f"true {j + 1}, pred. {i + 1}" for j, i in zip(shown, found.predicted_for(shown), strict=True)
    ]
    labels = [text.get_text() for text in fig.axes[2].get_legend().get_texts()]
    assert f"{found.before:.1f}" in labels[0] and f"{found.after:.1f}" in labels[1]
    plt.close(fig)


def test_the_explorer_holds_every_pair(found: Alignment) -> None:
    explorer = path_explorer(found, "a window")
    data = json.loads(re.search(r"data = (\{.*\});", explorer.script).group(1))
    assert np.shape(data["placed"]) == (30, 30, 17, 2) and np.shape(data["truth"]) == (30, 17, 2)
    assert np.allclose(np.array(data["placed"]) / 1000, found.placed, atol=6e-4)
    assert data["error"][3][7] == pytest.approx(found.error[3, 7], abs=0.06)
    matrix, path, marker, true, body, hidden = explorer.figure.data
    assert np.allclose(matrix.z, (1000 if found.unit == "mm" else 100) * found.cost, atol=0.01)
    assert list(path.x) == (found.path[:, 1] + 1).tolist()
    i, j = marker.y[0] - 1, marker.x[0] - 1
    assert np.allclose(np.array(true.x, float), bone_lines(found.truth[j], found.skeleton)[:, 0], 1, 1e-3, True)
    assert np.allclose(np.array(body.y, float), bone_lines(found.placed[i, j], found.skeleton)[:, 1], 1, 1e-3, True)
    assert len(hidden.x) == (~found.visible[j]).sum()
    page = explorer.to_html(include_plotlyjs="directory", div_id="phd-figure-8", full_html=True)
    assert "getElementById('phd-figure-8')" in page and "plotly_hover" in page and len(page) < 600_000


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_explorers_script_draws_the_pair_pointed_at(found: Alignment) -> None:
    """Run against a stand-in for plotly that prints what it is asked to change."""
    stand_in = """
    var plot = {on: function (name, act) { this.act = act; }}, said = [];
    var document = {getElementById: function () { return plot; }};
    var Plotly = {restyle: function (p, change, which) { said.push([change, which]); },
                  relayout: function (p, change) { said.push([change]); }};
    """
    point = "plot.act({points: [{curveNumber: 0, x: 8, y: 4}]}); console.log(JSON.stringify(said));"
    program = stand_in + path_explorer(found).script.replace("{plot_id}", "x") + point
    (change, traces), (caption,) = json.loads(subprocess.check_output(["node", "-"], input=program, text=True))
    assert traces == [2, 3, 4, 5] and change["x"][0] == [8] and change["y"][0] == [4]
    line = bone_lines(found.placed[3, 7], found.skeleton)
    assert np.allclose(np.array(change["x"][2], float), line[:, 0], atol=1e-3, equal_nan=True)
    assert np.allclose(np.array(change["y"][3]), found.truth[7, ~found.visible[7], 1], atol=1e-3)
    assert caption["annotations[1].text"].startswith("true frame 8 in grey, predicted frame 4: ")


def test_the_arithmetic_figure_shows_both_tables() -> None:
    fig = arithmetic_figure("Constant (no motion)")
    for ax, role in zip(fig.axes, ("h36m", "penn"), strict=True):
        lines = {line.get_label(): line.get_ydata() for line in ax.lines}
        row = published.table("phd-table-2").loc["Constant (no motion)", [f"{role}_{h}" for h in (1, 5, 10, 20, 30)]]
        assert np.array_equal(lines["Table 2: with DTW"], row)
        assert np.allclose(lines["its running mean"][[0, 4, 9, 19, 29]], row, atol=0.3)
        assert len(ax.texts) == 5 and all(abs(float(text.get_text())) <= 0.3 for text in ax.texts)
    plt.close(fig)


def test_actions_stand_by_their_properties() -> None:
    x, y = pd.Series({"walk": 0.9, "sit": 0.1, "kneel": 0.1}), pd.Series({"sit": 70.0, "kneel": 70.1, "walk": 50.0})
    fig = against_properties([("periodicity", "mm", x, y)] * 4, {"walk": 10})
    assert np.array_equal(fig.axes[0].collections[0].get_offsets(), [[0.9, 50], [0.1, 70], [0.1, 70.1]])
    sides = {text.get_text(): text.get_ha() for text in fig.axes[3].texts}
    assert sides == {"walk": "left", "sit": "left", "kneel": "right"}
    plt.close(fig)
