"""An unknown camera turned to the person and back, the person placed, and the command from video to files."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from wild_files import detections, person, untrained, write_video

from phdlib import video, wild
from phdlib.backprojection import bone_lengths
from phdlib.data.bvh import read_bvh
from phdlib.detection_files import write_detections
from phdlib.detections import coco_to_h36m, to_clips
from phdlib.figures_wild import (
    AHEAD,
    GROUND,
    before_and_after,
    cut,
    figure_1,
    futures_of_roles,
    liveliest,
    pick,
    plain,
    seeds_apart,
    shown_frames,
    stills,
    strip,
    with_keypoints,
)
from phdlib.skeleton import H36M17
from phdlib.video_frames import frames, probe
from phdlib.wild_camera import PERSON, assumed_intrinsics, look_at_person, place, project, turn_to_axis
from phdlib.wild_errors import inconsistency, sides_swapped, view_errors
from phdlib.wild_output import LEGEND, overlay_frame, overlay_frames, with_legend

SIZE = (640, 480)


def h36m_person(frames_: int, fps: float = 25.0) -> torch.Tensor:
    joints = torch.einsum("jk,tkc->tjc", torch.from_numpy(coco_to_h36m()).float(), person(frames_, fps))
    return joints - joints[:, :1]


def in_image(joints: torch.Tensor, root: torch.Tensor, lens: torch.Tensor) -> torch.Tensor:
    return project(joints + root[:, None], lens)


def path_of(count: int) -> torch.Tensor:
    t = torch.arange(count) / 25
    return torch.stack((-1.0 + 0.2 * t, 0.4 + 0 * t, 5.0 + 0.3 * torch.sin(t)), 1)


def test_the_default_lens_is_the_diagonals():
    assert assumed_intrinsics(640, 480)[:4].tolist() == [800.0, 800.0, 320.0, 240.0]
    assert assumed_intrinsics(640, 480, 500.0)[0] == 500
    for focal in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=r"focal length: found .* expected a number above 0"):
            assumed_intrinsics(640, 480, focal)


def test_turning_to_the_axis_is_a_rotation_without_roll():
    for direction in torch.randn(20, 3, generator=torch.Generator().manual_seed(0)):
        direction[2] = direction[2].abs() + 0.1
        R = turn_to_axis(direction)
        torch.testing.assert_close(R @ R.T, torch.eye(3), atol=1e-5, rtol=0)
        torch.testing.assert_close(R @ direction, torch.tensor([0.0, 0.0, 1.0]) * direction.norm(), atol=1e-5, rtol=0)
        assert torch.linalg.det(R) > 0 and (R[0, 1] - R[1, 0]).abs() < 1e-6


def test_a_person_anywhere_is_shown_in_the_middle_at_one_size():
    joints, lens = h36m_person(50), assumed_intrinsics(*SIZE)
    shown = []
    for root in (path_of(50), torch.tensor([[0.0, 0.0, 9.0]]).expand(50, 3)):
        view = look_at_person(in_image(joints, root, lens), lens)
        box = (view.keypoints.amin(1) + view.keypoints.amax(1)) / 2
        assert (box.median(0).values - 500).abs().max() < 15
        bones = sum((view.keypoints[:, c] - view.keypoints[:, p]).norm(dim=-1) for p, c in H36M17.bones)
        assert bones.quantile(0.9) / 500 == pytest.approx(PERSON, rel=1e-3)
        # what is shown is the person, turned: its rays are those of the joints in the shown camera's axes
        X = (joints + root[:, None]) @ view.camera.rotation.T
        torch.testing.assert_close(project(X, view.camera.intrinsics), view.keypoints, atol=0.1, rtol=0)
        torch.testing.assert_close(view.back(X), joints + root[:, None], atol=1e-4, rtol=0)
        shown.append(view.keypoints)
    with pytest.raises(ValueError, match="all joints in one place"):
        look_at_person(torch.full((3, 17, 2), 100.0), lens)


def test_a_person_is_placed_where_they_are():
    joints, root, lens = h36m_person(50), path_of(50), assumed_intrinsics(*SIZE)
    rays = (joints + root[:, None])[..., :2] / (joints + root[:, None])[..., 2:]
    weights = torch.ones(50, 17)
    assert (place(joints, rays, weights, 1e-3) - root).norm(dim=-1).max() < 1e-3  # without smoothing: exact
    assert (place(joints, rays, weights, 25.0) - root).norm(dim=-1)[8:-8].max() < 0.05
    wrong = rays.clone()
    wrong[:, 9:] += 5.0
    weights[:, 9:] = 0
    assert (place(joints, wrong, weights, 1e-3) - root).norm(dim=-1).max() < 0.01
    doubled = place(joints, (lens[0] * rays) / (2 * lens[0]), torch.ones(50, 17), 1e-3)
    torch.testing.assert_close(doubled[:, 2], 2 * root[:, 2], rtol=0.05, atol=0)  # twice the focal length: twice as far


@pytest.mark.parametrize("fps", [24.0, 25.0, 29.97, 50.0, 60.0])
def test_resampling_keeps_times(fps):
    t = torch.arange(90) / fps
    for to in (25.0, 50.0):
        found = wild.resampled(torch.stack((t, 3 * t), 1)[:, None], fps, to)
        expected = torch.arange(len(found)) / to
        torch.testing.assert_close(found[:, 0, 0], expected, atol=1e-4, rtol=0)
        assert abs(len(found) / to - 90 / fps) <= 1 / to + 1 / fps


class FlatLifter(torch.nn.Module):
    """A one-frame model whose answer is its input, at depth 0."""

    causal = False

    def receptive_field(self) -> int:
        return 1

    def forward(self, x):
        return torch.nn.functional.pad(x, (0, 1))


@pytest.mark.parametrize("fps", [12.5, 25.0, 30.0, 60.0])
def test_lifting_answers_for_the_videos_own_frames(fps):
    lens = assumed_intrinsics(*SIZE)
    view = look_at_person(in_image(h36m_person(40, fps), path_of(40), lens), lens)
    poses = wild.lift(FlatLifter().eval(), view, fps)
    screen = view.keypoints / 500 - 1
    assert poses.shape == (40, 17, 3)
    torch.testing.assert_close(poses[..., :2], screen - screen[:, :1], atol=0.02, rtol=0)


def test_all_of_a_motion_fits_together():
    found = detections(60, SIZE)
    (clip,) = to_clips(found, "v")
    motion = wild.reconstruct(clip, 0, assumed_intrinsics(*SIZE), untrained())
    assert motion.theta.shape == (60, 72) and motion.root.shape == (60, 3) and motion.beta.shape == (10,)
    assert motion.present.tolist() == [34, 59]
    assert motion.future_theta.shape == (2, 30, 72) and motion.future_joints.shape == (2, 30, 17, 3)
    X = motion.clip.joints3d + motion.clip.trajectory[:, None]
    torch.testing.assert_close(motion.reprojected, project(X, motion.intrinsics))
    assert motion.clip.joints3d[:, 0].abs().max() < 1e-6
    again = wild.reconstruct(clip, 0, assumed_intrinsics(*SIZE), untrained())
    assert torch.equal(again.future_theta, motion.future_theta)


def test_the_future_does_not_see_what_follows():
    found = detections(60, SIZE)
    (clip,) = to_clips(found, "v")
    models, lens = untrained(), assumed_intrinsics(*SIZE)
    view = look_at_person(clip.keypoints2d, lens)
    before = wild.bodies(models, view, 25.0)
    view.keypoints[36:] += 50 * torch.randn(24, 17, 2, generator=torch.Generator().manual_seed(0))
    after = wild.bodies(models, view, 25.0)
    assert torch.equal(before.future_theta[0], after.future_theta[0])
    assert not torch.equal(before.future_theta[1], after.future_theta[1])


def test_a_stretch_too_short_for_phd_has_no_future():
    (clip,) = to_clips(detections(10, SIZE), "v")
    motion = wild.reconstruct(clip, 0, assumed_intrinsics(*SIZE), untrained())
    assert motion.future_theta.shape == (0, 30, 72) and motion.future_joints.shape == (0, 30, 17, 3)


@pytest.fixture
def analysed(tmp_path):
    path = write_video(tmp_path / "walk.mp4", frames=60, size=(128, 96))
    found = detections(60, (128, 96))
    found.points[[0, 1, 30, 31]] = np.nan
    found.scores[[0, 1, 30, 31]] = 0
    return path, write_detections(found, tmp_path / "walk.npz")


def test_the_command_writes_everything(tmp_path, analysed, monkeypatch, capsys):
    monkeypatch.setattr(wild, "trained_models", lambda profile: untrained())
    path, found = analysed
    out = tmp_path / "out"
    assert video.main([str(path), "--out", str(out), "--detections", str(found), "--profile", "smoke"]) == 0
    text = capsys.readouterr().out
    assert "focal length 160 pixels (assumed, the image's diagonal" in text
    assert "A person in 58 of 60 frames, in 1 stretch; in 2 frames some keypoints were filled in" in text
    heads = [line for line in text.splitlines() if line.startswith("[")]
    assert heads == [f"[{i}/5] {what}" for i, what in enumerate(video.STAGES, start=1)]
    names = {"poses.npz", "motion.bvh", "body.bvh", "overlay.mp4", "page.html", "plotly.min.js"}
    assert {p.name for p in out.iterdir()} == names

    with np.load(out / "poses.npz", allow_pickle=False) as file:
        arrays = dict(file)
    assert arrays["joints3d"].shape == (60, 17, 3)
    assert np.isnan(arrays["joints3d"][:2]).all() and np.isfinite(arrays["joints3d"][2:]).all()
    assert arrays["filled"].any(1).nonzero()[0].tolist() == [30, 31]
    assert arrays["body_time"][0] == pytest.approx(2 / 25) and len(arrays["future_from"]) == 2
    about = json.loads(str(arrays["about"]))
    assert any("nothing is known of the lens" in line for line in about["says"]) and "trajectory" in about["arrays"]

    assert read_bvh(out / "motion.bvh").values.shape[0] == 58
    assert read_bvh(out / "body.bvh").values.shape[0] == 58 + 30
    overlay = probe(out / "overlay.mp4")
    assert (overlay.width, overlay.height, overlay.frames, overlay.fps) == (128, 96, 60 + 30, 25.0)
    page = (out / "page.html").read_text()
    assert "assumed, the image&#x27;s diagonal" in page and 'src="plotly.min.js"' in page and len(page) < 4e6


def test_what_cannot_be_used_is_one_line(tmp_path, analysed, monkeypatch, capsys):
    monkeypatch.setattr(wild, "trained_models", lambda profile: untrained())
    path, found = analysed
    out = ["--out", str(tmp_path / "out"), "--profile", "smoke"]
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "bad.json").write_text("{}")
    for arguments, said in (
        ([str(tmp_path / "none.mp4")], "none.mp4: found nothing, expected a video file"),
        ([str(tmp_path)], "found a folder, expected a video file"),
        ([str(tmp_path / "text.mp4")], "text.mp4: found no readable video"),
        ([str(path), "--detections", str(tmp_path / "bad.json")], "bad.json: frames: found []"),
        ([str(path), "--detections", str(found), "--focal", "-3"], "focal length: found -3 pixels"),
    ):
        assert video.main([*arguments, *out]) == 1
        error = capsys.readouterr().err
        assert said in error and error.startswith("phdlib.video: ") and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_figures_show_the_right_frames(analysed):
    path, found = analysed
    done = video.analyse(path, detections=found, models=untrained(), profile="smoke")
    motion = done.motions[0]
    which = liveliest(motion)
    assert 0 <= which < len(motion.present)
    assert shown_frames(motion, 1)[2] == 2 + 57 and shown_frames(motion, 1)[3:] == [None] * 6
    wanted = [t for t in shown_frames(motion, which) if t is not None]
    images = pick(frames(path), wanted)
    assert sorted(images) == sorted(set(wanted))
    for fig in (figure_1(images, motion, which), strip({20: images[wanted[0]]}, motion), stills(images)):
        assert fig.axes
    fig = before_and_after({"one": motion, "two": motion}, [10, 20, 30])
    assert len(fig.axes) == 9
    assert (
        len(seeds_apart({"a": {"nothing": [1.0, 2.0], "real video": [3.0]}, "b": {"nothing": [1.0]}}, "mm").axes) == 1
    )
    values = {"t": {"motion capture": {1: [1.0, 2.0]}, "Constant": {1: [2.0]}}, "u": {"real video": {0: [5.0]}}}
    assert [ax.get_ylabel() for ax in futures_of_roles(values, {"t": "mm", "u": "%"}).axes] == ["mm", "%"]
    assert len(AHEAD) == len(shown_frames(motion, 0))


def test_a_crop_beyond_the_image_goes_on_with_its_edge():
    image = np.zeros((20, 30, 3), dtype=np.uint8)
    image[:, 29] = 200
    crop = cut(image, (30.0, 10.0), 20.0, 40)
    assert crop.shape == (3, 40, 40) and (crop[:, :, 25:] == 200).all() and (crop[:, :, :15] == 0).all()


def test_overlays_draw_where_the_person_is(analysed):
    path, found = analysed
    done = video.analyse(path, detections=found, models=untrained(), profile="smoke")
    black = np.zeros((96, 128, 3), dtype=np.uint8)
    drawn = overlay_frame(black, 20, done.motions)
    assert drawn.any() and not overlay_frame(black, 0, done.motions).any()  # nobody is in frame 0
    x, y = done.motions[0].clip.keypoints2d[18, H36M17.index("left_hip")].round().int().tolist()
    assert drawn[y - 2 : y + 3, x - 2 : x + 3].any()


def test_an_overlay_explains_its_colours_in_every_frame(analysed):
    path, found = analysed
    done = video.analyse(path, detections=found, models=untrained(), profile="smoke")
    shown = list(overlay_frames(done.info, plain(done.info, 60), done.motions, done.filled))
    assert len(shown) == 90 and all(image.shape == (96, 128, 3) for image in shown)
    large = with_legend(np.full((480, 640, 3), 100, dtype=np.uint8))
    corner = large[-120:, :200].reshape(-1, 3)
    for color in LEGEND:
        wanted = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
        assert (np.abs(corner.astype(int) - wanted).sum(1) < 12).sum() > 20, color
    assert (large[:300] == 100).all() and (large[:, 300:] == 100).all()


def test_a_picture_without_pixels_shows_the_keypoints_alone(analysed):
    path, found = analysed
    done = video.analyse(path, detections=found, models=untrained(), profile="smoke")
    motion = done.motions[0]
    images = pick(plain(done.info, 21), [10, 20])
    assert sorted(images) == [10, 20] and all((image == GROUND).all() for image in images.values())
    drawn = with_keypoints(images, motion)
    assert all((image == GROUND).all() for image in images.values())  # not drawn into
    x, y = motion.clip.keypoints2d[18, H36M17.index("left_hip")].round().int().tolist()
    assert (drawn[20][y - 1 : y + 2, x - 1 : x + 2] != GROUND).any() and (drawn[20][:5] == GROUND).all()


def test_a_lifter_alone_says_what_it_says_with_phd():
    (clip,) = to_clips(detections(40, SIZE), "v")
    lens, models = assumed_intrinsics(*SIZE), untrained()
    whole, alone = wild.reconstruct(clip, 0, lens, models), wild.lifted(clip, 0, lens, models.lifter)
    assert torch.equal(whole.clip.joints3d, alone.clip.joints3d)
    assert torch.equal(whole.clip.trajectory, alone.clip.trajectory)
    assert torch.equal(whole.reprojected, alone.reprojected)


def test_true_poses_are_consistent_and_others_are_not():
    (clip,) = to_clips(detections(40, SIZE), "v")
    motion = wild.lifted(clip, 0, assumed_intrinsics(*SIZE), untrained().lifter)
    true = h36m_person(40)
    bones = bone_lengths(true, H36M17).mean(0)
    perfect = motion._replace(clip=replace(motion.clip, joints3d=true), reprojected=clip.keypoints2d)
    found = inconsistency(perfect, bones)
    assert found["reprojection, %"] == 0 and found["bones off, mm"] < 1e-3
    size = (clip.keypoints2d.amax(1) - clip.keypoints2d.amin(1)).amax(-1)
    moved = perfect._replace(reprojected=clip.keypoints2d + 0.1 * size[:, None, None] * torch.tensor([1.0, 0.0]))
    assert inconsistency(moved, bones)["reprojection, %"] == pytest.approx(10, rel=1e-4)
    larger = inconsistency(perfect._replace(clip=replace(perfect.clip, joints3d=1.5 * true)), bones)
    assert larger["bones off, mm"] == pytest.approx(500 * bones.mean().item(), rel=1e-3)
    assert larger["bones spread, %"] == pytest.approx(found["bones spread, %"], rel=1e-3)
    breathing = true * (1 + 0.2 * torch.sin(torch.arange(40.0)))[:, None, None]
    worse = inconsistency(perfect._replace(clip=replace(perfect.clip, joints3d=breathing)), bones)
    assert worse["bones spread, %"] > 5 + found["bones spread, %"]


def test_errors_against_a_reference_are_of_the_right_frames():
    (clip,) = to_clips(detections(40, SIZE), "v")
    motion = wild.reconstruct(clip, 0, assumed_intrinsics(*SIZE), untrained())
    camera = replace(
        motion.view.camera, rotation=torch.eye(3), translation=torch.zeros(3), intrinsics=motion.intrinsics
    )
    truth = motion.clip.joints3d + motion.clip.trajectory[:, None]
    errors = view_errors(motion, camera, truth[5:], first=5)
    assert errors["frames"] == 35 and errors["MPJPE"] < 0.01 and errors["root"] < 1e-5
    shifted = truth[5:] + torch.tensor([0.0, 0.0, 0.5])
    shifted[3, 4] = torch.nan
    errors = view_errors(motion, camera, shifted, first=5)
    assert errors["frames"] == 34 and errors["MPJPE"] < 0.01 and errors["root"] == pytest.approx(0.5, abs=1e-5)
    points = clip.keypoints2d
    assert not sides_swapped(points, points).any() and sides_swapped(points[:, list(H36M17.mirror)], points).all()


def test_a_file_where_a_folder_should_be_is_refused_before_anything_is_computed(tmp_path, monkeypatch):
    taken = tmp_path / "taken"
    taken.write_text("mine")
    monkeypatch.setattr(video, "analyse", lambda *_, **__: pytest.fail("computed"))
    with pytest.raises(NotADirectoryError, match="taken: found a file, expected a folder"):
        video.run("any.mp4", taken)
