"""Fixed and variable, trends, bets and targets: known truths, small cases by hand, and what must not be answered."""

from __future__ import annotations

import math
import random
from datetime import date, timedelta
from decimal import Decimal as D

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.models import bets, targets, trend, unit_cost
from helpers.terms.errors import BadInput


def weeks(n=60, fixed=200.0, per=0.5, noise=0.0, drift=0.0, seed=1):
    rng = random.Random(seed)
    volumes = [1000 + 200 * math.sin(i / 4) + rng.gauss(0, 60) for i in range(n)]
    return [(v, fixed + per * v + drift * (i - n + 1) + rng.gauss(0, noise)) for i, v in enumerate(volumes)]


def test_fixed_and_variable_are_found_where_they_are_exact():
    found = unit_cost.fit(weeks())
    assert float(found.per_unit) == pytest.approx(0.5, abs=1e-6)
    assert float(found.fixed) == pytest.approx(200, abs=1e-3)
    assert 0.2 < found.fixed_share < 0.4
    assert found.average > found.per_unit  # the average takes the fixed part for variable
    low, high = found.band(1000)
    assert low <= found.at(1000) <= high


def test_growth_from_elsewhere_is_not_taken_for_volume():
    grown = weeks(drift=5.0)
    assert float(unit_cost.fit(grown).per_unit) == pytest.approx(0.5, abs=1e-6)
    assert abs(float(unit_cost.fit(grown, drift=False).per_unit) - 0.5) > 1e-4


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ([], "0 whole weeks"),
        (weeks(3), "3 whole weeks with cost and volume, 16 are needed"),
        ([(0.0, 5.0)] * 30, "zero in every week"),
        ([(100.0, 5.0 + i) for i in range(30)], "hardly moves"),
        (
            [(100.0 + i, 5.0 + i) for i in range(30)],
            "hardly moves",
        ),  # volume is its trend: nothing else to learn from
        ([(math.nan, math.nan)] * 30, "0 whole weeks"),
    ],
)
def test_what_the_weeks_do_not_show_is_said(points, said):
    found = unit_cost.fit(points)
    assert not found.known and said in found.reason


def test_noise_alone_has_an_interval_that_holds_zero():
    rng = random.Random(5)
    found = unit_cost.fit([(1000 + rng.gauss(0, 100), 500 + rng.gauss(0, 80)) for _ in range(60)])
    assert "holds zero" in found.reason


def test_a_level_shift_in_the_last_week_widens_the_interval():
    calm, shifted = weeks(noise=1.0), weeks(noise=1.0)
    shifted[-1] = (shifted[-1][0], shifted[-1][1] * 2)
    width = [float(f.per_unit_high - f.per_unit_low) for f in map(unit_cost.fit, (calm, shifted))]
    assert width[1] > 2 * width[0]


def test_weeks_with_a_gap_or_a_negative_volume_are_left_out():
    first = date(2026, 1, 1)
    days = [first + timedelta(days=n) for n in range(28)]
    cost, volume = {d: D(7) for d in days}, {d: D(3) for d in days}
    assert unit_cost.weekly(cost, volume) == [(3.0, 7.0)] * 4
    del volume[days[8]]
    volume[days[20]] = D(-1)
    found = unit_cost.weekly(cost, volume)
    assert [math.isnan(v) for v, _ in found] == [False, True, True, False]
    assert unit_cost.weekly({}, volume) == []


def test_high_low_takes_two_weeks():
    assert unit_cost.high_low([(1.0, 5.0), (2.0, 9.0), (3.0, 9.0)]) == (2.0, 3.0)


def test_one_odd_month_does_not_move_a_trend():
    values = [D(100) * D("1.03") ** n for n in range(13)]
    values[6] *= 5
    found = trend.trend(values)
    assert abs(found.rate - D("0.03")) < D("0.001") and found.rises
    values[3] = None
    assert trend.trend(values).months == 12
    assert not trend.trend([D(5)] * 9).rises
    assert trend.trend([D(0)] * 9).rate is None
    assert trend.trend(list(reversed(values))).falls


def bet(name, cost, value, either="", needs="", chance="1"):
    return bets.Bet(name, "", D(cost), D(value), D(value), D(value), D(chance), either, needs)


