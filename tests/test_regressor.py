"""f_3D and the single-frame predictors: their iterations by hand, their starts, their dropout, what they refuse."""

import pytest
import torch
from torch import Tensor, nn

from phdlib.dynamics import PoseRegressor
from phdlib.hallucination import Hallucinator, KeypointForecaster
from phdlib.regressor import IterativeRegressor, split_omega


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(*shape: int, seed: int = 1, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=dtype)


def f_3d(seed: int = 0, offsets: tuple[int, ...] = (-10, -5), **changes) -> PoseRegressor:
    """Strips of 4 numbers, one joint, so omega has 3 + 3 + 10."""
    model = PoseRegressor(noise(16, seed=9), 4, offsets, **{"hidden": 5, **changes}, generator=generator(seed))
    for module in model.modules():
        if isinstance(module, nn.Linear):
            module.bias.data = noise(*module.bias.shape, seed=seed)
    return model.double().eval()


def by_hand(regressor: IterativeRegressor, Phi: Tensor, omega: Tensor, iterations: int) -> Tensor:
    for _ in range(iterations):
        x = torch.cat((Phi, omega))
        for layer in (regressor.fc1, regressor.fc2):
            x = (layer.weight @ x + layer.bias).clamp(min=0)
        omega = omega + regressor.fc3.weight @ x + regressor.fc3.bias
    return omega


@pytest.mark.parametrize("iterations", [1, 3])
def test_the_iterations_by_hand(iterations):
    model, Phi = f_3d(iterations=iterations), noise(2, 3, 4)
    omega, nearby = model(Phi)
    assert omega.shape == (2, 3, 16) and list(nearby) == [-10, -5]
    for b in range(2):
        for t in range(3):
            present = by_hand(model.present, Phi[b, t], model.start, iterations)
            torch.testing.assert_close(omega[b, t], present)
            for offset in (-10, -5):
                moved = by_hand(model.nearby[str(offset)], Phi[b, t], present[:-10], iterations)
                torch.testing.assert_close(nearby[offset][b, t], torch.cat((moved, present[-10:])))


def test_it_starts_at_the_mean():
    start = noise(85, dtype=torch.float32)
    model = PoseRegressor(start, 32, generator=generator()).eval()
    omega, nearby = model(noise(4, 6, 32, dtype=torch.float32))
    for out in (omega, *nearby.values()):
        assert out.shape == (4, 6, 85)
        assert 0 < (out - start).std() < 0.2
    assert torch.equal(model.start, start) and model.start is not start


def test_nearby_frames_on_request_and_strips_without_time():
    model, Phi = f_3d(offsets=(-5, 5)), noise(7, 4)
    assert list(model(Phi).nearby) == [-5, 5]
    assert model(Phi, nearby=False).nearby == {}
    torch.testing.assert_close(model(Phi, nearby=False).omega, model(Phi).omega)
    assert f_3d(offsets=())(Phi).nearby == {}
    torch.testing.assert_close(model(Phi[3]).omega, model(Phi).omega[3])


def test_a_single_frame_head_starts_f_3d():
    head, model = f_3d(seed=3, offsets=()), f_3d(seed=0)
    model.present.load_state_dict(head.present.state_dict())
    assert torch.equal(model(noise(7, 4)).omega, head(noise(7, 4)).omega)


def test_the_parts_of_omega():
    parts = split_omega(torch.arange(85.0).expand(2, 85))
    assert [part.shape for part in parts] == [(2, 3), (2, 72), (2, 10)]
    assert torch.equal(torch.cat(parts, dim=-1)[0], torch.arange(85.0))


def test_gradients():
    model, Phi = f_3d(), noise(2, 4)

    def flat(Phi: Tensor) -> Tensor:
        omega, nearby = model(Phi)
        return torch.cat((omega, *nearby.values()), dim=-1)

    assert torch.autograd.gradcheck(flat, Phi.requires_grad_())
    flat(Phi).square().sum().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in model.parameters())


def test_dropout_follows_its_generator_and_keeps_the_mean():
    model, Phi = f_3d().train(), noise(2, 3, 4)
    before = torch.get_rng_state()
    a, b, c = (model(Phi, generator(seed)).omega for seed in (1, 1, 2))
    assert torch.equal(a, b) and not torch.equal(a, c)
    assert torch.equal(torch.get_rng_state(), before)
    dropped = model.present._drop(torch.ones(1000, 1000), generator())
    assert dropped.dtype == torch.float32 and set(dropped.unique().tolist()) == {0, 2}
    assert dropped.mean().item() == pytest.approx(1, abs=5e-3)
    assert torch.equal(model.eval()(Phi, generator(1)).omega, model(Phi).omega)
    certain = f_3d(dropout=0.0)
    assert torch.equal(certain.train()(Phi).omega, certain.eval()(Phi).omega)


