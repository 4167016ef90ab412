"""VideoPose3D's models: two forms of one function, fields, causality, streams, folding, flips, and what they refuse."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from phdlib import lifting
from phdlib.folding import fold_batch_norm
from phdlib.lifting import StridedTemporalModel, TemporalModel
from phdlib.losses import mpjpe_loss
from phdlib.skeleton import COCO17, H36M17

widths = st.lists(st.sampled_from([1, 3, 5]), min_size=1, max_size=4)
VARIANTS = {
    "centred": {},
    "causal": {"causal": True},
    "dense": {"dense": True},
    "single-frame": {"filter_widths": (1, 1, 1)},
    "81 frames": {"filter_widths": (3, 3, 3, 3)},
    "mixed widths": {"filter_widths": (3, 5, 1)},
    "as many channels as inputs": {"channels": 34},
}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def lived_in(model: lifting.LiftingModel, seed: int = 0) -> lifting.LiftingModel:
    """The model with norms that do something: random scales, shifts and running statistics."""
    g = generator(seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.weight.data = 0.5 + torch.rand(module.weight.shape, generator=g, dtype=module.weight.dtype)
            module.running_var.copy_(0.5 + torch.rand(module.weight.shape, generator=g))
            for tensor in (module.bias.data, module.running_mean):
                tensor.copy_(0.3 * torch.randn(tensor.shape, generator=g))
    return model


def small(cls: type = TemporalModel, seed: int = 0, **changes) -> lifting.LiftingModel:
    sizes = {"num_joints_in": 17, "in_features": 2, "num_joints_out": 17, "filter_widths": (3, 3, 3), "channels": 12}
    return lived_in(cls(**{**sizes, **changes}, generator=generator(seed))).eval()


def clip(*shape: int, seed: int = 1, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=dtype)


@settings(deadline=None, max_examples=60)
@given(widths, st.booleans(), st.integers(1, 3), st.integers(1, 4), st.integers(1, 9), st.integers(1, 5))
def test_strided_equals_dilated(filter_widths, causal, batch, joints_in, channels, joints_out):
    sizes = (joints_in, 2, joints_out, filter_widths, causal)
    dilated = lived_in(TemporalModel(*sizes, channels=channels, generator=generator())).eval()
    strided = StridedTemporalModel(*sizes, channels=channels).eval()
    strided.load_state_dict(dilated.state_dict())
    keypoints = clip(batch, dilated.receptive_field(), joints_in, 2)
    torch.testing.assert_close(strided(keypoints), dilated(keypoints), atol=1e-5, rtol=1e-5)


def test_strided_equals_dilated_at_the_papers_size():
    dilated = small(filter_widths=(3,) * 5, channels=256)
    strided = small(StridedTemporalModel, seed=5, filter_widths=(3,) * 5, channels=256)
    strided.load_state_dict(dilated.state_dict())
    keypoints = clip(2, 243, 17, 2)
    assert (strided(keypoints) - dilated(keypoints)).abs().max() < 1e-5


def test_state_dicts_go_both_ways_and_carry_the_published_names():
    dilated, strided = small(), small(StridedTemporalModel, seed=3)
    strided.load_state_dict(dilated.state_dict())
    again = small(seed=4)
    again.load_state_dict(strided.state_dict())
    keypoints = clip(1, 30, 17, 2)
    assert torch.equal(again(keypoints), dilated(keypoints))
    parts = {".".join(name.split(".")[:-1]) for name in dilated.state_dict()}
    layers = {f"layers_{kind}.{i}" for kind in ("conv", "bn") for i in range(4)}
    assert parts == {"expand_conv", "expand_bn", "shrink"} | layers


def test_training_batch_statistics_are_of_the_states_that_are_computed():
    """One strided layer computes what one dilated layer does; above it the dilated form also averages unused states."""
    keypoints = clip(64, 9, 17, 2)
    results = []
    for cls in (TemporalModel, StridedTemporalModel):
        model = small(cls, filter_widths=(3, 3), dropout=0.0).train()
        model(keypoints)
        results.append(model)
    dilated, strided = results
    states = strided.expand_conv(keypoints.flatten(2).mT)[:, :, ::3]
    expected = 0.9 * small(filter_widths=(3, 3)).expand_bn.running_mean + 0.1 * states.mean(dim=(0, 2))
    torch.testing.assert_close(strided.expand_bn.running_mean, expected)
    assert (dilated.expand_bn.running_mean - expected).abs().max() > 1e-4


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_receptive_field_is_the_support_of_the_gradient(variant):
    model = small(**VARIANTS[variant])
    F = model.receptive_field()
    keypoints = clip(1, F + 8, 17, 2).requires_grad_()
    model(keypoints)[0, 4].sum().backward()
    seen = keypoints.grad.abs().sum(dim=(0, 2, 3)).nonzero().flatten()
    assert seen.tolist() == list(range(4, 4 + F))


@pytest.mark.parametrize(("filter_widths", "frames"), [((1, 1, 1), 1), ((3,) * 3, 27), ((3,) * 4, 81), ((3,) * 5, 243)])
def test_the_papers_receptive_fields(filter_widths, frames):
    assert small(filter_widths=filter_widths).receptive_field() == frames


def test_a_causal_model_does_not_see_ahead():
    model = small(causal=True)
    keypoints = clip(40, 17, 2)
    edited = keypoints.clone()
    edited[25] += 1
    before, after = (lifting.predict(model, k, H36M17, flip=False) for k in (keypoints, edited))
    assert torch.equal(before[:25], after[:25])
    assert not torch.equal(before[25], after[25])


def test_a_centred_model_sees_half_its_field_ahead():
    model, keypoints = small(), clip(60, 17, 2)
    edited = keypoints.clone()
    edited[40] += 1
    before, after = (lifting.predict(model, k, H36M17, flip=False) for k in (keypoints, edited))
    changed = (before != after).any(dim=-1).any(dim=-1).nonzero().flatten()
    assert (changed.min().item(), changed.max().item()) == (40 - 13, 40 + 13)


@pytest.mark.parametrize("filter_widths", [(3, 3, 3), (1, 1, 1), (3, 5, 1)])
def test_a_stream_equals_the_clip(filter_widths):
    model = small(causal=True, filter_widths=filter_widths).double()
    keypoints = clip(50, 17, 2, dtype=torch.float64)
    stream = model.stream()
    streamed = torch.cat([stream.push(frame[None]) for frame in keypoints])
    torch.testing.assert_close(streamed, lifting.predict(model, keypoints, H36M17, flip=False))


def test_only_causal_models_stream():
    with pytest.raises(ValueError, match="causal=False"):
        small().stream()


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("shape", [(1, 300), (3, 251)])
def test_folded_equals_plain(variant, shape):
    model = small(**VARIANTS[variant])
    keypoints = clip(*shape, 17, 2)
    expected = model(keypoints)
    torch.testing.assert_close(fold_batch_norm(model)(keypoints), expected, atol=2e-5, rtol=1e-5)
    pair, rough = (fold_batch_norm(model, torch.bfloat16, c)(keypoints) for c in (True, False))
    assert pair.dtype == rough.dtype == torch.float32
    scale = expected.abs().mean()
    assert (pair - expected).abs().max() < 1e-3 * scale
    assert 1e-5 * scale < (rough - expected).abs().max() < 0.1 * scale


def test_folding_the_shortest_clip_and_leaving_the_model_alone():
    model = small()
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    keypoints = clip(2, 27, 17, 2)
    before = keypoints.clone()
    torch.testing.assert_close(fold_batch_norm(model)(keypoints), model(keypoints), atol=2e-5, rtol=1e-5)
    assert torch.equal(keypoints, before)
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())


def test_folding_refuses_what_it_cannot_fold():
    with pytest.raises(ValueError, match="training mode"):
        fold_batch_norm(small().train())
    with pytest.raises(ValueError, match=r"torch\.float16"):
        fold_batch_norm(small(), torch.float16)
    with pytest.raises(ValueError, match="T >= 27"):
        fold_batch_norm(small())(clip(1, 26, 17, 2))


@pytest.mark.parametrize("joints_out", [17, 1])
def test_flipping_makes_the_prediction_mirror_symmetric(joints_out):
    model, keypoints = small(num_joints_out=joints_out), clip(30, 17, 2)
    straight = lifting.predict(model, keypoints, H36M17)
    mirrored = lifting.predict(model, lifting.mirror(keypoints, H36M17), H36M17)
    if joints_out == 1:
        torch.testing.assert_close(mirrored, straight * torch.tensor([-1.0, 1, 1]))
    else:
        torch.testing.assert_close(mirrored, lifting.mirror(straight, H36M17))
    assert (lifting.predict(model, keypoints, H36M17, flip=False) - straight).abs().max() > 1e-3


def test_keypoints_and_poses_may_have_different_skeletons():
    model, keypoints = small(), clip(30, 17, 2)
    straight = lifting.predict(model, keypoints, COCO17, out_skeleton=H36M17)
    mirrored = lifting.predict(model, lifting.mirror(keypoints, COCO17), COCO17, out_skeleton=H36M17)
    torch.testing.assert_close(mirrored, lifting.mirror(straight, H36M17))


def test_a_prediction_is_as_long_as_its_clip_even_of_one_frame():
    for causal in (False, True):
        for frames in (1, 5, 100):
            assert lifting.predict(small(causal=causal), clip(frames, 17, 2), H36M17).shape == (frames, 17, 3)


def test_predict_names_the_joint_that_is_not_a_number():
    keypoints = clip(30, 17, 2)
    keypoints[12, 3, 0] = torch.nan
    with pytest.raises(ValueError, match="frame 12, joint 'right_ankle'"):
        lifting.predict(small(), keypoints, H36M17)


def test_wrong_shapes_are_named():
    with pytest.raises(ValueError, match=r"expected \(B, T, 17, 2\), found \(1, 30, 16, 2\)"):
        small()(clip(1, 30, 16, 2))
    with pytest.raises(ValueError, match="20 frames are fewer than the receptive field of 27"):
        small()(clip(1, 20, 17, 2))
    with pytest.raises(ValueError, match="exactly 27 frames, found 28"):
        small(StridedTemporalModel)(clip(1, 28, 17, 2))
    with pytest.raises(ValueError, match=r"\(T, 17, 2\) for H36M-17, found \(30, 16, 2\)"):
        lifting.predict(small(), clip(30, 16, 2), H36M17)
    with pytest.raises(ValueError, match="training mode"):
        lifting.predict(small().train(), clip(30, 17, 2), H36M17)
    with pytest.raises(ValueError, match=r"odd and at least one, found \(3, 2\)"):
        small(filter_widths=(3, 2))
    with pytest.raises(ValueError, match="dropout"):
        small(dropout=1.0)
    with pytest.raises(ValueError, match="dense"):
        small(StridedTemporalModel, dense=True)


def test_one_seed_one_model_two_seeds_two():
    a, b, c = small(seed=1), small(seed=1), small(seed=2)
    assert torch.equal(a.shrink.weight, b.shrink.weight) and torch.equal(a.expand_conv.weight, b.expand_conv.weight)
    assert not torch.equal(a.shrink.weight, c.shrink.weight)


@pytest.mark.parametrize("cls", [TemporalModel, StridedTemporalModel])
def test_dropout_follows_its_generator(cls):
    model, keypoints = small(cls, dropout=0.25).train(), clip(8, 27, 17, 2)
    a, b, c = (model(keypoints, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_dropout_keeps_its_share_and_the_mean():
    model = small(dropout=0.25).train()
    dropped = model._drop(torch.ones(1000, 1000), generator())
    assert (dropped == 0).float().mean().item() == pytest.approx(0.25, abs=2e-3)
    assert dropped.mean().item() == pytest.approx(1, abs=3e-3)
    assert torch.equal(model.eval()._drop(dropped, generator()), dropped)


def test_it_learns_to_lift():
    """Sixty steps on poses from one plane of shapes bring the error far down: gradients reach all layers."""
    shapes, mix = clip(6, 17, 3, seed=3), clip(128, 27, 6, seed=4)
    poses = torch.einsum("btk,kjc->btjc", mix, shapes) * 0.1
    model = small(StridedTemporalModel, channels=48, dropout=0.0).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    errors = []
    for _ in range(60):
        loss = mpjpe_loss(model(poses[..., :2]), poses[:, 13:14])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        errors.append(loss.item())
    assert errors[-1] < 0.4 * errors[0]
