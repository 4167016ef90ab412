"""Tiny files in the layouts of data sets that have to be got elsewhere, made of the embedded motion.

They show what a loader makes of such files, and nothing else: a few takes stand for all actions, there is one body,
cameras make no noise, weights and features are drawn at random. Every ``write_*`` takes the folder that stands for
``PHDLIB_DATA``.
"""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import roma
import torch
from PIL import Image, ImageDraw
from scipy.io import savemat
from torch import Tensor

from phdlib.body import Body, load_body
from phdlib.camera import HUMANEVA_RIG, studio_rig
from phdlib.data import human36m, rigs
from phdlib.data.bvh_export import Posed, to_bvh
from phdlib.data.calibrated import Z_UP_TO_Y_UP, read_cameras
from phdlib.data.motion import Motion, load_motions, load_neutral
from phdlib.data.smpl_motion import SmplMotion, turned
from phdlib.lifting import TemporalModel
from phdlib.open_body import open_body
from phdlib.skeleton import COCO17, H36M17, HUMANEVA15, PENN13, SMPL24, Skeleton

SIZE = (320, 240)  # pixels of the stand-ins' videos
Z_UP = Z_UP_TO_Y_UP.T
_load_motions, _body = lru_cache(load_motions), lru_cache(load_body)


def embedded_motion(take: str, fps: float, frames: int) -> Motion:
    """The first frames of an embedded take, at a rate of one's own."""
    motion = _load_motions()[take].at_rate(fps)
    return replace(motion, theta=motion.theta[:frames], root=motion.root[:frames])


def on_body(motion: Motion, body: Body | None = None, source: str = "embedded") -> SmplMotion:
    """A take as parameters of a body (None: the open one) of shape zero; its world's y points up."""
    pelvis = (body or _body()).rest_joints(torch.zeros(1, 10))[0, 0]
    return SmplMotion(motion.name, source, motion.fps, motion.theta, torch.zeros(10), motion.root - pelvis, "", "y")


def _centred(take: str, fps: float, frames: int) -> SmplMotion:
    return on_body(embedded_motion(take, fps, frames)).centred()


def _joints(motion: SmplMotion, skeleton: Skeleton) -> Tensor:
    """(T, J, 3) in the world, metres, y up."""
    with torch.no_grad():
        return _body().keypoints(skeleton)(motion.theta, motion.beta[None], motion.trans)


def write_human36m(folder: Path) -> None:
    """VideoPose3D's 3D, 2D ground truth and CPN detections: S1, S9 and S11 walk, four cameras."""
    cameras, stands = read_cameras("human36m_cameras.json")
    rng = np.random.default_rng(0)
    world, seen, found = {}, {}, {}
    for subject, take in {"S1": "07_01", "S9": "05_01", "S11": "06_01"}.items():
        joints = (_joints(_centred(take, 50.0, 60), H36M17) @ Z_UP.T.float()).numpy()
        full = np.zeros((len(joints), 32, 3), np.float32)
        full[:, human36m.JOINTS] = joints
        views = [
            stand.camera(camera, torch.tensor(camera["lens"])).project(stand.to_camera(joints)).numpy()
            for stand, camera in zip(stands[subject], cameras, strict=True)
        ]
        world[subject], seen[subject] = {"Walking 1": full}, {"Walking 1": views}
        found[subject] = {"Walking 1": [v + rng.normal(0, 4, v.shape).astype(np.float32) for v in views]}
    np.savez_compressed(folder / "data_3d_h36m.npz", positions_3d=world)
    for name, views in {"gt": seen, "cpn_ft_h36m_dbb": found}.items():
        about = _metadata("h36m", H36M17)
        np.savez_compressed(folder / f"data_2d_h36m_{name}.npz", positions_2d=views, metadata=about)


