"""Figures on real pixels: VP3D's strip of a video with its 3D, and PHD's Figure 1, a future after what was seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from phdlib.crops import crop_boxes
from phdlib.features import FPS
from phdlib.figures import blank, draw_skeleton, overlay, turned
from phdlib.figures_meshes import ImageRow, MeshRow, mesh_strip
from phdlib.palette import BLUE, GREY, ORANGE, RED, TRUE_BODY
from phdlib.video_frames import VideoInfo
from phdlib.wild import CONDITIONING, Lifted, Motion
from phdlib.wild_output import draw_bones

AHEAD = (-14, -7, 0, 5, 10, 15, 20, 25, 30)  # frames at 25 Hz ahead of the last one seen

GROUND = 205  # grey of a frame without its pixels: lighter than what is drawn, darker than white lines
LEARNED = {  # of models by what is unlabelled, or in the pseudo-ground-truth role
    "nothing": GREY, "motion capture": BLUE, "real video": RED, "Constant": ORANGE,
}  # fmt: skip
_ROOM = 1.25  # side of a crop over the diagonal of the keypoints' box


def plain(info: VideoInfo, count: int) -> Iterator[np.ndarray]:
    """As many frames of a video's size that show nothing, to draw on where its own must not be passed on."""
    yield from (np.full((info.height, info.width, 3), GROUND, dtype=np.uint8) for _ in range(count))


def with_keypoints(images: Mapping[int, np.ndarray], motion: Motion) -> dict[int, np.ndarray]:
    """Frames, by number, with the person's keypoints drawn in."""
    found = {}
    for t, image in images.items():
        picture = Image.fromarray(image)
        points = motion.clip.keypoints2d[t - motion.first].numpy()
        draw_bones(picture, points, max(2, round(np.ptp(points, axis=0).max() / 45)))
        found[t] = np.asarray(picture)
    return found


def pick(images: Iterable[np.ndarray], wanted: Sequence[int]) -> dict[int, np.ndarray]:
    """Some frames of a video, by number; reading stops at the last of them."""
    found, last = {}, max(wanted, default=-1)
    for t, image in enumerate(images):
        if t in wanted:
            found[t] = image
        if t >= last:
            break
    return found


def cut(image: np.ndarray, centre: Sequence[float], side: float, size: int) -> Tensor:
    """A square of an image as (3, size, size), uint8; beyond the image its edge goes on."""
    half = max(side / 2, 1.0)
    low = np.floor(np.array(centre) - half).astype(int)
    high = np.ceil(np.array(centre) + half).astype(int)
    rows, columns = (np.arange(low[i], high[i]).clip(0, image.shape[1 - i] - 1) for i in (1, 0))
    square = Image.fromarray(image[rows[:, None], columns[None]]).resize((size, size), Image.Resampling.BOX)
    return torch.from_numpy(np.asarray(square).copy()).permute(2, 0, 1)


def strip(
    images: Mapping[int, np.ndarray],
    motion: Motion,
    *,
    truth: Mapping[str, np.ndarray] | None = None,
    side: float = 60.0,
) -> Figure:
    """Frames of a video with their keypoints; below, the lifted poses as the camera sees them and from ``side`` degrees
    beside it, over ``truth`` in grey where it is known: frame -> (17, 3) relative to the root."""
    fig, axes = plt.subplots(3, len(images), figsize=(1.45 * len(images), 5.2), squeeze=False)
    for column, (t, image) in enumerate(images.items()):
        points = motion.clip.keypoints2d[t - motion.first].numpy()
        middle, half = (points.min(0) + points.max(0)) / 2, 0.62 * np.ptp(points, axis=0).max()
        wide = max(0.62 * half, 0.65 * np.ptp(points[:, 0]))
        overlay(axes[0, column], image, points,
                (middle[0] - wide, middle[0] + wide, middle[1] + half, middle[1] - half))  # fmt: skip
        axes[0, column].set_title(f"{t / motion.clip.fps:.2f} s", fontsize=8)
        pose = motion.clip.joints3d[t - motion.first].numpy()
        for row, angle in ((1, 0.0), (2, side)):
            ax = axes[row, column]
            if truth and t in truth:
                draw_skeleton(ax, turned(truth[t], angle), color=TRUE_BODY, width=3.0)
            draw_skeleton(ax, turned(pose, angle))
            ax.set_xlim(-0.8, 0.8)
            ax.set_ylim(-1.05, 1.3)
            blank(ax)
    for row, label in enumerate(("keypoints", "3D, from the camera", f"3D, {side:.0f}° beside")):
        axes[row, 0].text(-0.1, 0.5, label, transform=axes[row, 0].transAxes, rotation=90, ha="center", va="center",
                          fontsize=8)  # fmt: skip
    fig.subplots_adjust(left=0.035, right=0.995, top=0.95, bottom=0.01, wspace=0.02, hspace=0.03)
    return fig


