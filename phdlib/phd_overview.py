"""PHD on one real batch: the sizes of what flows through it, and which data set pays which loss (Figure 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from phdlib.body import load_body
from phdlib.crops import clip_boxes
from phdlib.data import phd_role
from phdlib.data.phd_role import CONDITIONING, SHORTEST
from phdlib.data.phd_tracks import Sample, Tracks
from phdlib.feature_experiments import FeatureExperiment, ImageFeatureExperiment, with_features
from phdlib.phd_experiments import PHDExperiment, PHDResult
from phdlib.phd_losses import Weights
from phdlib.phd_training import AHEAD, future_outcome, movie_outcome
from phdlib.prior import FactorizedPrior
from phdlib.regressor import CAMERA

SETS = {"human36m": "Human3.6M role", "penn": "Penn Action role", "instavariety": "InstaVariety role"}
LOSSES = {  # the terms of phd_losses as the paper names them
    "joints": "3D joints, L_3D",
    "pose": "pose θ, L_3D",
    "shape": "shape β, L_3D",
    "keypoints": "2D keypoints, L_2D",
    "adversarial": "L_adv prior",
    "shape_prior": "shape prior, L_β",
    "constant_shape": "constant shape",
    "nearby": "nearby frames, weighted sum",
    "movie_strip": "L_movie strip, eq. 5",
}
_CLIPS = 4  # of each role that a batch is drawn from


class Overview(NamedTuple):
    """``sizes`` of the tensors of one batch by name; ``terms``: a loss per row, a column per role and equation, without
    weights (but for the sum over nearby frames), NaN where the role's clips do not pay it."""

    sizes: dict[str, tuple[int, ...]]
    terms: pd.DataFrame


@torch.no_grad()
def overview(experiment: PHDExperiment, result: PHDResult, generator: torch.Generator) -> Overview:
    """A trained latent model on a batch of its training clips, drawn by ``generator``: the present by eq. 1, and by
    eq. 7 a future of 25 frames in one rollout."""
    experiment = experiment.prepared()
    model, prior = experiment.learned_network(result), FactorizedPrior(hidden=experiment.critic)
    weights = {n: torch.from_numpy(v.copy()) for n, v in result.weights.items() if n.startswith("prior.")}
    prior.load_state_dict({n.removeprefix("prior."): w for n, w in weights.items()})
    batch = example_batch(experiment.features(), experiment.recipe.clips, generator)
    phi = torch.cat([sample.phi for sample in batch])
    Phi = model.f_movie(phi)
    future = model.futures(Phi, CONDITIONING, AHEAD)
    sizes = {
        **_input(experiment.features(), len(phi)),
        "phi": phi.shape, "Phi": Phi.shape, "omega": model.f_3d(Phi, nearby=False).omega.shape,
        "future Phi": future.strips.shape, "future Theta": future.omega[..., CAMERA:].shape,
    }  # fmt: skip
    present = movie_outcome(model, batch, experiment.encoder.weights, prior, None).terms
    ahead = future_outcome(model, batch, experiment.recipe, AHEAD, prior).terms
    found = {
        "present, eq. 1": (present, experiment.encoder.weights),
        "future, eq. 7": (ahead, experiment.recipe.weights),
    }
    terms = pd.DataFrame(index=list(LOSSES.values()))
    for when, (values, weights) in found.items():
        for role in experiment.recipe.clips:
            terms[f"{SETS[role]}\n{when}"] = pd.Series(paid_by(role, values, weights), dtype=float)
    return Overview({name: tuple(shape) for name, shape in sizes.items()}, terms)


def paid_by(role: str, terms: Mapping[str, Tensor], weights: Weights) -> dict[str, float]:
    """What one role's clips pay, by the names in :data:`LOSSES`, out of an outcome's terms ("penn keypoints",
    "penn keypoints@-5"); NaN for what they do not. Terms of the frames seen ("penn seen keypoints") are left out."""
    own = {name.removeprefix(f"{role} "): float(value) for name, value in terms.items() if name.startswith(f"{role} ")}
    near = {name.partition("@")[0]: 0.0 for name in own if "@" in name}
    for name, value in own.items():
        if "@" in name:
            near[name.partition("@")[0]] += value
    if near:
        own["nearby"] = weights.nearby * sum(getattr(weights, name) * value for name, value in near.items())
    return {shown: own.get(name, np.nan) for name, shown in LOSSES.items()}


def example_batch(
    features: FeatureExperiment, counts: Mapping[str, int], generator: torch.Generator
) -> Sequence[Sample]:
    """So many samples of 40 frames of each role, of a few training clips spread over all that it has."""
    body, batch = load_body(), []
    for role, count in counts.items():
        seen, known = phd_role.recorded(role, "train", keypoints=features.keypoints), phd_role.load(role, "train")
        picked = np.linspace(0, len(seen) - 1, min(_CLIPS, len(seen))).round().astype(int)
        phi = [clip.features for clip in with_features(features, [seen[i] for i in picked], jobs=1)]
        clips = [replace(known[i], features=own) for i, own in zip(picked, phi, strict=True)]
        tracks = Tracks(role, clips, [clip_boxes(seen[i]) for i in picked], body, frames=SHORTEST)
        batch.append(tracks.gather(torch.randint(len(tracks), (count,), generator=generator)))
    return batch


def seen_as(features: FeatureExperiment) -> str:
    """What the model is given of a frame, in words."""
    if isinstance(features, ImageFeatureExperiment):
        return f"crops of {features.size} x {features.size} pixels, by a CNN"
    return f"2D keypoints (detector level {features.keypoints}), by a single-frame lifter"


def _input(features: FeatureExperiment, clips: int) -> dict[str, tuple[int, ...]]:
    if isinstance(features, ImageFeatureExperiment):
        return {"input: crops of the video": (clips, SHORTEST, 3, features.size, features.size)}
    return {"input: 2D keypoints": (clips, SHORTEST, 17, 2)}
