"""The authors' file layout is read; everything else is refused with a line that says what and where."""

import os
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from phdlib.lifting import TemporalModel, load_videopose3d


def model(joints_out: int = 17, widths: tuple[int, ...] = (3, 3, 3), channels: int = 8, **changes) -> TemporalModel:
    return TemporalModel(
        17, 2, joints_out, widths, channels=channels, generator=torch.Generator().manual_seed(joints_out), **changes
    ).eval()


def content(**changes) -> dict:
    pose = model()
    optimizer = torch.optim.Adam(pose.parameters(), amsgrad=True)
    pose(torch.zeros(1, 27, 17, 2)).sum().backward()
    optimizer.step()
    return {
        "epoch": 80,
        "lr": 1.7e-5,
        "random_state": np.random.RandomState(1234),
        "optimizer": optimizer.state_dict(),
        "model_pos": pose.state_dict(),
        **changes,
    }


def save(path: Path, data: object, legacy: bool = False) -> Path:
    torch.save(data, path, _use_new_zipfile_serialization=not legacy)
    return path


def assert_same(loaded: TemporalModel, original: TemporalModel) -> None:
    keypoints = torch.randn(1, 40, 17, 2, generator=torch.Generator().manual_seed(0))
    assert not loaded.training
    assert torch.equal(loaded(keypoints), original(keypoints))


@pytest.mark.parametrize("legacy", [True, False], ids=["2018 format", "zip format"])
@pytest.mark.parametrize(
    "random_state",
    [
        np.random.RandomState(1234),
        np.random.RandomState(1234).get_state(),
        np.random.RandomState(7).get_state(legacy=False),
    ],
    ids=["object", "tuple", "dictionary"],
)
def test_a_published_layout_is_read(tmp_path, legacy, random_state):
    data = content(random_state=random_state)
    original = model()
    original.load_state_dict(data["model_pos"])
    pose, trajectory = load_videopose3d(save(tmp_path / "model.bin", data, legacy))
    assert trajectory is None
    assert_same(pose, original)


def test_a_trajectory_model_comes_along(tmp_path):
    data = content(model_traj=model(1).state_dict())
    pose, trajectory = load_videopose3d(save(tmp_path / "model.bin", data))
    assert (pose.num_joints_out, trajectory.num_joints_out) == (17, 1)
    assert_same(trajectory, model(1))


@pytest.mark.parametrize("widths", [(1, 1, 1), (3,), (3, 3, 3, 3, 3), (5, 3)])
def test_sizes_are_read_off_the_weights(tmp_path, widths):
    original = model(widths=widths, channels=6)
    pose, _ = load_videopose3d(save(tmp_path / "model.bin", {"model_pos": original.state_dict()}))
    assert (pose.filter_widths, pose.channels, pose.num_joints_in) == (widths, 6, 17)
    assert pose.receptive_field() == original.receptive_field()


def test_causality_is_the_callers_word(tmp_path):
    path = save(tmp_path / "model.bin", content())
    assert load_videopose3d(path, causal=True).pose_model.causal
    assert not load_videopose3d(path).pose_model.causal


def test_files_from_before_batch_counters(tmp_path):
    state = {k: v for k, v in model().state_dict().items() if not k.endswith("num_batches_tracked")}
    pose, _ = load_videopose3d(save(tmp_path / "model.bin", {"model_pos": state}))
    assert_same(pose, model())


def altered(key: str, value: torch.Tensor | None) -> dict:
    state = dict(model().state_dict())
    if value is None:
        del state[key]
    else:
        state[key] = value
    return {"model_pos": state}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"epoch": 1}, r"expected a dictionary with the key 'model_pos', found \['epoch'\]"),
        ([1, 2], "found list"),
        ({"model_pos": 3}, "model_pos: expected a dictionary of tensors, found int"),
        (altered("expand_conv.weight", None), r"expand_conv\.weight: .* found no such key"),
        (altered("shrink.weight", torch.zeros(51)), r"shrink\.weight: .* found \(51,\)"),
        (altered("shrink.bias", torch.zeros(50)), r"shrink\.bias: expected shape \(51,\), found \(50,\)"),
        (altered("shrink.weight", torch.zeros(50, 8, 1)), "3 outputs per joint, found 34 and 50"),
        (altered("layers_conv.2.weight", None), r"missing keys \['layers_conv\.2\.weight'\]"),
        (altered("layers_conv.2.weight", torch.zeros(8, 8, 4)), "odd kernels"),
        (
            altered("layers_bn.0.running_var", torch.full((8,), torch.nan)),
            "running_var: holds numbers that are not finite",
        ),
        (altered("something.else", torch.zeros(1)), r"unexpected keys \['something\.else'\]"),
        ({**content(), "model_traj": {"a": torch.zeros(1)}}, r"model_traj: expand_conv\.weight"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, data, message):
    path = save(tmp_path / "model.bin", data)
    with pytest.raises(ValueError, match=message) as error:
        load_videopose3d(path)
    assert str(path) in str(error.value)


class Hostile:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("key", ["random_state", "model_pos", "optimizer"])
def test_code_in_a_file_is_refused_and_does_not_run(tmp_path, legacy, key):
    target = tmp_path / "touched"
    path = save(tmp_path / "model.bin", content(**{key: Hostile(target)}), legacy)
    with pytest.raises(ValueError, match="refused") as error:
        load_videopose3d(path)
    assert not target.exists()
    assert re.search("posix|nt|system", str(error.value))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("legacy", [True, False])
def test_a_broken_file_is_one_clear_error(tmp_path, share, legacy):
    path = save(tmp_path / "model.bin", content(), legacy)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(ValueError, match=re.escape(str(path))):
        load_videopose3d(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent\.bin"):
        load_videopose3d(tmp_path / "absent.bin")


def test_a_claim_of_ten_gigabytes_is_not_believed(tmp_path):
    """Storage and shape say so in the pickle; the record beside it holds a few kilobytes."""
    path = save(tmp_path / "model.bin", {"model_pos": {"a": torch.zeros(1000)}})
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            assert not name.endswith("data.pkl") or data.count(b"M\xe8\x03") == 2
            archive.writestr(name, data.replace(b"M\xe8\x03", b"J" + (2_000_000_000).to_bytes(4, "little")))
    with pytest.raises(
        ValueError, match=r"model\.bin: not a readable checkpoint: .*8000000000 bytes.*expected a whole"
    ):
        load_videopose3d(path)
