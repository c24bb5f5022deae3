"""A month of eight charges worked by hand, and the run that exercises ask for."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from types import SimpleNamespace

import pytest

from helpers.terms.period import Month

COLUMNS = (
    "ChargeCategory CommitmentDiscountStatus ServiceCategory BilledCost EffectiveCost ContractedCost ListCost "
    "x_KitOwner x_KitTagged x_KitEligible"
).split()
CHARGES = [  # the golden case of docs/measures.md, with owners, an untagged part, tax and a credit
    ("Usage", None, "Compute", "60", "60", "60", "66", "Ana", True, True),
    ("Usage", None, "Compute", "30", "30", "30", "34", None, False, True),
    ("Usage", "Used", "Compute", "0", "40", "60", "66", "Ana", True, False),
    ("Usage", "Used", "Compute", "0", "20", "30", "34", "Ben", False, False),
    ("Usage", "Unused", "Compute", "0", "20", "36", "40", "Ben", True, False),
    ("Purchase", None, "Compute", "95", "0", "80", "80", "Ben", True, False),
    ("Tax", None, "Other", "10", "10", "10", "10", None, False, False),
    ("Credit", None, "Other", "-7.25", "-7.25", "-7.25", "-7.25", None, False, False),
]


def charges(rows=CHARGES, *, period="2026-09", currency="USD", start=None):
    """An Ibis table of `rows` (see COLUMNS) with all columns of open_charges."""
    import ibis
    import pyarrow as pa

    from helpers.measures import schema

    kinds = schema()
    filled = []
    for values in rows:
        row = dict.fromkeys(kinds.names)
        row |= {c: Decimal(v) if c.endswith("Cost") else v for c, v in zip(COLUMNS, values, strict=True)}
        row |= {"BillingCurrency": currency, "x_KitPeriod": period, "ChargePeriodStart": start}
        filled.append(row)
    return ibis.memtable(pa.Table.from_pylist(filled, schema=kinds.to_pyarrow()))


@pytest.fixture
def run():
    """September 2026 of the hand-made charges."""
    return SimpleNamespace(
        notebook_id="practitioner_kpis",
        charges=charges(),
        month=Month(2026, 9),
        currency="USD",
        as_of=date(2026, 10, 5),
    )
