"""Files of 2D keypoints, COCO-17, from any detector. Two forms are read, and everything else is refused with a reason.

**npz**: ``keypoints`` (T, 17, 2) or (T, 17, 3), x, y and perhaps score, in pixels, NaN where nobody was found; if the
array has no scores, ``scores`` (T, 17) may; ``fps``, ``width``, ``height`` are numbers and may be left out where a
video is at hand. **JSON**: either an object ``{"fps", "width", "height", "frames"}``, whose frames are null or 17 times
[x, y, score], or COCO's list of results, ``[{"image_id": frame, "keypoints": [x, y, score, ...], "score": s}]``,
frames counted from 0; where a frame has several people, the one with the highest score is taken. A score of 0 is COCO's
way to say that a keypoint is not there.
"""

from __future__ import annotations

import json
import math
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch

from phdlib.data.file_kinds import found_in
from phdlib.data.joint_order import warn_of_most
from phdlib.detections import Detections
from phdlib.paths import write_atomically
from phdlib.skeleton import COCO17

LARGEST_FILE = 2**30  # bytes
LONGEST = 10_000_000  # frames
FARTHEST = 1e6  # pixels from the image's corner


def write_detections(found: Detections, path: Path) -> Path:
    """As an npz that :func:`read_detections` reads."""
    fields = {"fps": found.fps, "width": found.width, "height": found.height, "source": found.source}
    arrays = {"keypoints": found.points, "scores": found.scores, **fields}
    return write_atomically(path, lambda file: np.savez_compressed(file, **arrays))


