"""Semi-supervised models: one configuration per trained pair of networks of VP3D Figure 5."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import exca
import pandas as pd
import torch
from torch import Tensor, nn

from phdlib.backprojection import back_project, root_from_depth
from phdlib.data.clip import Clip
from phdlib.data.subsets import Subset, subset
from phdlib.data.windows import Windows
from phdlib.evaluation import clip_errors, predict_clip
from phdlib.experiments import LiftingExperiment, LiftingResult, load_clips
from phdlib.folding import fold_batch_norm
from phdlib.lifting import StridedTemporalModel, TemporalModel, predict
from phdlib.runs import Experiment
from phdlib.semi_supervised import Method, PoseAndTrajectory, train_semi_supervised
from phdlib.training import local_fabric, train_lifter
from phdlib.workers import tick


class SemiSupervisedExperiment(Experiment):
    """Networks trained with some labels and much plain video, and evaluated on the test clips.

    ``labelled`` names subjects, ``fraction`` how much of a single one, ``draw`` which frames (see
    :func:`phdlib.data.subsets.subset`). ``every`` 5 takes every fifth frame, 10 Hz (VP3D Figure 5a). Without
    ``method.back_projection`` the pose network is trained alone: the supervised baseline.
    """

    code: ClassVar[tuple[str, ...]] = (
        *LiftingExperiment.code,
        *("phdlib.backprojection", "phdlib.data.subsets", "phdlib.semi_supervised", "phdlib.semi_experiments"),
    )

    keypoints: str = "fine_tuned"
    every: int = 1
    labelled: tuple[str, ...] = ("S1",)
    fraction: float = 1.0
    draw: int = 0
    filter_widths: tuple[int, ...] = (3, 3, 3)
    channels: int = 1024
    dropout: float = 0.25
    method: Method = Method()
    infra: exca.TaskInfra = exca.TaskInfra(version="1", mode="retry")

    def clips(self, part: str) -> list[Clip]:
        """The clips of a part at this experiment's frame rate."""
        clips = load_clips(self.data, self.keypoints, part)
        return [clip.every(self.every) for clip in clips] if self.every > 1 else list(clips)

    def load(self) -> None:
        load_clips(self.data, self.keypoints, "test")

    def subset(self) -> Subset:
        """The training clips, labelled and not."""
        return subset(self.clips("train"), self.labelled, self.fraction, torch.Generator().manual_seed(self.draw))

    def networks(self, kind: type[TemporalModel | StridedTemporalModel] = TemporalModel) -> PoseAndTrajectory:
        """Both networks, their weights drawn from the seed; in training form with ``StridedTemporalModel``."""
        return PoseAndTrajectory(
            kind, 17, self.method.shared, filter_widths=self.filter_widths, dropout=self.dropout,
            channels=self.channels, generator=torch.Generator().manual_seed(self.seed),
        )  # fmt: skip

    def trained_networks(self, result: LiftingResult) -> PoseAndTrajectory:
        """The inference networks with a result's weights."""
        net = self.networks()
        net.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in result.weights.items()})
        return net.eval()

    @infra.apply
    def run(self) -> LiftingResult:
        """Train and evaluate, or read what an equal experiment left."""
        fabric = local_fabric(self.recipe.precision)
        net, clips = self.networks(StridedTemporalModel), self.subset()
        field, flip = net.receptive_field(), self.recipe.flip
        labelled = Windows(clips.labelled, field, flip=flip, device=fabric.device)
        checkpoint = self.infra.uid_folder(create=True) / "partial.pt"
        shared = {"seed": self.seed, "checkpoint": checkpoint, "on_epoch": tick, "fabric": fabric}
        if self.method.back_projection:
            plain = Windows(clips.unlabelled, field, flip=flip, labelled=False, device=fabric.device)
            trained = train_semi_supervised(net, labelled, plain, self.recipe, self.method, **shared)
        else:
            trained = train_lifter(net.pose, labelled, self.recipe, **shared)
        inference = self.networks().to(fabric.device).eval()
        inference.load_state_dict(net.state_dict())
        errors = evaluate_networks(inference, self.clips("test"), self.method)
        weights = {name: value.cpu().numpy() for name, value in inference.state_dict().items()}
        return LiftingResult(errors, trained.losses, trained.seconds, trained.steps, weights)


class _Part(nn.Module):
    """Some of the joints that a shared network answers with."""

    def __init__(self, model: nn.Module, joints: slice) -> None:
        super().__init__()
        self.model, self.joints, self.causal = model, joints, model.causal
        self.train(model.training)

    def receptive_field(self) -> int:
        return self.model.receptive_field()

    def forward(self, keypoints: Tensor) -> Tensor:
        return self.model(keypoints)[..., self.joints, :]


def parts(net: PoseAndTrajectory) -> tuple[nn.Module, nn.Module]:
    """Two models for whole clips, one of the pose and one of the root, out of two networks or a shared one."""
    pose = fold_batch_norm(net.pose)
    if net.trajectory is None:
        return _Part(pose, slice(None, net.joints)), _Part(pose, slice(net.joints, None))
    return pose, fold_batch_norm(net.trajectory)


def evaluate_networks(net: PoseAndTrajectory, clips: Sequence[Clip], method: Method) -> pd.DataFrame:
    """:func:`phdlib.evaluation.clip_errors` of the pose network, and where there is a trajectory: ``root``, its mean
    distance from the true root in mm, and ``reprojection``, the mean distance of the projected prediction from the
    input keypoints in pixels."""
    pose, path = parts(net)
    device = next(net.parameters()).device
    rows = []
    for clip in clips:
        predicted = predict_clip(pose, clip)
        rows.append(clip_errors(predicted, clip))
        if not method.back_projection or method.trajectory == "none":
            continue
        keypoints = clip.screen_keypoints()
        root = predict(path, keypoints.to(device), clip.skeleton).cpu()
        if method.trajectory == "depth":
            root = root_from_depth(root[..., 2:], keypoints[:, :1], clip.camera.screen_intrinsics)
        pixels = back_project(predicted, root, clip.camera.intrinsics) - clip.keypoints2d
        rows[-1] |= {
            "root": 1000 * (root[:, 0] - clip.trajectory).norm(dim=-1).mean().item(),
            "reprojection": pixels.norm(dim=-1).mean().item(),
        }
    return pd.DataFrame(rows)
