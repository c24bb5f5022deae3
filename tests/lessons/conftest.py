"""Eleven charges of three months, worked by hand, and the run that exercises ask for."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal as D
from types import SimpleNamespace

import pytest

from helpers.terms.period import Month

COLUMNS = [
    "x_KitPeriod",
    "ChargePeriodStart",
    "days",
    "ServiceName",
    "PricingQuantity",
    "ChargeCategory",
    "CommitmentDiscountStatus",
    "BilledCost",
    "EffectiveCost",
    "ContractedCost",
    "ListCost",
    "x_KitOwner",
    "x_KitTagged",
    "x_KitEligible",
]
AUG, SEP, OCT = "2026-08", "2026-09", "2026-10"
CHARGES = [
    # September, the golden case of docs/measures.md, with owners, an untagged part, tax and a credit
    (SEP, 1, 1, "VM", "6", "Usage", None, "60", "60", "60", "66", "Ana", True, True),
    (SEP, 2, 1, "VM", "3", "Usage", None, "30", "30", "30", "34", None, False, True),
    (SEP, 1, 1, "VM", "6", "Usage", "Used", "0", "40", "60", "66", "Ana", True, False),
    (SEP, 9, 1, "VM", "3", "Usage", "Used", "0", "20", "30", "34", "Ben", False, False),
    (SEP, 1, 1, "VM", None, "Usage", "Unused", "0", "20", "36", "40", "Ben", True, False),
    (SEP, 1, 30, "VM", None, "Purchase", None, "95", "0", "80", "80", "Ben", True, False),
    (SEP, 1, 30, "Tax", None, "Tax", None, "10", "10", "10", "10", None, False, False),
    (SEP, 1, 30, "VM", None, "Credit", None, "-7.25", "-7.25", "-7.25", "-7.25", None, False, False),
    # August: 12 instead of 18 units, a little dearer
    (AUG, 1, 1, "VM", "12", "Usage", None, "126", "126", "126", "135", "Ana", True, True),
    # October, open: two days
    (OCT, 1, 1, "VM", "8", "Usage", None, "80", "80", "80", "88", "Ana", True, True),
    (OCT, 2, 1, "VM", "8", "Usage", None, "85", "85", "85", "88", "Ana", True, True),
]


def charges(rows=CHARGES, currency="USD"):
    """An Ibis table of `rows` (see COLUMNS) with all columns of open_charges."""
    import ibis
    import pyarrow as pa

    from helpers.measures import schema

    kinds = schema()
    filled = []
    for values in rows:
        given = dict(zip(COLUMNS, values, strict=True))
        start = Month.parse(given["x_KitPeriod"]).start + timedelta(days=given["ChargePeriodStart"] - 1)
        given |= {"ChargePeriodStart": start, "ChargePeriodEnd": start + timedelta(days=given.pop("days"))}
        numbers = {c: D(v) for c, v in given.items() if v is not None and c.endswith(("Cost", "Quantity"))}
        same = {
            "BillingCurrency": currency,
            "ServiceCategory": "Compute",
            "ServiceProviderName": "AWS",
            "SkuId": "sku",
            "PricingUnit": "Hours",
        }
        filled.append(dict.fromkeys(kinds.names) | same | given | numbers)
    return ibis.memtable(pa.Table.from_pylist(filled, schema=kinds.to_pyarrow()))


@pytest.fixture
def run():
    """The run of September 2026 on the hand-made charges, taken on 5 October."""
    return SimpleNamespace(
        notebook_id="practitioner_kpis",
        charges=charges(),
        month=Month(2026, 9),
        currency="USD",
        as_of=date(2026, 10, 5),
        companions={},
        playbook=SimpleNamespace(decide=lambda kpis, **_: [action(14, "10"), action(30, None)]),
    )


def action(days: int, value: str | None):
    """A decision that a playbook calls for, due `days` after 5 October."""
    from helpers.catalog import Action

    money = D(value) if value else None
    day = date(2026, 10, 5) + timedelta(days=days)
    return Action(f"a{days}", f"Act {days}", "why", "do", money, "USD", "Procurement", day, "kpi", {}, {})
