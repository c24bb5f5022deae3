"""Products by hand: whose charge, which unit, margin, shared cost, customers, models, haste, verdicts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D

import ibis
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.measures import ai, customers, haste, portfolio, products, schema, unit_economics
from helpers.measures.drivers import Drivers
from helpers.terms.errors import BadInput
from helpers.terms.period import Month

SEP = Month(2026, 9)
RULES = pd.DataFrame(
    [
        (2, "Gift", "all", "run", "ResourceName", "gift"),
        (3, "Shop", "Lab", "build", "tag:env|Env", "dev"),
        (4, "Shop", None, None, "SubAccountName", "shop"),
    ],
    columns=["row", "product", "feature", "work", "match_on", "match_value"],
)


def charges(*rows, **every):
    kinds = schema()
    start = datetime(2026, 9, 1, tzinfo=UTC)
    usual = {
        "BillingCurrency": "USD", "ChargeCategory": "Usage", "x_KitPeriod": "2026-09", "ServiceCategory": "Compute",
        "ServiceName": "VM", "ChargePeriodStart": start, "ChargePeriodEnd": start + timedelta(days=1),
        "PricingCategory": "Standard", "x_KitEligible": True, "SubAccountName": "shop",
    }  # fmt: skip
    filled = [dict.fromkeys(kinds.names) | usual | every | r for r in rows]
    for r in filled:
        for c in ("EffectiveCost", "ContractedCost", "PricingQuantity", "ConsumedQuantity"):
            r[c] = None if r[c] is None else D(r[c])
    return ibis.memtable(pa.Table.from_pylist(filled, schema=kinds.to_pyarrow()))


def drivers(*rows):
    return Drivers(pd.DataFrame(rows, columns=["day", "product", "driver", "value", "unit", "currency"]))


def test_the_first_row_that_fits_decides_and_unused_commitment_is_nobodys():
    table = charges(
        {"ResourceName": "gift", "EffectiveCost": "1"},
        {"Tags": [("Env", "dev")], "EffectiveCost": "2"},
        {"EffectiveCost": "4"},
        {"EffectiveCost": "8", "CommitmentDiscountStatus": "Unused"},
        {"SubAccountName": "other", "EffectiveCost": "16"},
        {"EffectiveCost": "32", "ChargeCategory": "Tax"},
        {"EffectiveCost": "64", "ChargeClass": "Correction"},
    )
    found = products.costs(table, RULES, [SEP])
    held = {(r["product"], r["feature"], r["work"]): r["cost"] for r in found.to_dict("records")}
    assert held == {
        ("Gift", "all", "run"): 1, ("Shop", "Lab", "build"): 2, ("Shop", "all", "run"): 4,
        ("Shop", "all", "unused commitment"): 8, ("no product", "all", "run"): 16,
    }  # fmt: skip


def test_a_column_that_the_charges_lack_is_refused_with_its_row():
    bad = RULES.assign(match_on="ResourceTitle")
    with pytest.raises(BadInput) as said:
        products.assigned(charges({"EffectiveCost": "1"}), bad)
    assert (said.value.row, said.value.column) == (2, "match_on")
    assert all(
        word in str(said.value) for word in ("products.csv", "'ResourceTitle'", "tag:KEY", "correct the cell")
    )


def test_flows_add_stocks_do_not_and_bad_days_are_named():
    days = [
        (date(2026, 9, d), "Shop", n, D(v), "1", None)
        for d in range(1, 31)
        for n, v in (("orders", 10), ("customers", 7))
    ]
    held = drivers(
        *days,
        (date(2026, 9, 3), "Forum", "visitors", D(-2), "1", None),
        (date(2026, 9, 3), "Pay", "orders", D(5), "1", None),
    )
    assert held.month("Shop", "orders", SEP).value == 300
    assert held.month("Shop", "customers", SEP).value == 7
    assert held.month("Shop", "orders", SEP, 4).value == 40
    assert held.month("Forum", "visitors", SEP).reason == "visitors of Forum is below zero on 2026-09-03"
    assert held.month("Forum", "visitors", SEP).value.is_nan()
    assert held.month("Pay", "orders", SEP).reason == "orders of Pay is known for 1 of 30 days"
    assert held.month("Shop", "orders", Month(2026, 8)).reason == "no orders of Shop in August 2026"


def monthly(units, revenue, currency="USD"):
    first = date(2026, 9, 1)
    held = drivers(
        *((first + timedelta(days=n), "Shop", "orders", D(units), "1", None) for n in range(30)),
        *(
            (first + timedelta(days=n), "Shop", "revenue", D(revenue), "currency", currency)
            for n in range(30)
        ),
    )
    plans = pd.DataFrame(
        [("Shop", "orders", D(10), D(2))], columns=["product", "unit_driver", "per", "target_unit_cost"]
    )
    costs = products.costs(charges({"EffectiveCost": "90"}), RULES, [SEP])
    return unit_economics.monthly(costs, held, plans, [SEP]).iloc[0]


def test_unit_cost_and_margin_by_hand():
    row = monthly(20, 6)  # 600 orders, 60 tens; 180 earned
    assert (row["unit_cost"], row["target"], row["contribution"], row["margin"]) == (
        D("1.5"),
        2,
        90,
        D("0.5"),
    )
    assert row["reason"] == ""


def test_a_driver_of_zero_and_another_currency_give_no_number_but_a_reason():
    row = monthly(0, 6)
    assert row["unit_cost"].is_nan()
    assert row["reason"] == "no orders in September 2026: a cost of nothing has no unit cost"
    row = monthly(20, 6, "EUR")
    assert row["margin"].is_nan() and row["contribution"].is_nan()
    assert row["reason"] == "revenue is in EUR, cost in USD: they are not subtracted"


@pytest.mark.parametrize(
    ("price", "per_unit", "fixed", "units", "why"),
    [("3", "1", "100", 50, ""), ("3", "1", "-5", 0, ""), ("1", "2", "9", None, "no volume breaks even"), ("NaN", "1", "1", None, "not known")],
)  # fmt: skip
def test_break_even(price, per_unit, fixed, units, why):
    found, reason = unit_economics.break_even(D(price), D(per_unit), D(fixed))
    assert (found.is_nan() if units is None else found == units) and why in reason


SHARED = pd.DataFrame(
    [("net", "ServiceName", "Net", "even", "A", None), ("net", "ServiceName", "Net", "even", "B", None),
     ("logs", "ServiceName", "Logs", "fixed", "A", D("0.25")), ("logs", "ServiceName", "Logs", "fixed", "C", D("0.75"))],
    columns=["rule", "match_on", "match_value", "basis", "department", "share"],
)  # fmt: skip


def test_shared_cost_by_three_methods_adds_up_exactly():
    table = charges(
        {"EffectiveCost": "30", "x_KitDepartment": "A"},
        {"ResourceName": "gift", "EffectiveCost": "10", "x_KitDepartment": "B"},
        {"ServiceName": "Net", "SubAccountName": "x", "EffectiveCost": "10.01"},
        {"ServiceName": "Logs", "SubAccountName": "x", "EffectiveCost": "8"},
    )
    costs = products.costs(table, RULES, [SEP])
    pool = products.pool(table, SHARED, SEP, "USD")
    assert pool == {"net": D("10.01"), "logs": D(8)}
    found = {m: products.shared(costs, pool, SHARED, SEP, "USD", m) for m in products.METHODS}
    assert found["even"] == {"Gift": D("9.005"), "Shop": D("9.005")}
    assert found["proportional"] == {"Gift": D("4.5025"), "Shop": D("13.5075")}
    assert found["by rule"] == {
        "Gift": D("5.005"),
        "Shop": D("7.005"),
        "no product": D(6),
    }  # C has no product
    assert all(sum(f.values()) == D("18.01") for f in found.values())


@settings(max_examples=100, deadline=None)
@given(
    st.decimals("0", "1000000", places=18),
    st.lists(st.decimals("0.01", "1000", places=2), min_size=1, max_size=9),
)
def test_parts_of_a_pool_are_the_pool_to_the_last_digit(amount, weights):
    frame = pd.DataFrame(
        [("2026-09", f"p{n}", "all", "run", "A", "USD", w) for n, w in enumerate(weights)],
        columns=["month", "product", "feature", "work", "department", "currency", "cost"],
    )
    for method in products.METHODS:
        parts = products.shared(frame, {"net": amount}, SHARED, SEP, "USD", method)
        assert sum(parts.values(), D(0)) == amount


def test_customers_share_a_cost_by_use_and_whales_are_named():
    table = pd.DataFrame(
        [("2026-09", "Docs", "Big", "Pro", D(80), D(20), "EUR"), ("2026-09", "Docs", "Small", "Pro", D(5), D(30), "EUR"),
         ("2026-09", "Docs", "Free", "Free", D(15), None, "EUR"), ("2026-09", "Docs", "Far", "Pro", D(9), D(9), "USD")],
        columns=["month", "product", "customer", "tier", "value", "revenue", "currency"],
    )  # fmt: skip
    found = customers.margins(table, "Docs", SEP, D("100.01"), "EUR")
    assert list(found["customer"]) == ["Big", "Free", "Small"]
    assert list(found["kind"]) == ["whale loses", "whale loses", ""]
    assert sum(found["cost"]) == D("100.01")
    assert found.attrs["left_out"] == 1  # pays in dollars: not added
    assert list(customers.margins(table, "Docs", SEP, D(100), "EUR", "tier")["customer"]) == ["Pro", "Free"]
    assert len(customers.margins(None, "Docs", SEP, D(1), "EUR")) == 0


def tokens(meter, quantity, cost):
    return {"ServiceCategory": "AI and Machine Learning", "ServiceName": "Model", "SkuMeter": meter, "ConsumedUnit": "Tokens",
            "ConsumedQuantity": quantity, "EffectiveCost": cost}  # fmt: skip


def test_a_cache_saves_the_difference_of_two_prices():
    table = charges(
        tokens("Input", "900", "9"), tokens("Cached input", "100", "0.1"), tokens("Output", "50", "2")
    )
    row = ai.models(table, RULES, SEP).iloc[0]
    assert (row["cached_share"], row["input_price"], row["cached_price"]) == (D("0.1"), 10, 1)
    assert row["saving"] == D("2.7")  # 300 more tokens, each 0.009 cheaper
    assert round(row["per_thousand"], 12) == round(D("11.1") / D("1.05"), 12)
    alone = ai.models(charges(tokens("Input", "900", "9")), RULES, SEP).iloc[0]
    assert alone["saving"].is_nan() and "no token came from a cache" in alone["reason"]


def machine(name, month, first, last, cost, **more):
    start, end = (datetime(2026, month, d, tzinfo=UTC) for d in (first, last))
    return {"ResourceId": name, "ResourceName": name, "EffectiveCost": cost, "x_KitPeriod": f"2026-{month:02d}",
            "ChargePeriodStart": start, "ChargePeriodEnd": end, **more}  # fmt: skip


def test_haste_is_what_a_commitment_would_have_saved():
    covered = {"CommitmentDiscountStatus": "Used", "ContractedCost": "100", "PricingCategory": "Committed"}
    table = charges(
        machine("move", 6, 2, 28, "50"),
        machine("stays", 6, 2, 28, "50"), machine("stays", 8, 2, 28, "50"),
        machine("committed", 6, 1, 30, "60", **covered),
    )  # fmt: skip
    plan = pd.DataFrame(
        [(date(2026, 6, 1), date(2026, 6, 28), "migration", "Move")], columns=["start", "end", "kind", "name"]
    )
    (row,) = haste.found(table, plan, SEP).to_dict("records")
    assert (row["resource"], row["committed_rate"], row["premium"]) == ("move", D("0.6"), 20)
    assert len(haste.found(table, None, SEP)) == 0
    (alone,) = haste.found(charges(machine("move", 6, 2, 28, "50")), plan, SEP).to_dict("records")
    assert alone["premium"].is_nan() and "no commitment covered VM" in alone["reason"]


def product(**more):
    usual = {
        "product": "P", "currency": "USD", "cost": D(100), "revenue": D(200), "contribution": D(100), "margin": D("0.5"),
        "unit_cost": D(1), "demand": D(0), "demand_falls": False, "demand_rises": False, "unit_cost_trend": D(0),
        "unit_cost_rises": False, "cost_trend": D(0), "load": D("0.5"),
    }  # fmt: skip
    return pd.DataFrame([usual | more], dtype=object)


NAN = D("NaN")
FALLS = {"demand": D("-0.05"), "demand_falls": True}
GROWS = {"demand": D("0.05"), "demand_rises": True}
NO_REVENUE = {"revenue": NAN, "contribution": NAN, "margin": NAN}


@pytest.mark.parametrize(
    ("more", "verdict"),
    [
        ({}, "hold"),
        (FALLS | NO_REVENUE, "decommission"),
        (FALLS | {"revenue": D(120)}, "decommission"),  # earns today, not over two years of falling
        (FALLS | {"revenue": D(900)}, "hold"),
        ({"margin": D("-0.1"), "revenue": D(90)}, "mend"),
        (GROWS | {"load": D("0.9")}, "scale"),
        (GROWS | {"load": D("0.5")}, "hold"),
        (GROWS | {"load": None}, "hold"),
        (GROWS | {"load": D("0.9"), "margin": D("-1"), "revenue": D(50)}, "mend"),
        ({"unit_cost_rises": True, "unit_cost_trend": D("0.03")}, "mend"),
        ({"unit_cost_rises": True, "unit_cost_trend": D("0.003")}, "hold"),
        ({"demand": None}, "hold"),
    ],
)
def test_each_verdict(more, verdict):
    plans = pd.DataFrame(
        [("P", D(50), D(2), D(10**9))], columns=["product", "leaving_cost", "leaving_months", "sunk_cost"]
    )
    row = portfolio.sheet(product(**more), plans).iloc[0]
    assert (row["verdict"], bool(row["because"])) == (verdict, True)
    assert row["sunk"] == 10**9  # a billion spent changes nothing


def test_leaving_counts_its_cost_and_not_what_was_spent():
    plan = {"leaving_cost": D(50), "leaving_months": D(2), "sunk_cost": D(10**9)}
    assert portfolio.leaving(D(0), D(100), D(0), D(0), plan, 12) == 950
    assert portfolio.leaving(D(30), D(100), D(0), D(0), plan, 12) == 650
    assert portfolio.leaving(D(0), D(100), D(0), D(0), None, 12) == 1200
