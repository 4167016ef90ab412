"""The embedded data as built on this machine; everything here is checked on the whole of it."""

import numpy as np
import pytest
import torch

from phdlib.camera import studio_rig
from phdlib.data import embedded, motion, split
from phdlib.skeleton import H36M17


@pytest.fixture(scope="module")
def shown() -> list[embedded.Performance]:
    return embedded.performances("human36m")


@pytest.fixture(scope="module")
def clips() -> list:
    return embedded.load("fine_tuned")


def test_subjects_actions_and_cameras_are_human36ms_in_number(clips: list) -> None:
    train = {clip.subject for clip in embedded.load("gt", parts=("train",))}
    test = {clip.subject for clip in embedded.load("gt", parts=("test",))}
    assert train == {"S1", "S5", "S6", "S7", "S8"} and test == {"S9", "S11"}
    assert len({clip.action for clip in clips}) == 15
    assert len({clip.camera.name for clip in clips}) == 4 and {clip.fps for clip in clips} == {50.0}
    segments = [segment for segment in split.load_split() if segment.role == "human36m"]
    assert len(clips) == 4 * len(segments)
    assert sum(map(len, clips)) == 4 * sum(segment.stop - segment.start for segment in segments)


def test_joints_are_the_bodys_at_the_given_pose(shown: list) -> None:
    """Against the full mesh pipeline: theta, beta and trans of a performance give the joints that it shows."""
    from phdlib.body import load_body

    body = load_body()
    for performance in shown[::29]:
        t = len(performance.theta) // 2
        pose = performance.theta[t : t + 1], performance.beta[None], performance.trans[t : t + 1]
        hips = body(*pose).joints[0, [1, 2, 4, 5, 7, 8]]
        order = [H36M17.index(name) for name in ("left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
                                                 "right_ankle")]  # fmt: skip
        assert torch.allclose(performance.joints[t, order], hips, atol=1e-4)


def test_feet_meet_the_floor_on_every_body(shown: list) -> None:
    """No sole goes more than 2 cm under the floor: the lowest foot vertex of each frame of each performance."""
    from phdlib.body import load_body

    body = load_body()
    lowest = []
    for performance in shown:
        for part in torch.arange(0, len(performance.theta), 25).split(64):
            mesh = body(performance.theta[part], performance.beta.expand(len(part), -1), performance.trans[part])
            lowest.append(mesh.vertices[:, body.foot_vertices, 1].amin(1))
    lowest = torch.cat(lowest)
    assert lowest.min() > -0.02, f"{int((lowest < -0.02).sum())} frames, {lowest.min():.3f} m"


def test_bones_keep_their_length_and_speeds_are_human(shown: list) -> None:
    for performance in shown:
        joints = performance.joints
        for name in ("knee", "ankle", "elbow", "wrist"):
            child = H36M17.index(f"left_{name}")
            length = (joints[:, child] - joints[:, H36M17.parents[child]]).norm(dim=-1)
            assert length.max() - length.min() < 1e-3
        speed = joints.diff(dim=0).norm(dim=-1) * motion.FPS
        assert speed.max() < 16, f"{performance.segment}: {speed.max():.1f} m/s"


def test_everyone_stays_in_front_of_every_camera(clips: list) -> None:
    depth = torch.cat([clip.trajectory[:, 2] for clip in clips])
    assert depth.min() > 1.5
    inside = torch.cat([
        ((clip.keypoints2d > 0) & (clip.keypoints2d < torch.tensor([clip.camera.width, clip.camera.height]))).all(-1)
        for clip in clips
    ])  # fmt: skip
    assert inside.float().mean() > 0.97


def test_truth_projects_onto_the_keypoints(clips: list) -> None:
    for clip in embedded.load("gt")[::37]:
        absolute = clip.joints3d + clip.trajectory[:, None]
        assert torch.allclose(clip.camera.project(absolute), clip.keypoints2d, atol=1e-3)
        assert torch.equal(clip.joints3d[:, 0], torch.zeros(len(clip), 3))


def test_detections_lie_about_the_truth(clips: list) -> None:
    for clip in clips:
        truth = clip.camera.project(clip.joints3d + clip.trajectory[:, None])
        error = (clip.keypoints2d - truth).norm(dim=-1)
        assert 1 < error.mean() < 10 and error.median() < 6, clip.name


def test_detecting_again_repeats_the_draws_and_jitter_is_what_changes_fastest(clips: list) -> None:
    for clip in clips[::41]:
        again = embedded.redetected(clip, "fine_tuned")
        assert torch.allclose(again.keypoints2d, clip.keypoints2d, atol=2e-3)
        truth = clip.camera.project(clip.joints3d + clip.trajectory[:, None])
        whole, smooth = (
            (c.keypoints2d - truth).diff(dim=0).norm(dim=-1).median()
            for c in (clip, embedded.redetected(clip, "fine_tuned", jitter=0.0))
        )
        assert smooth < whole / 3


def test_a_level_is_the_same_whatever_is_loaded_with_it(clips: list) -> None:
    alone = embedded.load("fine_tuned", parts=("test",))
    together = [clip for clip in clips if clip.subject in ("S9", "S11")]
    assert [clip.name for clip in alone] == [clip.name for clip in together]
    assert all(torch.equal(a.keypoints2d, b.keypoints2d) for a, b in zip(alone, together, strict=True))


def test_building_again_gives_the_same_bits(clips: list, shown: list) -> None:
    few = shown[::23]
    arrays = [embedded._detections(few, "fine_tuned") for _ in range(2)]
    assert all(np.array_equal(arrays[0][name], arrays[1][name]) for name in arrays[0])
    by_name = {clip.name: clip for clip in clips}
    start = 0
    for performance in few:
        segment = performance.segment
        for camera in studio_rig():
            clip = by_name[f"{segment.subject}/{segment.action}/{segment.take}@{segment.start}/{camera.name}"]
            found = arrays[0]["keypoints2d"][start : start + len(clip)]
            assert np.array_equal(found, clip.keypoints2d.numpy())
            start += len(clip)


def test_unknown_roles_and_levels_are_named() -> None:
    with pytest.raises(ValueError, match="no role 'ballet' in the split; there are"):
        embedded.performances("ballet")
    with pytest.raises(ValueError, match="no detector level"):
        embedded.load("perfect")
