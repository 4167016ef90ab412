"""Counts equal the paper's, index arithmetic equals the gradient's support, and the drawings draw."""

import matplotlib.pyplot as plt
import pytest
import torch

from phdlib import architecture, published
from phdlib.lifting import StridedTemporalModel, TemporalModel

ROWS = {
    "Ours 27f w/o dilation": {"filter_widths": (3, 3, 3), "dense": True},
    "Ours 27f": {"filter_widths": (3, 3, 3)},
    "Ours 81f": {"filter_widths": (3, 3, 3, 3)},
    "Ours 243f": {"filter_widths": (3, 3, 3, 3, 3)},
}


def small(cls: type = TemporalModel, widths: tuple[int, ...] = (3, 3, 3), causal: bool = False):
    return cls(17, 2, 17, widths, causal, channels=8, generator=torch.Generator().manual_seed(0)).double().eval()


@pytest.mark.parametrize("row", ROWS)
def test_table_5_is_counted_from_the_models(row):
    model, printed = TemporalModel(17, 2, 17, **ROWS[row]), published.table("videopose3d-table-5").loc[row]
    assert round(architecture.parameters(model) / 1e6, 2) == printed["params_M"]
    assert round(architecture.flops_per_frame(model) / 1e6, 2) == printed["flops_M"]


def test_the_dense_kernels_span_what_the_dilated_ones_do():
    model = TemporalModel(17, 2, 17, (3, 3, 3), dense=True, channels=8)
    assert [conv.kernel_size[0] for conv in (model.expand_conv, *model.layers_conv)] == [3, 7, 1, 19, 1]
    assert model.receptive_field() == 27


def test_layers_of_the_27_frame_model():
    chain = architecture.layers(TemporalModel(17, 2, 17, (3, 3, 3)))
    assert [round(layer.flops / 1e6, 3) for layer in chain] == [0.209, 6.291, 2.097, 6.291, 2.097, 0.104]
    assert [layer.frames for layer in chain] == [25, 19, 19, 1, 1, 1]
    assert [(layer.width, layer.dilation) for layer in chain] == [(3, 1), (3, 3), (1, 1), (3, 9), (1, 1), (1, 1)]
    assert [layer.block for layer in chain] == [None, 0, 0, 1, 1, None]


def test_looking_at_a_model_leaves_it_as_it_was():
    model = small().train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    architecture.layers(model)
    architecture.computed_states(model)
    assert model.training and not any(module._forward_hooks for module in model.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("widths", [(3, 3, 3), (5, 3), (3, 1, 3)])
def test_used_states_are_the_support_of_the_gradient(widths, causal):
    """The gradient of every layer's states: zero exactly where the index arithmetic says that nothing is used."""
    model = small(widths=widths, causal=causal)
    states = []
    norms = [model.expand_conv, *(mix for _, _, mix, _ in model.blocks())]
    for module in norms:
        module.register_forward_hook(lambda m, i, output: (output.retain_grad(), states.append(output))[0])
    F = model.receptive_field()
    # Many clips: a ReLU that is shut for one of them is open for another.
    keypoints = torch.randn(64, F, 17, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    keypoints.requires_grad_()
    model(keypoints).sum().backward()
    present = F - 1 if causal else F // 2
    support = [keypoints.grad.abs().sum((0, 2, 3)).nonzero().flatten() - present]
    start = 0
    for state, kernel in zip(states, architecture.offsets(model), strict=True):
        start += -kernel[0]
        support.append(state.grad.abs().sum((0, 1)).nonzero().flatten() + start - present)
    expected = architecture.used_states(model)
    assert [frames.tolist() for frames in support] == expected


def test_measured_support_sees_past_and_future_apart():
    generator = torch.Generator().manual_seed(0)
    assert architecture.gradient_support(small(), generator) == list(range(-13, 14))
    assert architecture.gradient_support(small(causal=True), generator) == list(range(-26, 1))


@pytest.mark.parametrize("widths", [(3,) * 3, (3,) * 5, (5, 3, 1)])
def test_one_path_per_frame(widths):
    model = small(widths=widths)
    assert architecture.paths_per_frame(model) == [1] * model.receptive_field()


def test_paths_per_frame_counts_overlaps():
    model = small(widths=(3, 3))
    model.dilations = (1, 1)  # two kernels that overlap: 1 2 3 2 1, as a filter with itself
    assert architecture.paths_per_frame(model) == [1, 2, 3, 2, 1]


def test_the_strided_model_computes_the_used_states_only():
    layerwise, strided = small(), small(StridedTemporalModel)
    used = [len(frames) for frames in architecture.used_states(layerwise)[1:]]
    assert used == [9, 3, 1] == architecture.computed_states(strided)
    assert architecture.computed_states(layerwise) == [25, 19, 1]


def test_figures_draw():
    figures = [
        architecture.figure_2(small()),
        architecture.figure_7(small()),
        architecture.figure_6(small(), small(causal=True)),
        architecture.figure_10(small(), small(StridedTemporalModel)),
    ]
    titles = [ax.get_title(loc="left") for ax in figures[3].axes]
    assert titles == [
        "(a) layer by layer: 45 states, 13 used, 32 wasted",
        "(b) optimised for one frame: 13 states, 13 used, 0 wasted",
    ]
    for figure in figures:
        figure.canvas.draw()
        plt.close(figure)
