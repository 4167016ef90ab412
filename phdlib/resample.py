"""Values of a clip at another frame rate."""

from __future__ import annotations

import torch
from torch import Tensor


def resampled(values: Tensor, fps: float, to: float) -> Tensor:
    """(T, ...) at another rate, on straight lines between frames: as many frames as begin within the time of T."""
    T = len(values)
    at = torch.arange(int((T - 1) * to / fps + 1e-6) + 1, dtype=torch.float64) * (fps / to)
    low = at.floor().long().clamp(max=T - 1)
    high = (low + 1).clamp(max=T - 1)
    part = (at - low).to(values).view(-1, *[1] * (values.dim() - 1))
    return values[low] * (1 - part) + values[high] * part
