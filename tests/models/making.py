"""Hours and lines of charges by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

START = datetime(2026, 8, 3, tzinfo=UTC)  # a Monday


def usage(rows: list[tuple]):
    """An Ibis table of hourly use from (resource, metric, unit, start, average, maximum, samples)."""
    import ibis
    import pyarrow as pa

    names = ["resource_id", "metric", "unit", "start", "average", "maximum", "samples"]
    types = [
        pa.string(),
        pa.string(),
        pa.string(),
        pa.timestamp("us", "UTC"),
        pa.float64(),
        pa.float64(),
        pa.int64(),
    ]
    columns = list(zip(*rows, strict=True)) if rows else [()] * 7
    con = ibis.duckdb.connect()
    con.raw_sql("SET TimeZone = 'UTC'")
    table = pa.table([pa.array(c, t) for c, t in zip(columns, types, strict=True)], names=names)
    return con.create_table("usage", table)


def hours(
    resource: str, level: Callable[[datetime], float], *, days: int = 30, memory: float | None = 30.0,
    network: float | None = 1e6, start: datetime = START, peak: float = 1.0,
) -> list[tuple]:  # fmt: skip
    """Hours of one machine: processor by hour, memory and network the same in all."""
    found = []
    for n in range(days * 24):
        moment = start + timedelta(hours=n)
        cpu = level(moment)
        found.append((resource, "cpu", "%", moment, cpu, min(100.0, cpu * peak), 12))
        if memory is not None:
            found.append((resource, "memory", "%", moment, memory, memory, 12))
        if network is not None:
            found.append((resource, "network_in", "bytes", moment, network, network, 12))
    return found


def line(resource: str, kind: str = "m6i.4xlarge", **more: Any) -> dict[str, Any]:
    """One line of charges of a machine: 720 hours at 1 USD, on demand, unless `more` says otherwise."""
    quantity, cost = Decimal(more.pop("quantity", 720)), Decimal(more.pop("cost", 720))
    covered = Decimal(more.pop("covered_share", 0))
    usual = {
        "provider": "AWS", "account": "shop", "account_id": "1", "region": "us-east-1", "service": "EC2", "category": "Compute",
        "subcategory": "Virtual Machines", "resource_id": resource, "sku": kind, "meter": "Compute",
        "details": json.dumps({"InstanceType": kind}), "description": kind, "unit": "Hours", "name": resource, "type": "instance",
        "department": "Shop", "owner": "Ana", "tier": None, "tags": {}, "cores": None, "legacy": False,
        "quantity": quantity, "on_demand_quantity": quantity * (1 - covered), "spot_quantity": None,
        "effective": cost * (1 - covered) + cost * covered * Decimal("0.6"), "contracted": cost,
        "on_demand": cost * (1 - covered), "on_demand_contracted": cost * (1 - covered),
        "covered": cost * covered * Decimal("0.6"), "covered_contracted": cost * covered, "spot": None,
        "last": datetime(2026, 9, 1, tzinfo=UTC),
    }  # fmt: skip
    return usual | more


def frame(*lines: dict[str, Any]):
    import pandas as pd

    return pd.DataFrame(list(lines), dtype=object)


def stored(resource: str, meter: str, cost: str, *, quantity: str = "1000", **more: Any) -> dict[str, Any]:
    """One line of storage or traffic; `meter` of `more` wins."""
    meter = more.pop("meter", meter)
    usual = {
        "service": "S3", "category": "Storage", "subcategory": "Object Storage", "meter": meter, "details": None, "description": meter,
        "unit": "GB-Months", "type": "bucket", "sku": meter, "cost": cost, "quantity": quantity,
    }  # fmt: skip
    return line(resource, **(usual | more))


def history(
    resource: str, sku: str, quantities: list[str | int], unit: str = "GB-Months", last: str = "2026-08"
):
    """Months of one resource, oldest first, ending with `last`; each of 30 days."""
    from helpers.terms.period import Month

    month = Month.parse(last)
    return [
        {
            "resource_id": resource, "sku": sku, "unit": unit, "period": str(month.plus(n + 1 - len(quantities))),
            "quantity": Decimal(q), "effective": Decimal(q), "days": 30,
        }
        for n, q in enumerate(quantities)
    ]  # fmt: skip
