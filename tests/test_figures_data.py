"""Clips in a row and in a picture, whatever they hold."""

from __future__ import annotations

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from synthetic import clip

from phdlib.figures import LEFT, RIGHT
from phdlib.figures_data import one_frame, summary


def test_a_row_tells_what_the_clips_hold():
    a, b = clip(10, 0), clip(6, 1)
    subjects = [replace(a, subject=f"S{i}", keypoints2d=None) for i in range(1, 7)]
    row = summary([replace(b, fps=25.0, joints3d=None), *subjects]).iloc[0]
    assert (row["clips"], row["frames"], row["fps"]) == (7, 66, "25, 50")
    assert row["subjects"].endswith("and 2 more") and row["joints"] == "H36M-17"
    assert row["has"].startswith("2D, 3D")
    bare = replace(a, camera=None, joints3d=None, trajectory=None, theta=None)
    assert summary([bare]).iloc[0]["cameras"] == "none" and summary([bare]).iloc[0]["has"] == "2D"
    with pytest.raises(ValueError, match="found no clip"):
        summary([])


def test_panels_follow_the_fields():
    full = clip(5, 0)
    assert [len(one_frame(c).axes) for c in (full, replace(full, keypoints2d=None))] == [3, 2]
    fig = one_frame(replace(full, joints3d=None, trajectory=None), frame=2)
    (ax,) = fig.axes
    assert ax.get_ylim()[0] > ax.get_ylim()[1] and {line.get_color() for line in ax.lines} >= {LEFT, RIGHT}
    drawn = np.concatenate([line.get_xydata() for line in ax.lines])
    assert np.abs(drawn.max(0) - full.keypoints2d[2].numpy().max(0)).max() < 1e-3
    with pytest.raises(ValueError, match="found neither keypoints2d nor joints3d"):
        one_frame(replace(full, joints3d=None, keypoints2d=None))
    plt.close("all")


def test_keypoints_lie_on_their_image():
    image = torch.zeros(5, 3, 40, 60, dtype=torch.uint8)
    (ax, *_) = one_frame(replace(clip(5, 0), frames=image)).axes
    assert ax.images[0].get_array().shape == (40, 60, 3) and ax.get_ylim() == (39.5, -0.5)
    plt.close("all")
