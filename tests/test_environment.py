from __future__ import annotations

import re
from importlib import metadata

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from phdlib import environment, paths


def test_environment_yml_is_what_pyproject_toml_says():
    assert environment.ENVIRONMENT.read_text() == environment.environment_yml(), "python -m phdlib.environment write"


def test_environment_yml_is_sound_for_conda():
    """Parsed as conda does: known keys, a Python that the project takes, every pip line an exact pin or the project."""
    content = yaml.safe_load(environment.ENVIRONMENT.read_text())
    assert content["channels"] == ["conda-forge"]
    *conda, pip = content["dependencies"]
    python = next(line for line in conda if line.startswith("python=")).removeprefix("python=")
    text = (paths.ROOT / "pyproject.toml").read_text()
    assert SpecifierSet(re.search('requires-python = "(.*)"', text)[1]).contains(f"{python}.0")
    assert "pip" in conda
    *pinned, project = pip["pip"]
    assert project == "-e ."
    assert dict(line.split("==") for line in pinned) == environment.pins()


def test_this_environment_holds_the_pinned_versions():
    assert environment.mismatches() == []


def test_a_missing_and_an_older_package_are_told(monkeypatch, capsys):
    def version(name: str) -> str:
        if name == "numpy":
            raise metadata.PackageNotFoundError(name)
        return {"torch": "2.13.0+cpu", "scipy": "1.0"}.get(name, environment.pins()[name])

    monkeypatch.setattr(environment.metadata, "version", version)
    assert environment.main(["check"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert re.fullmatch(r"numpy [\d.]+ is pinned, none installed", lines[0])
    assert re.fullmatch(r"scipy [\d.]+ is pinned, 1.0 installed", lines[1])


@pytest.mark.parametrize("arguments", [[], ["write", "x"], ["fix"]])
def test_wrong_use_changes_nothing(arguments, capsys):
    assert environment.main(arguments) == 2
    assert "usage" in capsys.readouterr().err
