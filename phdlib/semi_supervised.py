"""Semi-supervised training (VP3D 4, Figure 3): labelled video in one half of every batch, plain video in the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import torch
from lightning_fabric import Fabric
from pydantic import BaseModel, ConfigDict, NonNegativeInt
from torch import Tensor, nn

from phdlib.backprojection import bone_length_loss, reprojection_loss, root_from_depth
from phdlib.data.windows import Batch, Windows
from phdlib.lifting import StridedTemporalModel, TemporalModel
from phdlib.losses import mpjpe_loss, trajectory_loss
from phdlib.skeleton import Skeleton
from phdlib.training import Recipe, Trained, local_fabric, train

Half = tuple[Batch, Batch | None]  # labelled, and unlabelled after the warm-up


class Method(BaseModel):
    """What is learned from unlabelled video, and how. The defaults are the paper's; the rest shows what each term does.

    ``trajectory``: the root's "position"; its "depth" alone, x and y read off its keypoint (not in the paper); or
    "none", every root ``constant_depth`` metres in front of the camera.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    back_projection: bool = True  # False: supervised, the labelled half alone
    bone_length: bool = True
    trajectory: Literal["position", "depth", "none"] = "position"
    inverse_depth_weight: bool = True  # eq. 1; False: plain MPJPE of the root
    distortion: bool = True  # the lens' radial and tangential terms
    shared: bool = False  # one network for pose and root instead of two
    constant_depth: float = 5.0
    warmup_epochs: NonNegativeInt = 1  # labelled data only (VP3D 6.2)


class PoseAndTrajectory(nn.Module):
    """Two networks of one architecture and no common weight (VP3D 4); or, ``shared``, one that answers with one joint
    more. ``forward`` returns poses (B, T, J, 3) relative to the root, and roots (B, T, 1, 3) in camera space."""

    def __init__(
        self, kind: type[TemporalModel | StridedTemporalModel], joints: int, shared: bool, **size: Any
    ) -> None:
        super().__init__()
        self.joints = joints
        self.pose = kind(joints, 2, joints + shared, **size)
        self.trajectory = None if shared else kind(joints, 2, 1, **size)

    def forward(self, keypoints: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        poses = self.pose(keypoints, generator)
        if self.trajectory is None:
            return poses[..., : self.joints, :], poses[..., self.joints :, :]
        return poses, self.trajectory(keypoints, generator)

    def receptive_field(self) -> int:
        return self.pose.receptive_field()


def place_roots(predicted: Tensor, batch: Batch, method: Method, receptive_field: int) -> Tensor:
    """Roots (B, C, 1, 3) in camera space from the trajectory network's answer, as ``method.trajectory`` reads it."""
    if method.trajectory == "position":
        return predicted
    if method.trajectory == "none":
        return torch.zeros_like(predicted) + predicted.new_tensor([0.0, 0.0, method.constant_depth])
    root = batch.answered_keypoints(receptive_field)[..., :1, :]
    return root_from_depth(predicted[..., 2:], root, batch.intrinsics[:, None])


def loss_terms(
    net: PoseAndTrajectory, halves: Half, draws: torch.Generator | None, method: Method, skeleton: Skeleton
) -> dict[str, Tensor]:
    """The losses of VP3D Figure 3 by name: pose and trajectory loss on the labelled half, back-projection and bone
    lengths on the other. The paper gives them no weights: their sum is what is trained."""
    labelled, unlabelled = halves
    if unlabelled is None:
        poses, roots = net(labelled.keypoints, draws)
    else:  # one pass for both, so that batch norm sees one distribution
        poses, roots = net(torch.cat((labelled.keypoints, unlabelled.keypoints)), draws)
    n, field = len(labelled.keypoints), net.receptive_field()

    terms = {"pose": mpjpe_loss(poses[:n], labelled.joints)}
    if method.trajectory != "none":
        error = trajectory_loss if method.inverse_depth_weight else mpjpe_loss
        terms["trajectory"] = error(place_roots(roots[:n], labelled, method, field), labelled.trajectory)

    if unlabelled is not None:
        places = place_roots(roots[n:], unlabelled, method, field)
        intrinsics = unlabelled.intrinsics[:, None]
        if not method.distortion:
            intrinsics = torch.cat((intrinsics[..., :4], torch.zeros_like(intrinsics[..., 4:])), dim=-1)
        seen = unlabelled.answered_keypoints(field)
        terms["back-projection"] = reprojection_loss(poses[n:], places, seen, intrinsics)
        if method.bone_length:
            terms["bone length"] = bone_length_loss(poses[n:], labelled.joints, skeleton)
    return terms


def train_semi_supervised(
    net: PoseAndTrajectory,
    labelled: Windows,
    unlabelled: Windows,
    recipe: Recipe,
    method: Method,
    *,
    seed: int,
    fabric: Fabric | None = None,
    **kwargs: Any,
) -> Trained:
    """Train both networks in place. ``recipe.batch_size`` is the labelled half's size, and the unlabelled half's;
    further arguments are those of :func:`phdlib.training.train`."""
    fabric = fabric or local_fabric(recipe.precision)
    share = fabric.global_rank, fabric.world_size

    def batches(epoch: int, generator: torch.Generator) -> Iterator[Half]:
        known = labelled.epoch(recipe.batch_size, generator, *share, recipe.steps_per_epoch)
        if not method.back_projection or epoch < method.warmup_epochs:
            return ((batch, None) for batch in known)
        plain = unlabelled.epoch(recipe.batch_size, generator, *share, recipe.steps_per_epoch)
        return zip(known, plain, strict=False)

    def of_batch(module: nn.Module, halves: Half, draws: torch.Generator) -> Tensor:
        return sum(loss_terms(module, halves, draws, method, labelled.skeleton).values())

    return train(net, batches, of_batch, recipe, seed=seed, fabric=fabric, **kwargs)
