from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from small_experiment import Drawn
from test_publish import ABOUT, CLAIM, PROVENANCE, TABLE

from phdlib import paths, provenance, publish, runs
from phdlib.experiments import LiftingExperiment
from phdlib.feature_experiments import KeypointFeatureExperiment
from phdlib.notebook import read_source
from phdlib.phd_experiments import EncoderExperiment, HeadExperiment
from phdlib.phd_training import StageRecipe


@pytest.fixture
def nothing_read(tmp_path, monkeypatch):
    """A process that has read no experiment yet, and an empty cache."""
    monkeypatch.setenv("PHDLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(provenance, "_read", {})
    monkeypatch.setattr(provenance, "_seconds", {})


@dataclass(frozen=True)
class Result:
    losses: list[float]
    seconds: float
    clips: pd.DataFrame
    weights: dict[str, np.ndarray]


RESULT = Result([2.0, 1.23456789], 3.0, pd.DataFrame({"take": ["a"], "x": [1.5]}), {"w": np.arange(3.0)})


def test_a_digest_sees_every_number_but_the_seconds():
    same = provenance.digest(RESULT)
    assert provenance.digest(replace(RESULT, seconds=9.0)) == same
    others = [
        replace(RESULT, losses=[2.0, 1.2345679]),
        replace(RESULT, clips=RESULT.clips.assign(x=1.5000001)),
        replace(RESULT, clips=RESULT.clips.assign(take="b")),
        replace(RESULT, weights={"w": np.arange(3.0, dtype=np.float32)}),
        replace(RESULT, weights={"v": np.arange(3.0)}),
        replace(RESULT, weights={"w": np.arange(3.0).reshape(1, 3)}),
    ]
    assert len({same, *map(provenance.digest, others)}) == 1 + len(others)
    assert provenance.digest({"a": 1, "b": 2}) == provenance.digest({"b": 2, "a": 1})
    assert provenance.digest(torch.arange(3)) != provenance.digest(torch.arange(4))
    with pytest.raises(TypeError, match="no digest of set"):
        provenance.digest({"a": {1}})


def test_a_table_says_what_was_read_before_it_was_saved(figures, nothing_read):
    publish.save_table("videopose3d-table-1", TABLE, **ABOUT)
    (piece,) = [Drawn(seed=3, depth=1).prepared()]
    Drawn().load()
    result = runs.read_or_run(piece)
    publish.save_table("videopose3d-table-2", TABLE, part="a", **ABOUT)
    content = json.loads((figures / "provenance.json").read_text())
    assert content["files"]["videopose3d-table-1.csv"]["pieces"] == []
    entry, name = content["files"]["videopose3d-table-2-a.csv"], provenance.name_of(piece)
    assert name in entry["pieces"] and set(entry["pieces"]) == set(content["pieces"])
    assert entry["sha256"] == provenance.of_file(figures / "videopose3d-table-2-a.csv")
    assert {key: entry[key] for key in ("id", "notebook", "cell", "profile", "data", "seeds", "revision")} == {
        "id": "videopose3d-table-2", "notebook": "notebooks/videopose3d/02_supervised.ipynb", "cell": "",
        "profile": "standard", "data": "embedded", "seeds": [0, 1], "revision": "abc",
    }  # fmt: skip
    read = content["pieces"][name]
    assert read["configuration"] == {"seed": 3, "depth": 1}
    assert read["result"]["digest"] == provenance.digest(result)
    assert read["machine"] == {**provenance.machine(), "threads": 1}
    assert content["environment"]["split"] in content["environment"]["data"]
    assert content["environment"]["libraries"]["torch"] == torch.__version__


def test_what_is_in_the_cache_already_says_the_same(figures, nothing_read, monkeypatch):
    Drawn().load()
    pages = []
    for _ in range(2):
        monkeypatch.setattr(provenance, "_read", {})
        runs.read_or_run(Drawn(seed=1).prepared())
        publish.save_table("videopose3d-table-1", TABLE, **ABOUT)
        publish.save_claims([CLAIM], notebook=ABOUT["notebook"], provenance=PROVENANCE)
        pages.append((figures / "provenance.json").read_bytes())
    assert pages[0] == pages[1]
    assert str(paths.ROOT) not in pages[0].decode() and str(paths.cache_dir()) not in pages[0].decode()


def test_pieces_and_files_that_are_no_more_are_dropped(figures, nothing_read, monkeypatch):
    Drawn().load()
    runs.read_or_run(Drawn(seed=1).prepared())
    publish.save_table("videopose3d-table-1", TABLE, **ABOUT)
    monkeypatch.setattr(provenance, "_read", {})
    (figures / "videopose3d-table-1.md").unlink()
    publish.save_table("videopose3d-table-2", TABLE, **ABOUT)
    content = provenance.read(figures / "provenance.json")
    assert set(content["files"]) == {"videopose3d-table-1.csv", "videopose3d-table-2.csv", "videopose3d-table-2.md"}
    assert len(content["pieces"]) == 1
    publish.save_table("videopose3d-table-1", TABLE, **ABOUT)
    assert provenance.read(figures / "provenance.json")["pieces"] == {}


def test_seconds_stand_in_a_file_of_their_own(figures, nothing_read):
    publish.save_table("videopose3d-table-1", TABLE, **ABOUT)
    publish.save_claims([CLAIM], notebook=ABOUT["notebook"], provenance=PROVENANCE)
    assert provenance.read(figures / "timings.json")["outputs"] == {"VP3D-C05": 2.5, "videopose3d-table-1": 2.5}
    for name in ("manifest.json", "claims.json", "provenance.json"):
        assert "seconds" not in (figures / name).read_text()


def test_a_configuration_makes_the_same_experiment_again():
    experiments = [
        LiftingExperiment(seed=2, filter_widths=(3, 3), channels=32, keypoints="gt"),
        EncoderExperiment(lifter=KeypointFeatureExperiment(channels=16), head=StageRecipe(epochs=1), groups=8),
    ]
    for experiment in map(lambda e: e.prepared(), experiments):
        found = type(experiment)(**provenance.configuration(experiment)).prepared()
        assert found.infra.uid() == experiment.infra.uid()
        assert "key" not in json.dumps(provenance.configuration(experiment)).replace("keypoints", "")


def test_what_a_stage_begins_with_is_named():
    encoder = EncoderExperiment(lifter=KeypointFeatureExperiment(channels=16), head=StageRecipe(epochs=1)).prepared()
    assert [type(needed) for needed in provenance.needs(encoder)] == [HeadExperiment, KeypointFeatureExperiment]
    assert provenance.needs(LiftingExperiment()) == []


def test_the_cell_that_is_being_run_is_found_by_its_source(figures, nothing_read, monkeypatch):
    """As in a kernel, whose history ends with the cell at work."""
    name = "notebooks/videopose3d/02_supervised.ipynb"
    cells = [c for c in read_source((paths.ROOT / name).with_suffix(".py")).cells if c.cell_type == "code"]
    (saving,) = [c for c in cells if '"videopose3d-figure-4", fig' in c.source and "save_figure" in c.source]
    shell = SimpleNamespace(history_manager=SimpleNamespace(input_hist_raw=["", "import numpy", f"{saving.source}\n"]))
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert provenance.running_cell(paths.ROOT / name) == saving["id"]
    publish.save_table("videopose3d-table-1", TABLE, **ABOUT)
    assert provenance.read(figures / "provenance.json")["files"]["videopose3d-table-1.md"]["cell"] == saving["id"]
    shell.history_manager.input_hist_raw.append("1 + 1")
    assert provenance.running_cell(paths.ROOT / name) == ""


@pytest.mark.parametrize("text", ["{", "[]", '"a"'])
def test_a_broken_file_is_named_and_left_alone(figures, text):
    figures.mkdir()
    (figures / "provenance.json").write_text(text)
    with pytest.raises(ValueError, match=r"provenance\.json: expected a JSON object"):
        publish.save_table("videopose3d-table-1", TABLE, **ABOUT)
    assert (figures / "provenance.json").read_text() == text
