"""The estimator: what it may see, that its intervals hold together, and real demand against the seasonal naive."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.models.forecast import LEVELS, forecast
from helpers.models.smoothing import DAY, HOUR, MONTH, Walk, medians, smooth


def series(seed: int, steps: int = 400) -> np.ndarray:
    rng = np.random.default_rng(seed)
    week = 1 + 0.2 * np.sin(np.arange(steps) * 2 * np.pi / 7)
    return np.maximum(0, (100 + rng.normal(0, 1, steps).cumsum()) * week + rng.normal(0, 3, steps))


@pytest.mark.parametrize("alpha", [0.01, 0.3, 0.9])
def test_smoothing_is_that_of_statsmodels(alpha):
    from statsmodels.tsa.holtwinters import SimpleExpSmoothing

    y = series(1, 80)
    theirs = SimpleExpSmoothing(y, initialization_method="known", initial_level=y[0]).fit(
        smoothing_level=alpha, optimized=False
    )
    level, _ = smooth(y[None], alpha)
    assert level[0, -1] == pytest.approx(theirs.forecast(1)[0])


def test_damped_trend_is_that_of_statsmodels():
    from statsmodels.tsa.holtwinters import Holt

    y = series(2, 80)
    theirs = Holt(
        y, damped_trend=True, initialization_method="known", initial_level=y[0], initial_trend=0.0
    ).fit(smoothing_level=0.3, smoothing_trend=0.05, damping_trend=0.9, optimized=False)
    level, trend = smooth(np.concatenate([[y[0]], y])[None], 0.3, 0.05, 0.9)
    reach = sum(0.9**h for h in range(1, 6))
    assert level[0, -1] + trend[0, -1] * reach == pytest.approx(theirs.forecast(5)[-1], rel=1e-6)


def test_medians_leave_gaps_out():
    table = np.array([[3.0, np.nan, 1.0], [np.nan, np.nan, np.nan], [1.0, 2.0, 4.0]])
    assert medians(table, 1)[[0, 2]].tolist() == [2.0, 2.0]
    assert np.isnan(medians(table, 1)[1])


def test_no_origin_sees_what_came_after_it():
    """The forecasts of a walk from its origins are those made from the series cut off there."""
    y = series(3)
    origins = np.arange(0, 20)
    walked = Walk(y[None], DAY, origins).forecasts(np.arange(1, 31))
    for back in (5, 12):
        cut = Walk(y[None, : len(y) - 7 * back], DAY, np.arange(0, 5)).forecasts(np.arange(1, 31))
        # smoothing starts with the first value, and free of season by the oldest shape: equal to a millionth of the level
        assert walked[0, back] == pytest.approx(cut[0, 0], rel=0.02)
        exact = [0, 1, 2, 3, 4, 8, 9, 10]  # what does not remember the beginning
        assert walked[0, back][exact] == pytest.approx(cut[0, 0][exact])


def test_the_future_of_another_series_does_not_matter_to_one_that_ended():
    a, b = series(4), series(5)
    other = b.copy()
    other[-60:] *= 9  # after a's end
    first, second = (forecast({"a": a[:-60], "b": x}, 28, behind={"a": 60}) for x in (b, other))
    assert first.mean[0] == pytest.approx(second.mean[0])
    assert first.bounds[0.95][1][0] == pytest.approx(second.bounds[0.95][1][0])


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.floats(0, 1e6) | st.just(0.0) | st.just(float("nan")), min_size=1, max_size=120),
    st.sampled_from([DAY, MONTH, HOUR]),
    st.integers(1, 20),
)
def test_intervals_are_nested_ordered_and_never_below_zero(values, grain, horizon):
    if not np.isfinite(values).any():
        values = [*values, 1.0]
    panel = forecast({"x": values}, horizon, grain=grain)
    assert panel.mean.shape == (1, horizon)
    inner_low = inner_high = panel.mean
    for level in LEVELS:
        low, high = panel.bounds[level]
        assert np.isfinite(low).all() and np.isfinite(high).all() and (low >= 0).all()
        assert (low <= inner_low).all() and (high >= inner_high).all()
        inner_low, inner_high = low, high


def test_scaling_a_series_scales_its_forecast():
    y = series(6)
    one, two = forecast({"a": y}, 20), forecast({"a": y * 1000}, 20)
    assert two.mean == pytest.approx(one.mean * 1000)
    assert two.bounds[0.8][1] == pytest.approx(one.bounds[0.8][1] * 1000)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([1.0, 2.0, 3.0], "only 3 days"),
        ([5.0] * 100, "never moved"),
        ([100.0, 101.0, 99.0] * 70 + [400.0, 401.0, 400.0], "level shifted"),
        ([1.0, 2.0, float("nan"), 4.0] * 20, "have no value"),
    ],
)
def test_what_is_unsure_is_wide_and_says_why(values, says):
    panel = forecast({"x": values}, 14)
    assert any(says in note for note in panel.notes["x"])
    low, high = (b[0] for b in panel.bounds[0.95])
    assert (high - low)[-1] > 0.2 * abs(panel.mean[0, -1])


def test_a_shift_in_the_last_week_is_followed_and_the_old_level_stays_possible():
    panel = forecast({"x": [100.0, 101.0, 99.0] * 70 + [400.0, 401.0, 400.0]}, 14)
    assert panel.mean[0].mean() > 300
    assert panel.bounds[0.95][0][0].min() <= 102


@pytest.fixture(scope="module")
def demand(shared):
    from benchmarks.forecast import daily_demand

    return daily_demand(shared / "commitments" / "vm_demand_hourly_regions_1_2.parquet")


def test_real_demand_ninety_days_ahead(demand):
    """Against the seasonal naive on every fourth week: the figures of docs/forecast.md, with room for chance."""
    from benchmarks.forecast import cases, kit, scores

    held = cases(demand, horizon=90, every=56, least=365)
    found = scores(held, kit(held, 90), 90)
    assert found["mase_ratio"] <= 0.95
    assert found["loses"] <= 0.30
    assert 0.88 <= found["coverage"]["0.95"] <= 0.99


def test_a_thousand_series_of_two_years_fit_the_time():
    import time

    table = {f"s{i}": series(i, 730) for i in range(200)}
    began = time.process_time()
    forecast(table, 90)
    assert time.process_time() - began < 36  # a fifth of 180 s of processor time
