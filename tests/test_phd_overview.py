"""Figure 2 shows the sizes, weights and losses that it is given."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from torch import nn

from phdlib.figures_phd_diagrams import figure_2
from phdlib.phd_losses import Weights
from phdlib.phd_model import PHD
from phdlib.phd_overview import LOSSES, paid_by


def test_a_role_pays_its_own_terms_and_no_others():
    values = {
        "penn keypoints": 0.5, "penn keypoints@-5": 0.2, "penn keypoints@-10": 0.4, "penn adversarial@-5": 2.0,
        "penn seen keypoints": 9.0, "human36m joints": 0.1, "human36m keypoints": 0.3,
    }  # fmt: skip
    weights = Weights(keypoints=10, adversarial=0.5, nearby=2)
    penn, human = (
        paid_by(role, {k: torch.tensor(v) for k, v in values.items()}, weights) for role in ("penn", "human36m")
    )
    assert penn[LOSSES["keypoints"]] == 0.5 and np.isnan(penn[LOSSES["joints"]])
    assert np.isclose(penn[LOSSES["nearby"]], 2 * (10 * 0.6 + 0.5 * 2.0))
    assert np.isclose(human[LOSSES["joints"]], 0.1) and np.isnan(human[LOSSES["nearby"]])
    assert list(penn) == list(LOSSES.values())


def test_figure_2_prints_what_ran():
    model = PHD(torch.zeros(85), 24, 16, blocks=3, groups=2, hidden=32)
    sizes = {"input: 2D keypoints": (5, 40, 17, 2), "phi": (5, 40, 24), "Phi": (5, 40, 16), "omega": (5, 40, 85),
             "future Phi": (5, 25, 16), "future Theta": (5, 25, 82)}  # fmt: skip
    terms = pd.DataFrame({"a": [0.125, np.nan], "b": [np.nan, 3.5]}, index=["x", "y"])
    fig = figure_2(model, nn.Linear(10, 20), sizes, terms, 6890)
    words = {text.get_text() for ax in fig.axes for text in ax.texts}
    assert {"(5, 40, 17, 2)", "(5, 25, 82)", "2D keypoints", "6890 vertices", "0.125", "3.5", "a", "y"} <= words
    count = sum(p.numel() for p in model.f_ar.parameters())
    assert f"{count / 1e3:.1f} k weights, 13 strips" in words and "0.2 k weights, frozen" in words
    assert [text.get_text() for text in fig.axes[1].texts].count("–") == 2
    plt.close(fig)
