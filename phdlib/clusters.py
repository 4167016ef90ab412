"""Trainings as jobs of a cluster: the cached pieces of :mod:`phdlib.runs`, handed to exca's submitit executor.

``$PHDLIB_CLUSTER`` (``--cluster``) is "slurm", or "local" for processes of this machine, all at once, to try the same
way without a cluster. What a job asks for stands in the environment: ``$PHDLIB_CLUSTER_PARTITION``, ``_ACCOUNT``,
``_QOS``, ``_CONSTRAINT``, ``_TIMEOUT_MIN``, ``_GPUS_PER_NODE``, ``_CPUS_PER_TASK``, ``_MEM_GB``, ``_SETUP`` (a shell
command before the job) and ``_EXTRA`` (further options of sbatch, "exclude=node7 comment=phd"). The cache must lie
where all nodes see it.

Where something ran is no part of its key, and a result becomes the same file in the cache as if it had been computed
here. Only whether jobs have a GPU is in the key, as it is without a cluster.
"""

from __future__ import annotations

import os
import pickle
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import submitit
import torch
from exca.task import LocalJob
from tqdm.auto import tqdm

from phdlib.paths import write_atomically
from phdlib.settings import check_cluster

CHOICE, ON_GPU = "PHDLIB_CLUSTER", "PHDLIB_ON_GPU"
_OPTIONS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "PARTITION": ("slurm_partition", str),
    "ACCOUNT": ("slurm_account", str),
    "QOS": ("slurm_qos", str),
    "CONSTRAINT": ("slurm_constraint", str),
    "SETUP": ("slurm_setup", lambda command: [command]),
    "EXTRA": ("slurm_additional_parameters", lambda pairs: dict(pair.split("=", 1) for pair in pairs.split())),
    "TIMEOUT_MIN": ("timeout_min", int),
    "GPUS_PER_NODE": ("gpus_per_node", int),
    "CPUS_PER_TASK": ("cpus_per_task", int),
    "MEM_GB": ("mem_gb", float),
}
_DAY = 24 * 60  # submitit's own limit is five minutes


def options() -> dict[str, Any]:
    """The fields of exca's infra that the environment asks for; none without ``$PHDLIB_CLUSTER``.

    By default a job of Slurm's has a GPU, eight cores and a day. ``ValueError`` names a variable that is wrong.
    """
    if not (cluster := os.environ.get(CHOICE)):
        return {}
    chosen: dict[str, Any] = {"cluster": check_cluster(cluster), "timeout_min": _DAY}
    if cluster == "slurm":
        chosen |= {"gpus_per_node": 1, "cpus_per_task": 8}
    elif torch.cuda.is_available():
        chosen["gpus_per_node"] = 1
    for variable, value in os.environ.items():
        if variable.startswith(f"{CHOICE}_") and value:
            name = variable.removeprefix(f"{CHOICE}_")
            if name not in _OPTIONS:
                known = ", ".join(f"{CHOICE}_{option}" for option in _OPTIONS)
                raise ValueError(f"{variable} is no option of a cluster's jobs; there are {known}")
            field, parse = _OPTIONS[name]
            try:
                chosen[field] = parse(value)
            except ValueError as error:
                raise ValueError(f"{variable}={value!r}: {error}") from error
    return {field: value for field, value in chosen.items() if value != 0}


def on_gpu() -> bool:
    """Whether results are computed on a GPU: this machine's, or those that the jobs are given."""
    if told := os.environ.get(ON_GPU):  # in a job
        if told == "1" and not torch.cuda.is_available():
            raise RuntimeError(f"this job was to have a GPU, but finds none (${CHOICE}_GPUS_PER_NODE, _PARTITION)")
        return told == "1"
    chosen = options()
    return "gpus_per_node" in chosen if chosen else torch.cuda.is_available()


def run_jobs(experiments: Sequence[Any]) -> None:
    """Compute what is missing, and wait: first the data of all, in one job, then each experiment in a job of its own.

    A job that an earlier call submitted and that still runs is waited for, not submitted again: a command that was
    killed goes on where it was. ``RuntimeError`` tells the error of the first job that failed, once all have ended.
    """
    infra = experiments[0].infra
    if fresh := [experiment for experiment in experiments if experiment.infra.status() != "running"]:
        with _environment_of_jobs(), submitit.helpers.clean_env():
            executor = infra.executor()
            executor.update_parameters(name="phdlib data")
            data = executor.submit(_load, fresh)
        _wait([data], "data")
    # Another's infra: exca retries what failed only in an array that is not asked for by one of its own tasks.
    with _environment_of_jobs(), infra.clone_obj().infra.job_array() as array:
        array.extend(experiments)
    _wait([experiment.infra.job() for experiment in experiments], f"{len(experiments)} jobs")
    for experiment in experiments:
        keep(experiment)


def keep(experiment: Any) -> None:
    """Make the result of a finished job the same file that a computation in this process leaves."""
    folder = Path(experiment.infra.uid_folder())
    link, path = folder / "submitit", folder / "job.pkl"
    if not link.is_symlink():
        return
    job = pickle.loads(path.read_bytes())
    if isinstance(job, submitit.Job):
        result = LocalJob(job.result)
        write_atomically(path, lambda temporary: temporary.write_bytes(pickle.dumps(result)))
        job.paths.result_pickle.unlink(missing_ok=True)
    link.unlink(missing_ok=True)


def _load(experiments: Sequence[Any]) -> None:
    for experiment in experiments:
        experiment.load()


@contextmanager
def _environment_of_jobs() -> Iterator[None]:
    """What jobs inherit: inside one everything is computed in place, on the device that its key says, and on a CPU by
    one thread, as everywhere, so that results do not depend on the number of cores."""
    chosen = options()
    changes: dict[str, str | None] = {CHOICE: None, ON_GPU: str(int("gpus_per_node" in chosen))}
    if "gpus_per_node" not in chosen:
        changes["OMP_NUM_THREADS"] = "1"
    if "cpus_per_task" in chosen:
        changes["PHDLIB_JOBS"] = str(chosen["cpus_per_task"])
    before = {name: os.environ.get(name) for name in changes}
    _set(changes)
    try:
        yield
    finally:
        _set(before)


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _wait(jobs: Sequence[submitit.Job], what: str) -> None:
    pause = 0.5 if isinstance(jobs[0], submitit.LocalJob) else 5.0
    with tqdm(total=len(jobs), desc=what, unit="job") as bar:
        while not all(ended := [job.done() for job in jobs]):
            bar.update(sum(ended) - bar.n)
            time.sleep(pause)
        bar.update(len(jobs) - bar.n)
    failed = [(job, error) for job in jobs if (error := job.exception()) is not None]
    if failed:
        job, error = failed[0]
        count = f"{len(failed)} of {len(jobs)} jobs failed, the first" if len(jobs) > 1 else "a job failed"
        told = f"{count} with {_last_line(str(error))} (job {job.job_id}, its log: {job.paths.stderr})"
        raise RuntimeError(told) from error


def _last_line(error: str) -> str:
    """What submitit's error ends with: that of the traceback, or of the error stream, which it puts between dashes."""
    parts = re.split(r"^-{5,}$", error, flags=re.MULTILINE)
    lines = [line.strip() for line in parts[min(1, len(parts) - 1)].splitlines() if line.strip()]
    return lines[-1] if lines else error.strip().partition("\n")[0]
