"""Verification on a small run, every number of which is altered in turn; and on the committed files."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from small_experiment import Fitted
from test_publish import ABOUT, CLAIM, PROVENANCE, TABLE

from phdlib import committed, paths, provenance, publish, readme, reruns, runs, verify

README = "<!-- generated: table videopose3d-table-1 -->\n<!-- end -->\n<!-- generated: claims -->\n<!-- end -->\n"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The output folder of a run with two trainings, a table, a verdict and a README."""
    monkeypatch.setenv("PHDLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PHDLIB_PROFILE", "standard")  # whatever profile the tests are run under
    monkeypatch.setattr(paths, "FIGURES", tmp_path / "figures")
    monkeypatch.setattr(readme, "README", tmp_path / "README.md")
    for name in ("_read", "_seconds"):
        monkeypatch.setattr(provenance, name, {})
    runs.read_or_run(Fitted(seed=1, depth=1).prepared())
    publish.save_table("videopose3d-table-1", TABLE, **ABOUT)
    publish.save_claims([CLAIM], notebook=ABOUT["notebook"], provenance=PROVENANCE)
    (tmp_path / "README.md").write_text(readme.fill(README, paths.FIGURES))
    return paths.FIGURES


def wrong(folder: Path) -> list[str]:
    return [line for agrees, line in committed.checks(folder, "standard", "embedded") if not agrees]


def alter(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_a_run_agrees_with_itself(run):
    assert wrong(run) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("videopose3d-table-1.csv", "55.0", "54.0", "row 1, MPJPE: 54.0; videopose3d-table-1.md has 55.0"),
        ("videopose3d-table-1.csv", "55.0", "54.0", "videopose3d-table-1.csv: sha256 committed"),
        ("videopose3d-table-1.md", "55.0", "54.0", "videopose3d-table-1.md: sha256 committed"),
        ("claims.json", '"effect": 6.5', '"effect": 7.5', "claims.json: VP3D-C05: effect committed 6.5, found 7.5"),
        ("claims.json", " 5.0,", " 5.5,", "claims.json: VP3D-C05: sha256 committed"),
        ("claims.json", " 5.0,", " 5.5,", "is that of no finding"),
        (
            "claims.json",
            'dict": "rep',
            'dict": "not rep',
            "VP3D-C05: verdict committed reproduced, found not reproduced",
        ),
        (
            "claims.json",
            'come": "reproduced',
            'come": "undecided',
            "VP3D-C05: outcome committed reproduced, found undecid",
        ),
        ("claims.json", "VP3D-C05", "VP3D-C06", "claims.json: VP3D-C06 is only in claims.json"),
        ("manifest.json", '"abc"', '"abd"', "videopose3d-table-1: revision abd, its files have abc"),
        ("../README.md", "55.0", "54.0", "README.md: committed and made anew, line"),
        ("../README.md", "VP3D-C05", "VP3D-C04", "README.md: committed and made anew, line"),
        ("provenance.json", '"code": "', '"code": "0', "code committed 0"),
    ],
)
def test_an_altered_number_is_found(run, file, old, new, told):
    alter(run / file, old, new)
    assert [line for line in wrong(run) if told in line]


def test_a_file_that_is_missing_or_that_nobody_wrote_is_found(run):
    (run / "videopose3d-table-1.csv").unlink()
    (run / "phd-table-1.csv").write_text("a\n1\n")
    found = wrong(run)
    assert "videopose3d-table-1.csv: sha256 committed" in found[0] and "found no file" in found[0]
    assert found[1] == "phd-table-1.csv: found, but provenance.json says nothing of it"


def test_trainings_come_out_the_same_to_the_last_bit(run):
    pieces = provenance.read(run / "provenance.json")["pieces"]
    before = os.environ["PHDLIB_CACHE"]
    checks = list(reruns.rerun(sorted(pieces), pieces, {}, jobs=1))
    assert len(checks) == 2 and all(agrees for agrees, _ in checks)
    assert all("equal to the last bit" in line for _, line in checks)
    assert os.environ["PHDLIB_CACHE"] == before


def named(pieces, depth: int) -> str:
    return next(name for name, piece in pieces.items() if piece["configuration"].get("depth", 0) == depth)


def test_what_a_training_begins_with_is_borrowed_and_itself_never(run):
    pieces = provenance.read(run / "provenance.json")["pieces"]
    there, second = reruns.lent(pieces), named(pieces, 1)
    assert list(there) == [named(pieces, 0)] == reruns.begun_with([second], pieces)
    with reruns.temporary_cache([second], pieces, there):
        states = [Fitted(seed=1, depth=depth).prepared().infra.status() for depth in (0, 1)]
    assert states == ["completed", "not submitted"]
    pieces[named(pieces, 0)]["result"]["digest"] = "other"
    assert reruns.lent(pieces) == {}  # not what was recorded


