"""Pose2Sim's folders: calibrated cameras, videos and, where its users have run it, triangulated markers.

Read are Qualisys' ``.qca.txt`` (XML, as in the demo of the wheel pose2sim 0.10.49), Pose2Sim's own ``Calib*.toml`` and
OpenSim's ``.trc``. The demo ``Pose2Sim/Demo_SinglePerson`` has four calibrated views of 100 frames at 60 per second.
The wheel brings no triangulated markers: :func:`reference` makes them, from any detector's keypoints in all views.

Camera axes are those of :mod:`phdlib.camera`; the world is the calibration's own, z up.
"""

from __future__ import annotations

import math
import tomllib
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np
import torch
from roma import rotvec_to_rotmat
from torch import Tensor

from phdlib.camera import Camera
from phdlib.data.text import fail, floats
from phdlib.detections import Detections, coco_to_h36m
from phdlib.skeleton import COCO17
from phdlib.triangulation import offsets, shifted, smoothed, triangulate

DEMO = "Pose2Sim/Demo_SinglePerson"  # in the wheel
LARGEST = 2**27  # bytes of a text file
QUALISYS_SUBPIXELS = 64.0  # of a pixel, the unit of its intrinsics
LONGEST_GAP = 10  # frames that are filled in the reference
_FLIP = torch.tensor([[1.0], [-1.0], [-1.0]])  # Qualisys' camera looks along -z with y up


class Demo(NamedTuple):
    """The views of a folder: camera by name, video by the same name."""

    cameras: dict[str, Camera]
    videos: dict[str, Path]


class Markers(NamedTuple):
    """A trc file: ``names`` of M markers, ``points`` (T, M, 3) metres in its own axes, NaN where empty, ``fps``."""

    names: tuple[str, ...]
    points: Tensor
    fps: float


def load(folder: str | Path) -> Demo:
    """``calibration/*.toml`` or ``*.qca.txt``, and ``videos/NAME.*``, a video for each camera.

    ``FileNotFoundError`` or ``ValueError`` names the folder and what it lacks.
    """
    folder = Path(folder)
    tables = [*sorted(folder.glob("calibration/*.toml")), *sorted(folder.glob("calibration/*.qca.txt"))]
    if not tables:
        raise FileNotFoundError(f"{folder}: calibration: found no *.toml and no *.qca.txt, expected one")
    cameras = read_calibration(tables[0])
    videos = {path.stem: path for path in sorted((folder / "videos").glob("*.*"))}
    if missing := [name for name in cameras if name not in videos]:
        raise FileNotFoundError(f"{folder}: videos: found {', '.join(videos) or 'none'}, expected {', '.join(missing)}")
    return Demo(cameras, {name: videos[name] for name in cameras})


def read_calibration(path: str | Path) -> dict[str, Camera]:
    """Cameras by name, of a ``.toml`` or a ``.qca.txt``. ``ValueError`` names file, camera, field, found, expected."""
    path = Path(path)
    text = _text(path)
    cameras = _from_toml(path, text) if path.suffix == ".toml" else _from_qca(path, text)
    if not cameras:
        _fail(path, "cameras", "none", "at least one")
    for camera in cameras.values():
        off = camera.rotation.double() @ camera.rotation.double().T - torch.eye(3, dtype=torch.float64)
        if off.abs().max() > 1e-3 or torch.linalg.det(camera.rotation) < 0:
            _fail(path, f"{camera.name}, rotation", "a matrix that is no rotation", "three orthonormal axes")
        if not (camera.intrinsics[:2] > 0).all() or not 0 < camera.width <= 20000 or not 0 < camera.height <= 20000:
            found = f"{camera.intrinsics[0]:g}, {camera.width} x {camera.height}"
            _fail(path, f"{camera.name}, focal length and size", found, "numbers above 0, at most 20000 pixels")
    return cameras


