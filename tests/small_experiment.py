"""An experiment that takes no time, which the processes of other tests can import."""

from __future__ import annotations

import os
from typing import ClassVar

import exca
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
