"""The table of joint conventions against others' tables; wrong orders are seen, right ones are left in peace."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from phdlib.body import load_body
from phdlib.camera import studio_rig
from phdlib.data import embedded
from phdlib.data.conventions import CONVENTIONS, convention, convert, joint_map, table
from phdlib.data.joint_order import suspicious_order, warn_if_suspicious, warn_of_most
from phdlib.skeleton import COCO17, H36M17, PENN13, SMPL24, Skeleton


def test_sizes_are_in_the_names_and_every_tree_has_its_roots():
    for name, skeleton in CONVENTIONS.items():
        assert len(skeleton) == int(name.rpartition("-")[2])
        assert skeleton.parents.count(-1) == 1 and len(skeleton.left) == len(skeleton.right)
        for joint in range(len(skeleton)):  # every joint hangs on the root
            for _ in range(len(skeleton)):
                joint = skeleton.parents[joint] if skeleton.parents[joint] >= 0 else joint
            assert skeleton.parents[joint] == -1
        mirrored = {(skeleton.mirror[parent], skeleton.mirror[child]) for parent, child in skeleton.bones}
        assert mirrored == set(skeleton.bones)


def test_videopose3ds_choice_of_the_32_joints():
    left_out = {4, 5, 9, 10, 11, 16, 20, 21, 22, 23, 24, 28, 29, 30, 31}  # as published with it
    assert joint_map("H36M-32", "H36M-17") == tuple(i for i in range(32) if i not in left_out)
    human36m = pytest.importorskip("phdlib.data.human36m")
    kept = next((v for v in vars(human36m).values() if isinstance(v, tuple) and len(v) == 17), None)
    assert kept is None or tuple(kept) == joint_map("H36M-32", "H36M-17")


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("OpenPose-25", "OpenPose-18", (0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)),
        ("OpenPose-18", "COCO-17", (0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10)),
        ("BlazePose-33", "COCO-17", (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)),
        ("MPII-16", "LSP-14", (0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15, None, 9)),
        ("H36M-17", "LSP-14", (3, 2, 1, 4, 5, 6, 16, 15, 14, 11, 12, 13, None, 10)),
        ("COCO-17", "Penn-13", (None, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)),
        ("SMPL-24", "H36M-17", (0, 2, 5, 8, 1, 4, 7, None, None, None, None, 16, 18, 20, 17, 19, 21)),
    ],
)
def test_maps_that_others_have_published(source, target, expected):
    assert joint_map(source, target) == expected
    points = torch.arange(2.0 * len(convention(source))).reshape(1, -1, 2)
    plain = convert(points, source, target, means=False)[0]
    for row, index in zip(plain, expected, strict=True):
        assert row.isnan().all() if index is None else torch.equal(row, points[0, index])


def test_detections_by_blazepose_are_led_the_same_way():
    detections = pytest.importorskip("phdlib.detections")
    assert tuple(detections.COCO_IN_BLAZEPOSE) == joint_map("BlazePose-33", "COCO-17")


def test_means_stand_in_for_points_between():
    points = torch.randn(4, 17, 3, generator=torch.Generator().manual_seed(0))
    found = convert(points, COCO17, "H36M-17")
    torch.testing.assert_close(found[:, 0], (points[:, 11] + points[:, 12]) / 2)
    torch.testing.assert_close(found[:, 8], (points[:, 5] + points[:, 6]) / 2)
    assert found[:, 7].isnan().all() and found[:, 10].isnan().all()
    torch.testing.assert_close(convert(points, COCO17, PENN13)[:, 0], (points[:, 3] + points[:, 4]) / 2)


def test_errors_name_the_sets():
    with pytest.raises(ValueError, match="no joint convention 'Kinect'; there are H36M-17, H36M-32"):
        joint_map("Kinect", "H36M-17")
    with pytest.raises(ValueError, match=r"H36M-17: found points \(5, 16, 3\), expected \(\.\.\., 17, D\)"):
        convert(torch.zeros(5, 16, 3), "H36M-17", "COCO-17")
    with pytest.raises(ValueError, match=r"H36M-17: found points \(5, 16, 3\), expected \(T, 17, 3\)"):
        suspicious_order(torch.zeros(5, 16, 3), "H36M-17")


def test_the_table_has_a_row_per_index():
    rows = table()
    assert len(rows) == 33 and rows[8]["OpenPose-25"] == "pelvis" and rows[17]["H36M-17"] == ""


@pytest.fixture(scope="module")
def clips() -> list:
    """All embedded clips: walking, but also climbing, jumps, kicks, sword cuts, shots, dances."""
    return [*embedded.load("gt"), *embedded.load("gt", "penn"), *embedded.load("gt", "humaneva")]


def share(clips, change, planar: bool = False, **settings) -> float:
    """Of clips that raise an alarm once ``change`` has been made to them."""
    alarms = []
    for clip in clips:
        points = clip.keypoints2d if planar else clip.joints3d + clip.trajectory[:, None]
        alarms.append(bool(suspicious_order(change(points, clip.skeleton), clip.skeleton, **settings)))
    return float(np.mean(alarms))


def same(points, skeleton):
    return points


def test_no_false_alarm_on_any_embedded_clip(clips):
    assert len(clips) > 700 and {"climbing", "jumping"} <= {clip.action for clip in clips}
    assert share(clips, same) == 0
    assert share(clips, same, planar=True) < 0.01
    assert share(clips, lambda p, s: p * p.new_tensor([1, -1, -1]), down=False) == 0  # the world, y up
    assert share(clips, lambda p, s: 1000 * p) == 0  # millimetres


def test_a_detectors_noise_is_no_other_order():
    for level in ("fine_tuned", "pre_trained"):
        assert share(embedded.load(level, "penn"), same, planar=True) < 0.02


def test_every_wrong_frame_and_side_is_seen(clips):
    some = clips[::7]
    assert share(some, lambda p, s: p * p.new_tensor([-1, 1, 1])) == 1  # mirrored
    assert share(some, lambda p, s: p[:, list(s.mirror)]) == 1  # left for right
    assert share(some, lambda p, s: p * p.new_tensor([1, -1, 1])) == 1  # y turned over
    assert share(some, lambda p, s: p * p.new_tensor([1, -1, -1])) > 0.97  # world taken for camera space
    assert share(some, lambda p, s: p * p.new_tensor([1, -1]), planar=True) == 1


def test_shuffled_joints_are_seen(clips):
    g = torch.Generator().manual_seed(0)
    assert share(clips, lambda p, s: p[:, torch.randperm(len(s), generator=g)]) > 0.99
    assert share(clips, lambda p, s: p[:, torch.randperm(len(s), generator=g)], planar=True) > 0.9


def in_order(clip, skeleton: Skeleton, body) -> torch.Tensor:
    """A clip's 3D joints in another set's order."""
    with torch.no_grad():
        world = body.keypoints(skeleton)(clip.theta, clip.beta[None])
    return clip.camera.to_camera(world) + torch.tensor([0.0, 0.0, 6.0])


@pytest.mark.parametrize(("written", "read"), [(COCO17, H36M17), (H36M17, COCO17)])
def test_one_sets_data_read_as_anothers_are_seen(clips, written, read):
    """Both have 17 joints, so that no shape tells: what users of VideoPose3D's code meet."""
    body, camera, some = load_body(), studio_rig()[0], clips[:600:12]
    for clip in some:
        points = in_order(clip, written, body)
        assert suspicious_order(points, written) == [] and suspicious_order(points, read)
        pixels = camera.project(points - points.mean((0, 1)) + torch.tensor([0.0, 0.0, 5.0]))
        assert suspicious_order(pixels, written) == [] and suspicious_order(pixels, read)


