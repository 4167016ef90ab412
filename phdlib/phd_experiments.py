"""PHD's trainings as cached configurations, each beginning where the one before it ended (PHD 3.4):

HeadExperiment      f_3D on single frames          shared by all encoders
EncoderExperiment   stage 1: f_movie and f_3D      a row of Table 1; shared by all that differ in stage 2 only
PHDExperiment       stage 2: f_movie and f_AR      a row of Tables 2 and 8
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self, TypeVar

import exca
import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from phdlib.body import load_body
from phdlib.crops import CropBoxes, clip_boxes
from phdlib.data import phd_role
from phdlib.data.clip import Clip
from phdlib.data.phd_role import CONDITIONING, EVERY, HORIZON, SHORTEST, evaluation_windows
from phdlib.data.phd_tracks import Tracks
from phdlib.feature_experiments import (
    FeatureExperiment,
    ImageFeatureExperiment,
    KeypointFeatureExperiment,
    with_features,
)
from phdlib.phd_model import PHD, Space
from phdlib.phd_predictions import Futures, Present, predict_futures, predict_present
from phdlib.phd_training import (
    FutureRecipe,
    Objective,
    StageRecipe,
    future_outcome,
    head_outcome,
    movie_outcome,
    train_stage,
)
from phdlib.prior import FactorizedPrior
from phdlib.runs import Experiment, read_or_run
from phdlib.training import local_fabric
from phdlib.workers import tick

EVALUATED = ("human36m", "penn")  # the data sets with ground truth (PHD 4.1)


@dataclass(frozen=True, eq=False)
class StageResult:
    """A stage's weights ("model.f_movie...", "prior..."), the dimension of ``phi``, mean terms of each epoch by name
    (one row per epoch), the training's seconds and steps."""

    weights: dict[str, np.ndarray]
    phi: int
    losses: pd.DataFrame
    seconds: float
    steps: int


@dataclass(frozen=True, eq=False)
class EncoderResult(StageResult):
    """``present``: by role, what the encoder reads in every frame of the test clips."""

    present: dict[str, Present]


@dataclass(frozen=True, eq=False)
class PHDResult(EncoderResult):
    """``futures``: by role, what follows on the evaluation windows of the test clips."""

    futures: dict[str, Futures]


E_ = TypeVar("E_", bound="HeadExperiment")


