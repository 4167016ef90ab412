"""A run of several notebooks: what trains goes one after another, what shows runs side by side; what came of each."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from phdlib import notebook, paths, publish, settings

STILL = 300.0  # seconds between the signs of life of a notebook, in a log
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

    def measured(self, name: str) -> bool:
        """Whether a notebook ran before, or its time is a guess."""
        return f"{self.prefix}/{name}" in self.seconds

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


def run(sources: list[Path], folder: Path, profile: str, data: str, jobs: int = 1) -> list[str]:
    """Run notebooks and say how far it is; the names of those that failed. Those that train, and the front door, which
    shows what the others leave, have the machine for themselves; the rest run ``jobs`` at a time."""
    task = _Task(folder, profile, data, Timings(f"{profile}/{data}"), len(sources))
    beside = [source for source in sources if notebook.runs_beside(task.name(source))]
    before = [source for source in sources if source not in beside and task.name(source) != notebook.FRONT_DOOR]
    last = [source for source in sources if source not in (*before, *beside)]
    task.lanes = max(1, min(jobs, len(beside)))
    task.waiting = [*before, *beside, *last]
    began = time.monotonic()
    for source in before:
        task.run(source)
    with ThreadPoolExecutor(task.lanes) as lanes, _shared_by(task.lanes, jobs):
        try:
            list(lanes.map(task.run_in_lane, beside))
        except KeyboardInterrupt:
            lanes.shutdown(wait=False, cancel_futures=True)
            raise
    for source in last:
        task.run(source)
    done = len(sources) - len(task.failed)
    verdict = f"{done} of {len(sources)} notebooks ran" if task.failed else f"{done} notebook{'s' * (done > 1)} ran"
    where = f" Tables and figures: {task.output}; notebooks: {task.results}" if done else ""
    print(f"{verdict} in {_clock(time.monotonic() - began)}.{where}")
    if task.failed:
        print(f"Failed: {', '.join(task.failed)}")
    return task.failed


@contextmanager
def _shared_by(lanes: int, jobs: int) -> Iterator[None]:
    """Notebooks that run side by side share the processes that they may use."""
    before = os.environ.get("PHDLIB_JOBS", "")
    os.environ["PHDLIB_JOBS"] = str(max(1, jobs // lanes))
    try:
        yield
    finally:
        os.environ["PHDLIB_JOBS"] = before


class _Task:
    """A run of several notebooks: what is left of it, and what failed."""

    def __init__(self, folder: Path, profile: str, data: str, timings: Timings, count: int) -> None:
        self.folder, self.profile, self.data, self.timings, self.count = folder, profile, data, timings, count
        self.output = publish.output_dir(profile, data)
        self.results = folder if self.output == paths.FIGURES else self.output / "notebooks"
        self.lanes, self.begun = 1, 0
        self.waiting: list[Path] = []
        self.failed: list[str] = []
        self.rows: set[int] = set()  # of the terminal, that have a bar
        self.lock = threading.Lock()

    def name(self, source: Path) -> str:
        return notebook.name(source, self.folder)

    def left(self) -> float:
        """Seconds that the notebooks which have not begun are expected to take."""
        names = [self.name(source) for source in self.waiting]
        return sum(self.timings.expected(n) / (self.lanes if notebook.runs_beside(n) else 1) for n in names)

    def run_in_lane(self, source: Path) -> None:
        """:meth:`run` in a thread of its own, whose event loop nobody else would close."""
        from jupyter_core.utils import ensure_event_loop

        try:
            self.run(source)
        finally:
            ensure_event_loop().close()

    def run(self, source: Path) -> None:
        """Run one, print a line on it, and remember its name if it failed."""
        name, start = self.name(source), time.monotonic()
        with self.lock:
            self.waiting.remove(source)
            self.begun += 1
            row = min(set(range(self.count)) - self.rows)
            self.rows.add(row)
            head, left = f"[{self.begun}/{self.count}] {name}", self.left()
        work = paths.cache_dir() / "runs" / f"{self.profile}-{self.data}" / name
        # A page that shows the user's own files never lands on the committed one.
        shows_own = name == "01_your_data" and paths.user_data_dir() is not None
        target = ((self.output / "own" if shows_own else self.results) / name).with_suffix(".ipynb")
        try:
            work.mkdir(parents=True, exist_ok=True)
            known = self.timings.measured(name)
            with _bar(head, self.timings.expected(name), left, row, known):
                execute(source, target, work, self.profile, self.data)
            seconds = time.monotonic() - start
            self.timings.record(name, seconds)
        except Exception as error:
            self.failed.append(name)
            print(f"{head}: FAILED: {_one_line(error)}", flush=True)
            if (work / target.name).exists():
                print(f"    as far as it came: {work / target.name}", flush=True)
        else:
            rest = f", about {_clock(left)} left" if (left := self.left()) else ""
            where = f"; with your data in it: {target}" if shows_own else ""
            print(f"{head}: {_clock(seconds)}{rest}{where}", flush=True)
        finally:
            self.rows.discard(row)


@contextmanager
def _bar(head: str, expected: float, left_after: float, row: int, known: bool) -> Iterator[None]:
    """On a terminal, a bar that fills as a notebook's expected time passes, beside the time left of all of them."""
    stop = threading.Event()
    form = "{desc} {bar:24} {elapsed}{postfix}"
    with tqdm(desc=head, total=expected, bar_format=form, leave=False, disable=None, position=row) as bar:
        if bar.disable:  # a log, where no bar shows that something is going on
            about = f", about {_clock(expected)}" if known else ", for the first time here"
            print(f"{head}: started{about}", file=sys.stderr, flush=True)

        def tick() -> None:
            start = told = time.monotonic()
            while not stop.wait(0.5):
                passed = time.monotonic() - start
                if bar.disable and time.monotonic() - told > STILL:
                    told = time.monotonic()
                    print(f"{head}: still running after {_clock(passed)}", file=sys.stderr, flush=True)
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
