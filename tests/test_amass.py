"""AMASS: what a file says becomes SMPL's pose, the right way up, at the wanted rate; wrong files are named."""

from __future__ import annotations

import os
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from roma import rotvec_to_rotmat

from phdlib.body import load_body
from phdlib.camera import studio_rig
from phdlib.data import amass
from phdlib.data.phd_role import in_camera_frame
from phdlib.data.smpl_motion import at_clip_rate, body_pose, prior_samples
from phdlib.prior import FactorizedPrior
from phdlib.skeleton import H36M17, SMPL24

_OLD = "mocap_framerate"


def content(T: int = 25, width: int = 156, **changes) -> dict[str, np.ndarray]:
    """An AMASS file of somebody who stands in a world with z up, facing its -y as AMASS has it, and moves an arm."""
    poses = np.zeros((T, width))
    poses[:, 0] = np.pi / 2  # upright: SMPL's rest pose has y up
    poses[:, 3 * SMPL24.index("left_elbow") + 1] = np.linspace(0, 1, T)
    poses[:, 66:] = 0.3  # hands, or a face, which SMPL has not
    trans = np.stack((np.linspace(1, 1.5, T), np.zeros(T), np.full(T, 0.9)), axis=1)
    betas = np.linspace(-1, 1, 16)
    made = {"poses": poses, "trans": trans, "betas": betas, "gender": np.array("female"), "dmpls": np.zeros((T, 8))}
    return made | {"mocap_framerate": np.array(120.0)} | changes


