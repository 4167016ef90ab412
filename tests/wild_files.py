"""What the tests of real video share: tiny videos, a synthetic person in front of a camera, untrained models."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from phdlib.detections import Detections
from phdlib.features import KeypointFeatures
from phdlib.lifting import TemporalModel
from phdlib.phd_model import PHD
from phdlib.skeleton import COCO17
from phdlib.wild import Models


def write_video(path: Path, frames: int = 12, size: tuple[int, int] = (64, 48), fps: int = 25, stamps=None) -> Path:
    """Frame i is grey i * 10 on its left half and white above on its right; ``stamps``: times in frames."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.width, stream.height = size
        stream.pix_fmt, stream.bit_rate = "yuv420p", 4_000_000
        stream.codec_context.time_base = Fraction(1, fps)
        for i in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(i, size), format="rgb24")
            frame.pts = i if stamps is None else stamps[i]
            frame.time_base = Fraction(1, fps)
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def picture(i: int, size: tuple[int, int] = (64, 48)) -> np.ndarray:
    image = np.full((size[1], size[0], 3), i * 10 % 200, dtype=np.uint8)
    image[: size[1] // 2, size[0] // 2 :] = 255
    return image


def person(frames: int, fps: float = 25.0) -> torch.Tensor:
    """COCO-17 joints (T, 17, 3), metres, y down, about the middle of the hips, waving and turning a little."""
    half = {  # of the left side: x, y, z; the right one is its mirror image
        "nose": (0.0, -0.62, -0.1), "left_eye": (0.03, -0.65, -0.08), "left_ear": (0.08, -0.64, 0.0),
        "left_shoulder": (0.18, -0.48, 0.0), "left_elbow": (0.25, -0.22, 0.02), "left_wrist": (0.28, 0.03, -0.05),
        "left_hip": (0.1, 0.0, 0.0), "left_knee": (0.12, 0.42, -0.03), "left_ankle": (0.12, 0.84, 0.03),
    }  # fmt: skip
    rows = []
    for joint in COCO17.joints:
        x, y, z = half[joint.replace("right_", "left_")]
        rows.append((-x if joint.startswith("right_") else x, y, z))
    rest = torch.tensor(rows)
    t = torch.arange(frames) / fps
    moved = rest.expand(frames, -1, -1).clone()
    moved[:, COCO17.index("left_wrist"), 1] -= 0.3 * torch.sin(3 * t) ** 2
    moved[:, COCO17.index("right_ankle"), 2] += 0.2 * torch.sin(2 * t)
    angle = 0.3 * torch.sin(t)
    turn = torch.stack([angle.cos(), 0 * t, angle.sin(), 0 * t, 1 + 0 * t, 0 * t, -angle.sin(), 0 * t, angle.cos()], -1)
    return moved @ turn.view(-1, 3, 3).mT


def detections(frames: int = 40, size: tuple[int, int] = (64, 48), fps: float = 25.0) -> Detections:
    """The person 4 m in front of a camera of the assumed lens, found without error."""
    f = float(np.hypot(*size))
    joints = person(frames, fps) + torch.tensor([0.2, 0.0, 4.0])
    points = (f * joints[..., :2] / joints[..., 2:] + torch.tensor(size) / 2).numpy().astype(np.float32)
    return Detections(points, np.full((frames, 17), 0.9, dtype=np.float32), fps, *size, "the tests")


def untrained(seed: int = 0) -> Models:
    generator = torch.Generator().manual_seed(seed)
    lifter = TemporalModel(17, 2, 17, (3,), channels=8, generator=generator).eval()
    phi = TemporalModel(17, 2, 17, (1, 1, 1), channels=8, generator=generator)
    start = torch.zeros(85)
    start[0], start[3] = 0.8, torch.pi
    phd = PHD(start, 8, 8, blocks=1, groups=2, hidden=8, dropout=0.0, generator=generator).eval()
    return Models(lifter, phd, KeypointFeatures(phi), "smoke")
