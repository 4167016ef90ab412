"""Trends along sizes, models compared with themselves, errors by place in a piece, and the drawings of all these."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from synthetic import clip

from phdlib import comparisons, drift, experiments, figures_sweeps
from phdlib.evaluation import average, evaluate_lifter, predict_clip
from phdlib.experiments import LiftingExperiment, LiftingResult, for_clips
from phdlib.metrics import mpjpe
from phdlib.seq2seq import Seq2Seq, cut


def table(mean: float, rng: np.random.Generator, takes: int = 8) -> pd.DataFrame:
    """Errors of as many takes of two actions, around ``mean``, by 1 mm."""
    rows = [(f"{i:02d}_01@0", "front", "S9", action) for action in "ab" for i in range(takes)]
    rows = pd.DataFrame(rows, columns=["take", "camera", "subject", "action"])
    return rows.assign(frames=10, mpjpe=mean + rng.normal(0, 1, len(rows)))


def test_a_trend_is_what_its_means_are():
    rng = np.random.default_rng(0)
    falling = [[table(mean, rng) for _ in range(3)] for mean in (60, 50, 46, 45.5)]
    gain, rise, levelling, last = comparisons.trend(falling, "mpjpe", rng)
    means = [np.mean([average(rows, "mpjpe") for rows in of]) for of in falling]
    assert gain.value == pytest.approx(means[0] - means[-1]) and gain.low > 10
    assert rise.value == pytest.approx(np.diff(means).max()) and rise.high < 1.5
    assert levelling.value == pytest.approx((means[0] - means[-1]) / 4 - (means[-2] - means[-1])) and levelling.low > 0
    assert last.value == pytest.approx(means[-2] - means[-1]) and last.high < 3


def test_a_trend_that_turns_or_goes_on_is_seen():
    rng = np.random.default_rng(0)
    turns, goes_on = (
        comparisons.trend([[table(mean, rng)] for mean in means], "mpjpe", rng)
        for means in ((60, 50, 55), (60, 55, 50))
    )
    assert turns.largest_rise.low > 2
    assert goes_on.largest_rise.high < 0 and goes_on.levelling.high < 0 and goes_on.last_step.low > 3
    with pytest.raises(ValueError, match="at least 3 sizes, found 2"):
        comparisons.trend([[table(1, rng)]] * 2, "mpjpe", rng)


def test_a_trained_model_is_evaluated_again(monkeypatch: pytest.MonkeyPatch):
    clips = (clip(30, 0), clip(35, 1))
    monkeypatch.setattr(experiments, "load_clips", lambda *of: clips)
    experiment = LiftingExperiment(filter_widths=(3,), channels=16)
    model = experiment.model().eval()
    weights = {name: value.numpy() for name, value in model.state_dict().items()}
    result = LiftingResult(pd.DataFrame(), [], 0.0, 0, weights)
    plain, averaged = (comparisons.evaluate_again(experiment, result, flip=flip) for flip in (False, True))
    pd.testing.assert_frame_equal(plain, evaluate_lifter(for_clips(model), clips, flip=False))
    assert not np.allclose(plain["mpjpe"], averaged["mpjpe"])
    other = comparisons.evaluate_again(experiment, result, clips[1:])
    assert np.allclose(other["mpjpe"], averaged["mpjpe"][1:])


def lstm() -> Seq2Seq:
    return Seq2Seq(17, 2, 17, channels=16, frames=5, dropout=0, generator=torch.Generator().manual_seed(0)).eval()


def test_positions_are_those_of_the_pieces():
    clips, model = [clip(23, 0), clip(30, 1), clip(6, 2)], lstm().in_pieces(7)
    rows = drift.error_by_position(model, clips, 7)
    assert rows["frames"].tolist() == [3, 4]  # whole pieces; a clip without one is left out
    error = 1000 * mpjpe(predict_clip(model, clips[0], flip=False), clips[0].joints3d)
    position = cut(23, 7).position[:21]
    wanted = [error[:21][position == place].mean().item() for place in range(7)]
    np.testing.assert_allclose(rows.loc[0, drift.positions(rows)].astype(float), wanted, rtol=1e-5)
    assert drift.curve(rows) == pytest.approx([average(rows, place) for place in range(7)])
    ends = drift.over(rows, slice(-2, None))
    np.testing.assert_allclose(ends["mpjpe"], (rows[5] + rows[6]) / 2)
    with pytest.raises(ValueError, match="no clip has 50 frames; the longest has 30"):
        drift.error_by_position(model, clips, 50)


def test_a_model_that_drifts_is_caught():
    class Drifting(torch.nn.Module):
        """The truth, and 1 mm more to the side with every frame of a piece of ten."""

        causal = False

        def __init__(self, truth: torch.Tensor) -> None:
            super().__init__()
            self.register_buffer("truth", truth)

        def receptive_field(self) -> int:
            return 1

        def forward(self, keypoints: torch.Tensor) -> torch.Tensor:
            off = cut(len(self.truth), 10).position / 1000
            return (self.truth + off[:, None, None] * torch.tensor([1.0, 0, 0]))[None]

    swinging = clip(40, 0)
    rows = drift.error_by_position(Drifting(swinging.joints3d).eval(), [swinging], 10)
    np.testing.assert_allclose(drift.curve(rows), np.arange(10), atol=1e-3)


def test_figures_draw():
    rng = np.random.default_rng(0)

    def runs(*sizes: int) -> dict[int, list[float]]:
        return {size: list(40 + 10 / size + rng.normal(0, 0.3, 3)) for size in sizes}

    sizes, frames = (16, 32, 64, 128, 256), (1, 9, 27, 81, 243)
    sweeps = figures_sweeps.figure_8((runs(*sizes), runs(*sizes)), (runs(*frames), runs(*frames)))
    for ax, expected in zip(sweeps.axes, (sizes, frames), strict=True):
        assert ax.get_xscale() == "log" and tuple(ax.get_xticks()) == expected
    flat = figures_sweeps.by_position({"a": [40 + rng.normal(0, 1, 50) for _ in range(3)]})
    steep = figures_sweeps.by_position({"a": [np.geomspace(40, 400, 50)], "b": [np.full(50, 40.0)]})
    assert (flat.axes[0].get_yscale(), steep.axes[0].get_yscale()) == ("linear", "log")
    for figure in (sweeps, flat, steep):
        figure.canvas.draw()
        plt.close(figure)