def write(path: Path, **changes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    made = {key: value for key, value in content(**changes).items() if value is not None}
    np.savez(path, **made)
    return path


@pytest.fixture(scope="module")
def body():
    return load_body()


def test_what_is_read(tmp_path):
    motion = amass.read_amass(write(tmp_path / "01_01_poses.npz"))
    assert (motion.fps, motion.gender, motion.up, motion.source, len(motion)) == (120.0, "female", "z", "amass", 25)
    assert motion.theta.shape == (25, 72) and motion.theta.dtype == torch.float32
    assert motion.theta[-1, 3 * SMPL24.index("left_elbow") + 1] == 1 and not motion.theta[:, 66:].any()
    np.testing.assert_allclose(motion.beta, np.linspace(-1, 1, 16)[:10], atol=1e-6)


@pytest.mark.parametrize("gender", ["male", b"male", np.str_("male"), "b'male'", np.array("male", dtype=object)])
@pytest.mark.parametrize(
    ("width", "rate"), [(156, "mocap_framerate"), (165, "mocap_frame_rate"), (72, "mocap_framerate")]
)
def test_releases_agree(tmp_path, gender, width, rate):
    changes = {"mocap_framerate": None, rate: np.array([120.0])}
    path = write(tmp_path / "a_stageii.npz", width=width, gender=np.asarray(gender), **changes)
    motion, first = amass.read_amass(path), amass.read_amass(write(tmp_path / "b_poses.npz"))
    assert torch.equal(motion.theta, first.theta) and motion.fps == first.fps and motion.gender == "male"


def test_a_folder_is_walked_lazily_and_what_is_no_motion_is_passed_over(tmp_path):
    for name in ("CMU/01/01_02_poses.npz", "CMU/01/01_01_poses.npz", "KIT/3/walk_stageii.npz"):
        write(tmp_path / name)
    np.savez(tmp_path / "CMU/01/shape.npz", betas=np.zeros(16))
    (tmp_path / "KIT/3/broken_poses.npz").write_bytes(b"no archive")
    names = ["CMU/01/01_01_poses", "CMU/01/01_02_poses"]
    assert [motion.name for motion in amass.load(tmp_path, pattern="CMU/")] == names
    motions = amass.load(tmp_path)
    assert [next(motions).name for _ in range(2)] == names  # the broken one has not been opened
    with pytest.raises(ValueError, match=r"broken_poses\.npz: not a readable"):
        next(motions)
    with pytest.raises(FileNotFoundError, match=r"found no .*with 'ACCAD' in their path"):
        amass.load(tmp_path, pattern="ACCAD")


def test_another_rate_keeps_times_and_ends(tmp_path):
    motion = amass.read_amass(write(tmp_path / "a_poses.npz"))
    slow = motion.at_rate(25.0)
    assert len(slow) == int(24 * 25 / 120) + 1
    elbow = 3 * SMPL24.index("left_elbow") + 1
    np.testing.assert_allclose(slow.theta[:, elbow], np.arange(6) * 120 / 25 / 24, atol=1e-5)
    np.testing.assert_allclose(slow.trans[:, 0], 1 + np.arange(6) * 120 / 25 / 48, atol=1e-5)
    assert torch.allclose(next(iter(amass.load(tmp_path, fps=25.0))).theta, slow.theta)


def test_standing_people_stand(tmp_path, body):
    """Turned as a whole: the posed mesh in the file's world and in ours differ by the turn of the axes alone."""
    motion = amass.read_amass(write(tmp_path / "a_poses.npz"))
    upright = motion.y_up(body)
    assert upright.up == "y" and upright.y_up(body) is upright
    beta = motion.beta[None]
    there = body(motion.theta, beta, motion.trans).vertices
    here = body(upright.theta, beta, upright.trans).vertices
    torch.testing.assert_close(
        here, torch.stack((there[..., 0], there[..., 2], -there[..., 1]), dim=-1), atol=1e-5, rtol=0
    )
    joints = body(upright.theta, beta, upright.trans).joints
    assert (joints[:, SMPL24.index("head"), 1] - joints[:, SMPL24.index("left_ankle"), 1]).min() > 1.2


def test_a_3d_role(tmp_path, body):
    motion = amass.read_amass(write(tmp_path / "a_poses.npz")).centred().at_rate(50.0)
    camera = studio_rig()[0]
    clip = motion.clip(body, camera)
    assert clip.skeleton is H36M17 and len(clip) == len(motion) == 11 and clip.fps == 50
    torch.testing.assert_close(clip.keypoints2d, camera.project(clip.joints3d + clip.trajectory[:, None]))
    assert clip.keypoints2d.min() > 0 and clip.keypoints2d.max() < 1002  # in the picture
    seen = in_camera_frame(clip)
    posed = body.keypoints(H36M17)(seen.theta, seen.beta[None])
    torch.testing.assert_close(posed - posed[:, :1], clip.joints3d, atol=1e-4, rtol=0)
    assert clip.screen_keypoints().abs().max() < 1


def test_clips_at_another_rate(tmp_path, body):
    motion = amass.read_amass(write(tmp_path / "a_poses.npz")).centred()
    camera = studio_rig()[1]
    clip = replace(motion.clip(body, camera), features=torch.zeros(25, 3))
    clip.visible[12, 4] = False
    slow = at_clip_rate(clip, 30.0)
    assert torch.allclose(slow.joints3d, clip.joints3d[::4], atol=1e-6) and slow.features is None and slow.fps == 30
    assert torch.equal(slow.visible, clip.visible[::4])
    between = at_clip_rate(clip, 240.0)
    assert torch.allclose(between.keypoints2d[1], clip.keypoints2d[:2].mean(0), atol=1e-3)
    assert not between.visible[23:26, 4].any() and between.visible[22, 4] and between.visible[26, 4]
    torch.testing.assert_close(
        rotvec_to_rotmat(between.theta[2].view(24, 3)), rotvec_to_rotmat(clip.theta[1].view(24, 3)), atol=1e-5, rtol=0
    )
    with pytest.raises(ValueError, match="needs theta, joints3d"):
        at_clip_rate(replace(clip, theta=None), 25.0)


def test_the_prior_takes_them(tmp_path):
    for name in ("a_poses.npz", "b_poses.npz"):
        write(tmp_path / name)
    theta, beta = prior_samples(amass.load(tmp_path), fps=24.0)
    assert theta.shape == (10, 72) and beta.shape == (10, 10)
    prior = FactorizedPrior(hidden=16, generator=torch.Generator().manual_seed(0))
    assert prior(theta, beta).shape == (10, 25)
    with pytest.raises(ValueError, match="found no motion, expected at least one"):
        prior_samples([])


def test_22_joints_are_shared():
    poses = torch.arange(165.0).repeat(2, 1)
    assert torch.equal(body_pose(poses)[:, :66], poses[:, :66]) and not body_pose(poses)[:, 66:].any()


nan = np.zeros((25, 156))
nan[7, 3] = np.nan


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"poses": None}, "found no key 'poses', expected poses, trans"),
        ({"trans": None}, "found no key 'trans'"),
        ({"betas": None}, "found no key 'betas'"),
        ({"mocap_framerate": None}, "found neither mocap_framerate nor mocap_frame_rate, expected one of them"),
        ({"poses": np.zeros((25, 150))}, r"poses: found shape \(25, 150\), expected .*156 \(SMPL\+H\)"),
        ({"poses": np.zeros((25, 52, 3))}, r"poses: found float64 \(25, 52, 3\), expected numbers, 2 dimensions"),
        ({"poses": np.zeros((0, 156))}, r"poses: found shape \(0, 156\), expected"),
        ({"poses": nan}, r"poses: found a number that is not finite at \[7, 3\], expected"),
        ({"poses": np.full((25, 156), "a")}, "poses: found <U1"),
        ({"poses": np.full((25, 156), None)}, "poses: found object"),
        ({"trans": np.zeros((24, 3))}, r"trans: found shape \(24, 3\), expected \(25, 3\)"),
        ({"betas": np.zeros(8)}, "betas: found 8 coefficients, expected at least 10"),
        ({"mocap_framerate": np.array(0.0)}, "mocap_framerate: found 0, expected a rate above 0"),
        ({"mocap_framerate": np.array(np.nan)}, "mocap_framerate: found a number that is not finite"),
        ({"mocap_framerate": np.array([60.0, 120.0])}, "mocap_framerate: found float64"),
        ({"gender": np.array(os.system, dtype=object)}, r"gender: refused, found a reference to (posix|nt)\.system"),
    ],
)
def test_a_wrong_file_is_one_clear_error(tmp_path, changes, message):
    path = write(tmp_path / "wrong_poses.npz", **changes)
    with pytest.raises(ValueError, match=message) as error:
        amass.read_amass(path)
    assert str(path) in str(error.value) and "expected" in str(error.value)


def test_a_claim_of_ten_gigabytes(tmp_path):
    path = write(tmp_path / "big_poses.npz")
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (8012820, 156), }\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("poses.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(80))
    with pytest.raises(ValueError, match=r"big_poses\.npz: poses: found 80 bytes, expected 9999999360"):
        amass.read_amass(path)
