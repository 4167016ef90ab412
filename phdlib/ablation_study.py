"""VP3D's sizes and ablations trained and tabulated: Table 5, Figure 8 and A.4 (notebook 04)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from phdlib import ablations, architecture, comparisons, publish, published
from phdlib.evaluation import average
from phdlib.experiments import LiftingExperiment, LiftingResult, run_all
from phdlib.statistics import Effect, bootstrap

Tables = Sequence[pd.DataFrame]  # of one model, by seed: rows of phdlib.evaluation.evaluate_lifter
Models = dict[float | str, list[LiftingExperiment]]  # by size or name
LSTM = "Hossain & Little"
ERROR = {"27": ("VP3D-X74", "dilated"), "243": ("VP3D-X72", "with")}  # what A.4 prints at a receptive field
ABLATED = {  # A.4: a row, the trainings behind it, and where the paper prints its error
    "base": ("base", "VP3D-X72", "with"),
    "base, not mirrored at test time": ("base", "VP3D-X72", "without"),
    "base, mirrored neither at test time nor in training": ("base, never mirrored", "VP3D-X73", "without_both"),
    "27 frames, dilated": ("27 frames, dilated", "VP3D-X74", "dilated"),
    "27 frames, dense": ("27 frames, dense", "VP3D-X74", "dense"),
}


@dataclass(frozen=True, eq=False)
class AblationStudy:
    """``plan``: for each part the models by size or name, one experiment per seed; ``results`` and ``tables`` (errors
    per clip) in the same order."""

    profile: str
    data: str
    plan: dict[str, Models]
    results: dict[str, dict[float | str, list[LiftingResult]]]

    @property
    def tables(self) -> dict[str, dict[float | str, list[pd.DataFrame]]]:
        return {
            part: {name: [result.clips for result in of] for name, of in groups.items()}
            for part, groups in self.results.items()
        }

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(experiment.seed for experiment in self.plan["Figure 8b"][27])

    def pairs(self, part: str, name: float | str) -> list[tuple[LiftingExperiment, LiftingResult]]:
        """The experiments of one model with their results."""
        return list(zip(self.plan[part][name], self.results[part][name], strict=True))

    def provenance(self, *parts: str) -> publish.Provenance:
        """Of some parts; a model that stands in two places was trained once."""
        groups = [group for part in parts for group in self.results[part].values()]
        seconds = sum({result.seconds for group in groups for result in group})
        return publish.Provenance(profile=self.profile, data=self.data, seeds=self.seeds, seconds=round(seconds, 1))

    def test_errors(self, part: str) -> dict[float | str, list[float]]:
        """MPJPE in mm of each model's seeds."""
        return {name: [average(t, "mpjpe") for t in of] for name, of in self.tables[part].items()}

    def training_errors(self, part: str) -> dict[float | str, list[float]]:
        """The same in the last epoch of training: while the weights move, with dropout, without mirror averaging."""
        return {name: [1000 * result.losses[-1] for result in of] for name, of in self.results[part].items()}


def study(profile: str, data: str) -> AblationStudy:
    """Train, or read from the cache, all models of Table 5, Figure 8 and A.4."""
    fields = ablations.receptive_fields(profile, data)
    plan: dict[str, Models] = {
        "Table 5": ablations.complexity(profile, data),
        "Figure 8a": ablations.channel_sizes(profile, data),
        "Figure 8b": fields,
        "A.4": {
            "base": ablations.detectors(profile, data)["fine_tuned"],
            "base, never mirrored": ablations.without_augmentation(profile, data),
            "27 frames, dilated": fields[27],
            "27 frames, dense": ablations.without_dilation(profile, data),
        },
    }
    found = iter(run_all([e for part in plan.values() for group in part.values() for e in group]))
    results = {
        part: {name: [next(found) for _ in group] for name, group in groups.items()} for part, groups in plan.items()
    }
    return AblationStudy(profile, data, plan, results)


def over_seeds(values: Mapping, statistic: Callable = np.mean) -> pd.Series:
    """A statistic of every model's seeds."""
    return pd.Series({name: statistic(of_seeds) for name, of_seeds in values.items()})


def exceeds(worse: Tables, better: Tables) -> Effect:
    """By how many mm of MPJPE, with the interval over seeds and takes."""
    return bootstrap([worse, better], "mpjpe", lambda a, b: a - b, np.random.default_rng(0))


def same_training(worse: Tables, better: Tables) -> Effect:
    """The same where the two tables of a seed come from one trained model."""
    return bootstrap([worse, better], "mpjpe", lambda a, b: a - b, np.random.default_rng(0), paired=True)


def printed_table_5() -> pd.DataFrame:
    """The published Table 5, the LSTM by the name that ours has."""
    table = published.table("videopose3d-table-5")
    return table.set_axis(table.index.str.removesuffix(" [16]"))


