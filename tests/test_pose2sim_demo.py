"""Calibrations of both kinds are the camera they were written from; markers and triangulated people come back."""

import numpy as np
import pytest
import torch
from broken_pose2sim import BROKEN_CALIBRATIONS, BROKEN_TRC, TRC, qca, rig, toml, write
from hypothesis import given
from hypothesis import strategies as st
from wild_files import person

from phdlib.data.pose2sim_demo import load, read_calibration, read_trc, reference
from phdlib.detections import Detections, coco_to_h36m
from phdlib.paths import ROOT, cache_dir
from phdlib.triangulation import offsets, shifted, triangulate
from phdlib.wild_camera import undistort


def in_world(frames: int) -> torch.Tensor:
    """A person (T, 17, 3) who stands in the rig, z up."""
    joints = person(frames, 60.0)
    return torch.stack((joints[..., 0], joints[..., 2], 1.0 - joints[..., 1]), -1)


def seen(cameras, joints):
    points = torch.stack([camera.project(camera.to_camera(joints)) for camera in cameras])
    return points, torch.full(points.shape[:-1], 0.9)


@pytest.mark.parametrize(("write_as", "name"), [(qca, "Calib.qca.txt"), (toml, "Calib.toml")])
def test_a_calibration_is_the_cameras_it_was_written_from(tmp_path, write_as, name):
    cameras = rig()
    found = read_calibration(write(tmp_path / name, write_as(*cameras)))
    assert list(found) == ["cam01", "cam02", "cam03", "cam04"]
    joints = in_world(3)
    for camera in cameras:
        again = found[camera.name]
        assert (again.width, again.height) == (1080, 1920)
        expected = camera.project(camera.to_camera(joints))
        torch.testing.assert_close(again.project(again.to_camera(joints)), expected, atol=0.05, rtol=0)


def test_the_demos_layout_is_read_and_what_it_lacks_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"calibration: found no \*\.toml and no \*\.qca\.txt"):
        load(tmp_path)
    write(tmp_path / "calibration" / "Calib.qca.txt", qca(*rig()))
    for i in (1, 2, 4):
        write(tmp_path / "videos" / f"cam0{i}.mp4", "")
    with pytest.raises(FileNotFoundError, match="videos: found cam01, cam02, cam04, expected cam03"):
        load(tmp_path)
    write(tmp_path / "videos" / "cam03.mp4", "")
    assert list(load(tmp_path).videos) == list(load(tmp_path).cameras)


def test_markers_come_in_metres_with_their_gaps(tmp_path):
    markers = read_trc(write(tmp_path / "m.trc", TRC))
    assert markers.names == ("Hip", "RKnee") and markers.fps == 60
    torch.testing.assert_close(markers.points[0], torch.tensor([[0.1, 0.2, 0.3], [1.0, 2.0, 3.0]]))
    assert markers.points[1, 1].isnan().all() and markers.points[1, 0].isfinite().all()
    millimetres = read_trc(write(tmp_path / "mm.trc", TRC.replace("\tm\t", "\tmm\t")))
    torch.testing.assert_close(millimetres.points[0, 1], torch.tensor([0.001, 0.002, 0.003]))


def test_triangulation_finds_the_point_and_leaves_out_who_disagrees():
    cameras, joints = rig(), in_world(5)
    points, scores = seen(cameras, joints)
    exact = triangulate(cameras, points, scores)
    torch.testing.assert_close(exact.points, joints, atol=2e-4, rtol=0)
    assert (exact.cameras == 4).all() and exact.error.max() < 0.5
    points[2, :, 9] += 200.0  # a wrist that one view has elsewhere
    points[1, 0, 3] = torch.nan
    scores[0, 1, 4] = 0
    found = triangulate(cameras, points, scores)
    torch.testing.assert_close(found.points, joints, atol=2e-4, rtol=0)
    assert (found.cameras[:, 9] == 3).all() and found.cameras[0, 3] == found.cameras[1, 4] == 3
    points[:, 4, 0] = points[:, 4, 0] + 300 * torch.randn(4, 2, generator=torch.Generator().manual_seed(1))
    assert triangulate(cameras, points, scores, fewest=3).points[4, 0].isnan().all()
    with pytest.raises(ValueError, match="found 1 cameras"):
        triangulate(cameras[:1], points[:1], scores[:1])