def test_every_set_that_a_body_gives_is_left_in_peace(clips):
    body = load_body()
    for skeleton in (SMPL24, PENN13, COCO17):
        assert all(suspicious_order(in_order(clip, skeleton, body), skeleton) == [] for clip in clips[:600:24])


def test_a_cartwheel_is_left_in_peace_and_a_clip_on_its_head_is_not():
    clip = embedded.load("gt", "penn", ("test",))[0]
    points = clip.joints3d
    for turns, alarms in ((1.0, []), (2.0, []), (0.5, [])):
        angle = torch.linspace(0, 2 * torch.pi * turns, len(points))
        c, s, o, i = angle.cos(), angle.sin(), 0 * angle, 0 * angle + 1
        turn = torch.stack((c, -s, o, s, c, o, o, o, i), dim=-1).view(-1, 3, 3)  # in the plane of the picture
        wheel = torch.einsum("tij,tkj->tki", turn, points)
        assert suspicious_order(wheel, H36M17) == alarms and suspicious_order(wheel[..., :2], H36M17) == alarms
    upside_down = points * points.new_tensor([-1, -1, 1])
    assert [finding.kind for finding in suspicious_order(upside_down, H36M17)] == ["upside down"]


def test_bones_that_change_and_joints_that_coincide():
    clip = embedded.load("gt", "penn", ("test",))[0]
    points = clip.joints3d + clip.trajectory[:, None]
    breathing = points.clone()
    grow = 1 + 0.8 * torch.sin(torch.arange(len(points)) / 3)[:, None]
    wrist, elbow = H36M17.index("left_wrist"), H36M17.index("left_elbow")
    breathing[:, wrist] = points[:, elbow] + grow * (points[:, wrist] - points[:, elbow])
    assert "varying" in [finding.kind for finding in suspicious_order(breathing, H36M17)]
    long = points.clone()
    long[:, wrist] = points[:, elbow] + 1.8 * (points[:, wrist] - points[:, elbow])
    (finding,) = suspicious_order(long, H36M17)
    assert finding.kind == "unequal" and "the left forearm is 1.8 times as long as the other one" in finding.message
    assert [f.kind for f in suspicious_order(points * 0, H36M17)] == ["coincident"]
    assert [f.kind for f in suspicious_order(points[..., :2] * 0, H36M17)] == ["coincident"]


