"""Human3.6M in VideoPose3D's files: what a camera sees is what the file says, whatever the detector's joint order."""

from __future__ import annotations

import pickle
import zipfile

import numpy as np
import pytest
import torch
from broken_videopose3d import npy
from hypothesis import given
from hypothesis import strategies as st
from vp3d_files import (
    H36M_TO_COCO,
    KEPT,
    calibration,
    human36m_content,
    metadata,
    project,
    write_human36m,
)

from phdlib.data import human36m
from phdlib.data.calibrated import read_cameras
from phdlib.data.conventions import H36M32, MPII16, joint_map
from phdlib.data.videopose3d import LAYOUTS, in_order
from phdlib.data.windows import Windows
from phdlib.skeleton import COCO17, H36M17, HUMANEVA15

# The bones of these files' people swing about more than bones do.
pytestmark = pytest.mark.filterwarnings("ignore:.*the joints may be in another order")
LEGS = [1, 2, 3, 4, 5, 6]


def test_clips_project_onto_the_file_s_keypoints(tmp_path):
    """The file's 2D comes from scipy's rotations and a projection written anew, with the lens' distortion."""
    write_human36m(tmp_path)
    clips = human36m.load(tmp_path)
    assert len(clips) == 3 * 2 * 4 and {clip.camera.name for clip in clips} == {
        "54138969", "55011271", "58860488", "60457274",
    }  # fmt: skip
    for clip in clips:
        seen = clip.joints3d + clip.trajectory[:, None]
        torch.testing.assert_close(clip.camera.project(seen), clip.keypoints2d, atol=1e-3, rtol=0)
        assert clip.fps == 50 and len(clip) == 40 and clip.skeleton is H36M17 and not clip.joints3d[:, 0].any()


def test_metres_and_the_seventeen_of_thirty_two(tmp_path):
    world, _ = human36m_content()
    assert tuple(KEPT) == human36m.JOINTS == joint_map(H36M32, H36M17)
    write_human36m(tmp_path)
    for clip in human36m.load(tmp_path):
        known = torch.from_numpy(world[clip.subject][clip.take.removeprefix(f"{clip.subject} ")][:, KEPT])
        np.testing.assert_allclose(  # distances do not depend on the camera
            torch.cdist(clip.joints3d, clip.joints3d), torch.cdist(known, known), atol=2e-3
        )


def test_the_camera_s_world_is_y_up(tmp_path):
    write_human36m(tmp_path)
    for clip in human36m.load(tmp_path):
        seen = clip.joints3d + clip.trajectory[:, None]
        world = (seen - clip.camera.translation) @ clip.camera.rotation  # camera to world
        assert 1.5 < world[:, 10, 1].mean() < 1.9 and 0 < world[:, [3, 6], 1].mean() < 0.2
        position = -clip.camera.rotation.T @ clip.camera.translation
        assert 1.4 < position[1] < 1.7 and 3.5 < position[[0, 2]].norm() < 6


def test_parts_subjects_and_actions(tmp_path):
    write_human36m(tmp_path, subjects=("S8", "S11"), actions=("SittingDown 2", "TakingPhoto", "WalkingDog 1"))
    train, test = human36m.load(tmp_path, parts=("train",)), human36m.load(tmp_path, parts=("test",))
    assert {clip.subject for clip in train} == {"S8"} and {clip.subject for clip in test} == {"S11"}
    assert {clip.action for clip in train} == {"SittingDown", "Photo", "WalkDog"}
    assert {clip.take for clip in test} == {"S11 SittingDown 2", "S11 TakingPhoto", "S11 WalkingDog 1"}
    assert len(human36m.ACTIONS) == 15 and human36m.action_of("Sitting") == "Sitting"


