"""Evidence for what PHD's tables of futures do not say (:mod:`phdlib.beyond`), from the rows that they are made of.

Keys are what a finding's text names; roles are "h36m" and "penn". Effects are turned so that above zero is better, be
it mm or PCK points, and their intervals are over takes and seeds; where there is one seed, over takes alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from phdlib.beyond import Evidence, measured
from phdlib.future_evidence import CONSTANT, LATENT, METHODS, NEIGHBOUR, NO_STRIP, POSE, ROLE, UNITS
from phdlib.future_tables import DRAWS, Tables, compare
from phdlib.futures import HORIZONS
from phdlib.phd_study import PUBLISHED
from phdlib.published_arithmetic import averaging_and_warping
from phdlib.statistics import Effect

Rows = Mapping[str, Mapping[str, Tables]]  # role -> method -> a table per seed
KEYS = {LATENT: "latent", NO_STRIP: "no_strip", POSE: "pose", CONSTANT: "constant", NEIGHBOUR: "neighbour"}
LAST = HORIZONS[-1]


def gain(role: str, over: Tables, of: Tables, horizon: int, readings: Sequence[str] = ("frame", "frame")) -> Effect:
    """By how much ``of`` is better than ``over`` at a horizon, each in its reading. Equally many seeds are drawn in
    pairs."""
    sign, picks = 1 if role == "h36m" else -1, [(horizon, reading) for reading in readings]
    paired = len(over) == len(of)
    return compare([over, of], picks, lambda a, b: sign * (a - b), np.random.default_rng(0), draws=DRAWS, paired=paired)


def warping(roles: Rows) -> dict[str, Evidence]:
    """Of the step from Table 8 to Table 2 at 30 frames, DTW's part: printed ("h36m_latent_print") and ours
    ("h36m_latent_here"); all of the printed step for the latent model ("h36m_step"); and how far Constant's printed
    rows are from being a running mean ("off")."""
    cells = averaging_and_warping()
    cells = cells[cells["table"] == "phd-table-2"]
    off = cells.loc[cells["row"] == PUBLISHED[CONSTANT], "by_warping"].abs().max()
    what = f"printed, {CONSTANT}: Table 2's largest distance from the running mean of Table 8"
    found = {"off": measured(what, off, "mm or points")}
    cells = cells[cells["horizon"] == LAST].set_index(["role", "row"])
    for role, unit in UNITS.items():
        step = cells.loc[(role, PUBLISHED[LATENT]), "gap"]
        found[f"{role}_step"] = measured(f"printed, {ROLE[role]}, 30: {LATENT}, Table 2 against Table 8", step, unit)
        for name in METHODS:
            cell, where = cells.loc[(role, PUBLISHED[name])], f"{ROLE[role]}, 30: {name}, DTW's part"
            ends = f"{cell['warping_low']:.1f} to {cell['warping_high']:.1f} whatever the frames between the printed do"
            found[f"{role}_{KEYS[name]}_print"] = measured(f"printed, {where} ({ends})", cell["by_warping"], unit)
            ours = gain(role, roles[role][name], roles[role][name], LAST, ("mean", "mean_dtw"))
            found[f"{role}_{KEYS[name]}_here"] = measured(f"here, {where}", ours, unit)
    return found


def supervision(roles: Rows, effects: pd.DataFrame) -> dict[str, Evidence]:
    """The latent model's advantage over pose space at 30 under mixed and full 3D labels ("h36m_mixed", "h36m_full") and
    their difference ("h36m_difference"), of :func:`phdlib.label_effects.advantages`; and what full 3D labels do for
    the latent model itself ("h36m_more")."""
    found = {}
    for role, unit in UNITS.items():
        for labels, name in (
            ("mixed", "mixed labels"),
            ("full 3D", "full 3D labels"),
            ("difference", "mixed less full 3D"),
        ):
            what = f"{ROLE[role]}, frame 30: {LATENT} against {POSE}, {name}"
            found[f"{role}_{labels.split()[0]}"] = measured(what, effects.loc[(role, labels), LAST], unit)
        more = gain(role, roles[role][LATENT], roles[role][f"{LATENT}, full 3D"], LAST)
        found[f"{role}_more"] = measured(f"{ROLE[role]}, frame 30: {LATENT}, full 3D against mixed labels", more, unit)
    return found


def past(one: Mapping[str, Tables], many: Mapping[str, Tables]) -> dict[str, Evidence]:
    """What a model gains by seeing ``many`` frames, not the present ``one`` alone, at 1, 5 and 30 ("h36m_5")."""
    found = {}
    for role, unit in UNITS.items():
        for h in (1, 5, LAST):
            what = f"{ROLE[role]}, frame {h}: 15 frames seen against 1"
            found[f"{role}_{h}"] = measured(what, gain(role, one[role], many[role], h), unit)
    return found


def freezing(roles: Rows, late: Mapping[int, pd.DataFrame]) -> dict[str, Evidence]:
    """Speed over 30 frames as a share of the true one ("h36m_latent"), and how the frozen pose does at 30, by P-MPJPE,
    against futures that do move: the nearest neighbour's ("still"), and the truth some frames ``late`` ("late_15")."""
    found = {}
    for role in UNITS:
        for name in (LATENT, POSE, NEIGHBOUR):
            share = compare(
                [roles[role][name]] * 2, [(LAST, "speed"), (LAST, "true_speed")],
                lambda own, true: 100 * own / true, np.random.default_rng(0), draws=DRAWS, paired=True,
            )  # fmt: skip
            what = f"{ROLE[role]}: speed of {name}, mean over 30 frames"
            found[f"{role}_{KEYS[name]}"] = measured(what, share, "% of the true speed")
    moving = {"still": (NEIGHBOUR, roles["h36m"][NEIGHBOUR])}
    moving |= {f"late_{by}": (f"the truth {by} frames late", [table]) for by, table in late.items()}
    for key, (name, tables) in moving.items():
        what = f"{ROLE['h36m']}, frame 30: {CONSTANT} against {name}"
        found[key] = measured(what, gain("h36m", tables, roles["h36m"][CONSTANT], LAST), "mm")
    return found


def against_line(models: Mapping[str, Tables], line: pd.DataFrame) -> dict[str, Evidence]:
    """How much better the Human3.6M role's ``models`` are than one linear forecast, by horizon ("latent_30")."""
    found = {}
    for name, tables in models.items():
        for h in HORIZONS:
            what = f"frame {h}: {name} against the straight line"
            found[f"{KEYS[name]}_{h}"] = measured(what, gain("h36m", [line], tables, h), "mm")
    return found