def stills(images: Mapping[int, np.ndarray]) -> Figure:
    """Frames side by side, as they are."""
    fig, axes = plt.subplots(1, len(images), figsize=(11, 11 / len(images) * 1.1), squeeze=False)
    for ax, (t, image) in zip(axes[0], images.items(), strict=True):
        ax.imshow(image)
        ax.set_title(f"frame {t}", fontsize=8)
        blank(ax)
    fig.tight_layout(pad=0.3)
    return fig


def shown_frames(motion: Motion, which: int, ahead: Sequence[int] = AHEAD) -> list[int | None]:
    """The video's frames that prediction ``which`` is about, None where the stretch has ended by then."""
    at = [int(motion.present[which]) + a for a in ahead]
    frames = [round(t / FPS * motion.clip.fps) for t in at]
    return [motion.first + t if 0 <= t < len(motion.clip) else None for t in frames]


def liveliest(motion: Motion, after: int = 25) -> int:
    """The prediction in whose next ``after`` frames, which the video has to show, the keypoints move most about the
    root; 0 where none is shown so long."""
    joints = motion.clip.keypoints2d - motion.clip.keypoints2d[:, :1]
    best, found = 0.0, 0
    for i, now in enumerate(motion.present.tolist()):
        start, stop = (round(t / FPS * motion.clip.fps) for t in (now, now + after))
        if stop < len(joints):
            moved = float(joints[start : stop + 1].diff(dim=0).norm(dim=-1).mean())
            best, found = max((best, found), (moved, i))
    return found


def figure_1(
    images: Mapping[int, np.ndarray],
    motion: Motion,
    which: int,
    *,
    ahead: Sequence[int] = AHEAD,
    title: str = "",
    size: int = 120,
) -> Figure:
    """PHD's Figure 1: crops of the video, framed where they were seen; the body that is read there (yellow) and the one
    predicted (blue), as the camera sees it and from the side. ``images``: frames of :func:`shown_frames` by number."""
    crops = []
    for t in shown_frames(motion, which, ahead):
        points = None if t is None else motion.clip.keypoints2d[t - motion.first][None]
        box = None if points is None else crop_boxes(points, _ROOM)
        crops.append(None if t is None else cut(images[t], box.centre[0].tolist(), float(box.side[0]), size))
    now = int(motion.present[which])
    seen = motion.theta[now + 1 - CONDITIONING : now + 1]
    theta = torch.cat((seen, motion.future_theta[which]))[torch.tensor(ahead) + CONDITIONING - 1]
    roles = ["conditioning" if a <= 0 else "latent" for a in ahead]
    body = MeshRow("PHD", theta, motion.beta, roles)
    video = ImageRow("video", crops, sum(a <= 0 for a in ahead))
    labels = [f"{a:+d}" if a else "0" for a in ahead]
    return mesh_strip([video, body, body.from_side()], labels, title=title, size=size)


