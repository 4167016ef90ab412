"""A yardstick for PHD's futures that is not in the paper: what a straight line foresees.

One ridge regression maps phi of the frame seen last, and how it differs from those of frames before it, to the joints
of all frames to come, each by itself: no movie strip, no pose, no step by step, nothing drawn at random. It is fitted
where 3D is known, in closed form, within seconds. What a trained model gains over it is what depth, recurrence and the
video without 3D buy; where neither gains over repeating the present pose, little can be foreseen from these features.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from phdlib.data.clip import Clip
from phdlib.data.phd_role import CONDITIONING, HORIZON, Windows

LAGS = (1, 3, 7, 12)  # frames back; 12 is as far as 13 frames reach, f_AR's field of view
PENALTY = 1e-2  # per frame; 0.1, 0.03, 0.01, 1e-3: 109.3, 108.0, 107.9, 109.7 mm at 30 frames on validation subject S5


class LinearForecast(NamedTuple):
    """``weights`` (inputs + 1, steps J 3), the last row for a constant."""

    weights: Tensor
    steps: int

    @torch.no_grad()
    def __call__(self, clips: Sequence[Clip], windows: Windows) -> Float[Tensor, "N steps J 3"]:
        """Joints in metres relative to the root, camera axes, of the frames after a window's first 15."""
        seen = [
            clips[c].features[s : s + CONDITIONING].float()
            for c, s in zip(windows.clip.tolist(), windows.start.tolist(), strict=True)
        ]
        last = torch.stack([_inputs(phi)[-1] for phi in seen])
        return (last @ self.weights.float()).view(len(last), self.steps, -1, 3)


def fit(clips: Sequence[Clip], steps: int = HORIZON, penalty: float = PENALTY) -> LinearForecast:
    """Least squares over all frames of ``clips`` that the longest lag and ``steps`` frames lie around.

    ``ValueError`` names a clip without features or 3D joints, or says that all are too short.
    """
    gram: Tensor | float = 0.0
    cross: Tensor | float = 0.0
    count = 0
    for clip in clips:
        if clip.features is None or clip.joints3d is None:
            missing = "features" if clip.features is None else "joints3d"
            raise ValueError(f"linear forecast: clip {clip.name} has no {missing}")
        if len(clip) <= steps + LAGS[-1]:
            continue
        x = _inputs(clip.features.float()).double()[LAGS[-1] : len(clip) - steps]
        joints = clip.joints3d.double().flatten(1)
        y = joints[LAGS[-1] + 1 :].unfold(0, steps, 1).transpose(1, 2).flatten(1)  # of t: frames t + 1 to t + steps
        gram, cross, count = gram + x.T @ x, cross + x.T @ y, count + len(x)
    if not count:
        raise ValueError(
            f"linear forecast: expected a clip of over {steps + LAGS[-1]} frames, found none in {len(clips)}"
        )
    ridge = penalty * count * torch.eye(len(gram), dtype=torch.float64)
    ridge[-1, -1] = 0  # the constant is not held back
    return LinearForecast(torch.linalg.solve(gram + ridge, cross), steps)


def _inputs(phi: Float[Tensor, "T D"]) -> Float[Tensor, "T inputs"]:
    """phi of every frame, its difference from each lag before, and 1."""
    time = torch.arange(len(phi))
    before = [phi - phi[(time - lag).clamp(min=0)] for lag in LAGS]
    return torch.cat((phi, *before, torch.ones(len(phi), 1)), dim=1)
