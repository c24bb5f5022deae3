"""Charges as ``open_charges`` gives them, from rows written by hand or from a FOCUS file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pytest

from helpers import measures
from helpers.data.sample.charges import month_charges
from helpers.data.sample.world import World
from helpers.measures import (
    allocation,
    burn,
    commitments,
    efficiency,
    freshness,
    savings,
    totals,
    unit_cost,
    visibility,
)
from helpers.terms.focus import JOINED_KIT_COLUMNS, STORED_KIT_COLUMNS, columns
from helpers.terms.period import Month

TYPES = {c.id: c.sql_type for c in columns().values()} | {
    name: kind for name, (kind, *_) in (STORED_KIT_COLUMNS | JOINED_KIT_COLUMNS).items()
}
SEPTEMBER = Month(2026, 9)


class Bench:
    """One engine for a test: makes typed tables and answers plain SQL."""

    def __init__(self) -> None:
        self.ibis = ibis.duckdb.connect()
        self.sql = self.ibis.con
        self.sql.execute("SET TimeZone = 'UTC'")
        self.made = 0

    def table(self, rows: list[dict[str, Any]], **every: Any) -> Any:
        """Rows as columns -> value; `every` fills what a row does not say."""
        self.made += 1
        name = f"charges{self.made}"
        columns = ", ".join(f'"{c}" {t}' for c, t in TYPES.items())
        self.sql.execute(f"CREATE TABLE {name} ({columns})")
        usual = {
            "BillingCurrency": "USD",
            "ChargeCategory": "Usage",
            "x_KitPeriod": "2026-09",
            "BillingPeriodStart": "2026-09-01T00:00:00Z",
            "ServiceCategory": "Compute",
            "ServiceName": "Machines",
            "ServiceProviderName": "AWS",
            "InvoiceIssuerName": "AWS",
            "PricingCategory": "Standard",
        } | every
        full = [usual | row for row in rows]
        names = list(dict.fromkeys(c for row in full for c in row))
        texts = {c: [None if row.get(c) is None else str(row[c]) for row in full] for c in names}
        given = pa.table({c: pa.array(values, pa.string()) for c, values in texts.items()})
        picks = ", ".join(f'CAST("{c}" AS {TYPES[c]})' for c in names)
        into = ", ".join(f'"{c}"' for c in names)
        if rows:
            self.sql.register("given", given)
            self.sql.execute(f"INSERT INTO {name} ({into}) SELECT {picks} FROM given")
            self.sql.unregister("given")
        return self.ibis.table(name)

    def company(self, *months: Month) -> Any:
        """The sample company's charges of these months, straight from its generator."""
        rows = []
        for month in months or (SEPTEMBER,):
            for export in ("aws-larkspur", "azure-larkspur"):
                for charge in month_charges(World(1), export, month):
                    rows.append(_kit(charge, str(month)))
        return self.table(rows)

    def file(self, path: Path, **every: str) -> Any:
        """A FOCUS CSV, cast column by column, with the kit's columns filled; `every` is SQL for a column."""
        self.made += 1
        raw, name = f"raw{self.made}", f"charges{self.made}"
        self.sql.execute(
            f"CREATE TABLE {raw} AS SELECT * FROM read_csv(?, all_varchar=true, header=true,"
            " nullstr=['', 'NULL', 'null'])",
            [str(path)],
        )
        have = {r[0].lower(): r[0] for r in self.sql.execute(f"DESCRIBE {raw}").fetchall()}

        def raw_column(c: str) -> str:
            return f'"{have[c.lower()]}"' if c.lower() in have else "NULL"

        def source(c: str) -> str:
            if c in every:
                return f"({every[c]})"
            if c == "ServiceProviderName" and c.lower() not in have:
                return raw_column("ProviderName")
            if c == "Tags" and c.lower() in have:
                return (
                    "CASE WHEN Tags IS NULL THEN NULL ELSE map_from_entries(list_distinct(map_entries("
                    "CAST(json(Tags) AS MAP(VARCHAR, VARCHAR))))) END"
                )
            return {
                "x_KitPeriod": "strftime(CAST(BillingPeriodStart AS TIMESTAMP), '%Y-%m')",
                "x_KitPublisherName": raw_column("PublisherName"),
                "x_KitDepartment": raw_column("SubAccountName"),
                "x_KitTagged": f"coalesce({raw_column('Tags')} NOT IN ('', '{{}}'), false)",
                "x_KitCores": (
                    f"json_extract_string({raw_column('SkuPriceDetails')}, '$.CoreCount')"
                    if "skupricedetails" in have
                    else "NULL"
                ),
                "x_KitEligible": (
                    f"{raw_column('ChargeCategory')} = 'Usage' AND {raw_column('CommitmentDiscountId')} IS NULL"
                    f" AND {raw_column('ServiceCategory')} IN ('Compute', 'Databases')"
                ),
                "x_KitDelivery": "'one'",
                "x_KitSource": "'one'",
            }.get(c, raw_column(c))

        picks = ", ".join(f'CAST({source(c)} AS {t}) AS "{c}"' for c, t in TYPES.items())
        self.sql.execute(f"CREATE TABLE {name} AS SELECT {picks} FROM {raw}")
        return self.ibis.table(name)


