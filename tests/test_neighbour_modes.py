"""How a nearest neighbour fails, told from rows made to fail in one way each."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from phdlib.futures import HORIZONS
from phdlib.neighbour_modes import MODES, modes, shares


def table(cells: list[dict], pck: bool) -> pd.DataFrame:
    """Rows of windows by their errors at the horizons, running and warped mean at 30, and speed (the true: 10)."""
    turn = (lambda error: 100 - error) if pck else (lambda error: error)
    return pd.DataFrame(
        {"take": f"t{n}@0", "action": "walk", "window": n, "horizon": h, "frame": turn(cell["frames"][k]),
         "mean": turn(cell["mean"]), "mean_dtw": turn(cell["warped"]), "speed": cell["speed"], "true_speed": 10.0}
        for n, cell in enumerate(cells)
        for k, h in enumerate(HORIZONS)
    )  # fmt: skip


DRIFTS = {"frames": (10, 14, 18, 22, 30), "mean": 20, "warped": 19, "speed": 10}
TURNS = {"frames": (10, 30, 20, 40, 50), "mean": 40, "warped": 39, "speed": 10}
FAST = {"frames": (30, 31, 30, 31, 30), "mean": 40, "warped": 30, "speed": 16}
SLOW = {"frames": (30, 31, 30, 31, 30), "mean": 40, "warped": 30, "speed": 6}
STUCK = {"frames": (30, 31, 30, 31, 30), "mean": 40, "warped": 40, "speed": 0}
FITS = {"frames": (30, 31, 30, 31, 30), "mean": 5, "warped": 5, "speed": 14}
CELLS = [DRIFTS, TURNS, FAST, SLOW, STUCK, FITS]


@pytest.mark.parametrize("pck", [False, True])
def test_each_mode_is_found_where_it_was_made(pck: bool) -> None:
    still = table([{**cell, "mean": 15} for cell in CELLS], pck)
    found = modes(table(CELLS, pck), still, pck)
    assert found["ratio"].tolist() == pytest.approx([1, 1, 1.6, 0.6, 0, 1.4])
    assert found["drift"].tolist() == [True, False, False, False, False, False]
    assert found["wrong speed"].tolist() == [False, False, True, True, False, False]
    assert found["good fit"].tolist() == [False] * 5 + [True]


def test_shares_of_the_windows() -> None:
    still = table([{**cell, "mean": 15} for cell in CELLS], False)
    found = modes(table(CELLS, False), still, False)
    rng = np.random.default_rng(0)
    share = shares([found, found], "wrong speed", rng, draws=200)
    assert share.value == pytest.approx(100 / 3) and share.low < share.value < share.high
    assert set(MODES) <= set(found.columns)
    with pytest.raises(ValueError, match="no mode 'late'; there are drift"):
        shares([found], "late", rng)
    with pytest.raises(ValueError, match="modes: 6 windows, and 5 of Constant"):
        modes(table(CELLS, False), table(CELLS[:5], False), False)
