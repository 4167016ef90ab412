"""PHD's experiments as configurations: the rows of its tables, and how large each profile makes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import pandas as pd

from phdlib.feature_experiments import FeatureExperiment, ImageFeatureExperiment, KeypointFeatureExperiment
from phdlib.phd_experiments import EncoderExperiment, PHDExperiment
from phdlib.phd_losses import Weights
from phdlib.phd_training import FutureRecipe, StageRecipe
from phdlib.profiles import differences
from phdlib.settings import check_profile
from phdlib.training import Recipe


@dataclass(frozen=True)
class PHDSizes:
    """PHD's networks and trainings under one profile; ``channels`` are those of movie strips, ``hidden`` the units of
    f_3D, ``critic`` those of the whole-pose discriminator; ``head`` is f_3D's training on single frames beforehand."""

    channels: int
    blocks: int
    groups: int
    hidden: int
    dropout: float
    critic: int
    head: StageRecipe | None
    encoder: StageRecipe
    future: FutureRecipe
    features: Mapping[str, FeatureExperiment]
    seeds: tuple[int, ...]


def _features(image: dict[str, Any], images: Recipe, channels: int, lifter: Recipe) -> dict[str, FeatureExperiment]:
    return {
        "images": ImageFeatureExperiment(**image, recipe=images),
        "lifter": KeypointFeatureExperiment(channels=channels, dropout=0.1, recipe=lifter),
    }


# Of a first look at 250 steps on single frames (validation subject, one seed): 66 mm of P-MPJPE with these, 93 with 10
# and 60 for joints and keypoints; with 1 for the adversary, whose 25 values then outweigh all labels, 81, and above the
# mean pose's 114 where the discriminators learn too slowly to tell anything.
_WEIGHTS = Weights(joints=60, keypoints=20, shape=0.3, adversarial=0.02)
_FRAMES = {"human36m": 256, "penn": 64, "instavariety": 64}
_CLIPS = {"human36m": 8, "penn": 4, "instavariety": 4}
_CLIPWISE = {"clips": _CLIPS, "lr": 5e-4, "prior_lr": 5e-4, "weights": _WEIGHTS}
_HEAD = StageRecipe(
    epochs=10, steps_per_epoch=60, clips=_FRAMES, lr=2e-3, lr_decay=0.75, prior_lr=2e-3, weights=_WEIGHTS
)
_ENCODER = StageRecipe(epochs=12, steps_per_epoch=40, lr_decay=0.85, **_CLIPWISE)
_FUTURE = FutureRecipe(epochs=20, steps_per_epoch=30, lr_decay=0.9, **_CLIPWISE)
_SMALL_IMAGES = {
    "size": 64, "grid": 0.02, "stem": 16, "widths": (32, 64, 128), "depths": (1, 1, 1), "bottleneck": False,
    "stride": 5,
}  # fmt: skip
_TINY_IMAGES = {**_SMALL_IMAGES, "size": 32, "widths": (16, 32), "depths": (1, 1), "stride": 50}
_FEW = {"epochs": 2, "steps_per_epoch": 3}

PHD_SIZES: dict[str, PHDSizes] = {
    "smoke": PHDSizes(
        16, 1, 2, 32, 0.1, 16, _HEAD.model_copy(update=_FEW), _ENCODER.model_copy(update=_FEW),
        _FUTURE.model_copy(update=_FEW),
        _features(_TINY_IMAGES, Recipe(epochs=1, batch_size=32, steps_per_epoch=3), 32,
                  Recipe(epochs=1, batch_size=64, steps_per_epoch=10)),
        (0,),
    ),
    # A first guess, made before any of it was trained: to be searched on the validation subject.
    "standard": PHDSizes(
        128, 3, 8, 256, 0.1, 128, _HEAD, _ENCODER, _FUTURE,
        _features(_SMALL_IMAGES, Recipe(epochs=10, batch_size=64, steps_per_epoch=150, lr=2e-3, lr_decay=0.8), 256,
                  Recipe(epochs=15, batch_size=128, steps_per_epoch=150, lr=3e-3, lr_decay=0.85)),
        (0, 1, 2),
    ),
    # Sizes are the paper's, where it gives them: width, blocks, f_3D's layers. Recipes are ours throughout.
    "paper": PHDSizes(
        2048, 3, 32, 1024, 0.5, 1024,
        StageRecipe(epochs=20, steps_per_epoch=500, clips={"human36m": 512, "penn": 256, "instavariety": 256}),
        StageRecipe(), FutureRecipe(), _features({}, Recipe(lr=1e-4), 1024, Recipe()), (0, 1, 2),
    ),
}  # fmt: skip

