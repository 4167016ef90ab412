"""Penn Action (Zhang, Zhu, Derpanis 2013): 2326 short videos of 15 sports, 13 joints annotated in every frame.

The folder as it comes out of the archive: ``frames/0001/000001.jpg``, ``labels/0001.mat``. A label file holds ``x`` and
``y`` (T, 13) in pixels, ``visibility`` (T, 13), ``action``, ``pose`` (the side that the camera sees), ``train`` (1 or
-1), ``bbox`` (T, 4), ``dimensions`` (height, width, T) and ``nframes``. No frame rate is stated; PHD takes all video as
25 fps (4.1). Coordinates are kept as they are stored, MATLAB's count from 1, as PHD's authors keep them.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.io import loadmat, whosmat
from torch import Tensor

from phdlib.camera import Camera
from phdlib.data.clip import Clip
from phdlib.data.file_kinds import found_in
from phdlib.data.joint_order import warn_of_most
from phdlib.skeleton import PENN13

FPS = 25.0
SHORTEST = 40  # frames of a clip in PHD (6.1), as in phd_role
LEAST_VISIBLE = 5  # joints; a video ends before its first frame with fewer, as in the code of PHD's authors for [27]
PARTS = ("train", "validation", "test")
_FARTHEST = 1e5  # pixels from the image's corner
_LARGEST = 2**24  # bytes of a label file, numbers of an array in it: hundreds of times what there is

# Penn Action's word, in the label files or on its page, to the name in PHD's Tables 5 and 7 (which leave out the last:
# its videos are too short for 15 + 30 frames).
ACTIONS = {
    "baseball_pitch": "Baseball Pitch", "baseball_swing": "Baseball Swing", "bench_press": "Bench Press",
    "bowl": "Bowl", "clean_and_jerk": "Clean And Jerk", "golf_swing": "Golf Swing", "jump_rope": "Jump Rope",
    "pullup": "Pullup", "pushup": "Pushup", "situp": "Situp", "squat": "Squat", "strum_guitar": "Strum Guitar",
    "tennis_forehand": "Tennis Forehand", "tennis_serve": "Tennis Serve", "jumping_jacks": "Jumping Jacks",
}  # fmt: skip
_ALIASES = {"bowling": "bowl", "pull_ups": "pullup", "push_ups": "pushup", "sit_ups": "situp", "squats": "squat",
            "strumming_guitar": "strum_guitar", "jumping_jack": "jumping_jacks"}  # fmt: skip
_FIELDS = ("x", "y", "visibility", "action", "train", "dimensions", "nframes", "bbox", "pose")


@dataclass(frozen=True, eq=False)
class Labels:
    """What a label file says: ``points`` (T, 13, 2) pixels and ``visible`` (T, 13) in the file's order; ``action`` as
    PHD names it; ``view``, the side of the person that the camera sees, or ""; ``box`` (T, 4) x0 y0 x1 y1 or None."""

    points: Tensor
    visible: Tensor
    action: str
    view: str
    train: bool
    width: int
    height: int
    box: Tensor | None


class Frames(Sequence):
    """The images of a video, read when asked for: ``frames[i]`` is (3, H, W) uint8, a slice is again ``Frames``.

    ``ValueError`` names an image that cannot be read or has another size than the labels state.
    """

    def __init__(self, paths: Sequence[Path], width: int, height: int) -> None:
        self.paths, self.width, self.height = tuple(paths), width, height

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int | slice) -> Tensor | Frames:  # type: ignore[override]
        if isinstance(index, slice):
            return Frames(self.paths[index], self.width, self.height)
        path = self.paths[index]
        try:
            with Image.open(path) as image:
                if image.size != (self.width, self.height):
                    found = f"{image.size[0]}x{image.size[1]} pixels"
                    raise ValueError(f"{path}: image: found {found}, expected {self.width}x{self.height} as labelled")
                pixels = np.asarray(image.convert("RGB"))
        except (OSError, SyntaxError, Image.DecompressionBombError) as error:
            raise ValueError(f"{path}: image: found {error}, expected a whole JPEG") from error
        return torch.from_numpy(pixels.copy()).permute(2, 0, 1)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))


def load(
    folder: str | Path,
    part: str | None = None,
    *,
    images: bool = True,
    shortest: int = SHORTEST,
    least_visible: int = LEAST_VISIBLE,
    swap_sides: bool | None = None,
) -> list[Clip]:
    """Clips of Penn Action with PENN13's joints in pixels, ``visible``, and lazy ``frames`` (:class:`Frames`).

    ``part``: "train" (the flag in the label files), "validation" and "test" (of the others every tenth video validates,
    as the authors' code for [27] has it; PHD states no split), None for all. ``images``: False does without
    ``frames/``. ``shortest``: shorter clips are left out (PHD 6.1). ``least_visible``: see LEAST_VISIBLE, 0 keeps all.

    ``swap_sides``: the data's page lists the left joint of each pair first, PHD's authors read the right one first.
    None looks (:func:`own_left_first`) and takes what most frames of people seen from front or back say; where none is,
    the page's word. There is no calibration: the camera is there for the image size, its focal length is nominal (the
    longer side). ``FileNotFoundError`` and ``ValueError`` name file, field, found and expected.
    """
    folder = Path(folder)
    if part is not None and part not in PARTS:
        raise ValueError(f"Penn Action: no part {part!r}; there are {', '.join(PARTS)}")
    paths = sorted((folder / "labels").glob("*.mat"))
    if not paths:
        raise FileNotFoundError(f"{folder}: found no labels/*.mat, expected Penn Action's labels/0001.mat and so on")
    labels = {path.stem: read_labels(path) for path in paths}
    swap = _swap(labels.values(), folder) if swap_sides is None else swap_sides
    held_out = [name for name, label in labels.items() if not label.train]
    parts = {name: "validation" if i % 10 == 0 else "test" for i, name in enumerate(held_out)}
    clips = []
    for name, label in labels.items():
        if part is not None and parts.get(name, "train") != part:
            continue
        kept = _kept(label.visible, least_visible)
        if kept.stop - kept.start >= max(shortest, 1):
            frames = _frames(folder / "frames" / name, label) if images else None
            clips.append(_clip(name, label, kept, frames, swap))
    warn_of_most([(_seen(clip), clip.skeleton) for clip in clips], f"{folder}: labels")
    return clips


def read_labels(path: str | Path) -> Labels:
    """A label file, checked. ``ValueError`` names the file, the field, what was found and what was expected."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no label file {path}")
    mat = _read_mat(path)
    missing = [field for field in _FIELDS[:7] if field not in mat]
    if missing:
        raise ValueError(f"{path}: found no field {missing[0]!r}, expected {', '.join(_FIELDS[:7])}")
    T = int(_numbers(path, mat, "nframes", 1)[0])
    height, width = _numbers(path, mat, "dimensions", 3)[:2].astype(int).tolist()
    if T < 1 or not (0 < height < 10**5 and 0 < width < 10**5):
        raise ValueError(f"{path}: nframes, dimensions: found {T}, {height}x{width}, expected a video")
    x, y, visible = (_table(path, mat, field, (T, len(PENN13))) for field in ("x", "y", "visibility"))
    if not np.isin(visible, (0, 1)).all():
        raise ValueError(f"{path}: visibility: found {visible[~np.isin(visible, (0, 1))][0]:g}, expected 0 or 1")
    flag = _numbers(path, mat, "train", 1)[0]
    if flag not in (-1, 0, 1):
        raise ValueError(f"{path}: train: found {flag:g}, expected 1 or -1")
    view = str(mat["pose"].ravel()[0]) if "pose" in mat and mat["pose"].size else ""
    points = torch.from_numpy(np.stack((x, y), axis=-1)).float()
    box = mat.get("bbox")  # of two videos the last one is missing
    box = torch.from_numpy(_table(path, mat, "bbox", (T, 4))).float() if box is not None and len(box) == T else None
    return Labels(points, torch.from_numpy(visible > 0), _action(path, mat), view, flag > 0, width, height, box)


