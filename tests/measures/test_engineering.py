"""Measures of optimisation, accountability and designs, by hand."""

from __future__ import annotations

import importlib.util
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D
from pathlib import Path

import pandas as pd
import pytest

from helpers import measures
from helpers.measures import accountability, designs, optimisation, resources
from helpers.terms.errors import UsageError
from helpers.terms.period import Month

_spec = importlib.util.spec_from_file_location(
    "made_charges", Path(__file__).parents[1] / "catalog" / "conftest.py"
)
made = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(made)
charge, make = made.charge, made.make


def one(m):
    return measures.evaluate([m]).set_index("BillingCurrency").loc["USD", m.key]


def findings(*rows, currency="USD"):
    table = pd.DataFrame(list(rows), columns=["resource_id", "kind", "saving", "currency"], dtype=object)
    table.attrs["currency"] = currency
    return table


def test_the_index_and_unused_resources(make):
    table = make(
        [
            charge(cost=60, ResourceId="a"),
            charge(cost=30, ResourceId="b"),
            charge(cost=10),
            charge(cost=-5, ChargeCategory="Credit"),
        ]
    )
    found = findings(("a", "idle machine", D(20), "USD"), ("b", "oversized machine", D(5), "USD"))
    assert one(optimisation.coin(table, found)) == D("0.75")
    assert one(optimisation.unused(table, found)) == D("0.5")
    assert one(optimisation.saving(table, found)) == 25
    assert one(optimisation.saving(table, found, kinds=["idle machine"], variant="idle")) == 20
    assert one(optimisation.coin(table, findings())) == 1  # looked, and nothing to save
    assert one(optimisation.coin(table, findings(currency="EUR"))).is_nan()  # not looked at in this currency
    assert one(optimisation.coin(make([charge(cost=0)]), found)).is_nan()


def test_storage_by_tier_and_utilisation(make):
    rows = [
        charge(cost=1, ConsumedQuantity=300, ConsumedUnit="GB-Months", x_KitTier="frequent"),
        charge(cost=1, ConsumedQuantity="0.1", ConsumedUnit="TB-Months", x_KitTier="archive"),
        charge(cost=1, ConsumedQuantity=900, ConsumedUnit="GB-Months"),
        charge(cost=1, ConsumedQuantity=7, ConsumedUnit="Requests", x_KitTier="frequent"),
    ]
    assert one(optimisation.frequent_tier(make(rows))) == D("0.75")
    assert one(optimisation.frequent_tier(make(rows[2:3]))).is_nan()
    used = optimisation.utilisation(pd.DataFrame({"used": [D(1), D(3)], "capacity": [D(10), D(10)]}))
    assert measures.evaluate([used])[used.key][0] == D("0.2")


def hourly(resource, moments, **more):
    return [
        charge(
            cost=1, ResourceId=resource, PricingQuantity=1, **more, x_KitPeriod=f"{m:%Y-%m}", ChargePeriodStart=m,
            ChargePeriodEnd=m + timedelta(hours=1),
        )
        for m in moments
    ]  # fmt: skip


def schedule(**more):
    row = {
        "resource_id": "vm",
        "zone": "Europe/Berlin",
        "week": "mon-fri 08:00-18:00",
        "mode": None,
        "valid_from": None,
        "valid_to": None,
    }
    return pd.DataFrame([row | more], dtype=object)


def test_adherence_on_a_day_of_25_hours(make):
    """Berlin, Sunday 25 October 2026: planned off all day, 25 hours; it ran in three of them."""
    start = datetime(2026, 10, 24, 22, tzinfo=UTC)  # local midnight
    ran = [start + timedelta(hours=n) for n in (0, 5, 24)]
    plan = schedule(valid_from=date(2026, 10, 24), week="mon-sat 00:00-24:00")
    hours = [datetime(2026, 10, 1, tzinfo=UTC), *ran]
    adherence = optimisation.adherence(make(hourly("vm", hours)), plan)
    assert one(adherence) == D(22) / D(25)


