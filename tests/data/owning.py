"""Charges for tests of owners and findings: a DuckDB table of the stored columns, and the joined relation over it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import ibis

from helpers.data import allocation, companions, layout

START = datetime(2026, 9, 1, tzinfo=UTC)
USAGE = {
    "BillingAccountId": "payer",
    "SubAccountId": "111",
    "SubAccountName": "Web",
    "BillingPeriodStart": START,
    "BillingPeriodEnd": datetime(2026, 10, 1, tzinfo=UTC),
    "ChargePeriodStart": datetime(2026, 9, 10, tzinfo=UTC),
    "ChargePeriodEnd": datetime(2026, 9, 11, tzinfo=UTC),
    "BillingCurrency": "USD",
    "ChargeCategory": "Usage",
    "ChargeFrequency": "Usage-Based",
    "ChargeDescription": "m6i.large hours",
    "InvoiceIssuerName": "AWS",
    "PricingCategory": "Standard",
    "PricingQuantity": Decimal(10),
    "PricingUnit": "Hours",
    "ConsumedQuantity": Decimal(10),
    "ConsumedUnit": "Hours",
    "ServiceCategory": "Compute",
    "ServiceSubcategory": "Virtual Machines",
    "ServiceName": "Amazon Elastic Compute Cloud",
    "ServiceProviderName": "AWS",
    "BilledCost": Decimal("1.25"),
    "EffectiveCost": Decimal("1.25"),
    "ContractedCost": Decimal("1.25"),
    "ListCost": Decimal("1.50"),
    "SkuId": "sku-1",
    "x_KitSource": "aws",
    "x_KitFile": "september.csv",
    "x_KitVersion": "1.4",
    "x_KitPeriod": "2026-09",
}


def charges(*rows: dict, **tables: Path):
    """The joined relation of these charges (each `USAGE` with changes), with companions read from files."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    columns = layout.stored_columns()
    con.execute(
        "CREATE TABLE charges (" + ", ".join(f"{layout.quoted(c)} {k}" for c, k in columns.items()) + ")"
    )
    for n, row in enumerate(rows or ({},)):
        full = {**USAGE, "ResourceId": f"resource-{n}", "HostProviderName": "AWS"} | row
        con.execute(
            f"INSERT INTO charges ({', '.join(map(layout.quoted, full))}) VALUES ({', '.join('?' * len(full))})",
            list(full.values()),
        )
    return joined(con, **tables)


def joined(con, **tables: Path):
    """The joined relation over a connection's table ``charges``."""
    held = {name: companions.read(path, name) for name, path in tables.items()}
    con.execute("CREATE OR REPLACE VIEW joined AS " + allocation.joined_sql(con, held))
    return ibis.duckdb.from_connection(con).table("joined")


def from_file(path: Path, version: str):
    """A FOCUS file as it stands, raised by hand as far as these tests need."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    have = con.read_csv(str(path), all_varchar=True).columns
    said = {
        "Tags": "CAST(CAST(Tags AS JSON) AS MAP(VARCHAR, VARCHAR))",
        "ServiceProviderName": "ServiceProviderName" if "ServiceProviderName" in have else "ProviderName",
        "x_KitPeriod": "strftime(CAST(BillingPeriodStart AS TIMESTAMPTZ), '%Y-%m')",
        "x_KitFile": f"'{path.name}'",
        "x_KitVersion": f"'{version}'",
        "x_KitSource": "'export'",
    }
    chosen = ", ".join(
        f"CAST({said.get(c, layout.quoted(c) if c in have else 'NULL')} AS {k}) AS {layout.quoted(c)}"
        for c, k in layout.stored_columns().items()
    )
    con.execute(
        f"CREATE TABLE charges AS SELECT {chosen} FROM read_csv('{path}', all_varchar = true, nullstr = ['NULL', ''])"
    )
    return joined(con)


def write(folder: Path, name: str, text: str) -> Path:
    """A companion file."""
    path = folder / f"{name}.csv"
    path.write_text(text, encoding="utf-8")
    return path
