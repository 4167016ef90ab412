"""The rigs that motion is found on, CMU's three and Mixamo's, as data: what turns each SMPL joint, and where it is.

A rig's ``turns`` name, for each SMPL joint, the joints whose global rotation it takes: one, or two between which it
lies half way, where a rig divides neck or spine otherwise than SMPL does. ``places`` name the points between which bone
directions and the root are measured. ``reference`` holds the global rotation of each joint when the rig stands in
SMPL's rest pose: T-pose, facing +z, y up, left hand towards +x. It is the identity where the rig's zero pose is that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import cos, radians, sin

Quaternion = tuple[float, float, float, float]

SIDES = ("left", "right")
# SMPL joint -> the joint at the far end of its bone; the bones whose direction is taken over exactly.
LIMBS = {
    f"{side}_{near}": f"{side}_{far}"
    for side in SIDES
    for near, far in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
}
HIPS, KNEES, ANKLES = ([f"{side}_{joint}" for side in SIDES] for joint in ("hip", "knee", "ankle"))


@dataclass(frozen=True)
class Rig:
    """A rig: ``metres`` per unit of length (None where the file states it), XYZW quaternions of the reference pose."""

    name: str
    metres: float | None
    turns: Mapping[str, tuple[str, ...]]
    places: Mapping[str, str]
    reference: Mapping[str, Quaternion] = field(default_factory=dict)


def _both(pairs: Mapping[str, str], left: str, right: str) -> dict[str, str]:
    """``pairs`` for either side: '?' in a rig's joint name stands for the rig's word for the side."""
    return {
        f"{side}_{joint}": name.replace("?", word)
        for joint, name in pairs.items()
        for side, word in zip(SIDES, (left, right), strict=True)
    }


def _turns(middle: Mapping[str, str], pairs: Mapping[str, str], left: str, right: str) -> dict[str, tuple[str, ...]]:
    return {joint: tuple(names.split()) for joint, names in {**middle, **_both(pairs, left, right)}.items()}


# Acclaim: bones, whose joint is the near end and whose point is the far end. The forearm is radius plus wrist bone.
# CMU's zero pose is a T-pose but for the legs, spread by 20 degrees, feet included: turned back about z they stand.
_SPREAD = (sin(radians(10)), cos(radians(10)))
ACCLAIM = Rig(
    name="acclaim",
    metres=None,
    turns=_turns(
        {
            "pelvis": "root",
            "spine1": "lowerback",
            "spine2": "upperback",
            "spine3": "thorax",
            "neck": "lowerneck upperneck",
            "head": "head",
        },
        {
            "hip": "?femur",
            "knee": "?tibia",
            "ankle": "?foot",
            "foot": "?toes",
            "collar": "?clavicle",
            "shoulder": "?humerus",
            "elbow": "?radius",
            "wrist": "?hand",
        },
        "l",
        "r",
    ),
    places=_both(
        {
            "hip": "?hipjoint",
            "knee": "?femur",
            "ankle": "?tibia",
            "shoulder": "?clavicle",
            "elbow": "?humerus",
            "wrist": "?wrist",
        },
        "l",
        "r",
    ),
    reference={
        f"{side}{bone}": (0.0, 0.0, sign * _SPREAD[0], _SPREAD[1])
        for side, sign in (("l", -1.0), ("r", 1.0))
        for bone in ("femur", "tibia", "foot", "toes")
    },
)

# The rig of the cgspeed release of CMU's motion: centimetres, its zero pose is a T-pose. No toe joint: the foot is one.
# Its neck stands 13 degrees further forward and its head 17 degrees further back than Acclaim's throughout 135_06, the
# one take that exists in both forms: this is its reference.
CGSPEED = Rig(
    name="cgspeed",
    metres=0.01,
    turns=_turns(
        {
            "pelvis": "hip",
            "spine1": "hip abdomen",
            "spine2": "abdomen",
            "spine3": "chest",
            "neck": "neck",
            "head": "head",
        },
        {
            "hip": "?Thigh",
            "knee": "?Shin",
            "ankle": "?Foot",
            "foot": "?Foot",
            "collar": "?Collar",
            "shoulder": "?Shldr",
            "elbow": "?ForeArm",
            "wrist": "?Hand",
        },
        "l",
        "r",
    ),
    places=_both(
        {
            "hip": "?Thigh",
            "knee": "?Shin",
            "ankle": "?Foot",
            "shoulder": "?Shldr",
            "elbow": "?ForeArm",
            "wrist": "?Hand",
        },
        "l",
        "r",
    ),
    reference={
        "neck": (sin(radians(6.5)), 0.0, 0.0, cos(radians(6.5))),
        "head": (-sin(radians(8.35)), 0.0, 0.0, cos(radians(8.35))),
    },
)

# A game character's rig, centimetres. In its zero pose every bone points along +y, so that the reference pose is stated
# here: frame 0 of the files 007_03 to 007_12, where the rig stands in a T-pose (a test compares them).
CHARACTER = Rig(
    name="character",
    metres=0.01,
    turns=_turns(
        {
            "pelvis": "CC_Base_Hip",
            "spine1": "CC_Base_Waist CC_Base_Spine01",
            "spine2": "CC_Base_Spine01 CC_Base_Spine02",
            "spine3": "CC_Base_Spine02",
            "neck": "CC_Base_NeckTwist01 CC_Base_NeckTwist02",
            "head": "CC_Base_Head",
        },
        {
            "hip": "CC_Base_?_Thigh",
            "knee": "CC_Base_?_Calf",
            "ankle": "CC_Base_?_Foot",
            "foot": "CC_Base_?_ToeBase",
            "collar": "CC_Base_?_Clavicle",
            "shoulder": "CC_Base_?_Upperarm",
            "elbow": "CC_Base_?_Forearm",
            "wrist": "CC_Base_?_Hand",
        },
        "L",
        "R",
    ),
    places=_both(
        {
            "hip": "CC_Base_?_Thigh",
            "knee": "CC_Base_?_Calf",
            "ankle": "CC_Base_?_Foot",
            "shoulder": "CC_Base_?_Upperarm",
            "elbow": "CC_Base_?_Forearm",
            "wrist": "CC_Base_?_Hand",
        },
        "L",
        "R",
    ),
    reference={
        "CC_Base_Hip": (-0.0, 0.0, -0.00168, 1.0),
        "CC_Base_Waist": (0.1412, 0.0, 0.0, 0.98998),
        "CC_Base_Spine01": (-0.04375, 0.0, 0.0, 0.99904),
        "CC_Base_Spine02": (-0.08999, -1e-05, 1e-05, 0.99594),
        "CC_Base_NeckTwist01": (0.09784, -4e-05, 1e-05, 0.9952),
        "CC_Base_NeckTwist02": (0.084, -4e-05, 0.0, 0.99647),
        "CC_Base_Head": (-0.00011, -1e-05, 0.0, 1.0),
        "CC_Base_L_Thigh": (-0.00028, 0.04216, 0.99911, 0.00248),
        "CC_Base_L_Calf": (0.00033, -0.04038, 0.99918, 0.0031),
        "CC_Base_L_Foot": (-0.0451, -0.62222, -0.78095, 0.03039),
        "CC_Base_L_ToeBase": (-0.00785, -0.7401, -0.67142, 0.03711),
        "CC_Base_L_Clavicle": (-0.09003, 0.09417, -0.69106, 0.71096),
        "CC_Base_L_Upperarm": (0.00335, -0.00299, -0.72222, 0.69165),
        "CC_Base_L_Forearm": (0.00431, -0.00395, -0.7146, 0.69951),
        "CC_Base_L_Hand": (-0.01519, 0.01429, -0.74135, 0.67079),
        "CC_Base_R_Thigh": (0.00125, -0.0373, -0.9993, 0.00272),
        "CC_Base_R_Calf": (0.00174, 0.03575, -0.99935, 0.00313),
        "CC_Base_R_Foot": (-0.04633, 0.62226, 0.78081, 0.03121),
        "CC_Base_R_ToeBase": (-0.00899, 0.74015, 0.67129, 0.03821),
        "CC_Base_R_Clavicle": (-0.08999, -0.09415, 0.69109, 0.71094),
        "CC_Base_R_Upperarm": (0.00567, 0.00245, 0.72223, 0.69162),
        "CC_Base_R_Forearm": (0.00654, 0.00334, 0.71459, 0.6995),
        "CC_Base_R_Hand": (-0.01398, -0.01597, 0.74141, 0.67072),
    },
)

# Mixamo's rig, named as in its own files after their prefix "mixamorig:" (phdlib.data.bvh_motion knows its variants).
# Its bind pose, which BVH made of it has as zero pose, is a T-pose. The unit depends on who wrote the file.
MIXAMO = Rig(
    name="mixamo",
    metres=None,
    turns=_turns(
        {"pelvis": "Hips", "spine1": "Spine", "spine2": "Spine1", "spine3": "Spine2", "neck": "Neck", "head": "Head"},
        {
            "hip": "?UpLeg",
            "knee": "?Leg",
            "ankle": "?Foot",
            "foot": "?ToeBase",
            "collar": "?Shoulder",
            "shoulder": "?Arm",
            "elbow": "?ForeArm",
            "wrist": "?Hand",
        },
        "Left",
        "Right",
    ),
    places=_both(
        {
            "hip": "?UpLeg",
            "knee": "?Leg",
            "ankle": "?Foot",
            "shoulder": "?Arm",
            "elbow": "?ForeArm",
            "wrist": "?Hand",
        },
        "Left",
        "Right",
    ),
)
