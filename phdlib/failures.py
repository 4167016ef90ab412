"""PHD's failures (PHD 6, Figures 13 to 16) as numbers of each window, and rules that find examples of them.

Nothing is picked by eye: :func:`search` takes, of the windows that are lowest in some numbers, the one that is highest
in another, and says so in words. Numbers in millimetres need the true 3D, which no model of the Penn role was trained
with; it is used here to tell where the model went wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from scipy.stats import rankdata
from torch import Tensor

from phdlib.baselines import torso
from phdlib.camera import project_weak_perspective, solve_weak_perspective
from phdlib.data import phd_role
from phdlib.data.phd_role import CONDITIONING, FPS
from phdlib.dtw_protocol import procrustes_cost
from phdlib.futures import person_size
from phdlib.metrics import p_mpjpe
from phdlib.statistics import Effect

TRAINED = 25  # predicted frames in a row that the models were trained for (PHD 3.4)
MEASURES = {  # of a window, with a name to print
    "image": "2D error after eq. 6 (% of the person's size)",
    "plane": "error in the image plane per axis, mm",
    "depth": "error along depth, mm",
    "read": "error in the last frame seen, mm",
    "future": "error of the frames predicted, mm",
    "moved in": "true motion in the frames seen, m/s",
    "moved out": "true motion in the frames to predict, m/s",
    "predicted motion": "predicted motion, m/s",
}


@torch.no_grad()
def measures(joints: Tensor, truth: Tensor, keypoints: Tensor, visible: Tensor, frames: int = TRAINED) -> pd.DataFrame:
    """A row per window, columns :data:`MEASURES` and ``future 1``, ``future 10``, ... (P-MPJPE of that frame).

    ``joints`` (N, 15 + T, J, 3) metres: what a model read in the 15 frames that it was given, and predicted after them;
    ``truth`` alike, both in camera axes; ``keypoints`` (N, 15 + T, J, 2), ``visible`` (N, 15 + T, J). Errors of the
    future are means over its first ``frames``; ``read`` and ``future`` are P-MPJPE. ``plane`` and ``depth`` are root
    mean squares over joints of what is left after the best scale and translation in the image plane (eq. 6 on the true
    x and y), per axis, so that they would be alike if errors had no preferred direction. Motion is the mean speed of
    joints against their common motion.
    """
    if joints.shape != truth.shape or keypoints.shape != (*joints.shape[:-1], 2) or visible.shape != joints.shape[:-1]:
        raise ValueError(
            f"measures: expected joints and truth (N, T, J, 3), keypoints (N, T, J, 2), visible (N, T, J), found "
            f"{tuple(joints.shape)}, {tuple(truth.shape)}, {tuple(keypoints.shape)}, {tuple(visible.shape)}"
        )
    if not 1 < frames <= joints.shape[1] - CONDITIONING:
        raise ValueError(f"measures: expected 2 to {joints.shape[1] - CONDITIONING} frames, found {frames}")
    ahead = slice(CONDITIONING, CONDITIONING + frames)
    pred, true, seen = joints[:, ahead], truth[:, ahead], visible[:, ahead].bool()
    plane, depth = depth_split(pred, true)
    errors = 1000 * p_mpjpe(joints[:, CONDITIONING - 1 :], truth[:, CONDITIONING - 1 :])
    columns = {
        "image": 100 * image_error(pred, keypoints[:, ahead], seen).nanmean(dim=1),
        "plane": 1000 * plane.mean(dim=1),
        "depth": 1000 * depth.mean(dim=1),
        "read": errors[:, 0],
        "future": errors[:, 1 : frames + 1].mean(dim=1),
        "moved in": motion(truth[:, :CONDITIONING]),
        "moved out": motion(true),
        "predicted motion": motion(pred),
    }
    columns |= {f"future {h}": errors[:, h] for h in (1, 10, 20, 30) if h < errors.shape[1]}
    return pd.DataFrame({name: values.double().cpu().numpy() for name, values in columns.items()})


def depth_split(pred: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Root mean square error over joints per axis of the image plane, and along depth: (..., J, 3) -> (...,), (...,).

    The prediction is scaled and moved to fit the true x and y best; depth takes the same scale, and is compared
    about its mean. It does not matter to the first how deep the joints are: that is the ambiguity.
    """
    everything = torch.ones(pred.shape[:-1], device=pred.device)
    camera = solve_weak_perspective(pred[..., :2], truth[..., :2], everything)
    plane = project_weak_perspective(pred, *camera) - truth[..., :2]
    depth = camera.s[..., None] * pred[..., 2] - truth[..., 2]
    depth = depth - depth.mean(dim=-1, keepdim=True)
    return plane.square().mean(dim=(-2, -1)).sqrt(), depth.square().mean(dim=-1).sqrt()


def image_error(pred: Tensor, keypoints: Tensor, visible: Tensor) -> Tensor:
    """What eq. 6 leaves between predicted and visible keypoints, root mean square over :func:`person_size`; (...,),
    NaN where fewer than two are visible."""
    keypoints = keypoints.where(visible[..., None], 0)  # what is hidden may hold anything
    placed = project_weak_perspective(pred, *solve_weak_perspective(pred[..., :2], keypoints, visible))
    squares = (placed - keypoints).square().sum(dim=-1).where(visible, 0)
    count = visible.sum(dim=-1)
    left = (squares.sum(dim=-1) / count.clamp(min=1)).sqrt() / person_size(keypoints, visible)
    return left.where(count >= 2, torch.nan)


