"""Small PHD data for tests: people who move at random, features from which their poses could be read."""

from __future__ import annotations

from dataclasses import replace

import torch
from synthetic import clip

from phdlib.body import Body, load_body
from phdlib.crops import CropBoxes, clip_boxes
from phdlib.data.clip import Clip
from phdlib.data.phd_role import in_camera_frame, penn_joints, without_3d
from phdlib.data.phd_tracks import Tracks

FEATURES = 24
BODY = load_body()


def moving_clip(frames: int, seed: int, subject: str = "S1", body: Body = BODY) -> Clip:
    """As PHD's recorded clips: H36M-17, 25 Hz, everything known, the pose in the world; every joint swings."""
    generator = torch.Generator().manual_seed(seed)
    phase, size = 6.3 * torch.rand(72, generator=generator), 0.3 * torch.rand(72, generator=generator)
    theta = size * torch.sin(torch.arange(frames)[:, None] / 6 + phase)
    theta[:, 3 * 16 + 2] -= 1.1
    theta[:, 3 * 17 + 2] += 1.1
    beta = torch.randn(10, generator=generator).clamp(-1.5, 1.5)
    base = clip(frames, seed, subject=subject, camera=seed % 4)
    with torch.no_grad():
        joints = body.keypoints(base.skeleton)(theta, beta[None]) + torch.tensor([0.3, 1.0, -0.2])
    seen = base.camera.to_camera(joints)
    return replace(
        base, take=f"take{seed}@0", fps=25.0, theta=theta, beta=beta, joints3d=seen - seen[:, :1],
        trajectory=seen[:, 0], keypoints2d=base.camera.project(seen),
        visible=torch.rand(frames, 17, generator=generator) < 0.9,
    )  # fmt: skip


def features_of(moving: Clip) -> torch.Tensor:
    """A fixed linear map of what the camera sees."""
    seen = torch.cat((moving.theta, moving.joints3d.flatten(1)), dim=1)
    mix = torch.randn(seen.shape[1], FEATURES, generator=torch.Generator().manual_seed(99))
    return seen @ mix / seen.shape[1] ** 0.5


def role_data(role: str, seeds: range, frames: int = 44) -> tuple[list[Clip], list[CropBoxes]]:
    """Labelled clips with features, and their crops."""
    recorded = [moving_clip(frames, seed) for seed in seeds]
    clips = [in_camera_frame(one) for one in recorded]
    clips = [replace(one, features=features_of(one)) for one in clips]
    if role == "penn":
        clips = [penn_joints(one, BODY) for one in clips]
    if role != "human36m":
        clips = [without_3d(one) for one in clips]
    return clips, [clip_boxes(one) for one in recorded]


def small_tracks(frames: int = 40, clips: int = 2, device: torch.device | str = "cpu") -> dict[str, Tracks]:
    seeds, body = {"human36m": range(clips), "penn": range(10, 10 + clips), "instavariety": range(20, 20 + clips)}, BODY
    if torch.device(device).type != "cpu":
        body = load_body()  # tracks take their body along to their device
    return {role: Tracks(role, *role_data(role, s), body, frames=frames, device=device) for role, s in seeds.items()}
