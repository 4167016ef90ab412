"""BVH of any rig: recognised by its names, turned upright, in metres, and put on SMPL's tree as it was posed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import roma
import torch
from originals import needs_originals, original
from torch import Tensor

from phdlib.data import rigs
from phdlib.data.bvh import BvhJoint, global_transforms, read_bvh
from phdlib.data.bvh_export import Posed, to_bvh
from phdlib.data.bvh_motion import load_bvh, plain_names, read_capture, recognise, replaces_offsets
from phdlib.data.motion import load_neutral
from phdlib.data.retarget import forward_kinematics
from phdlib.skeleton import SMPL24, Skeleton

REST = load_neutral().rest_joints
# SMPL's joints under Mixamo's names: the same tree, so that what is loaded can be compared joint by joint.
MIXAMO = {
    "pelvis": "Hips", "spine1": "Spine", "spine2": "Spine1", "spine3": "Spine2", "neck": "Neck", "head": "Head",
    **{f"{s}_{a}": f"{s.title()}{b}" for s in rigs.SIDES for a, b in {
        "hip": "UpLeg", "knee": "Leg", "ankle": "Foot", "foot": "ToeBase", "collar": "Shoulder", "shoulder": "Arm",
        "elbow": "ForeArm", "wrist": "Hand", "hand": "HandMiddle1"}.items()},
}  # fmt: skip
Z_UP = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]], dtype=torch.float64)  # y up to Blender's axes


def walk(frames: int = 30) -> tuple[Tensor, Tensor]:
    """Local rotations (T, 24, 3, 3), hands still, and a path: smooth, no faster than a person."""
    time = torch.linspace(0, 2, frames, dtype=torch.float64)[:, None, None]
    vectors = 0.3 * torch.sin(time + torch.arange(24)[:, None] + torch.arange(3))
    vectors[:, 20:] = 0  # wrists and hands: the wrists' twist is shared with the elbows
    path = torch.cat((time[:, 0] * 0.5, 0.95 + 0 * time[:, 0], 0.2 * time[:, 0]), dim=1)
    return roma.rotvec_to_rotmat(vectors), path


def mixamo_file(path: Path, prefix: str = "mixamorig:", turn: Tensor | None = None, unit: float = 0.01) -> Path:
    """The walk as a file on Mixamo's names; ``turn`` of all axes, ``unit`` in metres."""
    local, root = walk()
    turn = torch.eye(3, dtype=torch.float64) if turn is None else turn
    skeleton = Skeleton("mixamo", tuple(prefix + MIXAMO[joint] for joint in SMPL24.joints), SMPL24.parents)
    centimetre = 0.01 / unit
    turned = Posed(skeleton, REST @ turn.T * centimetre, turn @ local @ turn.T, root @ turn.T * centimetre)
    path.write_text(to_bvh(turned, 30.0))
    return path


def directions(theta: Tensor) -> Tensor:
    local = roma.rotvec_to_rotmat(theta.double().reshape(-1, 24, 3))
    positions, _ = forward_kinematics(local, torch.zeros(len(theta), 3, dtype=torch.float64), REST)
    return positions - positions[:, :1]


@pytest.mark.parametrize("prefix", ["mixamorig:", "mixamorig_", "mixamorig", "mixamorig9:", ""])
def test_mixamo_is_recognised_by_any_spelling_of_its_names_and_comes_back_as_posed(tmp_path, prefix):
    motion = load_bvh(mixamo_file(tmp_path / "walk.bvh", prefix))
    local, root = walk()
    expected, _ = forward_kinematics(local, torch.zeros_like(root), REST)
    assert motion.fps == 30.0 and motion.name == "walk" and motion.description == "mixamo rig"
    assert (directions(motion.theta) - expected).norm(dim=-1).max() < 1e-4
    path = motion.root.double() - root
    assert (path - path[0]).norm(dim=-1).max() < 0.03  # but for what lifts soles out of the floor
    assert (path - path[0])[:, [0, 2]].abs().max() < 1e-5


@pytest.mark.parametrize(
    ("turn", "unit"), [(Z_UP, 0.01), (Z_UP, 1.0), (None, 1.0), (None, 0.0254), (Z_UP @ Z_UP @ Z_UP, 0.001)]
)
def test_axes_and_units_of_other_writers_give_the_same_motion(tmp_path, turn, unit):
    expected = load_bvh(mixamo_file(tmp_path / "a.bvh"))
    found = load_bvh(mixamo_file(tmp_path / "b.bvh", turn=turn, unit=unit))
    torch.testing.assert_close(directions(found.theta), directions(expected.theta), atol=1e-4, rtol=0)
    torch.testing.assert_close(found.root, expected.root, atol=1e-4, rtol=0)


def test_positions_that_stand_in_the_place_of_offsets_are_told_from_those_that_add(tmp_path):
    """Blender writes six channels for every bone, the positions with the OFFSET in them."""
    path = mixamo_file(tmp_path / "a.bvh", turn=Z_UP, unit=1.0)
    file = read_bvh(path)
    joints, columns, column = [], [], 0
    places = tuple(f"{axis}position" for axis in "XYZ")
    for joint in file.joints:
        own = file.values[:, column : column + len(joint.channels)]
        column += len(joint.channels)
        if joint.parent >= 0 and joint.channels:
            joint = replace(joint, channels=(*places, *joint.channels))
            own = np.concatenate((np.tile(joint.offset, (len(own), 1)), own), axis=1)
        joints.append(joint)
        columns.append(own)
    absolute = replace(file, joints=tuple(joints), values=np.concatenate(columns, axis=1))
    assert replaces_offsets(absolute) and not replaces_offsets(file)
    found, expected = global_transforms(absolute, 1.0, absolute=True)[0], global_transforms(file, 1.0)[0]
    torch.testing.assert_close(found, expected)
    still = replace(absolute, values=np.zeros_like(absolute.values))
    assert not replaces_offsets(still)


