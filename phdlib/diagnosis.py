"""Why a model errs as it does: trained models asked again about changed inputs."""

from __future__ import annotations

import numpy as np

from phdlib.cache import cached_arrays, code_fingerprint, key_of
from phdlib.data.embedded import redetected
from phdlib.evaluation import average, evaluate_lifter
from phdlib.experiments import LiftingExperiment, load_clips, read_or_run
from phdlib.folding import fold_batch_norm


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
