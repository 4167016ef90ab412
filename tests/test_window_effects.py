"""Correlations and contrasts over windows: known answers, takes as the unit, and what is left out."""

from __future__ import annotations

import numpy as np
import pytest
from future_rows import rows

from phdlib.window_effects import TooFewError, contrast, correlation, mean, per_window, too_few, windows


def takes(number: int, size: int) -> list[str]:
    return [f"t{i}@{n}" for i in range(number) for n in range(size)]


def test_a_monotone_relation_has_correlation_one() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=40)
    found = correlation(np.exp(x), x, takes(8, 5), rng, draws=50)
    assert found == pytest.approx((1, 1, 1))
    assert correlation(np.stack([-x, -x]), x, takes(8, 5), rng, draws=50) == pytest.approx((-1, -1, -1))
    for values, of in ((np.ones(40), x), (x, np.ones(40))):
        with pytest.raises(TooFewError, match="the same in all windows"):
            correlation(values, of, takes(8, 5), rng, draws=5)


def test_seeds_are_averaged_before_ranks_are_taken() -> None:
    x = np.arange(20.0)
    noise = 100 * np.random.default_rng(1).normal(size=20)
    values = np.stack([x + noise, x - noise])
    assert correlation(values, x, takes(4, 5), np.random.default_rng(0), draws=5).value == pytest.approx(1)


def test_takes_are_the_unit() -> None:
    """Windows that repeat each other add no certainty: the interval is that of one window a take."""
    few = np.random.default_rng(2).normal(size=(2, 6))
    many = few.repeat(50, axis=1)
    one = correlation(few[0], few[1], takes(6, 1), np.random.default_rng(0), draws=300)
    repeated = correlation(many[0], many[1], takes(6, 50), np.random.default_rng(0), draws=300)
    assert repeated == pytest.approx(one, abs=1e-9) and one.high - one.low > 0.5
    assert mean(few[0], takes(6, 1), np.random.default_rng(0)).low == pytest.approx(
        mean(many[0], takes(6, 50), np.random.default_rng(0)).low
    )


def test_within_groups_only_their_differences_count() -> None:
    """Views of a motion: hard motions are well seen, but of each motion the well seen view is easier."""
    motion = np.repeat(np.arange(10), 4)
    seen = np.tile([0.0, 1, 2, 3], 10)
    error = 100.0 * motion - seen
    in_sight = 10.0 * motion + seen
    rng = np.random.default_rng(0)
    assert correlation(error, in_sight, takes(10, 4), rng, draws=20).value > 0.9
    assert correlation(error, in_sight, takes(10, 4), rng, within=motion, draws=20).value == pytest.approx(-1)


def test_contrast_of_two_groups() -> None:
    rng = np.random.default_rng(0)
    group = np.repeat([True, False, False], 10)
    values = np.where(group, 5.0, 2.0) + np.tile([-1.0, 1], 15)
    assert contrast(values, group, takes(3, 10), rng, draws=50) == pytest.approx((3, 3, 3))
    values = values + np.repeat([0.0, 1, -1], 10)  # the two takes outside differ
    found = contrast(np.stack([values, values]), group, takes(3, 10), rng, draws=200)
    assert found.value == pytest.approx(3) and found.low == pytest.approx(2) and found.high == pytest.approx(4)


def test_windows_without_a_value_are_left_out() -> None:
    x = np.arange(20.0)
    values = x.copy()
    values[3], x[7] = np.nan, np.nan
    rng = np.random.default_rng(0)
    assert correlation(values, x, takes(4, 5), rng, draws=20).value == pytest.approx(1)
    assert mean(values, takes(4, 5), rng, draws=5).value == pytest.approx(np.nanmean(values))
    assert contrast(values, np.arange(20) < 4, takes(4, 5), rng, draws=5).value == pytest.approx(1 - 11.5)


def test_an_interval_needs_three_takes() -> None:
    assert too_few(takes(3, 1)) == "" and too_few([]) == "no such windows"
    assert too_few(["a@0", "a@1"]) == "1 take, fewer than the 3 that an interval over takes needs"
    assert too_few(takes(2, 5)).startswith("2 takes, fewer")


def test_values_by_window_and_seed() -> None:
    tables = [rows({1: 5.0, 30: 7.0}, {1: 5.0, 30: 6.0}, seed) for seed in range(3)]
    found = per_window(tables, "mean_dtw", 30)
    assert found.shape == (3, 20) and found.mean() == pytest.approx(6, abs=0.1)
    about = windows(tables)
    assert about["take"].tolist() == [f"t{n // 4}@0" for n in range(20)] and "frame" not in about


def test_what_does_not_fit_is_named() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"found \(1, 4\), 3 and 4"):
        correlation(np.zeros(4), np.zeros(3), takes(4, 1), rng)
    with pytest.raises(ValueError, match="none of 4 such windows has a value"):
        mean(np.full(4, np.nan), takes(4, 1), rng)
    with pytest.raises(ValueError, match="0 such windows and 4 others"):
        contrast(np.zeros(4), np.zeros(4, dtype=bool), takes(4, 1), rng)
    table = rows({1: 5.0}, {1: 5.0})
    with pytest.raises(ValueError, match=r"frame at 1: expected tables of the same windows, found \[20, 16\]"):
        per_window([table, table[table["window"] < 16]], "frame", 1)
