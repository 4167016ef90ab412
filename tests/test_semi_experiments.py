from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from synthetic import clip

from phdlib import semi_experiments
from phdlib.camera import project_perspective
from phdlib.evaluation import METRICS, evaluate_lifter
from phdlib.experiments import LiftingResult
from phdlib.lifting import TemporalModel, predict
from phdlib.runs import read_or_run
from phdlib.semi_experiments import SemiSupervisedExperiment, evaluate_networks
from phdlib.semi_supervised import Method
from phdlib.training import Recipe

SMALL = SemiSupervisedExperiment(
    filter_widths=(3,), channels=16, dropout=0.1, recipe=Recipe(epochs=2, batch_size=16, steps_per_epoch=3)
)
SUPERVISED = SMALL.model_copy(update={"method": Method(back_projection=False)})


@pytest.fixture(autouse=True)
def small_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four training clips of two subjects and two of a third for testing, and an empty cache."""
    train = [clip(30 + i, i, subject=("S1", "S5")[i // 2], camera=i) for i in range(4)]
    parts = {"train": tuple(train), "test": tuple(clip(25, 7 + i, subject="S9", camera=i) for i in range(2))}
    monkeypatch.setenv("PHDLIB_CACHE", str(tmp_path))
    monkeypatch.setattr(semi_experiments, "load_clips", lambda data, keypoints, part: parts[part])


def networks(experiment: SemiSupervisedExperiment, result: LiftingResult):
    net = experiment.networks()
    net.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in result.weights.items()})
    return net.eval()


@pytest.mark.parametrize("experiment", [SMALL, SUPERVISED], ids=["semi-supervised", "supervised"])
def test_a_result_is_computed_once_and_holds_both_networks(
    experiment: SemiSupervisedExperiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = read_or_run(experiment.prepared())
    for name in ("train_lifter", "train_semi_supervised"):
        monkeypatch.setattr(semi_experiments, name, None)  # a second training would fail
    again = read_or_run(experiment.prepared())
    assert result.clips.equals(again.clips) and result.losses == again.losses and result.steps == 6
    net, test = networks(experiment, again), experiment.clips("test")
    assert evaluate_networks(net, test, experiment.method).equals(result.clips)
    plain = evaluate_lifter(net.pose, test)  # the result itself is of the folded model
    assert np.allclose(plain[list(METRICS)], result.clips[list(METRICS)], rtol=1e-4)
    assert {"root", "reprojection"} <= set(result.clips) or experiment is SUPERVISED
    assert not (Path(experiment.prepared().infra.uid_folder()) / "partial.pt").exists()


def test_the_baseline_is_the_pose_network_on_the_labels_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, original = [], semi_experiments.train_lifter

    def spy(model, windows, *args, **kwargs):
        seen.append((model, len(windows)))
        return original(model, windows, *args, **kwargs)

    monkeypatch.setattr(semi_experiments, "train_lifter", spy)
    monkeypatch.setattr(semi_experiments, "train_semi_supervised", None)
    result = read_or_run(SUPERVISED.prepared())
    ((model, samples),) = seen
    assert model.num_joints_out == 17 and samples == 2 * (30 + 31)
    fresh = SUPERVISED.networks().state_dict()
    others = [name for name in fresh if not name.startswith("pose")]
    assert others and all(np.array_equal(fresh[name].numpy(), result.weights[name]) for name in others)
    assert "root" not in result.clips


def test_both_start_from_the_same_weights() -> None:
    supervised, semi = SUPERVISED.networks().state_dict(), SMALL.networks().state_dict()
    assert all(torch.equal(supervised[name], semi[name]) for name in semi)


def test_the_root_and_the_reprojection_are_measured_by_clip() -> None:
    net, test = SMALL.networks().eval(), SMALL.clips("test")
    net.trajectory.shrink.bias.data[2] = 4  # in front of the camera
    rows = evaluate_networks(net, test, SMALL.method)
    for one, row in zip(test, rows.itertuples(), strict=True):
        keypoints = one.screen_keypoints()
        root, pose = (predict(part, keypoints, one.skeleton) for part in (net.trajectory, net.pose))
        assert row.root == pytest.approx(1000 * (root[:, 0] - one.trajectory).norm(dim=-1).mean().item(), rel=1e-5)
        pixels = (project_perspective(pose + root, one.camera.intrinsics) - one.keypoints2d).norm(dim=-1).mean()
        assert row.reprojection == pytest.approx(pixels.item(), rel=1e-4)


def test_a_shared_network_answers_with_the_root_last() -> None:
    shared, test = SMALL.model_copy(update={"method": Method(shared=True)}), SMALL.clips("test")
    net = shared.networks().eval()
    net.pose.shrink.weight.data[51:] = 0
    net.pose.shrink.bias.data[51:] = torch.tensor([0.0, 0.0, 9.0])
    rows = evaluate_networks(net, test, shared.method)
    expected = [1000 * (one.trajectory - torch.tensor([0.0, 0.0, 9.0])).norm(dim=-1).mean().item() for one in test]
    assert rows["root"].tolist() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "method",
    [{"shared": True}, {"trajectory": "depth"}, {"trajectory": "none"}, {"shared": True, "trajectory": "depth"}],
)
def test_other_methods_run(method: dict) -> None:
    experiment = SMALL.model_copy(update={"method": Method(**method)})
    result = read_or_run(experiment.prepared())
    assert np.isfinite(result.clips[list(METRICS)]).all(axis=None)
    assert ("root" in result.clips) == (experiment.method.trajectory != "none")
    net, test = networks(experiment, result), experiment.clips("test")
    if experiment.method.shared:  # the pose is the shared network's first 17 joints
        alone = TemporalModel(17, 2, 17, (3,), dropout=0.1, channels=16)
        state = net.pose.state_dict()
        alone.load_state_dict(state | {name: state[name][:51] for name in ("shrink.weight", "shrink.bias")})
        plain = evaluate_lifter(alone.eval(), test)[list(METRICS)]
        assert np.allclose(plain, result.clips[list(METRICS)], rtol=1e-5)


def test_every_field_has_a_key_of_its_own() -> None:
    changes = {
        "recipe": Recipe(epochs=2, batch_size=16, steps_per_epoch=3, lr=2e-3), "seed": 1, "keypoints": "gt",
        "every": 5, "labelled": ("S5",), "fraction": 0.5, "draw": 1, "filter_widths": (1,), "channels": 17,
        "dropout": 0.2, "method": Method(warmup_epochs=2),
    }  # fmt: skip
    assert set(changes) == set(SemiSupervisedExperiment.model_fields) - {"data", "key", "infra"}
    methods = {
        "back_projection": False, "bone_length": False, "trajectory": "none", "inverse_depth_weight": False,
        "distortion": False, "shared": True, "constant_depth": 4.0, "warmup_epochs": 3,
    }  # fmt: skip
    assert set(methods) == set(Method.model_fields)
    variants = [SMALL, *(SMALL.model_copy(update={name: value}) for name, value in changes.items())]
    variants += [SMALL.model_copy(update={"method": Method(**{name: value})}) for name, value in methods.items()]
    assert len({experiment.prepared().infra.uid() for experiment in variants}) == len(variants)


def test_the_frame_rate_and_the_labelled_part_are_the_experiments() -> None:
    slow = SMALL.model_copy(update={"every": 5, "fraction": 0.5})
    assert {one.fps for one in slow.clips("train")} == {10.0}
    assert [len(one) for one in slow.clips("train")] == [6, 7, 7, 7]
    parts = slow.subset()
    assert {one.subject for one in parts.labelled} == {"S1"} and len(parts.unlabelled) == 4
    assert [len(one) for one in parts.labelled] in ([3, 3], [2, 4])  # 6 of 13 frames, by which take comes first
    names = [tuple(one.take for one in slow.model_copy(update={"draw": d}).subset().labelled) for d in (0, 0, 1, 2, 3)]
    assert names[0] == names[1] and len(set(names)) > 1
    assert {field.name for field in fields(LiftingResult)} >= {"clips", "weights"}
