"""The training loop of the lifting models, on Lightning Fabric: CPU, one GPU, or several through torchrun (VP3D
5.3)."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt
from torch import Tensor, nn

from phdlib.data.windows import Windows
from phdlib.lifting import LiftingModel
from phdlib.losses import mpjpe_loss
from phdlib.paths import write_atomically


class Recipe(BaseModel):
    """How a lifting model is trained. The defaults are the paper's (VP3D 5.3, A.5)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: PositiveInt = 80
    batch_size: PositiveInt = 1024
    steps_per_epoch: PositiveInt | None = None  # None: every window once, plain and mirrored
    lr: PositiveFloat = 1e-3
    lr_decay: PositiveFloat = 0.95  # factor per epoch
    bn_momentum: tuple[float, float] = (0.1, 0.001)  # first and last epoch, exponential between them
    flip: bool = True
    precision: str = "32-true"  # Fabric's name

    def lr_at(self, epoch: int) -> float:
        return self.lr * self.lr_decay**epoch

    def momentum_at(self, epoch: int) -> float:
        """``beta`` of VP3D 5.3: from the first to the last value, by the same factor every epoch."""
        first, last = self.bn_momentum
        return first * (last / first) ** (epoch / max(1, self.epochs - 1))


class Trained(BaseModel):
    """What a training leaves beside the weights: mean loss of each epoch in metres, and the time it took."""

    losses: list[float] = Field(default_factory=list)
    seconds: float = 0.0
    steps: int = 0


def local_fabric(precision: str = "32-true") -> Fabric:
    """The GPU if there is one, else the CPU; under torchrun, this process' share of them."""
    return Fabric(accelerator="auto", devices=int(os.environ.get("LOCAL_WORLD_SIZE", 1)), precision=precision)


def train_lifter(
    model: LiftingModel,
    windows: Windows,
    recipe: Recipe,
    *,
    seed: int,
    checkpoint: Path | None = None,
    on_epoch: Callable[[], None] = lambda: None,
    fabric: Fabric | None = None,
) -> Trained:
    """Train ``model`` in place on single-output windows with the MPJPE loss and AMSGrad.

    ``checkpoint`` is written after every epoch and deleted at the end: a run that was killed goes on from its last
    whole epoch and ends with the same weights, bit for bit. ``on_epoch`` is called after each.
    """
    fabric = fabric or local_fabric(recipe.precision)
    # foreach=True gives the same numbers in fewer, larger operations.
    optimizer = torch.optim.Adam(model.parameters(), lr=recipe.lr, amsgrad=True, fused=True)
    trained, generator = Trained(), torch.Generator().manual_seed(seed)
    draws = torch.Generator(device=fabric.device).manual_seed(seed + 1)  # dropout's own, where the model lives
    state: dict[str, Any] = {"model": model, "optimizer": optimizer}
    if checkpoint is not None and checkpoint.exists():
        trained = _resume(checkpoint, state, generator, draws)
    net, optimizer = fabric.setup(model, optimizer)
    net.train()
    for epoch in range(len(trained.losses), recipe.epochs):
        started = time.perf_counter()
        model.set_bn_momentum(recipe.momentum_at(epoch))
        for group in optimizer.param_groups:
            group["lr"] = recipe.lr_at(epoch)
        total, steps = _epoch(net, optimizer, windows, recipe, generator, draws, fabric)
        trained.losses.append((total / steps).item())
        trained.steps += steps
        trained.seconds += time.perf_counter() - started
        if checkpoint is not None and fabric.is_global_zero:
            _save(checkpoint, state, generator, draws, trained)
        on_epoch()
    if checkpoint is not None and fabric.is_global_zero:
        checkpoint.unlink(missing_ok=True)
    model.eval()
    return trained


def _epoch(
    net: nn.Module,
    optimizer: Any,
    windows: Windows,
    recipe: Recipe,
    generator: torch.Generator,
    draws: torch.Generator,
    fabric: Fabric,
) -> tuple[Tensor, int]:
    """One pass over the windows, or ``steps_per_epoch`` batches of a pass; returns the summed loss and the steps."""
    total, steps = torch.zeros((), device=fabric.device), 0
    for batch in windows.epoch(recipe.batch_size, generator, fabric.global_rank, fabric.world_size):
        loss = mpjpe_loss(net(batch.keypoints, generator=draws), batch.joints)
        optimizer.zero_grad(set_to_none=True)
        fabric.backward(loss)
        optimizer.step()
        total += loss.detach()
        steps += 1
        if steps == recipe.steps_per_epoch:
            break
    return total, steps


def _save(
    path: Path, state: dict[str, Any], generator: torch.Generator, draws: torch.Generator, trained: Trained
) -> None:
    content = {name: part.state_dict() for name, part in state.items()}
    content |= {"order": generator.get_state(), "dropout": draws.get_state(), "trained": trained.model_dump()}
    write_atomically(path, lambda temporary: torch.save(content, temporary))


def _resume(path: Path, state: dict[str, Any], generator: torch.Generator, draws: torch.Generator) -> Trained:
    """State of the last whole epoch; an unreadable file is named in a warning and the training starts over."""
    try:
        content = torch.load(path, weights_only=True, map_location="cpu")
        trained = Trained(**content["trained"])
    except Exception as error:
        warnings.warn(f"unreadable checkpoint {path} ({error}); training from the start", stacklevel=2)
        return Trained()
    for name, part in state.items():
        part.load_state_dict(content[name])
    generator.set_state(content["order"])
    draws.set_state(content["dropout"])
    return trained
