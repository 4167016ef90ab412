"""PHD as one module: what its parts are given, causality, the spaces, and forecasts."""

from __future__ import annotations

import pytest
import torch
from phd_small import BODY, FEATURES
from torch import Tensor

from phdlib.phd_model import OFFSETS, PHD, predicted
from phdlib.skeleton import H36M17

START = 0.1 * torch.randn(85, generator=torch.Generator().manual_seed(7))
SPACES = ("latent", "pose", "pose absolute")


def model(space: str | None = "latent", seed: int = 0, **options) -> PHD:
    sizes = {"groups": 4, "hidden": 24, "blocks": 2, **options}
    return PHD(START, FEATURES, 16, space=space, **sizes, generator=torch.Generator().manual_seed(seed)).eval()


def phi(frames: int = 20, clips: int = 2) -> Tensor:
    return torch.randn(clips, frames, FEATURES, generator=torch.Generator().manual_seed(3))


def test_the_papers_sizes() -> None:
    with torch.device("meta"):
        net = PHD(torch.zeros(85))
    assert net.f_movie.receptive_field() == net.f_ar.receptive_field() == 13
    assert net.f_movie.channels == net.f_ar.channels == net.f_3d.features == 2048
    assert net.f_3d.offsets == (-10, -5) and OFFSETS[False] == (-5, 5)


@pytest.mark.parametrize("space", SPACES)
def test_a_forecast_is_of_the_frames_given(space: str) -> None:
    net = model(space)
    found = net.forecast(phi(15), 30)
    assert found.seen.shape == (2, 15, 85) and found.future.shape == (2, 30, 85)
    assert torch.equal(net.forecast(phi(15), 7).future, found.future[:, :7])
    assert torch.equal(found.seen, net.f_3d(net.f_movie(phi(15)), nearby=False).omega)


@pytest.mark.parametrize("space", SPACES)
def test_training_futures_are_forecasts_where_all_is_its_own(space: str) -> None:
    """With as many steps of its own as there are frames to predict, training sees what a forecast gives."""
    net = model(space)
    futures = net.futures(net.f_movie(phi(20)), 15, 5)
    forecast = net.forecast(phi(20)[:, :15], 5).future
    assert torch.allclose(futures.omega[..., 3:], forecast[..., 3:], atol=1e-5)
    assert (futures.strips is None) == (space != "latent")


def test_in_pose_space_the_pose_is_what_is_continued() -> None:
    """f_AR starts as "nothing moves": so close to the present pose, and its camera means nothing."""
    net = model("pose")
    found = net.forecast(phi(15), 3)
    assert torch.allclose(found.future[..., 3:], found.seen[:, -1:, 3:].expand(-1, 3, -1), atol=0.1)
    assert found.future[..., :3].abs().max() == 0
    assert net.f_ar.features == 82


@pytest.mark.parametrize("space", SPACES)
def test_the_space_changes_no_other_weight(space: str) -> None:
    alone, whole = model(None).state_dict(), model(space).state_dict()
    assert set(alone) < set(whole)
    assert all(torch.equal(value, whole[name]) for name, value in alone.items())
    assert all(name.startswith("f_ar.") for name in whole.keys() - alone.keys())


def test_weights_come_from_the_generator() -> None:
    assert all(torch.equal(a, b) for a, b in zip(model().parameters(), model().parameters(), strict=True))
    assert not torch.equal(model().f_3d.present.fc1.weight, model(seed=1).f_3d.present.fc1.weight)


def test_the_head_is_what_a_single_frame_needs() -> None:
    net = model(None)
    net.zero_grad()
    net.read_single(phi(1)).omega.sum().backward()
    reached = {id(p) for p in net.parameters() if p.grad is not None}
    assert reached == {id(p) for p in net.head().parameters()}


def test_predictions_are_the_bodys_joints() -> None:
    omega = 0.3 * torch.randn(2, 4, 85, generator=torch.Generator().manual_seed(1))
    joints = BODY.keypoints(H36M17)
    found = predicted(omega, joints)
    assert torch.equal(found.joints[1], joints(omega[1, :, 3:75], omega[1, :, 75:]))
    assert torch.equal(found.camera.s, omega[..., 0]) and torch.equal(found.camera.t, omega[..., 1:3])
    assert predicted(omega, joints, camera=False).camera is None


def test_bad_spaces_are_named() -> None:
    with pytest.raises(ValueError, match=r"space must be .* found 'strip'"):
        model("strip")
    with pytest.raises(ValueError, match="no f_AR"):
        model(None).forecast(phi(15), 3)
