"""One typed, cached configuration per trained model. What has run once is read back, whatever notebook asks for it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import exca
import numpy as np
import pandas as pd
import torch
from pydantic import BaseModel, ConfigDict

from phdlib.cache import code_fingerprint, file_fingerprint, key_of
from phdlib.data import embedded
from phdlib.data.clip import Clip
from phdlib.data.windows import Windows
from phdlib.evaluation import evaluate_lifter
from phdlib.folding import fold_batch_norm
from phdlib.lifting import StridedTemporalModel, TemporalModel
from phdlib.paths import cache_dir, write_atomically
from phdlib.skeleton import H36M17
from phdlib.training import Recipe, local_fabric, train_lifter
from phdlib.workers import run_in_processes, tick

# The code that decides a result; a change in any of it, comments aside, makes a new one.
CODE = (
    *("phdlib.temporal", "phdlib.lifting", "phdlib.losses", "phdlib.metrics", "phdlib.data.windows"),
    *("phdlib.training", "phdlib.evaluation", "phdlib.folding", "phdlib.experiments"),
)


@dataclass(frozen=True, eq=False)
class LiftingResult:
    """Errors per test clip (see :func:`evaluate_lifter`), the loss of each epoch in metres, the training's seconds and
    steps, and the weights."""

    clips: pd.DataFrame
    losses: list[float]
    seconds: float
    steps: int
    weights: dict[str, np.ndarray]


class LiftingExperiment(BaseModel):
    """A lifting model trained on a data source's training subjects and evaluated on its test subjects."""

    model_config = ConfigDict(extra="forbid")

    data: str = "embedded"
    keypoints: str = "fine_tuned"
    filter_widths: tuple[int, ...] = (3, 3, 3, 3, 3)
    causal: bool = False
    dense: bool = False
    channels: int = 1024
    dropout: float = 0.25
    recipe: Recipe = Recipe()
    seed: int = 0
    key: str = ""  # of the data, the code and the libraries: see `prepared`
    infra: exca.TaskInfra = exca.TaskInfra(version="1", mode="retry")

    def prepared(self) -> LiftingExperiment:
        """This experiment with its cache key and folder filled in."""
        versions = (torch.__version__, np.__version__, torch.cuda.is_available())
        key = key_of(data=_data_key(self.data), code=code_fingerprint(*CODE), versions=versions)
        folder = cache_dir() / "experiments"
        folder.mkdir(exist_ok=True)
        fields = {name: getattr(self, name) for name in type(self).model_fields if name != "infra"}
        return type(self)(**{**fields, "key": key}, infra={"folder": folder})

    def model(self, strided: bool = False) -> TemporalModel | StridedTemporalModel:
        """The network, its weights drawn from the seed."""
        kind = StridedTemporalModel if strided and not self.dense else TemporalModel
        generator = torch.Generator().manual_seed(self.seed)
        joints = len(H36M17)
        return kind(joints, 2, joints, self.filter_widths, self.causal, self.dropout, self.channels, self.dense,
                    generator=generator)  # fmt: skip

    def trained_model(self, result: LiftingResult) -> TemporalModel:
        """The inference model with a result's weights."""
        model = self.model()
        model.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in result.weights.items()})
        return model.eval()

    @infra.apply
    def run(self) -> LiftingResult:
        """Train and evaluate, or read what an equal experiment left."""
        train, test = load_clips(self.data, self.keypoints, "train"), load_clips(self.data, self.keypoints, "test")
        fabric = local_fabric(self.recipe.precision)
        model = self.model(strided=True)
        windows = Windows(
            train, model.receptive_field(), causal=self.causal, flip=self.recipe.flip, device=fabric.device
        )
        checkpoint = self.infra.uid_folder(create=True) / "partial.pt"
        trained = train_lifter(
            model, windows, self.recipe, seed=self.seed, checkpoint=checkpoint, on_epoch=tick, fabric=fabric
        )
        inference = self.model().to(fabric.device).eval()
        inference.load_state_dict(model.state_dict())
        clips = evaluate_lifter(fold_batch_norm(inference), test, flip=self.recipe.flip)
        weights = {name: value.cpu().numpy() for name, value in inference.state_dict().items()}
        return LiftingResult(clips, trained.losses, trained.seconds, trained.steps, weights)


def _data_key(data: str) -> str:
    if data != "embedded":
        raise ValueError(f"data source {data!r} is not built yet; there is embedded")
    return embedded.data_key()


@lru_cache(maxsize=4)
def load_clips(data: str, keypoints: str, part: str) -> tuple[Clip, ...]:
    """Clips of a data source's Human3.6M role, kept in memory."""
    _data_key(data)
    return tuple(embedded.load(keypoints, parts=(part,)))


def _completed(experiment: LiftingExperiment) -> bool:
    """Whether a result is there and whole. The pickle that exca keeps is opened only if its checksum fits; one that
    does not is named in a warning and removed, so that it is made again."""
    path, seal = _result_file(experiment)
    if path.exists() and seal.exists() and seal.read_text() != file_fingerprint(path):
        warnings.warn(f"unreadable cache {path} (its checksum does not fit); training again", stacklevel=3)
        path.unlink()
    return experiment.infra.status() == "completed"


def _result_file(experiment: LiftingExperiment) -> tuple[Path, Path]:
    path = Path(experiment.infra.uid_folder()) / "job.pkl"
    return path, path.with_suffix(".sha256")


def read_or_run(experiment: LiftingExperiment) -> LiftingResult:
    """``experiment.run()``, its file in the cache sealed with a checksum."""
    _completed(experiment)
    result = experiment.run()
    path, seal = _result_file(experiment)
    digest = file_fingerprint(path)
    if not seal.exists() or seal.read_text() != digest:
        write_atomically(seal, lambda temporary: temporary.write_text(digest))
    return result


def run_all(experiments: Sequence[LiftingExperiment], jobs: int | None = None) -> list[LiftingResult]:
    """Results of experiments, in order: what is missing is trained in ``jobs`` processes of one thread each
    (``$PHDLIB_JOBS``, else one per core; one in all on a GPU), so that results do not depend on how many run at
    once."""
    prepared = [experiment.prepared() for experiment in experiments]
    missing = [experiment for experiment in prepared if not _completed(experiment)]
    if missing:
        for data, keypoints in sorted({(experiment.data, experiment.keypoints) for experiment in missing}):
            load_clips(data, keypoints, "test")  # builds the data once, before the workers ask for it
        jobs = jobs or int(os.environ.get("PHDLIB_JOBS") or os.cpu_count() or 1)
        jobs = 1 if torch.cuda.is_available() else min(jobs, len(missing))
        epochs = sum(experiment.recipe.epochs for experiment in missing)
        run_in_processes(_train, missing, jobs, epochs, f"{len(missing)} trainings")
    return [read_or_run(experiment) for experiment in prepared]


def _train(experiment: LiftingExperiment) -> None:
    read_or_run(experiment.prepared())