def test_adherence_counts_whole_hours_of_measured_resources_only(make):
    monday = datetime(2026, 10, 5, tzinfo=UTC)
    table = make(hourly("vm", [monday + timedelta(hours=h) for h in (8, 9, 23)]) + hourly("other", [monday]))
    plan = schedule(zone="UTC", valid_from=date(2026, 10, 5), week="mon 07:45-10:15")
    # 00..06 and 11..23 are off as a whole: 20 hours, of which 23 o'clock ran
    october = measures.evaluate([optimisation.adherence(table, plan)], by=["x_KitPeriod"])
    assert october.iloc[0, -1] == D(19) / D(20)
    for charges, asked in (
        (table, schedule(resource_id="none")),
        (make([charge(cost=1, ResourceId="vm", PricingQuantity=24)]), plan),
    ):
        empty = measures.evaluate([optimisation.adherence(charges, asked)])
        assert not len(empty) or empty.iloc[0, -1].is_nan()


def month_of(resource, month, cost):
    return charge(month, cost=cost, ResourceId=resource, ResourceName=f"{resource}-name")


def acted(**more):
    row = {
        "action": "rightsize", "opened": date(2026, 4, 2), "resource_id": "a", "owner": "Ana", "promised_a_month": D(100),
        "currency": "USD", "status": "done", "closed": date(2026, 6, 1),
    }  # fmt: skip
    return row | more


@pytest.mark.parametrize(
    ("after", "status", "owner", "judgement"),
    [
        (310, "done", "Ana", "no effect"), (150, "done", "Ana", "kept"), (250, "done", "Ana", "partly"),
        (310, "open", "Ana", "open"), (310, "open", "", "nobody's"), (310, "open", None, "nobody's"),
    ],
)  # fmt: skip
def test_promises_are_held_against_whole_months(make, after, status, owner, judgement):
    months = {
        "2026-01": 310,
        "2026-02": 280,
        "2026-03": 310,
        "2026-04": 999,
        "2026-05": 999,
        "2026-06": after,
        "2026-07": after,
    }
    table = make([month_of("a", m, c) for m, c in months.items()])
    closed = date(2026, 6, 1) if status == "done" else None
    found = accountability.judged(
        table,
        pd.DataFrame([acted(status=status, owner=owner, closed=closed)], dtype=object),
        as_of=date(2026, 8, 5),
        until=Month(2026, 7),
    )
    row = found.iloc[0]
    assert row["judgement"] == judgement
    assert row["name"] == "a-name"
    if status == "done":  # 10 a day before; after ÷ 30.5 a day since
        before, since = D(10), D(2 * after) / D(61)
        assert abs(row["realised"] - (before - since) * D(365) / 12) < D("0.01")
        assert row["age"] == 60
    else:
        assert (row["age"], row["realised"]) == (125, None)


def test_what_is_gone_costs_nothing_and_what_is_new_is_too_early(make):
    table = make([month_of("a", m, 310) for m in ("2026-01", "2026-03")] + [month_of("b", "2026-07", 5)])
    actions = pd.DataFrame([acted(), acted(resource_id="b"), acted(closed=date(2026, 7, 15))], dtype=object)
    found = accountability.judged(table, actions, as_of=date(2026, 8, 5), until=Month(2026, 7))
    assert sorted(found["judgement"]) == ["kept", "no charges", "too early"]
    assert len(accountability.judged(table, None, as_of=date(2026, 8, 5), until=Month(2026, 7))) == 0


def test_owners_who_left_by_any_spelling():
    teams = pd.DataFrame(
        [
            {"department": "Data", "owner": "Jon Berg", "owner_from": None, "owner_to": date(2026, 3, 31)},
            {"department": "Data", "owner": "Lars Holm", "owner_from": date(2026, 4, 1), "owner_to": None},
        ],
        dtype=object,
    )
    lines = pd.DataFrame(
        [
            {"resource_id": "a", "name": "a", "tags": {"Owner": "jon.berg@example.com"}, "effective": D(5)},
            {"resource_id": "a", "name": "a", "tags": {"Owner": "jon.berg@example.com"}, "effective": D(2)},
            {"resource_id": "b", "name": "b", "tags": {"owner": "lars.holm"}, "effective": D(9)},
            {"resource_id": "c", "name": "c", "tags": None, "effective": D(9)},
        ],
        dtype=object,
    )
    found = accountability.gone(lines, teams, as_of=date(2026, 10, 5), currency="USD")
    assert found[["name", "owner", "now", "cost"]].values.tolist() == [["a", "Jon Berg", "Lars Holm", D(7)]]
    assert not len(accountability.gone(lines, teams, as_of=date(2026, 3, 1), currency="USD"))
    assert not len(accountability.gone(lines, None, as_of=date(2026, 3, 1), currency="USD"))