def write_humaneva(folder: Path) -> None:
    """VideoPose3D's 3D and 2D ground truth: three subjects walk in both parts, three cameras."""
    _, stands = read_cameras("humaneva_cameras.json")
    walks = {"Train": ("07_01", "02_01", "07_04"), "Validate": ("07_03", "02_02", "07_05")}
    world, seen = {}, {}
    for part, takes in walks.items():
        for i, take in enumerate(takes, start=1):
            joints = (_joints(_centred(take, 60.0, 60), HUMANEVA15) @ Z_UP.T.float()).numpy()
            views = []
            for stand, (name, *_, width, height, lens) in zip(stands[f"S{i}"], HUMANEVA_RIG, strict=True):
                plain = torch.tensor([*lens[:6], 0.0, 0.0, 0.0])  # as the loader takes lenses to be
                camera = stand.camera({"name": name, "width": width, "height": height}, plain)
                views.append(camera.project(stand.to_camera(joints)).numpy())
            world[f"{part}/S{i}"] = {"Walking 1 chunk0": joints}
            seen[f"{part}/S{i}"] = {"Walking 1 chunk0": views}
    np.savez_compressed(folder / "data_3d_humaneva15.npz", positions_3d=world)
    about = _metadata("humaneva15", HUMANEVA15)
    np.savez_compressed(folder / "data_2d_humaneva15_gt.npz", positions_2d=seen, metadata=about)


def _metadata(name: str, skeleton: Skeleton) -> dict[str, object]:
    sides = [list(skeleton.left), list(skeleton.right)]
    return {"layout_name": name, "num_joints": len(skeleton), "keypoints_symmetry": sides}


def write_checkpoint(folder: Path) -> None:
    """A checkpoint of VideoPose3D's layout, small and untrained, and :func:`write_human36m`'s files for it."""
    write_human36m(folder)
    model = TemporalModel(17, 2, 17, (3, 3), channels=8, generator=torch.Generator().manual_seed(0))
    torch.save({"epoch": 0, "model_pos": model.state_dict()}, folder / "pretrained_h36m_cpn.bin")


def write_penn(folder: Path) -> None:
    """Penn Action's folders with one video: somebody bends over and rises, drawn with a stick."""
    motion = _centred("02_06", 25.0, 48)
    lens = torch.tensor([600.0, 600.0, SIZE[0] / 2, SIZE[1] / 2, 0, 0, 0, 0, 0])
    camera = replace(studio_rig()[0], intrinsics=lens, width=SIZE[0], height=SIZE[1])
    points = motion.clip(_body(), camera, PENN13).keypoints2d.numpy().astype(np.float64)
    labels, images = folder / "Penn_Action" / "labels", folder / "Penn_Action" / "frames" / "0001"
    labels.mkdir(parents=True, exist_ok=True)
    images.mkdir(parents=True, exist_ok=True)
    T = len(points)
    # The left shoulder of somebody seen from the front is to the right in the picture.
    front = np.median(points[:, 1, 0] - points[:, 2, 0]) > 0
    fields = {"x": points[..., 0], "y": points[..., 1], "visibility": np.ones((T, 13)), "action": "bowl",
              "pose": "front" if front else "back", "train": [[-1.0]], "nframes": [[float(T)]],
              "dimensions": [[float(SIZE[1]), float(SIZE[0]), float(T)]],
              "bbox": np.concatenate((points.min(1), points.max(1)), axis=1)}  # fmt: skip
    savemat(labels / "0001.mat", fields)
    for i, pose in enumerate(points, start=1):
        _stick_figure(pose, PENN13).save(images / f"{i:06d}.jpg", quality=90)


def _stick_figure(pose: np.ndarray, skeleton: Skeleton) -> Image.Image:
    image = Image.new("RGB", SIZE, (196, 203, 210))
    draw = ImageDraw.Draw(image)
    for bone in skeleton.bones:
        draw.line([tuple(pose[joint]) for joint in bone], fill=(90, 90, 95), width=9)
    draw.circle(tuple(pose[0]), 12, fill=(90, 90, 95))
    return image


