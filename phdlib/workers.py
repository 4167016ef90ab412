"""Pieces of work in processes of one thread each, with one progress bar, that end when their parent does."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from typing import Any, TypeVar

import torch
from tqdm.auto import tqdm

T = TypeVar("T")

_ticks: Any = None  # in a worker: the queue to its parent


def tick() -> None:
    """Report one step of work to the progress bar; nothing happens outside of a worker."""
    if _ticks is not None:
        _ticks.put(1)


def run_in_processes(
    work: Callable[[T], None],
    pieces: Sequence[T],
    jobs: int,
    steps: int,
    what: str,
    waits_for: Sequence[int | None] = (),
    order: Sequence[float] = (),
) -> None:
    """``work(piece)`` for every piece, ``jobs`` at a time; ``steps`` ticks are expected in all. What a piece raises is
    raised here once the others are done.

    ``waits_for``: by piece, the number of the one that has to be done before, or None; if that one fails, those that
    wait for it are left out. ``order``: of the pieces that could begin, the one with the lowest number does.
    """
    context = multiprocessing.get_context("spawn")
    ticks = context.SimpleQueue()
    with (
        ProcessPoolExecutor(jobs, context, _start, (ticks, os.getpid())) as pool,
        tqdm(total=steps, desc=what, unit="epoch", smoothing=0.05) as bar,
    ):
        futures: dict[int, Future[None]] = {}
        turns = sorted(range(len(pieces)), key=lambda i: order[i] if order else i)

        def begin() -> list[Future[None]]:
            """Begin as many as there is room for; what now runs."""
            # Looked at once: what ends meanwhile counts as running, so that those that wait for it get another turn.
            ended = {i for i, future in futures.items() if future.done()}
            done = {None} | {i for i in ended if not futures[i].exception()}
            for i in turns:
                free = len(futures) < len(ended) + jobs and (not waits_for or waits_for[i] in done)
                if free and i not in futures:
                    futures[i] = pool.submit(work, pieces[i])
            return [future for i, future in futures.items() if i not in ended]

        while running := begin():
            wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
            while not ticks.empty():
                bar.update(ticks.get())
        for future in futures.values():
            future.result()
        bar.update(steps - bar.n)


def _start(ticks: Any, parent: int) -> None:
    """In a new worker: one thread, so that results do not depend on how many run at once, and no life after the
    parent's, even if that ends by kill -9."""
    global _ticks
    _ticks = ticks
    torch.set_num_threads(1)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
