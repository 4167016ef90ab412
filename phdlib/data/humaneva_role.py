"""The HumanEva role of the embedded motion: its takes, and the frames that motion capture lost (VP3D 5.1, 5.3).

HumanEva-I has three subjects, three actions, and its split within subject and action; "some frames are corrupted by
sensor dropout and we split the corrupted videos into valid contiguous chunks and treat them as independent videos"
(VP3D 5.3). Our takes were cleaned, so the dropouts here are drawn, seeded by take, and the chunks between them are what
the split lists. One test video keeps motion capture that is wrong, as HumanEva's Walk of S3 does (VP3D Table 4).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from phdlib.data.motion import FPS as MOTION_FPS

FPS = 60.0
SUBJECTS = ("S1", "S2", "S3")
CORRUPT = "corrupt"  # part of test chunks whose motion capture is wrong, and the end of their clips' take names

# Action, subject: training takes | test takes; a take on both sides is cut in time, and each cell has one performer.
# A cell that is left out is empty. Nobody jogs for longer than a second and a half.
CELLS = {
    "walking": {
        "S1": "07_01 07_02 07_06 07_08 | 07_03 07_07",
        "S2": "02_01 | 02_02",
        "S3": "07_04 07_09 07_10 07_12 | 07_05 07_11",
    },
    "uneven walking": {"S1": "03_03 | 03_03", "S2": "03_04 | 03_04", "S3": "03_01 | 03_02"},
    "punching": {"S1": "135_09 | 135_09", "S2": "02_05 | 02_05", "S3": "135_05 135_10 | 135_05 135_10"},
}
STANDS_FOR = {"walking": "Walk", "uneven walking": "Jog", "punching": "Box"}  # the column of VP3D Table 4

DROPOUT_EVERY = 6.0  # seconds between dropouts, on average
DROPOUT_SECONDS = (0.1, 0.5)
SHORTEST = round(0.5 * MOTION_FPS)  # frames: at 60 Hz a chunk then has 29, and the receptive field of VP3D 5.3 is 27
HELD = {"07_05": (60, 160)}  # frames of a test take, in which the file repeats the pose it lost the person in


def dropouts(take: str, frames: int) -> Iterator[tuple[int, int]]:
    """First and last (exclusive) frame, at 50 Hz, of each loss of motion capture in the first ``frames`` of a take."""
    seed = hashlib.sha256(f"{take}/dropout".encode()).digest()[:8]
    rng = np.random.default_rng(int.from_bytes(seed, "little"))
    start = rng.exponential(DROPOUT_EVERY)
    while start * MOTION_FPS < frames:
        stop = start + rng.uniform(*DROPOUT_SECONDS)
        yield round(start * MOTION_FPS), round(stop * MOTION_FPS)
        start = stop + rng.exponential(DROPOUT_EVERY)


def chunks(take: str, start: int, stop: int) -> list[tuple[int, int, bool]]:
    """Cut a video into its valid contiguous chunks: (start, stop, whether the motion capture is wrong), at 50 Hz.

    Chunks shorter than half a second are left out. ``ValueError`` if ``start < stop`` does not hold.
    """
    if not 0 <= start < stop:
        raise ValueError(f"take {take}: found frames {start} to {stop}, expected 0 <= start < stop")
    valid, held, lost = range(3)
    state = np.full(stop, valid)
    state[slice(*HELD.get(take, (0, 0)))] = held
    for a, b in dropouts(take, stop):
        state[a:b] = lost
    edges = [start, *(start + 1 + np.flatnonzero(np.diff(state[start:]))).tolist(), stop]
    return [(a, b, bool(state[a] == held)) for a, b in pairwise(edges) if state[a] != lost and b - a >= SHORTEST]


def is_corrupt(take: str) -> bool:
    """Whether the clips of this name have motion capture that is wrong: ``07_05@60#corrupt``. Their 3D is not the
    truth of their 2D."""
    return take.endswith(f"#{CORRUPT}")


def recorded_frames(frames: int, corrupt: bool) -> Tensor:
    """Which of its poses a chunk's motion capture shows in each frame, (T,): its own, or the first one held to the
    end, as a file has it whose solver lost the markers and kept the last pose."""
    return torch.zeros(frames, dtype=torch.long) if corrupt else torch.arange(frames)
