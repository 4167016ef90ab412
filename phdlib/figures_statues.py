"""Statues to look at (PHD Figures 5 and 7): curves of accuracy with their steepest rise, and the frames found there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from torch import Tensor

from phdlib.body import load_body
from phdlib.crops import Surface, clip_crops
from phdlib.data.clip import TEMPORAL, Clip
from phdlib.data.phd_role import CONDITIONING
from phdlib.figures_meshes import DPI, ImageRow, MeshRow, mesh_strip
from phdlib.palette import METHODS
from phdlib.phd_model import PHD
from phdlib.rollouts import Scene, rollout
from phdlib.statue_timing import joint_speed
from phdlib.statues import AHEAD, HALF, find, improvement

PIXELS, SAMPLE = 112, 212  # of a picture's side; what the networks see is smaller
GRID = 0.01  # metres; see phdlib.crops.Surface
SHOWN = (-9, 1, 11)  # frames ahead of the last one seen: 10 before the statue, the statue, 10 after it


@dataclass(frozen=True, eq=False)
class Sequence5:
    """One sequence of Figure 5: ``clip``, a number in the Penn role's test, and the ``window`` before its statue;
    ``accuracy`` (seeds, windows), ``still`` (seeds, windows) of Constant, ``speed`` (frames,) in m/s."""

    clip: int
    window: int
    accuracy: np.ndarray
    still: np.ndarray
    speed: np.ndarray

    @property
    def scene(self) -> Scene:
        return Scene("penn", self.clip, self.window)


def steepest(
    curves: Mapping[str, Sequence[Sequence[np.ndarray]]], method: str, clips: Sequence[Clip], truth: Sequence[Clip],
    half: int = HALF, count: int = 4,
) -> list[Sequence5]:  # fmt: skip
    """What Figure 5 shows: of each action the sequence with the steepest rise in one kind of accuracy (first seed), and
    of these the ``count`` steepest. ``curves``: by method and seed, :func:`phdlib.statues.accuracy_curves`."""
    found = find(curves[method][0], half)
    found["action"] = [clips[i].action for i in found.index]
    found = found.sort_values("rise", ascending=False, kind="stable").drop_duplicates("action")
    return [
        Sequence5(
            clip, int(row["window"]), np.stack([c[clip] for c in curves["AR on Φ"]]),
            np.stack([c[clip] for c in curves["Constant"]]), joint_speed(truth[clip]),
        )
        for clip, row in found.head(count).iterrows()
    ]  # fmt: skip


def snapshots(clip: Clip, frames: Sequence[int], size: int = PIXELS) -> list[Tensor]:
    """Crops (3, size, size), uint8, of some frames of a recorded clip, in its own clothes, light and room."""
    index = torch.tensor(list(frames), dtype=torch.int64)
    if len(index) and not 0 <= int(index.min()) <= int(index.max()) < len(clip):
        raise ValueError(f"clip {clip.name}: frames {int(index.min())} to {int(index.max())} of {len(clip)}")
    kept = {name: getattr(clip, name)[index] for name in TEMPORAL if isinstance(getattr(clip, name), Tensor)}
    chosen = replace(clip, **kept)
    return [crop for chunk in clip_crops(chosen, Surface(load_body(), GRID), size) for crop in chunk.cpu()]


def curves(sequences: Sequence[Sequence5], half: int = HALF) -> Figure:
    """Above, accuracy over the frame that follows on the window (a thin line per seed, the first thick; Constant
    dashed) and true joint speed in grey; below, the filter's answer. The statue is a line, the 15 frames that its
    accuracy is of are shaded."""
    N = len(sequences)
    fig, axes = plt.subplots(2, N, figsize=(max(2.9 * N, 3.8), 4.2), squeeze=False, sharex="col", height_ratios=(2, 1))
    for column, (sequence, (above, below)) in enumerate(zip(sequences, axes.T, strict=True)):
        frames = np.arange(sequence.accuracy.shape[1]) + CONDITIONING
        statue = sequence.window + CONDITIONING
        for seed, (own, still) in reversed(list(enumerate(zip(sequence.accuracy, sequence.still, strict=True)))):
            look = {"lw": 2.0 if seed == 0 else 0.8, "alpha": 1.0 if seed == 0 else 0.5}
            above.plot(frames, own, color=METHODS["AR on Φ"], label="AR on Φ" if seed == 0 else None, **look)
            if seed == 0:
                above.plot(frames, still, color=METHODS["Constant"], ls="--", lw=1.2, label="Constant")
            below.plot(frames, improvement(own, half), color=METHODS["AR on Φ"], **look)
        fast = above.twinx()
        fast.fill_between(np.arange(len(sequence.speed)), sequence.speed, color="0.85", lw=0)
        fast.set_ylim(0, 2.2 * sequence.speed.max())
        fast.set_yticks([])
        above.set_zorder(fast.get_zorder() + 1)
        above.patch.set_visible(False)
        for ax in (above, below):
            ax.axvspan(statue, statue + AHEAD, color="#FFD966", alpha=0.35, lw=0)
            ax.axvline(statue, color="black", lw=1.2)
            ax.spines[["top", "right"]].set_visible(False)
        for spine in fast.spines.values():
            spine.set_visible(False)
        below.axhline(0, color="0.6", lw=0.6)
        above.set_ylim(0, 103)
        above.set_title(f"{sequence.scene.recorded.action}\n{sequence.scene.recorded.take}", fontsize=8)
        below.set_xlabel("frame", fontsize=8)
        for ax in (above, below):
            ax.tick_params(labelsize=7)
        if column == 0:
            above.set_ylabel(f"PCK of the next {AHEAD} frames, %", fontsize=8)
            below.set_ylabel("rise, points", fontsize=8)
            lines = [*above.get_lines()[-3:-1], Patch(color="0.85", label="true joint speed")]
            fig.legend(handles=lines, frameon=False, fontsize=7, loc="lower left", ncols=3)
    fig.tight_layout(rect=(0, 0.05, 1, 1))
    return fig


def statues(sequences: Sequence[Sequence5], model: PHD, clips: Sequence[Clip]) -> Figure:
    """A column per sequence: its video 10 frames before the statue, at it and 10 after it; the body at the statue from
    two sides; and where the ``model``, which has seen the window before the statue, expects the body 10 frames after
    it. ``clips``: those of the role's test, with features."""
    images, bodies, ahead = [], [], []
    for sequence in sequences:
        frames = [sequence.window + CONDITIONING - 1 + shown for shown in SHOWN]
        images.append(snapshots(sequence.scene.recorded, frames))
        theta, beta = sequence.scene.truth(SHOWN[1:2])
        bodies.append((theta[0], beta))
        found = rollout(model, clips[sequence.clip], sequence.window, SHOWN[-1])
        index = found.at(SHOWN[-1:])
        ahead.append((found.theta[index][0], found.beta[index][0]))
    statue = MeshRow("its body", *_stacked(bodies), role="truth")
    labels = [sequence.scene.recorded.action for sequence in sequences]
    rows = [
        *(ImageRow(name, row) for name, row in zip(("10 frames\nbefore", "the statue", "10 frames\nafter"),
                                                   zip(*images, strict=True), strict=True)),
        statue, statue.from_side(), MeshRow("foreseen for\n10 frames\nafter", *_stacked(ahead)),
    ]  # fmt: skip
    return mesh_strip(rows, labels, size=116)


