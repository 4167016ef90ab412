"""Keypoints of any detector: forms that are read, gaps that are filled, joints that are derived, files that are not."""

import json

import numpy as np
import pytest
import torch
from broken_detections import BROKEN, PERSON
from hypothesis import given
from hypothesis import strategies as st
from wild_files import detections, person

from phdlib.detection_files import read_detections, write_detections
from phdlib.detections import COCO_IN_BLAZEPOSE, DERIVED, Detections, coco_to_h36m, h36m, to_clips
from phdlib.skeleton import COCO17, H36M17

NAN = float("nan")

# Points of these files are arranged to be told apart, not as a body's.
pytestmark = pytest.mark.filterwarnings("ignore:.*the joints may be in another order")


def test_what_is_written_is_read(tmp_path):
    found = detections()
    found.points[3, 5] = NAN
    found.scores[3, 5] = 0
    again = read_detections(write_detections(found, tmp_path / "found.npz"))
    np.testing.assert_array_equal(again.points, found.points)
    np.testing.assert_array_equal(again.scores, found.scores)
    assert (again.fps, again.width, again.height) == (25.0, 64, 48)
    assert "found.npz" in again.source


def test_all_forms_say_the_same(tmp_path):
    found = detections(6)
    table = np.concatenate((found.points, found.scores[..., None]), -1).astype(float)
    size = {"fps": 25, "width": 64, "height": 48}
    np.savez(tmp_path / "two.npz", keypoints=found.points, scores=found.scores, **size)
    np.savez(tmp_path / "three.npz", keypoints=table)
    (tmp_path / "frames.json").write_text(json.dumps(size | {"frames": table.tolist()}))
    results = [{"image_id": t, "keypoints": row.ravel().tolist(), "score": 0.9} for t, row in enumerate(table)]
    results.insert(2, {"image_id": 1, "keypoints": [5.0, 5.0, 1.0] * 17, "score": 0.2})  # a passer-by
    (tmp_path / "coco.json").write_text(json.dumps(results[::-1]))
    for name in ("two.npz", "three.npz", "frames.json", "coco.json"):
        again = read_detections(tmp_path / name, fps=25.0, size=(64, 48))
        np.testing.assert_allclose(again.points, found.points, rtol=1e-6)
        np.testing.assert_allclose(again.scores, found.scores, rtol=1e-6)


def test_a_list_that_ends_early_is_filled_up_to_the_video(tmp_path):
    results = [{"image_id": t, "keypoints": np.ravel(PERSON).tolist()} for t in (0, 2)]
    (tmp_path / "coco.json").write_text(json.dumps(results))
    found = read_detections(tmp_path / "coco.json", fps=25.0, size=(64, 48), frames=5)
    assert found.missing.all(1).tolist() == [False, True, False, True, True]
    np.savez(tmp_path / "long.npz", keypoints=np.full((6, 17, 3), 0.5))
    with pytest.raises(ValueError, match=r"long\.npz: keypoints: found 6 frames, expected at most 5"):
        read_detections(tmp_path / "long.npz", fps=25.0, size=(64, 48), frames=5)


@pytest.mark.parametrize("given_", [{"fps": 30.0}, {"size": (640, 48)}])
def test_a_file_of_another_video_is_noticed(tmp_path, given_):
    path = write_detections(detections(), tmp_path / "found.npz")
    with pytest.raises(ValueError, match=r"found\.npz: (fps|width): found .*, expected .* as the video has"):
        read_detections(path, **({"fps": 25.0, "size": (64, 48)} | given_))


def test_blazepose_holds_cocos_joints_in_cocos_order():
    # of BlazePose's 33 landmarks, as mediapipe documents them
    pairs = {"ear": 7, "shoulder": 11, "elbow": 13, "wrist": 15, "hip": 23, "knee": 25, "ankle": 27}
    documented = {"nose": 0, "left_eye": 2, "right_eye": 5}
    documented |= {f"{side}_{part}": at + i for part, at in pairs.items() for i, side in enumerate(("left", "right"))}
    assert tuple(documented[joint] for joint in COCO17.joints) == COCO_IN_BLAZEPOSE


def test_derived_joints_are_means_and_keep_sides():
    weights = coco_to_h36m()
    np.testing.assert_allclose(weights.sum(1), 1)
    points = person(1)[..., :2].numpy()
    found, scores = h36m(points, np.linspace(0.1, 0.9, 17)[None])
    mirrored = points[:, list(COCO17.mirror)] * [-1, 1]
    np.testing.assert_allclose(h36m(mirrored, scores)[0], found[:, list(H36M17.mirror)] * [-1, 1], atol=1e-6)
    np.testing.assert_allclose(found[0, H36M17.index("pelvis")], points[0, [11, 12]].mean(0), atol=1e-6)
    y = {joint: found[0, H36M17.index(joint), 1] for joint in ("head", "nose", "thorax", "spine", "pelvis")}
    assert y["head"] < y["nose"] < y["thorax"] < y["spine"] < y["pelvis"]
    assert scores[0, H36M17.index("head")] == pytest.approx(0.1)  # as the nose, its least sure part


