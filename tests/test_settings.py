from __future__ import annotations

import subprocess
import sys

import pytest

from phdlib import settings


def test_defaults_stand_where_the_environment_is_silent(monkeypatch):
    for name in ("PHDLIB_PROFILE", "PHDLIB_DATA_SOURCE"):
        monkeypatch.delenv(name, raising=False)
    assert (settings.current_profile(), settings.current_data()) == ("standard", "embedded")


def test_the_environment_decides(monkeypatch):
    monkeypatch.setenv("PHDLIB_PROFILE", "smoke")
    assert settings.current_profile() == "smoke"


def test_a_wrong_profile_names_the_allowed_ones(monkeypatch):
    monkeypatch.setenv("PHDLIB_PROFILE", "fast")
    with pytest.raises(ValueError, match=r"'fast'.*smoke, standard, paper"):
        settings.current_profile()


@pytest.mark.parametrize("name", ["imagenet", "Embedded", "embedded "])
def test_a_wrong_data_source_names_the_allowed_ones(monkeypatch, name):
    monkeypatch.setenv("PHDLIB_DATA_SOURCE", name)
    with pytest.raises(ValueError, match=r"unknown data source.*embedded"):
        settings.current_data()


def test_importing_the_package_stays_light():
    """The names are needed before anything heavy is: in error messages, in ``--help``."""
    script = "import sys, phdlib.settings, phdlib.paths; print(sorted({'torch', 'numpy', 'pandas'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
