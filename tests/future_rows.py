"""Evaluated rows whose means are known: those of the published tables, with takes that differ a little."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phdlib import published
from phdlib.futures import HORIZONS
from phdlib.phd_study import PUBLISHED

TAKES, WINDOWS = 5, 4  # windows of each take


def rows(frame: dict[int, float], warped: dict[int, float], seed: int = 0, spread: float = 0.2) -> pd.DataFrame:
    """One model and seed: ``frame`` and ``mean_dtw`` by horizon, plus what a take, a window and a seed add."""
    rng = np.random.default_rng(seed)
    of_take = spread * np.random.default_rng(99).normal(size=TAKES).repeat(WINDOWS)  # the same for all models
    noise = of_take - of_take.mean() + 0.05 * rng.normal(size=TAKES * WINDOWS)
    about = {"take": [f"t{n // WINDOWS}@0" for n in range(len(noise))], "action": "walk", "subject": "S9"}
    table = pd.DataFrame(about | {"camera": "front", "start": 0, "window": range(len(noise))})
    parts = [
        table.assign(horizon=h, frame=value + noise, mean=value + noise, mean_dtw=warped[h] + noise,
                     mean_dtw_whole=warped[h] + noise, frame_dtw=value + noise, speed=1.0, true_speed=2.0)
        for h, value in frame.items()
    ]  # fmt: skip
    return pd.concat(parts).sort_values(["window", "horizon"], kind="stable").reset_index(drop=True)


def as_published(seeds: int = 2) -> dict[str, dict[str, list[pd.DataFrame]]]:
    """All rows of Tables 2, 3 and 8, each model so many seeds; and those that no table has: the model with full 3D one
    point above the latent one, the nearest neighbours turned in the right way half way to Constant at frame 1."""
    raw, warped = published.table("phd-table-8"), published.table("phd-table-2")
    found: dict[str, dict[str, list[pd.DataFrame]]] = {"h36m": {}, "penn": {}}
    for role, methods in found.items():
        cells = {
            name: [{h: float(table.loc[label, f"{role}_{h}"]) for h in HORIZONS} for table in (raw, warped)]
            for name, label in PUBLISHED.items()
        }
        better = -1 if role == "h36m" else 1
        cells["AR on Φ, full 3D"] = [{h: v + better for h, v in values.items()} for values in cells["AR on Φ"]]
        turned = {h: (cells["Constant"][0][h] + cells["Nearest Neighbour"][0][h]) / 2 for h in HORIZONS}
        cells["Nearest Neighbour, " + ("body" if role == "h36m" else "seam")] = [turned, turned]
        for label in ("Chao et al. [11]", "Kanazawa et al. [27]"):
            value = published.table("phd-table-3").loc[label, role]
            if np.isfinite(value):
                cells[label] = [{5: float(value)}] * 2
        for number, (name, (frame, dtw)) in enumerate(cells.items()):
            methods[name] = [rows(frame, dtw, seed=100 * number + seed) for seed in range(seeds)]
    return found
