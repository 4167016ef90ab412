"""PHD's movie strips: fields, causality and its leak, borders, streams and rollouts, the curriculum, refusals."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from phdlib import temporal
from phdlib.dynamics import Autoregressor, MovieStripEncoder
from phdlib.temporal_stack import TemporalStack

FIELD = 13


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(*shape: int, seed: int = 1, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=dtype)


def lived_in(model: nn.Module, seed: int = 0, dtype: torch.dtype = torch.float64) -> nn.Module:
    """The model as after a training: norms and biases that do something, second convolutions that are not tiny."""
    g = generator(seed)
    for module in model.modules():
        if isinstance(module, nn.GroupNorm):
            module.weight.data.uniform_(0.5, 1.5, generator=g)
            module.bias.data.normal_(0, 0.3, generator=g)
        elif isinstance(module, nn.Conv1d):
            module.bias.data.normal_(0, 0.1, generator=g)
    for module in model.modules():
        if isinstance(module, TemporalStack):
            for block in module.blocks:
                block.conv2.weight.data.normal_(0, 0.1, generator=g)
    return model.to(dtype).eval()


def encoder(seed: int = 0, dtype: torch.dtype = torch.float64, **options) -> MovieStripEncoder:
    return lived_in(MovieStripEncoder(8, groups=2, generator=generator(seed), **options), seed, dtype)


def predictor(seed: int = 0, dtype: torch.dtype = torch.float64, features: int = 8, **options) -> Autoregressor:
    return lived_in(Autoregressor(features, groups=2, generator=generator(seed), **options), seed, dtype)


def plain(model: MovieStripEncoder | Autoregressor, x: Tensor) -> Tensor:
    """The stack from torch's own parts, (B, C, T) inside, as the paper's section 4.1 lists them."""
    stack, x = model.stack, x.mT
    sides = (2, 0) if stack.causal else (1, 1)
    for block in stack.blocks:
        h = x
        for norm, conv in ((block.norm1, block.conv1), (block.norm2, block.conv2)):
            h = norm(h) if stack.norm == "time" else torch.stack([norm(frame) for frame in h.unbind(2)], dim=2)
            h = F.pad(F.relu(h), sides, mode="replicate" if stack.padding == "edge" else "constant")
            h = F.conv1d(h, conv.weight, conv.bias)
        x = x + h
    return x.mT


@pytest.mark.parametrize("padding", ["edge", "zero"])
@pytest.mark.parametrize("norm", ["frame", "time"])
@pytest.mark.parametrize("causal", [True, False])
def test_the_stack_is_the_papers_list_of_layers(causal, norm, padding):
    f_movie, phi = encoder(causal=causal, norm=norm, padding=padding), noise(3, 9, 8)
    torch.testing.assert_close(f_movie(phi), plain(f_movie, phi))
    torch.testing.assert_close(f_movie(phi[:, :1]), plain(f_movie, phi[:, :1]))


@pytest.mark.parametrize(("causal", "seen"), [(True, range(8, 21)), (False, range(14, 27))])
def test_the_receptive_field_is_13_frames(causal, seen):
    """By gradient and by perturbation; frame 20 of 40 is read."""
    f_movie, phi = encoder(causal=causal), noise(1, 40, 8).requires_grad_()
    assert f_movie.receptive_field() == FIELD
    out = f_movie(phi)[0, 20]
    out.sum().backward()
    assert phi.grad.abs().sum(dim=(0, 2)).nonzero().flatten().tolist() == list(seen)
    moved = []
    with torch.no_grad():
        for t in range(40):
            edited = phi.detach().clone()
            edited[0, t] += noise(8, seed=2)  # not the same for all channels: norms would not see it
            if not torch.equal(f_movie(edited)[0, 20], out):
                moved.append(t)
    assert moved == list(seen)


def test_f_ar_on_f_movie_sees_25_images():
    """PHD 6.1, Figure 6: 13 + 13 - 1, all before the frame that is predicted."""
    phi = noise(1, 40, 8).requires_grad_()
    predictor()(encoder()(phi))[0, 29].sum().backward()  # predicts frame 30
    assert phi.grad.abs().sum(dim=(0, 2)).nonzero().flatten().tolist() == list(range(5, 30))


@pytest.mark.parametrize("blocks", [1, 2, 4])
def test_fields_of_other_depths(blocks):
    stack, x = lived_in(TemporalStack(8, groups=2, blocks=blocks, generator=generator())), noise(1, 40, 8)
    x.requires_grad_()
    stack(x)[0, 30].sum().backward()
    assert len(x.grad.abs().sum(dim=(0, 2)).nonzero()) == stack.receptive_field() == 1 + 4 * blocks


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("padding", ["edge", "zero"])
@pytest.mark.parametrize("model", [encoder, predictor])
def test_no_future_frame_moves_a_past_output_by_a_bit(model, padding, dtype):
    model, x = model(padding=padding, dtype=dtype), noise(2, 30, 8, dtype=dtype)
    out = model(x)
    for value in (100.0, torch.nan):
        edited = x.clone()
        edited[:, 17:] = value
        assert torch.equal(model(edited)[:, :17], out[:, :17])
        assert not torch.equal(model(edited)[:, 17], out[:, 17])


def test_norms_pooled_over_time_leak_the_future():
    """STYLE's catch: with GroupNorm over channels and time, the last frame moves even the first "causal" output."""
    for model in (encoder(norm="time"), predictor(norm="time")):
        x = noise(1, 30, 8)
        edited = x.clone()
        edited[:, -1] += 1
        assert (model(edited)[:, 0] - model(x)[:, 0]).abs().max() > 1e-4


