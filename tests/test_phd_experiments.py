"""PHD's cached experiments: each stage once, shared where it can be; keys; predictions that an evaluation can use."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from phd_small import BODY, features_of, moving_clip

from phdlib import phd_experiments as pe
from phdlib import phd_profiles, runs
from phdlib.camera import project_weak_perspective
from phdlib.data.phd_role import evaluation_windows, in_camera_frame, penn_joints, without_3d
from phdlib.feature_experiments import ImageFeatureExperiment, KeypointFeatureExperiment
from phdlib.phd_experiments import EncoderExperiment, HeadExperiment, PHDExperiment
from phdlib.phd_losses import Weights
from phdlib.phd_model import predicted
from phdlib.phd_training import FutureRecipe, StageRecipe
from phdlib.runs import read_or_run
from phdlib.settings import PROFILES

SEEDS = {"human36m": 0, "penn": 10, "instavariety": 20}
PARTS = {"train": (0, 44), "test": (5, 50)}
TINY = {"epochs": 2, "steps_per_epoch": 2, "clips": dict.fromkeys(SEEDS, 2)}
SMALL = {
    "lifter": KeypointFeatureExperiment(channels=8), "channels": 16, "hidden": 16, "critic": 8, "blocks": 2,
    "groups": 2, "head": StageRecipe(**TINY),
}  # fmt: skip
LATENT = PHDExperiment(**SMALL, encoder=StageRecipe(**TINY), recipe=FutureRecipe(**TINY))


def recorded(role: str, part: str, *, keypoints: str | None = None) -> list:
    first, frames = PARTS[part]
    return [moving_clip(frames, SEEDS[role] + first + i, "S9" if part == "test" else "S1") for i in range(2)]


def load(role: str, part: str, *, full_3d: bool = False) -> list:
    clips = [in_camera_frame(clip) for clip in recorded(role, part)]
    if role == "penn":
        clips = [penn_joints(clip, BODY) for clip in clips]
    return clips if role == "human36m" or full_3d else [without_3d(clip) for clip in clips]


@pytest.fixture(autouse=True)
def small_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHDLIB_CACHE", str(tmp_path))
    monkeypatch.setattr(pe, "load_body", lambda: BODY)
    monkeypatch.setattr(pe.phd_role, "recorded", recorded)
    monkeypatch.setattr(pe.phd_role, "load", load)
    monkeypatch.setattr(
        pe, "with_features", lambda _, clips: [replace(c, features=features_of(in_camera_frame(c))) for c in clips]
    )
    monkeypatch.setitem(pe.EVERY, "human36m", 3)
    monkeypatch.setattr(pe, "_LOADED", {})


def test_stages_are_computed_once_and_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []
    whole = pe.train_stage

    def spy(model, trained, *args, **kwargs):
        ran.append(len(list(trained.parameters())))
        return whole(model, trained, *args, **kwargs)

    monkeypatch.setattr(pe, "train_stage", spy)
    pose = PHDExperiment(**{**fields(LATENT), "space": "pose"})
    results = [read_or_run(experiment.prepared()) for experiment in (LATENT, pose)]
    assert len(ran) == 4  # head, stage 1, and stage 2 twice
    encoder = read_or_run(LATENT.before().prepared())
    assert len(ran) == 4
    for result in results:
        for name, value in encoder.weights.items():
            if name.startswith("model.f_3d"):
                assert np.array_equal(value, result.weights[name])
        assert result.losses.shape[0] == 2 and result.steps == 4 and result.seconds > 0
        assert {"human36m joints", "penn keypoints", "instavariety seen keypoints", "loss"} <= set(
            result.losses.columns
        )
    assert ("penn movie_strip" in results[0].losses.columns) and ("penn movie_strip" not in results[1].losses.columns)


def fields(experiment: HeadExperiment) -> dict:
    return {name: getattr(experiment, name) for name in type(experiment).model_fields if name not in ("infra", "key")}


def test_a_stage_begins_where_the_one_before_ended() -> None:
    """With no learning rate to speak of, stage 1's networks are the head's, and stage 2's those of stage 1."""
    still = {**TINY, "lr": 1e-30}
    whole = PHDExperiment(**{**fields(LATENT), "encoder": StageRecipe(**still), "recipe": FutureRecipe(**still)})
    result = read_or_run(whole.prepared())
    head = read_or_run(whole.before().before().prepared())
    assert all(name.startswith(("prior.", "model.f_movie.embed", "model.f_3d.")) for name in head.weights)
    for name, value in head.weights.items():
        if name.startswith("model."):
            assert np.allclose(value, result.weights[name], atol=1e-20), name
    assert type(whole.before()) is EncoderExperiment and type(whole.before().before()) is HeadExperiment
    assert EncoderExperiment(**{**SMALL, "head": None}).before() is None


