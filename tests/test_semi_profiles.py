import math

import pytest

from phdlib import ablations, semi_profiles
from phdlib.data.detector import LEVELS
from phdlib.training import Recipe


def frames(group: semi_profiles.Group) -> int:
    return group[0].networks().receptive_field()


def test_the_papers_receptive_fields() -> None:
    """VP3D 6.2: at 10 Hz 9 frames, 3 for 1 % and 5 % of S1, 1 for 0.1 %; at 50 Hz 27, 9 for 1 %, 1 for 0.1 %."""
    at = {
        panel: [frames(semi_profiles.group("paper", panel, subset)) for subset in semi_profiles.SUBSETS]
        for panel in "abc"
    }
    assert at["a"] == [1, 3, 3, 9, 9, 9, 9, 9]
    assert at["b"] == at["c"] == [1, 9, 27, 27, 27, 27, 27, 27]
    one = semi_profiles.group("paper", "b", "1% S1")[0]
    assert one.recipe == Recipe() and one.channels == 1024 and one.method.warmup_epochs == 20
    assert semi_profiles.group("paper", "b", "S1")[0].method.warmup_epochs == 1
    assert semi_profiles.departures("paper").empty


@pytest.mark.parametrize("profile", ["smoke", "standard", "paper"])
def test_methods_differ_in_the_method_alone(profile: str) -> None:
    for panel in semi_profiles.PANELS:
        curves = semi_profiles.methods(profile, panel, "1% S1")
        for draws in zip(*curves.values(), strict=True):
            assert len({(e.draw, e.seed, e.labelled, e.fraction, e.filter_widths, e.every) for e in draws}) == 1
        if panel != "b":
            continue
        longer, plain = curves["supervised, equal time"][0].recipe, curves["supervised"][0].recipe
        steps = [r.epochs * (r.steps_per_epoch or 1) for r in (longer, plain)]
        assert steps[0] > 1.9 * steps[1]
        assert longer.lr_at(longer.epochs - 1) == pytest.approx(plain.lr_at(plain.epochs - 1), rel=0.05)
    assert len(semi_profiles.SIZES["standard"].draws) >= 3


def test_a_long_schedule_is_longer_and_nothing_else() -> None:
    for profile in ("standard", "paper"):
        long = semi_profiles.patient(profile)["semi-supervised"][0]
        short = semi_profiles.group(profile, "c", "1% S1")[0]
        assert long.model_copy(update={"recipe": short.recipe}) == short
        times = semi_profiles.SIZES[profile].patient
        steps = [r.epochs * (r.steps_per_epoch or 1) for r in (long.recipe, short.recipe)]
        assert steps[0] == times * steps[1]


def test_variants_change_one_part_each() -> None:
    groups = semi_profiles.variants("standard")
    papers = groups["semi-supervised, the paper's"][0].method
    changed = {
        name: {field for field in type(papers).model_fields if getattr(g[0].method, field) != getattr(papers, field)}
        for name, g in groups.items()
    }
    assert sorted(map(len, changed.values())) == [0, 1, 1, 1, 1, 1, 1, 1, 2]


def test_ablations_have_the_papers_sizes() -> None:
    fields = ablations.receptive_fields("paper")
    assert {n: g[0].model().receptive_field() for n, g in fields.items()} == {n: n for n in (1, 9, 27, 81, 243)}
    assert list(ablations.channel_sizes("paper")) == [128, 256, 512, 1024, 2048]
    assert list(ablations.detectors("paper")) == list(LEVELS)
    recipe = ablations.humaneva("paper")["MA"][0].recipe
    assert (recipe.batch_size, recipe.lr_decay, recipe.epochs) == (128, 0.996, 1000)
    for name, group in ablations.chunk_sizes("paper").items():
        chunk = 1 if name == "1f" else int(name)
        assert group[0].chunk * group[0].recipe.batch_size == 1024 and group[0].chunk == chunk
        assert group[0].form == ("strided" if name == "1f" else "layered")
    assert all(math.prod(g[0].filter_widths) == 27 for g in ablations.channel_sizes("standard").values())
    assert ablations.departures("paper").empty
