import pytest

from phdlib.skeleton import COCO17, H36M17, HUMANEVA15, PENN13, SMPL24, Skeleton

ALL = (SMPL24, H36M17, HUMANEVA15, PENN13, COCO17)


@pytest.mark.parametrize("skeleton", ALL, ids=lambda s: s.name)
def test_the_tree_has_one_root_and_no_cycle(skeleton: Skeleton) -> None:
    assert int(skeleton.name.rsplit("-", 1)[1]) == len(skeleton)
    assert skeleton.parents.count(-1) == 1
    for joint in range(len(skeleton)):
        seen = set()
        while joint != -1:
            assert joint not in seen
            seen.add(joint)
            joint = skeleton.parents[joint]


@pytest.mark.parametrize("skeleton", ALL, ids=lambda s: s.name)
def test_mirroring_twice_is_nothing_and_keeps_the_tree(skeleton: Skeleton) -> None:
    mirror = skeleton.mirror
    assert [mirror[i] for i in mirror] == list(range(len(skeleton)))
    for i, j in enumerate(mirror):
        assert (
            skeleton.joints[j].removeprefix("right_") == skeleton.joints[i].removeprefix("left_")
            or i == j
            or (skeleton.joints[j].removeprefix("left_") == skeleton.joints[i].removeprefix("right_"))
        )
    if skeleton not in (PENN13, COCO17):  # a tree of 2D keypoints hangs asymmetrically on the head
        parents = skeleton.parents
        assert all(parents[mirror[i]] == (mirror[p] if p >= 0 else -1) for i, p in enumerate(parents))


def test_smpl_and_human36m_order() -> None:
    assert SMPL24.parents[:9] == (-1, 0, 0, 0, 1, 2, 3, 4, 5)
    assert [H36M17.joints[i] for i in (0, 1, 4, 7, 8, 9, 10, 11, 14)] == [
        "pelvis", "right_hip", "left_hip", "spine", "thorax", "nose", "head", "left_shoulder", "right_shoulder",
    ]  # fmt: skip


def test_an_unknown_joint_is_named_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"H36M-17 has no joint 'tail'.*pelvis"):
        H36M17.index("tail")
    with pytest.raises(ValueError, match=r"bad: 2 joints .* 1 parents"):
        Skeleton("bad", ("a", "b"), (-1,))
