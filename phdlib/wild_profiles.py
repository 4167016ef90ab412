"""What is trained with real video in it, and beside what: VP3D's unlabelled half, PHD's pseudo-ground-truth role."""

from __future__ import annotations

from phdlib import phd_profiles, semi_profiles
from phdlib.phd_experiments import PHDExperiment
from phdlib.semi_profiles import Group
from phdlib.settings import check_profile
from phdlib.wild_experiments import WildSemiSupervisedExperiment
from phdlib.wild_phd_experiments import on_detections

PANEL = "b"  # detected keypoints at 50 Hz
LABELLED = {"smoke": ("1% S1",), "standard": ("5% S1", "S1"), "paper": ("5% S1", "S1")}
NOTHING, CAPTURE, VIDEO = "nothing", "motion capture", "real video"  # what is unlabelled
PSEUDO = (CAPTURE, VIDEO)  # what the pseudo-ground-truth role is made of
# Two seeds of stages 1 and 2 take about six minutes of two cores at `standard`; the others are PHD's tables'.
PHD_SEEDS = {"smoke": (0,), "standard": (0, 1), "paper": (0, 1, 2)}
ROW = "AR on Φ"


def unlabelled(profile: str, wild: tuple[str, ...], data: str = "embedded") -> dict[tuple[str, str], Group]:
    """By (labelled subset, what is unlabelled): supervised models, those of VP3D 6.2, and those on detections kept
    under the keys ``wild``. Equal draws have equal labels and equal seeds."""
    found = {}
    for labelled in LABELLED[check_profile(profile)]:
        arguments = (profile, PANEL, labelled, data)
        found[labelled, NOTHING] = semi_profiles.group(*arguments, back_projection=False)
        found[labelled, CAPTURE] = semi_profiles.group(*arguments)
        found[labelled, VIDEO] = [
            WildSemiSupervisedExperiment(
                **{name: getattr(e, name) for name in type(e).model_fields if name not in ("infra", "key")}, wild=wild
            )
            for e in found[labelled, CAPTURE]
        ]
    return found


def pseudo(profile: str, wild: tuple[str, ...], data: str = "embedded") -> dict[str, list[PHDExperiment]]:
    """PHD's latent model by what its pseudo-ground-truth role is made of: :data:`PSEUDO`."""
    captured = phd_profiles.models(profile, data, "lifter", seeds=PHD_SEEDS[check_profile(profile)])[ROW]
    return dict(zip(PSEUDO, (captured, [on_detections(e, wild) for e in captured]), strict=True))
