"""PHD's Table 1: how well the present frame is read, out of :class:`phdlib.phd_predictions.Present`.

MPJPE and reconstruction error (P-MPJPE) in the Human3.6M role, PCK in the Penn Action role, frame by frame, then one
row per clip in the form that :func:`phdlib.statistics.bootstrap` takes. Over what Table 1 averages is not printed. The
default here is ``over="frames"``, in which long takes weigh more, as windows do in :mod:`phdlib.future_tables`;
``over="actions"`` is the mean of per-action means, as in VP3D.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from phdlib.data import phd_role
from phdlib.data.clip import Clip
from phdlib.futures import ALPHA, FEWEST_VISIBLE, person_size
from phdlib.metrics import mpjpe, p_mpjpe, pck
from phdlib.phd_experiments import EVALUATED, EncoderResult
from phdlib.phd_predictions import Present
from phdlib.statistics import Effect, bootstrap

OVER = ("frames", "actions")
COLUMNS = {  # of the published table: role, metric
    "h36m_mpjpe": ("human36m", "mpjpe"),
    "h36m_reconst": ("human36m", "p_mpjpe"),
    "penn_pck": ("penn", "pck"),
}
HEADINGS = {  # as a reader wants them
    "h36m_mpjpe": "Human3.6M role: MPJPE, mm",
    "h36m_reconst": "Human3.6M role: P-MPJPE, mm",
    "penn_pck": "Penn role: PCK, %",
}
Tables = Sequence[pd.DataFrame]  # of one model, by seed
Rows = dict[str, dict[str, list[pd.DataFrame]]]  # role -> model -> a table of `clip_errors` per seed


@torch.no_grad()
def frame_errors(present: Present, clips: Sequence[Clip]) -> list[dict[str, Tensor]]:
    """Errors of every frame of every clip, (T,) each, by name: ``mpjpe`` and ``p_mpjpe`` in mm where a clip has 3D,
    else ``pck`` in percent.

    Joints are relative to the first on both sides (PHD 4.2 does not say; the pelvis in the Human3.6M role), and all of
    them count. A keypoint is correct within 0.05 of :func:`phdlib.futures.person_size` of where the *predicted* camera
    puts it: the present has an image to tell it from, so that eq. 6 is not needed, and nothing is aligned. Frames with
    fewer than :data:`phdlib.futures.FEWEST_VISIBLE` visible keypoints have no PCK (NaN), as among the futures.

    ``ValueError`` unless ``present`` is of these clips' frames and joints, and finite.
    """
    lengths = [len(clip) for clip in clips]
    if present.lengths.tolist() != lengths:
        raise ValueError(f"present: clips of {present.lengths.tolist()} frames, expected {lengths}")
    frames, joints = sum(lengths), len(clips[0].skeleton)
    for name, size in (("joints", 3), ("keypoints", 2)):
        found = getattr(present, name)
        if found.shape != (frames, joints, size):
            raise ValueError(f"present: {name} should be {(frames, joints, size)}, found {found.shape}")
        if not np.isfinite(found).all():
            raise ValueError(f"present: {name} is not finite at {np.argwhere(~np.isfinite(found))[0].tolist()}")
    parts = zip(clips, *(torch.from_numpy(x).split(lengths) for x in (present.joints, present.keypoints)), strict=True)
    return [_errors(clip, joints, points) for clip, joints, points in parts]


def _errors(clip: Clip, joints: Tensor, points: Tensor) -> dict[str, Tensor]:
    if clip.joints3d is not None:
        true = clip.joints3d - clip.joints3d[:, :1]
        joints = joints - joints[:, :1]
        return {"mpjpe": 1000 * mpjpe(joints, true), "p_mpjpe": 1000 * p_mpjpe(joints, true)}
    size = person_size(clip.keypoints2d, clip.visible)
    hits = 100 * pck(points, clip.keypoints2d, clip.visible, size, ALPHA)
    return {"pck": hits.where(clip.visible.bool().sum(dim=-1) >= FEWEST_VISIBLE, torch.nan)}


def clip_errors(present: Present, clips: Sequence[Clip]) -> pd.DataFrame:
    """One row per clip: ``take``, ``camera``, ``subject``, ``action``, ``frames`` that count, and the means over these
    of :func:`frame_errors`. A clip without a frame that counts is left out."""
    rows = []
    for clip, errors in zip(clips, frame_errors(present, clips), strict=True):
        frames = int(next(iter(errors.values())).isfinite().sum())
        about = {name: getattr(clip, name) for name in ("take", "subject", "action")}
        about |= {"camera": clip.camera.name if clip.camera else "", "frames": frames}
        if frames:
            rows.append(about | {name: float(error.nanmean()) for name, error in errors.items()})
    return pd.DataFrame(rows)


def rows(results: Mapping[str, Sequence[EncoderResult]], clips: Mapping[str, Sequence[Clip]] | None = None) -> Rows:
    """:func:`clip_errors` of trained models by name, each a result per seed. ``clips``: the truth by role, in the order
    of ``phd_role.load``; by default that itself."""
    known = clips or {role: phd_role.load(role, "test") for role in EVALUATED}
    return {
        role: {name: [clip_errors(r.present[role], of_role) for r in found] for name, found in results.items()}
        for role, of_role in known.items()
    }


def table_1(found: Rows, rng: np.random.Generator, over: str = "frames", draws: int = 2000) -> pd.DataFrame:
    """Table 1: a row per model, columns ``h36m_mpjpe``, ``h36m_reconst`` (mm), ``penn_pck`` (%), and behind each its
    95 % interval over seeds and takes (``h36m_mpjpe_low``, ``h36m_mpjpe_high``)."""
    table: dict[str, dict[str, float]] = {name: {} for of_role in found.values() for name in of_role}
    for column, (role, metric) in COLUMNS.items():
        for name, tables in found[role].items():
            effect = compare([tables], metric, lambda x: x, rng, over=over, draws=draws)
            table[name] |= {column: effect.value, f"{column}_low": effect.low, f"{column}_high": effect.high}
    return pd.DataFrame.from_dict(table, orient="index").rename_axis("method")


def as_text(table: pd.DataFrame) -> pd.DataFrame:
    """:func:`table_1` with a mean and its interval in one cell, "69.8 (62.6 to 76.8)"."""
    cells = {
        heading: [
            f"{row[key]:.1f} ({row[f'{key}_low']:.1f} to {row[f'{key}_high']:.1f})" for _, row in table.iterrows()
        ]
        for key, heading in HEADINGS.items()
    }
    return pd.DataFrame(cells, index=table.index)


def differences(found: Rows, pairs: Mapping[str, tuple[str, str]]) -> pd.DataFrame:
    """Of each pair of models the first minus the second, an :class:`Effect` in every column of Table 1; seeds are drawn
    together, and alike in every cell."""
    rows = {}
    for what, pair in pairs.items():
        rows[what] = {}
        for column, (role, metric) in COLUMNS.items():
            models = [found[role][name] for name in pair]
            rng = np.random.default_rng(0)
            rows[what][column] = compare(models, metric, lambda a, b: a - b, rng, paired=True)
    return pd.DataFrame.from_dict(rows, orient="index", dtype=object).rename_axis("difference")


def compare(
    models: Sequence[Tables], metric: str, statistic: Callable[..., float], rng: np.random.Generator, *,
    over: str = "frames", draws: int = 2000, paired: bool = False,
) -> Effect:  # fmt: skip
    """``statistic`` of one mean per model, such as ``lambda a, b: a - b``, and its interval over seeds and takes
    (:func:`phdlib.statistics.bootstrap`). ``over="frames"`` draws takes from all together, ``over="actions"`` within
    each action, where an action of one take has no spread. ``ValueError`` for another ``over`` or an unknown metric.
    """
    if over not in OVER:
        raise ValueError(f"over {over!r}: expected one of {', '.join(OVER)}")
    lacking = next((table for tables in models for table in tables if metric not in table), None)
    if lacking is not None:
        raise ValueError(f"no metric {metric!r} in a table of {', '.join(lacking.columns)}")
    if over == "frames":
        models = [[table.assign(action="All") for table in tables] for tables in models]
    return bootstrap(models, metric, statistic, rng, draws=draws, paired=paired)