def test_a_centred_encoder_mirrors_time():
    f_movie, phi = encoder(causal=False), noise(2, 20, 8)
    mirrored = encoder(causal=False)
    for block in mirrored.stack.blocks:
        for conv in (block.conv1, block.conv2):
            conv.weight.data = conv.weight.data.flip(2)
    torch.testing.assert_close(mirrored(phi.flip(1)), f_movie(phi).flip(1))


def test_causal_edge_padding_is_a_first_frame_that_lasted():
    phi = noise(2, 20, 8)
    longer = temporal.replicate_pad(phi, FIELD, 0, dim=1)
    torch.testing.assert_close(encoder()(longer)[:, FIELD:], encoder()(phi))
    assert (encoder(padding="zero")(longer)[:, FIELD:] - encoder(padding="zero")(phi)).abs().max() > 1e-3


def test_padding_matters_at_the_borders_only():
    phi = noise(2, 30, 8)
    for causal, inside in ((True, slice(12, 30)), (False, slice(6, 24))):
        edge, zero = (encoder(causal=causal, padding=padding)(phi) for padding in ("edge", "zero"))
        differs = (edge - zero).abs().amax(dim=(0, 2)) > 1e-9
        assert not differs[inside].any()
        assert differs.sum() == 12


def test_a_still_clip_stays_still_with_edge_padding():
    still = noise(2, 1, 8).expand(2, 20, 8)
    for causal in (True, False):
        strips = encoder(causal=causal)(still)
        torch.testing.assert_close(strips, strips[:, :1].expand_as(strips))
        zeros = encoder(causal=causal, padding="zero")(still)
        assert (zeros[:, 0] - zeros[:, 10]).abs().max() > 1e-3


