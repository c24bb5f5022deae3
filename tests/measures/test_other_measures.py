"""Allocation, unit costs, efficiency, freshness, visibility and burn, each by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pandas as pd
import pytest

from helpers import measures
from helpers.measures import allocation, burn, efficiency, freshness, unit_cost, units, visibility
from helpers.terms.errors import UsageError
from helpers.terms.money import shown
from helpers.terms.period import Month

AI = "AI and Machine Learning"


def row(ec, **more):
    return {"EffectiveCost": ec, "BilledCost": ec, "ListCost": ec} | more


OWNED = {"x_KitOwner": "ann", "x_KitDepartment": "web"}
TEN = [
    row(40, **OWNED, x_KitTagged=True, x_KitTagPolicyMet=True, ResourceId="i1"),
    row(20, x_KitDepartment="web", x_KitTagged=True, x_KitTagPolicyMet=False, ResourceId="i2"),
    row(10, x_KitOwner="bob", x_KitTagged=False, x_KitTagPolicyMet=False, ResourceId="i3"),
    row(15, **OWNED, x_KitShared="distributed", x_KitTagged=True),
    row(5, x_KitShared="undistributed", x_KitTagged=None),
    row(8, x_KitTagged=False),
    row(2, ChargeCategory="Purchase", x_KitTagged=False),
    row(-50, ChargeCategory="Credit"),
    row(30, ChargeCategory="Tax"),
    row(-9, ChargeClass="Correction", x_KitTagPolicyMet=True, x_KitShared="undistributed"),
]


def test_allocation_by_hand(bench, one):
    charges = bench.table(TEN)  # usage and purchases: 100
    assert one(allocation.accuracy(charges)) == Decimal("0.7")
    assert one(allocation.unallocated(charges)) == Decimal("0.15")
    assert one(allocation.untagged(charges)) == Decimal("0.25")
    assert shown(one(allocation.untagged(charges, taggable=True))) == shown(Decimal(10) / 70)
    assert shown(one(allocation.tag_policy(charges))) == shown(Decimal(40) / 70)
    assert one(allocation.shared_unallocated(charges)) == Decimal("0.25")


def test_allocation_without_rules_or_policy(bench, one):
    charges = bench.table([row(5, x_KitTagged=True)])
    assert one(allocation.unallocated(charges)) == 1
    assert one(allocation.accuracy(charges)) == 0
    assert one(allocation.tag_policy(charges)).is_nan()
    assert one(allocation.shared_unallocated(charges)).is_nan()


def consumed(ec, quantity, unit, category=AI, **more):
    return row(ec, ConsumedQuantity=quantity, ConsumedUnit=unit, ServiceCategory=category) | more


def test_gigabytes_stored_by_hand(bench, one):
    charges = bench.table(
        [
            consumed(10, 100, "GB-Months", "Storage"),
            consumed(20, "0.1", "TB-Months", "Storage"),
            consumed(5, 73000, "gb-hours", "Storage"),  # 100 GB for a month
            consumed(1, 999, "Requests", "Storage"),  # cost of storage, no gigabyte
            consumed(9, 9, "GB-Months", "Databases"),
            consumed(9, 9, "GB-Months", "Storage", ChargeClass="Correction"),
            consumed(9, None, None, "Storage", ChargeCategory="Purchase"),
        ]
    )
    assert shown(one(unit_cost.per_gb_stored(charges))) == shown(Decimal(36) / 300)
    assert one(unit_cost.per_gb_stored(bench.table([consumed(1, 9, "Requests", "Storage")]))).is_nan()


def test_calls_inferences_and_software_by_hand(bench, one):
    charges = bench.table(
        [
            consumed(3, 1000, "Requests", "Integration", ServiceSubcategory="API Management"),
            consumed(2, 1, "1M Requests", "Integration", ServiceName="Amazon API Gateway"),
            consumed(5, 500, "API Calls"),
            consumed(7, 700, "Requests", "Storage"),  # of a bucket: no API service
            consumed(8, 4, "Hours"),
            consumed(6, 30, "Inferences"),
        ]
    )
    assert shown(one(unit_cost.per_api_call(charges))) == shown(Decimal(10) / 1_001_500)
    assert one(unit_cost.per_inference(charges)) == Decimal("0.2")


def test_tokens_by_direction_and_cache(bench, one):
    charges = bench.table(
        [
            consumed(30, 100, "Tokens", SkuMeter="Input-Tokens"),
            consumed(4, 40, "Tokens", SkuMeter="Cache-Read-Input-Tokens"),
            consumed(6, 60, "Tokens", SkuMeter="Cache-Write-Input-Tokens"),
            consumed(90, 1, "1K Tokens", SkuMeter=None, ChargeDescription="model output"),
            consumed(70, 9, "Hours", SkuMeter="Input"),
            consumed(70, 9, "Tokens", "Other", SkuMeter="Input"),
        ]
    )
    assert shown(one(unit_cost.per_token(charges))) == shown(Decimal(130) / 1200)
    assert one(unit_cost.per_token(charges, "input")) == Decimal(36) / 160
    assert one(unit_cost.per_token(charges, "cached")) == Decimal("0.1")
    assert one(unit_cost.per_token(charges, "output")) == Decimal("0.09")
    assert one(unit_cost.cache_hit_rate(charges)) == Decimal("0.2")
    assert unit_cost.per_token(charges, "input").key == "token-consumption-metrics:input"
    assert one(unit_cost.cache_hit_rate(bench.table([row(1)]))).is_nan()


def test_software_as_a_service_per_unit(bench, one):
    sold = {"x_KitPublisherName": "Acme", "ServiceProviderName": "Acme"}
    charges = bench.table(
        [consumed(30, 10, "Seats", **sold), consumed(20, 10, "Seats", **sold), consumed(9, 1, "Seats")]
    )
    assert one(unit_cost.saas(charges)) == Decimal("2.5")
    mixed = bench.table(
        [consumed(30, 10, "Seats", **sold), consumed(20, 10, "GB", **sold), consumed(1, 0, "x", **sold)]
    )
    assert one(unit_cost.saas(mixed)).is_nan()
    assert one(unit_cost.saas(mixed, "GB")) == 2
    assert one(unit_cost.saas(mixed, "TB")).is_nan()
    assert one(unit_cost.saas(bench.table([row(1)]))).is_nan()


def test_cores_by_hand(bench, one):
    charges = bench.table(
        [
            consumed(12, 10, "Hours", "Compute", x_KitCores=4),
            consumed(8, 20, "Hours", "Compute", x_KitCores=2),
            consumed(1, 10, "Hours", "Compute", x_KitCores="0.5"),
            consumed(99, 10, "Hours", "Compute"),  # cores not said
            consumed(99, 10, "GB", "Compute", x_KitCores=4),
            consumed(99, 10, "Hours", "Databases", x_KitCores=4),
            consumed(4, None, None, "Compute", CommitmentDiscountStatus="Unused"),
            consumed(4, None, None, "Databases", CommitmentDiscountStatus="Unused"),
        ]
    )
    assert shown(one(unit_cost.per_core_hour(charges))) == shown(Decimal(21) / 85)
    assert shown(one(unit_cost.per_core_month(charges))) == shown(Decimal(25) / 85 * 730)
    assert one(unit_cost.per_core_hour(bench.table([row(1)]))).is_nan()


@pytest.mark.parametrize(
    ("unit", "family", "factor"),
    [
        ("GB-Months", units.GB_MONTH, "1"),
        ("GB-Mo", units.GB_MONTH, "1"),
        ("gb/month", units.GB_MONTH, "1"),
        ("GB  Months", units.GB_MONTH, "1"),
        ("TiB-Months", units.GB_MONTH, "1099.511627776"),
        ("GB-Hours", units.GB_MONTH, "0.001369863014"),
        ("1000 Requests", units.REQUEST, "1000"),
        ("Million Tokens", units.TOKEN, "1000000"),
        ("Requests", units.TOKEN, None),
        (None, units.TOKEN, None),
    ],
)
def test_units(unit, family, factor):
    found = units.factor(unit, family)
    assert found == factor if factor is None else shown(found) == shown(Decimal(factor))


START = datetime(2026, 9, 1, tzinfo=UTC)


def hours(first, count, cost, step=1, **more):
    return [
        consumed(cost, 1, "Hours", "Compute", **more)
        | {
            "ListCost": 2 * cost,
            "ChargePeriodStart": START + timedelta(hours=first + n),
            "ChargePeriodEnd": START + timedelta(hours=first + n + step),
        }
        for n in range(count)
    ]


def test_scaling_by_hand(bench, one):
    charges = bench.table(
        [
            *hours(0, 6, 1, SkuId="a"),
            *hours(6, 2, 5, SkuId="a"),  # busy for two hours of eight
            *hours(0, 1, 1, SkuId="a"),  # a second machine in the first hour: that hour costs 2
            *hours(0, 8, 2, SkuId="b"),  # never scaled
            *hours(0, 1, 900, SkuId="day", step=24),  # billed by the day: says nothing about hours
            *hours(0, 1, 900, SkuId="db", ServiceCategory="Databases"),
            *hours(0, 1, 900, SkuId="gb", ConsumedUnit="GB"),
            *hours(0, 1, 900, SkuId="c", CommitmentDiscountStatus="Unused"),
        ]
    )
    # peaks 5 and 2 for 8 hours = 56; as scaled 7 + 10 + 16 = 33
    assert shown(one(efficiency.auto_scaling(charges))) == shown(Decimal(56) / 33)
    assert shown(one(efficiency.auto_scaling(charges, "ListCost"))) == shown(Decimal(56) / 33)
    assert efficiency.auto_scaling(charges, "ListCost").key == "auto-scaling-efficiency-rate:list"
    empty = bench.table(hours(0, 1, 9, step=24))
    assert len(measures.evaluate([efficiency.auto_scaling(empty)])) == 1
    assert one(efficiency.auto_scaling(empty)).is_nan()


def test_scaling_by_month_names_the_column_twice(bench):
    later = [h | {"x_KitPeriod": "2026-10"} for h in hours(8, 2, 3, SkuId="a")]
    charges = bench.table([*hours(0, 1, 1, SkuId="a"), *hours(1, 1, 3, SkuId="a"), *later])
    found = measures.evaluate([efficiency.auto_scaling(charges, by=["x_KitPeriod"])], by=["x_KitPeriod"])
    assert list(found["auto-scaling-efficiency-rate:effective"]) == [Decimal("1.5"), 1]
    with pytest.raises(UsageError, match="argument `by`"):
        measures.evaluate([efficiency.auto_scaling(charges)], by=["x_KitPeriod"])


def test_legacy_by_hand(bench, one):
    charges = bench.table([row(30, x_KitLegacy=True), row(70, x_KitLegacy=False), row(900)])
    assert one(efficiency.legacy(charges)) == Decimal("0.3")
    assert one(efficiency.legacy(bench.table([row(900)]))).is_nan()


def test_burn_by_hand(bench, one):
    charges = bench.table([row(200), row(100, ChargeCategory="Tax"), row(310, x_KitPeriod="2026-08")])
    assert one(burn.rate(measures.month(charges, Month(2026, 9)))) == 10
    assert shown(one(burn.rate(charges))) == shown(Decimal(610) / 61)
    assert one(burn.rate(measures.month(charges, Month(2026, 9)), {"2026-09": 4})) == 75
    by_month = measures.evaluate([burn.rate(charges, {"2026-09": 4})], by="x_KitPeriod")
    assert list(by_month["csp-cloud-budget-burn-rate"]) == [10, 75]
    assert one(burn.rate(bench.table([]))).is_nan()


def test_delay_is_that_of_the_slowest_delivery(bench, one):
    def day(number, delivery, **more):
        end = START + timedelta(days=number)
        return (
            row(1, ChargePeriodStart=end - timedelta(days=1), ChargePeriodEnd=end, x_KitDelivery=delivery)
            | more
        )

    charges = bench.table(
        [day(3, "a"), day(4, "a"), day(2, "b"), day(20, "a", ChargeCategory="Tax"), day(1, "unknown")]
    )
    deliveries = pd.DataFrame(
        {"id": ["a", "b"], "delivered": [date(2026, 9, 7), datetime(2026, 9, 4, 12, tzinfo=UTC)]}
    )
    assert one(freshness.visibility_delay(charges, deliveries)) == 2  # a: 7 − 5; b: 4.5 − 3
    only_b = charges.filter(charges.x_KitDelivery == "b")
    assert one(freshness.visibility_delay(only_b, deliveries)) == Decimal("1.5")
    early = bench.table([day(28, "a")])
    assert one(freshness.visibility_delay(early, deliveries)) == 0
    assert one(freshness.visibility_delay(charges, deliveries.iloc[:0])).is_nan()


def test_update_interval_is_between_the_last_two(one):
    days = [date(2026, 9, 5), date(2026, 10, 5), date(2026, 10, 5), date(2026, 8, 5)]
    deliveries = pd.DataFrame({"id": list("abcd"), "delivered": days})
    assert one(freshness.update_interval(deliveries)) == 30
    assert one(freshness.update_interval(deliveries.iloc[1:3])).is_nan()
    naive = pd.DataFrame({"delivered": [datetime(2026, 9, 5), datetime(2026, 9, 5, 6)]})  # noqa: DTZ001
    assert one(freshness.update_interval(naive)) == Decimal("0.25")


def test_sources_by_hand(one):
    register = pd.DataFrame({"source": ["aws", "azure", "oracle", "saas"], "loaded": [True, True, 1, 0]})
    assert one(visibility.sources(register)) == Decimal("0.75")
    assert one(visibility.sources(register.iloc[:0])).is_nan()


def test_invoices_by_hand(bench):
    charges = bench.table(
        [
            row(90),
            row(50, InvoiceIssuerName="Oracle"),  # no invoice known
            row(30, x_KitPeriod="2026-08"),  # no invoice of that month
            row(70, BillingCurrency="EUR"),
            row(8, BillingCurrency="GBP"),
        ]
    )
    invoices = pd.DataFrame(
        {
            "issuer": ["AWS", "AWS", "Azure"],
            "period": ["2026-09"] * 3,
            "currency": ["USD", "EUR", "USD"],
            "total": ["100", Decimal(70), Decimal(80)],
        }
    )
    found = measures.evaluate([visibility.invoiced(charges, invoices)])
    values = dict(found.values)
    assert values["USD"] == Decimal("0.5")
    assert values["EUR"] == 1
    assert values["GBP"].is_nan()
    assert measures.evaluate([visibility.invoiced(charges, invoices.iloc[:0])]).iloc[0, 1].is_nan()
