"""Typed, cached runs: what has run once is read back, whatever notebook asks for it, and what is missing runs in
parallel: in processes here, as jobs of a cluster (:mod:`phdlib.clusters`), or, under torchrun, one after another on
several devices (:mod:`phdlib.ranks`)."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import exca
import numpy as np
import torch
from pydantic import BaseModel, ConfigDict

from phdlib import clusters, provenance, ranks
from phdlib.cache import code_fingerprint, file_fingerprint, key_of
from phdlib.data import sources
from phdlib.paths import cache_dir, locked, write_atomically
from phdlib.training import Recipe
from phdlib.workers import run_in_processes


class Experiment(BaseModel):
    """One configuration of something that takes long. A subclass has a method ``run`` under ``infra.apply``.

    ``code`` names the modules that decide the result; a change in any of them, comments aside, makes a new one.
    """

    model_config = ConfigDict(extra="forbid")
    code: ClassVar[tuple[str, ...]] = ()

    data: str = "embedded"
    recipe: Recipe = Recipe()
    seed: int = 0
    key: str = ""  # of the data, the code and the libraries: see `prepared`
    infra: exca.TaskInfra = exca.TaskInfra(version="1", mode="retry")

    def prepared(self) -> Self:
        """This experiment with its cache key and folder filled in."""
        versions = (torch.__version__, np.__version__, clusters.on_gpu())
        data = sources.key(self.data, getattr(self, "keypoints", "gt"), getattr(self, "role", "human36m"))
        key = key_of(data=data, code=code_fingerprint(*self.code), versions=versions)
        folder = cache_dir() / "experiments"
        folder.mkdir(exist_ok=True)
        fields = {name: getattr(self, name) for name in type(self).model_fields if name != "infra"}
        return type(self)(**{**fields, "key": key}, infra={"folder": folder, **clusters.options()})

    def cost(self) -> float:
        """About how long :meth:`run` takes, in a unit of its own; an epoch of all there is passes for 1000 steps."""
        return float(self.recipe.epochs * (self.recipe.steps_per_epoch or 1000) * self.recipe.batch_size)

    def before(self) -> Experiment | None:
        """The experiment whose result this one begins with."""
        return None

    def load(self) -> None:
        """Build the data that :meth:`run` will ask for, so that parallel runs find it in the cache."""


E_ = TypeVar("E_", bound=Experiment)


def completed(experiment: Any) -> bool:
    """Whether a result is there and whole. The pickle that exca keeps is opened only if its checksum fits; one that
    does not is named in a warning and removed, so that it is made again."""
    path, seal = _result_file(experiment)
    if path.exists() and seal.exists() and seal.read_text() != file_fingerprint(path):
        warnings.warn(f"unreadable cache {path} (its checksum does not fit); training again", stacklevel=3)
        path.unlink()
        seal.unlink()
    return experiment.infra.status() == "completed"


def _result_file(experiment: Any) -> tuple[Path, Path]:
    path = Path(experiment.infra.uid_folder()) / "job.pkl"
    return path, path.with_suffix(".sha256")


def read_or_run(experiment: Any) -> Any:
    """``experiment.run()``, its file in the cache sealed with a checksum. Under torchrun, all ranks have to ask for the
    same experiments in the same order."""
    if ranks.world_size() > 1:
        return _read_or_run_together(experiment)
    if not completed(experiment) and clusters.options():
        clusters.run_jobs([experiment])
    return _sealed(experiment)


def _sealed(experiment: Any) -> Any:
    clusters.keep(experiment)
    path, seal = _result_file(experiment)
    with locked(path.parent), one_thread():  # whoever asks for the same meanwhile waits, and reads it
        is_new = experiment.infra.status() != "completed"
        result = experiment.run()
        if is_new:
            text = json.dumps(provenance.machine())
            write_atomically(path.with_name(provenance.MACHINE), lambda temporary: temporary.write_text(text))
        digest = file_fingerprint(path)
        if not seal.exists() or seal.read_text() != digest:
            write_atomically(seal, lambda temporary: temporary.write_text(digest))
    _note(experiment, result)
    return result


def _note(experiment: Any, result: Any) -> None:
    """Remember what was read for :mod:`phdlib.provenance`, and what that began with, if the cache has it."""
    if provenance.is_known(experiment):
        return
    provenance.note(experiment, result)
    for needed in provenance.needs(experiment):
        if completed(needed):
            _sealed(needed)


@contextmanager
def one_thread() -> Iterator[None]:
    """What is computed in this process gives what a worker gives, which has one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _read_or_run_together(experiment: Any) -> Any:
    """The ranks share a training whose batches they can share, PHD's; others are the first rank's, as all data is. The
    first alone writes."""

    def ready() -> bool:
        with ranks.alone():
            if not completed(experiment):
                if not isinstance(experiment.recipe, Recipe):
                    experiment.load()
                    return False
                read_or_run(experiment)
            return True

    if not ranks.first_says(ready):
        _sealed(experiment) if ranks.is_first() else experiment.infra._run_method()
        ranks.first_says(lambda: None)  # that it has written
    with ranks.alone():
        return read_or_run(experiment)


