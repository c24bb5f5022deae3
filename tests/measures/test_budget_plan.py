"""Budgets set three ways: by hand, and to the cent over departments and months."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.measures import budget_plan as plan
from helpers.measures.budget_plan import Way
from helpers.terms.period import Month

YEAR = [Month(2025, 1).plus(n) for n in range(12)]
NEXT = [m.plus(12) for m in YEAR]


def test_last_year_times_growth_by_hand():
    closed = [m.plus(-3) for m in YEAR[:3]] + YEAR
    actual = {(str(m), "A"): D(10 * m.days) for m in closed[:-3]} | {
        (str(m), "A"): D(12 * m.days) for m in closed[-3:]
    }
    actual |= {(str(m), "young"): D(7 * m.days) for m in YEAR[-2:]}
    way = plan.last_year(actual, closed, NEXT, {})
    # last year: 273 days at 10 and 92 at 12; grown by 12 ÷ 10; as many days to come
    assert way.of("A") == D("1.2") * (273 * 10 + 92 * 12)
    assert way.of("young") == 7 * 365
    assert way.notes == ("young: no growth, it is not known for the same months a year ago",)
    assert way.amounts["2026-02", "young"] == 7 * 28
    wild = {k: a * (9 if k[0] >= "2025-10" else 1) for k, a in actual.items() if k[1] == "A"}
    assert "cut to 1.50" in plan.last_year(wild, closed, NEXT, {}).notes[0]


def test_season_needs_two_years_and_is_shrunk():
    closed = [Month(2024, 1).plus(n) for n in range(24)]
    flat = {str(m): D(5 * m.days) for m in closed}
    assert set(plan.profile(flat, closed).values()) == {1}
    assert plan.profile(flat, closed[:23]) == {}
    high = plan.profile(flat | {m: a * 2 for m, a in flat.items() if m.endswith("-12")}, closed)
    assert D("1.3") < high[12] < D("1.5") and all(v < 1 for m, v in high.items() if m != 12)
    assert abs(sum(high.values()) - 12) < D("1e-40")


def test_from_zero_leaves_out_what_ended_and_what_can_go(bench):
    def row(start, end, cost, id, **more):
        return {"x_KitPeriod": "2026-09", "ChargePeriodStart": f"2026-09-{start}T00:00:00Z", "ChargePeriodEnd": end + "T00:00:00Z", "ResourceId": id, "EffectiveCost": cost, "x_KitDepartment": "A"} | more  # fmt: skip

    charges = bench.table(
        [
            row("01", "2026-10-01", 300, "kept"),
            row("16", "2026-10-01", 150, "new"),
            row("01", "2026-09-10", 90, "ended"),
            row("01", "2026-10-01", 60, "idle"),
            row("01", "2026-10-01", 30, None),
            row("01", "2026-10-01", -99, "kept", ChargeClass="Correction"),
        ]
    )
    ran = plan.running(charges, Month(2026, 9), currency="USD")
    assert dict(zip(ran["id"], ran["days"], strict=True)) == {
        "kept": 30,
        "new": 15,
        "ended": 30,
        "idle": 30,
        "": 30,
    }
    way = plan.zero_based(ran, [Month(2026, 10), Month(2026, 11)], {}, {"idle": ("waste", D(45))})
    assert way.of("A") == (10 + 10 + D("0.5") + 1) * 61
    assert way.notes == (
        "leaves out 1 resource, ended (90 a month)",
        "leaves out 1 resource, waste (45 a month)",
    )


def test_drivers_times_the_cost_of_a_unit():
    closed, ahead = [Month(2026, n) for n in (7, 8, 9)], [Month(2026, 10)]
    borne = pd.DataFrame([(str(m), "A", "Shop", D(31)) for m in closed] + [("2026-09", "A", "Mute", D(9))], columns=["month", "department", "product", "cost"])  # fmt: skip
    volumes = {
        "Shop": {"2026-07": D(100), "2026-08": D(100), "2026-09": D(110), "2026-10": D(200)},
        "Mute": {"2026-09": D(1)},
    }
    rest = Way("rest", {("2026-10", "A"): D(62), ("2026-10", "B"): D(5)})
    way, shares = plan.by_drivers(borne, volumes, rest, closed, ahead)
    # 93 for 310 units is 0.3 each, 60 for 200; of 62 the drivers bear 93 ÷ 92 · 31, the rest stays
    flat = D(93) / 92 * 31
    assert way.amounts["2026-10", "A"] == (60 + 62 - flat).quantize(D("0.01"))
    assert way.amounts["2026-10", "B"] == 5 and set(shares) == {"A"}
    assert shares["A"] == pytest.approx(flat / 62)


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(st.sampled_from("ABCDE"), st.decimals("-9999", "999999", places=4), min_size=1),
    st.integers(1, 14), st.dictionaries(st.integers(1, 12), st.decimals("0.2", "3", places=5)),
)  # fmt: skip
def test_departments_and_months_foot_to_the_cent(totals, count, season: Any):
    months = [Month(2026, 11).plus(n) for n in range(count)]
    seasons: Any = dict.fromkeys(totals, season)
    way = Way("", plan.spread(totals, months, seasons))
    cent = D("0.01")
    assert way.total == sum(totals.values(), D(0)).quantize(cent)
    assert all(abs(way.of(n) - a) < cent and way.of(n) == way.of(n).quantize(cent) for n, a in totals.items())
    table = plan.proposal(way, currency="USD", version="v")
    whole = table[table["department"] == ""]
    assert sum(whole["amount"]) == way.total == sum(table["amount"]) - sum(whole["amount"])
    assert set(table["approved_by"]) == {""}
