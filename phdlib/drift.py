"""Does an answer get worse the longer a recurrent network runs? Error against the place within a piece (VP3D 2)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from torch import nn

from phdlib.data.clip import Clip
from phdlib.evaluation import average, predict_clip
from phdlib.metrics import mpjpe


def error_by_position(model: nn.Module, clips: Sequence[Clip], frames: int) -> pd.DataFrame:
    """One row per clip of at least ``frames`` frames: take, camera, subject, action, the number of frames that each
    position has in it (``frames``), and in columns 0 to ``frames`` - 1 the MPJPE in mm at that place within a piece.

    Pieces follow one another from the clip's start, as in :func:`phdlib.seq2seq.cut`; a last one that is not whole is
    left out, so that all positions are measured equally often. ``model`` answers whole clips and may cut them otherwise
    or not at all: then this is its error at the same moments. No mirroring. ``ValueError`` if no clip is long enough.
    """
    rows = []
    for clip in clips:
        pieces = len(clip) // frames
        if not pieces:
            continue
        error = 1000 * mpjpe(predict_clip(model, clip, flip=False), clip.joints3d)
        by_position = error[: pieces * frames].unflatten(0, (pieces, frames)).mean(0)
        about = {"take": clip.take, "camera": clip.camera.name, "subject": clip.subject, "action": clip.action}
        rows.append({**about, "frames": pieces, **dict(enumerate(by_position.tolist()))})
    if not rows:
        raise ValueError(f"no clip has {frames} frames; the longest has {max(map(len, clips), default=0)}")
    return pd.DataFrame(rows)


def curve(rows: pd.DataFrame) -> np.ndarray:
    """Error in mm against the position, the mean of per-action means."""
    return np.array([average(rows, position) for position in positions(rows)])


def over(rows: pd.DataFrame, stretch: slice) -> pd.DataFrame:
    """``rows`` with the mean over a stretch of positions as "mpjpe"."""
    return rows.assign(mpjpe=rows[positions(rows)[stretch]].mean(axis=1))


def positions(rows: pd.DataFrame) -> list[int]:
    """The columns that are positions."""
    return [column for column in rows if isinstance(column, int)]
