"""Months of departments: they add up, the sum's range is not the sum of ranges, scenarios are dated."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal as D

import numpy as np
import pandas as pd
import pytest

from helpers.models import spend as m

UNTIL = date(2026, 10, 4)


def days(seed=0, names=("A", "B", "C"), count=400, until=UNTIL):
    rng = np.random.default_rng(seed)
    rows = []
    for name in names:
        values = 100 + rng.normal(0, 1, count).cumsum() + rng.normal(0, 4, count)
        for i, v in enumerate(values):
            day = until - timedelta(days=count - 1 - i)
            rows.append((day.isoformat()[:7], day, name, False, D(f"{max(v, 0):.4f}")))
    for k in range(1, 7):
        rows.append((f"2026-{10 - k:02d}", date(2026, 10 - k, 1), "A", True, D("310.5")))
    return pd.DataFrame(rows, columns=["month", "day", "name", "whole", "amount"], dtype=object)


@pytest.fixture(scope="module")
def made():
    return m.spend(days(), until=UNTIL, months=2, currency="USD")


def test_departments_add_up_to_the_cent(made):
    table = made.table()
    for month in made.months:
        own = table[table["month"] == month]
        parts, whole = own[own["department"] != ""], own[own["department"] == ""].iloc[0]
        assert sum(parts["mean"]) == whole["mean"]
        assert all(v == v.quantize(D("0.01")) for v in own["mean"])


def test_the_range_of_the_sum_is_narrower_than_the_sum_of_ranges(made):
    table = made.table()
    own = table[table["month"] == made.months[1]]
    widths = own["hi95"] - own["lo95"]
    whole = widths[own["department"] == ""].iloc[0]
    assert max(widths[own["department"] != ""]) < whole < sum(widths[own["department"] != ""])


def test_the_open_month_holds_what_is_known_and_the_fee(made):
    assert made.months[0] == "2026-10"
    frame = days()
    known = sum(
        a
        for d, n, a in zip(frame["day"], frame["name"], frame["amount"], strict=True)
        if n == "A" and d >= date(2026, 10, 1)
    )
    i = made.names.index("A")
    assert made.so_far[i, 0] == pytest.approx(float(known))
    without = m.spend(frame[~frame["whole"].astype(bool)], until=UNTIL, months=2, currency="USD")
    assert made.mean[i, 0] - without.mean[without.names.index("A"), 0] == pytest.approx(310.5)


def test_nothing_behind_the_last_day_is_used():
    frame = days()
    cut = date(2026, 8, 31)
    spoilt = frame.copy()
    spoilt["amount"] = [a * 9 if d > cut else a for d, a in zip(frame["day"], frame["amount"], strict=True)]
    one, two = (m.spend(f, until=cut, months=1, currency="USD").table() for f in (frame, spoilt))
    pd.testing.assert_frame_equal(one, two)


def test_a_probability_is_that_of_the_paths(made):
    month = made.months[1]
    mean = made.total(month)[0]
    assert made.exceeds("", month, D(0))[0] == 1
    assert made.exceeds("", month, mean * 2)[0] == 0
    chance, low, high = made.exceeds("", month, mean)
    assert 0.3 < chance < 0.7 and 0 < low < high


def scenario(**own):
    row = {
        "name": "x",
        "from": date(2026, 11, 1),
        "to": date(2026, 11, 10),
        "scope": "A",
        "kind": "season",
        "factor": D(1),
        "amount": None,
        "known_on": date(2026, 9, 1),
    }
    return pd.DataFrame([row | own], dtype=object)


def test_a_scenario_holds_in_its_days_and_scope():
    ahead = [date(2026, 10, 25) + timedelta(days=i) for i in range(30)]
    factor, more = m.apply(scenario(factor=D("1.5")), ("A", "B"), ahead, UNTIL)
    assert (factor == 1.5).sum() == 10 and (factor[1] == 1).all() and not more.any()
    _, more = m.apply(scenario(amount=D(100), scope="*"), ("A", "B"), ahead, UNTIL)
    assert more.sum() == pytest.approx(100)
    assert (m.apply(scenario(factor=D(2), to=None), ("A",), ahead, UNTIL)[0] == 2).sum() == 23
    assert (m.apply(scenario(factor=D(2), known_on=date(2026, 10, 9)), ("A",), ahead, UNTIL)[0] == 1).all()


def test_a_season_is_measured_on_its_last_one():
    frame = days(count=420)
    began, ended = date(2025, 11, 20), date(2025, 12, 31)
    frame["amount"] = [D(150) if began <= d <= ended else D(100) for d in frame["day"]]
    calendar = pd.DataFrame(
        [
            {
                "start": began,
                "end": ended,
                "kind": "season",
                "name": "last",
                "scope": "A;B",
                "known_on": None,
            },
            {
                "start": date(2026, 11, 20),
                "end": date(2026, 12, 31),
                "kind": "season",
                "name": "next",
                "scope": "A;B",
                "known_on": None,
            },
            {
                "start": date(2026, 12, 1),
                "end": date(2026, 12, 1),
                "kind": "launch",
                "name": "new",
                "scope": "A",
                "known_on": date(2026, 11, 1),
            },
        ],
        dtype=object,
    )
    found = m.draft(calendar, None, frame, as_of=date(2026, 10, 5), until=UNTIL)
    assert list(found["name"]) == ["next"]  # the launch was not known yet
    assert found["factor"][0] == D("1.5000") and found["source"][0] == "measured on last"


def test_a_waterfall_adds_up():
    frame = m.waterfall(
        {"A": D(10), "B": D(5)},
        {"A": D(11)},
        {"A": D(14), "B": D(4), "C": D(2)},
        {"A": D(15), "B": D(4), "C": D(2)},
    )
    assert sum(frame["amount"]) == frame.attrs["total"] - frame.attrs["previous_total"] == 6
    assert dict(zip(frame["cause"], frame["amount"], strict=True)) == {
        "A": 3,
        "not forecast before": 2,
        "another method": 1,
        "B": -1,
        "planned events": 1,
    }


def test_the_day_on_which_a_budget_is_used_up():
    months = ["2026-01", "2026-02"]
    assert m.run_out(months, {"2026-01": D(31)}, {"2026-02": D(28)}, D(45)) == date(2026, 2, 15)
    assert m.run_out(months, {"2026-01": D(31)}, {"2026-02": D(28)}, D(100)) is None
    assert m.run_out(months, {}, {}, D(1)) is None


def test_no_charge_no_forecast():
    empty = days().iloc[:0]
    assert m.spend(empty, until=UNTIL, months=1, currency="USD") is None
