"""PHD's training (3.4): stage 1 learns to see (f_movie and f_3D, eq. 1), stage 2 to foresee (f_movie and f_AR, eq. 7).

Every batch mixes the data sets. All clips go through the networks together; then each data set's clips pay the terms
that their labels allow, and a batch costs the mean over its clips of what each clip costs.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from lightning_fabric import Fabric
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from phdlib.camera import WeakPerspective
from phdlib.data.phd_role import CONDITIONING, SHORTEST
from phdlib.data.phd_tracks import Sample, Tracks, mixed_batches
from phdlib.kinematics import keypoints_of_sets
from phdlib.paths import write_atomically
from phdlib.phd_losses import Prediction, Target, Weights, loss_terms, total
from phdlib.phd_model import PHD
from phdlib.prior import FactorizedPrior, discriminator_loss
from phdlib.regressor import split_omega
from phdlib.training import local_fabric

AHEAD = SHORTEST - CONDITIONING  # 25 frames to predict (PHD 3.4)
CRITIC_EVERY = 5  # the discriminators look at every fifth frame of a clip, and at as many real people


class StageRecipe(BaseModel):
    """How a stage is trained. The paper states none of it.

    ``clips``: how many of each role a batch has, all processes together. ``prior_lr`` is the discriminators'.
    ``average``: what a stage leaves is a running mean of its weights, of which each step keeps this share; 0 leaves the
    last ones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: PositiveInt = 100
    steps_per_epoch: PositiveInt = 1000
    clips: dict[str, PositiveInt] = {"human36m": 16, "penn": 8, "instavariety": 8}
    lr: PositiveFloat = 1e-4
    lr_decay: PositiveFloat = 0.97  # factor per epoch
    prior_lr: PositiveFloat = 1e-4
    average: float = Field(0.97, ge=0, lt=1)
    weights: Weights = Weights()
    precision: str = "32-true"  # Fabric's name

    @property
    def batch_size(self) -> int:
        return sum(self.clips.values())


class FutureRecipe(StageRecipe):
    """Stage 2's. The curriculum grows from 1 to 25 steps in equal strides of epochs over the first ``ramp`` of them;
    the paper says "slowly". ``teacher_forcing`` stays at 1.

    ``seen``: factor on the losses of the 15 conditioning frames, read from the real strips. Eq. 7 sums L_t over "t";
    we take it over the whole clip, since f_movie learns in this stage, and nothing else would keep its strips such that
    the frozen f_3D reads the present from them. 0 takes the future alone.
    """

    ramp: float = Field(0.6, ge=0, le=1)
    teacher_forcing: bool = False
    seen: NonNegativeFloat = 1.0

    def own_at(self, epoch: int) -> int:
        """How many of its own predictions f_AR is fed in a row (PHD 3.4)."""
        if self.teacher_forcing:
            return 1
        last = round(self.ramp * (self.epochs - 1))
        return 1 + round((AHEAD - 1) * min(1.0, epoch / last)) if last else AHEAD


class Outcome(NamedTuple):
    """The loss of a batch, its terms by name ("penn keypoints") without weights, and all predicted omega (B, T, 85)."""

    loss: Tensor
    terms: dict[str, Tensor]
    omega: Tensor


class Learned(NamedTuple):
    """What a training leaves beside the weights: each epoch's mean terms by name, the time it took, the steps."""

    losses: list[dict[str, float]]
    seconds: float
    steps: int


Batch = Sequence[Sample]
Objective = Callable[[Batch, int, FactorizedPrior, torch.Generator], Outcome]


def head_outcome(
    model: PHD, batch: Batch, weights: Weights, prior: FactorizedPrior | None, draws: torch.Generator | None
) -> Outcome:
    """L_t of single frames (T = 1), each read as if it were its own strip: before stage 1, f_3D's start."""
    omega = model.read_single(_phi(batch), draws).omega
    bodies = _bodies(batch, omega, prior, weights)
    found = [loss_terms(pred, sample.target, weights) for sample, pred in zip(batch, bodies, strict=True)]
    return _outcome(batch, [("", 1.0, found)], weights, omega)


def movie_outcome(
    model: PHD, batch: Batch, weights: Weights, prior: FactorizedPrior | None, draws: torch.Generator | None
) -> Outcome:
    """L_movie (PHD eq. 1): every frame of the clips, and what is predicted at it of the frames nearby."""
    read = model.f_3d(model.f_movie(_phi(batch)), draws, nearby=weights.nearby > 0)
    T, found = read.omega.shape[1], []
    bodies = _bodies(batch, torch.cat((read.omega, *read.nearby.values()), dim=1), prior, weights)
    for sample, pred in zip(batch, bodies, strict=True):
        present, *others = (pred.part(frames=slice(k * T, (k + 1) * T)) for k in range(1 + len(read.nearby)))
        found.append(loss_terms(present, sample.target, weights, nearby=dict(zip(read.nearby, others, strict=True))))
    return _outcome(batch, [("", 1.0, found)], weights, read.omega)


