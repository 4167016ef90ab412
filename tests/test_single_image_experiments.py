"""The cached trainings of PHD's Table 3: on which stage they stand, what they leave, and that they can be killed."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from phd_small import BODY, features_of
from test_phd_experiments import SMALL, TINY, fields, load, small_data  # noqa: F401

from phdlib import phd_experiments as pe
from phdlib import single_image_experiments as se
from phdlib import single_image_profiles as profiles
from phdlib.data.phd_role import evaluation_windows
from phdlib.feature_experiments import ImageFeatureExperiment, KeypointFeatureExperiment
from phdlib.phd_experiments import EncoderExperiment, HeadExperiment
from phdlib.phd_losses import Weights
from phdlib.phd_model import predicted
from phdlib.phd_profiles import encoders
from phdlib.phd_training import StageRecipe
from phdlib.runs import read_or_run
from phdlib.settings import PROFILES
from phdlib.single_image_experiments import ForecasterExperiment, HallucinatorExperiment
from phdlib.skeleton import PENN13

QUIET = {**TINY, "weights": Weights(adversarial=0)}
LIFT = {"encoder": StageRecipe(**TINY), "recipe": StageRecipe(**TINY)}
HALLUCINATOR = HallucinatorExperiment(**SMALL, **LIFT)
HEAD = {name: SMALL[name] for name in ("lifter", "channels", "hidden", "critic", "head")}
FORECASTER = ForecasterExperiment(**HEAD, units=8, recipe=StageRecipe(**QUIET))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all tests here: what one has trained, the next one reads."""
    return tmp_path_factory.mktemp("trained")