def test_predictions_are_those_of_the_model_on_the_windows() -> None:
    result = read_or_run(LATENT.prepared())
    model, test = LATENT.learned_network(result), load("human36m", "test")
    found = result.futures["human36m"]
    windows = evaluation_windows(test, 3)
    assert found.joints.shape == (len(windows), 45, 17, 3) and found.joints.dtype == np.float32
    assert np.array_equal(found.clip, windows.clip) and np.array_equal(found.start, windows.start)
    assert found.conditioning == 15 and found.windows().frames == 45
    assert result.futures["penn"].joints.shape[2] == 13 and len(result.futures["penn"].clip) == 2 * 6
    phi = features_of(test[1])[3:18]
    forecast = model.forecast(phi[None], 30)
    joints = predicted(torch.cat(forecast, dim=1), BODY.keypoints(test[1].skeleton), camera=False).joints[0].detach()
    at = ((windows.clip == 1) & (windows.start == 3)).nonzero().item()
    assert np.allclose(found.joints[at], joints - joints[:, :1], atol=1e-5)
    again = LATENT.futures(model)["human36m"]
    assert np.allclose(again.joints, found.joints, atol=1e-6)


def test_the_present_is_read_in_every_frame() -> None:
    result = read_or_run(LATENT.before().prepared())
    model, test = LATENT.before().learned_network(result), load("penn", "test")
    found = result.present["penn"]
    assert found.joints.shape == (100, 13, 3) and found.keypoints.shape == (100, 13, 2)
    assert found.lengths.tolist() == [50, 50]
    phi = torch.stack([features_of(in_camera_frame(clip)) for clip in recorded("penn", "test")])
    with torch.no_grad():
        pred = predicted(model.f_3d(model.f_movie(phi), nearby=False).omega, BODY.keypoints(test[0].skeleton))
        x = project_weak_perspective(pred.joints, *pred.camera)
    boxes = pe.role_clips(LATENT.features(), "penn", "test")[1]
    pixels = boxes[1].centre[:, None] + x[1] * boxes[1].side[:, None, None] / 2
    assert np.allclose(found.keypoints[50:], pixels, atol=0.05)
    assert np.allclose(found.joints[50:], pred.joints[1] - pred.joints[1][:, :1], atol=1e-4)


def test_supervision_decides_who_has_3d() -> None:
    mixed, full = LATENT.tracks(40), PHDExperiment(**{**fields(LATENT), "supervision": "full"}).tracks(40)
    for role in SEEDS:
        target = [tracks[role].gather(torch.tensor([0])).target for tracks in (mixed, full)]
        assert (target[0].theta is None) == (role != "human36m") and target[1].theta is not None
        assert (target[0].joints is None) == (role != "human36m") and target[1].joints is not None
        assert torch.equal(target[0].keypoints, target[1].keypoints)


