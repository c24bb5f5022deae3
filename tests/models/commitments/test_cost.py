"""The cost of purchases, worked by hand and by plain code."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.models.commitments.worlds import hours, plain_cost, region

from helpers.models.commitments.cost import Purchase, Terms, bill, held


def test_two_hours_by_hand():
    # 10 of A and 2 of B in one hour, 4 and 8 in the next; 6 of A committed at 0.6 and 5 flexible at 0.7:
    # left over 4 + 2 = 6 → 1 on demand; then 0 + 8 = 8 → 3 on demand; commitments 3.6 + 3.5 for each hour
    one = region([[10, 2], [4, 8]], ("A", "B"))
    paid = bill(one, [Purchase(0, 0, 6.0), Purchase(0, None, 5.0)], Terms(), 0)
    assert paid.paid == pytest.approx([3.6 + 3.5 + 1, 3.6 + 3.5 + 3])
    assert paid.savings == pytest.approx(1 - (8.1 + 10.1) / 24)
    assert paid.coverage == pytest.approx((11 + 9) / 24)
    assert paid.utilisation == pytest.approx(20 / 22)  # 2 of A idle in the second hour


def test_a_purchase_lasts_its_term_and_no_longer():
    by_type, pooled = held([Purchase(2, 0, 3.0), Purchase(3, None, 1.0)], 1, 8, 3)
    assert by_type[:, 0].tolist() == [0, 0, 3, 3, 3, 0, 0, 0]
    assert pooled.tolist() == [0, 0, 0, 1, 1, 1, 0, 0]


def test_hours_that_are_not_known_count_on_neither_side():
    known = np.array([True, False])
    paid = bill(region([[4.0], [0.0]], known=known), [Purchase(0, 0, 4.0)], Terms(), 0)
    assert (paid.paid.sum(), paid.on_demand.sum()) == (pytest.approx(2.4), 4.0)


def test_a_month_begun_in_its_middle_is_history():
    late = region(np.ones((hours("2021-02-10", "2021-05-01"), 1)), start="2021-02-10T00")
    assert str(late.first) == "2021-03"
    assert late.months == 2
    assert (late.month[0], late.month[-1]) == (-1, 1)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_equals_plain_code_whatever_is_bought(seed):
    rng = np.random.default_rng(seed)
    many = hours("2021-02-01", "2021-06-01")
    use = rng.integers(0, 9, (many, 3)) * rng.integers(0, 2, 3)
    one = region(use, ("A", "B", "C"))
    buys = [Purchase(int(rng.integers(0, 4)), [None, 0, 1, 2][rng.integers(0, 4)], float(rng.integers(1, 6))) for _ in range(5)]  # fmt: skip
    terms = Terms(0.55, 0.72, 2)
    found = bill(one, buys, terms, 1)
    start = datetime(2021, 2, 1, tzinfo=UTC)
    rows = [(start + timedelta(hours=h), k, use[h, i]) for h in range(many) for i, k in enumerate("ABC")]
    records = [
        {
            "month": f"2021-{2 + b.month:02d}-01",
            "instrument": "portfolio" if b.type is None else "type",
            "type": None if b.type is None else "ABC"[b.type],
            "quantity": b.quantity,
        }
        for b in buys
    ]
    paid, demand = plain_cost(records, rows, 0.55, 0.72, 2, date(2021, 3, 1))
    assert found.paid.sum() == pytest.approx(paid)
    assert found.on_demand.sum() == pytest.approx(demand)
