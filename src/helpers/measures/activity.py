"""What was used: charges as quantities by resource, SKU and month, and how busy the machines were.

Emissions are reckoned from quantities, not from money, so this is the finest table that is needed: the engine adds quantities
and costs and counts charges, nothing else.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from helpers.measures import rows
from helpers.measures.measure import Table

KEYS = {  # name -> column of the charges
    "period": "x_KitPeriod",
    "provider": "ServiceProviderName",
    "host": "HostProviderName",
    "category": "ServiceCategory",
    "subcategory": "ServiceSubcategory",
    "service": "ServiceName",
    "region": "RegionId",
    "account": "SubAccountId",
    "department": "x_KitDepartment",
    "owner": "x_KitOwner",
    "tagged": "x_KitTagged",
    "policy": "x_KitTagPolicyMet",
    "resource": "ResourceId",
    "name": "ResourceName",
    "sku": "SkuId",
    "meter": "SkuMeter",
    "details": "SkuPriceDetails",
    "description": "ChargeDescription",
    "unit": "ConsumedUnit",
    "tier": "x_KitTier",
    "cores": "x_KitCores",
    "currency": "BillingCurrency",
}


def table(charges: Table) -> Any:
    """What ran, one row by resource, SKU and month.

    Parameters
    ----------
    charges : ibis Table
        Columns of `KEYS`, ConsumedQuantity [ConsumedUnit], EffectiveCost [currency], ChargeCategory, ChargeClass,
        CommitmentDiscountStatus. Usage without corrections and unused commitment: nothing runs for the rest.

    Returns
    -------
    DataFrame
        Columns of `KEYS`; ``quantity`` [unit], ``cost`` [currency], Decimals, None where no charge has one; ``charges`` [1].
    """
    ran = charges.filter(rows.ran(charges))
    keys = [ran[column].name(name) for name, column in KEYS.items()]
    found = ran.aggregate(
        by=keys, quantity=ran.ConsumedQuantity.sum(), cost=ran.EffectiveCost.sum(), charges=ran.count()
    )
    return _frame(found.order_by(list(KEYS)))


def charges_of(charges: Table, line: Any) -> Table:
    """The charges behind one line: a row of `table`, or of what was reckoned from it."""
    found = charges.filter(rows.ran(charges))
    for name, column in KEYS.items():
        value = line[name]
        empty = value is None or value != value
        found = found.filter(found[column].isnull() if empty else found[column] == value)
    return found


def load(usage: Table, month: Any) -> Any:
    """Mean processor use of each resource in a month.

    Parameters
    ----------
    usage : ibis Table
        Form of `helpers.data.usage.open_usage`; metric ``cpu`` in ``%``.
    month : Month

    Returns
    -------
    DataFrame
        ``period``, ``resource``, ``load`` [ratio, Decimal, four places], ``hours`` [h, hours measured], ``peak`` [ratio].
        Hours counted twice count once.
    """
    import ibis

    cpu = usage.filter(usage.metric == "cpu", usage.start >= ibis.literal(month.start), usage.start < ibis.literal(month.end))
    hours = cpu.group_by(["resource_id", "start"]).aggregate(average=cpu.average.mean(), maximum=cpu.maximum.max())
    found = hours.group_by("resource_id").aggregate(
        load=hours.average.mean(), hours=hours.count(), peak=hours.maximum.max()
    )
    frame = found.order_by("resource_id").to_pandas()
    share = lambda v: None if v != v else (Decimal(repr(round(float(v), 4))) / 100)  # noqa: E731
    return frame.assign(
        period=str(month),
        resource=frame["resource_id"],
        load=[share(v) for v in frame["load"]],
        peak=[share(v) for v in frame["peak"]],
        hours=[Decimal(int(h)) for h in frame["hours"]],
    )[["period", "resource", "load", "hours", "peak"]]


def _frame(expression: Any) -> Any:
    """Rows with Decimals as Decimals and nulls as None."""
    import pandas as pd

    names = expression.columns
    held = expression.to_pyarrow().to_pylist()
    return pd.DataFrame(held, columns=list(names), dtype=object)
