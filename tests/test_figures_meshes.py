"""Strips and players show the bodies that they are given, where and in the colour that they are asked to."""

from __future__ import annotations

import io
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from phd_small import FEATURES, features_of, moving_clip

from phdlib import rollouts
from phdlib.data.phd_role import in_camera_frame
from phdlib.figures_meshes import DPI, ImageRow, MeshRow, mesh_strip
from phdlib.figures_rollouts import Shown, comparison, predictions
from phdlib.palette import BODIES
from phdlib.phd_model import PHD
from phdlib.rollouts import Scene
from phdlib.viewers_mesh import Moving, mesh_player


def upright(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """T-poses that face the camera, and mean shapes."""
    theta = torch.zeros(count, 72)
    theta[:, 0] = torch.pi
    return theta, torch.zeros(10)


def pixels(fig: plt.Figure) -> np.ndarray:
    file = io.BytesIO()
    fig.savefig(file, dpi=DPI)
    plt.close(fig)
    return plt.imread(io.BytesIO(file.getvalue()))[..., :3]


def cells(fig: plt.Figure) -> list[np.ndarray]:
    return [np.asarray(image.get_array()) for image in fig.axes[0].images]


def test_a_body_is_upright_in_its_colour_and_thin_from_the_side():
    row = MeshRow("front", *upright(1), role="latent")
    fig = mesh_strip([row, row.from_side()], ["0"])
    front, side = cells(fig)
    plt.close(fig)
    drawn = [(cell < 0.98).any(-1) for cell in (front, side)]
    widths = [np.ptp(np.flatnonzero(d.any(0))) for d in drawn]
    heights = [np.ptp(np.flatnonzero(d.any(1))) for d in drawn]
    assert widths[0] > 3 * widths[1] and abs(heights[0] - heights[1]) <= 2  # arms out; one scale
    widest = np.flatnonzero(drawn[0].any(1))[0] + np.argmax(drawn[0][drawn[0].any(1)].sum(1))
    assert widest < front.shape[0] / 2  # the arms are above the middle
    mean = front[drawn[0]].mean(0)
    hue = np.array([int(BODIES["latent"][k : k + 2], 16) for k in (1, 3, 5)])
    assert mean.argsort().tolist() == hue.argsort().tolist()


def test_walking_round_by_half_a_turn_shows_the_other_side():
    theta, beta = upright(1)
    theta[0, 3 * 16 + 2] = -1.2  # the left arm hangs
    row = MeshRow("front", theta, beta)
    fig = mesh_strip([row, row.from_side("behind", 180)], ["0"])
    front, behind = ((cell < 0.98).any(-1) for cell in cells(fig))
    plt.close(fig)
    assert (front != behind[:, ::-1]).mean() < 0.02 < (front != behind).mean()


def test_empty_cells_stay_empty_and_seen_images_have_a_frame():
    images = [torch.full((3, 8, 8), 200, dtype=torch.uint8), None, torch.zeros(3, 8, 8, dtype=torch.uint8)]
    row = MeshRow("a", *upright(3), role=["conditioning", None, "pose"])
    fig = mesh_strip([ImageRow("video", images, seen=1), row], ["-5", "0", "+5"], title="t")
    assert len(cells(fig)) == 4 and len(fig.axes[0].patches) == 1
    words = [text.get_text() for text in fig.axes[0].texts]
    assert {"video", "a", "-5", "0", "+5", "t"} == set(words)
    plt.close(fig)


def test_ten_columns_of_six_rows_stay_small():
    clip = in_camera_frame(moving_clip(40, 1))
    row = MeshRow("a", clip.theta[:10], clip.beta)
    noise = torch.randint(90, 130, (10, 3, 64, 64), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    fig = mesh_strip([ImageRow("video", list(noise), 3), *[row, row.from_side()] * 2], [str(t) for t in range(10)])
    file = io.BytesIO()
    fig.savefig(file, dpi=DPI)
    plt.close(fig)
    assert len(file.getvalue()) < 300_000


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (MeshRow("a", *upright(3)), r"'a': theta \(3, 72\).*expected \(2, 72\)"),
        (MeshRow("a", torch.zeros(2, 72), torch.zeros(3, 10)), r"beta \(3, 10\)"),
        (MeshRow("a", *upright(2), role=["latent"]), "role 1 roles, expected 2"),
        (MeshRow("a", *upright(2), role="blue"), "role 'blue', expected"),
        (ImageRow("v", [None]), "'v': 1 images"),
    ],
)
def test_rows_that_do_not_fit_are_named(row, message):
    with pytest.raises(ValueError, match=message):
        mesh_strip([row], ["0", "+5"])


@pytest.fixture(scope="module")
def shown() -> Shown:
    recorded = moving_clip(60, 7)
    clip = replace(in_camera_frame(recorded), features=features_of(recorded))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rollouts, "footage", lambda role, part="test": (recorded,))
        yield Shown(Scene("penn", 0, 2), clip)


def model(space: str) -> PHD:
    generator = torch.Generator().manual_seed(2)
    start = torch.zeros(85)
    start[3] = torch.pi
    return PHD(start, FEATURES, 16, space=space, blocks=1, groups=2, hidden=32, generator=generator).eval()


def test_predictions_have_three_rows_a_window(shown):
    fig = predictions({"a": shown, "b": shown}, model("latent"), None, ahead=(-7, 0, 5, 35), conditioning=13, size=40)
    assert len(cells(fig)) == 2 * 3 * 4 and len(fig.axes[0].patches) == 2 * 2
    plt.close(fig)
    with pytest.raises(ValueError, match="13 frames are seen, found -14"):
        predictions({"a": shown}, model("latent"), None, conditioning=13)


def test_comparisons_show_the_video_both_models_and_the_truth(shown):
    fig = comparison(shown, model("latent"), model("pose"), None, ahead=(-14, 0, 5, 35), sides=False, size=40)
    assert len(cells(fig)) == 4 + 4 + 2 + 4
    plt.close(fig)
    fig = comparison(shown, model("latent"), model("pose"), None, ahead=(0, 5), size=40)
    assert len(cells(fig)) == 2 + 2 * 2 + 2 * 1 + 2
    plt.close(fig)


def test_the_player_moves_thin_bodies_in_millimetres():
    clip = in_camera_frame(moving_clip(6, 4))
    bodies = {
        "model": Moving(clip.theta, clip.beta.expand(6, -1), ["conditioning"] * 2 + ["latent"] * 4),
        "truth": Moving(clip.theta, clip.beta, "truth"),
    }
    fig = mesh_player(bodies, 25.0, first=-1, spacing=2.0)
    assert [frame.name for frame in fig.frames] == ["-1", "0", "1", "2", "3", "4"]
    first, last = fig.frames[0].data, fig.frames[-1].data
    assert [trace.color for trace in first] == [BODIES["conditioning"], BODIES["truth"]]
    assert last[0].color == BODIES["latent"]
    own, other = np.asarray(last[0].x), np.asarray(last[1].x)
    assert own.dtype == np.int16 and np.array_equal(own + 2000, other)
    assert 1200 < np.ptp(np.asarray(fig.data[0].z)) < 2500  # a person's height
    assert len(fig.to_json()) / 6 < 45_000
    with pytest.raises(ValueError, match="as many frames"):
        mesh_player({**bodies, "other": Moving(clip.theta[:2], clip.beta, "pose")}, 25.0)
    with pytest.raises(ValueError, match="'x': expected 6 roles"):
        mesh_player({"x": Moving(clip.theta, clip.beta, ["pose"])}, 25.0)
