"""HumanEva-I in VideoPose3D's files: parts and chunks by their names, lenses found again, what has no 3D kept apart."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from vp3d_files import EVA_LENS, humaneva_content, metadata, write_humaneva

from phdlib.data import humaneva
from phdlib.data.calibrated import read_cameras
from phdlib.skeleton import COCO17, HUMANEVA15


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("eva")
    write_humaneva(folder)
    return humaneva.load(folder, parts=("train", "test", "unlabelled"), actions=None)


def test_parts_chunks_and_actions(clips):
    train = [clip for clip in clips if clip.take.startswith("Train")]
    test = [clip for clip in clips if clip.take.startswith("Validate")]
    assert len(train) == len(test) == 3 * 5 * 3
    assert {clip.action for clip in test} == {"Walking", "Jog", "Box", "Gestures"}
    assert {clip.take for clip in test if clip.subject == "S2" and clip.action == "Walking"} == {
        "Validate/S2 Walking 1@chunk0", "Validate/S2 Walking 1@chunk2",
    }  # fmt: skip
    assert all(clip.fps == 60 and clip.skeleton is HUMANEVA15 and clip.camera.width == 640 for clip in clips)


def test_clips_project_onto_the_file_s_keypoints(clips):
    for clip in clips:
        if clip.joints3d is not None:
            seen = clip.joints3d + clip.trajectory[:, None]
            torch.testing.assert_close(clip.camera.project(seen), clip.keypoints2d, atol=0.05, rtol=0)
            torch.testing.assert_close(clip.camera.intrinsics, torch.tensor(EVA_LENS), atol=0.05, rtol=1e-3)


def test_the_unlabelled(clips):
    plain = [clip for clip in clips if clip.take.startswith("Unlabeled")]
    assert all(clip.joints3d is None for clip in plain) and len(plain) == 6 * 3 + 2
    other = [clip for clip in plain if clip.subject == "S4"]  # no calibration, and one camera without a video
    assert [clip.camera.name for clip in other] == ["C1", "C3"] and other[0].camera.rotation.isnan().all()
    assert other[0].camera.intrinsics.isfinite().all() and other[0].take == "Unlabeled/S4 Box 2"


def test_table_4_s_actions_are_the_default(tmp_path):
    write_humaneva(tmp_path)
    assert {clip.action for clip in humaneva.load(tmp_path)} == {"Walking", "Jog", "Box"}
    assert {clip.action for clip in humaneva.load(tmp_path, actions=("Jog",))} == {"Jog"}
    with pytest.raises(
        ValueError, match=r"data_3d_humaneva15\.npz: positions_3d: found Train/S1, .* expected .* of Jump"
    ):
        humaneva.load(tmp_path, actions=("Jump",))


def test_a_detector_in_coco_s_order(tmp_path):
    write_humaneva(tmp_path, "detectron_pt_coco", "coco", noise=4.0)
    clips, videos = humaneva.load(tmp_path, "pre_trained"), humaneva.videos(tmp_path, "pre_trained")
    assert videos[0].layout is COCO17 and clips[0].keypoints2d.shape[1] == 15
    lens = clips[0].camera.intrinsics
    assert (lens[:4] / torch.tensor(EVA_LENS[:4]) - 1).abs().max() < 0.02  # about right: see the module
    for clip in clips:
        legs = [8, 9, 10, 11, 12, 13]
        seen = clip.camera.project(clip.joints3d + clip.trajectory[:, None])
        assert (seen - clip.keypoints2d)[:, legs].norm(dim=-1).mean() < 8


def test_cameras_stand_around_the_room():
    about, stands = read_cameras("humaneva_cameras.json")
    assert set(stands) == {"S1", "S2", "S3"} and [camera["name"] for camera in about] == ["C1", "C2", "C3"]
    for of_subject in stands.values():
        for stand in of_subject:
            middle = stand.to_camera(np.array([[0.0, 0.0, 0.9]]))[0]
            assert 3.5 < middle[2] < 4.5 and middle[:2].abs().max() < 0.3


def test_cameras_in_another_order_are_noticed(tmp_path):
    world, seen = humaneva_content()
    seen = {s: {a: views[::-1] for a, views in actions.items()} for s, actions in seen.items()}
    np.savez(tmp_path / "data_3d_humaneva15.npz", positions_3d=world)
    np.savez(tmp_path / "data_2d_humaneva15_gt.npz", positions_2d=seen, metadata=metadata("humaneva15"))
    with pytest.raises(ValueError, match=r"_gt\.npz: positions_2d, camera C[13]: found a lens of .* in another order"):
        humaneva.load(tmp_path)
