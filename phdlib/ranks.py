"""One training in several processes, one per GPU, as torchrun starts them: who decides, who computes, who writes.

The ranks share the trainings of :mod:`phdlib.phd_training`; all else is the first rank's, and the others read what it
left in the cache. They meet by way of gloo, whose patience outlasts whatever the first rank does meanwhile.

torch is imported where it is needed: the command line asks for :func:`world_size` alone.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")

_PATIENCE = timedelta(days=7)
_OURS = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "NODE_RANK")  # and what begins with:
_TORCHRUNS = ("LOCAL_", "GROUP_", "ROLE_", "TORCHELASTIC_")


def world_size() -> int:
    """How many processes were started together; 1 outside of torchrun."""
    return int(os.environ.get("WORLD_SIZE") or 1)


def is_first() -> bool:
    return int(os.environ.get("RANK") or 0) == 0


@contextmanager
def alone() -> Iterator[None]:
    """Inside, this process and those that it starts know of no others."""
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name in _OURS or name.startswith(_TORCHRUNS)}
    try:
        yield
    finally:
        os.environ.update(hidden)


def first_says(decide: Callable[[], T]) -> T:
    """What ``decide()`` returns on the first rank, on all of them; they wait for it. What it raises there is raised
    there, and as ``RuntimeError`` on the others."""
    from torch import distributed

    failed, answer = None, [None]
    if is_first():
        try:
            answer = [(True, decide())]
        except Exception as error:
            failed, answer = error, [(False, f"{type(error).__name__}: {error}")]
    distributed.broadcast_object_list(answer, src=0, group=_meeting())
    if failed is not None:
        raise failed
    fine, value = answer[0]
    if not fine:
        raise RuntimeError(f"the first of {world_size()} processes failed: {value}")
    return value


@cache
def _meeting() -> Any:
    """All ranks, joined as the trainings join them."""
    from torch import distributed

    from phdlib.training import local_fabric

    local_fabric().launch()
    atexit.register(_part)
    return distributed.new_group(backend="gloo", timeout=_PATIENCE)


def _part() -> None:
    """All ranks leave together: gloo's threads end before the interpreter takes them down, which would abort it."""
    from torch import distributed

    if distributed.is_initialized():
        distributed.destroy_process_group()
