"""Frames come upright, at a constant rate, one at a time; what is no video is refused with a reason."""

import struct
import tracemalloc

import numpy as np
import pytest
from wild_files import picture, write_video

from phdlib import video_frames
from phdlib.video_frames import VideoWriter, frames, probe


def grey(image: np.ndarray) -> int:
    """The number of a test picture, from its left half."""
    return round(float(image[:, : image.shape[1] // 3].mean()) / 10)


def test_every_frame_comes_once_and_in_order(tmp_path):
    path = write_video(tmp_path / "clip.mp4")
    info = probe(path)
    assert (info.width, info.height, info.fps, info.frames, info.rotation) == (64, 48, 25.0, 12, 0)
    found = list(frames(path))
    assert [grey(image) for image in found] == list(range(12))
    assert all(image.shape == (48, 64, 3) and image.dtype == np.uint8 for image in found)
    assert np.abs(found[3].astype(int) - picture(3)).mean() < 6


def turned_file(path, degrees):
    """The same file with a display matrix in its track header, as telephones write it (clockwise degrees)."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    cos, sin = {90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    one = 0x10000
    data[at : at + 36] = struct.pack(">9i", cos * one, sin * one, 0, -sin * one, cos * one, 0, 0, 0, 0x40000000)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_video_is_shown_upright(tmp_path, degrees):
    path = turned_file(write_video(tmp_path / "turned.mp4"), degrees)
    info, image = probe(path), next(frames(path))
    expected = np.rot90(picture(0), -degrees // 90)  # clockwise
    assert (info.height, info.width) == expected.shape[:2] == image.shape[:2]
    assert np.abs(image.astype(int) - expected).mean() < 8


def test_a_varying_rate_becomes_a_constant_one(tmp_path):
    path = write_video(tmp_path / "varying.mkv", frames=5, stamps=[0, 1, 2, 5, 6])
    rate = probe(path).fps
    assert rate == 25.0
    assert [grey(image) for image in frames(path)] == [0, 1, 2, 3, 3, 3, 4]


def test_what_is_written_is_read_again_even_of_odd_size(tmp_path):
    image = np.zeros((31, 45, 3), dtype=np.uint8)
    image[:, 20:] = (200, 40, 40)
    with VideoWriter(tmp_path / "folder" / "out.mp4", 45, 31, 29.97) as writer:
        for _ in range(7):
            writer.write(image)
    info = probe(tmp_path / "folder" / "out.mp4")
    assert (info.width, info.height, info.frames) == (46, 32, 7)
    assert info.fps == pytest.approx(29.97, abs=1e-3)
    assert np.abs(next(frames(info.path))[:31, :45].astype(int) - image).mean() < 12


def test_a_video_that_fails_on_the_way_leaves_nothing(tmp_path):
    def fail() -> None:
        with VideoWriter(tmp_path / "out.mp4", 16, 16, 25) as writer:
            writer.write(np.zeros((16, 16, 3), dtype=np.uint8))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_long_video_needs_no_more_memory(tmp_path):
    peaks = []
    for count in (20, 200):
        path = write_video(tmp_path / f"{count}.mp4", frames=count, size=(320, 240))
        tracemalloc.start()
        assert sum(1 for _ in frames(path)) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


def broken(tmp_path):
    good = write_video(tmp_path / "good.mp4").read_bytes()
    yield "empty.mp4", b"", "readable video"
    yield "text.mp4", b"this is no video at all\n" * 40, "readable video"
    yield "truncated.mp4", good[: len(good) // 2], "found none, expected video"  # mp4 has its index at the end
    yield "zeros.avi", bytes(4096), "readable video"
    yield "list.m3u8", b"#EXTM3U\n#EXTINF:10,\nhttp://192.0.2.1/evil.ts\n#EXT-X-ENDLIST\n", "expected"


def test_what_is_no_video_is_named(tmp_path):
    for name, content, expected in broken(tmp_path):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(ValueError, match=expected) as caught:
            list(frames(path))
        assert name in str(caught.value) and "found" in str(caught.value) and "expected" in str(caught.value)


def test_a_size_beyond_reason_is_refused_on_the_headers_word(tmp_path, monkeypatch):
    path = write_video(tmp_path / "large.mp4")
    monkeypatch.setattr(video_frames, "MOST_PIXELS", 64 * 48 - 1)
    for read in (probe, lambda path: next(frames(path))):
        with pytest.raises(ValueError, match=r"large\.mp4: header: 64 x 48 pixels, more than 3071"):
            read(path)


def test_sound_alone_is_no_video(tmp_path):
    import av

    with av.open(str(tmp_path / "sound.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), dtype=np.int16), format="s16", layout="mono")
        frame.rate = 8000
        for packet in [*stream.encode(frame), *stream.encode()]:
            container.mux(packet)
    with pytest.raises(ValueError, match=r"sound\.wav: streams: found \['audio'\], expected video"):
        probe(tmp_path / "sound.wav")


def test_no_file_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.mp4"):
        probe(tmp_path / "none.mp4")
    with pytest.raises(FileNotFoundError, match="found a folder, expected a video file"):
        next(frames(tmp_path))


def test_a_hole_in_time_is_refused(tmp_path):
    path = write_video(tmp_path / "hole.mkv", frames=3, stamps=[0, 1, 5000])
    with pytest.raises(
        ValueError, match=r"hole\.mkv: time stamps: found a hole of 200 s after frame 2, expected at mo"
    ):
        list(frames(path))