def test_the_head_is_where_the_open_bodys_is():
    """The weights come from a fit on this body; within 6 cm in poses that it has not seen."""
    from phdlib.body import load_body

    generator = torch.Generator().manual_seed(0)
    theta, beta = 0.2 * torch.randn(40, 72, generator=generator), torch.randn(40, 10, generator=generator)
    body = load_body()
    with torch.no_grad():
        coco, truth = (body.keypoints(s)(theta, beta).numpy() for s in (COCO17, H36M17))
    off = np.linalg.norm(np.einsum("jk,tkc->tjc", coco_to_h36m(), coco) - truth, axis=-1).mean(0)
    assert {joint for joint, d in zip(H36M17.joints, off, strict=True) if d > 1e-5} == {"spine", "thorax", "head"}
    assert off.max() < 0.06
    assert set(DERIVED) == {"pelvis", "spine", "thorax", "head"}


def gone(found: Detections, frames, joints=slice(None)) -> Detections:
    found.points[frames, joints] = NAN
    found.scores[frames, joints] = 0
    return found


def test_short_gaps_are_filled_and_flagged():
    clean = detections()
    (whole,) = to_clips(clean, "clip")
    found = gone(detections(), slice(10, 13))
    (clip,) = to_clips(found, "clip")
    assert clip.take == "clip[0:40]" and clip.skeleton is H36M17 and clip.camera is None
    assert clip.visible[9].all() and not clip.visible[10:13].any() and clip.visible[13].all()
    assert (clip.keypoints2d - whole.keypoints2d).abs().max() < 0.6
    assert torch.equal(clip.keypoints2d[:10], whole.keypoints2d[:10])


def test_long_gaps_cut_and_ends_are_not_invented():
    found = gone(gone(gone(detections(), slice(0, 2)), slice(15, 30)), slice(39, 40))
    assert [clip.take for clip in to_clips(found, "v")] == ["v[2:15]", "v[30:39]"]
    assert [clip.take for clip in to_clips(found, "v", longest=15)] == ["v[2:39]"]
    assert to_clips(found, "v", shortest=20) == []
    assert to_clips(gone(detections(), slice(None)), "v") == []


def test_a_joint_out_of_sight_for_long_does_not_cut():
    found = gone(detections(), slice(0, 35), COCO17.index("left_ear"))
    (clip,) = to_clips(found, "v")
    assert len(clip) == 40 and clip.keypoints2d.isfinite().all()
    assert not clip.visible[:35, H36M17.index("head")].any() and clip.visible[35:, H36M17.index("head")].all()
    with pytest.raises(ValueError, match="left_ear is missing from frame 0 to 39"):
        to_clips(gone(detections(), slice(None), COCO17.index("left_ear")), "v")


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_with_a_reason(tmp_path, name, monkeypatch):
    build, field = BROKEN[name]
    monkeypatch.setenv("PHDLIB_EVIL", str(tmp_path / "evil"))
    build(tmp_path / name)
    with pytest.raises(ValueError, match=r"found .*expected") as caught:
        read_detections(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}: {field}")
    assert len(str(caught.value)) < 600 + len(str(tmp_path))
    assert not (tmp_path / "evil").exists()


def test_no_file_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.json"):
        read_detections(tmp_path / "none.json")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(
        ["frames", "fps", "width", "height", "image_id", "keypoints", "score"]), inner, max_size=4), max_leaves=12,
)  # fmt: skip


@given(JSON | st.text())
def test_any_text_is_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8", errors="replace")
    try:
        found = read_detections(path, fps=25.0, size=(64, 48))
    except ValueError as error:
        assert "any.json: " in str(error) and "expected" in str(error)
    else:
        assert found.points.shape[1:] == (17, 2)


def test_a_face_that_looks_to_the_other_side_is_warned_of(tmp_path):
    found = detections()
    found.points[:, [1, 2, 3, 4]] = found.points[:, [2, 1, 4, 3]]
    write_detections(found, tmp_path / "found.npz")
    with pytest.warns(
        UserWarning, match=r"found\.npz: keypoints: the joints may be .*the face's left is on the body's"
    ):
        read_detections(tmp_path / "found.npz")
