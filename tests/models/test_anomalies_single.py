"""Alerts of one measured series: by hand, causal, on labelled telemetry, and quiet where nothing is wrong."""

from __future__ import annotations

import importlib.util
import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import ROOT

from helpers.models.anomalies import single

STEP, DAY = 300, 288


def flat(days: int, seed: int = 1) -> np.ndarray:
    return 10 + np.random.default_rng(seed).normal(0, 1, days * DAY).clip(-3, 3)


def test_a_peak_is_one_alert_on_its_first_step_and_ends_with_it():
    values = flat(5)
    values[1000:1012] = 60
    found = single.detect(values, STEP)
    assert [(a.start, a.end, a.what) for a in found] == [(1000, 1011, "value")]
    assert found[0].score > 5


def test_by_hand_the_height_is_in_mean_excesses_of_the_highest_blocks():
    """Blocks of one step, the three highest 7, 6, 5 above the fourth, 4: mean excess 2; a 10 is 1.5 of it above the 7."""
    past = [1.0, 5.0, 2.0, 7.0, 4.0, 3.0, 6.0, 1.0]
    heights = single._height(np.array([*past, 10.0, 8.0]), 8, 1, 3, 100)
    assert heights[8] == pytest.approx((10 - 7) / ((7 + 6 + 5) / 3 - 4))
    assert heights[9] < 0, "the 10 is now the highest"


def test_nothing_in_the_warm_up_and_one_alert_a_day():
    values = flat(6)
    values[100:110] = 90
    for at in (900, 950, 1000):
        values[at : at + 3] = 200 + at
    found = single.detect(values, STEP)
    assert [a.start for a in found if a.start < 2 * DAY] == []
    assert all(b.start - a.start >= DAY for a, b in pairwise(found))
    assert found[0].start == 900


def test_a_drop_and_a_step_show_in_the_spread():
    for level in (0.0, 30.0):
        values = flat(5)
        values[1000:] = level + (values[1000:] - 10) * 0.1
        assert any(1000 <= a.start <= 1000 + 72 for a in single.detect(values, STEP)), level


def test_at_night_a_peak_below_the_day_s_height_is_seen_by_the_time_of_day():
    at = np.arange(9 * DAY)
    values = 50 - 40 * np.cos(at / DAY * 2 * np.pi) + np.random.default_rng(2).normal(0, 1, len(at))
    values[7 * DAY + 6 : 7 * DAY + 18] += 25  # soon after midnight, far below noon
    found = single.detect(values, STEP)
    assert [(a.start, a.what) for a in found] == [(7 * DAY + 6, "time of day")]


@pytest.mark.parametrize("value", [0.0, 5.0, -3.0])
def test_a_constant_series_is_quiet(value):
    assert single.detect(np.full(5 * DAY, value), STEP) == []


def test_gaps_are_neither_judged_nor_learned_from():
    values = flat(5)
    values[700:800] = np.nan
    values[1000] = 60
    with np.errstate(all="raise"):
        found = single.detect(values, STEP)
    assert [a.start for a in found] == [1000]
    assert single.detect(np.full(5 * DAY, np.nan), STEP) == []


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(800, 1400))
def test_what_comes_later_changes_no_alert(seed, cut):
    rng = np.random.default_rng(seed)
    values = rng.lognormal(0, 1, 5 * DAY)
    other = values.copy()
    other[cut:] = rng.normal(1000, 500, len(values) - cut)
    before = [a.start for a in single.detect(values, STEP) if a.start < cut]
    assert before == [a.start for a in single.detect(other, STEP) if a.start < cut]
    assert before == [a.start for a in single.detect(values[:cut], STEP)]


@settings(max_examples=10, deadline=None)
@given(st.floats(0.01, 1000), st.integers(0, 1000))
def test_the_unit_of_the_series_does_not_matter(unit, seed):
    values = np.random.default_rng(seed).lognormal(1, 0.5, 4 * DAY)
    assert [a.start for a in single.detect(values, STEP)] == [
        a.start for a in single.detect(values * unit, STEP)
    ]


def test_steps_of_an_hour_and_of_a_day_have_longer_warm_ups():
    assert single.warm_up(300) == 576
    assert single.warm_up(3_600) == 48
    assert single.warm_up(86_400) == 28
    values = np.random.default_rng(3).normal(100, 3, 120)
    values[90] = 300
    assert [a.start for a in single.detect(values, 86_400)] == [90]


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("bench_anomalies", ROOT / "benchmarks" / "anomalies.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_labelled_telemetry_as_shipped(shared, bench):
    """Scored by the alert's start; labels cover a tenth of the time, so one long alert finds nothing."""
    data = bench.series(shared / "telemetry")
    assert len(data) == 8 and sum(len(w) for *_, w in data.values()) == 17
    hit = false = windows = steps = lasted = 0
    for times, values, spans in data.values():
        found = single.detect(values, STEP)
        lasted += sum(a.end - a.start + 1 for a in found)
        assert all(a.end - a.start < DAY for a in found), "no alert is longer than a day"
        h, f, w, _ = bench.judged([a.start for a in found], times, spans)
        hit, false, windows, steps = hit + h, false + f, windows + w, steps + len(values)
    assert bench.f1(hit, false, windows) >= 0.55
    assert false / (steps / (14 * DAY)) <= 1
    assert lasted / steps < 0.12


def test_the_scoring_gives_nothing_for_one_alert_over_everything(shared, bench):
    times, values, spans = next(iter(bench.series(shared / "telemetry").values()))
    assert bench.judged([0], times, spans)[:3] == (0, 1, len(spans))
    assert len(values) == len(times)


def test_stored_results_hold_what_is_claimed():
    told = json.loads((ROOT / "benchmarks" / "results" / "anomalies.json").read_text("utf-8"))["telemetry"]
    assert told["kit"]["f1"] >= 0.55
    assert told["kit"]["false_a_fortnight"] <= 1
    assert told["kit"]["f1"] == pytest.approx(
        2 * told["kit"]["found"] / (told["kit"]["found"] + told["kit"]["false"] + told["windows"]), abs=0.001
    )
    peers = [
        told[m]["f1"]
        for m in ("rolling median and MAD", "level shift of medians", "STL residual", "SPOT (Siffer 2017)")
    ]
    assert all(p < told["kit"]["f1"] for p in peers)
