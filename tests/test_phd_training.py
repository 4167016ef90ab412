"""PHD's two stages: which terms each role pays, what learns and what is frozen, the curriculum, resuming, processes."""

from __future__ import annotations

import math
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from phd_small import BODY, FEATURES, role_data, small_tracks
from torch import Tensor, nn

from phdlib.data.phd_tracks import Tracks, mixed_batches
from phdlib.phd_losses import Weights, loss_terms, total
from phdlib.phd_model import PHD, predicted
from phdlib.phd_training import (
    FutureRecipe,
    Learned,
    StageRecipe,
    epoch_generators,
    future_outcome,
    head_outcome,
    movie_outcome,
    stretch,
    train_stage,
)
from phdlib.prior import FactorizedPrior

TRACKS = small_tracks()
CLIPS = {"human36m": 2, "penn": 2, "instavariety": 2}
TINY = {"epochs": 2, "steps_per_epoch": 2, "clips": CLIPS, "lr": 1e-3}
IN_3D = {"joints", "pose", "shape"}
ALWAYS = {"keypoints", "adversarial", "shape_prior", "constant_shape"}


def parts(space: str | None = "latent", dropout: float = 0.0, seed: int = 0) -> tuple[PHD, FactorizedPrior]:
    generator = torch.Generator().manual_seed(seed)
    model = PHD(
        TRACKS["human36m"].mean_omega(), FEATURES, 16, space=space, blocks=2, groups=4, hidden=32, dropout=dropout,
        generator=generator,
    )  # fmt: skip
    return model, FactorizedPrior(hidden=8, generator=generator)


def batch(tracks: dict[str, Tracks] = TRACKS, seed: int = 0) -> list:
    return next(mixed_batches(tracks, CLIPS, 1, torch.Generator().manual_seed(seed)))


def stage(model: PHD, recipe: StageRecipe) -> tuple[nn.Module, Callable]:
    """What is trained, by what: stage 2 if there is an f_AR."""
    if model.f_ar is None:
        trained = nn.ModuleList([model.f_movie, model.f_3d])
        return trained, lambda b, epoch, prior, draws: movie_outcome(model, b, recipe.weights, prior, draws)
    trained = nn.ModuleList([model.f_movie, model.f_ar])
    return trained, lambda b, epoch, prior, draws: future_outcome(model, b, recipe, recipe.own_at(epoch), prior)


def learn(model: PHD, prior: FactorizedPrior, recipe: StageRecipe, tracks=TRACKS, **options) -> Learned:
    trained, objective = stage(model, recipe)
    return train_stage(model, trained, objective, tracks, recipe, prior=prior, real=tracks["human36m"], seed=0,
                       **options)  # fmt: skip


def weights(*modules: nn.Module) -> Tensor:
    return torch.cat([value.flatten().double() for module in modules for value in module.state_dict().values()])


def names(terms: dict[str, Tensor], role: str) -> set[str]:
    return {name.removeprefix(f"{role} ") for name in terms if name.startswith(f"{role} ")}


# Which terms


def test_eq_1_by_role() -> None:
    model, prior = parts(None)
    outcome = movie_outcome(model, batch(), Weights(), prior, None)
    in_2d = ALWAYS | {f"{name}@{at}" for name in ALWAYS - {"constant_shape"} for at in (-10, -5)}
    in_3d = in_2d | IN_3D | {f"{name}@{at}" for name in IN_3D for at in (-10, -5)}
    assert names(outcome.terms, "human36m") == in_3d
    assert names(outcome.terms, "penn") == names(outcome.terms, "instavariety") == in_2d
    assert outcome.omega.shape == (6, 40, 85)
    without = movie_outcome(model, batch(), Weights(nearby=0), prior, None)
    assert not any("@" in name for name in without.terms)


