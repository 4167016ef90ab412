"""Small clips with a body in them, for tests that render."""

from __future__ import annotations

import torch
from synthetic import clip

from phdlib.body import Body
from phdlib.data.clip import Clip


def posed_clip(body: Body, frames: int = 6, seed: int = 0, subject: str = "S1", camera: int = 0) -> Clip:
    """Somebody who moves at random about the rest pose, arms down, at 50 Hz."""
    generator = torch.Generator().manual_seed(seed)
    theta = 0.25 * torch.randn(1, 72, generator=generator) + 0.02 * torch.randn(frames, 72, generator=generator)
    theta[:, 3 * 16 + 2] -= 1.1
    theta[:, 3 * 17 + 2] += 1.1
    beta = torch.randn(10, generator=generator).clamp(-1.5, 1.5)
    base = clip(frames, seed, subject=subject, camera=camera)
    joints = body.keypoints(base.skeleton)(theta, beta[None]) + torch.tensor([0.3, 1.0, -0.2])
    seen = base.camera.to_camera(joints)
    return Clip(
        take=base.take, subject=subject, action="stand", fps=50.0, source="synthetic", camera=base.camera, theta=theta,
        beta=beta, joints3d=seen - seen[:, :1], trajectory=seen[:, 0], keypoints2d=base.camera.project(seen),
        visible=base.visible,
    )  # fmt: skip
