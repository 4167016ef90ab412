import json
import re

import pytest
from pydantic import ValidationError

from phdlib import beyond, paths, publish
from phdlib.beyond import measured
from phdlib.notebook import sources
from phdlib.statistics import Effect, outcome, typical_difference

PROVENANCE = publish.Provenance(profile="standard", data="embedded", seeds=(0, 1), seconds=1.0, revision="abc")
ABOUT = {"notebook": "notebooks/phd/03_causal_encoder.py", "provenance": PROVENANCE}
BETTER, WORSE, UNSURE = Effect(3.14, 1.04, 5.2), Effect(-3.14, -5.2, -1.04), Effect(0.3, -0.12, 0.7)
GAIN = measured("causal against non-causal", BETTER, "mm")


def save(id="beyond-leak", evidence=None, text="It is {gain:better|worse}.", limits="All the rest.", **about):
    return beyond.save(id, "the leak", text, evidence or {"gain": GAIN}, limits, **(ABOUT | about))


@pytest.mark.parametrize(
    ("effect", "words"),
    [
        (BETTER, "better by 3.1 mm (1.0 to 5.2)"),
        (WORSE, "worse by 3.1 mm (1.0 to 5.2)"),
        (UNSURE, "neither better nor worse for sure (0.30 mm, -0.12 to 0.70)"),
        (Effect(1.0, 0.0, 2.0), "neither better nor worse for sure (1.0 mm, 0.0 to 2.0)"),
        (1.25, "better by 1.2 mm"),
        (-12, "worse by 12.0 mm"),
        (0, "neither better nor worse"),
    ],
)
def test_words_follow_the_interval(effect, words):
    assert f"{measured('x', effect, 'mm'):better|worse}" == words


def test_other_words_and_the_number_itself():
    assert f"{measured('x', WORSE, 'points'):larger|smaller}" == "smaller by 3.1 points (1.0 to 5.2)"
    assert f"{measured('speed', Effect(24.1, 20.0, 28.31), '% of the true')}" == "24.1 % of the true (20.0 to 28.3)"
    assert f"{measured('factor', 2.5)}" == "2.5" and f"{measured('strict', 0.0, '%')}" == "0 %"
    assert f"{measured('leak', Effect(-0.0001, -0.0404, 0.051), '%')}" == "0.000 % (-0.040 to 0.051)"
    assert outcome(BETTER, "") == "better by 3.1 (1.0 to 5.2)"
    assert Effect(-3.14, -5.2, -1.04) == -BETTER
    with pytest.raises(ValueError, match=r"x: expected words such as better\|worse, found 'better'"):
        f"{measured('x', BETTER):better}"


def test_another_run_cannot_contradict_its_sentence(figures):
    told = {name: save(evidence={"gain": measured("x", effect, "mm")}).text for name, effect in
            {"up": BETTER, "down": WORSE, "none": UNSURE}.items()}  # fmt: skip
    assert told["up"] == "It is better by 3.1 mm (1.0 to 5.2)."
    assert told["down"] == "It is worse by 3.1 mm (1.0 to 5.2)."
    assert told["none"].startswith("It is neither better nor worse for sure")


def test_a_record_is_written_and_the_newer_one_stands(figures):
    save("beyond-subset")
    save("beyond-leak", evidence={"gain": GAIN, "off": measured("off", 0.3, "mm")})
    save("beyond-subset", evidence={"gain": measured("again", WORSE, "mm")})
    entries = json.loads((figures / "beyond.json").read_text())
    assert [entry["id"] for entry in entries] == ["beyond-leak", "beyond-subset"]
    assert entries == beyond.read("standard", "embedded")
    first = entries[0]
    assert set(first) == {"id", "title", "text", "evidence", "limits", "notebook", "files", "provenance"}
    assert first["evidence"] == [
        {"what": "causal against non-causal", "effect": 3.14, "interval": [1.04, 5.2], "unit": "mm"},
        {"what": "off", "effect": 0.3, "interval": None, "unit": "mm"},
    ]
    assert first["notebook"] == "notebooks/phd/03_causal_encoder.ipynb" and first["provenance"]["seeds"] == [0, 1]
    assert entries[1]["evidence"][0]["what"] == "again"
    assert beyond.read("smoke", "embedded") == []


def test_the_page_shows_evidence_and_limits(figures):
    page = save(evidence={"gain": GAIN, "off": measured("off", 0.3, "mm")}).page()
    assert "**Beyond the paper: the leak.** It is better by 3.1 mm" in page
    assert "| causal against non-causal | 3.1 | 1.0 to 5.2 | mm |" in page and "| off | 0.30 |  | mm |" in page
    assert page.endswith("*What this does not show:* All the rest.")


def test_a_single_seed_says_so(figures):
    one = PROVENANCE.model_copy(update={"seeds": (0,)})
    assert save(provenance=one).limits == "One seed only. All the rest."
    assert save().limits == "All the rest."


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"id": "leak"}, "id"),
        ({"id": "beyond-Leak"}, "id"),
        ({"text": "It is better."}, "has no field"),
        ({"text": "It is {loss:better|worse}."}, "text names loss; its evidence is gain"),
        ({"limits": ""}, "limits"),
        ({"files": ["phd-table-1.md"]}, r"file phd-table-1\.md is not in"),
        ({"notebook": "/tmp/a.ipynb"}, "expected a path from the repository's root"),
    ],
)
def test_a_finding_without_sound_parts_is_refused(figures, wrong, message):
    with pytest.raises(ValueError, match=message):
        save(**wrong)
    assert not (figures / "beyond.json").exists()


@pytest.mark.parametrize("effect", [float("nan"), Effect(1.0, 2.0, 0.5), Effect(1.0, float("nan"), 2.0)])
def test_evidence_has_to_be_a_number_with_a_sound_interval(effect):
    with pytest.raises(ValidationError):
        measured("x", effect)


def test_files_that_are_there_are_kept(figures):
    figures.mkdir()
    (figures / "phd-table-1.md").write_text("")
    assert save(files=["phd-table-1.md"]).files == ("phd-table-1.md",)


def test_no_two_notebooks_write_one_finding():
    ids = [
        id for source in sources(paths.NOTEBOOKS)
        for id in re.findall(r'beyond\.save\(\s*"([^"]*)"', source.read_text(encoding="utf-8"))
    ]  # fmt: skip
    assert len(ids) >= 8 and len(ids) == len(set(ids)), ids


def test_typical_difference_is_the_mean_over_pairs():
    assert typical_difference([1.0, 2.0, 4.0]) == pytest.approx((1 + 2 + 3) / 3)
    assert typical_difference([5.0]) == 0
