"""PHD's tables of futures as they are printed here: our means with their intervals, the published numbers beside them.

Readings, roles and rows are those of :mod:`phdlib.futures` and :mod:`phdlib.future_tables`. A column is a metric and a
horizon: "mm 30" in the Human3.6M role, "PCK 30" in the Penn role.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from phdlib import published
from phdlib.data.phd_role import CONDITIONING
from phdlib.findings import Finding
from phdlib.future_evidence import ROLE, UNITS
from phdlib.future_tables import OVER, Tables, average, by_action, by_method, compare, intervals, of_actions
from phdlib.futures import ALPHA, HORIZONS, futures_2d, person_size
from phdlib.phd_study import PUBLISHED, Truth
from phdlib.published_arithmetic import averaging_and_warping

METRIC = {"h36m": "mm", "penn": "PCK"}
HERE, INTERVAL, PAPER = "here", "95 %", "published"


def column(key: str) -> str:
    """The column of a key such as "h36m_30": "mm 30"."""
    role, _, horizon = key.rpartition("_")
    return f"{METRIC[role]} {horizon}"


def bounds(role: str, name: str, found: pd.DataFrame) -> dict[str, str]:
    """A row of :func:`phdlib.future_tables.intervals` as text by column: "58.9 - 64.0"."""
    rows = found.loc[name]
    return {f"{METRIC[role]} {h}": f"{row.low:.1f} - {row.high:.1f}" for h, row in rows.iterrows()}


def beside_published(
    roles: Mapping[str, Mapping[str, Tables]],
    reading: str,
    id: str,
    methods: Sequence[str],
    found: Mapping[str, pd.DataFrame],
) -> pd.DataFrame:
    """Tables 2, 3 and 8: for each of ``methods`` three rows: ours, its interval, and the row of the published table
    ``id``. ``found`` by role: :func:`phdlib.future_tables.intervals` of ``reading``."""
    ours, theirs = by_method(roles, reading), published.table(id)
    if id == "phd-table-3":
        theirs = theirs.set_axis([f"{key}_5" for key in theirs.columns], axis=1)
    keys = [key for key in theirs.columns if key in ours.columns]
    rows: dict[tuple[str, str], dict[str, object]] = {}
    for method in methods:
        label = PUBLISHED.get(method, method)
        rows[method, HERE] = _cells(ours.loc[method], keys)
        rows[method, INTERVAL] = {
            name: text for role, table in found.items() if method in table.index
            for name, text in bounds(role, method, table).items() if "nan" not in text
        }  # fmt: skip
        rows[method, PAPER] = _cells(theirs.loc[label], keys)
    table = pd.DataFrame.from_dict(rows, orient="index", columns=[column(key) for key in keys])
    return table.rename_axis(["method", ""])


def orders(
    roles: Mapping[str, Mapping[str, Tables]],
    methods: Sequence[str],
    tables: Mapping[str, tuple[str, str]],
    at: int = 30,
) -> list[str]:
    """Lines that say in which order the rows end, best first, here and in the published table; ``tables``: by id the
    reading, and a title."""
    lines = []
    for id, (reading, _) in tables.items():
        theirs = published.table(id)
        for role in roles:
            ours = {name: average(roles[role][name], reading)[at] for name in methods}
            printed = {name: theirs.loc[PUBLISHED.get(name, name), f"{role}_{at}"] for name in methods}
            best = [
                ", ".join(f"{name} {of[name]:.1f}" for name in sorted(of, key=of.__getitem__, reverse=role == "penn"))
                for of in (ours, printed)
            ]
            lines.append(f"* {id}, {METRIC[role]} at {at}: here {best[0]}; published {best[1]}.")
    return lines


def readings(
    roles: Mapping[str, Mapping[str, Tables]], methods: Sequence[str], names: Mapping[str, str], over: str = "windows"
) -> pd.DataFrame:
    """Every method under several readings, ``names`` by reading; for the running mean without DTW the estimate from the
    published tables (:mod:`phdlib.published_arithmetic`) stands below it."""
    estimated = averaging_and_warping()
    estimated = estimated[estimated["table"] == "phd-table-2"]
    means = {reading: by_method(roles, reading, over).rename(columns=column) for reading in names}
    rows = {}
    for method in methods:
        for reading, name in names.items():
            rows[method, name] = means[reading].loc[method]
            if reading == "mean" and method in PUBLISHED:
                cells = estimated[estimated["row"] == PUBLISHED[method]]
                rows[method, "published, estimated"] = pd.Series(
                    {f"{METRIC[c.role]} {c.horizon}": c.averaged for c in cells.itertuples()}
                )
    return pd.DataFrame(rows).T.rename_axis(["method", "reading"])


def crop_size(keypoints: Tensor, visible: Tensor) -> Tensor:
    """Side of the crop of the released HMMR evaluator, whose PCK takes 0.05 of it: 224 pixels where the diagonal of the
    box around the visible keypoints is 150. (..., J, 2), (..., J) -> (...,)."""
    shown = visible.bool()[..., None]
    low = keypoints.where(shown, torch.inf).amin(dim=-2)
    high = keypoints.where(shown, -torch.inf).amax(dim=-2)
    return 224 / 150 * (high - low).norm(dim=-1).nan_to_num(posinf=0)


def published_steps(method: str, horizon: int = 30) -> list[str]:
    """A line per role of how a published cell of Table 8 becomes that of Table 2, worked out from the tables alone."""
    cells = averaging_and_warping()
    cells = cells[
        (cells["table"] == "phd-table-2") & (cells["row"] == PUBLISHED[method]) & (cells["horizon"] == horizon)
    ]
    return [
        f"* {METRIC[c.role]}: from {c.frame:.1f} to {c.warped:.1f}, **{c.by_averaging:.1f} by averaging, "
        f"{c.by_warping:.1f} by DTW** (from {c.warping_low:.1f} to {c.warping_high:.1f}, whatever the frames between "
        "the horizons do)"
        for c in cells.itertuples()
    ]


def steps(roles: Mapping[str, Mapping[str, Tables]], methods: Sequence[str], horizon: int = 30) -> pd.DataFrame:
    """The same of our rows: what the running mean and then DTW gain at a horizon, above zero is better."""
    values = {reading: by_method(roles, reading) for reading in ("frame", "mean", "mean_dtw")}
    found = {}
    for role, metric in METRIC.items():
        key, sign = f"{role}_{horizon}", 1 if role == "h36m" else -1
        frame, mean, warped = (values[reading].loc[list(methods), key] for reading in values)
        found |= {f"{metric}, by averaging": sign * (frame - mean), f"{metric}, by DTW": sign * (mean - warped)}
    return pd.DataFrame(found)


def beside_yardstick(models: Mapping[str, Tables], yardstick: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The Human3.6M role's mm by horizon of ``models`` and of a yardstick's rows, frame by frame, and how much each
    model is below the yardstick, with its 95 % interval over takes and seeds."""
    means = pd.DataFrame({name: average(tables, "frame") for name, tables in models.items()})
    rows = {(name, HERE): values for name, values in means.round(1).items()}
    rows["straight line", HERE] = average([yardstick], "frame").round(1)
    for name, tables in models.items():
        gains = {
            h: compare([[yardstick], tables], [(h, "frame")] * 2, lambda line, own: line - own, rng, draws=1000)
            for h in HORIZONS
        }
        rows[name, "below the straight line"] = {
            h: f"{gain.value:.1f} ({gain.low:.1f} to {gain.high:.1f})" for h, gain in gains.items()
        }
    table = pd.DataFrame({key: pd.Series(values) for key, values in rows.items()}).T
    return table.rename(columns=lambda horizon: f"mm {horizon}").rename_axis(["method", ""])


