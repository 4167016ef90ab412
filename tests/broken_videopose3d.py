"""Broken files in VideoPose3D's layout: each builder spoils one of two good files, and says what a reader has to be
told: the file, the field, what was found and what was expected (as regular expressions, in this order)."""

from __future__ import annotations

import io
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from vp3d_files import human36m_content, humaneva_content, metadata

THREE, TWO = "data_3d_h36m.npz", "data_2d_h36m_gt.npz"
EVA3, EVA2 = "data_3d_humaneva15.npz", "data_2d_humaneva15_gt.npz"


class Broken(NamedTuple):
    """``spoil(folder)`` spoils ``file``; the message names ``file``, and matches ``field``, ``found``, ``expected``."""

    file: str
    spoil: Callable[[Path], object]
    field: str
    found: str
    expected: str


def write_good(folder: Path) -> None:
    world, seen = human36m_content(subjects=("S1", "S9"), actions=("Eating",), frames=20)
    np.savez(folder / THREE, positions_3d=world)
    np.savez(folder / TWO, positions_2d=seen, metadata=metadata("h36m"))
    world, seen = humaneva_content(frames=20)
    np.savez(folder / EVA3, positions_3d=world)
    np.savez(folder / EVA2, positions_2d=seen, metadata=metadata("humaneva15"))


def changed(file: str, **fields: Callable[[Any], Any]) -> Callable[[Path], None]:
    """Saves a good file with some of its fields changed; a change to None leaves the field out."""

    def spoil(folder: Path) -> None:
        with np.load(folder / file, allow_pickle=True) as good:
            content = {key: good[key].item() for key in good.files}
        content |= {key: change(content[key]) for key, change in fields.items()}
        np.savez(folder / file, **{key: value for key, value in content.items() if value is not None})

    return spoil


def pose(change: Callable[[np.ndarray], Any], subject: str = "S1", action: str = "Eating") -> Callable[[dict], dict]:
    """Changes the 3D of one recording."""
    return lambda table: table | {subject: table[subject] | {action: change(table[subject][action].copy())}}


def view(change: Callable[[np.ndarray], Any], camera: int = 2) -> Callable[[dict], dict]:
    """Changes one camera's 2D of S9's recording."""

    def spoil(table: dict) -> dict:
        views = [v.copy() for v in table["S9"]["Eating"]]
        views[camera] = change(views[camera])
        return table | {"S9": {"Eating": views}}

    return spoil


def at(value: float, *index: int) -> Callable[[np.ndarray], np.ndarray]:
    def spoil(array: np.ndarray) -> np.ndarray:
        array[index] = value
        return array

    return spoil