def test_a_rig_of_ones_own_needs_a_joint_map(tmp_path):
    path = mixamo_file(tmp_path / "a.bvh")
    path.write_text(path.read_text().replace("mixamorig:Hips", "mixamorig:Middle"))
    with pytest.raises(ValueError, match=r"a\.bvh: found joints mixamorig:Middle.*nearest is 'mixamo', .* Hips"):
        load_bvh(path)
    turns = {**rigs.MIXAMO.turns, "pelvis": ("Middle",)}
    motion = load_bvh(path, rig=replace(rigs.MIXAMO, name="mine", turns=turns))
    expected = load_bvh(mixamo_file(tmp_path / "b.bvh"))
    assert torch.equal(motion.theta, expected.theta) and motion.description == "mine rig"
    with pytest.raises(ValueError, match=r"a\.bvh: found no joint 'Bottom', expected it on rig 'mine'"):
        load_bvh(path, rig=replace(rigs.MIXAMO, name="mine", turns={**turns, "pelvis": ("Bottom",)}))


def test_legs_of_no_known_unit_are_an_error_that_says_what_to_do(tmp_path):
    path = mixamo_file(tmp_path / "a.bvh", unit=7.0)
    with pytest.raises(ValueError, match=r"a\.bvh: found legs of 0\.116 units, expected 0\.45 to 1\.2 m.*metres="):
        load_bvh(path)
    assert len(load_bvh(path, metres=7.0)) == 30


def test_each_rig_is_told_by_its_names_and_a_fragment_is_none():
    for rig in (rigs.CGSPEED, rigs.CHARACTER, rigs.MIXAMO):
        names = tuple({n for of in rig.turns.values() for n in of} | set(rig.places.values()))
        assert recognise(names) is rig
        with pytest.raises(ValueError, match=f"nearest is '{rig.name}', which also has {names[0]}"):
            recognise(names[1:])
    assert plain_names(("mixamorig12:Hips", "Armature")) == ("Hips", "Armature")


def test_names_of_another_prefix_case_or_none_are_led_to_their_rig():
    names = sorted({n for of in rigs.CHARACTER.turns.values() for n in of} | set(rigs.CHARACTER.places.values()))
    for change in (
        lambda name: name.replace("CC_Base_", ""), lambda name: name.replace("CC_Base_", "Hero"), str.lower,
        lambda name: name.replace("_", " "),
    ):  # fmt: skip
        found = tuple(change(name) for name in names)
        told = rf"nearest is 'character', which also has CC_Base_Head \(here {change('CC_Base_Head')}\?\), .* more"
        with pytest.raises(ValueError, match=told):
            recognise(found)
    with pytest.raises(ValueError, match=r"found joints a0, a1, a2.*not much like those of cgspeed, character, mixamo"):
        recognise(tuple(f"a{i}" for i in range(30)))


@needs_originals
@pytest.mark.parametrize(("name", "rig"), [("bvh/007_05.bvh", "character"), ("bvh_cgspeed/135_06.bvh", "cgspeed")])
def test_cmus_rigs_load_as_they_are_and_stand_as_people_do(name, rig):
    capture, found = read_capture(original(name))
    assert found.name == rig and capture.fps == 60.0
    expected, _ = global_transforms(read_bvh(original(name)), 0.01)
    torch.testing.assert_close(capture.positions, expected)  # y is up already, and nothing was turned
    motion = load_bvh(original(name))
    assert motion.theta.shape == (len(motion), 72) and 0.7 < float(motion.root[:, 1].median()) < 1.05


def test_a_joint_poses_by_hand(tmp_path):
    """A thigh of two and a shank of three units hang down; the hip bends by 90 degrees forward, the knee back by 90:
    the knee is two units ahead of the hip, the ankle three below it."""
    joints = [
        BvhJoint("hip", -1, (0.0, 10.0, 0.0), ("Xposition", "Yposition", "Zposition", "Xrotation")),
        BvhJoint("knee", 0, (0.0, -2.0, 0.0), ("Xrotation",)),
        BvhJoint("ankle", 1, (0.0, -3.0, 0.0), ()),
    ]
    lines = ["HIERARCHY"]
    for i, joint in enumerate(joints):
        lines += ["ROOT hip" if not i else f"JOINT {joint.name}", "{", f"OFFSET {' '.join(map(str, joint.offset))}"]
        lines += [f"CHANNELS {len(joint.channels)} {' '.join(joint.channels)}"]
    lines += [*["}"] * 3, "MOTION", "Frames: 3", "Frame Time: 0.02"]
    lines += ["0 0 0 0 0", "1 0 5 -90 90", "0 0 0 0 90"]
    path = tmp_path / "leg.bvh"
    path.write_text("\n".join(lines) + "\n")
    positions, _ = global_transforms(read_bvh(path), 0.1)
    by_hand = [
        [[0, 1.0, 0], [0, 0.8, 0], [0, 0.5, 0]],
        [[0.1, 1.0, 0.5], [0.1, 1.0, 0.7], [0.1, 0.7, 0.7]],
        [[0, 1.0, 0], [0, 0.8, 0], [0, 0.8, -0.3]],
    ]
    np.testing.assert_allclose(positions, by_hand, atol=1e-12)
