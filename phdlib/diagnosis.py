"""Why a model errs as it does: trained models asked again about changed inputs."""

from __future__ import annotations

import numpy as np
import torch

from phdlib.backprojection import bone_lengths
from phdlib.cache import cached_arrays, code_fingerprint, key_of
from phdlib.data.embedded import redetected
from phdlib.evaluation import average, evaluate_lifter, predict_clip
from phdlib.experiments import LiftingExperiment, load_clips
from phdlib.folding import fold_batch_norm
from phdlib.runs import read_or_run
from phdlib.semi_experiments import SemiSupervisedExperiment, parts


def mpjpe_redetected(experiment: LiftingExperiment, **changes: float) -> float:
    """MPJPE in mm, the mean of per-action means, of a trained model on its test clips detected again with some of the
    level's numbers changed, as ``jitter=0.0`` (see :func:`phdlib.data.embedded.redetected`). Computed once."""
    experiment = experiment.prepared()

    def evaluate() -> dict[str, np.ndarray]:
        model = fold_batch_norm(experiment.trained_model(read_or_run(experiment)))
        clips = load_clips(experiment.data, experiment.keypoints, "test")
        rows = evaluate_lifter(model, [redetected(clip, experiment.keypoints, **changes) for clip in clips])
        return {"mpjpe": np.array(average(rows, "mpjpe"))}

    key = key_of(experiment=experiment.infra.uid(), changes=changes, code=code_fingerprint("phdlib.diagnosis"))
    return cached_arrays("redetected", key, evaluate)["mpjpe"].item()


def bone_ratio(experiment: SemiSupervisedExperiment) -> np.ndarray:
    """Predicted over true mean length of every bone on the test clips, in the order of ``skeleton.bones``. Computed
    once. A network that is unsure answers with an average of poses, whose bones are short."""
    experiment = experiment.prepared()

    def evaluate() -> dict[str, np.ndarray]:
        pose, _ = parts(experiment.trained_networks(read_or_run(experiment)))
        sums = []
        for clip in experiment.clips("test"):
            predicted = predict_clip(pose, clip)
            sums.append(torch.stack([bone_lengths(p, clip.skeleton).sum(0) for p in (predicted, clip.joints3d)]))
        predicted, true = torch.stack(sums).sum(0)
        return {"ratio": (predicted / true).numpy()}

    key = key_of(experiment=experiment.infra.uid(), code=code_fingerprint("phdlib.diagnosis", "phdlib.backprojection"))
    return cached_arrays("bones", key, evaluate)["ratio"]


def slow_share(errors: np.ndarray, fps: float, below: float) -> float:
    """The share of the variance of errors (T, ...) at frequencies below ``below`` Hz."""
    power = np.abs(np.fft.rfft(errors - errors.mean(axis=0), axis=0)) ** 2
    slow = np.fft.rfftfreq(len(errors), 1 / fps) < below
    return float(power[slow].sum() / power.sum())
