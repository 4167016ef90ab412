"""Stand-ins are read by the loaders of what they stand in for, as what they were made of; the user's files go first."""

from __future__ import annotations

import pytest
import torch

from phdlib.body import load_body
from phdlib.data import amass, bvh_motion, cmu_tree, hmr_features, human36m, humaneva, penn, stand_ins, threedpw
from phdlib.data import stand_in_files as files
from phdlib.data.joint_order import suspicious_order
from phdlib.data.motion import Motion, dequantise, load_neutral
from phdlib.data.rebuild import build_take
from phdlib.data.stand_in_acclaim import write_cmu
from phdlib.detection_files import read_detections
from phdlib.detections import to_clips
from phdlib.pretrained import evaluate_pretrained
from phdlib.skeleton import H36M17, SMPL24


@pytest.fixture(scope="module")
def body():
    return load_body()


def poses(motion, body) -> torch.Tensor:
    with torch.no_grad():
        joints = body.keypoints(H36M17)(motion.theta, motion.beta[None], motion.trans)
    return joints - joints[:, :1]


@pytest.mark.parametrize(("loader", "clips"), [(human36m, 3 * 4), (humaneva, 6 * 3)])
def test_videopose3ds_sets(tmp_path, loader, clips):
    (files.write_human36m if loader is human36m else files.write_humaneva)(tmp_path)
    found = loader.load(tmp_path)
    assert len(found) == clips and {len(clip) for clip in found} == {60}
    assert not [finding for clip in found for finding in suspicious_order(clip.joints3d, clip.skeleton)]
    for clip in found:
        off = clip.camera.project(clip.joints3d + clip.trajectory[:, None]) - clip.keypoints2d
        assert off.norm(dim=-1).median() < 1.0


def test_a_checkpoint_is_evaluated_on_its_own_detections(tmp_path):
    files.write_checkpoint(tmp_path)
    table = evaluate_pretrained(tmp_path / "pretrained_h36m_cpn.bin", tmp_path, device="cpu")
    assert table.loc["Avg", "frames"] == 2 * 4 * 60 and "sees 243 frames" in table.attrs["about"]


def test_penn_action_with_images_and_features(tmp_path):
    files.write_features(tmp_path)
    (clip,) = penn.load(tmp_path / "Penn_Action", "validation", swap_sides=False)
    assert len(clip) == 48 and clip.frames[0].shape == (3, 240, 320) and clip.action == "Bowl"
    assert penn.load(tmp_path / "Penn_Action")[0].keypoints2d.equal(clip.keypoints2d)  # the sides are seen as they are
    assert bool(((clip.keypoints2d > 5) & (clip.keypoints2d < torch.tensor(files.SIZE) - 5)).all())
    hip = clip.keypoints2d[10, clip.skeleton.index("left_hip")].round().int().tolist()
    assert clip.frames[10][:, hip[1], hip[0]].float().mean() < 130  # the figure is where the labels say
    assert hmr_features.with_features([clip], tmp_path / "hmr_features")[0].features.shape == (48, 2048)


def test_amass_is_the_take_in_a_world_with_z_up(tmp_path, body):
    files.write_amass(tmp_path)
    (motion,) = amass.load(tmp_path / "AMASS")
    made = files.on_body(files.embedded_motion("02_05", 120.0, 240), body)
    found = motion.y_up(body)
    torch.testing.assert_close(poses(found, body), poses(made, body), atol=1e-4, rtol=0)
    torch.testing.assert_close(found.trans, made.centred().trans, atol=1e-4, rtol=0)
    assert motion.up == "z" and motion.trans[:, 2].std() < motion.trans[:, :2].std()


def test_3dpw_is_cut_where_the_camera_is_lost(tmp_path, body):
    files.write_3dpw(tmp_path)
    clips = threedpw.load(tmp_path / "3DPW")
    assert [len(clip) for clip in clips] == [45, 49] and clips[0].skeleton is SMPL24
    posed = body(clips[1].theta, clips[1].beta[None]).joints
    torch.testing.assert_close(posed - posed[:, :1], clips[1].joints3d, atol=1e-4, rtol=0)
    assert not suspicious_order(clips[0].joints3d, SMPL24)


def test_an_smpl_file_is_the_open_body(tmp_path, body):
    files.write_smpl(tmp_path)
    again = load_body(tmp_path / "smpl" / "open_body.pkl")
    beta = torch.ones(1, 10)
    torch.testing.assert_close(again.rest_vertices(beta), body.rest_vertices(beta))


