"""Standing still in Penn Action's windows: right for who stands still, moves or grows, wrong for who bends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_penn import write

from phdlib import published
from phdlib.data import penn
from phdlib.futures import HORIZONS
from phdlib.penn_protocol import beside_published, standing_still

# Points of these files are arranged to be told apart, not as a body's.
pytestmark = pytest.mark.filterwarnings("ignore:.*the joints may be in another order")


@pytest.fixture
def clip(tmp_path):
    write(tmp_path, T=50, images=False)
    (found,) = penn.load(tmp_path, images=False, swap_sides=False)
    body = torch.rand(13, 2, generator=torch.Generator().manual_seed(0)) * 40
    return replace(found, keypoints2d=body.repeat(50, 1, 1), visible=torch.ones(50, 13, dtype=torch.bool))


def test_a_body_that_does_not_change_its_pose_is_met_whatever_the_camera_does(clip):
    grows = (1 + 0.01 * torch.arange(50.0))[:, None, None]
    table = standing_still([replace(clip, keypoints2d=clip.keypoints2d * grows + 3 * grows)])
    assert len(table) == 6 * len(HORIZONS) and table["window"].nunique() == 6 and set(table["start"]) == set(range(6))
    assert (table["frame"] == 100).all() and (table["mean_dtw"] == 100).all()


def test_one_joint_that_goes_away_is_one_joint_wrong_unless_it_was_or_is_hidden(clip):
    moved = clip.keypoints2d.clone()
    size = (moved[0].amax(0) - moved[0].amin(0)).amax()
    moved[25:, 0] += 2 * size  # one of thirteen leaves; the other twelve are still met
    moved[25:, 0, 1] -= size
    table = standing_still([replace(clip, keypoints2d=moved)], every=50)
    by = table.set_index("horizon")["frame"]
    assert by[1] == by[5] == by[10] == 100 and by[30] < 100
    hidden = clip.visible.clone()
    hidden[14, 0] = False  # the last frame seen: nobody knew where it was
    table = standing_still([replace(clip, keypoints2d=moved, visible=hidden)], every=50)
    assert (table["frame"] == 100).all()


def test_published_cells_stand_beside(clip):
    shown = beside_published(standing_still([clip]))
    assert list(shown.columns) == list(HORIZONS) and (shown.filter(like="standing", axis=0) == 100).all(axis=None)
    printed = published.table("phd-table-8").loc["Constant (no motion)"]
    assert shown.loc["PHD's Constant, without DTW, Table 8", 30] == float(printed["penn_30"])
    assert np.isfinite(shown.to_numpy()).all()


def test_clips_too_short_for_a_window_are_named(clip):
    with pytest.raises(ValueError, match="found clips of up to 40 frames, expected 45 or more"):
        standing_still([clip.every(1).__class__(**{**vars(clip), "keypoints2d": clip.keypoints2d[:40],
                                                   "visible": clip.visible[:40], "frames": None})])  # fmt: skip
