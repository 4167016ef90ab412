from __future__ import annotations

import IPython.display
import matplotlib.pyplot as plt
import pytest

from phdlib import captions, opening, settings


@pytest.fixture
def shown(monkeypatch):
    """What a notebook would display, in order."""
    found = []
    monkeypatch.setattr(IPython.display, "display", found.append)
    monkeypatch.setattr(captions, "in_notebook", lambda: True)
    return found


def test_a_figure_stands_above_its_caption_and_is_not_shown_twice(shown):
    fig = plt.figure()
    captions.show(fig, "Errors *in mm*\n  by frame")
    assert shown[0] is fig and shown[1].data == "*Errors in mm by frame.*"
    assert not plt.fignum_exists(fig.number)


def test_outside_of_a_notebook_nothing_is_shown(shown, monkeypatch):
    monkeypatch.setattr(captions, "in_notebook", lambda: False)
    fig = plt.figure()
    captions.show(fig, "Errors")
    assert shown == [] and plt.fignum_exists(fig.number)
    plt.close(fig)


@pytest.mark.parametrize(("id", "words"), [("phd-figure-8", "PHD Figure 8"), ("videopose3d-table-1a", "VP3D Table 1a")])
def test_an_id_in_words(id, words):
    assert captions.label(id) == words


def test_only_smoke_warns_that_its_numbers_mean_nothing(shown, monkeypatch):
    monkeypatch.delenv("PHDLIB_DATA_SOURCE", raising=False)
    monkeypatch.delenv("PHDLIB_PROFILE", raising=False)
    assert opening.begin(None, None) == ("standard", "embedded") and shown == []
    assert opening.begin("smoke", None) == ("smoke", "embedded")
    assert settings.MEANINGLESS in shown[0].data


def test_a_notebook_refuses_a_wrong_profile():
    with pytest.raises(ValueError, match="smok"):
        opening.begin("smok", None)
