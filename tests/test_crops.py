"""Crops show the person where the 2D joints say, and look the same whenever they are made."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from posed import posed_clip
from torch import Tensor

from phdlib.body import load_body
from phdlib.crops import (
    MARGIN,
    CropBoxes,
    Surface,
    clip_boxes,
    clip_crops,
    crop_boxes,
    crop_joints,
    jittered,
    true_joints2d,
)
from phdlib.figures_phd import crop_grid

BODY = load_body()
COARSE = Surface(BODY, 0.02)


def render(clip, surface: Surface = COARSE, size: int = 48, **kwargs) -> Tensor:
    return torch.cat(list(clip_crops(clip, surface, size, **kwargs)))


def silhouette(clip, size: int = 96) -> Tensor:
    """Where the person is: pixels that change with the clothes and not with the room."""
    moved = replace(clip, trajectory=clip.trajectory * torch.tensor([-1.0, -1.0, 1.0]) + torch.tensor([50.0, 0, 0]))
    boxes = clip_boxes(clip)
    with_person, without = render(clip, size=size, boxes=boxes), render(moved, size=size, boxes=boxes)
    return (with_person.int() - without.int()).abs().amax(1) > 0


@pytest.mark.parametrize("grid", [0.0, 0.02])
def test_the_surface_is_the_body(grid: float) -> None:
    clip = posed_clip(BODY, 3)
    vertices, surface = BODY(clip.theta, clip.beta.expand(3, -1)).vertices, Surface(BODY, grid)
    mine = surface(clip.theta, clip.beta)
    assert torch.cdist(mine, vertices).amin(2).max() < 2e-3  # cdist itself is exact to a millimetre
    if grid:
        assert torch.cdist(vertices, mine).amin(2).max() < 3 * grid and mine.shape[1] < 5000
    else:
        assert torch.allclose(mine, vertices, atol=1e-5)


@pytest.mark.parametrize("camera", range(4))
def test_the_person_covers_its_joints_and_lies_inside(camera: int) -> None:
    clip = posed_clip(BODY, seed=camera, camera=camera)
    seen = silhouette(clip)
    joints = crop_joints(true_joints2d(clip), clip_boxes(clip))
    assert joints.abs().max() < 1 / MARGIN + 1e-5
    pixel = ((joints + 1) / 2 * 96).floor().long()
    covered = seen[torch.arange(len(clip))[:, None], pixel[..., 1], pixel[..., 0]]
    assert covered.float().mean() > 0.9  # the nose and the top of the head lie on the outline
    assert 0.03 < seen.float().mean() < 0.4
    edge = torch.ones(96, 96, dtype=torch.bool)
    edge[4:-4, 4:-4] = False
    assert not (seen & edge).any()


def test_the_lens_bends_the_crop() -> None:
    """Far from the middle of the image, a pinhole's picture would miss the joints by several pixels."""
    clip = posed_clip(BODY)
    clip = replace(clip, trajectory=clip.trajectory + torch.tensor([1.6, 0.0, 0.0]))
    pixel = ((crop_joints(true_joints2d(clip), clip_boxes(clip)) + 1) / 2 * 96).floor().long()
    covered = silhouette(clip)[torch.arange(len(clip))[:, None], pixel[..., 1], pixel[..., 0]]
    pinhole = torch.cat((clip.camera.intrinsics[:4], torch.zeros(5)))
    straight = silhouette(replace(clip, camera=replace(clip.camera, intrinsics=pinhole)))
    assert covered.float().mean() > 0.9 and straight.any()


def test_boxes_are_hmrs() -> None:
    points = torch.tensor([[[10.0, 20.0], [40.0, 60.0]]])
    boxes = crop_boxes(points)
    assert boxes.centre.tolist() == [[25.0, 40.0]] and boxes.side.item() == pytest.approx(50 * 224 / 150)
    corners = boxes.centre[:, None] + boxes.side[:, None, None] / 2 * torch.tensor([[[-1.0, -1.0], [1.0, 1.0]]])
    assert torch.allclose(crop_joints(corners, boxes), torch.tensor([[[-1.0, -1.0], [1.0, 1.0]]]), atol=1e-6)
    moved = jittered(boxes, 0.1, torch.Generator().manual_seed(0))
    assert (moved.centre - boxes.centre).abs().max() <= 0.1 * boxes.side and moved.side != boxes.side


def test_the_same_clip_looks_the_same_in_any_company() -> None:
    first, other = posed_clip(BODY, seed=1), posed_clip(BODY, seed=2)
    alone = render(first, Surface(BODY, 0.02))
    render(other)
    after = render(first)
    assert (alone != after).float().mean() < 1e-3  # a ray through an edge may go either way
    assert alone.dtype == torch.uint8 and alone.shape == (6, 3, 48, 48)


def test_seed_take_camera_and_frame_differ() -> None:
    clip = posed_clip(BODY)
    base = render(clip)
    assert not torch.equal(base, render(clip, seed=1))
    for change in ({"take": "09_01@0"}, {"camera": replace(clip.camera, name="another")}, {"subject": "S6"}):
        assert (render(replace(clip, **change)) != base).float().mean() > 0.01
    still = replace(clip, **{name: getattr(clip, name)[:1].expand_as(getattr(clip, name)) for name in
                             ("theta", "joints3d", "trajectory")})  # fmt: skip
    frames = render(still)
    assert (frames[0] != frames[1]).float().mean() > 0.1  # grain
    assert (frames[0].float() - frames[1].float()).abs().mean() < 12


def test_errors_say_what_is_missing() -> None:
    clip = posed_clip(BODY)
    with pytest.raises(ValueError, match="crops need theta, found None"):
        render(replace(clip, theta=None))
    with pytest.raises(ValueError, match="2 boxes"):
        render(clip, boxes=CropBoxes(torch.zeros(2, 2), torch.ones(2)))
    with pytest.raises(ValueError, match=r"finite points.* at frame 0"):
        crop_boxes(torch.full((1, 2, 2), torch.nan))
    with pytest.raises(ValueError, match="crop_joints: expected"):
        crop_joints(torch.zeros(3, 17, 2), CropBoxes(torch.zeros(2, 2), torch.ones(2)))


def test_the_figure_shows_every_crop() -> None:
    clip = posed_clip(BODY, 2)
    joints = crop_joints(true_joints2d(clip), clip_boxes(clip))
    figure = crop_grid(list(render(clip)), list(joints), ["a", "b"], columns=2)
    assert sum(len(ax.images) for ax in figure.axes) == 4
    with pytest.raises(ValueError, match="crop_grid"):
        crop_grid(list(render(clip)), list(joints), ["a"])