def future_outcome(
    model: PHD, batch: Batch, recipe: FutureRecipe, own: int, prior: FactorizedPrior | None = None
) -> Outcome:
    """L_AR (PHD eq. 7): the 25 frames after the conditioning ones, predicted ``own`` at a time, their cameras by eq. 6;
    and, by ``recipe.seen``, the conditioning frames themselves.

    The distillation of eq. 5 is of strips, so in pose space there is none.
    """
    weights, Phi = recipe.weights, model.f_movie(_phi(batch))
    future = model.futures(Phi, CONDITIONING, own)
    omega = torch.cat((future.seen, future.omega), dim=1)
    ahead, behind = [], []
    for (sample, rows), pred in zip(_rows(batch), _bodies(batch, omega, prior, weights), strict=True):
        strips = None if future.strips is None else (future.strips[rows], Phi[rows, CONDITIONING:])
        to_come = pred.part(frames=slice(CONDITIONING, None))._replace(camera=None)
        ahead.append(loss_terms(to_come, stretch(sample.target, CONDITIONING), weights, strips=strips))
        if recipe.seen:
            present = pred.part(frames=slice(CONDITIONING))
            behind.append(loss_terms(present, stretch(sample.target, 0, CONDITIONING), weights))
    if not recipe.seen:
        return _outcome(batch, [("", 1.0, ahead)], weights, future.omega)
    return _outcome(batch, [("", 1.0, ahead), ("seen ", recipe.seen, behind)], weights, omega)


def stretch(target: Target, first: int, end: int | None = None) -> Target:
    """What is known of some of the frames."""
    timed = {name: getattr(target, name) for name in ("joints", "theta", "keypoints", "visible")}
    return target._replace(**{name: None if x is None else x[:, first:end] for name, x in timed.items()})


def train_stage(
    model: PHD,
    trained: nn.Module,
    objective: Objective,
    tracks: Mapping[str, Tracks],
    recipe: StageRecipe,
    *,
    prior: FactorizedPrior,
    real: Tracks,
    seed: int,
    checkpoint: Path | None = None,
    on_epoch: Callable[[], None] = lambda: None,
    fabric: Fabric | None = None,
) -> Learned:
    """Adam on the ``trained`` part of ``model`` by ``objective(batch, epoch, prior, draws)``, and in turn on the
    discriminators, which see the predicted poses beside those of ``real``.

    All that is not ``trained`` is frozen and in evaluation. Each epoch has generators of its own, so that an epoch does
    not depend on those before it but through the weights: the order of the data is the same in all processes, dropout
    (``draws``) each process' own. At the end ``model`` has the running mean of its weights. ``checkpoint`` is written
    after every epoch and deleted at the end: a run that was killed ends with the same weights, bit for bit.
    """
    fabric = fabric or local_fabric(recipe.precision)
    fabric.launch()
    share = fabric.global_rank, fabric.world_size
    fabric.to_device(model)
    fabric.to_device(prior)
    model.requires_grad_(False).eval()
    trained.requires_grad_(True).train()
    learner = torch.optim.Adam(trained.parameters(), lr=recipe.lr, fused=True)
    critic = torch.optim.Adam(prior.parameters(), lr=recipe.prior_lr, fused=True)
    averaged = AveragedModel(trained, multi_avg_fn=get_ema_multi_avg_fn(recipe.average))
    state = {"model": model, "prior": prior, "learner": learner, "critic": critic, "averaged": averaged}
    losses, seconds = _resume(checkpoint, state) if checkpoint is not None and checkpoint.exists() else ([], 0.0)
    steppers = [fabric.setup_optimizers(optimizer) for optimizer in (learner, critic)]
    for epoch in range(len(losses), recipe.epochs):
        started, sums = time.perf_counter(), {}
        order, draws = epoch_generators(seed, epoch, fabric.global_rank, fabric.device)
        for optimizer, lr in zip(steppers, (recipe.lr, recipe.prior_lr), strict=True):
            for group in optimizer.param_groups:
                group["lr"] = lr * recipe.lr_decay**epoch
        for batch in mixed_batches(tracks, recipe.clips, recipe.steps_per_epoch, order, *share):
            prior.requires_grad_(False)  # the encoder's lesson is not the critics'
            with fabric.autocast():
                outcome = objective(batch, epoch, prior, draws)
            _step(fabric, steppers[0], outcome.loss, trained)
            averaged.update_parameters(trained)
            terms = {**outcome.terms, "loss": outcome.loss}
            if recipe.weights.adversarial:
                prior.requires_grad_(True)
                omega = split_omega(outcome.omega.detach()[:, ::CRITIC_EVERY].flatten(0, 1).float())
                drawn = torch.randint(real.frames_known, (len(omega.theta) * share[1],), generator=order)
                terms["discriminators"] = discriminator_loss(
                    prior(*real.poses(drawn[share[0] :: share[1]])), prior(omega.theta, omega.beta)
                )
                _step(fabric, steppers[1], terms["discriminators"], prior)
            for name, term in terms.items():
                sums[name] = sums.get(name, 0) + term.detach()
        means = {name: value / recipe.steps_per_epoch for name, value in sums.items()}
        losses.append({name: value.item() for name, value in fabric.all_reduce(means, reduce_op="mean").items()})
        seconds += time.perf_counter() - started
        if checkpoint is not None and fabric.is_global_zero:
            _save(checkpoint, state, losses, seconds)
        on_epoch()
    if checkpoint is not None and fabric.is_global_zero:
        checkpoint.unlink(missing_ok=True)
    trained.load_state_dict(averaged.module.state_dict())
    model.requires_grad_(False).eval()
    return Learned(losses, seconds, recipe.epochs * recipe.steps_per_epoch)