def table_5(study: AblationStudy) -> pd.DataFrame:
    """Sizes and costs per frame at the paper's size and at the profile's, and the errors of the models trained here."""
    paper = ablations.complexity("paper", study.data)
    large, small = ({n: g[0].model() for n, g in models.items()} for models in (paper, study.plan["Table 5"]))
    printed, errors = printed_table_5(), study.test_errors("Table 5")

    def millions(count: Callable, models: Mapping) -> dict:
        return {name: count(model) / 1e6 for name, model in models.items()}

    columns = {
        "parameters, M": millions(architecture.parameters, large),
        "published parameters, M": printed["params_M"],
        "FLOPs, M": millions(architecture.flops_per_frame, large),
        "published FLOPs, M": printed["flops_M"],
        "as trained here: parameters, M": millions(architecture.parameters, small),
        "as trained here: FLOPs, M": millions(architecture.flops_per_frame, small),
        "MPJPE, mm": over_seeds(errors),
        "± seeds": over_seeds(errors, np.std),
        "published MPJPE, mm (Human3.6M)": printed["mpjpe"],
        "training MPJPE, mm": over_seeds(study.training_errors("Table 5")),
        "training seconds": {n: np.mean([r.seconds for r in of]) for n, of in study.results["Table 5"].items()},
    }
    return pd.DataFrame(columns).reindex(printed.index).rename_axis("model")


def table_8(study: AblationStudy) -> pd.DataFrame:
    """Figure 8 as numbers: a row per size, with what the paper prints of its like in A.4."""
    printed = {(int(size), "Figure 8b"): published.in_text(id)["values"][key] for size, (id, key) in ERROR.items()}
    rows = []
    for part in ("Figure 8a", "Figure 8b"):
        test, training = study.test_errors(part), study.training_errors(part)
        rows += [
            {
                "figure": part.removeprefix("Figure "),
                "channels": study.plan[part][size][0].channels,
                "frames": study.plan[part][size][0].model().receptive_field(),
                "MPJPE, mm": np.mean(test[size]),
                "± seeds": np.std(test[size]),
                "training MPJPE, mm": np.mean(training[size]),
                "training seconds": np.mean([r.seconds for r in study.results[part][size]]),
                "published MPJPE, mm (Human3.6M, A.4)": printed.get((size, part), np.nan),
            }
            for size in test
        ]
    return pd.DataFrame(rows)


def not_mirrored(study: AblationStudy) -> list[pd.DataFrame]:
    """A.4's base models, asked without the mirrored clip: errors per clip, by seed."""
    return [comparisons.evaluate_again(*pair, flip=False) for pair in study.pairs("A.4", "base")]


def table_a4(study: AblationStudy, plain: Tables) -> pd.DataFrame:
    """The ablations of A.4; ``plain``: :func:`not_mirrored`."""
    tables, training = study.tables["A.4"], study.training_errors("A.4")
    rows = {}
    for name, (source, id, key) in ABLATED.items():
        errors = [
            average(t, "mpjpe") for t in (plain if name.endswith("not mirrored at test time") else tables[source])
        ]
        rows[name] = {
            "frames": study.plan["A.4"][source][0].model().receptive_field(),
            "MPJPE, mm": np.mean(errors),
            "± seeds": np.std(errors),
            "published MPJPE, mm (Human3.6M)": published.in_text(id)["values"][key],
            "training MPJPE, mm": np.mean(training[source]),
        }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("A.4: fine_tuned keypoints")
    return table.astype({"frames": int})


def listed(effects: Mapping[str, Effect]) -> pd.DataFrame:
    """Effects in mm with their intervals, as a reader wants them."""
    rows = {what: (f"{e.value:+.2f}", f"{e.low:+.2f} to {e.high:+.2f}") for what, e in effects.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["mm", "95 % interval"])


def in_words(effect: Effect, what: str) -> str:
    """``what`` errs less or more than something else by an effect whose positive sign means less."""
    if effect.low > 0 or effect.high < 0:
        verb = f"errs **{'less' if effect.low > 0 else 'more'}**, by {abs(effect.value):.2f} mm"
    else:
        verb = f"errs neither less nor more for sure ({effect.value:+.2f} mm)"
    return f"{what} {verb} ({effect.low:+.2f} to {effect.high:+.2f})"


def reading(test: pd.Series, training: pd.Series) -> str:
    """What means by size say, from the size with the smallest test error on."""
    best, largest = test.idxmin(), test.index[-1]
    if best == largest:
        return f"the largest is the best ({test[largest]:.1f} mm): no sign of overfitting."
    above, beside = (errors[largest] - errors[best] for errors in (test, training))
    why = "not trained enough" if beside > 0 else "overfitting"
    if above < 0.5:
        why = "level, within 0.5 mm"
    return (
        f"{best} is the best ({test[best]:.1f} mm); from there to {largest} the test error changes by {above:+.1f} mm "
        f"and the training error by {beside:+.1f} mm: **{why}**."
    )