def own_left_first(labels: Labels) -> tuple[int, int]:
    """(frames that say yes, frames that say no) to: the first shoulder of the file is the person's own left one.

    Who is seen from the front has it to the right in the image, who is seen from the back to the left. Other views, and
    frames without both shoulders, say nothing.
    """
    facing = {"front": 1.0, "back": -1.0}.get(labels.view.strip().lower(), 0.0)
    ahead = facing * (labels.points[:, 1, 0] - labels.points[:, 2, 0])[labels.visible[:, 1] & labels.visible[:, 2]]
    return int((ahead > 0).sum()), int((ahead < 0).sum())


def _swap(labels: Sequence[Labels], folder: Path) -> bool:
    """Whether the files list the person's right joint first. Warns where front and back views disagree."""
    votes = {"front": np.zeros(2, int), "back": np.zeros(2, int)}
    for label in labels:
        if label.view.strip().lower() in votes:
            votes[label.view.strip().lower()] += own_left_first(label)
    answers = {view: bool(yes < no) for view, (yes, no) in votes.items() if yes + no}
    if len(set(answers.values())) > 1:
        seen = ", ".join(f"{view} {yes} : {no}" for view, (yes, no) in votes.items())
        warnings.warn(
            f"{folder}: left and right of the labels agree with the image rather than with the person (frames for and "
            f"against the first shoulder being the person's left: {seen}); say swap_sides=True or False",
            stacklevel=3,
        )
    yes, no = sum(votes.values())
    return bool(yes < no)


