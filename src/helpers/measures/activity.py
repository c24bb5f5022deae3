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


def loads(usage: Table) -> Any:
    """Mean processor use of each resource, month by month.

    Parameters
    ----------
    usage : ibis Table
        Form of `helpers.data.usage.open_usage`; metric ``cpu`` in ``%``.

    Returns
    -------
    DataFrame
        ``period``, ``resource``, ``load`` [ratio, Decimal, six places], ``hours`` [h, hours measured]. An hour delivered
        twice counts once.
    """
    hours = _hourly(usage, "cpu")
    found = hours.group_by(["period", "resource"]).aggregate(load=hours.average.mean(), hours=hours.count())
    rows = found.order_by(["period", "resource"]).to_pyarrow().to_pylist()
    return _table(
        [
            r | {"load": _share(r["load"]), "hours": Decimal(r["hours"])}
            for r in rows
            if r["load"] is not None
        ],
        ["period", "resource", "load", "hours"],
    )


QUIET = 10  # [%] processor use below which an hour of the week counts as quiet, in every week


def profile(usage: Table) -> Any:
    """How hard and when each resource works, over all that was measured.

    Returns
    -------
    DataFrame
        ``resource``; ``hours`` [h]; ``cpu`` highest hourly mean, ``peak`` highest sample, ``memory`` highest hourly mean
        [ratio; None where it was not measured]; ``quiet`` [1], hours of the week (UTC) below 10 % in every week, of 168.
    """
    cpu, memory = _hourly(usage, "cpu"), _hourly(usage, "memory")
    one = cpu.group_by("resource").aggregate(hours=cpu.count(), cpu=cpu.average.max(), peak=cpu.maximum.max())
    two = memory.group_by("resource").aggregate(memory=memory.average.max())
    week = cpu.group_by(["resource", "day", "hour"]).aggregate(most=cpu.average.max())
    quiet = week.group_by("resource").aggregate(quiet=(week.most < QUIET).sum())
    found = (
        one.left_join(two, "resource")
        .drop("resource_right")
        .left_join(quiet, "resource")
        .drop("resource_right")
    )
    rows = found.order_by("resource").to_pyarrow().to_pylist()
    named = ("cpu", "peak", "memory")
    return _table(
        [r | {n: None if r[n] is None else _share(r[n]) for n in named} for r in rows],
        ["resource", "hours", "cpu", "peak", "memory", "quiet"],
    )


def _hourly(usage: Table, metric: str) -> Any:
    one = usage.filter(usage.metric == metric, usage.average.notnull())
    start = one.start
    return one.group_by(
        [
            one.resource_id.name("resource"),
            start.name("start"),
            start.strftime("%Y-%m").name("period"),
            start.day_of_week.index().name("day"),
            start.hour().name("hour"),
        ]
    ).aggregate(average=one.average.mean(), maximum=one.maximum.max())


def purposes(charges: Table) -> dict[str, str]:
    """Resources that say in a tag why they are as they are: resource -> key and value of that tag.

    Tags named purpose, retain, role, standby or keep, whatever their case.
    """
    import ibis

    tags = charges.filter(charges.Tags.notnull(), charges.ResourceId.notnull())
    pairs = tags.select(tags.ResourceId, key=tags.Tags.keys()).distinct()
    keys = [r["key"] for r in pairs.select(key=pairs.key.unnest()).distinct().to_pyarrow().to_pylist()]
    wanted = sorted(k for k in keys if k and k.strip().lower() in PURPOSE)
    if not wanted:
        return {}
    said = ibis.coalesce(*(ibis.ifelse(tags.Tags[k] != "", k + ": " + tags.Tags[k], None) for k in wanted))
    found = tags.select(tags.ResourceId, said=said)
    found = found.filter(found.said.notnull()).group_by("ResourceId").aggregate(said=found.said.max())
    return {r["ResourceId"]: r["said"] for r in found.to_pyarrow().to_pylist()}


PURPOSE = {"purpose", "retain", "retention", "role", "standby", "keep"}


def _share(percent: float) -> Decimal:
    return Decimal(repr(round(float(percent), 4))) / 100


def _table(rows: list[dict[str, Any]], columns: list[str]) -> Any:
    import pandas as pd

    return pd.DataFrame(rows, columns=columns, dtype=object)


def _frame(expression: Any) -> Any:
    """Rows with Decimals as Decimals and nulls as None."""
    import pandas as pd

    names = expression.columns
    held = expression.to_pyarrow().to_pylist()
    return pd.DataFrame(held, columns=list(names), dtype=object)
