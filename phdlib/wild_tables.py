"""What training on real video changed: a row per model, on video that no model has seen, and on the test takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd
import torch
from torch import Tensor

from phdlib import phd_study
from phdlib.backprojection import bone_lengths
from phdlib.baselines import constant
from phdlib.body import load_body
from phdlib.camera import Camera, project_weak_perspective, solve_weak_perspective
from phdlib.data.clip import Clip
from phdlib.data.phd_role import CONDITIONING, EVERY, HORIZON, evaluation_windows
from phdlib.data.wild_role import shown
from phdlib.detections import Detections, to_clips
from phdlib.evaluation import average
from phdlib.experiments import LiftingResult
from phdlib.features import FPS
from phdlib.futures import ALPHA, FEWEST_VISIBLE, person_size, window_frames
from phdlib.metrics import p_mpjpe, pck
from phdlib.phd_experiments import PHDExperiment
from phdlib.phd_predictions import predict_futures, predict_present
from phdlib.runs import read_or_run
from phdlib.semi_experiments import SemiSupervisedExperiment, parts
from phdlib.semi_profiles import Group
from phdlib.wild import Lifted, lifted
from phdlib.wild_camera import assumed_intrinsics
from phdlib.wild_errors import inconsistency, view_errors
from phdlib.wild_phd_experiments import with_phi

VIEW_ERRORS = ("MPJPE", "N-MPJPE", "P-MPJPE")


class KnownView(NamedTuple):
    """A video of a calibrated camera, and the person in the world, frame t being the video's ``first`` + t."""

    found: Detections
    camera: Camera
    joints: Tensor
    first: int


def lifted_stretches(pose: torch.nn.Module, found: Detections, intrinsics: Tensor | None = None) -> list[Lifted]:
    """What a lifter makes of each stretch of a video with a person, by its calibrated or the assumed lens."""
    lens = assumed_intrinsics(found.width, found.height) if intrinsics is None else intrinsics
    clips = to_clips(found, "video", shortest=3)
    return [lifted(clip, int(clip.take.split("[")[1].split(":")[0]), lens, pose) for clip in clips]


def lifted_by(
    experiment: SemiSupervisedExperiment, result: LiftingResult, found: Detections, intrinsics: Tensor | None = None
) -> Lifted:
    """The longest stretch of a video, by a trained model."""
    pose = parts(experiment.trained_networks(result))[0]
    return longest(lifted_stretches(pose, found, intrinsics))


def longest(motions: Sequence[Lifted]) -> Lifted:
    return max(motions, key=lambda motion: len(motion.clip))


def unlabelled_rows(
    groups: Mapping[tuple[str, str], Group],
    results: Mapping[tuple[str, str], Sequence[LiftingResult]],
    held_out: Detections,
    views: Mapping[str, KnownView],
) -> pd.DataFrame:
    """A row per model of :func:`phdlib.wild_profiles.unlabelled`, indexed by what is labelled, what is not, and seed:
    MPJPE on the test takes, :func:`phdlib.wild_errors.inconsistency` on the longest stretch of the video
    ``held_out``, and for each of ``views`` its :data:`VIEW_ERRORS` in columns such as "cam01 MPJPE"."""
    rows = {}
    for key, group in groups.items():
        bones = _mean_bones(group[0].subset().labelled)
        for experiment, result in zip(group, results[key], strict=True):
            row: dict[str, Any] = {"test MPJPE": average(result.clips, "mpjpe")}
            row |= inconsistency(lifted_by(experiment, result, held_out), bones)
            for name, view in views.items():
                motion = lifted_by(experiment, result, view.found, view.camera.intrinsics)
                errors = view_errors(motion, view.camera, view.joints, view.first)
                row |= {f"{name} {metric}": errors[metric] for metric in VIEW_ERRORS}
            rows[*key, experiment.seed] = row
    table = pd.DataFrame(rows).T.rename_axis(["labelled", "unlabelled", "seed"])
    for metric in VIEW_ERRORS if views else ():
        table[metric] = table[[f"{name} {metric}" for name in views]].mean(axis=1)
    return table


