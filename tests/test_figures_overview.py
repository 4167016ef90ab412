"""Figures 1, 3 and 5 are drawn from what they are given; whether they please is for eyes."""

import matplotlib.pyplot as plt
import numpy as np
import torch
from synthetic import clip

from phdlib import figures_overview
from phdlib.data.windows import Windows
from phdlib.lifting import StridedTemporalModel, TemporalModel
from phdlib.semi_supervised import Method, PoseAndTrajectory, loss_terms
from phdlib.skeleton import H36M17


def words(fig: plt.Figure) -> list[str]:
    return [text.get_text() for ax in fig.axes for text in ax.texts]


def test_figure_1_draws_every_tap_of_the_tree() -> None:
    model = TemporalModel(17, 2, 17, (3, 3), channels=4)
    one = clip(9)
    fig = figures_overview.figure_1(model, [None] * 9, one.keypoints2d.numpy(), one.joints3d.numpy(), 1)
    taps = [line for line in fig.axes[1].lines if line.get_linestyle() == "-" and line.get_marker() == "None"]
    assert len(taps) == 9 + 3
    plt.close(fig)


def test_figure_3_shows_the_sizes_and_losses_of_its_batch() -> None:
    net = PoseAndTrajectory(StridedTemporalModel, 17, False, filter_widths=(3, 1), channels=8).eval()
    batch = next(Windows([clip(20)], 3).epoch(6, torch.Generator().manual_seed(0)))
    with torch.no_grad():
        poses, roots = net(torch.cat((batch.keypoints, batch.keypoints)))
        terms = loss_terms(net, (batch, batch), None, Method(), H36M17)
    sizes = {
        "labelled keypoints": batch.keypoints, "unlabelled keypoints": batch.keypoints, "true poses": batch.joints,
        "true roots": batch.trajectory, "poses": poses, "roots": roots, "intrinsics": batch.intrinsics,
    }  # fmt: skip
    fig = figures_overview.figure_3(net, sizes, terms)
    found = words(fig)
    assert {"(6, 3, 17, 2)", "(12, 1, 17, 3)", "(12, 1, 1, 3)", "intrinsics (6, 9)"} <= set(found)
    assert {f"{value.item():.4f}" for value in terms.values()} <= set(found)
    plt.close(fig)


def test_figure_5_places_means_and_draws() -> None:
    panels = {"(a) x": {"supervised": {"1%": [100.0, 90.0], "S1": [60.0, 62.0]}}}
    fig = figures_overview.figure_5(panels, {"(a) x": "MPJPE, mm"})
    assert np.allclose(fig.axes[0].lines[0].get_ydata(), [95, 61])
    assert [tick.get_text() for tick in fig.axes[0].get_xticklabels()] == ["1%", "S1"]
    plt.close(fig)
