"""VP3D's Tables 3 and 4 (notebook 03): the full model on four levels of 2D input; a small data set, cell by cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from torch import nn

from phdlib import published
from phdlib.comparisons import evaluate_again
from phdlib.data import humaneva_role
from phdlib.data.clip import Clip
from phdlib.evaluation import average, per_action, predict_clip
from phdlib.experiments import LiftingExperiment, LiftingResult
from phdlib.metrics import p_mpjpe
from phdlib.small_data import CELL_NAMES, by_cell

Groups = Mapping[str, Sequence[LiftingExperiment]]  # a model by name, once per seed
Results = Mapping[str, Sequence[LiftingResult]]
METRICS = {"P1": "mpjpe", "P2": "p_mpjpe"}  # the paper's protocols
STANDS_FOR = {  # a level of the noise model beside a row of Table 3, by its rank and nothing else
    "gt": "Ours (GT)",
    "fine_tuned": "Ours (CPN FT)",
    "pre_trained": "Ours (CPN PT)",
    "coarse": "Ours (SH PT from [34])",
}
CELL = "walking S3"  # where the paper's Walk of S3 stands, which has its corrupt video in it
WITH_CORRUPT = f"{CELL}, with the corrupt video"
NOTHING_SEEN = "none: one pose"


def level_errors(results: Results) -> dict[str, dict[str, list[float]]]:
    """Error in mm by protocol, level and seed."""
    return {
        name: {level: [average(r.clips, metric) for r in of] for level, of in results.items()}
        for name, metric in METRICS.items()
    }


def table_3(results: Results, pixels: Mapping[str, float], one_pose: pd.DataFrame) -> pd.DataFrame:
    """Table 3: a row per level with its 2D error in pixels, ours in mm and the paper's row beside; below, what
    ``one_pose`` for all scores (:func:`phdlib.yardsticks.one_pose_errors`)."""
    paper, errors = published.table("videopose3d-table-3"), level_errors(results)
    rows: dict[str, dict[str, object]] = {}
    for level in results:
        row: dict[str, object] = {"2D error, px": pixels[level]}
        for name in METRICS:
            row |= {name: np.mean(errors[name][level]), f"{name} ± seeds": np.std(errors[name][level])}
        row["stands beside"] = STANDS_FOR[level]
        rows[level] = row | {f"{name}, Human3.6M, published": paper.loc[STANDS_FOR[level], name] for name in METRICS}
    rows[NOTHING_SEEN] = {name: average(one_pose, metric) for name, metric in METRICS.items()}
    return pd.DataFrame(rows).T.rename_axis("2D input").infer_objects()


@dataclass(frozen=True, eq=False)
class SmallData:
    """Table 4's errors by cell ("walking S1"), P-MPJPE in mm, rows of ``evaluate_lifter`` per seed: of single-action
    (SA) and multi-action (MA) models on the ``sound`` videos and on the ``corrupt`` one, and of one pose for all."""

    sound: dict[str, list[pd.DataFrame]]
    corrupt: dict[str, list[pd.DataFrame]]
    one_pose: pd.DataFrame
    one_pose_corrupt: pd.DataFrame

    def cells(self, name: str) -> pd.DataFrame:
        """P-MPJPE of each cell (rows) and seed (columns) of "SA" or "MA"; :data:`CELL` also with the corrupt video."""
        found = cell_means(self.sound[name])
        both = [pd.concat(pair) for pair in zip(self.sound[name], self.corrupt[name], strict=True)]
        found.loc[WITH_CORRUPT] = cell_means(both).loc[CELL]
        return found

    def yardstick(self) -> pd.Series:
        """The same of one pose for all."""
        found = cell_means([self.one_pose])[0]
        found[WITH_CORRUPT] = cell_means([pd.concat([self.one_pose, self.one_pose_corrupt])]).loc[CELL, 0]
        return found


def small_data(
    experiments: Groups,
    results: Results,
    corrupt: Sequence[Clip],
    one_pose: pd.DataFrame,
    one_pose_corrupt: pd.DataFrame,
) -> SmallData:
    """``experiments`` and ``results``: "MA" and the actions by name; ``corrupt``: the clips of the corrupt video."""
    seeds = range(len(results["MA"]))
    sound = {
        "SA": [by_cell(pd.concat([results[action][i].clips for action in humaneva_role.CELLS])) for i in seeds],
        "MA": [by_cell(result.clips) for result in results["MA"]],
    }
    asked = {"SA": CELL.split()[0], "MA": "MA"}
    again = {
        name: [by_cell(evaluate_again(*pair, corrupt)) for pair in zip(experiments[of], results[of], strict=True)]
        for name, of in asked.items()
    }
    return SmallData(sound, again, by_cell(one_pose), by_cell(one_pose_corrupt))


def cell_means(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """P-MPJPE in mm of each cell (rows) and seed (columns)."""
    return pd.DataFrame([per_action(table, "p_mpjpe").drop("Avg") for table in tables]).T


def table_4(found: SmallData) -> pd.DataFrame:
    """Table 4: a row per cell, and one for Walk of S3 with the corrupt video, as the paper's was measured."""
    paper, places = published.table("videopose3d-table-4"), _places()
    cells = {name: found.cells(name) for name in found.sound}
    table = pd.DataFrame(
        {f"{name}{what}": of for name, seeds in cells.items()
         for what, of in (("", seeds.mean(axis=1)), (" ± seeds", seeds.std(axis=1, ddof=0)))}
        | {"one pose": found.yardstick()},
        index=[*CELL_NAMES, WITH_CORRUPT],
    ).rename_axis("action, subject")  # fmt: skip
    table["stands beside"] = [places[row].replace("_", " ") if row in places else np.nan for row in table.index]
    for name in found.sound:
        table[f"{name}, HumanEva-I, published"] = [
            paper.loc[f"Ours ({name})", places[row]] if row in places else np.nan for row in table.index
        ]
    return table


def _places() -> dict[str, str]:
    """The cells of the paper's Table 4 by our rows."""
    places = {
        f"{action} {subject}": f"{place}_{subject}"
        for action, place in humaneva_role.STANDS_FOR.items()
        for subject in humaneva_role.SUBJECTS
    }
    places[WITH_CORRUPT] = places.pop(CELL)
    return places


def along(model: nn.Module, clips: Sequence[Clip], take: str, camera: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """A model's P-MPJPE in mm along one take and camera: (seconds, errors) of each of its clips. Takes are counted at
    50 Hz ("07_05@60#0" begins at frame 60)."""
    found = []
    for clip in clips:
        name, _, start = clip.take.partition("@")
        if name == take and clip.camera.name == camera:
            error = 1000 * p_mpjpe(predict_clip(model, clip), clip.joints3d)
            found.append((int(start.split("#")[0]) / 50 + np.arange(len(clip)) / clip.fps, error.numpy()))
    return found
