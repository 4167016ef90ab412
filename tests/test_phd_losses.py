"""PHD's losses: closed forms, gradients, what is hidden or unknown, and the sums of eqs. 1 and 7."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.optimize import least_squares
from torch import Tensor

from phdlib import phd_losses
from phdlib.camera import WeakPerspective, project_weak_perspective, solve_weak_perspective
from phdlib.phd_losses import Prediction, Target, Weights, loss_terms, nearby_frames, total
from phdlib.prior import FactorizedPrior, encoder_loss

B, T, J = 2, 8, 5


def draw(*shape: int, seed: int = 0, size: float = 1.0) -> Tensor:
    return size * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@dataclass
class Example:
    pred: Prediction
    target: Target
    prior: FactorizedPrior

    def judged(self) -> Prediction:
        return self.pred._replace(critics=self.prior(self.pred.theta, self.pred.beta))


@pytest.fixture
def example() -> Example:
    camera = WeakPerspective(draw(B, T, seed=4).abs() + 0.5, draw(B, T, 2, seed=5))
    pred = Prediction(draw(B, T, 72, size=0.3), draw(B, T, 10, seed=1), draw(B, T, J, 3, seed=2), camera)
    visible = torch.rand(B, T, J, generator=torch.Generator().manual_seed(6)) < 0.7
    target = Target(
        draw(B, T, J, 3, seed=7), draw(B, T, 72, seed=8, size=0.3), draw(B, 10, seed=9), draw(B, T, J, 2, seed=10),
        visible,
    )  # fmt: skip
    return Example(pred, target, FactorizedPrior(hidden=16, generator=torch.Generator().manual_seed(0)).double())


# One by one


def test_joints_by_hand() -> None:
    gt = torch.zeros(1, 1, 3, 3, dtype=torch.float64)
    pred = torch.tensor([[[[0.0, 0, 0], [0.3, 0, 0.4], [0, 0, 0]]]], dtype=torch.float64)
    assert phd_losses.joints_loss(pred, gt).item() == pytest.approx(0.25 / 3)
    assert phd_losses.joints_loss(pred + torch.tensor([3.0, -2.0, 9.0]), gt).item() == pytest.approx(0.25 / 3)


@pytest.mark.parametrize("angle", [0.0, 1e-3, 0.5, math.pi / 2, math.pi])
def test_pose_is_eight_sin_squared_of_half_the_angle(angle: float) -> None:
    """One joint of 24 off by an angle, about any axis, on top of any pose's own rotation about that axis."""
    axis = torch.nn.functional.normalize(draw(3), dim=0)
    gt = draw(4, 72, seed=3, size=0.4)
    gt[:, 6:9] = 0.3 * axis
    pred = gt.clone()
    pred[:, 6:9] = (0.3 + angle) * axis
    found = phd_losses.pose_loss(pred, gt).item()
    assert found == pytest.approx(8 * math.sin(angle / 2) ** 2 / 24, abs=1e-14)


def test_pose_does_not_mind_how_a_rotation_is_written() -> None:
    theta = draw(3, 24, 3)
    angle = theta.norm(dim=-1, keepdim=True)
    same = theta * (angle - 2 * math.pi) / angle
    assert phd_losses.pose_loss(same.flatten(1), theta.flatten(1)).item() == pytest.approx(0, abs=1e-20)


def test_shapes_by_hand() -> None:
    beta = torch.zeros(1, 3, 10)
    beta[0, 1, 0], beta[0, 2, 4] = 2.0, 1.0
    assert phd_losses.shape_loss(beta, torch.zeros(1, 10)).item() == pytest.approx(5 / 3)
    assert phd_losses.shape_prior_loss(beta).item() == pytest.approx(5 / 3)
    assert phd_losses.constant_shape_loss(beta).item() == pytest.approx((4 + 5) / 2)
    assert phd_losses.constant_shape_loss(beta[:, :1]).item() == 0  # the curriculum's first step predicts one frame
    assert phd_losses.constant_shape_loss(beta[:, :1].expand(1, 7, 10)).item() == 0