class HeadExperiment(Experiment):
    """f_3D as the head of a single-frame model, on frozen features.

    ``images`` or ``lifter``, one of them, provides phi. ``channels``: of movie strips; ``hidden``, ``dropout``: f_3D's;
    ``critic``: units of the prior's whole-pose layers. ``supervision`` "mixed" is the paper's; "full" hands out 3D
    labels in every role. A sample may begin at every ``every``-th frame of a clip.
    """

    code: ClassVar[tuple[str, ...]] = (
        *("phdlib.phd_experiments", "phdlib.phd_predictions", "phdlib.phd_training", "phdlib.phd_model"),
        *("phdlib.phd_losses", "phdlib.prior", "phdlib.dynamics", "phdlib.temporal_stack", "phdlib.regressor"),
        *("phdlib.temporal", "phdlib.data.phd_tracks", "phdlib.data.phd_role", "phdlib.crops", "phdlib.body"),
        *("phdlib.open_body", "phdlib.camera", "phdlib.skeleton", "phdlib.unrolled", "phdlib.kinematics"),
    )

    images: ImageFeatureExperiment | None = None
    lifter: KeypointFeatureExperiment | None = None
    supervision: Literal["mixed", "full"] = "mixed"
    channels: int = 2048
    hidden: int = 1024
    dropout: float = 0.5
    critic: int = 1024
    every: int = 1
    recipe: StageRecipe = StageRecipe()
    infra: exca.TaskInfra = exca.TaskInfra(version="1", mode="retry")

    def prepared(self) -> Self:
        """As of any experiment, the features' too, whose code then is part of the key."""
        fields = {name: getattr(self, name) for name in type(self).model_fields if name != "infra"}
        own = {name: e.prepared() for name in ("images", "lifter") if (e := getattr(self, name)) is not None}
        return Experiment.prepared(type(self)(**fields | own))

    def features(self) -> FeatureExperiment:
        given = [e for e in (self.images, self.lifter) if e is not None]
        if len(given) != 1:
            raise ValueError(f"{type(self).__name__}: expected images or lifter, found {len(given)} of them")
        return given[0]

    def load(self) -> None:
        for role, known in phd_role.ROLES.items():
            for part in {"train", "test"} & set(known.parts):
                role_clips(self.features(), role, part)

    def tracks(self, frames: int, device: torch.device | str = "cpu") -> dict[str, Tracks]:
        """The training data by role; the Human3.6M role always, whose poses are the prior's real people."""
        body, found = load_body(), {}
        for role in dict.fromkeys(("human36m", *self.recipe.clips)):
            clips, boxes = role_clips(self.features(), role, "train", self.supervision == "full")
            found[role] = Tracks(role, clips, boxes, body, frames=frames, every=self.every, device=device)
        return found

    def network(self, start: Tensor, features: int) -> PHD:
        """The networks, their weights drawn from the seed."""
        generator = torch.Generator().manual_seed(self.seed)
        return PHD(start, features, self.channels, space=None, blocks=1, groups=1, hidden=self.hidden,
                   dropout=self.dropout, generator=generator)  # fmt: skip

    def objective(self, model: PHD) -> tuple[nn.Module, Objective]:
        """What is trained, and by what."""
        weights = self.recipe.weights
        return model.head(), lambda batch, epoch, prior, draws: head_outcome(model, batch, weights, prior, draws)

    def learn(self, frames: int = SHORTEST) -> tuple[PHD, StageResult]:
        """Train from where the experiment before ended."""
        fabric = local_fabric(self.recipe.precision)
        tracks = self.tracks(frames, fabric.device)
        real = tracks["human36m"]
        model = self.network(real.mean_omega(), real.features)
        prior = FactorizedPrior(hidden=self.critic, generator=torch.Generator().manual_seed(self.seed))
        if (before := self.before()) is not None:
            inherit({"model": model, "prior": prior}, read_or_run(before.prepared()).weights)
        trained, objective = self.objective(model)
        learned = train_stage(
            model, trained, objective, tracks, self.recipe, prior=prior, real=real, seed=self.seed, on_epoch=tick,
            checkpoint=self.infra.uid_folder(create=True) / "partial.pt", fabric=fabric,
        )  # fmt: skip
        parts = {"model": model, "prior": prior}
        weights = {f"{k}.{n}": v.cpu().numpy() for k, part in parts.items() for n, v in part.state_dict().items()}
        losses = pd.DataFrame(learned.losses)
        return model, StageResult(weights, real.features, losses, learned.seconds, learned.steps)

    @infra.apply
    def run(self) -> StageResult:
        """Train, or read what an equal experiment left: weights of the head and the prior alone."""
        result = self.learn(frames=1)[1]
        kept = ("prior.", "model.f_movie.embed", "model.f_3d.present", "model.f_3d.start")
        return replace(result, weights={n: value for n, value in result.weights.items() if n.startswith(kept)})


class EncoderExperiment(HeadExperiment):
    """Stage 1. ``causal``, ``norm``, ``padding``: f_movie's (see :class:`phdlib.temporal_stack.TemporalStack`);
    ``blocks``, ``groups`` are also f_AR's. ``head``: how f_3D is trained on single frames before; None for not at all.
    """

    blocks: int = 3
    groups: int = 32
    causal: bool = True
    norm: Literal["frame", "time"] = "frame"
    padding: Literal["edge", "zero"] = "edge"
    head: StageRecipe | None = None
    infra: exca.TaskInfra = exca.TaskInfra(version="1", mode="retry")

    def cost(self) -> float:
        return SHORTEST * super().cost()  # a clip has so many frames, a sample of the head's one

    def before(self) -> HeadExperiment | None:
        return None if self.head is None else self._shared(HeadExperiment, self.head)

    def network(self, start: Tensor, features: int, space: Space | None = None) -> PHD:
        generator = torch.Generator().manual_seed(self.seed)
        return PHD(
            start, features, self.channels, space=space, blocks=self.blocks, groups=self.groups, causal=self.causal,
            norm=self.norm, padding=self.padding, hidden=self.hidden, dropout=self.dropout, generator=generator,
        )  # fmt: skip

    def objective(self, model: PHD) -> tuple[nn.Module, Objective]:
        weights = self.recipe.weights
        trained = nn.ModuleList([model.f_movie, model.f_3d])
        return trained, lambda batch, epoch, prior, draws: movie_outcome(model, batch, weights, prior, draws)

    def learned_network(self, result: EncoderResult) -> PHD:
        """The networks with a result's weights."""
        weights = {name: torch.from_numpy(value.copy()) for name, value in result.weights.items()}
        network = self.network(weights["model.f_3d.start"], result.phi)
        network.load_state_dict({n.removeprefix("model."): w for n, w in weights.items() if n.startswith("model.")})
        return network.eval()

    def present(self, model: PHD, part: str = "test") -> dict[str, Present]:
        """What the model reads in every frame of the clips of ``part``, which it sees whole."""
        body = load_body()
        return {role: predict_present(model, *role_clips(self.features(), role, part), body) for role in EVALUATED}

    @infra.apply
    def run(self) -> EncoderResult:
        """Train and predict, or read what an equal experiment left."""
        model, result = self.learn()
        return EncoderResult(**vars(result), present=self.present(model))

    def _shared(self, kind: type[E_], recipe: StageRecipe) -> E_:
        """The experiment of another stage that has all fields in common with this one."""
        names = kind.model_fields.keys() & type(self).model_fields.keys() - {"infra", "key", "recipe"}
        return kind(**{name: getattr(self, name) for name in names}, recipe=recipe)


