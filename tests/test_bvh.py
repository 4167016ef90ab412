"""BVH: read back what was written, place joints as scipy does, and say where a file is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from originals import needs_originals, original
from scipy.spatial.transform import Rotation

from phdlib.data.bvh import BvhJoint, global_transforms, read_bvh

ORDERS = [("Zrotation", "Xrotation", "Yrotation"), ("Xrotation", "Yrotation", "Zrotation"), ("Yrotation",), ()]


def chain(*channels: tuple[str, ...]) -> list[BvhJoint]:
    """A chain of joints with the given channels; offsets differ in every coordinate."""
    return [BvhJoint(f"joint{i}", i - 1, (1.0 + i, -0.5 * i, 0.25), names) for i, names in enumerate(channels)]


def write(path: Path, joints: list[BvhJoint], values: np.ndarray, frames: int | None = None, end: str = "\n") -> Path:
    lines = ["HIERARCHY"]
    for i, joint in enumerate(joints):
        lines += [f"{'JOINT' if i else 'ROOT'} {joint.name}", "{", "OFFSET " + " ".join(map(repr, joint.offset))]
        lines += [f"CHANNELS {len(joint.channels)} {' '.join(joint.channels)}".rstrip()]
    lines += ["End Site", "{", "OFFSET 0 0 1", "}", *["}"] * len(joints), "MOTION"]
    lines += [f"Frames: {len(values) if frames is None else frames}", "Frame Time: 0.0166667"]
    lines += [" ".join(repr(float(value)) for value in row) for row in values]
    path.write_text(end.join(lines) + end, newline="")
    return path


@given(
    channels=st.lists(st.sampled_from(ORDERS), min_size=1, max_size=4),
    frames=st.integers(1, 3),
    end=st.sampled_from(["\n", "\r\n"]),
    seed=st.integers(0, 99),
)
def test_reads_back_what_was_written(tmp_path_factory, channels, frames, end, seed):
    joints = chain(("Xposition", "Yposition", "Zposition", *channels[0]), *channels[1:])
    width = sum(len(joint.channels) for joint in joints)
    values = np.random.default_rng(seed).normal(scale=200.0, size=(frames, width))
    file = read_bvh(write(tmp_path_factory.mktemp("bvh") / "a.bvh", joints, values, end=end))
    assert list(file.joints[:-1]) == joints and file.joints[-1].name == f"{joints[-1].name}_end"
    assert np.array_equal(file.values, values) and file.frame_time == 0.0166667


def test_forward_kinematics_equals_scipys(tmp_path):
    joints = chain(("Zposition", "Xposition", "Yrotation", "Zrotation"), *ORDERS[:3])
    values = np.random.default_rng(0).normal(scale=60.0, size=(5, 4 + 7))
    positions, rotations = global_transforms(read_bvh(write(tmp_path / "a.bvh", joints, values)), scale=0.01)
    for t, row in enumerate(values):
        place, turn = np.array([1.0 + row[1], 0.0, 0.25 + row[0]]), Rotation.from_euler("YZ", row[2:4], degrees=True)
        column = 4
        for j, joint in enumerate(joints):
            if j:
                place = place + turn.apply(joint.offset)
                order = "".join(name[0] for name in joint.channels)
                turn = turn * Rotation.from_euler(order, row[column : column + len(order)], degrees=True)
                column += len(order)
            np.testing.assert_allclose(positions[t, j], 0.01 * place, atol=1e-12)
            np.testing.assert_allclose(rotations[t, j], turn.as_matrix(), atol=1e-12)
        np.testing.assert_allclose(positions[t, -1], 0.01 * (place + turn.apply([0, 0, 1])), atol=1e-12)


def broken(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1
    return text.replace(old, new)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("MOTION", "", "no line 'MOTION'"),
        ("Frames: 2", "Frames: 0", "found 0 frames"),
        ("Frames: 2", "Frames: 3", "found 2 rows of motion, expected 3"),
        ("Frames: 2", "Frames: two", "line 17: found 'two', expected 1 finite number"),
        ("Frame Time: 0.0166667", "Frame Time: nan", "line 18: found 'nan'"),
        ("4.0 5.0 6.0", "4.0 5.0", "line 20: found '2 numbers', expected 3"),
        ("4.0 5.0 6.0", "4.0 nan 6.0", "line 20: found '4.0 nan 6.0', expected 3 finite numbers"),
        ("4.0 5.0 6.0", "4.0 x 6.0", "line 20"),
        ("CHANNELS 2", "CHANNELS 3", "line 5: found 'CHANNELS 3 Zrotation Xrotation'"),
        ("Xrotation", "Wrotation", "line 5"),
        ("OFFSET 2.0 -0.5 0.25", "OFFSET 2.0 -0.5", "line 8: found '2.0 -0.5', expected 3 finite numbers"),
        ("JOINT joint1", "ROOT joint1", "line 6: found 'ROOT joint1', expected one ROOT"),
        ("OFFSET 0 0 1\n}", "OFFSET 0 0 1", "1 closing braces first"),
        ("OFFSET 0 0 1\n", "", "found '}', expected the OFFSET of joint1_end first"),
        ("OFFSET 2.0 -0.5 0.25\n", "", "expected the OFFSET of joint1 first"),
        ("OFFSET 0 0 1", "OFSET 0 0 1", "line 12: found 'OFSET 0 0 1', expected ROOT, JOINT"),
    ],
)
def test_errors_name_the_place(tmp_path, old, new, message):
    joints = chain(("Zrotation", "Xrotation"), ("Yrotation",))
    path = write(tmp_path / "a.bvh", joints, np.arange(1.0, 7.0).reshape(2, 3))
    read_bvh(path)
    path.write_text(broken(path.read_text(), old, new))
    with pytest.raises(ValueError, match=rf"a\.bvh.*{message}"):
        read_bvh(path)


@needs_originals
def test_rotation_order_of_the_root_may_differ_from_the_joints():
    file = read_bvh(original("bvh_cgspeed/060_01.bvh"))
    assert file.joints[0].channels[3:] == ("Zrotation", "Yrotation", "Xrotation")
    assert file.joints[1].channels == ("Zrotation", "Xrotation", "Yrotation")
    assert file.values.shape == (2243, 132) and round(file.fps) == 60


@needs_originals
def test_bones_are_rigid_and_the_rig_stands_upright():
    file = read_bvh(original("bvh/007_03.bvh"))
    positions, _ = global_transforms(file, 0.01)
    head, thigh, calf = (file.names.index(f"CC_Base_{name}") for name in ("Head", "L_Thigh", "L_Calf"))
    shank = (positions[:, calf] - positions[:, thigh]).norm(dim=-1)
    np.testing.assert_allclose(shank, np.linalg.norm(file.joints[calf].offset) / 100, atol=1e-9)
    # Position channels add to the root's OFFSET: else the head of a walking man would be at half a metre.
    assert positions[:, head, 1].min() > 1.55 and positions[:, head, 1].max() < 1.75
