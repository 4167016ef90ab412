"""How much of the training data is labelled (VP3D 6.2): fewer subjects first, then less and less of the first one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch

from phdlib.data.clip import TEMPORAL, Clip


class Subset(NamedTuple):
    """Clips whose 3D may be used, and clips of which only 2D and camera may."""

    labelled: list[Clip]
    unlabelled: list[Clip]


def subset(clips: Sequence[Clip], subjects: Sequence[str], fraction: float, generator: torch.Generator) -> Subset:
    """Label all clips of ``subjects``; or, with ``fraction`` < 1, that share of the frames of the one subject named.

    Takes are visited in a random order until the share is reached; each gives its own share of frames, at least one,
    as one stretch from a random place, the same in all cameras. A stretch is a clip of its own, padded as any other.
    Everybody else is unlabelled, and so are the takes that gave only a stretch.
    ``ValueError`` if a subject is not there, or a fraction is asked of several.
    """
    known = {clip.subject for clip in clips}
    if not subjects or not set(subjects) <= known:
        raise ValueError(f"subset: expected subjects among {sorted(known)}, found {list(subjects)}")
    if not 0 < fraction <= 1 or (fraction < 1 and len(subjects) > 1):
        raise ValueError(f"subset: expected a fraction in (0, 1] of one subject, found {fraction} of {list(subjects)}")
    own = [clip for clip in clips if clip.subject in subjects]
    if fraction == 1:
        return Subset(own, [clip for clip in clips if clip.subject not in subjects])
    takes = list(dict.fromkeys(clip.take for clip in own))
    lengths = {clip.take: len(clip) for clip in own}
    left = max(1, round(fraction * sum(lengths.values())))
    stretches: dict[str, slice] = {}
    for i in torch.randperm(len(takes), generator=generator).tolist():
        take = takes[i]
        frames = min(left, max(1, round(fraction * lengths[take])))
        start = int(torch.randint(lengths[take] - frames + 1, (), generator=generator))
        if frames:
            stretches[take] = slice(start, start + frames)
        left -= frames
    return Subset([_cut(clip, stretches[clip.take]) for clip in own if clip.take in stretches], list(clips))


def _cut(clip: Clip, frames: slice) -> Clip:
    """A stretch of a clip."""
    fields = {name: getattr(clip, name)[frames] for name in TEMPORAL if getattr(clip, name) is not None}
    return replace(clip, take=f"{clip.take}+{frames.start}", **fields)
