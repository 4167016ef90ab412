"""Real video in the place of a training role that has no 3D labels: detections, kept, cut in two, and shown to models.

An experiment names the detections that it learns from by a key of their content, so that other detections make another
experiment.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from phdlib.data.clip import Clip
from phdlib.detection_files import read_detections, write_detections
from phdlib.detections import Detections, to_clips
from phdlib.paths import cache_dir
from phdlib.resample import resampled
from phdlib.wild_camera import assumed_intrinsics, look_at_person

GAP = 1.0  # seconds between what trains and what is held out: neighbouring frames are nearly equal


def keep(found: Detections) -> str:
    """Write detections to the cache; the key by which :func:`kept` reads them, the same for the same content."""
    digest = hashlib.sha256(f"{found.points.shape} {found.fps} {found.width} {found.height}".encode())
    for array in (found.points, found.scores):
        digest.update(np.ascontiguousarray(array, dtype=np.float32).tobytes())
    key = digest.hexdigest()[:16]
    if not _file(key).exists():
        write_detections(found, _file(key))
    return key


def kept(key: str) -> Detections:
    """Detections that :func:`keep` wrote; ``FileNotFoundError`` names the file where there are none."""
    return read_detections(_file(key))


def _file(key: str) -> Path:
    return cache_dir() / "wild-role" / f"{key}.npz"


def halves(found: Detections, gap: float = GAP) -> tuple[Detections, Detections]:
    """The first half of a video's detections, and the second one but for its first ``gap`` seconds. Both have as many
    frames as the video: those of the other half are as if nobody had been found."""
    middle = len(found) // 2
    return part(found, 0, middle), part(found, middle + round(gap * found.fps), len(found))


def part(found: Detections, start: int, stop: int) -> Detections:
    """Detections of the frames from ``start`` to before ``stop``, nobody in the others; frames keep their numbers."""
    inside = (np.arange(len(found)) >= start) & (np.arange(len(found)) < stop)
    points = np.where(inside[:, None, None], found.points, np.float32(np.nan))
    return replace(found, points=points, scores=np.where(inside[:, None], found.scores, np.float32(0)))


def shown(found: Detections, take: str, fps: float, *, lens: float | None = None, seconds: float = 0.0) -> list[Clip]:
    """Clips of detections as a trained model sees them (:func:`phdlib.wild_camera.look_at_person`), at a frame rate:
    H36M-17 in the pixels of a camera that is theirs. ``visible`` where the frames on both sides are. Stretches shorter
    than ``seconds`` are left out.

    Of the lens nothing is known. By default it is assumed as everywhere; with ``lens``, the focal length in screen
    units of the cameras of a training set, it is the one under which the person stands as far off as people do there:
    a network that sees both sets cannot know which lens an input has.
    """
    clips = []
    for clip in to_clips(found, take, shortest=max(1, round(seconds * found.fps))):
        view = look_at_person(clip.keypoints2d, assumed_intrinsics(found.width, found.height))
        if lens is not None:  # a focal length k times as long makes all rays, and so the zoom, k times as long
            focal = np.hypot(found.width, found.height) * lens / float(view.camera.screen_intrinsics[0])
            view = look_at_person(clip.keypoints2d, assumed_intrinsics(found.width, found.height, focal))
        visible = None if clip.visible is None else resampled(clip.visible.double(), clip.fps, fps) > 1 - 1e-9
        points = resampled(view.keypoints, clip.fps, fps)
        clips.append(replace(clip, fps=fps, camera=view.camera, keypoints2d=points, visible=visible))
    return clips


def kept_clips(keys: Sequence[str], fps: float, *, lens: float | None = None, seconds: float = 0.0) -> list[Clip]:
    """:func:`shown` of all detections kept under ``keys``. ``ValueError`` where no stretch is long enough."""
    clips = [clip for key in keys for clip in shown(kept(key), key, fps, lens=lens, seconds=seconds)]
    if not clips:
        raise ValueError(f"detections {', '.join(keys) or '(none)'}: found nobody for {seconds:g} s in a row")
    return clips
