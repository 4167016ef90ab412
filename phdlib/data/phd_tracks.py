"""Training samples of PHD: stretches of one data set's video, its features and what its labels know (3.2, 6.1).

2D keypoints are in coordinates of the crop, [-1, 1] from edge to edge (HMR's convention): PHD's features are of crops
centred on the person, and only in the crop does a weak-perspective camera follow from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from phdlib.body import Body
from phdlib.camera import solve_weak_perspective
from phdlib.crops import CropBoxes, crop_joints
from phdlib.data.clip import Clip
from phdlib.data.phd_role import SHORTEST, windows
from phdlib.kinematics import TrainingKeypoints
from phdlib.phd_losses import Target


class Sample(NamedTuple):
    """Clips of one role: features ``phi`` (B, T, D), what is known of the same frames, and the regressor of the joint
    set (J) in which ``target`` knows it."""

    role: str
    phi: Float[Tensor, "B T D"]
    target: Target
    joints: TrainingKeypoints


class Tracks:
    """All stretches of ``frames`` frames of a role's clips, begun every ``every`` frames, as one table.

    ``clips`` carry features; ``boxes`` are the crops that these were made of. A label that the first clip lacks is read
    of no clip. Features are kept in half precision. ``ValueError`` names a clip that lacks what the first one has.
    """

    def __init__(
        self,
        role: str,
        clips: Sequence[Clip],
        boxes: Sequence[CropBoxes],
        body: Body,
        *,
        frames: int = SHORTEST,
        every: int = 1,
        device: torch.device | str = "cpu",
    ) -> None:
        kept = windows(clips, frames, every)
        if not len(kept):
            raise ValueError(
                f"tracks of {role!r}: expected a clip of {frames} frames or more, found {len(clips)} clips"
            )
        self.role, self.frames = role, frames
        self.joints = TrainingKeypoints(body, clips[0].skeleton).to(device)
        lengths = torch.tensor([len(clip) for clip in clips])
        self._clip, self._start = (
            kept.clip.to(device),
            ((lengths.cumsum(0) - lengths)[kept.clip] + kept.start).to(device),
        )
        owner = torch.repeat_interleave(torch.arange(len(clips)), lengths)

        def table(name: str) -> Tensor | None:
            """One row per frame, or per clip; None if the role does not know it."""
            if getattr(clips[0], name) is None:
                return None
            if lacking := [clip.name for clip in clips if getattr(clip, name) is None]:
                raise ValueError(f"tracks of {role!r}: {lacking[0]} has no {name}, which {clips[0].name} has")
            parts = [getattr(clip, name) for clip in clips]
            return (torch.stack(parts) if name == "beta" else torch.cat(parts)).to(device)

        phi = table("features")
        if phi is None:
            raise ValueError(f"tracks of {role!r}: {clips[0].name} has no features")
        self._phi = phi.half()
        self._theta, self._beta, self._joints3d = table("theta"), table("beta"), table("joints3d")
        self._visible, self._owner = table("visible"), owner.to(device)
        pairs = zip(clips, boxes, strict=True)
        self._keypoints = torch.cat([crop_joints(clip.keypoints2d, crop) for clip, crop in pairs]).to(device)

    def __len__(self) -> int:
        return len(self._start)

    @property
    def features(self) -> int:
        return self._phi.shape[1]

    def gather(self, index: Tensor) -> Sample:
        """Samples by number."""
        index = index.to(self._start.device)
        frames = self._start[index, None] + torch.arange(self.frames, device=self._start.device)
        joints, theta, keypoints, visible = (
            None if known is None else known[frames]
            for known in (self._joints3d, self._theta, self._keypoints, self._visible)
        )
        beta = None if self._beta is None else self._beta[self._clip[index]]
        target = Target(joints, theta, beta, keypoints, visible)
        return Sample(self.role, self._phi[frames].float(), target, self.joints)

    def epoch(
        self, count: int, steps: int, generator: torch.Generator, rank: int = 0, world_size: int = 1
    ) -> Iterator[Sample]:
        """``steps`` batches of ``count`` samples in a random order, all once before any comes again. Of several
        processes, each gets its share of every batch: ``count`` counts them all."""
        passes = -(-steps * count // len(self))
        order = torch.cat([torch.randperm(len(self), generator=generator) for _ in range(passes)])
        for index in order.split(count)[:steps]:
            yield self.gather(index[rank::world_size])

    def poses(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Poses (N, 72) and shapes (N, 10) of frames by number below :attr:`frames_known`: the prior's real people."""
        index = index.to(self._start.device)
        if self._theta is None or self._beta is None:
            raise ValueError(f"tracks of {self.role!r}: no poses are known, expected a role with 3D labels")
        return self._theta[index], self._beta[self._owner[index]]

    @property
    def frames_known(self) -> int:
        return len(self._phi)

    def mean_omega(self) -> Tensor:
        """[Pi, theta, beta] (85,) of the role's mean person: where f_3D starts. The camera is the median of those that
        eq. 6 finds; the person faces it upright, half a turn about x (as in HMR's code), since facing has no mean."""
        if self._theta is None or self._joints3d is None:
            raise ValueError(f"tracks of {self.role!r}: expected a role with 3D labels")
        every = slice(None, None, max(1, self.frames_known // 5000))
        seen = torch.ones_like(self._keypoints[every][..., 0])
        camera = solve_weak_perspective(self._joints3d[every][..., :2], self._keypoints[every], seen)
        parts = [camera.s.median()[None], camera.t.new_zeros(2), camera.t.new_tensor([torch.pi, 0, 0])]
        return torch.cat([*parts, self._theta[every, 3:].mean(dim=0), camera.t.new_zeros(10)]).cpu()


def mixed_batches(
    tracks: Mapping[str, Tracks],
    clips: Mapping[str, int],
    steps: int,
    generator: torch.Generator,
    rank: int = 0,
    world_size: int = 1,
) -> Iterator[list[Sample]]:
    """``steps`` batches, each of ``clips[role]`` samples of every role, shared among processes.

    ``ValueError`` where a role's samples do not share out evenly: the mean over processes of their losses would not be
    the loss of the whole batch. (It is, but for rounding and for L_2D's mean over visible keypoints, whose number is
    each process' own.)
    """
    for role, count in clips.items():
        if role not in tracks:
            raise ValueError(f"batches: no role {role!r}; there are {', '.join(tracks)}")
        if count % world_size:
            raise ValueError(f"batches: {count} clips of {role!r} do not share out among {world_size} processes")
    parts = [tracks[role].epoch(count, steps, generator, rank, world_size) for role, count in clips.items()]
    return (list(batch) for batch in zip(*parts, strict=True))
