"""Supervised lifting models: one configuration per trained model of VP3D's tables."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Literal

import exca
import numpy as np
import pandas as pd
import torch
from torch import nn

from phdlib.data import embedded, sources
from phdlib.data.clip import Clip
from phdlib.data.windows import Windows
from phdlib.evaluation import evaluate_lifter
from phdlib.folding import fold_batch_norm
from phdlib.lifting import StridedTemporalModel, TemporalModel
from phdlib.runs import Experiment, read_or_run, run_all
from phdlib.seq2seq import Seq2Seq
from phdlib.training import local_fabric, train_lifter
from phdlib.workers import tick

__all__ = ["LiftingExperiment", "LiftingResult", "load_clips", "read_or_run", "run_all"]


@dataclass(frozen=True, eq=False)
class LiftingResult:
    """Errors per test clip (see :func:`evaluate_lifter`), the loss of each epoch in metres, the training's seconds and
    steps, and the weights."""

    clips: pd.DataFrame
    losses: list[float]
    seconds: float
    steps: int
    weights: dict[str, np.ndarray]


class LiftingExperiment(Experiment):
    """A lifting model trained on the training clips of a role and evaluated on its test clips.

    ``form``: how one training sample is computed (VP3D A.5, A.6): "strided", one output frame at the least cost;
    "layered", layer by layer as at inference, with ``chunk`` output frames. ``network`` "seq2seq" is the LSTM of
    Table 5, which has ``chunk`` frames in and out and no use for ``filter_widths``. ``actions`` restricts both
    training and test. ``test_flip`` averages with the mirrored answer (A.4).
    """

    code: ClassVar[tuple[str, ...]] = (
        *("phdlib.temporal", "phdlib.lifting", "phdlib.seq2seq", "phdlib.losses", "phdlib.metrics"),
        *("phdlib.data.windows", "phdlib.training", "phdlib.evaluation", "phdlib.folding", "phdlib.experiments"),
    )

    keypoints: str = "fine_tuned"
    role: str = "human36m"
    actions: tuple[str, ...] | None = None
    network: Literal["temporal", "seq2seq"] = "temporal"
    filter_widths: tuple[int, ...] = (3, 3, 3, 3, 3)
    causal: bool = False
    dense: bool = False
    channels: int = 1024
    dropout: float = 0.25
    form: Literal["strided", "layered"] = "strided"
    chunk: int = 1
    test_flip: bool = True
    infra: exca.TaskInfra = exca.TaskInfra(version="1", mode="retry")

    def clips(self, part: str) -> tuple[Clip, ...]:
        """The clips of one part that this experiment uses."""
        clips = load_clips(self.data, self.keypoints, part, self.role)
        return tuple(clip for clip in clips if self.actions is None or clip.action in self.actions)

    def load(self) -> None:
        self.clips("test")

    def cost(self) -> float:
        frames = 1 if self.network == "seq2seq" else math.prod(self.filter_widths)
        wide = 10 if self.dense or self.form == "layered" else 1
        return super().cost() * wide * (frames + 10) * self.channels

    def model(self, strided: bool = False) -> TemporalModel | StridedTemporalModel | Seq2Seq:
        """The network, its weights drawn from the seed."""
        generator, joints = torch.Generator().manual_seed(self.seed), len(embedded.ROLES[self.role].skeleton)
        if self.network == "seq2seq":
            return Seq2Seq(joints, 2, joints, self.channels, self.chunk, self.dropout, generator=generator)
        kind = StridedTemporalModel if strided else TemporalModel
        return kind(joints, 2, joints, self.filter_widths, self.causal, self.dropout, self.channels, self.dense,
                    generator=generator)  # fmt: skip

    def trained_model(self, result: LiftingResult) -> TemporalModel | Seq2Seq:
        """The inference model with a result's weights."""
        model = self.model()
        model.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in result.weights.items()})
        return model.eval()

    @infra.apply
    def run(self) -> LiftingResult:
        """Train and evaluate, or read what an equal experiment left."""
        fabric = local_fabric(self.recipe.precision)
        model = self.model(strided=self.form == "strided" and self.chunk == 1 and not self.dense)
        windows = Windows(
            self.clips("train"), 1 if self.network == "seq2seq" else model.receptive_field(), causal=self.causal,
            flip=self.recipe.flip, chunk=self.chunk, device=fabric.device,
        )  # fmt: skip
        checkpoint = self.infra.uid_folder(create=True) / "partial.pt"
        trained = train_lifter(
            model, windows, self.recipe, seed=self.seed, checkpoint=checkpoint, on_epoch=tick, fabric=fabric
        )
        inference = self.model().to(fabric.device).eval()
        inference.load_state_dict(model.state_dict())
        clips = evaluate_lifter(for_clips(inference), self.clips("test"), flip=self.test_flip)
        weights = {name: value.cpu().numpy() for name, value in inference.state_dict().items()}
        return LiftingResult(clips, trained.losses, trained.seconds, trained.steps, weights)


def for_clips(model: TemporalModel | Seq2Seq) -> nn.Module:
    """The form of a trained model that answers whole clips, and fastest."""
    return model.in_pieces() if isinstance(model, Seq2Seq) else fold_batch_norm(model)


@lru_cache(maxsize=2)  # a training and a test part; several levels of keypoints would fill the memory
def load_clips(data: str, keypoints: str, part: str, role: str = "human36m") -> tuple[Clip, ...]:
    """Clips of a data source's role, kept in memory."""
    return sources.clips(data, keypoints, part, role)
