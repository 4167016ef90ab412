"""A 2D keypoint detector as a noise model: named levels that stand for VP3D's GT, fine-tuned and pre-trained ones.

Detectors err in four ways that matter to a temporal model, and each has its own knob: heavy-tailed jitter that is new
in every frame, slow error that follows pose and appearance, larger error on joints that the body itself hides, and
left and right limbs swapped for a few frames. The share of jitter decides how much a temporal model can gain: jitter
averages out over a receptive field, slow error does not. It is set so that a single-frame lifter's velocity error
comes out near the 11.6 mm a frame of VP3D Table 2, the one published number that shows a real detector's jitter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.signal import lfilter
from torch import Tensor

from phdlib.skeleton import H36M17, Skeleton

REFERENCE_HEIGHT = 400.0  # px: a person of 1.75 m at 5 m on a 1145 px focal length; errors below are for this size


@dataclass(frozen=True)
class Level:
    """Error of a detector in pixels, for a person ``REFERENCE_HEIGHT`` pixels tall; standard deviations per
    coordinate."""

    jitter: float  # new in every frame, Student's t with 4 degrees of freedom
    slow: float  # two-pole low-pass noise
    slow_seconds: float  # time constant of the slow error
    hidden: float  # both grow by this factor on joints that the body hides
    swaps_per_minute: float  # of both arms, and of both legs, each for 0.04 to 0.3 s


LEVELS: dict[str, Level] = {
    "gt": Level(jitter=0.0, slow=0.0, slow_seconds=0.2, hidden=1.0, swaps_per_minute=0.0),
    "fine_tuned": Level(jitter=1.1, slow=2.2, slow_seconds=0.2, hidden=2.0, swaps_per_minute=1.0),
    "pre_trained": Level(jitter=1.7, slow=3.6, slow_seconds=0.2, hidden=2.5, swaps_per_minute=3.0),
    "coarse": Level(jitter=2.7, slow=5.5, slow_seconds=0.2, hidden=2.5, swaps_per_minute=6.0),
}

# Ends of limbs are small and fast: detectors err more there than on the trunk.
JOINT_FACTOR = {"wrist": 1.5, "elbow": 1.2, "ankle": 1.3, "knee": 1.0, "head": 0.8, "nose": 0.8}

# Radius in metres of what a bone hides, for the depth order of the body's own parts.
BONE_RADIUS = {"spine": 0.13, "thorax": 0.13, "nose": 0.06, "head": 0.09, "knee": 0.075, "ankle": 0.05, "elbow": 0.045,
               "wrist": 0.04, "hip": 0.0, "shoulder": 0.0}  # fmt: skip


def level(name: str) -> Level:
    """A level by name; ``ValueError`` lists the names there are."""
    if name not in LEVELS:
        raise ValueError(f"no detector level {name!r}; there are {', '.join(LEVELS)}")
    return LEVELS[name]


def _part(joint: str) -> str:
    return joint.removeprefix("left_").removeprefix("right_")


def self_occlusion(joints: Tensor, skeleton: Skeleton = H36M17, samples: int = 4, chunk: int = 8192) -> Tensor:
    """Which joints the body's own limbs leave in sight: (T, J, 3) joints in camera space, metres -> (T, J) bool.

    A joint is hidden where the ray from the camera to it passes through a bone's cylinder at least 5 cm in front of it;
    bones that meet at the joint do not count. Bones are tested at ``samples`` points along them.
    """
    bones = [(p, c, BONE_RADIUS[_part(skeleton.joints[c])]) for p, c in skeleton.bones]
    parent, child = torch.tensor([b[0] for b in bones]), torch.tensor([b[1] for b in bones])
    radius = torch.tensor([b[2] for b in bones])
    others = torch.tensor([[j not in (p, c) for p, c, _ in bones] for j in range(len(skeleton))])
    steps = torch.linspace(0.5 / samples, 1 - 0.5 / samples, samples)[:, None, None]
    visible = []
    for part in joints.split(chunk):
        points = part[:, None, parent] * (1 - steps) + part[:, None, child] * steps  # (t, samples, bones, 3)
        distance = part.norm(dim=-1)  # (t, J)
        ray = part / distance[..., None]
        along = torch.einsum("tsbi,tji->tjbs", points, ray)
        square = (points * points).sum(-1).transpose(1, 2)[:, None]  # (t, 1, bones, samples)
        near = square - along * along < (radius * radius)[:, None]
        hides = (near & (along < distance[:, :, None, None] - 0.05)).any(-1) & others
        visible.append(~hides.any(-1))
    return torch.cat(visible)


def _slow_noise(shape: tuple[int, ...], frames: float, rng: np.random.Generator) -> np.ndarray:
    """Unit-variance noise along axis 0 through two equal poles of time constant ``frames``; smooth, so that its
    velocity is small beside its size."""
    a = float(np.exp(-1 / frames))
    burn_in = int(12 * frames)
    white = rng.standard_normal((shape[0] + burn_in, *shape[1:]))
    gain = (1 - a * a) ** 1.5 / np.sqrt(1 + a * a)  # unit variance of 1 / (1 - a z)^2
    return gain * lfilter([1.0], [1.0, -2 * a, a * a], white, axis=0)[burn_in:]


def _swapped(
    keypoints: np.ndarray, skeleton: Skeleton, per_minute: float, fps: float, rng: np.random.Generator
) -> np.ndarray:
    """Exchange left and right arms, and left and right legs, at Poisson times for 0.04 to 0.3 s."""
    keypoints = keypoints.copy()
    for parts in (("elbow", "wrist"), ("knee", "ankle")):
        left, right = ([skeleton.index(f"{side}_{part}") for part in parts] for side in ("left", "right"))
        for _ in range(rng.poisson(per_minute * len(keypoints) / fps / 60)):
            start = int(rng.integers(len(keypoints)))
            frames = slice(start, start + max(1, round(float(rng.uniform(0.04, 0.3)) * fps)))
            keypoints[frames, left + right] = keypoints[frames, right + left]
    return keypoints


def detect(
    keypoints: Tensor, visible: Tensor, height: Tensor, fps: float, level: Level, rng: np.random.Generator,
    skeleton: Skeleton = H36M17,
) -> Tensor:  # fmt: skip
    """Detections of true keypoints: (T, J, 2) pixels -> (T, J, 2) pixels, float32.

    visible (T, J) marks the joints that can be seen, height (T,) is the person's height in pixels, by which all errors
    scale. Every draw comes from ``rng``. ``ValueError`` if the keypoints are not the skeleton's.
    """
    if keypoints.shape[1] != len(skeleton):
        raise ValueError(f"detect: found {keypoints.shape[1]} keypoints, expected {skeleton.name}'s {len(skeleton)}")
    if level.jitter == level.slow == level.swaps_per_minute == 0:
        return keypoints
    frames, joints, _ = keypoints.shape
    factor = np.array([JOINT_FACTOR.get(_part(joint), 1.0) for joint in skeleton.joints])
    scale = factor * np.where(visible.numpy(), 1.0, level.hidden) * height.numpy()[:, None] / REFERENCE_HEIGHT
    jitter = rng.standard_t(4, size=(frames, joints, 2)) * (level.jitter / np.sqrt(2.0))  # t with 4 d.o.f.: variance 2
    slow = _slow_noise((frames, joints, 2), level.slow_seconds * fps, rng) * level.slow
    swapped = _swapped(keypoints.numpy().astype(np.float64), skeleton, level.swaps_per_minute, fps, rng)
    return torch.from_numpy(swapped + scale[..., None] * (jitter + slow)).float()
