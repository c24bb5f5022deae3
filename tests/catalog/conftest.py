"""Charges as ``open_charges`` gives them, from rows written by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import ibis
import pyarrow as pa
import pytest

from helpers import measures
from helpers.terms.period import Month

DECIMALS = {f.name for f in measures.schema().to_pyarrow() if pa.types.is_decimal(f.type)}


def charge(month: str = "2026-09", cost: Any = None, **more: Any) -> dict[str, Any]:
    """One charge; `cost` sets all four costs unless `more` says otherwise."""
    m = Month.parse(month)
    usual = {
        "BillingCurrency": "USD",
        "ChargeCategory": "Usage",
        "x_KitPeriod": month,
        "x_KitSource": "aws",
        "x_KitVersion": "1.2",
        "x_KitDelivery": "one",
        "BillingPeriodStart": m.start,
        "ChargePeriodStart": m.start,
        "ChargePeriodEnd": m.end,
        "ServiceCategory": "Compute",
        "ServiceName": "Machines",
        "ServiceProviderName": "AWS",
        "InvoiceIssuerName": "AWS",
        "PricingCategory": "Standard",
        "x_KitDepartment": "Checkout",
        "x_KitTagged": True,
        "x_KitEligible": False,
    }
    if cost is not None:
        usual |= dict.fromkeys(("BilledCost", "EffectiveCost", "ContractedCost", "ListCost"), cost)
    return {k: Decimal(str(v)) if k in DECIMALS and v is not None else v for k, v in (usual | more).items()}


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def make():
    """Rows -> Ibis table; `without` names columns to leave out."""

    def table(rows: list[dict[str, Any]], without: tuple[str, ...] = ()) -> Any:
        con = ibis.duckdb.connect()
        con.raw_sql("SET TimeZone = 'UTC'")
        typed = pa.Table.from_pylist(rows, schema=measures.schema().to_pyarrow())
        return con.create_table("charges", typed).drop(*without)

    return table


@pytest.fixture
def golden() -> list[dict[str, Any]]:
    """The issue's table: on-demand, used, unused, a purchase, a tax."""
    return [
        charge(ListCost=100, ContractedCost=90, EffectiveCost=90, BilledCost=90, x_KitEligible=True),
        charge(
            ListCost=100, ContractedCost=90, EffectiveCost=60, BilledCost=0, CommitmentDiscountStatus="Used"
        ),
        charge(
            ListCost=40, ContractedCost=36, EffectiveCost=20, BilledCost=0, CommitmentDiscountStatus="Unused"
        ),
        charge(ListCost=80, ContractedCost=80, EffectiveCost=0, BilledCost=80, ChargeCategory="Purchase"),
        charge(ListCost=0, ContractedCost=0, EffectiveCost=10, BilledCost=10, ChargeCategory="Tax"),
    ]


@pytest.fixture(name="charge")
def _charge():
    return charge


@pytest.fixture(name="day")
def _day():
    return day
