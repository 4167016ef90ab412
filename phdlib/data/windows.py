"""Training windows: one output frame each, from anywhere in the data, as one gather (VP3D 5.3, A.5).

All clips lie one after another in one tensor, each padded by repeating its border frames; a window is a range of it,
so a batch is an index and no Python loop runs over its samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from phdlib.data.clip import Clip
from phdlib.skeleton import Skeleton
from phdlib.temporal import context, replicate_pad


class Batch(NamedTuple):
    """``keypoints`` (B, F, J, 2) in screen units; ``joints`` (B, 1, J, 3) metres relative to the root; ``trajectory``
    (B, 1, 1, 3) metres in camera space."""

    keypoints: Float[Tensor, "B F J 2"]
    joints: Float[Tensor, "B 1 J 3"]
    trajectory: Float[Tensor, "B 1 1 3"]


class Windows:
    """Every frame of every clip as a training sample of ``receptive_field`` frames, plain and mirrored.

    ``len`` counts both. ``ValueError`` if a clip lacks 2D or 3D.
    """

    def __init__(
        self, clips: Sequence[Clip], receptive_field: int, *, causal: bool = False, flip: bool = True,
        device: torch.device | str = "cpu",
    ) -> None:  # fmt: skip
        if not clips:
            raise ValueError("windows: expected at least one clip, found none")
        lacking = [clip.name for clip in clips if clip.joints3d is None or clip.trajectory is None]
        if lacking:
            raise ValueError(f"windows: {len(lacking)} clips have no 3D joints, the first is {lacking[0]}")
        before, after = context(receptive_field, causal)
        padded = [replicate_pad(clip.screen_keypoints(), before, after, dim=0) for clip in clips]
        starts, offset = [], 0
        for clip, frames in zip(clips, padded, strict=True):
            starts.append(torch.arange(offset, offset + len(clip)))
            offset += len(frames)
        self.skeleton: Skeleton = clips[0].skeleton
        self.flip = flip
        self.keypoints = torch.cat(padded).to(device)
        self.starts = torch.cat(starts).to(device)
        self.joints = torch.cat([clip.joints3d for clip in clips]).to(device)
        self.trajectory = torch.cat([clip.trajectory for clip in clips]).to(device)
        self._span = torch.arange(receptive_field, device=device)
        self._mirror = torch.tensor(self.skeleton.mirror, device=device)

    def __len__(self) -> int:
        return len(self.starts) * (2 if self.flip else 1)

    def gather(self, index: Tensor) -> Batch:
        """Samples by number; numbers from ``len(self.starts)`` on are the mirrored ones."""
        frame = index % len(self.starts)
        keypoints = self.keypoints[self.starts[frame, None] + self._span]
        joints, trajectory = self.joints[frame], self.trajectory[frame]
        if self.flip:
            mirrored = index >= len(self.starts)
            keypoints = self._mirrored(keypoints, mirrored)
            joints = self._mirrored(joints, mirrored)
            trajectory = torch.where(
                mirrored[:, None], trajectory * trajectory.new_tensor([-1.0, 1.0, 1.0]), trajectory
            )
        return Batch(keypoints, joints[:, None], trajectory[:, None, None])

    def epoch(self, batch_size: int, generator: torch.Generator, rank: int = 0, world_size: int = 1) -> Iterator[Batch]:
        """All samples once in a random order, so that a batch mixes segments; the last, smaller batch is left out
        unless it is the only one. Of several processes, each gets its share of every batch: ``batch_size`` counts
        them all."""
        order = torch.randperm(len(self), generator=generator)
        batches = order.split(batch_size)
        for index in batches[:-1] if len(batches) > 1 and len(batches[-1]) < batch_size else batches:
            yield self.gather(index[rank::world_size].to(self.starts.device))

    def _mirrored(self, points: Tensor, mirrored: Tensor) -> Tensor:
        """Left and right swapped and x negated where ``mirrored``, points (B, ..., J, D)."""
        flipped = points.index_select(-2, self._mirror)
        flipped = flipped * flipped.new_tensor([-1.0] + [1.0] * (points.shape[-1] - 1))
        return torch.where(mirrored.reshape(-1, *[1] * (points.dim() - 1)), flipped, points)
