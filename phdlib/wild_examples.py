"""Real videos that a package registry serves, and a stand-in for where none can be reached."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from phdlib import settings, wheels
from phdlib.data.pose2sim_demo import DEMO
from phdlib.detection_files import write_detections
from phdlib.detections import Detections
from phdlib.features import FPS
from phdlib.paths import cache_dir, user_data_dir
from phdlib.skeleton import COCO17
from phdlib.video_frames import VideoWriter


def dancer() -> Path:
    """63 s of a dancer, 25 frames per second, in the wheel of musicalgestures (GPL-3.0, not redistributed here). Errors
    as :func:`phdlib.wheels.unpack`."""
    return wheels.unpack(wheels.DANCER, "musicalgestures/examples/dancer.avi")


def four_views() -> Path:
    """Pose2Sim's folder of four calibrated views of one person, in the wheel of pose2sim (BSD-3-Clause)."""
    folder = wheels.unpack(wheels.POSE2SIM, f"{DEMO}/videos").parent
    wheels.unpack(wheels.POSE2SIM, f"{DEMO}/calibration")
    return folder


def penn_clip() -> Path | None:
    """A clip of Penn Action, ``video/penn_action_0502.mp4`` under ``$PHDLIB_DATA``, if there."""
    folder = user_data_dir()
    clip = None if folder is None else folder / "video" / "penn_action_0502.mp4"
    return clip if clip is not None and clip.exists() else None


def stand_in(frames: int = 60) -> tuple[Path, Path]:
    """A video of nothing but grey and detections of a person in it, a test take of the embedded data that is long
    enough, or the longest: what a notebook runs on where there is no network, or no time."""
    from phdlib.body import load_body
    from phdlib.experiments import load_clips

    folder = cache_dir() / "stand-in"
    clips = load_clips(settings.current_motion(), "gt", "test")
    clip = next((c for c in clips if len(c) >= 2 * frames), max(clips, key=len)).every(2)
    frames = min(frames, len(clip))
    camera = clip.camera
    theta, beta = clip.theta[:frames], clip.beta[None].expand(frames, -1)
    body = load_body()
    with torch.no_grad():
        coco = body.keypoints(COCO17)(theta, beta)
        coco = coco - (coco[:, 11:12] + coco[:, 12:13]) / 2
    points = camera.project(coco @ camera.rotation.T + clip.trajectory[:frames, None]).numpy()
    scale = 240 / camera.width
    width, height = 240, round(camera.height * scale)
    found = Detections(points * scale, np.full(points.shape[:2], 0.9), FPS, width, height, "the embedded data")
    with VideoWriter(folder / "grey.mp4", width, height, FPS) as writer:
        for _ in range(frames):
            writer.write(np.full((height, width, 3), 128, dtype=np.uint8))
    return folder / "grey.mp4", write_detections(found, folder / "grey.npz")