def run_all(experiments: Sequence[E_], jobs: int | None = None) -> list[Any]:
    """Results of experiments, in order: what is missing, and what that begins with, is trained in ``jobs`` processes of
    one thread each (``$PHDLIB_JOBS``, else one per core; one in all on a GPU), so that results do not depend on how
    many run at once; or by a cluster's jobs, or by all ranks of torchrun together."""
    prepared = [experiment.prepared() for experiment in experiments]
    if ranks.world_size() > 1:
        for experiment in _in_order(prepared, known=lambda _: False):
            read_or_run(experiment)
    elif missing := [e for e in _in_order(prepared, completed) if not completed(e)]:
        if clusters.options():
            for stage in _stages(missing):
                clusters.run_jobs(stage)
        else:
            _run_here(missing, jobs)
    return [read_or_run(experiment) for experiment in prepared]


def _in_order(experiments: Sequence[Experiment], known: Callable[[Experiment], bool]) -> list[Experiment]:
    """Prepared experiments, each once and after what it begins with, unless it is ``known`` itself."""
    found: dict[str, Experiment] = {}

    def add(experiment: Experiment) -> None:
        if experiment.infra.uid() not in found:
            if not known(experiment) and (before := experiment.before()) is not None:
                add(before.prepared())
            found[experiment.infra.uid()] = experiment

    for experiment in experiments:
        add(experiment)
    return list(found.values())


def _waits_for(missing: Sequence[Experiment]) -> list[int | None]:
    """For each of the experiments, which of them it begins with."""
    places = {experiment.infra.uid(): i for i, experiment in enumerate(missing)}
    befores = [experiment.before() for experiment in missing]
    return [None if before is None else places.get(before.prepared().infra.uid()) for before in befores]


def _stages(missing: Sequence[Experiment]) -> list[list[Experiment]]:
    """Those that wait for none, those that wait for these, and so on."""
    depths: list[int] = []
    for first in _waits_for(missing):
        depths.append(0 if first is None else depths[first] + 1)
    return [[e for e, depth in zip(missing, depths, strict=True) if depth == k] for k in range(max(depths) + 1)]


def _run_here(missing: list[Experiment], jobs: int | None) -> None:
    waits_for = _waits_for(missing)
    left = [experiment.cost() for experiment in missing]  # until the last that begins with it has ended
    for i, first in reversed(list(enumerate(waits_for))):
        if first is None:
            missing[i].load()
        else:
            left[first] = max(left[first], missing[first].cost() + left[i])
    jobs = jobs or int(os.environ.get("PHDLIB_JOBS") or os.cpu_count() or 1)
    jobs = 1 if torch.cuda.is_available() else min(jobs, len(missing))
    epochs = sum(experiment.recipe.epochs for experiment in missing)
    # The longest way to the end goes first, or it would end alone.
    run_in_processes(_train, missing, jobs, epochs, f"{len(missing)} trainings", waits_for, [-cost for cost in left])


def _train(experiment: Experiment) -> None:
    read_or_run(experiment.prepared())
