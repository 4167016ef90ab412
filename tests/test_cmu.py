"""Acclaim: read back what was written, place joints as scipy does, and say where a file is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from originals import needs_originals, original
from scipy.spatial.transform import Rotation

from phdlib.data.cmu import global_transforms, joint_positions, read_amc, read_asf

ASF = """# made by hand
:version 1.10
:name test
:units
  mass 1.0
  length 0.45
  angle deg
:documentation
   a root, an arm of two bones and a bone that does not move
:root
   order TX TY TZ RX RY RZ
   axis XYZ
   position 0 0 0
   orientation 0 0 0
:bonedata
  begin
     id 1
     name upper
     direction 1 0 0
     length 2.0
     axis 30 -20 70 XYZ
    dof rx ry rz
    limits (-160.0 20.0)
           (-70.0 70.0)
           (-60.0 70.0)
  end
  begin
     id 2
     name lower   # a comment
     direction 0 0.6 0.8
     length 3.0
     axis 10 20 30 ZYX
    dof ry rx
    limits (-10.0 170.0)
           (-10.0 170.0)
  end
  begin
     id 3
     name still
     direction 0 1 0
     length 1.0
     axis 0 0 0 XYZ
  end
:hierarchy
  begin
    root upper still
    upper lower
  end
"""
UNIT = 0.0254 / 0.45


def amc_text(values: np.ndarray, head: str = ":FULLY-SPECIFIED\n:DEGREES\n") -> str:
    """(T, 11): six of the root, three of the upper bone, two of the lower one; the lower is listed first."""
    lines = []
    for frame, row in enumerate(values, start=1):
        numbers = [repr(float(value)) for value in row]
        lines += [str(frame), "root " + " ".join(numbers[:6])]
        lines += ["lower " + " ".join(numbers[9:]), "upper " + " ".join(numbers[6:9])]
    return head + "\n".join(lines) + "\n"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "a.asf").write_text(ASF)
    (tmp_path / "a.amc").write_text("#!OML:ASF a.ASF\n" + amc_text(np.arange(22.0).reshape(2, 11)))
    return tmp_path / "a.asf", tmp_path / "a.amc"


def test_skeleton_as_written(files):
    skeleton = read_asf(files[0])
    assert skeleton.joints == ("root", "upper", "lower", "still")
    assert skeleton.metres == pytest.approx(0.056444, abs=1e-6)
    upper, lower, still = skeleton.bones
    assert (upper.parent, lower.parent, still.parent) == (-1, 0, -1)
    assert lower.axis_order == "zyx" and lower.dof == ("ry", "rx") and still.limits is None
    assert upper.limits == pytest.approx(np.deg2rad([[-160, 20], [-70, 70], [-60, 70]]))


def test_forward_kinematics_equals_scipys(files):
    values = np.random.default_rng(0).normal(scale=40.0, size=(5, 11))
    files[1].write_text(amc_text(values))
    skeleton = read_asf(files[0])
    positions, rotations = global_transforms(skeleton, read_amc(files[1], skeleton))

    def turn(order: str, angles) -> Rotation:
        return Rotation.from_euler(order, angles, degrees=True)  # lower case: about fixed axes

    for t, row in enumerate(values):
        root, place = turn("xyz", row[3:6]), row[:3]
        c_upper, c_lower = turn("xyz", [30, -20, 70]), turn("zyx", [10, 20, 30])
        upper = root * c_upper * turn("xyz", row[6:9]) * c_upper.inv()
        lower = upper * c_lower * turn("yx", row[9:]) * c_lower.inv()
        elbow = place + upper.apply([2.0, 0, 0])
        expected = [place, elbow, elbow + lower.apply([0, 1.8, 2.4]), place + root.apply([0, 1.0, 0])]
        np.testing.assert_allclose(positions[t], UNIT * np.array(expected), atol=1e-12)
        np.testing.assert_allclose(rotations[t, 2], lower.as_matrix(), atol=1e-12)


def test_windows_line_ends_radians_and_no_skeleton_read_the_same(files):
    skeleton = read_asf(files[0])
    values = np.random.default_rng(1).normal(size=(3, 11))
    files[1].write_text(amc_text(values))
    expected = joint_positions(skeleton, read_amc(files[1], skeleton))
    assert torch.equal(joint_positions(skeleton, read_amc(files[1])), expected)
    for path in files:
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert torch.equal(joint_positions(read_asf(files[0]), read_amc(files[1], skeleton)), expected)
    values[:, 3:] = np.deg2rad(values[:, 3:])
    files[1].write_text(amc_text(values, head=":RADIANS\n"))
    torch.testing.assert_close(joint_positions(skeleton, read_amc(files[1], skeleton)), expected)


@given(frames=st.integers(1, 4), seed=st.integers(0, 99), scale=st.sampled_from([1e-12, 1.0, 1e5]))
def test_reads_back_what_was_written(tmp_path_factory, frames, seed, scale):
    values = np.random.default_rng(seed).normal(scale=scale, size=(frames, 11))
    path = tmp_path_factory.mktemp("amc") / "a.amc"
    path.write_text(amc_text(values, head=":RADIANS\n"))
    motion = read_amc(path)
    found = np.concatenate([motion.channels["root"], motion.channels["upper"], motion.channels["lower"]], axis=1)
    assert len(motion) == frames and np.array_equal(found, values)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("lower 9.0 10.0", "lower 9.0", "line 6: found '9.0'|channels"),
        ("upper 17.0 18.0 19.0", "upper 17.0 nan 19.0", "line 11: found '17.0 nan 19.0', expected 3 finite numbers"),
        ("upper 17.0 18.0 19.0", "upper 17.0 18.0", "line 11: found '17.0 18.0', expected 3 finite numbers"),
        ("upper 17.0 18.0 19.0\n", "", "line 10: found 'the end of the file', expected 1 more bones of frame 2"),
        ("upper 17.0", "uper 17.0", "line 11: found 'uper', expected bone 'upper'"),
        ("\n2\n", "\n3\n", "line 8: found '3', expected the frame number 2"),
        ("lower 9.0 10.0", "other 9.0 10.0", "bone '(other|lower)': found . channels, expected ."),
    ],
)
def test_errors_in_a_motion_name_the_place(files, old, new, message):
    text = files[1].read_text()
    assert text.count(old) == 1
    files[1].write_text(text.replace(old, new))
    with pytest.raises(ValueError, match=rf"a\.amc.*({message})"):
        read_amc(files[1], read_asf(files[0]))


def test_a_motion_without_frames_is_an_error(files):
    files[1].write_text(":FULLY-SPECIFIED\n:DEGREES\n")
    with pytest.raises(ValueError, match=r"a\.amc: found no frame, expected at least one"):
        read_amc(files[1])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (":hierarchy", ":other", "section ':hierarchy' is missing"),
        ("     length 2.0\n", "", "line 25: found 'end', expected the bone's length first"),
        ("direction 0 0.6 0.8", "direction 0 0.6", "line 30: found '0 0.6', expected 3 finite numbers"),
        ("dof ry rx", "dof ry l", "line 33: found 'ry l', expected some of rx, ry, rz"),
        ("           (-70.0 70.0)\n", "", "bone upper has 2 limits for 3 dof"),
        ("    upper lower\n", "", "bone lower of :bonedata is missing in :hierarchy"),
        ("    upper lower\n", "    uper lower\n", "line 47: found 'uper lower'"),
    ],
)
def test_errors_in_a_skeleton_name_the_place(files, old, new, message):
    assert ASF.count(old) == 1
    files[0].write_text(ASF.replace(old, new))
    with pytest.raises(ValueError, match=rf"a\.asf.*{message}"):
        read_asf(files[0])


@needs_originals
def test_a_walking_man_is_as_tall_as_a_man_and_his_bones_are_rigid():
    skeleton = read_asf(original("subjects/07/07.asf"))
    motion = read_amc(original("subjects/07/07_05.amc"), skeleton)
    positions = joint_positions(skeleton, motion)
    assert positions.shape == (517, 31, 3) and positions.dtype == torch.float64
    for i, bone in enumerate(skeleton.bones, start=1):
        length = (positions[:, i] - positions[:, bone.parent + 1]).norm(dim=-1)
        np.testing.assert_allclose(length, bone.length * 0.0564444, rtol=1e-4)
    height = positions[..., 1].amax(1) - positions[..., 1].amin(
        1
    )  # to the end of the head bone, which is not the crown
    assert height.min() > 1.45 and height.max() < 1.65
