from __future__ import annotations

import pytest
from future_rows import rows

from phdlib.future_tables import by_method
from phdlib.futures import HORIZONS
from phdlib.label_effects import advantages, explained

MODELS = {"AR on Φ": 100.0, "AR on Θ": 106.0, "AR on Φ, full 3D": 101.0, "AR on Θ, full 3D": 103.0}


def made(sign: int) -> dict:
    """Two seeds of each model; ``sign`` -1 turns errors into scores."""
    values = {**MODELS, "No L_movie strip": 104.0}
    return {
        name: [rows({h: 50 + sign * v for h in HORIZONS}, {h: 50 + sign * v for h in HORIZONS}, s) for s in (0, 1)]
        for name, v in values.items()
    }


def test_an_advantage_under_mixed_labels_is_larger_where_it_is_due_to_labels():
    roles = {"h36m": made(1), "penn": made(-1)}
    effects = advantages(roles)
    for role in roles:
        assert effects.loc[(role, "mixed"), 30].value == pytest.approx(6, abs=0.2)
        assert effects.loc[(role, "full 3D"), 30].value == pytest.approx(2, abs=0.2)
        assert effects.loc[(role, "difference"), 30].low > 3
    lines = explained(effects, by_method(roles, "frame"))
    assert "Human3.6M role: the explanation stands at frames 1, 5, 10, 20, 30." in lines[0]
    assert "changes by +1.0 mm" in lines[0] and "changes by -1.0 PCK points" in lines[1]
    assert "ahead at 1, 5, 10, 20, 30; behind at no frame" in lines[2]
    assert lines[-1].endswith("in 10 of 10 cells.")
