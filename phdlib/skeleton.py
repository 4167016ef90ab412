"""Joint sets as data: names, parents and left/right pairs, in one place.

A joint set is an ordered list of names with, for each joint, the index of its parent (-1 at the root). Left/right pairs
are read off the names, so a flip can never disagree with the joint order.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Skeleton:
    """An ordered joint set. ``joints[i]`` hangs on ``joints[parents[i]]``; the root's parent is -1."""

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.joints) != len(self.parents) or len(set(self.joints)) != len(self.joints):
            raise ValueError(
                f"{self.name}: {len(self.joints)} joints (unique names wanted), {len(self.parents)} parents"
            )

    def __len__(self) -> int:
        return len(self.joints)

    def index(self, joint: str) -> int:
        """Position of a joint by name; ``ValueError`` names the skeleton and its joints if there is none."""
        if joint not in self.joints:
            raise ValueError(f"{self.name} has no joint {joint!r}; its joints are {', '.join(self.joints)}")
        return self.joints.index(joint)

    @cached_property
    def bones(self) -> tuple[tuple[int, int], ...]:
        """(parent, child) pairs of every joint that has a parent."""
        return tuple((parent, child) for child, parent in enumerate(self.parents) if parent >= 0)

    @cached_property
    def left(self) -> tuple[int, ...]:
        return tuple(i for i, joint in enumerate(self.joints) if joint.startswith("left_"))

    @cached_property
    def right(self) -> tuple[int, ...]:
        """The right joints, in the order of :attr:`left`, so that the two zip into pairs."""
        return tuple(self.index(self.joints[i].replace("left_", "right_", 1)) for i in self.left)

    @cached_property
    def mirror(self) -> tuple[int, ...]:
        """Permutation that swaps left and right: ``flipped = points[..., skeleton.mirror, :]``."""
        swap = dict(zip(self.left + self.right, self.right + self.left, strict=True))
        return tuple(swap.get(i, i) for i in range(len(self)))


def _skeleton(name: str, tree: str) -> Skeleton:
    """Parse ``"child:parent child:parent ..."``; the root stands alone. A parent may follow its child."""
    pairs = [item.partition(":") for item in tree.split()]
    joints = tuple(child for child, _, _ in pairs)
    return Skeleton(name, joints, tuple(joints.index(parent) if parent else -1 for _, _, parent in pairs))


SMPL24 = _skeleton(
    "SMPL-24",
    "pelvis left_hip:pelvis right_hip:pelvis spine1:pelvis left_knee:left_hip right_knee:right_hip spine2:spine1 "
    "left_ankle:left_knee right_ankle:right_knee spine3:spine2 left_foot:left_ankle right_foot:right_ankle neck:spine3 "
    "left_collar:spine3 right_collar:spine3 head:neck left_shoulder:left_collar right_shoulder:right_collar "
    "left_elbow:left_shoulder right_elbow:right_shoulder left_wrist:left_elbow right_wrist:right_elbow "
    "left_hand:left_wrist right_hand:right_wrist",
)

# The order of VideoPose3D's files: Human3.6M's 32 joints with the still and doubled ones left out.
H36M17 = _skeleton(
    "H36M-17",
    "pelvis right_hip:pelvis right_knee:right_hip right_ankle:right_knee left_hip:pelvis left_knee:left_hip "
    "left_ankle:left_knee spine:pelvis thorax:spine nose:thorax head:nose left_shoulder:thorax "
    "left_elbow:left_shoulder left_wrist:left_elbow right_shoulder:thorax right_elbow:right_shoulder "
    "right_wrist:right_elbow",
)

HUMANEVA15 = _skeleton(
    "HumanEva-15",
    "pelvis thorax:pelvis left_shoulder:thorax left_elbow:left_shoulder left_wrist:left_elbow right_shoulder:thorax "
    "right_elbow:right_shoulder right_wrist:right_elbow left_hip:pelvis left_knee:left_hip left_ankle:left_knee "
    "right_hip:pelvis right_knee:right_hip right_ankle:right_knee head:thorax",
)

PENN13 = _skeleton(
    "Penn-13",
    "head left_shoulder:head right_shoulder:head left_elbow:left_shoulder right_elbow:right_shoulder "
    "left_wrist:left_elbow right_wrist:right_elbow left_hip:left_shoulder right_hip:right_shoulder left_knee:left_hip "
    "right_knee:right_hip left_ankle:left_knee right_ankle:right_knee",
)

COCO17 = _skeleton(
    "COCO-17",
    "nose left_eye:nose right_eye:nose left_ear:left_eye right_ear:right_eye left_shoulder:nose right_shoulder:nose "
    "left_elbow:left_shoulder right_elbow:right_shoulder left_wrist:left_elbow right_wrist:right_elbow "
    "left_hip:left_shoulder right_hip:right_shoulder left_knee:left_hip right_knee:right_hip left_ankle:left_knee "
    "right_ankle:right_knee",
)