@pytest.mark.parametrize("space", ["latent", "pose", "pose absolute"])
def test_eq_7_by_role(space: str) -> None:
    model, prior = parts(space)
    strip = {"movie_strip"} if space == "latent" else set()
    outcome = future_outcome(model, batch(), FutureRecipe(clips=CLIPS, seen=0), 3, prior)
    assert names(outcome.terms, "human36m") == ALWAYS | IN_3D | strip
    assert names(outcome.terms, "penn") == names(outcome.terms, "instavariety") == ALWAYS | strip
    assert outcome.omega.shape == (6, 25, 85)
    whole = future_outcome(model, batch(), FutureRecipe(clips=CLIPS), 3, prior)
    assert names(whole.terms, "penn") == ALWAYS | strip | {f"seen {name}" for name in ALWAYS}
    assert whole.omega.shape == (6, 40, 85)
    none = FutureRecipe(clips=CLIPS, seen=0, weights=Weights(movie_strip=0))
    assert "penn movie_strip" not in future_outcome(model, batch(), none, 3, prior).terms


def test_a_batch_costs_the_mean_over_its_clips() -> None:
    """One pass for all roles gives what each role gives alone, by its share of the clips."""
    model, prior = parts(None)
    mixed = [TRACKS["human36m"].gather(torch.tensor([0, 3, 5])), TRACKS["penn"].gather(torch.tensor([1]))]
    whole = movie_outcome(model, mixed, Weights(), prior, None).loss
    alone = [movie_outcome(model, [sample], Weights(), prior, None).loss for sample in mixed]
    assert whole.item() == pytest.approx((3 * alone[0].item() + alone[1].item()) / 4, rel=1e-5)


def test_the_future_is_compared_with_the_future() -> None:
    """Frames 15 to 39 of the labels, the camera by eq. 6, teacher forcing with one step of its own."""
    model, prior = parts("latent")
    sample, recipe = batch()[0], FutureRecipe(clips=CLIPS, seen=0)
    Phi = model.f_movie(sample.phi)
    strips = model.f_ar(Phi)[:, 14:-1]
    pred = predicted(model.f_3d(strips, nearby=False).omega, sample.joints, prior, camera=False)
    known = stretch(sample.target, 15)
    assert known.joints.shape[1] == known.keypoints.shape[1] == 25 and known.beta is sample.target.beta
    wanted = total(loss_terms(pred, known, recipe.weights, strips=(strips, Phi[:, 15:])), recipe.weights)
    assert future_outcome(model, [sample], recipe, 1, prior).loss.item() == pytest.approx(wanted.item(), rel=1e-4)


def test_no_3d_label_of_a_2d_role_is_read() -> None:
    """Poison: every clip but the first, which decides what the role knows, has NaN for 3D labels."""
    poisoned = {}
    for role, seeds in {"penn": range(10, 12), "instavariety": range(20, 22)}.items():
        clips, boxes = role_data(role, seeds)
        nan = {"theta": torch.full((44, 72), torch.nan), "beta": torch.full((10,), torch.nan)}
        clips[1:] = [
            replace(clip, **nan, joints3d=torch.full((44, len(clip.skeleton), 3), torch.nan)) for clip in clips[1:]
        ]
        poisoned[role] = Tracks(role, clips, boxes, BODY)
        target = poisoned[role].gather(torch.arange(len(poisoned[role]))).target
        assert target.joints is None and target.theta is None and target.beta is None
    found = []
    for tracks in (TRACKS, TRACKS | poisoned):
        (model, prior), recipe = parts("latent"), FutureRecipe(**TINY)
        found.append((learn(model, prior, recipe, tracks).losses, weights(model, prior)))
    assert found[0][0] == found[1][0] and torch.equal(found[0][1], found[1][1])


def test_single_frames_train_the_head_alone() -> None:
    tracks = small_tracks(frames=1)
    (model, prior), recipe = parts(None, dropout=0.5), StageRecipe(**TINY)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    train_stage(
        model, model.head(), lambda b, e, p, draws: head_outcome(model, b, recipe.weights, p, draws), tracks, recipe,
        prior=prior, real=tracks["human36m"], seed=0,
    )  # fmt: skip
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    head = {f"f_3d.present.{layer}.{kind}" for layer in ("fc1", "fc2", "fc3") for kind in ("weight", "bias")}
    assert changed == head | {"f_3d.start", "f_movie.embed.weight", "f_movie.embed.bias"}


# What learns


