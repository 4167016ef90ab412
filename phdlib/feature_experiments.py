"""The trainings behind phi, each a cached configuration, and the clips with their features.

Only the training subjects of PHD 4.1 teach: the validation subject and the test subjects use features, no more.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import exca
import numpy as np
import torch
from torch import Tensor, nn

from phdlib import cache, experiments
from phdlib.body import load_body
from phdlib.crops import MARGIN, Surface
from phdlib.data.clip import Clip
from phdlib.data.windows import Windows
from phdlib.features import Features, ImageFeatures, KeypointFeatures, add_features, at_25_hz, phi_file
from phdlib.lifting import TemporalModel
from phdlib.metrics import mpjpe, p_mpjpe
from phdlib.resnet import ResNet
from phdlib.runs import Experiment, one_thread, read_or_run
from phdlib.single_frame import Crops, FrameNetwork, frame_loss, labelled_crops, shuffled
from phdlib.skeleton import H36M17
from phdlib.training import Trained, local_fabric, train, train_lifter
from phdlib.workers import run_in_processes, tick

TRAIN_SUBJECTS, VALIDATION_SUBJECTS = ("S1", "S6", "S7", "S8"), ("S5",)  # PHD 4.1; S9 and S11 are the test


@dataclass(frozen=True, eq=False)
class FeatureResult:
    """Loss of each epoch, seconds and steps of the training, errors in mm on the validation subject, the weights."""

    losses: list[float]
    seconds: float
    steps: int
    validation_mm: dict[str, float]
    weights: dict[str, np.ndarray]


class FeatureExperiment(Experiment):
    """What both kinds share: whose clips they see, and how a trained one is asked. ``keypoints``: detector's level."""

    keypoints: str = "fine_tuned"

    def clips(self, subjects: Sequence[str], stride: int = 1) -> list[Clip]:
        """Training clips of subjects at 25 Hz, every ``stride``-th frame of them."""
        clips = experiments.load_clips(self.data, self.keypoints, "train")
        return [at_25_hz(clip).every(stride) for clip in clips if clip.subject in subjects]

    def network(self) -> nn.Module:
        raise NotImplementedError

    def provider(self, device: torch.device | str = "cpu") -> Features:
        """The frozen features, trained or read from the cache."""
        raise NotImplementedError

    def trained(self, device: torch.device | str) -> nn.Module:
        network, weights = self.network(), read_or_run(self.prepared()).weights
        network.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in weights.items()})
        return network.to(device)

    def _result(self, network: nn.Module, trained: Trained, pairs: list[tuple[Tensor, Tensor]]) -> FeatureResult:
        """``pairs``: predicted and true joints (N, J, 3) of the validation subject."""
        pred, true = (torch.cat(poses) for poses in zip(*pairs, strict=True))
        errors = {"mpjpe": 1000 * mpjpe(pred, true).mean().item(), "p_mpjpe": 1000 * p_mpjpe(pred, true).mean().item()}
        weights = {name: value.cpu().numpy() for name, value in network.state_dict().items()}
        return FeatureResult(trained.losses, trained.seconds, trained.steps, errors, weights)


_SHARED = (
    "phdlib.feature_experiments",
    "phdlib.features",
    "phdlib.training",
    "phdlib.metrics",
    "phdlib.lifting",
    "phdlib.temporal",
    "phdlib.skeleton",
)


