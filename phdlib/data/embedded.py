"""The embedded data: real motion on an open body, seen by four cameras and a noisy detector, as :class:`Clip`s.

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

from phdlib.body import Body, load_body, subject_betas
from phdlib.cache import cached_arrays, code_fingerprint, file_fingerprint, key_of
from phdlib.camera import Camera, studio_rig
from phdlib.data import motion as motions
from phdlib.data import split as splits
from phdlib.data.clip import Clip
from phdlib.data.detector import Level, detect, level, self_occlusion
from phdlib.data.retarget import forward_kinematics, stand_on_floor
from phdlib.skeleton import H36M17

STATURE = 1.75  # metres: with focal length and depth it gives a person's height in pixels
CODE = ("phdlib.body", "phdlib.open_body", "phdlib.camera", "phdlib.data.embedded", "phdlib.data.detector",
        "phdlib.data.motion", "phdlib.data.retarget", "phdlib.data.split", "phdlib.skeleton")  # fmt: skip


@dataclass(frozen=True, eq=False)
class Performance:
    """A stretch of motion on a subject's body, in world space: ``theta`` (T, 72), ``beta`` (10,), ``trans`` (T, 3)
    metres, ``joints`` (T, 17, 3) metres, and the cameras around it."""

    segment: splits.Segment
    theta: Float[Tensor, "T 72"]
    beta: Float[Tensor, 10]
    trans: Float[Tensor, "T 3"]
    joints: Float[Tensor, "T 17 3"]
    cameras: tuple[Camera, ...]
    visible: Tensor


def data_key(body_path: Path | None = None) -> str:
    """Key of the embedded data: motion file, split, body and the code that makes clips of them."""
    files = [motions.DEFAULT, splits.DEFAULT, *([body_path] if body_path else [])]
    return key_of(files=file_fingerprint(*files), code=code_fingerprint(*CODE))


def performances(role: str = "human36m", body_path: Path | None = None) -> list[Performance]:
    """Every stretch of a role on its subject's body. Joints are computed once and cached."""
    segments = [segment for segment in splits.load_split() if segment.role == role]
    if not segments:
        raise ValueError(f"no role {role!r} in the split; there are {sorted({s.role for s in splits.load_split()})}")
    takes, betas = motions.load_motions(), subject_betas()
    body = load_body(body_path)
    placed = [_place(takes[segment.take], segment, body, betas[segment.subject]) for segment in segments]
    arrays = cached_arrays(f"embedded-{role}", data_key(body_path), lambda: _geometry(placed, body))
    lengths = [len(theta) for theta, _, _ in placed]
    joints = torch.from_numpy(arrays["joints"]).split(lengths)
    visible = torch.from_numpy(arrays["visible"]).split(lengths, dim=1)
    return [
        Performance(segment, theta, beta, trans, where, studio_rig(_distance(where)), seen)
        for segment, (theta, beta, trans), where, seen in zip(segments, placed, joints, visible, strict=True)
    ]


def load(
    keypoints: str = "fine_tuned",
    role: str = "human36m",
    parts: Sequence[str] = ("train", "test"),
    body_path: Path | None = None,
) -> list[Clip]:
    """Clips of a role at 50 Hz, one per stretch and camera, with 2D keypoints of a named detector level."""
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
    """(theta, beta, trans) of a stretch on a body: the root path grows with the pelvis' height over the soles, and what
    the body's other proportions still push into the floor is lifted smoothly."""
    bodies = torch.stack((torch.zeros_like(beta), beta))
    rest, sole = body.rest_joints(bodies).double(), body.sole_height(bodies).double()
    neutral, own = (rest[:, 0, 1] - sole).tolist()
    theta, root = motion.theta[segment.start : segment.stop], motion.root[segment.start : segment.stop].double()
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


def _geometry(placed: list[tuple[Tensor, Tensor, Tensor]], body: Body, chunk: int = 2048) -> dict[str, np.ndarray]:
    """World-space joints of all performances, one after another, and which of them each of the four cameras sees."""
    regress, joints, visible = body.keypoints(H36M17), [], []
    for theta, beta, trans in tqdm(placed, desc="joints and what hides them", unit="stretch", leave=False):
        with torch.no_grad():
            parts = zip(theta.split(chunk), trans.split(chunk), strict=True)
            joints.append(torch.cat([regress(pose, beta.expand(len(pose), -1), offset) for pose, offset in parts]))
        cameras = studio_rig(_distance(joints[-1]))
        visible.append(torch.stack([self_occlusion(camera.to_camera(joints[-1])) for camera in cameras]))
    return {"joints": torch.cat(joints).numpy(), "visible": torch.cat(visible, dim=1).numpy()}


def _distance(joints: Tensor) -> float:
    """Cameras stand 5.2 m from the middle, farther where the performer would come closer to one than 2.7 m."""
    reach = joints[:, 0, [0, 2]].norm(dim=-1).max().item()
    return max(5.2, round(reach + 2.7, 1))


def _detections(shown: list[Performance], keypoints: str) -> dict[str, np.ndarray]:
    """Detections in all clips, one after another, performance by performance, camera by camera."""
    detected = []
    for performance in tqdm(shown, desc=f"keypoints {keypoints}", unit="stretch", leave=False):
        for camera, visible in zip(performance.cameras, performance.visible, strict=True):
            seen = camera.to_camera(performance.joints)
            detected.append(_detect(seen, camera, visible, _take(performance), keypoints, level(keypoints)))
    return {"keypoints2d": torch.cat(detected).numpy()}


def _take(performance: Performance) -> str:
    return f"{performance.segment.take}@{performance.segment.start}"


def _detect(seen: Tensor, camera: Camera, visible: Tensor, take: str, keypoints: str, quality: Level) -> Tensor:
    """Detections of camera-space joints; take, camera and the level's name seed the draws, ``quality`` scales them."""
    height = camera.intrinsics[0] * STATURE / seen[:, 0, 2]
    seed = hashlib.sha256(f"{take}/{camera.name}/{keypoints}".encode()).digest()[:8]
    rng = np.random.default_rng(int.from_bytes(seed, "little"))
    return detect(camera.project(seen), visible, height, motions.FPS, quality, rng)


def redetected(clip: Clip, keypoints: str, **changes: float) -> Clip:
    """A clip with its detections of a level made again, from the same draws, with some of the level's numbers changed:
    ``redetected(clip, "fine_tuned", jitter=0.0)`` is what that detector would have seen without its jitter."""
    seen = clip.joints3d + clip.trajectory[:, None]
    quality = replace(level(keypoints), **changes)
    return replace(clip, keypoints2d=_detect(seen, clip.camera, clip.visible, clip.take, keypoints, quality))


def _clip(performance: Performance, camera: Camera, keypoints2d: Tensor, visible: Tensor) -> Clip:
    segment, joints = performance.segment, camera.to_camera(performance.joints)
    return Clip(
        take=_take(performance),
        subject=segment.subject,
        action=segment.action,
        fps=motions.FPS,
        source="embedded",
        camera=camera,
        theta=performance.theta,
        beta=performance.beta,
        joints3d=joints - joints[:, :1],
        trajectory=joints[:, 0],
        keypoints2d=keypoints2d,
        visible=visible,
    )
