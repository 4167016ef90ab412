"""2D keypoints of one person in a video, as any detector may have found them: COCO-17, gaps filled and flagged.

Files of them are read by :mod:`phdlib.detection_files`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from phdlib.data.clip import Clip
from phdlib.skeleton import COCO17, H36M17

# BlazePose's 33 landmarks hold COCO's 17, in COCO's order.
COCO_IN_BLAZEPOSE = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)
PRESENT = 9  # keypoints of 17 that make a person

# What H36M-17 has and COCO-17 has not, as weighted means of what COCO has. Pelvis and thorax are midpoints, the spine
# is their midpoint; the top of the head lies beyond the ears as seen from the shoulders, and somewhat before them.
# The head's weights are a least-squares fit on poses of the embedded data's body, where they are 33 mm off on average.
DERIVED = {
    "pelvis": {"left_hip": 0.5, "right_hip": 0.5},
    "spine": {"left_hip": 0.25, "right_hip": 0.25, "left_shoulder": 0.25, "right_shoulder": 0.25},
    "thorax": {"left_shoulder": 0.5, "right_shoulder": 0.5},
    "head": {"left_ear": 0.67, "right_ear": 0.67, "nose": 0.28, "left_shoulder": -0.31, "right_shoulder": -0.31},
}


def coco_to_h36m() -> np.ndarray:
    """(17, 17): rows are H36M-17's joints as weighted means of COCO-17's; each row sums to 1."""
    weights = np.zeros((len(H36M17), len(COCO17)))
    for row, joint in enumerate(H36M17.joints):
        for name, weight in DERIVED.get(joint, {joint: 1.0}).items():
            weights[row, COCO17.index(name)] = weight
    return weights


@dataclass(frozen=True, eq=False)
class Detections:
    """``points`` (T, 17, 2) float32, COCO-17 in pixels, NaN where nobody was found; ``scores`` (T, 17) in [0, 1];
    the video's rate and size; ``source`` says who found them."""

    points: np.ndarray
    scores: np.ndarray
    fps: float
    width: int
    height: int
    source: str

    def __len__(self) -> int:
        return len(self.points)

    @property
    def missing(self) -> np.ndarray:
        """(T, 17): which keypoints were not found."""
        return ~np.isfinite(self.points).all(-1)

    def stretches(self, longest: int, shortest: int = 1) -> Iterator[slice]:
        """Frames in a row, at least ``shortest``, in which the person, 9 of the 17 keypoints or more, is never gone for
        over ``longest`` frames; they begin and end where the person does."""
        gone = (~self.missing).sum(1) < PRESENT
        for start, stop in _runs(gone):
            if stop - start <= longest and start > 0 and stop < len(self):
                gone[start:stop] = False
        yield from (slice(start, stop) for start, stop in _runs(~gone) if stop - start >= shortest)


def h36m(points: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """COCO-17 points (T, 17, 2) and scores (T, 17) as H36M-17's; a derived joint is as sure as the least sure of its
    own."""
    weights = coco_to_h36m()
    used = np.where(weights[None] != 0, scores[:, None], np.inf)
    return np.einsum("jk,tkc->tjc", weights, points).astype(np.float32), used.min(-1).astype(np.float32)


def gap_of(fps: float) -> int:
    """The longest gap in frames that is filled: half a second."""
    return max(1, round(fps / 2))


def to_clips(found: Detections, take: str, *, longest: int | None = None, shortest: int = 1) -> list[Clip]:
    """Detections as clips of the common form: H36M-17 in pixels, a clip for each of :meth:`Detections.stretches`, whose
    gaps are filled by :meth:`Clip.without_gaps` (``longest``: half a second by default). ``visible`` where the detector
    was surer than not, and nothing was filled: a keypoint that only its neighbours in time vouch for is not labelled.

    A clip's ``take`` ends in the frames that it is of, "dancer[0:1572]". It has no camera, as its intrinsics are
    unknown (:mod:`phdlib.wild_camera` gives it one). This is the form that a training role without 3D labels takes.
    ``ValueError`` names a keypoint that was found in none of a stretch's frames.
    """
    clips = []
    for span in found.stretches(gap_of(found.fps) if longest is None else longest, shortest):
        name = f"{take}[{span.start}:{span.stop}]"
        coco = Clip(name, "unknown", "unknown", found.fps, found.source, COCO17,
                    keypoints2d=torch.from_numpy(found.points[span].copy()))  # fmt: skip
        points, scores = h36m(coco.without_gaps(len(coco)).keypoints2d.numpy(), found.scores[span])
        clips.append(replace(coco, skeleton=H36M17, keypoints2d=torch.from_numpy(points),
                             visible=torch.from_numpy(scores > 0.5)))  # fmt: skip
    return clips


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """(start, stop) of the stretches where ``flags`` (T,) are set."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False]))))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
