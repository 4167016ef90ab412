"""The HumanEva role keeps its rules, on the committed split and on the clips that come of it."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import pytest
import torch

from phdlib.body import load_body, subject_betas
from phdlib.data import embedded, humaneva_role
from phdlib.data.clip import Clip
from phdlib.data.humaneva_role import CELLS, HELD, SHORTEST, STANDS_FOR, SUBJECTS, chunks, dropouts, is_corrupt
from phdlib.data.motion import load_motions
from phdlib.data.split import GAP, load_split
from phdlib.metrics import p_mpjpe
from phdlib.skeleton import HUMANEVA15

SEGMENTS = [segment for segment in load_split() if segment.role == "humaneva"]
TEST_PARTS = ("test", "corrupt")


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    return embedded.load("pre_trained", role="humaneva", parts=("train", *TEST_PARTS))


@pytest.fixture(scope="module")
def corrupt() -> list[Clip]:
    return embedded.load("gt", role="humaneva", parts=("corrupt",))


def test_joints_rate_and_cameras_are_humanevas(clips: list[Clip]) -> None:
    assert {clip.skeleton for clip in clips} == {HUMANEVA15} and {clip.fps for clip in clips} == {60.0}
    assert {clip.joints3d.shape[1] for clip in clips} == {clip.keypoints2d.shape[1] for clip in clips} == {15}
    assert {clip.camera.name for clip in clips} == {"C1", "C2", "C3"} and len(clips) == 3 * len(SEGMENTS)
    assert {(clip.camera.width, clip.camera.height) for clip in clips} == {(640, 480)}


def test_every_subject_does_every_action_on_both_sides() -> None:
    cells = {(segment.action, segment.subject, segment.part) for segment in SEGMENTS if segment.part != "corrupt"}
    assert cells == {(a, s, part) for a in STANDS_FOR for s in SUBJECTS for part in ("train", "test")}
    for action, subject, _ in cells:
        own = {s.performer for s in SEGMENTS if (s.action, s.subject) == (action, subject)}
        assert len(own) == 1, f"{action}, {subject}: performers {own}"
    assert set(CELLS) == set(STANDS_FOR) and list(STANDS_FOR.values()) == ["Walk", "Jog", "Box"]


def test_no_frame_twice_and_none_within_two_seconds_of_the_other_side() -> None:
    takes = defaultdict(list)
    for segment in SEGMENTS:
        takes[segment.take].append(segment)
    for segments in takes.values():
        assert len({segment.subject for segment in segments}) == 1
        segments.sort(key=lambda segment: segment.start)
        for a, b in pairwise(segments):
            same_side = (a.part == "train") == (b.part == "train")
            assert b.start - a.stop >= (0 if same_side else GAP)
    assert GAP == 100  # 2 s at 50 Hz


def test_chunks_are_whole_and_hold_no_lost_frame() -> None:
    motions = load_motions()
    lost = {name: list(dropouts(name, len(motion))) for name, motion in motions.items()}
    assert any(lost[segment.take] for segment in SEGMENTS)
    for segment in SEGMENTS:
        assert segment.stop - segment.start >= SHORTEST and segment.stop <= len(motions[segment.take])
        assert all(b <= segment.start or segment.stop <= a for a, b in lost[segment.take]), segment
        a, b = HELD.get(segment.take, (0, 0))
        assert (segment.part == "corrupt") == (a <= segment.start < b)


def test_only_lost_frames_scraps_and_the_gap_are_left_out() -> None:
    """Chunk by chunk, a video's frames are those of its take: what is missing between two chunks was lost."""
    for take, video in (("03_04", (0, 1401)), ("135_10", (0, 684)), ("07_05", (0, 216))):
        kept = torch.zeros(video[1], dtype=torch.bool)
        for a, b, _ in chunks(take, *video):
            kept[a:b] = True
        for a, b in dropouts(take, video[1]):
            kept[a:b] = True
        scraps = (~kept).nonzero()[:, 0].tolist()
        runs = sum(j - i > 1 for i, j in pairwise([-2, *scraps]))
        assert len(scraps) < max(1, runs) * SHORTEST


def test_a_clip_is_its_chunk_at_60_hz(clips: list[Clip]) -> None:
    by_take = {clip.take: clip for clip in clips}
    assert len(by_take) == len(SEGMENTS)
    for segment in SEGMENTS:
        clip = by_take[f"{segment.take}@{segment.start}" + ("#corrupt" if segment.part == "corrupt" else "")]
        assert clip.take.split("@")[0] == segment.take
        assert (clip.subject, clip.action) == (segment.subject, segment.action)
        assert len(clip) == int((len(segment) - 1) * 60 / 50 + 1e-9) + 1 >= 27  # the receptive field of VP3D 5.3


