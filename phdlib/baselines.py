"""PHD's baselines (PHD 4.2): Constant, the last estimated pose frozen, and Nearest Neighbour in the training set.

Nearest Neighbour compares the window of conditioning frames with every stretch of the training sequences, by the
Euclidean distance of their normalised 3D joints, and answers with the frames that follow the closest one. Normalised:
of the mean body shape, relative to the root, in the axes of the camera, as the temporal encoder estimates them, of test
and training frames alike. So a neighbour has to face the camera as the query does, and the paper blames the root's
orientation for the bad start (PHD-C09). P-MPJPE cannot feel it in the answer, since it turns every frame to fit; there
it acts only through which neighbour is found. Hence three :data:`ORIENTATIONS`:

- ``camera``: all as it lies, the paper's.
- ``seam``: found in the same way; then the answer is turned, as a whole, so that its torso faces as the query's does in
  the last conditioning frame. Changes PCK, and P-MPJPE not at all.
- ``body``: found among poses that are each turned to face alike, so that the kind and the phase of the motion decide;
  then the answer is turned as in ``seam``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize

from phdlib.skeleton import Skeleton

ORIENTATIONS = ("camera", "seam", "body")
_SCORES_AT_ONCE = 2**24  # distances held at once


def constant(last: Tensor, steps: int) -> Tensor:
    """The last estimate (N, ...), be it joints or Theta, for all ``steps`` frames to come: (N, steps, ...)."""
    return last[:, None].expand(-1, steps, *last.shape[1:])


class Neighbours(NamedTuple):
    """What was found for N queries: ``clip`` (N,) and ``start`` (N,), its first frame; the root mean square
    ``distance`` (N,) of a joint over the window; ``future`` (N, steps, J, 3), the frames after it, turned where asked
    to, relative to the root."""

    clip: Tensor
    start: Tensor
    distance: Tensor
    future: Tensor


class NearestNeighbour:
    """The training sequences, joints (T, J, 3) each, ready to be searched for windows of ``window`` frames that have
    ``steps`` more after them. The paper does not print its window; 15, all that conditions the prediction, is ours.

    ``orientation`` is one of :data:`ORIENTATIONS`; all but "camera" need the ``skeleton``, whose hips and shoulders
    tell which way a torso faces. ``ValueError`` if no sequence is long enough.
    """

    def __init__(
        self,
        clips: Sequence[Tensor],
        window: int = 15,
        steps: int = 30,
        orientation: str = "camera",
        skeleton: Skeleton | None = None,
    ) -> None:
        if orientation not in ORIENTATIONS:
            raise ValueError(f"orientation {orientation!r}: expected one of {', '.join(ORIENTATIONS)}")
        if orientation != "camera" and skeleton is None:
            raise ValueError(f"orientation {orientation!r} needs a skeleton, found None")
        lengths = torch.tensor([len(clip) for clip in clips])
        if window < 1 or steps < 1 or not bool((lengths >= window + steps).any()):
            longest = int(lengths.max()) if len(lengths) else 0
            raise ValueError(
                f"nearest neighbour: a window of {window} and {steps} frames after it, at least 1 each, in sequences "
                f"of at most {longest} frames"
            )
        self.window, self.steps, self.orientation, self.skeleton = window, steps, orientation, skeleton
        self.first = torch.cat((lengths.new_zeros(1), lengths.cumsum(0)))  # of each clip, and the end
        self.joints = _rooted(torch.cat(list(clips)))  # (F, J, 3)
        self.poses = self._search_form(self.joints).flatten(1)  # (F, 3 J)
        F = len(self.poses)
        owner = torch.repeat_interleave(torch.arange(len(clips)), lengths)
        starts = torch.arange(F - window + 1)
        self.norms = (
            self.poses.double().square().sum(1).unfold(0, window, 1).sum(1)
        )  # of each stretch, (F - window + 1,)
        outside = starts + window + steps > self.first[owner[starts] + 1]
        self.norms[outside.to(self.norms.device)] = torch.inf

    def __call__(self, queries: Tensor) -> Neighbours:
        """The nearest stretch to each query (N, frames, J, 3), by its last ``window`` frames."""
        if queries.dim() != 4 or queries.shape[1] < self.window or queries.shape[2:] != self.joints.shape[1:]:
            raise ValueError(
                f"nearest neighbour: expected queries (N, {self.window} or more, "
                f"{', '.join(map(str, self.joints.shape[1:]))}), found {tuple(queries.shape)}"
            )
        if not bool(queries.isfinite().all()):
            raise ValueError(f"nearest neighbour: {int((~queries.isfinite()).sum())} numbers of queries are not finite")
        queries = _rooted(queries[:, -self.window :])
        asked = self._search_form(queries).flatten(2)
        step = max(1, _SCORES_AT_ONCE // len(self.norms))
        at = torch.cat([self._best(part) for part in asked.split(step)]) if len(asked) else self.first[:0]
        frames = at[:, None] + torch.arange(self.window, device=at.device)
        distance = (self.poses[frames] - asked).unflatten(2, (-1, 3)).square().sum(-1).mean((1, 2)).sqrt()
        future = self.joints[at[:, None] + self.window + torch.arange(self.steps, device=at.device)]
        if self.orientation != "camera":
            here, there = torso(queries[:, -1], self.skeleton), torso(self.joints[at + self.window - 1], self.skeleton)
            future = future @ (there.mT @ here)[:, None]
        clip = torch.searchsorted(self.first, at.cpu(), right=True) - 1
        return Neighbours(clip, at.cpu() - self.first[clip], distance, future)

    def _best(self, asked: Tensor) -> Tensor:
        """Where the nearest stretch begins, (n,), for windows (n, window, 3 J): |x|^2 - 2 x . q, a frame at a time."""
        score = self.norms.to(asked.dtype).repeat(len(asked), 1)
        for t in range(self.window):
            score.addmm_(asked[:, t], self.poses[t : t + len(self.norms)].T, alpha=-2)
        return score.argmin(1)

    def _search_form(self, joints: Tensor) -> Tensor:
        return joints @ torso(joints, self.skeleton).mT if self.orientation == "body" else joints


def torso(joints: Tensor, skeleton: Skeleton) -> Tensor:
    """Axes of the torso as rows, (..., 3, 3): to the person's left along the hips, up to the shoulders, and forward
    (their cross product), a rotation. (..., J, 3); any skeleton with hips and shoulders."""
    left_hip, right_hip, left, right = (
        joints[..., skeleton.index(name), :] for name in ("left_hip", "right_hip", "left_shoulder", "right_shoulder")
    )
    x = normalize(left_hip - right_hip, dim=-1)
    z = normalize(torch.linalg.cross(x, left + right - left_hip - right_hip), dim=-1)
    return torch.stack((x, torch.linalg.cross(z, x), z), dim=-2)


def _rooted(joints: Tensor) -> Tensor:
    return joints - joints[..., :1, :]