def motion(joints: Tensor) -> Tensor:
    """Mean speed of joints (..., T, J, 3), metres at 25 Hz, against their common motion: (...,) m/s."""
    moved = joints.diff(dim=-3)
    return FPS * (moved - moved.mean(dim=-2, keepdim=True)).norm(dim=-1).mean(dim=(-2, -1))


@dataclass(frozen=True, eq=False)
class Case:
    """What a rule found: the ``window`` by its row, the ``rule`` in words, all ``values`` of that row."""

    window: int
    rule: str
    values: pd.Series


def search(table: pd.DataFrame, low: Mapping[str, float], high: str, names: Mapping[str, str] = MEASURES) -> Case:
    """Of the windows (rows) that are among the lowest in each number of ``low``, a share of all from 0 to 1, the one
    that is highest in ``high``; of equals the first. ``ValueError`` where no window is low in all of them."""
    kept = table[high].notna()
    for name, share in low.items():
        if not 0 < share <= 1:
            raise ValueError(f"search: {name} among the lowest {share}, expected a share above 0 and up to 1")
        kept &= table[name] <= table[name].quantile(share)
    if not kept.any():
        raise ValueError(f"search: no window is low in all of {', '.join(low)}")
    window = table.index[kept][int(np.argmax(table[high][kept].to_numpy()))]
    parts = [f"among the lowest {100 * share:.0f} % in {names.get(name, name)}" for name, share in low.items()]
    which = f"of the {int(kept.sum())} {' and '.join(parts)}, the" if parts else "the"
    rule = f"Of {len(table)} windows, {which} one with the highest {names.get(high, high)}."
    return Case(int(window), rule, table.loc[window])


def spearman(tables: Sequence[pd.DataFrame], x: str, y: str, rng: np.random.Generator, draws: int = 1000) -> Effect:
    """Rank correlation across windows of two numbers, of all seeds' ``tables`` (with a column ``take``) together, and
    its 95 % interval: each draw takes seeds and whole takes anew, since neighbouring windows tell the same story."""
    values = np.stack([table[[x, y]].to_numpy(dtype=float) for table in tables])  # (seeds, N, 2)
    takes = tables[0]["take"].str.split("@").str[0]
    groups = [np.flatnonzero(takes == take) for take in takes.unique()]

    def correlation(seeds: np.ndarray, index: np.ndarray) -> float:
        a, b = values[seeds][:, index].reshape(-1, 2).T
        return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1]) if np.ptp(a) > 0 and np.ptp(b) > 0 else 0.0

    everything = correlation(np.arange(len(values)), np.arange(len(takes)))
    drawn = []
    for _ in range(draws):
        seeds = rng.choice(len(values), len(values))
        picked = rng.choice(len(groups), len(groups))
        drawn.append(correlation(seeds, np.concatenate([groups[i] for i in picked])))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Effect(everything, float(low), float(high))


def by_quarter(tables: Sequence[pd.DataFrame], by: str, columns: Sequence[str]) -> pd.DataFrame:
    """Means of ``columns`` by quarter of the windows in ``by``, the lowest first, over all seeds."""
    rows = pd.concat(tables, ignore_index=True)
    quarter = np.minimum(4 * (rankdata(rows[by], method="ordinal") - 1) // len(rows), 3).astype(int)
    names = ("lowest quarter", "second", "third", "highest quarter")
    means = rows.groupby(quarter)[list(columns)].mean()
    return means.set_axis([names[i] for i in means.index]).rename_axis(f"windows by {MEASURES.get(by, by)}")


def trained_views(every: int = 5) -> Tensor:
    """How the torso of each ``every``-th frame of all training video faces the camera, (M, 3, 3), by its true 3D."""
    return torch.cat([
        torso(clip.joints3d[::every], clip.skeleton)
        for role in phd_role.ROLES
        for clip in phd_role.load(role, "train", full_3d=True)
    ])  # fmt: skip


def angle_to_nearest(directions: Tensor, known: Tensor, nearest: int = 50) -> Tensor:
    """How far rotations (N, 3, 3) are from the ``nearest``-th closest of the ``known`` (M, 3, 3): (N,) degrees. Of the
    torso against the camera (:func:`phdlib.baselines.torso`): how unusual a view is among those trained on."""
    if not 1 <= nearest <= len(known):
        raise ValueError(f"angle_to_nearest: nearest should be 1 to the {len(known)} known, found {nearest}")
    traces = directions.flatten(1) @ known.flatten(1).mT
    closest = torch.cat([part.topk(nearest, dim=1).values[:, -1] for part in traces.split(1024)])
    return torch.rad2deg(((closest - 1) / 2).clamp(-1, 1).arccos())


def nearest_pose(poses: Tensor, known: Tensor) -> Tensor:
    """How far poses (N, J, 3) are from the closest of the ``known`` (M, J, 3) after the best similarity: (N,) mm, root
    mean square over joints. Small for a pose that people are known to take, right or wrong."""
    parts = poses.split(256)
    return 1000 * torch.cat([procrustes_cost(part[None], known[None])[0].amin(dim=1) for part in parts])