@pytest.mark.parametrize("space", ["latent", "pose"])
def test_stage_2_leaves_f_3d_as_it_was(space: str) -> None:
    model, prior = parts(space, dropout=0.5)
    before = [weights(part) for part in (model.f_3d, model.f_movie, model.f_ar, prior)]
    learn(model, prior, FutureRecipe(**TINY))
    after = [weights(part) for part in (model.f_3d, model.f_movie, model.f_ar, prior)]
    assert torch.equal(before[0], after[0])
    assert not any(torch.equal(a, b) for a, b in zip(before[1:], after[1:], strict=True))


def test_the_discriminators_learn_their_own_lesson() -> None:
    """Without the adversarial term they rest; the encoder's gradient never reaches them."""
    model, prior = parts(None)
    before = weights(prior)
    learned = learn(model, prior, StageRecipe(**TINY, weights=Weights(adversarial=0)))
    assert torch.equal(before, weights(prior)) and "discriminators" not in learned.losses[0]
    still = StageRecipe(**TINY, prior_lr=1e-12)
    learned = learn(model, prior, still)
    assert torch.allclose(before, weights(prior), atol=1e-9) and learned.losses[0]["discriminators"] > 0


def test_the_curriculum_grows_from_1_to_25() -> None:
    recipe = FutureRecipe(epochs=50)
    steps = [recipe.own_at(epoch) for epoch in range(50)]
    assert steps[0] == 1 and steps[-1] == 25 and steps == sorted(steps)
    assert set(range(1, 26)) == set(steps) and steps.index(25) == pytest.approx(0.6 * 49, abs=1)
    assert {FutureRecipe(teacher_forcing=True).own_at(epoch) for epoch in range(100)} == {1}
    assert FutureRecipe(epochs=2).own_at(1) == 25


def rising(losses: list[dict[str, float]], compared: set[str]) -> dict[str, tuple[float, float]]:
    """The terms, of all roles, that are not lower in the last epoch than in the first."""
    assert all(math.isfinite(value) for epoch in losses for value in epoch.values())
    pairs = {n: (v, losses[-1][n]) for n, v in losses[0].items() if n.split()[-1].partition("@")[0] in compared}
    assert {name.split()[0] for name in pairs} == {*CLIPS, "loss"}
    return {name: (first, last) for name, (first, last) in pairs.items() if last >= first}


def test_overfitting_lowers_every_loss() -> None:
    """Three clips again and again, first stage 1, then on top of it stage 2 in both spaces, the data terms alone."""
    seeds = {"human36m": range(0, 1), "penn": range(10, 11), "instavariety": range(20, 21)}
    tracks = {role: Tracks(role, *role_data(role, seed, 40), BODY) for role, seed in seeds.items()}
    alone = Weights(adversarial=0, shape_prior=0, constant_shape=0)
    small = {"clips": dict.fromkeys(CLIPS, 1), "steps_per_epoch": 15, "lr_decay": 1.0, "weights": alone}
    model, prior = parts(None)
    model.f_3d.start.data += 0.2 * torch.randn(
        85, generator=torch.Generator().manual_seed(1)
    )  # off the clip's own mean
    compared = {*IN_3D, "keypoints", "loss"}
    assert not rising(learn(model, prior, StageRecipe(epochs=5, lr=3e-3, **small), tracks).losses, compared)
    for space, own in (("latent", {"movie_strip"}), ("pose", set())):
        second = parts(space)[0]
        second.load_state_dict(second.state_dict() | model.state_dict())
        recipe = FutureRecipe(epochs=4, lr=1e-3, ramp=0, seen=0, **small)  # 25 frames of its own from the beginning
        assert not rising(learn(second, prior, recipe, tracks).losses, compared | own), space


# Resuming, and several processes


@pytest.mark.parametrize("space", [None, "latent"])
def test_a_killed_run_ends_with_the_same_weights(tmp_path: Path, space: str | None) -> None:
    recipe = (StageRecipe if space is None else FutureRecipe)(**TINY | {"epochs": 3})
    whole, prior = parts(space, dropout=0.5)
    losses = learn(whole, prior, recipe).losses
    path, epochs = tmp_path / "partial.pt", []

    def die() -> None:
        epochs.append(1)
        if len(epochs) == 2:
            raise KeyboardInterrupt

    cut = parts(space, dropout=0.5)
    with pytest.raises(KeyboardInterrupt):
        learn(*cut, recipe, checkpoint=path, on_epoch=die)
    again = parts(space, dropout=0.5, seed=5)
    resumed = learn(*again, recipe, checkpoint=path)
    assert resumed.losses == losses and resumed.steps == 6
    assert torch.equal(weights(whole, prior), weights(*again)) and not path.exists()


