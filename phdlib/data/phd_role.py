"""PHD's data sets (4.1) out of the embedded data, at 25 Hz: what each of them knows, and the windows cut from them.

Human3.6M is the only set with 3D labels; Penn Action has 2D ground truth of 13 joints in one view; InstaVariety has a
detector's guesses. NBA, a second set with 2D ground truth, has no counterpart. In every role S1, S6, S7 and S8 train,
S5 validates, S9 and S11 test; PHD states this for Human3.6M and no split for the others.

The InstaVariety role takes the Penn role's performances (never its test) in the three views that the Penn role does not
show. It is the only motion here whose 3D no labelled clip hands out: it adds viewpoints and a detector's errors, but
unlike InstaVariety no new people and no new motion, and it is small beside the Human3.6M role, not large.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from roma import rotmat_to_rotvec, rotvec_to_rotmat
from torch import Tensor

from phdlib.body import Body, load_body
from phdlib.camera import RIG
from phdlib.data import embedded
from phdlib.data.clip import TEMPORAL, Clip
from phdlib.skeleton import H36M17, PENN13

FPS = 25.0
SHORTEST = 40  # frames of a clip and of a training window (PHD 6.1): 15 to condition on, 25 to predict
CONDITIONING, HORIZON = 15, 30  # frames seen before, and predicted in, an evaluation window (PHD 4.2)
EVERY = {"human36m": 25, "penn": 1}  # frames from one evaluation window to the next (PHD 4.2)
SUBJECTS = {"train": ("S1", "S6", "S7", "S8"), "validation": ("S5",), "test": ("S9", "S11")}
LABELS_3D = ("theta", "beta", "joints3d", "trajectory")


@dataclass(frozen=True)
class Supervision:
    """How a data set is labelled: the embedded role it is made of, the 2D it has (a detector level), 3D or not."""

    role: str
    keypoints: str
    labels3d: bool
    parts: tuple[str, ...] = ("train", "validation", "test")


ROLES = {
    "human36m": Supervision("human36m", "gt", True),
    "penn": Supervision("penn", "gt", False),
    "instavariety": Supervision("penn", "pre_trained", False, ("train", "validation")),
}


def load(
    role: str = "human36m",
    part: str = "train",
    *,
    keypoints: str | None = None,
    full_3d: bool = False,
    body_path: Path | None = None,
) -> list[Clip]:
    """Clips at 25 Hz of at least 40 frames, with what the role knows; the rest is None.

    ``role``: "human36m" with ``theta``, ``beta`` and 3D joints, four views; "penn" with 2D ground truth of Penn-13, one
    view per performance; "instavariety" with 2D of a detector level, H36M-17, the other three views. ``part``: "train",
    "validation" or "test". The camera stays, for its image size; PHD knows no calibration, and its losses use none.
    ``theta`` is as the camera sees it (see :func:`in_camera_frame`). ``keypoints``: another detector level than the
    role's own. ``full_3d`` hands out 3D in every role: to compare full with mixed supervision, never PHD's setting.

    ``ValueError`` names an unknown role, part or level; a part that the role lacks; a level for "penn", which has
    ground truth.
    """
    if role == "penn" and keypoints not in (None, "gt"):
        raise ValueError(f"role 'penn' has 2D ground truth, found keypoints {keypoints!r}, expected None or 'gt'")
    clips = [in_camera_frame(clip) for clip in recorded(role, part, keypoints=keypoints, body_path=body_path)]
    if role == "penn":
        body = load_body(body_path)
        clips = [penn_joints(clip, body) for clip in clips]
    return clips if ROLES[role].labels3d or full_3d else [without_3d(clip) for clip in clips]


def recorded(role: str, part: str, *, keypoints: str | None = None, body_path: Path | None = None) -> list[Clip]:
    """The performances behind :func:`load`'s clips, in the same order, with all that the embedded data knows of them:
    to render images of, or to make a network's input of, never as labels. H36M-17 in every role, ``theta`` in the
    world; frame i is frame 2i of the embedded clip of the same name. ``ValueError`` as for :func:`load`."""
    if role not in ROLES:
        raise ValueError(f"no role {role!r} in PHD's data; there are {', '.join(ROLES)}")
    known = ROLES[role]
    if part not in known.parts:
        raise ValueError(f"no part {part!r} in role {role!r}; there are {', '.join(known.parts)}")
    source = "test" if part == "test" else "train"
    clips = embedded.load(keypoints or known.keypoints, known.role, (source,), body_path)
    clips = [clip.every(2) for clip in clips if clip.subject in SUBJECTS[part] and _shows(role, clip)]
    return [clip for clip in clips if len(clip) >= SHORTEST]


def without_3d(clip: Clip) -> Clip:
    """A clip as a set without 3D labels has it."""
    return replace(clip, **dict.fromkeys(LABELS_3D))


def in_camera_frame(clip: Clip) -> Clip:
    """A clip whose pose is that which its camera sees: the global rotation of ``theta`` from world to camera axes, so
    that the body posed by it has ``joints3d`` but for a translation. A network without calibration can know no other.

    A camera's y points down, so that an upright person is turned by about half a turn, where axis-angle vectors jump
    from one end of their axis to the other: compare the rotations, not the vectors.
    """
    rotation = clip.camera.rotation @ rotvec_to_rotmat(clip.theta[:, :3])
    return replace(clip, theta=torch.cat((rotmat_to_rotvec(rotation), clip.theta[:, 3:]), dim=1))


def penn_joints(clip: Clip, body: Body) -> Clip:
    """A clip of H36M-17, its pose in the camera's frame, with 2D and 3D of Penn Action's 13 joints instead.

    Twelve of them are H36M-17's; the middle of the head is the body's, and in sight where H36M-17's head is.
    ``trajectory`` is then the path of Penn-13's root, its head.
    """
    with torch.no_grad():
        joints = body.keypoints(PENN13)(clip.theta, clip.beta[None])
    hips = [PENN13.index("left_hip"), PENN13.index("right_hip")]
    joints = joints - joints[:, hips].mean(dim=1, keepdim=True) + clip.trajectory[:, None]  # H36M-17's root is midway
    return replace(
        clip,
        skeleton=PENN13,
        joints3d=joints - joints[:, :1],
        trajectory=joints[:, 0],
        keypoints2d=clip.camera.project(joints),
        visible=clip.visible[:, [H36M17.index(joint) for joint in PENN13.joints]],
    )


def _shows(role: str, clip: Clip) -> bool:
    """Whether a role has this view: all; one of each performance, drawn by its name; or the others."""
    if role == "human36m":
        return True
    drawn = hashlib.sha256(f"{clip.take}/penn view".encode()).digest()[0] % len(RIG)
    return (clip.camera.name == RIG[drawn][0]) == (role == "penn")


@dataclass(frozen=True, eq=False)
class Windows:
    """Stretches of equal length: window i is ``frames`` frames of clip ``clip[i]`` from its frame ``start[i]`` on."""

    clip: Tensor  # (N,) int64
    start: Tensor  # (N,) int64
    frames: int

    def __len__(self) -> int:
        return len(self.clip)


def windows(clips: Sequence[Clip], frames: int, every: int = 1) -> Windows:
    """All whole stretches of ``frames`` frames that begin at frame 0, ``every``, 2 ``every``, ... of a clip.

    A clip that is shorter has none. ``ValueError`` unless ``frames`` and ``every`` are at least 1.
    """
    if frames < 1 or every < 1:
        raise ValueError(f"windows: expected frames and every of at least 1, found {frames} and {every}")
    starts = [torch.arange(0, max(len(clip) - frames + 1, 0), every) for clip in clips]
    owners = [torch.full((len(start),), i) for i, start in enumerate(starts)]
    none = [torch.empty(0, dtype=torch.int64)]
    return Windows(torch.cat(none + owners), torch.cat(none + starts), frames)


def training_windows(clips: Sequence[Clip], every: int = 1) -> Windows:
    """Stretches of 40 frames (PHD 6.1): 15 to condition on and 25 to predict, the curriculum's last stage (3.4)."""
    return windows(clips, SHORTEST, every)


def evaluation_windows(clips: Sequence[Clip], every: int, horizon: int = HORIZON) -> Windows:
    """Stretches of 15 conditioning frames and ``horizon`` frames to predict, begun every ``every`` frames (PHD 4.2).

    The present frame is number 14 of a window, the first predicted one number 15. PHD's ``every`` is in :data:`EVERY`.
    The first conditioning frame is repeated before itself by the convolutions' edge padding, so the encoder needs the
    15 alone. Only windows that are whole are taken, so that all horizons are measured on the same ones (the paper does
    not say): a clip has any from 45 frames on, as PHD leaves out Jumping Jacks for being too short (Table 5).
    """
    return windows(clips, CONDITIONING + horizon, every)


def cut(clip: Clip, start: int, frames: int) -> Clip:
    """A stretch of a clip. ``ValueError`` if the clip does not have all of its frames."""
    if not 0 <= start <= len(clip) - frames:
        raise ValueError(f"clip {clip.name}: frames {start} to {start + frames - 1} of {len(clip)}")
    kept = {name: getattr(clip, name) for name in TEMPORAL}
    kept = {name: value[start : start + frames] for name, value in kept.items() if value is not None}
    return replace(clip, take=f"{clip.take}+{start}", **kept)
