"""What kind of motion an evaluation window holds, measured on the truth: how fast, how straight, how periodic it is,
how far from a common pose, how much of it is in sight, and how much the present pose alone gives away.

PHD explains its per-action tables (4 to 7) by such properties, under the names of the actions of Human3.6M and Penn
Action. Other data has other actions; the properties can be measured anywhere. 3D is used in every role, since this
describes the data and trains nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from phdlib.baselines import torso
from phdlib.data import phd_role
from phdlib.data.clip import Clip
from phdlib.data.phd_role import CONDITIONING, EVERY, evaluation_windows
from phdlib.examples import periodicity
from phdlib.futures import describe, window_frames
from phdlib.metrics import p_mpjpe
from phdlib.skeleton import Skeleton

POSES_PER_ACTION = 300  # training poses that the present pose is looked up among, of each action at most
NEIGHBOURS = 15
COLUMNS = ("speed", "straightness", "periodicity", "intricacy", "in sight", "telling")


def window_properties(role: str) -> pd.DataFrame:
    """One row per evaluation window of a role's test clips, in their order: what it is of
    (:func:`phdlib.futures.describe`) and :data:`COLUMNS`:

    - ``speed``: how far a joint moves from frame to frame against the hips' middle, mm, mean over the future;
    - ``straightness``: see :func:`straightness`, of the future;
    - ``periodicity``: see :func:`phdlib.examples.periodicity`, of the whole clip: 30 frames hold one stride at most;
    - ``intricacy``: P-MPJPE in mm of the mean training pose as a guess at the future's true poses;
    - ``in sight``: share of the keypoints of all 45 frames that the body does not hide;
    - ``telling``: share of the present pose's nearest training poses that are of its action (:func:`telling`).
    """
    clips, training = (phd_role.load(role, part, full_3d=True) for part in ("test", "train"))
    return properties(clips, training, EVERY[role])


def properties(clips: Sequence[Clip], training: Sequence[Clip], every: int) -> pd.DataFrame:
    """:func:`window_properties` of any clips with 3D, their windows begun ``every`` frames."""
    skeleton, windows = clips[0].skeleton, evaluation_windows(clips, every)
    table = describe(clips, windows)
    joints = about_the_hips(window_frames(clips, windows, "joints3d"), skeleton)
    future = joints[:, CONDITIONING:]
    table["speed"] = 1000 * future.diff(dim=1).norm(dim=-1).mean(dim=(1, 2)).numpy()
    table["straightness"] = straightness(future).numpy()
    of_clip = np.array([periodicity(clip.joints3d) for clip in clips])
    table["periodicity"] = of_clip[windows.clip.numpy()]
    known, actions = training_poses(training)
    mean = known.mean(dim=0)
    table["intricacy"] = 1000 * p_mpjpe(mean.expand_as(future), future).mean(dim=1).numpy()
    table["in sight"] = window_frames(clips, windows, "visible").double().mean(dim=(1, 2)).numpy()
    present = own_frame(joints[:, CONDITIONING - 1], skeleton)
    table["telling"] = telling(present, table["action"].tolist(), known, actions)
    return table


def about_the_hips(joints: Tensor, skeleton: Skeleton) -> Tensor:
    """Joints (..., J, 3) relative to the middle of the hips, which every skeleton has."""
    hips = joints[..., [skeleton.index("left_hip"), skeleton.index("right_hip")], :]
    return joints - hips.mean(dim=-2, keepdim=True)


def own_frame(joints: Tensor, skeleton: Skeleton) -> Tensor:
    """Poses (..., J, 3) as seen by the person: about the hips, in the torso's axes."""
    return about_the_hips(joints, skeleton) @ torso(joints, skeleton).mT


def straightness(joints: Tensor) -> Tensor:
    """Of motions (N, T, J, 3): how far the joints get, as a share of the way they go, all joints added up: (N,).

    1 for motion along straight lines, near 0 for motion that comes back to where it began or turns often. 1 where
    nothing moves.
    """
    net = (joints[:, -1] - joints[:, 0]).norm(dim=-1).sum(dim=-1)
    way = joints.diff(dim=1).norm(dim=-1).sum(dim=(1, 2))
    return torch.where(way > 0, net / way.where(way > 0, 1), 1)


def training_poses(clips: Sequence[Clip], per_action: int = POSES_PER_ACTION) -> tuple[Tensor, list[str]]:
    """Poses (F, J, 3) in :func:`own_frame`, evenly spread over the clips of each action, as many of each action as the
    rarest has, at most ``per_action``; and the action of each."""
    of_action: dict[str, list[Tensor]] = {}
    for clip in clips:
        of_action.setdefault(clip.action, []).append(own_frame(clip.joints3d, clip.skeleton))
    frames = {action: torch.cat(parts) for action, parts in of_action.items()}
    count = min(per_action, *(len(poses) for poses in frames.values()))
    spread = {a: p[torch.linspace(0, len(p) - 1, count).round().long()] for a, p in frames.items()}
    return torch.cat(list(spread.values())), [action for action in spread for _ in range(count)]


def telling(present: Tensor, actions: Sequence[str], known: Tensor, known_actions: Sequence[str]) -> np.ndarray:
    """Share (N,) of the 15 nearest ``known`` poses (F, J, 3) that are of the action of ``present`` (N, J, 3).

    By the Euclidean distance of joints in :func:`own_frame`. 1: the pose alone tells the action; around one over the
    number of actions: it tells nothing. 0 for an action that the known poses lack.
    """
    if len(known) < NEIGHBOURS:
        raise ValueError(f"telling: needs {NEIGHBOURS} known poses at least, found {len(known)}")
    nearest = torch.cdist(present.flatten(1), known.flatten(1)).topk(NEIGHBOURS, largest=False).indices.numpy()
    same = np.array(known_actions, dtype=object)[nearest] == np.array(actions, dtype=object)[:, None]
    return same.mean(axis=1)
