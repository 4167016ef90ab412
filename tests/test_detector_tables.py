from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from synthetic import clip

from phdlib import detector_tables, published
from phdlib.data.humaneva_role import CELLS
from phdlib.detector_tables import CELL, WITH_CORRUPT, SmallData
from phdlib.small_data import CELL_NAMES, by_cell


def rows(error: float) -> pd.DataFrame:
    about = {"take": ["a@0", "b@0"], "camera": "front", "subject": "S9", "action": ["walk", "jump"], "frames": 10}
    return pd.DataFrame(about | {"mpjpe": [error - 1, error + 1], "p_mpjpe": [error - 11, error - 9]})


def test_a_level_stands_beside_its_row_and_the_yardstick_below():
    results = {level: [SimpleNamespace(clips=rows(e)), SimpleNamespace(clips=rows(e + 1))]
               for level, e in (("gt", 44.0), ("coarse", 66.0))}  # fmt: skip
    table = detector_tables.table_3(results, {"gt": 0.0, "coarse": 10.7}, rows(200.0))
    assert table["P1"].tolist() == pytest.approx([44.5, 66.5, 200])
    assert table["P2"].tolist() == pytest.approx([34.5, 56.5, 190])
    assert table.loc["coarse", "P1 ± seeds"] == pytest.approx(0.5)
    printed = published.table("videopose3d-table-3").loc["Ours (SH PT from [34])", "P1"]
    assert table.loc["coarse", "P1, Human3.6M, published"] == printed
    assert table.loc[detector_tables.NOTHING_SEEN].drop(["P1", "P2"]).isna().all()


def cells(error: float) -> pd.DataFrame:
    """One take of each cell, 10 frames long."""
    about = [{"action": a, "subject": s, "take": f"{a}{s}@0", "camera": "C1"} for a, of in CELLS.items() for s in of]
    return pd.DataFrame(about).assign(frames=10, p_mpjpe=error)


def corrupt(error: float) -> pd.DataFrame:
    action, subject = CELL.split()
    about = {"action": action, "subject": subject, "take": "x@0#corrupt", "camera": "C1", "frames": 30}
    return pd.DataFrame([about | {"p_mpjpe": error}])


def test_walk_of_s3_with_the_corrupt_video_is_a_row_of_its_own():
    found = SmallData(
        {name: [by_cell(cells(e)), by_cell(cells(e + 2))] for name, e in (("SA", 40.0), ("MA", 38.0))},
        {name: [by_cell(corrupt(e))] * 2 for name, e in (("SA", 120.0), ("MA", 100.0))},
        by_cell(cells(110.0)),
        by_cell(corrupt(150.0)),
    )
    table = detector_tables.table_4(found)
    assert table.index.tolist() == [*CELL_NAMES, WITH_CORRUPT]
    assert table.loc[CELL, ["SA", "MA", "SA ± seeds"]].tolist() == pytest.approx([41, 39, 1])
    # 10 frames of the sound take and 30 of the corrupt one
    assert table.loc[WITH_CORRUPT, "SA"] == pytest.approx((10 * 41 + 30 * 120) / 40)
    assert table.loc[WITH_CORRUPT, "one pose"] == pytest.approx((10 * 110 + 30 * 150) / 40)
    assert pd.isna(table.loc[CELL, "stands beside"]) and table.loc[WITH_CORRUPT, "stands beside"] == "Walk S3"
    printed = published.table("videopose3d-table-4").loc["Ours (MA)", "Walk_S3"]
    assert table.loc[WITH_CORRUPT, "MA, HumanEva-I, published"] == printed


def test_errors_along_a_take_begin_where_its_clips_do(monkeypatch: pytest.MonkeyPatch):
    taken = [("07_05@50#0", 0), ("07_05@50#0", 1), ("07_11@0", 0)]
    clips = [clip(6, seed) for seed in range(3)]
    cameras = {i: replace(clips[0].camera, name=f"C{i}") for i in (0, 1)}
    clips = [replace(c, take=take, camera=cameras[i]) for c, (take, i) in zip(clips, taken, strict=True)]
    monkeypatch.setattr(detector_tables, "predict_clip", lambda model, one: one.joints3d)
    ((seconds, errors),) = detector_tables.along(None, clips, "07_05", "C0")
    assert seconds == pytest.approx(1.0 + np.arange(6) / 50)
    assert errors == pytest.approx(np.zeros(6), abs=1e-2)
