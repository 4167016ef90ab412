"""Cameras: weak perspective and its closed-form solve (PHD 3.1, eq. 6), full perspective with distortion (VP3D 4).

Camera frame: x right, y down, z forward, in metres. World frame: y up, floor at y = 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class WeakPerspective(NamedTuple):
    """Scale and translation: ``x = s * X[..., :2] + t``."""

    s: Float[Tensor, "*B"]
    t: Float[Tensor, "*B 2"]


def project_weak_perspective(
    X: Float[Tensor, "*B J 3"], s: Float[Tensor, "*B"], t: Float[Tensor, "*B 2"]
) -> Float[Tensor, "*B J 2"]:
    """Orthographic projection, scaled and shifted (PHD 3.1); units follow s and t."""
    return s[..., None, None] * X[..., :2] + t[..., None, :]


def solve_weak_perspective(
    x_orth: Float[Tensor, "*B J 2"], x_gt: Float[Tensor, "*B J 2"], visible: Tensor
) -> WeakPerspective:
    """The camera that best places orthographic joints on 2D joints, over the visible ones (PHD eq. 6), differentiable.

    Minimises ``sum_j visible_j |s x_orth_j + t - x_gt_j|^2``: s is the ratio of the centred cross product to the
    centred square, t joins the means. ``visible`` is (..., J), boolean or weights. Where fewer than two visible
    joints, or joints that coincide, leave the scale open, s is 0 and t is the mean of x_gt (0 if nothing is visible).
    """
    v = visible.to(x_orth.dtype)[..., None]  # (*B, J, 1)
    total = v.sum(-2).clamp(min=torch.finfo(x_orth.dtype).tiny)
    mean_x, mean_gt = (v * x_orth).sum(-2) / total, (v * x_gt).sum(-2) / total
    dx, dgt = x_orth - mean_x[..., None, :], x_gt - mean_gt[..., None, :]
    square = (v * dx * dx).sum((-2, -1))
    defined = square > torch.finfo(x_orth.dtype).eps * (v * x_orth * x_orth).sum((-2, -1))
    s = torch.where(defined, (v * dx * dgt).sum((-2, -1)) / torch.where(defined, square, 1.0), 0.0)
    return WeakPerspective(s, mean_gt - s[..., None] * mean_x)


def project_perspective(X: Float[Tensor, "*B J 3"], intrinsics: Float[Tensor, "*C 9"]) -> Float[Tensor, "*B J 2"]:
    """Perspective projection with radial and tangential lens distortion (VP3D 4).

    X: camera-space points, z > 0. intrinsics: VideoPose3D's nine numbers f(2) c(2) k(3) p(2), one row for all points or
    one per batch element; the result has the unit of f and c. With ``x = X / Z`` and ``r2 = |x|^2``::

        x' = x (1 + k1 r2 + k2 r2^2 + k3 r2^3 + p . x) + p r2,    result = f x' + c

    This form of the tangential term is the one that VideoPose3D's nine numbers are used with, so that 2D ground truth
    made with them is met exactly; OpenCV's doubles the mixed products and swaps p, which on Human3.6M's cameras moves a
    point by less than a pixel. ``ValueError`` on another number of intrinsics or on points behind the camera.
    """
    if intrinsics.shape[-1] != 9:
        raise ValueError(f"intrinsics: expected 9 numbers f(2) c(2) k(3) p(2), found {intrinsics.shape[-1]}")
    if bool((X[..., 2] <= 0).any()):
        raise ValueError(f"points: expected depths above 0 in camera space, found {float(X[..., 2].min()):.3f} m")
    f, c, k, p = intrinsics.unsqueeze(-2).split([2, 2, 3, 2], dim=-1)  # (*C, 1, n)
    x = X[..., :2] / X[..., 2:]
    r2 = (x * x).sum(-1, keepdim=True)
    radial = 1 + (k * torch.cat((r2, r2**2, r2**3), -1)).sum(-1, keepdim=True)
    tangential = (p * x).sum(-1, keepdim=True)
    return f * (x * (radial + tangential) + p * r2) + c


def normalize_screen(pixels: Float[Tensor, "*B 2"], width: int, height: int) -> Float[Tensor, "*B 2"]:
    """Pixels to screen units: x in [-1, 1] over the width, y to the same scale, so that the aspect ratio stays."""
    return pixels * (2 / width) - pixels.new_tensor([1.0, height / width])


def denormalize_screen(screen: Float[Tensor, "*B 2"], width: int, height: int) -> Float[Tensor, "*B 2"]:
    """Inverse of :func:`normalize_screen`."""
    return (screen + screen.new_tensor([1.0, height / width])) * (width / 2)


@dataclass(frozen=True)
class Camera:
    """A calibrated camera: ``rotation`` (3, 3) and ``translation`` (3,) take the world to the camera frame, in metres;
    ``intrinsics`` (9,) are in pixels, of an image of ``width`` by ``height``."""

    name: str
    rotation: Tensor
    translation: Tensor
    intrinsics: Tensor
    width: int
    height: int

    @property
    def screen_intrinsics(self) -> Float[Tensor, 9]:
        """The same nine numbers in the units of :func:`normalize_screen`."""
        f, c, rest = self.intrinsics[:2], self.intrinsics[2:4], self.intrinsics[4:]
        return torch.cat((f * (2 / self.width), normalize_screen(c, self.width, self.height), rest))

    def to_camera(self, world: Float[Tensor, "*B 3"]) -> Float[Tensor, "*B 3"]:
        return world @ self.rotation.T + self.translation

    def project(self, camera_space: Float[Tensor, "*B J 3"]) -> Float[Tensor, "*B J 2"]:
        """Camera-space points to pixels."""
        return project_perspective(camera_space, self.intrinsics)


def look_at(position: Float[Tensor, 3], target: Float[Tensor, 3]) -> tuple[Tensor, Tensor]:
    """(rotation, translation) of a level camera at ``position`` whose optical axis goes through ``target``."""
    forward = torch.nn.functional.normalize(target - position, dim=0)
    right = torch.nn.functional.normalize(torch.linalg.cross(forward, forward.new_tensor([0.0, 1.0, 0.0])), dim=0)
    rotation = torch.stack((right, torch.linalg.cross(forward, right), forward))
    return rotation, -rotation @ position


# Four cameras near the corners of a room, as in Human3.6M: azimuth in degrees, height in metres, then intrinsics of the
# same kind as that set's (focal lengths near 1145 px on a megapixel image, barrel distortion, slight decentring).
RIG = (
    ("front_left", 48.0, 1.60, 1000, 1002, (1145.0, 1143.8, 512.5, 515.5, -0.207, 0.247, -0.003, -0.0009, -0.0016)),
    ("back_left", 134.0, 1.52, 1000, 1000, (1149.7, 1147.6, 508.8, 508.1, -0.194, 0.240, -0.008, -0.0008, -0.0028)),
    ("front_right", -49.0, 1.57, 1000, 1000, (1149.1, 1148.8, 519.8, 501.4, -0.208, 0.255, 0.000, 0.0010, 0.0030)),
    ("back_right", -131.0, 1.49, 1000, 1002, (1145.5, 1144.8, 514.9, 501.9, -0.198, 0.218, -0.009, -0.0006, -0.0013)),
)

# Three cameras about the performer with smaller images, of HumanEva-I's kind: one in front, one at either side.
HUMANEVA_RIG = (
    ("C1", 3.0, 1.45, 640, 480, (748.0, 747.2, 321.4, 243.8, -0.221, 0.198, 0.000, -0.0007, 0.0012)),
    ("C2", 92.0, 1.52, 640, 480, (744.6, 744.1, 316.9, 238.2, -0.214, 0.187, 0.000, 0.0009, -0.0015)),
    ("C3", -86.0, 1.49, 640, 480, (751.2, 750.3, 324.5, 240.6, -0.226, 0.205, 0.000, 0.0006, 0.0011)),
)


def studio_rig(distance: float = 5.2, target_height: float = 0.95, rig: tuple = RIG) -> tuple[Camera, ...]:
    """The cameras of the embedded data, ``distance`` metres from the middle of the floor, facing the performer."""
    cameras = []
    for name, azimuth, height, width, image_height, intrinsics in rig:
        angle = math.radians(azimuth)
        position = torch.tensor([distance * math.sin(angle), height, distance * math.cos(angle)], dtype=torch.float64)
        rotation, translation = look_at(position, position.new_tensor([0.0, target_height, 0.0]))
        cameras.append(
            Camera(name, rotation.float(), translation.float(), torch.tensor(intrinsics), width, image_height)
        )
    return tuple(cameras)
