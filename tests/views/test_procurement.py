"""Pictures, tables and sentences of procurement on results written by hand; empty ones say so."""

from __future__ import annotations

from datetime import date
from decimal import Decimal as D
from types import SimpleNamespace

import pandas as pd

from helpers.models.joint import Outcome
from helpers.models.money_calendar import Entry
from helpers.views import charts_procurement, sentences_procurement, tables_procurement


def holding(name, used, unused, end=date(2027, 2, 1), verdict="keep", stake=D(0), **more):
    return SimpleNamespace(
        **{
            "name": name, "monthly": D(used + unused), "used": D(used), "unused": D(unused), "end": end, "end_basis": "contract",
            "active": True, "utilisation": D(used) / (used + unused), "verdict": verdict, "why": "because", "stake": stake,
            "instrument": SimpleNamespace(name="Savings Plan", exchange="no", read="2026-11-26"), "saving": D(10), **more,
        }
    )  # fmt: skip


def test_the_portfolio_says_what_is_unused_and_what_ends_first():
    held = [holding("A", 90, 10), holding("B", 50, 0, date(2026, 11, 20), end_basis="assumed term")]
    chart = charts_procurement.portfolio(held, currency="USD", month="September 2026")
    assert chart.title == "6.7 % of committed cost is unused; B ends first, on 20 November 2026"
    assert "20 November 2026 (assumed)" in chart.alt
    assert chart.svg(920).count("<path") > 4
    assert chart.svg(340)
    assert charts_procurement.portfolio([], currency="USD", month="x").title == "No commitment runs"


def test_orders_name_the_one_that_loses():
    def one(order, cost, loses=0):
        return Outcome(order, D(cost), {}, (), D(loses))

    some = [one("nothing", 1000, 400), one("less", 800, 200), one("commit", 700, 100), one("commit-less", 650, 50), one("less-commit", 600), one("joint", 600)]  # fmt: skip
    chart = charts_procurement.orders(some, currency="USD")
    assert (
        chart.title == "Together they save 400.00 USD in a year; commitments first would lose 50.00 USD of it"
    )
    assert chart.svg(340)
    flat = [one(o, 10) for o in ("nothing", "less", "commit", "commit-less", "less-commit", "joint")]
    assert charts_procurement.orders(flat, currency="USD").title == "There is nothing to plan"


def test_the_frontier_marks_the_chosen_point_and_says_why_there_is_none():
    points = [{"lock_in": 0.2, "savings": D(10), "esr": 0.01, "chosen": False}, {"lock_in": 3.0, "savings": D(92), "esr": 0.2, "chosen": False}, {"lock_in": 6.1, "savings": D(100), "esr": 0.22, "chosen": True}]  # fmt: skip
    chart = charts_procurement.frontier(points, currency="USD")
    assert (
        chart.title
        == "The plan saves 100.00 USD a year for 6.1 months of lock-in; nine tenths of it take 3.0"
    )
    assert "(chosen)" in chart.alt
    assert chart.svg(440)
    gap = "base_level 1 cannot be kept together with lock_in_cap\n  remedy: the nearest is 0.3"
    assert "lock_in_cap" in charts_procurement.frontier([], currency="USD", gap=gap).title
    assert "nearest is 0.3" in tables_procurement.purchases([], currency="USD", gap=gap).text


def test_tables_put_first_what_decides():
    seen = tables_procurement.verdicts(
        [holding("A", 90, 10, verdict="renew smaller", stake=D(10))], currency="USD"
    )
    assert seen.text.startswith("A: renew smaller, 10.00 USD a month")
    assert seen.html.index("At stake") < seen.html.index("Verdict")
    rows = [
        {"way": w, "department": n, "on_demand": D(9), "saving": D(5), "unused": D(1), "net": D(v)}
        for w, pair in (("used", (4, 4)), ("bought", (8, 0)), ("pooled", (3, 5))) for n, v in zip(("Shop", ""), pair, strict=True)
    ]  # fmt: skip
    text = tables_procurement.benefit(pd.DataFrame(rows, dtype=object), currency="USD").text
    assert "nobody by name" in text
    assert [line for line in text.splitlines() if line.startswith("Total")][0].split()[1:] == [
        "8.00",
        "8.00",
        "8.00",
    ]


def test_the_calendar_counts_what_is_past():
    late = Entry(
        date(2026, 9, 3),
        "expiry",
        "Plan",
        "buy",
        "Ana",
        D(50),
        "a month: it runs on demand",
        "USD",
        "a",
        True,
    )
    fee = Entry(
        date(2026, 10, 5), "support", "db", "upgrade", "Ana", D(20), "a month: the fee", "USD", "b", True
    )
    assert sentences_procurement.of_calendar([late, fee], "USD") == "One date is past: 50.00 USD hangs on it"
    text = tables_procurement.calendar([late, fee], currency="USD").text
    assert "3 Sep 2026 (past)" in text
    assert tables_procurement.calendar([], currency="USD").text == "No date is known"
