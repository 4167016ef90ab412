"""``python -m phdlib.data.rebuild FOLDER [--check]``: the motion file from CMU's originals.

FOLDER holds ``subjects/NN/`` (Acclaim), ``bvh/`` and ``bvh_cgspeed/`` (two rigs) and ``trials.csv``. Every take is cut
where it begins in the rig's T-pose, put on SMPL's tree, freed of spikes, stood on the floor, resampled to 50 Hz and
quantised. ``--check`` compares with the committed file bit for bit and writes nothing.
"""

from __future__ import annotations

import argparse
import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from phdlib.data import bvh, cmu, rigs
from phdlib.data.clean import Repair, clean, settled_after
from phdlib.data.motion import (
    DEFAULT,
    FPS,
    Neutral,
    QuantisedTake,
    load_neutral,
    load_quantised,
    quantise,
    resample,
    save_motions,
)
from phdlib.data.retarget import Capture, forward_kinematics, retarget, sole_height, stand_on_floor
from phdlib.paths import write_atomically

README = DEFAULT.with_name("README.md")
MARKS = ("<!-- written by rebuild: begin -->", "<!-- written by rebuild: end -->")
# The rigs' files begin in a T-pose: one frame of it; or one, a ramp of four towards the motion and, in the salsa takes,
# a swing beyond it and back of four more.
CUT = {rigs.ACCLAIM.name: 0, rigs.CHARACTER.name: 2, rigs.CGSPEED.name: 9}
# These exist in both forms; the Acclaim original is the one that is used.
TWICE = ("bvh/007_05.bvh", "bvh_cgspeed/135_06.bvh")
# On the playground and on uneven ground feet stand on things above the floor: the height of the soles says nothing of
# it, so that these takes get the lift that others of their kind need.
CLIMBERS = ("01", "03")
CLIMBERS_LIFT = 0.02
UNNAMED = {"94": "Indian dance"}  # trials.csv leaves subject 94 blank


@dataclass(frozen=True)
class Report:
    """What was done to a take: source frames and rate, frames cut at its start, repairs (in frames after the cut), the
    constant lift in metres and the largest lift beyond it."""

    name: str
    source: str
    frames: int
    fps: float
    cut: int
    repairs: tuple[Repair, ...]
    lift: float
    extra: float


def neutral_body() -> Neutral:
    """The body of shape zero, rounded to tenths of a millimetre: its last digits may vary between machines."""
    from phdlib.body import load_body  # only here: readers of CMU's files need no body

    body = load_body()
    beta = torch.zeros(1, 10)
    rest_joints = (body.rest_joints(beta)[0].detach().double() * 1e4).round() / 1e4
    return Neutral(rest_joints, round(float(body.sole_height(beta)[0]), 4))


def sources(folder: Path) -> list[Path]:
    """The takes' files, each take once. ``FileNotFoundError`` if a part of the tree is missing."""
    found = []
    for pattern in ("subjects/*/*.amc", "bvh/*.bvh", "bvh_cgspeed/*.bvh"):
        matches = sorted(folder.glob(pattern))
        if not matches:
            raise FileNotFoundError(f"{folder}: nothing matches {pattern}; expected CMU's tree as the README tells")
        found += [path for path in matches if path.relative_to(folder).as_posix() not in TWICE]
    return found


def take_name(path: Path) -> str:
    """Files "005_01.bvh" and "05_01.amc" are take "05_01"."""
    subject, trial = re.fullmatch(r"0*(\d+)_(\d+)", path.stem).groups()
    return f"{int(subject):02d}_{trial}"


def read_capture(path: Path, fps: float = cmu.CMU_FPS) -> tuple[Capture, rigs.Rig]:
    """Read either format, in metres, with its rig; which one a BVH is on shows in its root's name. ``fps``: AMC's."""
    if path.suffix == ".amc":
        skeleton = cmu.read_asf(path.parent / f"{path.parent.name}.asf")
        motion = cmu.read_amc(path, skeleton, fps)
        return Capture(skeleton.joints, *cmu.global_transforms(skeleton, motion), motion.fps), rigs.ACCLAIM
    file = bvh.read_bvh(path)
    rig = rigs.CHARACTER if "CC_Base_Hip" in file.names else rigs.CGSPEED
    # Frame times are rounded to a microsecond in one release: 60 frames a second, not 59.9988.
    return Capture(file.names, *bvh.global_transforms(file, rig.metres), float(round(file.fps))), rig


class Settled(NamedTuple):
    """Motion on SMPL's tree, repaired and on the floor: local rotations (T, 24, 3, 3), root (T, 3) metres; the frame it
    begins at, its repairs, the constant lift and the largest one beyond it."""

    rotations: Tensor
    root: Tensor
    start: int
    repairs: list[Repair]
    lift: float
    extra: float


