"""PHD's trainings without notebooks, on as many GPUs as there are:

    torchrun --nproc-per-node=4 -m phdlib.train --profile paper

All ranks share every batch of PHD's two stages; the features' CNN and the data are the first rank's. What is left in
the cache is read by the notebooks, which run in one process: ``./reproduce.sh --profile paper`` afterwards. A training
that was stopped goes on from its last whole epoch.
"""

from __future__ import annotations

import argparse
import sys
import time

from phdlib import ranks, settings


def train(profile: str, data: str = "embedded", features: str | None = None) -> int:
    """Train, or find in the cache, all rows of :mod:`phdlib.phd_profiles`; how many those are. ``features``:
    "images", "lifter", or None for the profile's own."""
    from phdlib import phd_profiles
    from phdlib.runs import run_all

    encoders = [e for of_row in phd_profiles.encoders(profile, data, features).values() for e in of_row]
    models = [e for of_row in phd_profiles.models(profile, data, features).values() for e in of_row]
    run_all([*encoders, *models])
    return len(encoders) + len(models)


def main(arguments: list[str]) -> int:
    """Exit status: 0, or 2 for wrong use."""
    parser = argparse.ArgumentParser(prog="python -m phdlib.train", description="Train PHD's rows into the cache.")
    parser.add_argument("--profile", default=settings.current_profile(), help=", ".join(settings.PROFILES))
    parser.add_argument("--data", default=settings.current_data(), help=", ".join(settings.DATA_SOURCES))
    parser.add_argument("--features", choices=("images", "lifter"), help="default: the profile's")
    chosen = parser.parse_args(arguments)
    try:
        settings.check_profile(chosen.profile)
        settings.check_data(chosen.data)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    started = time.monotonic()
    count = train(chosen.profile, chosen.data, chosen.features)
    if ranks.is_first():
        print(f"{count} trained experiments are in the cache, after {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
