"""A user's CMU tree: found, listed by what its trials show, split by performer, made into a pack."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from broken_mocap import AMC, ASF
from originals import CMU, needs_originals, original

from phdlib.data import cmu_pack, cmu_split, cmu_trials
from phdlib.data.cmu_tree import find_tree, take_name, takes
from phdlib.data.cmu_trials import Trial, categories, categorise, load_trials, read_index
from phdlib.data.motion import load_motions, load_quantised
from phdlib.data.split import Segment, load_split

TRIALS = load_trials()


@pytest.mark.parametrize("place", ["", "cmu_mocap", "all_asfamc", "allasfamc/all_asfamc", "cmu/all_asfamc"])
def test_the_tree_is_found_where_archives_and_people_put_it(tmp_path, monkeypatch, place):
    folder = tmp_path / place / "subjects" / "07"
    folder.mkdir(parents=True)
    for name in ("07.asf", "07_05.amc", "07_11.amc"):
        (folder / name).write_text("")
    (tmp_path / place / "bvh").mkdir()
    for name in ("007_05.bvh", "005_02.bvh", "notes.bvh"):
        (tmp_path / place / "bvh" / name).write_text("")
    monkeypatch.setenv("PHDLIB_DATA", str(tmp_path))
    found = takes(find_tree())
    assert find_tree() == tmp_path / place and list(found) == ["05_02", "07_05", "07_11"]
    assert found["07_05"].motion == folder / "07_05.amc" and found["07_05"].skeleton == folder / "07.asf"
    assert found["05_02"].skeleton is None
    (folder / "07.asf").unlink()
    with pytest.raises(FileNotFoundError, match=r"07_05\.amc: its skeleton is missing, expected .*07\.asf"):
        takes(find_tree())


def test_no_tree_is_an_error_that_says_where_it_was_looked_for(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"found no CMU tree, expected subjects/NN/NN_TT\.amc .*cmu_fetch"):
        find_tree(tmp_path)
    monkeypatch.delenv("PHDLIB_DATA", raising=False)
    with pytest.raises(FileNotFoundError, match="PHDLIB_DATA is not set"):
        find_tree()
    (tmp_path / "subjects").mkdir()
    with pytest.raises(FileNotFoundError, match="found no take, expected subjects/NN"):
        takes(find_tree(tmp_path))


def test_names_of_takes():
    assert [take_name(stem) for stem in ("007_05", "07_05", "131_04", "7_5")] == ["07_05", "07_05", "131_04", "07_05"]
    assert take_name("take_05") is None and take_name("07_05_old") is None


# The list of trials.


def test_the_list_has_every_trial_of_the_index_and_rules_give_it():
    assert len(TRIALS) == 2435 and {trial.fps for trial in TRIALS.values()} == {60.0, 120.0}
    for trial in TRIALS.values():
        assert categorise(trial.description) == (trial.role, trial.category), trial
    assert sum(trial.role != "none" for trial in TRIALS.values()) > 1900


@pytest.mark.parametrize(
    ("take", "category"),
    [("07_05", "walking"), ("09_06", "run"), ("03_01", "uneven walking"), ("01_02", "climbing"), ("131_04", "jumping"),
     ("135_04", "kick"), ("135_06", "punching"), ("60_01", "dance"), ("94_04", "dance"), ("05_16", "jete"),
     ("64_01", "golf"), ("18_01", "two people"), ("02_10", "washing"), ("49_18", "balancing"), ("06_14", "shot")],
)  # fmt: skip
def test_what_takes_that_we_know_are_listed_as(take, category):
    assert TRIALS[take].category == category


def test_the_special_comes_before_the_general():
    assert categorise("Walk on uneven terrain") == ("human36m", "uneven walking")
    assert categorise("jump kick") == ("penn", "kick") and categorise("kickflip") == ("penn", "acrobatics")
    assert categorise("basketball signals")[1] == "gesturing" and categorise("no such words")[0] == "none"
    table = categories()
    shown = table[table.role != "none"]
    assert set(shown.role) == {"human36m", "penn"} and (shown[shown.role == "human36m"].trials.sum()) > 1500
    assert (shown.performers >= 1).all() and (shown.performers >= 3).sum() >= 22


@needs_originals
def test_the_list_is_the_index():
    assert {trial.take: trial for trial in read_index(original("trials.csv"))} == TRIALS


# The split.


def sides(segments: list[Segment]) -> dict[str, set[str]]:
    found = defaultdict(set)
    for segment in segments:
        found[segment.performer].add("validation" if segment.subject == "S5" else segment.part)
    return found


def test_in_the_whole_database_nobody_is_on_two_sides_and_every_role_has_all_three():
    used = {name: trial for name, trial in TRIALS.items() if trial.role != "none"}
    split = cmu_split.assign(dict.fromkeys(used, 400), used)
    for pair in cmu_split.TOGETHER:
        assert len({(split.side.get(p), split.subject.get(p)) for p in pair if p in split.side}) <= 1
    parts = defaultdict(lambda: defaultdict(int))
    for trial in used.values():
        parts[trial.role, trial.category][split.side[trial.performer]] += 1
    test = sum(of["test"] for of in parts.values()) / len(used)
    assert 0.15 < test < 0.30 and 0.05 < sum(of["validation"] for of in parts.values()) / len(used) < 0.15
    for kind, of in parts.items():
        performers = {trial.performer for trial in used.values() if (trial.role, trial.category) == kind}
        assert of["train"] + of["validation"] > 0, f"{kind} cannot be learnt"
        assert of["test"] > 0 or len(performers) < 3 or kind[1] == "shot", f"{kind} is not tested"
    assert set(split.subject.values()) == {"S1", "S5", "S6", "S7", "S8", "S9", "S11"}
    assert cmu_split.assign(dict.fromkeys(reversed(used), 400), used) == split


def test_a_role_with_nothing_is_named():
    walk = [Segment(f"0{i}_01", 0, 100, "human36m", "walking", s, p, f"0{i}", "walk")
            for i, (s, p) in enumerate([("S1", "train"), ("S5", "train"), ("S9", "test")])]  # fmt: skip
    with pytest.raises(ValueError, match=r"role 'penn' has no take for train: found categories none, expected three"):
        cmu_split.check(walk)
    with pytest.raises(ValueError, match=r"role 'human36m' has no take for validation: found categories walking"):
        cmu_split.check([walk[0], walk[2]])
    penn = [Segment(s.take, 0, 100, "penn", "jump", s.subject, s.part, s.performer, "jump") for s in walk]
    with pytest.raises(ValueError, match=r"role 'humaneva' has no take for train.*subjects 02, 03, 07 and 135"):
        cmu_split.check(walk + penn)


# The pack.


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """Links to takes of every role and to some that are broken."""
    if CMU is None:
        pytest.skip("CMU's originals are not here: set PHDLIB_DATA to their folder")
    root = tmp_path_factory.mktemp("tree") / "cmu_mocap"
    for take in ("02_01", "02_02", "02_03", "02_04", "02_05", "07_05", "35_01", "131_04"):
        for name in (f"{take[:-3]}/{take[:-3]}.asf", f"{take[:-3]}/{take}.amc"):
            link(root / "subjects" / name, original(f"subjects/{name}"))
    for name in ("bvh/005_05.bvh", "bvh/007_01.bvh", "bvh/007_05.bvh", "bvh/006_15.bvh", "bvh_cgspeed/135_04.bvh"):
        link(root / name, original(name))
    (root / "subjects/07/07_06.amc").write_text(AMC.replace("shank 90", "shank nan"))
    (root / "bvh/005_06.bvh").write_text("HIERARCHY\n")
    (root / "subjects/02/02_99.amc").write_text(AMC)
    return root


def link(path: Path, target: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.symlink_to(target)


@pytest.fixture(scope="module")
def made(tree, tmp_path_factory) -> Iterator[cmu_pack.Pack]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PHDLIB_CACHE", str(tmp_path_factory.mktemp("cache")))
        with pytest.warns(
            UserWarning, match=r"2 takes cannot be read and are left out \(05_06, 07_06\); why: .*left_out"
        ):
            yield cmu_pack.pack(tree)


def test_takes_are_those_of_the_embedded_file_bit_for_bit(made):
    stored, ours = ({take.name: take for take in load_quantised(*path)} for path in ([], [made.motion]))
    assert len(ours) == 12
    for name, take in ours.items():
        assert np.array_equal(take.rotations, stored[name].rotations) and np.array_equal(take.root, stored[name].root)


def test_what_is_left_out_is_listed_with_the_reason(made):
    rows = made.left_out.read_text().splitlines()
    assert rows[0] == "take,why" and len(rows) == 4
    assert rows[1].startswith("02_99,not in the trial list") and "05_06.bvh" in rows[2] and "MOTION" in rows[2]
    assert "07_06.amc" in rows[3] and "channels" in rows[3]


def test_performers_are_on_one_side_and_every_role_is_there(made):
    segments = load_split(made.split)
    own = [segment for segment in segments if segment.role != "humaneva"]
    assert all(len(found) == 1 for found in sides(own).values())
    assert {(s.role, s.part) for s in own} == {(r, p) for r in ("human36m", "penn") for p in ("train", "test")}
    assert {s.role for s in own if s.subject == "S5"} >= {"penn"}
    motions = load_motions(made.motion)
    for segment in segments:
        assert 0 <= segment.start < segment.stop <= len(motions[segment.take])


def test_a_second_call_reads_and_a_stopped_build_goes_on(made, tree, monkeypatch):
    built = []
    real = cmu_pack.build_take

    def counted(path, *args, **options):
        built.append(path.name)
        return real(path, *args, **options)

    monkeypatch.setattr(cmu_pack, "build_take", counted)
    assert cmu_pack.pack(tree) == made and built == []
    cmu_pack._pack.cache_clear()
    made.motion.unlink()
    with pytest.warns(UserWarning, match="2 takes cannot be read"):
        assert cmu_pack.pack(tree) == made
    assert sorted(built) == ["005_06.bvh", "07_06.amc"]  # only what failed is tried again


def test_a_tree_of_which_nothing_can_be_used_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("PHDLIB_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "subjects" / "07"
    folder.mkdir(parents=True)
    (folder / "07.asf").write_text(ASF)
    (folder / "07_05.amc").write_text(AMC[:40])
    with pytest.raises(ValueError, match=r"found 1 takes and none that can be used.*could not be read: .*07_05\.amc"):
        cmu_pack.pack(tmp_path)


def test_the_rate_of_a_take_is_the_lists_not_always_120(tmp_path, monkeypatch, tree):
    seen = {}
    monkeypatch.setattr(cmu_pack, "build_take", lambda path, body, **options: seen.update(options) or 1 / 0)
    monkeypatch.setenv("PHDLIB_CACHE", str(tmp_path))
    trial = Trial("60_01", 60.0, "human36m", "climbing", "")
    with pytest.raises(ZeroDivisionError):
        cmu_pack._take(takes(tree)["07_05"], trial, None)
    assert seen == {"fps": 60.0, "climbs": True}


def test_the_trial_list_is_written_and_read_again_the_same(tmp_path):
    path = cmu_trials.write_trials(list(TRIALS.values()), tmp_path / "list.csv")
    assert load_trials(path) == TRIALS and path.read_bytes() == cmu_trials.DEFAULT.read_bytes()
