"""Motion as SMPL's parameters, the form of AMASS and 3DPW: real poses for the prior, and a 3D role.

What the adversarial prior of PHD (3.2) is trained on are such poses and shapes, without images (:func:`prior_samples`);
with a body and a camera they also are clips with 3D labels (:meth:`SmplMotion.clip`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from roma import rotmat_to_rotvec, rotvec_to_rotmat
from torch import Tensor

from phdlib.body import Body
from phdlib.camera import Camera
from phdlib.data.clip import Clip
from phdlib.data.motion import resample
from phdlib.skeleton import H36M17, SMPL24, Skeleton

BETAS = 10
MOVING = 22  # joints; the two hands that SMPL has beyond them go with the wrists
_Z_TO_Y_UP = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]], dtype=torch.float64)


@dataclass(frozen=True, eq=False)
class SmplMotion:
    """A person's motion: ``theta`` (T, 72) axis-angle, ``beta`` (10,), ``trans`` (T, 3) metres as SMPL adds it, in a
    world whose axis ``up`` ("y" or "z") points up; ``gender`` as the file has it: the body that the shape is of;
    ``subject`` as far as the files tell people apart."""

    name: str
    source: str
    fps: float
    theta: Tensor
    beta: Tensor
    trans: Tensor
    gender: str
    up: str
    subject: str = "unknown"

    def __len__(self) -> int:
        return len(self.theta)

    def at_rate(self, fps: float) -> SmplMotion:
        """The same at another frame rate: rotations on great circles, the path on straight lines."""
        rotations = rotvec_to_rotmat(self.theta.double().unflatten(1, (-1, 3)))
        rotations, trans = resample(rotations, self.trans.double(), self.fps, fps)
        return replace(self, fps=fps, theta=rotmat_to_rotvec(rotations).flatten(1).float(), trans=trans.float())

    def y_up(self, body: Body) -> SmplMotion:
        """The same in this library's world, y up; the body says where its pelvis, which the world turns about, lies."""
        if self.up == "y":
            return self
        pelvis = body.rest_joints(self.beta[None])[0, 0].double()
        theta = turned(self.theta, _Z_TO_Y_UP)
        trans = (self.trans.double() + pelvis) @ _Z_TO_Y_UP.T - pelvis
        return replace(self, theta=theta, trans=trans.float(), up="y")

    def clip(self, body: Body, camera: Camera, skeleton: Skeleton = H36M17) -> Clip:
        """The motion on a body before a calibrated camera, as the embedded clips are: ``theta`` in the world (see
        :func:`phdlib.data.phd_role.in_camera_frame`), 3D in camera space, 2D projected, everything visible.

        ``ValueError`` where somebody is behind the camera (see :meth:`centred`).
        """
        motion = self.y_up(body)
        with torch.no_grad():
            world = body.keypoints(skeleton)(motion.theta, motion.beta[None], motion.trans)
        joints = camera.to_camera(world)
        return Clip(
            take=self.name,
            subject=self.subject,
            action=self.name,
            fps=self.fps,
            source=self.source,
            skeleton=skeleton,
            camera=camera,
            theta=motion.theta,
            beta=motion.beta,
            joints3d=joints - joints[:, :1],
            trajectory=joints[:, 0],
            keypoints2d=camera.project(joints),
            visible=torch.ones(joints.shape[:2], dtype=torch.bool),
        )

    def centred(self) -> SmplMotion:
        """The same with the middle of the path over the middle of the floor, where a studio's cameras look."""
        level = torch.tensor([1.0, 0.0, 1.0] if self.up == "y" else [1.0, 1.0, 0.0])
        middle = (self.trans.amin(0) + self.trans.amax(0)) / 2
        return replace(self, trans=self.trans - middle * level)


def turned(theta: Tensor, rotation: Tensor) -> Tensor:
    """``theta`` (T, 72) with its global rotation seen from axes that ``rotation`` (..., 3, 3) leads to."""
    root = rotation.double() @ rotvec_to_rotmat(theta[:, :3].double())
    return torch.cat((rotmat_to_rotvec(root).to(theta), theta[:, 3:]), dim=1)


def prior_samples(motions: Iterable[SmplMotion], fps: float | None = None) -> tuple[Tensor, Tensor]:
    """Poses (N, 72) and shapes (N, 10) of all frames, for :class:`phdlib.prior.FactorizedPrior`.

    ``fps``: at this rate instead of the motions' own; neighbouring frames are nearly the same, a low rate keeps what
    there is to learn. ``ValueError`` without motions.
    """
    taken = [motion if fps is None else motion.at_rate(fps) for motion in motions]
    if not taken:
        raise ValueError("prior_samples: found no motion, expected at least one")
    shapes = [motion.beta.expand(len(motion), -1) for motion in taken]
    return torch.cat([motion.theta for motion in taken]), torch.cat(shapes)


def at_clip_rate(clip: Clip, fps: float) -> Clip:
    """A clip with 3D labels at another rate: ``theta`` on great circles, positions on straight lines; a joint is
    visible where it is on both sides. Features and frames, which cannot be interpolated, are dropped."""
    if clip.theta is None or clip.joints3d is None or clip.trajectory is None or clip.keypoints2d is None:
        raise ValueError(f"clip {clip.name}: needs theta, joints3d, trajectory and keypoints2d to be resampled")
    T, J = clip.joints3d.shape[:2]
    seen = torch.ones(T, J) if clip.visible is None else clip.visible.float()
    flat = torch.cat([clip.joints3d.flatten(1), clip.trajectory, clip.keypoints2d.flatten(1), seen], dim=1).double()
    rotations = rotvec_to_rotmat(clip.theta.double().unflatten(1, (-1, 3)))
    counted = torch.arange(T, dtype=torch.float64)[:, None].expand(T, 3)  # in place of a path: it becomes the times
    rotations, times = resample(rotations, counted, clip.fps, fps)
    before = (times[:, 0] + 1e-9).floor().long().clamp(max=T - 1)
    values = torch.lerp(flat[before], flat[(before + 1).clamp(max=T - 1)], times[:, :1] - before[:, None])
    joints, path, points, seen = values.float().split([3 * J, 3, 2 * J, J], dim=1)
    return replace(
        clip,
        fps=fps,
        theta=rotmat_to_rotvec(rotations).flatten(1).float(),
        joints3d=joints.unflatten(1, (J, 3)),
        trajectory=path,
        keypoints2d=points.unflatten(1, (J, 2)),
        visible=seen > 1 - 1e-6,
        features=None,
        frames=None,
    )


def body_pose(poses: Tensor) -> Tensor:
    """(T, 66 or more) of SMPL, SMPL+H or SMPL-X to ``theta`` (T, 72): the 22 joints that they share, hands at rest."""
    return torch.cat((poses[:, : 3 * MOVING], poses.new_zeros(len(poses), 3 * (len(SMPL24) - MOVING))), dim=1)
