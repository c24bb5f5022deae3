"""Every measure that comes from charges is an expression that other engines take as well."""

from __future__ import annotations

import ibis
import pytest

from helpers import measures
from helpers.measures import (
    change,
    savings,
)
from helpers.terms.period import Month


@pytest.mark.parametrize("engine", ["pyspark", "trino", "snowflake", "bigquery", "databricks", "duckdb"])
def test_shared_measures_compile(engine, companions, every):
    charges = ibis.table(measures.schema(), name="charges")
    narrow = savings.Scope(spot=False, marketplace=False, support=False, category="Compute", provider="AWS")
    for m in [*every(charges, companions), savings.over_list(charges, narrow)]:
        expression = m.table.aggregate(
            by=["BillingCurrency", *m.along],
            **{f"s{n}": e for n, e in enumerate(m.sums.values())},
        )
        text = ibis.to_sql(expression, dialect=engine)
        assert " * " not in text and " / " not in text, m.key
        assert "sum" in text.lower() or "count" in text.lower() or "max" in text.lower(), m.key
    for table in (change.by_sku(charges), change.first_days(charges, Month(2026, 9), 4)):
        assert ibis.to_sql(table, dialect=engine)