def _from_qca(path: Path, text: str) -> dict[str, Camera]:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        _fail(path, "XML", "a document type or entities", "plain elements")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        _fail(path, "XML", str(error), "a Qualisys calibration")
    cameras = {}
    for node in root.iter("camera"):
        name = node.get("serial") or _fail(path, "camera", "no serial", "a name")
        if name in cameras:
            _fail(path, f"camera {name}", "two of that name", "one")
        numbers = {
            part: _attributes(path, name, part, node.find(part)) for part in ("transform", "intrinsic", "fov_video")
        }
        turn, lens, view = numbers["transform"], numbers["intrinsic"], numbers["fov_video"]
        columns = torch.tensor([[turn[f"r{i}{j}"] for j in (1, 2, 3)] for i in (1, 2, 3)])
        place = torch.tensor([turn[axis] for axis in "xyz"]) / 1000
        rotation = _FLIP * columns
        f, c = (
            [lens[f"{kind}{axis}"] / QUALISYS_SUBPIXELS for axis in "UV"] for kind in ("focalLength", "centerPoint")
        )
        c = [c[0] - view["left"], c[1] - view["top"]]
        k = [lens[f"radialDistortion{i}"] for i in (1, 2, 3)]
        p = [lens[f"tangentalDistortion{i}"] for i in (1, 2)]
        size = (round(view["right"] - view["left"]) + 1, round(view["bottom"] - view["top"]) + 1)
        cameras[name] = Camera(name, rotation, -rotation @ place, _nine(f, c, k, p), *size)
    return cameras


_ATTRIBUTES = {
    "transform": ("x", "y", "z", *(f"r{i}{j}" for i in (1, 2, 3) for j in (1, 2, 3))),
    "intrinsic": (
        *("focalLengthU", "focalLengthV", "centerPointU", "centerPointV", "radialDistortion1", "radialDistortion2"),
        *("radialDistortion3", "tangentalDistortion1", "tangentalDistortion2"),
    ),
    "fov_video": ("left", "right", "top", "bottom"),
}


def _attributes(path: Path, camera: str, part: str, node: ElementTree.Element | None) -> dict[str, float]:
    if node is None:
        _fail(path, f"camera {camera}", f"no element {part}", "one")
    found = {}
    for name in _ATTRIBUTES[part]:
        text = node.get(name, "0" if name == "radialDistortion3" else "nothing")
        try:
            found[name] = float(text)
        except ValueError:
            found[name] = math.nan
        if not math.isfinite(found[name]):
            _fail(path, f"camera {camera}, {part} {name}", repr(text[:40]), "a finite number")
    return found


def _from_toml(path: Path, text: str) -> dict[str, Camera]:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        _fail(path, "file", f"no TOML ({error})", "a table for each camera")
    cameras = {}
    for key, table in tables.items():
        if key == "metadata" or not isinstance(table, dict):
            continue
        if table.get("fisheye") is True:
            _fail(path, f"{key}, fisheye", "true", "false: fisheye lenses are not supported")
        size = _numbers(path, key, table, "size", (2,))
        matrix = _numbers(path, key, table, "matrix", (3, 3))
        lens = _numbers(path, key, table, "distortions", (4,), (5,))
        rotation = rotvec_to_rotmat(torch.from_numpy(_numbers(path, key, table, "rotation", (3,))))
        translation = torch.from_numpy(_numbers(path, key, table, "translation", (3,)))
        k = [lens[0], lens[1], lens[4] if len(lens) > 4 else 0.0]
        nine = _nine([matrix[0, 0], matrix[1, 1]], matrix[:2, 2].tolist(), k, lens[2:4].tolist())
        name = str(table.get("name", key))
        cameras[name] = Camera(name, rotation.float(), translation.float(), nine, *(round(x) for x in size.tolist()))
    return cameras


