"""PHD's Figures 9 and 10: a query, the stretch of training video found for it, and what followed on both."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from matplotlib.figure import Figure

from phdlib.baselines import Neighbours
from phdlib.data.clip import Clip
from phdlib.data.phd_role import CONDITIONING
from phdlib.examples import median_window
from phdlib.figures_meshes import MeshRow, mesh_strip
from phdlib.future_reports import METRIC
from phdlib.future_tables import Tables
from phdlib.phd_model import PHD
from phdlib.phd_study import SHORT, Truth
from phdlib.regressor import BETAS, split_omega
from phdlib.rollouts import Scene, frames_ahead

AHEAD = (-14, -7, 0, 5, 10, 15, 20, 25, 30)  # frames shown, from the present on


def neighbour_figure(
    model: PHD,
    known: Truth,
    training: Sequence[Clip],
    found: Neighbours,
    role: str,
    tables: Tables,
    actions: Sequence[str],
) -> tuple[Figure, str]:
    """A query and its match for each of some actions, and in words what was found. Of an action the window whose
    running mean over 30 frames is the median of the nearest neighbour's ``tables``."""
    rows, notes = [], []
    for action in actions:
        example = median_window(tables, action=action)
        rows += neighbour_rows(model, known, training, found, role, example.window, name=action)
        match = training[int(found.clip[example.window])]
        notes.append(
            f"{action}: match in {match.action}, {1000 * found.distance[example.window]:.0f} mm off, then "
            f"{example.value:.0f} {METRIC[SHORT[role]]}"
        )
    return mesh_strip(rows, labels(), title="; ".join(notes)), "; ".join(notes)


def neighbour_rows(
    model: PHD,
    known: Truth,
    training: Sequence[Clip],
    found: Neighbours,
    role: str,
    window: int,
    ahead: Sequence[int] = AHEAD,
    name: str = "",
) -> list[MeshRow]:
    """Two rows of bodies for one evaluation window of a role, all as their camera sees them.

    First what the encoder reads in the query's frames, then the truth. Below, what it reads in the stretch of
    ``training`` that ``found`` names, the match and its continuation. What is read has the mean shape, in which the
    search compares.
    """
    clip, start = int(known.windows.clip[window]), int(known.windows.start[window])
    scene, past = Scene(role, clip, start), [a for a in ahead if a <= 0]
    query = _read(model, known.clips[clip], slice(start, start + CONDITIONING))
    query = query[frames_ahead(past, CONDITIONING, CONDITIONING)]
    truth, beta = scene.truth([a for a in ahead if a > 0])
    first = int(found.start[window])
    match = _read(model, training[int(found.clip[window])], slice(first, first + CONDITIONING + max(ahead)))
    match = match[frames_ahead(ahead, CONDITIONING, CONDITIONING + max(ahead))]
    future = len(ahead) - len(past)
    shapes = torch.cat((torch.zeros(len(past), BETAS), beta.expand(future, -1)))
    return [
        MeshRow(f"{name}\nquery, truth", torch.cat((query, truth)), shapes,
                ["conditioning"] * len(past) + ["truth"] * future),
        MeshRow("match,\ncontinuation", match, torch.zeros(BETAS), ["match"] * len(past) + ["continuation"] * future),
    ]  # fmt: skip


def labels(ahead: Sequence[int] = AHEAD) -> list[str]:
    """What stands above the columns: "-7", "0", "+5"."""
    return [f"{a:+d}" if a else "0" for a in ahead]


@torch.no_grad()
def _read(model: PHD, clip: Clip, frames: slice) -> torch.Tensor:
    """theta (T, 72) of some frames of a clip, read from these frames alone or, in a longer stretch, from those before
    each."""
    return split_omega(model.f_3d(model.f_movie(clip.features[None, frames]), nearby=False).omega).theta[0]
