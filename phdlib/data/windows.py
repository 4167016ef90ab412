"""Training windows: a few output frames each, from anywhere in the data, as one gather (VP3D 5.3, A.5).

All clips lie one after another in one tensor, each padded by repeating its border frames, and once more mirrored; a
window is a range of it, so a batch is an index and no Python loop runs over its samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from phdlib.data.clip import Clip
from phdlib.lifting import mirror
from phdlib.skeleton import Skeleton
from phdlib.temporal import context, replicate_pad


class Batch(NamedTuple):
    """C output frames of each of B windows. ``keypoints`` (B, F + C - 1, J, 2) in screen units; ``joints`` (B, C, J, 3)
    metres relative to the root and ``trajectory`` (B, C, 1, 3) metres in camera space, None where the clips have no
    labels; ``intrinsics`` (B, 9) in screen units (see :func:`phdlib.camera.project_perspective`)."""

    keypoints: Float[Tensor, "B T J 2"]
    joints: Float[Tensor, "B C J 3"] | None
    trajectory: Float[Tensor, "B C 1 3"] | None
    intrinsics: Float[Tensor, "B 9"]

    def answered_keypoints(self, receptive_field: int) -> Float[Tensor, "B C J 2"]:
        """The input keypoints of a centred model's output frames."""
        before = receptive_field // 2
        return self.keypoints[:, before : self.keypoints.shape[1] - before]


class Windows:
    """Every frame of every clip as an output frame of a training sample, plain and (``flip``) mirrored.

    A sample sees ``receptive_field`` frames for its first output and one more for each further one. With ``chunk`` > 1
    outputs per sample, clips are cut into chunks of as many frames, the last one shifted back so that it is whole.
    ``labelled=False`` is for clips of which only 2D is used. ``ValueError`` if a clip lacks what is needed or is
    shorter than a chunk.
    """

    def __init__(
        self, clips: Sequence[Clip], receptive_field: int, *, causal: bool = False, flip: bool = True, chunk: int = 1,
        labelled: bool = True, device: torch.device | str = "cpu",
    ) -> None:  # fmt: skip
        _check(clips, chunk, labelled)
        self.skeleton: Skeleton = clips[0].skeleton
        self.flip, self.chunk = flip, chunk
        padded = [replicate_pad(clip.screen_keypoints(), *context(receptive_field, causal), dim=0) for clip in clips]
        windows, outputs, start, first = [], [], 0, 0
        for clip, frames in zip(clips, padded, strict=True):
            begin = torch.arange(0, len(clip), chunk).clamp(max=len(clip) - chunk)
            windows.append(start + begin)
            outputs.append(first + begin)
            start, first = start + len(frames), first + len(clip)
        self.starts, self._outputs = torch.cat(windows).to(device), torch.cat(outputs).to(device)
        self._camera = torch.cat([torch.full((len(w),), i) for i, w in enumerate(windows)]).to(device)

        def stored(parts: list[Tensor], mirrored: Tensor) -> Tensor:
            """The data, and behind it its mirror image, one row per frame."""
            plain = torch.cat(parts)
            return (torch.cat((plain, mirrored)) if flip else plain).flatten(1).to(device)

        self._keypoints = stored(padded, mirror(torch.cat(padded), self.skeleton))
        cameras = torch.stack([clip.camera.screen_intrinsics for clip in clips])
        self._intrinsics = stored([cameras], cameras * _mirror_signs(9, 2, 7))
        self._joints = self._trajectory = None
        if labelled:
            joints, roots = [clip.joints3d for clip in clips], [clip.trajectory for clip in clips]
            self._joints = stored(joints, mirror(torch.cat(joints), self.skeleton))
            self._trajectory = stored(roots, torch.cat(roots) * _mirror_signs(3, 0))
        self._seen = torch.arange(receptive_field + chunk - 1, device=device)
        self._answered = torch.arange(chunk, device=device)

    def __len__(self) -> int:
        return len(self.starts) * (2 if self.flip else 1)

    def gather(self, index: Tensor) -> Batch:
        """Samples by number; numbers from ``len(self.starts)`` on are the mirrored ones."""
        half, mirrored = index % len(self.starts), index // len(self.starts)
        J = len(self.skeleton)

        def rows(table: Tensor, first: Tensor, span: Tensor, *shape: int) -> Tensor:
            first = first + mirrored * (len(table) // 2)
            return F.embedding(first[:, None] + span, table).unflatten(2, shape)

        joints = trajectory = None
        if self._joints is not None and self._trajectory is not None:
            joints = rows(self._joints, self._outputs[half], self._answered, J, 3)
            trajectory = rows(self._trajectory, self._outputs[half], self._answered, 1, 3)
        cameras = self._intrinsics[self._camera[half] + mirrored * (len(self._intrinsics) // 2)]
        return Batch(rows(self._keypoints, self.starts[half], self._seen, J, 2), joints, trajectory, cameras)

    def epoch(
        self, batch_size: int, generator: torch.Generator, rank: int = 0, world_size: int = 1, steps: int | None = None
    ) -> Iterator[Batch]:
        """All samples once in a random order, so that a batch mixes segments; the last, smaller batch is left out
        unless it is the only one. With ``steps``, exactly as many batches: part of a pass, or as many passes as that
        takes. Of several processes, each gets its share of every batch: ``batch_size`` counts them all."""
        passes = 1 if steps is None else -(-steps * batch_size // len(self))
        order = torch.cat([torch.randperm(len(self), generator=generator) for _ in range(passes)])
        batches = order.split(batch_size)
        if steps is None:
            steps = max(1, len(order) // batch_size)
        for index in batches[:steps]:
            yield self.gather(index[rank::world_size].to(self.starts.device))


def _mirror_signs(length: int, *negated: int) -> Tensor:
    """1, and -1 where a mirror changes the sign: the x of a point; the principal point and the tangential term of x."""
    signs = torch.ones(length)
    signs[list(negated)] = -1
    return signs


def _check(clips: Sequence[Clip], chunk: int, labelled: bool) -> None:
    if not clips:
        raise ValueError("windows: expected at least one clip, found none")
    if chunk < 1:
        raise ValueError(f"windows: chunk must be at least 1, found {chunk}")
    lacking = [clip.name for clip in clips if clip.joints3d is None or clip.trajectory is None]
    if labelled and lacking:
        raise ValueError(f"windows: {len(lacking)} clips have no 3D joints, the first is {lacking[0]}")
    short = [clip for clip in clips if len(clip) < chunk]
    if short:
        raise ValueError(f"windows: clip {short[0].name} has {len(short[0])} frames, a chunk {chunk}")
    if odd := {clip.skeleton.name for clip in clips} - {clips[0].skeleton.name}:
        raise ValueError(f"windows: clips of several skeletons, {clips[0].skeleton.name} and {', '.join(sorted(odd))}")
