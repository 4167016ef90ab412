"""The same code on a GPU: equal answers, and a training that goes the same way. Skipped where there is none."""

import pytest
import torch
from lightning_fabric import Fabric
from synthetic import clip

from phdlib.data.windows import Windows
from phdlib.folding import fold_batch_norm
from phdlib.lifting import StridedTemporalModel, TemporalModel
from phdlib.seq2seq import Seq2Seq
from phdlib.training import Recipe, local_fabric, train_lifter

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


def test_training_goes_the_same_way() -> None:
    """Without dropout, whose draws differ between devices, the losses of both agree for some steps."""
    recipe = Recipe(epochs=2, batch_size=32, steps_per_epoch=5)
    losses = []
    for fabric in (Fabric(accelerator="cpu", devices=1), local_fabric()):
        generator = torch.Generator().manual_seed(2)
        model = StridedTemporalModel(17, 2, 17, (3, 3), dropout=0.0, channels=64, generator=generator)
        windows = Windows([clip(60, i) for i in range(3)], 9, device=fabric.device)
        losses.append(train_lifter(model, windows, recipe, seed=0, fabric=fabric).losses)
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
