"""A query and its neighbour as bodies: which theta stands where, and in whose colour."""

from __future__ import annotations

from dataclasses import replace

import matplotlib.pyplot as plt
import pandas as pd
import pytest
import torch
from future_rows import as_published
from phd_small import FEATURES, features_of, moving_clip

from phdlib import figures_neighbours, future_tables, rollouts
from phdlib.baselines import Neighbours
from phdlib.data.phd_role import CONDITIONING, evaluation_windows, in_camera_frame
from phdlib.figures_evaluation import curves
from phdlib.figures_neighbours import AHEAD, labels, neighbour_figure, neighbour_rows
from phdlib.futures import describe, window_frames
from phdlib.phd_model import PHD
from phdlib.phd_study import Truth


@pytest.fixture(scope="module")
def model() -> PHD:
    generator = torch.Generator().manual_seed(1)
    start = 0.1 * torch.randn(85, generator=generator)
    return PHD(start, FEATURES, 16, space="latent", blocks=1, groups=2, hidden=32, generator=generator).eval()


RECORDED = [moving_clip(60, 3), moving_clip(60, 4)]
CLIPS = [replace(in_camera_frame(one), features=features_of(one)) for one in RECORDED]
FOUND = Neighbours(torch.tensor([1, 0]), torch.tensor([7, 2]), torch.tensor([0.05, 0.1]), torch.empty(0))


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Truth:
    monkeypatch.setattr(rollouts, "footage", lambda role, part="test": tuple(RECORDED))
    windows = evaluation_windows(CLIPS, 100)
    parts = [window_frames(CLIPS, windows, name) for name in ("joints3d", "keypoints2d", "visible")]
    return Truth(CLIPS, windows, describe(CLIPS, windows), *parts)


def test_rows_hold_query_truth_match_and_continuation(model: PHD, known: Truth) -> None:
    above, below = neighbour_rows(model, known, CLIPS, FOUND, "human36m", 0)
    assert (
        above.roles() == ["conditioning"] * 3 + ["truth"] * 6 and below.roles() == ["match"] * 3 + ["continuation"] * 6
    )
    assert torch.equal(above.theta[3:], CLIPS[0].theta[[CONDITIONING - 1 + a for a in AHEAD[3:]]])
    assert (
        torch.equal(above.beta[3:], CLIPS[0].beta.expand(6, -1)) and not above.beta[:3].any() and not below.beta.any()
    )
    with torch.no_grad():
        query = model.f_3d(model.f_movie(CLIPS[0].features[None, :CONDITIONING])).omega[0, :, 3:75]
        match = model.f_3d(model.f_movie(CLIPS[1].features[None, 7 : 7 + 45])).omega[0, :, 3:75]
    assert torch.allclose(above.theta[:3], query[[0, 7, 14]], atol=1e-5)
    assert torch.allclose(below.theta, match[[CONDITIONING - 1 + a for a in AHEAD]], atol=1e-5)
    assert labels() == ["-14", "-7", "0", "+5", "+10", "+15", "+20", "+25", "+30"]


def test_the_example_of_an_action_is_its_median(model: PHD, known: Truth, monkeypatch: pytest.MonkeyPatch) -> None:
    table = pd.DataFrame({"window": [0, 1], "horizon": 30, "mean": [40.0, 60.0], "action": ["walk", "sit"]})
    drawn = {}
    monkeypatch.setattr(
        figures_neighbours, "mesh_strip", lambda rows, names, title: drawn.update(rows=rows, title=title)
    )
    _, note = neighbour_figure(model, known, CLIPS, FOUND, "human36m", [table], ["sit", "walk"])
    assert (
        note
        == drawn["title"]
        == "sit: match in swing, 100 mm off, then 60 mm; walk: match in swing, 50 mm off, then 40 mm"
    )
    assert torch.equal(drawn["rows"][0].theta[3:], CLIPS[1].theta[[CONDITIONING - 1 + a for a in AHEAD[3:]]])


def test_curves_of_error_and_speed() -> None:
    roles, methods = as_published(seeds=1), ["AR on Φ", "Constant"]
    bands = {role: future_tables.intervals({m: of[m] for m in methods}, "frame", draws=5) for role, of in roles.items()}
    fig = curves(roles, bands, methods)
    errors = {line.get_label(): line.get_ydata() for line in fig.axes[0].lines}
    assert errors["Constant"] == pytest.approx([59.7, 71.4, 85.9, 101.4, 102.8], abs=0.1)
    assert len(fig.axes[0].collections) == 1  # one band
    assert fig.axes[2].lines[-1].get_ydata().tolist() == [2.0] * 4  # the truth's speed, none at frame 1
    plt.close(fig)
