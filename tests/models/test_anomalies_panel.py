"""Many daily series at once: spikes, steps, weekdays, gaps, new series, and nothing from the future."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.models.anomalies import creep
from helpers.models.anomalies.panel import Policy, watch


def usual(count: int = 1, days: int = 120, noise: float = 0.02, seed: int = 1) -> np.ndarray:
    week = np.array([1, 1, 1, 1, 1, 0.6, 0.5])[np.arange(days) % 7]
    return 100 * week * np.random.default_rng(seed).normal(1, noise, (count, days))


def spans(found) -> list[tuple[int, int, int]]:
    return [(e.start, e.seen, e.end) for e in found.episodes]


def test_a_spike_is_seen_on_its_first_day_and_does_not_become_the_usual():
    values = usual()
    values[0, 80:84] *= 4
    found = watch(values)
    assert spans(found) == [(80, 80, 83)]
    assert found.expected[0, 83] == pytest.approx(100 * np.array([1, 1, 1, 1, 1, 0.6, 0.5])[83 % 7], rel=0.05)
    assert found.expected[0, 90] == pytest.approx(100 * np.array([1, 1, 1, 1, 1, 0.6, 0.5])[90 % 7], rel=0.05)


def test_a_small_step_needs_a_week_and_is_the_usual_after_four():
    values = usual()
    values[0, 70:] *= 1.2
    (one,) = watch(values).episodes
    assert 70 <= one.start <= 72 and 74 <= one.seen <= 78 and one.settled
    assert watch(values).expected[0, 110] == pytest.approx(
        120 * np.array([1, 1, 1, 1, 1, 0.6, 0.5])[110 % 7], rel=0.05
    )


def test_weekends_are_no_drop_and_mondays_no_rise():
    assert watch(usual(days=200)).episodes == []


def test_a_weekday_s_height_at_the_weekend_is_seen():
    values = usual()
    sunday = next(n for n in range(90, 100) if n % 7 == 6)
    values[0, sunday] = 100
    assert spans(watch(values)) == [(sunday, sunday, sunday)]


def test_a_gap_is_neither_judged_nor_learned_from():
    values = usual()
    values[0, 60:66] = np.nan
    values[0, 90] *= 5
    assert spans(watch(values)) == [(90, 90, 90)]


def test_a_new_series_is_not_judged_in_its_first_four_weeks():
    values = np.full((1, 120), np.nan)
    values[0, 50:] = 40
    values[0, 60] = 400
    values[0, 100] = 400
    assert spans(watch(values)) == [(100, 100, 100)]


def test_what_seldom_costs_anything_alarms_only_when_it_is_more_than_ever():
    values = np.zeros((1, 120))
    values[0, [3, 20, 41, 60, 77, 95]] = 50
    assert watch(values).episodes == []
    values[0, 110] = 200
    assert spans(watch(values)) == [(110, 110, 110)]


def test_money_below_the_least_is_left_alone():
    values = usual() / 1000
    values[0, 80:84] *= 4
    assert watch(values).episodes == []
    assert spans(watch(values, replace(Policy(), least=0.05))) == [(80, 80, 83)]


def test_all_zero_and_negative_values():
    values = np.zeros((2, 100))
    values[1] = -5
    assert watch(values).episodes == []
    values[0, 70] = 50
    assert spans(watch(values)) == [(70, 70, 70)]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(40, 110))
def test_nothing_after_a_day_changes_it(seed, cut):
    rng = np.random.default_rng(seed)
    values = usual(6, noise=0.2, seed=seed)
    values[rng.integers(0, 6), rng.integers(40, 120) :] *= 3
    other = values.copy()
    other[:, cut:] = rng.lognormal(5, 1, (6, 120 - cut))
    a, b = watch(values), watch(other)
    for name in ("expected", "scale", "above"):
        np.testing.assert_array_equal(getattr(a, name)[:, :cut], getattr(b, name)[:, :cut])
    assert [(e.series, e.start, e.seen) for e in a.episodes if e.seen < cut] == [
        (e.series, e.start, e.seen) for e in b.episodes if e.seen < cut
    ]


def test_series_do_not_touch_each_other():
    values = usual(5, seed=4)
    values[2, 80:90] *= 6
    together = watch(values)
    for n in range(5):
        np.testing.assert_array_equal(together.expected[n], watch(values[n : n + 1]).expected[0])


@pytest.mark.parametrize(("rate", "grows"), [(0.05, True), (-0.05, True), (0.0, False)])
def test_growth_is_the_median_of_all_pairs(rate, grows):
    weekly = 100 * (1 + rate) ** (np.arange(26) / creep.MONTH)[None]
    found, steady = creep.growth_of(weekly)
    assert found[0] == pytest.approx(rate, abs=1e-9)
    assert bool(steady[0]) == (rate > 0) and grows == (rate != 0)


def test_a_jump_is_no_steady_growth_and_a_week_without_cost_gives_none():
    jump = np.r_[np.full(12, 100.0), np.full(14, 160.0)][None]
    assert not creep.growth_of(jump)[1][0]
    hole = 100 * 1.05 ** (np.arange(26) / creep.MONTH)[None]
    hole[0, 5] = 0
    assert np.isnan(creep.growth_of(hole)[0][0])


def test_what_comes_each_week_becomes_the_weekday_s_own():
    values = usual(days=150)
    for at in range(75, 150, 7):
        values[0, at] = 160
    found = watch(values)
    assert [e.start for e in found.episodes] in ([75], [75, 82])
