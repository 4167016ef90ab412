"""The LSTM baseline: a naive loop says the same, its size is the published one, and pieces cover every clip."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import clip as synthetic_clip
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from phdlib import architecture, evaluation, lifting, published
from phdlib.losses import mpjpe_loss
from phdlib.metrics import mpjpe
from phdlib.seq2seq import LayerNormLSTMCell, Seq2Seq, cut, predict_sequence
from phdlib.skeleton import H36M17


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small(seed: int = 0, joints: int = 17, channels: int = 6, **changes) -> Seq2Seq:
    """A model in float64 whose norms do something."""
    model = Seq2Seq(joints, 2, joints, channels, **changes, generator=generator(seed)).double().eval()
    for cell in (model.encoder, model.decoder):
        for norm in (cell.gate_norm, cell.cell_norm):
            for parameter in norm.parameters():
                parameter.data += 0.3 * torch.randn(parameter.shape, generator=generator(seed + 1), dtype=torch.float64)
    return model


def clip(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def normalised(values: list[float], gain: list[float], shift: list[float]) -> list[float]:
    mean = sum(values) / len(values)
    variance = sum((v - mean) ** 2 for v in values) / len(values)
    return [g * (v - mean) / math.sqrt(variance + 1e-5) + s for v, g, s in zip(values, gain, shift, strict=True)]


def naive_step(
    cell: LayerNormLSTMCell, x: list[float], h: list[float], c: list[float], kept: list[float] | None = None
) -> tuple[list[float], list[float]]:
    """One sample, one unit at a time."""
    C = len(h)
    w_x, w_h = cell.input.weight.tolist(), cell.hidden.weight.tolist()
    gain, shift = cell.gate_norm.weight.tolist(), cell.gate_norm.bias.tolist()

    def gate(number: int) -> list[float]:
        rows = range(number * C, (number + 1) * C)
        sums = [sum(w_x[r][k] * x[k] for k in range(C)) + sum(w_h[r][k] * h[k] for k in range(C)) for r in rows]
        return normalised(sums, [gain[r] for r in rows], [shift[r] for r in rows])

    def sigmoid(value: float) -> float:
        return 1 / (1 + math.exp(-value))

    write, keep, read, candidate = (gate(number) for number in range(4))
    thinned = [math.tanh(v) * k for v, k in zip(candidate, kept or [1.0] * C, strict=True)]
    c = [sigmoid(keep[k]) * c[k] + sigmoid(write[k]) * thinned[k] for k in range(C)]
    seen = normalised(c, cell.cell_norm.weight.tolist(), cell.cell_norm.bias.tolist())
    return [sigmoid(read[k]) * math.tanh(seen[k]) for k in range(C)], c


def naive_poses(model: Seq2Seq, keypoints: Tensor) -> Tensor:
    """One clip (T, J, F) -> (T, J, 3): embeddings and read-out frame by frame, the cells by the loop above."""
    h, c = [0.0] * model.channels, [0.0] * model.channels
    for frame in reversed(keypoints):
        h, c = naive_step(model.encoder, model.embed_keypoints(frame.flatten()).tolist(), h, c)
    pose, poses = torch.zeros(model.num_joints_out * 3, dtype=torch.float64), []
    for _ in keypoints:
        h, c = naive_step(model.decoder, model.embed_pose(pose).tolist(), h, c)
        pose = pose + model.readout(torch.tensor(h, dtype=torch.float64))
        poses.append(pose.view(-1, 3))
    return torch.stack(poses)


@pytest.mark.parametrize("dropped", [False, True])
def test_the_cell_is_the_naive_loop(dropped):
    cell = small().encoder
    x, h, c = clip(3, 4, 6)
    kept = clip(4, 6, seed=2) if dropped else None
    new_h, new_c = cell(cell.input(x), (h, c), kept)
    for b in range(4):
        factors = kept[b].tolist() if dropped else None
        expected = naive_step(cell, x[b].tolist(), h[b].tolist(), c[b].tolist(), factors)
        torch.testing.assert_close(new_h[b], torch.tensor(expected[0], dtype=torch.float64), atol=1e-12, rtol=1e-10)
        torch.testing.assert_close(new_c[b], torch.tensor(expected[1], dtype=torch.float64), atol=1e-12, rtol=1e-10)


@pytest.mark.parametrize("frames", [1, 5, 8])
def test_the_model_is_the_naive_loop_sample_by_sample(frames):
    model, keypoints = small(joints=3), clip(2, frames, 3, 2)
    poses = model(keypoints)
    assert poses.shape == (2, frames, 3, 3)
    expected = torch.stack([naive_poses(model, sample) for sample in keypoints])
    torch.testing.assert_close(poses, expected, atol=1e-11, rtol=1e-9)


def test_every_frame_reaches_every_pose():
    """The whole piece is read before the first pose is told, so each pose depends on each frame."""
    model, keypoints = small(), clip(1, 5, 17, 2).requires_grad_()
    for t in range(5):
        (gradient,) = torch.autograd.grad(model(keypoints)[0, t].sum(), keypoints)
        assert (gradient.abs().sum(dim=(0, 2, 3)) > 0).all()


def test_a_pose_is_the_last_one_and_a_change():
    """The shortcut from the decoder's input to its output: without a read-out, the pose of zeros stays."""
    model = small()
    torch.nn.init.zeros_(model.readout.weight)
    poses = model(clip(2, 5, 17, 2))
    steps = model.readout.bias.view(17, 3) * torch.arange(1, 6, dtype=torch.float64).view(1, 5, 1, 1)
    torch.testing.assert_close(poses, steps.expand_as(poses))


