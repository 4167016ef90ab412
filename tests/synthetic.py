"""Small clips made of swinging limbs, for tests that need data and no dataset."""

from __future__ import annotations

import math

import torch

from phdlib.camera import studio_rig
from phdlib.data.clip import Clip
from phdlib.skeleton import H36M17

REST = torch.tensor([
    [0.0, 0.95, 0.0], [-0.12, 0.93, 0.0], [-0.12, 0.5, 0.02], [-0.12, 0.08, 0.0], [0.12, 0.93, 0.0], [0.12, 0.5, 0.02],
    [0.12, 0.08, 0.0], [0.0, 1.2, 0.0], [0.0, 1.45, 0.0], [0.0, 1.55, 0.08], [0.0, 1.72, 0.0], [0.17, 1.42, 0.0],
    [0.2, 1.15, 0.0], [0.2, 0.9, 0.05], [-0.17, 1.42, 0.0], [-0.2, 1.15, 0.0], [-0.2, 0.9, 0.05],
])  # fmt: skip


def clip(frames: int = 40, seed: int = 0, action: str = "swing", subject: str = "S1", camera: int = 0) -> Clip:
    generator = torch.Generator().manual_seed(seed)
    phase, speed = torch.rand(17, 3, generator=generator), 1 + torch.rand(17, 3, generator=generator)
    time = torch.arange(frames)[:, None, None] / 50
    world = REST + 0.08 * torch.sin(2 * math.pi * (speed * time + phase))
    view = studio_rig()[camera]
    joints = view.to_camera(world)
    return Clip(
        take=f"{seed:02d}_01@0", subject=subject, action=action, fps=50.0, source="synthetic", camera=view,
        joints3d=joints - joints[:, :1], trajectory=joints[:, 0], keypoints2d=view.project(joints),
        visible=torch.ones(frames, len(H36M17), dtype=torch.bool),
    )  # fmt: skip
