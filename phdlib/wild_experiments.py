"""Semi-supervised models whose unlabelled half is real video: VP3D 4 as it was meant."""

from __future__ import annotations

from typing import ClassVar

import torch

from phdlib.data.clip import Clip
from phdlib.data.subsets import Subset
from phdlib.data.wild_role import kept_clips
from phdlib.semi_experiments import SemiSupervisedExperiment

WILD_CODE = ("phdlib.data.wild_role", "phdlib.wild_camera", "phdlib.detections", "phdlib.resample")


class WildSemiSupervisedExperiment(SemiSupervisedExperiment):
    """As :class:`SemiSupervisedExperiment`, but unlabelled are the detections kept under the keys ``wild`` (see
    :func:`phdlib.data.wild_role.keep`), and nothing of the data source is."""

    code: ClassVar[tuple[str, ...]] = (*SemiSupervisedExperiment.code, *WILD_CODE, "phdlib.wild_experiments")

    wild: tuple[str, ...]

    def subset(self) -> Subset:
        """The labelled clips, and the detections at their frame rate, as their cameras would show the person."""
        labelled = super().subset().labelled
        return Subset(labelled, kept_clips(self.wild, labelled[0].fps, lens=mean_lens(labelled)))


def mean_lens(clips: list[Clip]) -> float:
    """The mean focal length of clips' cameras in screen units."""
    return float(torch.stack([clip.camera.screen_intrinsics[:2] for clip in clips]).mean())
