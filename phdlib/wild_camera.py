"""The camera of a video of which nothing is known, and the one that its keypoints are shown to a trained model through.

The models were trained on people about 5 m in front of a camera that looks at them. A video's keypoints are turned and
zoomed so that the person fills the same part of the image in its middle: this is what such a camera would have seen if
it stood where the video's stands, whatever the latter looked at, up to the lens' focal length, which has to be known or
assumed. The answers are turned back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from phdlib.camera import Camera
from phdlib.skeleton import H36M17

IMAGE = 1000  # pixels: width and height of the image that a model is shown
# All 16 bones of H36M-17 in the image, added up, in screen units (half of the image's width): of each training clip of
# the embedded data the 90th percentile over its frames, of these the median; half of the clips are within 7 %.
PERSON = 1.88
SMOOTH_SECONDS = 0.15  # standard deviation of the filter over depth, the least certain number of all


def assumed_intrinsics(width: int, height: int, focal: float | None = None) -> Float[Tensor, 9]:
    """VideoPose3D's nine numbers for an unknown lens: ``focal`` pixels, by default the image's diagonal, which means
    53 degrees from corner to corner; the optical axis in the middle, no distortion."""
    f = math.hypot(width, height) if focal is None else focal
    if not (math.isfinite(f) and f > 0):
        raise ValueError(f"focal length: found {f:g} pixels, expected a number above 0")
    return torch.tensor([f, f, width / 2, height / 2, 0.0, 0.0, 0.0, 0.0, 0.0])


def undistort(pixels: Float[Tensor, "*B 2"], intrinsics: Float[Tensor, 9]) -> Float[Tensor, "*B 2"]:
    """The rays x / z, y / z of pixels: the inverse of :func:`phdlib.camera.project_perspective`, by fixed point."""
    f, c, k, p = intrinsics.to(pixels).split([2, 2, 3, 2])
    bent = (pixels - c) / f
    x = bent
    for _ in range(20):
        r2 = (x * x).sum(-1, keepdim=True)
        radial = (k * torch.cat((r2, r2**2, r2**3), -1)).sum(-1, keepdim=True)
        x = (bent - p * r2) / (1 + radial + (p * x).sum(-1, keepdim=True))
    return x


@dataclass(frozen=True, eq=False)
class View:
    """``camera``: what a model is shown, its rotation taking the video's camera axes to its own; ``keypoints``
    (T, J, 2) in its pixels; ``rays`` (T, J, 2) of the video's own camera."""

    camera: Camera
    keypoints: Tensor
    rays: Tensor

    def back(self, points: Float[Tensor, "*B 3"]) -> Float[Tensor, "*B 3"]:
        """Directions in the shown camera's axes, or poses relative to the root, in those of the video's camera."""
        return points @ self.camera.rotation


def look_at_person(keypoints: Float[Tensor, "T 17 2"], intrinsics: Float[Tensor, 9]) -> View:
    """One camera for all frames: turned to the median place of the person, without roll, zoomed to the median size."""
    rays = undistort(keypoints, intrinsics)
    middle = ((rays.amin(1) + rays.amax(1)) / 2).median(0).values
    rotation = turn_to_axis(torch.cat((middle, middle.new_ones(1))))
    turned = torch.nn.functional.pad(rays, (0, 1), value=1.0) @ rotation.T
    seen = turned[..., :2] / turned[..., 2:].clamp(min=0.05)
    parents, children = zip(*H36M17.bones, strict=True)
    length = (seen[:, children, :] - seen[:, parents, :]).norm(dim=-1).sum(-1).quantile(0.9).item()
    if not length > 0:
        raise ValueError("keypoints: found all joints in one place, expected a person")
    f = PERSON * IMAGE / 2 / length
    lens = torch.tensor([f, f, IMAGE / 2, IMAGE / 2, 0.0, 0.0, 0.0, 0.0, 0.0])
    return View(Camera("shown", rotation, torch.zeros(3), lens, IMAGE, IMAGE), f * seen + IMAGE / 2, rays)


def turn_to_axis(direction: Float[Tensor, 3]) -> Float[Tensor, "3 3"]:
    """The smallest rotation that takes a direction, z > 0, to the optical axis."""
    x, y, z = torch.nn.functional.normalize(direction, dim=0).unbind()
    return torch.stack((
        torch.stack((1 - x * x / (1 + z), -x * y / (1 + z), -x)),
        torch.stack((-x * y / (1 + z), 1 - y * y / (1 + z), -y)),
        torch.stack((x, y, z)),
    ))  # fmt: skip


def place(
    poses: Float[Tensor, "T J 3"], rays: Float[Tensor, "T J 2"], weights: Float[Tensor, "T J"], fps: float
) -> Float[Tensor, "T 3"]:
    """Where root-relative poses, in the camera's axes, have to be for their joints to lie on the rays: metres.

    Least squares of ``X + x - u (Z + z)`` over joints, which is linear in the place (x, y, z). One over the depth is
    then smoothed over time, and x and y are found anew for it. Depth follows from the poses' size, and so is as wrong
    as that; at least half a metre.
    """
    w = weights.double()[..., None] + 1e-9
    X, u = poses.double(), rays.double()
    total = w.sum(1)
    # x = mean(u) z + mean(u Z - X) for a known z; put into the squares, this leaves one equation for z.
    offset = u * X[..., 2:] - X[..., :2]
    mean_u, mean_o = (w * u).sum(1) / total, (w * offset).sum(1) / total
    du, do = u - mean_u[:, None], offset - mean_o[:, None]
    z = -(w * du * do).sum((1, 2)) / (w * du * du).sum((1, 2)).clamp(min=1e-12)
    inverse = 1 / z.clamp(min=0.5).numpy()
    smooth = gaussian_filter1d(inverse, max(SMOOTH_SECONDS * fps, 1e-3), mode="nearest")
    z = torch.from_numpy(np.maximum(1 / smooth, 0.5))
    return torch.cat((mean_u * z[:, None] + mean_o, z[:, None]), dim=1).float()


def project(points: Float[Tensor, "*B J 3"], intrinsics: Float[Tensor, 9]) -> Float[Tensor, "*B J 2"]:
    """Camera space to pixels, NaN for a point that is not in front of the camera."""
    from phdlib.camera import project_perspective

    behind = points[..., 2] <= 0.05
    safe = torch.where(behind[..., None], torch.ones_like(points), points)
    return project_perspective(safe, intrinsics).masked_fill(behind[..., None], torch.nan)
