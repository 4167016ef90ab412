"""PHD's tables out of the rows of :mod:`phdlib.futures`: by method (Tables 2, 3, 8), by action (4 to 7), and how sure.

A model is a list of tables, one per seed, of the same windows; a mean is over seeds too. What "All" averages over is
not printed. It is not the mean of the printed actions (Table 4 at 1: 57.49 against 57.7; Table 5: 82.37 against 81.2),
so the default is ``over="windows"``, in which long takes weigh more; ``over="actions"`` is the mean of per-action
means, as in VP3D. Windows without a value (see :func:`phdlib.futures.futures_2d`) are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from phdlib.futures import READINGS
from phdlib.statistics import Effect, bootstrap

OVER = ("windows", "actions")
DRAWS = 2000  # of a comparison; one number everywhere, so that it has one interval wherever it is told
Tables = Sequence[pd.DataFrame]  # of one model, by seed


def average(tables: Tables, reading: str, over: str = "windows") -> pd.Series:
    """Mean by horizon."""
    _check(reading, over)
    rows = pd.concat(tables)
    if over == "windows":
        return rows.groupby("horizon")[reading].mean()
    return rows.groupby(["action", "horizon"])[reading].mean().groupby("horizon").mean()


def by_method(roles: Mapping[str, Mapping[str, Tables]], reading: str, over: str = "windows") -> pd.DataFrame:
    """Tables 2 and 8: a row per method, a column per role and horizon, named as in the published ones ("h36m_30").

    ``roles``: for each role ("h36m", "penn") the models by name. A method that a role lacks has NaN there.
    """
    columns = {}
    for role, methods in roles.items():
        means = pd.DataFrame({name: average(tables, reading, over) for name, tables in methods.items()})
        columns |= {f"{role}_{horizon}": row for horizon, row in means.iterrows()}
    table = pd.DataFrame(columns)
    order = dict.fromkeys(name for methods in roles.values() for name in methods)
    return table.reindex(list(order)).rename_axis(index="method")


def of_actions(tables: Tables) -> dict[str, list[pd.DataFrame]]:
    """One model as a model per action, in the order of first appearance: rows for :func:`intervals`."""
    return {action: [table[table["action"] == action] for table in tables] for action in tables[0]["action"].unique()}


def by_action(tables: Tables, reading: str, over: str = "windows") -> pd.DataFrame:
    """Tables 4 to 7: a row per action, in the order of first appearance, and "All"; a column per horizon ("30").

    ``attrs["windows"]`` tells how many windows each action has.
    """
    means = {action: average(of_it, reading) for action, of_it in of_actions(tables).items()}
    table = pd.DataFrame({**means, "All": average(tables, reading, over)}).T.rename_axis(index="action", columns=None)
    counts = tables[0].groupby("action", sort=False)["window"].nunique()
    table.attrs["windows"] = {action: int(count) for action, count in counts.items()}
    return table.set_axis([str(horizon) for horizon in table.columns], axis=1)


def intervals(
    models: Mapping[str, Tables], reading: str, seed: int = 0, over: str = "windows", draws: int = 1000
) -> pd.DataFrame:
    """``value``, ``low`` and ``high`` (95 %) of each model and horizon, over seeds and takes: see :func:`compare`.

    Every cell draws anew from ``seed``, so that a quantity has one interval, whatever else stands in the table. NaN
    where no window has a value, as a speed at horizon 1.
    """
    rows = []
    for name, tables in models.items():
        for horizon, value in average(tables, reading, over).items():
            effect = Effect(value, np.nan, np.nan)
            if np.isfinite(value):
                rng = np.random.default_rng(seed)
                effect = compare([tables], [(horizon, reading)], lambda x: x, rng, over=over, draws=draws)
            rows.append({"row": name, "horizon": horizon, **effect._asdict()})
    return pd.DataFrame(rows).set_index(["row", "horizon"])


def compare(
    models: Sequence[Tables],
    picks: Sequence[tuple[int, str]],
    statistic: Callable[..., float],
    rng: np.random.Generator,
    *,
    over: str = "windows",
    draws: int = DRAWS,
    paired: bool = False,
) -> Effect:
    """``statistic`` of one mean per model, and its interval over seeds and takes (:func:`phdlib.statistics.bootstrap`).

    Of each model the mean at its pick (horizon, reading), so that a model may come several times: ``[latent, latent,
    pose, pose]`` with ``[(5, "mean"), (30, "mean"), (5, "mean"), (30, "mean")]`` for a gap that grows; then ``paired``
    keeps the seeds of all of them together. Windows that lack a value in any pick are left out of all.
    ``over="windows"`` draws takes from all together, so that the mix of actions varies; ``over="actions"`` draws within
    each action, and an action of one take has no spread there.
    """
    if len(models) != len(picks):
        raise ValueError(f"compare: {len(models)} models, but {len(picks)} picks of a horizon and a reading")
    cells = [[_cell(table, *pick, over) for table in tables] for tables, pick in zip(models, picks, strict=True)]
    lengths = {len(cell) for of_model in cells for cell in of_model}
    if len(lengths) > 1:
        raise ValueError(f"compare: the tables are of different windows, found {sorted(lengths)} of them")
    whole = np.all([cell["value"].notna() for of_model in cells for cell in of_model], axis=0)
    if not whole.any():
        raise ValueError(f"compare: no window of {len(whole)} has a value in all of {sorted(set(picks))}")
    kept = [[cell[whole].reset_index(drop=True) for cell in of_model] for of_model in cells]
    return bootstrap(kept, "value", statistic, rng, draws=draws, paired=paired)


def _cell(table: pd.DataFrame, horizon: int, reading: str, over: str) -> pd.DataFrame:
    """One horizon and reading in the form that :func:`phdlib.statistics.bootstrap` takes."""
    _check(reading, over)
    rows = table[table["horizon"] == horizon]
    if rows.empty:
        raise ValueError(f"no horizon {horizon}; there are {sorted(table['horizon'].unique().tolist())}")
    action = rows["action"] if over == "actions" else "All"
    return pd.DataFrame({"take": rows["take"], "action": action, "frames": 1, "value": rows[reading]}).reset_index(
        drop=True
    )


def _check(reading: str, over: str) -> None:
    speeds = ("speed", "true_speed")
    if reading not in (*READINGS, *speeds):
        raise ValueError(f"no reading {reading!r}; there are {', '.join((*READINGS, *speeds))}")
    if over not in OVER:
        raise ValueError(f"over {over!r}: expected one of {', '.join(OVER)}")
