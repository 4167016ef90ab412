"""VP3D's smaller experiments, Tables 3 to 5 and Figures 8 and 9, as configurations: what is varied, and how large each
profile makes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import pandas as pd

from phdlib.data.detector import LEVELS
from phdlib.data.humaneva_role import CELLS
from phdlib.experiments import LiftingExperiment
from phdlib.profiles import SINGLE_FRAME, differences, supervised
from phdlib.settings import check_profile
from phdlib.training import Recipe
from phdlib.watched_epochs import WatchedExperiment
from phdlib.zero_padding import BorderExperiment

E_ = TypeVar("E_", bound=LiftingExperiment)
Group = list[LiftingExperiment]  # one model, once per seed
LSTM_FRAMES = 5  # Hossain and Little start anew after as many (VP3D 2)


@dataclass(frozen=True)
class AblationSizes:
    """``channels`` stands where the paper has 1024. The two other recipes are those of Figure 9, whose batches hold a
    fixed number of predicted frames, and of Table 4. What is done to the full model is of :mod:`profiles`' size."""

    channels: int
    dropout: float
    recipe: Recipe
    chunk_recipe: Recipe
    humaneva_recipe: Recipe
    lstm_dropout: float
    seeds: tuple[int, ...]


_STANDARD = Recipe(epochs=16, batch_size=64, steps_per_epoch=100, lr=1e-2, lr_decay=0.83, bn_momentum=(0.1, 0.01))
_SMOKE = _STANDARD.model_copy(update={"epochs": 2, "steps_per_epoch": 4})
_CHUNKS = {"batch_size": 256, "epochs": 8, "lr_decay": 0.7}

SIZES: dict[str, AblationSizes] = {
    "smoke": AblationSizes(
        32, 0.0, _SMOKE, _SMOKE.model_copy(update={"batch_size": 64}),
        _SMOKE.model_copy(update={"batch_size": 32}), 0.0, seeds=(0,),
    ),
    "standard": AblationSizes(
        64, 0.0, _STANDARD, _STANDARD.model_copy(update=_CHUNKS),
        _STANDARD.model_copy(update={"batch_size": 128, "steps_per_epoch": 75}), 0.0, seeds=(0, 1, 2),
    ),
    "paper": AblationSizes(
        1024, 0.25, Recipe(), Recipe(), Recipe(batch_size=128, lr_decay=0.996, epochs=1000), 0.5,
        seeds=(0, 1, 2),
    ),
}  # fmt: skip


def _group(profile: str, kind: type[E_] = LiftingExperiment, **changes: Any) -> list[E_]:
    sizes = SIZES[check_profile(profile)]
    fields = {"channels": sizes.channels, "dropout": sizes.dropout, "recipe": sizes.recipe} | changes
    return [kind(**fields, seed=seed) for seed in sizes.seeds]


def detectors(profile: str, data: str = "embedded") -> dict[str, Group]:
    """Table 3: the full model of Tables 1 and 2 on each named level of the 2D detector."""
    return {level: supervised(profile, data, level)["full"] for level in LEVELS}


def humaneva(profile: str, data: str = "embedded") -> dict[str, Group]:
    """Table 4: one model per action (SA), and "MA", one for all; 27 frames, keypoints of a detector that was not
    fine-tuned (VP3D 5.3, 6.1). MA takes as many times the steps as there are actions, as its epochs are longer."""
    recipe = SIZES[check_profile(profile)].humaneva_recipe
    shared = {"data": data, "role": "humaneva", "keypoints": "pre_trained", "filter_widths": (3, 3, 3)}
    models = {action: _group(profile, **shared, recipe=recipe, actions=(action,)) for action in CELLS}
    if recipe.steps_per_epoch:
        recipe = recipe.model_copy(update={"steps_per_epoch": len(CELLS) * recipe.steps_per_epoch})
    return {**models, "MA": _group(profile, **shared, recipe=recipe)}