def test_on_the_same_machine_nothing_may_differ_and_on_another_little(run):
    pieces = provenance.read(run / "provenance.json")["pieces"]
    name = named(pieces, 1)
    piece, here = pieces[name], pieces[name]["machine"]
    found = json.loads(json.dumps(piece["result"])) | {"digest": "other"}
    loss = found["losses"]["last"]
    for off, machine, agrees in (
        (1.0, here, False),
        (1.01, here, False),
        (1.01, here | {"cpu": "another"}, True),
        (1.0 + 2 * reruns.TOLERANCE["losses"], here | {"cpu": "another"}, False),
        (1.0 + 2 * reruns.TOLERANCE["losses"], here | {"torch": "1.0"}, False),
        (float("nan"), here | {"python": "3.12.1"}, False),
    ):
        found["losses"]["last"] = off * loss
        (check,) = reruns.compare(name, piece, found, machine)
        assert check[0] is agrees, (off, machine, check)
        assert name in check[1] and "committed" in check[1] and "found" in check[1]
    assert reruns.compare(name, piece | {"result": {"digest": "a"}}, found, {})[0][0] is False


def test_a_sample_fits_its_time_and_comes_again_with_its_seed():
    pieces = {f"piece-{k}": {"needs": []} for k in range(20)} | {"late": {"needs": ["piece-3"]}}
    seconds = dict.fromkeys(pieces, 10.0)
    drawn = [reruns.sample(pieces, seconds, np.random.default_rng(5), None, 60.0) for _ in range(2)]
    assert drawn[0] == drawn[1] and reruns.cost(drawn[0], pieces, seconds) <= 60 and len(drawn[0]) >= 5
    assert drawn[0] != reruns.sample(pieces, seconds, np.random.default_rng(6), None, 60.0)
    assert len(reruns.sample(pieces, seconds, np.random.default_rng(0), 3, 1.0)) == 3
    assert len(reruns.sample(pieces, seconds, np.random.default_rng(0), None, 1.0)) == 1
    assert reruns.cost(["late"], pieces, seconds) == 20 and reruns.cost(["late"], pieces, seconds, ["piece-3"]) == 10


def test_the_exit_status_tells(run, capsys):
    assert verify.main(["1", "--seed", "3", "--jobs", "1"]) == 0
    output = capsys.readouterr().out
    assert "1 of 2 trainings, drawn with --seed 3" in output and "DIFFERS" not in output
    alter(run / "claims.json", '"effect": 6.5', '"effect": 7.5')
    assert verify.main(["0"]) == 1
    assert "DIFFERS  claims.json: VP3D-C05: effect committed 6.5, found 7.5" in capsys.readouterr().out
    assert verify.main(["many"]) == verify.main(["--seed", "-1"]) == verify.main(["--profile", "huge"]) == 2
    (run / "provenance.json").unlink()
    assert verify.main(["0"]) == 2


def test_a_training_that_fails_is_told(run, capsys):
    content = json.loads((run / "provenance.json").read_text())
    for piece in content["pieces"].values():
        piece["configuration"]["depth"] = -1
    (run / "provenance.json").write_text(json.dumps(content))
    assert verify.main(["1", "--jobs", "1"]) == 1
    assert "could not be run" in capsys.readouterr().out


# --- the committed files ----------------------------------------------------------------------------------------------


@pytest.fixture
def copied(whole: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The committed figures and README, to alter."""
    folder = shutil.copytree(paths.FIGURES, tmp_path / "figures")
    shutil.copy(readme.README, tmp_path / "README.md")
    monkeypatch.setattr(paths, "FIGURES", folder)
    monkeypatch.setattr(readme, "README", tmp_path / "README.md")
    return folder


def test_what_is_committed_is_as_it_was_recorded(whole):
    assert (paths.FIGURES / "provenance.json").stat().st_size < 2e6
    assert wrong(paths.FIGURES) == []


@pytest.mark.parametrize(
    "file", ["videopose3d-table-2.csv", "phd-table-2.md", "../README.md", "report.html", "report.md"]
)
def test_a_digit_altered_in_a_committed_file_is_found(copied, file):
    path, text = copied / file, (copied / file).read_text()
    start = {"../README.md": text.find("<!-- generated: claims"), "report.html": text.find('class="num"')}.get(
        file, len(text) // 2
    )
    at = next(k for k in range(start, len(text)) if text[k].isdigit())
    path.write_text(text[:at] + str((int(text[at]) + 1) % 10) + text[at + 1 :])
    assert [line for line in wrong(copied) if path.name in line]


@pytest.mark.parametrize("field", ["effect", "verdict"])
def test_an_altered_committed_verdict_is_found(copied, field):
    path = copied / "claims.json"
    entries = json.loads(path.read_text())
    entry = next(entry for entry in entries if entry["verdict"] == "reproduced")
    entry[field] = {"effect": 1000.0, "verdict": "not reproduced"}[field]
    path.write_text(json.dumps(entries, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    assert [line for line in wrong(copied) if entry["id"] in line and f"{field} committed" in line]


def test_the_tolerance_is_about_what_seeds_differ_by(whole):
    """Of the committed trainings that differ in their seed alone, most lie within it, and not all within a tenth."""
    alike: dict[str, list[dict]] = {}
    for piece in provenance.read(paths.FIGURES / "provenance.json")["pieces"].values():
        what = {key: value for key, value in piece["configuration"].items() if key != "seed"}
        alike.setdefault(f"{piece['class']} {json.dumps(what, sort_keys=True)}", []).append(piece["result"])
    for field, bound in reruns.TOLERANCE.items():
        kinds = [[r[field] for r in results] for results in alike.values() if len(results) > 1 and field in results[0]]
        off = [max(v) / min(v) - 1 for numbers in kinds for v in zip(*(n.values() for n in numbers), strict=True)]
        assert np.quantile(off, 0.8) < bound < 10 * np.quantile(off, 0.8), field
