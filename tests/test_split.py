"""The split keeps its rules, all of them, on the committed file; those of the HumanEva role: test_humaneva_role."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import pytest

from phdlib.data.motion import load_motions
from phdlib.data.split import CLIP, GAP, PARTNERS, load_split, make_split, summary, write_split

SPLIT = load_split()
MOTIONS = load_motions()
HUMAN36M = [segment for segment in SPLIT if segment.role == "human36m"]
PENN = [segment for segment in SPLIT if segment.role == "penn"]
OWN = HUMAN36M + PENN  # the HumanEva role is a data set of its own and uses some of their takes again
CATEGORIES = [
    *("walking", "uneven walking", "jumping", "climbing", "sitting", "swinging", "punching", "bending", "swordplay"),
    *("washing", "balancing", "modern dance", "salsa", "indian dance", "basketball"),
]


def test_the_committed_file_follows_from_the_rules():
    assert make_split(MOTIONS) == SPLIT


def test_segments_lie_within_their_takes_and_say_what_the_takes_say():
    for segment in SPLIT:
        motion = MOTIONS[segment.take]
        assert 0 <= segment.start < segment.stop <= len(motion)
        assert (segment.performer, segment.description) == (motion.performer, motion.description)


def test_every_take_is_used_and_serves_one_role():
    roles = defaultdict(set)
    for segment in OWN:
        roles[segment.take].add((segment.role, segment.action))
    assert set(roles) == set(MOTIONS)
    assert all(len(uses) == 1 for uses in roles.values())


def test_no_frame_is_used_twice_and_none_within_two_seconds_of_the_other_part():
    frames = defaultdict(list)
    for segment in OWN:
        frames[segment.take].append(segment)
    in_both = 0
    for segments in frames.values():
        segments.sort(key=lambda segment: segment.start)
        for a, b in pairwise(segments):
            assert a.stop <= b.start
        for a in segments:
            for b in segments:
                if (a.part, b.part) == ("train", "test"):
                    assert max(b.start - a.stop, a.start - b.stop) >= 100  # 2 s at 50 Hz
        in_both += len({segment.part for segment in segments}) == 2
    assert in_both == 4 and GAP == 100


def test_partners_who_share_a_take_are_on_one_side():
    parts = {segment.take: segment.part for segment in OWN if segment.performer in PARTNERS}
    assert len(parts) == 16
    for take, part in parts.items():
        performer, trial = take.split("_")
        assert parts[f"{PARTNERS[performer]}_{trial}"] == part


def test_training_and_test_have_subjects_of_their_own():
    for segment in OWN:
        subjects = {"train": ("S1", "S5", "S6", "S7", "S8"), "test": ("S9", "S11")}[segment.part]
        assert segment.subject in subjects


def test_a_take_has_one_subject_on_each_side():
    subjects = defaultdict(set)
    for segment in OWN:
        subjects[segment.take, segment.part].add(segment.subject)
    assert all(len(found) == 1 for found in subjects.values())


def test_subjects_take_turns_within_each_category():
    """No subject has two takes more than another of its part; salsa's partners count as one take."""
    for action in CATEGORIES:
        for part, subjects in (("train", 5), ("test", 2)):
            takes = {
                (segment.take.replace("61_", "60_"), segment.subject)
                for segment in HUMAN36M
                if (segment.action, segment.part) == (action, part)
            }
            counts = [sum(subject == found for _, found in takes) for subject in {subject for _, subject in takes}]
            assert len(counts) == min(subjects, len(takes)) and max(counts) - min(counts) <= 1


def test_fifteen_categories_each_with_training_test_and_s1():
    assert list(dict.fromkeys(segment.action for segment in HUMAN36M)) == CATEGORIES
    for action in CATEGORIES:
        own = [segment for segment in HUMAN36M if segment.action == action]
        assert {segment.part for segment in own} == {"train", "test"}
        assert any(segment.subject == "S1" for segment in own)


def test_a_fifth_to_a_quarter_is_test():
    test = sum(len(segment) for segment in HUMAN36M if segment.part == "test")
    assert 0.20 <= test / sum(len(segment) for segment in HUMAN36M) <= 0.25
    for row in summary(HUMAN36M).itertuples():
        assert 0.15 <= row._5 <= 0.32, row.action


def test_where_several_perform_one_who_is_new_is_tested():
    table = summary(OWN).set_index("action")
    for action in ("walking", "jumping", "punching"):
        assert table.loc[action, "new here"] == "all"
    assert table.loc["jumping", "new anywhere"] == "all"
    # All other categories have one performer, or two who dance together.
    several = {segment.action for segment in HUMAN36M if segment.performer not in _performers(segment.action)[:1]}
    assert several == {"walking", "jumping", "punching", "salsa"}


def _performers(action: str) -> list[str]:
    return [segment.performer for segment in HUMAN36M if segment.action == action]


def test_penn_clips_are_short_and_fill_their_stretch():
    for segment in PENN:
        length = len(segment)
        assert length <= CLIP[1]
        # Runs are over in less than a clip should last: they are kept whole.
        assert length >= CLIP[0] or (
            segment.action == "run" and (segment.start, segment.stop) == (0, len(MOTIONS[segment.take]))
        )
    for action in {segment.action for segment in PENN}:
        assert {segment.part for segment in PENN if segment.action == action} == {"train", "test"}


def test_the_summary_counts_what_is_there():
    table = summary(SPLIT)
    assert table[["train frames", "test frames"]].to_numpy().sum() == sum(len(segment) for segment in SPLIT)
    assert table["clips"].sum() == len(SPLIT)


def test_written_and_read_again_it_is_the_same(tmp_path):
    assert load_split(write_split(SPLIT, tmp_path / "split.csv")) == SPLIT


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("take,start", "takes,start", r"found columns takes,start.*expected take,start"),
        ("02_01,0,143,human36m", "02_01,0,x,human36m", r"row 2: found '02_01,0,x"),
        ("02_01,0,143,human36m", "02_01,143,143,human36m", r"row 2: .*expected start < stop"),
        ("02_01,0,143,human36m,walking,S1,train", "02_01,0,143,human36m,walking,S1,val", r"row 2: .*train or test"),
        ("02_01,0,143,human36m,", "02_01,0,143,", r"row 2: found"),
    ],
)
def test_errors_name_file_and_row(tmp_path, old, new, message):
    path = write_split(SPLIT, tmp_path / "split.csv")
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    with pytest.raises(ValueError, match=rf"split\.csv.*{message}"):
        load_split(path)
