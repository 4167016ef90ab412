"""Is the latent space better because it needs no 3D labels? The advantage over pose space, under mixed and full labels.

PHD does not ask. Its distillation (eq. 5) learns from any video; where there are only 2D labels, a pose-space model has
no depth to learn. If that is the reason, the advantage is larger under mixed labels than under full 3D ones.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from phdlib.future_evidence import LATENT, NO_STRIP, POSE, ROLE, UNITS
from phdlib.future_tables import Tables, compare
from phdlib.futures import HORIZONS
from phdlib.statistics import Effect

FULL = ", full 3D"


def advantages(roles: Mapping[str, Mapping[str, Tables]]) -> pd.DataFrame:
    """Of the latent over the pose-space model at each frame, without warping, an :class:`Effect` in every cell: under
    "mixed" and "full 3D" labels, and the "difference" of the two. Seeds and takes are drawn together for all four
    models; above zero the latent one is better."""
    names = [POSE, LATENT, POSE + FULL, LATENT + FULL]
    statistics = {
        "mixed": lambda a, b, c, d: a - b,
        "full 3D": lambda a, b, c, d: c - d,
        "difference": lambda a, b, c, d: (a - b) - (c - d),
    }
    found: dict[tuple[str, str], dict[int, Effect]] = {}
    for role, methods in roles.items():
        sign = 1 if role == "h36m" else -1
        for labels, of in statistics.items():
            found[role, labels] = {
                h: compare(
                    [methods[name] for name in names], [(h, "frame")] * 4,
                    lambda *means, of=of, sign=sign: sign * of(*means), np.random.default_rng(0), paired=True,
                )
                for h in HORIZONS
            }  # fmt: skip
    return pd.DataFrame(found, dtype=object).T


def explained(effects: pd.DataFrame, table: pd.DataFrame) -> list[str]:
    """What :func:`advantages` come to, in lines; ``table``: means by method and "h36m_30" and so on
    (:func:`phdlib.future_tables.by_method`)."""
    lines = []
    for role, unit in UNITS.items():
        outcomes = {h: _outcome(effect) for h, effect in effects.loc[(role, "difference")].items()}
        own = table.loc[LATENT + FULL, f"{role}_30"] - table.loc[LATENT, f"{role}_30"]
        lines.append(
            f"* {ROLE[role]}: the explanation {_by_outcome(outcomes)}. (From mixed to full 3D labels, the latent "
            f"model's own {'error' if role == 'h36m' else 'PCK'} at 30 changes by {own:+.1f} {unit}.)"
        )
    for role in UNITS:
        effect = effects.loc[(role, "mixed")]
        ahead = [str(h) for h, e in effect.items() if e.low > 0]
        behind = [str(h) for h, e in effect.items() if e.high < 0]
        lines.append(
            f"* {ROLE[role]}: under mixed labels, with its whole interval, the latent model is ahead at "
            f"{', '.join(ahead) or 'no frame'}; behind at {', '.join(behind) or 'no frame'}."
        )
    bare, pose = table.loc[NO_STRIP], table.loc[POSE]
    wins = sum(bare[c] < pose[c] if c.startswith("h36m") else bare[c] > pose[c] for c in table)
    lines.append(
        f"* Without distillation the latent model's mean is better than the pose-space model's in {wins} of "
        f"{len(table.columns)} cells."
    )
    return lines


def _outcome(effect: Effect) -> str:
    if effect.low > 0:
        return "stands"
    return "is contradicted" if effect.high < 0 else "is neither confirmed nor refuted"


def _by_outcome(outcomes: Mapping[int, str]) -> str:
    """ "stands at frame 30; is contradicted at frames 1, 5"."""
    told = []
    for outcome in dict.fromkeys(outcomes.values()):
        at = [str(h) for h, o in outcomes.items() if o == outcome]
        told.append(f"{outcome} at frame{'s' * (len(at) > 1)} {', '.join(at)}")
    return "; ".join(told)
