"""Table 3's rows: the windows and metrics of all other rows, of the one frame that is predicted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from phd_small import BODY
from test_phd_experiments import SMALL, TINY, fields, small_data  # noqa: F401
from test_single_image_experiments import FORECASTER, HALLUCINATOR

from phdlib import future_tables, phd_study
from phdlib import single_image_experiments as se
from phdlib import single_image_study as study
from phdlib.futures import READINGS, futures_2d, futures_3d
from phdlib.phd_study import truth
from phdlib.runs import read_or_run
from phdlib.single_image_profiles import CHAO, KANAZAWA

SEEDS = (0, 1)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trained")


@pytest.fixture(autouse=True)
def tiny(small_data: None, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setenv("PHDLIB_CACHE", str(trained))
    monkeypatch.setenv("PHDLIB_JOBS", "1")
    monkeypatch.setattr(se, "load_body", lambda: BODY)

    def single_image(profile, data, features):
        assert (profile, data, features) == ("smoke", "embedded", None)
        both = {CHAO: FORECASTER, KANAZAWA: HALLUCINATOR}
        return {name: [type(e)(**{**fields(e), "seed": seed}) for seed in SEEDS] for name, e in both.items()}

    monkeypatch.setattr(study, "single_image", single_image)
    monkeypatch.setattr(study, "run_all", lambda es, jobs: [read_or_run(e.prepared()) for e in es])


@pytest.fixture
def rows() -> dict:
    return study.single_image_rows("smoke")


def moving(role: str) -> phd_study.Truth:
    return truth(HALLUCINATOR.features(), role)


def test_rows_stand_beside_those_of_the_study(rows: dict) -> None:
    assert {role: list(methods) for role, methods in rows.items()} == {"h36m": [KANAZAWA], "penn": [CHAO, KANAZAWA]}
    assert all(len(tables) == 2 for methods in rows.values() for tables in methods.values())
    full = {}
    for role, short in phd_study.SHORT.items():
        known = moving(role)
        N, (J, frames) = len(known.windows), (known.keypoints.shape[2], 30)
        still = torch.randn(N, 1, J, 3, generator=torch.Generator().manual_seed(1)).expand(-1, frames, -1, -1)
        full[short] = [phd_study.compare_with_truth(still, known)]
        for tables in rows[short].values():
            assert set(tables[0].columns) == set(full[short][0].columns) and len(tables[0]) == N
            assert (tables[0]["horizon"] == 5).all() and tables[0]["frame"].notna().all()
            assert (
                tables[0][[name for name in (*READINGS, "speed", "true_speed") if name != "frame"]]
                .isna()
                .all(axis=None)
            )
    merged = {short: {"Constant": full[short], **rows[short]} for short in rows}
    table = future_tables.by_method(merged, "frame")
    assert np.isnan(table.loc[CHAO, "h36m_5"]) and np.isnan(table.loc[KANAZAWA, "penn_30"])
    mean = np.mean([t["frame"].mean() for t in rows["penn"][CHAO]])
    assert table.loc[CHAO, "penn_5"] == pytest.approx(mean)
    assert table.loc["Constant"].notna().all()
    rng = np.random.default_rng(0)
    effect = future_tables.compare(
        [rows["penn"][CHAO], full["penn"]], [(5, "frame")] * 2, lambda a, b: a - b, rng, draws=20
    )
    assert effect.value == pytest.approx(table.loc[CHAO, "penn_5"] - table.loc["Constant", "penn_5"])


def test_the_fifth_frame_after_the_present_is_the_target() -> None:
    """The true frame 19 of a window is right, and the rest of the window is never asked for."""
    for role, field, best in (("human36m", "joints", 0.0), ("penn", "keypoints", 100.0)):
        known = moving(role)
        true = getattr(known, field)
        assert np.allclose(study.compare_with_truth(true[:, 19], known)["frame"], best, atol=1e-3)
        for frames in (range(19), range(19, 20), range(20, 45)):
            edited = true.clone()
            noise = 100 * torch.randn(true.shape, generator=torch.Generator().manual_seed(2))
            edited[:, frames] += noise[:, frames]
            found = study.compare_with_truth(true[:, 19], replace(known, **{field: edited}))["frame"]
            assert np.allclose(found, best, atol=1e-3) == (19 not in frames)


def test_metrics_are_those_of_the_other_rows(rows: dict) -> None:
    """A prediction of 30 frames that has the same frame 5 gets the same number at horizon 5."""
    future = slice(15, None)
    known = moving("human36m")
    ahead = torch.from_numpy(read_or_run(HALLUCINATOR.prepared()).ahead["human36m"])
    table = futures_3d(ahead[:, None].expand(-1, 30, -1, -1), known.joints[:, future], known.about)
    expected = table[table["horizon"] == 5]["frame"].to_numpy()
    assert np.allclose(rows["h36m"][KANAZAWA][0]["frame"], expected)
    known = moving("penn")
    flat = torch.from_numpy(read_or_run(FORECASTER.prepared()).ahead["penn"])
    for depth in (0.0, 1.0):  # no depth, any depth: eq. 6 does not look at it
        solid = torch.cat((flat, depth * torch.randn(*flat.shape[:2], 1)), dim=-1)[:, None].expand(-1, 30, -1, -1)
        table = futures_2d(solid, known.keypoints[:, future], known.visible[:, future], known.about)
        expected = table[table["horizon"] == 5]["frame"].to_numpy()
        assert np.allclose(rows["penn"][CHAO][0]["frame"], expected, equal_nan=True)


def test_keypoints_are_put_on_the_image_by_scale_and_translation() -> None:
    known = moving("penn")
    true = known.keypoints[:, study.TARGET]
    assert (study.compare_with_truth(0.01 * true - 3, known)["frame"] == 100).all()
    assert (study.compare_with_truth(true * torch.tensor([1.0, 0.5]), known)["frame"] < 100).any()


def test_rows_are_computed_once(rows: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "compare_with_truth", None)
    again = study.single_image_rows("smoke")
    for role, methods in rows.items():
        for method, tables in methods.items():
            assert all(a.equals(b) for a, b in zip(tables, again[role][method], strict=True))
    first, second = rows["penn"][CHAO]
    assert not np.array_equal(first["frame"], second["frame"]) or not np.array_equal(
        *(read_or_run(FORECASTER.prepared()).ahead["penn"], read_or_run(_other().prepared()).ahead["penn"])
    )


def _other():
    return type(FORECASTER)(**{**fields(FORECASTER), "seed": 1})


def test_invisible_frames_have_no_value() -> None:
    known = moving("penn")
    hidden = known.visible.clone()
    hidden[0, study.TARGET] = False
    table = study.compare_with_truth(known.keypoints[:, study.TARGET], replace(known, visible=hidden))
    assert np.isnan(table["frame"][0]) and table["frame"][1:].notna().all()
