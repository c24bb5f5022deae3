"""What to compute: expressions over the table of charges, and Decimal arithmetic on their small results.

A measure says which sums to take and how its number comes from them; it runs nothing. `evaluate` takes all that
share a table in one pass. Definitions, row sets and worked examples: ``docs/measures.md``.
"""

from helpers.measures import (
    ai,
    allocation,
    budgets,
    burn,
    business,
    change,
    commitments,
    customers,
    drivers,
    efficiency,
    freshness,
    haste,
    outcomes,
    portfolio,
    products,
    savings,
    spend,
    totals,
    unit_change,
    unit_cost,
    unit_economics,
    visibility,
)
from helpers.measures.measure import Measure, evaluate, month, schema, window

__all__ = [
    "Measure",
    "ai",
    "allocation",
    "budgets",
    "burn",
    "business",
    "change",
    "commitments",
    "customers",
    "drivers",
    "efficiency",
    "evaluate",
    "freshness",
    "haste",
    "month",
    "outcomes",
    "portfolio",
    "products",
    "savings",
    "schema",
    "spend",
    "totals",
    "unit_change",
    "unit_cost",
    "unit_economics",
    "visibility",
    "window",
]
