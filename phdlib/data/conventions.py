"""Which joint stands at which index in whose files: the one table, and the way from any of them to any other by name.

Names are this library's: ``left`` and ``right`` are the person's own. What carries the same word need not be the same
point, a "head" is the top of the skull in Human3.6M and its middle in Penn Action: :data:`MEANINGS` tells them apart.
"""

from __future__ import annotations

import re

import torch
from torch import Tensor

from phdlib.skeleton import COCO17, H36M17, HUMANEVA15, PENN13, SMPL24, Skeleton


def _skeleton(name: str, tree: str) -> Skeleton:
    """``"child:parent ..."`` as in :mod:`phdlib.skeleton`; ``l_`` and ``r_`` are short for the sides."""
    tree = re.sub(r"\bl_", "left_", re.sub(r"\br_", "right_", tree))
    pairs = [item.partition(":") for item in tree.split()]
    joints = tuple(child for child, _, _ in pairs)
    return Skeleton(name, joints, tuple(joints.index(parent) if parent else -1 for _, _, parent in pairs))


# Human3.6M as it is recorded; "still" joints never move against their parent. VideoPose3D keeps H36M-17 of these.
H36M32 = _skeleton(
    "H36M-32",
    "pelvis r_hip:pelvis r_knee:r_hip r_ankle:r_knee r_toes:r_ankle r_toe_end:r_toes l_hip:pelvis l_knee:l_hip "
    "l_ankle:l_knee l_toes:l_ankle l_toe_end:l_toes spine_still:pelvis spine:spine_still thorax:spine nose:thorax "
    "head:nose l_collar_still:thorax l_shoulder:l_collar_still l_elbow:l_shoulder l_wrist:l_elbow "
    "l_wrist_still:l_wrist l_thumb:l_wrist_still l_hand:l_wrist l_hand_still:l_hand r_collar_still:thorax "
    "r_shoulder:r_collar_still r_elbow:r_shoulder r_wrist:r_elbow r_wrist_still:r_wrist r_thumb:r_wrist_still "
    "r_hand:r_wrist r_hand_still:r_hand",
)

OPENPOSE25 = _skeleton(
    "OpenPose-25",
    "nose:neck neck:pelvis r_shoulder:neck r_elbow:r_shoulder r_wrist:r_elbow l_shoulder:neck l_elbow:l_shoulder "
    "l_wrist:l_elbow pelvis r_hip:pelvis r_knee:r_hip r_ankle:r_knee l_hip:pelvis l_knee:l_hip l_ankle:l_knee "
    "r_eye:nose l_eye:nose r_ear:r_eye l_ear:l_eye l_big_toe:l_ankle l_small_toe:l_big_toe l_heel:l_ankle "
    "r_big_toe:r_ankle r_small_toe:r_big_toe r_heel:r_ankle",
)

# OpenPose's COCO model, with the neck that COCO has not; 3DPW's poses2d, which its page calls COCO format, are these.
OPENPOSE18 = _skeleton(
    "OpenPose-18",
    "nose:neck neck r_shoulder:neck r_elbow:r_shoulder r_wrist:r_elbow l_shoulder:neck l_elbow:l_shoulder "
    "l_wrist:l_elbow r_hip:neck r_knee:r_hip r_ankle:r_knee l_hip:neck l_knee:l_hip l_ankle:l_knee r_eye:nose "
    "l_eye:nose r_ear:r_eye l_ear:l_eye",
)

LSP14 = _skeleton(
    "LSP-14",
    "r_ankle:r_knee r_knee:r_hip r_hip:neck l_hip:neck l_knee:l_hip l_ankle:l_knee r_wrist:r_elbow "
    "r_elbow:r_shoulder r_shoulder:neck l_shoulder:neck l_elbow:l_shoulder l_wrist:l_elbow neck head_top:neck",
)

MPII16 = _skeleton(
    "MPII-16",
    "r_ankle:r_knee r_knee:r_hip r_hip:pelvis l_hip:pelvis l_knee:l_hip l_ankle:l_knee pelvis thorax:pelvis "
    "upper_neck:thorax head_top:upper_neck r_wrist:r_elbow r_elbow:r_shoulder r_shoulder:thorax l_shoulder:thorax "
    "l_elbow:l_shoulder l_wrist:l_elbow",
)

