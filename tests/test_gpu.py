"""The same code on a GPU: equal answers, and a training that goes the same way. Skipped where there is none."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from phd_small import FEATURES, small_tracks
from synthetic import clip
from torch import nn

from phdlib.camera import solve_weak_perspective
from phdlib.data.windows import Windows
from phdlib.dynamics import Autoregressor
from phdlib.folding import fold_batch_norm
from phdlib.lifting import StridedTemporalModel, TemporalModel
from phdlib.phd_model import PHD
from phdlib.phd_training import FutureRecipe, Learned, StageRecipe, future_outcome, movie_outcome, train_stage
from phdlib.prior import FactorizedPrior
from phdlib.seq2seq import Seq2Seq
from phdlib.training import Recipe, Trained, local_fabric, train_lifter

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
KEYPOINTS = torch.randn(2, 60, 17, 2, generator=torch.Generator().manual_seed(0)) * 0.3


@pytest.fixture(autouse=True)
def full_precision():
    """TensorFloat-32 would round to three digits."""
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("causal", [False, True])
def test_models_agree(folded: bool, causal: bool) -> None:
    model = TemporalModel(17, 2, 17, (3, 3, 3), causal, generator=torch.Generator().manual_seed(1)).eval()
    model = fold_batch_norm(model) if folded else model
    with torch.no_grad():
        here = model(KEYPOINTS)
        there = model.cuda()(KEYPOINTS.cuda()).cpu()
    assert (here - there).norm(dim=-1).max() < 1e-5  # metres


def test_the_lstm_agrees() -> None:
    model = Seq2Seq(17, 2, 17, channels=64, generator=torch.Generator().manual_seed(1)).eval()
    with torch.no_grad():
        here, there = model(KEYPOINTS[:, :5]), model.cuda()(KEYPOINTS[:, :5].cuda()).cpu()
    assert (here - there).norm(dim=-1).max() < 1e-5


def small_training(fabric: Fabric, **options) -> Trained:
    model = StridedTemporalModel(
        17, 2, 17, (3, 3), dropout=0.0, channels=64, generator=torch.Generator().manual_seed(2)
    )
    windows = Windows([clip(60, i) for i in range(3)], 9, device=fabric.device)
    recipe = Recipe(epochs=2, batch_size=32, steps_per_epoch=5)
    return train_lifter(model, windows, recipe, seed=0, fabric=fabric, **options)


def small_stage(fabric: Fabric, stage: int, **options) -> Learned:
    """PHD's stage 1 or 2 on small data of all roles."""
    tracks, generator = small_tracks(device=fabric.device), torch.Generator().manual_seed(0)
    real, sizes = tracks["human36m"], {"blocks": 2, "groups": 4, "hidden": 32, "dropout": 0.0, "generator": generator}
    model = PHD(real.mean_omega(), FEATURES, 16, space=None if stage == 1 else "latent", **sizes)
    given = {"epochs": 2, "steps_per_epoch": 3, "clips": dict.fromkeys(tracks, 2), "lr": 1e-3}
    recipe = StageRecipe(**given) if stage == 1 else FutureRecipe(**given)

    def objective(batch, epoch, prior, draws):
        if stage == 1:
            return movie_outcome(model, batch, recipe.weights, prior, draws)
        return future_outcome(model, batch, recipe, recipe.own_at(epoch), prior)

    trained = nn.ModuleList([model.f_movie, model.f_3d if stage == 1 else model.f_ar])
    prior = FactorizedPrior(hidden=8, generator=generator)
    return train_stage(model, trained, objective, tracks, recipe, prior=prior, real=real, seed=0, fabric=fabric,
                       **options)  # fmt: skip


TRAININGS: dict[str, Callable[..., Trained | Learned]] = {
    "lifter": small_training,
    "stage 1": lambda fabric, **options: small_stage(fabric, 1, **options),
    "stage 2": lambda fabric, **options: small_stage(fabric, 2, **options),
}


@pytest.mark.parametrize("name", TRAININGS)
def test_training_goes_the_same_way(name: str) -> None:
    """Without dropout, whose draws differ between devices, the losses of both agree for some steps."""
    here, there = (TRAININGS[name](fabric).losses for fabric in (Fabric(accelerator="cpu", devices=1), local_fabric()))
    for ours, theirs in zip(here, there, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("name", TRAININGS)
def test_a_training_that_was_stopped_goes_on(name: str, tmp_path: Path) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    whole = TRAININGS[name](local_fabric()).losses
    with pytest.raises(KeyboardInterrupt):
        TRAININGS[name](local_fabric(), checkpoint=tmp_path / "partial.pt", on_epoch=stop)
    resumed = TRAININGS[name](local_fabric(), checkpoint=tmp_path / "partial.pt").losses
    for ours, theirs in zip(whole, resumed, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-3, abs=1e-6)


def test_futures_agree() -> None:
    """Rolled out with a state and by encoding anew; and PHD's whole way from phi."""
    generator = torch.Generator().manual_seed(3)
    phi, f_ar = torch.randn(2, 15, 32, generator=generator), Autoregressor(32, groups=4, generator=generator).eval()
    model = PHD(torch.randn(85, generator=generator), 32, 16, groups=4, hidden=32, generator=generator).eval()
    with torch.no_grad():
        here = [f_ar.rollout(phi, 30), f_ar.reencoded(phi, 30), *model.forecast(phi, 30)]
        f_ar, model, phi = f_ar.cuda(), model.cuda(), phi.cuda()
        there = [f_ar.rollout(phi, 30), f_ar.reencoded(phi, 30), *model.forecast(phi, 30)]
    for ours, theirs in zip(here, there, strict=True):
        torch.testing.assert_close(ours, theirs.cpu(), atol=1e-4, rtol=1e-4)


def test_cameras_agree() -> None:
    """Eq. 6, where joints are hidden, and where none is seen."""
    generator = torch.Generator().manual_seed(4)
    x, target = (torch.randn(50, 17, 2, generator=generator) for _ in range(2))
    visible = torch.rand(50, 17, generator=generator) < 0.7
    visible[0] = False
    here = solve_weak_perspective(x, target, visible)
    for ours, theirs in zip(here, solve_weak_perspective(x.cuda(), target.cuda(), visible.cuda()), strict=True):
        torch.testing.assert_close(ours, theirs.cpu(), atol=1e-5, rtol=1e-5)