def _clip(name: str, label: Labels, kept: slice, frames: Frames | None, swap: bool) -> Clip:
    """Index i of the file is PENN13's joint i, or its mirror joint where the file lists the right one first."""
    order = list(PENN13.mirror) if swap else list(range(len(PENN13)))
    width, height = label.width, label.height
    intrinsics = torch.tensor([max(width, height)] * 2 + [width / 2, height / 2] + [0.0] * 5)
    camera = Camera("uncalibrated", torch.eye(3), torch.zeros(3), intrinsics, width, height)
    return Clip(
        take=name,
        subject="unknown",
        action=label.action,
        fps=FPS,
        source="penn",
        skeleton=PENN13,
        camera=camera,
        keypoints2d=label.points[kept][:, order],
        visible=label.visible[kept][:, order],
        frames=None if frames is None else frames[kept],  # type: ignore[arg-type]  # read when asked for
    )


def _seen(clip: Clip) -> Tensor:
    """Its keypoints (T, 13, 2), NaN where they are not visible."""
    return clip.keypoints2d.where(clip.visible[..., None], torch.nan)


def _kept(visible: Tensor, least: int) -> slice:
    """The stretch before the first frame with too few visible joints; a first frame without any is passed over."""
    count = visible.sum(dim=1)
    start = int(count[0] == 0 and least > 0)
    few = (count[start:] < least).nonzero()
    return slice(start, start + int(few[0]) if len(few) else len(count))


def _frames(folder: Path, label: Labels) -> Frames:
    paths = sorted(folder.glob("*.jpg"))
    if len(paths) != len(label.points):
        raise ValueError(f"{folder}: found {len(paths)} images, expected {len(label.points)} as the labels say")
    return Frames(paths, label.width, label.height)


def _read_mat(path: Path) -> dict[str, np.ndarray]:
    """The fields of a MATLAB file that are expected; sizes are looked at before anything is read."""
    if path.stat().st_size > _LARGEST:
        raise ValueError(f"{path}: found {path.stat().st_size} bytes, expected a label file of some kilobytes")
    try:
        shapes = {name: shape for name, shape, _ in whosmat(path)}
        for name, shape in shapes.items():
            if np.prod([float(n) for n in shape]) > _LARGEST:
                raise ValueError(f"{name}: found an array of shape {shape}, expected a few numbers per frame")
        return loadmat(path, variable_names=[field for field in _FIELDS if field in shapes])
    except Exception as error:  # a damaged file makes its readers fail in a dozen ways
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        found = f"found {found_in(path)} ({reason}), expected a label file"
        raise ValueError(f"{path}: not a readable MATLAB file (version 5): {found}") from error


def _table(path: Path, mat: dict[str, np.ndarray], field: str, shape: tuple[int, ...]) -> np.ndarray:
    """A table of finite numbers of a given shape, not absurdly large, float64."""
    found = mat[field]
    if found.dtype.kind not in "biuf" or found.shape != shape:
        raise ValueError(f"{path}: {field}: found {found.dtype} {found.shape}, expected numbers {shape}")
    fine = np.isfinite(found) & (np.abs(found) <= _FARTHEST)
    if not fine.all():
        frame, joint = np.argwhere(~fine)[0]
        raise ValueError(f"{path}: {field}: found {found[frame, joint]} in frame {frame}, expected finite numbers")
    return found.astype(np.float64)


def _numbers(path: Path, mat: dict[str, np.ndarray], field: str, count: int) -> np.ndarray:
    """At least ``count`` finite numbers in a row."""
    found = mat[field]
    if found.dtype.kind not in "biuf" or found.size < count or not np.isfinite(found).all():
        raise ValueError(f"{path}: {field}: found {found.dtype} {found.shape}, expected {count} finite number(s)")
    return found.astype(np.float64).ravel()


def _action(path: Path, mat: dict[str, np.ndarray]) -> str:
    word = str(mat["action"].ravel()[0]).strip().lower() if mat["action"].size else ""
    word = _ALIASES.get(word, word)
    if word not in ACTIONS:
        raise ValueError(f"{path}: action: found {word[:40]!r}, expected one of {', '.join(ACTIONS)}")
    return ACTIONS[word]
