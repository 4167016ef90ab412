"""PHD's evaluation on Penn Action itself (4.2), as far as 2D alone goes: a pose that stands still.

The paper's windows, 15 frames seen and 30 to foretell, from every frame on; PCK with the camera of eq. 6, with and
without dynamic time warping (:mod:`phdlib.futures`). PHD's Constant holds the body that its model reads from the video.
Here the labelled keypoints themselves are held, so nothing is misread: it is about what Constant can reach at best.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import torch

from phdlib import published
from phdlib.data.clip import Clip
from phdlib.data.phd_role import CONDITIONING, EVERY, Windows, evaluation_windows
from phdlib.futures import HORIZONS, describe, futures_2d, window_frames

READINGS = {"mean_dtw": ("with DTW, Table 2", "phd-table-2"), "frame": ("without DTW, Table 8", "phd-table-8")}
_CONSTANT = "Constant (no motion)"
_AT_ONCE = 2048  # windows


def standing_still(clips: Sequence[Clip], every: int = EVERY["penn"]) -> pd.DataFrame:
    """PCK in percent of the last seen keypoints held still, a row per window and horizon
    (:func:`phdlib.futures.futures_2d`). A keypoint counts if it is labelled visible both then and now.

    ``clips`` with 2D and ``visible``, such as Penn Action's. ``ValueError`` if none is as long as a window.
    """
    windows = evaluation_windows(clips, every)
    if not len(windows):
        longest = max(map(len, clips), default=0)
        raise ValueError(f"standing_still: found clips of up to {longest} frames, expected {windows.frames} or more")
    tables = []
    for some in torch.arange(len(windows)).split(_AT_ONCE):
        part = Windows(windows.clip[some], windows.start[some], windows.frames)
        points, visible = (window_frames(clips, part, field) for field in ("keypoints2d", "visible"))
        last, ahead = slice(CONDITIONING - 1, CONDITIONING), slice(CONDITIONING, None)
        held = torch.nn.functional.pad(points[:, last], (0, 1)).expand(-1, points.shape[1] - CONDITIONING, -1, -1)
        table = futures_2d(held, points[:, ahead], visible[:, ahead] & visible[:, last], describe(clips, part))
        tables.append(table.assign(window=table["window"] + int(some[0])))
    return pd.concat(tables, ignore_index=True)


def beside_published(table: pd.DataFrame) -> pd.DataFrame:
    """Means over all windows by horizon, beside the Constant of PHD's Tables 2 and 8, Penn Action."""
    rows = {}
    for reading, (name, id) in READINGS.items():
        printed = published.table(id).loc[_CONSTANT]
        rows[f"standing still, {name}"] = table.groupby("horizon")[reading].mean()
        rows[f"PHD's Constant, {name}"] = pd.Series({h: float(printed[f"penn_{h}"]) for h in HORIZONS})
    return pd.DataFrame(rows).T.rename_axis("PCK, %")
