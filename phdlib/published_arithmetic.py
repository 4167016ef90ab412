"""What a horizon means in PHD's tables with warping, worked out from the printed numbers alone.

Tables 8, 6 and 7 print errors without dynamic time warping; Tables 2, 4 and 5 those of the same models with it. Warping
cannot help Constant: all its frames are equal, so the path along the diagonal is the cheapest. If a horizon h meant the
frame h in both, Table 2's row of Constant would be Table 8's. It is not: at 30 frames 102.8 mm become 90.4. It is,
within 0.3 throughout, the mean of Table 8's row over the frames 1 to h.

So from Table 8 to Table 2 there are two steps, averaging over the frames up to h and warping, and Constant's row, on
which warping does nothing, says how well the first is known: frames between the printed horizons have to be guessed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.interpolate import PchipInterpolator

from phdlib import published

HORIZONS = (1, 5, 10, 20, 30)
ROUNDING = 0.05  # a printed number is off by at most this
PAIRS = (  # with warping, without, and what the columns of each role begin with
    ("phd-table-2", "phd-table-8", {"h36m": "h36m_", "penn": "penn_"}),
    ("phd-table-4", "phd-table-6", {"h36m": ""}),
    ("phd-table-5", "phd-table-7", {"penn": ""}),
)


def running_means(values: Sequence[float], horizons: Sequence[int] = HORIZONS) -> pd.DataFrame:
    """Means over the frames 1 to h of what is printed at the horizons alone; one row per horizon.

    ``smooth``: frames between two horizons lie on a cubic that rises or falls with them (PCHIP), ``linear``: on
    straight lines. ``low`` and ``high``: anywhere between the two, rounding included, which no curve leaves unless it
    turns between two horizons.
    """
    at, values = np.asarray(horizons), np.asarray(values, dtype=float)
    if values.shape != at.shape or len(at) < 2 or at[0] != 1 or (np.diff(at) < 1).any():
        raise ValueError(
            f"running means: {len(values)} values at horizons {list(horizons)}; expected as many, rising from 1"
        )
    frames = np.arange(1, at[-1] + 1)
    after = np.searchsorted(at, frames)  # the horizon at or after each frame
    before = np.where(at[after] == frames, after, after - 1)
    curves = {
        "smooth": PchipInterpolator(at, values)(frames),
        "linear": np.interp(frames, at, values),
        "low": np.minimum(values[before], values[after]) - ROUNDING,
        "high": np.maximum(values[before], values[after]) + ROUNDING,
    }
    return pd.DataFrame({name: (curve.cumsum() / frames)[at - 1] for name, curve in curves.items()}, index=at)


def averaging_and_warping(interpolation: str = "smooth") -> pd.DataFrame:
    """For each cell of Tables 2, 4 and 5, how much of its distance from Tables 8, 6 and 7 is averaging, how much DTW.

    ``table``, ``role``, ``row``, ``horizon``; ``warped`` is printed there, ``frame`` in the table without warping, and
    ``averaged`` is the running mean of ``frame`` (see :func:`running_means`). ``gap``, by which the cell with warping
    is better, is ``by_averaging`` plus ``by_warping``; above zero is better, be it less error or more keypoints.
    ``warping_low`` and ``warping_high`` are the ends of ``by_warping`` whatever the frames between the horizons.
    """
    cells = []
    for with_dtw, without, roles in PAIRS:
        warped, frame = published.table(with_dtw), published.table(without)
        for role, prefix in roles.items():
            columns = [f"{prefix}{h}" for h in HORIZONS]
            sign = 1 if warped.attrs["direction"][columns[0]] == "higher" else -1
            for label in warped.index:
                means = running_means(frame.loc[label, columns].to_numpy())
                rows = {"table": with_dtw, "role": role, "row": label, "horizon": HORIZONS}
                rows["warped"] = warped.loc[label, columns].to_numpy()
                rows["frame"] = frame.loc[label, columns].to_numpy()
                rows["averaged"] = means[interpolation].to_numpy()
                rows["gap"] = sign * (rows["warped"] - rows["frame"])
                rows["by_averaging"] = sign * (rows["averaged"] - rows["frame"])
                rows["by_warping"] = sign * (rows["warped"] - rows["averaged"])
                ends = sign * (rows["warped"][:, None] - means[["low", "high"]].to_numpy())
                rows["warping_low"], rows["warping_high"] = ends.min(1) - ROUNDING, ends.max(1) + ROUNDING
                cells.append(pd.DataFrame(rows))
    return pd.concat(cells, ignore_index=True)