def test_unlabelled_recordings_have_2d_and_a_lens_only(tmp_path):
    world, seen = human36m_content(subjects=("S1", "S11"))
    seen["S2"] = {"Eating": [v[:, :, :] for v in seen["S1"]["Directions"]]}
    del world["S11"]["Directions"]  # as in the official file, whose video is broken
    np.savez_compressed(tmp_path / "data_3d_h36m.npz", positions_3d=world)
    np.savez_compressed(tmp_path / "data_2d_h36m_gt.npz", positions_2d=seen, metadata=metadata("h36m"))
    clips = human36m.load(tmp_path, parts=("unlabelled",))
    assert {(clip.subject, clip.action) for clip in clips} == {("S2", "Eating"), ("S11", "Directions")}
    assert all(clip.joints3d is None and len(clip) == 45 for clip in clips)
    assert all(clip.screen_keypoints().isfinite().all() for clip in clips)
    assert [c.camera.rotation.isnan().all().item() for c in clips] == [c.subject == "S2" for c in clips]
    assert Windows(clips, 9, labelled=False).skeleton is H36M17


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("layout", ["coco", "mpii"])
def test_other_joint_orders_are_put_in_ours(tmp_path, layout, named):
    write_human36m(tmp_path, layout=layout, named=named)
    for clip in human36m.load(tmp_path):
        truth = clip.camera.project(clip.joints3d + clip.trajectory[:, None])
        torch.testing.assert_close(clip.keypoints2d[:, LEGS], truth[:, LEGS], atol=1e-3, rtol=0)
        torch.testing.assert_close(clip.keypoints2d[:, 11:], truth[:, 11:], atol=1e-3, rtol=0)
        assert (clip.keypoints2d - truth).norm(dim=-1).max() < 60  # what stands in is near
    video = human36m.videos(tmp_path)[0]
    assert video.layout == (COCO17 if layout == "coco" else MPII16) and video.clip.keypoints2d is None
    if layout == "coco":
        truth = video.clip.camera.project(video.clip.joints3d + video.clip.trajectory[:, None])
        torch.testing.assert_close(video.keypoints, truth[:, H36M_TO_COCO], atol=1e-3, rtol=0)


@given(st.sampled_from(sorted(LAYOUTS)), st.sampled_from([H36M17, HUMANEVA15]), st.integers(0, 99))
def test_a_mirrored_person_stays_one_in_any_order(layout, skeleton, seed):
    """Putting joints in order commutes with the mirror: no left ends up on the right."""
    source = LAYOUTS[layout]
    if (source, skeleton) == (HUMANEVA15, H36M17):
        return  # it has no nose and no spine
    points = torch.randn(2, len(source), 2, generator=torch.Generator().manual_seed(seed))
    one = in_order(points, source, skeleton)[:, skeleton.mirror]
    torch.testing.assert_close(one, in_order(points[:, source.mirror], source, skeleton))


def test_levels_stand_for_files_and_files_may_lie_one_folder_down(tmp_path):
    (tmp_path / "data").mkdir()
    write_human36m(tmp_path / "data", "cpn_ft_h36m_dbb", noise=2.0)
    clips = human36m.load(tmp_path, "fine_tuned")
    same = human36m.load(tmp_path / "data", "cpn_ft_h36m_dbb")
    assert all(torch.equal(a.keypoints2d, b.keypoints2d) for a, b in zip(clips, same, strict=True))
    with pytest.raises(
        FileNotFoundError, match=r"no data_2d_h36m_sh_ft_h36m\.npz in .* there is .*cpn_ft_h36m_dbb\.npz"
    ):
        human36m.load(tmp_path, "sh_ft_h36m")
    with pytest.raises(FileNotFoundError, match=r"no data_3d_h36m\.npz"):
        human36m.load(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"no part 'validation' of Human3\.6M; there are train, test, unlabelled"):
        human36m.load(tmp_path, "fine_tuned", parts=("validation",))


def test_a_score_beside_the_pixels_is_left_out(tmp_path):
    write_human36m(tmp_path)
    world, seen = human36m_content()
    plain = human36m.load(tmp_path)[0]
    scored = {s: {a: [np.concatenate([v, v[..., :1]], -1) for v in views] for a, views in actions.items()}
              for s, actions in seen.items()}  # fmt: skip
    np.savez_compressed(tmp_path / "data_2d_h36m_gt.npz", positions_2d=scored, metadata=metadata("h36m"))
    assert torch.equal(human36m.load(tmp_path)[0].keypoints2d, plain.keypoints2d) and len(world) == 3