def before_and_after(motions: Mapping[str, Lifted], frames: Sequence[int], side: float = 60.0) -> Figure:
    """The keypoints of some frames; below, for each model, the poses that it lifts them to, as seen from ``side``
    degrees beside the camera, where errors of depth show. ``motions`` by name, all of the same stretch."""
    first = next(iter(motions.values()))
    fig, axes = plt.subplots(
        1 + len(motions), len(frames), figsize=(1.45 * len(frames), 1.75 * (1 + len(motions))), squeeze=False
    )
    for column, t in enumerate(frames):
        points = first.clip.keypoints2d[t - first.first].numpy()
        middle, half = (points.min(0) + points.max(0)) / 2, 0.62 * np.ptp(points, axis=0).max()
        overlay(axes[0, column], None, points, (middle[0] - half, middle[0] + half, middle[1] + half, middle[1] - half))
        axes[0, column].set_title(f"{t / first.clip.fps:.2f} s", fontsize=8)
        for row, motion in enumerate(motions.values(), start=1):
            ax = axes[row, column]
            draw_skeleton(ax, turned(motion.clip.joints3d[t - motion.first].numpy(), side))
            ax.set_xlim(-0.8, 0.8)
            ax.set_ylim(-1.05, 1.3)
            blank(ax)
    for row, label in enumerate(("keypoints", *motions)):
        axes[row, 0].text(-0.1, 0.5, label, transform=axes[row, 0].transAxes, rotation=90, ha="center", va="center",
                          fontsize=8)  # fmt: skip
    fig.subplots_adjust(left=0.035, right=0.995, top=0.95, bottom=0.02, wspace=0.02, hspace=0.03)
    return fig


def seeds_apart(values: Mapping[str, Mapping[str, Sequence[float]]], ylabel: str) -> Figure:
    """A dot per seed: groups along the axis, in each the models of :data:`LEARNED` side by side; a bar at the mean."""
    methods = list(dict.fromkeys(name for group in values.values() for name in group))
    fig, ax = plt.subplots(figsize=(1.2 + 1.5 * len(values), 3.0))
    for g, group in enumerate(values.values()):
        for m, method in enumerate(methods):
            if method not in group:
                continue
            x = g + 0.22 * (m - (len(methods) - 1) / 2)
            color = LEARNED[method]
            ax.plot([x] * len(group[method]), group[method], "o", ms=4, color=color, label="" if g else method)
            ax.plot([x - 0.07, x + 0.07], [np.mean(group[method])] * 2, color=color, lw=2)
    ax.set_xticks(range(len(values)), list(values))
    ax.set_ylabel(ylabel)
    ax.set_ylim(0, 1.1 * ax.get_ylim()[1])
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize=8, ncols=len(methods), loc="upper center", bbox_to_anchor=(0.5, 1.15))
    fig.tight_layout()
    return fig


def futures_of_roles(
    values: Mapping[str, Mapping[str, Mapping[int, Sequence[float]]]], ylabels: Mapping[str, str]
) -> Figure:
    """A graph per test, a line per model of :data:`LEARNED` over the frames ahead, a dot per seed: ``values`` by test,
    model and horizon."""
    fig, axes = plt.subplots(1, len(values), figsize=(3.4 * len(values), 3.0), squeeze=False)
    for ax, (test, methods) in zip(axes[0], values.items(), strict=True):
        for method, by_horizon in methods.items():
            at, color = [h for h in by_horizon if h], LEARNED[method]  # the present is no future: a dot, no line
            ax.plot(at, [np.mean(by_horizon[h]) for h in at], color=color, lw=1.5, label=method)
            for h in by_horizon:
                ax.plot([h] * len(by_horizon[h]), by_horizon[h], "o", ms=3, color=color)
        ax.set_title(test, fontsize=9)
        ax.set_xlabel("frames ahead")
        ax.set_ylabel(ylabels[test])
        ax.spines[["top", "right"]].set_visible(False)
    axes[0, -1].legend(frameon=False, fontsize=8)  # of a video, where Constant is, too
    fig.tight_layout()
    return fig
