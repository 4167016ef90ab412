"""One crop in, one person out: the network whose features PHD freezes (3.2, 4.1), and its training.

PHD takes HMR's ResNet-50 as it is; ours is trained here, on rendered crops of training subjects. Departs from the
paper: HMR's iterative regressor and its adversary, which the features have no part in later, are one hidden layer here,
and every crop has 3D labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from roma import rotvec_to_rotmat, special_gramschmidt
from torch import Tensor, nn

from phdlib.camera import WeakPerspective
from phdlib.crops import Surface, clip_crops, crop_boxes, crop_joints, jittered, true_joints2d
from phdlib.data.clip import Clip
from phdlib.lifting import mirror
from phdlib.phd_losses import joints_loss, reprojection_loss
from phdlib.resnet import ResNet
from phdlib.skeleton import H36M17, SMPL24, Skeleton

_FACING = torch.diag(torch.tensor([-1.0, 1.0, 1.0]))  # a mirror that stands across x


class Crops(NamedTuple):
    """Labelled crops: ``images`` (N, 3, S, S) uint8; ``rotations`` (N, 24, 3, 3), the first in the camera's frame;
    ``beta`` (N, 10); ``joints`` (N, J, 3) metres relative to the root; ``joints2d`` (N, J, 2) in crop coordinates."""

    images: Float[Tensor, "N 3 S S"]
    rotations: Float[Tensor, "N 24 3 3"]
    beta: Float[Tensor, "N 10"]
    joints: Float[Tensor, "N J 3"]
    joints2d: Float[Tensor, "N J 2"]

    def take(self, index: Tensor, device: torch.device | str = "cpu") -> Crops:
        return Crops(*(field[index].to(device) for field in self))

    def mirrored(self, which: Tensor, skeleton: Skeleton = H36M17) -> Crops:
        """The same with some of them, ``which`` (N,) boolean, as a mirror shows them."""
        facing = _FACING.to(self.rotations)
        flipped = Crops(
            self.images.flip(-1),
            facing @ self.rotations[:, SMPL24.mirror] @ facing,
            self.beta,
            mirror(self.joints, skeleton),
            mirror(self.joints2d, skeleton),
        )
        pairs = zip(self, flipped, strict=True)
        return Crops(*(torch.where(which.view(-1, *[1] * (x.ndim - 1)), y, x) for x, y in pairs))


def labelled_crops(
    clips: Sequence[Clip], surface: Surface, size: int, margin: float, jitter: float = 0.0, seed: int = 0
) -> Crops:
    """Crops of all frames of clips with their labels; boxes jittered by up to ``jitter`` (see :func:`jittered`)."""
    generator, parts = torch.Generator().manual_seed(seed), []
    for clip in clips:
        points = true_joints2d(clip)
        boxes = jittered(crop_boxes(points, margin), jitter, generator)
        rotations = rotvec_to_rotmat(clip.theta.unflatten(1, (-1, 3)))
        rotations[:, 0] = clip.camera.rotation @ rotations[:, 0]
        images = torch.cat([crops.cpu() for crops in clip_crops(clip, surface, size, boxes)])
        parts.append(
            Crops(images, rotations, clip.beta.expand(len(clip), -1), clip.joints3d, crop_joints(points, boxes))
        )
    return Crops(*(torch.cat(fields) for fields in zip(*parts, strict=True)))


class Estimate(NamedTuple):
    """What one crop tells: fields as in :class:`Crops`, ``camera`` s (N,) and t (N, 2) in crop coordinates."""

    phi: Float[Tensor, "N D"]
    rotations: Float[Tensor, "N 24 3 3"]
    beta: Float[Tensor, "N 10"]
    joints: Float[Tensor, "N J 3"]
    camera: WeakPerspective


class FrameNetwork(nn.Module):
    """Crops (N, 3, S, S), uint8, to phi (N, D) and, through one hidden layer, to a person."""

    def __init__(self, backbone: ResNet, joints: int = len(H36M17), hidden: int = 256, *, generator: torch.Generator):
        super().__init__()
        self.backbone, self.sizes = backbone, [6 * len(SMPL24), 10, 3 * joints, 3]
        self.hidden = nn.utils.skip_init(nn.Linear, backbone.dimension, hidden)
        self.out = nn.utils.skip_init(nn.Linear, hidden, sum(self.sizes))
        for layer, gain in ((self.hidden, 2**0.5), (self.out, 0.1)):
            nn.init.normal_(layer.weight, 0, gain / layer.in_features**0.5, generator=generator)
            nn.init.zeros_(layer.bias)
        with torch.no_grad():
            self.out.bias[: self.sizes[0]] = torch.eye(3)[:, :2].flatten().repeat(len(SMPL24))

    def features(self, images: Tensor) -> Float[Tensor, "N D"]:
        """phi: the backbone's pooled last layer."""
        return self.backbone((images.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last))

    def forward(self, images: Tensor) -> Estimate:
        phi = self.features(images)
        rotations, beta, joints, camera = self.out(torch.relu(self.hidden(phi))).split(self.sizes, dim=1)
        rotations = special_gramschmidt(rotations.float().view(-1, len(SMPL24), 3, 2))
        scale = WeakPerspective(torch.exp(camera[:, 0]), camera[:, 1:])
        return Estimate(phi, rotations, beta, joints.unflatten(1, (-1, 3)), scale)


def frame_loss(estimate: Estimate, crops: Crops) -> Tensor:
    """L_3D and L_2D of PHD 3.2 for single frames: joints, rotations, shape, and joints in the crop. The weights, of
    which the papers print none, bring the terms to one size at the start."""
    pose = (estimate.rotations - crops.rotations).square().sum((-2, -1)).mean()
    shape = (estimate.beta - crops.beta).square().mean()
    planar = reprojection_loss(estimate.joints, crops.joints2d, None, estimate.camera)
    return 20 * joints_loss(estimate.joints, crops.joints) + pose + 0.2 * shape + 10 * planar


def shuffled(
    crops: Crops, batch_size: int, steps: int | None, flip: bool, device: torch.device, generator: torch.Generator,
    rank: int = 0, world_size: int = 1,
) -> Iterator[Crops]:  # fmt: skip
    """Batches of one epoch, every crop at most once, half of them mirrored; ``batch_size`` is that of all ranks
    together, and every rank draws the same order."""
    order = torch.randperm(len(crops.images), generator=generator)
    mirrored = torch.rand(len(order), generator=generator) < (0.5 if flip else 0.0)
    whole = min(steps or len(order), max(1, len(order) // batch_size))
    for index in order[: whole * batch_size].split(batch_size):
        mine = index[rank::world_size]
        yield crops.take(mine, device).mirrored(mirrored[mine].to(device))
