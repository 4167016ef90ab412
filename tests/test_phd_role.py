"""PHD's data sets from the embedded data: who is in which, what each knows, and the windows by hand."""

from itertools import product

import pytest
import torch
from synthetic import clip as synthetic_clip

from phdlib.body import load_body
from phdlib.camera import RIG
from phdlib.data import embedded, phd_role
from phdlib.data.clip import Clip
from phdlib.data.phd_role import (
    ROLES,
    SUBJECTS,
    Windows,
    cut,
    evaluation_windows,
    load,
    recorded,
    training_windows,
    windows,
)
from phdlib.data.split import PARTNERS
from phdlib.skeleton import H36M17, PENN13

VIEWS = {name for name, *_ in RIG}


@pytest.fixture(scope="module")
def sets() -> dict[tuple[str, str], list[Clip]]:
    return {(role, part): load(role, part) for role, known in ROLES.items() for part in known.parts}


def span(clip: Clip) -> tuple[str, int, int]:
    """Take, and the frames at 50 Hz that a clip was made of."""
    take, start = clip.take.split("@")
    return take, int(start), int(start) + 2 * len(clip)


def test_every_set_has_its_subjects_at_25_hz(sets: dict) -> None:
    assert SUBJECTS == {"train": ("S1", "S6", "S7", "S8"), "validation": ("S5",), "test": ("S9", "S11")}
    for (role, part), clips in sets.items():
        assert {clip.subject for clip in clips} == set(SUBJECTS[part]), role
        assert {clip.fps for clip in clips} == {25.0}
        assert min(map(len, clips)) >= 40
        assert len({clip.name for clip in clips}) == len(clips)
    assert len({clip.action for clip in sets["human36m", "train"]}) == 15
    assert len({clip.action for clip in sets["human36m", "test"]}) == 15


def test_frames_are_every_second_one_of_the_embedded_clips(sets: dict) -> None:
    originals = {clip.name: clip for clip in embedded.load("gt")}
    for clip in sets["human36m", "train"][::17] + sets["human36m", "test"][::17]:
        whole = originals[clip.name]
        assert len(clip) == (len(whole) + 1) // 2
        for name in ("joints3d", "trajectory", "keypoints2d", "visible"):
            assert torch.equal(getattr(clip, name), getattr(whole, name)[::2])
        assert torch.equal(clip.theta[:, 3:], whole.theta[::2, 3:])


def test_nothing_of_the_test_or_validation_set_is_trained_on(sets: dict) -> None:
    """Over all roles at once: no take (or salsa partner's) on two sides, but for those cut in time, 2 s apart."""
    spans = {part: {span(clip) for (_, p), clips in sets.items() if p == part for clip in clips} for part in SUBJECTS}
    for one, other in (("train", "test"), ("validation", "test"), ("train", "validation")):
        for (take, start, stop), (take2, start2, stop2) in product(spans[one], spans[other]):
            performer, trial = take2.split("_")
            assert take != f"{PARTNERS.get(performer)}_{trial}"
            assert take != take2 or start2 - stop >= 98 or start - stop2 >= 98  # an odd frame is rounded up
        shared = {take for take, *_ in spans[one]} & {take for take, *_ in spans[other]}
        assert shared <= {"02_06", "02_08", "02_10", "03_02", "03_04"} and (other == "test" or not shared)


def test_each_set_knows_what_it_should(sets: dict) -> None:
    for (role, _), clips in sets.items():
        for clip in clips:
            labels = [getattr(clip, name) for name in ("theta", "beta", "joints3d", "trajectory")]
            assert all((value is not None) == (role == "human36m") for value in labels)
            assert clip.keypoints2d.shape == (len(clip), 13 if role == "penn" else 17, 2)
            assert clip.visible.shape == clip.keypoints2d.shape[:2] and clip.visible.dtype == torch.bool
            assert clip.skeleton == (PENN13 if role == "penn" else H36M17)
            assert clip.features is None and clip.frames is None


