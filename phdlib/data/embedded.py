"""The embedded data: real motion on an open body, seen by cameras and a noisy detector, as :class:`Clip`s.

Each stretch of the split becomes one performance of a subject: the stretch's joint angles on the subject's own body,
the root path scaled with the body's height, the middle of the path on the middle of the floor. Nothing here is random
but the detector, whose draws are seeded by take, camera and level, so that a clip is the same in whatever company it
is loaded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from roma import rotvec_to_rotmat
from torch import Tensor
from tqdm.auto import tqdm

from phdlib import settings
from phdlib.body import Body, load_body, subject_betas
from phdlib.cache import cached_arrays, code_fingerprint, file_fingerprint, key_of
from phdlib.camera import HUMANEVA_RIG, RIG, Camera, studio_rig
from phdlib.data import cmu_pack, humaneva_role
from phdlib.data import motion as motions
from phdlib.data import split as splits
from phdlib.data.clip import Clip
from phdlib.data.detector import Level, detect, level, self_occlusion
from phdlib.data.retarget import forward_kinematics, stand_on_floor
from phdlib.skeleton import H36M17, HUMANEVA15, Skeleton

STATURE = 1.75  # metres: with focal length and depth it gives a person's height in pixels
CODE = ("phdlib.body", "phdlib.open_body", "phdlib.camera", "phdlib.data.embedded", "phdlib.data.detector",
        "phdlib.data.humaneva_role", "phdlib.data.motion", "phdlib.data.retarget", "phdlib.data.split",
        "phdlib.skeleton")  # fmt: skip


@dataclass(frozen=True)
class Role:
    """What data set a part of the motion stands for: its joints, frames per second, cameras and subjects."""

    skeleton: Skeleton
    fps: float
    rig: tuple
    cast: str


ROLES = {
    "human36m": Role(H36M17, motions.FPS, RIG, "human36m"),
    "penn": Role(H36M17, motions.FPS, RIG, "human36m"),
    "humaneva": Role(HUMANEVA15, humaneva_role.FPS, HUMANEVA_RIG, "humaneva"),
}


@dataclass(frozen=True, eq=False)
class Performance:
    """A stretch of motion on a subject's body, in world space: ``theta`` (T, 72), ``beta`` (10,), ``trans`` (T, 3)
    metres, ``joints`` (T, J, 3) metres, the cameras around it and what each of them sees, ``visible`` (C, T, J)."""

    segment: splits.Segment
    theta: Float[Tensor, "T 72"]
    beta: Float[Tensor, 10]
    trans: Float[Tensor, "T 3"]
    joints: Float[Tensor, "T J 3"]
    cameras: tuple[Camera, ...]
    visible: Tensor


def source_files() -> tuple[Path, Path]:
    """Motion file and split of the data source that the run is for: the project's own, or the user's CMU tree's."""
    if settings.current_motion() == "cmu":
        return cmu_pack.pack()[:2]
    return motions.DEFAULT, splits.DEFAULT


def data_key(body_path: Path | None = None) -> str:
    """Key of the data: motion file, split, body and the code that makes clips of them."""
    files = [*source_files(), *([body_path] if body_path else [])]
    return key_of(files=file_fingerprint(*files), code=code_fingerprint(*CODE))


def performances(role: str = "human36m", body_path: Path | None = None) -> list[Performance]:
    """Every stretch of a role on its subject's body, at the role's frame rate. Computed once and cached."""
    if role not in ROLES:
        raise ValueError(f"no role {role!r} in the split; there are {sorted(ROLES)}")
    motion_file, split_file = source_files()
    segments = [segment for segment in splits.load_split(split_file) if segment.role == role]
    betas, body = subject_betas(ROLES[role].cast), load_body(body_path)

    def build() -> dict[str, np.ndarray]:
        takes = motions.load_motions(motion_file)
        placed = [_place(takes[segment.take], segment, body, betas[segment.subject]) for segment in segments]
        theta, trans = (torch.cat([of_one[i] for of_one in placed]).numpy() for i in (0, 2))
        lengths = np.array([len(of_one[0]) for of_one in placed])
        return _geometry(placed, body, ROLES[role]) | {"theta": theta, "trans": trans, "length": lengths}

    arrays = cached_arrays(f"performances-{role}", data_key(body_path), build)
    lengths = arrays["length"].tolist()
    theta, trans, joints = (torch.from_numpy(arrays[name]).split(lengths) for name in ("theta", "trans", "joints"))
    visible = torch.from_numpy(arrays["visible"]).split(lengths, dim=1)
    return [
        Performance(segment, theta, betas[segment.subject], trans, where, _cameras(where, ROLES[role]), seen)
        for segment, theta, trans, where, seen in zip(segments, theta, trans, joints, visible, strict=True)
    ]


