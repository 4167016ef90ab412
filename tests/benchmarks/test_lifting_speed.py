"""How fast the lifter is, each form beside the plain model in the same run. Shown with ``pytest -s tests/benchmarks``.

The bounds asserted here leave room for a busy machine; what was measured is what is printed.
"""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from phdlib import metrics
from phdlib.benchmarks import noise, training_speeds
from phdlib.folding import fold_batch_norm
from phdlib.lifting import StridedTemporalModel, TemporalModel
from phdlib.losses import mpjpe_loss
from phdlib.timing import best_seconds

CPU = Path("/proc/cpuinfo")
HAS_AMX = CPU.exists() and "amx_bf16" in CPU.read_text()


def motion(clips: int, frames: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Swinging figures of a person's size, five metres away: keypoints (B, T, 17, 2), poses (B, T, 17, 3) in metres."""
    shape = torch.Generator().manual_seed(5)
    rest = torch.randn(17, 3, generator=shape) * torch.tensor([0.25, 0.45, 0.15])
    modes = 0.05 * torch.randn(10, 17, 3, generator=shape)
    rate, phase = 0.02 + 0.2 * torch.rand(2, clips, 1, 10, generator=generator)
    swing = torch.sin(rate * torch.arange(frames)[:, None] + 30 * phase) * torch.randn(
        clips, 1, 10, generator=generator
    )
    poses = rest + torch.einsum("btk,kjc->btjc", swing, modes)
    poses = poses - poses[:, :, :1]
    seen = poses + torch.tensor([0.0, 0.0, 5.0]) + 0.3 * torch.randn(clips, 1, 1, 3, generator=generator)
    return 2.3 * seen[..., :2] / seen[..., 2:], poses


@pytest.fixture(scope="module", params=[(3, 3, 3), (3, 3, 3, 3, 3)], ids=["27 frames", "243 frames"])
def trained(request: pytest.FixtureRequest) -> TemporalModel:
    """The paper's model after a short training: random weights would be no fair test of rounding."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    model = StridedTemporalModel(17, 2, 17, request.param, generator=generator)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, amsgrad=True, fused=True)
    middle = model.receptive_field() // 2
    for _ in range(100):
        keypoints, poses = motion(32, model.receptive_field(), generator)
        loss = mpjpe_loss(model(keypoints, generator), poses[:, middle : middle + 1])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    dilated = TemporalModel(17, 2, 17, request.param)
    dilated.load_state_dict(model.state_dict())
    return dilated.eval()


def test_folded_inference(trained):
    keypoints, _ = motion(1, 5000, torch.Generator().manual_seed(1))
    forms = {
        "plain": trained,
        "float32": fold_batch_norm(trained),
        "bfloat16, compensated": fold_batch_norm(trained, torch.bfloat16),
        "bfloat16": fold_batch_norm(trained, torch.bfloat16, compensated=False),
    }
    with torch.inference_mode():
        exact = trained.double()(keypoints.double())
        trained.float()
        seconds = best_seconds({name: lambda form=form: form(keypoints) for name, form in forms.items()})
        moved = {name: 1000 * (form(keypoints) - exact).norm(dim=-1) for name, form in forms.items()}
    speed = {name: seconds["plain"] / taken for name, taken in seconds.items()}
    print(f"\nreceptive field {trained.receptive_field()}, 5000 frames, one thread")
    for name in forms:
        shift = f"joints move {moved[name].mean():.4f} mm in the mean, {moved[name].max():.4f} at most"
        print(f"{name:<22} {1000 * seconds[name]:6.0f} ms, {speed[name]:.2f} x plain; {shift}")
    assert moved["float32"].max() < 0.01 and moved["bfloat16, compensated"].max() < 0.1
    assert moved["bfloat16"].mean() < 5
    assert speed["float32"] > 1.0
    if HAS_AMX:
        assert speed["bfloat16, compensated"] > 1.3 and speed["bfloat16"] > 2


def test_training_step():
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    keypoints, poses = motion(128, 27, generator)
    steps = {}
    for name, cls in (("dilated", TemporalModel), ("strided", StridedTemporalModel)):
        model = cls(17, 2, 17, (3, 3, 3), channels=256, generator=generator)
        optimizer = torch.optim.Adam(model.parameters(), amsgrad=True, fused=True)

        def step(model=model, optimizer=optimizer):
            optimizer.zero_grad()
            mpjpe_loss(model(keypoints, generator), poses[:, 13:14]).backward()
            optimizer.step()

        steps[name] = step
    seconds = best_seconds(steps)
    ratio = seconds["dilated"] / seconds["strided"]
    print(
        f"\ntraining step, 27 frames, 256 channels, 128 clips: {1000 * seconds['strided']:.1f} ms, {ratio:.1f} x faster"
    )
    assert ratio > 1.5


@pytest.mark.parametrize(("widths", "batch"), [((3, 3, 3), 128), ((3, 3), 256)], ids=["27 frames", "9 frames"])
def test_training_loop_beside_a_plain_one(widths, batch):
    """The whole loop, from gathering a batch to the optimiser's step; the target is 1.3 x."""
    torch.set_num_threads(1)
    speed = training_speeds(noise(3, 500), widths, 256, batch)
    fed, ready = (speed["ours"] / speed[name] for name in ("plain", "plain, batches ready"))
    print(
        f"\ntraining, {3 ** len(widths)} frames, 256 channels, batch {batch}, dropout 0.25: "
        f"{speed['ours']:.0f} windows/s, {fed:.1f} x a plain loop, {ready:.1f} x one whose batches are ready"
    )
    assert fed > 1.2 and ready > 1.2


def test_streaming_and_alignment():
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    stream = TemporalModel(17, 2, 17, (3,) * 5, causal=True, generator=generator).eval().stream()
    frame, poses = torch.randn(1, 17, 2, generator=generator), torch.randn(2, 10_000, 17, 3, generator=generator)
    seconds = best_seconds({"frame": lambda: stream.push(frame), "align": lambda: metrics.p_mpjpe(*poses)}, 20)
    print(f"\none streamed frame of the 243-frame model: {1000 * seconds['frame']:.1f} ms")
    print(f"P-MPJPE of 10,000 frames: {1000 * seconds['align']:.0f} ms")
    assert seconds["frame"] < 0.02  # 50 frames a second
    assert seconds["align"] < 1
