"""What to compute: expressions over the table of charges, and Decimal arithmetic on their small results.

A measure says which sums to take and how its number comes from them; it runs nothing. `evaluate` takes all that
share a table in one pass. Definitions, row sets and worked examples: ``docs/measures.md``.
"""

from helpers.measures import (
    allocation,
    budgets,
    burn,
    change,
    commitments,
    efficiency,
    freshness,
    outcomes,
    savings,
    spend,
    totals,
    unit_cost,
    visibility,
)
from helpers.measures.measure import Measure, evaluate, month, schema, window

__all__ = [
    "Measure",
    "allocation",
    "budgets",
    "burn",
    "change",
    "commitments",
    "efficiency",
    "evaluate",
    "freshness",
    "month",
    "outcomes",
    "savings",
    "schema",
    "spend",
    "totals",
    "unit_cost",
    "visibility",
    "window",
]
