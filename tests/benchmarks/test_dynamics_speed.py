"""How fast PHD's f_AR rolls out. Shown with ``pytest -s tests/benchmarks/test_dynamics_speed.py``.

Streaming is held against encoding the last 13 frames anew for each step, as the released code does: in our own form
(``reencoded``), and as one would write it with torch's ``conv1d``. The bounds leave room for a busy machine.
"""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from phdlib.dynamics import Autoregressor
from phdlib.timing import best_seconds

STEPS = 30


def plain_rollout(f_ar: Autoregressor, strip: Tensor, weights: dict[nn.Conv1d, Tensor]) -> Tensor:
    """``f_ar.reencoded`` from torch's parts; ``weights`` lie as conv1d likes them."""
    T = strip.shape[1]
    for _ in range(STEPS):
        x = strip[:, -f_ar.receptive_field() :].mT
        B, C, frames = x.shape
        for block in f_ar.stack.blocks:
            h = x
            for norm, conv in ((block.norm1, block.conv1), (block.norm2, block.conv2)):
                h = F.relu(norm(h.mT.reshape(B * frames, C)).view(B, frames, C).mT)
                h = F.conv1d(F.pad(h, (2, 0), mode="replicate"), weights[conv], conv.bias)
            x = x + h
        strip = torch.cat((strip, x[:, :, -1:].mT), dim=1)
    return strip[:, T:]


@pytest.mark.parametrize(
    ("channels", "batch", "rounds"), [(128, 32, 6), (256, 32, 6), (2048, 1, 1)], ids=["128", "256", "2048"]
)
@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
def test_rollout(channels, batch, rounds, training):
    if training and channels == 2048:
        pytest.skip("a minute, for a case that belongs on a GPU")
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    f_ar = Autoregressor(channels, generator=generator)
    strip = torch.randn(batch, 15, channels, generator=generator)
    weights = {m: m.weight.detach().contiguous().requires_grad_() for m in f_ar.modules() if isinstance(m, nn.Conv1d)}
    ways = {
        "streaming": lambda: f_ar.rollout(strip, STEPS),
        "13 frames anew": lambda: f_ar.reencoded(strip, STEPS),
        "the same with conv1d": lambda: plain_rollout(f_ar, strip, weights),
    }
    with torch.set_grad_enabled(training):
        outputs = {name: way() for name, way in ways.items()}
        runs = {name: (lambda way=way: way().sum().backward()) if training else way for name, way in ways.items()}
        seconds = best_seconds(runs, rounds)
    for output in outputs.values():
        assert (output - outputs["streaming"]).abs().max() < 1e-5
    ratio = {name: taken / seconds["streaming"] for name, taken in seconds.items()}
    print(f"\n{STEPS} steps, width {channels}, batch {batch}, {'training' if training else 'inference'}, one thread")
    for name, taken in seconds.items():
        print(f"{name:<21} {1000 * taken:7.1f} ms, {ratio[name]:.1f} x streaming's")
    assert ratio["the same with conv1d"] > 4
    assert ratio["13 frames anew"] > 2


@pytest.mark.parametrize("steps", [2, 25])
def test_the_gradient_by_hand(steps):
    """Stage 2's rollout and its gradient, against automatic differentiation of the same frames."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    f_ar = Autoregressor(128, groups=8, generator=generator)
    with torch.no_grad():
        first, state = f_ar.advance(torch.randn(16, 15, 128, generator=generator))
    first = first[:, -1:].clone().requires_grad_()

    def automatic() -> Tensor:
        frames, seen = [first], state
        while len(frames) < steps:
            following, seen = f_ar.advance(frames[-1], seen)
            frames.append(following)
        return torch.cat(frames, dim=1)

    ways = {"by hand": lambda: f_ar._continue(first, state, steps), "automatic": automatic}
    assert torch.equal(*(way() for way in ways.values()))
    seconds = best_seconds({name: lambda way=way: way().sum().backward() for name, way in ways.items()}, 6)
    ratio = seconds["automatic"] / seconds["by hand"]
    print(f"\n{steps} steps, width 128, batch 16: by hand {1000 * seconds['by hand']:.1f} ms, {ratio:.2f} x as fast")
    assert ratio > (1.3 if steps == 25 else 0.5)
