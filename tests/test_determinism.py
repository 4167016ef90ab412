from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest
from small_experiment import Fitted
from test_publish import ABOUT, CLAIM, PROVENANCE, figure

from phdlib import checks, determinism, paths, provenance, publish, published, runs


def judged(id: str, effect: float) -> dict:
    """A claim for which a number speaks that no chance enters into."""
    check = checks.check(id)
    bound = next(iter(check.bounds.values()))
    above = None if math.isinf(bound.above) else bound.above
    measured = {"effect": effect, "unit": bound.unit}
    found = {"what": bound.what, **measured, "above": above, "holds": bound.holds((effect, effect))}
    outcome = checks.outcome([(bound, (effect, effect))])
    return {
        "id": id, "verdict": checks.verdict(outcome), "outcome": outcome, "statement": check.statement,
        "published": check.published, **measured, "findings": [found],
    }  # fmt: skip


def run_once(folder: Path, monkeypatch: pytest.MonkeyPatch, seconds: float = 1.0) -> Path:
    """What a cheap notebook does: from an empty cache train, save a table, a picture and two verdicts."""
    monkeypatch.setenv("PHDLIB_CACHE", str(folder / "cache"))
    monkeypatch.setattr(paths, "FIGURES", folder / "figures")
    monkeypatch.setattr(provenance, "_read", {})
    monkeypatch.setattr(provenance, "_seconds", {})
    fitted = [runs.read_or_run(Fitted(seed=seed, depth=1).prepared()).weights["w"] for seed in (0, 1)]
    about = ABOUT | {"provenance": PROVENANCE.model_copy(update={"seconds": seconds})}
    publish.save_table("videopose3d-table-1", pd.DataFrame(fitted).add_prefix("x"), digits=6, **about)
    publish.save_table("videopose3d-figure-9", pd.DataFrame({"s": [seconds]}), part="b_speed", **about)
    publish.save_figure("videopose3d-figure-4", figure(), **about)
    publish.save_claims([CLAIM], notebook=about["notebook"], provenance=about["provenance"])
    timed, notebook = judged("VP3D-C46", 1 + seconds), "notebooks/videopose3d/05_batching.py"
    publish.save_claims([timed], notebook=notebook, provenance=about["provenance"])
    return folder / "figures"


@pytest.fixture
def two_runs(tmp_path, monkeypatch) -> list[Path]:
    return [run_once(tmp_path / name, monkeypatch, seconds) for name, seconds in (("one", 1.0), ("two", 2.0))]


def test_two_runs_from_empty_caches_differ_in_measured_times_alone(two_runs, capsys):
    one, two = two_runs
    assert (one / "timings.json").read_bytes() != (two / "timings.json").read_bytes()
    assert determinism.differences(one, two) == []
    assert determinism.main([str(one), str(two)]) == 0
    assert "all equal; not compared: timings.json" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("videopose3d-table-1.csv", "x0,", "y0,", "videopose3d-table-1.csv: line 1 is 'x0,"),
        ("claims.json", '"effect": 6.5', '"effect": 6.4', "claims.json: [VP3D-C05].effect is 6.5 and 6.4"),
        ("manifest.json", '"abc"', '"abd"', "manifest.json: [videopose3d-figure-4].revision is 'abc' and 'abd'"),
        ("provenance.json", '"seed": 1', '"seed": 2', "configuration.seed is 1 and 2"),
    ],
)
def test_any_other_difference_is_found_and_placed(two_runs, file, old, new, told):
    path = two_runs[1] / file
    path.write_text(path.read_text().replace(old, new, 1))
    (found,) = determinism.differences(*two_runs)
    assert told in found


def test_pictures_and_missing_files_count_too(two_runs):
    one, two = two_runs
    with (two / "videopose3d-figure-4.png").open("ab") as file:
        file.write(b"x")
    (two / "videopose3d-table-1.md").unlink()
    assert determinism.differences(one, two) == [
        "videopose3d-figure-4.png: other bytes",
        f"videopose3d-table-1.md: only in {one}",
    ]
    assert determinism.main([str(one), str(two)]) == 1


def test_what_is_left_out_is_there():
    """The list names nothing that no run writes: an entry that no longer fits would hide a difference."""
    assert set(determinism.MEASURED_CLAIMS) <= {claim.id for claim in published.claims()}
    sources = "\n".join(path.read_text() for path in paths.NOTEBOOKS.rglob("*.py"))
    assert '"b_speed"' in sources and '"inference_speed"' in sources and '"videopose3d-figure-9"' in sources


def test_wrong_use(tmp_path, capsys):
    assert determinism.main([str(tmp_path)]) == 2
    assert determinism.main([str(tmp_path), str(tmp_path / "nowhere")]) == 2
    assert "usage" in capsys.readouterr().err