@pytest.fixture(autouse=True)
def one_cache(small_data: None, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setenv("PHDLIB_CACHE", str(trained))
    monkeypatch.setattr(se, "load_body", lambda: BODY)


def present(role: str) -> torch.Tensor:
    clips = pe.role_clips(HALLUCINATOR.features(), role, "test")[0]
    windows = evaluation_windows(clips, pe.EVERY[role])
    pairs = zip(windows.clip.tolist(), windows.start.tolist(), strict=True)
    return torch.stack([clips[c].features[s + 14] for c, s in pairs])


def test_a_hallucinator_stands_on_stage_1(monkeypatch: pytest.MonkeyPatch) -> None:
    result, encoder = read_or_run(HALLUCINATOR.prepared()), read_or_run(HALLUCINATOR.before().prepared())
    assert type(HALLUCINATOR.before()) is EncoderExperiment and not HALLUCINATOR.before().causal
    own = {name for name in result.weights if name not in encoder.weights}
    assert {name.rpartition(".")[0] for name in own} == {f"model.hallucinator.fc{i}" for i in (1, 2, 3)}
    learning = {name for name, v in encoder.weights.items() if not np.array_equal(v, result.weights[name])}
    assert {name.split(".fc")[0] for name in learning if name.startswith("model.")} == {"model.f_3d.nearby.5"}
    assert any(name.startswith("prior.") for name in learning)  # the critics go on as well
    model = HALLUCINATOR.learned_network(result)
    for role, J in (("human36m", 17), ("penn", 13)):
        phi = present(role)
        assert result.ahead[role].shape == (len(phi), J, 3) and result.ahead[role].dtype == np.float32
        joints = BODY.keypoints(load(role, "test")[0].skeleton)
        with torch.no_grad():
            omega = model.f_3d(model.hallucinator(model.f_movie.embed(phi))).nearby[5]
            X = predicted(omega[:, None], joints, camera=False).joints[:, 0]
        assert np.allclose(result.ahead[role], X - X[:, :1], atol=1e-5)
    monkeypatch.setattr(pe, "train_stage", None)
    again = read_or_run(HallucinatorExperiment(**SMALL, **LIFT).prepared())
    assert all(np.array_equal(again.weights[name], value) for name, value in result.weights.items())


def test_a_forecaster_stands_on_the_head(monkeypatch: pytest.MonkeyPatch) -> None:
    result, head = read_or_run(FORECASTER.prepared()), read_or_run(FORECASTER.before().prepared())
    assert type(FORECASTER.before()) is HeadExperiment
    encoder = EncoderExperiment(**SMALL, recipe=StageRecipe(**TINY))
    assert FORECASTER.before().prepared().infra.uid() == encoder.before().prepared().infra.uid()
    shared = [name for name in head.weights if name.startswith("model.")]
    assert shared and all(np.array_equal(head.weights[name], result.weights[name]) for name in shared)
    assert set(result.ahead) == {"penn"} and result.ahead["penn"].shape == (2 * 6, 13, 2)
    model, phi = FORECASTER.learned_network(result), present("penn")
    with torch.no_grad():
        x = model.ahead(phi, BODY.keypoints(PENN13))
    assert np.allclose(result.ahead["penn"], x[:, 4], atol=1e-5)
    assert not np.allclose(result.ahead["penn"], x[:, 3], atol=1e-7)
    assert {"penn keypoints", "instavariety keypoints", "loss"} <= set(result.losses.columns)
    monkeypatch.setattr(pe, "train_stage", None)
    assert read_or_run(ForecasterExperiment(**fields(FORECASTER)).prepared()).seconds == result.seconds


def test_only_the_present_frame_of_test_video_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    experiments = HALLUCINATOR, FORECASTER
    models = [e.learned_network(read_or_run(e.prepared())) for e in experiments]
    before = [e.ahead(model)["penn"] for e, model in zip(experiments, models, strict=True)]

    def edited(_, clips):
        """Windows begin at frames 0 to 5: their presents are 14 to 19."""
        found = []
        for clip in clips:
            phi = features_of(pe.phd_role.in_camera_frame(clip))
            phi[:14], phi[20:] = 0, 0
            found.append(pe.replace(clip, features=phi))
        return found

    monkeypatch.setattr(pe, "with_features", edited)
    after = [e.ahead(model)["penn"] for e, model in zip(experiments, models, strict=True)]
    assert all(np.array_equal(*pair) for pair in zip(before, after, strict=True))


@pytest.mark.parametrize("experiment", [HALLUCINATOR, FORECASTER], ids=["hallucinator", "forecaster"])
def test_a_killed_training_ends_as_one_that_was_not(
    experiment, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = read_or_run(experiment.prepared())
    for folder in trained.glob("experiments/phdlib.phd_experiments.*"):  # what it stands on
        shutil.copytree(folder, tmp_path / "other/experiments" / folder.name)
    monkeypatch.setenv("PHDLIB_CACHE", str(tmp_path / "other"))
    ran = []

    def killed() -> None:
        ran.append("epoch")
        if len(ran) == 1:
            raise RuntimeError("killed")

    monkeypatch.setattr(pe, "tick", killed)
    with pytest.raises(RuntimeError, match="killed"):
        experiment.prepared().run()
    assert len(list(tmp_path.glob("other/**/partial.pt"))) == 1
    result = read_or_run(experiment.prepared())
    assert len(ran) == 2 and not list(tmp_path.glob("other/**/partial.pt"))
    assert all(np.array_equal(result.weights[name], value) for name, value in whole.weights.items())


def test_every_field_has_a_key_of_its_own() -> None:
    other = {"recipe": StageRecipe(**QUIET, lr=1e-2)}
    shared = [
        {}, other, {"seed": 1}, {"channels": 32}, {"hidden": 32}, {"dropout": 0.1}, {"critic": 16}, {"every": 2},
        {"supervision": "full"}, {"head": StageRecipe(**TINY, lr=1e-2)},
        {"lifter": KeypointFeatureExperiment(channels=16)}, {"lifter": None, "images": ImageFeatureExperiment(size=32)},
    ]  # fmt: skip
    stack = [{"groups": 4}, {"blocks": 1}, {"causal": True}, {"norm": "frame"}, {"padding": "edge"}]
    for experiment, more in (
        (HALLUCINATOR, [*stack, {"encoder": StageRecipe(**TINY, lr=1e-2)}]),
        (FORECASTER, [{"units": 16}]),
    ):
        changes = shared + more
        made = [type(experiment)(**{**fields(experiment), **change}) for change in changes]
        assert len({e.prepared().infra.uid() for e in made}) == len(changes)
        names = set(type(experiment).model_fields) - {"infra", "key", "data"}
        assert names == {name for change in changes for name in change}


def test_a_forecast_has_no_bodies_to_judge() -> None:
    with pytest.raises(ValueError, match=r"weights.adversarial 1.0, expected 0"):
        ForecasterExperiment(**HEAD, recipe=StageRecipe(**TINY)).objective(None)


@pytest.mark.parametrize("profile", PROFILES)
def test_profiles_stand_on_the_encoders_of_table_1(profile: str) -> None:
    found = profiles.single_image(profile)
    table = encoders(profile)["non-causal [27]"]
    assert list(found) == ["Chao et al. [11]", "Kanazawa et al. [27]"]
    for chao, kanazawa, encoder in zip(*found.values(), table, strict=True):
        key = encoder.prepared().infra.uid()
        assert kanazawa.before().prepared().infra.uid() == key
        assert chao.before().prepared().infra.uid() == encoder.before().prepared().infra.uid()
        assert chao.seed == kanazawa.seed == encoder.seed
        assert not chao.recipe.weights.adversarial
    for provider in ("images", "lifter"):
        chosen = profiles.single_image(profile, features=provider, seeds=(3,)).values()
        assert all(getattr(e, provider) is not None and e.seed == 3 for (e,) in chosen)
    departures = profiles.departures(profile)
    assert departures.empty == (profile == "paper") and all(a != b for _, a, b in departures.itertuples(index=False))
