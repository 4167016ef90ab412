"""The statue finder's page: every slider step and button says what it should show."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from phdlib.data.phd_role import CONDITIONING
from phdlib.statues import AHEAD, find
from phdlib.viewers_statues import LATER, statue_finder

T = 60
WINDOWS = T - CONDITIONING - AHEAD + 1
IMAGES = [torch.full((3, 8, 8), 4 * t, dtype=torch.uint8) for t in range(T)]


def curve() -> np.ndarray:
    return np.where(np.arange(WINDOWS) < 14, 40.0, 90.0) + np.random.default_rng(0).normal(size=WINDOWS)


def grey(uri: str) -> int:
    """The frame that a picture is of."""
    image = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
    return round(float(np.asarray(image).mean()) / 4)


def test_the_slider_shows_the_frame_after_each_window() -> None:
    fig = statue_finder({"AR": curve(), "Constant": curve() - 5}, np.ones(T), IMAGES)
    (slider,) = fig.layout.sliders
    assert len(slider.steps) == WINDOWS
    for step, frame in zip(slider.steps, range(CONDITIONING, CONDITIONING + WINDOWS), strict=True):
        shown, lines, traces = step.args
        assert step.label == str(frame) and list(traces) == [0, 1]
        assert [grey(uri) for uri in shown["source"]] == [frame, min(frame + LATER, T - 1)]
        assert lines == {f"shapes[{i}].{end}": frame for i in (0, 1) for end in ("x0", "x1")}
    statue = int(find([curve()]).loc[0, "frame"])
    assert slider.steps[slider.active].label == str(statue)
    assert [shape.x0 for shape in fig.layout.shapes] == [statue] * 4
    assert grey(fig.data[0].source) == statue


def test_the_buttons_change_the_filter() -> None:
    accuracy = curve()
    fig = statue_finder({"AR": accuracy}, np.ones(T), IMAGES, halves=(1, 5, 7))
    (menu,) = fig.layout.updatemenus
    assert menu.active == 1 and [trace.visible for trace in fig.data if trace.name == "rise"] == [False, True, False]
    for half, button in zip((1, 5, 7), menu.buttons, strict=True):
        shown, lines, traces = button.args
        assert all(fig.data[i].name == "rise" for i in traces)
        assert shown["visible"] == [other == half for other in (1, 5, 7)]
        assert set(lines.values()) == {int(find([accuracy], half).loc[0, "frame"])}


def test_a_filter_too_wide_for_the_clip_has_no_button() -> None:
    short = CONDITIONING + AHEAD + 7  # 8 windows
    fig = statue_finder({"AR": curve()[:8]}, np.ones(short), IMAGES[:short], halves=(3, 5))
    assert [button.label for button in fig.layout.updatemenus[0].buttons] == ["filter: 3 + 3 windows"]


def test_lengths_have_to_fit() -> None:
    with pytest.raises(ValueError, match=f"need {WINDOWS} windows and {T} speeds"):
        statue_finder({"AR": curve()[1:]}, np.ones(T), IMAGES)