def leads(roles: Mapping[str, Mapping[str, Tables]], of: str, over: str, horizon: int = 30) -> pd.DataFrame:
    """By how much the row ``of`` is better than the row ``over`` at a horizon, with its interval over takes and seeds:
    by what "All" averages over, windows (which long takes have more of) or actions (each counts alike)."""
    found: dict[str, dict[str, str]] = {}
    for reading, name in (("mean_dtw", "Table 2"), ("frame", "Table 8")):
        for role, methods in roles.items():
            sign = 1 if role == "h36m" else -1
            found[f"{name}, {ROLE[role]}, {UNITS[role]}"] = {
                f"mean over {averaged}": "{0[0]:+.1f} ({0[1]:+.1f} to {0[2]:+.1f})".format(
                    compare(
                        [methods[over], methods[of]], [(horizon, reading)] * 2,
                        lambda other, own, sign=sign: sign * (other - own), np.random.default_rng(0), over=averaged,
                        paired=True,
                    )
                )
                for averaged in OVER
            }  # fmt: skip
    return pd.DataFrame(found).T.rename_axis(f"{of} ahead of {over} at {horizon}")


def as_table(findings: Sequence[Finding]) -> pd.DataFrame:
    """Comparisons that no claim rests on: effect, interval, unit, and whether a claim would hold."""
    rows = {
        f.what: {"effect": f.value, "from": f.interval[0], "to": f.interval[1], "unit": f.bound.unit,
                 "would hold": "yes" if f.holds else "no"}
        for f in findings
    }  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("comparison")