def complexity(profile: str, data: str = "embedded") -> dict[str, Group]:
    """Table 5: ground-truth keypoints, no augmentation at test time; the LSTM, dense, and 27, 81 and 243 frames. The
    LSTM's samples have five frames each, so its batches hold a fifth as many: as many predicted frames."""
    sizes = SIZES[check_profile(profile)]
    shared = {"data": data, "keypoints": "gt", "test_flip": False}
    pieces = sizes.recipe.model_copy(update={"batch_size": max(1, sizes.recipe.batch_size // LSTM_FRAMES)})
    lstm = {"network": "seq2seq", "chunk": LSTM_FRAMES, "dropout": sizes.lstm_dropout, "recipe": pieces}
    return {
        "Hossain & Little": _group(profile, **shared, **lstm),
        "Ours 27f w/o dilation": _group(profile, **shared, filter_widths=(3,) * 3, dense=True),
        "Ours 27f": _group(profile, **shared, filter_widths=(3,) * 3),
        "Ours 81f": _group(profile, **shared, filter_widths=(3,) * 4),
        "Ours 243f": _group(profile, **shared, filter_widths=(3,) * 5),
    }


def receptive_fields(profile: str, data: str = "embedded") -> dict[int, Group]:
    """Figure 8b: 1, 9, 27, 81 and 243 frames at a fixed number of channels."""
    widths = {1: SINGLE_FRAME, **{3**n: (3,) * n for n in (2, 3, 4, 5)}}
    return {frames: _group(profile, data=data, filter_widths=w) for frames, w in widths.items()}


def channel_sizes(profile: str, data: str = "embedded") -> dict[int, Group]:
    """Figure 8a: an eighth of the profile's channels to twice as many, at 27 frames."""
    full = SIZES[check_profile(profile)].channels
    sizes = [full * 2**n // 8 for n in range(5)]
    return {size: _group(profile, data=data, filter_widths=(3,) * 3, channels=size) for size in sizes}


def without_dilation(profile: str, data: str = "embedded") -> Group:
    """A.4: a dense model of 27 frames on detected keypoints."""
    return _group(profile, data=data, filter_widths=(3,) * 3, dense=True)


def without_augmentation(profile: str, data: str = "embedded") -> Group:
    """A.4: the full model of Tables 1 and 2 trained on poses that are never mirrored, and tested so."""
    changed = []
    for experiment in supervised(profile, data)["full"]:
        recipe = experiment.recipe.model_copy(update={"flip": False})
        changed.append(experiment.model_copy(update={"recipe": recipe, "test_flip": False}))
    return changed


def chunk_sizes(profile: str, data: str = "embedded") -> dict[str, Group]:
    """Figure 9b: 1 to 32 frames predicted per sample, at the same number per batch; and "1f", the strided form."""
    recipe = SIZES[check_profile(profile)].chunk_recipe
    groups = {}
    for chunk in (1, 2, 4, 8, 16, 32):
        samples = recipe.model_copy(update={"batch_size": recipe.batch_size // chunk})
        groups[str(chunk)] = _group(
            profile, data=data, filter_widths=(3,) * 3, form="layered", chunk=chunk, recipe=samples
        )
    return {**groups, "1f": _group(profile, data=data, filter_widths=(3,) * 3, recipe=recipe)}


def momenta(profile: str, data: str = "embedded") -> dict[str, list[WatchedExperiment]]:
    """5.3: batch norm's momentum as it usually is, 0.1 from the first epoch to the last, and decaying; 27 frames. At
    least 4 epochs, since scatter about a line takes three."""
    recipe = SIZES[check_profile(profile)].recipe
    decaying = recipe.model_copy(update={"epochs": max(4, recipe.epochs)})
    usual = decaying.model_copy(update={"bn_momentum": (decaying.bn_momentum[0],) * 2})
    watched = min(WatchedExperiment.model_fields["watched"].default, decaying.epochs - 1)
    shared = {"kind": WatchedExperiment, "data": data, "filter_widths": (3,) * 3, "watched": watched}
    return {name: _group(profile, **shared, recipe=r) for name, r in (("usual", usual), ("decaying", decaying))}


def borders(profile: str, data: str = "embedded") -> dict[str, list[BorderExperiment]]:
    """Section 3: replicated border frames before unpadded convolutions, and zero padding in every one; 27 frames."""
    return {
        border: _group(profile, BorderExperiment, data=data, filter_widths=(3,) * 3, form="layered", border=border)
        for border in ("replicate", "zeros")
    }


def inference(profile: str) -> dict[str, Any]:
    """6.1, how fast at which batch size: ``channels`` of a model of 243 frames, ``poses`` in all, ``batch_sizes``,
    ``rounds`` of timing."""
    channels, poses, rounds = {"smoke": (32, 512, 3), "standard": (256, 16384, 7), "paper": (1024, 131072, 7)}[profile]
    return {"channels": channels, "poses": poses, "batch_sizes": (1, 4, 16), "rounds": rounds}


def departures(profile: str) -> pd.DataFrame:
    """What a profile does otherwise than the paper in these experiments, read off the two configurations."""
    ours, papers = SIZES[check_profile(profile)], SIZES["paper"]
    sizes = [
        ("channels", papers.channels, ours.channels),
        ("dropout", papers.dropout, ours.dropout),
        ("dropout, LSTM", papers.lstm_dropout, ours.lstm_dropout),
    ]
    return differences(profile, sizes, {
        "": (papers.recipe, ours.recipe),
        ", Figure 9": (papers.chunk_recipe, ours.chunk_recipe),
        ", HumanEva": (papers.humaneva_recipe, ours.humaneva_recipe),
    })  # fmt: skip