def test_reprojection_by_hand() -> None:
    joints = torch.tensor([[[0.0, 0.0, 5.0], [1.0, 2.0, -3.0], [9.0, 9.0, 9.0]]])
    keypoints = torch.tensor([[[1.0, 1.0], [3.0, 6.0], [0.0, 0.0]]])
    camera = WeakPerspective(torch.tensor([2.0]), torch.tensor([[1.0, 0.0]]))  # to (1, 0), (3, 4), (19, 18)
    visible = torch.tensor([[True, True, False]])
    assert phd_losses.reprojection_loss(joints, keypoints, visible, camera).item() == pytest.approx((1 + 4) / 2)
    everything = phd_losses.reprojection_loss(joints, keypoints, None, camera).item()
    assert everything == pytest.approx((1 + 4 + 19**2 + 18**2) / 3)


@pytest.mark.parametrize("solved", [False, True])
def test_hidden_joints_do_not_matter(example: Example, solved: bool) -> None:
    """Neither where they are predicted, nor what the labels hold there; NaN neither."""
    pred, target = example.pred, example.target
    camera, hidden = None if solved else pred.camera, ~target.visible[..., None]
    joints = pred.joints.clone().requires_grad_()
    loss = phd_losses.reprojection_loss(joints, target.keypoints, target.visible, camera)
    loss.backward()
    assert bool((joints.grad[~target.visible] == 0).all()) and bool((joints.grad[target.visible][..., :2] != 0).all())
    elsewhere = torch.where(hidden, pred.joints + 7, pred.joints)
    for junk in (99.0, torch.nan, torch.inf):
        labels = torch.where(hidden, junk, target.keypoints)
        again = phd_losses.reprojection_loss(elsewhere, labels, target.visible, camera)
        torch.testing.assert_close(again, loss.detach())


@pytest.mark.parametrize("solved", [False, True])
def test_nobody_in_sight_costs_nothing(example: Example, solved: bool) -> None:
    joints = example.pred.joints.clone().requires_grad_()
    camera = None if solved else example.pred.camera
    nothing = torch.zeros_like(example.target.visible)
    loss = phd_losses.reprojection_loss(joints, torch.full_like(joints[..., :2], torch.nan), nothing, camera)
    loss.backward()
    assert loss.item() == 0 and bool((joints.grad == 0).all())


def test_equation_6_is_the_least_squares_optimum_with_hidden_joints(example: Example) -> None:
    """Frame by frame against scipy: the loss under the solved camera is the smallest that any camera reaches."""
    pred, target = example.pred, example.target
    costs, count = 0.0, 0
    for b in range(B):
        for t in range(T):
            seen = target.visible[b, t].numpy()
            x, gt = pred.joints[b, t, :, :2].numpy()[seen], target.keypoints[b, t].numpy()[seen]
            best = least_squares(lambda p, x=x, gt=gt: (p[0] * x + p[1:] - gt).ravel(), np.ones(3), xtol=1e-14)
            costs, count = costs + 2 * best.cost, count + int(seen.sum())
    found = phd_losses.reprojection_loss(pred.joints, target.keypoints, target.visible, None).item()
    assert found == pytest.approx(costs / count, rel=1e-9)
    given = phd_losses.reprojection_loss(pred.joints, target.keypoints, target.visible, pred.camera).item()
    assert found < given


def test_equation_6_forgives_scale_and_place_and_nothing_else(example: Example) -> None:
    joints, visible = example.pred.joints, example.target.visible
    keypoints = project_weak_perspective(joints, *example.pred.camera)
    assert phd_losses.reprojection_loss(joints, keypoints, visible, None).item() == pytest.approx(0, abs=1e-20)
    moved = 3 * joints + torch.tensor([1.0, 2.0, 3.0])
    assert phd_losses.reprojection_loss(moved, keypoints, visible, None).item() == pytest.approx(0, abs=1e-20)
    mirrored = joints * torch.tensor([-1.0, 1.0, 1.0])
    assert phd_losses.reprojection_loss(mirrored, keypoints, visible, None) > 0.1


def test_the_gradient_through_equation_6_is_that_with_its_camera_fixed(example: Example) -> None:
    """The camera minimises the loss itself, so how it moves with the joints does not count."""
    target, joints = example.target, example.pred.joints.clone().requires_grad_()
    through = torch.autograd.grad(phd_losses.reprojection_loss(joints, target.keypoints, target.visible, None), joints)[
        0
    ]
    fixed = solve_weak_perspective(joints.detach()[..., :2], target.keypoints, target.visible)
    held = torch.autograd.grad(phd_losses.reprojection_loss(joints, target.keypoints, target.visible, fixed), joints)[0]
    torch.testing.assert_close(through, held)


