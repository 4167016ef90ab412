"""The evaluation of all rows: the windows are the truth's, baselines start from what the encoder reads, files are
read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from phd_small import BODY
from test_phd_experiments import LATENT, PARTS, fields, small_data  # noqa: F401

from phdlib import phd_study
from phdlib.data.phd_role import CONDITIONING, HORIZON
from phdlib.future_tables import by_method
from phdlib.metrics import p_mpjpe
from phdlib.phd_experiments import PHDExperiment
from phdlib.runs import read_or_run


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trained")


@pytest.fixture(autouse=True)
def here(small_data: None, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setenv("PHDLIB_CACHE", str(trained))
    monkeypatch.setenv("PHDLIB_JOBS", "1")
    monkeypatch.setitem(PARTS, "train", (0, 50))  # long enough for a neighbour's future
    monkeypatch.setattr(phd_study, "load_body", lambda: BODY)
    monkeypatch.setattr(phd_study, "EVERY", {"human36m": 3, "penn": 1})
    monkeypatch.setattr(phd_study, "run_all", lambda es, jobs: [read_or_run(e.prepared()) for e in es])
    monkeypatch.setattr(
        phd_study.phd_profiles, "models",
        lambda *_: {"AR on Φ": [LATENT], "AR on Θ": [PHDExperiment(**{**fields(LATENT), "space": "pose"})]},
    )  # fmt: skip
    phd_study._truth.cache_clear()


def test_every_row_is_of_the_same_windows() -> None:
    study = phd_study.study("smoke")
    for role, methods in study.rows.items():
        assert list(methods) == ["AR on Φ", "AR on Θ", *phd_study.BASELINES]
        first = methods["AR on Φ"][0][["take", "camera", "start", "window", "horizon"]]
        assert all(t[first.columns].equals(first) for tables in methods.values() for t in tables), role
    table = by_method(study.rows, "frame")
    assert table.shape == (4, 10) and table.notna().all(axis=None)
    own = torch.from_numpy(study.results["AR on Φ"][0].futures["human36m"].joints)
    true = phd_study.truth(LATENT.features(), "human36m").joints
    expected = 1000 * p_mpjpe(own[:, CONDITIONING + 4], true[:, CONDITIONING + 4]).mean().item()
    assert table.loc["AR on Φ", "h36m_5"] == pytest.approx(expected, rel=1e-5)
    frozen = 1000 * p_mpjpe(own[:, CONDITIONING - 1], true[:, CONDITIONING + 29]).mean().item()
    assert table.loc["Constant", "h36m_30"] == pytest.approx(frozen, rel=1e-5)
    assert study.model("AR on Θ").space == "pose"


def test_rows_are_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = phd_study.study("smoke", names=["AR on Φ"]).rows
    monkeypatch.setattr(phd_study, "_predicted", lambda *_: pytest.fail("computed again"))
    after = phd_study.study("smoke", names=["AR on Φ"]).rows
    for role in before:
        for name, (table,) in before[role].items():
            np.testing.assert_array_equal(table["frame"], after[role][name][0]["frame"])


def test_a_neighbour_is_a_stretch_of_the_training_clips_on_a_body_of_mean_shape() -> None:
    experiment = LATENT.prepared()
    model = experiment.learned_network(read_or_run(experiment))
    found = phd_study.neighbours(experiment, "human36m")
    clips, _ = phd_study.role_clips(experiment.features(), "human36m", "train")
    read = phd_study.mean_shape_joints(experiment, model, clips)
    for n in range(len(found.clip)):
        after = int(found.start[n]) + CONDITIONING
        torch.testing.assert_close(found.future[n], read[int(found.clip[n])][after : after + HORIZON])
    assert found.future.shape[1] == HORIZON


def test_the_query_is_read_from_its_conditioning_frames_alone() -> None:
    experiment = LATENT.prepared()
    result = read_or_run(experiment)
    known = phd_study.truth(experiment.features(), "penn")
    clip, start = int(known.windows.clip[3]), int(known.windows.start[3])
    phi = known.clips[clip].features[start : start + CONDITIONING]
    with torch.no_grad():
        seen = experiment.learned_network(result).forecast(phi[None], 1).seen[0]
    joints = BODY.keypoints(known.clips[0].skeleton)(seen[:, 3:75], seen[:, 75:])
    stored = torch.from_numpy(result.futures["penn"].joints[3, :CONDITIONING])
    torch.testing.assert_close(joints - joints[:, :1], stored, atol=1e-5, rtol=0)
