"""What one image says of the frame five steps ahead: how the two predictors of PHD's Table 3 learn it and are asked.

The networks are in :mod:`phdlib.hallucination`; here they stand on what reads the image, which stays as it is:

    [27]   phi_t -> hallucinator -> Phi~_t -> f_3D's regressor for t + 5 -> body     beside an encoder, not causal
    [11]   phi_t -> f_3D of single frames -> keypoints x_t;  phi_t, x_t -> LSTM -> x_(t+1) ... x_(t+5)

PHD says of them that both see a single image, that [27] predicts the latent representation, needs a predictor per
time step and hallucinates the 3D pose, that [11] hallucinates 2D keypoints and was trained again for 5 frames (PHD 2,
4.2). All else here is our choice, and says so.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from phdlib.body import KeypointRegressor
from phdlib.camera import project_weak_perspective
from phdlib.data.clip import Clip
from phdlib.data.phd_role import CONDITIONING, Windows
from phdlib.data.phd_tracks import Sample
from phdlib.hallucination import Hallucinator, KeypointForecaster
from phdlib.phd_losses import Target, Weights, frame_terms, loss_terms, nearby_frames, reprojection_loss, total
from phdlib.phd_model import PHD, predicted
from phdlib.phd_training import Outcome
from phdlib.prior import FactorizedPrior
from phdlib.skeleton import PENN13, Skeleton

AHEAD = 5  # frames from the image to the prediction (Table 3), and to what f_3D of [27] reads nearby (PHD 3.2)
PRESENT = CONDITIONING - 1  # the one frame of an evaluation window that is looked at: the last that the others see
_READ = slice(2, None, AHEAD)  # of the 40 frames of a training clip; the first and last of them lack neighbours
_BATCH = 4096  # frames at once


class HallucinatingEncoder(PHD):
    """An encoder that is not causal, as that of [27], and a hallucinator of its strips from one frame.

    Where strips and features differ in width, the hallucinator starts from what the encoder's own first layer makes of
    phi. ``options`` are :class:`PHD`'s. ``ValueError`` for an encoder whose f_3D has no regressor for t + 5.
    """

    def __init__(
        self,
        start: Tensor,
        features: int = 2048,
        channels: int = 2048,
        *,
        causal: bool = False,
        generator: torch.Generator | None = None,
        **options,
    ) -> None:
        super().__init__(start, features, channels, space=None, causal=causal, generator=generator, **options)
        if AHEAD not in self.f_3d.offsets:
            raise ValueError(
                f"hallucination: f_3D reads the frames {self.f_3d.offsets} nearby, expected {AHEAD} among them: "
                f"causal=False, found {causal}"
            )
        self.hallucinator = Hallucinator(channels, generator=generator)

    def hallucinate(self, phi: Float[Tensor, "*B D"]) -> Float[Tensor, "*B C"]:
        """The movie strip Phi~ of every frame, each from its own phi alone."""
        return self.hallucinator(self.f_movie.embed(phi))

    def learning(self) -> nn.ModuleList:
        """What a hallucination asks to be trained: the hallucinator and the regressor of t + 5. That one alone of
        f_3D goes on learning, since [27] has a predictor of its own for this time step, and here stage 1, short as it
        is, leaves it at "nothing moves"."""
        return nn.ModuleList([self.hallucinator, self.f_3d.nearby[str(AHEAD)]])

    def ahead(self, phi: Float[Tensor, "*B D"]) -> Float[Tensor, "*B 85"]:
        """omega five frames after each of some single frames: its pose, and the shape of the present; its camera means
        nothing."""
        return self.f_3d(self.hallucinate(phi)).nearby[AHEAD]


class KeypointPredictor(PHD):
    """f_3D of single frames, and on it [11]'s forecaster of Penn Action's 13 joints, of ``units`` in its LSTM.

    Keypoints are in coordinates of the crop, [-1, 1] from edge to edge; those to come but for scale and translation,
    which neither the training nor PCK after eq. 6 sees.
    """

    def __init__(
        self,
        start: Tensor,
        features: int = 2048,
        channels: int = 2048,
        *,
        units: int = 1024,
        generator: torch.Generator | None = None,
        **options,
    ) -> None:
        # The stack is that of HeadExperiment, as unused as there.
        super().__init__(start, features, channels, space=None, blocks=1, groups=1, generator=generator, **options)
        self.forecaster = KeypointForecaster(features, len(PENN13), units, generator=generator)

    def keypoints(self, phi: Float[Tensor, "B D"], joints: KeypointRegressor) -> Float[Tensor, "B J 2"]:
        """Where f_3D puts the joints of one frame. Nobody hands out true keypoints at test time, so neither does
        training."""
        pred = predicted(self.read_single(phi[:, None]).omega, joints)
        return project_weak_perspective(pred.joints, *pred.camera)[:, 0]

    def ahead(
        self, phi: Float[Tensor, "B D"], joints: KeypointRegressor, steps: int = AHEAD
    ) -> Float[Tensor, "B F 13 2"]:
        """The next ``steps`` frames of single frames; ``joints`` is Penn-13's regressor."""
        return self.forecaster(phi, self.keypoints(phi, joints), steps)


