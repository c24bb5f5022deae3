"""Every measure that comes from charges is an expression that other engines take as well."""

from __future__ import annotations

import ibis
import pytest

from helpers import measures
from helpers.measures import (
    allocation,
    burn,
    change,
    commitments,
    efficiency,
    freshness,
    savings,
    totals,
    unit_cost,
    visibility,
)
from helpers.terms.period import Month


def every(charges, companions):
    """All shared measures, switches included."""
    deliveries, invoices, contracts = companions
    narrow = savings.Scope(spot=False, marketplace=False, support=False, category="Compute", provider="AWS")
    return [
        *totals.all_four(charges),
        totals.count(charges),
        totals.spot_share(charges),
        totals.refunds(charges),
        totals.credits_given(charges),
        totals.concentration(charges),
        savings.over_list(charges),
        savings.over_contracted(charges),
        savings.commitments_only(charges),
        savings.negotiated(charges),
        savings.without_list_price(charges),
        savings.charges_without_list_price(charges),
        savings.over_list(charges.filter(charges.BilledCost > 0), narrow),
        commitments.coverage(charges),
        commitments.coverage(charges, "EffectiveCost"),
        commitments.utilisation(charges),
        commitments.utilisation(charges, by_quantity=False),
        commitments.waste(charges),
        commitments.consumption(charges),
        commitments.consumption(charges, contracts),
        allocation.accuracy(charges),
        allocation.unallocated(charges),
        allocation.untagged(charges),
        allocation.untagged(charges, taggable=True),
        allocation.tag_policy(charges),
        allocation.shared_unallocated(charges),
        unit_cost.per_gb_stored(charges),
        unit_cost.per_api_call(charges),
        unit_cost.per_inference(charges),
        unit_cost.per_token(charges),
        unit_cost.per_token(charges, "input"),
        unit_cost.cache_hit_rate(charges),
        unit_cost.saas(charges),
        unit_cost.per_core_hour(charges),
        unit_cost.per_core_month(charges),
        efficiency.auto_scaling(charges),
        efficiency.auto_scaling(charges, "ListCost"),
        efficiency.legacy(charges),
        burn.rate(charges),
        freshness.visibility_delay(charges, deliveries),
        visibility.invoiced(charges, invoices),
    ]


@pytest.mark.parametrize("engine", ["pyspark", "trino", "snowflake", "bigquery", "databricks", "duckdb"])
def test_shared_measures_compile(engine, companions):
    charges = ibis.table(measures.schema(), name="charges")
    for m in every(charges, companions):
        expression = m.table.aggregate(
            by=["BillingCurrency", *([m.along] if m.along else [])],
            **{f"s{n}": e for n, e in enumerate(m.sums.values())},
        )
        text = ibis.to_sql(expression, dialect=engine)
        assert "sum" in text.lower() or "count" in text.lower() or "max" in text.lower(), m.key
    for table in (change.by_sku(charges), change.first_days(charges, Month(2026, 9), 4)):
        assert ibis.to_sql(table, dialect=engine)