BLAZEPOSE33 = _skeleton(
    "BlazePose-33",
    "nose l_eye_inner:nose l_eye:l_eye_inner l_eye_outer:l_eye r_eye_inner:nose r_eye:r_eye_inner r_eye_outer:r_eye "
    "l_ear:l_eye_outer r_ear:r_eye_outer l_mouth:nose r_mouth:nose l_shoulder:nose r_shoulder:nose "
    "l_elbow:l_shoulder r_elbow:r_shoulder l_wrist:l_elbow r_wrist:r_elbow l_pinky:l_wrist r_pinky:r_wrist "
    "l_index:l_wrist r_index:r_wrist l_thumb:l_wrist r_thumb:r_wrist l_hip:l_shoulder r_hip:r_shoulder l_knee:l_hip "
    "r_knee:r_hip l_ankle:l_knee r_ankle:r_knee l_heel:l_ankle r_heel:r_ankle l_foot_index:l_heel "
    "r_foot_index:r_heel",
)

CONVENTIONS: dict[str, Skeleton] = {
    skeleton.name: skeleton
    for skeleton in (
        H36M17, H36M32, HUMANEVA15, SMPL24, COCO17, OPENPOSE25, OPENPOSE18, PENN13, LSP14, MPII16, BLAZEPOSE33,
    )
} | {"3DPW-18": OPENPOSE18}  # fmt: skip

# Joints whose word means another point elsewhere.
MEANINGS = {
    ("H36M-17", "head"): "head_top",
    ("H36M-32", "head"): "head_top",
    ("HumanEva-15", "head"): "head_top",
    ("Penn-13", "head"): "head_middle",
    ("SMPL-24", "head"): "skull_base",
    ("SMPL-24", "neck"): "neck_joint",
    ("H36M-17", "spine"): "spine_middle",
    ("H36M-32", "spine"): "spine_middle",
}
# Points that a set lacks and that others of its points give: their mean.
MEANS = {
    "pelvis": ("left_hip", "right_hip"),
    "neck": ("left_shoulder", "right_shoulder"),
    "thorax": ("left_shoulder", "right_shoulder"),
    "head_middle": ("left_ear", "right_ear"),
}


def convention(name: str | Skeleton) -> Skeleton:
    """A joint set by its name. ``ValueError`` lists those that there are."""
    if isinstance(name, Skeleton):
        return name
    if name not in CONVENTIONS:
        raise ValueError(f"no joint convention {name!r}; there are {', '.join(CONVENTIONS)}")
    return CONVENTIONS[name]


def meaning(skeleton: Skeleton, joint: str) -> str:
    """What a joint is, in words that are the same for all joint sets."""
    return MEANINGS.get((skeleton.name, joint), joint)


def joint_map(source: str | Skeleton, target: str | Skeleton) -> tuple[int | None, ...]:
    """For each joint of ``target`` the index of the same point in ``source``, None where it has none."""
    source, target = convention(source), convention(target)
    place = {meaning(source, joint): i for i, joint in enumerate(source.joints)}
    return tuple(place.get(meaning(target, joint)) for joint in target.joints)


def convert(points: Tensor, source: str | Skeleton, target: str | Skeleton, *, means: bool = True) -> Tensor:
    """Points (..., J, D) of one joint set in the order of another, (..., K, D): what both have is copied, what is the
    mean of two others is made of them (``means``), what remains is NaN.

    ``ValueError`` if the number of joints is not the source's.
    """
    source, target = convention(source), convention(target)
    if points.ndim < 2 or points.shape[-2] != len(source):
        raise ValueError(f"{source.name}: found points {tuple(points.shape)}, expected (..., {len(source)}, D)")
    place = {meaning(source, joint): i for i, joint in enumerate(source.joints)}
    empty, columns = torch.full_like(points[..., 0, :], torch.nan), []
    for joint in target.joints:
        wanted = meaning(target, joint)
        parts = MEANS.get(wanted, ()) if means else ()
        if wanted in place:
            columns.append(points[..., place[wanted], :])
        elif parts and all(part in place for part in parts):
            columns.append(sum(points[..., place[part], :] for part in parts) / len(parts))
        else:
            columns.append(empty)
    return torch.stack(columns, dim=-2)


def table() -> list[dict[str, str]]:
    """The conventions as rows, one per index, a column per convention: to look up, and for the notebook to show."""
    sets = {name: skeleton for name, skeleton in CONVENTIONS.items() if name == skeleton.name}
    longest = max(len(skeleton) for skeleton in sets.values())
    cells = {name: [*skeleton.joints, *[""] * (longest - len(skeleton))] for name, skeleton in sets.items()}
    return [{"index": str(i)} | {name: column[i] for name, column in cells.items()} for i in range(longest)]
