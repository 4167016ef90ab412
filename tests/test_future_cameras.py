"""Cameras of the future, on keypoints made by a known camera; eq. 6 against an optimiser."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from phd_small import BODY, FEATURES, role_data

from phdlib.camera import project_weak_perspective, solve_weak_perspective
from phdlib.data.phd_role import CONDITIONING, windows
from phdlib.future_cameras import CAMERAS, digits_in_common, judgement, numerical_camera, reprojections
from phdlib.phd_model import PHD, predicted

HORIZONS = (0, 1, 5)


def test_the_closed_form_is_the_optimum_with_hidden_joints():
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(20, 17, 2, generator=generator, dtype=torch.float64) for _ in range(2))
    visible = torch.rand(20, 17, generator=generator) < 0.4
    visible[:, :3] = True
    assert digits_in_common(x, 100 * y + 300, visible) > 6
    off = digits_in_common(x, 100 * y + 300, torch.ones_like(visible))
    camera, wrong = (numerical_camera(x[0], y[0], v) for v in (visible[0], torch.ones(17)))
    assert off > 6 and not torch.isclose(camera.s, wrong.s)
    s, t = solve_weak_perspective(x[0], y[0], visible[0])
    assert torch.isclose(camera.s, s) and torch.allclose(camera.t, t)


@pytest.fixture(scope="module")
def made():
    """A model, and clips whose keypoints are where the model's own cameras put its own predictions."""
    generator = torch.Generator().manual_seed(3)
    start = torch.zeros(85)
    start[0], start[3] = 0.9, torch.pi
    model = PHD(start, FEATURES, 16, blocks=1, groups=2, hidden=32, generator=generator).eval()
    for parameter in model.f_3d.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape, generator=generator)
    for parameter in model.f_ar.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape, generator=generator)
    clips, boxes = role_data("human36m", range(2), 40)
    regressor, found = BODY.keypoints(clips[0].skeleton), []
    for clip, crop in zip(clips, boxes, strict=True):
        with torch.no_grad():
            omega = torch.cat(model.forecast(clip.features[None, :CONDITIONING], 25), dim=1)
            pred = predicted(omega, regressor)
            x = project_weak_perspective(pred.joints, *pred.camera)[0]
        pixels = x * crop.side[:, None, None] / 2 + crop.centre[:, None]
        found.append(replace(clip, keypoints2d=pixels, visible=torch.ones(40, 17, dtype=torch.bool)))
    return model, found, boxes


def error(table: pd.DataFrame, horizon: int) -> np.ndarray:
    return table.loc[table["horizon"] == horizon, "frame"].to_numpy()


def test_each_camera_lands_where_it_should(made):
    model, clips, boxes = made
    found = reprojections(model, clips, boxes, windows(clips, 40, 40), BODY, HORIZONS)
    assert list(found) == list(CAMERAS) and all(len(table) == 2 * len(HORIZONS) for table in found.values())
    for horizon in HORIZONS:
        assert error(found["read"], horizon) == pytest.approx(0, abs=1e-2)
        assert error(found["eq. 6"], horizon) == pytest.approx(0, abs=1e-2)
    for name in ("last seen", "last seen, crop too"):
        assert error(found[name], 0) == pytest.approx(0, abs=1e-2)
        assert error(found[name], 5).min() > 0.1
    later = error(found["last seen, crop too"], 5)
    assert not np.allclose(later, error(found["last seen"], 5))


def test_equation_6_forgives_every_camera_and_no_pose(made):
    model, clips, boxes = made
    moved = [replace(clip, keypoints2d=1.7 * clip.keypoints2d + 40) for clip in clips]
    found = reprojections(model, moved, boxes, windows(moved, 40, 40), BODY, HORIZONS)
    assert error(found["eq. 6"], 5) == pytest.approx(0, abs=1e-2) and error(found["read"], 5).min() > 1
    bent = [replace(clip, keypoints2d=clip.keypoints2d + 5 * torch.randn(40, 17, 2)) for clip in clips]
    found = reprojections(model, bent, boxes, windows(bent, 40, 40), BODY, HORIZONS)
    assert error(found["eq. 6"], 5).min() > 0.1


def test_frames_that_show_too_few_joints_have_no_error(made):
    model, clips, boxes = made
    hidden = [replace(clip, visible=torch.arange(17).expand(40, 17) < 5) for clip in clips]
    found = reprojections(model, hidden, boxes, windows(hidden, 40, 40), BODY, HORIZONS)
    assert all(table["frame"].isna().all() for table in found.values())


def tables(now: float, later: float) -> list[pd.DataFrame]:
    rows = [
        {"take": f"t{take}", "action": "a", "window": take, "horizon": horizon, "frame": value + 0.01 * take}
        for take in range(6)
        for horizon, value in ((0, now), (30, later))
    ]
    return [pd.DataFrame(rows)] * 2


@pytest.mark.parametrize(
    ("read", "digits", "holds"), [((3, 9), 8, True), ((3, 5.5), 8, False), ((3, 9), 3, False), ((3, 3), 8, False)]
)
def test_the_claim_wants_twice_the_excess_and_the_digits(read, digits, holds):
    roles = {"a role": {"read": tables(*read), "eq. 6": tables(1, 1.5)}}  # the excess now is 2
    judged = judgement(roles, digits, np.random.default_rng(0), draws=50)
    assert judged.holds is holds
    assert judged.findings[1].effect.value == pytest.approx(read[1] - 1.5 - 2 * 2)
