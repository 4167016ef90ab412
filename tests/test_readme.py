from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from test_publish import CLAIM, untestable

from phdlib import checks, paths, publish, published, readme

PROVENANCE = publish.Provenance(profile="standard", data="embedded", seeds=(0, 1, 2), seconds=61, revision="abc")
ABOUT = {"paper": "videopose3d", "notebook": "notebooks/videopose3d/02_supervised.py", "provenance": PROVENANCE}


def part(what: str, body: str = "old\n") -> str:
    return f"before\n<!-- generated: {what} -->\n{body}<!-- end -->\nafter\n"


def test_the_readme_shows_what_figures_holds():
    text = readme.README.read_text()
    assert readme.fill(text, paths.FIGURES) == text, "python -m phdlib.readme"


def test_every_claim_has_a_verdict_that_follows_from_its_findings():
    """A claim is missing only where the notebook that judges it is committed without outputs, which then follow."""
    judged = {claim.id for claim in publish.read_claims(paths.FIGURES / "claims.json")}
    missing = {claim.id for claim in published.claims()} - judged
    waiting = {checks.check(id).notebook for id in missing}
    for name in waiting:
        cells = nbformat.read(paths.NOTEBOOKS / f"{name}.ipynb", as_version=4).cells
        assert not any(cell.get("outputs") for cell in cells), name


def test_what_the_readme_links_to_is_there():
    text = readme.README.read_text()
    targets = re.findall(r"\]\((?!https?://|#)([^)]+)\)", text)
    assert targets
    assert [target for target in targets if not (paths.ROOT / target).exists()] == []


def test_no_result_is_typed_by_hand():
    """Outside of the generated parts no number stands beside a unit of the papers' errors."""
    typed = readme._PART.sub("", readme.README.read_text())
    assert re.findall(r"\d[\d.]* ?(?:mm|PCK|MPJPE|%)\b", typed) == []


@pytest.mark.parametrize(
    "what", ["figure videopose3d-figure-4", "table videopose3d-table-2", "contents", "score", "claims"]
)
def test_an_empty_folder_says_so(tmp_path: Path, what):
    filled = readme.fill(part(what), tmp_path)
    assert filled == part(what, "_Not made yet: run `./reproduce.sh`._\n")
    assert readme.fill(filled, tmp_path) == filled


def test_parts_are_filled_from_the_files(figures: Path):
    publish.save_table("videopose3d-table-2", pd.DataFrame({"mm": [2.5]}), title="Velocity", **ABOUT)
    publish.save_claims([CLAIM, untestable()], notebook=ABOUT["notebook"], provenance=PROVENANCE)
    assert "| 2.5 |" in readme.fill(part("table videopose3d-table-2"), figures)
    contents = readme.fill(part("contents"), figures)
    assert "| videopose3d-table-2 | Velocity | [videopose3d/02_supervised](notebooks/videopose3d/" in contents
    assert "| 2 |\n" in contents
    assert "Profile standard, embedded data, 3 seeds, revision abc" in contents
    claims = readme.fill(part("claims"), figures)
    assert "claims: 1 reproduced, 1 not testable here, 99 not judged yet." in claims and "exact" not in claims
    where = "[videopose3d/02_supervised](notebooks/videopose3d/02_supervised.ipynb) |"
    assert f"about 5 mm worse | 6.5 mm (5 to 8) | above 1 mm | {where}" in claims
    assert f"of all compared methods | no rivals here | {where}" in claims
    assert claims.index("**Reproduced**") < claims.index("VP3D-C05") < claims.index("**Not testable here**")


def test_a_run_on_other_data_has_its_line(figures: Path):
    publish.save_claims([CLAIM], notebook=ABOUT["notebook"], provenance=PROVENANCE)
    assert "--data" not in readme.fill(part("score"), figures)
    elsewhere = PROVENANCE.model_copy(update={"data": "cmu"})
    publish.save_claims([untestable()], notebook=ABOUT["notebook"], provenance=elsewhere)
    told = readme.fill(part("score"), figures)
    assert "(`--data cmu`): 1 not testable here, 100 not judged yet; [its own report](figures/cmu/report.html)." in told


def test_an_unknown_part_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="'weather'"):
        readme.fill(part("weather"), tmp_path)
