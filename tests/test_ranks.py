"""Trainings shared by several processes: who computes, who waits, who writes, and that nothing but rounding changes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from rank_processes import ENCODER

from phdlib import ranks, train
from phdlib.runs import read_or_run


def start(folder: Path, cache: Path, size: int) -> list[dict]:
    """rank_processes.py in ``size`` processes with torchrun's variables; what each of them left."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    shared = {"OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    command, running = [sys.executable, str(Path(__file__).with_name("rank_processes.py")), str(folder), str(cache)], []
    for rank in range(size):
        own = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(size), "LOCAL_WORLD_SIZE": str(size)}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        running.append(subprocess.Popen(command, env=os.environ | shared | (own if size > 1 else {}), **pipes))
    for process in running:
        output, _ = process.communicate(timeout=600)
        assert process.returncode == 0, output
    return [torch.load(folder / f"{size}-{rank}.pt", weights_only=False) for rank in range(size)]


def test_ranks_train_into_one_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """f_3D's start and stage 1 are shared by two ranks, written once, read by both, and equal to one process' but for
    rounding; an experiment by another recipe runs on the first rank alone, which there knows of no other."""
    (one,), (first, second) = start(tmp_path, tmp_path / "one", 1), start(tmp_path, tmp_path / "two", 2)
    assert one["trained"] == [1, 1] and first["trained"] == second["trained"] == [2, 2]
    assert np.array_equal(first["losses"], second["losses"]) and np.array_equal(first["joints"], second["joints"])
    assert first["losses"] == pytest.approx(one["losses"], rel=1e-3, abs=1e-6)
    assert np.allclose(first["joints"], one["joints"], atol=1e-3)
    for cache in ("one", "two"):
        files = [path.name for path in (tmp_path / cache / "experiments").glob("phd*/*/*")]
        assert files.count("job.pkl") == files.count("job.sha256") == 2 and "partial.pt" not in files

    assert first["first"] == second["first"] == first["process"] != second["process"]
    assert first["run by"] == second["run by"] == {first["process"]}
    assert (tmp_path / "two" / "runs").read_text().splitlines() == ["1 1", "1 0", "-2 0"]
    assert first["error"] == "ValueError: seed -2: expected at least 0"
    assert second["error"] == f"RuntimeError: the first of 2 processes failed: {first['error']}"

    monkeypatch.setenv("PHDLIB_CACHE", str(tmp_path / "two"))
    again = read_or_run(ENCODER.prepared())  # here, by one process
    assert np.array_equal(again.present["penn"].joints, second["joints"])


def test_alone_hides_torchruns_variables_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "RANK": "1",
        "WORLD_SIZE": "4",
        "LOCAL_RANK": "1",
        "TORCHELASTIC_RUN_ID": "a",
        "MASTER_PORT": "1",
        "KEPT": "k",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert ranks.world_size() == 4 and not ranks.is_first()
    with pytest.raises(KeyError), ranks.alone():
        assert ranks.world_size() == 1 and ranks.is_first()
        assert {name for name in given if name in os.environ} == {"KEPT"}
        raise KeyError
    assert {name: os.environ[name] for name in given} == given


def test_a_wrong_profile_trains_nothing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "train", lambda *_: 12)
    assert train.main(["--profile", "fast"]) == 2 and "smoke, standard, paper" in capsys.readouterr().err
    assert train.main(["--profile", "smoke"]) == 0
    assert capsys.readouterr().out.startswith("12 trained experiments")
    monkeypatch.setenv("RANK", "1")
    assert train.main(["--profile", "smoke"]) == 0 and capsys.readouterr().out == ""
