"""PHD with real detections in the place of its pseudo-ground-truth 2D, the role of InstaVariety (PHD 4.1).

f_3D's start on single frames is the one of the embedded roles, shared with all other rows; the detections teach in both
stages after it. phi is read from keypoints, since the networks of images have seen rendered ones only.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import torch

from phdlib.body import load_body
from phdlib.crops import CropBoxes, crop_boxes
from phdlib.data.clip import Clip
from phdlib.data.phd_role import SHORTEST
from phdlib.data.phd_tracks import Tracks
from phdlib.data.wild_role import kept_clips
from phdlib.feature_experiments import FeatureExperiment, KeypointFeatureExperiment
from phdlib.features import FPS
from phdlib.phd_experiments import EncoderExperiment, PHDExperiment
from phdlib.wild_experiments import WILD_CODE

ROLE = "instavariety"
_CODE = (*WILD_CODE, "phdlib.wild_phd_experiments")


class WildEncoderExperiment(EncoderExperiment):
    """Stage 1 with the detections kept under the keys ``wild`` as the pseudo-ground-truth role."""

    code: ClassVar[tuple[str, ...]] = (*EncoderExperiment.code, *_CODE)

    wild: tuple[str, ...]

    def tracks(self, frames: int, device: torch.device | str = "cpu") -> dict[str, Tracks]:
        return wild_tracks(self, super().tracks(frames, device), frames, device)


class WildPHDExperiment(PHDExperiment):
    """Stage 2 on top of :class:`WildEncoderExperiment`, with the same detections."""

    code: ClassVar[tuple[str, ...]] = (*PHDExperiment.code, *_CODE)

    wild: tuple[str, ...]

    def before(self) -> EncoderExperiment:
        return self._shared(WildEncoderExperiment, self.encoder)

    def tracks(self, frames: int, device: torch.device | str = "cpu") -> dict[str, Tracks]:
        return wild_tracks(self, super().tracks(frames, device), frames, device)


def wild_tracks(
    experiment: WildEncoderExperiment | WildPHDExperiment,
    tracks: dict[str, Tracks],
    frames: int,
    device: torch.device | str,
) -> dict[str, Tracks]:
    """The training data with real detections in the place of the embedded pseudo ground truth."""
    if ROLE not in tracks:
        raise ValueError(f"recipe: clips of {', '.join(experiment.recipe.clips)}, expected {ROLE!r} among them")
    clips = kept_clips(experiment.wild, FPS, seconds=SHORTEST / FPS)
    clips, boxes = with_phi(experiment.features(), clips)
    role = Tracks(ROLE, clips, boxes, load_body(), frames=frames, every=experiment.every, device=device)
    return tracks | {ROLE: role}


def with_phi(features: FeatureExperiment, clips: list[Clip]) -> tuple[list[Clip], list[CropBoxes]]:
    """Clips of detections with phi, and their crops: about the detected joints, as true ones are not known."""
    if not isinstance(features, KeypointFeatureExperiment):
        raise ValueError(f"features: found {type(features).__name__}, expected those of keypoints")
    provider = features.prepared().provider()
    clips = [replace(clip, features=provider.features(clip)) for clip in clips]
    return clips, [crop_boxes(clip.keypoints2d) for clip in clips]


def on_detections(experiment: PHDExperiment, wild: tuple[str, ...]) -> WildPHDExperiment:
    """The same configuration with detections in the pseudo-ground-truth role."""
    fields = {name: getattr(experiment, name) for name in type(experiment).model_fields if name not in ("infra", "key")}
    return WildPHDExperiment(**fields, wild=wild)
