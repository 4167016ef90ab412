"""VideoPose3D's files in the official layout, tiny and synthetic: a walker in a world with z up, and what its cameras
see of it, by a second implementation of the projection."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from phdlib.data.calibrated import ASSETS

KEPT = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]  # of 32, as the authors keep them
REST = np.array([  # H36M-17, metres: x to the left, z up
    [0, 0, .95], [-.12, 0, .93], [-.12, 0, .5], [-.12, 0, .08], [.12, 0, .93], [.12, 0, .5], [.12, 0, .08], [0, 0, 1.2],
    [0, 0, 1.45], [0, -.08, 1.55], [0, 0, 1.72], [.17, 0, 1.42], [.2, 0, 1.15], [.2, 0, .9], [-.17, 0, 1.42],
    [-.2, 0, 1.15], [-.2, 0, .9],
])  # fmt: skip
H36M_TO_EVA = [0, 8, 11, 12, 13, 14, 15, 16, 4, 5, 6, 1, 2, 3, 10]
H36M_TO_COCO = [9, 9, 9, 10, 10, 11, 14, 12, 15, 13, 16, 4, 1, 5, 2, 6, 3]
H36M_TO_MPII = [3, 2, 1, 4, 5, 6, 0, 8, 9, 10, 16, 15, 14, 11, 12, 13]
SYMMETRY = {
    "h36m": (17, [[4, 5, 6, 11, 12, 13], [1, 2, 3, 14, 15, 16]]),
    "coco": (17, [[1, 3, 5, 7, 9, 11, 13, 15], [2, 4, 6, 8, 10, 12, 14, 16]]),
    "mpii": (16, [[3, 4, 5, 13, 14, 15], [0, 1, 2, 10, 11, 12]]),
    "humaneva15": (15, [[2, 3, 4, 8, 9, 10], [5, 6, 7, 11, 12, 13]]),
}
EVA_LENS = [765.79, 765.33, 299.77, 232.35, -0.289, 0.106, 0.0, 0.0, 0.0]


def motion(frames: int, seed: int) -> np.ndarray:
    """(T, 17, 3) metres, world with z up: swinging, turning and walking about the middle of the room."""
    rng = np.random.default_rng(seed)
    t = np.arange(frames)[:, None, None] / 50
    swing = 0.06 * np.sin(2 * np.pi * ((1 + rng.random((17, 3))) * t + rng.random((17, 3))))
    turn = Rotation.from_euler("z", rng.uniform(0, 6) + 0.8 * t[:, 0]).as_matrix()
    path = np.stack([0.5 * np.sin(t[:, 0, 0] + seed), 0.4 * np.cos(0.7 * t[:, 0, 0]), 0 * t[:, 0, 0]], -1)
    return np.einsum("tij,tkj->tki", turn, REST + swing) + path[:, None]


def project(world: np.ndarray, stand: list, lens: list) -> np.ndarray:
    """Pixels (T, J, 2) of world points, from a quaternion (w, x, y, z) and a position in mm."""
    (w, x, y, z), position = stand
    seen = Rotation.from_quat([x, y, z, w]).inv().apply((world - np.array(position) / 1000).reshape(-1, 3))
    fx, fy, cx, cy, k1, k2, k3, p1, p2 = lens
    u, v = seen[:, 0] / seen[:, 2], seen[:, 1] / seen[:, 2]
    r = u * u + v * v
    bend = 1 + k1 * r + k2 * r**2 + k3 * r**3 + p1 * u + p2 * v
    return np.stack([fx * (u * bend + p1 * r) + cx, fy * (v * bend + p2 * r) + cy], -1).reshape(*world.shape[:-1], 2)


def calibration(name: str) -> dict:
    return json.loads((ASSETS / f"{name}_cameras.json").read_text())


def metadata(layout: str, named: bool = True) -> dict:
    joints, symmetry = SYMMETRY[layout]
    return ({"layout_name": layout} if named else {}) | {"num_joints": joints, "keypoints_symmetry": symmetry}


def detected(pixels: np.ndarray, layout: str, rng: np.random.Generator, noise: float) -> np.ndarray:
    """Keypoints of a layout out of H36M-17's."""
    order = {"h36m": list(range(17)), "coco": H36M_TO_COCO, "mpii": H36M_TO_MPII, "humaneva15": H36M_TO_EVA}[layout]
    return (pixels[:, order] + noise * rng.standard_normal((len(pixels), len(order), 2))).astype("float32")


def human36m_content(
    subjects=("S1", "S5", "S9"), actions=("Directions", "Walking 1"), frames=40, layout="h36m", noise=0.0, more=5
) -> tuple[dict, dict]:
    """``positions_3d`` and ``positions_2d``; every video of the first action is ``more`` frames longer than its 3D."""
    about, rng = calibration("human36m"), np.random.default_rng(0)
    world, seen = {}, {}
    for i, subject in enumerate(subjects):
        world[subject], seen[subject] = {}, {}
        for j, action in enumerate(actions):
            long = motion(frames + (more if j == 0 else 0), 10 * i + j)
            full = rng.normal(size=(frames, 32, 3))  # what is not kept may be anything
            full[:, KEPT] = long[:frames]
            world[subject][action] = full.astype("float32")
            views = zip(about["stands"][subject], about["cameras"], strict=True)
            pixels = [project(long, stand, camera["lens"]) for stand, camera in views]
            seen[subject][action] = [detected(p, layout, rng, noise) for p in pixels]
    return world, seen


def write_human36m(folder: Path, keypoints: str = "gt", layout: str = "h36m", named: bool = True, **content) -> Path:
    world, seen = human36m_content(layout=layout, **content)
    np.savez_compressed(folder / "data_3d_h36m.npz", positions_3d=world)
    path = folder / f"data_2d_h36m_{keypoints}.npz"
    np.savez_compressed(path, positions_2d=seen, metadata=metadata(layout, named))
    return path


def humaneva_content(layout: str = "humaneva15", noise: float = 0.0, frames: int = 40) -> tuple[dict, dict]:
    """Walking, Jog, Box and Gestures of three subjects in two parts, the walk in chunks 0 and 2 around a gap."""
    about, rng = calibration("humaneva"), np.random.default_rng(1)
    world, seen = {}, {}
    names = ("Walking 1 chunk0", "Walking 1 chunk2", "Jog 1 chunk0", "Box 1 chunk0", "Gestures 1 chunk0")
    for i, subject in enumerate(f"{part}/S{n}" for part in ("Train", "Validate") for n in (1, 2, 3)):
        world[subject], seen[subject] = {}, {}
        for j, name in enumerate(names):
            joints = motion(frames, 10 * i + j)
            views = [project(joints, stand, EVA_LENS) for stand in about["stands"][subject[-2:]]]
            world[subject][name] = joints[:, H36M_TO_EVA].astype("float32")
            seen[subject][name] = [detected(view, layout, rng, noise) for view in views]
        seen[f"Unlabeled/{subject}"] = {"Walking 1 chunk1": [v[:30] for v in seen[subject][names[0]]]}
    seen["Unlabeled/S4"] = {"Box 2": [seen["Train/S1"][names[0]][0], None, seen["Train/S1"][names[0]][2]]}
    return world, seen


def write_humaneva(folder: Path, keypoints: str = "gt", layout: str = "humaneva15", **content) -> Path:
    world, seen = humaneva_content(layout, **content)
    np.savez_compressed(folder / "data_3d_humaneva15.npz", positions_3d=world)
    path = folder / f"data_2d_humaneva15_{keypoints}.npz"
    np.savez_compressed(path, positions_2d=seen, metadata=metadata(layout))
    return path