def test_penn_is_seen_once_and_instavariety_from_the_other_sides(sets: dict) -> None:
    for part in ("train", "validation"):
        penn = {clip.take: clip.camera.name for clip in sets["penn", part]}
        assert len(penn) == len(sets["penn", part])
        for take, view in penn.items():
            others = [clip.camera.name for clip in sets["instavariety", part] if clip.take == take]
            assert sorted(others) == sorted(VIEWS - {view})
        assert {clip.take for clip in sets["instavariety", part]} == set(penn)
    assert {clip.camera.name for clip in sets["penn", "train"] + sets["penn", "test"]} == VIEWS
    labelled = {span(clip)[0] for clip in sets["human36m", "train"] + sets["human36m", "validation"]}
    assert not labelled & {span(clip)[0] for clip in sets["instavariety", "train"]}  # no 3D of its motion anywhere


def test_short_performances_are_left_out(sets: dict) -> None:
    """The run lasts 36 frames in training and 30 in test: too short, as PHD's Jumping Jacks."""
    embedded_actions = {clip.action for clip in embedded.load("gt", "penn")}
    assert embedded_actions - {clip.action for clip in sets["penn", "train"]} == {"run"}
    assert embedded_actions - {clip.action for clip in sets["penn", "test"]} == {"run"}
    lengths = [(len(clip) + 1) // 2 for clip in embedded.load("gt", "penn", ("test",))]
    assert len(sets["penn", "test"]) == sum(length >= 40 for length in lengths) // 4


def test_theta_is_in_the_cameras_frame(sets: dict) -> None:
    """The body posed by it has the clip's 3D joints, in the axes of the camera, without the camera being asked."""
    regress = load_body().keypoints(H36M17)
    for clip in sets["human36m", "test"][::13]:
        joints = regress(clip.theta, clip.beta[None])
        assert torch.allclose(joints - joints[:, :1], clip.joints3d, atol=1e-5)


def test_penn_joints_are_the_bodys(sets: dict) -> None:
    truth = {clip.name: clip for clip in embedded.load("gt", "penn")}
    limbs = [H36M17.index(joint) for joint in PENN13.joints[1:]]
    for clip in sets["penn", "test"] + sets["penn", "train"][::5]:
        whole = truth[clip.name]
        assert torch.allclose(clip.keypoints2d[:, 1:], whole.keypoints2d[::2, limbs], atol=5e-3)
        assert torch.equal(clip.visible[:, 1:], whole.visible[::2, limbs])
        assert torch.equal(clip.visible[:, 0], whole.visible[::2, H36M17.index("head")])
    full = load("penn", "test", full_3d=True)
    for clip, two in zip(full, sets["penn", "test"], strict=True):
        absolute = clip.joints3d + clip.trajectory[:, None]
        assert torch.equal(clip.keypoints2d, two.keypoints2d)
        assert torch.allclose(clip.camera.project(absolute), two.keypoints2d, atol=1e-3)
        top = truth[clip.name].joints3d[::2, H36M17.index("head")] + truth[clip.name].trajectory[::2]
        away = (absolute[:, 0] - top).norm(dim=-1)  # from the middle of the head to its top
        assert bool(((away > 0.05) & (away < 0.2)).all())


def test_pseudo_ground_truth_is_a_detectors(sets: dict) -> None:
    truth = {clip.name: clip.keypoints2d[::2] for clip in embedded.load("gt", "penn")}
    for clip in sets["instavariety", "train"]:
        assert 1 < (clip.keypoints2d - truth[clip.name]).norm(dim=-1).mean() < 20
    finer = load("instavariety", keypoints="fine_tuned")
    assert not torch.equal(finer[0].keypoints2d, sets["instavariety", "train"][0].keypoints2d)


def test_full_3d_is_handed_out_on_request_only(sets: dict) -> None:
    full = load("instavariety", full_3d=True)
    for clip, mixed in zip(full, sets["instavariety", "train"], strict=True):
        assert torch.equal(clip.keypoints2d, mixed.keypoints2d) and clip.name == mixed.name
        assert clip.theta is not None and clip.beta is not None and clip.joints3d is not None


def test_what_was_recorded_goes_with_the_clips_in_order(sets: dict) -> None:
    """Images and inputs are made of it: world pose, 3D and H36M-17 whatever the role, any detector level."""
    for role, part in (("penn", "train"), ("instavariety", "train"), ("human36m", "validation")):
        behind = recorded(role, part, keypoints="fine_tuned")
        assert [clip.name for clip in behind] == [clip.name for clip in sets[role, part]]
        for clip, known in zip(behind, sets[role, part], strict=True):
            assert len(clip) == len(known) and clip.skeleton == H36M17 and clip.joints3d is not None
            seen = phd_role.in_camera_frame(clip)
            assert known.theta is None or torch.equal(known.theta, seen.theta)
    first = recorded("human36m", "test")[0]
    assert torch.equal(first.theta, embedded.load("gt", parts=("test",))[0].theta[::2])


def test_what_there_is_not_is_named() -> None:
    with pytest.raises(ValueError, match="no role 'nba' in PHD's data; there are human36m, penn, instavariety"):
        load("nba")
    with pytest.raises(ValueError, match="no part 'test' in role 'instavariety'; there are train, validation"):
        load("instavariety", "test")
    with pytest.raises(ValueError, match="no part 'training'"):
        load("human36m", "training")
    with pytest.raises(ValueError, match="found keypoints 'coarse', expected None or 'gt'"):
        load("penn", keypoints="coarse")
    with pytest.raises(ValueError, match="no detector level"):
        load("human36m", keypoints="perfect")


# Windows


def pairs(found: Windows) -> list[tuple[int, int]]:
    return list(zip(found.clip.tolist(), found.start.tolist(), strict=True))


def test_windows_by_hand() -> None:
    clips = [synthetic_clip(frames) for frames in (44, 45, 96, 39)]
    assert pairs(evaluation_windows(clips, 25)) == [(1, 0), (2, 0), (2, 25), (2, 50)]
    assert pairs(evaluation_windows(clips, 10)) == [(1, 0), *((2, start) for start in (0, 10, 20, 30, 40, 50))]
    assert len(evaluation_windows(clips, 1)) == 1 + 52  # the last of clip 2 begins at 51 and ends with frame 95
    assert pairs(evaluation_windows(clips, 25, horizon=5))[:3] == [(0, 0), (1, 0), (1, 25)]
    assert evaluation_windows(clips, 1).frames == 45 == phd_role.CONDITIONING + phd_role.HORIZON
    trained = training_windows(clips)
    assert len(trained) == 5 + 6 + 57 and trained.frames == 40
    assert pairs(training_windows(clips, every=3))[:4] == [(0, 0), (0, 3), (1, 0), (1, 3)]


def test_windows_lie_inside_their_clips(sets: dict) -> None:
    clips = sets["penn", "test"]
    found = evaluation_windows(clips, phd_role.EVERY["penn"])
    lengths = torch.tensor([len(clip) for clip in clips])
    assert bool((found.start + found.frames <= lengths[found.clip]).all())
    assert len(found) == sum(max(len(clip) - 44, 0) for clip in clips)


def test_no_window_where_no_clip_is_long_enough() -> None:
    assert len(evaluation_windows([synthetic_clip(44)], 1)) == len(evaluation_windows([], 1)) == 0
    for frames, every in ((0, 1), (40, 0)):
        with pytest.raises(ValueError, match="at least 1"):
            windows([], frames, every)


def test_a_cut_is_those_frames(sets: dict) -> None:
    clip = sets["human36m", "validation"][0]
    part = cut(clip, 10, 45)
    assert len(part) == 45 and part.take == f"{clip.take}+10" and part.camera is clip.camera
    for name in ("theta", "joints3d", "trajectory", "keypoints2d", "visible"):
        assert torch.equal(getattr(part, name), getattr(clip, name)[10:55])
    assert torch.equal(part.beta, clip.beta) and part.features is None
    for start, frames in ((-1, 40), (len(clip) - 39, 40)):
        with pytest.raises(ValueError, match=f"of {len(clip)}"):
            cut(clip, start, frames)