def test_a_broken_checkpoint_is_named_and_training_starts_over(tmp_path: Path) -> None:
    path, (model, prior) = tmp_path / "partial.pt", parts(None)
    path.write_bytes(b"no checkpoint")
    with pytest.warns(UserWarning, match="unreadable checkpoint"):
        learn(model, prior, StageRecipe(**TINY), checkpoint=path)
    other = parts(None)
    learn(*other, StageRecipe(**TINY))
    assert torch.equal(weights(model, prior), weights(*other))


def test_epochs_and_processes_draw_their_own() -> None:
    def first(*which: int) -> tuple[float, float]:
        return tuple(torch.rand(1, generator=generator).item() for generator in epoch_generators(*which))

    assert first(0, 1, 0) == first(0, 1, 0)
    assert first(0, 1, 0)[0] == first(0, 1, 1)[0] and first(0, 1, 0)[1] != first(0, 1, 1)[1]
    assert len({first(seed, epoch, 0) for seed in (0, 1) for epoch in (0, 1)}) == 4


def test_processes_share_every_batch() -> None:
    def phi(rank: int = 0, world_size: int = 1) -> list[Tensor]:
        found = mixed_batches(TRACKS, CLIPS, 3, torch.Generator().manual_seed(0), rank, world_size)
        return [torch.stack([sample.phi for sample in batch]) for batch in found]

    for whole, first, second in zip(phi(), phi(0, 2), phi(1, 2), strict=True):
        assert torch.equal(whole[:, 0::2], first) and torch.equal(whole[:, 1::2], second)
    with pytest.raises(ValueError, match="2 clips of 'human36m' do not share out among 3"):
        phi(0, 3)
    with pytest.raises(ValueError, match="no role 'nba'"):
        mixed_batches(TRACKS, {"nba": 2}, 1, torch.Generator())


def test_two_processes_lose_what_one_loses(tmp_path: Path) -> None:
    """Over gloo, both stages: equal losses and weights at an equal batch, but for rounding."""
    one, two = tmp_path / "one.pt", tmp_path / "two.pt"
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    shared = {**os.environ, "OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}

    def start(path: Path, rank: int, size: int) -> subprocess.Popen:
        number = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(size), "LOCAL_WORLD_SIZE": str(size)}
        command = [sys.executable, str(Path(__file__).with_name("phd_processes.py")), str(path)]
        environment = shared | (number if size > 1 else {})
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    running = [start(two, 0, 2), start(two, 1, 2), start(one, 0, 1)]
    for process in running:
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, output
    single, shared_out = torch.load(one), torch.load(two)
    for a, b in zip(single["losses"], shared_out["losses"], strict=True):
        assert a == pytest.approx(b, rel=1e-4, abs=1e-7)
    assert torch.allclose(single["weights"], shared_out["weights"], atol=1e-4)
    assert shared_out["world_size"] == 2


def test_a_stage_leaves_the_running_mean_of_its_weights() -> None:
    """Trainings of 1, 2 and 3 steps pass the same points; of three, the mean keeps 0.9 at each step."""
    short, passed = StageRecipe(**{**TINY, "epochs": 1}, average=0), []
    for steps in (1, 2, 3):
        model, prior = parts(None)
        learn(model, prior, short.model_copy(update={"steps_per_epoch": steps}))
        passed.append(weights(model))
    model, prior = parts(None)
    learn(model, prior, short.model_copy(update={"steps_per_epoch": 3, "average": 0.9}))
    mean = 0.9 * (0.9 * passed[0] + 0.1 * passed[1]) + 0.1 * passed[2]
    assert torch.allclose(weights(model), mean, atol=1e-6)
    assert not torch.allclose(weights(model), passed[2], atol=1e-5)