def hallucination_outcome(
    model: HallucinatingEncoder,
    batch: Sequence[Sample],
    weights: Weights,
    prior: FactorizedPrior | None = None,
    draws: torch.Generator | None = None,
) -> Outcome:
    """What a hallucinated strip costs, on every fifth frame of clips of 40: its distance from the encoder's by
    :func:`movie_strip_loss`, where all 13 frames that the encoder looks at are in the clip, and L_t of PHD 3.2 of what
    f_3D reads from it, of the frame itself and of those at t - 5 and t + 5.

    The code released with [27] has these terms, on every frame, with the mean square as the distance of strips, and
    trains encoder, f_3D and hallucinator together. Departs from it: the encoder stays as it is, so that one serves
    Tables 1 and 3.
    """
    phi, counts = torch.cat([sample.phi for sample in batch]), [len(sample.phi) for sample in batch]
    with torch.no_grad():
        Phi = model.f_movie(phi)[:, _READ]
    strips = model.hallucinate(phi[:, _READ])
    read = model.f_3d(strips, draws, nearby=weights.nearby > 0)
    around = {offset: omega.split(counts) for offset, omega in read.nearby.items()}
    loss, terms = phi.new_zeros(()), {}
    for i, (sample, omega) in enumerate(zip(batch, read.omega.split(counts), strict=True)):
        target = _frames(sample.target, _READ)
        pairs = strips.split(counts)[i][:, 1:-1], Phi.split(counts)[i][:, 1:-1]
        found = loss_terms(predicted(omega, sample.joints, prior), target, weights, strips=pairs)
        for offset, other in around.items():  # five frames are one step among those read
            pred = predicted(other[i], sample.joints, prior, camera=False)
            near = frame_terms(*nearby_frames(pred, target, offset // AHEAD), weights)
            found |= {f"{name}@{offset:+d}": term for name, term in near.items()}
        loss = loss + counts[i] / sum(counts) * total(found, weights)
        terms |= {f"{sample.role} {name}": term for name, term in found.items()}
    return Outcome(loss, terms, read.omega)


def forecast_outcome(model: KeypointPredictor, batch: Sequence[Sample], joints: KeypointRegressor) -> Outcome:
    """What a forecast costs, on clips of 1 + 5 frames: L_2D of the five, each put on the labelled keypoints by eq. 6,
    as all futures are; ``joints`` is Penn-13's regressor.

    Roles with other joints pay for those that they share with Penn Action. [11] learned from Penn Action; PHD does not
    say from what it was trained again, nor whether the frames on the way count. Here they do.
    """
    phi = torch.cat([sample.phi[:, 0] for sample in batch])
    futures = model.ahead(phi, joints).split([len(sample.phi) for sample in batch])
    loss, terms = phi.new_zeros(()), {}
    for sample, future in zip(batch, futures, strict=True):
        own, theirs = shared_joints(sample.joints.skeleton)
        truth, seen = sample.target.keypoints[:, 1:, theirs], sample.target.visible[:, 1:, theirs]
        term = reprojection_loss(F.pad(future[:, :, own], (0, 1)), truth, seen, None)
        terms[f"{sample.role} keypoints"] = term
        loss = loss + len(future) / len(phi) * term
    return Outcome(loss, terms, phi.new_empty(len(phi), 0, 85))  # no bodies that discriminators could judge


def shared_joints(skeleton: Skeleton) -> tuple[list[int], list[int]]:
    """Places in Penn-13 and in another joint set of the joints that are the same in both: twelve of H36M-17's, whose
    head is the top of it, where Penn Action's is the middle."""
    names = [name for name in PENN13.joints if name in skeleton.joints and (name != "head" or skeleton == PENN13)]
    return [PENN13.index(name) for name in names], [skeleton.index(name) for name in names]


def present_features(clips: Sequence[Clip], windows: Windows) -> Float[Tensor, "N D"]:
    """phi of the present frame of every evaluation window, and of no other."""
    pairs = zip(windows.clip.tolist(), windows.start.tolist(), strict=True)
    return torch.stack([clips[clip].features[start + PRESENT] for clip, start in pairs])


@torch.no_grad()
def predict_joints(
    model: HallucinatingEncoder, phi: Float[Tensor, "N D"], joints: KeypointRegressor
) -> Float[Tensor, "N J 3"]:
    """Joints five frames after single frames, metres in camera axes relative to the first joint."""
    found = []
    for part in phi.split(_BATCH):
        X = predicted(model.ahead(part[:, None]), joints, camera=False).joints[:, 0]
        found.append(X - X[:, :1])
    return torch.cat(found)


@torch.no_grad()
def predict_keypoints(
    model: KeypointPredictor, phi: Float[Tensor, "N D"], joints: KeypointRegressor
) -> Float[Tensor, "N 13 2"]:
    """Penn-13 five frames after single frames, in coordinates of that frame's crop."""
    return torch.cat([model.ahead(part, joints)[:, -1] for part in phi.split(_BATCH)])


def _frames(target: Target, at: slice) -> Target:
    """What is known of some of the frames."""
    timed = {name: getattr(target, name) for name in ("joints", "theta", "keypoints", "visible")}
    return target._replace(**{name: None if x is None else x[:, at] for name, x in timed.items()})
