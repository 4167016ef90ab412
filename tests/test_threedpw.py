"""3DPW: a sequence file in its layout becomes clips in the camera's frame; wrong and hostile ones are named."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from phdlib.body import load_body
from phdlib.data import threedpw
from phdlib.data.conventions import CONVENTIONS
from phdlib.data.joint_order import suspicious_order
from phdlib.data.smpl_motion import at_clip_rate, prior_samples
from phdlib.skeleton import SMPL24

N = 90


@pytest.fixture(scope="module")
def body():
    return load_body()


@pytest.fixture(scope="module")
def sequence(body) -> dict:
    """Two people whom a camera circles: made by the body model, written as 3DPW writes."""
    rng = np.random.default_rng(0)
    time = np.arange(N) / 30
    turn = Rotation.from_euler("yx", np.stack((0.2 * time, 0 * time + np.pi), axis=1))  # y of the camera points down
    cameras = np.tile(np.eye(4), (N, 1, 1))
    cameras[:, :3, :3] = turn.as_matrix()
    cameras[:, :3, 3] = [0.1, 0.4, 5.0]
    poses, joints, trans = [], [], []
    for person in range(2):
        theta = np.zeros((N, 72))
        theta[:, 1] = 0.3 * person + 0.1 * time
        theta[:, [3, 12]] = np.stack((-0.4 * np.sin(6 * time), 0.5 + 0.3 * np.sin(6 * time)), axis=1)
        theta[:, 15] = 0.4
        path = np.stack((0.3 * time, 0 * time, 0 * time - person), axis=1)
        found = body(*(torch.from_numpy(part).float() for part in (theta, np.zeros((1, 10)), path))).joints
        poses.append(theta), trans.append(path), joints.append(found.double().numpy().reshape(N, 72))
    valid = np.ones(N, dtype=np.int64)
    valid[60:63] = 0
    return {
        "poses": poses,
        "trans": trans,
        "betas": [np.zeros(10), np.zeros((10, 1))],
        "jointPositions": joints,
        "poses2d": [rng.random((N, 3, 18)) for _ in range(2)],
        "campose_valid": [valid, np.ones(N, dtype=bool)],
        "cam_poses": cameras,
        "cam_intrinsics": np.array([[1960.0, 0, 540.0], [0, 1962.0, 960.0], [0, 0, 1]]),
        "genders": ["m", "f"],
        "sequence": "downtown_walking_00",
        "img_frame_ids": np.arange(0, 2 * N, 2),
        "texture_maps": [],
    }


def write(folder: Path, content: object, part: str = "test") -> Path:
    path = folder / "sequenceFiles" / part / "downtown_walking_00.pkl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content, 2))
    return path


def test_a_sequence_as_it_is_stored(tmp_path, sequence):
    first, second = threedpw.read_sequence(write(tmp_path, sequence))
    assert (first.motion.gender, second.motion.gender, first.motion.fps) == ("male", "female", 30.0)
    assert first.detections.shape == (N, len(CONVENTIONS["3DPW-18"]), 3)
    np.testing.assert_allclose(first.detections[5, 3], sequence["poses2d"][0][5, :, 3], atol=1e-6)
    np.testing.assert_allclose(second.motion.theta, sequence["poses"][1], atol=1e-6)
    assert first.valid.sum() == N - 3 and second.motion.beta.shape == (10,)


def test_clips_are_what_the_camera_saw(tmp_path, sequence, body):
    write(tmp_path, sequence)
    clips = threedpw.load(tmp_path)
    assert [(len(clip), clip.subject[-2:]) for clip in clips] == [(60, "/0"), (N, "/1")]  # 27 frames are too few
    clip, K = clips[1], sequence["cam_intrinsics"]
    for t in (0, 50):
        world = sequence["jointPositions"][1][t].reshape(24, 3)
        seen = world @ sequence["cam_poses"][t, :3, :3].T + sequence["cam_poses"][t, :3, 3]
        np.testing.assert_allclose(clip.joints3d[t] + clip.trajectory[t], seen, atol=1e-5)
        np.testing.assert_allclose(clip.keypoints2d[t], (seen @ K.T)[:, :2] / seen[:, 2:], rtol=1e-4)
    posed = body(clip.theta, clip.beta[None]).joints  # the pose is turned as the camera is
    torch.testing.assert_close(posed - posed[:, :1], clip.joints3d, atol=1e-4, rtol=0)
    assert (clip.camera.width, clip.camera.height, clip.skeleton) == (1080, 1920, SMPL24)
    assert suspicious_order(clip.joints3d, SMPL24) == []
    assert len(at_clip_rate(clip, 25.0)) == 75
    assert [len(clip) for clip in threedpw.load(tmp_path, shortest=10)] == [60, 27, N]


def test_poses_for_the_prior_are_everybodys(tmp_path, sequence):
    write(tmp_path, sequence, "train")
    theta, beta = prior_samples(threedpw.motions(tmp_path), fps=10.0)
    assert theta.shape == (2 * 30, 72) and beta.shape == (60, 10)


def test_a_folder_without_sequences_and_a_part_that_is_none(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"found no sequenceFiles/test/\*\.pkl, expected 3DPW's"):
        threedpw.load(tmp_path)
    with pytest.raises(ValueError, match="no part 'val'; there are train, validation, test"):
        threedpw.load(tmp_path, "val")


class Hostile:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


def stretched(array: np.ndarray) -> np.ndarray:
    wrong = array.copy()
    wrong[:, :3, :3] *= 2
    return wrong


def with_nan(array: np.ndarray) -> np.ndarray:
    wrong = array.copy()
    wrong[4, 5] = np.nan
    return wrong


@pytest.mark.parametrize(
    ("key", "change", "message"),
    [
        ("poses", None, "found no key 'poses', expected poses, trans"),
        ("cam_intrinsics", None, "found no key 'cam_intrinsics'"),
        ("poses", lambda a: a[0], "poses: found a ndarray, expected a list"),
        ("poses", lambda a: [], "poses: found a list, expected a list, a person each"),
        ("poses", lambda a: [a[0][:, :66], a[1]], r"poses\[0\]: found shape \(90, 66\), expected \('N', 72\)"),
        ("poses", lambda a: [with_nan(a[0]), a[1]], r"poses\[0\]: found a number that is not finite at \[4, 5\]"),
        ("poses", lambda a: [a[0][:0], a[1][:0]], "expected .90, 3|found shape|found 0 frames"),
        ("poses", lambda a: [list(a[0]), a[1]], r"poses\[0\]: found a list, expected an array of numbers"),
        ("trans", lambda a: a[:1], "trans: found 1 entries, expected a list of 2"),
        ("trans", lambda a: [a[0], a[1][:-1]], r"trans\[1\]: found shape \(89, 3\), expected \(90, 3\)"),
        ("jointPositions", lambda a: [a[0].reshape(N, 24, 3), a[1]], r"jointPositions\[0\]: found shape \(90, 24, 3\)"),
        ("poses2d", lambda a: [b.transpose(0, 2, 1) for b in a], r"poses2d\[0\]: found shape \(90, 18, 3\), expected"),
        ("betas", lambda a: [a[0][:5], a[1]], "found 90 frames, 5 shapes, expected 1 and 10"),
        ("campose_valid", lambda a: [a[0].astype(str), a[1]], r"campose_valid\[0\]: found <U"),
        ("cam_poses", lambda a: a[:, :3], r"cam_poses: found shape \(90, 3, 4\), expected \(90, 4, 4\)"),
        ("cam_poses", stretched, "cam_poses: found matrices that are no rotations, expected rigid motions"),
        ("cam_intrinsics", lambda a: -a, "cam_intrinsics: found .* expected focal lengths"),
    ],
)
def test_a_wrong_file_is_one_clear_error(tmp_path, sequence, key, change, message):
    wrong = {k: v for k, v in sequence.items() if k != key} | ({} if change is None else {key: change(sequence[key])})
    path = write(tmp_path, wrong)
    with pytest.raises(ValueError, match=message) as error:
        threedpw.load(tmp_path)
    assert str(error.value).startswith(f"{path}: ") and "expected" in str(error.value)


@pytest.mark.parametrize("key", ["poses", "sequence", "texture_maps", "genders"])
def test_a_hostile_file_does_nothing(tmp_path, sequence, key):
    write(tmp_path, sequence | {key: [Hostile(tmp_path / "touched")]})
    with pytest.raises(ValueError, match=r"downtown_walking_00\.pkl: refused, found a reference to (posix|nt)\.system"):
        threedpw.load(tmp_path)
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_cut_file_and_one_that_is_no_dictionary(tmp_path, sequence, share):
    path = write(tmp_path, sequence)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(ValueError, match=r"\.pkl: not a readable pickle"):
        threedpw.read_sequence(path)
    with pytest.raises(ValueError, match="found a list, expected a dictionary with poses"):
        threedpw.read_sequence(write(tmp_path, [1]))


def test_which_way_is_up_is_read_off_the_people(tmp_path, sequence):
    assert {person.motion.up for person in threedpw.read_sequence(write(tmp_path, sequence))} == {"y"}
    shape = sequence["jointPositions"][0].shape
    z_up = [j.reshape(N, 24, 3)[..., [0, 2, 1]] * (1, -1, 1) for j in sequence["jointPositions"]]
    path = write(tmp_path, sequence | {"jointPositions": [j.reshape(shape) for j in z_up]})
    assert {person.motion.up for person in threedpw.read_sequence(path)} == {"z"}
    threedpw.motions(tmp_path, "test")  # upright in their own world: no warning
    lying = [j.reshape(N, 24, 3)[..., [1, 2, 0]] for j in sequence["jointPositions"]]
    path = write(tmp_path, sequence | {"jointPositions": [j.reshape(shape) for j in lying]})
    with pytest.warns(UserWarning, match=r"jointPositions\[.\]: found trunks along \(.*expected y or z up; y is taken"):
        threedpw.read_sequence(path)


def test_joints_in_another_order_are_warned_of_once(tmp_path, sequence):
    swapped = [j.reshape(N, 24, 3)[:, list(SMPL24.mirror)].reshape(N, 72) for j in sequence["jointPositions"]]
    write(tmp_path, sequence | {"jointPositions": swapped})
    with pytest.warns(UserWarning, match="jointPositions: the joints may be in another order.*SMPL-24") as caught:
        threedpw.load(tmp_path)
    assert len(caught) == 1
