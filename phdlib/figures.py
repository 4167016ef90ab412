"""Drawing with matplotlib: skeletons, strips of poses, cameras, errors. Functions take data and return a figure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from phdlib.body import Body, load_body
from phdlib.camera import Camera, look_at
from phdlib.data.clip import Clip
from phdlib.palette import TRUE_BODY, style
from phdlib.render import MeshCaster, render_mesh
from phdlib.skeleton import H36M17, SMPL24, Skeleton

LEFT, RIGHT, MIDDLE = "#0072B2", "#D55E00", "#444444"  # tell apart with every kind of colour vision


def draw_skeleton(
    ax: Axes, points: Tensor | np.ndarray, skeleton: Skeleton = H36M17, color: str | None = None, width: float = 1.6
) -> None:
    """Bones of one pose, (J, 2): left blue, right orange, the middle grey, or all in ``color``."""
    points = np.asarray(points)
    for parent, child in skeleton.bones:
        side = LEFT if child in skeleton.left else RIGHT if child in skeleton.right else MIDDLE
        ax.plot(*points[[parent, child]].T, color=color or side, lw=width, solid_capstyle="round")


def blank(ax: Axes) -> None:
    """Equal units, no frame, no ticks."""
    ax.set_aspect("equal")
    ax.axis("off")


def turned(joints: np.ndarray, degrees: float) -> np.ndarray:
    """Camera-space poses (..., 3) as seen after walking round them by an angle: (..., 2), x right, y up."""
    angle = np.deg2rad(degrees)
    x = np.cos(angle) * joints[..., 0] + np.sin(angle) * joints[..., 2]
    return np.stack((x, -joints[..., 1]), -1)


def action_strips(strips: Mapping[str, np.ndarray], poses: int = 14, spacing: float = 0.95) -> Figure:
    """One row per action: world-space joints (T, 17, 3), ``poses`` of them from first to last, side by side."""
    fig, axes = plt.subplots(len(strips), 1, figsize=(11, 0.95 * len(strips)))
    heights = [joints[..., 1].max() for joints in strips.values()]
    for ax, (action, joints), height in zip(np.atleast_1d(axes), strips.items(), heights, strict=True):
        for i, t in enumerate(np.linspace(0, len(joints) - 1, poses).round().astype(int)):
            pose = joints[t] - joints[t, :1] * [1, 0, 1]
            draw_skeleton(ax, pose[:, :2] + [i * spacing, 0], width=1.2)
        ax.axhline(0, color="0.8", lw=0.8, zorder=0)
        ax.set_xlim(-1.0, poses * spacing)
        ax.set_ylim(-0.08, height + 0.05)  # the floor inside, or it is cut off
        ax.text(-1.0, 0.9, action, fontsize=9, va="center", ha="right")
        blank(ax)
        ax.set_anchor("W")
    fig.subplots_adjust(left=0.13, right=0.99, top=0.995, bottom=0.005, hspace=0.05)
    return fig


def studio(cameras: Sequence[Camera], paths: Mapping[str, np.ndarray]) -> Figure:
    """The floor from above: camera positions and viewing directions, and root paths (T, 3) in world space."""
    fig, ax = plt.subplots(figsize=(5.2, 5.2))
    for i, (name, path) in enumerate(paths.items()):
        ax.plot(path[:, 0], -path[:, 2], lw=1, label=name, color=plt.colormaps["tab20"](i % 20))
    for camera in cameras:
        rotation = camera.rotation.numpy()
        place = -rotation.T @ camera.translation.numpy()
        ax.annotate("", xy=(place + 1.0 * rotation[2])[[0, 2]] * [1, -1], xytext=place[[0, 2]] * [1, -1],
                    arrowprops={"arrowstyle": "->", "color": MIDDLE})  # fmt: skip
        ax.plot(place[0], -place[2], "s", color=MIDDLE)
        ax.text(
            place[0],
            -place[2] + (0.3 if place[2] < 0 else -0.45),
            f"{camera.name}\n{place[1]:.2f} m high",
            ha="center",
            va="bottom" if place[2] < 0 else "top",
            fontsize=8,
        )
    ax.set_aspect("equal")
    ax.margins(0.22)
    ax.set_xlabel("x, m (left of a performer who faces +z)")
    ax.set_ylabel("-z, m (the front is at the bottom)")
    ax.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    return fig


def overlay(ax: Axes, image: np.ndarray | None, keypoints: Tensor | np.ndarray, window: tuple[float, ...]) -> None:
    """2D keypoints (J, 2) in pixels over an image, both shown inside ``window`` (left, right, bottom, top)."""
    if image is not None:
        ax.imshow(image)
    draw_skeleton(ax, keypoints)
    ax.set_xlim(window[0], window[1])
    ax.set_ylim(window[2], window[3])
    blank(ax)


def _window(points: np.ndarray) -> tuple[float, float, float, float]:
    """(left, right, bottom, top) around keypoints (J, 2), with room for hands, feet and hair."""
    low, high = points.min(0), points.max(0)
    middle, half = (low + high) / 2, 0.6 * (high - low).max()
    wide = max(0.62 * half, 0.65 * (high - low)[0])
    return (middle[0] - wide, middle[0] + wide, middle[1] + half, middle[1] - half)


def figure_4(
    frames: Sequence[int],
    images: Sequence[np.ndarray | None],
    keypoints: Tensor | np.ndarray,
    poses: Mapping[str, np.ndarray],
    truth: np.ndarray,
    side: float = 60.0,
) -> Figure:
    """A strip of a video (VP3D Figure 4): image with 2D keypoints, then one row of 3D poses per model, seen ``side``
    degrees off the camera, over the true pose in grey."""
    keypoints = np.asarray(keypoints)
    fig, axes = plt.subplots(1 + len(poses), len(frames), figsize=(1.45 * len(frames), 1.9 * (1 + len(poses))))
    for column, (t, image) in enumerate(zip(frames, images, strict=True)):
        overlay(axes[0, column], image, keypoints[t], _window(keypoints[t]))
        axes[0, column].set_title(f"{t / 50:.2f} s", fontsize=8)
        for row, pose in enumerate(poses.values(), start=1):
            ax = axes[row, column]
            draw_skeleton(ax, turned(truth[t], side), color=TRUE_BODY, width=3.0)
            draw_skeleton(ax, turned(pose[t], side))
            ax.set_xlim(-0.75, 0.75)
            ax.set_ylim(-1.1, 0.9)
            blank(ax)
    for row, label in enumerate(["2D input", *poses]):
        axes[row, 0].text(
            -0.12, 0.5, label, transform=axes[row, 0].transAxes, rotation=90, ha="center", va="center", fontsize=9
        )
    fig.subplots_adjust(left=0.03, right=0.995, top=0.95, bottom=0.02, wspace=0.02, hspace=0.04)
    return fig


def bars_per_action(rows: Mapping[str, pd.Series], ylabel: str) -> Figure:
    """Grouped bars: one group per action and "Avg", one bar per model, each a series over the same actions."""
    actions = list(next(iter(rows.values())).index)
    fig, ax = plt.subplots(figsize=(11, 3.2))
    width = 0.8 / len(rows)
    for i, (name, series) in enumerate(rows.items()):
        at = np.arange(len(actions)) + (i - (len(rows) - 1) / 2) * width
        ax.bar(at, series, width, label=name, color=style(name)["color"])
    ax.set_xticks(range(len(actions)), actions, rotation=35, ha="right", fontsize=8)
    ax.set_ylabel(ylabel)
    ax.legend(frameon=False, fontsize=8, ncols=len(rows))
    ax.spines[["top", "right"]].set_visible(False)
    fig.tight_layout()
    return fig


def noise_spectrum(errors: Mapping[str, np.ndarray], fps: float) -> Figure:
    """Power of keypoint errors (T, J, 2) in pixels against frequency, and the share of it below each frequency."""
    fig, (power, share) = plt.subplots(1, 2, figsize=(10, 3))
    shades = plt.colormaps["Greys"](np.linspace(0.9, 0.4, len(errors)))  # levels of a detector are no models
    for (name, error), color in zip(errors.items(), shades, strict=True):
        windows = error[: len(error) // 100 * 100].reshape(-1, 100, *error.shape[1:])
        spectrum = (np.abs(np.fft.rfft(windows * np.hanning(100)[:, None, None], axis=1)) ** 2).mean((0, 2, 3))
        frequency = np.fft.rfftfreq(100, 1 / fps)
        power.semilogy(frequency[1:], spectrum[1:], label=name, color=color)
        share.plot(frequency, np.cumsum(spectrum) / spectrum.sum(), label=name, color=color)
    power.set_ylabel("power, px$^2$ (arbitrary scale)")
    share.set_ylabel("share of the power below")
    for ax in (power, share):
        ax.set_xlabel("frequency, Hz")
        ax.spines[["top", "right"]].set_visible(False)
    power.legend(frameon=False, fontsize=8)
    fig.tight_layout()
    return fig


def losses(curves: Mapping[str, Sequence[Sequence[float]]]) -> Figure:
    """Training loss in mm of every seed against the epoch."""
    fig, ax = plt.subplots(figsize=(6, 3))
    for name, seeds in curves.items():
        for i, curve in enumerate(seeds):
            epochs = np.arange(1, len(curve) + 1)
            ax.plot(epochs, 1000 * np.asarray(curve), lw=1, label=None if i else name, **style(name))
    ax.set_xlabel("epoch")
    ax.set_yscale("log")
    ax.yaxis.set_major_formatter("{x:.0f}")
    ax.yaxis.set_minor_formatter("{x:.0f}")
    ax.set_ylabel("training MPJPE, mm (log scale)")
    ax.legend(frameon=False, fontsize=8)
    ax.spines[["top", "right"]].set_visible(False)
    fig.tight_layout()
    return fig


def render_frames(clip: Clip, frames: Sequence[int], body: Body | None = None) -> list[np.ndarray]:
    """The performer's body at some frames of a clip that has theta and beta, as its camera sees it (lens undistorted):
    images (height, width, 3), uint8."""
    if clip.theta is None or clip.beta is None or clip.trajectory is None or clip.camera is None:
        raise ValueError(f"clip {clip.name}: rendering needs theta, beta, trajectory and camera")
    body = body or load_body()
    theta = clip.theta[list(frames)]
    beta = clip.beta.expand(len(theta), -1)
    vertices = body(theta, beta).vertices
    root = body.keypoints(clip.skeleton)(theta, beta)[:, :1]
    seen = (vertices - root) @ clip.camera.rotation.T + clip.trajectory[list(frames), None]
    view = replace(clip.camera, rotation=torch.eye(3), translation=torch.zeros(3))
    caster = MeshCaster(body.faces)
    return [render_mesh(mesh, body.faces, view, caster=caster) for mesh in seen]


def pictures(clip: Clip, frames: Sequence[int]) -> list[np.ndarray]:
    """:func:`render_frames`, or white pictures where a data source has no bodies."""
    if clip.theta is not None:
        return render_frames(clip, frames)
    return [np.full((clip.camera.height, clip.camera.width, 3), 255, np.uint8) for _ in frames]


def four_views(clips: Sequence[Clip], frame: int) -> Figure:
    """One moment of a performance from its four cameras, with each camera's 2D keypoints; hidden ones are hollow."""
    fig, axes = plt.subplots(1, len(clips), figsize=(2.8 * len(clips), 3.1))
    for ax, clip in zip(axes, clips, strict=True):
        points = clip.keypoints2d[frame].numpy()
        overlay(ax, render_frames(clip, [frame])[0], points, _window(points))
        for point, seen in zip(points, clip.visible[frame].tolist(), strict=True):
            ax.plot(*point, "o", ms=4, mfc="black" if seen else "white", mec="black", mew=0.8)
        ax.set_title(clip.camera.name, fontsize=8)
    fig.tight_layout()
    return fig