def test_a_new_stack_is_close_to_the_identity_and_is_it_without_the_second_convolution():
    phi, strip, pose = noise(4, 20, 64), noise(4, 20, 64), noise(4, 20, 82)
    f_movie = MovieStripEncoder(64, generator=generator()).double()
    f_ar = Autoregressor(64, generator=generator()).double()
    f_theta = Autoregressor(82, 64, generator=generator()).double()
    for model, x in ((f_movie, phi), (f_ar, strip), (f_theta, pose)):
        assert 1e-3 < (model(x) - x).std() < 0.1
        for block in model.stack.blocks:
            block.conv2.weight.data.zero_()
    assert torch.equal(f_movie(phi), phi) and torch.equal(f_ar(strip), strip)
    assert torch.equal(f_ar.rollout(strip, 5), strip[:, -1:].expand(-1, 5, -1))  # the baseline "Constant"
    f_theta.readout.weight.data.zero_()
    assert torch.equal(f_theta.rollout(pose, 5), pose[:, -1:].expand(-1, 5, -1))


def test_pose_space_predicts_a_change_or_the_pose_itself():
    fair = predictor(features=6, channels=8)
    straw = predictor(features=6, channels=8, change=False)
    straw.load_state_dict(fair.state_dict())
    Theta = noise(2, 15, 6)
    torch.testing.assert_close(fair(Theta), Theta + straw(Theta))
    torch.testing.assert_close(straw(Theta), straw.readout(plain(straw, straw.embed(Theta))))
    start = Autoregressor(6, 8, groups=2, change=False, generator=generator()).double()
    assert (start(Theta) - Theta).std() > 0.5


def test_an_encoder_of_another_width_embeds_first():
    f_movie = lived_in(MovieStripEncoder(5, 8, groups=2, generator=generator()))
    phi = noise(2, 9, 5)
    torch.testing.assert_close(f_movie(phi), plain(f_movie, f_movie.embed(phi)))


SPACES = {"latent": {}, "pose": {"features": 6, "channels": 8}, "zero padding": {"padding": "zero"}}


@settings(deadline=None)
@given(st.lists(st.integers(1, 15), min_size=1, max_size=5), st.sampled_from(["edge", "zero"]))
def test_a_clip_in_portions_equals_the_whole(portions, padding):
    f_movie, phi = encoder(padding=padding), noise(2, sum(portions), 8)
    state, strips = None, []
    for part in phi.split(portions, dim=1):
        strip, state = f_movie.advance(part, state)
        strips.append(strip)
    torch.testing.assert_close(torch.cat(strips, dim=1), f_movie(phi))


@pytest.mark.parametrize("space", ["latent", "pose"])
@pytest.mark.parametrize("conditioning", [1, 5, 12, 13, 15, 40])
def test_a_streamed_rollout_equals_re_encoding(space, conditioning):
    """Every length is a prefix of the longest: beyond the field of 13 the model sees its own output only."""
    for dtype, atol in ((torch.float64, 1e-10), (torch.float32, 1e-5)):
        f_ar = predictor(dtype=dtype, **SPACES[space])
        strip = noise(3, conditioning, f_ar.features, dtype=dtype)
        whole = f_ar.reencoded(strip, 40)
        assert (whole.diff(dim=1).abs().amax(dim=(0, 2)) > 1e-4).all()  # it moves to the last
        for steps in (1, 2, 12, 13, 14, 30, 40):
            rollout = f_ar.rollout(strip, steps)
            assert rollout.shape == (3, steps, f_ar.features)
            torch.testing.assert_close(rollout, whole[:, :steps], atol=atol, rtol=atol)


@pytest.mark.parametrize("space", SPACES)
def test_a_rollout_against_the_growing_clip(space):
    f_ar = predictor(**SPACES[space])
    strip = noise(2, 15, f_ar.features)
    clip = strip
    for _ in range(20):
        clip = torch.cat((clip, f_ar(clip)[:, -1:]), dim=1)
    torch.testing.assert_close(f_ar.rollout(strip, 20), clip[:, 15:])