class ImageFeatureExperiment(FeatureExperiment):
    """A residual network on crops of every ``stride``-th frame; its sizes are :class:`phdlib.resnet.ResNet`'s.

    ``size``, ``margin``: the crops' pixels and room about the person; ``grid``: metres between the vertices that are
    drawn, 0 for all; ``jitter``: how far training boxes are off.
    """

    code: ClassVar[tuple[str, ...]] = (
        *_SHARED, "phdlib.resnet", "phdlib.single_frame", "phdlib.crops", "phdlib.appearance", "phdlib.render",
        "phdlib.phd_losses",
    )  # fmt: skip

    size: int = 224
    margin: float = MARGIN
    grid: float = 0.0
    stem: int = 64
    widths: tuple[int, ...] = (64, 128, 256, 512)
    depths: tuple[int, ...] = (3, 4, 6, 3)
    bottleneck: bool = True
    stride: int = 1
    jitter: float = 0.1
    infra: exca.TaskInfra = exca.TaskInfra(version="1", mode="retry")

    def network(self) -> FrameNetwork:
        generator = torch.Generator().manual_seed(self.seed)
        backbone = ResNet(self.stem, self.widths, self.depths, self.bottleneck, generator=generator)
        return FrameNetwork(backbone, generator=generator).to(memory_format=torch.channels_last)

    def surface(self, device: torch.device | str = "cpu") -> Surface:
        return Surface(load_body(), self.grid, device=device)

    def provider(self, device: torch.device | str = "cpu") -> ImageFeatures:
        return ImageFeatures(self.trained(device), self.surface(device), self.size, self.margin)

    def crops(self, subjects: Sequence[str], stride: int, jitter: float, device: torch.device | str = "cpu") -> Crops:
        """Labelled crops of subjects, rendered once and cached."""

        def build() -> dict[str, np.ndarray]:
            clips = self.clips(subjects, stride)
            made = labelled_crops(clips, self.surface(device), self.size, self.margin, jitter, self.seed)
            return {name: field.numpy() for name, field in made._asdict().items()}

        key = cache.key_of(
            key=self.prepared().key, subjects=tuple(subjects), stride=stride, jitter=jitter, seed=self.seed,
            size=self.size, margin=self.margin, grid=self.grid, keypoints=self.keypoints,
        )  # fmt: skip
        return Crops(**{name: torch.from_numpy(x) for name, x in cache.cached_arrays("crops", key, build).items()})

    @infra.apply
    def run(self) -> FeatureResult:
        """Train on the training subjects' crops, or read what an equal experiment left."""
        fabric, network = local_fabric(self.recipe.precision), self.network()
        crops = self.crops(TRAIN_SUBJECTS, self.stride, self.jitter, fabric.device)
        recipe, ranks = self.recipe, (fabric.global_rank, fabric.world_size)
        trained = train(
            network,
            lambda _, generator: shuffled(crops, recipe.batch_size, recipe.steps_per_epoch, recipe.flip,
                                          fabric.device, generator, *ranks),
            lambda net, batch, _: frame_loss(net(batch.images), batch),
            recipe, seed=self.seed, checkpoint=self.infra.uid_folder(create=True) / "partial.pt", on_epoch=tick,
            fabric=fabric,
        )  # fmt: skip
        held_out = self.crops(VALIDATION_SUBJECTS, 4 * self.stride, 0.0, fabric.device)
        with torch.no_grad():
            pairs = [
                (network.to(fabric.device)(images.to(fabric.device)).joints.float().cpu(), joints)
                for images, joints in zip(held_out.images.split(256), held_out.joints.split(256), strict=True)
            ]
        return self._result(network, trained, pairs)


class KeypointFeatureExperiment(FeatureExperiment):
    """VP3D's single-frame lifter (A.3), trained as in VP3D but on PHD's training subjects."""

    code: ClassVar[tuple[str, ...]] = (*_SHARED, "phdlib.data.windows", "phdlib.losses")

    channels: int = 1024
    dropout: float = 0.25
    infra: exca.TaskInfra = exca.TaskInfra(version="1", mode="retry")

    def network(self) -> TemporalModel:
        generator, J = torch.Generator().manual_seed(self.seed), len(H36M17)
        return TemporalModel(J, 2, J, (1, 1, 1), False, self.dropout, self.channels, generator=generator)

    def provider(self, device: torch.device | str = "cpu") -> KeypointFeatures:
        return KeypointFeatures(self.trained(device))

    @infra.apply
    def run(self) -> FeatureResult:
        """Train on the training subjects' keypoints, or read what an equal experiment left."""
        fabric, network = local_fabric(self.recipe.precision), self.network()
        windows = Windows(self.clips(TRAIN_SUBJECTS), 1, flip=self.recipe.flip, device=fabric.device)
        checkpoint = self.infra.uid_folder(create=True) / "partial.pt"
        trained = train_lifter(
            network, windows, self.recipe, seed=self.seed, checkpoint=checkpoint, on_epoch=tick, fabric=fabric
        )
        with torch.no_grad():
            pairs = [
                (network(clip.screen_keypoints()[None].to(fabric.device))[0].cpu(), clip.joints3d)
                for clip in self.clips(VALIDATION_SUBJECTS, 4)
            ]
        return self._result(network, trained, pairs)


def with_features(experiment: FeatureExperiment, clips: Sequence[Clip], jobs: int | None = None) -> list[Clip]:
    """Clips at 25 Hz with the experiment's phi. What is missing is computed in ``jobs`` processes (``$PHDLIB_JOBS``,
    else one per core), or here on a GPU; a run that was killed goes on at the clip where it stopped."""
    experiment, clips = experiment.prepared(), [at_25_hz(clip) for clip in clips]
    jobs = jobs or int(os.environ.get("PHDLIB_JOBS") or os.cpu_count() or 1)
    missing = [clip for clip in clips if not phi_file(clip, experiment.infra.uid()).exists()]
    if len(missing) > 1 and jobs > 1 and not torch.cuda.is_available():
        read_or_run(experiment)
        run_in_processes(_add, [(experiment, missing[i::jobs]) for i in range(jobs)], jobs, len(missing), "features")
    with one_thread():  # as in a worker, so that phi does not depend on how many clips were missing
        return _add((experiment, clips), lambda: None)  # a training that reads its features has other things to count


def _add(piece: tuple[FeatureExperiment, list[Clip]], on_clip: Callable[[], None] = tick) -> list[Clip]:
    experiment, clips = piece
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return add_features(clips, experiment.infra.uid(), lambda: experiment.provider(device), on_clip)