def test_equation_5_is_a_norm_and_teaches_the_predictor_alone() -> None:
    encoded = torch.zeros(1, 2, 4, requires_grad=True)
    pred = torch.tensor([[[3.0, 0, 4, 0], [0, 0, 0, 2]]], requires_grad=True)
    loss = phd_losses.movie_strip_loss(pred, encoded)
    assert loss.item() == pytest.approx((5 + 2) / 2)  # not squared
    loss.backward()
    assert encoded.grad is None
    torch.testing.assert_close(pred.grad, torch.tensor([[[0.3, 0, 0.4, 0], [0, 0, 0, 0.5]]]))
    met = torch.ones(1, 2, 4, requires_grad=True)
    phd_losses.movie_strip_loss(met, torch.ones(1, 2, 4)).backward()
    assert bool((met.grad == 0).all())


@pytest.mark.parametrize("name", ["joints", "pose", "shape", "given", "solved", "prior", "constant", "strip"])
def test_gradients(example: Example, name: str) -> None:
    pred, target = example.pred, example.target
    shown = target.keypoints, target.visible
    function, at = {
        "joints": (lambda x: phd_losses.joints_loss(x, target.joints), pred.joints),
        "pose": (lambda x: phd_losses.pose_loss(x, target.theta[:1, :2]), pred.theta[:1, :2]),
        "shape": (lambda x: phd_losses.shape_loss(x, target.beta), pred.beta),
        "given": (lambda x: phd_losses.reprojection_loss(x, *shown, pred.camera), pred.joints),
        "solved": (lambda x: phd_losses.reprojection_loss(x, *shown, None), pred.joints),
        "prior": (phd_losses.shape_prior_loss, pred.beta),
        "constant": (phd_losses.constant_shape_loss, pred.beta),
        "strip": (lambda x: phd_losses.movie_strip_loss(x, target.beta), pred.beta[:, 0]),
    }[name]
    assert torch.autograd.gradcheck(function, (at.clone().requires_grad_(),))


def test_gradients_of_the_camera(example: Example) -> None:
    def loss(s: Tensor, t: Tensor) -> Tensor:
        target = example.target
        return phd_losses.reprojection_loss(
            example.pred.joints, target.keypoints, target.visible, WeakPerspective(s, t)
        )

    assert torch.autograd.gradcheck(loss, tuple(part.clone().requires_grad_() for part in example.pred.camera))


# Together


def test_every_term_by_name(example: Example) -> None:
    pred, target, weights = example.judged(), example.target, Weights()
    terms = loss_terms(pred, target, weights)
    expected = {
        "joints": phd_losses.joints_loss(pred.joints, target.joints),
        "pose": phd_losses.pose_loss(pred.theta, target.theta),
        "shape": phd_losses.shape_loss(pred.beta, target.beta),
        "keypoints": phd_losses.reprojection_loss(pred.joints, target.keypoints, target.visible, pred.camera),
        "adversarial": encoder_loss(example.prior(pred.theta, pred.beta)),
        "shape_prior": phd_losses.shape_prior_loss(pred.beta),
        "constant_shape": phd_losses.constant_shape_loss(pred.beta),
    }
    assert list(terms) == list(expected)
    for name, value in expected.items():
        torch.testing.assert_close(terms[name], value)


def test_a_part_of_a_prediction(example: Example) -> None:
    pred = example.judged()
    part = pred.part(slice(1, 2), slice(2))
    assert part.theta.shape == (1, 2, 72) and part.joints.shape == (1, 2, J, 3) and part.critics.shape == (1, 2, 25)
    assert torch.equal(part.camera.t, pred.camera.t[1:2, :2]) and torch.equal(part.beta, pred.beta[1:2, :2])
    assert example.pred._replace(camera=None).part(frames=slice(1, None))[3:] == (None, None)