def test_pooled_norms_roll_out_by_windows():
    f_ar, strip = predictor(norm="time"), noise(2, 20, 8)
    clip = strip
    for _ in range(5):
        clip = torch.cat((clip, f_ar(clip[:, -FIELD:])[:, -1:]), dim=1)
    assert torch.equal(f_ar.rollout(strip, 5), clip[:, 20:])
    assert torch.equal(f_ar.rollouts(strip, [20], 5)[:, 0], clip[:, 20:])


@pytest.mark.parametrize("space", SPACES)
def test_rollouts_from_many_places(space):
    f_ar = predictor(**SPACES[space])
    strip = noise(2, 30, f_ar.features)
    starts = [1, 2, 15, 16, 30]
    together = f_ar.rollouts(strip, starts, 9)
    assert together.shape == (2, 5, 9, f_ar.features)
    for n, start in enumerate(starts):
        torch.testing.assert_close(together[:, n], f_ar.rollout(strip[:, :start], 9))


@pytest.mark.parametrize("norm", ["frame", "time"])
def test_the_curriculum_goes_from_teacher_forcing_to_one_rollout(norm):
    f_ar, strip = predictor(norm=norm), noise(2, 40, 8)
    if norm == "frame":
        torch.testing.assert_close(f_ar.curriculum(strip, 15, 1), f_ar(strip)[:, 14:39])
    torch.testing.assert_close(f_ar.curriculum(strip, 15, 25), f_ar.rollout(strip[:, :15], 25))
    some = f_ar.curriculum(strip, 15, 4)
    assert some.shape == (2, 25, 8)
    for start in range(15, 40, 4):
        steps = min(4, 40 - start)
        expected = f_ar.reencoded(strip[:, :start], steps)
        torch.testing.assert_close(some[:, start - 15 : start - 15 + steps], expected)


def test_gradients():
    f_movie = lived_in(MovieStripEncoder(3, 4, groups=2, blocks=1, generator=generator()))
    f_ar = lived_in(Autoregressor(4, groups=2, blocks=2, generator=generator()))
    f_theta = lived_in(Autoregressor(3, 4, groups=2, blocks=1, generator=generator()))
    assert torch.autograd.gradcheck(f_movie, noise(1, 5, 3).requires_grad_())
    assert torch.autograd.gradcheck(lambda strip: f_ar.rollout(strip, 4), noise(2, 3, 4).requires_grad_())
    assert torch.autograd.gradcheck(lambda strip: f_ar.curriculum(strip, 2, 2), noise(1, 6, 4).requires_grad_())
    assert torch.autograd.gradcheck(lambda Theta: f_theta.rollout(Theta, 4), noise(2, 3, 3).requires_grad_())


def test_a_rollout_trains_as_re_encoding_does():
    strip, truth, grads = noise(2, 15, 8), noise(2, 20, 8, seed=2), []
    for way in ("rollout", "reencoded"):
        f_ar = predictor().train()
        (getattr(f_ar, way)(strip, 20) - truth).square().mean().backward()
        grads.append([parameter.grad for parameter in f_ar.parameters()])
    for one, other in zip(*grads, strict=True):
        assert one.abs().max() > 0
        torch.testing.assert_close(one, other)


def test_several_seeds_roll_out_as_one_batched_model():
    """The state is a value, so torch.func can run many models at once, where no gradient is asked."""

    class Rollout(nn.Module):
        def __init__(self, f_ar: Autoregressor) -> None:
            super().__init__()
            self.f_ar = f_ar

        def forward(self, strip: Tensor) -> Tensor:
            return self.f_ar.rollout(strip, 6)

    models = [Rollout(predictor(seed)) for seed in range(3)]
    state, strips = torch.func.stack_module_state(models), noise(3, 2, 15, 8)

    def one(parameters, buffers, strip):
        return torch.func.functional_call(models[0], (parameters, buffers), (strip,))

    with torch.no_grad():
        together = torch.func.vmap(one)(*state, strips)
    torch.testing.assert_close(together, torch.stack([m(s) for m, s in zip(models, strips, strict=True)]))