def write_amass(folder: Path) -> None:
    """AMASS with one motion of SMPL+H, somebody who boxes, at 120 Hz; z points up."""
    motion, pelvis = _centred("02_05", 120.0, 240), _body().rest_joints(torch.zeros(1, 10))[0, 0]
    poses = torch.zeros(len(motion), 156)
    poses[:, :66] = turned(motion.theta, Z_UP)[:, :66]
    path = folder / "AMASS" / "CMU" / "02" / "02_05_poses.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    trans = (motion.trans + pelvis) @ Z_UP.T.float() - pelvis
    np.savez(path, poses=poses.double().numpy(), trans=trans.double().numpy(), betas=np.zeros(16), gender="neutral",
             mocap_framerate=120.0, dmpls=np.zeros((len(motion), 8)))  # fmt: skip


def write_3dpw(folder: Path) -> None:
    """3DPW with one sequence: one person dances before a camera that turns; the camera is lost for six frames."""
    motion = _centred("05_13", 30.0, 100)
    N, camera = len(motion), studio_rig()[0]
    turn = roma.rotvec_to_rotmat(torch.tensor([0.0, 0.05, 0.0]) * torch.linspace(-1, 1, N)[:, None])
    poses = torch.eye(4).repeat(N, 1, 1)
    poses[:, :3, :3], poses[:, :3, 3] = turn @ camera.rotation, turn @ camera.translation
    valid = np.ones(N, dtype=np.int64)
    valid[45:51] = 0
    content = {
        "sequence": "dance_00", "poses": [motion.theta.double().numpy()], "trans": [motion.trans.double().numpy()],
        "betas": [np.zeros(10)], "genders": ["m"], "campose_valid": [valid], "poses2d": [np.zeros((N, 3, 18))],
        "jointPositions": [_joints(motion, SMPL24).double().numpy().reshape(N, 72)],
        "cam_poses": poses.double().numpy(), "cam_intrinsics": np.array([[1960.0, 0, 540], [0, 1960, 960], [0, 0, 1]]),
    }  # fmt: skip
    path = folder / "3DPW" / "sequenceFiles" / "test" / "dance_00.pkl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content, 2))


def write_smpl(folder: Path) -> None:
    """The open body as a pickle in SMPL's form, without chumpy's objects."""
    (folder / "smpl").mkdir(exist_ok=True)
    (folder / "smpl" / "open_body.pkl").write_bytes(pickle.dumps(dict(open_body()), 2))


def write_features(folder: Path) -> None:
    """:func:`write_penn`'s video with features of the right shape, drawn at random."""
    write_penn(folder)
    (folder / "hmr_features").mkdir(exist_ok=True)
    drawn = np.random.default_rng(0).normal(size=(48, 2048)).astype(np.float32)
    np.savez(folder / "hmr_features" / "0001.npz", features=drawn)


def write_detections(folder: Path) -> None:
    """A detector's COCO-17 as JSON, two seconds at 25 per second; nobody is found for eight frames."""
    points = studio_rig()[0].project(studio_rig()[0].to_camera(_joints(_centred("06_15", 25.0, 50), COCO17)))
    rows = [[[round(x, 1), round(y, 1), 0.9] for x, y in pose] for pose in points.tolist()]
    rows[20:28] = [None] * 8
    content = {"fps": 25, "width": 1000, "height": 1002, "frames": rows}
    (folder / "detections").mkdir(exist_ok=True)
    (folder / "detections" / "basketball.json").write_text(json.dumps(content), encoding="utf-8")


def write_bvh(folder: Path) -> None:
    """A karate kick as BVH, its joints under Mixamo's names."""
    motion = embedded_motion("135_04", 30.0, 90)
    names = {joint: f"mixamorig:{name}" for joint, (name, *_) in rigs.MIXAMO.turns.items()}
    ends = {f"{side}_hand": f"mixamorig:{side.title()}HandMiddle1" for side in rigs.SIDES}
    skeleton = Skeleton("mixamo", tuple((names | ends)[joint] for joint in SMPL24.joints), SMPL24.parents)
    rotations = roma.rotvec_to_rotmat(motion.theta.double().unflatten(1, (-1, 3)))
    text = to_bvh(Posed(skeleton, load_neutral().rest_joints, rotations, motion.root.double()), motion.fps)
    (folder / "my_bvh").mkdir(exist_ok=True)
    (folder / "my_bvh" / "kick.bvh").write_text(text, encoding="ascii")