def raw(file: str, member: str, data: bytes, claim: int | None = None) -> Callable[[Path], None]:
    """An archive of one member of given bytes; ``claim`` is the size that both of its headers state."""

    def spoil(folder: Path) -> None:
        with zipfile.ZipFile(folder / file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(member, data)
        if claim is not None:
            stored = bytearray((folder / file).read_bytes())
            stored[22:26] = struct.pack("<I", claim)
            place = stored.rindex(b"PK\x01\x02")
            stored[place + 24 : place + 28] = struct.pack("<I", claim)
            (folder / file).write_bytes(stored)

    return spoil


def npy(payload: bytes, descr: str = "|O", shape: tuple[int, ...] = ()) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": descr, "fortran_order": False, "shape": shape})
    return stream.getvalue() + payload


class Hostile:
    """Unpickled by NumPy or pickle, it would leave a file named "touched" in the working folder."""

    def __reduce__(self) -> tuple:
        return os.system, ("touch touched",)


class Subclass(np.ndarray):
    pass


def cut(share: float) -> Callable[[Path], None]:
    return lambda folder: (folder / TWO).write_bytes(
        (folder / TWO).read_bytes()[: int(share * (folder / TWO).stat().st_size)]
    )


def huge_array(_: object) -> bytes:
    """A pickle of an object array holding an array that claims 10 GB and has 8 bytes."""
    inner = np.zeros((2, 1, 1), "float32")
    text = pickle.dumps(np.array({"S1": {"Eating": inner}}, dtype=object), protocol=4)
    shape = pickle.dumps((2, 1, 1), protocol=4)[11:-2]
    assert text.count(b"K\x02K\x01K\x01\x87") == 1 and shape
    return npy(text.replace(b"K\x02K\x01K\x01\x87", b"J\x00\x94\x35\x77K\x01K\x05\x87"))


def renamed(old: str, new: object) -> Callable[[dict], dict]:
    return lambda table: {new if key == old else key: value for key, value in table.items()}


def meta(**fields: Any) -> Callable[[dict], dict]:
    return lambda content: {k: v for k, v in (content | fields).items() if v is not None}


FILES = {
    "cut in half": Broken(TWO, cut(0.5), "", "not a readable .npz", "BadZipFile"),
    "empty": Broken(TWO, cut(0), "", "not a readable .npz", "BadZipFile"),
    "no archive": Broken(THREE, lambda f: (f / THREE).write_text("positions_3d"), "", "not a readable .npz", "zip"),
    "another key": Broken(
        THREE, lambda f: np.savez(f / THREE, poses=np.zeros(3)), "positions_3d", "no such key", r"found \['poses'\]"
    ),
    "no metadata": Broken(TWO, changed(TWO, metadata=lambda _: None), "metadata", "no such key", "found .*_2d"),
    "a path that climbs": Broken(
        THREE, raw(THREE, "../positions_3d.npy", npy(b"")), "positions_3d", "../positions_3d", "expected"
    ),
    "plain numbers": Broken(
        THREE, lambda f: np.savez(f / THREE, positions_3d=np.zeros((9, 32, 3))), "positions_3d",
        r"found an array of float64 \(9, 32, 3\)", "expected one dictionary",
    ),
    "hostile pickle": Broken(
        TWO, lambda f: np.savez(f / TWO, positions_2d=Hostile(), metadata=metadata("h36m")), "positions_2d",
        "refused.* found .*system", "expected",
    ),
    "hostile inside": Broken(
        THREE, changed(THREE, positions_3d=pose(lambda _: Hostile())), "positions_3d", "refused.* found .*system",
        "expected",
    ),
    "an array of another class": Broken(
        THREE, changed(THREE, positions_3d=pose(lambda a: a.view(Subclass))), "positions_3d", "found .*Subclass",
        "expected",
    ),
    "10 GB claimed by an array": Broken(
        THREE, raw(THREE, "positions_3d.npy", huge_array(None)), "positions_3d", "found 8 bytes", "expected 40000000000"
    ),
    "10 GB claimed by a header": Broken(
        THREE, raw(THREE, "positions_3d.npy", npy(b"\0" * 99, "<f4", (2_500_000_000,))), "positions_3d",
        "found 99 bytes", "expected|10000000000",
    ),
    "4 GB claimed by the archive": Broken(
        THREE, raw(THREE, "positions_3d.npy", npy(b"\0" * 999), claim=2**32 - 2), "positions_3d",
        "4294967294 bytes", "expected",
    ),
    "a pickle that ends early": Broken(
        THREE, raw(THREE, "positions_3d.npy", npy(pickle.dumps({"S1": {}})[:-4])), "positions_3d",
        "not a readable pickle", "EOF|expected|Error",
    ),
    "no subjects": Broken(
        THREE, changed(THREE, positions_3d=lambda _: {}), "positions_3d", "found an empty dict", "expected a dictionary"
    ),
    "a list of subjects": Broken(
        THREE, changed(THREE, positions_3d=lambda t: list(t.values())), "positions_3d", "found (list|an array)",
        "expected",
    ),
    "actions without names": Broken(
        THREE, changed(THREE, positions_3d=lambda t: t | {"S1": {3: t["S1"]["Eating"]}}), "positions_3d: subject S1",
        "found the action 3", "expected a name",
    ),
    "an unknown action": Broken(
        THREE, changed(THREE, positions_3d=lambda t: t | {"S1": renamed("Eating", "Eat")(t["S1"])},), "S1",
        "found the action 'Eat'", "expected Directions",
    ),
    "no frames": Broken(
        THREE, changed(THREE, positions_3d=pose(lambda a: a[:0])), "positions_3d of S1, Eating",
        r"found shape \(0, 32, 3\)", r"expected \(T, 32, 3\) with T > 0",
    ),
    "17 joints": Broken(
        THREE, changed(THREE, positions_3d=pose(lambda a: a[:, :17])), "positions_3d of S1, Eating",
        r"found shape \(20, 17, 3\)", r"expected \(T, 32, 3\)",
    ),
    "flat": Broken(
        THREE, changed(THREE, positions_3d=pose(lambda a: a.reshape(20, 96))), "S1, Eating", r"found shape \(20, 96\)",
        r"expected \(T, 32, 3\)",
    ),
    "whole numbers": Broken(
        THREE, changed(THREE, positions_3d=pose(lambda a: a.astype(int))), "S1, Eating", "found int64",
        "expected an array of floats",
    ),
    "nested lists": Broken(
        THREE, changed(THREE, positions_3d=pose(lambda a: a.tolist())), "S1, Eating", "found list",
        "expected an array of floats",
    ),
    "nan": Broken(
        THREE, changed(THREE, positions_3d=pose(at(np.nan, 7, 3, 1))), "S1, Eating: frame 7, joint 3", "nan",
        "expected finite numbers",
    ),
    "millimetres": Broken(
        THREE, changed(THREE, positions_3d=pose(lambda a: 1000 * a)), "S1, Eating", r"found coordinates up to \d{4}",
        "expected metres",
    ),
    "y up": Broken(
        THREE, changed(THREE, positions_3d=pose(lambda a: a[..., [0, 2, 1]])), "S1",
        "found (keypoints|joints)", "expected",
    ),
    "subjects nobody knows": Broken(
        THREE, changed(THREE, positions_3d=lambda t: {"S99": t["S1"]}), "positions_3d", "found S99",
        "expected .*S9, S11",
    ),
    "2D that is shorter": Broken(
        TWO, changed(TWO, positions_2d=view(lambda v: v[:19])), "positions_2d of S9, Eating, camera 2",
        "found 19 frames", "expected at least the 20",
    ),
    "a camera without 2D": Broken(
        TWO, changed(TWO, positions_2d=view(lambda v: None)), "S9, Eating, camera 2", "found none", "expected at least"
    ),
    "three cameras": Broken(
        TWO, changed(TWO, positions_2d=lambda t: t | {"S9": {"Eating": t["S9"]["Eating"][:3]}}), "S9, Eating",
        "found 3 views", "expected a list of 4",
    ),
    "a subject without 2D": Broken(
        TWO, changed(TWO, positions_2d=lambda t: {"S1": t["S1"]}), "positions_2d of S9, Eating", "found none",
        "expected",
    ),
    "16 joints under 17's metadata": Broken(
        TWO, changed(TWO, positions_2d=view(lambda v: v[:, :16])), "S9, Eating, camera 2", r"found shape \(25, 16, 2\)",
        r"expected \(T, 17, 2\)",
    ),
    "infinite pixels": Broken(
        TWO, changed(TWO, positions_2d=view(at(np.inf, 4, 16, 0))), "S9, Eating, camera 2: frame 4, joint 16", "inf",
        "expected finite",
    ),
    "screen units": Broken(
        TWO, changed(TWO, positions_2d=view(lambda v: v / 500 - 1)), "S9, Eating, camera 2",
        r"found coordinates up to [01]\.", "expected pixels",
    ),
    "cameras in another order": Broken(
        TWO, changed(TWO, positions_2d=lambda t: t | {"S9": {"Eating": t["S9"]["Eating"][::-1]}}), "S9/Eating",
        r"found keypoints \d+ px", "expected less than 60",
    ),
    "a layout nobody knows": Broken(
        TWO, changed(TWO, metadata=meta(layout_name="openpose25")), "metadata: layout_name", "found 'openpose25'",
        "expected one of h36m",
    ),
    "COCO's symmetry under our name": Broken(
        TWO, changed(TWO, metadata=meta(keypoints_symmetry=metadata("coco")["keypoints_symmetry"])),
        "metadata: num_joints, keypoints_symmetry", r"found 17 joints with left \(1, 3,",
        r"expected H36M-17 with left \(4,",
    ),
    "no symmetry": Broken(
        TWO, changed(TWO, metadata=meta(keypoints_symmetry=None)), "metadata: keypoints_symmetry", "no such key",
        "found",
    ),
    "symmetry of words": Broken(
        TWO, changed(TWO, metadata=meta(keypoints_symmetry=["left", "right"])), "keypoints_symmetry",
        r"found \['left', 'right'\]", "expected two lists of joints",
    ),
    "metadata in a list": Broken(
        TWO, changed(TWO, metadata=lambda m: [m]), "metadata", "found (list|an array)", "expected"
    ),
    "HumanEva: 20 joints": Broken(
        EVA3, changed(EVA3, positions_3d=pose(lambda a: np.concatenate([a, a[:, :5]], 1), "Train/S1", "Jog 1 chunk0")),
        "positions_3d of Train/S1, Jog 1 chunk0", r"found shape \(20, 20, 3\)", r"expected \(T, 15, 3\)",
    ),
    "HumanEva: subjects without their part": Broken(
        EVA3, changed(EVA3, positions_3d=renamed("Train/S1", "S1")), "", "found the subject 'S1'", "expected Train/S1"
    ),
    "HumanEva: an action of another set": Broken(
        EVA3,
        changed(EVA3, positions_3d=lambda t: t | {"Train/S2": renamed("Jog 1 chunk0", "Eating 1")(t["Train/S2"])}),
        "Train/S2", "found the action 'Eating 1'", "expected one such as 'Walking 1 chunk0' of Walking",
    ),
    "HumanEva: Human3.6M's keypoints": Broken(
        EVA2, changed(EVA2, metadata=lambda _: metadata("h36m")), "positions_2d of Train/S1",
        r"found shape \(20, 15, 2\)", r"expected \(T, 17, 2\)",
    ),
}  # fmt: skip
