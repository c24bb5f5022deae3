"""Budgets, stored forecasts and late months, worked by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal as D

import pandas as pd
import pytest

from helpers.measures import budgets as b
from helpers.measures import outcomes
from helpers.terms.errors import UsageError
from helpers.terms.money import ratio
from helpers.terms.period import Month


def table(rows, columns):
    return pd.DataFrame(rows, columns=columns, dtype=object)


PLAN = ["month", "department", "amount", "currency", "version", "approved_by", "approved_on"]
ROWS = [
    ("2026-09", None, D(100), "USD", "1", "Eva", date(2026, 8, 1)),
    ("2026-09", "A", D(60), "USD", "1", "Eva", date(2026, 8, 1)),
    ("2026-09", "A", D(70), "USD", "2", "Eva", date(2026, 9, 5)),
    ("2026-09", "B", D(40), "USD", "1", "Eva", date(2026, 8, 1)),
    ("2026-09", "B", D(44), "EUR", "1", "Eva", date(2026, 8, 1)),
]


def test_the_version_approved_last_holds_and_an_earlier_day_knows_the_earlier():
    held = b.budgets(table(ROWS, PLAN), currency="USD")
    assert held["2026-09", "A"].amount == 70 and held["2026-09", "A"].late
    assert not held["2026-09", "B"].late
    assert b.budgets(table(ROWS, PLAN), currency="USD", as_of=date(2026, 9, 1))["2026-09", "A"].amount == 60
    assert b.company(held, "2026-09") == 100
    assert b.other_currencies(table(ROWS, PLAN), "USD") == ["EUR"]


def test_two_budgets_of_one_version_are_refused():
    with pytest.raises(UsageError, match="two budgets of A for 2026-09"):
        b.budgets(table([*ROWS, ROWS[1]], PLAN), currency="USD", as_of=date(2026, 9, 1))


def test_status_counts_the_accrual_and_keeps_cost_without_budget():
    held = b.budgets(table(ROWS, PLAN), currency="USD")
    actual = {("2026-09", "A"): D(80), ("2026-09", "B"): D(30), ("2026-09", "no department"): D(5)}
    found = b.status(held, actual, "2026-09", {"B": D(4)}).set_index("department")
    assert found.at["A", "remaining"] == -10 and found.at["A", "variance"] == ratio(D(10), D(70))
    assert found.at["B", "remaining"] == 6
    assert found.at["no department", "budget"] is None and found.at["no department", "variance"] is None


FORECASTS = ["issued", "month", "department", "amount", "currency"]


def stored(month, amount, department="A", issued=None):
    first = Month.parse(month).start.date()
    return (issued or first, month, department, D(amount), "USD")


def test_both_forms_of_accuracy_and_hindsight_is_no_forecast():
    rows = [stored("2026-09", 120), stored("2026-09", 100, issued=date(2026, 9, 20))]
    found = b.judged(table(rows, FORECASTS), {("2026-09", "A"): D(100)}, currency="USD", until="2026-09")
    assert len(found) == 1
    assert found["of_forecast"][0] == ratio(D(20), D(120)) and found["of_actual"][0] == D("0.2")


def test_bias_is_an_error_of_one_sign():
    months = [f"2026-{m:02d}" for m in range(1, 7)]
    actual = {(m, d): D(100 + i) for i, m in enumerate(months) for d in "AB"}
    rows = [stored(m, 110) for m in months] + [
        stored(m, 90 if i % 2 else 112, "B") for i, m in enumerate(months)
    ]
    found = b.by_team(b.judged(table(rows, FORECASTS), actual, currency="USD", until="2026-06")).set_index(
        "department"
    )
    assert found.at["A", "biased"] and not found.at["B", "biased"]
    assert found.at["A", "bias"] == ratio(D(45), D(660))
    assert (
        found.at["A", "level"] == "run"
        and b.level(D("0.13")) == "walk"
        and b.level(D("0.3")) == "below crawl"
    )


def test_versions_are_the_last_two_issues():
    rows = [stored("2026-10", 90, issued=date(2026, 8, 1)), stored("2026-10", 100, issued=date(2026, 9, 1))]
    new, old = b.versions(table(rows, FORECASTS), "2026-10", "USD")
    assert (new, old) == ({"A": D(100)}, {"A": D(90)})


DELIVERIES = [
    "version",
    "source",
    "delivered",
    "account",
    "period",
    "currency",
    "EffectiveCost_before",
    "EffectiveCost_after",
]


def test_late_and_restated():
    rows = [
        (1, "aws", date(2026, 8, 3), "1", "2026-07", "USD", D(0), D(100)),
        (2, "oci", date(2026, 8, 3), "2", "2026-07", "USD", D(0), D(5)),
        (3, "aws", date(2026, 9, 3), "1", "2026-08", "USD", D(0), D(110)),
        (4, "oci", date(2026, 9, 22), "2", "2026-08", "USD", D(0), D(6)),
        (5, "aws", date(2026, 9, 25), "1", "2026-07", "USD", D(100), D(97)),
    ]
    found = b.late_and_restated(table(rows, DELIVERIES), currency="USD", as_of=date(2026, 10, 5))
    assert [(r.kind, r.source, r.change) for r in found.itertuples()] == [
        ("late", "oci", 6),
        ("restated", "aws", -3),
    ]


def test_a_rate_missing_for_a_day_is_a_gap():
    rates = table(
        [(date(2026, 7, 1), "EUR", "USD", D("1.1"))], ["day", "from_currency", "to_currency", "rate"]
    )
    drivers = table(
        [
            (date(2026, 8, 1), "P", "revenue", D(100), "currency", "EUR"),
            (date(2026, 8, 31), "P", "revenue", D(100), "currency", "EUR"),
            (date(2026, 8, 31), "P", "revenue", D(10), "currency", "USD"),
        ],
        ["day", "product", "driver", "value", "unit", "currency"],
    )
    found, gaps = outcomes.revenue(drivers, rates, Month(2026, 8), "USD")
    assert found == D(120) and gaps == ["2026-08-31 EUR"]


def test_a_driver_of_zero_gives_no_unit_cost():
    drivers = table(
        [(date(2026, 8, 1), "P", "orders", D(0), "1", None)],
        ["day", "product", "driver", "value", "unit", "currency"],
    )
    found = outcomes.per_unit({"2026-08": D(10)}, drivers, ["2026-08"])
    assert found["each"][0].is_nan()
