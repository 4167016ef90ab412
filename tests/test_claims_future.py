"""The judgements of Tables 2, 3 and 8, put to rows that have the published means, and to rows that deny a claim."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest
from future_rows import as_published, rows

from phdlib import checks, published
from phdlib import claims_baselines as baselines
from phdlib import claims_future as claims
from phdlib.findings import Judgement
from phdlib.future_evidence import CONSTANT, FULL, LATENT, NEIGHBOUR, NO_STRIP, POSE, Evidence

IDS = [f"PHD-C{n:02d}" for n in (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 32)]


def judged(rows: dict, functions: Sequence[Callable], draws: int = 20) -> dict[str, Judgement]:
    found, judgements = Evidence(rows, draws), {}
    for function in functions:
        answer = function(found)
        judgements |= {one.id: one for one in (answer if isinstance(answer, list) else [answer])}
    return judgements


def test_the_published_numbers_bear_out_every_claim() -> None:
    found = judged(as_published(), (claims.tables_2_and_8, claims.single_image))
    assert sorted(found) == IDS
    assert {id: judgement.weakest for id, judgement in found.items() if not judgement.holds} == {}
    sizes = {id: len(judgement.findings) for id, judgement in found.items()}
    assert [sizes[f"PHD-C{n:02d}"] for n in (2, 4, 6, 7, 11, 15)] == [2, 20, 5, 40, 10, 40]

    def values(n: int) -> list[float]:
        return [finding.effect.value for finding in found[f"PHD-C{n:02d}"].findings]

    assert values(2) == pytest.approx([17.5, 20.7], abs=0.1)
    assert values(3) == pytest.approx([15.3, 15.0, 19.4, 15.6], abs=0.1)
    assert values(8) == pytest.approx([2.0, 2.9, 25.3, 27.5, 21.7, 27.4], abs=0.1)
    assert values(10) == pytest.approx([8.1, 1.3, 8.4, 6.0], abs=0.1)
    assert values(12) == pytest.approx([9.1, 9.4], abs=0.1) and values(13) == pytest.approx([4.1], abs=0.1)
    assert values(14) == pytest.approx([-0.6, 0.0], abs=0.1)
    assert values(16) == pytest.approx([21.7, 52.2, 27.4, 19.0], abs=0.1)


@pytest.mark.parametrize(
    ("changes", "function", "denied"),
    [
        ({POSE: LATENT}, claims.latent_over_pose, {2}),
        ({POSE: LATENT}, claims.gap_grows, {3}),
        ({LATENT: POSE, POSE: LATENT}, claims.never_worse, {4}),
        ({POSE: LATENT}, claims.never_worse, set()),
        ({NO_STRIP: LATENT}, claims.distillation, {5}),
        ({NO_STRIP: POSE}, claims.distillation, {5, 6}),
        ({CONSTANT: LATENT}, claims.over_baselines, {7, 16}),
        ({NEIGHBOUR: LATENT}, claims.over_baselines, {7, 16}),
        ({CONSTANT: LATENT}, baselines.frozen_pose, {8}),
        ({CONSTANT: NEIGHBOUR}, baselines.frozen_pose, {8}),
        ({NEIGHBOUR: CONSTANT}, baselines.neighbour_start, {9}),
        ({"Nearest Neighbour, body": NEIGHBOUR}, baselines.neighbour_start, {9}),
        ({"Nearest Neighbour, seam": NEIGHBOUR}, baselines.neighbour_start, {9}),
        ({NEIGHBOUR: CONSTANT}, baselines.neighbour_later, {10, 11}),
        ({CONSTANT: LATENT}, baselines.neighbour_later, {10}),
        ({"Kanazawa et al. [27]": LATENT}, claims.single_image, {12, 13}),
        ({POSE: LATENT}, claims.single_image, {14}),
        ({LATENT: CONSTANT}, claims.labels_2d, {32}),
    ],
)
def test_rows_that_deny_a_claim(changes: dict[str, str], function: Callable, denied: set[int]) -> None:
    """A row takes another row's place; the claims that lived on their difference fall, and only they."""
    known = as_published()
    for role, methods in as_published().items():
        known[role] |= {name: methods[other] for name, other in changes.items() if name in methods}
    found = judged(known, [function])
    assert {id for id, judgement in found.items() if not judgement.holds} == {f"PHD-C{n:02d}" for n in denied}


def test_without_warping_every_cell_counts() -> None:
    known = as_published(seeds=1)
    (table,) = known["penn"][NO_STRIP]
    table.loc[table["horizon"] == 20, "frame"] = table.loc[table["horizon"] == 20, "mean_dtw"] + 1
    (found,) = judged(known, [claims.without_warping]).values()
    assert [finding.what for finding in found.findings if not finding.holds] == [
        "Penn role, 20: No L_movie strip, Table 8 worse than Table 2 by"
    ]


def test_one_bad_cell_denies_a_claim_about_all_cells() -> None:
    known = as_published()
    for table in known["penn"][POSE]:
        table.loc[table["horizon"] == 10, "mean_dtw"] += 15.0
    found = judged(known, [claims.never_worse, claims.latent_over_pose])
    assert not found["PHD-C04"].holds and found["PHD-C02"].holds
    assert found["PHD-C04"].weakest.what == "Table 2, Penn role, 10: AR on Φ better than AR on Θ by"


def test_published_differences_as_quoted() -> None:
    """What the judgement of C03 quotes of the paper follows from its tables."""
    latent, pose = published.table("phd-table-2").index[[0, 2]]

    def gap(table: pd.DataFrame, role: str, horizon: int) -> float:
        return abs(table.loc[latent, f"{role}_{horizon}"] - table.loc[pose, f"{role}_{horizon}"])

    text = checks.check("PHD-C03").published
    tables = [published.table(id) for id in ("phd-table-2", "phd-table-8")]
    grown = [gap(t, r, 30) - gap(t, r, 5) for t in tables for r in ("h36m", "penn")]
    assert [float(number) for number in re.findall(r"\d+\.\d", text)] == pytest.approx(grown)


def test_a_late_truth_and_the_fates_of_neighbours() -> None:
    """C38: a penalty of which warping leaves a third, then two thirds. C39: all modes common, then one of them rare."""
    rng = np.random.default_rng(0)
    for left, holds in ((1 / 3, True), (2 / 3, False)):
        late = {"h36m": rows({30: 30.0}, {30: 30 * left}), "penn": rows({30: 70.0}, {30: 100 - 30 * left})}
        assert claims.mistimed(late, rng, draws=20).holds is holds
    fates = pd.DataFrame({"take": [f"t{n % 10}@0" for n in range(100)], "drift": True, "wrong speed": True})
    for share, holds in ((10, True), (1, False)):
        fates["good fit"] = np.arange(100) < share
        found = baselines.neighbour_failures({"h36m": [fates], "penn": [fates]}, rng, draws=20)
        assert found.holds is holds and [f.value for f in found.findings] == [100, 100, share]


def test_a_missing_row_is_named() -> None:
    known = as_published(seeds=1)
    del known["penn"][FULL]
    with pytest.raises(ValueError, match="Penn role: no rows of 'AR on Φ, full 3D'; there are AR on Φ"):
        judged(known, [claims.labels_2d])
