"""Zero padding in the paper's unpadded form: equal to padding every convolution, and to the usual model inside."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from synthetic import clip
from torch import Tensor
from torch.nn import functional as F

from phdlib import experiments
from phdlib.data.windows import Windows
from phdlib.evaluation import evaluate_lifter
from phdlib.experiments import LiftingExperiment
from phdlib.lifting import TemporalModel
from phdlib.runs import read_or_run
from phdlib.training import Recipe
from phdlib.zero_padding import BorderExperiment, SameLength, ZeroPaddedModel, ZeroWindows, errors

WIDTHS = (3, 3, 3)
RECIPE = Recipe(epochs=2, batch_size=16, steps_per_epoch=3)
SMALL = BorderExperiment(filter_widths=(3,), channels=16, form="layered", border="zeros", recipe=RECIPE)


def model(kind: type[TemporalModel] = ZeroPaddedModel) -> TemporalModel:
    """With batch norm as after some training: a shift, so that a state of zeros would not stay one."""
    generator = torch.Generator().manual_seed(0)
    net = kind(17, 2, 17, WIDTHS, channels=16, generator=generator).eval()
    for norm in (net.expand_bn, *net.layers_bn):
        norm.running_mean.uniform_(-1, 1, generator=generator)
        norm.bias.data.uniform_(-1, 1, generator=generator)
    return net


def padded_in_every_layer(net: TemporalModel, keypoints: Tensor) -> Tensor:
    """The usual zero-padded network, written down plainly: (B, T, J, 2) -> (B, T, J, 3)."""

    def conv(layer: torch.nn.Conv1d, x: Tensor) -> Tensor:
        (width,), (dilation,) = layer.kernel_size, layer.dilation
        return F.conv1d(x, layer.weight, layer.bias, dilation=dilation, padding=(width - 1) * dilation // 2)

    x = F.relu(net.expand_bn(conv(net.expand_conv, keypoints.flatten(2).mT)))
    for wide, norm, mix, mix_norm in net.blocks():
        x = x + F.relu(mix_norm(conv(mix, F.relu(norm(conv(wide, x))))))
    return conv(net.shrink, x).mT.unflatten(2, (17, 3))


@torch.no_grad()
def test_it_is_the_network_that_pads_every_convolution() -> None:
    net, keypoints = model(), torch.randn(2, 40, 17, 2, generator=torch.Generator().manual_seed(1))
    whole = SameLength(net)(keypoints)
    assert torch.allclose(whole, padded_in_every_layer(net, keypoints), atol=1e-5)
    inside = slice(13, -13)  # 27 frames: no convolution there reaches beyond the ends
    usual = model(TemporalModel)(keypoints)
    assert usual.shape[1] == 14 and torch.allclose(whole[:, inside], usual, atol=1e-5)
    assert not torch.allclose(whole, padded_in_every_layer(net, keypoints + 0.01), atol=1e-3)


@torch.no_grad()
def test_a_window_is_answered_as_the_whole_clip_is() -> None:
    net, clips = model(), [clip(30, 0), clip(21, 1)]
    samples = ZeroWindows(clips, 27, flip=False).gather(torch.arange(51))
    whole = [SameLength(net)(one.screen_keypoints()[None])[0] for one in clips]
    assert torch.allclose(net(samples.keypoints)[:, 0], torch.cat(whole), atol=1e-5)


def test_windows_are_zero_beyond_the_ends_and_equal_inside() -> None:
    clips = [clip(30, 0), clip(21, 1)]
    zero, usual = (kind(clips, 9) for kind in (ZeroWindows, Windows))
    ours, theirs = (windows.gather(torch.arange(len(windows))) for windows in (zero, usual))
    frame = torch.cat([torch.arange(len(one)) for one in clips]).repeat(2)
    length = torch.cat([torch.full((len(one),), len(one)) for one in clips]).repeat(2)
    seen = frame[:, None] + torch.arange(-4, 5)
    inside = (seen >= 0) & (seen < length[:, None])
    assert torch.equal(ours.keypoints[inside], theirs.keypoints[inside])
    assert not ours.keypoints[~inside].any() and theirs.keypoints[~inside].any()
    assert (~inside).sum() == 2 * 2 * 2 * (1 + 2 + 3 + 4)  # clips, ends, mirrored or not
    assert torch.equal(ours.joints, theirs.joints)


@pytest.fixture
def small_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHDLIB_CACHE", str(tmp_path))
    monkeypatch.setattr(
        experiments, "load_clips", lambda data, keypoints, part, role: (clip(30, 0), clip(35, int(part == "test")))
    )


@pytest.mark.usefixtures("small_data")
def test_the_experiment_with_replicated_borders_is_the_usual_one() -> None:
    usual = read_or_run(LiftingExperiment(**shared(SMALL)).prepared())
    ours = read_or_run(SMALL.model_copy(update={"border": "replicate"}).prepared())
    assert usual.losses == ours.losses
    assert all(np.array_equal(value, ours.weights[name]) for name, value in usual.weights.items())
    assert np.allclose(usual.clips["mpjpe"], ours.clips["mpjpe"], rtol=1e-5)


@pytest.mark.usefixtures("small_data")
def test_the_two_borders_begin_alike_and_end_apart() -> None:
    zeros, usual = (SMALL.model_copy(update={"border": border}) for border in ("zeros", "replicate"))
    begun = zeros.model().state_dict(), usual.model().state_dict()
    assert all(torch.equal(begun[0][name], begun[1][name]) for name in begun[0])
    one, other = (read_or_run(experiment.prepared()) for experiment in (zeros, usual))
    assert one.losses != other.losses and one.ends["frames"].tolist() == [2, 2]
    net = SameLength(zeros.trained_model(one))
    assert np.allclose(evaluate_lifter(net, zeros.clips("test"))["mpjpe"], one.clips["mpjpe"], rtol=1e-5)


def shared(experiment: BorderExperiment) -> dict:
    return {name: getattr(experiment, name) for name in LiftingExperiment.model_fields if name not in ("infra", "key")}


def test_errors_at_the_ends_are_those_of_the_first_and_last_frames() -> None:
    class Late(torch.nn.Module):
        """Poses that are wrong by a metre in the first 5 and the last 5 frames, and right elsewhere."""

        causal = False

        def __init__(self, truth: Tensor) -> None:
            super().__init__()
            self.register_buffer("truth", truth)
            self.eval()

        def receptive_field(self) -> int:
            return 1

        def forward(self, keypoints: Tensor) -> Tensor:
            poses = self.truth.clone()
            poses[:5, :, 0] += 1
            poses[-5:, :, 0] += 1
            return poses[None]

    one = clip(40, 0)
    every, ends = errors(Late(one.joints3d), [one], reach=5, flip=False)
    assert every["frames"].tolist() == [40] and ends["frames"].tolist() == [10]
    assert every["mpjpe"].item() == pytest.approx(250, rel=1e-4) and ends["mpjpe"].item() == pytest.approx(1000)