def test_detections_with_a_gap(tmp_path):
    files.write_detections(tmp_path)
    found = read_detections(tmp_path / "detections" / "basketball.json")
    (clip,) = to_clips(found, "basketball")
    assert len(clip) == 50 and found.missing.all(1).sum() == 8 and not clip.visible[24].any()
    assert not suspicious_order(clip.keypoints2d, H36M17)


def directions(motion, body) -> torch.Tensor:
    """Of thighs, shins and forearms, in the world."""
    joints = poses(motion, body)
    pairs = [("hip", "knee"), ("knee", "ankle"), ("elbow", "wrist")]
    ends = [[H36M17.index(f"{side}_{name}") for name in pair] for side in ("left", "right") for pair in pairs]
    return torch.nn.functional.normalize(joints[:, [b for _, b in ends]] - joints[:, [a for a, _ in ends]], dim=-1)


def test_an_acclaim_take_comes_back_through_cmus_pipeline(tmp_path, body):
    write_cmu(tmp_path)
    take = cmu_tree.takes(cmu_tree.find_tree(tmp_path))["07_05"]
    stored, report = build_take(take.motion, load_neutral())
    found = Motion("07_05", 50.0, *dequantise(stored.rotations, stored.root), "07", "")
    made = files.embedded_motion("07_05", 50.0, len(found))
    assert report.cut == 0 and not report.repairs
    cosine = (directions(files.on_body(found), body) * directions(files.on_body(made), body)).sum(-1)
    assert cosine.min() > 0.999
    off = (poses(files.on_body(found), body) - poses(files.on_body(made), body)).norm(dim=-1)
    assert off.mean() < 0.01 and (found.root - made.root).norm(dim=-1).max() < 0.05


def test_a_bvh_on_mixamos_names_comes_back(tmp_path, body):
    files.write_bvh(tmp_path)
    found = bvh_motion.load_bvh(tmp_path / "my_bvh" / "kick.bvh")
    made = files.embedded_motion("135_04", 30.0, 90)
    assert found.description == "mixamo rig" and (found.fps, len(found)) == (30.0, len(made))
    cosine = (directions(files.on_body(found), body) * directions(files.on_body(made), body)).sum(-1)
    assert cosine.min() > 0.999


def test_every_source_has_its_marker_where_its_stand_in_is(tmp_path):
    for name, place in stand_ins.PLACES.items():
        folder = tmp_path / name
        folder.mkdir()
        assert stand_ins.first(name, folder) is None
        if place.write:
            place.write(folder)
            assert stand_ins.first(name, folder) is not None


def test_the_users_files_go_first_and_what_cannot_be_read_is_said(tmp_path, monkeypatch):
    scratch, own = tmp_path / "scratch", tmp_path / "own"
    scratch.mkdir(), own.mkdir()

    def loader(folder):
        return penn.load(folder / "Penn_Action", images=False)

    monkeypatch.delenv("PHDLIB_DATA", raising=False)
    said, clips = stand_ins.load("Penn Action", loader, scratch)
    assert said.startswith("**Penn Action:** absent, as PHDLIB_DATA is not set. Shown is") and len(clips) == 1
    monkeypatch.setenv("PHDLIB_DATA", str(own))
    assert "absent from the folder that PHDLIB_DATA names" in stand_ins.load("Penn Action", loader, scratch)[0]
    files.write_penn(own)
    said, _ = stand_ins.load("Penn Action", loader, scratch)
    assert said == "**Penn Action:** there, `$PHDLIB_DATA/Penn_Action/labels/0001.mat`."
    (own / "Penn_Action" / "labels" / "0001.mat").write_bytes(b"no")
    said, clips = stand_ins.load("Penn Action", loader, scratch)
    assert "cannot be used: $PHDLIB_DATA/Penn_Action/labels/0001.mat: not a readable MATLAB" in said and len(clips) == 1


def test_the_camera_stands_back_from_a_long_path(body):
    motion = files.on_body(files.embedded_motion("07_05", 50.0, 100), body)
    far = stand_ins.seen(motion.__class__(**{**vars(motion), "trans": 20 * motion.trans}), body)
    assert far.trajectory[:, 2].min() > 2.0 and stand_ins.seen(motion, body).trajectory[:, 2].max() < 8.0
