"""The probe's page and picture show the numbers that they are given."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from phdlib.figures_probe import influence_matrices
from phdlib.viewers_probe import causality_probe

T = 9
CAUSAL = torch.ones(T, T).triu()
LEAKY = CAUSAL + 0.01 * torch.ones(T, T).tril(-1)


def test_every_step_of_the_slider_is_a_row_of_the_matrices():
    fig = causality_probe({"causal": CAUSAL, "leaky": LEAKY}, start=4)
    (slider,) = fig.layout.sliders
    assert [step.label for step in slider.steps] == [str(t) for t in range(T)] and slider.active == 4
    for t, step in enumerate(slider.steps):
        (args,) = step.args
        assert args["y"][0] == [None] * t + [1.0] * (T - t)  # an exact zero has no bar
        assert args["y"][1] == [0.01] * t + [1.0] * (T - t)
        assert args["marker.color"] == [[0] * t + [1] * (T - t)] * 2
    for trace, y in zip(fig.data, slider.steps[4].args[0]["y"], strict=True):
        assert list(trace.y) == y
    assert not fig.frames  # a page would play them
    assert len(fig.to_html(include_plotlyjs="directory")) < 30_000
    assert "0 ahead" in fig.layout.annotations[0].text and "8 ahead" in fig.layout.annotations[1].text


def test_matrices_of_several_clips_are_refused():
    with pytest.raises(ValueError, match=r"of one clip, found sizes \[\(4, 4\), \(9, 9\)\]"):
        causality_probe({"a": CAUSAL, "b": CAUSAL[:4, :4]})


def test_the_picture_leaves_exact_zeros_white():
    fig = influence_matrices({"causal": 3 * CAUSAL, "leaky": 2 * LEAKY})
    first, second = (ax.images[0].get_array() for ax in fig.axes[:2])
    assert np.array_equal(first.mask, np.tril(np.ones((T, T), bool), -1)) and first.max() == 1
    assert not np.ma.getmaskarray(second).any() and second.min() == pytest.approx(0.01)
    assert fig.axes[0].get_title().endswith("the past moves by 0")
    assert fig.axes[1].get_title().endswith("the past moves by 0.01")
    plt.close(fig)
