"""Trainings as a cluster's jobs, by submitit's local executor: the same results, kept the same way; errors arrive."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from exca.task import LocalJob
from small_experiment import Drawn

from phdlib import clusters, runs
from phdlib.runs import read_or_run, run_all


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and jobs that find the experiment."""
    monkeypatch.setenv("PHDLIB_CACHE", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    monkeypatch.setenv("PHDLIB_CLUSTER", "local")
    monkeypatch.setenv("PHDLIB_CLUSTER_TIMEOUT_MIN", "5")
    return tmp_path


def ran(cache: Path) -> list[str]:
    return sorted((cache / "runs").read_text().splitlines())


def test_jobs_leave_what_a_computation_here_leaves(cluster: Path, tmp_path_factory, monkeypatch) -> None:
    """Also where an experiment begins with another one, and where one fails."""
    wanted = [Drawn(seed=2, depth=1), Drawn(seed=-3)]
    with pytest.raises(RuntimeError, match=r"1 of 2 jobs failed, the first with ValueError: seed -3: expected at"):
        run_all(wanted)
    assert ran(cluster) == ["-3 0", "2 0", "2 1"]
    (cluster / "mended").touch()
    found = run_all(wanted)  # the jobs that succeeded are not run again
    assert ran(cluster) == ["-3 0", "-3 0", "2 0", "2 1"]
    assert len({result["process"] for result in found} | {os.getpid()}) == 3
    assert all(result["data by"] != str(os.getpid()) for result in found)
    assert all(result["cluster"] is None and result["threads"] == "1" for result in found)

    prepared = [experiment.prepared() for experiment in wanted]
    assert prepared[0].infra.cluster == "local"
    monkeypatch.delenv("PHDLIB_CLUSTER")
    for there, result in zip(prepared, found, strict=True):
        here = type(there)(seed=there.seed, depth=there.depth).prepared()
        assert here.infra.uid() == there.infra.uid() and here.infra.cluster is None
        assert read_or_run(here)["process"] == result["process"]  # from the cache, whoever asks
        path, seal = runs._result_file(here)
        assert isinstance(pickle.loads(path.read_bytes()), LocalJob) and seal.exists()
        assert not (path.parent / "submitit").is_symlink()
    # Results are kept once, the others being the data's jobs and the one that failed; logs stay.
    assert len(list(cluster.rglob("*_result.pkl"))) == 3 and list(cluster.rglob("*.err"))

    monkeypatch.setenv("PHDLIB_CACHE", str(tmp_path_factory.mktemp("other")))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    Drawn().load()
    assert np.array_equal(read_or_run(wanted[0].prepared())["drawn"], found[0]["drawn"])


def test_a_job_that_runs_already_is_waited_for(cluster: Path) -> None:
    """As after a command that was killed while its jobs ran on."""
    Drawn().load()
    experiment = Drawn(seed=5).prepared()
    experiment.infra.job()
    assert read_or_run(Drawn(seed=5).prepared())["drawn"].shape == (4,)
    assert ran(cluster) == ["5 0"]
    assert read_or_run(Drawn(seed=5).prepared())["process"] != os.getpid()
    assert ran(cluster) == ["5 0"]


def test_jobs_ask_for_what_the_environment_says(cluster: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters.torch.cuda, "is_available", lambda: False)
    assert clusters.options() == {"cluster": "local", "timeout_min": 5} and not clusters.on_gpu()
    on_cpu = Drawn().prepared().key
    monkeypatch.setenv("PHDLIB_CLUSTER", "slurm")
    assert clusters.on_gpu()
    for name, value in {
        "PARTITION": "gpu",
        "MEM_GB": "32",
        "SETUP": "module load cuda",
        "EXTRA": "exclude=n7 gres=gpu:2",
    }.items():
        monkeypatch.setenv(f"PHDLIB_CLUSTER_{name}", value)
    infra = Drawn().prepared().infra
    assert (infra.cluster, infra.timeout_min, infra.gpus_per_node, infra.cpus_per_task) == ("slurm", 5, 1, 8)
    assert (infra.slurm_partition, infra.mem_gb, infra.slurm_setup) == ("gpu", 32, ["module load cuda"])
    assert infra.slurm_additional_parameters == {"exclude": "n7", "gres": "gpu:2"}
    assert Drawn().prepared().key != on_cpu  # a GPU's results are others
    monkeypatch.setenv("PHDLIB_CLUSTER_GPUS_PER_NODE", "0")
    assert not clusters.on_gpu() and Drawn().prepared().key == on_cpu
    monkeypatch.delenv("PHDLIB_CLUSTER")
    monkeypatch.setenv(clusters.ON_GPU, "1")
    with pytest.raises(RuntimeError, match="was to have a GPU, but finds none"):
        clusters.on_gpu()


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("PHDLIB_CLUSTER", "pbs", "unknown cluster 'pbs': choose one of slurm, local"),
        ("PHDLIB_CLUSTER_TIMEOUT_MIN", "1h", r"PHDLIB_CLUSTER_TIMEOUT_MIN='1h': invalid literal for int"),
        ("PHDLIB_CLUSTER_PARTITON", "gpu", "PHDLIB_CLUSTER_PARTITON is no option .* PHDLIB_CLUSTER_PARTITION,"),
    ],
)
def test_a_wrong_variable_is_named(cluster: Path, monkeypatch, variable: str, value: str, told: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValueError, match=told):
        clusters.options()


def test_a_failure_is_told_by_the_line_that_says_what() -> None:
    """submitit's two texts: of a job that raised, and of one that was ended from outside."""
    raised = "Job (task=0) failed during processing with trace:\n----------------------\nTraceback ...\n  run()\n"
    raised += "OSError: no room\n\n----------------------\nYou can check full logs with ... at paths:\n  - a.err\n"
    killed = "Job 7 (task: 0) with path a.pkl\nhas not produced any output (state: OUT_OF_MEMORY)\n"
    killed += "Error stream produced:\n----------\n\nslurmstepd: error: Detected 1 oom-kill event\n"
    assert clusters._last_line(raised) == "OSError: no room"
    assert clusters._last_line(killed) == "slurmstepd: error: Detected 1 oom-kill event"
    assert clusters._last_line("Job 8 was cancelled\n") == "Job 8 was cancelled"
