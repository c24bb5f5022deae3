"""What was used, how busy machines were, and KPIs of emissions by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import ibis
import pandas as pd
import pytest

from helpers.measures import activity, carbon, evaluate, schema
from helpers.models.emissions import FOUND, KEYS


def usage(rows) -> ibis.Table:
    columns = ["resource_id", "metric", "unit", "start", "average", "maximum", "samples"]
    return ibis.memtable(pd.DataFrame(rows, columns=columns))


def hours(resource, metric, count, value, start=datetime(2026, 9, 1, tzinfo=UTC)):
    return [
        (resource, metric, "%", start + timedelta(hours=i), value(i), value(i) + 1, 12) for i in range(count)
    ]


def test_load_by_month_counts_a_doubled_hour_once():
    rows = hours("a", "cpu", 48, lambda i: 10.0 if i < 24 else 30.0)
    rows += rows[:24]  # delivered twice
    rows += hours("a", "cpu", 10, lambda i: 50.0, datetime(2026, 10, 1, tzinfo=UTC))
    got = activity.loads(usage(rows)).to_dict("records")
    assert [(r["period"], r["resource"], r["load"], r["hours"]) for r in got] == [
        ("2026-09", "a", D("0.2"), 48),
        ("2026-10", "a", D("0.5"), 10),
    ]


def test_profile_finds_quiet_hours_of_the_week_and_what_was_not_measured():
    rows = hours("night", "cpu", 24 * 28, lambda i: 60.0 if 8 <= i % 24 < 18 else 4.0)
    rows += hours("night", "memory", 24 * 28, lambda i: 40.0)
    rows += hours("blind", "cpu", 24, lambda i: 1.0)
    got = {r["resource"]: r for r in activity.profile(usage(rows)).to_dict("records")}
    assert (got["night"]["hours"], got["night"]["cpu"], got["night"]["peak"], got["night"]["quiet"]) == (
        672,
        D("0.6"),
        D("0.61"),
        98,
    )
    assert got["night"]["memory"] == D("0.4") and got["blind"]["memory"] is None


@pytest.mark.parametrize("week", [0, 1])
def test_an_hour_is_quiet_only_if_it_is_in_every_week(week):
    rows = hours("a", "cpu", 24 * 14, lambda i: 90.0 if i == week * 168 + 5 else 1.0)
    assert activity.profile(usage(rows))["quiet"].iloc[0] == 167


def charges(*rows) -> ibis.Table:
    kinds = schema()
    filled = []
    for row in rows:
        one = (
            dict.fromkeys(kinds.names)
            | {"ChargeCategory": "Usage", "x_KitPeriod": "2026-09", "BillingCurrency": "USD"}
            | row
        )
        filled.append(one)
    import pyarrow as pa

    return ibis.memtable(pa.Table.from_pylist(filled, schema=kinds.to_pyarrow()))


def test_activity_adds_what_ran_and_leaves_out_what_did_not():
    table = charges(
        {
            "ResourceId": "a",
            "SkuId": "s",
            "ConsumedQuantity": D(24),
            "EffectiveCost": D(2),
            "ConsumedUnit": "Hours",
        },
        {
            "ResourceId": "a",
            "SkuId": "s",
            "ConsumedQuantity": D(24),
            "EffectiveCost": D(3),
            "ConsumedUnit": "Hours",
        },
        {"ResourceId": "a", "SkuId": "s", "EffectiveCost": D(9), "CommitmentDiscountStatus": "Unused"},
        {"ResourceId": "a", "EffectiveCost": D(9), "ChargeCategory": "Tax"},
        {"ResourceId": "a", "EffectiveCost": D(-9), "ChargeClass": "Correction"},
    )
    (row,) = activity.table(table).to_dict("records")
    assert (row["quantity"], row["cost"], row["charges"], row["department"]) == (48, 5, 2, None)
    assert activity.charges_of(table, row).count().execute() == 2


def test_purposes_come_from_tags_however_they_are_spelt():
    table = charges(
        {"ResourceId": "a", "Tags": {"Purpose": "standby"}},
        {"ResourceId": "b", "Tags": {"team": "x"}},
        {"ResourceId": "c", "Tags": {"retain": ""}},
    )
    assert activity.purposes(table) == {"a": "Purpose: standby"}
    assert activity.purposes(charges({"ResourceId": "b", "Tags": {"team": "x"}})) == {}


def lines(*rows) -> pd.DataFrame:
    made = []
    for row in rows:
        one = dict.fromkeys([*KEYS, "quantity", "cost", "charges", *FOUND]) | {
            "period": "2026-09", "currency": "USD", "category": "Compute", "kind": "compute", "grade": "A", "tagged": True, "policy": True,
            "cost": D(100), "kg": D(30), "operational": D(20), "embodied": D(10), "kwh": D(115), "grid": D("0.1"), "pue": D("1.15"),
            "sku": "s", "unit": "Hours", "quantity": D(60),
        }  # fmt: skip
        made.append(one | row)
    return pd.DataFrame(made, dtype=object)


LINES = lines(
    {},
    {"category": "Storage", "kind": "storage", "grade": "B", "kg": D(6), "operational": D(6), "embodied": D(0), "kwh": D(23), "cost": D(50), "unit": "GB-Months",
     "quantity": D(3000), "sku": "t", "grid": D("0.5"), "tagged": False, "policy": None},
    {"kind": "gap", "grade": "", "kg": None, "operational": None, "embodied": None, "kwh": None, "cost": D(50), "grid": None, "pue": None, "sku": "u"},
    {"currency": "EUR", "cost": D(10), "kg": D(12), "operational": D(12), "embodied": D(0), "kwh": D(92), "policy": False, "pue": D("1.15")},
    {"period": "2026-08", "kg": D(999)},
)  # fmt: skip
FINDINGS = pd.DataFrame(
    [{"measure": "idle", "carbon": D(9), "money": D(70)}, {"measure": "rightsize", "carbon": D(3), "money": None}, {"measure": "region", "carbon": D(5), "money": D(-1)}],
    dtype=object,
)  # fmt: skip


def test_kpis_by_hand():
    table = charges({"ConsumedQuantity": D(1)}, {"ConsumedQuantity": D(1), "BillingCurrency": "EUR"})
    measures = [
        carbon.total(table, LINES), carbon.burn(table, LINES), carbon.by_category(table, LINES, "Storage", "storage"), carbon.stored(table, LINES),
        carbon.by_unit(table, LINES), carbon.by_spend(table, LINES), carbon.by_spend(table, LINES, inverse=True), carbon.clean_places(table, LINES),
        carbon.untagged(table, LINES), carbon.compliant(table, LINES), carbon.wasted(table, LINES, FINDINGS), carbon.power_usage(table, LINES),
        carbon.dirty_power(table, LINES), carbon.unknown_cost(table, LINES), carbon.on_measured_use(table, LINES),
    ]  # fmt: skip
    got = {r["BillingCurrency"]: r for r in evaluate(measures, by=["x_KitPeriod"]).to_dict("records")}
    usd, eur = got["USD"], got["EUR"]
    assert usd["total-emissions"] == eur["total-emissions"] == 48
    assert usd["csp-cloud-carbon-budget-burn-rate"] == D("1.6")
    assert usd["storage"] == D("0.2") and usd["carbon-per-time-storage-category:by-gigabyte"] == D("0.002")
    assert usd["carbon-per-unit-of-cloud-service-sku"] == D("0.35")  # SKU s: (30 + 12) ÷ 120
    assert usd["carbon-per-unit-of-cloud-spend"] == D("0.24") and eur["carbon-per-unit-of-cloud-spend"] == D(
        "1.2"
    )
    assert abs(usd["carbon-per-unit-of-cloud-spend:inverse"] - D(150) / 36) < D("1e-20")
    assert abs(usd["carbon-efficient-locations"] - D(100) / 150) < D("1e-20")
    assert usd["percentage-of-carbon-associated-with-untagged-csp-cloud-resources"] == D("0.125")
    assert abs(usd["percentage-of-csp-cloud-carbon-that-is-tagging-policy-compliant"] - D(30) / 42) < D(
        "1e-20"
    )
    assert usd["carbon-waste-carbon-efficiency"] == D("0.25")
    assert usd["data-center-power-usage-effectiveness"] == D("1.15")
    assert abs(
        usd["optimizing-electricity-pue-wue-between-regions-or-cloud-service-providers"] - D(38000) / 230
    ) < D("1e-20")
    assert usd["cost-without-emissions"] == D("0.25") and eur["cost-without-emissions"] == 0
    assert usd["emissions-on-measured-use"] == D("0.875")


def test_an_open_month_counts_its_days_so_far():
    table = charges({"ConsumedQuantity": D(1)})
    (row,) = evaluate([carbon.burn(table, LINES, {"2026-09": 4})], by=["x_KitPeriod"]).to_dict("records")
    assert row["csp-cloud-carbon-budget-burn-rate"] == 12


def test_nothing_known_is_not_nothing_emitted():
    table = charges({"ConsumedQuantity": D(1)})
    none = lines({"grade": "", "kind": "gap", "kg": None})
    got = evaluate([carbon.total(table, none), carbon.unknown_cost(table, none)], by=["x_KitPeriod"]).to_dict(
        "records"
    )[0]
    assert got["total-emissions"].is_nan() and got["cost-without-emissions"].is_nan()


def test_avoidable_has_its_money_and_number():
    m = carbon.avoidable(FINDINGS, "idle")
    assert (m.value(m.sums), m.sums["money"], m.sums["count"]) == (9, 70, 1)
    whole = carbon.avoidable(FINDINGS)
    assert (whole.value(whole.sums), whole.sums["money"]) == (17, 69)
    assert carbon.check({"x": None}, "x", "").value({"value": None}).is_nan()
