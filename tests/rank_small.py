"""Run by test_ranks.py in two processes: experiments that ranks cannot share, the last of which fails."""

from __future__ import annotations

import os

from small_experiment import Drawn

from phdlib import ranks
from phdlib.runs import read_or_run, run_all

if __name__ == "__main__":
    if ranks.is_first():
        Drawn().load()
    first, again = run_all([Drawn(seed=1, depth=1), Drawn(seed=1)])
    assert first["process"] == again["process"] and ranks.first_says(os.getpid) == first["process"]
    print("run by", first["process"])
    try:
        read_or_run(Drawn(seed=-2).prepared())
    except (ValueError, RuntimeError) as error:
        print(f"{type(error).__name__}: {error}")
