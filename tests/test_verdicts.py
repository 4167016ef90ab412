from pathlib import Path

import pytest

from phdlib import publish
from phdlib.statistics import Effect
from phdlib.verdicts import Verdicts


def test_claims_are_shown_and_saved_as_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "output_dir", lambda profile, data: tmp_path)
    claims = Verdicts()
    claims.judge("VP3D-C05", "More than 1 mm.", Effect(2.0, 1.5, 2.5), "mm", "5.0", holds=True)
    claims.judge("VP3D-C35", "Nothing else is read.", 1.0, "", "asserted", holds=False)
    claims.not_testable("VP3D-C30", "Human3.6M only.", "below")
    provenance = publish.Provenance(profile="smoke", data="embedded", seeds=(0,), seconds=1.0)
    claims.save(notebook="notebooks/videopose3d/02_supervised.ipynb", provenance=provenance)
    saved = {entry["id"]: entry for entry in publish.read_entries(tmp_path / "claims.json")}
    assert {id: entry["verdict"] for id, entry in saved.items()} == {
        "VP3D-C05": "reproduced", "VP3D-C35": "not reproduced", "VP3D-C30": "not testable here",
    }  # fmt: skip
    assert saved["VP3D-C05"]["interval"] == [1.5, 2.5] and saved["VP3D-C35"]["interval"] is None
    shown = claims.table()
    assert shown.loc["VP3D-C05", "interval"] == "1.50 to 2.50" and shown.loc["VP3D-C30", "effect"] == ""