def test_two_small_bets_beat_the_one_of_better_return():
    some = [bet("a", "6", "13"), bet("b", "5", "10"), bet("c", "5", "10")]
    assert {b.name for b in bets.best(some, D(10))} == {"b", "c"}
    assert [b.name for b in bets.greedy(some, D(10))] == ["a"]
    added, come, go = bets.next_money(some, D(10), D(6))
    assert (added, {b.name for b in come}, go) == (7, {"a"}, [])


names = st.sampled_from(["", "x", "y"])
one = st.tuples(
    st.decimals("0.01", "20", places=2), st.decimals("0", "60", places=2), names, st.integers(-3, 6)
)


@settings(max_examples=120, deadline=None)
@given(st.lists(one, max_size=8), st.decimals("0", "60", places=2))
def test_the_best_choice_is_that_of_exhaustive_search(rows, budget):
    some = [
        bet(str(i), str(c), str(v), either, str(n) if 0 <= n < len(rows) and n != i else "")
        for i, (c, v, either, n) in enumerate(rows)
    ]
    found = bets.best(some, budget)
    assert bets.feasible(found, budget)
    assert (
        bets.gain(found) == bets.gain(bets.exhaustive(some, budget)) >= bets.gain(bets.greedy(some, budget))
    )


ROW = {"row": 3, "bet": "a", "product": "P", "cost": D(1), "value_low": D(1), "value_likely": D(2), "value_high": D(3),
       "probability": D("0.5"), "currency": "USD"}  # fmt: skip


@pytest.mark.parametrize(
    ("more", "column", "needed"),
    [
        ({"probability": D(60)}, "probability", "write 60 % as 0.6"),
        ({"value_low": D(5)}, "value_likely", "low ≤ likely ≤ high"),
        ({"needs": "b"}, "needs", "the name of another bet"),
    ],
)
def test_a_bet_that_cannot_be_is_refused_with_its_row(more, column, needed):
    with pytest.raises(BadInput) as said:
        bets.read([ROW | more], "USD")
    assert (said.value.row, said.value.column) == (3, column)
    assert needed in str(said.value)


def test_bets_of_other_currencies_are_not_added():
    assert [b.value for b in bets.read([ROW, ROW | {"bet": "b", "currency": "EUR"}], "USD")] == [D("1.00")]
    euro = [ROW | {"needs": "b"}, ROW | {"bet": "b", "currency": "EUR"}]
    assert bets.read(euro, "USD")[0].needs == ""


def test_a_week_is_worth_a_fifty_second_and_haste_is_held_against_it():
    b = bets.Bet("a", "", D(10), D(520), D(520), D(520), D(1), hurry_cost=D(25), hurry_weeks=D(3))
    assert (b.week, b.haste) == (10, 5)
    assert bet("a", "1", "1").haste is None


def component(*use, prices=("2",)):
    return targets.Component("tokens", *(D(x) for x in use), tuple(D(p) for p in prices))


def test_a_design_without_doubt_costs_what_it_costs():
    found = targets.target([component(3, 3, 3)])
    assert found.likely == 6 and abs(found.middle - 6) < D("0.05")  # only the price may move, a little
    assert found.low < found.middle < found.target < found.high


def test_doubt_about_use_and_price_widens_the_interval():
    sure, unsure = targets.target([component(3, 3, 3)]), targets.target([component(1, 3, 9)])
    moved = targets.target([component(3, 3, 3, prices=("1", "3", "2"))])
    assert unsure.high - unsure.low > 5 * (sure.high - sure.low)
    assert moved.high - moved.low > 5 * (sure.high - sure.low)
    assert targets.target([component(1, 3, 9)]) == targets.target([component(1, 3, 9)])


def test_the_chance_of_a_target_and_a_part_without_a_price():
    assert targets.target([component(1, 3, 9)], given=D(100)).confidence == 1
    assert targets.target([component(1, 3, 9)], given=D("0.1")).confidence == 0
    lacking = targets.target([component(1, 2, 3, prices=())])
    assert lacking.target is None and lacking.reason == "no price is paid today for tokens"
