"""Spikes in captured motion: found by speed, replaced by interpolation, reported.

Solvers that lost a marker leave frames in which a knee has turned by half a circle, a foot stands upside down, or the
whole body has jumped. Nobody turns a joint at 50 rad/s or moves one at 13 m/s in these takes: that is how to find them.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import roma
import torch
from torch import Tensor

from phdlib.data.motion import slerp
from phdlib.data.retarget import forward_kinematics
from phdlib.data.rigs import SIDES
from phdlib.skeleton import SMPL24

TURN_LIMIT = 50.0  # rad/s of a joint against its parent
SPEED_LIMIT = 13.0  # m/s of a joint in the world
ANKLE_LIMIT = np.deg2rad(100.0)  # an ankle cannot turn this far: the foot would point backwards
TRUSTED = 0.25  # s: a stretch without a jump this long is taken to be motion, a shorter one must fit its surroundings


class Repair(NamedTuple):
    """Frames ``start`` to ``stop`` (exclusive, of the source after its cut) of ``joint``, or of the whole "body".

    What was ``done`` is "interpolated" or, for feet that stood upside down, "rolled".
    """

    joint: str
    start: int
    stop: int
    done: str = "interpolated"


def clean(local: Tensor, root: Tensor, rest_joints: Tensor, fps: float) -> tuple[Tensor, Tensor, list[Repair]]:
    """Replace spikes of ``local`` (T, 24, 3, 3) and ``root`` (T, 3) by slerp and linear interpolation; list them."""
    quaternions = roma.rotmat_to_unitquat(local)
    repairs = _roll_feet(quaternions)
    for joint, name in enumerate(SMPL24.joints):
        bad = _jumping(quaternions[:, joint], fps, ANKLE_LIMIT if name.endswith("_ankle") else np.pi)
        quaternions[:, joint] = _fill(quaternions[:, joint], bad)
        repairs += [Repair(name, *run) for run in _runs(bad)]
    root = root.clone()
    spoilt = np.zeros(len(root), dtype=bool)
    for _ in range(10):  # a gap grows until its ends can be joined at a human speed
        positions, _ = forward_kinematics(roma.unitquat_to_rotmat(quaternions), root, rest_joints)
        fast = (positions.diff(dim=0).norm(dim=-1).amax(1) * fps > SPEED_LIMIT).numpy()
        if not fast.any():
            break
        for step in np.flatnonzero(fast):
            spoilt[max(0, step - 1) : step + 3] = True
        for start, stop in _runs(~spoilt):
            if start > 0 and stop < len(spoilt) and stop - start < 0.1 * fps:
                spoilt[start:stop] = True
        quaternions = _fill(quaternions, spoilt)
        root = _fill_linear(root, spoilt)
    repairs += [Repair("body", *run) for run in _runs(spoilt)]
    return roma.unitquat_to_rotmat(quaternions), root, repairs


def settled_after(positions: Tensor, fps: float, within: float = 0.5) -> int:
    """First frame after the last jump above the speed limit among the first ``within`` seconds of (T, J, 3), else 0."""
    head = positions[: round(within * fps)]
    fast = (head.diff(dim=0).norm(dim=-1).amax(1) * fps > SPEED_LIMIT).nonzero()
    return int(fast[-1]) + 1 if len(fast) else 0


def _roll_feet(quaternions: Tensor) -> list[Repair]:
    """Turn feet that stand upside down by half a turn about their own length, in place; the toes with them."""
    half_turn = torch.tensor([0.0, 0.0, 1.0, 0.0], dtype=quaternions.dtype)
    repairs = []
    for side in SIDES:
        ankle, toes = SMPL24.index(f"{side}_ankle"), SMPL24.index(f"{side}_foot")
        rolled = roma.quat_product(quaternions[:, ankle], half_turn.expand_as(quaternions[:, ankle]))
        upside_down = (_angle(quaternions[:, ankle]) > ANKLE_LIMIT) & (_angle(rolled) < ANKLE_LIMIT)
        quaternions[upside_down, ankle] = rolled[upside_down]
        # About z by half a turn, the toes' bend about x changes its sign.
        quaternions[upside_down, toes] *= torch.tensor([-1.0, -1.0, 1.0, 1.0], dtype=quaternions.dtype)
        repairs += [Repair(f"{side}_ankle", *run, "rolled") for run in _runs(upside_down.numpy())]
    return repairs


def _angle(quaternions: Tensor) -> Tensor:
    return 2 * torch.atan2(quaternions[..., :3].norm(dim=-1), quaternions[..., 3].abs())


def _jumping(quaternions: Tensor, fps: float, limit: float) -> np.ndarray:
    """(T,) bool: frames of a joint (T, 4) that belong neither to a long stretch without a jump nor fit to one.

    The longest stretch is believed; from there outwards, a stretch is believed if it is long, or if the joint could
    have turned so far since the last believed one. Where two believed ones meet in a jump, both lose two frames.
    """
    wrong = (_angle(quaternions) > limit).numpy()
    step = roma.unitquat_geodesic_distance(quaternions[1:], quaternions[:-1]).numpy() * fps
    edges = [0, *(np.flatnonzero((step > TURN_LIMIT) | wrong[1:] | wrong[:-1]) + 1), len(wrong)]
    islands = [(a, b) for a, b in pairwise(edges) if not wrong[a]]
    if not islands:
        return np.zeros(len(wrong), dtype=bool)  # nothing to hold on to: leave it as it is
    if len(islands) == 1 and islands[0] == (0, len(wrong)):
        return wrong
    first = max(range(len(islands)), key=lambda i: islands[i][1] - islands[i][0])
    believed = [islands[first]]
    for island in islands[first + 1 :]:
        if _fits(quaternions, believed[-1][1] - 1, island[0], island, fps):
            believed.append(island)
    for island in islands[:first][::-1]:
        if _fits(quaternions, believed[0][0], island[1] - 1, island, fps):
            believed.insert(0, island)
    bad = np.ones(len(wrong), dtype=bool)
    for start, stop in believed:
        bad[start:stop] = False
    for (_, stop), (start, _) in pairwise(believed):
        if start == stop:
            bad[max(0, stop - 2) : stop + 2] = True
    return bad


def _fits(quaternions: Tensor, here: int, there: int, island: tuple[int, int], fps: float) -> bool:
    """Whether a stretch is long, or could have been reached from the believed frame ``here`` at its frame ``there``."""
    turn = float(roma.unitquat_geodesic_distance(quaternions[there], quaternions[here]))
    return island[1] - island[0] >= TRUSTED * fps or turn <= min(1.0, TURN_LIMIT / 2 * abs(there - here) / fps)


def _fill(quaternions: Tensor, bad: np.ndarray) -> Tensor:
    """Slerp over bad frames of (T, ..., 4) from the good ones around them; hold the nearest at the ends."""
    if not bad.any() or bad.all():
        return quaternions
    before, after, weight = _neighbours(bad)
    weight = weight.reshape(-1, *[1] * (quaternions.dim() - 1))
    return slerp(quaternions[before], quaternions[after], weight)


def _fill_linear(values: Tensor, bad: np.ndarray) -> Tensor:
    if not bad.any() or bad.all():
        return values
    before, after, weight = _neighbours(bad)
    return torch.lerp(values[before], values[after], weight[:, None])


def _neighbours(bad: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
    """Per frame the last good frame up to it, the first good frame from it on, and how far it lies between them."""
    good = np.flatnonzero(~bad)
    frames = np.arange(len(bad))
    before = good[np.clip(np.searchsorted(good, frames, side="right") - 1, 0, None)]
    after = good[np.clip(np.searchsorted(good, frames, side="left"), None, len(good) - 1)]
    span = np.maximum(after - before, 1)
    weight = np.where(after > before, (frames - before) / span, 0.0)
    return torch.from_numpy(before), torch.from_numpy(after), torch.from_numpy(weight)


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """Start and stop of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
