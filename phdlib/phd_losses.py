"""PHD's losses (3.2, 3.3), each a function, and their sums L_movie (eq. 1) and L_AR (eq. 7), term by term.

What a clip does not have is None in its :class:`Target` and costs nothing: this is how 3D labels, 2D labels and a
detector's guesses train one model. A batch holds clips of one kind; sums over kinds are the trainer's.

The paper's ||.||^2 is taken over the coordinates of one thing (a joint, a rotation, a shape, a keypoint), and the mean
over joints, frames and clips. Departs from the paper: it sums over joints and frames, so that its (unprinted) weights
would mean something else for each joint set and length of clip.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, NonNegativeFloat
from roma import rotvec_to_rotmat
from torch import Tensor

from phdlib.camera import WeakPerspective, project_weak_perspective, solve_weak_perspective
from phdlib.prior import encoder_loss


class Prediction(NamedTuple):
    """Theta and what follows from it, of T frames: ``theta`` (B, T, 72) axis-angle, the global rotation in the camera's
    frame; ``beta`` (B, T, 10); ``joints`` X (B, T, J, 3) metres in camera axes, in the target's joint set, wherever the
    root is; ``camera`` s (B, T) and t (B, T, 2), or None where none can be predicted and eq. 6 is solved; ``critics``
    (B, T, 25), what the discriminators of :mod:`phdlib.prior` say of each body, or None where none was asked."""

    theta: Tensor
    beta: Tensor
    joints: Tensor
    camera: WeakPerspective | None = None
    critics: Tensor | None = None

    def part(self, clips: slice = slice(None), frames: slice = slice(None)) -> Prediction:
        """Some frames of some clips."""
        camera = None if self.camera is None else WeakPerspective(*(x[clips, frames] for x in self.camera))
        critics = None if self.critics is None else self.critics[clips, frames]
        return Prediction(*(x[clips, frames] for x in (self.theta, self.beta, self.joints)), camera, critics)


class Target(NamedTuple):
    """What is known of the same frames: ``joints`` (B, T, J, 3) metres, ``theta`` (B, T, 72), ``beta`` (B, 10),
    ``keypoints`` (B, T, J, 2) in the unit of the cameras, ``visible`` (B, T, J), None meaning all; None is unknown."""

    joints: Tensor | None = None
    theta: Tensor | None = None
    beta: Tensor | None = None
    keypoints: Tensor | None = None
    visible: Tensor | None = None


class Weights(BaseModel):
    """Weights of the terms by name; 0 switches a term off, so that it is not even computed.

    The paper prints none. These are a place to start the search: those which the public code of [27] has by default (60
    for 3D and 2D, 1 for the rest), put into our means; there the 2D loss is L1, so that its weight cannot be put over.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    joints: NonNegativeFloat = 10.0
    pose: NonNegativeFloat = 3.0
    shape: NonNegativeFloat = 3.0
    keypoints: NonNegativeFloat = 60.0
    adversarial: NonNegativeFloat = 1.0
    shape_prior: NonNegativeFloat = 0.1
    constant_shape: NonNegativeFloat = 0.05
    movie_strip: NonNegativeFloat = 1.0
    nearby: NonNegativeFloat = 1.0  # factor on all terms of the frames at t + Delta t


def joints_loss(pred: Float[Tensor, "*B J 3"], gt: Float[Tensor, "*B J 3"]) -> Tensor:
    """||X - X_hat||^2 of L_3D in m^2 (PHD 3.2), both relative to their first joint, the root: neither the body's origin
    nor a weak-perspective camera says where a person stands."""
    return ((pred - pred[..., :1, :]) - (gt - gt[..., :1, :])).square().sum(-1).mean()


def pose_loss(pred: Float[Tensor, "*B 72"], gt: Float[Tensor, "*B 72"]) -> Tensor:
    """||theta - theta_hat||^2 of L_3D (PHD 3.2), of axis-angle poses, compared as rotation matrices.

    The paper leaves open as what. As in HMR's code, so that two vectors of one rotation agree; a rotation that is off
    by an angle a costs 8 sin(a/2)^2, which is 2 a^2 for small angles, whatever its axis.
    """
    off = rotvec_to_rotmat(pred.unflatten(-1, (-1, 3))) - rotvec_to_rotmat(gt.unflatten(-1, (-1, 3)))
    return off.square().sum((-2, -1)).mean()


def shape_loss(pred: Float[Tensor, "B T 10"], gt: Float[Tensor, "B 10"]) -> Tensor:
    """||beta - beta_hat||^2 of L_3D (PHD 3.2): every frame's shape against the person's one."""
    return (pred - gt[:, None]).square().sum(-1).mean()


def reprojection_loss(
    joints: Float[Tensor, "*B J 3"],
    keypoints: Float[Tensor, "*B J 2"],
    visible: Tensor | None,
    camera: WeakPerspective | None,
) -> Tensor:
    """L_2D = ||v (x - x_hat)||^2 (PHD 3.2): mean over the visible keypoints, 0 where there is none.

    ``camera`` None: the best one for each frame, in closed form (eq. 6). Gradients run through it, which changes
    nothing: it is a minimum of this very loss. ``visible`` (..., J) is boolean; what is not may hold anything.
    """
    seen = torch.ones_like(keypoints[..., 0], dtype=torch.bool) if visible is None else visible.bool()
    keypoints = torch.where(seen[..., None], keypoints, 0)
    if camera is None:
        camera = solve_weak_perspective(joints[..., :2], keypoints, seen)
    square = (project_weak_perspective(joints, camera.s, camera.t) - keypoints).square().sum(-1)
    return torch.where(seen, square, 0).sum() / seen.sum().clamp(min=1)