def settle(capture: Capture, rig: rigs.Rig, body: Neutral, lift: float | None = None) -> Settled:
    """Retarget a capture, leave out what comes before a jump at its start, repair it and stand it on the floor.
    ``lift``: the constant one, where the median height of the soles does not tell where the floor is."""
    raw = retarget(capture, rig, body.rest_joints)
    start = settled_after(forward_kinematics(*raw, body.rest_joints)[0], capture.fps)
    local, root, repairs = clean(raw.rotations[start:], raw.root[start:], body.rest_joints, capture.fps)
    heights = sole_height(*forward_kinematics(local, root, body.rest_joints), body.rest_joints, body.sole)
    constant = -float(heights.median()) if lift is None else lift
    lifted = stand_on_floor(heights, constant, capture.fps)
    root = root + torch.stack([torch.zeros_like(lifted), lifted, torch.zeros_like(lifted)], dim=-1)
    return Settled(local, root, start, repairs, constant, float(lifted.max()) - constant)


def build_take(
    path: Path, body: Neutral, description: str = "", fps: float = cmu.CMU_FPS, climbs: bool | None = None
) -> tuple[QuantisedTake, Report]:
    """One take from its file to the form in which it is stored, and what was done to it. ``fps``: an AMC's.
    ``climbs``: whether its feet stand on things above the floor; None: whether it is one of :data:`CLIMBERS`."""
    name = take_name(path)
    capture, rig = read_capture(path, fps)
    cut = CUT[rig.name]
    climbs = name[:2] in CLIMBERS if climbs is None else climbs
    settled = settle(capture.select(cut, None), rig, body, CLIMBERS_LIFT if climbs else None)
    stored = quantise(*resample(settled.rotations, settled.root, capture.fps, FPS))
    done = (cut + settled.start, tuple(settled.repairs), settled.lift, settled.extra)
    report = Report(name, path.name, len(capture.positions), capture.fps, *done)
    return QuantisedTake(name, name.split("_")[0], description, *stored), report


def descriptions(folder: Path) -> dict[str, str]:
    """What trials.csv says of each take, by name."""
    with (folder / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        f"{int(row['Subject']):02d}_{int(row['Trial #']):02d}": row["Motion Description"]
        or UNNAMED.get(f"{int(row['Subject']):02d}", "")
        for row in rows
    }


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m phdlib.data.rebuild", description=__doc__.partition(":")[2])
    parser.add_argument("folder", type=Path, help="CMU's tree")
    parser.add_argument("--check", action="store_true", help="compare with the committed file, write nothing")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    # What is compared with the file is made for the file's own body; a test tells when that is no longer ours.
    body = load_neutral() if options.check else neutral_body()
    says = descriptions(options.folder)
    built = [build_take(path, body, says.get(take_name(path), "")) for path in sources(options.folder)]
    takes = [take for take, _ in built]
    frames = sum(len(take.root) for take in takes)
    print(f"{len(takes)} takes, {frames} frames at {FPS:g} Hz, {frames / FPS / 60:.1f} minutes")
    if options.check:
        return compare(takes, load_quantised())
    save_motions(takes, body)
    write_tables([report for _, report in built])
    print(f"wrote {DEFAULT} ({DEFAULT.stat().st_size / 1e6:.1f} MB) and its README; now: python -m phdlib.data.split")
    return 0


def compare(built: list[QuantisedTake], stored: list[QuantisedTake]) -> int:
    """Print what differs; 0 if nothing does, else 1."""
    kept = {take.name: take for take in stored}
    differs = sorted({take.name for take in built} ^ kept.keys())
    for take in built:
        other = kept.get(take.name)
        if other and not (np.array_equal(take.rotations, other.rotations) and np.array_equal(take.root, other.root)):
            differs.append(take.name)
    print(f"{len(differs)} takes differ: {', '.join(differs)}" if differs else f"all {len(built)} equal, bit for bit")
    return int(bool(differs))


def write_tables(reports: list[Report], path: Path = README) -> None:
    """Put the tables of what was done into the README, between its two marks."""
    before, rest = path.read_text(encoding="utf-8").split(MARKS[0])
    text = before + MARKS[0] + "\n" + tables(reports) + MARKS[1] + rest.split(MARKS[1])[1]
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def tables(reports: list[Report]) -> str:
    """Markdown: every take with its cut, lift and repairs; those of toes and wrists, which flicker, are counted."""
    lines = ["| take | source | frames (Hz) | cut | lift, cm | raised, cm | repaired frames, counted after the cut |"]
    lines.append("|---|---|---|---|---|---|---|")
    for report in sorted(reports, key=lambda report: report.name):
        minor = [repair for repair in report.repairs if repair.joint.endswith(("_foot", "_wrist"))]
        texts = [
            f"{repair.joint} {repair.start}-{repair.stop - 1}{' rolled' if repair.done == 'rolled' else ''}"
            for repair in report.repairs
            if repair not in minor
        ]
        if minor:
            count = sum(repair.stop - repair.start for repair in minor)
            texts.append(f"toes and wrists: {count} frames in {len(minor)} places")
        lines.append(
            f"| {report.name} | {report.source} | {report.frames} ({report.fps:g}) | {report.cut} "
            f"| {100 * report.lift:.1f} | {100 * report.extra:.1f} | {'; '.join(texts)} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
