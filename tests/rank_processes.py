"""Run by test_ranks.py in one process, and in two as torchrun starts them: two of PHD's stages through the cache, and
experiments that ranks cannot share."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import torch
from phd_small import BODY, features_of
from small_experiment import Drawn
from test_phd_experiments import LATENT, fields, load, recorded

from phdlib import phd_experiments as pe
from phdlib import ranks
from phdlib.data.phd_role import in_camera_frame
from phdlib.phd_experiments import EncoderExperiment
from phdlib.runs import read_or_run, run_all

ENCODER = EncoderExperiment(**{**fields(LATENT.before()), "dropout": 0.0})


class AllVisible(pe.Tracks):
    """L_2D is a mean over visible keypoints, of which two processes would have unequal numbers."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self._visible = torch.ones_like(self._visible)


def main(folder: Path, cache: str) -> None:
    torch.set_num_threads(1)
    os.environ["PHDLIB_CACHE"] = cache  # empty, but the body comes from that of all tests
    pe.load_body, pe.phd_role.recorded, pe.phd_role.load = lambda: BODY, recorded, load
    pe.with_features = lambda _, clips: [replace(c, features=features_of(in_camera_frame(c))) for c in clips]
    pe.Tracks, train_stage, trained = AllVisible, pe.train_stage, []

    def spy(*args, fabric, **kwargs):
        trained.append(fabric.world_size)
        return train_stage(*args, fabric=fabric, **kwargs)

    pe.train_stage = spy
    result = [read_or_run(experiment.prepared()) for experiment in (ENCODER.before(), ENCODER, ENCODER)][-1]
    kept = {"losses": result.losses.to_numpy(), "joints": result.present["penn"].joints, "trained": trained}
    if ranks.world_size() > 1:
        kept |= {"first": ranks.first_says(os.getpid), "process": os.getpid(), **unshared()}
    torch.save(kept, folder / f"{ranks.world_size()}-{os.environ.get('RANK', 0)}.pt")


def unshared() -> dict[str, object]:
    """Who ran what only one can run, and what became of the last, which fails."""
    if ranks.is_first():
        Drawn().load()
    drawn = run_all([Drawn(seed=1, depth=1), Drawn(seed=1)])
    try:
        read_or_run(Drawn(seed=-2).prepared())
    except (ValueError, RuntimeError) as error:
        return {"run by": {one["process"] for one in drawn}, "error": f"{type(error).__name__}: {error}"}
    return {}


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
