"""Recordings of several calibrated cameras as clips: VideoPose3D's sets, whose 3D is in a world with z up.

Where the cameras stand is in ``assets/*_cameras.json``: a unit quaternion (w, x, y, z) from camera to world and a
position in mm, per subject, since the sets were calibrated anew for each.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from roma import unitquat_to_rotmat
from torch import Tensor

from phdlib.camera import Camera
from phdlib.data.clip import Clip
from phdlib.data.joint_order import warn_of_most
from phdlib.data.videopose3d import Table2D, Table3D, in_order
from phdlib.skeleton import Skeleton

ASSETS = Path(__file__).parent / "assets"
Z_UP_TO_Y_UP = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]], dtype=torch.float64)
FARTHEST = 60.0  # px: far above the median error of any published detector; a person is some 400 px tall


class Video(NamedTuple):
    """One camera's view: all of a :class:`Clip` but its 2D, and the ``keypoints`` (T, J', 2) as the file has them, in
    pixels and in the order of ``layout``."""

    clip: Clip
    keypoints: Float[Tensor, "T J 2"]
    layout: Skeleton

    def as_clip(self) -> Clip:
        """The clip with its keypoints in the order of its own skeleton."""
        return replace(self.clip, keypoints2d=in_order(self.keypoints, self.layout, self.clip.skeleton))


class Recording(NamedTuple):
    """``world`` (T, J, 3) metres, z up, or None; ``views``, one (T, J', 2) in pixels per camera (None: it has none)."""

    subject: str
    name: str
    world: np.ndarray | None
    views: list[Tensor | None]


@dataclass(frozen=True)
class Stand:
    """Where a camera stands, world z up: ``rotation`` (3, 3) and ``translation`` (3,), metres, to the camera frame."""

    rotation: Tensor
    translation: Tensor

    def to_camera(self, world: np.ndarray) -> Float[Tensor, "*B 3"]:
        """World points (..., 3), metres, z up, to camera space, float32."""
        return (torch.from_numpy(world).double() @ self.rotation.T + self.translation).float()

    def camera(self, about: Mapping[str, Any], lens: Float[Tensor, 9]) -> Camera:
        """The camera in this project's world frame, y up. ``about``: its name, width and height."""
        rotation = (self.rotation @ Z_UP_TO_Y_UP.T).float()
        size = about["width"], about["height"]
        return Camera(about["name"], rotation, self.translation.float(), lens.float(), *size)


UNKNOWN = Stand(torch.full((3, 3), torch.nan, dtype=torch.float64), torch.full((3,), torch.nan, dtype=torch.float64))


def read_cameras(file: str) -> tuple[list[dict[str, Any]], dict[str, list[Stand]]]:
    """The cameras of a set (name, width, height, and the lens where it is published), and their stands by subject."""
    content = json.loads((ASSETS / file).read_text(encoding="utf-8"))

    def stand(orientation: list[float], position_mm: list[float]) -> Stand:
        w, *xyz = orientation  # from camera to world; roma puts w last
        rotation = unitquat_to_rotmat(torch.tensor([*xyz, w], dtype=torch.float64)).T
        return Stand(rotation, -rotation @ (torch.tensor(position_mm, dtype=torch.float64) / 1000))

    stands = {subject: [stand(*pair) for pair in pairs] for subject, pairs in content["stands"].items()}
    return content["cameras"], stands


def labelled(world: Table3D, detected: Table2D, subjects: Sequence[str], path: Path) -> Iterator[Recording]:
    """The recordings of ``subjects`` that have 3D, with their 2D from the file ``path``: what is longer is cut, as some
    videos go on after the motion capture has ended. ``ValueError`` if a view is not there, or shorter."""
    for subject in subjects:
        for name, joints in world.get(subject, {}).items():
            views = detected.get(subject, {}).get(name, [None])
            for i, view in enumerate(views):
                if view is None or len(view) < len(joints):
                    found = "none" if view is None else f"{len(view)} frames"
                    raise ValueError(
                        f"{path}: positions_2d of {subject}, {name}, camera {i}: found {found}, expected at least the "
                        f"{len(joints)} frames of positions_3d"
                    )
            yield Recording(subject, name, joints, [torch.from_numpy(view[: len(joints)]) for view in views])


def unlabelled(world: Table3D, detected: Table2D) -> Iterator[Recording]:
    """The recordings that have 2D only."""
    for subject, actions in detected.items():
        for name, views in actions.items():
            if name not in world.get(subject, {}):
                yield Recording(
                    subject, name, None, [None if view is None else torch.from_numpy(view) for view in views]
                )


def videos_of(
    recording: Recording, clip: Clip, layout: Skeleton, about: Sequence[Mapping[str, Any]], stands: Sequence[Stand],
    lenses: Sequence[Tensor], where: str,
) -> Iterator[Video]:  # fmt: skip
    """What each camera sees of a recording; ``clip`` holds what the views share. ``ValueError`` from
    :func:`check_alignment`, beginning with the files, ``where``."""
    for stand, camera, lens, view in zip(stands, about, lenses, recording.views, strict=True):
        if view is None:
            continue
        seen = replace(clip, camera=stand.camera(camera, lens))
        if recording.world is not None:
            joints = stand.to_camera(recording.world)
            seen = replace(seen, joints3d=joints - joints[:, :1], trajectory=joints[:, 0])
            check_alignment(Video(seen, view, layout), where)
        yield Video(seen, view, layout)


def check_alignment(video: Video, where: str, every: int = 16) -> None:
    """``ValueError`` if a video's 3D, projected, is far from its 2D in the joints that both know: cameras in another
    order, a world with another axis up, another subject's calibration, swapped joints."""
    clip = video.clip
    points, pixels = shared_joints(video, every)
    if bool((points[..., 2] <= 0).any()):
        raise ValueError(f"{where}: {clip.name}: found joints behind the camera, expected metres in a world with z up")
    off = (clip.camera.project(points) - pixels).norm(dim=-1).median().item()
    if off > FARTHEST:
        raise ValueError(
            f"{where}: {clip.name}: found keypoints {off:.0f} px from the projected 3D joints (median), expected less "
            f"than {FARTHEST:.0f}: are the cameras, the joints or the subjects in another order?"
        )


def check_order(videos: Sequence[Video], path_3d: Path, path_2d: Path) -> None:
    """Warns if the joints of most videos look as if they were in another order than read."""
    posed = [(video.clip.joints3d, video.clip.skeleton) for video in videos if video.clip.joints3d is not None]
    warn_of_most(posed, f"{path_3d}: positions_3d")
    warn_of_most([(video.keypoints, video.layout) for video in videos], f"{path_2d}: positions_2d")


def shared_joints(video: Video, every: int = 1) -> tuple[Float[Tensor, "T J 3"], Float[Tensor, "T J 2"]]:
    """The joints of a video that its 3D and its 2D both know: camera space in metres, and pixels."""
    clip = video.clip
    names = [joint for joint in clip.skeleton.joints if joint in video.layout.joints]
    ours, theirs = ([skeleton.index(joint) for joint in names] for skeleton in (clip.skeleton, video.layout))
    return (clip.joints3d + clip.trajectory[:, None])[::every, ours], video.keypoints[::every, theirs]
