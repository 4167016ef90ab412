"""The factorized prior: what each discriminator sees, the least-squares game, and that it tells poses apart."""

import math

import pytest
import torch
from torch import Tensor

from phdlib.prior import CRITICS, JOINTS, FactorizedPrior, discriminator_loss, encoder_loss


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def prior(seed: int = 0, hidden: int = 24) -> FactorizedPrior:
    return FactorizedPrior(hidden=hidden, generator=generator(seed))


def people(*batch: int, seed: int = 1, size: float = 0.4) -> tuple[Tensor, Tensor]:
    draws = generator(seed)
    return size * torch.randn(*batch, 72, generator=draws), torch.randn(*batch, 10, generator=draws)


@pytest.mark.parametrize("batch", [(), (5,), (2, 3)])
def test_23_joints_a_pose_and_a_shape(batch: tuple[int, ...]) -> None:
    assert (JOINTS, CRITICS) == (23, 25)
    assert prior()(*people(*batch)).shape == (*batch, 25)


def test_the_widths_are_hmrs() -> None:
    """9-32-32 shared, 23 x 32-1, 736-1024-1024-1, 10-10-5-1, biases with all."""
    shared, joints = (9 * 32 + 32) + (32 * 32 + 32), 23 * (32 + 1)
    pose = (23 * 32 * 1024 + 1024) + (1024 * 1024 + 1024) + (1024 + 1)
    shape = (10 * 10 + 10) + (10 * 5 + 5) + (5 + 1)
    assert sum(p.numel() for p in FactorizedPrior().parameters()) == shared + joints + pose + shape


@torch.no_grad()
def test_each_discriminator_sees_its_own() -> None:
    net, (theta, beta) = prior(), people(4)
    before = net(theta, beta)

    def changed(theta: Tensor, beta: Tensor) -> list[int]:
        return (net(theta, beta) - before).abs().amax(0).gt(1e-6).nonzero()[:, 0].tolist()

    assert changed(theta, beta + 1) == [24]
    for joint in (0, 1, 9, 23):  # SMPL's numbers; 0 is the global rotation
        turned = theta.clone()
        turned[:, 3 * joint : 3 * joint + 3] += 0.5
        assert changed(turned, beta) == ([] if joint == 0 else [joint - 1, 23])


@torch.no_grad()
def test_a_rotation_counts_not_the_vector_that_writes_it() -> None:
    net, (theta, beta) = prior().double(), people(3)
    vectors = theta.double().view(3, 24, 3)
    angle = vectors.norm(dim=-1, keepdim=True)
    same = vectors * (angle - 2 * math.pi) / angle
    torch.testing.assert_close(net(same.flatten(1), beta.double()), net(theta.double(), beta.double()))


def test_least_squares_by_hand() -> None:
    real, predicted = torch.tensor([[1.0, 0.5], [2.0, 1.0]]), torch.tensor([[0.0, 0.5], [1.0, -1.0], [0.0, 0.0]])
    assert discriminator_loss(real, predicted).item() == pytest.approx((0.25 + 1) / 2 + (0.25 + 2) / 3)
    assert encoder_loss(predicted).item() == pytest.approx((1 + 0.25 + 0 + 4 + 1 + 1) / 3)
    perfect = torch.ones(4, CRITICS), torch.zeros(2, CRITICS)
    assert discriminator_loss(*perfect).item() == 0 and encoder_loss(perfect[0]).item() == 0
    assert encoder_loss(perfect[1]).item() == CRITICS
    halves = torch.full((3, CRITICS), 0.5)  # critics that cannot tell: the game's equilibrium
    assert discriminator_loss(halves, halves).item() == pytest.approx(CRITICS / 2)


def game(seed: int, steps: int = 80) -> tuple[FactorizedPrior, list[float]]:
    """Knees that bend one way, of people of average shape, against any rotations of anybody."""
    net, draws = prior(seed), generator(seed + 10)
    optimizer, losses = torch.optim.Adam(net.parameters(), lr=3e-3), []
    for _ in range(steps):
        loss = discriminator_loss(net(*real(draws)), net(*false(draws)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return net, losses


def real(draws: torch.Generator, count: int = 64) -> tuple[Tensor, Tensor]:
    theta = torch.zeros(count, 24, 3)
    theta[..., 0] = torch.rand(count, 24, generator=draws)
    return theta.flatten(1), 0.2 * torch.randn(count, 10, generator=draws)


def false(draws: torch.Generator, count: int = 64) -> tuple[Tensor, Tensor]:
    return 1.5 * torch.randn(count, 72, generator=draws), 2 * torch.randn(count, 10, generator=draws)


def test_training_tells_real_poses_from_false_and_repeats() -> None:
    net, losses = game(0)
    assert losses[-1] < 0.25 * losses[0]
    with torch.no_grad():
        accepted, refused = net(*real(generator(99))), net(*false(generator(98)))
    assert bool((accepted.mean(0) - refused.mean(0) > 0.5).all())  # each of the 25
    assert game(0)[1] == losses and game(1)[1] != losses


def test_the_encoders_loss_leads_poses_to_real_ones() -> None:
    """Descending it through theta bends bodies towards what the critics accept; all joints and shapes get gradients."""
    net, _ = game(0)
    theta, beta = (x.clone().requires_grad_() for x in false(generator(5), 16))
    before = encoder_loss(net(theta, beta))
    before.backward()
    joints = theta.grad.view(16, 24, 3).abs().sum((0, 2))
    assert joints[0] == 0 and bool((joints[1:] > 0).all()) and bool((beta.grad.abs().sum(0) > 0).all())
    with torch.no_grad():
        after = encoder_loss(net(theta - 0.05 * theta.grad, beta - 0.05 * beta.grad))
    assert after < before


def test_the_rest_pose_has_a_finite_gradient() -> None:
    theta, beta = torch.zeros(1, 72, requires_grad=True), torch.zeros(1, 10)
    encoder_loss(prior()(theta, beta)).backward()
    assert bool(theta.grad.isfinite().all())


def test_weights_come_from_the_generator_alone() -> None:
    torch.manual_seed(1)
    first = prior(3).state_dict()
    torch.manual_seed(2)
    state = torch.get_rng_state()
    again, other = prior(3).state_dict(), prior(4).state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["joint_weight"], other["joint_weight"])
    assert not torch.equal(first["embed.0.weight"], other["embed.0.weight"])
    assert bool((first["joint_bias"] == 0).all()) and first["joint_weight"].abs().max() <= math.sqrt(6 / 33)


def test_other_shapes_are_named() -> None:
    with pytest.raises(ValueError, match=r"theta \(4, 69\), beta \(4, 10\); expected \(\.\.\., 72\)"):
        prior()(torch.zeros(4, 69), torch.zeros(4, 10))
    with pytest.raises(ValueError, match=r"beta \(10,\)"):
        prior()(torch.zeros(4, 72), torch.zeros(10))