def test_views_are_put_in_step():
    cameras, joints = rig(), in_world(60)
    points, scores = seen(cameras, joints)
    lags = (0, 3, -2, 0)
    late = torch.stack([points[c].roll(lag, dims=0) for c, lag in enumerate(lags)])[:, 5:-5]
    assert offsets(cameras, late, scores[:, 5:-5], most=5) == lags
    moved = shifted(late, lags)
    assert moved.shape[1] == 50 - 5
    torch.testing.assert_close(
        triangulate(cameras, moved, scores[:, : moved.shape[1]]).error.max() < 1, torch.tensor(True)
    )


def test_the_reference_is_the_person_in_step(tmp_path):
    cameras, joints = rig(), in_world(60)
    points, _ = seen(cameras, joints)
    write(tmp_path / "calibration" / "Calib.toml", toml(*cameras))
    for camera in cameras:
        write(tmp_path / "videos" / f"{camera.name}.mp4", "")
    demo, found = load(tmp_path), {}
    for c, camera in enumerate(cameras):
        shown = points[c].roll(2 * (c == 2), dims=0)[3:-3].numpy()
        found[camera.name] = Detections(shown, np.full(shown.shape[:2], 0.9), 60.0, 1080, 1920, "tests")
    known = reference(demo, found)
    assert known.lags == {"cam01": 0, "cam02": 0, "cam03": 2, "cam04": 0}
    expected = torch.einsum("jk,tkc->tjc", torch.from_numpy(coco_to_h36m()).float(), joints)
    T = len(known.joints)
    assert (known.joints - expected[3 + known.first["cam01"] :][:T]).norm(dim=-1)[8:-8].max() < 0.01
    assert known.first["cam03"] - known.first["cam01"] == 2
    three = reference(demo, found, ["cam01", "cam02", "cam04"])
    assert (three.joints - known.joints).norm(dim=-1).max() < 0.01


@pytest.mark.parametrize("name", BROKEN_CALIBRATIONS)
def test_a_broken_calibration_is_refused_with_a_reason(tmp_path, name):
    text, field = BROKEN_CALIBRATIONS[name]
    path = write(tmp_path / name, text)
    with pytest.raises(ValueError, match=r"found .*expected") as caught:
        read_calibration(path)
    assert str(caught.value).startswith(f"{path}: {field}")


@pytest.mark.parametrize("name", BROKEN_TRC)
def test_a_broken_trc_is_refused_with_its_line(tmp_path, name):
    text, line = BROKEN_TRC[name]
    path = write(tmp_path / name, text)
    with pytest.raises(ValueError, match=r"found .*expected") as caught:
        read_trc(path)
    assert str(caught.value).startswith(f"{path}, {line}:")


@given(st.text(st.sampled_from("PathFileType\t\n0123456789.-naNXeUitsm#Frme "), max_size=200), st.integers(0, 400))
def test_any_text_is_read_or_refused(tmp_path_factory, noise, at):
    folder = tmp_path_factory.getbasetemp()
    for reader, text, name in ((read_trc, TRC, "any.trc"), (read_calibration, qca(rig()[0]), "any.qca.txt")):
        path = write(folder / name, text[:at] + noise + text[at + len(noise) :])
        try:
            reader(path)
        except ValueError as error:
            assert name in str(error) and "expected" in str(error)


def test_undistortion_undoes_the_lens():
    camera = rig()[0]
    joints = camera.to_camera(in_world(4))
    rays = undistort(camera.project(joints), camera.intrinsics)
    torch.testing.assert_close(rays, joints[..., :2] / joints[..., 2:], atol=1e-5, rtol=0)


def test_the_real_demo_looks_at_its_middle():
    places = (cache_dir(), ROOT / ".cache")  # the tests', and where the notebooks have unpacked it
    found = [p for place in places for p in place.glob("wheels/pose2sim-*/Pose2Sim/Demo_SinglePerson")]
    if not found:
        pytest.skip("the wheel of pose2sim is not in the cache")
    cameras = load(found[0]).cameras
    centre = torch.stack([-c.rotation.T @ c.translation for c in cameras.values()])
    assert ((centre[:, 2] > 1.5) & (centre[:, 2] < 2.2)).all()  # tripods, z up
    for camera in cameras.values():
        assert (camera.project(camera.to_camera(torch.tensor([[0.0, 0.0, 1.0]]))) > 0).all()
