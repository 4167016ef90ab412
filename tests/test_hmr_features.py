"""Features of real images: files with wrong ones are named, and SPIN's names lead each weight to its place."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from phdlib.data.clip import Clip
from phdlib.data.hmr_features import (
    BackboneFeatures,
    crop,
    keypoint_boxes,
    load_backbone,
    normalized,
    read_features,
    torchvision_names,
    with_features,
)
from phdlib.resnet import RESNET50, ResNet
from phdlib.skeleton import PENN13


def spin_state(seed: int = 0) -> dict[str, torch.Tensor]:
    """A state dict with the names and shapes of SPIN's HMR, written down from He et al.'s table, not from ours."""
    g = torch.Generator().manual_seed(seed)
    state: dict[str, torch.Tensor] = {}

    def conv(name: str, outputs: int, inputs: int, kernel: int) -> None:
        state[f"{name}.weight"] = (
            torch.randn(outputs, inputs, kernel, kernel, generator=g) * (inputs * kernel**2) ** -0.5
        )

    def norm(name: str, width: int) -> None:
        for part, scale, shift in (("weight", 0.1, 1.0), ("bias", 0.1, 0.0), ("running_mean", 0.1, 0.0)):
            state[f"{name}.{part}"] = torch.randn(width, generator=g) * scale + shift
        state[f"{name}.running_var"] = torch.rand(width, generator=g) + 0.5
        state[f"{name}.num_batches_tracked"] = torch.tensor(1000)

    conv("conv1", 64, 3, 7)
    norm("bn1", 64)
    inputs = 64
    for stage, (width, depth) in enumerate(zip((64, 128, 256, 512), (3, 4, 6, 3), strict=True), start=1):
        for i in range(depth):
            name = f"layer{stage}.{i}"
            for k, shape in enumerate(((width, inputs, 1), (width, width, 3), (4 * width, width, 1)), start=1):
                conv(f"{name}.conv{k}", *shape)
                norm(f"{name}.bn{k}", shape[0])
            if i == 0:
                conv(f"{name}.downsample.0", 4 * width, inputs, 1)
                norm(f"{name}.downsample.1", 4 * width)
            inputs = 4 * width
    for name, shape in {"fc1": (1024, 2205), "fc2": (1024, 1024), "decpose": (144, 1024), "decshape": (10, 1024),
                        "deccam": (3, 1024)}.items():  # fmt: skip
        state |= {f"{name}.weight": torch.zeros(shape), f"{name}.bias": torch.zeros(shape[0])}
    return state | {"init_pose": torch.zeros(1, 144), "init_shape": torch.zeros(1, 10), "init_cam": torch.zeros(1, 3)}


def plain_resnet50(state: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """ResNet-50 with the stride in the 3x3 convolution, line by line from the state dict."""

    def norm(name: str, x: torch.Tensor) -> torch.Tensor:
        mean, var, weight, bias = (
            state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return F.batch_norm(x, mean, var, weight, bias)

    x = F.relu(norm("bn1", F.conv2d(x, state["conv1.weight"], stride=2, padding=3)))
    x = F.max_pool2d(x, 3, 2, 1)
    for stage, depth in enumerate((3, 4, 6, 3), start=1):
        for i in range(depth):
            name, stride = f"layer{stage}.{i}", 2 if stage > 1 and i == 0 else 1
            y = F.relu(norm(f"{name}.bn1", F.conv2d(x, state[f"{name}.conv1.weight"])))
            y = F.relu(norm(f"{name}.bn2", F.conv2d(y, state[f"{name}.conv2.weight"], stride=stride, padding=1)))
            y = norm(f"{name}.bn3", F.conv2d(y, state[f"{name}.conv3.weight"]))
            if i == 0:
                x = norm(f"{name}.downsample.1", F.conv2d(x, state[f"{name}.downsample.0.weight"], stride=stride))
            x = F.relu(x + y)
    return F.avg_pool2d(x, x.shape[-1]).flatten(1)


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    return spin_state()


@pytest.fixture(scope="module")
def checkpoint(state, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("spin") / "model_checkpoint.pt"
    torch.save({"model": state, "epoch": 3, "dataset_perm": np.arange(5)}, path)
    return path


def test_features_are_those_of_the_network_that_the_names_describe(state, checkpoint):
    network = load_backbone(checkpoint)
    image = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found, expected = network(normalized(image)), plain_resnet50(state, normalized(image))
    assert found.shape == (1, 2048) and expected.std() > 0.01
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert not network.training and not any(p.requires_grad for p in network.parameters())


def test_every_weight_has_one_name(state):
    ours = {key.rpartition(".")[0] for key in ResNet(**RESNET50).state_dict()}
    names = torchvision_names()
    assert set(names) == ours and len(set(names.values())) == len(names)
    assert {key.rpartition(".")[0] for key in state if key.startswith(("conv1", "bn1", "layer"))} == set(names.values())


def test_files_of_old_and_of_several_gpus(state, tmp_path, checkpoint):
    bare = {f"module.{key}": value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    torch.save(bare, tmp_path / "bare.pt")
    a, b = load_backbone(tmp_path / "bare.pt").state_dict(), load_backbone(checkpoint).state_dict()
    assert all(torch.equal(a[key], b[key]) for key in a if not key.endswith("num_batches_tracked"))


class Hostile:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer3.4.bn2.running_var": None}, r"found no 'layer3\.4\.bn2\.running_var', expected the layers of a"),
        (
            {"conv1.weight": torch.zeros(64, 3, 3, 3)},
            r"conv1\.weight: found shape \(64, 3, 3, 3\), expected \(64, 3, 7,",
        ),
        (
            {"layer1.0.bn1.bias": torch.full((64,), torch.nan)},
            r"layer1\.0\.bn1\.bias: found numbers that are not finite",
        ),
        ({"layer3.6.conv1.weight": torch.zeros(1)}, r"found 'layer3\.6\.conv1\.weight' besides a ResNet-50, expected"),
        ({"conv1.weight": 3}, "model: found .* expected a dictionary of tensors"),
        (None, "model: found int, expected a dictionary of tensors"),
    ],
)
def test_a_wrong_checkpoint_is_one_clear_error(tmp_path, state, change, message):
    path = tmp_path / "wrong.pt"
    flat = {key: torch.zeros(()).expand(value.shape) for key, value in state.items()}  # small on disk
    wrong = 3 if change is None else {key: value for key, value in (flat | change).items() if value is not None}
    torch.save({"model": wrong}, path)
    with pytest.raises(ValueError, match=message) as error:
        load_backbone(path)
    assert str(error.value).startswith(f"{path}: ") and "expected" in str(error.value)


def test_a_hostile_a_cut_and_a_missing_checkpoint(tmp_path, state):
    path = tmp_path / "hostile.pt"
    torch.save({"model": state, "epoch": Hostile(tmp_path / "touched")}, path)
    with pytest.raises(ValueError, match=r"hostile\.pt: refused, it holds more than weights"):
        load_backbone(path)
    assert not (tmp_path / "touched").exists()
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"hostile\.pt: not a readable checkpoint"):
        load_backbone(path)
    with pytest.raises(FileNotFoundError, match=r"no checkpoint at .*absent\.pt"):
        load_backbone(tmp_path / "absent.pt")


@pytest.mark.parametrize("key", ["features", "phi"])
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_precomputed_features(tmp_path, key, kind):
    phi = np.random.default_rng(0).random((7, 2048)).astype(kind)
    np.savez(tmp_path / "0502.npz", **{key: phi}, other=np.zeros(3))
    found = read_features(tmp_path / "0502.npz", 7)
    assert found.dtype == torch.float32 and np.array_equal(found, phi.astype(np.float32))
    assert torch.equal(with_features([clip(7)], tmp_path)[0].features, found)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"x": np.zeros((7, 2048))}, r"found neither features nor phi, expected features \(T, 2048\)"),
        ({"features": np.zeros((7, 1024))}, r"features: found float64 \(7, 1024\), expected numbers \(7, 2048\)"),
        ({"features": np.zeros((6, 2048))}, "features: found 6 frames, expected 7 as the video has"),
        ({"features": np.zeros((0, 2048))}, r"features: found float64 \(0, 2048\), expected"),
        ({"features": np.zeros((7, 2048), int)}, "features: found int64"),
        ({"features": np.full((7, 2048), np.inf)}, "features: found a number that is not finite in frame 0"),
        ({"features": np.array(os.system, dtype=object)}, "features: refused"),
    ],
)
def test_wrong_features_are_one_clear_error(tmp_path, content, message):
    np.savez(tmp_path / "v.npz", **content)
    with pytest.raises(ValueError, match=message) as error:
        read_features(tmp_path / "v.npz", 7)
    assert str(tmp_path / "v.npz") in str(error.value) and "expected" in str(error.value)


def clip(T: int = 5, **changes) -> Clip:
    points = torch.rand(T, 13, 2, generator=torch.Generator().manual_seed(0)) * 60 + 20
    return Clip("0502", "unknown", "Bowl", 25.0, "penn", PENN13, keypoints2d=points, **changes)


def test_boxes_hold_the_visible_joints():
    visible = torch.ones(5, 13, dtype=torch.bool)
    visible[:, 3:] = False
    visible[0, 1:] = False  # too few in the first and the fourth frame
    visible[3] = False
    shown = clip(visible=visible)
    boxes = keypoint_boxes(shown)
    assert torch.equal(boxes[0], boxes[1]) and torch.equal(boxes[3], boxes[2]) and not torch.equal(boxes[3], boxes[4])
    seen = shown.keypoints2d[4, :3]
    low, high = seen.amin(0), seen.amax(0)
    torch.testing.assert_close(boxes[4], torch.cat(((low + high) / 2, 1.2 * (high - low).max()[None])))
    with pytest.raises(ValueError, match="found no frame with two visible keypoints"):
        keypoint_boxes(clip(visible=torch.zeros(5, 13, dtype=torch.bool)))


@pytest.mark.parametrize("box", [(30, 20, 10), (0, 0, 10), (59, 39, 12), (30, 20, 200), (-50, 20, 10), (30, 99, 10)])
def test_a_crop_shows_what_the_box_holds(box):
    """Against an image that is padded far enough for any box; without change of size, then with."""
    image = torch.randint(0, 256, (3, 40, 60), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    x, y, side = box
    wide = F.pad(image.float() / 255, (200, 200, 200, 200))
    left, top = round(x - side / 2) + 200, round(y - side / 2) + 200
    expected = wide[:, top : top + side, left : left + side]
    torch.testing.assert_close(crop(image, torch.tensor(box, dtype=torch.float32), side), expected)
    shrunk = F.interpolate(expected[None], (5, 5), mode="bilinear", antialias=True)[0]
    torch.testing.assert_close(crop(image, torch.tensor(box, dtype=torch.float32), 5), shrunk)
    with pytest.raises(ValueError, match="found a box of 1000000 pixels, expected"):
        crop(image, torch.tensor([0.0, 0.0, 1e6]))


def test_a_provider_reads_frames_and_says_what_is_missing():
    torch.manual_seed(0)
    network = ResNet(4, (4, 8), (1, 1), generator=torch.Generator().manual_seed(0)).eval()
    frames = torch.randint(0, 256, (35, 3, 100, 120), dtype=torch.uint8)
    shown = clip(35, frames=frames)
    phi = BackboneFeatures(network).features(shown)
    boxes = keypoint_boxes(shown)
    with torch.no_grad():
        alone = network(normalized(crop(frames[33], boxes[33])[None]))
    torch.testing.assert_close(phi[33:34], alone, atol=1e-5, rtol=1e-4)
    with pytest.raises(ValueError, match="needs frames, found None"):
        BackboneFeatures(network).features(clip())
