"""What the video command leaves in its folder: numbers, motion for Blender, an overlay and a page to look at."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from phdlib.body import load_body
from phdlib.data.bvh_export import export_bvh
from phdlib.detections import Detections
from phdlib.features import FPS
from phdlib.figures import LEFT, MIDDLE, RIGHT
from phdlib.paths import write_atomically
from phdlib.skeleton import H36M17, Skeleton
from phdlib.video_frames import VideoInfo, VideoWriter
from phdlib.wild import CONDITIONING, Motion
from phdlib.wild_camera import project

MOST_SHOWN = 250  # frames of a page's player
REPROJECTED, PREDICTED = "#FFFFFF", "#6FA3DB"
GREY = "#9A9A9A"  # a keypoint that was filled
LEGEND = {
    LEFT: "keypoints, left limbs", RIGHT: "keypoints, right limbs", GREY: "keypoints, some filled in",
    REPROJECTED: "3D pose, put back", PREDICTED: "PHD's prediction",
}  # fmt: skip


def save_poses(path: Path, found: Detections, motions: Sequence[Motion], about: Mapping[str, Any]) -> Path:
    """``poses.npz``: of all T frames of the video, NaN where nobody is; and of all frames at 25 Hz, those of the
    stretches one after the other. ``about`` is JSON: what was assumed, and what each array holds."""
    T, J = len(found), len(H36M17)
    blank = {"keypoints2d": (T, J, 2), "joints3d": (T, J, 3), "trajectory": (T, 3), "reprojected": (T, J, 2)}
    arrays = {name: np.full(shape, np.nan, dtype=np.float32) for name, shape in blank.items()}
    for motion in motions:
        span = slice(motion.first, motion.first + len(motion.clip))
        for name in ("keypoints2d", "joints3d", "trajectory"):
            arrays[name][span] = getattr(motion.clip, name).numpy()
        arrays["reprojected"][span] = motion.reprojected.numpy()
    arrays |= {"detected": found.points, "scores": found.scores, "filled": filled(found, motions)}
    parts = {
        "body_time": [m.first / m.clip.fps + torch.arange(len(m.theta)) / FPS for m in motions],
        "body_theta": [m.theta for m in motions],
        "body_beta": [m.beta.expand(len(m.theta), -1) for m in motions],
        "body_root": [m.root for m in motions],
        "future_from": [m.first / m.clip.fps + m.present / FPS for m in motions],
        "future_theta": [m.future_theta for m in motions],
        "future_joints3d": [m.future_joints for m in motions],
    }
    arrays |= {name: torch.cat(part).float().numpy() for name, part in parts.items()}
    arrays |= {"fps": found.fps, "intrinsics": motions[0].intrinsics.numpy(), "joint_names": np.array(H36M17.joints)}
    text = json.dumps(dict(about) | {"arrays": ARRAYS}, ensure_ascii=False)
    return write_atomically(path, lambda file: np.savez_compressed(file, about=text, **arrays))


ARRAYS = {
    "detected, scores": "(T, 17, 2) pixels and (T, 17), COCO-17 as detected, NaN where not found",
    "filled": "(T, 17) COCO-17 keypoints that were not found and are interpolated in time",
    "keypoints2d": "(T, 17, 2) pixels, H36M-17",
    "joints3d": "(T, 17, 3) metres, camera axes (x right, y down, z forward), relative to the pelvis, by VideoPose3D",
    "trajectory": "(T, 3) metres, the pelvis; the depth rests on the intrinsics and on the size that the lifter gives",
    "reprojected": "(T, 17, 2) pixels",
    "body_*": "PHD's body at 25 Hz: theta (N, 72) in camera axes, beta, root (N, 3) metres, time in seconds",
    "future_*": "PHD's predictions: 30 frames at 25 Hz after the time 'future_from'; joints relative to the pelvis",
}


def filled(found: Detections, motions: Sequence[Motion]) -> np.ndarray:
    """(T, 17) COCO-17 keypoints that were missing in a stretch, and so interpolated."""
    inside = np.zeros(len(found), dtype=bool)
    for motion in motions:
        inside[motion.first : motion.first + len(motion.clip)] = True
    return found.missing & inside[:, None]


def save_motion(folder: Path, motions: Sequence[Motion]) -> list[Path]:
    """``motion.bvh``, the lifted joints at the video's rate, and ``body.bvh``, PHD's body at 25 Hz with the last
    prediction after it; of further stretches ``motion-2.bvh`` and so on."""
    written = []
    for i, motion in enumerate(motions, start=1):
        end = f"-{i}" if i > 1 else ""
        written.append(export_bvh(motion.clip, folder / f"motion{end}.bvh"))
        theta, root = motion.theta, motion.root
        if len(motion.present):
            theta = torch.cat((theta, motion.future_theta[-1]))
            root = torch.cat((root, root[-1:].expand(len(theta) - len(root), -1)))
        with torch.no_grad():
            joints = load_body().keypoints(H36M17)(theta, motion.beta.expand(len(theta), -1))
        body = replace(
            motion.clip, fps=FPS, theta=theta, beta=motion.beta, joints3d=joints - joints[:, :1], trajectory=root,
            keypoints2d=None, visible=None,
        )  # fmt: skip
        written.append(export_bvh(body, folder / f"body{end}.bvh"))
    return written


def save_overlay(
    path: Path, info: VideoInfo, images: Iterable[np.ndarray], motions: Sequence[Motion], flags: np.ndarray
) -> Path:
    """:func:`overlay_frames` as a video."""
    with VideoWriter(path, info.width, info.height, info.fps) as writer:
        for image in overlay_frames(info, images, motions, flags):
            writer.write(image)
    return path


def overlay_frames(
    info: VideoInfo, images: Iterable[np.ndarray], motions: Sequence[Motion], flags: np.ndarray
) -> Iterator[np.ndarray]:
    """The video with the keypoints in colours (left blue, right orange), the 3D pose put back into the image thin and
    white over them, and, after its last frame, what PHD expects to follow, over that frame; a legend in a corner."""
    t, last = -1, None
    for t, last in enumerate(images):
        yield with_legend(overlay_frame(last, t, motions, bool(flags[t].any()) if t < len(flags) else False))
    for future in _coming(motions, info, t + 1) if last is not None else ():
        yield with_legend(future_frame(last, future))


def with_legend(image: np.ndarray) -> np.ndarray:
    """An image with the colours of the overlay explained in its lower left corner."""
    picture, key = Image.fromarray(image), _legend(min(image.shape[:2]))
    picture.paste(key, (4, picture.height - key.height - 4), key)
    return np.asarray(picture)


@lru_cache(maxsize=4)
def _legend(side: int) -> Image.Image:
    """For an image whose shorter side has so many pixels: a line of each colour and what it means, on a dark ground."""
    size = max(9, side // 36)
    rows = len(LEGEND)
    key = Image.new("RGBA", (round(14.5 * size), round(1.4 * size * rows + 0.6 * size)), (0, 0, 0, 150))
    draw = ImageDraw.Draw(key)
    for row, (color, text) in enumerate(LEGEND.items()):
        y = round((1.4 * row + 0.3) * size)
        middle = y + round(0.65 * size)
        draw.line([(0.4 * size, middle), (2 * size, middle)], fill=color, width=max(2, size // 4))
        draw.text((2.5 * size, y), text, fill="white", font_size=size)
    return key


def overlay_frame(image: np.ndarray, t: int, motions: Sequence[Motion], was_filled: bool = False) -> np.ndarray:
    """One frame of the overlay; the keypoints grey where some of them were filled."""
    for motion in motions:
        i = t - motion.first
        if 0 <= i < len(motion.clip):
            picture = Image.fromarray(image)
            width = max(3, round(min(picture.size) / 100))
            draw_bones(picture, motion.clip.keypoints2d[i].numpy(), width, GREY if was_filled else None)
            draw_bones(picture, motion.reprojected[i].numpy(), max(1, width // 3), REPROJECTED)
            return np.asarray(picture)
    return image


def _coming(motions: Sequence[Motion], info: VideoInfo, frames: int) -> Tensor:
    """Pixels (F, 17, 2) of the prediction after the video's end, at the video's rate; none where nobody is left."""
    from phdlib.wild import resampled

    motion = motions[-1]
    if motion.first + len(motion.clip) < frames or not len(motion.present):
        return torch.zeros(0, len(H36M17), 2)
    joints = motion.future_joints[-1] + motion.root[-1]
    return project(resampled(joints, FPS, info.fps), motion.intrinsics)


def future_frame(image: np.ndarray, points: Tensor) -> np.ndarray:
    """The last frame, darker, under a predicted pose."""
    picture = Image.fromarray((image * 0.45).astype(np.uint8))
    draw_bones(picture, points.numpy(), max(2, round(min(picture.size) / 130)), PREDICTED)
    ImageDraw.Draw(picture).text((8, 8), "predicted", fill="white", font_size=max(14, picture.height // 30))
    return np.asarray(picture)


def draw_bones(
    picture: Image.Image, points: np.ndarray, width: int, color: str | None = None, skeleton: Skeleton = H36M17
) -> None:
    """Bones of points (J, 2) in pixels; one with an end that is not finite is left out."""
    draw = ImageDraw.Draw(picture)
    for parent, child in skeleton.bones:
        ends = points[[parent, child]]
        if np.isfinite(ends).all() and np.abs(ends).max() < 1e5:
            side = LEFT if child in skeleton.left else RIGHT if child in skeleton.right else MIDDLE
            draw.line([tuple(end) for end in ends.tolist()], fill=color or side, width=width)


def save_page(path: Path, title: str, motions: Sequence[Motion], lines: Sequence[str]) -> Path:
    """``page.html``: what was assumed, the lifted person and PHD's to turn and play, and the predicted body. The script
    that plays them lies beside the page, so that no network is needed."""
    from html import escape

    from plotly.offline import get_plotlyjs

    from phdlib.viewers import pose_player
    from phdlib.viewers_mesh import Moving, mesh_player

    motion = max(motions, key=lambda m: len(m.clip))
    step = -(-len(motion.clip) // MOST_SHOWN)
    at = torch.arange(0, len(motion.clip), step)
    with torch.no_grad():
        read = load_body().keypoints(H36M17)(motion.theta, motion.beta.expand(len(motion.theta), -1))
    nearest = (at / motion.clip.fps * FPS).round().long().clamp(max=len(read) - 1)
    poses = {"VideoPose3D": motion.clip.joints3d[at].numpy(), "PHD": (read - read[:, :1])[nearest].numpy()}
    figures = [("The whole video", pose_player(poses, motion.clip.fps / step, spacing=1.2))]
    if len(motion.present):
        seen = motion.theta[int(motion.present[-1]) + 1 - CONDITIONING : int(motion.present[-1]) + 1]
        theta = torch.cat((seen, motion.future_theta[-1]))
        colours = ["conditioning"] * len(seen) + ["latent"] * (len(theta) - len(seen))
        player = mesh_player({"PHD": Moving(theta, motion.beta, colours)}, FPS, first=1 - CONDITIONING)
        player.update_layout(scene_camera_eye={"x": 0.25, "y": -2.0, "z": 0.25})  # head and feet in sight
        figures.append(("The last frames that were seen (yellow) and what PHD expects to follow (blue)", player))
    body = "".join(f"<p>{escape(line)}</p>" for line in lines)
    for i, (heading, figure) in enumerate(figures):
        figure.update_layout(margin={"b": 30})  # or the numbers under the slider are cut
        page = figure.to_html(full_html=False, include_plotlyjs=False, div_id=f"player{i}", auto_play=False)
        body += f"<h2>{heading}</h2>{page}"
    style = "body{font:15px sans-serif;max-width:60rem;margin:2rem auto}p{color:#444;margin:.3rem 0}"
    page = (
        f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{style}</style>'
        f'<script src="plotly.min.js"></script><h1>{escape(title)}</h1>{body}</html>\n'
    )
    script = get_plotlyjs()
    write_atomically(path.parent / "plotly.min.js", lambda file: file.write_text(script, encoding="utf-8"))
    return write_atomically(path, lambda file: file.write_text(page, encoding="utf-8"))
