"""Run the notebooks: ``python -m phdlib.run [--profile P] [--data D] [--only PATTERN] [--jobs N] [--cluster C]``.

Each .py under ``notebooks/`` is turned into a notebook and executed by Papermill. What is costly inside them runs in
``--jobs`` processes, or as jobs of a cluster (:mod:`phdlib.clusters`), and is cached, so that a run that was killed
goes on where it stopped; the notebooks that show what was trained follow, ``--jobs`` at a time.
A notebook that fails does not stop the others.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from phdlib import notebook, paths, publish, ranks, readme, report, settings
from phdlib.data import sources
from phdlib.notebook_runs import run


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:
        self.exit(2, f"{message}\n")


def _arguments(arguments: list[str]) -> argparse.Namespace:
    parser = _Parser(prog="python -m phdlib.run", description="Run the notebooks; they write tables and figures.")
    parser.add_argument("--profile", default=settings.current_profile(), help=", ".join(settings.PROFILES))
    parser.add_argument("--data", default=settings.current_data(), help=", ".join(settings.DATA_SOURCES))
    parser.add_argument("--only", metavar="PATTERN", help="part of a notebook's name or of a table's or figure's id")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: one per core)")
    cluster = os.environ.get("PHDLIB_CLUSTER")
    parser.add_argument("--cluster", default=cluster, help=f"hand trainings to: {', '.join(settings.CLUSTERS)}")
    chosen = parser.parse_args(arguments)
    settings.check_profile(chosen.profile)
    settings.check_data(chosen.data)
    if chosen.cluster:
        _check_cluster(chosen.cluster)
    if ranks.world_size() > 1:
        raise ValueError("notebooks run in one process: train with torchrun -m phdlib.train, then call this without it")
    if chosen.jobs < 1:
        raise ValueError(f"--jobs {chosen.jobs}: at least one")
    return chosen


def _check_cluster(name: str) -> None:
    """Choose a cluster for this process and its notebooks; ``ValueError`` if its jobs could not be asked for."""
    os.environ["PHDLIB_CLUSTER"] = settings.check_cluster(name)
    from phdlib import clusters  # takes seconds, and is needed for little else

    clusters.options()


def _choose(folder: Path, pattern: str | None, data: str) -> list[Path]:
    """The notebooks that are asked for and run on the data; those that do not are named, and why."""
    found = notebook.sources(folder)
    if not found:
        raise ValueError(f"no notebooks in {folder}")
    chosen = notebook.select(found, pattern, folder) if pattern else found
    if not chosen:
        known = ", ".join(notebook.name(source, folder) for source in found)
        raise ValueError(f"--only {pattern}: no notebook, table or figure of that name; the notebooks are {known}")
    fit = [source for source in chosen if sources.runs_on(data, notebook.name(source, folder))]
    left_out = ", ".join(notebook.name(source, folder) for source in chosen if source not in fit)
    told = f"not on --data {data}: {left_out}; {sources.source(data).why_not}"
    if not fit:
        raise ValueError(told)
    if left_out:
        print(told, flush=True)
    return sorted(fit, key=lambda source: notebook.name(source, folder) == notebook.FRONT_DOOR)


def _tell(profile: str, data: str) -> None:
    """What a run ends with: its report, and after a run of the committed kind the README; where a verdict of an earlier
    run is not as this code declares it, a line says so, and both stay as they were."""
    folder = publish.output_dir(profile, data)
    try:
        report.write(profile, data)
        print(f"What held and what did not: {folder / report.NAMES[0]}")
        if folder == paths.FIGURES:
            readme.update()
    except ValueError as error:
        print(f"The report was left as it is: {error}", file=sys.stderr)


def main(arguments: list[str], folder: Path = paths.NOTEBOOKS) -> int:
    """Exit status: 0 all ran, 1 something failed, 2 wrong use, 130 interrupted."""
    try:
        chosen = _arguments(arguments)
        notebooks = _choose(folder, chosen.only, chosen.data)
        sources.check(chosen.data)
    except (ValueError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 2
    try:
        own = paths.user_data_dir()
        os.environ |= {
            # Absolute, since notebooks run in folders of their own.
            "PHDLIB_CACHE": str(paths.cache_dir()),
            "PHDLIB_DATA": str(own.absolute()) if own else "",
            "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE"),  # waiting threads leave a core to others
            "PHDLIB_PROFILE": chosen.profile,
            "PHDLIB_DATA_SOURCE": chosen.data,
            "PHDLIB_JOBS": str(chosen.jobs),
            "JUPYTER_PREFER_ENV_PATH": "1",  # the kernel of this environment, not one of the user's
        }
        failed = run(notebooks, folder, chosen.profile, chosen.data, chosen.jobs)
        if folder == paths.NOTEBOOKS:
            _tell(chosen.profile, chosen.data)
        return 1 if failed else 0
    except OSError as error:
        print(f"cannot go on: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. What was finished is kept; the same command goes on from there.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    status = main(sys.argv[1:])
    if status == 130:
        sys.stdout.flush()
        os._exit(status)  # at once, not when notebooks that ran side by side have ended; their kernels end with this
    sys.exit(status)