ENCODERS: dict[str, dict[str, Any]] = {
    "causal": {},
    "non-causal [27]": {"causal": False, "norm": "time", "padding": "zero"},
    "causal, statistics over time": {"norm": "time"},
    "non-causal, statistics per frame": {"causal": False, "padding": "zero"},
}
MODELS: dict[str, dict[str, Any]] = {
    "AR on Φ": {},
    "No L_movie strip": {"weights": {"movie_strip": 0.0}},
    "AR on Θ": {"space": "pose"},
    "AR on Θ, absolute": {"space": "pose absolute"},
    "AR on Φ, teacher forcing": {"teacher_forcing": True},
    "AR on Θ, teacher forcing": {"space": "pose", "teacher_forcing": True},
    "AR on Φ, full 3D": {"supervision": "full"},
    "AR on Θ, full 3D": {"space": "pose", "supervision": "full"},
}


def _shared(sizes: PHDSizes, features: str, data: str, seed: int) -> dict[str, Any]:
    names = ("channels", "blocks", "groups", "hidden", "dropout", "critic", "head")
    return {name: getattr(sizes, name) for name in names} | {
        features: sizes.features[features], "data": data, "seed": seed,
    }  # fmt: skip


def encoders(
    profile: str, data: str = "embedded", features: str = "images", seeds: tuple[int, ...] | None = None
) -> dict[str, list[EncoderExperiment]]:
    """Table 1's rows, and what lies between them, each once per seed. ``features``: "images" or "lifter"."""
    sizes = PHD_SIZES[check_profile(profile)]
    return {
        name: [
            EncoderExperiment(**_shared(sizes, features, data, seed), **changes, recipe=sizes.encoder)
            for seed in (sizes.seeds if seeds is None else seeds)
        ]
        for name, changes in ENCODERS.items()
    }


def models(
    profile: str, data: str = "embedded", features: str = "images", seeds: tuple[int, ...] | None = None
) -> dict[str, list[PHDExperiment]]:
    """The trained rows of Tables 2 and 8 and the variations on them, each once per seed."""
    sizes = PHD_SIZES[check_profile(profile)]
    found = {}
    for name, changes in MODELS.items():
        given = dict(changes)
        weights = Weights(**sizes.future.weights.model_dump() | given.pop("weights", {}))
        forced = given.pop("teacher_forcing", False)
        recipe = sizes.future.model_copy(update={"weights": weights, "teacher_forcing": forced})
        found[name] = [
            PHDExperiment(**_shared(sizes, features, data, seed), **given, encoder=sizes.encoder, recipe=recipe)
            for seed in (sizes.seeds if seeds is None else seeds)
        ]
    return found


def departures(profile: str) -> pd.DataFrame:
    """What a profile does otherwise than ``paper`` (what, paper, profile), read off the two configurations. Recipes are
    among it though the paper states none: theirs are ours, of the size that its networks ask for."""
    ours, papers = PHD_SIZES[check_profile(profile)], PHD_SIZES["paper"]
    stages = {"head": "single frames", "encoder": "stage 1", "future": "stage 2"}
    rows = [
        (field.name.replace("critic", "discriminator units"), getattr(papers, field.name), getattr(ours, field.name))
        for field in fields(PHDSizes)
        if field.name not in (*stages, "features")
    ]
    for stage, title in stages.items():
        a, b = getattr(papers, stage).model_dump(), getattr(ours, stage).model_dump()
        rows += [(f"{title}: {name.replace('_', ' ')}", a[name], b[name]) for name in a]
    for name, given in papers.features.items():
        a, b = given.model_dump(exclude={"infra", "key"}), ours.features[name].model_dump(exclude={"infra", "key"})
        rows += [(f"features, {name}: {field}", a[field], b[field]) for field in a]
    return differences(profile, rows, {})