def load(
    keypoints: str = "fine_tuned",
    role: str = "human36m",
    parts: Sequence[str] = ("train", "test"),
    body_path: Path | None = None,
) -> list[Clip]:
    """Clips of a role, one per stretch and camera, with 2D keypoints of a named detector level.

    Roles "human36m" and "penn" are at 50 Hz; "humaneva" is at 60 Hz, and ``parts=("test", "corrupt")`` adds its chunks
    with wrong motion capture (see :func:`phdlib.data.humaneva_role.is_corrupt`). ``ValueError`` names an unknown level,
    role or part.
    """
    if unknown := [part for part in parts if part not in splits.PARTS]:
        raise ValueError(f"no part {unknown[0]!r} in the split; there are {', '.join(splits.PARTS)}")
    key = key_of(data=data_key(body_path), level=level(keypoints))
    shown = performances(role, body_path)
    arrays = cached_arrays(f"embedded-{role}-{keypoints}", key, lambda: _detections(shown, keypoints))
    detected = torch.from_numpy(arrays["keypoints2d"])
    clips, start = [], 0
    for performance in shown:
        for camera, visible in zip(performance.cameras, performance.visible, strict=True):
            stop = start + len(performance.joints)
            if performance.segment.part in parts:
                clips.append(_clip(performance, camera, detected[start:stop], visible))
            start = stop
    return clips


