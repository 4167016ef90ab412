"""PHD with real detections as its pseudo-ground-truth role: what is replaced, what stays, and what is measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from phd_small import role_data
from wild_files import detections

from phdlib import phd_experiments as pe
from phdlib import wild_tables
from phdlib.crops import crop_joints
from phdlib.data.wild_role import keep, kept_clips
from phdlib.feature_experiments import ImageFeatureExperiment, KeypointFeatureExperiment
from phdlib.features import KeypointFeatures
from phdlib.futures import futures_2d, futures_3d
from phdlib.lifting import TemporalModel
from phdlib.phd_experiments import PHDExperiment
from phdlib.phd_training import FutureRecipe, StageRecipe
from phdlib.runs import read_or_run
from phdlib.wild_phd_experiments import WildEncoderExperiment, WildPHDExperiment, on_detections, with_phi

SIZE = (640, 480)
TINY = {"epochs": 1, "steps_per_epoch": 2, "clips": {"human36m": 2, "penn": 2, "instavariety": 2}}
FEATURES = 24
SMALL = PHDExperiment(
    lifter=KeypointFeatureExperiment(channels=FEATURES), channels=16, hidden=16, critic=8, blocks=1, groups=2,
    head=StageRecipe(**TINY), encoder=StageRecipe(**TINY), recipe=FutureRecipe(**TINY),
)  # fmt: skip


@pytest.fixture(autouse=True)
def small_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two clips a role whose features are of the size of the lifter's, which nobody trains."""
    phi = TemporalModel(17, 2, 17, (1, 1, 1), channels=FEATURES, generator=torch.Generator().manual_seed(0))
    monkeypatch.setenv("PHDLIB_CACHE", str(tmp_path))
    monkeypatch.setattr(KeypointFeatureExperiment, "provider", lambda self, device="cpu": KeypointFeatures(phi))
    seeds = {"human36m": 0, "penn": 10, "instavariety": 20}

    def clips(features, role, part, full_3d=False):
        return role_data(role, range(seeds[role], seeds[role] + 2), 50)

    monkeypatch.setattr(pe, "role_clips", clips)
    monkeypatch.setitem(pe.EVERY, "human36m", 3)


def found(frames: int = 100, shift: float = 0.0):
    one = detections(frames, SIZE)
    return replace(one, points=one.points + np.float32(shift))


def test_only_the_pseudo_role_is_replaced():
    video = found()
    video.scores[7, 9] = 0.2  # a wrist that the detector is not sure of
    embedded, real = SMALL, on_detections(SMALL, (keep(video),))
    before, after = embedded.tracks(40), real.tracks(40)
    index = torch.arange(4)
    for role in ("human36m", "penn"):
        a, b = before[role].gather(index), after[role].gather(index)
        assert torch.equal(a.phi, b.phi) and torch.equal(a.target.keypoints, b.target.keypoints)
    assert len(after["instavariety"]) == 100 - 39
    sample = after["instavariety"].gather(torch.tensor([3]))
    (clip,) = kept_clips(real.wild, 25.0)
    ((clip,), (box,)) = with_phi(real.features(), [clip])
    torch.testing.assert_close(sample.target.keypoints[0], crop_joints(clip.keypoints2d, box)[3:43])
    torch.testing.assert_close(sample.phi[0], clip.features[3:43].half().float())
    assert sample.target.joints is sample.target.theta is sample.target.beta is None
    assert sample.role == "instavariety" and not sample.target.visible[0, 4].all() and sample.target.visible[0, 5].all()


def test_both_stages_see_the_detections_and_share_the_head():
    real = on_detections(SMALL, (keep(found()),))
    assert isinstance(real, WildPHDExperiment) and isinstance(real.before(), WildEncoderExperiment)
    assert real.before().wild == real.wild and real.before().recipe == SMALL.encoder
    shared = [e.before().before().prepared().infra.uid() for e in (SMALL, real)]
    assert shared[0] == shared[1]
    other = on_detections(SMALL, (keep(found(shift=1.0)),))
    uids = [e.prepared().infra.uid() for e in (SMALL, real, other)]
    uids += [e.before().prepared().infra.uid() for e in (SMALL, real, other)]
    assert len(set(uids)) == 6


def test_a_training_reads_the_detections_and_is_judged_on_others(monkeypatch):
    real = on_detections(SMALL, (keep(found()),))
    result = read_or_run(real.prepared())
    assert {"instavariety seen keypoints", "human36m joints"} <= set(result.losses.columns)
    embedded = read_or_run(SMALL.prepared())
    assert any(not np.array_equal(value, embedded.weights[name]) for name, value in result.weights.items())

    joints = torch.from_numpy(result.futures["human36m"].joints)
    known = SimpleNamespace(joints=joints + 0.1 * torch.rand(joints.shape, generator=torch.Generator().manual_seed(0)))
    monkeypatch.setattr(wild_tables.phd_study, "truth", lambda features, role: known)
    held = {"other": found(60, shift=5.0), "short": found(44)}
    rows = wild_tables.pseudo_rows({"motion capture": [SMALL], "real video": [real]}, held, (1, 30))
    on_role = rows[rows["test"] == "Human3.6M role"].set_index(["role", "horizon"])["value"]
    expected = futures_3d(joints[:, 15:], known.joints[:, 15:]).groupby("horizon")["frame"].mean()
    assert on_role["real video"].to_dict() == pytest.approx({h: expected[h] for h in (1, 30)}, rel=1e-4)
    assert set(rows["test"]) == {"Human3.6M role", "other"}  # 44 frames hold no window of 45
    on_video = rows[rows["test"] == "other"]
    assert on_video.groupby("role")["horizon"].apply(list).to_dict() == {
        "motion capture": [0, 1, 30], "Constant": [1, 30], "real video": [0, 1, 30],
    }  # fmt: skip
    assert on_video["value"].between(0, 100).all()


def test_what_cannot_be_trained_on_is_refused():
    key = keep(found())
    with pytest.raises(ValueError, match=r"clips of human36m, penn, expected 'instavariety' among them"):
        recipe = FutureRecipe(**{**TINY, "clips": {"human36m": 2, "penn": 2}})
        on_detections(SMALL.model_copy(update={"recipe": recipe}), (key,)).tracks(40)
    with pytest.raises(ValueError, match="ImageFeatureExperiment, expected those of keypoints"):
        with_phi(ImageFeatureExperiment(), kept_clips((key,), 25.0))
    with pytest.raises(ValueError, match=r"found nobody for 1\.6 s in a row"):
        on_detections(SMALL, (keep(found(39)),)).tracks(40)


def test_pck_by_frame_is_the_evaluations_own():
    generator = torch.Generator().manual_seed(1)
    pred = torch.randn(5, 30, 17, 3, generator=generator)
    keypoints = 100 * (pred[..., :2] + 0.12 * torch.randn(5, 30, 17, 2, generator=generator)) + 300
    visible = torch.rand(5, 30, 17, generator=generator) < 0.8
    visible[2, 29, 4:] = False  # too few to count
    own = futures_2d(pred, keypoints, visible).set_index(["window", "horizon"])["frame"]
    found = wild_tables.frame_pck(pred, keypoints, visible)
    for (window, horizon), value in own.items():
        assert found[window, horizon - 1].item() == pytest.approx(value, abs=1e-3, nan_ok=True)
    assert found[2, 29].isnan() and 20 < found.nanmean() < 95
