"""How much video a prediction is conditioned on: PHD says 15 frames in its text (4.2, 6.1), 13 under its Figure 3."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import torch

from phdlib.body import load_body
from phdlib.data.phd_role import CONDITIONING, Windows
from phdlib.phd_model import PHD
from phdlib.phd_predictions import predict_futures
from phdlib.phd_study import Truth, compare_with_truth


def changed(less: Sequence[pd.DataFrame], whole: Sequence[pd.DataFrame], reading: str = "frame") -> float:
    """How far a window's result moves: the absolute change, mean over windows, horizons and seeds. Equal means can hide
    changes that cancel. Tables of :func:`conditioned_on`, one per seed; windows without a value are left out."""
    moves = [(a[reading] - b[reading]).abs().mean() for a, b in zip(less, whole, strict=True)]
    return float(sum(moves) / len(moves))


def conditioned_on(model: PHD, known: Truth, frames: int) -> pd.DataFrame:
    """Rows of what ``model`` predicts from the last ``frames`` of the 15 frames before every window's future: the same
    futures, less to go by. ``ValueError`` unless 1 to 15."""
    if not 1 <= frames <= CONDITIONING:
        raise ValueError(f"conditioned_on: expected 1 to {CONDITIONING} frames, found {frames}")
    left_out, windows = CONDITIONING - frames, known.windows
    shorter = Windows(windows.clip, windows.start + left_out, windows.frames - left_out)
    found = predict_futures(model, known.clips, shorter, load_body(), frames)
    return compare_with_truth(torch.from_numpy(found.joints[:, frames:]), known)