def test_frames_that_are_not_finite_are_left_out_and_sets_without_shoulders_are_not_judged():
    clip = embedded.load("gt", "penn", ("test",))[0]
    points = clip.joints3d + clip.trajectory[:, None]
    points[3, 2] = torch.nan
    assert suspicious_order(points, H36M17) == [] and suspicious_order(points * torch.nan, H36M17) == []
    assert suspicious_order(points[:, :2], Skeleton("two", ("a", "b"), (-1, 0))) == []


def test_a_warning_says_where_and_what():
    clip = embedded.load("gt", "penn", ("test",))[0]
    points = clip.joints3d + clip.trajectory[:, None]
    with pytest.warns(UserWarning, match=r"my\.npz: the joints may be in another order or frame than H36M-17: knees"):
        found = warn_if_suspicious(points * points.new_tensor([-1, 1, 1]), "H36M-17", "my.npz")
    assert [finding.kind for finding in found] == ["facing"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert warn_if_suspicious(points, "H36M-17", "my.npz") == []


def clip_of(mirrored: bool = False) -> torch.Tensor:
    clip = embedded.load("gt", "human36m", ("test",))[0]
    return clip.joints3d[:, list(H36M17.mirror)] if mirrored else clip.joints3d


def test_what_most_of_a_data_set_shows_is_warned_of_once():
    right, wrong = clip_of(), clip_of(mirrored=True)
    with pytest.warns(UserWarning, match="file.npz: the joints may be .*than H36M-17: .*in 3 of 4") as caught:
        found = warn_of_most([(wrong, H36M17)] * 3 + [(right, H36M17)], "file.npz")
    assert len(caught) == 1 and [finding.kind for finding in found] == ["facing"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert warn_of_most([(wrong, H36M17)] + [(right, H36M17)] * 3, "file.npz") == []  # one of them: a handstand
        assert warn_of_most([], "file.npz") == []
    with pytest.warns(UserWarning, match="in 42 of 42"):  # of a thousand, some
        warn_of_most([(wrong[:30], H36M17)] * 1030, "file.npz")