def test_joint_angles_were_resampled_and_not_keypoints() -> None:
    """Bones keep their length at 60 Hz, which they would not between interpolated points; every sixth frame of the
    result is every fifth of the take."""
    motions = load_motions()
    for performance in embedded.performances("humaneva")[::7]:
        segment, joints = performance.segment, performance.joints
        for name in ("knee", "ankle", "elbow", "wrist"):
            child = HUMANEVA15.index(f"left_{name}")
            length = (joints[:, child] - joints[:, HUMANEVA15.parents[child]]).norm(dim=-1)
            assert length.max() - length.min() < 1e-3
        theta = motions[segment.take].theta[segment.start : segment.stop : 5]
        same = torch.cos(theta) - torch.cos(performance.theta[::6])  # rotation vectors are unique up to a full turn
        assert same.abs().max() < 1e-3


def test_bodies_are_three_of_their_own() -> None:
    own, others = subject_betas("humaneva"), subject_betas()
    assert tuple(own) == SUBJECTS
    stacked = torch.stack([*own.values(), *others.values()])
    assert len(stacked.unique(dim=0)) == len(stacked) == 10
    y = load_body().rest_vertices(stacked[:3])[..., 1]
    heights = (y.amax(1) - y.amin(1)).sort().values
    assert heights[0] > 1.5 and heights[-1] < 2.0 and heights.diff().min() > 0.01
    with pytest.raises(ValueError, match="no subjects of 'penn'; there are those of human36m, humaneva"):
        subject_betas("penn")


def test_truth_projects_onto_the_keypoints_inside_the_image() -> None:
    for clip in embedded.load("gt", role="humaneva"):
        assert not is_corrupt(clip.take)
        projected = clip.camera.project(clip.joints3d + clip.trajectory[:, None])
        assert torch.allclose(projected, clip.keypoints2d, atol=1e-3)
        size = torch.tensor([clip.camera.width, clip.camera.height])
        assert ((projected > 0) & (projected < size)).all(-1).float().mean() > 0.95, clip.name


def test_detections_lie_about_the_truth_in_proportion_to_the_person(clips: list[Clip]) -> None:
    for clip in clips:
        if is_corrupt(clip.take):
            continue
        truth = clip.camera.project(clip.joints3d + clip.trajectory[:, None])
        error = (clip.keypoints2d - truth).norm(dim=-1) * 400 / 250  # the person is about 250 px tall here
        assert 1 < error.mean() < 16 and error.median() < 9, clip.name


def test_loading_again_gives_the_same_bits(clips: list[Clip]) -> None:
    few = embedded.performances("humaneva")[::5]
    found = torch.from_numpy(embedded._detections(few, "pre_trained")["keypoints2d"])
    by_name = {(clip.take, clip.camera.name): clip for clip in clips}
    expected = [by_name[embedded._take(p), camera.name].keypoints2d for p in few for camera in p.cameras]
    assert torch.equal(found, torch.cat(expected))
    assert list(dropouts("03_03", 1901)) == list(dropouts("03_03", 1901)) != list(dropouts("03_04", 1901))
    assert [d for d in dropouts("03_03", 1901) if d[1] < 1000] == [d for d in dropouts("03_03", 1000) if d[1] < 1000]


def test_one_test_video_of_s3_walking_is_corrupt_and_says_so(clips: list[Clip], corrupt: list[Clip]) -> None:
    marked = [clip for clip in clips if is_corrupt(clip.take)]
    assert [clip.name for clip in marked] == [clip.name for clip in corrupt]
    assert {(clip.subject, clip.action, clip.take) for clip in marked} == {("S3", "walking", "07_05@60#corrupt")}
    clean = embedded.load("gt", role="humaneva", parts=("test",))
    assert any(clip.take.startswith("07_05@") for clip in clean)
    assert not any(is_corrupt(clip.take) for clip in embedded.load("gt", role="humaneva"))


def test_the_corrupt_mocap_stands_still_while_the_person_walks_on(corrupt: list[Clip]) -> None:
    whole = [p for p in embedded.performances("humaneva") if p.segment.part == "corrupt"]
    assert len(whole) == 1 and len(corrupt) == 3
    for clip in corrupt:
        assert torch.equal(clip.joints3d, clip.joints3d[:1].expand_as(clip.joints3d))
        assert torch.equal(clip.theta, clip.theta[:1].expand_as(clip.theta))
        walked = clip.camera.to_camera(whole[0].joints)
        assert torch.allclose(clip.camera.project(walked), clip.keypoints2d, atol=1e-3)
        wrong = p_mpjpe(walked - walked[:, :1], clip.joints3d)
        assert wrong[0] < 1e-4 and wrong.mean() > 0.03
        with pytest.raises(ValueError, match=r"07_05@60#corrupt/C.: its motion capture is corrupt, expected 3D"):
            embedded.redetected(clip, "gt")


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="no part 'corupt' in the split; there are train, test, corrupt"):
        embedded.load("gt", role="humaneva", parts=("corupt",))
    with pytest.raises(ValueError, match="take 07_05: found frames 10 to 10, expected 0 <= start < stop"):
        chunks("07_05", 10, 10)
    assert humaneva_role.recorded_frames(3, corrupt=False).tolist() == [0, 1, 2]
