"""Run the notebooks: ``python -m phdlib.run [--profile P] [--data D] [--only PATTERN] [--jobs N] [--cluster C]``.

Each .py under ``notebooks/`` is turned into a notebook and executed by Papermill, one after another. What is costly
inside them runs in ``--jobs`` processes, or as jobs of a cluster (:mod:`phdlib.clusters`), and is cached, so that a run
that was killed goes on where it stopped.
A notebook that fails does not stop the others.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from phdlib import notebook, paths, publish, ranks, readme, report, settings
from phdlib.data import sources

GUESS = 60.0  # seconds that a notebook is taken to need before its first run


class Failed(Exception):
    """A notebook that did not run to its end; the message is the line to print."""


class Timings:
    """Seconds that each notebook took last time, in the cache: what the time left is reckoned from."""

    def __init__(self, prefix: str) -> None:
        self.path, self.prefix = paths.cache_dir() / "run-seconds.json", prefix
        try:
            self.seconds: dict[str, float] = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            self.seconds = {}
        except (OSError, ValueError) as error:
            print(f"{self.path} cannot be read ({error}); times left start as guesses", file=sys.stderr)
            self.seconds = {}

    def expected(self, name: str) -> float:
        """Seconds to expect of one notebook; at least one, since a bar divides by it."""
        return max(1.0, float(self.seconds.get(f"{self.prefix}/{name}", GUESS)))

    def record(self, name: str, seconds: float) -> None:
        self.seconds[f"{self.prefix}/{name}"] = round(seconds, 1)
        text = json.dumps(self.seconds, indent=1, sort_keys=True)
        paths.write_atomically(self.path, lambda file: file.write_text(text, encoding="utf-8"))


def execute(source: Path, target: Path, work: Path, profile: str, data: str) -> None:
    """Run one notebook through Papermill in ``work``; ``target`` is replaced only once it has run to its end.

    ``Failed`` says which cell and which error; what came out until then stays in ``work``.
    """
    import papermill
    from nbclient.exceptions import DeadKernelError

    logging.getLogger("papermill").setLevel(logging.ERROR)
    is_default = (profile, data) == (settings.DEFAULT_PROFILE, settings.DEFAULT_DATA)
    plain = notebook.write(notebook.read_source(source), work / "source.ipynb")
    partial = work / source.with_suffix(".ipynb").name
    try:
        executed = papermill.execute_notebook(
            plain,
            partial,
            # The parameters cell says the defaults by itself: with nothing injected, .py and .ipynb stay a pair.
            parameters={} if is_default else {"profile": profile, "data": data},
            kernel_name=notebook.KERNEL["name"],
            cwd=source.parent,
            progress_bar=False,
            extra_arguments=["--IPKernelApp.log_level=CRITICAL"],  # what happens in a cell is in its output
        )
    except papermill.PapermillExecutionError as error:
        line = next((line for line in error.source.splitlines() if line.strip()), "")
        raise Failed(
            f"cell {error.cell_index} ({line.strip()[:60]}): {error.ename}: {_one_line(error.evalue)}"
        ) from error
    except DeadKernelError as error:
        raise Failed("its Python process was killed (out of memory?)") from error
    for warning in notebook.cache_warnings(executed):
        print(warning, flush=True)
    notebook.write(notebook.tidy(executed), target)
    # Of a pair JupyterLab asks which is newer; after a run they are equally new.
    os.utime(target, (source.stat().st_atime, source.stat().st_mtime))


def run(sources: list[Path], folder: Path, profile: str, data: str) -> list[str]:
    """Run notebooks one after another and say how far it is; the names of those that failed."""
    timings = Timings(f"{profile}/{data}")
    output = publish.output_dir(profile, data)
    results = folder if output == paths.FIGURES else output / "notebooks"
    expected = {source: timings.expected(notebook.name(source, folder)) for source in sources}
    failed, began = [], time.monotonic()
    for position, source in enumerate(sources):
        name, start = notebook.name(source, folder), time.monotonic()
        work = paths.cache_dir() / "runs" / f"{profile}-{data}" / name
        # A page that shows the user's own files never lands on the committed one.
        shows_own = name == "01_your_data" and paths.user_data_dir() is not None
        target = ((output / "own" if shows_own else results) / name).with_suffix(".ipynb")
        left = sum(expected[later] for later in sources[position + 1 :])
        head = f"[{position + 1}/{len(sources)}] {name}"
        try:
            work.mkdir(parents=True, exist_ok=True)
            with _bar(head, expected[source], left):
                execute(source, target, work, profile, data)
            seconds = time.monotonic() - start
            timings.record(name, seconds)
        except Exception as error:
            failed.append(name)
            print(f"{head}: FAILED: {_one_line(error)}", flush=True)
            if (work / target.name).exists():
                print(f"    as far as it came: {work / target.name}", flush=True)
        else:
            rest = f", about {_clock(left)} left" if left else ""
            where = f"; with your data in it: {target}" if shows_own else ""
            print(f"{head}: {_clock(seconds)}{rest}{where}", flush=True)
    done = len(sources) - len(failed)
    verdict = f"{done} of {len(sources)} notebooks ran" if failed else f"{done} notebook{'s' * (done > 1)} ran"
    where = f" Tables and figures: {output}; notebooks: {results}" if done else ""
    print(f"{verdict} in {_clock(time.monotonic() - began)}.{where}")
    if failed:
        print(f"Failed: {', '.join(failed)}")
    return failed


@contextmanager
def _bar(head: str, expected: float, left_after: float) -> Iterator[None]:
    """On a terminal, a bar that fills as a notebook's expected time passes, beside the time left of all of them."""
    stop = threading.Event()
    form = "{desc} {bar:24} {elapsed}{postfix}"
    with tqdm(desc=head, total=expected, bar_format=form, leave=False, disable=None) as bar:
        if bar.disable:  # a log, where no bar shows that something is going on
            print(f"{head}: started, about {_clock(expected)}", file=sys.stderr, flush=True)

        def tick() -> None:
            start = time.monotonic()
            while not stop.wait(0.5):
                passed = time.monotonic() - start
                bar.n = min(passed, 0.99 * expected)
                bar.set_postfix_str(f"about {_clock(max(expected - passed, 0) + left_after)} left")

        ticker = threading.Thread(target=tick, daemon=True)
        ticker.start()
        try:
            yield
        finally:
            stop.set()
            ticker.join()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _one_line(error: object) -> str:
    """The first line that says something, short enough to read."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__


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
            "OMP_WAIT_POLICY": os.environ.get(
                "OMP_WAIT_POLICY", "PASSIVE"
            ),  # waiting threads leave a busy core to others
            "PHDLIB_PROFILE": chosen.profile,
            "PHDLIB_DATA_SOURCE": chosen.data,
            "PHDLIB_JOBS": str(chosen.jobs),
            "JUPYTER_PREFER_ENV_PATH": "1",  # the kernel of this environment, not one of the user's
        }
        failed = run(notebooks, folder, chosen.profile, chosen.data)
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
    sys.exit(main(sys.argv[1:]))