def epoch_generators(
    seed: int, epoch: int, rank: int, device: torch.device | str = "cpu"
) -> tuple[torch.Generator, torch.Generator]:
    """Of the data's order, equal in all processes, and of dropout, on the device."""
    order = int(np.random.SeedSequence((seed, epoch)).generate_state(1, np.uint64)[0] >> 1)
    draws = int(np.random.SeedSequence((seed, epoch, 1 + rank)).generate_state(1, np.uint64)[0] >> 1)
    return torch.Generator().manual_seed(order), torch.Generator(device=device).manual_seed(draws)


def _step(fabric: Fabric, optimizer: Any, loss: Tensor, module: nn.Module) -> None:
    """One step on the mean over processes of the gradients, sent as one piece: no wrapper has to know which of the
    networks a batch will use, or how often."""
    optimizer.zero_grad(set_to_none=True)
    fabric.backward(loss)
    if fabric.world_size > 1:
        grads = [p.grad for p in module.parameters() if p.grad is not None]
        mean = fabric.all_reduce(torch.cat([grad.flatten() for grad in grads]), reduce_op="mean")
        for grad, part in zip(grads, mean.split([grad.numel() for grad in grads]), strict=True):
            grad.copy_(part.view_as(grad))
    optimizer.step()


def _phi(batch: Batch) -> Tensor:
    return torch.cat([sample.phi for sample in batch])


def _rows(batch: Batch) -> Iterator[tuple[Sample, slice]]:
    start = 0
    for sample in batch:
        yield sample, slice(start, start + len(sample.phi))
        start += len(sample.phi)


def _bodies(batch: Batch, omega: Tensor, prior: FactorizedPrior | None, weights: Weights) -> list[Prediction]:
    """What is predicted for each sample (:func:`phdlib.phd_model.predicted`), all bodies posed and judged together."""
    T, (Pi, theta, beta) = omega.shape[1], split_omega(omega)
    sets = [(sample.joints, len(sample.phi) * T) for sample in batch]
    joints, turns = keypoints_of_sets(theta.flatten(0, 1), beta.flatten(0, 1), sets)
    critics = prior.judge(turns.unflatten(0, (-1, T)), beta) if prior and weights.adversarial else None
    camera, found = WeakPerspective(Pi[..., 0], Pi[..., 1:]), []
    whole = Prediction(theta, beta, theta, camera, critics)
    for (_, rows), X in zip(_rows(batch), joints, strict=True):
        found.append(whole.part(rows)._replace(joints=X.unflatten(0, (-1, T))))
    return found


def _outcome(
    batch: Batch, groups: Sequence[tuple[str, float, list[dict[str, Tensor]]]], weights: Weights, omega: Tensor
) -> Outcome:
    """Weighted sum over groups of terms (name, factor, terms per sample), each role by its share of the clips."""
    loss, terms = omega.new_zeros(()), {}
    for prefix, factor, found in groups:
        for sample, of_role in zip(batch, found, strict=True):
            loss = loss + factor * len(sample.phi) / len(omega) * total(of_role, weights)
            terms |= {f"{sample.role} {prefix}{name}": term for name, term in of_role.items()}
    return Outcome(loss, terms, omega)


def _save(path: Path, state: Mapping[str, Any], losses: list[dict[str, float]], seconds: float) -> None:
    content = {name: part.state_dict() for name, part in state.items()} | {"losses": losses, "seconds": seconds}
    write_atomically(path, lambda temporary: torch.save(content, temporary))


def _resume(path: Path, state: Mapping[str, Any]) -> tuple[list[dict[str, float]], float]:
    """State of the last whole epoch; an unreadable file is named in a warning and the training starts over."""
    try:
        content = torch.load(path, weights_only=True, map_location="cpu")
        losses, seconds = content["losses"], content["seconds"]
    except Exception as error:
        warnings.warn(f"unreadable checkpoint {path} ({error}); training from the start", stacklevel=3)
        return [], 0.0
    for name, part in state.items():
        part.load_state_dict(content[name])
    return losses, seconds