def biggest_take(known: Truth) -> tuple[str, str, float]:
    """The take that most windows are of, its action, and its share of all windows."""
    takes = known.about["take"].str.split("@").str[0]
    counts = takes.value_counts()
    action = known.about.loc[takes == counts.index[0], "action"].iloc[0]
    return counts.index[0], action, counts.iloc[0] / len(takes)


def pck_by_scale(predicted: Mapping[str, Tensor], known: Truth) -> pd.DataFrame:
    """PCK of the frame itself, without DTW, of joints (N, 30, J, 3) by name: within 0.05 of the person's size, which is
    ours, and within 0.05 of :func:`crop_size`; the camera is eq. 6's in both."""
    future, rows = slice(CONDITIONING, None), {}
    keypoints, visible = known.keypoints[:, future], known.visible[:, future]
    scales = {"longer side of the box": person_size, "crop, as in HMMR's code": crop_size}
    for name, joints in predicted.items():
        for scale, size in scales.items():
            table = futures_2d(joints, keypoints, visible, known.about, size=size(keypoints, visible), alpha=ALPHA)
            rows[name, f"{ALPHA:g} x {scale}"] = average([table], "frame").rename(lambda h: f"PCK {h}")
    return pd.DataFrame(rows).T.rename_axis(["method", "threshold"])


def actions(tables: Tables, reading: str, id: str, draws: int = 1000) -> pd.DataFrame:
    """Tables 4 to 7: our actions with their windows and takes, "All" over windows and over actions, then the published
    table ``id`` as it stands, since its actions are others. A cell of ours is a mean and its interval, where there
    is more than one take and seed."""
    groups = {**of_actions(tables), "All": list(tables)}
    found = intervals(groups, reading, draws=draws)
    means = by_action(tables, reading)
    rows: dict[str, dict[str, object]] = {}
    for name, of_it in groups.items():
        takes = of_it[0]["take"].str.split("@").str[0].nunique()
        cells = {str(h): f"{means.loc[name, str(h)]:.1f}{_interval(found.loc[(name, h)])}" for h in HORIZONS}
        rows[name] = {"windows": of_it[0]["window"].nunique(), "takes": takes} | cells
    plain = average(tables, reading, "actions")
    rows["All, mean of actions"] = {"windows": "", "takes": ""} | {str(h): f"{plain[h]:.1f}" for h in HORIZONS}
    for label, values in published.table(id).iterrows():
        rows[f"published: {label}"] = {"windows": "", "takes": ""} | {str(h): f"{values[str(h)]:.1f}" for h in HORIZONS}
    table = pd.DataFrame.from_dict(rows, orient="index").rename(index={"All": "All, mean of windows"})
    return table.rename_axis("action")


def _cells(values: pd.Series, keys: Sequence[str]) -> dict[str, object]:
    """As text, missing ones as NaN."""
    return {column(key): f"{values[key]:.1f}" if np.isfinite(values[key]) else np.nan for key in keys}


def _interval(row: pd.Series) -> str:
    """Nothing where one take and one seed leave nothing to draw."""
    return f" ({row.low:.1f} - {row.high:.1f})" if row.high > row.low else ""