def read_detections(
    path: str | Path, *, fps: float | None = None, size: tuple[int, int] | None = None, frames: int | None = None
) -> Detections:
    """Someone else's detections, .npz or .json.

    ``fps`` and ``size`` (width, height) stand in where the file does not tell, and have to fit where it does.
    ``frames`` is how many a video has: a COCO list, which leaves out frames without people, is filled up to it.
    ``FileNotFoundError``, or ``ValueError`` that names the file, the field, what was found and what was expected.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file of detections")
    if path.stat().st_size > LARGEST_FILE:
        raise ValueError(f"{path}: found {path.stat().st_size} bytes, expected at most {LARGEST_FILE}")
    match path.suffix.lower():
        case ".npz":
            fields = _read_npz(path)
        case ".json":
            fields = _read_json(path, frames)
        case suffix:
            _fail(path, "name", f"the ending {suffix!r}", ".npz or .json")
    width, height = size or (None, None)
    table = _table(path, fields)
    number = {name: _number(path, name, fields.get(name), given)
              for name, given in (("fps", fps), ("width", width), ("height", height))}  # fmt: skip
    found = Detections(table[..., :2], table[..., 2], number["fps"], round(number["width"]), round(number["height"]),
                       f"detections of {path.name}")  # fmt: skip
    warn_of_most([(torch.from_numpy(found.points), COCO17)], f"{path}: keypoints")
    return found if frames is None else _as_long(path, found, frames)


def _fail(path: Path, field: str, found: object, expected: str) -> NoReturn:
    raise ValueError(f"{path}: {field}: found {found}, expected {expected}")


def _read_npz(path: Path) -> dict[str, Any]:
    if not zipfile.is_zipfile(path):
        _fail(path, "file", found_in(path), "a whole npz archive")
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            claimed = sum(entry.file_size for entry in file.zip.infolist())
            if claimed > LARGEST_FILE:
                _fail(path, "file", f"{claimed} bytes unpacked", f"at most {LARGEST_FILE}")
            fields = {name: _array(path, file, name) for name in ("keypoints", "scores", "fps", "width", "height")
                      if name in file.files}  # fmt: skip
            found = ", ".join(file.files) or "nothing"
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        _fail(path, "file", f"a damaged archive ({error})", "an npz archive")
    except ValueError as error:
        if str(error).startswith(str(path)):
            raise
        _fail(path, "file", "no arrays, or pickled objects", "an npz archive of plain arrays")
    if "keypoints" not in fields:
        _fail(path, "keypoints", f"no such key among {found}", "an array (T, 17, 2)")
    return fields


def _array(path: Path, file: Any, name: str) -> np.ndarray:
    """An array whose header claims no more than its archive entry holds, so that nothing is allocated on its word."""
    entry = file.zip.getinfo(f"{name}.npy")
    with file.zip.open(entry) as stream:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(stream)
    if dtype.hasobject or dtype.kind not in "fiu":
        _fail(path, name, f"dtype {dtype}", "numbers")
    if math.prod(shape) * dtype.itemsize > entry.file_size:
        _fail(path, name, f"a header of shape {shape} over {entry.file_size} bytes", "a header that fits its data")
    return file[name]


def _read_json(path: Path, frames: int | None) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        _fail(path, "file", f"{found_in(path)}, no JSON ({error})", "an object with frames, or COCO's list of results")
    if isinstance(content, list):
        return {"keypoints": _from_coco(path, content, frames)}
    if not isinstance(content, dict) or not isinstance(content.get("frames"), list):
        found = sorted(content) if isinstance(content, dict) else type(content).__name__
        _fail(path, "frames", f"{found}", "a list of frames")
    rows = [_person(path, f"frame {t}", frame) for t, frame in enumerate(content["frames"])]
    table = np.stack(rows) if rows else np.zeros((0, len(COCO17), 3))
    return {**{name: content.get(name) for name in ("fps", "width", "height")}, "keypoints": table}


def _from_coco(path: Path, results: list[Any], frames: int | None) -> np.ndarray:
    best: dict[int, tuple[float, np.ndarray]] = {}
    for i, result in enumerate(results):
        if not isinstance(result, dict) or not {"image_id", "keypoints"} <= result.keys():
            _fail(path, f"result {i}", sorted(result) if isinstance(result, dict) else result, "image_id and keypoints")
        t, score = result["image_id"], result.get("score", 1.0)
        if isinstance(t, bool) or not isinstance(t, int) or not 0 <= t < (frames or LONGEST):
            _fail(path, f"result {i}, image_id", repr(t), f"a frame from 0 to {(frames or LONGEST) - 1}")
        if isinstance(score, bool) or not isinstance(score, int | float) or not math.isfinite(score):
            _fail(path, f"result {i}, score", repr(score), "a finite number")
        person = _person(path, f"result {i}, keypoints", result["keypoints"])
        if t not in best or score > best[t][0]:
            best[t] = (score, person)
    table = np.full((max(best, default=-1) + 1, len(COCO17), 3), [np.nan, np.nan, 0.0])
    for t, (_, person) in best.items():
        table[t] = person
    return table


def _person(path: Path, field: str, values: object) -> np.ndarray:
    """(17, 3) of 17 times [x, y, score], nested or flat; of None, nobody."""
    if values is None:
        return np.array([[np.nan, np.nan, 0.0]] * len(COCO17))
    try:
        numbers = np.array(values, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        _fail(path, field, "values that are no numbers, or rows of unequal length", "17 times x, y, score")
    if numbers.shape not in ((len(COCO17), 3), (3 * len(COCO17),)):
        _fail(path, field, f"shape {numbers.shape}", "(17, 3) or (51,): 17 times x, y, score")
    return numbers.reshape(-1, 3)


def _table(path: Path, fields: dict[str, Any]) -> np.ndarray:
    """(T, 17, 3) float32 of checked points and scores; a keypoint without a number has none."""
    points, scores = np.asarray(fields["keypoints"], dtype=np.float64), fields.get("scores")
    if points.ndim != 3 or points.shape[1:] not in ((len(COCO17), 2), (len(COCO17), 3)):
        _fail(path, "keypoints", f"shape {points.shape}", "(T, 17, 2) or (T, 17, 3), COCO's 17 joints")
    if not 0 < len(points) <= LONGEST:
        _fail(path, "keypoints", f"{len(points)} frames", f"1 to {LONGEST}")
    if points.shape[2] == 2:
        scores = np.ones(points.shape[:2]) if scores is None else np.asarray(scores, dtype=np.float64)
        if scores.shape != points.shape[:2]:
            _fail(path, "scores", f"shape {scores.shape}", f"{points.shape[:2]} as keypoints has")
        points = np.concatenate((points, scores[..., None]), axis=-1)
    known = np.isfinite(points[..., :2]).all(-1)
    if not known.any():
        _fail(path, "keypoints", "no finite keypoint in any frame", "a person in at least one")
    if (far := np.abs(points[known][:, :2]).max()) > FARTHEST:
        _fail(path, "keypoints", f"a coordinate of {far:g}", f"pixels, at most {FARTHEST:g}")
    score = points[..., 2][known]
    if not (np.isfinite(score).all() and (score >= 0).all() and (score <= 1 + 1e-6).all()):
        bad = score[~((score >= 0) & (score <= 1 + 1e-6))][0]
        _fail(path, "scores", f"{bad:g}", "numbers from 0 to 1")
    points[~known] = (np.nan, np.nan, 0.0)
    points[points[..., 2] == 0] = (np.nan, np.nan, 0.0)  # COCO's own way to say that a keypoint is not there
    if not np.isfinite(points[..., :2]).any():
        _fail(path, "scores", "0 for every keypoint", "a keypoint that was found")
    return points.astype(np.float32)


def _number(path: Path, name: str, found: object, given: float | None) -> float:
    if found is None and given is None:
        _fail(path, name, "no such key", "a number above 0, or a video to take it from")
    if found is None:
        return float(given)
    value = np.asarray(found)
    if value.shape not in ((), (1,)) or value.dtype.kind not in "fiu" or not 0 < float(value.item()) < 1e6:
        _fail(path, name, repr(found), "a number above 0")
    value = float(value.item())
    if given is not None and abs(value - given) > 0.01 * given:
        _fail(path, name, f"{value:g}", f"{given:g} as the video has")
    return value


def _as_long(path: Path, found: Detections, frames: int) -> Detections:
    """As many frames as the video has: the end may lack people, but not have more frames than there are."""
    if len(found) > frames:
        _fail(path, "keypoints", f"{len(found)} frames", f"at most {frames}, those of the video")
    more = frames - len(found)
    points = np.pad(found.points, ((0, more), (0, 0), (0, 0)), constant_values=np.nan)
    return replace(found, points=points, scores=np.pad(found.scores, ((0, more), (0, 0))))
