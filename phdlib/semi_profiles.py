"""VP3D Figure 5 as configurations: how much is labelled, what the networks see, and how large each profile makes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from phdlib.profiles import differences
from phdlib.semi_experiments import SemiSupervisedExperiment
from phdlib.semi_supervised import Method
from phdlib.settings import check_profile
from phdlib.training import Recipe

Group = list[SemiSupervisedExperiment]  # one method, once per draw of the labelled subset, each with its own seed

SUBSETS: dict[str, tuple[tuple[str, ...], float]] = {
    "0.1% S1": (("S1",), 0.001),
    "1% S1": (("S1",), 0.01),
    "5% S1": (("S1",), 0.05),
    "10% S1": (("S1",), 0.1),
    "50% S1": (("S1",), 0.5),
    "S1": (("S1",), 1.0),
    "S1+S5": (("S1", "S5"), 1.0),
    "S1+S5+S6": (("S1", "S5", "S6"), 1.0),
}


@dataclass(frozen=True)
class Panel:
    """One graph of Figure 5: what the networks see, and by which metric they are judged."""

    title: str
    keypoints: str
    every: int  # keep every n-th frame
    metric: str
    frames: tuple[int, int, int, int]  # receptive field at 0.1 %, 1 %, 5 % of S1, and from there on (VP3D 6.2)


PANELS = {
    "a": Panel("detected keypoints, 10 Hz", "fine_tuned", 5, "n_mpjpe", (1, 3, 3, 9)),
    "b": Panel("detected keypoints, 50 Hz", "fine_tuned", 1, "mpjpe", (1, 9, 27, 27)),
    "c": Panel("true keypoints, 50 Hz", "gt", 1, "mpjpe", (1, 9, 27, 27)),
}


@dataclass(frozen=True)
class SemiSizes:
    """``longer`` is how many times the steps the supervised model gets where it is given the semi-supervised one's
    time, ``patient`` how many times the steps all get in :func:`patient`. ``most_frames`` caps the receptive field, and
    what is larger is cut by the same factor; the warm-up epochs are those from S1 on, and those below."""

    channels: int
    dropout: float
    recipe: Recipe
    warmup: tuple[int, int]
    longer: float
    patient: float
    most_frames: int
    subsets: tuple[str, ...]
    draws: tuple[int, ...]


_STANDARD = Recipe(epochs=20, batch_size=64, steps_per_epoch=40, lr=3e-3, lr_decay=0.88, bn_momentum=(0.1, 0.01))

SIZES: dict[str, SemiSizes] = {
    "smoke": SemiSizes(
        16, 0.1, _STANDARD.model_copy(update={"epochs": 3, "steps_per_epoch": 3}), (1, 1), 2, 2, 9, ("1% S1",), (0,)
    ),
    "standard": SemiSizes(
        128, 0.1, _STANDARD, (2, 4), 2.5, 5, 9, ("0.1% S1", "1% S1", "5% S1", "S1+S5+S6"), (0, 1, 2)
    ),
    "paper": SemiSizes(1024, 0.25, Recipe(), (1, 20), 2.5, 1, 27, tuple(SUBSETS), (0, 1, 2, 3, 4)),
}  # fmt: skip


def group(profile: str, panel: str, labelled: str, data: str = "embedded", times: float = 1, **method: Any) -> Group:
    """One method on one labelled subset, for every draw: ``method`` holds what differs from :class:`Method`, and
    ``times`` gives it as many times the steps. Equal draws have equal labels and equal seeds, whatever the method."""
    sizes, shown = SIZES[check_profile(profile)], PANELS[panel]
    subjects, fraction = SUBSETS[labelled]
    frames = shown.frames[min(list(SUBSETS).index(labelled), 3)]
    if max(shown.frames) > sizes.most_frames and frames > 1:
        frames = max(3, frames * sizes.most_frames // max(shown.frames))
    recipe = sizes.recipe if times == 1 else _longer(sizes.recipe, times)
    warmup = sizes.warmup[fraction < 1]
    return [
        SemiSupervisedExperiment(
            data=data, keypoints=shown.keypoints, every=shown.every, labelled=subjects, fraction=fraction, draw=draw,
            filter_widths=_widths(frames), channels=sizes.channels, dropout=sizes.dropout, recipe=recipe,
            method=Method(**{"warmup_epochs": warmup} | method), seed=draw,
        )
        for draw in sizes.draws
    ]  # fmt: skip


def methods(profile: str, panel: str, labelled: str, data: str = "embedded") -> dict[str, Group]:
    """The curves of one graph at one subset: supervised and semi-supervised for as many steps; in graph b, supervised
    for about as long as the semi-supervised model, too; in graph c, the latter without the bone-length term ("abl.").
    """
    arguments = (profile, panel, labelled, data)
    curves = {
        "supervised": group(*arguments, back_projection=False),
        "semi-supervised": group(*arguments),
    }
    if panel == "b":
        curves["supervised, equal time"] = group(*arguments, times=SIZES[profile].longer, back_projection=False)
    if panel == "c":
        curves["semi-supervised, no bone lengths"] = group(*arguments, bone_length=False)
    return curves


def patient(profile: str, labelled: str = "1% S1", data: str = "embedded") -> dict[str, Group]:
    """Three curves of graph c at one subset, with a schedule several times as long."""
    arguments, times = (profile, "c", labelled, data), SIZES[check_profile(profile)].patient
    return {
        "supervised": group(*arguments, times, back_projection=False),
        "semi-supervised": group(*arguments, times),
        "semi-supervised, no bone lengths": group(*arguments, times, bone_length=False),
    }


def variants(profile: str, labelled: str = "1% S1", data: str = "embedded") -> dict[str, Group]:
    """The method with one part changed at a time, on true keypoints: what each part is for."""
    changes: dict[str, dict[str, Any]] = {
        "supervised": {"back_projection": False},
        "semi-supervised, the paper's": {},
        "without bone lengths": {"bone_length": False},
        "without trajectory": {"trajectory": "none"},
        "one shared network": {"shared": True},
        "plain MPJPE for the root": {"inverse_depth_weight": False},
        "without lens distortion": {"distortion": False},
        "depth from the network, x and y from the keypoint": {"trajectory": "depth"},
        "the same, without bone lengths": {"trajectory": "depth", "bone_length": False},
    }
    return {name: group(profile, "c", labelled, data, **change) for name, change in changes.items()}


def departures(profile: str) -> pd.DataFrame:
    """What a profile does otherwise than the paper in these experiments, read off the two configurations."""
    ours, papers = SIZES[check_profile(profile)], SIZES["paper"]
    names = {
        "channels": "channels", "dropout": "dropout", "most_frames": "largest receptive field",
        "warmup": "warm-up epochs, from S1 on and below", "subsets": "labelled subsets", "draws": "draws",
    }  # fmt: skip
    sizes = [(what, getattr(papers, field), getattr(ours, field)) for field, what in names.items()]
    return differences(profile, sizes, {"": (papers.recipe, ours.recipe)})


def _longer(recipe: Recipe, times: float) -> Recipe:
    """As many times the steps, with the same learning rate in the end."""
    if recipe.steps_per_epoch:
        return recipe.model_copy(update={"steps_per_epoch": round(times * recipe.steps_per_epoch)})
    epochs = round(times * recipe.epochs)
    decay = recipe.lr_decay ** ((recipe.epochs - 1) / (epochs - 1))
    return recipe.model_copy(update={"epochs": epochs, "lr_decay": decay})


def _widths(frames: int) -> tuple[int, ...]:
    """Filter widths for 3^n frames with at least one block; for one frame, the two blocks of VP3D A.3."""
    if frames == 1:
        return (1, 1, 1)
    widths = [1] if frames == 3 else []
    while frames > 1:
        widths, frames = [3, *widths], frames // 3
    return tuple(widths)
