"""Less and less labelled data: whose, how much, and which frames."""

from collections import Counter

import pytest
import torch
from synthetic import clip

from phdlib.data.clip import Clip
from phdlib.data.subsets import subset

LENGTHS = {"S1": (40, 60, 100), "S5": (30,), "S6": (50, 20)}
CLIPS = [
    clip(frames, 10 * int(subject[1:]) + i, subject=subject, camera=camera)
    for subject, lengths in LENGTHS.items()
    for i, frames in enumerate(lengths)
    for camera in range(4)
]


def draw(subjects=("S1",), fraction: float = 1.0, seed: int = 0, clips=CLIPS):
    return subset(clips, subjects, fraction, torch.Generator().manual_seed(seed))


def stretch(part: Clip) -> tuple[str, int, int]:
    """(take, first frame, frames) of a labelled stretch, as its name and its length say."""
    take, _, start = part.take.rpartition("+")
    return take, int(start), len(part)


@pytest.mark.parametrize("subjects", [("S1",), ("S1", "S6"), ("S1", "S5", "S6")])
def test_whole_subjects_are_labelled_and_everybody_else_is_not(subjects: tuple[str, ...]) -> None:
    parts = draw(subjects)
    assert parts.labelled == [one for one in CLIPS if one.subject in subjects]
    assert parts.unlabelled == [one for one in CLIPS if one.subject not in subjects]


@pytest.mark.parametrize("fraction", [0.5, 0.1, 0.05, 0.02])
def test_a_share_is_one_stretch_of_every_take(fraction: float) -> None:
    parts = draw(fraction=fraction)
    stretches = {stretch(part) for part in parts.labelled}
    originals = {one.take: one for one in CLIPS if one.subject == "S1"}
    assert {take for take, _, _ in stretches} == set(originals) and len(stretches) == 3
    for take, start, frames in stretches:
        assert frames == pytest.approx(fraction * len(originals[take]), abs=0.5)
        assert 0 <= start <= len(originals[take]) - frames
    assert parts.unlabelled == CLIPS  # all of S1's takes too, as plain video


def test_a_stretch_is_the_same_in_all_cameras_and_is_the_frames_it_says() -> None:
    parts = draw(fraction=0.1)
    assert Counter(stretch(part) for part in parts.labelled) == dict.fromkeys(map(stretch, parts.labelled), 4)
    originals = {(one.take, one.camera.name): one for one in CLIPS}
    for part in parts.labelled:
        take, start, frames = stretch(part)
        whole = originals[take, part.camera.name]
        for name in ("joints3d", "trajectory", "keypoints2d", "visible"):
            assert torch.equal(getattr(part, name), getattr(whole, name)[start : start + frames])
        assert (part.subject, part.action, part.fps, part.camera) == ("S1", "swing", 50.0, whole.camera)


@pytest.mark.parametrize(("fraction", "frames"), [(0.01, 2), (0.005, 1), (0.0001, 1)])
def test_less_than_a_frame_a_take_is_single_frames_of_random_takes(fraction: float, frames: int) -> None:
    for seed in range(5):
        labelled = draw(fraction=fraction, seed=seed).labelled
        assert len(labelled) == 4 * frames and {len(part) for part in labelled} == {1}
        assert len({stretch(part)[0] for part in labelled}) == frames
    drawn = {stretch(part)[0] for seed in range(20) for part in draw(fraction=fraction, seed=seed).labelled}
    assert len(drawn) == 3


def test_every_frame_can_be_drawn() -> None:
    short = [clip(5, 1, camera=camera) for camera in range(2)]
    starts = {stretch(draw(fraction=0.4, seed=seed, clips=short).labelled[0])[1] for seed in range(60)}
    assert starts == {0, 1, 2, 3}


def test_the_generator_decides_the_draw() -> None:
    def stretches(seed: int) -> set[tuple[str, int, int]]:
        return {stretch(part) for part in draw(fraction=0.1, seed=seed).labelled}

    assert stretches(0) == stretches(0)
    assert len({frozenset(stretches(seed)) for seed in range(10)}) > 5


def test_clips_are_not_changed() -> None:
    before = [one.joints3d.clone() for one in CLIPS]
    for part in draw(fraction=0.1).labelled:
        assert len(part) < 40
    assert all(torch.equal(one.joints3d, joints) for one, joints in zip(CLIPS, before, strict=True))


def test_what_cannot_be_asked_is_named() -> None:
    for subjects in (("S9",), ("S1", "S9"), ()):
        with pytest.raises(ValueError, match=r"expected subjects among \['S1', 'S5', 'S6'\], found"):
            draw(subjects)
    for subjects, fraction in ((("S1", "S5"), 0.5), (("S1",), 0.0), (("S1",), 1.5), (("S1",), -0.1)):
        with pytest.raises(ValueError, match=r"expected a fraction in \(0, 1\] of one subject, found"):
            draw(subjects, fraction)