def _mean_bones(clips: Sequence[Clip]) -> Tensor:
    """(16,) mean length of each bone over all labelled frames."""
    return torch.cat([bone_lengths(clip.joints3d, clip.skeleton) for clip in clips]).mean(0)


def over_seeds(rows: pd.DataFrame, digits: int = 1) -> pd.DataFrame:
    """Mean over seeds, the least and the greatest in brackets where there are several."""

    def cell(values: pd.Series) -> str:
        mean = f"{values.mean():.{digits}f}"
        return mean if len(values) < 2 else f"{mean} ({values.min():.{digits}f} to {values.max():.{digits}f})"

    levels = [name for name in rows.index.names if name != "seed"]
    return rows.groupby(level=levels, sort=False).agg(cell)


def pseudo_rows(
    groups: Mapping[str, Sequence[PHDExperiment]], held_out: Mapping[str, Detections], horizons: Sequence[int]
) -> pd.DataFrame:
    """PHD's futures by what its pseudo-ground-truth role was made of: columns ``role``, ``seed``, ``test``, ``horizon``
    and ``value``: P-MPJPE in mm on the windows of the "Human3.6M role" test, PCK in percent on those of each of
    ``held_out`` videos (horizon 0: of the present, in all frames). "Constant" is the frozen present of the first role's
    models. All by frame; a video without a window of 45 frames is left out."""
    rows = []
    for role, experiments in groups.items():
        for experiment in (experiment.prepared() for experiment in experiments):
            about = {"role": role, "seed": experiment.seed}
            known = phd_study.truth(experiment.features(), "human36m").joints[:, CONDITIONING:]
            pred = torch.from_numpy(read_or_run(experiment).futures["human36m"].joints)[:, CONDITIONING:]
            means = {h: 1000 * p_mpjpe(pred[:, h - 1], known[:, h - 1]).mean().item() for h in horizons}
            rows += [about | {"test": "Human3.6M role", "horizon": h, "value": means[h]} for h in horizons]
            first = role == next(iter(groups))
            for name, found in held_out.items():
                rows += [about | row for row in _on_video(experiment, name, found, horizons, with_constant=first)]
    return pd.DataFrame(rows)


def _on_video(
    experiment: PHDExperiment, name: str, found: Detections, horizons: Sequence[int], with_constant: bool
) -> list[dict[str, Any]]:
    clips = shown(found, name, FPS, seconds=(CONDITIONING + HORIZON) / FPS)
    if not clips:
        return []
    clips, boxes = with_phi(experiment.features(), clips)
    model, body = experiment.learned_network(read_or_run(experiment)), load_body()
    present = torch.from_numpy(predict_present(model, clips, boxes, body).keypoints)
    true, seen = (torch.cat([getattr(clip, field) for clip in clips]) for field in ("keypoints2d", "visible"))
    now = 100 * pck(present, true, seen, person_size(true, seen)).nanmean()
    windows = evaluation_windows(clips, EVERY["penn"])
    joints = torch.from_numpy(predict_futures(model, clips, windows, body, CONDITIONING).joints)
    truth = [window_frames(clips, windows, field)[:, CONDITIONING:] for field in ("keypoints2d", "visible")]
    predictions = {None: joints[:, CONDITIONING:]}
    if with_constant:
        predictions["Constant"] = constant(joints[:, CONDITIONING - 1], HORIZON)
    rows = [{"test": name, "horizon": 0, "value": now.item()}]
    for method, future in predictions.items():
        means = frame_pck(future, *truth).nanmean(0)
        named = {"role": method} if method else {}
        rows += [{"test": name, "horizon": h, "value": means[h - 1].item()} | named for h in horizons]
    return rows


def frame_pck(pred: Tensor, keypoints: Tensor, visible: Tensor) -> Tensor:
    """(N, T) PCK in percent of each predicted frame: :func:`phdlib.futures.futures_2d`'s reading "frame", without the
    time warping that the others need. Arguments as there."""
    seen = visible & (visible.sum(-1, keepdim=True) >= FEWEST_VISIBLE)
    placed = project_weak_perspective(pred, *solve_weak_perspective(pred[..., :2], keypoints, seen))
    return 100 * pck(placed, keypoints, seen, person_size(keypoints, seen), ALPHA)
