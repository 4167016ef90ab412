from pathlib import Path

import numpy as np
import pytest
import torch
from synthetic import clip

from phdlib import experiments, profiles, runs
from phdlib.evaluation import METRICS, evaluate_lifter
from phdlib.experiments import LiftingExperiment, read_or_run
from phdlib.training import Recipe

SMALL = LiftingExperiment(filter_widths=(3,), channels=16, recipe=Recipe(epochs=2, batch_size=16, steps_per_epoch=3))


@pytest.fixture(autouse=True)
def small_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three clips instead of the data, and an empty cache."""
    monkeypatch.setenv("PHDLIB_CACHE", str(tmp_path))
    monkeypatch.setattr(
        experiments, "load_clips", lambda data, keypoints, part, role: (clip(30, 0), clip(35, int(part == "test")))
    )


def results(experiment: LiftingExperiment) -> list[Path]:
    return sorted(Path(experiment.infra.uid_folder()).glob("job.pkl"))


def test_a_result_is_computed_once_and_holds_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = SMALL.prepared()
    result = read_or_run(experiment)
    monkeypatch.setattr(experiments, "train_lifter", None)  # a second training would fail
    again = read_or_run(SMALL.prepared())
    assert result.clips.equals(again.clips) and result.losses == again.losses and len(results(experiment)) == 1
    test = experiment.clips("test")
    plain = evaluate_lifter(experiment.trained_model(again), test)  # the result itself is of the folded model
    assert np.allclose(plain[list(METRICS)], result.clips[list(METRICS)], rtol=1e-4)
    assert not (Path(experiment.infra.uid_folder()) / "partial.pt").exists()


def test_every_field_that_matters_has_a_key_of_its_own() -> None:
    variants = [
        SMALL, *(SMALL.model_copy(update=change) for change in (
            {"seed": 1}, {"keypoints": "gt"}, {"causal": True}, {"chunk": 2},
            {"form": "layered"}, {"role": "humaneva"}, {"actions": ("swing",)}, {"network": "seq2seq"},
            {"test_flip": False}, {"channels": 17}, {"dropout": 0.3}, {"dense": True},
            {"filter_widths": (3, 3)}, {"recipe": Recipe(epochs=2, batch_size=16, steps_per_epoch=3, lr=2e-3)},
        )),
    ]  # fmt: skip
    folders = {experiment.prepared().infra.uid() for experiment in variants}
    assert len(folders) == len(variants)


def test_the_code_and_the_data_are_in_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = SMALL.prepared().infra.uid()
    monkeypatch.setattr(runs.sources, "key", lambda *of: "other data")
    other_data = SMALL.prepared().infra.uid()
    monkeypatch.setattr(runs, "code_fingerprint", lambda *modules: "other code")
    assert len({before, other_data, SMALL.prepared().infra.uid()}) == 3


@pytest.mark.parametrize("damage", ["flip", "truncate"])
def test_a_damaged_result_is_named_and_made_again(damage: str) -> None:
    experiment = SMALL.prepared()
    result = read_or_run(experiment)
    (path,) = results(experiment)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content) if damage == "flip" else bytes(content[:100]))
    with pytest.warns(UserWarning, match=r"unreadable cache .*job\.pkl"):
        again = read_or_run(SMALL.prepared())
    for name, value in result.weights.items():
        assert np.array_equal(value, again.weights[name])
    assert again.clips.equals(result.clips)


def test_a_kill_between_a_result_and_its_checksum_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    result = read_or_run(SMALL.prepared())
    seal = results(SMALL.prepared())[0].with_suffix(".sha256")
    seal.unlink()
    monkeypatch.setattr(experiments, "train_lifter", None)
    assert read_or_run(SMALL.prepared()).clips.equals(result.clips) and seal.exists()


def test_a_failed_run_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(experiments, "train_lifter", lambda *args, **kwargs: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            read_or_run(SMALL.prepared())
    assert len(read_or_run(SMALL.prepared()).losses) == 2


def test_what_runs_here_has_one_thread_as_in_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    threads, seen = torch.get_num_threads(), []
    whole = experiments.train_lifter

    def spy(*args, **kwargs):
        seen.append(torch.get_num_threads())
        return whole(*args, **kwargs)

    monkeypatch.setattr(experiments, "train_lifter", spy)
    torch.set_num_threads(2)
    try:
        read_or_run(SMALL.prepared())
        assert seen == [1] and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def test_profiles_differ_from_the_paper_only_where_they_say_so() -> None:
    assert profiles.departures("paper").empty
    listed = profiles.departures("standard").set_index("what")
    assert listed.loc["channels", "paper"] == 1024 and listed.loc["samples per batch", "paper"] == 1024
    assert "horizontal flip" not in " ".join(listed.index)
    paper = profiles.supervised("paper")
    assert {name: of_model[0].model().receptive_field() for name, of_model in paper.items()} == {
        "single-frame": 1, "causal": 243, "full": 243,
    }  # fmt: skip
    assert paper["full"][0].recipe == Recipe() and paper["full"][0].channels == 1024
    standard = profiles.supervised("standard")
    assert all(
        len(of_model) >= 3 and len({e.seed for e in of_model}) == len(of_model) for of_model in standard.values()
    )
    assert standard["causal"][0].recipe == standard["full"][0].recipe


def test_a_data_source_that_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match="unknown data source 'kitchen': choose one of embedded, cmu"):
        SMALL.model_copy(update={"data": "kitchen"}).prepared()
    with pytest.raises(ValueError, match="data source 'penn': found keypoints 'fine_tuned', role 'human36m', expected"):
        SMALL.model_copy(update={"data": "penn"}).prepared()
    with pytest.raises(ValueError, match=r"data source 'cmu': .* is 'embedded', expected the same"):
        SMALL.model_copy(update={"data": "cmu"}).prepared()
    assert torch.get_num_threads() >= 1