def test_what_is_unknown_contributes_nothing(example: Example) -> None:
    pred, target = example.pred, example.target
    always = {"shape_prior", "constant_shape"}
    assert set(loss_terms(pred, Target(), Weights())) == always
    assert set(loss_terms(pred, Target(joints=target.joints), Weights())) == always | {"joints"}
    assert set(loss_terms(pred, Target(theta=target.theta, beta=target.beta), Weights())) == always | {"pose", "shape"}
    two = Target(keypoints=target.keypoints, visible=target.visible)
    found = loss_terms(pred, two, Weights(), nearby={-5: pred})
    assert set(found) == always | {"keypoints", "keypoints@-5", "shape_prior@-5"}
    joints = pred.joints.clone().requires_grad_()
    total(loss_terms(pred._replace(joints=joints), two, Weights()), Weights()).backward()
    assert bool((joints.grad[..., 2] == 0).all())  # 2D says nothing about depth under weak perspective


@pytest.mark.parametrize("name", Weights.model_fields)
def test_a_weight_of_zero_switches_its_term_off(example: Example, name: str) -> None:
    pred = example.judged()
    kwargs = {"nearby": {-5: pred}, "strips": (draw(B, T, 4), draw(B, T, 4, seed=1))}
    whole = loss_terms(pred, example.target, Weights(), **kwargs)
    without = loss_terms(pred, example.target, Weights(**{name: 0.0}), **kwargs)
    assert {"adversarial", "adversarial@-5"} <= set(whole)
    gone = set(whole) - set(without)
    nearby = {term for term in whole if "@" in term}
    assert gone == (nearby if name == "nearby" else {term for term in whole if term.partition("@")[0] == name})


def test_the_total_is_the_weighted_sum(example: Example) -> None:
    terms = {"joints": torch.tensor(2.0), "pose": torch.tensor(3.0), "pose@-10": torch.tensor(5.0)}
    assert total(terms, Weights(joints=7, pose=11, nearby=0.5)).item() == pytest.approx(14 + 33 + 27.5)
    with pytest.raises(ValueError, match="expected at least one"):
        total({}, Weights())
    with pytest.raises(ValidationError):
        Weights(velocity=1.0)
    with pytest.raises(ValidationError):
        Weights(pose=-1.0)


def test_nearby_frames_meet_the_frames_they_are_of(example: Example) -> None:
    """What is said at t of t + delta: number the frames, and see which numbers meet."""
    number = torch.arange(T, dtype=torch.float64)[None, :, None].expand(B, T, 1)
    pred = Prediction(number.expand(B, T, 72), number.expand(B, T, 10), number[..., None].expand(B, T, J, 3))
    target = Target(theta=number.expand(B, T, 72), keypoints=number[..., None].expand(B, T, J, 2))
    for delta in (-5, -1, 3):
        said, known = nearby_frames(pred, target, delta)
        assert known.joints is None and known.visible is None and said.camera is None
        assert said.theta.shape == known.theta.shape == (B, T - abs(delta), 72)
        assert bool((known.theta - said.theta == delta).all())
        assert bool((known.keypoints - said.joints[..., :2] == delta).all())
    for far in (-T, T, 0):
        with pytest.raises(ValueError, match=f"delta {far} in a clip of 8 frames"):
            nearby_frames(pred, target, far)


def test_a_prediction_that_is_right_about_the_past_has_no_nearby_loss(example: Example) -> None:
    target = example.target
    joints = target.joints.clone()
    target = target._replace(keypoints=project_weak_perspective(joints, *example.pred.camera))
    delayed = Prediction(
        target.theta.roll(5, 1), target.beta[:, None].expand(B, T, 10), joints.roll(5, 1)
    )  # at t, what was true at t - 5
    terms = loss_terms(example.pred, target, Weights(shape_prior=0), nearby={-5: delayed})
    found = {name: term.item() for name, term in terms.items() if name.endswith("@-5")}
    assert set(found) == {"joints@-5", "pose@-5", "shape@-5", "keypoints@-5"}
    assert all(value == pytest.approx(0, abs=1e-12) for value in found.values())


def test_equation_7_adds_the_strips_and_solves_for_the_camera(example: Example) -> None:
    strips = draw(B, T, 6), draw(B, T, 6, seed=1)
    future = example.pred._replace(camera=None)
    terms = loss_terms(future, example.target, Weights(), strips=strips)
    torch.testing.assert_close(terms["movie_strip"], (strips[1] - strips[0]).norm(dim=-1).mean())
    target = example.target
    best = phd_losses.reprojection_loss(future.joints, target.keypoints, target.visible, None)
    torch.testing.assert_close(terms["keypoints"], best)
    assert not any("@" in name for name in terms)
