"""The linear yardstick against motion that is linear, and against numpy's least squares."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from phdlib import linear_forecast
from phdlib.data.clip import Clip
from phdlib.data.phd_role import evaluation_windows
from phdlib.skeleton import PENN13

J = len(PENN13)


def clip(seed: int, frames: int = 60, features: int = 6) -> Clip:
    """Joints move along straight lines, phi is a linear picture of them: all can be foreseen."""
    draws = torch.Generator().manual_seed(seed)
    start, speed = torch.randn(2, 2, generator=draws), torch.randn(2, 2, generator=draws) / 30
    path = (start[:, None] + speed[:, None] * torch.arange(frames)[:, None]).sum(0)  # (T, 2): two hidden numbers
    shown = torch.Generator().manual_seed(99)
    phi = path @ torch.randn(2, features, generator=shown)
    joints = (path @ torch.randn(2, 3 * J, generator=shown)).view(frames, J, 3)
    return Clip(f"t{seed}", "S1", "moving", 25.0, "made", PENN13, joints3d=joints, features=phi)


def test_straight_lines_are_foreseen() -> None:
    forecast = linear_forecast.fit([clip(i) for i in range(12)], steps=30, penalty=1e-10)
    unseen = [clip(77), clip(78)]
    windows = evaluation_windows(unseen, 5)
    found = forecast(unseen, windows)
    for i, (c, s) in enumerate(zip(windows.clip.tolist(), windows.start.tolist(), strict=True)):
        true = unseen[c].joints3d[s + 15 : s + 45]
        assert torch.allclose(found[i], true, atol=2e-2), (found[i] - true).abs().max()


def test_the_weights_are_those_of_least_squares() -> None:
    made = replace(clip(3), features=torch.randn(60, 2, generator=torch.Generator().manual_seed(1)))
    found = linear_forecast.fit([made], steps=4, penalty=0.0).weights
    phi, joints = made.features.numpy(), made.joints3d.flatten(1).numpy()
    rows = range(12, 56)
    x = [[*phi[t], *np.concatenate([phi[t] - phi[t - lag] for lag in (1, 3, 7, 12)]), 1] for t in rows]
    y = [np.concatenate([joints[t + h] for h in range(1, 5)]) for t in rows]
    expected = np.linalg.lstsq(np.array(x), np.array(y), rcond=None)[0]
    assert np.allclose(found.numpy(), expected, atol=1e-4)


def test_what_is_missing_is_named() -> None:
    with pytest.raises(ValueError, match="S1/moving/t0 has no features"):
        linear_forecast.fit([replace(clip(0), features=None)])
    with pytest.raises(ValueError, match="has no joints3d"):
        linear_forecast.fit([replace(clip(0), joints3d=None)])
    with pytest.raises(ValueError, match="over 42 frames, found none in 1"):
        linear_forecast.fit([clip(0, frames=42)])
