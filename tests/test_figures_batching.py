"""Figure 9 shows what it is given: every frame of every sample, every seed, every speed."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from synthetic import clip

from phdlib.data.windows import Windows
from phdlib.figures_batching import batch_means, figure_9a, figure_9b
from phdlib.statistics import Effect


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_figure_9a_shows_what_the_windows_hold() -> None:
    video = clip(7)
    samples = Windows([video], 5, flip=False).gather(torch.arange(7))
    same = samples.keypoints[:, :, None] == video.screen_keypoints()
    seen = same.flatten(3).all(-1).int().argmax(-1).numpy()
    assert same.flatten(3).all(-1).any(-1).all()
    assert seen.tolist() == [np.clip(range(t - 2, t + 3), 0, 6).tolist() for t in range(7)]
    (ax,) = figure_9a(seen).axes
    shown = [int(text.get_text()) for text in ax.texts if text.get_text().isdigit()]
    assert shown == [*range(1, 8), *(seen + 1).flatten().tolist()]
    assert len([patch for patch in ax.patches if patch.get_hatch()]) == 6  # 2 + 1 before the video, 1 + 2 behind it


def test_figure_9b_shows_every_seed_and_speed() -> None:
    names = ["1", "2", "32", "1f"]
    errors = {name: [50.0 + i, 51.0 + i] for i, name in enumerate(names)}
    speed = {name: Effect(1.0 + i, 0.9 + i, 1.2 + i) for i, name in enumerate(names)}
    left, right = figure_9b(errors, speed, [52.0, 54.0]).axes
    assert [label.get_text() for label in left.get_xticklabels()] == ["1f", "1", "2", "32"]
    dots = [value for line in left.lines if line.get_marker() == "o" for value in line.get_ydata()]
    assert dots == [53, 54, 50, 51, 51, 52, 52, 53]
    assert [bar.get_height() for bar in right.patches] == [4, 1, 2, 3]
    assert 53.0 in [line.get_ydata()[0] for line in left.lines if line.get_linestyle() == "--"]


def test_every_batch_is_a_dot() -> None:
    points = np.random.default_rng(0).normal(size=(2, 30, 2))
    fig = batch_means({"one": points[0], "many": points[1]}, np.array([1.0, 2.0]))
    assert [len(ax.lines[1].get_xdata()) for ax in fig.axes] == [30, 30]
    assert all(ax.yaxis_inverted() for ax in fig.axes)
