"""Run by test_phd_training.py in one process, and in two that share every batch: both stages, in small."""

from __future__ import annotations

import sys

import torch
from test_phd_training import TINY, TRACKS, learn, parts, weights

from phdlib.data.phd_tracks import Tracks
from phdlib.phd_training import FutureRecipe, StageRecipe
from phdlib.training import local_fabric


def all_visible(tracks: Tracks) -> Tracks:
    """L_2D is a mean over visible keypoints, of which two processes have unequal numbers."""
    tracks._visible = torch.ones_like(tracks._visible)
    return tracks


if __name__ == "__main__":
    torch.set_num_threads(1)
    fabric = local_fabric()
    tracks = {role: all_visible(found) for role, found in TRACKS.items()}
    losses, found = [], []
    for space, recipe in ((None, StageRecipe(**TINY)), ("latent", FutureRecipe(**TINY))):
        model, prior = parts(space)
        losses += learn(model, prior, recipe, tracks, fabric=fabric).losses
        found.append(weights(model, prior))
    if fabric.is_global_zero:
        torch.save({"losses": losses, "weights": torch.cat(found), "world_size": fabric.world_size}, sys.argv[1])
    fabric.barrier()
