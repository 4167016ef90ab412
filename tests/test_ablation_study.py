from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from phdlib import ablation_study, published
from phdlib.ablation_study import AblationStudy
from phdlib.statistics import Effect


def experiment(seed: int, channels: int = 8, frames: int = 27) -> SimpleNamespace:
    return SimpleNamespace(seed=seed, channels=channels, model=lambda: SimpleNamespace(receptive_field=lambda: frames))


def result(error: float, loss: float = 0.09, seconds: float = 2.0) -> SimpleNamespace:
    rows = {"take": ["a@0", "b@0"], "action": ["walk", "jump"], "frames": 10, "mpjpe": [error - 1, error + 1]}
    return SimpleNamespace(clips=pd.DataFrame(rows), losses=[0.2, loss], seconds=seconds)


def made(parts: dict[str, dict]) -> AblationStudy:
    """A study whose every model has two seeds, one mm apart, around an error by part and name."""
    plan = {
        part: {n: [experiment(s, frames=f) for s in (0, 1)] for n, (f, _) in of.items()} for part, of in parts.items()
    }
    results = {
        part: {n: [result(e - 0.5, seconds=e), result(e + 0.5, seconds=e + 0.1)] for n, (_, e) in of.items()}
        for part, of in parts.items()
    }
    return AblationStudy("standard", "embedded", plan, results)


FIGURE_8 = {"Figure 8a": {8: (27, 90.0), 16: (27, 80.0)}, "Figure 8b": {9: (9, 85.0), 27: (27, 80.0), 243: (243, 82.0)}}


def test_figure_8_as_numbers_beside_what_the_paper_prints():
    table = ablation_study.table_8(made(FIGURE_8))
    assert table["MPJPE, mm"].tolist() == pytest.approx([90, 80, 85, 80, 82])
    assert table["± seeds"].tolist() == pytest.approx([0.5] * 5) and table["training MPJPE, mm"].eq(90).all()
    beside = table.set_index(["figure", "frames"])["published MPJPE, mm (Human3.6M, A.4)"].dropna()
    values = published.in_text("VP3D-X74")["values"]["dilated"], published.in_text("VP3D-X72")["values"]["with"]
    assert beside.to_dict() == {("8b", 27): values[0], ("8b", 243): values[1]}


def test_a_model_in_two_places_is_timed_once():
    parts = {**FIGURE_8, "A.4": {"27 frames, dilated": (27, 80.0)}}
    study = made(parts)
    study.results["A.4"]["27 frames, dilated"] = study.results["Figure 8b"][27]
    alone, both = study.provenance("Figure 8b"), study.provenance("Figure 8b", "A.4")
    assert alone.seconds == both.seconds == pytest.approx(2 * (85 + 80 + 82) + 0.3)
    assert both.seeds == (0, 1)


def test_a4_takes_the_unmirrored_answers_for_their_row_alone():
    names = {source for source, _, _ in ablation_study.ABLATED.values()}
    study = made({**FIGURE_8, "A.4": {name: (9, 50.0) for name in names}})
    table = ablation_study.table_a4(study, [result(60.0).clips, result(61.0).clips])
    assert table["MPJPE, mm"].to_dict() == pytest.approx(
        dict.fromkeys(ablation_study.ABLATED, 50.0) | {"base, not mirrored at test time": 60.5}
    )


@pytest.mark.parametrize(
    ("test", "training", "said"),
    [
        ([3, 2, 1], [3, 2, 1], "no sign of overfitting"),
        ([3, 1, 2], [3, 2, 1], "overfitting"),
        ([3, 1, 2], [1, 2, 3], "not trained enough"),
        ([3, 1, 1.2], [1, 2, 3], "within 0.5 mm"),
    ],
)
def test_what_a_row_of_sizes_says(test, training, said):
    sizes = [8, 16, 32]
    assert said in ablation_study.reading(pd.Series(test, sizes, dtype=float), pd.Series(training, sizes, dtype=float))


def test_effects_in_words_and_as_a_table():
    sure, unsure = Effect(1.5, 1.0, 2.0), Effect(0.5, -1.0, 2.0)
    assert ablation_study.in_words(sure, "the model") == "the model errs **less**, by 1.50 mm (+1.00 to +2.00)"
    assert "neither less nor more" in ablation_study.in_words(unsure, "the model")
    assert ablation_study.listed({"a": sure}).loc["a"].tolist() == ["+1.50", "+1.00 to +2.00"]


def test_a_difference_of_two_models_is_that_of_their_means():
    study = made(FIGURE_8)
    worse, better = study.tables["Figure 8b"][9], study.tables["Figure 8b"][27]
    for effect in (ablation_study.exceeds(worse, better), ablation_study.same_training(worse, better)):
        assert effect.value == pytest.approx(5) and effect.low <= 5 <= effect.high
    assert np.isclose(ablation_study.over_seeds(study.test_errors("Figure 8b"))[243], 82)
