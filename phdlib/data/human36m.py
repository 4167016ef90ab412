"""Human3.6M as VideoPose3D's users hold it: ``data_3d_h36m.npz`` and ``data_2d_h36m_KEYPOINTS.npz`` (VP3D 5.1, 5.2).

The files come from https://github.com/facebookresearch/VideoPose3D (DATASETS.md there says how); the motion itself is
licensed by http://vision.imar.ro/human3.6m. 50 Hz, four cameras, 32 joints of which 17 are used. The calibration is the
data set's own, in ``assets/human36m_cameras.json``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import torch

from phdlib.data.calibrated import UNKNOWN, Video, check_order, labelled, read_cameras, unlabelled, videos_of
from phdlib.data.clip import Clip
from phdlib.data.videopose3d import find, read_2d, read_3d
from phdlib.skeleton import H36M17

FPS = 50.0
FILE_3D = "data_3d_h36m.npz"
PARTS = {"train": ("S1", "S5", "S6", "S7", "S8"), "test": ("S9", "S11")}  # VP3D 5.1
UNLABELLED = "unlabelled"  # part: whoever has 2D and no 3D, S2, S3 and S4 in the authors' detections

# Of the 32 joints; what is left out does not move or doubles another one. The order is that of H36M17.
JOINTS = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)

# Action, as the files name it, and its column in VP3D Tables 1 and 2.
ACTIONS = {
    "Directions": "Dir.", "Discussion": "Disc.", "Eating": "Eat", "Greeting": "Greet", "Phoning": "Phone",
    "Photo": "Photo", "Posing": "Pose", "Purchases": "Purch.", "Sitting": "Sit", "SittingDown": "SitD.",
    "Smoking": "Smoke", "Waiting": "Wait", "WalkDog": "WalkD.", "Walking": "Walk", "WalkTogether": "WalkT.",
}  # fmt: skip
_ALIASES = {"TakingPhoto": "Photo", "WalkingDog": "WalkDog"}  # as in the data set's own files

# What this project calls levels of the detector, and the authors' detections that are of that kind (VP3D Table 3).
LEVELS = {
    "fine_tuned": "cpn_ft_h36m_dbb",
    "pre_trained": "detectron_pt_coco",
    "coarse": "sh_pt_mpii",
}


def keypoints_file(keypoints: str) -> str:
    """The file of some detections, named as the authors do ("cpn_ft_h36m_dbb") or as a level of :data:`LEVELS`."""
    return f"data_2d_h36m_{LEVELS.get(keypoints, keypoints)}.npz"


def load(folder: str | Path, keypoints: str = "gt", parts: Sequence[str] = ("train", "test")) -> list[Clip]:
    """Clips of Human3.6M, one per recording and camera, from the two files in ``folder`` (or in a folder in it).

    ``keypoints``: "gt", "cpn_ft_h36m_dbb", "detectron_ft_h36m", ... the end of the file's name, or a level of
    :data:`LEVELS`. ``parts``: of :data:`PARTS`, and "unlabelled". Files may hold any of the subjects. Detections in
    COCO's or MPII's order are put in that of Human3.6M (:func:`phdlib.data.videopose3d.in_order`); :func:`videos`
    leaves them as they are. 2D longer than 3D is cut.

    ``FileNotFoundError`` if a file is missing; ``ValueError`` names the file, the field, what was found and expected.
    """
    return [video.as_clip() for video in videos(folder, keypoints, parts)]


def videos(folder: str | Path, keypoints: str = "gt", parts: Sequence[str] = ("train", "test")) -> list[Video]:
    """As :func:`load`, with the keypoints in the order of their detector."""
    if unknown := [part for part in parts if part not in (*PARTS, UNLABELLED)]:
        raise ValueError(f"no part {unknown[0]!r} of Human3.6M; there are {', '.join((*PARTS, UNLABELLED))}")
    path_3d, path_2d = find(folder, FILE_3D), find(folder, keypoints_file(keypoints))
    world, (detected, layout) = read_3d(path_3d, 32), read_2d(path_2d, 4)
    for table, path in ((world, path_3d), (detected, path_2d)):
        for subject, actions in table.items():
            for name in actions:
                action_of(name, f"{path}: {subject}")
    where = f"{path_2d} beside {path_3d.name}"
    about, stands = read_cameras("human36m_cameras.json")
    lenses = [torch.tensor(camera["lens"]) for camera in about]
    found: list[Video] = []
    for part in parts:
        chosen = labelled(world, detected, PARTS[part], path_2d) if part in PARTS else unlabelled(world, detected)
        for recording in chosen:
            subject, name, joints, _ = recording
            clip = Clip(f"{subject} {name}", subject, action_of(name), FPS, "human36m", H36M17)
            reduced = recording._replace(world=None if joints is None else joints[:, JOINTS])
            found += videos_of(reduced, clip, layout, about, stands.get(subject, [UNKNOWN] * 4), lenses, where)
    if not found:
        raise ValueError(
            f"{path_3d}: positions_3d: found {', '.join(world)}, expected subjects of {', '.join(parts)}: "
            f"{', '.join(subject for part in parts for subject in PARTS.get(part, ()))}"
        )
    check_order(found, path_3d, path_2d)
    return found


def action_of(name: str, where: str = "Human3.6M") -> str:
    """The action of a recording such as "Walking 1": its name without the number. ``ValueError`` for another one."""
    action = re.sub(r" \d+$", "", name)
    action = _ALIASES.get(action, action)
    if action not in ACTIONS:
        raise ValueError(f"{where}: found the action {name!r:.40}, expected {', '.join(ACTIONS)}, or one with a number")
    return action
