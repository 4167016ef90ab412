"""The plain loop is the same training, so that a ratio of speeds compares like with like; and what is written down."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from synthetic import clip

from phdlib import benchmarks, timing
from phdlib.benchmarks import inference_speeds, seconds_per_frame, training_speeds
from phdlib.data.windows import Windows
from phdlib.experiments import LiftingExperiment
from phdlib.lifting import StridedTemporalModel
from phdlib.plain import PlainDataset, PlainLifter, plain_loop
from phdlib.timing import best_seconds, in_turns, times_as_fast
from phdlib.training import Recipe, train


@pytest.fixture(autouse=True)
def same_threads_afterwards():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def pair(widths: tuple[int, ...]) -> tuple[StridedTemporalModel, PlainLifter]:
    """Both forms with the same weights."""
    ours = StridedTemporalModel(17, 2, 17, widths, dropout=0.0, channels=8, generator=torch.Generator().manual_seed(0))
    plain = PlainLifter(17, widths, 8, 0.0)
    layers = [ours.expand_conv, ours.expand_bn]
    layers += [layer for both in zip(ours.layers_conv, ours.layers_bn, strict=True) for layer in both] + [ours.shrink]
    weights = [value for layer in layers for value in layer.state_dict().values()]
    plain.load_state_dict(dict(zip(plain.state_dict(), weights, strict=True)))
    return ours, plain


@pytest.mark.parametrize("widths", [(3, 3), (3, 3, 3), (1, 1, 1), (5,)])
def test_the_plain_lifter_is_the_same_function_in_training(widths: tuple[int, ...]) -> None:
    ours, plain = (model.train() for model in pair(widths))
    x = torch.randn(6, ours.receptive_field(), 17, 2)
    torch.testing.assert_close(ours(x), plain(x), atol=1e-5, rtol=1e-4)


def test_the_plain_loop_is_the_same_training() -> None:
    ours, plain = (model.train() for model in pair((3, 3)))
    windows = Windows([clip(40)], 9)
    batches = list(windows.epoch(16, torch.Generator().manual_seed(0)))
    recipe = Recipe(epochs=1, batch_size=16)
    train(ours, lambda *_: batches, lambda net, b, _: (net(b.keypoints) - b.joints).norm(dim=-1).mean(), recipe, seed=0)
    optimizer = torch.optim.Adam(plain.parameters(), lr=recipe.lr, amsgrad=True)
    plain_loop(plain, optimizer, [(b.keypoints, b.joints) for b in batches])
    torch.testing.assert_close(ours.shrink.weight, plain.shrink.weight, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(ours.expand_conv.weight, plain.expand[0].weight, atol=1e-4, rtol=1e-3)


def test_the_plain_samples_are_the_windows() -> None:
    clips = [clip(13, 1), clip(21, 2)]
    plain, windows = PlainDataset(clips, 9), Windows(clips, 9)
    every = windows.gather(torch.arange(len(windows)))
    keypoints, joints = (torch.stack(part) for part in zip(*(plain[i] for i in range(len(plain))), strict=True))
    assert torch.equal(keypoints, every.keypoints) and torch.equal(joints, every.joints)


def test_runs_take_turns_and_the_best_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    order, times = [], [0, 5, 10, 11, 20, 22, 30, 37]
    runs = {"a": lambda: order.append("a"), "b": lambda: order.append("b")}
    for measure, expected in ((in_turns, {"a": [5, 2], "b": [1, 7]}), (best_seconds, {"a": 2, "b": 1})):
        clock = iter(times)
        monkeypatch.setattr(timing.time, "perf_counter", lambda clock=clock: next(clock))
        assert measure(runs, rounds=2) == expected
    assert order == ["a", "b", "a", "b"] * 2


def test_a_busy_moment_does_not_change_a_ratio() -> None:
    """All of a round is slow together: the ratio is that of the calm rounds, and the interval says how sure it is."""
    rng = np.random.default_rng(0)
    busy = np.where(np.arange(20) < 7, 3.0, 1.0)
    one, other = busy * rng.normal(1, 0.02, 20), busy * rng.normal(2, 0.04, 20)
    effect = times_as_fast(one, other, rng)
    assert 1.95 < effect.low < effect.value < effect.high < 2.05
    assert times_as_fast(one, one, rng) == (1, 1, 1)


def test_speeds_are_of_the_work_that_was_done() -> None:
    clips = benchmarks.noise(2, 30)
    speeds = training_speeds(clips, (3,), 8, 32, rounds=1)
    assert list(speeds) == ["ours", "plain", "plain, batches ready"] and min(speeds.values()) > 0
    small = {"filter_widths": (3,), "channels": 8, "recipe": Recipe(batch_size=8)}
    forms = {"1f": LiftingExperiment(**small), "4": LiftingExperiment(**small, chunk=4, form="layered")}
    taken = seconds_per_frame(forms, clips, batches=2, rounds=1)
    assert list(taken) == ["1f", "4"] and all(len(one) == 1 and one[0] > 0 for one in taken.values())
    names = ["batch 1", "batch 1, folded", "batch 2", "batch 2, folded"]
    assert list(inference_speeds(8, (1, 2), 8, 1)) == names
    speeds = benchmarks.paper_speeds(benchmarks.noise(2, 50), (3, 3), 8, 16, steps=1, rounds=1)
    assert list(speeds) == [f"{what}, {of}" for of in ("float32", "TensorFloat-32") for what in ("lifter", "stage 2")]
    assert min(speeds.values()) > 0


def test_every_number_says_what_it_is_and_where_it_was_measured(figures: Path, capsys) -> None:
    assert benchmarks.main(["1"], clips=2, frames=150, channels=8) == 0
    devices = json.loads((figures / "benchmarks.json").read_text())
    content = devices[benchmarks.machine()["device"]]
    assert len(devices) == 1 and content["revision"]
    assert {"cpu", "cores", "threads", "torch", "device"} <= set(content["machine"])
    assert content["machine"]["threads"] == 1 and content["machine"]["torch"] == torch.__version__
    count = 2 * 5 + 6 + 3 + 4 * torch.cuda.is_available()
    assert len(content["measured"]) == count
    units = {"windows/s", "poses/s", "steps/s", "x", "ms"}
    for entry in content["measured"]:
        assert entry["value"] > 0 and entry["unit"] in units and len(entry["what"]) > 20
    assert capsys.readouterr().out.count("\n") == count


def test_the_numbers_of_other_devices_stay(figures: Path) -> None:
    figures.mkdir()
    (figures / "benchmarks.json").write_text('{"NVIDIA": {"measured": []}}')
    assert benchmarks.main(["1"], clips=2, frames=150, channels=8) == 0
    assert json.loads((figures / "benchmarks.json").read_text()).keys() == {"NVIDIA", benchmarks.machine()["device"]}
