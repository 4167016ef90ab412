"""Convolutions over time: fields, borders, causality, streaming."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from phdlib import temporal

odd = st.sampled_from([1, 3, 5])


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def seeded_conv(*args, **kwargs) -> temporal.TemporalConv:
    conv = temporal.TemporalConv(*args, **kwargs).double()
    for i, parameter in enumerate(conv.parameters()):
        parameter.data = noise(*parameter.shape, seed=i)
    return conv


def test_tree_dilations_multiply_up():
    assert temporal.tree_dilations([3, 3, 3, 3, 3]) == (1, 3, 9, 27, 81)
    assert temporal.tree_dilations([5, 3, 1]) == (1, 5, 15)


@given(st.lists(odd, min_size=1, max_size=4))
def test_every_frame_is_reached_by_exactly_one_path(widths):
    dilations = temporal.tree_dilations(widths)
    taps = [range(0, width * dilation, dilation) for width, dilation in zip(widths, dilations, strict=True)]
    reached = sorted(sum(path) for path in itertools.product(*taps))
    assert reached == list(range(temporal.receptive_field(widths, dilations)))


@pytest.mark.parametrize("border", ["replicate", "zeros"])
@pytest.mark.parametrize("causal", [False, True])
def test_a_temporal_conv_against_its_sum(border, causal):
    conv = seeded_conv(2, 3, 3, dilation=2, causal=causal, border=border)
    x = noise(1, 2, 7)
    out = conv(x)
    for t in range(7):
        expected = conv.bias.clone()
        for k in range(3):
            s = t + 2 * k - (4 if causal else 2)
            if 0 <= s < 7 or border == "replicate":
                expected = expected + conv.weight[:, :, k] @ x[0, :, min(max(s, 0), 6)]
        torch.testing.assert_close(out[0, :, t], expected)


def test_replicate_pad_repeats_the_borders():
    x = torch.arange(3.0)[:, None]
    assert temporal.replicate_pad(x, 2, 1, dim=0).flatten().tolist() == [0, 0, 0, 1, 2, 2]
    with pytest.raises(ValueError, match="without frames"):
        temporal.replicate_pad(torch.zeros(0, 1), 1, 1, dim=0)


@settings(deadline=None)
@given(st.lists(st.tuples(odd, st.integers(1, 4)), min_size=1, max_size=3), st.integers(1, 12), st.booleans())
def test_a_stack_frame_by_frame_equals_the_whole_clip(layers, frames, zeros):
    border = "zeros" if zeros else "replicate"
    convs = [seeded_conv(2, 2, w, dilation=d, causal=True, border=border) for w, d in layers]
    streams = [temporal.StreamingConv(conv, border) for conv in convs]
    x = noise(3, 2, frames)
    whole, outputs = x, []
    for conv in convs:
        whole = torch.tanh(conv(whole))
    for t in range(frames):
        y = x[:, :, t]
        for stream in streams:
            y = torch.tanh(stream.push(y))
        outputs.append(y)
    torch.testing.assert_close(torch.stack(outputs, 2), whole)


def test_a_reset_stream_starts_afresh():
    conv = seeded_conv(2, 2, 3, dilation=2, causal=True)
    stream, x = temporal.StreamingConv(conv), noise(1, 2, 6)
    first = [stream.push(x[:, :, t]) for t in range(6)]
    stream.reset()
    assert all(torch.equal(a, stream.push(x[:, :, t])) for t, a in enumerate(first))


def test_what_is_refused():
    with pytest.raises(ValueError, match="border"):
        temporal.TemporalConv(1, 1, 3, border="reflect")
    with pytest.raises(ValueError, match="odd"):
        temporal.TemporalConv(1, 1, 2)
    with pytest.raises(ValueError, match="stride 1"):
        temporal.StreamingConv(nn.Conv1d(1, 1, 3, stride=2))
    stream = temporal.StreamingConv(nn.Conv1d(2, 2, 3))
    stream.push(torch.zeros(1, 2))
    with pytest.raises(ValueError, match=r"\(1, 2\) as before, found \(1, 3\)"):
        stream.push(torch.zeros(1, 3))
