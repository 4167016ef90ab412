"""The trainings behind PHD's Table 3 as cached configurations, on what :mod:`phdlib.phd_experiments` trains:

HallucinatorExperiment   [27]: on an EncoderExperiment whose encoder is not causal
ForecasterExperiment     [11]: on a HeadExperiment
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import exca
import numpy as np
import torch
from torch import Tensor, nn

from phdlib.body import load_body
from phdlib.data.phd_role import EVERY, evaluation_windows
from phdlib.phd_experiments import (
    EVALUATED,
    EncoderExperiment,
    HeadExperiment,
    StageResult,
    inherit,
    role_clips,
)
from phdlib.phd_losses import Weights
from phdlib.phd_model import Space
from phdlib.phd_training import Objective, StageRecipe
from phdlib.single_image import (
    AHEAD,
    HallucinatingEncoder,
    KeypointPredictor,
    forecast_outcome,
    hallucination_outcome,
    predict_joints,
    predict_keypoints,
    present_features,
)
from phdlib.skeleton import PENN13, Skeleton

_CODE = ("phdlib.single_image_experiments", "phdlib.single_image", "phdlib.hallucination")


@dataclass(frozen=True, eq=False)
class SingleImageResult(StageResult):
    """``ahead``: by role, what is predicted five frames after the present one of every evaluation window, float32:
    joints (N, J, 3), metres relative to the first, or keypoints (N, 13, 2) of the crop."""

    ahead: dict[str, np.ndarray]


class HallucinatorExperiment(EncoderExperiment):
    """[27]: a hallucinator on top of stage 1 by ``encoder``'s recipe, whose networks stay as they are but for f_3D's
    regressor of t + 5, which goes on learning. The encoder is by default that of [27]; the causal one's f_3D has no
    such regressor."""

    code: ClassVar[tuple[str, ...]] = (*EncoderExperiment.code, *_CODE)

    causal: bool = False
    norm: Literal["frame", "time"] = "time"
    padding: Literal["edge", "zero"] = "zero"
    encoder: StageRecipe = StageRecipe()
    infra: exca.TaskInfra = exca.TaskInfra(version="1", mode="retry")

    def before(self) -> EncoderExperiment:
        return self._shared(EncoderExperiment, self.encoder)

    def network(self, start: Tensor, features: int, space: Space | None = None) -> HallucinatingEncoder:
        generator = torch.Generator().manual_seed(self.seed)
        return HallucinatingEncoder(
            start, features, self.channels, blocks=self.blocks, groups=self.groups, causal=self.causal, norm=self.norm,
            padding=self.padding, hidden=self.hidden, dropout=self.dropout, generator=generator,
        )  # fmt: skip

    def objective(self, model: HallucinatingEncoder) -> tuple[nn.Module, Objective]:
        weights = self.recipe.weights
        return model.learning(), lambda batch, epoch, prior, draws: hallucination_outcome(
            model, batch, weights, prior, draws
        )

    def ahead(self, model: HallucinatingEncoder, part: str = "test") -> dict[str, np.ndarray]:
        """Joints five frames after the present one of every evaluation window of the clips of ``part``."""
        found = {}
        for role in EVALUATED:
            clips, _ = role_clips(self.features(), role, part)
            phi = present_features(clips, evaluation_windows(clips, EVERY[role]))
            found[role] = _predicted(predict_joints, model, phi, clips[0].skeleton)
        return found

    @infra.apply
    def run(self) -> SingleImageResult:
        """Train and predict, or read what an equal experiment left."""
        model, result = self.learn()
        return SingleImageResult(**vars(result), ahead=self.ahead(model))


class ForecasterExperiment(HeadExperiment):
    """[11]: a forecaster of 2D keypoints with ``units`` in its LSTM, on f_3D of single frames by ``head``'s recipe,
    which tells it where the person is and stays as it is. It learns from the 2D of the roles in ``recipe.clips``, of
    whose weights none has a part in it: ``ValueError`` unless ``adversarial`` is 0, since there are no bodies to judge.
    """

    code: ClassVar[tuple[str, ...]] = (*HeadExperiment.code, *_CODE)

    head: StageRecipe = StageRecipe()
    units: int = 1024
    recipe: StageRecipe = StageRecipe(weights=Weights(adversarial=0))
    infra: exca.TaskInfra = exca.TaskInfra(version="1", mode="retry")

    def before(self) -> HeadExperiment:
        names = HeadExperiment.model_fields.keys() - {"infra", "key", "recipe"}
        return HeadExperiment(**{name: getattr(self, name) for name in names}, recipe=self.head)

    def network(self, start: Tensor, features: int) -> KeypointPredictor:
        generator = torch.Generator().manual_seed(self.seed)
        return KeypointPredictor(start, features, self.channels, units=self.units, hidden=self.hidden,
                                 dropout=self.dropout, generator=generator)  # fmt: skip

    def objective(self, model: KeypointPredictor) -> tuple[nn.Module, Objective]:
        if self.recipe.weights.adversarial:
            raise ValueError(f"forecaster: weights.adversarial {self.recipe.weights.adversarial}, expected 0")
        joints = load_body().keypoints(PENN13)
        return model.forecaster, lambda batch, epoch, prior, draws: forecast_outcome(
            model, batch, joints.to(batch[0].phi.device)
        )

    def learned_network(self, result: SingleImageResult) -> KeypointPredictor:
        """The networks with a result's weights."""
        network = self.network(torch.from_numpy(result.weights["model.f_3d.start"].copy()), result.phi)
        inherit({"model": network}, result.weights)
        return network.eval()

    def ahead(self, model: KeypointPredictor, part: str = "test") -> dict[str, np.ndarray]:
        """Keypoints five frames after the present one of every evaluation window of the Penn Action role."""
        clips, _ = role_clips(self.features(), "penn", part)
        phi = present_features(clips, evaluation_windows(clips, EVERY["penn"]))
        return {"penn": _predicted(predict_keypoints, model, phi, PENN13)}

    @infra.apply
    def run(self) -> SingleImageResult:
        """Train and predict, or read what an equal experiment left: weights of the head and the forecaster alone."""
        model, result = self.learn(frames=1 + AHEAD)
        kept = ("model.forecaster", "model.f_movie.embed", "model.f_3d.present", "model.f_3d.start")
        weights = {name: value for name, value in result.weights.items() if name.startswith(kept)}
        return SingleImageResult(**{**vars(result), "weights": weights}, ahead=self.ahead(model))


def _predicted(predict: Callable[..., Tensor], model: nn.Module, phi: Tensor, skeleton: Skeleton) -> np.ndarray:
    device = next(model.parameters()).device
    return predict(model, phi.to(device), load_body().keypoints(skeleton).to(device)).float().cpu().numpy()