def _kit(charge: dict[str, Any], month: str) -> dict[str, Any]:
    """One charge of the sample with the columns that ingest and ``open_charges`` would add."""
    row = {c: v for c, v in charge.items() if c in TYPES and c not in {"Tags", "SkuPriceDetails"}}
    tags, details = charge.get("Tags") or {}, charge.get("SkuPriceDetails") or {}
    team = tags.get("team") or tags.get("Team")
    on_demand = charge["ChargeCategory"] == "Usage" and not charge.get("CommitmentDiscountStatus")
    return row | {
        "x_KitPeriod": month,
        "x_KitDelivery": "one",
        "x_KitPublisherName": charge["PublisherName"],
        "x_KitCores": details.get("CoreCount"),
        "x_KitTagged": bool(tags),
        "x_KitTagPolicyMet": "team" in tags and "env" in tags,
        "x_KitOwner": team,
        "x_KitDepartment": team,
        "x_KitShared": {"Support": "undistributed", "AWS Data Transfer": "distributed"}.get(
            charge["ServiceName"]
        ),
        "x_KitLegacy": details["InstanceType"].startswith("m4") if "InstanceType" in details else None,
        "x_KitEligible": on_demand and charge["ServiceCategory"] in {"Compute", "Databases"},
    }


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def one() -> Callable[..., Any]:
    """The number of one measure over one currency."""

    def take(measure: measures.Measure) -> Any:
        found = measures.evaluate([measure])
        assert len(found) == 1
        return found[measure.key][0]

    return take


@pytest.fixture
def companions():
    """Deliveries, invoices and contract commitments as a company keeps them."""
    import pandas as pd

    deliveries = pd.DataFrame({"id": ["one"], "delivered": [date(2026, 10, 5)]})
    invoices = pd.DataFrame(
        {"issuer": ["AWS"], "period": ["2026-09"], "currency": ["USD"], "total": [Decimal("200")]}
    )
    contracts = pd.DataFrame(
        {
            "ContractCommitmentId": ["plan"],
            "ContractCommitmentQuantity": [Decimal("80")],
            "ContractCommitmentUnit": ["Hours"],
        }
    )
    return deliveries, invoices, contracts


def _every(charges, companions):
    deliveries, invoices, contracts = companions
    return [
        *totals.all_four(charges),
        totals.count(charges),
        totals.spot_share(charges),
        totals.refunds(charges),
        totals.credits_given(charges),
        totals.concentration(charges),
        savings.over_list(charges),
        savings.over_contracted(charges),
        savings.commitments_only(charges),
        savings.negotiated(charges),
        savings.without_list_price(charges),
        savings.charges_without_list_price(charges),
        commitments.coverage(charges),
        commitments.coverage(charges, "EffectiveCost"),
        commitments.utilisation(charges),
        commitments.utilisation(charges, by_quantity=False),
        commitments.waste(charges),
        commitments.consumption(charges),
        commitments.consumption(charges, contracts),
        allocation.accuracy(charges),
        allocation.unallocated(charges),
        allocation.untagged(charges),
        allocation.untagged(charges, taggable=True),
        allocation.tag_policy(charges),
        allocation.shared_unallocated(charges),
        unit_cost.per_gb_stored(charges),
        unit_cost.per_api_call(charges),
        unit_cost.per_inference(charges),
        unit_cost.per_token(charges),
        unit_cost.per_token(charges, "input"),
        unit_cost.cache_hit_rate(charges),
        unit_cost.saas(charges),
        unit_cost.per_core_hour(charges),
        unit_cost.per_core_month(charges),
        efficiency.auto_scaling(charges),
        efficiency.auto_scaling(charges, "ListCost"),
        efficiency.legacy(charges),
        burn.rate(charges),
        freshness.visibility_delay(charges, deliveries),
        visibility.invoiced(charges, invoices),
    ]


@pytest.fixture
def every():
    """All shared measures of a table of charges, each key once."""
    return _every
