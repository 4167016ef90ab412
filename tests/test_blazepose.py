"""The detector as a process: frames go in, landmarks come out, and its end is noticed. mediapipe itself is not run."""

import sys
from pathlib import Path

import numpy as np
import pytest

from phdlib import blazepose
from phdlib.blazepose import BlazePose, DetectorUnavailable, detect, environment
from phdlib.video_frames import VideoInfo

# Answers each frame with its mean as x, its first pixel as y of every landmark; nobody where the mean is 0.
FAKE = """
import json, sys
width, height = int(sys.argv[1]), int(sys.argv[2])
print("ready", flush=True)
while len(frame := sys.stdin.buffer.read(width * height * 3)) == width * height * 3:
    mean = sum(frame) / len(frame)
    print(json.dumps([[mean, frame[0], i / 32] for i in range(33)] if mean else None), flush=True)
    if mean == 255: sys.exit("the graph has failed")
"""


@pytest.fixture
def worker(tmp_path) -> Path:
    path = tmp_path / "worker.py"
    path.write_text(FAKE)
    return path


def image(value: int) -> np.ndarray:
    return np.full((48, 64, 3), value, dtype=np.uint8)


def test_landmarks_come_back_frame_by_frame(worker):
    with BlazePose(64, 48, Path(sys.executable), worker) as detector:
        for value in (7, 0, 90):
            found = detector(image(value))
            assert found.shape == (33, 3)
            if value:
                assert (found[:, :2] == value).all() and found[-1, 2] == 1
            else:
                assert np.isnan(found[:, :2]).all() and (found[:, 2] == 0).all()
        with pytest.raises(ValueError, match=r"found an image \(48, 63, 3\) uint8, expected \(48, 64, 3\)"):
            detector(image(1)[:, :63])


def test_a_large_frame_goes_through_the_pipe(worker):
    with BlazePose(1920, 1080, Path(sys.executable), worker) as detector:
        assert detector(np.full((1080, 1920, 3), 3, dtype=np.uint8))[0, 0] == 3


def test_detections_are_cocos_part(worker, monkeypatch):
    monkeypatch.setattr(blazepose, "environment", lambda: Path(sys.executable))
    monkeypatch.setattr(blazepose, "PACKAGE", worker.parent)
    (worker.parent / "blazepose_worker.py").write_text(FAKE)
    found = detect(VideoInfo(worker, 64, 48, 30.0, 3, 0), iter([image(5), image(0), image(6)]))
    assert found.points.shape == (3, 17, 2) and found.missing.all(1).tolist() == [False, True, False]
    assert found.scores[0, 0] == pytest.approx(1e-3)  # the nose, landmark 0 of 32: unsure, but found
    np.testing.assert_allclose(found.scores[0, 1:3], [2 / 32, 5 / 32], rtol=1e-6)
    assert (found.scores[1] == 0).all() and (found.fps, found.width, found.height) == (30.0, 64, 48)


def test_a_detector_that_dies_is_named_with_its_last_words(worker):
    with BlazePose(64, 48, Path(sys.executable), worker) as detector:
        detector(image(255))
        with pytest.raises(DetectorUnavailable, match="the graph has failed"):
            for _ in range(3):
                detector(image(1))
    worker.write_text("raise SystemExit('no mediapipe here')")
    with pytest.raises(DetectorUnavailable, match=r"ended early \(status 1\): no mediapipe here"):
        BlazePose(64, 48, Path(sys.executable), worker)


def test_an_environment_that_cannot_be_made_is_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PHDLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(blazepose.shutil, "which", lambda name: None)
    monkeypatch.setattr(blazepose.sys, "executable", str(tmp_path / "python"))
    (tmp_path / "python").write_text("#!/bin/sh\necho no room left >&2\nexit 1\n")
    (tmp_path / "python").chmod(0o755)
    for _ in range(2):  # and it is not taken for made the second time
        with pytest.raises(DetectorUnavailable, match=r"cannot make the detector's environment .*: no room left"):
            environment()
    assert "making an environment for the detector (mediapipe==0.10.21" in capsys.readouterr().out


def test_all_that_is_installed_is_pinned():
    assert all(pin.count("==") == 1 for pin in blazepose.PINS)
    assert blazepose.PINS[0] == "mediapipe==0.10.21" and blazepose.PINS[1].startswith("numpy==1.")
