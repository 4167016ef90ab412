"""Experiments that take no time, which the processes of other tests can import."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import ClassVar

import exca
import numpy as np
import torch

from phdlib.paths import cache_dir
from phdlib.runs import Experiment, read_or_run


class Drawn(Experiment):
    """Numbers drawn from the seed, after those of the experiment ``before``; a negative seed fails until a file named
    "mended" lies in the cache. Every run leaves a line in "runs"."""

    code: ClassVar[tuple[str, ...]] = ("phdlib.timing",)

    depth: int = 0
    infra: exca.TaskInfra = exca.TaskInfra(version="1", mode="retry")

    def load(self) -> None:
        (cache_dir() / "data").write_text(str(os.getpid()))

    @infra.apply
    def run(self) -> dict[str, object]:
        with (cache_dir() / "runs").open("a") as runs:
            runs.write(f"{self.seed} {self.depth}\n")
        if self.seed < 0 and not (cache_dir() / "mended").exists():
            raise ValueError(f"seed {self.seed}: expected at least 0")
        before = Drawn(seed=self.seed, depth=self.depth - 1) if self.depth else None
        drawn = torch.randn(4, generator=torch.Generator().manual_seed(abs(self.seed)))
        return {
            "drawn": drawn.numpy() + (read_or_run(before.prepared())["drawn"] if before else 0),
            "process": os.getpid(), "data by": (cache_dir() / "data").read_text(),
            "threads": os.environ.get("OMP_NUM_THREADS"), "cluster": os.environ.get("PHDLIB_CLUSTER"),
        }  # fmt: skip


@dataclass(frozen=True, eq=False)
class Line:
    losses: list[float]
    seconds: float
    weights: dict[str, np.ndarray]


class Fitted(Experiment):
    """A line fitted to points drawn from the seed by five steps of descent, from where one of less ``depth`` ended."""

    code: ClassVar[tuple[str, ...]] = ("phdlib.timing",)

    depth: int = 0
    infra: exca.TaskInfra = exca.TaskInfra(version="1", mode="retry")

    def before(self) -> Fitted | None:
        return Fitted(seed=self.seed, depth=self.depth - 1) if self.depth > 0 else None

    @infra.apply
    def run(self) -> Line:
        if self.depth < 0:
            raise ValueError(f"depth {self.depth}: expected at least 0")
        before, started = self.before(), time.perf_counter()
        w = torch.from_numpy(read_or_run(before.prepared()).weights["w"]) if before else torch.zeros(2)
        x, y = torch.randn(2, 50, generator=torch.Generator().manual_seed(self.seed))
        losses = []
        for _ in range(5):
            off = w[0] + w[1] * x - y
            losses.append(off.square().mean().item())
            w = w - 0.1 * torch.stack((off.mean(), (off * x).mean()))
        return Line(losses, time.perf_counter() - started, {"w": w.numpy()})
