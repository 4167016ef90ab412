from __future__ import annotations

import math
from pathlib import Path

import pytest

from phdlib import checks, publish
from phdlib.findings import Judgement
from phdlib.statistics import Effect
from phdlib.verdicts import Verdicts

NOTEBOOK = "notebooks/videopose3d/07_semi_supervised.ipynb"
PROVENANCE = publish.Provenance(profile="smoke", data="embedded", seeds=(0,), seconds=1.0)


@pytest.fixture
def verdicts() -> Verdicts:
    return Verdicts(NOTEBOOK, "embedded")


def test_claims_are_shown_and_saved_as_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verdicts) -> None:
    monkeypatch.setattr(publish, "output_dir", lambda profile, data: tmp_path)
    verdicts.judge("VP3D-C33", {"gain": Effect(3.0, 2.5, 3.5)}, note="with patience more")
    verdicts.judge("VP3D-C32", {"gain": Effect(2.0, 1.5, 2.5)})
    verdicts.judge("VP3D-C34", {"loss": Effect(-2.0, -3.0, -1.0)})
    verdicts.judge("VP3D-C56", {"gain": Effect(math.nan, math.nan, math.nan)})
    verdicts.not_testable("VP3D-C30", note="See there.")
    verdicts.not_testable("VP3D-C31", because="subset")
    verdicts.save(PROVENANCE)
    saved = {entry["id"]: entry for entry in publish.read_entries(tmp_path / "claims.json")}
    assert {id[-3:]: (entry["verdict"], entry["outcome"]) for id, entry in saved.items()} == {
        "C30": ("not testable here",) * 2, "C31": ("not testable here",) * 2,
        "C32": ("not reproduced", "undecided"), "C33": ("reproduced",) * 2,
        "C34": ("not reproduced", "contradicted"), "C56": ("not reproduced", "undecided"),
    }  # fmt: skip
    first = saved["VP3D-C33"]
    assert first["statement"] == checks.check("VP3D-C33").statement and first["note"] == "with patience more"
    assert (first["effect"], first["interval"], first["unit"]) == (3.0, [2.5, 3.5], "mm")
    what = "MPJPE, supervised less semi-supervised at equal steps (graph c, 1% S1)"
    numbers = {"effect": 3.0, "interval": [2.5, 3.5], "unit": "mm", "above": 2.0, "below": None}
    assert first["findings"] == [{"what": what, **numbers, "holds": True}]
    assert saved["VP3D-C56"]["findings"][0]["effect"] is None and saved["VP3D-C56"]["effect"] is None
    assert saved["VP3D-C30"]["note"].endswith("drawn without numbers. See there.")
    shown = verdicts.table()
    assert shown.loc["VP3D-C33"].tolist()[2:] == [
        f"{what}; with patience more", "3 mm (2.5 to 3.5)", "above 2 mm", "reproduced"
    ]  # fmt: skip
    assert shown.loc["VP3D-C31"].tolist()[2:] == [
        "This profile has no subset of 0.1% of S1.", "", "", "not testable here"
    ]  # fmt: skip
    for claim in publish.read_claims(tmp_path / "claims.json"):
        assert claim.model_dump(mode="json") == saved[claim.id]


def test_several_findings_are_counted(verdicts) -> None:
    failures = Verdicts("notebooks/phd/09_failures.ipynb", "cmu")
    failures.judge("PHD-C29", {"rise": Effect(6, 5.5, 7), "bend": Effect(0.4, 0.1, 0.6)})
    shown = failures.table().loc["PHD-C29"]
    assert shown["compared"] == "slope of the error after frame 25 less that before; 1 of 2 hold"
    assert shown["measured"] == "0.4 mm per frame (0.1 to 0.6)" and shown["outcome"] == "undecided"


def test_what_a_check_does_not_allow_is_refused(verdicts) -> None:
    with pytest.raises(ValueError, match="VP3D-C05: its check names the notebook videopose3d/02_supervised"):
        verdicts.judge("VP3D-C05", {"gain": 1.0})
    with pytest.raises(ValueError, match="VP3D-C32: its check gives no reason"):
        verdicts.not_testable("VP3D-C32")
    with pytest.raises(KeyError, match="VP3D-C31: no reason 'rain'"):
        verdicts.not_testable("VP3D-C31", because="rain")
    verdicts.judge("VP3D-C32", {"gain": 1.0})
    with pytest.raises(ValueError, match="VP3D-C32: judged twice"):
        verdicts.enter(Judgement.of("VP3D-C32", {"gain": 3.0}))
    with pytest.raises(ValueError, match="verdicts on 'embedded', provenance of 'cmu'"):
        verdicts.save(PROVENANCE.model_copy(update={"data": "cmu"}))
