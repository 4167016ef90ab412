from __future__ import annotations

import pytest

from phdlib import palette


def test_models_that_stand_in_one_figure_have_colours_of_their_own():
    together = [
        ("AR on Φ", "No L_movie strip", "AR on Θ", "Constant", "Nearest Neighbour", "truth"),
        ("full", "causal", "single-frame"),
        ("full", "LSTM"),
        ("supervised", "semi-supervised", "semi-supervised, no bone lengths"),
    ]
    for names in together:
        assert len({palette.style(name)["color"] for name in names}) == len(names)


def test_a_variant_keeps_its_models_colour_and_changes_the_line():
    own, variant = palette.style("AR on Θ"), palette.style("AR on Θ, teacher forcing")
    assert own["color"] == variant["color"] and own["ls"] != variant["ls"]


@pytest.mark.parametrize("name", ["AR on Ψ", "AR on Φ, by hand"])
def test_a_method_without_a_colour_is_an_error_that_names_it(name):
    with pytest.raises(KeyError, match=name):
        palette.style(name)