def bodies(body: Body, betas: Mapping[str, Tensor], poses: Mapping[str, Tensor]) -> Figure:
    """Subjects in the rest pose, then poses theta (72,) of the mean shape from the front and from the side."""
    rows = [
        [(name, torch.zeros(72), beta, 0.0) for name, beta in betas.items()],
        [(name, theta, torch.zeros(10), turn) for name, theta in poses.items() for turn in (0.0, 70.0)],
    ]
    caster = MeshCaster(body.faces)
    fig, axes = plt.subplots(2, max(map(len, rows)), figsize=(1.6 * max(map(len, rows)), 4.0))
    for ax in axes.flat:
        blank(ax)
    for ax, (name, theta, beta, turn) in ((ax, cell) for line, row in zip(axes, rows, strict=True)
                                          for ax, cell in zip(line, row, strict=False)):  # fmt: skip
        angle = math.radians(turn)
        position = torch.tensor([5 * math.sin(angle), 1.1, 5 * math.cos(angle)])
        rotation, translation = look_at(position, torch.tensor([0.0, 0.95, 0.0]))
        view = Camera(name, rotation, translation, torch.tensor([700.0, 700, 150, 150, 0, 0, 0, 0, 0]), 300, 300)
        lift = torch.tensor([[0.0, -body.sole_height(beta[None]).item(), 0.0]])
        image = render_mesh(body(theta[None], beta[None], lift).vertices[0], body.faces, view, caster=caster)
        ax.imshow(image[5:295, 15:285])
        ax.set_title(name if not turn else f"{name}, side", fontsize=8)
    fig.subplots_adjust(left=0, right=1, bottom=0, top=0.93, wspace=0, hspace=0.1)
    return fig


def example_poses() -> dict[str, Tensor]:
    """A bent elbow, a turned head and a squat as theta (72,): where careless skinning would show."""

    def pose(**joints: tuple[float, float, float]) -> Tensor:
        theta = torch.zeros(24, 3)
        for joint, degrees in joints.items():
            theta[SMPL24.index(joint)] = torch.deg2rad(torch.tensor(degrees))
        return theta.flatten()

    return {
        "elbow 90": pose(left_elbow=(0, -90, 0), left_shoulder=(0, 0, -60), right_shoulder=(0, 0, 70)),
        "head 70": pose(neck=(0, 30, 0), head=(0, 40, 0), left_shoulder=(0, 0, -70), right_shoulder=(0, 0, 70)),
        "squat": pose(
            left_hip=(-80, 0, 0), right_hip=(-80, 0, 0), left_knee=(100, 0, 0), right_knee=(100, 0, 0),
            left_ankle=(-20, 0, 0), right_ankle=(-20, 0, 0), left_shoulder=(0, -80, 0), right_shoulder=(0, 80, 0),
            spine1=(25, 0, 0),
        ),
    }  # fmt: skip
