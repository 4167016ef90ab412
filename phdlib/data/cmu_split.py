"""The split of a CMU tree by performer: nobody is in training and in test, in any role.

Whatever subjects a tree holds, the rules are the same, and the same takes give the same split. Performers who share
takes count as one. Test is filled first: for every category that several performed, with the one of the fewest frames
who is not the last of another category; for a role that still has none, with the one who is the last of the fewest;
then with more who are the last of none, up to a fifth of the frames. The validation gets somebody of each role, up to
a tenth. Test performers are S9 and S11, the validation's S5 (PHD 4.1), all others S1, S6, S7 and S8, the least filled
first.

The HumanEva role is a data set of its own beside these, whose protocol has every subject on both sides (VP3D 5.1): its
cells are those of :mod:`phdlib.data.humaneva_role` where the tree has their takes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from phdlib.data.cmu_trials import NONE, Trial
from phdlib.data.humaneva_role import CELLS, CORRUPT, chunks
from phdlib.data.motion import Motion
from phdlib.data.split import Segment, _stretch, clip_boundaries

ROLES = ("human36m", "penn")
SUBJECTS = {"train": ("S1", "S6", "S7", "S8"), "validation": ("S5",), "test": ("S9", "S11")}
TEST_SHARE, VALIDATION_SHARE = 0.20, 0.10  # of a role's frames
# Performers who were recorded together: salsa, and the takes "2 subjects".
TOGETHER = (("60", "61"), ("18", "19"), ("20", "21"), ("22", "23"), ("33", "34"))
SHORTEST = 80  # frames at 50 Hz: PHD's clips of 40 at 25 Hz


@dataclass(frozen=True)
class Sides:
    """Which side each performer is on: "train", "validation" or "test", and the subject that he or she plays."""

    side: Mapping[str, str]
    subject: Mapping[str, str]


def make_split(motions: Mapping[str, Motion], trials: Mapping[str, Trial]) -> list[Segment]:
    """The segments of all roles that the takes give; the same takes give the same split.

    ``ValueError`` names a role that has nothing in a part.
    """
    used = {name: trials[name] for name in motions if name in trials and trials[name].role != NONE}
    used = {name: trial for name, trial in used.items() if len(motions[name]) >= SHORTEST}
    sides = assign({name: len(motions[name]) for name in used}, used)
    segments = []
    for name, trial in used.items():
        motion = motions[name]
        part = "test" if sides.side[trial.performer] == "test" else "train"
        cuts = [0, len(motion)] if trial.role == "human36m" else clip_boundaries(motion, 0, len(motion))
        subject = sides.subject[trial.performer]
        segments += [
            Segment(name, a, b, trial.role, trial.category, subject, part, trial.performer, trial.description)
            for a, b in pairwise(cuts)
        ]
    segments = sorted(segments, key=lambda s: (ROLES.index(s.role), s.action, s.part == "test"))
    segments += humaneva(motions)
    check(segments)
    return segments


def assign(frames: Mapping[str, int], trials: Mapping[str, Trial]) -> Sides:
    """Performers to sides and subjects, by the frames of each take and what it shows."""
    table: dict[str, dict[tuple[str, str], int]] = defaultdict(lambda: defaultdict(int))
    for name, count in frames.items():
        table[_group(trials[name].performer)][trials[name].role, trials[name].category] += count
    free = dict(table)
    chosen = {"test": _choose(free, TEST_SHARE * _frames(table), by_category=True)}
    chosen["validation"] = _choose(free, VALIDATION_SHARE * _frames(table), by_category=False)
    chosen["train"] = sorted(free, key=lambda group: (-_frames({group: free[group]}), group))
    side = {group: part for part, groups in chosen.items() for group in groups}
    subject: dict[str, str] = {}
    for part, groups in chosen.items():
        filled = dict.fromkeys(SUBJECTS[part], 0)
        for group in groups:
            subject[group] = min(filled, key=filled.__getitem__)
            filled[subject[group]] += _frames({group: table[group]})
    performers = {trials[name].performer for name in frames}
    return Sides({p: side[_group(p)] for p in performers}, {p: subject[_group(p)] for p in performers})


Table = dict[str, dict[tuple[str, str], int]]  # group of performers: (role, category): frames


def _choose(free: Table, share: float, by_category: bool) -> list[str]:
    """Take groups for a side out of ``free``, by the rules above."""
    chosen: Table = {}

    def take(options: Iterable[str]) -> bool:
        options = sorted(options, key=lambda group: (_lost(free, group), _frames({group: free[group]}), group))
        if options:
            chosen[options[0]] = free.pop(options[0])
        return bool(options)

    if by_category:
        counts = Counter(kind for kinds in free.values() for kind in kinds)
        for kind, count in sorted(counts.items(), key=lambda item: (item[1], item[0])):
            if count > 1 and not any(kind in kinds for kinds in chosen.values()):
                take(group for group in free if kind in free[group] and not _lost(free, group))
    for role in ROLES:
        if not any(role == r for kinds in chosen.values() for r, _ in kinds):
            own = [group for group in free if any(role == r for r, _ in free[group])]
            take(own if len(own) > 1 else ())  # the last one stays in training
    while take(g for g in free if not _lost(free, g) and _frames(chosen) + _frames({g: free[g]}) <= share
               and not _outweighs(free, chosen, g)):  # fmt: skip
        pass
    return list(chosen)


def _outweighs(free: Table, chosen: Table, group: str) -> bool:
    """Whether with this group a category would have more frames on this side than are left."""
    side = [*chosen.values(), free[group]]
    left = [kinds for other, kinds in free.items() if other != group]
    return any(sum(k.get(kind, 0) for k in side) > sum(k.get(kind, 0) for k in left) for kind in free[group])


def _lost(free: Table, group: str) -> int:
    """How many categories nobody else performs."""
    others = {kind for other, kinds in free.items() if other != group for kind in kinds}
    return len(free[group].keys() - others)


def _frames(table: Table) -> int:
    return sum(sum(kinds.values()) for kinds in table.values())


def _group(performer: str) -> str:
    return next((group[0] for group in TOGETHER if performer in group), performer)


def humaneva(motions: Mapping[str, Motion]) -> list[Segment]:
    """The HumanEva role's chunks, of the cells whose takes are all there."""
    segments = []
    for action, cells in CELLS.items():
        for subject, takes in cells.items():
            sides = dict(zip(("train", "test"), (side.split() for side in takes.split("|")), strict=True))
            if not all(name in motions for names in sides.values() for name in names):
                continue
            for part, names in sides.items():
                for name in names:
                    motion = motions[name]
                    both = name in sides["train"] and name in sides["test"]
                    for a, b, corrupt in chunks(name, *_stretch(len(motion), part, in_both=both)):
                        side = CORRUPT if corrupt else part
                        segments.append(
                            Segment(name, a, b, "humaneva", action, subject, side, motion.performer, motion.description)
                        )
    return segments


def check(segments: Iterable[Segment]) -> None:
    """``ValueError`` names the first role that has nothing in training, validation or test, and what would help."""
    there = {(s.role, "validation" if s.subject == "S5" else s.part) for s in segments if s.role in ROLES}
    there |= {(s.role, s.part) for s in segments if s.role not in ROLES}
    wanted = [(role, part) for role in ROLES for part in SUBJECTS] + [("humaneva", "train"), ("humaneva", "test")]
    for role, part in wanted:
        if (role, part) not in there:
            has = sorted({s.action for s in segments if s.role == role})
            cells = "; its takes are of subjects 02, 03, 07 and 135" if role == "humaneva" else ""
            raise ValueError(
                f"CMU tree: role {role!r} has no take for {part}: found categories {', '.join(has) or 'none'}, "
                f"expected three or more performers of the role's (assets/cmu_trials.csv lists them){cells}"
            )