def test_table_5_is_counted_from_the_model():
    """Within a per cent of the published size, and the FLOPs are those that PyTorch counts while the model runs."""
    model, printed = Seq2Seq(17, 2, 17), published.table("videopose3d-table-5").loc["Hossain & Little [16]"]
    flops = architecture.flops_per_frame(model)
    assert architecture.parameters(model) / 1e6 == pytest.approx(printed["params_M"], rel=0.01)
    assert flops / 1e6 == pytest.approx(printed["flops_M"], rel=0.01)
    for B, T in ((1, 5), (2, 7)):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model.eval()(torch.zeros(B, T, 17, 2))
        assert counter.get_total_flops() == B * T * flops


def test_gradients_are_those_of_finite_differences():
    model = small(joints=2, channels=4).train()
    names, parameters = zip(*model.named_parameters(), strict=True)

    def poses(keypoints: Tensor, *values: Tensor) -> Tensor:
        state = dict(zip(names, values, strict=True))
        return torch.func.functional_call(model, state, (keypoints, generator(3)))  # the same units drop every time

    assert torch.autograd.gradcheck(poses, (clip(2, 3, 2, 2).requires_grad_(), *parameters))


def test_one_seed_one_model_two_seeds_two():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    a, b, c = (Seq2Seq(17, 2, 17, 6, generator=generator(seed)).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before), "torch's own generator is left alone"
    assert all(torch.equal(a[name], b[name]) for name in a)
    drawn = [name for name in a if "norm" not in name]
    assert not any(torch.equal(a[name], c[name]) for name in drawn)
    assert a["decoder.gate_norm.bias"].tolist() == [0.0] * 6 + [1.0] * 6 + [0.0] * 12


