"""The "statue" of a video (PHD 4.3, Figures 5 and 7): the frame from which on what follows can suddenly be predicted.

The paper computes the raw average accuracy of the next 15 frames for each conditioning window of each sequence, then
its change per frame by a low-pass difference filter, and takes the window where it rises most; what it shows is the
first frame after that window. What it leaves open, and what is done here:

- *Accuracy* is PCK at 0.05 after eq. 6, as in its tables of Penn Action. *Raw* is read as "without warping": the mean
  over the 15 frames, each against itself.
- *The windows* are of 15 frames, as in its evaluation (4.2), and begin at every frame.
- *The filter* is the mean accuracy of a window and the next four less that of the five before it (:func:`improvement`;
  :data:`HALF` windows on either side). The paper prints neither form nor width. It is asked only where it is whole, so
  that the first 20 frames of a clip and its last 18 are never a statue.

Where statues lie in the true motion is the subject of :mod:`phdlib.statue_timing`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from numpy.lib.stride_tricks import sliding_window_view

from phdlib import cache
from phdlib.baselines import constant
from phdlib.body import load_body
from phdlib.data.clip import Clip
from phdlib.data.phd_role import CONDITIONING, Windows, windows
from phdlib.futures import futures_2d, window_frames
from phdlib.paths import cache_dir
from phdlib.phd_experiments import PHDExperiment, role_clips
from phdlib.phd_model import PHD
from phdlib.phd_predictions import predict_futures
from phdlib.runs import read_or_run

AHEAD = 15  # frames whose accuracy is averaged (PHD 4.3)
HALF = 5  # windows on either side of the filter's step, 0.2 s
METHODS = ("AR on Φ", "Constant", "gain over Constant")
_CODE = ("phdlib.statues", "phdlib.futures", "phdlib.camera", "phdlib.metrics", "phdlib.baselines")

Curves = list[np.ndarray]  # of each clip, (windows,), by the frame that a window begins at


def accuracy_curves(experiment: PHDExperiment, part: str = "test") -> dict[str, Curves]:
    """Accuracy in percent of the Penn role's clips of ``part``, for each of :data:`METHODS`: what the model predicts,
    its last reading of the window held still, and the difference of the two. Windows without a frame to count: NaN."""
    experiment = experiment.prepared()
    clips, _ = role_clips(experiment.features(), "penn", part)
    cut = windows(clips, CONDITIONING + AHEAD)

    def build() -> Mapping[str, np.ndarray]:
        return window_accuracy(experiment.learned_network(read_or_run(experiment)), clips, cut)

    key = cache.key_of(uid=experiment.infra.uid(), part=part, code=cache.code_fingerprint(*_CODE))
    folder = cache_dir() / "statues"
    folder.mkdir(exist_ok=True)
    found = cache.cached_arrays("statues", key, build, folder)
    ends = np.cumsum([int((cut.clip == i).sum()) for i in range(len(clips))])[:-1]
    values = (found["own"], found["still"], found["own"] - found["still"])
    return {name: np.split(value, ends) for name, value in zip(METHODS, values, strict=True)}


def window_accuracy(model: PHD, clips: Sequence[Clip], cut: Windows) -> dict[str, np.ndarray]:
    """Mean PCK in percent (N,) over the frames of each window that follow on the first 15: ``own``, predicted by a
    model, and ``still``, its last reading of these 15. ``clips`` with features and 2D ground truth."""
    joints = torch.from_numpy(predict_futures(model, clips, cut, load_body(), CONDITIONING).joints)
    ahead = cut.frames - CONDITIONING
    truth = [window_frames(clips, cut, field)[:, CONDITIONING:] for field in ("keypoints2d", "visible")]
    futures = {"own": joints[:, CONDITIONING:], "still": constant(joints[:, CONDITIONING - 1], ahead)}
    return {n: futures_2d(pred, *truth, horizons=(ahead,))["mean"].to_numpy() for n, pred in futures.items()}


def improvement(accuracy: np.ndarray, half: int = HALF) -> np.ndarray:
    """The low-pass difference of a curve (windows,): at t the mean of t to t + ``half`` - 1 less that of the ``half``
    before t. Of equal length; NaN where the curve does not have all of these. ``ValueError`` for a half below 1."""
    if half < 1 or np.ndim(accuracy) != 1:
        raise ValueError(f"improvement: expected a curve (windows,) and half of at least 1, found {accuracy!r}, {half}")
    found = np.full(len(accuracy), np.nan)
    if len(accuracy) >= 2 * half:
        means = sliding_window_view(np.asarray(accuracy, dtype=float), half).mean(axis=1)
        found[half : len(accuracy) - half + 1] = means[half:] - means[:-half]
    return found


def find(curves: Sequence[np.ndarray], half: int = HALF) -> pd.DataFrame:
    """The statue of each clip, by ``clip``: the ``window`` with the steepest rise (of equals the first), the ``frame``
    that is the first after it, and the ``rise`` in points of accuracy. Clips too short for the filter have no row."""
    rows = []
    for clip, curve in enumerate(curves):
        rises = improvement(curve, half)
        if np.isfinite(rises).any():
            best = int(np.nanargmax(rises))
            rows.append({"clip": clip, "window": best, "frame": best + CONDITIONING, "rise": float(rises[best])})
    return pd.DataFrame(rows, columns=["clip", "window", "frame", "rise"]).set_index("clip")


def candidates(curve: np.ndarray, half: int = HALF) -> np.ndarray:
    """The frames of a clip that the filter could have chosen."""
    return np.flatnonzero(np.isfinite(improvement(curve, half))) + CONDITIONING


def random_samples(
    found: pd.DataFrame, rng: np.random.Generator, categories: int = 6, each: int = 5
) -> dict[str, list[int]]:
    """Figure 7's draw: the ``categories`` with the most statues (of equals the first by name), and ``each`` of its rows
    of ``found``, which has a column ``action``, by number, at random without repetition; all where there are fewer."""
    counts = found.groupby("action").size().sort_index().sort_values(ascending=False, kind="stable")
    drawn = {}
    for action in counts.index[:categories]:
        rows = np.flatnonzero((found["action"] == action).to_numpy())
        drawn[str(action)] = sorted(rng.choice(rows, min(each, len(rows)), replace=False).tolist())
    return drawn
