"""The right motion at the wrong time, for which PHD 4.2 evaluates under dynamic time warping (its Figure 8).

:func:`align` looks at one window closely: the cost and the error of every predicted frame as every true frame, and the
path. :func:`mistimed_window` finds a window to look at, by a rule. :func:`late` makes predictions that are right but
for their time, to measure how much of the penalty warping takes away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from phdlib.camera import project_weak_perspective, solve_weak_perspective
from phdlib.data.phd_role import CONDITIONING, HORIZON
from phdlib.dtw import dtw
from phdlib.dtw_protocol import procrustes_cost
from phdlib.futures import ALPHA, FEWEST_VISIBLE, HORIZONS, person_size, projection_cost
from phdlib.metrics import p_mpjpe, pck, procrustes_align
from phdlib.phd_study import Truth, compare_with_truth
from phdlib.skeleton import Skeleton

LAST = HORIZONS[-1]


@dataclass(frozen=True, eq=False)
class Alignment:
    """One window under warping, predicted frames first: ``cost`` (T, T), which the path is found on; ``error`` (T, T),
    P-MPJPE in mm or PCK in percent; ``path`` (L, 2). For drawing, in the camera's view, x right and y up, about the
    person and in units of its size: ``truth`` (T, J, 2), ``placed`` (T, T, J, 2), each prediction on each true frame;
    ``visible`` (T, J), the joints that count."""

    cost: np.ndarray
    error: np.ndarray
    path: np.ndarray
    truth: np.ndarray
    placed: np.ndarray
    visible: np.ndarray
    skeleton: Skeleton
    unit: str

    @property
    def before(self) -> float:
        """Mean error of the frames paired in order."""
        return float(np.nanmean(np.diagonal(self.error)))

    @property
    def after(self) -> float:
        """Mean error of the pairs on the path."""
        return float(np.nanmean(self.error[tuple(self.path.T)]))

    @property
    def after_by_frame(self) -> float:
        """The same with every true frame counted once: of several pairs of one, their mean."""
        i, j = self.path.T
        return float(pd.Series(self.error[i, j]).groupby(j).mean().mean())

    def predicted_for(self, true_frames: np.ndarray) -> np.ndarray:
        """The predicted frame that the path matches with each of some true ones; of several the middle one."""
        return np.array([int(np.median(self.path[self.path[:, 1] == j, 0])) for j in true_frames])


@torch.no_grad()
def align(joints: Tensor, known: Truth, window: int) -> Alignment:
    """A predicted future (T, J, 3) of one window, as :mod:`phdlib.futures` evaluates it: the path is that of the whole
    future."""
    future = slice(CONDITIONING, CONDITIONING + len(joints))
    T, keypoints, seen = len(joints), known.keypoints[window, future], known.visible[window, future].bool()
    size = person_size(keypoints, seen)
    pred = joints[:, None].expand(-1, T, -1, -1)  # (T, T, J, 3): frame i, to be put on frame j
    if known.joints is not None:
        true = known.joints[window, future]
        target = true.expand(T, -1, -1, -1)
        cost = procrustes_cost(joints[None], true[None])[0]
        on_it = procrustes_align(pred, target)
        error, unit = 1000 * p_mpjpe(pred, target), "mm"
        truth, placed, scale = true[..., :2], on_it[..., :2], true[..., 1].amax() - true[..., 1].amin()
        shown, scale = torch.ones_like(seen), scale.expand(T)
    else:
        cost = projection_cost(joints[None, ..., :2], keypoints[None], seen[None], size[None])[0]
        target, counts = keypoints.expand(T, -1, -1, -1), seen & (seen.sum(-1) >= FEWEST_VISIBLE)[:, None]
        camera = solve_weak_perspective(pred[..., :2], target, seen.expand(T, -1, -1))
        placed = project_weak_perspective(pred, *camera)
        error = 100 * pck(placed, target, counts.expand(T, -1, -1), size.expand(T, -1), ALPHA)
        truth, shown, scale, unit = keypoints, seen, size, "% PCK"
    path = dtw(cost[None])
    middle, flip = truth.mean(dim=1, keepdim=True), torch.tensor([1.0, -1.0])
    draw = [((points - middle) / scale[:, None, None] * flip).numpy() for points in (truth, placed)]
    kept = path.path[0, : int(path.length[0])].numpy()
    return Alignment(cost.numpy(), error.numpy(), kept, *draw, shown.numpy(), known.clips[0].skeleton, unit)


def warped_means(joints: Tensor, known: Truth) -> pd.DataFrame:
    """Predicted futures (N, T, J, 3) after warping, a row per window: the mean error over the ``pairs`` of its path,
    which is what the tables hold, and over its true ``frames``, each counted once."""
    found = [align(one, known, window) for window, one in enumerate(joints)]
    return pd.DataFrame({"pairs": [one.after for one in found], "frames": [one.after_by_frame for one in found]})


class Mistimed(NamedTuple):
    """A window found by :func:`mistimed_window`: its number and action, its running mean over 30 frames ``before`` and
    ``after`` warping, and how many windows it was chosen from."""

    window: int
    action: str
    before: float
    after: float
    candidates: int


def mistimed_window(table: pd.DataFrame, higher_is_better: bool = True) -> Mistimed:
    """Where a prediction is right but for its time: of the windows of the faster actions (mean true speed above the
    median action's), those whose warped result is in the better half of these; of them, the one that gains most by
    warping. ``table``: rows of one model and seed."""
    rows = table[table["horizon"] == LAST].dropna(subset=["mean", "mean_dtw"])
    speeds = rows.groupby("action")["true_speed"].mean()
    fast = rows[rows["action"].isin(speeds.index[speeds >= speeds.median()])]
    sign = 1 if higher_is_better else -1
    good = fast[sign * fast["mean_dtw"] >= (sign * fast["mean_dtw"]).median()]
    best = good.loc[(sign * (good["mean_dtw"] - good["mean"])).idxmax()]
    return Mistimed(int(best["window"]), str(best["action"]), float(best["mean"]), float(best["mean_dtw"]), len(good))


def late(known: Truth, by: int = 5) -> pd.DataFrame:
    """Rows of a prediction that is the truth itself, ``by`` frames late (at most 15): at first it shows what has just
    been seen. In the Penn role the true keypoints stand for a body."""
    if not 1 <= by <= CONDITIONING:
        raise ValueError(f"late: expected 1 to {CONDITIONING} frames, found {by}")
    shown = slice(CONDITIONING - by, CONDITIONING - by + HORIZON)
    truth = known.joints if known.joints is not None else F.pad(known.keypoints, (0, 1))
    return compare_with_truth(truth[:, shown], known)