def test_dropout_follows_its_generator_and_rests_in_evaluation():
    model, keypoints = small(dropout=0.5).train(), clip(8, 5, 17, 2)
    a, b, c = (model(keypoints, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    quiet = small(dropout=0.0).train()
    assert torch.equal(model.eval()(keypoints, generator(1)), quiet(keypoints))


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 60), st.integers(1, 20))
def test_pieces_cover_a_clip_once(T, frames):
    starts, piece, position = cut(T, frames)
    assert (starts[piece] + position).tolist() == list(range(T))
    assert starts.tolist() == [*list(range(0, T, frames))[:-1], max(0, T - frames)]
    assert position.min() == 0 and position.max() < frames
    if T % frames == 0:
        assert position.tolist() == list(range(frames)) * (T // frames)


@pytest.mark.parametrize(("T", "frames"), [(15, None), (13, None), (13, 8), (13, 13), (5, None)])
def test_a_clip_is_answered_piece_by_piece(T, frames):
    model, keypoints = small(joints=3), clip(T, 3, 2)
    size = frames or 5
    whole = [model(keypoints[None, t : t + size])[0] for t in range(0, T - size + 1, size)]
    rest = T % size
    last = model(keypoints[None, T - size :])[0, size - rest :]
    torch.testing.assert_close(predict_sequence(model, keypoints, frames), torch.cat((*whole, last)))


@pytest.mark.parametrize("T", [1, 3])
def test_a_short_clip_is_lengthened_by_its_last_frame(T):
    model, keypoints = small(joints=3), clip(T, 3, 2)
    padded = torch.cat((keypoints, keypoints[-1:].expand(5 - T, -1, -1)))
    torch.testing.assert_close(predict_sequence(model, keypoints), model(padded[None])[0, :T])


def test_it_is_evaluated_as_the_lifting_models_are():
    model, keypoints = small(), clip(13, 17, 2)
    straight = predict_sequence(model, keypoints)
    torch.testing.assert_close(lifting.predict(model.in_pieces(), keypoints, H36M17, flip=False), straight)
    other = predict_sequence(model, lifting.mirror(keypoints, H36M17))
    both = lifting.predict(model.in_pieces(), keypoints, H36M17)
    torch.testing.assert_close(both, (straight + lifting.mirror(other, H36M17)) / 2)

    moving, model = synthetic_clip(13), model.float()
    (row,) = evaluation.evaluate_lifter(model.in_pieces(), [moving], flip=False).to_dict("records")
    poses = predict_sequence(model, moving.screen_keypoints())
    assert row["mpjpe"] == pytest.approx(1000 * mpjpe(poses, moving.joints3d).mean().item(), rel=1e-5)


def test_what_cannot_be_is_named():
    model, keypoints = small(), clip(12, 17, 2)
    with pytest.raises(ValueError, match=r"expected \(B, T, 17, 2\), found \(1, 12, 16, 2\)"):
        model(clip(1, 12, 16, 2))
    with pytest.raises(ValueError, match=r"at least one frame, found \(1, 0, 17, 2\)"):
        model(clip(1, 0, 17, 2))
    with pytest.raises(ValueError, match="without frames"):
        predict_sequence(model, clip(0, 17, 2))
    with pytest.raises(ValueError, match="training mode"):
        predict_sequence(small().train(), keypoints)
    with pytest.raises(ValueError, match="training mode"):
        lifting.predict(small().train().in_pieces(), keypoints, H36M17)
    for frames in (0, -5):
        with pytest.raises(ValueError, match=f"frames must be at least 1, found {frames}"):
            predict_sequence(model, keypoints, frames)
        with pytest.raises(ValueError, match=f"frames must be at least 1, found {frames}"):
            small(frames=frames)
    with pytest.raises(ValueError, match=r"dropout must be .* found 1\.0"):
        small(dropout=1.0)
    for value in (torch.nan, torch.inf):
        keypoints[7, 3, 1] = value
        with pytest.raises(ValueError, match=r"frame 7, joint 3 is not finite \(1 such in all\)"):
            predict_sequence(model, keypoints)


def test_it_learns_to_lift():
    """A few steps on poses from one plane of shapes bring the error far down: gradients reach all layers."""
    shapes, mix = clip(4, 17, 3, seed=3), clip(64, 5, 4, seed=4)
    poses = torch.einsum("btk,kjc->btjc", mix, shapes) * 0.1
    model = Seq2Seq(17, 2, 17, 48, dropout=0.0, generator=generator()).double()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    errors = []
    for _ in range(80):
        loss = mpjpe_loss(model(poses[..., :2]), poses)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        errors.append(loss.item())
    assert errors[-1] < 0.4 * errors[0]
