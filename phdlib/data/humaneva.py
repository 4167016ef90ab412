"""HumanEva-I as VideoPose3D's users hold it: ``data_3d_humaneva15.npz`` and ``data_2d_humaneva15_KEYPOINTS.npz``.

The files are made from the data set (http://humaneva.is.tue.mpg.de) by the authors' scripts, see DATASETS.md of
https://github.com/facebookresearch/VideoPose3D. 60 Hz, three colour cameras, 15 joints. Subjects are named with their
part, "Train/S1", "Validate/S1", "Unlabeled/Validate/S1", "Unlabeled/S4"; a recording is cut into chunks where motion
capture was lost, "Walking 1 chunk0", and the chunks without it are unlabelled (VP3D 5.1, 5.3).

The files hold no lenses, and we found a published one for C1 only. So each camera's focal lengths, centre and two
terms of radial distortion are fitted to the 2D and 3D of the file: near the calibration with "gt", which was projected
by it; only about right with a detector's. Of VP3D's models only back-projection would use them, and it is not run here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from scipy.optimize import least_squares
from torch import Tensor

from phdlib.camera import project_perspective
from phdlib.data.calibrated import (
    UNKNOWN,
    Recording,
    Stand,
    Video,
    check_order,
    labelled,
    read_cameras,
    unlabelled,
    videos_of,
)
from phdlib.data.clip import Clip
from phdlib.data.videopose3d import Table2D, Table3D, find, in_order, read_2d, read_3d
from phdlib.skeleton import HUMANEVA15, Skeleton

FPS = 60.0
FILE_3D = "data_3d_humaneva15.npz"
PARTS = {"train": "Train", "test": "Validate"}  # VP3D 5.1: the validation set is what is tested on
UNLABELLED = "unlabelled"
ACTIONS = {"Walking": "Walk", "Jog": "Jog", "Box": "Box"}  # of VP3D Table 4, and its column
OTHER_ACTIONS = ("ThrowCatch", "Gestures")
LEVELS = {"pre_trained": "detectron_pt_coco"}  # nobody fine-tuned a detector on HumanEva (VP3D 5.2)
_SUBJECT = re.compile(r"(?:(Unlabeled/)?(Train|Validate)|Unlabeled)/(S[1-4])")
_NAME = re.compile(r"([A-Za-z]+)( \d+)?( chunk\d+)?")


def keypoints_file(keypoints: str) -> str:
    """The file of some detections, named as the authors do ("detectron_pt_coco") or as a level of :data:`LEVELS`."""
    return f"data_2d_humaneva15_{LEVELS.get(keypoints, keypoints)}.npz"


def load(
    folder: str | Path,
    keypoints: str = "gt",
    parts: Sequence[str] = ("train", "test"),
    actions: Sequence[str] | None = tuple(ACTIONS),
) -> list[Clip]:
    """Clips of HumanEva-I, one per chunk and camera, from the two files in ``folder`` (or in a folder in it).

    ``keypoints``: "gt", "detectron_pt_coco", the end of the file's name, or "pre_trained". ``parts``: of :data:`PARTS`,
    and "unlabelled". ``actions``: those of VP3D Table 4; None for all. Detections in COCO's order are put in
    HumanEva's (:func:`phdlib.data.videopose3d.in_order`); :func:`videos` leaves them. 2D longer than 3D is cut.

    ``FileNotFoundError`` if a file is missing; ``ValueError`` names the file, the field, what was found and expected.
    """
    return [video.as_clip() for video in videos(folder, keypoints, parts, actions)]


def videos(
    folder: str | Path,
    keypoints: str = "gt",
    parts: Sequence[str] = ("train", "test"),
    actions: Sequence[str] | None = tuple(ACTIONS),
) -> list[Video]:
    """As :func:`load`, with the keypoints in the order of their detector."""
    if unknown := [part for part in parts if part not in (*PARTS, UNLABELLED)]:
        raise ValueError(f"no part {unknown[0]!r} of HumanEva-I; there are {', '.join((*PARTS, UNLABELLED))}")
    path_3d, path_2d = find(folder, FILE_3D), find(folder, keypoints_file(keypoints))
    world, (detected, layout) = read_3d(path_3d, 15), read_2d(path_2d, 3)
    _check_names(world, path_3d, (*ACTIONS, *OTHER_ACTIONS))
    _check_names(detected, path_2d)
    where = f"{path_2d} beside {path_3d.name}"
    about, stands = read_cameras("humaneva_cameras.json")
    lenses = fit_lenses(list(labelled(world, detected, list(world), path_2d)), layout, stands, path_2d)
    found: list[Video] = []
    for part in parts:
        own = [subject for subject in world if subject.startswith(f"{PARTS.get(part)}/")]
        chosen = labelled(world, detected, own, path_2d) if part in PARTS else unlabelled(world, detected)
        for recording in chosen:
            subject, action = recording.subject.rpartition("/")[2], recording.name.split(" ")[0]
            if actions is not None and action not in actions:
                continue
            take, _, chunk = recording.name.partition(" chunk")
            take = f"{recording.subject} {take}" + (
                f"@chunk{chunk}" if chunk else ""
            )  # chunks of a take belong together
            clip = Clip(take, subject, action, FPS, "humaneva", HUMANEVA15)
            found += videos_of(recording, clip, layout, about, stands.get(subject, [UNKNOWN] * 3), lenses, where)
    if not found:
        raise ValueError(
            f"{path_3d}: positions_3d: found {', '.join(world)}, expected {', '.join(parts)} of "
            f"{', '.join(actions or ('any action',))}"
        )
    check_order(found, path_3d, path_2d)
    return found


def _check_names(table: Table3D | Table2D, path: Path, known: Sequence[str] = ()) -> None:
    """``ValueError`` for a subject or a recording named otherwise, or, if any are ``known``, for another action."""
    for subject, actions in table.items():
        if not _SUBJECT.fullmatch(subject):
            expected = "Train/S1 to S3, Validate/S1 to S3, or one that begins with Unlabeled/"
            raise ValueError(f"{path}: found the subject {subject!r:.40}, expected {expected}")
        for name in actions:
            match = _NAME.fullmatch(name)
            if match is None or (known and match[1] not in known):
                expected = f"one such as 'Walking 1 chunk0'{' of ' * bool(known)}{', '.join(known)}"
                raise ValueError(f"{path}: {subject}: found the action {name!r:.40}, expected {expected}")


def fit_lenses(
    recordings: Sequence[Recording], layout: Skeleton, stands: dict[str, list[Stand]], path: Path, every: int = 8
) -> list[Float[Tensor, 9]]:
    """For each camera the nine intrinsics that best lead from the 3D to the 2D of all labelled recordings, with k3 and
    p zero. Robust: a detector's gross errors weigh little. ``ValueError`` if a camera's come out as no lens."""
    shared = [joint for joint in HUMANEVA15.joints if joint in layout.joints]
    ours = [HUMANEVA15.index(joint) for joint in shared]
    lenses = []
    for i in range(3):
        pairs = [
            (stands[subject][i].to_camera(world[::every, ours]), in_order(view[::every], layout, HUMANEVA15)[:, ours])
            for subject, world, view in ((r.subject.rpartition("/")[2], r.world, r.views[i]) for r in recordings)
            if subject in stands
        ]
        if not pairs:
            raise ValueError(f"{path}: positions_2d: found no chunk with 3D of S1, S2 or S3, expected at least one")
        points, pixels = (torch.cat(part).flatten(0, 1) for part in zip(*pairs, strict=True))
        if bool((points[:, 2] <= 0).any()):
            raise ValueError(f"{path}: camera C{i + 1}: found joints behind it, expected metres in a world with z up")
        lenses.append(_fit(points, pixels, f"{path}: positions_2d, camera C{i + 1}"))
    return lenses


def _fit(points: Float[Tensor, "N 3"], pixels: Float[Tensor, "N 2"], where: str) -> Float[Tensor, 9]:
    points, pixels = points.double(), pixels.double()

    def lens(free: np.ndarray) -> Tensor:
        return torch.tensor([*free, 0.0, 0.0, 0.0], dtype=torch.float64)

    def off(free: np.ndarray) -> np.ndarray:
        return (project_perspective(points, lens(free)) - pixels).flatten().numpy()

    start = np.array([750.0, 750.0, 320.0, 240.0, 0.0, 0.0])  # twice the height of the picture or so, its middle
    best = least_squares(off, start, loss="soft_l1", f_scale=5.0, x_scale=[750, 750, 320, 240, 1, 1])
    f, c, median = best.x[:2], best.x[2:4], float(np.median(np.abs(off(best.x))))
    if not ((f > 500) & (f < 1100)).all() or not (np.abs(c - (320, 240)) < 120).all() or median > 15:
        raise ValueError(
            f"{where}: found a lens of f {f.round()}, c {c.round()} px that leaves keypoints {median:.0f} px off, "
            "expected f near 750 px: are the cameras, the joints or the subjects in another order?"
        )
    return lens(best.x).float()