def _numbers(path: Path, camera: str, table: Mapping[str, Any], field: str, *shapes: tuple[int, ...]) -> np.ndarray:
    expected = "finite numbers of shape " + " or ".join(map(str, shapes))
    if field not in table:
        _fail(path, f"{camera}, {field}", f"no such key among {', '.join(table)}", expected)
    try:
        values = np.array(table[field], dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        values = np.array(math.nan)
    if values.shape not in shapes or not np.isfinite(values).all():
        _fail(path, f"{camera}, {field}", repr(table[field])[:60], expected)
    return values


def _nine(f: Sequence[float], c: Sequence[float], k: Sequence[float], p: Sequence[float]) -> Tensor:
    """VideoPose3D's nine numbers from OpenCV's, whose tangential pair has the other order."""
    return torch.tensor([*f, *c, *k, p[1], p[0]], dtype=torch.float32)


def read_trc(path: str | Path) -> Markers:
    """Markers of a trc file (tabs; a header of five lines; frame, time and three columns a marker), in metres.

    Empty cells and "nan" are markers that were not found. ``ValueError`` names the line, what was found and expected.
    """
    path = Path(path)
    lines = _text(path).splitlines()
    if len(lines) < 5 or not lines[0].startswith("PathFileType"):
        fail(path, 1, lines[0] if lines else "an empty file", "'PathFileType' and four more header lines")
    header = dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=False))
    (fps,) = floats(path, 3, [header.get("DataRate", "")], 1)
    (frames,) = floats(path, 3, [header.get("NumFrames", "")], 1)
    scale = {"m": 1.0, "mm": 0.001, "cm": 0.01}.get(header.get("Units", "").strip())
    if scale is None or not 0 < fps < 10000:
        fail(path, 3, f"Units {header.get('Units', '')!r} DataRate {fps:g}", "m, cm or mm, and a rate above 0")
    names = tuple(name.strip() for name in lines[3].split("\t")[2:] if name.strip())
    if not names or len(set(names)) != len(names):
        fail(path, 4, lines[3], "Frame#, Time and names of markers, each once")
    rows = [(i, line.split("\t")) for i, line in enumerate(lines[5:], start=6) if line.strip()]
    if len(rows) != frames or not rows:
        fail(path, 3, f"NumFrames {frames:g}, and {len(rows)} rows", "as many rows, at least one")
    table = np.full((len(rows), 3 * len(names)), np.nan)
    for t, (line, cells) in enumerate(rows):
        values = cells[2 : 2 + 3 * len(names)]
        if len(values) != 3 * len(names):
            fail(path, line, f"{len(values)} numbers", f"{3 * len(names)}, three for each marker")
        for i, cell in enumerate(values):
            if cell.strip().lower() not in ("", "nan"):
                table[t, i] = floats(path, line, [cell], 1)[0]
    return Markers(names, torch.from_numpy(scale * table).float().unflatten(1, (len(names), 3)), fps)


class Reference(NamedTuple):
    """``joints`` (T, 17, 3) of H36M-17 in the world, metres, NaN where views do not agree; ``lags`` of the cameras in
    frames: frame t of it is frame ``first[name] + t`` of a view; ``agreement`` (T, 17) pixels, of COCO-17."""

    joints: Tensor
    first: dict[str, int]
    lags: dict[str, int]
    agreement: Tensor


def reference(demo: Demo, found: Mapping[str, Detections], use: Sequence[str] | None = None) -> Reference:
    """The person in 3D, triangulated from the detections ``found`` in the views ``use`` (all by default).

    Views are put in step first (always by all of them). It is what several views agree on, not motion capture: errors
    that a detector makes in all views alike are in it.
    """
    names = list(demo.cameras)
    T = min(len(found[name]) for name in names)
    points = torch.stack([torch.from_numpy(found[name].points[:T]) for name in names])
    scores = torch.stack([torch.from_numpy(found[name].scores[:T]) for name in names])
    cameras = [demo.cameras[name] for name in names]
    limbs = range(COCO17.index("left_shoulder"), len(COCO17))
    lags = offsets(cameras, points, scores, joints=limbs)
    chosen = [i for i, name in enumerate(names) if use is None or name in use]
    moved, known = (shifted(x, lags)[chosen] for x in (points, scores))
    solved = triangulate([cameras[i] for i in chosen], moved, known)
    fps = next(iter(found.values())).fps
    coco = smoothed(solved.points, fps, LONGEST_GAP)
    weights = torch.from_numpy(coco_to_h36m()).float()
    lost = ((weights != 0) & ~coco.isfinite().all(-1)[:, None]).any(-1)  # a joint lacks one that it is made of
    joints = torch.einsum("jk,tkc->tjc", weights, coco.nan_to_num()).masked_fill(lost[..., None], torch.nan)
    low = min(0, *lags)
    first = {name: lag - low for name, lag in zip(names, lags, strict=True)}
    return Reference(joints, first, dict(zip(names, lags, strict=True)), solved.error)


def _text(path: Path) -> str:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    if path.stat().st_size > LARGEST:
        _fail(path, "file", f"{path.stat().st_size} bytes", f"at most {LARGEST}")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        _fail(path, "file", "bytes that are no text", "UTF-8")


def _fail(path: Path, field: str, found: object, expected: str) -> NoReturn:
    raise ValueError(f"{path}: {field}: found {found}, expected {expected}")
