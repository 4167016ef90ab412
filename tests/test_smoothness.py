"""The measure of trembling on motions whose acceleration is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from synthetic import clip

from phdlib.smoothness import acceleration, jitter


def test_a_straight_line_does_not_tremble() -> None:
    time = torch.arange(20.0)[:, None, None]
    line = torch.randn(17, 3, generator=torch.Generator().manual_seed(0)) * time + 1.0
    assert acceleration(line).shape == (18,) and acceleration(line).max() < 1e-4


def test_a_parabola_has_its_second_derivative() -> None:
    fall = torch.zeros(2, 10, 17, 3)
    fall[..., 1] = 0.5 * 9.81 * (torch.arange(10)[:, None] / 50) ** 2
    assert torch.allclose(2500 * acceleration(fall), torch.full((2, 8), 9.81), rtol=1e-2)


def test_white_noise_trembles_as_in_closed_form() -> None:
    """A second difference of independent errors has 6 times their variance; the mean length of a 3D normal vector is
    sqrt(8 / pi) standard deviations."""
    noise = 0.01 * torch.randn(4000, 17, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert acceleration(noise).mean().item() == pytest.approx(0.01 * np.sqrt(6 * 8 / np.pi), rel=0.01)


def test_a_row_per_clip_in_metres_and_seconds() -> None:
    clips = [clip(30, 0), replace(clip(40, 1), fps=25.0)]
    rows = jitter(clips, [one.joints3d for one in clips])
    assert rows["frames"].tolist() == [28, 38] and rows["take"].tolist() == ["00_01@0", "01_01@0"]
    for one, value in zip(clips, rows["jitter"], strict=True):
        assert value == pytest.approx(one.fps**2 * acceleration(one.joints3d).mean().item())


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match=r"T >= 3 frames, found \(2, 17, 3\)"):
        acceleration(torch.zeros(2, 17, 3))
    with pytest.raises(ValueError, match="has 30 frames, its poses 29"):
        jitter([clip(30)], [torch.zeros(29, 17, 3)])
