"""Detections of real video as a training role: kept by content, cut in two, shown to a model, and trained on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from synthetic import clip
from wild_files import detections

from phdlib import semi_experiments, wild_profiles
from phdlib.backprojection import bone_lengths
from phdlib.data.wild_role import halves, keep, kept, kept_clips, part, shown
from phdlib.runs import read_or_run
from phdlib.semi_experiments import SemiSupervisedExperiment
from phdlib.skeleton import H36M17
from phdlib.training import Recipe
from phdlib.wild_experiments import WildSemiSupervisedExperiment, mean_lens

SIZE = (640, 480)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHDLIB_CACHE", str(tmp_path))


def test_what_is_kept_is_read_back_and_named_by_its_content():
    found = detections(40, SIZE)
    found.points[3], found.scores[3] = np.nan, 0
    key = keep(found)
    again = kept(key)
    np.testing.assert_array_equal(again.points, found.points)
    np.testing.assert_array_equal(again.scores, found.scores)
    assert (again.fps, again.width, again.height) == (25.0, *SIZE) and keep(again) == key
    moved = found.points.copy()
    moved[0, 0, 0] += 0.5
    others = [replace(found, points=moved), replace(found, fps=30.0), replace(found, width=641)]
    assert len({key, *map(keep, others)}) == 4
    with pytest.raises(FileNotFoundError, match="no such file of detections"):
        kept("0" * 16)


def test_halves_share_no_frame_and_keep_the_frames_numbers():
    found = detections(101, SIZE)
    first, second = halves(found, gap=1.0)
    here, there = (np.isfinite(x.points).all((1, 2)) for x in (first, second))
    assert here.nonzero()[0].tolist() == list(range(50)) and there.nonzero()[0].tolist() == list(range(75, 101))
    assert (second.scores[:75] == 0).all() and len(first) == len(second) == 101
    np.testing.assert_array_equal(second.points[75:], found.points[75:])
    assert [c.take for c in shown(second, "v", 25.0)] == ["v[75:101]"]


@pytest.mark.parametrize("fps", [25.0, 50.0])
def test_a_person_is_shown_as_far_off_as_in_training(fps):
    """Back-projection's trajectory comes from the keypoints alone: a lens of the same length, the same distance."""
    found = detections(50, SIZE)  # 4 m off, by the assumed lens
    (plain,), (fitted,) = shown(found, "v", fps), shown(found, "v", fps, lens=2.29)
    assert float(fitted.camera.screen_intrinsics[0]) == pytest.approx(2.29, rel=1e-3)
    assert plain.camera.screen_intrinsics[0] < 2.2 and len(fitted) == {25.0: 50, 50.0: 99}[fps]
    assert fitted.fps == fps and fitted.visible.all() and fitted.joints3d is None
    sizes = [one.screen_keypoints().flatten(0, 1).std(0) for one in (plain, fitted)]
    torch.testing.assert_close(*sizes, rtol=0.03, atol=0)  # the same picture


def test_a_keypoint_between_a_seen_and_an_unseen_frame_is_unseen():
    found = detections(20, SIZE)
    found.scores[10] = 0.1
    (one,) = shown(found, "v", 50.0)
    assert (~one.visible).any(1).nonzero().flatten().tolist() == [19, 20, 21]


def test_stretches_that_are_too_short_are_left_out():
    found = part(detections(60, SIZE), 10, 40)
    assert len(shown(found, "v", 25.0, seconds=1.2)) == 1 and not shown(found, "v", 25.0, seconds=1.6)
    with pytest.raises(ValueError, match=r"detections .*: found nobody for 1.6 s in a row"):
        kept_clips([keep(found)], 25.0, seconds=1.6)
    with pytest.raises(ValueError, match=r"\(none\)"):
        kept_clips([], 25.0)


SMALL = SemiSupervisedExperiment(
    filter_widths=(3,), channels=16, dropout=0.1, recipe=Recipe(epochs=2, batch_size=16, steps_per_epoch=3)
)