class PHDExperiment(EncoderExperiment):
    """Stage 2, on top of stage 1 by ``encoder``'s recipe. ``space``: of f_AR's predictions (see :class:`PHD`). With
    ``recipe.weights.movie_strip`` 0 it is the row "No L_movie strip"; with ``recipe.teacher_forcing``, 3.4's other way.
    """

    encoder: StageRecipe = StageRecipe()
    space: Space = "latent"
    recipe: FutureRecipe = FutureRecipe()
    infra: exca.TaskInfra = exca.TaskInfra(version="1", mode="retry")

    def before(self) -> EncoderExperiment:
        return self._shared(EncoderExperiment, self.encoder)

    def network(self, start: Tensor, features: int, space: Space | None = None) -> PHD:
        return super().network(start, features, space or self.space)

    def objective(self, model: PHD) -> tuple[nn.Module, Objective]:
        recipe = self.recipe
        return nn.ModuleList([model.f_movie, model.f_ar]), lambda batch, epoch, prior, draws: future_outcome(
            model, batch, recipe, recipe.own_at(epoch), prior
        )

    def futures(self, model: PHD, part: str = "test", horizon: int = HORIZON) -> dict[str, Futures]:
        """Predictions ``horizon`` frames ahead of every evaluation window (PHD 4.2) of the clips of ``part``."""
        found, body = {}, load_body()
        for role in EVALUATED:
            clips, _ = role_clips(self.features(), role, part)
            windows = evaluation_windows(clips, EVERY[role], horizon)
            found[role] = predict_futures(model, clips, windows, body, CONDITIONING)
        return found

    @infra.apply
    def run(self) -> PHDResult:
        """Train and predict, or read what an equal experiment left."""
        model, result = self.learn()
        return PHDResult(**vars(result), present=self.present(model), futures=self.futures(model))


def role_clips(
    features: FeatureExperiment, role: str, part: str, full_3d: bool = False
) -> tuple[list[Clip], list[CropBoxes]]:
    """PHD's clips with their features, and the crops: computed from the recorded performances, which only the features
    and crops may know in full. Kept in memory, since a worker trains many times on the same."""
    features = features.prepared()
    key = (features.infra.uid(), role, part, full_3d)
    if key not in _LOADED:
        while len(_LOADED) >= _KEPT:
            _LOADED.pop(next(iter(_LOADED)))
        seen = phd_role.recorded(role, part, keypoints=features.keypoints)
        phi = [clip.features for clip in with_features(features, seen)]
        known = phd_role.load(role, part, full_3d=full_3d)
        clips = [replace(clip, features=own) for clip, own in zip(known, phi, strict=True)]
        _LOADED[key] = clips, [clip_boxes(clip) for clip in seen]
    return _LOADED[key]


_LOADED: dict[tuple[str, str, str, bool], tuple[list[Clip], list[CropBoxes]]] = {}
_KEPT = 6  # of the roles' parts that have a use in one training or evaluation


def inherit(parts: dict[str, nn.Module], weights: dict[str, np.ndarray]) -> None:
    """Take over the weights of the stage before; what it did not have, f_AR say, stays."""
    for prefix, part in parts.items():
        whole = f"{prefix}."
        known = {n.removeprefix(whole): torch.from_numpy(v.copy()) for n, v in weights.items() if n.startswith(whole)}
        part.load_state_dict(part.state_dict() | known)
