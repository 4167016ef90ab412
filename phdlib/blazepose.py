"""BlazePose, a 2D pose detector that runs on a CPU, in an environment of its own.

mediapipe wants numpy below 2, phdlib above; so the detector is another process with another Python environment, which
is made in the cache the first time. Its weights come inside mediapipe's wheel. Frames go to it through a pipe, one at a
time, and landmarks come back as lines (:mod:`phdlib.blazepose_worker`).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType

import numpy as np

from phdlib.detections import COCO_IN_BLAZEPOSE, Detections
from phdlib.paths import PACKAGE, cache_dir
from phdlib.video_frames import VideoInfo

# All that `import mediapipe.python.solutions.pose` needs, no more: its own list has jax and a sound library in it.
PINS = (
    *("mediapipe==0.10.21", "numpy==1.26.4", "absl-py==2.5.1", "attrs==26.1.0", "flatbuffers==25.12.19"),
    *("protobuf==4.25.9", "opencv-python-headless==4.11.0.86", "matplotlib==3.10.8", "contourpy==1.3.3"),
    *("cycler==0.12.1", "fonttools==4.68.0", "kiwisolver==1.5.1", "packaging==26.3", "pillow==13.0.0"),
    *("pyparsing==3.3.3", "python-dateutil==2.9.0.post0", "six==1.17.0"),
)
LANDMARKS = 33
SOURCE = "BlazePose (mediapipe 0.10.21)"


class DetectorUnavailable(OSError):
    """The detector's environment could not be made, or the detector does not start."""


def environment() -> Path:
    """The Python of the detector's environment, made the first time by uv or venv. :class:`DetectorUnavailable` (an
    ``OSError``) says why it cannot be made, on a machine without a package registry for one."""
    pins = hashlib.sha256("\n".join((*PINS, sys.version.split()[0])).encode()).hexdigest()[:12]
    folder = cache_dir() / "blazepose" / pins
    python, complete = folder / "bin" / "python", folder / "complete"
    if complete.exists():
        return python
    print(f"making an environment for the detector ({PINS[0]}, {PINS[1]}) in {folder}, once; about 400 MB")
    uv = shutil.which("uv")
    make = [uv, "venv", "--python", sys.executable, "--clear"] if uv else [sys.executable, "-m", "venv", "--clear"]
    install = [uv, "pip", "install", "--python", str(python)] if uv else [str(python), "-m", "pip", "install"]
    only = ["--only-binary", ":all:", "--no-deps", "--quiet"]
    for command in ([*make, str(folder)], [*install, *only, *PINS]):
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines() or ["no answer"]
            raise DetectorUnavailable(f"cannot make the detector's environment in {folder}: {lines[-1]}")
    complete.touch()
    return python


class BlazePose:
    """The running detector, to be used with ``with``; it follows one person, the most prominent. ``python`` and
    ``worker`` are there for tests."""

    def __init__(self, width: int, height: int, python: Path | None = None, worker: Path | None = None) -> None:
        worker = worker or PACKAGE / "blazepose_worker.py"
        command = [str(python or environment()), "-I", str(worker), str(width), str(height)]
        self._shape = (height, width, 3)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the process
        # A notebook's kernel names a backend of matplotlib that the detector's environment does not have.
        mine = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, bufsize=0, env=mine
        )
        self._answers = self._process.stdout and iter(self._process.stdout.readline, b"")
        if next(self._answers, b"").strip() != b"ready":
            self._fail()

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Landmarks of an image (height, width, 3), uint8, RGB: (33, 3), x and y in pixels and visibility in [0, 1];
        NaN where nobody is found, visibility 0. :class:`DetectorUnavailable` if the process has ended."""
        if image.shape != self._shape or image.dtype != np.uint8:
            raise ValueError(f"detector: found an image {image.shape} {image.dtype}, expected {self._shape} uint8")
        try:
            self._send(memoryview(np.ascontiguousarray(image)).cast("B"))
            answer = json.loads(next(self._answers))
        except (BrokenPipeError, StopIteration, json.JSONDecodeError):
            self._fail()
        if answer is None:
            return np.array([[np.nan, np.nan, 0.0]] * LANDMARKS)
        return np.array(answer, dtype=np.float64).reshape(LANDMARKS, 3)

    def _send(self, data: memoryview) -> None:
        while data:  # a pipe takes what it has room for
            data = data[self._process.stdin.write(data) :]

    def _fail(self) -> None:
        self.close()
        self._errors.seek(0)
        lines = self._errors.read()[-2000:].decode(errors="replace").strip().splitlines() or ["no reason given"]
        self._errors.close()
        raise DetectorUnavailable(f"the detector ended early (status {self._process.returncode}): {lines[-1]}")

    def close(self) -> None:
        self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def __enter__(self) -> BlazePose:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        self._errors.close()


def landmarks(images: Iterable[np.ndarray], width: int, height: int) -> Iterator[np.ndarray]:
    """Landmarks (33, 3) of each image, as they come."""
    with BlazePose(width, height) as detector:
        for image in images:
            yield detector(image)


def detect(info: VideoInfo, images: Iterable[np.ndarray]) -> Detections:
    """The person in a video's images, as COCO-17 keypoints."""
    found = [points[list(COCO_IN_BLAZEPOSE)] for points in landmarks(images, info.width, info.height)]
    table = np.array(found, dtype=np.float32).reshape(-1, len(COCO_IN_BLAZEPOSE), 3)
    # A score of 0 means "not found" in files of detections; a landmark that BlazePose is wholly unsure of was.
    scores = np.where(np.isfinite(table[..., 0]), table[..., 2].clip(1e-3, 1), 0).astype(np.float32)
    return Detections(table[..., :2], scores, info.fps, info.width, info.height, SOURCE)