def test_lines_add_up_and_split_by_how_they_are_paid(make):
    rows = [
        charge(cost=10, ResourceId="a", PricingQuantity=10, ResourceName="one"),
        charge(
            ResourceId="a",
            EffectiveCost=6,
            ContractedCost=10,
            ListCost=10,
            BilledCost=0,
            PricingQuantity=10,
            CommitmentDiscountStatus="Used",
        ),
        charge(cost=3, ResourceId="a", PricingQuantity=10, PricingCategory="Dynamic"),
        charge(cost=9, ResourceId="a", CommitmentDiscountStatus="Unused"),
        charge(cost=9),
        charge(cost=4, ResourceId="a", BillingCurrency="EUR"),
    ]
    (found,) = resources.lines(make(rows), Month(2026, 9), currency="USD").to_dict("records")
    assert (found["effective"], found["contracted"]) == (19, 23)
    assert (found["on_demand"], found["covered"], found["spot"], found["covered_contracted"]) == (
        10,
        6,
        3,
        10,
    )
    assert found["on_demand_quantity"] == 10
    past = resources.history(make(rows), Month(2026, 9), currency="USD")
    assert (past["quantity"][0], past["days"][0]) == (30, 1)


def test_what_ended_in_the_month_needs_no_advice(make):
    rows = [
        charge(cost=1, ResourceId=name, ChargePeriodEnd=datetime(2026, 9, day, tzinfo=UTC))
        for name, day in (("gone", 16), ("runs", 30))
    ]
    lines = resources.lines(make(rows), Month(2026, 9), currency="USD")
    assert resources.alive(lines)["resource_id"].tolist() == ["runs"]


def priced(resource="nat", meter="Bytes", quantity=1000, cost=45, unit="GB"):
    return {
        "resource_id": resource,
        "name": resource,
        "meter": meter,
        "service": "s",
        "region": "r",
        "sku": "k",
        "unit": unit,
        "quantity": D(quantity),
        "contracted": D(cost),
    }


def design(**more):
    row = {
        "design": "today",
        "component": "traffic",
        "taken_from": "resource_id",
        "value": "nat",
        "quantity_factor": None,
        "unit_price": None,
        "fixed": None,
    }
    return row | more


def test_two_designs_on_the_same_quantities():
    lines = pd.DataFrame([priced()], dtype=object)
    table = pd.DataFrame(
        [
            design(),
            design(design="endpoint", quantity_factor=D("0.4")),
            design(
                design="endpoint", component="hours", quantity_factor=D(0), unit_price=D(1), fixed=D("7.30")
            ),
        ],
        dtype=object,
    )
    found = designs.compare(lines, table)
    assert found.attrs["totals"] == {"today": D("45.00"), "endpoint": D("25.30")}
    assert designs.totals(found).to_dict("records")[0] == {
        "component": "traffic",
        "today": D("45.00"),
        "instead": "endpoint",
        "then": D("18.00"),
        "saving": D("27.00"),
    }


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"value": "nothing"}, "no charge in this month"),
        ({"taken_from": "colour"}, "one of resource_id"),
        ({"taken_from": "region", "value": "r"}, "GB and Hours"),
    ],
)
def test_a_component_that_fits_nothing_is_named(more, said):
    lines = pd.DataFrame([priced(), priced("vm", unit="Hours")], dtype=object)
    with pytest.raises(UsageError) as refused:
        designs.compare(lines, pd.DataFrame([design(**more)], dtype=object))
    assert said in str(refused.value)


def test_ten_milliseconds_by_hand():
    """At 20 % an answer of 40 ms takes 50; on half the size, at 40 %, 66.67: 16.67 ms for 100 USD are 59.99 for ten."""
    from types import SimpleNamespace

    advice = [
        SimpleNamespace(
            kind="oversized machine",
            resource_id="a",
            name="a",
            now="x",
            candidate="y",
            saving=D(100),
            p95=40.0,
        )
    ]
    (row,) = designs.speed(advice, {"a": {"cpu_p95": 20.0}}, D(40)).to_dict("records")
    assert (row["before"], row["after"], row["ten_ms"]) == (D("50.0"), D("66.67"), D("59.99"))
    assert designs.speed(advice, {}, D(40)).empty


def test_a_nine_more_by_hand():
    found = designs.nines(D("0.99"), D(100), 3)
    assert found["nines"].tolist() == [2, 4, 6]
    assert found["a_nine"].tolist()[1:] == [D("50.00"), D("50.00")]
    with pytest.raises(UsageError, match=r"0\.999"):
        designs.nines(D(1), D(1))
