"""Whatever is wrong with a file of motion capture: one clear error, and nothing written that was not asked for."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from broken_mocap import AMC, ASF, BROKEN, BVH, GOOD, INDEX, TRIALS, amc, archive, into_a_folder
from hypothesis import given
from hypothesis import strategies as st

from phdlib.data.bvh import global_transforms, read_bvh
from phdlib.data.cmu import AmcMotion, joint_positions, read_amc, read_asf
from phdlib.data.cmu_trials import load_trials, read_index


@pytest.mark.parametrize("case", BROKEN, ids=str)
def test_a_broken_file_is_one_clear_error(tmp_path: Path, case: str) -> None:
    name, contents, read, message = BROKEN[case]
    path = tmp_path / name
    path.write_bytes(contents)
    with pytest.raises(ValueError, match=rf"{re.escape(name)}.*({message})") as caught:
        read(path)
    text = str(caught.value)
    assert "\n" not in text and len(text) < 600 and ("expected" in text or "truncated" in text or "no field" in text)
    left = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert left <= {name, "good.asf"}, "a broken file must leave nothing behind"
    assert not (tmp_path.parent / "evil.amc").exists() and not Path("/tmp/evil.amc").exists()


def test_the_files_are_broken_by_what_was_done_to_them_and_by_nothing_else(tmp_path: Path) -> None:
    for name, text, read in (("a.asf", ASF, read_asf), ("a.amc", AMC, amc), ("a.bvh", BVH, read_bvh),
                             ("a.csv", TRIALS, load_trials), ("b.csv", INDEX, read_index)):  # fmt: skip
        (tmp_path / name).write_text(text)
        assert read(tmp_path / name)
    (tmp_path / "a.zip").write_bytes(archive(GOOD))
    written = into_a_folder(tmp_path / "a.zip")
    assert [path.relative_to(tmp_path / "tree").as_posix() for path in written] == list(GOOD)
    assert written[1].read_text() == AMC and len(BROKEN) >= 45


def test_a_leg_by_hand(tmp_path: Path) -> None:
    """Bones of 4.5 and 9 units are ten and twenty inches. In frame 2 the hip bends by 90 degrees, which lifts the thigh
    forward, the knee back by 90, and the body has turned about y: forward is +x."""
    (tmp_path / "a.asf").write_text(ASF)
    (tmp_path / "a.amc").write_text(AMC)
    skeleton = read_asf(tmp_path / "a.asf")
    positions = joint_positions(skeleton, read_amc(tmp_path / "a.amc", skeleton))
    inches = [
        [[0, 40, 0], [0, 30, 0], [0, 10, 0]],
        [[0, 40, 20], [10, 40, 20], [10, 20, 20]],
    ]
    np.testing.assert_allclose(positions, 0.0254 * np.array(inches), atol=1e-12)


WORDS = st.sampled_from(["", "nan", "1e999", "-1", "0", "3000000000", "{", "}", ":", "root", "1_0", "٣", "\0", "begin",
                         "end", "(", "XYZ", "Frames:", "JOINT", "0" * 400, ","])  # fmt: skip
LETTERS = st.sampled_from("\t\n\r\x85\u2028 (:{}#\"',-.e9xλ٣\0")


@st.composite
def mutated(draw: st.DrawFn, text: str) -> str:
    """A text, one to three times with a line left out, doubled, swapped or last, or a word put, taken or changed."""
    lines = text.split("\n")
    for _ in range(draw(st.integers(1, 3))):
        i = draw(st.integers(0, len(lines) - 1))
        words = lines[i].split(" ")
        j = draw(st.integers(0, len(words) - 1))
        match draw(st.sampled_from(["out", "twice", "cut", "swap", "put", "take", "change", "letter"])):
            case "out" if len(lines) > 1:
                del lines[i]
            case "twice":
                lines.insert(draw(st.integers(0, len(lines))), lines[i])
            case "cut":
                lines = lines[: i + 1]
            case "swap":
                lines[i], lines[-1 - i] = lines[-1 - i], lines[i]
            case "put":
                lines[i] = " ".join([*words[:j], draw(WORDS), *words[j:]])
            case "take":
                lines[i] = " ".join(words[:j] + words[j + 1 :])
            case "change":
                lines[i] = " ".join([*words[:j], draw(WORDS), *words[j + 1 :]])
            case _:
                place = draw(st.integers(0, len(lines[i])))
                lines[i] = lines[i][:place] + draw(LETTERS) + lines[i][place:]
    return "\n".join(lines)


def posed_asf(path: Path) -> object:
    """The skeleton, and its zero pose: a skeleton that is read must also stand."""
    skeleton = read_asf(path)
    channels = {name: np.zeros((1, count)) for name, count in skeleton.channels.items()}
    return joint_positions(skeleton, AmcMotion(channels, True))


@pytest.mark.parametrize(
    ("name", "text", "read"),
    [
        ("m.asf", ASF, posed_asf),
        ("m.amc", AMC, amc),
        ("m.amc", AMC, read_amc),
        ("m.bvh", BVH, lambda path: global_transforms(read_bvh(path), 0.01)),
        ("m.csv", TRIALS, load_trials),
        ("m.csv", INDEX, read_index),
    ],
    ids=["asf", "amc with its skeleton", "amc alone", "bvh", "trials", "index"],
)
@given(data=st.data())
def test_a_mutated_text_is_read_or_is_a_valueerror_that_names_the_file(
    tmp_path_factory, name, text, read, data
) -> None:
    path = tmp_path_factory.mktemp("mutated") / name
    path.write_text(data.draw(mutated(text)), encoding="utf-8", newline="")
    try:
        read(path)
    except ValueError as error:
        assert name in str(error)
