"""Is this joint order what its reader takes it for? What is wrong with it tends to show in the numbers.

Joints in another order than the reader's, sides swapped, an axis turned over: nothing fails, the errors merely stay
large. Bodies know better. Limbs are as long on the left as on the right and no longer tomorrow than today, knees bend
forward, heads are mostly above hips. :func:`suspicious_order` looks at a whole clip and says what it saw.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from phdlib.data.conventions import convention, meaning
from phdlib.skeleton import Skeleton

LIMBS = {"thigh": ("hip", "knee"), "shin": ("knee", "ankle"), "upper arm": ("shoulder", "elbow"),
         "forearm": ("elbow", "wrist")}  # fmt: skip
# Lengths over that of the trunk, from the middle of the hips to that of the shoulders: people and rigs lie well inside.
PROPORTIONS = {"thigh": (0.45, 1.9), "shin": (0.4, 1.9), "upper arm": (0.25, 1.2), "forearm": (0.2, 1.1),
               "shoulders": (0.25, 1.5), "hips": (0.1, 1.1)}  # fmt: skip
FACE = {"nose", "left_eye", "right_eye", "left_ear", "right_ear"}
UNEQUAL = 1.5  # a limb over its fellow
VARYING = 0.25  # middle deviation of a length over its median, in time
UPSIDE_DOWN = 0.65  # share of the frames with the head far below the hips, and the feet above them
BACKWARD = -0.35  # mean of what bends and faces forward: 1 all forward, -1 all backward
FLAT_UNEQUAL = 2.5  # in pictures, which shorten: of lengths that one frame in ten exceeds
AWAY = 0.3  # of the body's extent: how far a middle may be from the middle, and points of a face from each other
FRAMES = 250  # at least, of a longer clip
MOST = 40  # readings of a data set that are looked at
SAME = 1e-6  # two joints as near as this, over the trunk, are one


class Finding(NamedTuple):
    """``kind``: "unequal", "varying", "proportions", "apart", "facing", "upside down" or "coincident"; ``message`` with
    the numbers."""

    kind: str
    message: str


def suspicious_order(points: Tensor, skeleton: str | Skeleton, *, down: bool = True) -> list[Finding]:
    """What speaks against ``points`` (T, J, 3 or 2) being in the skeleton's order; an empty list if nothing does.

    3D in any unit, camera space (y down) or, with ``down`` False, a world with y up; 2D in pixels. Frames with values
    that are not finite are left out; of long clips some hundred are looked at. It needs both hips and shoulders. In 2D
    only proportions, sides and up and down can be seen, and facing only where there are eyes or ears. ``ValueError``
    if the number of joints is another one.
    """
    skeleton = convention(skeleton)
    if points.ndim != 3 or points.shape[1] != len(skeleton) or points.shape[2] not in (2, 3):
        raise ValueError(
            f"{skeleton.name}: found points {tuple(points.shape)}, expected (T, {len(skeleton)}, 3) or (T, "
            f"{len(skeleton)}, 2)"
        )
    points = points[:: max(len(points) // FRAMES, 1)]
    points = points[points.isfinite().flatten(1).all(1)].double()
    if not len(points) or not {"left_hip", "right_hip", "left_shoulder", "right_shoulder"} <= set(skeleton.joints):
        return []
    body = _Body(points, skeleton)
    if (body.trunk_length.median() if points.shape[2] == 3 else body.trunk_length.amax()) <= 0:
        return [Finding("coincident", f"{skeleton.name}: hips and shoulders are at the same place")]
    found = _lengths(body) if points.shape[2] == 3 else _flat_lengths(body)
    return [*found, *_apart(body), *_facing(body, down), *_upright(body, down)]


def warn_if_suspicious(points: Tensor, skeleton: str | Skeleton, where: str, *, down: bool = True) -> list[Finding]:
    """:func:`suspicious_order`, with one warning that says where and what: for loaders and notebooks."""
    found = suspicious_order(points, skeleton, down=down)
    if found:
        name = convention(skeleton).name
        seen = "; ".join(finding.message for finding in found)
        warnings.warn(f"{where}: the joints may be in another order or frame than {name}: {seen}", stacklevel=2)
    return found


def warn_of_most(
    readings: Sequence[tuple[Tensor, str | Skeleton]], where: str | Path, *, down: bool = True
) -> list[Finding]:
    """:func:`suspicious_order` of what a loader has read, each ``points`` and their order; one warning of what is wrong
    with most of them, with an example.

    An order that is wrong is wrong throughout, while one clip alone may be of somebody who stands on their hands. Of
    many some are looked at, evenly.
    """
    looked = readings[:: max(len(readings) // MOST, 1)]
    found = [finding for points, skeleton in looked for finding in suspicious_order(points, skeleton, down=down)]
    counts = Counter(finding.kind for finding in found)
    shared = {f.kind: f for f in reversed(found) if counts[f.kind] > len(looked) / 2}
    if shared:
        names = ", ".join(sorted({convention(skeleton).name for _, skeleton in looked}))
        seen = "; ".join(f"{f.message} (so or alike in {counts[f.kind]} of {len(looked)})" for f in shared.values())
        warnings.warn(f"{where}: the joints may be in another order or frame than {names}: {seen}", stacklevel=3)
    return list(shared.values())


class _Body:
    """Points of a clip by name; ``trunk_length`` (T,)."""

    def __init__(self, points: Tensor, skeleton: Skeleton) -> None:
        self.points, self.skeleton = points, skeleton
        self.hips, self.shoulders = self.middle("hip"), self.middle("shoulder")
        self.trunk_length = (self.shoulders - self.hips).norm(dim=-1)

    def __contains__(self, joint: str) -> bool:
        return joint in self.skeleton.joints

    def __getitem__(self, joint: str) -> Tensor:
        return self.points[:, self.skeleton.index(joint)]

    def middle(self, joint: str) -> Tensor:
        return (self[f"left_{joint}"] + self[f"right_{joint}"]) / 2

    def lengths(self) -> dict[str, Tensor]:
        """(T,) of every limb, "left thigh" and so on, and of the widths."""
        found = {
            part: (self[f"left_{part[:-1]}"] - self[f"right_{part[:-1]}"]).norm(dim=-1)
            for part in ("shoulders", "hips")
        }
        for side in ("left", "right"):
            for limb, (a, b) in LIMBS.items():
                if f"{side}_{a}" in self and f"{side}_{b}" in self:
                    found[f"{side} {limb}"] = (self[f"{side}_{a}"] - self[f"{side}_{b}"]).norm(dim=-1)
        return found

    def head(self) -> Tensor | None:
        """Whatever is highest on a standing person."""
        return next((self[name] for name in ("head_top", "head", "nose", "upper_neck", "neck") if name in self), None)


def _lengths(body: _Body) -> list[Finding]:
    """3D: a body's bones are rigid, alike on both sides, and of a body's proportions."""
    lengths = body.lengths()
    trunk = body.trunk_length.median()
    medians = {part: float(length.median() / trunk) for part, length in lengths.items()}
    found = _paired(medians, UNEQUAL, "long")
    wrong = [part for part, ratio in medians.items() if not _bounds(part)[0] <= ratio <= _bounds(part)[1]]
    if wrong:
        part = max(
            wrong, key=lambda part: max(_bounds(part)[0] / max(medians[part], SAME), medians[part] / _bounds(part)[1])
        )
        low, high = _bounds(part)
        message = f"the {part} is {medians[part]:.2f} times the trunk, expected {low:g} to {high:g}"
        found.append(Finding("proportions", message))
    spread = {part: float((length - length.median()).abs().median() / length.median().clamp(min=SAME * trunk))
              for part, length in lengths.items()}  # fmt: skip
    part = max(spread, key=lambda part: spread[part])
    if spread[part] > VARYING:
        found.append(Finding("varying", f"the length of the {part} varies by {spread[part]:.0%}, bones are rigid"))
    return found


def _flat_lengths(body: _Body) -> list[Finding]:
    """2D: pictures shorten bones, so what counts is how long they get."""
    longest = {part: length.quantile(0.9) for part, length in body.lengths().items()}
    trunk = max(
        [body.trunk_length.quantile(0.9), *(longest[part] for part in longest if part.endswith(("thigh", "shin")))]
    )
    ratios = {part: float(length / trunk) for part, length in longest.items()}
    found = _paired({part: ratio for part, ratio in ratios.items() if ratio > 0.1}, FLAT_UNEQUAL, "long in the picture")
    long = [part for part, ratio in ratios.items() if ratio > _bounds(part)[1]]
    reach = float(body.trunk_length.quantile(0.9) / trunk)
    if long or reach < 0.3:
        part = max(long, key=lambda part: ratios[part] / _bounds(part)[1]) if long else "trunk"
        value = ratios.get(part, reach)
        message = f"the {part} is {value:.2f} times the longest of trunk and legs in the picture"
        found.append(Finding("proportions", message))
    return found


def _apart(body: _Body) -> list[Finding]:
    """What lies in the middle of hips or shoulders does, and a face is small; in pictures as in space."""
    extent = (body.points.amax(1) - body.points.amin(1)).norm(dim=-1).clamp(min=1e-12)
    distances = {}
    for joint, middle in (("pelvis", body.hips), ("thorax", body.shoulders), ("neck", body.shoulders)):
        if joint in body and meaning(body.skeleton, joint) == joint:
            distances[f"the {joint} and the middle of {'hips' if joint == 'pelvis' else 'shoulders'}"] = (
                body[joint] - middle
            ).norm(dim=-1)
    face = [name for name in body.skeleton.joints if name in FACE]
    if len(face) > 1:
        points = torch.stack([body[name] for name in face], dim=1)
        distances["the points of the face"] = (points.amax(1) - points.amin(1)).norm(dim=-1)
    medians = {what: float((distance / extent).median()) for what, distance in distances.items()}
    what = max(medians, key=lambda what: medians[what], default=None)
    if what is None or medians[what] <= AWAY:
        return []
    return [Finding("apart", f"{what} are {medians[what]:.0%} of the body's extent apart, expected below {AWAY:.0%}")]


def _bounds(part: str) -> tuple[float, float]:
    return PROPORTIONS[part.removeprefix("left ").removeprefix("right ")]


def _paired(lengths: dict[str, float], most: float, how: str) -> list[Finding]:
    """The limb that differs most from its fellow, if it does by more than a factor."""
    ratios = {}
    for limb in LIMBS:
        if f"left {limb}" in lengths and f"right {limb}" in lengths:
            left, right = max(lengths[f"left {limb}"], SAME), max(lengths[f"right {limb}"], SAME)
            ratios[limb] = max(left / right, right / left)
    limb = max(ratios, key=lambda limb: ratios[limb], default=None)
    if limb is None or ratios[limb] <= most:
        return []
    longer = "left" if lengths[f"left {limb}"] > lengths[f"right {limb}"] else "right"
    return [Finding("unequal", f"the {longer} {limb} is {ratios[limb]:.1f} times as {how} as the other one")]


def _facing(body: _Body, down: bool) -> list[Finding]:
    """Sides against front and back. With left and right as named, the front of the body is where left x up points, in
    any right-handed frame; knees, toes and noses say where it is in truth."""
    if body.points.shape[2] == 2:
        return _flat_facing(body)
    up = body.shoulders - body.hips
    across = (body["left_hip"] - body["right_hip"]) + (body["left_shoulder"] - body["right_shoulder"])
    front = torch.nn.functional.normalize(torch.linalg.cross(across, up), dim=-1)
    cues = []
    for side in ("left", "right"):
        if {f"{side}_knee", f"{side}_ankle"} <= set(body.skeleton.joints):
            hip, knee, ankle = (body[f"{side}_{joint}"] for joint in ("hip", "knee", "ankle"))
            shank = ankle - hip
            along = ((knee - hip) * shank).sum(-1, keepdim=True) / (shank * shank).sum(-1, keepdim=True).clamp(
                min=1e-12
            )
            cues.append(knee - hip - along.clamp(0, 1) * shank)
        toe = next((name for name in ("toes", "foot", "big_toe", "foot_index") if f"{side}_{name}" in body), None)
        if toe is not None and f"{side}_ankle" in body:
            cues.append(body[f"{side}_{toe}"] - body[f"{side}_ankle"])
    ears = {"left_ear", "right_ear"} <= set(body.skeleton.joints)
    if "nose" in body and (ears or {"thorax", "head"} <= set(body.skeleton.joints)):
        cues.append(body["nose"] - (body.middle("ear") if ears else (body["thorax"] + body["head"]) / 2))
    if not cues:
        return []
    forward = torch.stack([(cue * front).sum(-1) for cue in cues]) / body.trunk_length.clamp(min=1e-12)
    vote = float(forward.sum() / forward.abs().sum().clamp(min=1e-12))
    if vote > BACKWARD or float(forward.abs().mean()) < 0.01:
        return []
    turned = "left and right are swapped, the picture is a mirror image, or one axis is turned over"
    return [Finding("facing", f"knees, feet and face point backward ({vote:+.2f}, expected near +1): {turned}")]


def _flat_facing(body: _Body) -> list[Finding]:
    """2D: the face's left is on the side of the body's left."""
    pair = next((p for p in ("eye", "ear") if f"left_{p}" in body and f"right_{p}" in body), None)
    if pair is None:
        return []
    face = (body[f"left_{pair}"] - body[f"right_{pair}"])[:, 0]
    trunk = sum((body[f"left_{joint}"] - body[f"right_{joint}"])[:, 0] for joint in ("shoulder", "hip"))
    vote = float((face * trunk).sum() / (face * trunk).abs().sum().clamp(min=1e-12))
    if vote > BACKWARD:
        return []
    return [Finding("facing", f"the face's left is on the body's right ({vote:+.2f}, expected near +1)")]


def _upright(body: _Body, down: bool) -> list[Finding]:
    head, sign = body.head(), 1.0 if down else -1.0
    if head is None:
        return []
    reach = body.trunk_length.clamp(min=1e-12) if body.points.shape[2] == 3 else body.trunk_length.amax()
    below = sign * (head - body.hips)[:, 1] / reach > 0.4
    if {"left_ankle", "right_ankle"} <= set(body.skeleton.joints):
        below &= sign * (body.middle("ankle") - body.hips)[:, 1] / reach < 0.2
    share = float(below.float().mean())
    if share <= UPSIDE_DOWN:
        return []
    way = "down" if down else "up"
    return [
        Finding("upside down", f"the head is below the hips in {share:.0%} of the frames, with y taken to point {way}")
    ]
