"""The two single-image predictors of PHD's Table 3 as configurations, and how large each profile makes them."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from phdlib.phd_experiments import EncoderExperiment, HeadExperiment
from phdlib.phd_losses import Weights
from phdlib.phd_profiles import PHD_SIZES, encoders
from phdlib.phd_training import StageRecipe
from phdlib.profiles import differences
from phdlib.settings import check_profile
from phdlib.single_image_experiments import ForecasterExperiment, HallucinatorExperiment

CHAO, KANAZAWA = "Chao et al. [11]", "Kanazawa et al. [27]"  # as Table 3 prints them


@dataclass(frozen=True)
class SingleImageSizes:
    """How the predictors are trained under one profile; ``units`` are those of the forecaster's LSTM. All other sizes
    are those of the encoder and the head that they stand on."""

    hallucinator: StageRecipe
    forecaster: StageRecipe
    units: int


# Searched on the validation subject S5, one seed, standing on stage 1 and the head of "standard"; five frames ahead:
# [27]: the strips that f_3D should learn to read from say no more than one frame does: read as stage 1 left f_3D, real
#   strips give 69.6 mm and 39.4 % PCK, hallucinated ones 69.7 and 39.5, the frozen present 69.7 and 38.8. With the
#   regressor of t + 5 learning on: 68.3, 39.4; twice the learning rate, half of it: 68.7, 68.5; twice the steps of half
#   the clips: 68.3, 39.6; three times the weight of nearby frames: 68.1, 38.9; a tenth of that of strips: 68.3, 39.8.
#   Without the adversary as good, in two thirds of the time.
# [11]: the frozen keypoints 35.3 % PCK; learned from the Penn role alone 26.7, with InstaVariety's 35.7, with all three
#   36.6; at half the learning rate 38.4, for twice as long 37.5, with twice the units 38.7; with the camera of eq. 6 in
#   the loss, where these had the distance in the crop, 39.1, at the whole learning rate 39.4.
_FRAMES = {"human36m": 64, "penn": 64, "instavariety": 64}
_QUIET = Weights(adversarial=0)
_HALLUCINATOR = StageRecipe(
    epochs=5, steps_per_epoch=30, clips={"human36m": 16, "penn": 8, "instavariety": 8}, lr=1e-3, lr_decay=0.8,
    weights=PHD_SIZES["standard"].encoder.weights.model_copy(update={"nearby": 1.0, "adversarial": 0.0}),
)  # fmt: skip
_FORECASTER = StageRecipe(epochs=6, steps_per_epoch=60, clips=_FRAMES, lr=1e-3, lr_decay=0.8, weights=_QUIET)
_FEW = {"epochs": 2, "steps_per_epoch": 3}

SINGLE_IMAGE_SIZES: dict[str, SingleImageSizes] = {
    "smoke": SingleImageSizes(_HALLUCINATOR.model_copy(update=_FEW), _FORECASTER.model_copy(update=_FEW), 16),
    "standard": SingleImageSizes(_HALLUCINATOR, _FORECASTER, 128),
    # PHD states nothing of either training: these are its networks' sizes, with a batch and a length to fit them.
    "paper": SingleImageSizes(
        StageRecipe(weights=_HALLUCINATOR.weights), StageRecipe(epochs=20, clips=_FRAMES, weights=_QUIET), 1024
    ),
}


def single_image(
    profile: str, data: str = "embedded", features: str | None = None, seeds: tuple[int, ...] | None = None
) -> dict[str, list[ForecasterExperiment | HallucinatorExperiment]]:
    """Table 3's two predictors by their printed names, each once per seed, on the encoder of [27] of
    :func:`phdlib.phd_profiles.encoders` and on the head that it began with; ``features`` and ``seeds`` as there.
    ``ValueError`` where the profile trains no head."""
    sizes, found = SINGLE_IMAGE_SIZES[check_profile(profile)], {CHAO: [], KANAZAWA: []}
    for encoder in encoders(profile, data, features, seeds)["non-causal [27]"]:
        if (head := encoder.before()) is None:
            raise ValueError(f"profile {profile!r}: no training of single frames, which {CHAO} stands on")
        found[CHAO].append(
            ForecasterExperiment(**_fields(head), head=head.recipe, units=sizes.units, recipe=sizes.forecaster)
        )
        found[KANAZAWA].append(
            HallucinatorExperiment(**_fields(encoder), encoder=encoder.recipe, recipe=sizes.hallucinator)
        )
    return found


def _fields(experiment: HeadExperiment | EncoderExperiment) -> dict:
    names = type(experiment).model_fields.keys() - {"infra", "key", "recipe"}
    return {name: getattr(experiment, name) for name in names}


def departures(profile: str) -> pd.DataFrame:
    """What a profile does otherwise than ``paper`` (what, paper, profile); PHD states none of either."""
    ours, papers = SINGLE_IMAGE_SIZES[check_profile(profile)], SINGLE_IMAGE_SIZES["paper"]
    rows = [("units of the forecaster's LSTM", papers.units, ours.units)]
    for title in ("hallucinator", "forecaster"):
        a, b = getattr(papers, title).model_dump(), getattr(ours, title).model_dump()
        rows += [(f"{title}: {name.replace('_', ' ')}", a[name], b[name]) for name in a]
    return differences(profile, rows, {})
