"""PHD's Table 3: what is predicted from one image alone, as rows beside those of :mod:`phdlib.phd_study`.

A prediction is of the fifth frame after the present one and of no other, so its rows have horizon 5 and the reading
``frame``; all other readings are NaN. Windows, truth and metrics are those of the rest: P-MPJPE in mm in the Human3.6M
role, PCK at 0.05 in the Penn Action role. There [27]'s bodies and [11]'s keypoints are both put on the true frame by
the scale and translation of eq. 6, as all bodies are; eq. 6 never looks at depth, so nothing sets the two apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from phdlib import cache
from phdlib.data.phd_role import CONDITIONING
from phdlib.futures import READINGS, futures_2d, futures_3d
from phdlib.paths import cache_dir
from phdlib.phd_study import SHORT, Rows, Truth, truth
from phdlib.runs import read_or_run, run_all
from phdlib.single_image import AHEAD
from phdlib.single_image_experiments import ForecasterExperiment, HallucinatorExperiment, SingleImageResult
from phdlib.single_image_profiles import single_image

TARGET = CONDITIONING + AHEAD - 1  # the frame of an evaluation window that is predicted
_CODE = (
    *("phdlib.single_image_study", "phdlib.phd_study", "phdlib.futures", "phdlib.dtw", "phdlib.dtw_protocol"),
    *("phdlib.metrics", "phdlib.camera", "phdlib.data.phd_role"),
)


def single_image_results(
    profile: str, data: str = "embedded", jobs: int | None = None, *, features: str | None = None
) -> dict[str, list[SingleImageResult]]:
    """The trainings of :func:`single_image` and all that they stand on, or what the cache has of them: by the name in
    Table 3, one result per seed (``losses``, ``seconds``, ``ahead``)."""
    chosen = single_image(profile, data, features)
    results = iter(run_all([e for of_method in chosen.values() for e in of_method], jobs))
    return {name: [next(results) for _ in of_method] for name, of_method in chosen.items()}


def single_image_rows(
    profile: str, data: str = "embedded", jobs: int | None = None, *, features: str | None = None
) -> Rows:
    """``{"h36m": {"Kanazawa et al. [27]": tables}, "penn": {"Chao et al. [11]": tables, ...}}``, a table per seed, of
    the same windows as :func:`phdlib.phd_study.study`'s; horizon 5 and the reading ``frame`` alone. [11] predicts no
    3D, and so has no row in the Human3.6M role."""
    single_image_results(profile, data, jobs, features=features)
    rows: Rows = {short: {} for short in SHORT.values()}
    for method, experiments in single_image(profile, data, features).items():
        for experiment in (e.prepared() for e in experiments):
            for role in read_or_run(experiment).ahead:
                rows[SHORT[role]].setdefault(method, []).append(evaluate(experiment, role))
    return rows


def evaluate(experiment: ForecasterExperiment | HallucinatorExperiment, role: str) -> pd.DataFrame:
    """Rows of one prepared experiment in one role, cached beside it."""
    known = truth(experiment.features(), role)

    def build() -> Mapping[str, np.ndarray]:
        table = compare_with_truth(torch.from_numpy(read_or_run(experiment).ahead[role]), known)
        return {name: table[name].to_numpy() for name in table.columns.difference(known.about.columns, sort=False)}

    key = cache.key_of(uid=experiment.infra.uid(), role=role, code=cache.code_fingerprint(*_CODE))
    table = pd.DataFrame(cache.cached_arrays(f"{role}-single", key, build, _folder()))
    about = known.about.iloc[table["window"].to_numpy()].reset_index(drop=True)
    return pd.concat([about, table], axis=1)


def compare_with_truth(ahead: Tensor, known: Truth) -> pd.DataFrame:
    """Rows of the frame predicted in every window, joints (N, J, 3) or keypoints (N, J, 2)."""
    pred, target = ahead[:, None], slice(TARGET, TARGET + 1)
    if known.joints is not None:
        table = futures_3d(pred, known.joints[:, target], known.about, horizons=(1,))
    else:
        flat = F.pad(pred, (0, 3 - pred.shape[-1]))
        table = futures_2d(flat, known.keypoints[:, target], known.visible[:, target], known.about, horizons=(1,))
    return table.assign(horizon=AHEAD, **{name: np.nan for name in READINGS if name != "frame"})


def _folder() -> Path:
    folder = cache_dir() / "futures"
    folder.mkdir(exist_ok=True)
    return folder
