"""What a rendered clip looks like: clothes on the person, light on them and a room behind.

The paper's images are photographs; these are drawn, each part from a generator seeded by what it belongs to, so that a
clip looks the same in whatever company it is rendered: skin and hair by subject, clothes by take (four cameras see the
same ones), light and room by take and camera.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from phdlib.skeleton import SMPL24

ROOM = 128  # pixels of the picture that is stretched over the whole image behind the person
_SKIN = np.array([[0.94, 0.78, 0.69], [0.82, 0.62, 0.50], [0.62, 0.43, 0.32], [0.38, 0.25, 0.19]])  # mixed
_HAIR = np.array([[0.08, 0.06, 0.05], [0.28, 0.17, 0.10], [0.62, 0.48, 0.28], [0.55, 0.54, 0.53]])  # one of them
_TORSO = ("spine1", "spine2", "spine3", "left_collar", "right_collar")
_SLEEVES = ((), ("shoulder",), ("shoulder", "elbow"))  # none, short, long
_LEGS = (("hip",), ("hip", "knee"))  # short, long trousers


class Appearance(NamedTuple):
    """``albedo`` (V, 3) of the vertices; ``room`` (ROOM, ROOM, 3) behind the person; ``light`` (3,), towards the light
    in the camera frame; ``ambient``, the share of light that comes from everywhere."""

    albedo: Float[Tensor, "V 3"]
    room: Float[Tensor, "R R 3"]
    light: Float[Tensor, 3]
    ambient: float


def seeded(*parts: object) -> np.random.Generator:
    """A generator of its own for everything that has a name."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "little"))


def appearance(
    subject: str, take: str, camera: str, template: Float[Tensor, "V 3"], weights: Float[Tensor, "V 24"], seed: int = 0
) -> Appearance:
    """The look of one clip, on a body with this ``template`` (y up, facing +z) and these skinning ``weights``."""
    rng = seeded(seed, take, camera, "room")
    angle, height = rng.uniform(-np.pi, np.pi), rng.uniform(0.2, 1.2)  # from any side, from above, never from behind
    light = torch.tensor([np.sin(angle), -height, -abs(np.cos(angle)) - 0.2], dtype=torch.float32)
    return Appearance(
        torch.from_numpy(clothes(subject, take, template.cpu().numpy(), weights.cpu().numpy(), seed)).float(),
        torch.from_numpy(_room(rng)).float(),
        F.normalize(light, dim=0),
        float(rng.uniform(0.25, 0.55)),
    )


def clothes(subject: str, take: str, template: np.ndarray, weights: np.ndarray, seed: int = 0) -> np.ndarray:
    """Colours (V, 3): a subject's skin and hair, a take's shirt, trousers and shoes, the shirt with a pattern."""
    person, wardrobe = seeded(seed, subject), seeded(seed, take, "clothes")
    tone = person.uniform(0, len(_SKIN) - 1)
    skin = np.array([np.interp(tone, range(len(_SKIN)), channel) for channel in _SKIN.T])
    colours = np.tile(skin, (len(template), 1))
    owner = weights.argmax(1)

    def part(*names: str) -> np.ndarray:
        return np.isin(owner, [SMPL24.index(name) for name in names])

    def both(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(f"{side}_{name}" for side in ("left", "right") for name in names)

    head, (x, y, z) = part("head"), template.T
    middle, top = (z[head].min() + z[head].max()) / 2, y[head].max()
    line = top - person.uniform(0.05, 0.09)  # of the forehead; behind, hair goes down to the neck
    colours[head & ((y > line) | (z < middle - 0.02))] = _HAIR[person.integers(len(_HAIR))]
    shirt, trousers, shoes = wardrobe.uniform(0.08, 0.95, (3, 3))
    shirted = part(*_TORSO, *both(_SLEEVES[wardrobe.integers(len(_SLEEVES))]))
    waves = np.sin(np.stack((x, y, z), 1) @ wardrobe.normal(0, 45, (3, 2)) + wardrobe.uniform(0, 6.3, 2))
    pattern = wardrobe.uniform(0, 0.22) * np.sign(waves[:, 0]) + 0.06 * waves[:, 1]  # stripes, and folds
    colours[shirted] = shirt + pattern[shirted, None]
    colours[part("pelvis", *both(_LEGS[wardrobe.integers(len(_LEGS))]))] = trousers
    colours[part(*both(("foot", "ankle")))] = shoes
    return colours.clip(0.03, 1.0)


def _room(rng: np.random.Generator) -> np.ndarray:
    """A picture (ROOM, ROOM, 3): a wall, a floor, things before them, and stains of every size on all."""
    across, down = np.meshgrid(np.linspace(0, 1, ROOM), np.linspace(0, 1, ROOM))
    wall, floor = rng.uniform(0.15, 0.9, (2, 3))
    picture = np.where((down > rng.uniform(0.5, 0.7))[..., None], floor, wall)
    for _ in range(rng.integers(2, 9)):
        (left, up), (wide, high) = rng.uniform(-0.1, 1, 2), rng.uniform(0.04, 0.4, 2)
        inside = (across > left) & (across < left + wide) & (down > up) & (down < up + high)
        picture[inside] = rng.uniform(0.05, 0.95, 3)
    for cells in (2, 5, 12, 30, ROOM):
        stains = torch.from_numpy(rng.normal(0, 0.05, (1, 3, cells, cells)))
        picture = picture + F.interpolate(stains, ROOM, mode="bilinear")[0].permute(1, 2, 0).numpy()
    grey = picture.mean(-1, keepdims=True)  # rooms are duller than paint
    return (grey + rng.uniform(0.2, 0.7) * (picture - grey)).clip(0, 1)