@pytest.fixture
def small_data(monkeypatch: pytest.MonkeyPatch):
    train = [clip(30 + i, i, subject=("S1", "S5")[i // 2], camera=i) for i in range(4)]
    parts = {"train": tuple(train), "test": (clip(25, 7, subject="S9"),)}
    monkeypatch.setattr(semi_experiments, "load_clips", lambda data, keypoints, part: parts[part])


def on(found, **changes) -> WildSemiSupervisedExperiment:
    return WildSemiSupervisedExperiment(
        **{name: getattr(SMALL, name) for name in type(SMALL).model_fields if name not in ("infra", "key")} | changes,
        wild=(keep(found),),
    )


def test_the_unlabelled_half_is_the_video_and_nothing_else(small_data):
    experiment = on(detections(50, SIZE))
    known = experiment.subset()
    assert {one.subject for one in known.labelled} == {"S1"}
    (video,) = known.unlabelled
    assert video.fps == known.labelled[0].fps == 50 and len(video) == 99 and video.joints3d is None
    lens = mean_lens(known.labelled)
    assert lens == pytest.approx(np.mean([c.camera.screen_intrinsics[:2].mean() for c in known.labelled]), rel=1e-5)
    assert float(video.camera.screen_intrinsics[0]) == pytest.approx(lens, rel=1e-3)


def test_the_video_teaches_and_is_part_of_the_key(small_data, monkeypatch):
    found = detections(50, SIZE)
    one, other = on(found), on(replace(found, points=found.points + np.float32(3)))
    assert len({e.prepared().infra.uid() for e in (SMALL, one, other)}) == 3
    result = read_or_run(one.prepared())
    monkeypatch.setattr(semi_experiments, "train_semi_supervised", None)  # a second training would fail
    assert read_or_run(one.prepared()).losses == result.losses
    monkeypatch.undo()
    assert {"reprojection", "root", "mpjpe"} <= set(result.clips)


def test_training_on_a_video_fits_it(small_data):
    """More steps on the video: its keypoints are met better, its bones come nearer to those of labelled people."""
    recipe = Recipe(epochs=8, batch_size=32, steps_per_epoch=12, lr=1e-2, lr_decay=0.8)
    found = detections(50, SIZE)
    alone = on(found, recipe=recipe, method=SMALL.method.model_copy(update={"warmup_epochs": 8}))
    video = on(found, recipe=recipe)
    (seen,) = video.subset().unlabelled
    bones = torch.cat([bone_lengths(c.joints3d, H36M17) for c in video.subset().labelled]).mean(0)
    off, miss = [], []
    for experiment in (alone, video):
        net = experiment.trained_networks(read_or_run(experiment.prepared()))
        with torch.no_grad():
            frames = seen.screen_keypoints()[None]
            poses, roots = net.pose(frames)[0], net.trajectory(frames)[0]
            points = (poses + roots)[..., :2] / (poses + roots)[..., 2:].clamp(min=0.5)
            inner = frames[0, 1:-1] / seen.camera.screen_intrinsics[:2]
        miss.append(float((points - inner).norm(dim=-1).mean()))
        off.append(float((bone_lengths(poses, H36M17).mean(0) - bones).abs().mean()))
    assert miss[1] < 0.9 * miss[0] and off[1] < off[0]


def test_profiles_compare_equal_labels_and_seeds():
    for profile in ("smoke", "standard", "paper"):
        groups = wild_profiles.unlabelled(profile, ("a" * 16,))
        for labelled in wild_profiles.LABELLED[profile]:
            sets = [
                [(e.seed, e.draw, e.labelled, e.fraction, e.recipe) for e in groups[labelled, kind]]
                for kind in (wild_profiles.NOTHING, wild_profiles.CAPTURE, wild_profiles.VIDEO)
            ]
            assert sets[0] == sets[1] == sets[2]
        embedded, real = wild_profiles.pseudo(profile, ("a" * 16,)).values()
        assert [e.seed for e in embedded] == [e.seed for e in real] == list(wild_profiles.PHD_SEEDS[profile])
        assert all(a.encoder == b.encoder and a.recipe == b.recipe for a, b in zip(embedded, real, strict=True))