def _place(motion: motions.Motion, segment: splits.Segment, body: Body, beta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(theta, beta, trans) of a stretch on a body at its role's rate: the root path grows with the pelvis' height over
    the soles, and what the body's other proportions still push into the floor is lifted smoothly."""
    bodies = torch.stack((torch.zeros_like(beta), beta))
    rest, sole = body.rest_joints(bodies).double(), body.sole_height(bodies).double()
    neutral, own = (rest[:, 0, 1] - sole).tolist()
    frames, fps = slice(segment.start, segment.stop), ROLES[segment.role].fps
    motion = replace(motion, theta=motion.theta[frames], root=motion.root[frames])
    motion = motion if motion.fps == fps else motion.at_rate(fps)  # cut first: no frame takes part in another chunk's
    theta, root = motion.theta, motion.root.double()
    root = root * (own / neutral)
    root = root - (root.amin(0) + root.amax(0)) / 2 * root.new_tensor([1.0, 0.0, 1.0])
    rotations = rotvec_to_rotmat(theta.double().reshape(-1, 24, 3))
    lowest = _lowest_vertex(body, beta, *forward_kinematics(rotations, root, rest[1]))
    root[:, 1] += stand_on_floor(lowest, 0.0, motion.fps)
    return theta, beta, (root - rest[1, 0]).float()


def _lowest_vertex(body: Body, beta: Tensor, positions: Tensor, rotations: Tensor) -> Tensor:
    """Height (T,) of the lowest vertex of the feet, each moved by the joint that it hangs on most."""
    feet = body.foot_vertices
    mesh, joints = body.rest_vertices(beta[None])[0, feet], body.rest_joints(beta[None])[0]
    owner = body.smpl.lbs_weights[feet].argmax(1)
    heights = [
        positions[:, j, 1] + (rotations[:, j, 1] @ (mesh[owner == j] - joints[j]).double().T).amin(1)
        for j in owner.unique().tolist()
    ]
    return torch.stack(heights).amin(0)


def _geometry(
    placed: list[tuple[Tensor, Tensor, Tensor]], body: Body, role: Role, chunk: int = 2048
) -> dict[str, np.ndarray]:
    """World-space joints of all performances, one after another, and which of them each of the cameras sees."""
    regress, joints, visible = body.keypoints(role.skeleton), [], []
    for theta, beta, trans in tqdm(placed, desc="joints and what hides them", unit="stretch", leave=False):
        with torch.no_grad():
            parts = zip(theta.split(chunk), trans.split(chunk), strict=True)
            joints.append(torch.cat([regress(pose, beta.expand(len(pose), -1), offset) for pose, offset in parts]))
        views = [camera.to_camera(joints[-1]) for camera in _cameras(joints[-1], role)]
        visible.append(torch.stack([self_occlusion(view, role.skeleton) for view in views]))
    return {"joints": torch.cat(joints).numpy(), "visible": torch.cat(visible, dim=1).numpy()}


def _cameras(joints: Tensor, role: Role) -> tuple[Camera, ...]:
    """Cameras stand 5.2 m from the middle, farther where the performer would come closer to one than 2.7 m."""
    reach = joints[:, 0, [0, 2]].norm(dim=-1).max().item()
    return studio_rig(max(5.2, round(reach + 2.7, 1)), rig=role.rig)


def _detections(shown: list[Performance], keypoints: str) -> dict[str, np.ndarray]:
    """Detections in all clips, one after another, performance by performance, camera by camera."""
    detected = []
    for performance in tqdm(shown, desc=f"keypoints {keypoints}", unit="stretch", leave=False):
        for camera, visible in zip(performance.cameras, performance.visible, strict=True):
            seen, role = camera.to_camera(performance.joints), ROLES[performance.segment.role]
            detected.append(
                _detect(seen, camera, visible, _take(performance), keypoints, level(keypoints), role.skeleton, role.fps)
            )
    return {"keypoints2d": torch.cat(detected).numpy()}


def _take(performance: Performance) -> str:
    segment = performance.segment
    return f"{segment.take}@{segment.start}" + (f"#{segment.part}" if segment.part == humaneva_role.CORRUPT else "")


def _detect(
    seen: Tensor, camera: Camera, visible: Tensor, take: str, keypoints: str, quality: Level, skeleton: Skeleton,
    fps: float,
) -> Tensor:  # fmt: skip
    """Detections of camera-space joints; take, camera and the level's name seed the draws, ``quality`` scales them."""
    height = camera.intrinsics[0] * STATURE / seen[:, 0, 2]
    seed = hashlib.sha256(f"{take}/{camera.name}/{keypoints}".encode()).digest()[:8]
    rng = np.random.default_rng(int.from_bytes(seed, "little"))
    return detect(camera.project(seen), visible, height, fps, quality, rng, skeleton)


def redetected(clip: Clip, keypoints: str, **changes: float) -> Clip:
    """A clip with its detections of a level made again, from the same draws, with some of the level's numbers changed:
    ``redetected(clip, "fine_tuned", jitter=0.0)`` is what that detector would have seen without its jitter.

    ``ValueError`` for a clip whose 3D is not what the camera saw."""
    if humaneva_role.is_corrupt(clip.take):
        raise ValueError(f"clip {clip.name}: its motion capture is corrupt, expected 3D joints that the camera saw")
    seen = clip.joints3d + clip.trajectory[:, None]
    quality = replace(level(keypoints), **changes)
    found = _detect(seen, clip.camera, clip.visible, clip.take, keypoints, quality, clip.skeleton, clip.fps)
    return replace(clip, keypoints2d=found)


def _clip(performance: Performance, camera: Camera, keypoints2d: Tensor, visible: Tensor) -> Clip:
    segment, take, role = performance.segment, _take(performance), ROLES[performance.segment.role]
    recorded = humaneva_role.recorded_frames(len(performance.joints), humaneva_role.is_corrupt(take))
    joints = camera.to_camera(performance.joints)[recorded]
    return Clip(
        take=take,
        subject=segment.subject,
        action=segment.action,
        fps=role.fps,
        source=settings.current_motion(),
        skeleton=role.skeleton,
        camera=camera,
        theta=performance.theta[recorded],
        beta=performance.beta,
        joints3d=joints - joints[:, :1],
        trajectory=joints[:, 0],
        keypoints2d=keypoints2d,
        visible=visible,
    )