def test_one_seed_one_model():
    before = torch.get_rng_state()
    for build in (
        lambda seed: PoseRegressor(torch.zeros(85), 6, hidden=8, generator=generator(seed)),
        lambda seed: Hallucinator(6, generator=generator(seed)),
        lambda seed: KeypointForecaster(6, 3, 8, generator=generator(seed)),
    ):
        one, same, other = (build(seed).state_dict() for seed in (1, 1, 2))
        assert all(torch.equal(one[name], same[name]) for name in one)
        assert not any(torch.equal(one[name], other[name]) for name in one if name.endswith("weight"))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_number_of_weights_at_the_papers_size():
    def mlp(inputs: int, outputs: int) -> int:
        return inputs * 1024 + 1024 + 1024 * 1024 + 1024 + 1024 * outputs + outputs

    model = PoseRegressor(torch.zeros(85))
    assert sum(p.numel() for p in model.present.parameters()) == mlp(2048 + 85, 85) == 3_321_941
    assert sum(p.numel() for p in model.parameters()) == 85 + mlp(2133, 85) + 2 * mlp(2048 + 75, 75) == 9_924_928


def test_a_hallucinated_strip():
    hallucinate, phi = Hallucinator(8, 5, generator=generator()).double(), noise(2, 3, 8)
    fc1, fc2, fc3 = hallucinate.fc1, hallucinate.fc2, hallucinate.fc3
    expected = phi + fc3(fc2(fc1(phi).clamp(min=0)).clamp(min=0))
    torch.testing.assert_close(hallucinate(phi), expected)
    assert 0 < (expected - phi).std() < 0.1  # it starts as the features themselves
    assert torch.autograd.gradcheck(hallucinate, noise(2, 8).requires_grad_())


def test_a_forecast_of_keypoints():
    forecaster = KeypointForecaster(6, 3, 16, generator=generator()).double()
    phi, keypoints = noise(4, 6), noise(4, 3, 2)
    future = forecaster(phi, keypoints, 5)
    assert future.shape == (4, 5, 3, 2)
    assert 0 < (future - keypoints[:, None]).std() < 0.1  # it starts as "nothing moves"
    torch.testing.assert_close(forecaster(phi, keypoints, 2), future[:, :2])
    assert torch.autograd.gradcheck(lambda phi: forecaster(phi, keypoints[:2], 2), noise(2, 6).requires_grad_())


def test_a_forecaster_learns():
    """Joints that drift by what the features say."""
    phi, keypoints = noise(64, 6), noise(64, 3, 2)
    truth = keypoints[:, None] + torch.arange(1, 6)[:, None, None] * 0.1 * phi.unflatten(1, (3, 2))[:, None]
    forecaster = KeypointForecaster(6, 3, 32, generator=generator()).double()
    optimizer, losses = torch.optim.Adam(forecaster.parameters(), lr=1e-2), []
    for _ in range(60):
        loss = (forecaster(phi, keypoints, 5) - truth).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"start: expected \(85,\).* found \(1, 85\)"):
        PoseRegressor(torch.zeros(1, 85))
    with pytest.raises(ValueError, match=r"found \(13,\)"):
        PoseRegressor(torch.zeros(13))
    for offsets in ((0,), (5, 5)):
        with pytest.raises(ValueError, match="distinct and not zero"):
            f_3d(offsets=offsets)
    with pytest.raises(ValueError, match="iterations must be at least 1, found 0"):
        f_3d(iterations=0)
    with pytest.raises(ValueError, match=r"dropout .* found 1\.0"):
        f_3d(dropout=1.0)
    with pytest.raises(ValueError, match=r"Phi: expected \(\.\.\., 4\), found \(2, 5\)"):
        f_3d()(noise(2, 5))
    with pytest.raises(ValueError, match=r"phi: expected \(\.\.\., 8\), found \(2, 5\)"):
        Hallucinator(8)(noise(2, 5))
    forecaster = KeypointForecaster(6, 3, 8)
    for phi, keypoints, steps in (((2, 5), (2, 3, 2), 1), ((2, 6), (1, 3, 2), 1), ((2, 6), (2, 3, 2), 0)):
        with pytest.raises(ValueError, match=r"expected phi \(B, 6\), keypoints \(B, 3, 2\), steps >= 1"):
            forecaster(noise(*phi), noise(*keypoints), steps)