def shape_prior_loss(beta: Float[Tensor, "*B 10"]) -> Tensor:
    """L_beta (PHD 3.2, from SMPLify [6]): ||beta||^2, since people's coefficients have mean 0 and variance 1."""
    return beta.square().sum(-1).mean()


def constant_shape_loss(beta: Float[Tensor, "*B T 10"]) -> Tensor:
    """L_const: ||beta_t - beta_(t+1)||^2 over the pairs of neighbours in a clip (PHD 3.2); 0 for a single frame."""
    square = beta.diff(dim=-2).square().sum(-1)
    return square.sum() / max(square.numel(), 1)


def movie_strip_loss(pred: Float[Tensor, "*B D"], encoded: Float[Tensor, "*B D"]) -> Tensor:
    """L_movie strip = ||Phi_t - Phi~_t||, not squared (PHD eq. 5), mean over frames.

    ``encoded``, f_movie's strip of the real frame, is taken as given: f_AR learns to meet it, and f_movie, trained at
    the same time, not to make strips that are easy to guess. The paper does not say whether it stops gradients here.
    """
    return torch.linalg.vector_norm(encoded.detach() - pred, dim=-1).mean()


def frame_terms(pred: Prediction, target: Target, weights: Weights) -> dict[str, Tensor]:
    """L_t = L_3D + L_2D + L_adv prior + L_beta of PHD 3.2, by name, without weights; only what is known and wanted."""
    terms = {}
    if target.joints is not None and weights.joints:
        terms["joints"] = joints_loss(pred.joints, target.joints)
    if target.theta is not None and weights.pose:
        terms["pose"] = pose_loss(pred.theta, target.theta)
    if target.beta is not None and weights.shape:
        terms["shape"] = shape_loss(pred.beta, target.beta)
    if target.keypoints is not None and weights.keypoints:
        terms["keypoints"] = reprojection_loss(pred.joints, target.keypoints, target.visible, pred.camera)
    if pred.critics is not None and weights.adversarial:
        terms["adversarial"] = encoder_loss(pred.critics)
    if weights.shape_prior:
        terms["shape_prior"] = shape_prior_loss(pred.beta)
    return terms


def nearby_frames(pred: Prediction, target: Target, delta: int) -> tuple[Prediction, Target]:
    """What is predicted at t of frame t + delta, beside what is known of that frame, where the clip has it (PHD 3.2).

    For delta = -5 predictions from frame 5 on meet targets up to five frames before the end. ``ValueError`` if the clip
    has no two frames so far apart. The camera of another frame cannot be seen at t: eq. 6, as in the code of [27].
    """
    T = pred.theta.shape[1]
    if not 0 < abs(delta) < T:
        raise ValueError(f"nearby frames: delta {delta} in a clip of {T} frames, expected 0 < |delta| < {T}")
    at, meets = slice(max(-delta, 0), T - max(delta, 0)), slice(max(delta, 0), T - max(-delta, 0))
    moved = {k: getattr(target, k) for k in ("joints", "theta", "keypoints", "visible")}
    moved = {k: None if known is None else known[:, meets] for k, known in moved.items()}
    return pred.part(frames=at)._replace(camera=None), target._replace(**moved)


def loss_terms(
    pred: Prediction,
    target: Target,
    weights: Weights,
    *,
    nearby: Mapping[int, Prediction] | None = None,
    strips: tuple[Tensor, Tensor] | None = None,
) -> dict[str, Tensor]:
    """The terms of L_movie (PHD eq. 1; with ``nearby``) or L_AR (eq. 7; with ``strips``) by name, without weights.

    ``nearby``: for each Delta t what is predicted at every t of frame t + Delta t, {-10: ..., -5: ...} for the causal
    encoder; its terms are named "pose@-5". ``strips``: predicted and encoded movie strips (B, T, D). Prediction and
    target are of the same frames: for L_AR the future ones.
    """
    terms = frame_terms(pred, target, weights)
    if weights.constant_shape:
        terms["constant_shape"] = constant_shape_loss(pred.beta)
    if weights.nearby:
        for delta, other in (nearby or {}).items():
            found = frame_terms(*nearby_frames(other, target, delta), weights)
            terms |= {f"{name}@{delta:+d}": term for name, term in found.items()}
    if strips is not None and weights.movie_strip:
        terms["movie_strip"] = movie_strip_loss(*strips)
    return terms


def total(terms: Mapping[str, Tensor], weights: Weights) -> Tensor:
    """The weighted sum that is trained. ``ValueError`` if there is nothing to sum."""
    if not terms:
        raise ValueError("losses: no term is known and has a weight, expected at least one")
    named = [(name.partition("@"), term) for name, term in terms.items()]
    return sum(getattr(weights, name) * (weights.nearby if at else 1) * term for (name, at, _), term in named)
