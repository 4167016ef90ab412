"""3D and the future of a person in any video, from 2D keypoints, with the models of the two papers as trained here.

VideoPose3D's temporal model lifts the keypoints; PHD reads a body out of them and predicts the one to come. Both were
trained on motion capture, whose cameras are known. See :mod:`phdlib.wild_camera` for how a video of unknown camera
is shown to them; where the intrinsics are not given, all in metres rests on the assumption made there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from phdlib.body import load_body
from phdlib.data.clip import Clip
from phdlib.features import FPS, Features
from phdlib.lifting import predict
from phdlib.phd_model import PHD
from phdlib.regressor import split_omega
from phdlib.resample import resampled
from phdlib.skeleton import H36M17
from phdlib.wild_camera import View, look_at_person, place, project

LIFTER_FPS = 50.0  # of the clips that the lifters are trained on
CONDITIONING, AHEAD, EVERY = 15, 30, 25  # frames seen and predicted (PHD 4.2), and from one prediction to the next
ROW = "AR on Φ"  # PHD's latent model (Table 2)
TIMES = {"smoke": "a few minutes", "standard": "some minutes", "paper": "hours, with a GPU"}


class Models(NamedTuple):
    """A lifter (folded or not), PHD and the features that it reads; what they were trained under and on."""

    lifter: nn.Module
    phd: PHD
    phi: Features
    profile: str
    data: str = "embedded"


class Lifted(NamedTuple):
    """The first five fields of :class:`Motion`: what a lifter alone tells."""

    first: int
    clip: Clip
    intrinsics: Tensor
    view: View
    reprojected: Tensor


@dataclass(frozen=True, eq=False)
class Motion:
    """What is known of one stretch of a video; ``first`` is its first frame there, T its frames, at ``clip.fps``.

    ``clip`` keypoints (T, 17, 2) in pixels, and what is derived: ``joints3d`` (T, 17, 3) metres relative to the root in
    the camera's axes, ``trajectory`` (T, 3) of the root, ``reprojected`` (T, 17, 2) pixels. At 25 Hz, frame i at
    i / 25 s: PHD's body of every frame, ``theta`` (N, 72) in the camera's axes, ``beta`` (10,), ``root`` (N, 3) its
    place. Predictions that begin after frame ``present`` (P,) at 25 Hz: ``future_theta`` (P, 30, 72), ``future_joints``
    (P, 30, 17, 3) relative to the root: PHD predicts no path.
    """

    first: int
    clip: Clip
    intrinsics: Tensor
    view: View
    reprojected: Tensor
    theta: Tensor
    beta: Tensor
    root: Tensor
    present: Tensor
    future_theta: Tensor
    future_joints: Tensor


def trained_models(profile: str, data: str = "embedded") -> Models:
    """Read from the cache, or trained first, with a line that says so."""
    from phdlib import phd_profiles, phd_study, profiles
    from phdlib.experiments import for_clips
    from phdlib.runs import run_all

    lifting = profiles.supervised(profile, data)["full"][0]
    dynamics = phd_profiles.models(profile, data, "lifter", seeds=(0,))[ROW][0]
    missing = [name for name, e in (("the lifter", lifting), ("PHD", dynamics)) if not _trained(e)]
    if missing:
        print(f"training {' and '.join(missing)}, profile {profile}, as the cache has none: {TIMES[profile]}")
    (result,) = run_all([lifting])
    study = phd_study.study(profile, data, [ROW], features="lifter", seeds=(0,), baselines=False)
    phi = study.experiments[ROW][0].features().provider()
    return Models(for_clips(lifting.trained_model(result)), study.model(ROW).eval(), phi, profile, data)


def _trained(experiment: Any) -> bool:
    return experiment.prepared().infra.status() == "completed"


@torch.no_grad()
def lift(model: nn.Module, view: View, fps: float) -> Tensor:
    """Poses (T, 17, 3) of all frames in the shown camera's axes, metres relative to the root: by way of 50 Hz."""
    clip = Clip("wild", "", "", fps, "", camera=view.camera, keypoints2d=view.keypoints)
    screen = resampled(clip.screen_keypoints(), fps, LIFTER_FPS)
    poses = predict(model, screen, H36M17)
    poses = poses - poses[:, :1]
    at = torch.arange(len(view.keypoints), dtype=torch.float64) * (LIFTER_FPS / fps)
    low = at.floor().long().clamp(max=len(poses) - 1)
    high = (low + 1).clamp(max=len(poses) - 1)
    part = (at - low).clamp(max=1).to(poses)[:, None, None]
    return poses[low] * (1 - part) + poses[high] * part


