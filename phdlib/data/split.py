"""The split of the embedded motion: which take plays which role, action and subject, in training or in test.

``python -m phdlib.data.split`` writes ``assets/split.csv`` from the table below and the motion file; people read the
file, the library loads it. Rules: a take serves one role and one part only, unless a category has too few takes, when
one is cut in time with two seconds left out; partners of one salsa are on one side; within a category training takes go
to S1, then to S5 .. S8 in turn, test takes to S9 and S11. The HumanEva role is a data set of its own beside these: it
uses some of their takes again, by :mod:`phdlib.data.humaneva_role`, which says what its rules are.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import roma
import torch

from phdlib.data.humaneva_role import CELLS, CORRUPT, chunks
from phdlib.data.motion import FPS, Motion, load_motions
from phdlib.paths import write_atomically

DEFAULT = Path(__file__).parent / "assets" / "split.csv"
GAP = round(2 * FPS)  # frames between training and test where one take gives both
TRAIN_SHARE = 0.75  # of such a take
CLIP = (80, 240)  # frames at 50 Hz of a Penn clip: 40 to 120 at 25 Hz
TRAIN_SUBJECTS = ("S1", "S5", "S6", "S7", "S8")
TEST_SUBJECTS = ("S9", "S11")
PARTS = ("train", "test", CORRUPT)

# Category: training takes | test takes. A take on both sides is cut in time. Where a category has several performers,
# one who is not in its training is tested.
HUMAN36M = {
    "walking": "02_01 02_02 07_01 07_02 07_03 07_04 07_05 07_06 07_07 07_08 07_09 07_10 07_11 07_12"
    " | 05_01 06_01 35_01",
    "uneven walking": "03_03 03_04 | 03_01 03_02 03_04",
    "jumping": "01_01 | 131_04",
    "climbing": "01_02 01_04 01_05 | 01_13",
    "sitting": "01_06 01_07 01_12 | 01_08",
    "swinging": "01_03 01_09 01_11 | 01_10",
    "punching": "135_05 135_09 135_10 | 02_05",
    "bending": "02_06 | 02_06",
    "swordplay": "02_07 | 02_09",
    "washing": "02_10 | 02_10",
    "balancing": "49_18 49_19 | 49_20",
    "modern dance": "05_02 05_03 05_04 05_09 05_14 05_15 05_18 05_19 05_20 | 05_10 05_12",
    "salsa": "60_01 61_01 60_02 61_02 60_03 61_03 60_04 61_04 60_07 61_07 60_09 61_09 | 60_05 61_05 60_06 61_06",
    "indian dance": "94_04 94_06 94_07 94_08 94_14 | 94_13 94_15",
    "basketball": "06_02 06_03 06_04 06_06 06_07 06_08 06_10 | 06_09 06_11",
}
PENN = {
    "karate kick": "135_04 | 135_07",
    "karate strike": "135_03 135_06 | 135_08",
    "jete": "05_05 05_07 05_16 05_17 | 05_08",
    "pirouette": "05_06 05_13 | 05_11",
    "shot": "06_14 | 06_15",
    "dribble": "06_12 | 06_05",
    "sword cut": "02_08 | 02_08",
    "jump": "01_14 | 02_04",
    "run": "02_03 | 09_06",
}
PARTNERS = {"60": "61", "61": "60"}  # performers who share a take under the same trial number


@dataclass(frozen=True)
class Segment:
    """Frames ``start`` to ``stop`` (exclusive, at 50 Hz) of a take, as ``role`` "human36m", "penn" or "humaneva" uses
    them; ``part`` "corrupt" is test with motion capture that is wrong."""

    take: str
    start: int
    stop: int
    role: str
    action: str
    subject: str
    part: str
    performer: str
    description: str

    def __len__(self) -> int:
        return self.stop - self.start


def load_split(path: Path = DEFAULT) -> list[Segment]:
    """Read the committed split. ``ValueError`` names file, row, what was found and what was expected."""
    names = [field.name for field in fields(Segment)]
    with Path(path).open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        if header != names:
            raise ValueError(f"{path}: found columns {','.join(header)}, expected {','.join(names)}")
        segments = []
        for number, row in enumerate(reader, start=2):
            try:
                take, start, stop, *rest = row
                segment = Segment(take, int(start), int(stop), *rest)
            except (ValueError, TypeError):
                raise ValueError(f"{path}, row {number}: found {','.join(row)!r}, expected {','.join(names)}") from None
            if not 0 <= segment.start < segment.stop or segment.part not in PARTS:
                expected = f"start < stop, {' or '.join(PARTS)}"
                raise ValueError(f"{path}, row {number}: found {','.join(row)!r}, expected {expected}")
            segments.append(segment)
    return segments


def make_split(motions: Mapping[str, Motion]) -> list[Segment]:
    """Apply the rules to the takes; the same motion gives the same split."""
    segments = []
    for role, table in (("human36m", HUMAN36M), ("penn", PENN)):
        for turn, (action, takes) in enumerate(table.items()):
            train, test = (side.split() for side in takes.split("|"))
            for part, names in (("train", train), ("test", test)):
                for name, subject in _subjects(names, part, turn).items():
                    motion = motions[name]
                    start, stop = _stretch(len(motion), part, in_both=name in train and name in test)
                    cuts = [start, stop] if role == "human36m" else clip_boundaries(motion, start, stop)
                    segments += [
                        Segment(name, a, b, role, action, subject, part, motion.performer, motion.description)
                        for a, b in pairwise(cuts)
                    ]
    return segments + _humaneva(motions)


def _humaneva(motions: Mapping[str, Motion]) -> list[Segment]:
    """The valid chunks of the HumanEva role's videos; between two of a take the motion capture is lost."""
    segments = []
    for action, cells in CELLS.items():
        for subject, takes in cells.items():
            train, test = (side.split() for side in takes.split("|"))
            for part, names in (("train", train), ("test", test)):
                for name in names:
                    motion = motions[name]
                    video = _stretch(len(motion), part, in_both=name in train and name in test)
                    segments += [
                        Segment(name, a, b, "humaneva", action, subject, CORRUPT if corrupt else part,
                                motion.performer, motion.description)
                        for a, b, corrupt in chunks(name, *video)
                    ]  # fmt: skip
    return segments


