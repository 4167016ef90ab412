"""Acclaim ASF/AMC, the form of CMU's motion capture database: a skeleton of bones, and the motion of their joints.

A bone hangs on the end of its parent. In the global frame of the rest pose it points along ``direction``; its joint
turns about axes that ``axis`` has turned before, so that its global rotation is G = G_parent C R C^-1 with C from
``axis`` and R from the motion. Angles of C and R apply in the order listed, each about a fixed axis: XYZ is Rz Ry Rx.
A length of 1 is 1/``length`` inches, where ``length`` is the unit that the ASF states (0.45 at CMU: 0.056444 m).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import roma
import torch
from torch import Tensor

from phdlib.data.text import fail, floats

INCH = 0.0254
CMU_FPS = 120.0
ROOT_CHANNELS = ("tx", "ty", "tz", "rx", "ry", "rz")
LONGEST = 32  # characters of a number or a bone's name in a motion


@dataclass(frozen=True)
class AsfBone:
    """A bone: unit ``direction`` and ``length`` in file units, ``axis`` in radians in ``axis_order``, ``dof`` such as
    ("rx", "rz"), ``limits`` in radians per dof (None if not stated), and the index of the parent bone, -1 for the root.
    """

    name: str
    direction: tuple[float, ...]
    length: float
    axis: tuple[float, ...]
    axis_order: str
    dof: tuple[str, ...]
    limits: tuple[tuple[float, float], ...] | None
    parent: int


@dataclass(frozen=True)
class AsfSkeleton:
    """A skeleton: ``metres`` per unit of length, the root's channels in order, its rest position and orientation
    (radians, in ``root_axis`` order), and the bones in the file's order."""

    metres: float
    degrees: bool
    root_order: tuple[str, ...]
    root_axis: str
    root_position: tuple[float, ...]
    root_orientation: tuple[float, ...]
    bones: tuple[AsfBone, ...]

    @property
    def joints(self) -> tuple[str, ...]:
        """The root, then each bone's name for the joint at its far end."""
        return ("root", *(bone.name for bone in self.bones))

    @property
    def channels(self) -> dict[str, int]:
        """Number of motion channels of the root and of every bone that moves."""
        return {"root": len(self.root_order)} | {bone.name: len(bone.dof) for bone in self.bones if bone.dof}


@dataclass(frozen=True)
class AmcMotion:
    """Motion: per bone (T, channels) float64, angles in radians, the root's translation in file units."""

    channels: dict[str, np.ndarray]
    degrees: bool | None
    fps: float = CMU_FPS

    def __len__(self) -> int:
        return len(next(iter(self.channels.values())))


