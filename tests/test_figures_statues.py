"""Pictures of statues: of the right frame, in the clip's own look; curves of the right window."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from phd_small import BODY, moving_clip

from phdlib import figures_failures, figures_statues
from phdlib.crops import Surface, clip_crops
from phdlib.data.phd_role import CONDITIONING
from phdlib.failures import TRAINED
from phdlib.figures_statues import Sequence5, curves, samples, snapshots
from phdlib.long_rollouts import METHODS, SEEN_AT, LongRollouts


@pytest.fixture(autouse=True)
def small_body(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(figures_statues, "load_body", lambda: BODY)
    yield
    plt.close("all")


def test_snapshots_are_the_frames_asked_for() -> None:
    clip = moving_clip(20, 0)
    whole = torch.cat(list(clip_crops(clip, Surface(BODY, figures_statues.GRID), 32))).float()
    found = snapshots(clip, [17, 3], 32)
    for crop, frame in zip(found, (17, 3), strict=True):
        away = (whole - crop.float()).abs().mean(dim=(1, 2, 3))
        assert int(away.argmin()) == frame and away[frame] < 10  # all but the grain
    with pytest.raises(ValueError, match="frames 3 to 20 of 20"):
        snapshots(clip, [3, 20], 32)


def test_curves_mark_the_statue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phdlib.rollouts.footage", lambda role: [moving_clip(60, 0)])
    accuracy = np.where(np.arange(31) < 12, 40.0, 90.0)
    fig = curves([Sequence5(0, 12, np.stack([accuracy, accuracy]), np.stack([accuracy, accuracy]), np.ones(60))])
    above, below = fig.axes[:2]
    for ax in (above, below):
        assert any(set(line.get_xdata()) == {12 + CONDITIONING} for line in ax.get_lines())
    rise = max((line for line in below.get_lines() if len(line.get_xdata()) == 31), key=lambda line: line.get_lw())
    assert rise.get_xdata()[np.nanargmax(rise.get_ydata())] == 12 + CONDITIONING


def test_samples_have_a_row_per_category() -> None:
    images = [(torch.full((3, 8, 8), 30 * i, dtype=torch.uint8), f"take {i}") for i in range(3)]
    (ax,) = samples({"kick": images, "jump": images[:1]}).axes
    assert {"kick", "jump", "take 0", "take 2"} <= {text.get_text() for text in ax.texts}
    assert len(ax.images) == 4
    assert [float(image.get_array().max()) for image in ax.images[:3]] == pytest.approx([0, 0.13, 0.27], abs=0.01)


def test_drift_draws_every_seed_and_the_mean() -> None:
    seeds = []
    for level in (50.0, 70.0):
        errors = {method: np.full((4, 60), level) for method in METHODS}
        strange = {name: np.full((2, len(SEEN_AT)), level) for name in ("predicted", "true")}
        seeds.append(LongRollouts([0] * 4, errors, strange))
    fig = figures_failures.drift({"role": seeds})
    heights = [float(line.get_ydata()[0]) for line in fig.axes[0].get_lines() if len(line.get_xdata()) == 60]
    assert heights == [50, 70, 60] * 2
    marks = [line.get_xdata()[0] for line in fig.axes[0].get_lines() if len(line.get_xdata()) == 2]
    assert marks == [TRAINED, 35]