def test_the_calibration_is_one():
    """Rotations that turn nothing inside out, cameras that look at the middle of the room at the height of a person,
    lenses whose centre is near the picture's, and the four of a subject in the four corners."""
    about, stands = read_cameras("human36m_cameras.json")
    assert set(stands) == {"S1", "S5", "S6", "S7", "S8", "S9", "S11"} and len(about) == 4
    for subject, of_subject in stands.items():
        corners = set()
        for camera, stand in zip(about, of_subject, strict=True):
            torch.testing.assert_close(stand.rotation @ stand.rotation.T, torch.eye(3).double(), atol=1e-6, rtol=0)
            assert torch.linalg.det(stand.rotation) > 0.999
            pixel = project(np.array([[[0, 0, 0.9]]]), calibration("human36m")["stands"][subject][len(corners)],
                            camera["lens"])  # fmt: skip
            assert (abs(pixel - 500) < 200).all()
            position = -stand.rotation.T @ stand.translation
            corners.add((bool(position[0] > 0), bool(position[1] > 0)))
        assert len(corners) == 4


def test_the_files_hold_no_array_twice(tmp_path):
    """Subjects that share one array in the pickle (a memo) come out as clips of their own."""
    world, seen = human36m_content(subjects=("S1",), actions=("Eating",))
    world["S1"]["Eating 1"], seen["S1"]["Eating 1"] = world["S1"]["Eating"], seen["S1"]["Eating"]
    np.savez(tmp_path / "data_3d_h36m.npz", positions_3d=world)
    np.savez(tmp_path / "data_2d_h36m_gt.npz", positions_2d=seen, metadata=metadata("h36m"))
    clips = human36m.load(tmp_path)
    assert len(clips) == 8 and len({clip.name for clip in clips}) == 8


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_files_of_any_numpy(tmp_path, protocol):
    """The published detections are of 2018, when NumPy wrote protocol 2 and was called numpy.core inside."""
    world, seen = human36m_content()
    write_human36m(tmp_path)
    new = human36m.load(tmp_path)
    contents = {
        "data_3d_h36m.npz": {"positions_3d": world},
        "data_2d_h36m_gt.npz": {"positions_2d": seen, "metadata": metadata("h36m")},
    }
    for file, fields in contents.items():
        with zipfile.ZipFile(tmp_path / file, "w", zipfile.ZIP_DEFLATED) as archive:
            for key, value in fields.items():
                pickled = pickle.dumps(np.array(value, dtype=object), protocol=protocol)
                if protocol < 4:  # names end in a line feed there; in later protocols their length stands before them
                    pickled = pickled.replace(b"cnumpy._core.", b"cnumpy.core.")
                archive.writestr(f"{key}.npy", npy(pickled))
    for one, other in zip(human36m.load(tmp_path), new, strict=True):
        assert torch.equal(one.joints3d, other.joints3d) and torch.equal(one.keypoints2d, other.keypoints2d)


def test_sides_that_are_swapped_in_all_files_are_warned_of_once(tmp_path):
    """2D and 3D agree, so that nothing is refused; but knees and faces point backward."""
    world, seen = human36m_content()
    kept, swapped = np.array(KEPT), np.array(KEPT)[list(H36M17.mirror)]
    for subject, actions in world.items():
        for name, joints in actions.items():
            joints[:, kept] = joints[:, swapped]
            seen[subject][name] = [view[:, list(H36M17.mirror)] for view in seen[subject][name]]
    np.savez_compressed(tmp_path / "data_3d_h36m.npz", positions_3d=world)
    np.savez_compressed(tmp_path / "data_2d_h36m_gt.npz", positions_2d=seen, metadata=metadata("h36m"))
    told = r"data_3d_h36m\.npz: positions_3d: the joints may be in another order or frame than H36M-17: .*backward"
    with pytest.warns(UserWarning, match=told) as caught:
        human36m.load(tmp_path)
    assert len(caught) == 1
