"""The program over groups of hours against the same program over every hour, and against nested search."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from tests.models.commitments.worlds import hours, migrating, region

from helpers.models.commitments import rules
from helpers.models.commitments.cost import Terms, bill
from helpers.models.commitments.cover import Limit, Offers, Rows, cheapest
from helpers.models.commitments.optimum import optimum


def whole(use, rates):
    """The same in one slot, one row for each hour and type, by scipy: least cost."""
    hours_, types = use.shape
    # x (types + pool), over (hours x types), short (hours)
    width = types + 1 + hours_ * types + hours_
    cost = np.zeros(width)
    cost[: types + 1] = np.array(rates) * hours_
    cost[-hours_:] = 1
    rows, least = [], []
    for h, i in itertools.product(range(hours_), range(types)):
        row = np.zeros(width)
        row[i] = row[types + 1 + h * types + i] = -1
        rows.append(row)
        least.append(-use[h, i])
    for h in range(hours_):
        row = np.zeros(width)
        row[types] = row[-hours_ + h] = -1
        row[types + 1 + h * types : types + 1 + (h + 1) * types] = 1
        rows.append(row)
        least.append(0)
    return linprog(cost, A_ub=np.array(rows), b_ub=least).fun


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_grouped_hours_lose_nothing(seed):
    rng = np.random.default_rng(seed)
    use = rng.integers(0, 12, (40, 2)).astype(float)
    offers = Offers(np.array([0, 1, -1]), np.array([0.6, 0.6, 0.7]) * 40, np.ones((3, 1), dtype=bool))
    none = np.zeros((1, 2)), np.zeros(1)
    found = cheapest(Rows.plain(use, np.zeros(40, dtype=int)), offers, none, tolerance=1e-9, rounds=30)
    assert found.cost == pytest.approx(whole(use, (0.6, 0.6, 0.7)))
    assert found.bound == pytest.approx(found.cost)


def test_one_type_alone_is_the_newsvendor():
    use = np.random.default_rng(2).gamma(4, 10, (1000, 1))
    offers = Offers(np.array([-1]), np.array([700.0]), np.ones((1, 1), dtype=bool))
    found = cheapest(
        Rows.plain(use, np.zeros(1000, dtype=int)), offers, (np.zeros((1, 1)), np.zeros(1)), tolerance=1e-9
    )
    assert (use > found.bought[0]).mean() == pytest.approx(0.7, abs=0.002)


def test_a_limit_is_kept_and_one_that_cannot_be_is_said():
    use = np.full((10, 1), 5.0)
    offers = Offers(np.array([0]), np.array([6.0]), np.ones((1, 1), dtype=bool))
    rows, none = Rows.plain(use, np.zeros(10, dtype=int)), (np.zeros((1, 1)), np.zeros(1))
    assert cheapest(rows, offers, none, limits=(Limit(np.ones(1), most=2.0),)).bought == pytest.approx([2.0])
    both = (Limit(np.ones(1), most=2.0), Limit(np.ones(1), least=3.0))
    assert not cheapest(rows, offers, none, limits=both).feasible


def test_the_known_future_bought_once_by_hand():
    # A steady 10 for 24 months, a term of 12: two purchases of 10 types at 0.6
    one = region(np.full((hours("2021-02-01", "2023-02-01"), 1), 10.0))
    bought, best = optimum(one, Terms(), 0)
    assert best == pytest.approx(0.4)
    assert bill(one, bought, Terms(), 0).savings == pytest.approx(0.4)


def test_nothing_beats_the_known_future():
    one = migrating("2022-05-10")
    bought, best = optimum(one, Terms(), 12)
    assert bill(one, bought, Terms(), 12).savings == pytest.approx(best, abs=2e-4)
    for rule in (rules.newsvendor, rules.least, rules.ladder):
        assert bill(one, rule(one, Terms(), 12), Terms(), 12).savings <= best + 1e-9
