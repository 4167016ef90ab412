"""Broken files of 2D keypoints: each a name, how it is written, and what the error has to say."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

GOOD = np.full((4, 17, 3), 0.5)


class Evil:
    """What runs a command when it is unpickled."""

    def __reduce__(self):
        return os.system, (f"touch {os.environ.get('PHDLIB_EVIL', '/dev/null')}",)


def npz(**fields) -> Callable[[Path], None]:
    return lambda path: np.savez(path, **({"keypoints": GOOD, "fps": 25.0, "width": 64, "height": 48} | fields))


def text(content: object) -> Callable[[Path], None]:
    return lambda path: path.write_text(content if isinstance(content, str) else json.dumps(content))


def frames(*rows: object, **more) -> Callable[[Path], None]:
    return text({"fps": 25, "width": 64, "height": 48, "frames": list(rows)} | more)


def truncated(path: Path) -> None:
    npz()(path)
    path.write_bytes(path.read_bytes()[:-40])


def damaged(path: Path) -> None:
    npz()(path)
    data = bytearray(path.read_bytes())
    data[160:200] = bytes(40)
    path.write_bytes(data)


def claims_much(path: Path) -> None:
    """An array of 10 GB by its header, a few bytes in the archive."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (25_000_000, 17, 3)})
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("keypoints.npy", header.getvalue() + bytes(64))


def without_keypoints(path: Path) -> None:
    np.savez(path, joints=GOOD)


PERSON = [[1.0, 2.0, 0.9]] * 17
BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated.npz": (truncated, "file"),
    "damaged.npz": (damaged, "file"),
    "text.npz": (text("no archive"), "file"),
    "empty.npz": (lambda path: path.write_bytes(b""), "file"),
    "array.npz": (lambda path: path.write_bytes(npy_bytes()), "file"),
    "claims_10_gb.npz": (claims_much, "keypoints"),
    "hostile.npz": (npz(keypoints=np.array([Evil()], dtype=object)), "keypoints"),
    "words.npz": (npz(keypoints=np.array([["a"] * 17] * 3)), "keypoints"),
    "other_key.npz": (without_keypoints, "keypoints"),
    "sixteen_joints.npz": (npz(keypoints=GOOD[:, :16]), "keypoints"),
    "four_numbers.npz": (npz(keypoints=np.zeros((4, 17, 4))), "keypoints"),
    "flat.npz": (npz(keypoints=GOOD[0]), "keypoints"),
    "no_frames.npz": (npz(keypoints=GOOD[:0]), "keypoints"),
    "all_nan.npz": (npz(keypoints=np.full((4, 17, 2), np.nan)), "keypoints"),
    "far.npz": (npz(keypoints=np.full((4, 17, 2), 1e9)), "keypoints"),
    "scores_of_percent.npz": (npz(keypoints=GOOD[..., :2], scores=np.full((4, 17), 90.0)), "scores"),
    "scores_below_zero.npz": (npz(keypoints=GOOD[..., :2], scores=np.full((4, 17), -0.1)), "scores"),
    "scores_of_other_length.npz": (npz(keypoints=GOOD[..., :2], scores=np.ones((3, 17))), "scores"),
    "scores_all_zero.npz": (npz(keypoints=GOOD[..., :2], scores=np.zeros((4, 17))), "scores"),
    "no_rate.npz": (npz(fps=0.0), "fps"),
    "two_rates.npz": (npz(fps=np.array([25.0, 30.0])), "fps"),
    "width_nan.npz": (npz(width=np.nan), "width"),
    "no_json.json": (text("{frames: nothing"), "file"),
    "deep.json": (text("[" * 100_000), "file"),
    "number.json": (text("17"), "frames"),
    "no_frames_key.json": (text({"fps": 25}), "frames"),
    "no_frames.json": (frames(), "keypoints"),
    "short_person.json": (frames(PERSON[:-1]), "frame 0"),
    "ragged.json": (frames(PERSON, [[1, 2, 0.9]] * 16 + [[1, 2]]), "frame 1"),
    "words.json": (frames([["a", "b", "c"]] * 17), "frame 0"),
    "nobody.json": (frames(None, None), "keypoints"),
    "infinite.json": (frames([[1.0, 2.0, float("inf")]] * 17), "scores"),
    "no_size.json": (text({"fps": 25, "frames": [PERSON]}), "width"),
    "coco_no_keypoints.json": (text([{"image_id": 0}]), "result 0"),
    "coco_of_33.json": (text([{"image_id": 0, "keypoints": [1] * 99}]), "result 0, keypoints"),
    "coco_named_images.json": (text([{"image_id": "0001.jpg", "keypoints": [1] * 51}]), "result 0, image_id"),
    "coco_far_frame.json": (text([{"image_id": 10**12, "keypoints": [1] * 51}]), "result 0, image_id"),
    "coco_before.json": (text([{"image_id": -1, "keypoints": [1] * 51}]), "result 0, image_id"),
    "coco_score.json": (text([{"image_id": 0, "keypoints": [1] * 51, "score": "high"}]), "result 0, score"),
    "keypoints.csv": (text("1,2,3"), "name"),
}


def npy_bytes() -> bytes:
    stream = io.BytesIO()
    np.save(stream, GOOD)
    return stream.getvalue()
