"""Back-projection: what a video without labels can teach (VP3D 4).

A pose and a place predicted from 2D keypoints are projected into the image again and should fall on the keypoints they
came from; and the people so predicted should have bones of the length that labelled people have. Camera intrinsics are
all that this needs to know about the unlabelled video.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from phdlib.camera import project_perspective
from phdlib.skeleton import Skeleton

NEAREST = 0.5  # metres: an untrained network may put a person behind the camera, where no projection exists


def back_project(
    poses: Float[Tensor, "*B J 3"], roots: Float[Tensor, "*B 1 3"], intrinsics: Float[Tensor, "*B 9"]
) -> Float[Tensor, "*B J 2"]:
    """Root-relative poses at their places in camera space, projected; depths below 0.5 m count as 0.5 m."""
    X = poses + roots
    return project_perspective(torch.cat((X[..., :2], X[..., 2:].clamp(min=NEAREST)), dim=-1), intrinsics)


def reprojection_loss(poses: Tensor, roots: Tensor, keypoints: Tensor, intrinsics: Tensor) -> Tensor:
    """Mean distance of projected joints from input keypoints (..., J, 2), in the unit of the intrinsics (VP3D 4)."""
    return torch.linalg.vector_norm(back_project(poses, roots, intrinsics) - keypoints, dim=-1).mean()


def bone_lengths(poses: Float[Tensor, "*B J 3"], skeleton: Skeleton) -> Float[Tensor, "*B bones"]:
    """Length of every bone, in the order of ``skeleton.bones``, in the unit of the poses.

    ``ValueError`` if the poses have another number of joints than the skeleton.
    """
    if poses.shape[-2] != len(skeleton):
        raise ValueError(f"poses: expected the {len(skeleton)} joints of {skeleton.name}, found {tuple(poses.shape)}")
    parents, children = zip(*skeleton.bones, strict=True)
    return torch.linalg.vector_norm(poses[..., children, :] - poses[..., parents, :], dim=-1)


def bone_length_loss(unlabelled: Tensor, labelled: Tensor, skeleton: Skeleton) -> Tensor:
    """Squared L2 distance in m^2 between two batches' mean bone lengths (VP3D 4): of predictions (..., J, 3) without
    labels, and of the labelled half's true poses. Means over the batch, so single people may differ.
    """

    def mean(poses: Tensor) -> Tensor:
        return bone_lengths(poses, skeleton).flatten(0, -2).mean(dim=0)

    return (mean(unlabelled) - mean(labelled)).square().sum()


def root_from_depth(
    depth: Float[Tensor, "*B 1 1"], keypoint: Float[Tensor, "*B 1 2"], intrinsics: Float[Tensor, "*B 9"]
) -> Float[Tensor, "*B 1 3"]:
    """The point at a depth in metres that a camera sees at a keypoint, lens distortion left out.

    Not in the paper: with x and y read off the root's own keypoint, a trajectory network has the depth alone to learn.
    """
    f, c = intrinsics.unsqueeze(-2)[..., :4].split(2, dim=-1)
    return torch.cat(((keypoint - c) / f * depth, depth), dim=-1)