def test_every_field_has_a_key_of_its_own() -> None:
    changes = [
        {}, {"space": "pose"}, {"space": "pose absolute"}, {"seed": 1}, {"channels": 32}, {"hidden": 32}, {"groups": 4},
        {"blocks": 1}, {"dropout": 0.1}, {"critic": 16}, {"every": 2}, {"supervision": "full"}, {"causal": False},
        {"norm": "time"}, {"padding": "zero"}, {"head": None}, {"encoder": StageRecipe(**TINY, lr=1e-2)},
        {"lifter": KeypointFeatureExperiment(channels=16)}, {"lifter": None, "images": ImageFeatureExperiment(size=32)},
        {"recipe": FutureRecipe(**TINY, weights=Weights(movie_strip=0))}, {"recipe": FutureRecipe(**TINY, ramp=0.5)},
        {"recipe": FutureRecipe(**TINY, teacher_forcing=True)}, {"recipe": FutureRecipe(**TINY, seen=0)},
    ]  # fmt: skip
    experiments = [PHDExperiment(**{**fields(LATENT), **change}) for change in changes]
    assert len({e.prepared().infra.uid() for e in experiments}) == len(changes)
    shared = {e.before().prepared().infra.uid() for e in experiments}
    assert len(shared) == len(changes) - 6  # two spaces and four recipes of stage 2 share a stage 1
    changed = {name for change in changes for name in change}
    assert set(PHDExperiment.model_fields) - {"infra", "key", "data"} == changed


def test_what_an_experiment_begins_with_is_put_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []
    monkeypatch.setattr(runs, "completed", lambda experiment: False)
    monkeypatch.setattr(runs, "_run_here", lambda missing, jobs: ran.extend(missing))
    monkeypatch.setattr(runs, "read_or_run", lambda experiment: None)
    runs.run_all([LATENT, PHDExperiment(**{**fields(LATENT), "head": None}), LATENT])
    assert [type(e).__name__ for e in ran] == [*("HeadExperiment", "EncoderExperiment", "PHDExperiment"),
                                               *("EncoderExperiment", "PHDExperiment")]  # fmt: skip
    assert runs._waits_for(ran) == [None, 0, 1, None, 3]
    uids = [e.infra.uid() for e in ran]
    assert [[uids.index(e.infra.uid()) for e in stage] for stage in runs._stages(ran)] == [[0, 3], [1, 4], [2]]
    known = runs._in_order([ran[2]], lambda e: e.infra.uid() == uids[1])  # what is there needs nothing
    assert [e.infra.uid() for e in known] == uids[1:3]


def test_features_are_part_of_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    from phdlib import runs

    before = LATENT.prepared().infra.uid()
    whole = runs.code_fingerprint
    monkeypatch.setattr(
        runs, "code_fingerprint", lambda *names: "other" if names == KeypointFeatureExperiment.code else whole(*names)
    )
    assert LATENT.prepared().infra.uid() != before


def test_one_provider_of_features() -> None:
    with pytest.raises(ValueError, match="expected images or lifter, found 0"):
        EncoderExperiment().features()


@pytest.mark.parametrize("profile", PROFILES)
def test_profiles_are_whole(profile: str) -> None:
    rows, tables = phd_profiles.models(profile, seeds=(0,)), phd_profiles.encoders(profile, seeds=(0,))
    keys = {name: e.prepared().infra.uid() for name, (e,) in {**rows, **tables}.items()}
    assert len(set(keys.values())) == len(rows) + len(tables)
    assert rows["AR on Φ"][0].before().prepared().infra.uid() == keys["causal"]
    other = phd_profiles.models(profile, features="lifter")
    assert all(e.images is None and e.lifter is not None for group in other.values() for e in group)
    assert len(other["AR on Φ"]) == len(phd_profiles.PHD_SIZES[profile].seeds)


@pytest.mark.parametrize("profile", PROFILES)
def test_departures_are_what_differs(profile: str) -> None:
    found = phd_profiles.departures(profile)
    assert list(found) == ["what", "profile paper", f"profile {profile}"] and found.empty == (profile == "paper")
    assert all(a != b and not {"{", "("} & {*a, *b} for _, a, b in found.itertuples(index=False))


def test_the_papers_sizes() -> None:
    latent = phd_profiles.models("paper")["AR on Φ"][0]
    assert (latent.channels, latent.blocks, latent.hidden, latent.recipe.own_at(99)) == (2048, 3, 1024, 25)
    assert (latent.causal, latent.padding, latent.norm, latent.supervision) == (True, "edge", "frame", "mixed")
