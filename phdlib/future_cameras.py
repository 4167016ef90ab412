"""Cameras for the future (PHD 3.3): what is read from predicted strips, what was seen last, and the best one of eq. 6.

Also eq. 6 the slow way, by a numerical optimiser: what the closed form is checked against.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
import torch
from scipy.optimize import least_squares
from torch import Tensor

from phdlib import checks
from phdlib.body import Body
from phdlib.camera import WeakPerspective, project_weak_perspective, solve_weak_perspective
from phdlib.crops import CropBoxes
from phdlib.data.clip import Clip
from phdlib.data.phd_role import CONDITIONING, Windows
from phdlib.findings import Finding, Judgement, measured
from phdlib.future_tables import DRAWS, Tables, compare
from phdlib.futures import FEWEST_VISIBLE, describe, person_size, window_frames
from phdlib.phd_model import PHD, predicted

CAMERAS = {  # how the 2D of a predicted pose is got
    "eq. 6": "the best camera for the true 2D joints",
    "read": "f_3D's, from the strip of that frame",
    "last seen": "f_3D's of the last frame seen, in the crop of that later frame",
    "last seen, crop too": "f_3D's of the last frame seen, in the crop of the last frame seen",
}
_BATCH = 64  # windows at once


def numerical_camera(x_orth: Tensor, x_gt: Tensor, visible: Tensor) -> WeakPerspective:
    """Eq. 6 of one frame by a general optimiser: (J, 2), (J, 2), (J,) -> s, t (2,), all float64.

    Started at scale 1 and no shift, it knows nothing of the closed form. ``ValueError`` where it does not converge.
    """
    x, y = (points.double().numpy()[visible.bool().numpy()] for points in (x_orth, x_gt))

    def residuals(camera):
        return (camera[0] * x + camera[1:] - y).ravel()

    found = least_squares(residuals, [1.0, 0.0, 0.0], xtol=1e-12, ftol=1e-12, gtol=1e-12)
    if not found.success:
        raise ValueError(f"numerical camera: {found.message}")
    s, x_shift, y_shift = found.x.tolist()
    return WeakPerspective(torch.tensor(s, dtype=torch.float64), torch.tensor([x_shift, y_shift], dtype=torch.float64))


def digits_in_common(x_orth: Tensor, x_gt: Tensor, visible: Tensor) -> float:
    """In how many decimal digits the closed form of eq. 6 and the optimiser agree, of frames (N, J, 2), (N, J, 2),
    (N, J): by the largest difference in s or t, relative to the largest of them."""
    s, t = solve_weak_perspective(x_orth.double(), x_gt.double(), visible)
    closed = torch.cat((s[:, None], t), dim=1)
    pairs = [numerical_camera(*frame) for frame in zip(x_orth, x_gt, visible, strict=True)]
    found = torch.stack([torch.cat((camera.s[None], camera.t)) for camera in pairs])
    off = float((closed - found).abs().amax() / found.abs().amax())
    return -math.log10(max(off, 1e-16))


@torch.no_grad()
def reprojections(
    model: PHD,
    clips: Sequence[Clip],
    boxes: Sequence[CropBoxes],
    windows: Windows,
    body: Body,
    horizons: Sequence[int] = (0, 1, 5, 10, 20, 30),
) -> dict[str, pd.DataFrame]:
    """How far the predicted joints land from the true visible 2D joints, by camera (:data:`CAMERAS`).

    Tables in the form of :func:`phdlib.futures.futures_2d`, a row per window and horizon, 0 being the last frame seen:
    ``frame`` is the mean distance in percent of the person's size (the longer side of the visible joints' box), NaN
    where a frame shows fewer than six joints.
    """
    T0, device = CONDITIONING, next(model.parameters()).device
    regressor, omega = body.keypoints(clips[0].skeleton).to(device), []
    at = torch.tensor([T0 - 1 + h for h in horizons])
    for start, clip in zip(windows.start.split(_BATCH), windows.clip.split(_BATCH), strict=True):
        pairs = zip(clip.tolist(), start.tolist(), strict=True)
        phi = torch.stack([clips[c].features[s : s + T0] for c, s in pairs]).to(device)
        omega.append(torch.cat(model.forecast(phi, max(*horizons, 1)), dim=1)[:, [T0 - 1, *at]].cpu())
    pred = predicted(torch.cat(omega), regressor.cpu())
    X, (s, t) = pred.joints[:, 1:], pred.camera
    last = WeakPerspective(s[:, :1].expand_as(s[:, 1:]), t[:, :1].expand_as(t[:, 1:]))
    centre, side = (_of_windows([getattr(b, name) for b in boxes], windows) for name in ("centre", "side"))
    keypoints, visible = (window_frames(clips, windows, name)[:, at] for name in ("keypoints2d", "visible"))
    seen = visible.bool()
    seen &= (seen.sum(-1) >= FEWEST_VISIBLE)[..., None]
    crop, earlier = ((centre[:, i], side[:, i]) for i in (at, torch.full_like(at, T0 - 1)))
    target = torch.where(seen[..., None], 2 * (keypoints - crop[0][:, :, None]) / crop[1][..., None, None], 0)
    found = {
        "eq. 6": (project_weak_perspective(X, *solve_weak_perspective(X[..., :2], target, seen)), crop),
        "read": (project_weak_perspective(X, s[:, 1:], t[:, 1:]), crop),
        "last seen": (project_weak_perspective(X, *last), crop),
        "last seen, crop too": (project_weak_perspective(X, *last), earlier),
    }
    about, tables = describe(clips, windows), {}
    for name, (x, (middle, wide)) in found.items():
        pixels = x * wide[..., None, None] / 2 + middle[:, :, None]
        off = (pixels - keypoints).norm(dim=-1).where(seen, torch.nan).nanmean(-1)
        percent = 100 * off / person_size(keypoints, seen)
        tables[name] = _rows(percent, about, horizons)
    return tables


def judgement(
    roles: Mapping[str, Mapping[str, Tables]], digits: float, rng: np.random.Generator, draws: int = DRAWS
) -> Judgement:
    """C37, of tables by role's name, camera and seed, the first and last horizon of each."""
    check = checks.check("PHD-C37")
    times, findings = check.given["times"], [Finding(check.bound("digits").what, digits, check.bound("digits"))]
    for role, cameras in roles.items():
        horizons = cameras["read"][0]["horizon"]
        picks = [(at, "frame") for at in (horizons.max(), horizons.max(), horizons.min(), horizons.min())]
        effect = partial(
            compare, [cameras["read"], cameras["eq. 6"]] * 2, picks,
            lambda last, best_last, now, best_now: (last - best_last) - times * (now - best_now),
            rng, draws=draws, paired=True,
        )  # fmt: skip
        what = f"{role}: excess over eq. 6 at {horizons.max()}, less {times:g} times that in the last frame seen"
        findings.append(measured(what, effect, check.bound("excess"), cameras["read"][0]["take"]))
    return Judgement(check.id, tuple(findings))


def _of_windows(fields: Sequence[Tensor], windows: Windows) -> Tensor:
    """A field of all clips' frames for the frames of all windows: (N, frames, ...)."""
    first = torch.tensor([0, *(len(field) for field in fields)]).cumsum(0)[windows.clip] + windows.start
    return torch.cat(list(fields))[first[:, None] + torch.arange(windows.frames)]


def _rows(values: Tensor, about: pd.DataFrame, horizons: Sequence[int]) -> pd.DataFrame:
    N, H = values.shape
    window = torch.arange(N).repeat_interleave(H).numpy()
    rows = about.iloc[window].reset_index(drop=True)
    return rows.assign(window=window, horizon=list(horizons) * N, frame=values.double().flatten().numpy())
