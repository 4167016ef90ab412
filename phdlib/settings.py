"""Which profile and which data source a run is for, names from the environment or their defaults; and where it may run.

``reproduce.sh`` reads the lists below with sed, to refuse a wrong name before it installs anything: keep each on one
line.
"""

from __future__ import annotations

import os

PROFILES = ("smoke", "standard", "paper")
DATA_SOURCES = ("embedded", "cmu", "human36m", "humaneva", "penn")
CLUSTERS = ("slurm", "local")

MEANINGLESS = "numbers mean nothing"  # of smoke: networks of seconds, to see that everything runs
DEFAULT_PROFILE = "standard"
DEFAULT_DATA = "embedded"


def check_profile(name: str) -> str:
    """Return ``name`` if it is a profile; ``ValueError`` names the allowed ones."""
    if name not in PROFILES:
        raise ValueError(f"unknown profile {name!r}: choose one of {', '.join(PROFILES)}")
    return name


def check_data(name: str) -> str:
    """Return ``name`` if it is a data source that can be run; ``ValueError`` names those that can."""
    if name not in DATA_SOURCES:
        raise ValueError(f"unknown data source {name!r}: choose one of {', '.join(DATA_SOURCES)}")
    return name


def current_motion() -> str:
    """Whose motion the embedded bodies move by in this process: the user's CMU tree, or the project's own."""
    return "cmu" if current_data() == "cmu" else DEFAULT_DATA


def check_cluster(name: str) -> str:
    """Return ``name`` if jobs can be handed to it; ``ValueError`` names what they can be handed to."""
    if name not in CLUSTERS:
        raise ValueError(f"unknown cluster {name!r}: choose one of {', '.join(CLUSTERS)}")
    return name


def current_profile() -> str:
    """The profile in ``$PHDLIB_PROFILE``, or ``standard``."""
    return check_profile(os.environ.get("PHDLIB_PROFILE") or DEFAULT_PROFILE)


def current_data() -> str:
    """The data source in ``$PHDLIB_DATA_SOURCE``, or ``embedded``."""
    return check_data(os.environ.get("PHDLIB_DATA_SOURCE") or DEFAULT_DATA)