def test_one_seed_one_model_and_torchs_own_generator_untouched():
    before = torch.get_rng_state()
    for build in (
        lambda seed: MovieStripEncoder(6, 8, groups=2, generator=generator(seed)),
        lambda seed: Autoregressor(6, 8, groups=2, generator=generator(seed)),
    ):
        one, same, other = build(1), build(1), build(2)
        for name, weight in one.state_dict().items():
            assert torch.equal(weight, same.state_dict()[name])
            if weight.dim() > 1:
                assert not torch.equal(weight, other.state_dict()[name])
    assert torch.equal(torch.get_rng_state(), before)


def test_weights_survive_a_file(tmp_path):
    f_ar, strip = predictor(), noise(1, 15, 8)
    torch.save(f_ar.state_dict(), tmp_path / "f_ar.pt")
    again = predictor(seed=5)
    again.load_state_dict(torch.load(tmp_path / "f_ar.pt", weights_only=True))
    assert torch.equal(again.rollout(strip, 5), f_ar.rollout(strip, 5))


@pytest.mark.parametrize("channels", [64, 128])
def test_the_number_of_weights(channels):
    """Six convolutions of 3 C^2 + C and six norms of 2 C; at the paper's 2048, 75.5 million."""

    def size(C: int) -> int:
        return 6 * (3 * C**2 + C) + 6 * 2 * C

    for model in (MovieStripEncoder(channels), Autoregressor(channels)):
        assert sum(parameter.numel() for parameter in model.parameters()) == size(channels)
    theta = Autoregressor(82, channels)
    linear = 82 * channels + channels + 82 * channels + 82
    assert sum(parameter.numel() for parameter in theta.parameters()) == size(channels) + linear
    assert size(2048) == 75_534_336


def test_what_is_refused():
    for options, message in (
        ({"norm": "batch"}, "norm must be 'frame' or 'time', found 'batch'"),
        ({"padding": "reflect"}, "padding must be 'edge' or 'zero', found 'reflect'"),
        ({"blocks": 0}, "blocks must be at least 1, found 0"),
        ({"groups": 3}, "multiple of groups, two or more each; found 8 and 3"),
        ({"groups": 8}, "found 8 and 8"),
        ({"dilation": 2}, "dilation"),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            MovieStripEncoder(8, **{"groups": 2, **options})
    with pytest.raises(ValueError, match="82 and 32"):
        Autoregressor(82)
    with pytest.raises(ValueError, match="change=False"):
        Autoregressor(8, change=False)
    f_movie, f_ar = encoder(), predictor()
    with pytest.raises(ValueError, match=r"phi: expected \(B, T >= 1, 8\), found \(2, 5, 7\)"):
        f_movie(noise(2, 5, 7))
    with pytest.raises(ValueError, match=r"phi: .* found \(2, 0, 8\)"):
        f_movie(noise(2, 0, 8))
    with pytest.raises(ValueError, match=r"strip: .* found \(5, 8\)"):
        f_ar.rollout(noise(5, 8), 3)
    for roll in (f_ar.rollout, f_ar.reencoded, lambda strip, steps: f_ar.rollouts(strip, [1], steps)):
        with pytest.raises(ValueError, match="steps must be at least 1, found 0"):
            roll(noise(1, 5, 8), 0)
    for starts in ([], [0], [6]):
        with pytest.raises(ValueError, match="starts must be within 1 to T = 5"):
            f_ar.rollouts(noise(1, 5, 8), starts, 2)
    for first, own in ((0, 1), (5, 1), (2, 0)):
        with pytest.raises(ValueError, match="first must be within 1 to T - 1 = 4, own at least 1"):
            f_ar.curriculum(noise(1, 5, 8), first, own)
    for options in ({"causal": False}, {"norm": "time"}):
        with pytest.raises(ValueError, match="a state needs causal=True, norm='frame'"):
            encoder(**options).advance(noise(1, 5, 8))
