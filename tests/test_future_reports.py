"""Tables as printed: our means, their intervals and the published numbers in their places."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from future_rows import as_published, rows
from synthetic import clip

from phdlib import future_reports, published
from phdlib.data.phd_role import CONDITIONING, evaluation_windows
from phdlib.future_evidence import LATENT, METHODS
from phdlib.future_reports import (
    HERE,
    INTERVAL,
    PAPER,
    actions,
    beside_published,
    crop_size,
    leads,
    pck_by_scale,
    readings,
)
from phdlib.future_tables import intervals
from phdlib.futures import HORIZONS, describe, person_size, window_frames
from phdlib.phd_study import Truth

COLUMNS = [f"{metric} {h}" for metric in ("mm", "PCK") for h in HORIZONS]


def spread(roles: dict, reading: str, names) -> dict:
    return {role: intervals({n: of[n] for n in names if n in of}, reading, draws=30) for role, of in roles.items()}


def test_ours_beside_the_published_numbers() -> None:
    roles, names = as_published(), METHODS[:2]
    table = beside_published(roles, "mean_dtw", "phd-table-2", names, spread(roles, "mean_dtw", names))
    assert table.columns.tolist() == COLUMNS
    assert table.index.tolist() == [(name, line) for name in names for line in (HERE, INTERVAL, PAPER)]
    ours, theirs = (table.loc[(LATENT, line)].astype(float) for line in (HERE, PAPER))
    assert theirs.tolist() == published.table("phd-table-2").iloc[0].tolist()
    assert np.allclose(ours, theirs, atol=0.1)
    low, high = map(float, table.loc[(LATENT, INTERVAL), "mm 30"].split(" - "))
    assert low < ours["mm 30"] < high and high - low < 1


def test_table_3_has_one_horizon_and_a_dash() -> None:
    roles, names = as_published(), [LATENT, "Chao et al. [11]", "Kanazawa et al. [27]"]
    table = beside_published(roles, "frame", "phd-table-3", names, spread(roles, "frame", names))
    assert table.columns.tolist() == ["mm 5", "PCK 5"]
    assert table.loc[("Kanazawa et al. [27]", PAPER)].tolist() == ["65.3", "67.8"]
    assert table.loc[("Chao et al. [11]", HERE)].isna().tolist() == [True, False]


def test_readings_with_the_papers_running_mean() -> None:
    table = readings(as_published(), METHODS, {"frame": "frame", "mean": "running mean", "mean_dtw": "DTW"})
    assert table.columns.tolist() == COLUMNS and len(table) == 4 * len(METHODS)
    estimated = table.loc[("Constant", "published, estimated")].astype(float)
    assert np.allclose(estimated, published.table("phd-table-2").loc["Constant (no motion)"], atol=0.3)


def test_what_averaging_and_warping_gain() -> None:
    roles = as_published()
    for table in roles["penn"][LATENT]:
        table["mean"] = table["mean_dtw"] - 7.0
    table = future_reports.steps(roles, METHODS)
    assert table.loc["Constant"].tolist() == pytest.approx([0, 12.4, 0, 17.0], abs=0.2)  # `mean` is `frame` there
    assert table.loc[LATENT].tolist() == pytest.approx([0, 16.0, 10.1, 7.0], abs=0.2)
    mm, pck = future_reports.published_steps(LATENT)
    assert mm.startswith("* mm: from 81.1 to 65.1, **14.2 by averaging, 1.8 by DTW**") and "7.0 by DTW" in pck


def test_actions_of_ours_then_of_the_paper() -> None:
    one = rows(dict.fromkeys(HORIZONS, 50.0), dict.fromkeys(HORIZONS, 40.0))
    tables = [one.assign(action=np.where(one["take"] == "t0@0", "sit", "walk"))] * 2
    table = actions(tables, "mean_dtw", "phd-table-5", draws=30)
    assert table.index[:4].tolist() == ["sit", "walk", "All, mean of windows", "All, mean of actions"]
    assert table["windows"].tolist()[:3] == [4, 16, 20] and table["takes"].tolist()[:3] == [1, 4, 5]
    assert "(" not in table.loc["sit", "30"] and table.loc["walk", "30"].startswith("40.")
    assert "(" in table.loc["walk", "30"]
    assert table.loc["published: Baseball Pitch", "30"] == "72.1" and len(table) == 4 + 15


def test_crop_size_is_that_of_a_diagonal_of_150_pixels() -> None:
    points = torch.tensor([[0.0, 0], [90, 120], [500, 500]])
    shown = torch.tensor([True, True, False])
    assert crop_size(points, shown).item() == pytest.approx(224)
    assert crop_size(points, torch.zeros(3)).item() == 0
    ratio = (crop_size(points, shown) / person_size(points, shown)).item()
    assert 1.49 < ratio < 2.12


def test_the_wider_scale_finds_more_keypoints() -> None:
    clips = [replace(clip(60, seed), joints3d=None) for seed in range(2)]
    windows = evaluation_windows(clips, 5)
    parts = [window_frames(clips, windows, name) for name in ("keypoints2d", "visible")]
    known = Truth(clips, windows, describe(clips, windows), None, *parts)
    size = person_size(known.keypoints, known.visible)[:, CONDITIONING:, None, None]
    noise = 0.03 * size * torch.randn(len(windows), 30, 17, 2, generator=torch.Generator().manual_seed(0))
    joints = torch.nn.functional.pad(known.keypoints[:, CONDITIONING:] + noise, (0, 1))
    table = pck_by_scale({"near": joints}, known)
    ours, theirs = table.to_numpy()
    assert (theirs > ours + 5).all() and (ours > 50).all() and (theirs < 100.1).all()


def test_column_names() -> None:
    assert [future_reports.column(key) for key in ("h36m_1", "penn_30")] == ["mm 1", "PCK 30"]


def test_orders_put_the_best_first_in_either_metric() -> None:
    def rows(value: float) -> list[pd.DataFrame]:
        return [pd.DataFrame({"action": "a", "take": "t", "window": 0, "horizon": [30], "frame": [value]})]

    roles = {
        "h36m": {"AR on Φ": rows(90.0), "Constant": rows(80.0)},
        "penn": {"AR on Φ": rows(9.0), "Constant": rows(8.0)},
    }
    mm, pck = future_reports.orders(roles, ["AR on Φ", "Constant"], {"phd-table-8": ("frame", "")})
    assert mm == "* phd-table-8, mm at 30: here Constant 80.0, AR on Φ 90.0; published AR on Φ 81.1, Constant 102.8."
    assert pck == "* phd-table-8, PCK at 30: here AR on Φ 9.0, Constant 8.0; published AR on Φ 60.1, Constant 32.7."


def test_a_lead_is_told_over_windows_and_over_actions() -> None:
    roles = {"h36m": as_published()["h36m"]}
    table = leads(roles, "AR on Φ", "Constant")
    assert list(table.columns) == ["mean over windows", "mean over actions"]
    assert table.index.tolist() == ["Table 2, Human3.6M role, mm", "Table 8, Human3.6M role, mm"]
    assert table.loc["Table 8, Human3.6M role, mm", "mean over windows"].startswith("+21.7 (")  # 102.8 - 81.1
