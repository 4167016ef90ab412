"""The command line of reproduce.sh: what it refuses, it refuses in one line and before anything is installed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from phdlib import paths, settings

SCRIPT = paths.ROOT / "reproduce.sh"


@pytest.fixture
def call(tmp_path: Path):
    """Call the script from another folder, through a symbolic link, where nothing is installed and nothing can be."""
    link = tmp_path / "link.sh"
    link.symlink_to(SCRIPT)
    closed = {"PIP_INDEX_URL": "http://127.0.0.1:9/", "UV_INDEX_URL": "http://127.0.0.1:9/", "PIP_RETRIES": "0"}
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "CONDA_", "UV_"))}
    environment |= closed | {"PHDLIB_VENV": str(tmp_path / "venv"), "PIP_CONFIG_FILE": os.devnull, "PHDLIB_DATA": ""}

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        command = ["bash", str(link), *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment | variables)

    return run


def test_help_needs_no_environment(call, tmp_path):
    for arguments in (["--help"], ["-h"], ["test", "--help"], ["--profile", "smoke", "--help"]):
        result = call(*arguments)
        assert result.returncode == 0
        assert result.stdout.startswith("Regenerate the tables and figures")
        assert max(map(len, result.stdout.splitlines())) <= 120
    assert not (tmp_path / "venv").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--profile", "fast"], "choose one of: " + " ".join(settings.PROFILES)),
        (["--profile="], "choose one of: " + " ".join(settings.PROFILES)),
        (["--profile", "smoke standard"], "choose one of: " + " ".join(settings.PROFILES)),
        (["--data", "imagenet"], "choose one of: " + " ".join(settings.DATA_SOURCES)),
        (["--data", "penn"], "--data penn needs PHDLIB_DATA, the folder of your data"),
        (["--jobs", "0"], "from 1 up"),
        (["--cluster", "pbs"], "choose one of: " + " ".join(settings.CLUSTERS)),
        (["--jobs", "two"], "from 1 up"),
        (["--only"], "--only needs a value"),
        (["--speed", "fast"], "unknown argument --speed"),
        (["smoke"], "unknown argument smoke"),
        (["--verify", "all"], "--verify all: expected how many trainings"),
    ],
)
def test_wrong_use_is_told_in_one_line_before_anything_is_installed(call, tmp_path, arguments, told):
    result = call(*arguments)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert told in result.stderr
    assert result.stdout == ""
    assert not (tmp_path / "venv").exists()


def test_every_profile_and_data_source_of_the_package_is_known_to_the_script(call):
    """They get past the names' check: the wrong --jobs behind them is what is refused."""
    known = {"--profile": settings.PROFILES, "--data": settings.DATA_SOURCES, "--cluster": settings.CLUSTERS}
    for option, names in known.items():
        for name in names:
            assert "--jobs 0" in call(option, name, "--jobs", "0", PHDLIB_DATA="mine").stderr


def test_without_a_network_the_installation_fails_in_one_line_and_leaves_no_mark(call, tmp_path):
    result = call("--profile", "smoke")
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert "package registry could not be reached" in line
    assert "install.log" in line
    assert not (tmp_path / "venv" / ".phdlib-installed").exists()


def test_an_environment_that_another_clone_made_runs_this_ones_code(call, tmp_path):
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    python = tmp_path / "venv" / "bin" / "python"
    python.write_text('#!/bin/sh\n[ "$1" = -V ] && echo Python 3.11.9 || echo "$PYTHONPATH $*"\n')
    python.chmod(0o755)
    pinned = (paths.ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (tmp_path / "venv" / ".phdlib-installed").write_text(f"{tmp_path}/venv\nPython 3.11.9\n{pinned}")
    result = call("--profile", "smoke", PHDLIB_VENV="venv", PYTHONPATH="/elsewhere")
    assert result.stdout.splitlines() == [
        f"Using the environment {tmp_path}/venv.",
        f"{paths.ROOT}:/elsewhere -m phdlib.run --profile smoke",
    ]
