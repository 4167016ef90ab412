"""The predictors of PHD's Table 3 learn what they are asked, from one frame, on networks that stay as they are."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from phd_small import BODY, FEATURES, role_data, small_tracks
from torch import Tensor, nn

from phdlib.data.phd_role import evaluation_windows
from phdlib.data.phd_tracks import Sample
from phdlib.phd_losses import Weights, joints_loss, reprojection_loss
from phdlib.phd_model import predicted
from phdlib.phd_training import StageRecipe, train_stage
from phdlib.prior import FactorizedPrior
from phdlib.single_image import (
    HallucinatingEncoder,
    KeypointPredictor,
    forecast_outcome,
    hallucination_outcome,
    predict_joints,
    predict_keypoints,
    present_features,
    shared_joints,
)
from phdlib.skeleton import H36M17, HUMANEVA15, PENN13

TRACKS, SHORT = small_tracks(), small_tracks(6)
PENN = BODY.keypoints(PENN13)
PLAIN = Weights(adversarial=0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def hallucinating(**options) -> HallucinatingEncoder:
    sizes = {"blocks": 3, "groups": 2, "norm": "time", "padding": "zero", "hidden": 16, **options}
    return HallucinatingEncoder(
        TRACKS["human36m"].mean_omega(), FEATURES, 16, generator=generator(), **sizes
    ).eval()  # fmt: skip


def forecasting() -> KeypointPredictor:
    start = TRACKS["human36m"].mean_omega()
    return KeypointPredictor(start, FEATURES, 16, units=16, hidden=16, generator=generator()).eval()


def batch(tracks: dict, roles: tuple[str, ...] = ("human36m", "penn", "instavariety")) -> list[Sample]:
    return [tracks[role].gather(torch.arange(2)) for role in roles]


def learn(model: nn.Module, trained: nn.Module, objective, tracks: dict, **recipe) -> list[dict[str, float]]:
    recipe = StageRecipe(**{"epochs": 5, "steps_per_epoch": 8, "clips": dict.fromkeys(tracks, 2), "lr": 3e-3, **recipe})
    prior = FactorizedPrior(hidden=8, generator=generator())
    return train_stage(model, trained, objective, tracks, recipe, prior=prior, real=tracks["human36m"], seed=0).losses


def state(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def changed(before: dict[str, Tensor], module: nn.Module) -> set[str]:
    """The parts of a module that are not as they were."""
    names = {name for name, value in module.state_dict().items() if not torch.equal(value, before[name])}
    return {name[:13] if name.startswith("f_3d.nearby") else name.split(".")[0] for name in names}


def project(x: Tensor, truth: Tensor, seen: Tensor) -> Tensor:
    """Points (J, 2) put on others by the best scale and translation, as a system of linear equations."""
    rows = x[seen].shape[0]
    matrix = torch.zeros(rows, 2, 3)
    matrix[:, :, 0], matrix[:, 0, 1], matrix[:, 1, 2] = x[seen], 1, 1
    s, *t = torch.linalg.lstsq(matrix.flatten(0, 1), truth[seen].flatten()[:, None]).solution[:, 0]
    return s * x + torch.stack(t)


def test_hallucination_is_learned_on_a_frozen_encoder() -> None:
    model = hallucinating()
    for parameter in model.f_movie.stack.parameters():  # so that strips are not the frames themselves
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator(2))
    before, weights = state(model), Weights(adversarial=0.02, movie_strip=20)
    losses = learn(
        model, model.learning(),
        lambda found, epoch, prior, draws: hallucination_outcome(model, found, weights, prior, draws), TRACKS,
        weights=weights,
    )  # fmt: skip
    assert losses[-1]["loss"] < 0.8 * losses[0]["loss"]
    assert losses[-1]["penn movie_strip"] < 0.8 * losses[0]["penn movie_strip"]
    assert changed(before, model) == {"hallucinator", "f_3d.nearby.5"}


def test_what_the_hallucinator_pays() -> None:
    model, samples = hallucinating(), batch(TRACKS)
    for parameter in model.parameters():
        parameter.data += 0.02 * torch.randn(parameter.shape, generator=generator(3))
    outcome = hallucination_outcome(model, samples, PLAIN, None)
    frames = range(2, 40, 5)
    for sample in samples:
        strips, Phi = model.hallucinate(sample.phi), model.f_movie(sample.phi)
        distances = [(Phi[:, t] - strips[:, t]).norm(dim=-1) for t in frames[1:-1]]
        found = outcome.terms[f"{sample.role} movie_strip"]
        assert found.item() == pytest.approx(torch.stack(distances).mean().item(), rel=1e-5)
        read = model.f_3d(strips)
        for offset in (-5, 5):
            at = [t for t in frames if t + offset in frames]
            pred = predicted(read.nearby[offset][:, at], sample.joints, camera=False)
            target = sample.target
            there = [t + offset for t in at]
            loss = reprojection_loss(pred.joints, target.keypoints[:, there], target.visible[:, there], None)
            found = outcome.terms[f"{sample.role} keypoints@{offset:+d}"]
            assert found.item() == pytest.approx(loss.item(), rel=1e-4)
            assert (f"{sample.role} joints@{offset:+d}" in outcome.terms) == (sample.role == "human36m")
            if sample.role == "human36m":
                loss = joints_loss(pred.joints, target.joints[:, there])
                assert outcome.terms[f"human36m joints@{offset:+d}"].item() == pytest.approx(loss.item(), rel=1e-4)
    alone = [hallucination_outcome(model, [sample], PLAIN, None).loss for sample in samples]
    assert outcome.loss.item() == pytest.approx(torch.stack(alone).mean().item(), rel=1e-5)


def test_strips_to_learn_from_have_all_their_frames() -> None:
    """With frame-wise statistics an inner strip is the same whatever lies outside of the clip."""
    model, sample = hallucinating(norm="frame"), TRACKS["penn"].gather(torch.arange(1))
    for parameter in model.f_movie.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape, generator=generator(4))
    longer = torch.cat([torch.randn(1, 6, FEATURES, generator=generator(5)), sample.phi, sample.phi[:, :6]], dim=1)
    inner = list(range(2, 40, 5))[1:-1]
    with torch.no_grad():
        alone, among = model.f_movie(sample.phi), model.f_movie(longer)[:, 6:-6]
    torch.testing.assert_close(alone[:, inner], among[:, inner])
    assert not torch.allclose(alone[:, 2], among[:, 2])


def test_a_causal_encoder_reads_no_future() -> None:
    with pytest.raises(ValueError, match=r"reads the frames \(-10, -5\) nearby, expected 5 among them"):
        hallucinating(causal=True)


def test_a_forecast_is_learned_on_a_frozen_head() -> None:
    model = forecasting()
    before = state(model)
    losses = learn(
        model, model.forecaster, lambda found, epoch, prior, draws: forecast_outcome(model, found, PENN), SHORT,
        weights=PLAIN,
    )  # fmt: skip
    assert losses[-1]["loss"] < 0.7 * losses[0]["loss"]
    assert changed(before, model) == {"forecaster"}
    assert "discriminators" not in losses[0]


@pytest.mark.parametrize("role", ["penn", "instavariety"])
def test_what_the_forecaster_pays(role: str) -> None:
    model, (sample,) = forecasting(), batch(SHORT, (role,))
    future = model.ahead(sample.phi[:, 0], PENN)
    names, joints = sample.joints.skeleton.joints, PENN13.joints if role == "penn" else PENN13.joints[1:]
    squares = []
    for b in range(2):
        for f in range(5):
            there = [names.index(name) for name in joints]
            seen, truth = sample.target.visible[b, f + 1, there], sample.target.keypoints[b, f + 1, there]
            x = future[b, f, [PENN13.index(name) for name in joints]]
            squares.append((project(x, truth, seen) - truth)[seen].square().sum(-1))
    loss = forecast_outcome(model, [sample], PENN).loss
    assert loss.item() == pytest.approx(torch.cat(squares).mean().item(), rel=1e-4)
    hidden = torch.where(sample.target.visible[..., None], sample.target.keypoints, torch.nan)
    blank = sample._replace(target=sample.target._replace(keypoints=hidden))
    again = forecast_outcome(model, [blank], PENN).loss
    assert torch.equal(again, loss)
    again.backward()
    assert all(p.grad.isfinite().all() for p in model.forecaster.parameters())


def test_roles_weigh_by_their_clips() -> None:
    model, penn, other = forecasting(), SHORT["penn"].gather(torch.arange(3)), SHORT["instavariety"].gather(
        torch.arange(1)
    )  # fmt: skip
    whole = forecast_outcome(model, [penn, other], PENN).loss
    parts = [forecast_outcome(model, [sample], PENN).loss for sample in (penn, other)]
    assert whole.item() == pytest.approx((0.75 * parts[0] + 0.25 * parts[1]).item(), rel=1e-5)


def test_joints_that_two_sets_share() -> None:
    for skeleton, count in ((PENN13, 13), (H36M17, 12), (HUMANEVA15, 12)):
        own, theirs = shared_joints(skeleton)
        assert len(own) == count
        assert [PENN13.joints[i] for i in own] == [skeleton.joints[i] for i in theirs]


def test_only_the_present_frame_is_seen() -> None:
    """Every frame but number 14 of a window may change, and number 14 may not."""
    clips, _ = role_data("penn", range(2), frames=50)
    windows = evaluation_windows(clips, 2)
    phi = present_features(clips, windows)
    assert phi.shape == (len(windows), FEATURES)
    models = [(predict_joints, hallucinating()), (predict_keypoints, forecasting())]
    for _, model in models:
        for parameter in model.parameters():
            parameter.data += 0.02 * torch.randn(parameter.shape, generator=generator(6))
    at = ((windows.clip == 1) & (windows.start == 4)).nonzero().item()
    for other in (17, 18, 19):
        edited = torch.randn(50, FEATURES, generator=generator(other))
        edited[18] = clips[1].features[18]
        if other == 18:
            edited = clips[1].features.clone()
            edited[18] += 1
        noisy = present_features([clips[0], replace(clips[1], features=edited)], windows)
        for predict, model in models:
            same = torch.equal(predict(model, phi, PENN)[at], predict(model, noisy, PENN)[at])
            assert same == (other != 18)


def test_predictions_do_not_depend_on_their_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    from phdlib import single_image

    phi = torch.randn(7, FEATURES, generator=generator(8))
    for predict, model, shape in ((predict_joints, hallucinating(), 3), (predict_keypoints, forecasting(), 2)):
        whole = predict(model, phi, PENN)
        assert whole.shape == (7, 13, shape)
        with monkeypatch.context() as patch:
            patch.setattr(single_image, "_BATCH", 3)
            torch.testing.assert_close(predict(model, phi, PENN), whole)
    X = predict_joints(hallucinating(), phi, PENN)
    assert torch.equal(X[:, 0], torch.zeros(7, 3))
    model = hallucinating()
    omega = model.f_3d(model.hallucinator(model.f_movie.embed(phi))).nearby[5]
    Y = predicted(omega[:, None], PENN, camera=False).joints[:, 0]
    torch.testing.assert_close(X, Y - Y[:, :1])


def test_a_forecast_begins_where_the_head_sees_the_person() -> None:
    model = forecasting()
    phi = torch.randn(3, FEATURES, generator=generator(9))
    model.forecaster.readout.weight.data.zero_()
    seen = model.keypoints(phi, PENN)
    assert seen.shape == (3, 13, 2)
    torch.testing.assert_close(model.ahead(phi, PENN), seen[:, None].expand(-1, 5, -1, -1))
    pred = predicted(model.read_single(phi).omega[:, None], PENN)
    x = pred.camera.s[..., None, None] * pred.joints[..., :2] + pred.camera.t[..., None, :]
    torch.testing.assert_close(seen, x[:, 0])
