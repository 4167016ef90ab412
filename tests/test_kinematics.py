"""Keypoints for training: those of smplx's chain, their gradients too, and joints turned by the level."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from roma import rotvec_to_rotmat
from smplx.lbs import batch_rigid_transform

from phdlib.body import load_body
from phdlib.kinematics import TrainingKeypoints, keypoints_of_sets, levels, posed_joints, product, rotations
from phdlib.prior import FactorizedPrior
from phdlib.skeleton import COCO17, H36M17, PENN13

BODY = load_body()
PARENTS = BODY.smpl.parents.tolist()


def draw(*shape: int, seed: int = 0, scale: float = 1.0) -> torch.Tensor:
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("skeleton", [H36M17, PENN13, COCO17], ids=lambda s: s.name)
@given(seed=st.integers(0, 99), bodies=st.integers(1, 40), scale=st.floats(0, 2))
@settings(max_examples=10, deadline=None)
def test_keypoints_and_gradients(skeleton, seed: int, bodies: int, scale: float) -> None:
    theta, beta = (draw(bodies, n, seed=seed + n, scale=scale).requires_grad_() for n in (72, 10))
    trans, found = draw(bodies, 3, seed=seed), []
    for regress in (BODY.keypoints(skeleton), TrainingKeypoints(BODY, skeleton)):
        keypoints = regress(theta, beta, trans)
        loss = (keypoints * draw(*keypoints.shape, seed=1)).sum()
        found.append((keypoints, *torch.autograd.grad(loss, (theta, beta))))
    for theirs, ours in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=2e-5)


def test_one_shape_for_all() -> None:
    theta, beta = draw(5, 72), draw(1, 10, seed=1)
    ours = TrainingKeypoints(BODY, H36M17)(theta, beta)
    torch.testing.assert_close(ours, BODY.keypoints(H36M17)(theta, beta), rtol=1e-5, atol=1e-6)


def test_bad_parameters_are_named() -> None:
    with pytest.raises(ValueError, match="theta"):
        TrainingKeypoints(BODY, H36M17)(draw(2, 71), draw(2, 10))


def test_sets_side_by_side() -> None:
    """Each as if it were alone, one whose keypoints lie on skin that bulges too; rotations as the prior takes them."""
    bulging = TrainingKeypoints(BODY, COCO17)
    bulging.posedirs = 0.01 * draw(*bulging.template.shape, 207, seed=4)
    sets = [(TrainingKeypoints(BODY, H36M17), 4), (bulging, 3), (TrainingKeypoints(BODY, PENN13), 2)]
    theta, beta = draw(9, 72), draw(9, 10, seed=1)
    found, turns = keypoints_of_sets(theta, beta, sets)
    parts = zip(theta.split((4, 3, 2)), beta.split((4, 3, 2)), strict=True)
    for (joints, _), of_set, part in zip(sets, found, parts, strict=True):
        torch.testing.assert_close(of_set, joints(*part), atol=1e-6, rtol=1e-5)
    assert not torch.allclose(found[1], TrainingKeypoints(BODY, COCO17)(theta[4:7], beta[4:7]), atol=1e-3)
    prior = FactorizedPrior(hidden=16, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(prior.judge(turns, beta), prior(theta, beta), atol=1e-5, rtol=1e-4)


def test_levels() -> None:
    assert [list(level) for level in levels(PARENTS)][:3] == [[0], [1, 2, 3], [4, 5, 6]]
    assert sorted(j for level in levels(PARENTS) for j in level) == list(range(24))
    with pytest.raises(ValueError, match="ordered by their distance"):
        levels([-1, 0, 1, 0])


def test_joints_in_the_world() -> None:
    """Against smplx; no turn at all included."""
    theta, rest = draw(6, 24, 3), BODY.rest_joints(draw(6, 10, seed=2))
    theta[0] = 0
    placed, transforms = batch_rigid_transform(rotvec_to_rotmat(theta), rest, BODY.smpl.parents)
    turns, joints = posed_joints(rotations(theta.permute(1, 2, 0)), rest.permute(1, 2, 0), PARENTS)
    torch.testing.assert_close(turns.permute(3, 0, 1, 2), transforms[..., :3, :3], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(joints.permute(2, 0, 1), placed, atol=1e-5, rtol=1e-4)


def test_rotations_and_products() -> None:
    rotvec = draw(4, 3, 7).double()
    turns = rotations(rotvec)
    expected = rotvec_to_rotmat(rotvec.permute(0, 2, 1))
    torch.testing.assert_close(turns.permute(0, 3, 1, 2), expected, atol=1e-7, rtol=1e-6)
    other = draw(4, 3, 4, 7, seed=3).double()
    torch.testing.assert_close(product(turns, other), torch.einsum("nikb,nkmb->nimb", turns, other))
    assert torch.autograd.gradcheck(rotations, rotvec[:1, :, :2].clone().requires_grad_())