class Bodies(NamedTuple):
    """In the shown camera's axes: ``theta`` (N, 72), ``beta`` (10,) of the frames, and of those to come as in
    :class:`Motion`."""

    theta: Tensor
    beta: Tensor
    present: Tensor
    future_theta: Tensor


@torch.no_grad()
def bodies(models: Models, view: View, fps: float, every: int = EVERY) -> Bodies:
    """PHD on the keypoints at 25 Hz: the body of each frame, and predictions after every ``every``-th, the last one's
    always among them; none where a stretch is shorter than what PHD has to see."""
    points = resampled(view.keypoints, fps, FPS)
    clip = Clip("wild", "", "", FPS, "", camera=view.camera, keypoints2d=points)
    phi = models.phi.features(clip)
    seen = split_omega(models.phd.f_3d(models.phd.f_movie(phi[None]), nearby=False).omega[0])
    N = len(phi)
    present = torch.tensor(range(N - 1, CONDITIONING - 2, -every), dtype=torch.int64).flip(0)
    found = [models.phd.forecast(phi[None, t + 1 - CONDITIONING : t + 1], AHEAD).future[0] for t in present.tolist()]
    future = torch.stack(found) if found else phi.new_zeros(0, AHEAD, seen.theta.shape[1] + 13)
    return Bodies(seen.theta, seen.beta.mean(0), present, split_omega(future).theta)


@torch.no_grad()
def lifted(clip: Clip, first: int, intrinsics: Tensor, lifter: nn.Module) -> Lifted:
    """What a lifter (folded or not) makes of a clip's keypoints without gaps, H36M-17 in pixels, and where the person
    has to be for it."""
    view = look_at_person(clip.keypoints2d, intrinsics)
    joints = view.back(lift(lifter, view, clip.fps))
    trajectory = place(joints, view.rays, _weights(clip), clip.fps)
    reprojected = project(joints + trajectory[:, None], intrinsics)
    return Lifted(first, replace(clip, joints3d=joints, trajectory=trajectory), intrinsics, view, reprojected)


def _weights(clip: Clip) -> Tensor:
    """(T, J) how much each joint counts when a person is placed."""
    return torch.ones(clip.keypoints2d.shape[:2]) if clip.visible is None else 0.2 + 0.8 * clip.visible.float()


@torch.no_grad()
def reconstruct(clip: Clip, first: int, intrinsics: Tensor, models: Models) -> Motion:
    """All of :class:`Motion` from a clip's keypoints without gaps, H36M-17 in pixels. ``visible`` weighs the joints
    when the person is placed."""
    by_lifter = lifted(clip, first, intrinsics, models.lifter)
    view = by_lifter.view
    found = bodies(models, view, clip.fps)
    regressor = load_body().keypoints(H36M17)
    shape = found.beta.expand(len(found.theta), -1)
    theta = turned_back(found.theta, view.camera.rotation)
    read = regressor(theta, shape)
    rays, w = (resampled(x, clip.fps, FPS) for x in (view.rays, _weights(clip)))
    future = turned_back(found.future_theta, view.camera.rotation)
    ahead = regressor(future.flatten(0, 1), found.beta.expand(future.shape[:2].numel(), -1)).unflatten(
        0, future.shape[:2]
    )
    return Motion(
        *by_lifter, theta, found.beta,
        place(read - read[:, :1], rays, w, FPS), found.present, future, ahead - ahead[:, :, :1],
    )  # fmt: skip


def turned_back(theta: Tensor, rotation: Tensor) -> Tensor:
    """Poses (..., 72) whose whole body is turned from the shown camera's axes into those of the video's camera."""
    from roma import rotmat_to_rotvec, rotvec_to_rotmat

    whole = rotmat_to_rotvec(rotation.T.to(theta) @ rotvec_to_rotmat(theta[..., :3]))
    return torch.cat((whole, theta[..., 3:]), dim=-1)


def reprojection_error(motion: Lifted | Motion) -> np.ndarray:
    """(T,) mean distance in pixels of the reprojected joints from the keypoints that were found."""
    return (motion.reprojected - motion.clip.keypoints2d).norm(dim=-1).nanmean(-1).numpy()
