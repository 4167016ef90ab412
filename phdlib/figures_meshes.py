"""Strips of bodies: sequences of Theta as rows of rendered meshes, as in PHD's Figures 1, 3, 4 and 11 to 16.

A row is a :class:`MeshRow` (bodies, seen from the input camera or from where one comes by walking round them) or an
:class:`ImageRow` (crops of the video). :func:`mesh_strip` puts rows under each other, a column per moment::

    seen = MeshRow("latent", theta, beta, ["conditioning"] * 3 + ["latent"] * 7)
    fig = mesh_strip([ImageRow("video", crops, seen=3), seen, seen.from_side()], ["-10", "-5", "0", "+5", ...])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from phdlib.body import load_body
from phdlib.crops import Surface
from phdlib.palette import BODIES
from phdlib.regressor import BETAS
from phdlib.render import BACKGROUND, LIGHT, shade

SIDE = 90.0  # degrees from the input camera to the second viewpoint
DPI = 110  # as publish.save_figure writes: one pixel of a picture is then one of the file
_INLINE = 78  # and in a notebook, which holds several of them and should stay small
GRID = 0.01  # metres; see phdlib.crops.Surface: half of the vertices, and no one sees it at this size
_AWAY = 50.0  # metres to the viewer: as good as orthographic, as weak perspective is
_SMOOTH = 2  # rays per pixel and axis
_MARGIN = 0.04  # metres about the bodies
_SHADES = {"mesh": 48, "image": 24}  # per channel: grain and shading are most of what a file weighs


@dataclass(frozen=True, eq=False)
class MeshRow:
    """Bodies in a row: ``theta`` (N, 72) as the camera sees them, ``beta`` (N, 10) or (10,). ``role`` is a key of
    :data:`phdlib.palette.BODIES` for all, or one per body, where None leaves its place empty. ``turn``: degrees that
    the viewer has walked round them, about the camera's vertical."""

    label: str
    theta: Tensor
    beta: Tensor
    role: str | Sequence[str | None] = "latent"
    turn: float = 0.0

    def roles(self) -> list[str | None]:
        return [self.role] * len(self.theta) if isinstance(self.role, str) else list(self.role)

    def from_side(self, label: str = "from the side", turn: float = SIDE) -> MeshRow:
        """The same bodies from the second viewpoint."""
        return replace(self, label=label, turn=turn)


@dataclass(frozen=True, eq=False)
class ImageRow:
    """Images (3, S, S), uint8, or None; the first ``seen`` of them, which the model was given, have a frame."""

    label: str
    images: Sequence[Tensor | None]
    seen: int = 0


def mesh_strip(
    rows: Sequence[MeshRow | ImageRow], labels: Sequence[str], *, title: str = "", size: int = 110
) -> Figure:
    """Rows of as many cells as there are ``labels``, which stand above the columns ("+5").

    All bodies have one scale and hang on their pelvis in the middle of a cell of ``size`` pixels in height; cells are
    as wide as the widest of them needs. 10 columns of 6 rows take about two seconds and 200 kB. ``ValueError`` names a
    row that does not fit.
    """
    for row in rows:
        _check(row, len(labels))
    bodies = [_vertices(row) if isinstance(row, MeshRow) else [] for row in rows]
    shown = [mesh for of_row in bodies for mesh in of_row if mesh is not None]
    low, high = _extent(shown)
    metres = float(high[1] - low[1])
    height, width = size, max(int(np.ceil(size * float(high[0] - low[0]) / metres)), round(0.7 * size))
    middle = (low + high) / 2
    pictures = []
    for row, meshes in zip(rows, bodies, strict=True):
        if isinstance(row, ImageRow):
            images = [None if image is None else image.cpu().permute(1, 2, 0).numpy() / 255 for image in row.images]
            pictures.append([None if image is None else _shades(image, "image") for image in images])
        else:
            pictures.append([
                None if mesh is None else _picture(mesh, BODIES[role], middle, size / metres, width, height)
                for mesh, role in zip(meshes, row.roles(), strict=True)
            ])  # fmt: skip
    return _sheet(rows, pictures, labels, title, width, height)


@lru_cache(maxsize=1)
def _surface() -> Surface:
    return Surface(load_body(), GRID)


def _check(row: MeshRow | ImageRow, columns: int) -> None:
    if isinstance(row, ImageRow):
        if len(row.images) != columns:
            raise ValueError(f"row {row.label!r}: {len(row.images)} images, expected one for each of {columns} labels")
        return
    N = len(row.theta)
    if row.theta.shape != (columns, 72) or row.beta.shape not in ((N, BETAS), (BETAS,)):
        raise ValueError(
            f"row {row.label!r}: theta {tuple(row.theta.shape)}, beta {tuple(row.beta.shape)}; expected "
            f"({columns}, 72) for {columns} labels, and ({columns}, {BETAS}) or ({BETAS},)"
        )
    if len(row.roles()) != N or (unknown := [r for r in row.roles() if r not in (None, *BODIES)]):
        found = f"{len(row.roles())} roles" if len(row.roles()) != N else repr(unknown[0])
        raise ValueError(f"row {row.label!r}: role {found}, expected {N} of None, {', '.join(BODIES)}")


