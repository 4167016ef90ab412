"""Penn Action: the official layout, written here, is read as it is meant; wrong files are named."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.io import savemat

from phdlib.data import penn
from phdlib.features import at_25_hz
from phdlib.paths import ROOT
from phdlib.skeleton import PENN13

VIDEO = ROOT.parent / "shared" / "data" / "video" / "penn_action_0502.mp4"
H, W = 54, 96

# Points of these files are arranged to be told apart, not as a body's.
pytestmark = pytest.mark.filterwarnings("ignore:.*the joints may be in another order")


def content(T: int = 45, **changes) -> dict:
    """A label file as MATLAB keeps it: everything is a matrix."""
    x, y = np.meshgrid(np.arange(13.0), np.arange(T), indexing="xy")
    made = {
        "action": "bowl",
        "pose": "back",
        "x": 10 + x + y / 10,
        "y": 20 + 2 * x,
        "visibility": np.ones((T, 13)),
        "train": np.array([[1.0]]),
        "bbox": np.tile([1.0, 2.0, 30.0, 40.0], (T, 1)),
        "dimensions": np.array([[H, W, T]], dtype=float),
        "nframes": np.array([[T]], dtype=float),
    }
    return {key: value for key, value in (made | changes).items() if value is not None}


def write(folder: Path, name: str = "0001", T: int = 45, images: bool = True, **changes) -> Path:
    (folder / "labels").mkdir(parents=True, exist_ok=True)
    path = folder / "labels" / f"{name}.mat"
    savemat(path, content(T, **changes))
    if images:
        (folder / "frames" / name).mkdir(parents=True)
        for i in range(T):
            shade = np.full((H, W, 3), 5 * i % 250, dtype=np.uint8)
            Image.fromarray(shade).save(folder / "frames" / name / f"{i + 1:06d}.jpg", quality=95)
    return path


def test_a_video_as_it_is_stored(tmp_path):
    visible = np.ones((45, 13), dtype=np.uint8)
    visible[7, 3] = 0
    write(tmp_path, visibility=visible)
    (clip,) = penn.load(tmp_path, swap_sides=False)
    assert clip.skeleton is PENN13 and clip.fps == 25 and at_25_hz(clip) is clip
    assert (clip.take, clip.action, clip.source, len(clip)) == ("0001", "Bowl", "penn", 45)
    assert clip.keypoints2d[20, 4].tolist() == [16.0, 28.0] and clip.keypoints2d.dtype == torch.float32
    assert not clip.visible[7, 3] and clip.visible.sum() == 45 * 13 - 1
    assert (clip.camera.width, clip.camera.height) == (W, H) and clip.screen_keypoints().abs().max() <= 1
    assert clip.theta is None and clip.joints3d is None and clip.features is None


def test_images_are_read_when_asked_for(tmp_path, monkeypatch):
    write(tmp_path)
    read = []
    monkeypatch.setattr(penn.Image, "open", lambda path, open=Image.open: (read.append(path), open(path))[1])
    (clip,) = penn.load(tmp_path)
    assert not read and len(clip.frames) == 45
    image = clip.frames[4]
    assert image.shape == (3, H, W) and image.dtype == torch.uint8 and (image.float() - 20).abs().max() <= 3
    assert [path.name for path in read] == ["000005.jpg"]
    half = clip.every(2)
    assert len(half.frames) == 23 and len(read) == 1 and (half.frames[2].float() - 20).abs().max() <= 3
    assert len(list(clip.frames[:3])) == 3 and len(read) == 5
    with pytest.raises(IndexError):
        clip.frames[45]


def test_labels_alone_do(tmp_path):
    write(tmp_path, images=False)
    assert penn.load(tmp_path, images=False)[0].frames is None
    with pytest.raises(ValueError, match=r"0001: found 0 images, expected 45"):
        penn.load(tmp_path)


def test_parts_follow_the_flag_and_every_tenth_of_the_others_validates(tmp_path):
    for i in range(1, 26):
        write(tmp_path, f"{i:04d}", images=False, train=np.array([[1.0 if i <= 4 else -1.0]]))
    takes = {part: [clip.take for clip in penn.load(tmp_path, part, images=False)] for part in penn.PARTS}
    assert takes["train"] == ["0001", "0002", "0003", "0004"]
    assert takes["validation"] == ["0005", "0015", "0025"] and len(takes["test"]) == 18
    everything = [take for part in penn.PARTS for take in takes[part]]
    assert sorted(everything) == [clip.take for clip in penn.load(tmp_path, images=False)]
    with pytest.raises(ValueError, match="no part 'val'; there are train, validation, test"):
        penn.load(tmp_path, "val")


def test_short_clips_are_left_out_and_stretches_without_a_person_are_cut(tmp_path):
    write(tmp_path, "0001", 39, images=False)
    lost = np.ones((60, 13))
    lost[0] = 0
    lost[50:, 4:] = 0
    write(tmp_path, "0002", 60, images=False, visibility=lost)
    write(tmp_path, "0003", 60, images=False, visibility=np.roll(lost, 30, axis=0))  # 20 frames, then nobody
    (clip,) = penn.load(tmp_path, images=False)
    assert clip.take == "0002" and len(clip) == 49 and clip.keypoints2d[0, 0, 0] == pytest.approx(10.1)
    kept = penn.load(tmp_path, images=False, shortest=1, least_visible=0)
    assert [len(clip) for clip in kept] == [39, 60, 60]


@pytest.mark.parametrize("pose", ["front", "back"])
@pytest.mark.parametrize("own", [True, False])
def test_sides_are_those_of_the_person(tmp_path, pose, own):
    """In the picture of somebody seen from the front, the left shoulder is on the right."""
    left, right = (60.0, 40.0) if pose == "front" else (40.0, 60.0)
    x = np.full((45, 13), 50.0)
    x[:, [1, 2]] = (left, right) if own else (right, left)
    write(tmp_path, images=False, x=x, pose=pose)
    (clip,) = penn.load(tmp_path, images=False)
    shoulders = [clip.keypoints2d[0, PENN13.index(f"{side}_shoulder"), 0].item() for side in ("left", "right")]
    assert shoulders == [left, right]
    assert penn.own_left_first(penn.read_labels(tmp_path / "labels/0001.mat")) == ((45, 0) if own else (0, 45))
    assert clip.keypoints2d[0, 0, 0] == 50 and penn.load(tmp_path, images=False, swap_sides=own)[0].name == clip.name


def test_sides_of_the_image_are_warned_of_and_no_evidence_is_the_pages_word(tmp_path):
    x = np.full((45, 13), 50.0)
    x[:, 1], x[:, 2] = 40.0, 60.0
    write(tmp_path, "0001", images=False, x=x, pose="front")
    write(tmp_path, "0002", images=False, x=x, pose="back")
    with pytest.warns(UserWarning, match="left and right of the labels agree with the image"):
        penn.load(tmp_path, images=False)
    write(tmp_path / "side", images=False, x=x, pose="left")
    assert penn.load(tmp_path / "side", images=False)[0].keypoints2d[0, 1, 0] == 40


def test_actions_are_phds():
    published = (ROOT / "phdlib/published/phd.json").read_text()
    for name in penn.ACTIONS.values():
        assert name == "Jumping Jacks" or name in published
    assert len(penn.ACTIONS) == 15


@pytest.mark.parametrize("word", ["pull_ups", "Pullup", "pullup "])
def test_an_action_in_other_words(tmp_path, word):
    assert penn.read_labels(write(tmp_path, images=False, action=word)).action == "Pullup"


def test_a_missing_last_box_is_no_error(tmp_path):
    labels = penn.read_labels(write(tmp_path, images=False, bbox=np.zeros((44, 4))))
    assert labels.box is None and labels.points.shape == (45, 13, 2)


nan = np.full((45, 13), 3.0)
nan[9, 2] = np.nan


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": None}, "found no field 'x', expected x, y, visibility"),
        ({"visibility": None}, "found no field 'visibility'"),
        ({"action": None}, "found no field 'action'"),
        ({"train": None}, "found no field 'train'"),
        ({"x": np.zeros((45, 14))}, r"x: found float64 \(45, 14\), expected numbers \(45, 13\)"),
        ({"y": np.zeros((44, 13))}, r"y: found float64 \(44, 13\), expected numbers \(45, 13\)"),
        ({"y": np.zeros((13, 45))}, r"y: found float64 \(13, 45\), expected numbers \(45, 13\)"),
        ({"x": nan}, "x: found nan in frame 9, expected finite numbers"),
        ({"x": np.full((45, 13), "a")}, "x: found <U1"),
        ({"visibility": np.full((45, 13), 2.0)}, "visibility: found 2, expected 0 or 1"),
        ({"visibility": nan}, "visibility: found nan"),
        ({"action": "juggling"}, "action: found 'juggling', expected one of baseball_pitch"),
        ({"action": np.zeros((0, 0))}, "action: found '', expected one of"),
        ({"train": np.array([[7.0]])}, "train: found 7, expected 1 or -1"),
        ({"nframes": np.array([[0.0]])}, "nframes, dimensions: found 0"),
        ({"dimensions": np.array([[H, 0, 45.0]])}, f"nframes, dimensions: found 45, {H}x0, expected a video"),
        ({"dimensions": np.array([[H, W]])}, r"dimensions: found .* expected 3 finite"),
        ({"nframes": np.array([[np.inf]])}, "nframes: found float64"),
        ({"x": {"a": 1.0}}, "x: found"),
        ({"x": np.array([[{"a": 1}]], dtype=object)}, "x: found object"),
    ],
)
def test_a_wrong_label_file_is_one_clear_error(tmp_path, changes, message):
    path = write(tmp_path, images=False, **changes)
    with pytest.raises(ValueError, match=message) as error:
        penn.read_labels(path)
    assert str(error.value).startswith(f"{path}: ") and "expected" in str(error.value)


def claiming(path: Path, rows: int) -> Path:
    """An uncompressed label file whose header of x claims another number of rows."""
    raw = path.read_bytes()
    place = raw.index(b"x", raw.index(np.array([45, 13], "<i4").tobytes()))
    start = raw.rindex(np.array([45, 13], "<i4").tobytes(), 0, place)
    path.write_bytes(raw[:start] + np.array([rows, 13], "<i4").tobytes() + raw[start + 8 :])
    return path


def test_a_claim_of_ten_gigabytes_is_not_believed(tmp_path):
    path = claiming(write(tmp_path, images=False), 100_000_000)
    with pytest.raises(
        ValueError, match=r"0001\.mat: not a readable MATLAB file.*found an array of shape \(1000+, 13\)"
    ):
        penn.read_labels(path)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.95])
def test_a_cut_file_is_one_clear_error(tmp_path, share):
    path = write(tmp_path, images=False)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(ValueError, match=re.escape(str(path))):
        penn.read_labels(path)


@given(place=st.floats(0, 1, exclude_max=True), value=st.binary(min_size=1, max_size=8))
def test_a_file_with_bytes_overwritten_is_read_or_refused(tmp_path_factory, place, value):
    path = write(tmp_path_factory.mktemp("damaged"), images=False)
    raw = bytearray(path.read_bytes())
    start = int(place * len(raw))
    raw[start : start + len(value)] = value
    path.write_bytes(raw)
    try:
        assert penn.read_labels(path).points.shape[1:] == (13, 2)
    except ValueError as error:
        assert str(error).startswith(str(path))


@pytest.mark.parametrize("raw", [b"MATLAB 7.3 MAT-file" + bytes(600), b"\x89HDF\r\n\x1a\n" + bytes(600), b"no"])
def test_other_files_are_one_clear_error(tmp_path, raw):
    path = tmp_path / "other.mat"
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=r"other\.mat: not a readable MATLAB file"):
        penn.read_labels(path)


def test_wrong_images_are_one_clear_error(tmp_path):
    write(tmp_path)
    first, second, third = (tmp_path / "frames" / "0001" / f"{i:06d}.jpg" for i in (1, 2, 3))
    Image.new("RGB", (10, 10)).save(first)
    second.write_bytes(b"no image")
    third.write_bytes(third.read_bytes()[:300])
    (clip,) = penn.load(tmp_path)
    with pytest.raises(ValueError, match=rf"000001\.jpg: image: found 10x10 pixels, expected {W}x{H}"):
        clip.frames[0]
    for i in (1, 2):
        with pytest.raises(ValueError, match=rf"00000{i + 1}\.jpg: image: found .*, expected a whole JPEG"):
            clip.frames[i]
    third.unlink()
    with pytest.raises(ValueError, match="found 44 images, expected 45 as the labels say"):
        penn.load(tmp_path)


def test_an_empty_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"found no labels/\*\.mat, expected Penn Action's"):
        penn.load(tmp_path)


@pytest.mark.skipif(not VIDEO.is_file(), reason=f"the real clip is not here: {VIDEO}")
def test_a_real_video_has_the_rate_that_phd_takes(tmp_path):
    """0502 is bowling, seen from the back; re-encoded as mp4, without its labels. Its images fit a label file."""
    video = pytest.importorskip("phdlib.video_frames")
    info = video.probe(VIDEO)
    assert (info.fps, info.width, info.height) == (penn.FPS, 480, 360)
    images = list(video.frames(VIDEO))
    assert len(images) == 58 >= penn.SHORTEST
    write(tmp_path, "0502", 58, images=False, dimensions=np.array([[360, 480, 58.0]]))
    (tmp_path / "frames/0502").mkdir(parents=True)
    for i, image in enumerate(images, start=1):
        Image.fromarray(image).save(tmp_path / f"frames/0502/{i:06d}.jpg", quality=95)
    (clip,) = penn.load(tmp_path)
    assert (
        clip.action == "Bowl" and (clip.frames[30].permute(1, 2, 0).float() - torch.tensor(images[30])).abs().mean() < 3
    )


def test_joints_that_stand_on_their_head_throughout_are_warned_of(tmp_path):
    heights = np.array([10, 20, 20, 30, 30, 38, 38, 40, 40, 50, 50, 60, 60.0])
    sides = 50 + np.array([0, 5, -5, 6, -6, 7, -7, 3, -3, 3, -3, 3, -3.0])
    standing = {"x": np.tile(sides, (45, 1)), "y": np.tile(heights, (45, 1)), "pose": "front", "images": False}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write(tmp_path, **standing)
        penn.load(tmp_path, images=False)
        write(tmp_path, "0002", **standing | {"y": 70 - standing["y"]})  # one of two: a handstand
        penn.load(tmp_path, images=False)
    write(tmp_path, "0003", **standing | {"y": 70 - standing["y"]})
    told = r"labels: the joints may be in another order or frame than Penn-13: the head is below .* in 2 of 3"
    with pytest.warns(UserWarning, match=told) as caught:
        penn.load(tmp_path, images=False)
    assert len(caught) == 1