def _stacked(bodies: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    theta, beta = zip(*bodies, strict=True)
    return torch.stack(theta), torch.stack(beta)


def samples(rows: Mapping[str, Sequence[tuple[Tensor, str]]], columns: int = 5) -> Figure:
    """Figure 7: a row per category, a picture (3, S, S), uint8, and a few words under it per sequence.

    Pictures of :data:`SAMPLE` pixels are halved and lose their lower bits: what a photograph weighs is its grain.
    """
    wide, tall, left = 112, 134, 82  # pixels of a cell, and of the names before the first
    W, H = left + columns * wide, tall * len(rows) + 14
    fig = plt.figure(figsize=(W / DPI, H / DPI), dpi=DPI)
    ax = fig.add_axes((0, 0, 1, 1))
    for line, (action, pictures) in enumerate(rows.items()):
        top = line * tall + 4
        ax.text(left - 8, top + 50, action, ha="right", va="center", fontsize=7.5)
        for column, (image, words) in enumerate(pictures[:columns]):
            half = torch.nn.functional.avg_pool2d(image[None].float(), 2)[0].permute(1, 2, 0) / 255
            shades, x = (half * 15).round().numpy() / 15, left + column * wide
            ax.imshow(shades, extent=(x + 3, x + wide - 3, top + wide - 6, top), interpolation="nearest")
            ax.text(x + wide / 2, top + wide - 4, words, ha="center", va="top", fontsize=5.5, linespacing=1.1)
    ax.set_xlim(0, W)
    ax.set_ylim(H, 0)
    ax.set_aspect("auto")
    ax.axis("off")
    return fig