def read_asf(path: str | Path) -> AsfSkeleton:
    """Read an Acclaim skeleton. ``ValueError`` names file, line, what was found and what was expected."""
    path = Path(path)
    sections: dict[str, list[tuple[int, list[str]]]] = {}
    current: list[tuple[int, list[str]]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        tokens = line.partition("#")[0].replace("(", " ").replace(")", " ").split()
        if tokens and tokens[0].startswith(":"):
            current = sections.setdefault(tokens[0][1:].lower(), [])
        elif tokens:
            current.append((number, tokens))
    for name in ("units", "root", "bonedata", "hierarchy"):
        if not sections.get(name):
            raise ValueError(f"{path}: section ':{name}' is missing or empty; the file is truncated or not ASF")
    units = {tokens[0].lower(): (number, tokens[1:]) for number, tokens in sections["units"]}
    length = floats(path, *(stated := units.get("length", (0, ["1.0"]))), 1)[0]
    if length <= 0:
        fail(path, stated[0], stated[1][0], "a length above zero")
    degrees = units.get("angle", (0, ["deg"]))[1][:1] == ["deg"]
    root = {tokens[0].lower(): (number, tokens[1:]) for number, tokens in sections["root"]}
    if missing := [field for field in ("order", "axis", "position", "orientation") if field not in root]:
        raise ValueError(f"{path}: section ':root' has no field '{missing[0]}'")
    order, axis = ([token.lower() for token in root[field][1]] for field in ("order", "axis"))
    if sorted(order) != sorted(ROOT_CHANNELS):
        fail(path, root["order"][0], " ".join(order), f"{' '.join(ROOT_CHANNELS)} in some order")
    if len(axis) != 1 or sorted(axis[0]) != ["x", "y", "z"]:
        fail(path, root["axis"][0], " ".join(axis), "an order of axes such as XYZ")
    angle = np.pi / 180 if degrees else 1.0
    return AsfSkeleton(
        metres=INCH / length,
        degrees=degrees,
        root_order=tuple(order),
        root_axis=axis[0],
        root_position=floats(path, *root["position"], 3),
        root_orientation=tuple(angle * value for value in floats(path, *root["orientation"], 3)),
        bones=_link(path, sections["hierarchy"], _read_bones(path, sections["bonedata"], angle)),
    )


def _read_bones(path: Path, lines: list[tuple[int, list[str]]], angle: float) -> dict[str, dict]:
    """The blocks begin .. end of :bonedata, by bone name; ``angle`` converts the file's angles to radians."""
    bones: dict[str, dict] = {}
    bone: dict = {}
    for number, (key, *rest) in lines:
        if not bone and key.lower() != "begin":
            fail(path, number, key, "begin, which opens a bone")
        match key.lower():
            case "begin":
                bone = {"dof": (), "limits": []}
            case "id" | "bodymass" | "cofmass":
                pass
            case "name":
                if len(rest) != 1 or rest[0] in bones or rest[0] == "root":
                    fail(path, number, " ".join(rest), "a name of its own")
                bone["name"] = rest[0]
            case "direction":
                bone["direction"] = floats(path, number, rest, 3)
            case "length":
                bone["length"] = floats(path, number, rest, 1)[0]
            case "axis":
                values, order = floats(path, number, rest[:3], 3), (rest[3:] or ["XYZ"])[0].lower()
                if sorted(order) != ["x", "y", "z"]:
                    fail(path, number, " ".join(rest), "three angles and an order such as XYZ")
                bone |= {"axis": tuple(angle * value for value in values), "axis_order": order}
            case "dof":
                bone["dof"] = tuple(name.lower() for name in rest)
                if not set(bone["dof"]) <= {"rx", "ry", "rz"} or len(set(bone["dof"])) < len(bone["dof"]):
                    fail(path, number, " ".join(rest), "some of rx, ry, rz")
            case "limits":
                bone["limits"].append(floats(path, number, rest, 2))
            case "end":
                if missing := [field for field in ("name", "direction", "length", "axis") if field not in bone]:
                    fail(path, number, "end", f"the bone's {missing[0]} first")
                bones[bone["name"]], bone = bone, {}
            case _ if bone["limits"]:
                bone["limits"].append(floats(path, number, [key, *rest], 2))
            case _:
                fail(path, number, key, "a field of a bone")
    for bone in bones.values():
        limits = tuple((angle * low, angle * high) for low, high in bone["limits"])
        if limits and len(limits) != len(bone["dof"]):
            raise ValueError(f"{path}: bone {bone['name']} has {len(limits)} limits for {len(bone['dof'])} dof")
        bone["limits"] = limits or None
    return bones


def _link(path: Path, lines: list[tuple[int, list[str]]], bones: dict[str, dict]) -> tuple[AsfBone, ...]:
    """The bones in their order of :bonedata, each with its parent from :hierarchy."""
    index = {"root": -1} | {name: i for i, name in enumerate(bones)}
    reached = {"root"}
    for number, (parent, *children) in lines:
        if parent in ("begin", "end"):
            continue
        for child in children:
            if parent not in reached or child not in bones or child in reached:
                fail(path, number, f"{parent} {child}", "bones of :bonedata, once each, parents before children")
            reached.add(child)
            bones[child]["parent"] = index[parent]
    if missing := [name for name in bones if name not in reached]:
        raise ValueError(f"{path}: bone {missing[0]} of :bonedata is missing in :hierarchy")
    return tuple(AsfBone(**bone) for bone in bones.values())


def read_amc(path: str | Path, skeleton: AsfSkeleton | None = None, fps: float = CMU_FPS) -> AmcMotion:
    """Read an Acclaim motion, checked against the skeleton's bones and channels if one is given.

    The file says whether its angles are degrees; where it does not, the skeleton decides, else they are. It states no
    frame rate: CMU's is 120. ``ValueError`` names file, line, what was found and what was expected.
    """
    path = Path(path)
    lines = [line.partition("#")[0] for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
    flags = {line.strip().lower() for line in lines[:50] if line.startswith(":")}
    degrees = ":degrees" in flags or (":radians" not in flags and (skeleton is None or skeleton.degrees))
    body = [i for i, line in enumerate(lines) if line.strip() and not line.startswith(":")]
    if not body:
        raise ValueError(f"{path}: found no frame, expected at least one; the file is truncated or not AMC")
    layout = _first_frame(path, lines, body)
    if skeleton is not None and layout != skeleton.channels:
        _compare(path, layout, skeleton.channels)
    table = _read_frames(path, lines, body, layout)
    channels: dict[str, np.ndarray] = {}
    column = 1
    for name, count in layout.items():
        values = table[:, column + 1 : column + 1 + count].astype(np.float64)
        column += 1 + count
        order = skeleton.root_order if skeleton is not None else ROOT_CHANNELS
        turning = [name != "root" or order[i].startswith("r") for i in range(count)]
        channels[name] = np.where(turning, np.deg2rad(values) if degrees else values, values)
    return AmcMotion(channels, degrees, fps)


def _first_frame(path: Path, lines: list[str], body: list[int]) -> dict[str, int]:
    """Names and channel counts of the first frame: the lines after the frame number, up to the next one."""
    if lines[body[0]].strip() != "1":
        fail(path, body[0] + 1, lines[body[0]].strip(), "the frame number 1")
    layout: dict[str, int] = {}
    for i in body[1:]:
        tokens = lines[i].split()
        if len(tokens) == 1:
            break
        layout[tokens[0]] = len(tokens) - 1
    return layout


def _compare(path: Path, found: dict[str, int], expected: dict[str, int]) -> None:
    """An AMC may list the bones in an order of its own, but no others and with as many channels."""
    for name in found.keys() | expected.keys():
        if found.get(name, 0) != expected.get(name, 0):
            counts = f"found {found.get(name, 0)} channels, expected {expected.get(name, 0)} as the skeleton says"
            raise ValueError(f"{path}: bone {name!r}: {counts}")


def _read_frames(path: Path, lines: list[str], body: list[int], layout: dict[str, int]) -> np.ndarray:
    """(T, tokens per frame) as text, whole; only a file that fails is read again line by line, to say where."""
    words = " ".join(lines[i] for i in body).encode("ascii", "replace").split()
    if len(longest := max(words, key=len)) > LONGEST:
        raise ValueError(f"{path}: found {longest.decode()[:60]!r}, expected at most {LONGEST} characters a number")
    tokens = np.array(words, dtype=f"S{LONGEST}")
    width = 1 + sum(1 + count for count in layout.values())
    rows = 1 + len(layout)
    if len(tokens) % width == 0 and len(body) == rows * (len(tokens) // width):
        table = tokens.reshape(-1, width)
        heads = np.cumsum([1] + [1 + count for count in layout.values()])[:-1]
        numbers = np.setdiff1d(np.arange(width), heads)
        names = np.array([name.encode("ascii", "replace") for name in layout])
        try:
            values = table[:, numbers].astype(np.float64)
            ordered = (values[:, 0] == np.arange(1, len(table) + 1)).all()
            if ordered and np.isfinite(values).all() and (table[:, heads] == names).all():
                return table
        except ValueError:
            pass
    expected = [("", 0), *layout.items()]
    for row, i in enumerate(body):
        name, count = expected[row % rows]
        found = lines[i].split()
        if row % rows == 0:
            if found != [str(row // rows + 1)]:
                fail(path, i + 1, lines[i].strip(), f"the frame number {row // rows + 1}")
        elif found[0] != name:
            fail(path, i + 1, found[0], f"bone {name!r} as in the first frame")
        else:
            floats(path, i + 1, found[1:], count)
    left, frame = rows - len(body) % rows, len(body) // rows + 1
    fail(path, body[-1] + 1, "the end of the file", f"{left} more bones of frame {frame}")


def global_transforms(skeleton: AsfSkeleton, motion: AmcMotion) -> tuple[Tensor, Tensor]:
    """Positions (T, J, 3) in metres of ``skeleton.joints`` and global rotations (T, J, 3, 3), float64.

    The joint of a bone is its far end; its rotation is that of its near end, which turns the bone itself.
    """
    _compare(Path("motion"), {name: values.shape[1] for name, values in motion.channels.items()}, skeleton.channels)
    root = torch.from_numpy(motion.channels["root"])
    rest = roma.euler_to_rotmat(skeleton.root_axis, torch.tensor(skeleton.root_orientation, dtype=torch.float64))
    moves = [i for axis in "xyz" for i, name in enumerate(skeleton.root_order) if name == f"t{axis}"]
    positions = {-1: skeleton.metres * (torch.tensor(skeleton.root_position, dtype=torch.float64) + root[:, moves])}
    rotations = {-1: rest @ _euler(root, skeleton.root_order) @ rest.T}
    waiting = dict(enumerate(skeleton.bones))
    while waiting:  # a file may list a bone before its parent
        i, bone = next((i, bone) for i, bone in waiting.items() if bone.parent in rotations)
        turn = rotations[bone.parent]
        if bone.dof:
            axis = roma.euler_to_rotmat(bone.axis_order, torch.tensor(bone.axis, dtype=torch.float64))
            turn = turn @ axis @ _euler(torch.from_numpy(motion.channels[bone.name]), bone.dof) @ axis.T
        arm = skeleton.metres * bone.length * torch.tensor(bone.direction, dtype=torch.float64)
        positions[i], rotations[i] = positions[bone.parent] + turn @ arm, turn
        del waiting[i]
    order = range(-1, len(skeleton.bones))
    return torch.stack([positions[i] for i in order], dim=1), torch.stack([rotations[i] for i in order], dim=1)


def joint_positions(skeleton: AsfSkeleton, motion: AmcMotion) -> Tensor:
    """World positions (T, J, 3) in metres of :attr:`AsfSkeleton.joints`, float64, y up."""
    return global_transforms(skeleton, motion)[0]


def _euler(values: Tensor, order: tuple[str, ...]) -> Tensor:
    """(T, C) radians to (T, 3, 3): the rotations of ``order`` about fixed axes, the first named applied first."""
    turning = [i for i, name in enumerate(order) if name.startswith("r")]
    return roma.euler_to_rotmat("".join(order[i][1] for i in turning), values[:, turning])
