"""Pieces of work in processes of one thread each, with one progress bar, that end when their parent does."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, TypeVar

import torch
from tqdm.auto import tqdm

T = TypeVar("T")

_ticks: Any = None  # in a worker: the queue to its parent


def tick() -> None:
    """Report one step of work to the progress bar; nothing happens outside of a worker."""
    if _ticks is not None:
        _ticks.put(1)


def run_in_processes(work: Callable[[T], None], pieces: Sequence[T], jobs: int, steps: int, what: str) -> None:
    """``work(piece)`` for every piece, ``jobs`` at a time; ``steps`` ticks are expected in all. What a piece raises is
    raised here once the others are done."""
    context = multiprocessing.get_context("spawn")
    ticks = context.SimpleQueue()
    with (
        ProcessPoolExecutor(jobs, context, _start, (ticks, os.getpid())) as pool,
        tqdm(total=steps, desc=what, unit="epoch", smoothing=0.05) as bar,
    ):
        futures = [pool.submit(work, piece) for piece in pieces]
        while not all(future.done() for future in futures):
            time.sleep(0.5)
            while not ticks.empty():
                bar.update(ticks.get())
        for future in futures:
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
