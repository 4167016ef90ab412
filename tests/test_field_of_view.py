"""PHD 6.1's arithmetic, measured on networks of the paper's depth and of others."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pytest
import torch

from phdlib.dynamics import Autoregressor, MovieStripEncoder
from phdlib.field_of_view import measure, papers_numbers, support
from phdlib.figures_phd_diagrams import OWN, PADDED, SEEN, STRIP, figure_6


def networks(blocks: int = 3, **options) -> tuple[MovieStripEncoder, Autoregressor]:
    sizes = {"blocks": blocks, "groups": 2, "generator": torch.Generator().manual_seed(0)}
    return MovieStripEncoder(8, **sizes, **options), Autoregressor(8, **sizes)


def test_the_papers_numbers_come_out():
    assert all(here == papers for here, papers in papers_numbers(*networks()).values())


def test_other_networks_have_other_numbers():
    found = papers_numbers(*networks(2))
    here = {name: numbers[0] for name, numbers in found.items()}
    assert here["frames behind a movie strip"] == 9 and here["images behind the first prediction, at most"] == 17
    assert here["steps until all input is predicted"] == 10
    assert here["of them fully self-conditioned"] == (40 - 17) - 9


@pytest.mark.parametrize("conditioning", [1, 5, 15, 25, 39])
def test_the_field_is_that_of_the_arithmetic(conditioning):
    field = measure(*networks(), 40, conditioning)
    assert field.predictions == 40 - conditioning
    assert field.images.tolist() == [conditioning - t <= 25 for t in range(conditioning)]
    assert field.repeated == max(25 - conditioning, 0)
    for k in range(field.predictions):
        first = max(conditioning + k - 13, 0)
        assert field.inputs[k].nonzero()[:, 0].tolist() == list(range(first, conditioning + k))
        assert bool(field.own[k]) == (first >= conditioning)


def test_the_repeated_frames_are_what_edge_padding_does():
    """As many copies of the first image as are counted, put before the clip, change nothing."""
    f_movie, f_ar = (network.double() for network in networks())
    field = measure(f_movie, f_ar, 40, 15)
    phi = torch.randn(1, 15, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    padded = torch.cat((phi[:, :1].expand(-1, field.repeated, -1), phi), dim=1)
    assert torch.allclose(f_ar(f_movie(phi))[:, -1], f_ar(f_movie(padded))[:, -1])


def test_a_leak_is_found():
    """With statistics over time an output depends on everything, later frames too."""
    f_movie, _ = networks(norm="time")
    assert bool(support(f_movie.double(), 30, 8, 3).all())
    causal, _ = networks()
    assert support(causal.double(), 30, 8, 3).nonzero()[:, 0].tolist() == [0, 1, 2, 3]


def test_nothing_left_to_predict_is_an_error():
    with pytest.raises(ValueError, match="40 conditioning frames of 40"):
        measure(*networks(), 40, 40)


def test_the_figure_colours_what_was_measured():
    field = measure(*networks(), 40, 15)
    fig = figure_6({"(b)": field})
    colours = [patch.get_facecolor() for patch in fig.axes[0].patches]

    def count(colour: str) -> int:
        return colours.count(plt.matplotlib.colors.to_rgba(colour))

    assert (count(SEEN), count(PADDED), count(STRIP), count(OWN)) == (15 + 13, 10, 13, 12)
    assert "15 images seen, 25 predictions, 12 of them from predicted strips alone" in [
        text.get_text() for text in fig.axes[0].texts
    ]
    plt.close(fig)
