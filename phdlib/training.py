"""The training loop of the lifting models, on Lightning Fabric: CPU, one GPU, or several through torchrun (VP3D
5.3)."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt
from torch import Tensor, nn

from phdlib.data.windows import Batch, Windows
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
    fabric = Fabric(accelerator="auto", devices=int(os.environ.get("LOCAL_WORLD_SIZE", 1)), precision=precision)
    fabric.launch()
    return fabric


def train_lifter(
    model: nn.Module, windows: Windows, recipe: Recipe, *, seed: int, fabric: Fabric | None = None, **kwargs: Any
) -> Trained:
    """Train ``model`` in place with the MPJPE loss on the windows' output frames, mixed from all clips (VP3D 5.3).
    Further arguments are those of :func:`train`."""
    fabric = fabric or local_fabric(recipe.precision)

    def batches(epoch: int, generator: torch.Generator) -> Iterator[Batch]:
        return windows.epoch(
            recipe.batch_size, generator, fabric.global_rank, fabric.world_size, recipe.steps_per_epoch
        )

    def loss(net: nn.Module, batch: Batch, draws: torch.Generator) -> Tensor:
        return mpjpe_loss(net(batch.keypoints, generator=draws), batch.joints)

    return train(model, batches, loss, recipe, seed=seed, fabric=fabric, **kwargs)


def train(
    model: nn.Module,
    batches: Callable[[int, torch.Generator], Iterable[Any]],
    loss: Callable[[nn.Module, Any, torch.Generator], Tensor],
    recipe: Recipe,
    *,
    seed: int,
    checkpoint: Path | None = None,
    on_epoch: Callable[[], None] = lambda: None,
    fabric: Fabric | None = None,
) -> Trained:
    """AMSGrad over ``batches(epoch, generator)`` in every epoch of the recipe; ``loss(net, batch, draws)`` is a scalar.

    ``generator`` decides the order of the data, ``draws`` dropout. ``checkpoint`` is written after every epoch and
    deleted at the end: a run that was killed goes on from its last whole epoch and ends with the same weights, bit for
    bit. ``on_epoch`` is called after each.
    """
    fabric = fabric or local_fabric(recipe.precision)
    fabric.to_device(model)  # first, since an optimizer that is read back puts its state where its parameters are
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
        set_bn_momentum(model, recipe.momentum_at(epoch))
        for group in optimizer.param_groups:
            group["lr"] = recipe.lr_at(epoch)
        total, steps = torch.zeros((), device=fabric.device), 0
        for batch in batches(epoch, generator):
            value = loss(net, batch, draws)
            optimizer.zero_grad(set_to_none=True)
            fabric.backward(value)
            optimizer.step()
            total += value.detach()
            steps += 1
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


def set_bn_momentum(model: nn.Module, momentum: float) -> None:
    """Weight of the newest batch in the running statistics, as torch has it (VP3D 5.3: from 0.1 to 0.001)."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.momentum = momentum


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
