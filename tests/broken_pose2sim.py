"""Files of Pose2Sim in their official layout, and broken ones: each a name, its text, and what the error has to say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from roma import rotmat_to_rotvec

from phdlib.camera import Camera

TOML = """\
[cam_01]
name = "{name}"
size = [ 1088.0, 1920.0,]
matrix = [ [ 1681.2, 0.0, 532.9,], [ 0.0, 1681.0, 948.1,], [ 0.0, 0.0, 1.0,],]
distortions = [ -0.046, 0.14, 0.0006, 0.0007,]
rotation = [ 0.96, -1.12, 1.28,]
translation = [ -0.9, 0.8, 3.1,]
fisheye = false

[metadata]
adjusted = false
error = 0.0
"""
TRC = (
    "PathFileType\t4\t(X/Y/Z)\tdemo.trc\n"
    "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames\n"
    "60\t60\t2\t2\tm\t60\t0\t2\n"
    "Frame#\tTime\tHip\t\t\tRKnee\t\t\n"
    "\t\tX1\tY1\tZ1\tX2\tY2\tZ2\n"
    "0\t0.0\t0.1\t0.2\t0.3\t1\t2\t3\n"
    "1\t0.0167\t0.4\t0.5\t0.6\t\t\tnan\n"
)


def qca_camera(camera: Camera) -> str:
    """A camera as Qualisys writes it: millimetres, 64ths of a pixel, axes that look along -z with y up."""
    place = 1000 * (-camera.rotation.T @ camera.translation)
    turn = (camera.rotation * torch.tensor([[1.0], [-1.0], [-1.0]])).tolist()
    cells = " ".join(f'r{i + 1}{j + 1}="{turn[i][j]}"' for i in range(3) for j in range(3))
    f, c, k, p = (x.tolist() for x in camera.intrinsics.split([2, 2, 3, 2]))
    lens = (
        f'focalLengthU="{64 * f[0]}" focalLengthV="{64 * f[1]}" centerPointU="{64 * c[0]}" centerPointV="{64 * c[1]}"'
    )
    bend = " ".join(f'radialDistortion{i + 1}="{k[i]}"' for i in range(3))
    return (
        f'<camera active="1" serial="{camera.name}">'
        f'<fov_video left="0" top="0" right="{camera.width - 1}" bottom="{camera.height - 1}"/>'
        f'<transform x="{place[0]}" y="{place[1]}" z="{place[2]}" {cells}/>'
        f'<intrinsic {lens} {bend} tangentalDistortion1="{p[1]}" tangentalDistortion2="{p[0]}"/></camera>'
    )


def qca(*cameras: Camera) -> str:
    inside = "".join(qca_camera(camera) for camera in cameras)
    return f"<?xml version='1.0' encoding='ASCII'?><calibration><cameras>{inside}</cameras></calibration>"


def toml(*cameras: Camera) -> str:
    tables = []
    for i, camera in enumerate(cameras, start=1):
        f, c, k, p = (x.tolist() for x in camera.intrinsics.split([2, 2, 3, 2]))
        turn = rotmat_to_rotvec(camera.rotation.double()).tolist()
        tables.append(
            f'[cam_{i:02d}]\nname = "{camera.name}"\nsize = [{camera.width}.0, {camera.height}.0]\n'
            f"matrix = [[{f[0]}, 0.0, {c[0]}], [0.0, {f[1]}, {c[1]}], [0.0, 0.0, 1.0]]\n"
            f"distortions = [{k[0]}, {k[1]}, {p[1]}, {p[0]}, {k[2]}]\nrotation = {turn}\n"
            f"translation = {camera.translation.tolist()}\nfisheye = false\n"
        )
    return "\n".join(tables)


def _camera() -> Camera:
    lens = torch.tensor([1600.0, 1601, 540, 960, -0.05, 0.1, 0, 0.001, 0.002])
    return Camera("cam01", torch.eye(3), torch.tensor([0.0, 0, 4]), lens, 1080, 1920)


QCA = qca(_camera())
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>'
    "<calibration><cameras>&b;</cameras></calibration>"
)
BROKEN_CALIBRATIONS = {
    "truncated.qca.txt": (QCA[: len(QCA) // 2], "XML"),
    "empty.qca.txt": ("", "XML"),
    "bomb.qca.txt": (BOMB, "XML"),
    "no_cameras.qca.txt": ("<calibration><cameras></cameras></calibration>", "cameras"),
    "no_name.qca.txt": (QCA.replace(' serial="cam01"', ""), "camera"),
    "twice.qca.txt": (qca(_camera(), _camera()), "camera cam01"),
    "no_lens.qca.txt": (QCA.replace("<intrinsic", "<lens"), "camera cam01"),
    "word.qca.txt": (QCA.replace('x="', 'x="far'), "camera cam01, transform x"),
    "nan.qca.txt": (QCA.replace('left="0"', 'left="nan"'), "camera cam01, fov_video left"),
    "no_rotation.qca.txt": (QCA.replace('r11="1.0"', 'r11="2.0"'), "cam01, rotation"),
    "mirrored.qca.txt": (QCA.replace('r11="1.0"', 'r11="-1.0"'), "cam01, rotation"),
    "no_size.qca.txt": (QCA.replace('right="1079"', 'right="-1"'), "cam01, focal length and size"),
    "no_toml.toml": ("[cam_01\n", "file"),
    "only_metadata.toml": ("[metadata]\nerror = 0.0\n", "cameras"),
    "no_matrix.toml": (TOML.replace("matrix", "matrices"), "cam_01, matrix"),
    "matrix_2x3.toml": (TOML.replace(", [ 0.0, 0.0, 1.0,],]", "]"), "cam_01, matrix"),
    "words.toml": (TOML.replace("[ -0.9, 0.8, 3.1,]", '[ "a", "b", "c",]'), "cam_01, translation"),
    "infinite.toml": (TOML.replace("0.96", "inf"), "cam_01, rotation"),
    "three_distortions.toml": (TOML.replace("0.0006, ", ""), "cam_01, distortions"),
    "fisheye.toml": (TOML.replace("fisheye = false", "fisheye = true"), "cam_01, fisheye"),
    "huge_size.toml": (TOML.replace("1088.0", "1e12"), "{name}, focal length and size"),
}
BROKEN_TRC = {
    "empty.trc": ("", "line 1"),
    "no_header.trc": ("1\t2\t3\n" * 9, "line 1"),
    "no_rate.trc": (TRC.replace("60\t60\t2\t2\tm", "x\t60\t2\t2\tm"), "line 3"),
    "inches.trc": (TRC.replace("\t2\tm\t", "\t2\tinch\t"), "line 3"),
    "other_count.trc": (TRC.replace("60\t60\t2\t2\tm", "60\t60\t3\t2\tm"), "line 3"),
    "claims_much.trc": (TRC.replace("60\t60\t2\t2\tm", "60\t60\t1e12\t2\tm"), "line 3"),
    "no_markers.trc": (TRC.replace("\tHip\t\t\tRKnee\t\t", ""), "line 4"),
    "same_marker.trc": (TRC.replace("RKnee", "Hip"), "line 4"),
    "short_row.trc": (TRC.replace("\t1\t2\t3\n", "\t1\t2\n"), "line 6"),
    "word.trc": (TRC.replace("0.5", "five"), "line 7"),
    "infinite.trc": (TRC.replace("0.5", "inf"), "line 7"),
}


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def rig(count: int = 4) -> list[Camera]:
    """Cameras about the origin, z up, 4 m away and 1.5 m high."""
    cameras = []
    for i in range(count):
        angle = 2 * np.pi * i / count + 0.3
        place = torch.tensor([4 * np.cos(angle), 4 * np.sin(angle), 1.5], dtype=torch.float64)
        forward = torch.nn.functional.normalize(torch.tensor([0.0, 0.0, 1.0]).double() - place, dim=0)
        right = torch.nn.functional.normalize(
            torch.linalg.cross(forward, torch.tensor([0.0, 0.0, 1.0]).double()), dim=0
        )
        rotation = torch.stack((right, torch.linalg.cross(forward, right), forward))
        lens = torch.tensor([1600.0, 1601, 540 + 3 * i, 960, -0.05, 0.1, 0, 0.001, 0.002])
        cameras.append(Camera(f"cam{i + 1:02d}", rotation.float(), (-rotation @ place).float(), lens, 1080, 1920))
    return cameras