@torch.no_grad()
def _vertices(row: MeshRow) -> list[Tensor | None]:
    """Meshes (V, 3) about their pelvis, turned; None for empty cells."""
    surface, meshes = _surface(), []
    a = torch.deg2rad(torch.tensor(row.turn))
    turn = torch.tensor([[a.cos(), 0, a.sin()], [0, 1, 0], [-a.sin(), 0, a.cos()]])
    for theta, beta, role in zip(row.theta.float(), row.beta.float().expand(len(row.theta), -1), row.roles(),
                                 strict=True):  # fmt: skip
        if role is None:
            meshes.append(None)
            continue
        mesh = surface(theta[None], beta)[0] - surface.keypoints(theta[None], beta[None])[0, :1]
        meshes.append(mesh @ turn.T)
    return meshes


def _extent(meshes: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """What all meshes together span in x and y, about a middle that is the pelvis' in x."""
    if not meshes:
        return torch.tensor([-0.5, -1.0]), torch.tensor([0.5, 1.0])
    low, high = (torch.stack([getattr(m[:, :2], f)(0) for m in meshes]) for f in ("amin", "amax"))
    low, high = low.amin(0) - _MARGIN, high.amax(0) + _MARGIN
    wide = torch.maximum(-low[0], high[0])
    return torch.stack((-wide, low[1])), torch.stack((wide, high[1]))


def _picture(mesh: Tensor, colour: str, middle: Tensor, scale: float, width: int, height: int) -> np.ndarray:
    """One body, (height, width, 3) in [0, 1]; ``scale`` in pixels per metre, ``middle`` (2,) is seen in the middle."""
    surface, fine = _surface(), _SMOOTH
    placed = mesh + torch.tensor([-float(middle[0]), -float(middle[1]), _AWAY])
    focal = scale * fine * _AWAY
    lens = torch.tensor([focal, focal, width * fine / 2, height * fine / 2])
    hits = surface.caster(placed, lens, width * fine, height * fine)
    colours = (torch.tensor(to_rgb(colour)), torch.tensor(LIGHT), torch.tensor(BACKGROUND))
    image = shade(hits, placed, surface.caster.faces.long(), *colours)
    return _shades(image.view(height, fine, width, fine, 3).mean((1, 3)).numpy(), "mesh")


def _shades(image: np.ndarray, kind: str) -> np.ndarray:
    """Colours in [0, 1] rounded to as many as a picture of this kind needs."""
    return (image * (_SHADES[kind] - 1)).round() / (_SHADES[kind] - 1)


def _sheet(
    rows: Sequence[MeshRow | ImageRow],
    pictures: Sequence[Sequence[np.ndarray | None]],
    labels: Sequence[str],
    title: str,
    width: int,
    height: int,
) -> Figure:
    """All cells on one sheet, a pixel for a pixel."""
    left, head, foot, gap = 92, 18 + 20 * bool(title), 12, 4
    heights = [width if isinstance(row, ImageRow) else height for row in rows]
    W, H = left + len(labels) * width, head + sum(heights) + gap * len(rows) + foot
    fig = plt.figure(figsize=(W / DPI, H / DPI), dpi=_INLINE)
    ax = fig.add_axes((0, 0, 1, 1))
    ax.set_xlim(0, W)
    ax.set_ylim(H, 0)
    ax.axis("off")
    if title:
        ax.text(6, 12, title, fontsize=8.5, va="center")
    for column, label in enumerate(labels):
        ax.text(left + (column + 0.5) * width, head - 8, label, fontsize=7.5, ha="center", va="center", color="0.3")
    top = head
    for row, cells, tall in zip(rows, pictures, heights, strict=True):
        ax.text(left - 8, top + tall / 2, row.label, fontsize=7.5, ha="right", va="center", linespacing=1.1)
        for column, cell in enumerate(cells):
            if cell is None:
                continue
            x = left + column * width
            pad, how = (2, "nearest") if isinstance(row, ImageRow) else (0, "auto")
            ax.imshow(cell, extent=(x + pad, x + width - pad, top + tall - pad, top + pad), interpolation=how)
            if isinstance(row, ImageRow) and column < row.seen:
                ax.add_patch(Rectangle((x + pad, top + pad), width - 2 * pad, tall - 2 * pad, fc="none",
                                       ec=BODIES["conditioning"], lw=1.8))  # fmt: skip
        top += tall + gap
    ax.set_xlim(0, W)
    ax.set_ylim(H, 0)
    ax.set_aspect("auto")
    return fig
