"""Predicted bodies to look at: Theta of the frames that a model saw of a clip and of those that it foresees (PHD 3.3),
and, for the pictures beside them, what the clip really holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from phdlib.body import load_body
from phdlib.crops import Surface, clip_crops
from phdlib.data import phd_role
from phdlib.data.clip import Clip
from phdlib.data.phd_role import CONDITIONING
from phdlib.feature_experiments import FeatureExperiment, ImageFeatureExperiment
from phdlib.phd_model import PHD
from phdlib.regressor import split_omega


@dataclass(frozen=True, eq=False)
class Rollout:
    """``theta`` (T, 72) as the camera sees it and ``beta`` (T, 10) of T frames in a row: the first ``conditioning`` are
    read from real strips, each of the frames up to it, the others predicted. ``camera`` (T, 3): s, tx, ty in crop
    coordinates; after the first ``conditioning`` frames it means nothing (PHD 3.3)."""

    theta: Tensor
    beta: Tensor
    camera: Tensor
    conditioning: int

    def at(self, ahead: Sequence[int]) -> Tensor:
        """Indices of frames by how far they are ahead of the last one seen: 0 is the present, 5 the fifth predicted."""
        return frames_ahead(ahead, self.conditioning, len(self.theta))


@torch.no_grad()
def rollout(model: PHD, clip: Clip, start: int, steps: int, conditioning: int = CONDITIONING) -> Rollout:
    """What ``model`` reads in the frames ``start`` to ``start + conditioning`` - 1 of a clip with features, and
    ``steps`` frames more than that, with or without end of the clip. ``ValueError`` if the clip lacks what is seen."""
    if clip.features is None:
        raise ValueError(f"clip {clip.name}: a rollout needs features, found None")
    if not 0 <= start <= len(clip) - conditioning:
        raise ValueError(f"clip {clip.name}: frames {start} to {start + conditioning - 1} of {len(clip)}")
    phi = clip.features[None, start : start + conditioning].to(next(model.parameters()).device)
    camera, theta, beta = split_omega(torch.cat(model.forecast(phi, steps), dim=1)[0].float().cpu())
    return Rollout(theta, beta, camera, conditioning)


@torch.no_grad()
def predicted_joints(model: PHD, clip: Clip, start: int, steps: int, conditioning: int = CONDITIONING) -> Tensor:
    """Joints (conditioning + steps, J, 3) of a :func:`rollout`, metres in camera axes relative to the first."""
    found = rollout(model, clip, start, steps, conditioning)
    joints = load_body().keypoints(clip.skeleton)(found.theta, found.beta)
    return joints - joints[:, :1]


@torch.no_grad()
def horizons_served(model: PHD, phi: Tensor, steps: int = 35, tolerance: float = 1e-5) -> int:
    """How many of the rollouts of 1, 2, ... ``steps`` frames of phi (B, T0, D) are the first frames of the longest: all
    of them, for one autoregressive model (PHD 1)."""
    longest = model.forecast(phi, steps).future
    shorter = (model.forecast(phi, n).future for n in range(1, steps + 1))
    return sum(torch.allclose(future, longest[:, : future.shape[1]], atol=tolerance) for future in shorter)


def frames_ahead(ahead: Sequence[int], conditioning: int, frames: int) -> Tensor:
    """Indices into ``frames`` frames, the first of a window; ``ValueError`` for one that is not among them."""
    index = torch.tensor(list(ahead), dtype=torch.int64) + conditioning - 1
    if len(index) and not 0 <= int(index.min()) <= int(index.max()) < frames:
        raise ValueError(f"frames ahead: expected {1 - conditioning} to {frames - conditioning}, found {list(ahead)}")
    return index


def row_label(features: FeatureExperiment | None) -> str:
    """What a row of crops is called: "video" where the models see its pixels, else "rendered"."""
    return "video" if isinstance(features, ImageFeatureExperiment) else "rendered"


def what_is_read(features: FeatureExperiment | None) -> str:
    """For a caption, what the models read of the pictures that are shown."""
    if isinstance(features, ImageFeatureExperiment):
        return "The models see the crops that are shown."
    return "The models read 2D keypoints detected in the views that are shown, not their pixels."


@lru_cache(maxsize=4)
def footage(role: str, part: str = "test") -> tuple[Clip, ...]:
    """The performances behind a role's clips, in their order, everything known, the pose in the world."""
    return tuple(phd_role.recorded(role, part))


@dataclass(frozen=True, eq=False)
class Scene:
    """A window of a test clip as a picture wants it: frame ``start`` of ``clip``, a number in the order of
    ``phd_role.load``, is the first one seen. 3D is shown here in every role, though Penn Action's hands out none."""

    role: str
    clip: int
    start: int
    conditioning: int = CONDITIONING

    @property
    def recorded(self) -> Clip:
        return footage(self.role)[self.clip]

    @property
    def left(self) -> int:
        """How many frames the clip has after the last one seen."""
        return len(self.recorded) - self.start - self.conditioning

    def name(self) -> str:
        """Action, take and view, for a figure's title."""
        clip = self.recorded
        return f"{clip.action}, {clip.take.split('@')[0]} frame {self.start}, {clip.camera.name}"

    def truth(self, ahead: Sequence[int]) -> tuple[Tensor, Tensor]:
        """The true ``theta`` (N, 72) as the camera sees it and ``beta`` (10,) so many frames ahead of the present."""
        clip = phd_role.in_camera_frame(self.recorded)
        return clip.theta[self.start + self._index(ahead)], clip.beta

    def crops(self, ahead: Sequence[int], features: FeatureExperiment, fewest: int = 64) -> list[Tensor]:
        """The video's crops (3, S, S), uint8, as ``features`` see them; where these see no images, or such of less than
        ``fewest`` pixels, as large as that."""
        images = isinstance(features, ImageFeatureExperiment)
        surface = features.surface() if images else Surface(load_body())
        wanted = (self.start + self._index(ahead)).tolist()
        size, found, first = max(features.size, fewest) if images else fewest, {}, 0
        for chunk in clip_crops(self.recorded, surface, size):
            found |= {t: chunk[t - first] for t in wanted if first <= t < first + len(chunk)}
            first += len(chunk)
            if first > max(wanted):
                break
        return [found[t] for t in wanted]

    def _index(self, ahead: Sequence[int]) -> Tensor:
        return frames_ahead(ahead, self.conditioning, self.conditioning + self.left)
