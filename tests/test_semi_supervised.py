"""Semi-supervised training: its loss term by term, what reaches which network, and what it needs to know."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from synthetic import clip
from torch import Tensor, nn

from phdlib import semi_supervised
from phdlib.data.windows import Batch, Windows
from phdlib.lifting import StridedTemporalModel
from phdlib.semi_supervised import Method, PoseAndTrajectory, loss_terms, place_roots, train_semi_supervised
from phdlib.skeleton import H36M17
from phdlib.training import Recipe

RECIPE = Recipe(epochs=4, batch_size=16, steps_per_epoch=3, lr=3e-3)
LABELLED = [clip(40, seed, camera=seed) for seed in range(2)]
PLAIN = [clip(40, seed, subject="S5", camera=seed - 8) for seed in (10, 11)]
FIELD = 3
PAPER = Method()


def networks(shared: bool = False, dropout: float = 0.1, seed: int = 0) -> PoseAndTrajectory:
    generator = torch.Generator().manual_seed(seed)
    size = {"filter_widths": (3,), "channels": 12, "dropout": dropout, "generator": generator}
    return PoseAndTrajectory(StridedTemporalModel, 17, shared, **size)


def train(method: Method = PAPER, net: PoseAndTrajectory | None = None, plain=PLAIN, seed: int = 0, **kwargs):
    net = net or networks(method.shared)
    windows = Windows(LABELLED, FIELD), Windows(plain, FIELD, labelled=False)
    return net, train_semi_supervised(net, *windows, RECIPE, method, seed=seed, **kwargs).losses


def halves() -> tuple[Batch, Batch]:
    """Six labelled and four plain samples, mirrored ones among both, of different cameras."""
    labelled, plain = Windows(LABELLED, FIELD), Windows(PLAIN, FIELD, labelled=False)
    return labelled.gather(torch.tensor([0, 30, 55, 79, 90, 155])), plain.gather(torch.tensor([3, 60, 100, 140]))


def weights(net: nn.Module) -> Tensor:
    return torch.cat([value.flatten().double() for value in net.state_dict().values()])


def parts(net: PoseAndTrajectory, distortion: bool = True) -> dict[str, Tensor]:
    """The four terms from the paper's words, sample by sample, for networks in evaluation mode."""
    labelled, plain = halves()
    poses, roots = net.pose(labelled.keypoints), net.trajectory(labelled.keypoints)
    off, far = labelled.joints - poses, labelled.trajectory - roots
    pixels, bones = [], []
    for one, numbers in zip(plain.keypoints, plain.intrinsics, strict=True):
        X = net.pose(one[None])[0, 0] + net.trajectory(one[None])[0, 0]
        f, c, k, p = numbers.split([2, 2, 3, 2])
        x = X[:, :2] / X[:, 2:].clamp(min=0.5)
        r2 = (x**2).sum(1, keepdim=True)
        lens = 1 + k[0] * r2 + k[1] * r2**2 + k[2] * r2**3 + (x * p).sum(1, keepdim=True)
        x = x * lens + p * r2 if distortion else x
        pixels.append((f * x + c - one[FIELD // 2]).pow(2).sum(1).sqrt().mean())
        pose = net.pose(one[None])[0, 0]
        bones.append(torch.stack([(pose[b] - pose[a]).norm() for a, b in H36M17.bones]))
    true = [torch.stack([(pose[b] - pose[a]).norm() for a, b in H36M17.bones]) for pose in labelled.joints[:, 0]]
    return {
        "pose": off.pow(2).sum(-1).sqrt().mean(),
        "trajectory": (far.pow(2).sum(-1).sqrt()[:, 0, 0] / labelled.trajectory[:, 0, 0, 2]).mean(),
        "plain trajectory": far.pow(2).sum(-1).sqrt().mean(),
        "reprojection": torch.stack(pixels).mean(),
        "bones": (torch.stack(bones).mean(0) - torch.stack(true).mean(0)).pow(2).sum(),
    }


def total(net: PoseAndTrajectory, method: Method = PAPER, both: bool = True) -> Tensor:
    labelled, plain = halves()
    return sum(loss_terms(net, (labelled, plain if both else None), None, method, H36M17).values())


def grads(net: PoseAndTrajectory, value: Tensor) -> dict[str, Tensor]:
    """Gradients of each network in one vector, zero where there is none."""
    found = {}
    for name, module in (("pose", net.pose), ("trajectory", net.trajectory)):
        wanted = list(module.parameters())
        reached = torch.autograd.grad(value, wanted, retain_graph=True, allow_unused=True)
        reached = [torch.zeros_like(w) if g is None else g for w, g in zip(wanted, reached, strict=True)]
        found[name] = torch.cat([g.flatten() for g in reached])
    return found


def test_the_terms_are_the_papers() -> None:
    net = networks().eval()
    net.trajectory.shrink.bias.data[2] = 4  # a person in front of the camera
    labelled, plain = halves()

    def terms(unlabelled: Batch | None = plain, **changes) -> dict[str, Tensor]:
        return loss_terms(net, (labelled, unlabelled), None, Method(**changes), H36M17)

    p = parts(net)
    names = {"pose": "pose", "trajectory": "trajectory", "back-projection": "reprojection", "bone length": "bones"}
    whole = terms()
    assert list(whole) == list(names)
    for name, term in whole.items():
        torch.testing.assert_close(term, p[names[name]])
    assert list(terms(None)) == ["pose", "trajectory"] and list(terms(None, trajectory="none")) == ["pose"]
    assert list(terms(bone_length=False)) == ["pose", "trajectory", "back-projection"]
    assert list(terms(trajectory="none")) == ["pose", "back-projection", "bone length"]
    torch.testing.assert_close(terms(inverse_depth_weight=False)["trajectory"], p["plain trajectory"])
    straight = parts(net, distortion=False)["reprojection"]
    assert abs(straight - p["reprojection"]) > 1e-5
    torch.testing.assert_close(terms(distortion=False)["back-projection"], straight)


def test_what_is_trained_is_the_sum_of_the_terms(monkeypatch: pytest.MonkeyPatch) -> None:
    sums, original = [], semi_supervised.loss_terms

    def spy(*args) -> dict[str, Tensor]:
        terms = original(*args)
        sums.append(sum(term.item() for term in terms.values()))
        return terms

    monkeypatch.setattr(semi_supervised, "loss_terms", spy)
    _, losses = train()
    assert losses == pytest.approx([sum(sums[i : i + 3]) / 3 for i in range(0, 12, 3)])


def test_both_halves_share_one_batch_norm() -> None:
    net, (labelled, plain) = networks(dropout=0.0).train(), halves()
    before = net.pose.expand_bn.running_mean.clone()
    total(net)
    x = net.pose.expand_conv(torch.cat((labelled.keypoints, plain.keypoints)).flatten(2).mT)
    torch.testing.assert_close(net.pose.expand_bn.running_mean, 0.9 * before + 0.1 * x.mean((0, 2)))
    assert net.pose.expand_bn.num_batches_tracked == 1


def test_the_two_networks_share_no_weight_and_shared_is_one_network() -> None:
    net = networks()
    places = [{p.data_ptr() for p in module.parameters()} for module in (net.pose, net.trajectory)]
    assert not places[0] & places[1]
    assert net.pose.expand_conv.weight.shape == net.trajectory.expand_conv.weight.shape
    assert not torch.equal(net.pose.expand_conv.weight, net.trajectory.expand_conv.weight)
    assert (net.pose.num_joints_out, net.trajectory.num_joints_out) == (17, 1)
    shared = networks(shared=True).eval()
    assert shared.trajectory is None and shared.pose.num_joints_out == 18
    x = halves()[0].keypoints
    poses, roots = shared(x)
    assert poses.shape == (6, 1, 17, 3) and roots.shape == (6, 1, 1, 3)
    assert torch.equal(torch.cat((poses, roots), dim=2), shared.pose(x))
    assert shared.receptive_field() == FIELD


def test_each_network_gets_gradients_from_its_own_labels_only() -> None:
    net = networks().eval()
    p, supervised = parts(net), grads(net, total(net, both=False))
    assert not grads(net, p["pose"])["trajectory"].any() and not grads(net, p["trajectory"])["pose"].any()
    torch.testing.assert_close(supervised["pose"], grads(net, p["pose"])["pose"])
    torch.testing.assert_close(supervised["trajectory"], grads(net, p["trajectory"])["trajectory"])


def test_back_projection_reaches_both_networks_and_bone_lengths_the_pose() -> None:
    net = networks().eval()
    net.trajectory.shrink.bias.data[2] = 4
    supervised = grads(net, total(net, both=False))
    without = grads(net, total(net, Method(bone_length=False)))
    whole = grads(net, total(net))
    for name in ("pose", "trajectory"):
        assert (without[name] - supervised[name]).norm() > 1e-3 * supervised[name].norm()
    assert (whole["pose"] - without["pose"]).norm() > 1e-4 * without["pose"].norm()
    torch.testing.assert_close(whole["trajectory"], without["trajectory"])


def test_roots_are_placed_as_the_method_reads_them() -> None:
    batch = halves()[1]
    answer = torch.tensor([0.3, -0.2, 4.5]).expand(4, 1, 1, 3)
    assert torch.equal(place_roots(answer, batch, Method(), FIELD), answer)
    still = place_roots(answer, batch, Method(trajectory="none", constant_depth=6.0), FIELD)
    assert torch.equal(still, torch.tensor([0.0, 0, 6]).expand(4, 1, 1, 3))
    ray = place_roots(answer, batch, Method(trajectory="depth"), FIELD)
    f, c = batch.intrinsics[:, :2], batch.intrinsics[:, 2:4]
    assert bool((ray[..., 2] == 4.5).all())
    torch.testing.assert_close(ray[:, 0, 0, :2] / 4.5 * f + c, batch.keypoints[:, FIELD // 2, 0])


def recorded(monkeypatch: pytest.MonkeyPatch, method: Method) -> list[tuple[int, int | None]]:
    """Sizes of both halves of every batch of a training."""
    sizes, original = [], semi_supervised.loss_terms

    def spy(net: nn.Module, both: tuple[Batch, Batch | None], *args) -> dict[str, Tensor]:
        sizes.append((len(both[0].keypoints), None if both[1] is None else len(both[1].keypoints)))
        return original(net, both, *args)

    with monkeypatch.context() as patch:
        patch.setattr(semi_supervised, "loss_terms", spy)
        train(method)
    return sizes


@pytest.mark.parametrize("warmup", [0, 1, 3, 20])
def test_after_the_warm_up_batches_are_half_and_half(monkeypatch: pytest.MonkeyPatch, warmup: int) -> None:
    sizes = recorded(monkeypatch, Method(warmup_epochs=warmup))
    alone = 3 * min(warmup, RECIPE.epochs)
    assert sizes == [(16, None)] * alone + [(16, 16)] * (3 * RECIPE.epochs - alone)


def test_without_back_projection_plain_video_is_never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert recorded(monkeypatch, Method(back_projection=False)) == [(16, None)] * 12


def test_the_warm_up_does_not_see_the_plain_video() -> None:
    other = [clip(40, 20, camera=2)]
    warm = Method(warmup_epochs=RECIPE.epochs)
    assert torch.equal(weights(train(warm)[0]), weights(train(warm, plain=other)[0]))
    assert not torch.equal(weights(train()[0]), weights(train(plain=other)[0]))


def test_plain_video_is_2d_and_intrinsics_alone() -> None:
    """VP3D-C35: neither 3D, nor what is visible, nor where a camera stands is asked for, or makes any difference."""
    nowhere = torch.full((3, 3), torch.nan)
    bare = [
        replace(
            one, joints3d=None, trajectory=None, visible=None,
            camera=replace(one.camera, rotation=nowhere, translation=nowhere[0]),
        )
        for one in PLAIN
    ]  # fmt: skip
    (known, losses), (unknown, same) = train(), train(plain=bare)
    assert torch.equal(weights(known), weights(unknown)) and losses == same
    wider = [replace(o, camera=replace(o.camera, intrinsics=o.camera.intrinsics * 1.1)) for o in bare]
    assert not torch.equal(weights(known), weights(train(plain=wider)[0]))


def test_training_reduces_the_loss_and_the_seed_decides_it() -> None:
    (a, losses), (b, _), (c, _) = train(), train(), train(seed=1)
    assert torch.equal(weights(a), weights(b)) and not torch.equal(weights(a), weights(c))
    assert bool(weights(a).isfinite().all()) and losses[-1] < losses[1]  # from the second on they have the same terms


class Killed(Exception):
    pass


@pytest.mark.parametrize("epochs_before", [1, 3], ids=["after the warm-up", "later"])
def test_a_killed_run_ends_with_the_same_weights(tmp_path: Path, epochs_before: int) -> None:
    whole, losses = train()
    checkpoint, left = tmp_path / "partial.pt", [epochs_before]

    def die() -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    with pytest.raises(Killed):
        train(checkpoint=checkpoint, on_epoch=die)
    assert checkpoint.exists()
    resumed, resumed_losses = train(net=networks(seed=5), checkpoint=checkpoint)
    assert torch.equal(weights(whole), weights(resumed)) and losses == resumed_losses and not checkpoint.exists()


@pytest.mark.parametrize("form", [{"trajectory": "depth"}, {"shared": True}, {"shared": True, "trajectory": "depth"}])
def test_other_forms_train(form: dict) -> None:
    method = Method(**form)
    net, losses = train(method)
    assert bool(weights(net).isfinite().all()) and losses[-1] < losses[1]


def test_without_a_trajectory_its_network_learns_nothing() -> None:
    def of(net: nn.Module, names: Callable[[str], bool]) -> Tensor:
        return torch.cat([p.detach().flatten() for name, p in net.named_parameters() if names(name)])

    net, _ = train(Method(trajectory="none"))
    fresh = networks()
    assert torch.equal(of(net, lambda n: "trajectory" in n), of(fresh, lambda n: "trajectory" in n))
    assert not torch.equal(of(net, lambda n: "pose" in n), of(fresh, lambda n: "pose" in n))


def test_unknown_settings_are_refused() -> None:
    for wrong in ({"bones": True}, {"trajectory": "guess"}, {"warmup_epochs": -1}):
        with pytest.raises(ValueError, match="validation error"):
            Method(**wrong)