def _subjects(takes: list[str], part: str, turn: int) -> dict[str, str]:
    """Subject of each take. S1 always comes first, the others begin one later in each category, so that all get their
    share of short categories; partners go together."""
    group: dict[str, int] = {}
    for name in takes:
        performer, trial = name.split("_")
        partner = f"{PARTNERS.get(performer, performer)}_{trial}"
        group[name] = group.get(partner, len(set(group.values())))
    others = TRAIN_SUBJECTS[1:]
    k = turn % len(others)
    train = (TRAIN_SUBJECTS[0], *others[k:], *others[:k])
    test = TEST_SUBJECTS if turn % 2 == 0 else TEST_SUBJECTS[::-1]
    subjects = train if part == "train" else test
    return {name: subjects[i % len(subjects)] for name, i in group.items()}


def _stretch(length: int, part: str, in_both: bool) -> tuple[int, int]:
    """The part of a take: all of it, or the first three quarters and what follows two seconds later."""
    if not in_both:
        return 0, length
    edge = int(TRAIN_SHARE * (length - GAP))
    return (0, edge) if part == "train" else (edge + GAP, length)


def clip_boundaries(motion: Motion, start: int, stop: int) -> list[int]:
    """Cut a stretch into clips of 80 to 240 frames where the body moves least, which is between actions.

    A stretch no longer than that is one clip; each cut leaves room for at least one more clip.
    """
    rotations = roma.rotvec_to_rotmat(motion.theta.double().reshape(-1, 24, 3))
    turning = roma.rotmat_geodesic_distance(rotations[1:], rotations[:-1]).mean(1)
    window = 11  # about a fifth of a second: a cut falls into a rest, not into a single still frame
    speed = np.convolve(np.pad(turning.numpy(), (window // 2 + 1, window // 2), mode="edge"), np.ones(window), "valid")
    # Rounded, so that the place of a minimum cannot depend on the machine's last digit.
    speed = np.round(speed, 6)
    cuts = [start]
    while stop - cuts[-1] > CLIP[1]:
        first, last = cuts[-1] + CLIP[0], min(cuts[-1] + CLIP[1], stop - CLIP[0])
        cuts.append(first + int(np.argmin(speed[first : last + 1])))
    return [*cuts, stop]


def summary(segments: list[Segment] | None = None) -> pd.DataFrame:
    """Per role and action: frames, share of test, performers, and whether the test shows a performer who is new to the
    action's training ("new here") or to all training ("new anywhere"): "all", "some" or "none" of them. Corrupt chunks
    count as test."""
    segments = load_split() if segments is None else segments
    segments = [replace(segment, part="test" if segment.part == CORRUPT else segment.part) for segment in segments]
    trained = {segment.performer for segment in segments if segment.part == "train"}
    rows = []
    for role, action in dict.fromkeys((segment.role, segment.action) for segment in segments):
        own = [segment for segment in segments if (segment.role, segment.action) == (role, action)]
        frames = {part: sum(len(s) for s in own if s.part == part) for part in ("train", "test")}
        people = {part: sorted({s.performer for s in own if s.part == part}) for part in ("train", "test")}
        rows.append(
            {
                "role": role,
                "action": action,
                "train frames": frames["train"],
                "test frames": frames["test"],
                "test share": round(frames["test"] / sum(frames.values()), 2),
                "clips": len(own),
                "train performers": " ".join(people["train"]),
                "test performers": " ".join(people["test"]),
                "new here": _how_many(set(people["test"]), set(people["train"])),
                "new anywhere": _how_many(set(people["test"]), trained),
            }
        )
    return pd.DataFrame(rows)


def _how_many(people: set[str], known: set[str]) -> str:
    return "none" if people <= known else "some" if people & known else "all"


def write_split(segments: list[Segment], path: Path = DEFAULT) -> Path:
    """Write the split for people to read and for :func:`load_split`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([field.name for field in fields(Segment)])
    writer.writerows(astuple(segment) for segment in segments)
    return write_atomically(path, lambda temporary: temporary.write_text(text.getvalue(), encoding="utf-8"))


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(f"wrote {write_split(make_split(load_motions()))}")
    print(summary().to_string(index=False))
