"""How each provider writes its charges: columns left out or added, spelling, nulls, file form, by version and time.

References
----------
Anonymised real charges of AWS, Microsoft and Oracle, FOCUS 1.0, FinOps Open Cost and Usage Specification,
FOCUS-Sample-Data, CC BY 4.0: Oracle's ``Usage-based``, zero effective cost, null contracted cost, region id as the name; AWS
effective and contracted costs cut to whole dollars (read 2026-11-24). Names of added columns: AWS Data Exports, Microsoft
Cost Management, Google Cloud Billing, Oracle Cost and Usage Report documentation (see docs/get-focus.md).
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterable
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from typing import Any

from helpers.data.sample.charges import detail_id
from helpers.data.sample.identity import AWS_CODES
from helpers.data.sample.world import Export, World
from helpers.terms import focus
from helpers.terms.period import Month

NEVER_WRITTEN = (
    "AllocatedMethodDetails",
    "AllocatedMethodId",
    "AllocatedResourceId",
    "AllocatedResourceName",
    "AllocatedTags",
    "CapacityReservationId",
    "CapacityReservationStatus",
    "CommitmentProgramEligibilityDetails",
)
NO_COMMITMENTS = (
    "Oracle",
    "Lumenlog",
    "Palisade",
    "Quill AI",
)  # nothing to commit to: the columns are left out
OWN = {
    "AWS": ("x_ServiceCode", "x_UsageType", "x_Operation"),
    "Microsoft": ("x_ResourceGroupName", "x_SkuMeterCategory"),
    "Google": ("x_Project", "x_CostType", "x_CurrencyConversionRate"),
    "Oracle": ("oci_CompartmentId", "oci_ReferenceNumber"),
    "Lumenlog": ("x_Plan",),
    "Palisade": ("x_WarehouseName",),
    "Quill AI": ("x_Model",),
}


def header(export: Export, version: str) -> list[str]:
    """The columns that an export has in a version, in order."""
    left_out: set[str] = set(NEVER_WRITTEN)
    if export.provider != "AWS":
        left_out.add("AvailabilityZone")
    if export.provider in NO_COMMITMENTS:
        left_out |= {c for c in focus.columns(version) if c.startswith("CommitmentDiscount")}
    return [c for c in focus.columns(version) if c not in left_out] + list(OWN[export.provider])


def written(
    world: World, export: Export, month: Month, charge: dict[str, Any], cut: bool = False
) -> dict[str, Any]:
    """A charge as its provider writes it.

    Parameters
    ----------
    cut : bool
        Effective and contracted cost lose what is below a whole dollar, as in a faulty export of AWS.
    """
    row = dict(charge)
    version = export.version(month)
    if cut:
        row |= {c: row[c].quantize(Decimal(1), ROUND_DOWN) for c in ("EffectiveCost", "ContractedCost")}
    contract = row.get("x_Contract")
    if contract and row.get("CommitmentDiscountStatus") and version >= "1.3":
        applied = {"ContractId": contract, "ContractCommitmentId": row["CommitmentDiscountId"]}
        applied["ContractCommitmentAppliedCost"] = format(row["EffectiveCost"], "f")
        row["ContractApplied"] = {"Elements": [applied]}
    row["InvoiceDetailId"] = detail_id(row["InvoiceId"], row["ChargeCategory"], row["ServiceName"])
    return row | {
        "AWS": _aws,
        "Microsoft": _microsoft,
        "Google": _google,
        "Oracle": _oracle,
        "Lumenlog": _saas,
        "Palisade": _saas,
        "Quill AI": _saas,
    }[export.provider](world, export, month, row)


def _aws(world: World, export: Export, month: Month, row: dict[str, Any]) -> dict[str, Any]:
    zone = row["RegionId"] and row["x_Resource"] and row.get("ResourceType") in ("instance", "volume", "db")
    return {
        "AvailabilityZone": f"{row['RegionId']}{'ab'[len(row['x_Resource']) % 2]}" if zone else None,
        "x_ServiceCode": AWS_CODES.get(row["ServiceName"], row["ServiceName"]),
        "x_UsageType": row.get("SkuMeter"),
        "x_Operation": "RunInstances" if row.get("ResourceType") == "instance" else row["ChargeCategory"],
    }


def _microsoft(world: World, export: Export, month: Month, row: dict[str, Any]) -> dict[str, Any]:
    return {"x_ResourceGroupName": f"rg-{row['SubAccountName']}", "x_SkuMeterCategory": row["ServiceName"]}


def _google(world: World, export: Export, month: Month, row: dict[str, Any]) -> dict[str, Any]:
    rate = world.rates[month] if export.currency == "EUR" else Decimal(1)
    return {
        "x_Project": row["SubAccountId"],
        "x_CostType": {"Tax": "tax", "Adjustment": "adjustment"}.get(row["ChargeCategory"], "regular"),
        "x_CurrencyConversionRate": format((1 / rate).quantize(Decimal("1E-6")), "f"),
    }


def _oracle(world: World, export: Export, month: Month, row: dict[str, Any]) -> dict[str, Any]:
    own = {
        "oci_CompartmentId": f"{row['SubAccountId']}.prod",
        "oci_ReferenceNumber": row["ChargeDescription"],
    }
    if export.version(month) > "1.0":
        return own
    return own | {
        "BillingAccountName": None,
        "EffectiveCost": Decimal(0),
        "ContractedCost": None,
        "ContractedUnitPrice": None,
        "PricingCategory": None,
        "RegionId": None,
        "ChargeFrequency": row["ChargeFrequency"].replace("Usage-Based", "Usage-based"),
    }


def _saas(world: World, export: Export, month: Month, row: dict[str, Any]) -> dict[str, Any]:
    return {
        "x_Plan": "Enterprise",
        "x_WarehouseName": row["ResourceName"],
        "x_Model": "quill-large" if row["ResourceName"] else None,
    }


def text(value: object) -> str:
    """A value as CSV files have it."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, dict):
        return json.dumps(value, separators=(",", ":"))
    return str(value)


def plain(value: Decimal) -> str:
    """All digits, no exponent, no idle zeros."""
    found = format(value, "f")
    return (found.rstrip("0").rstrip(".") or "0") if "." in found else found


def as_csv(names: list[str], rows: Iterable[dict[str, Any]], zipped: bool) -> bytes:
    """The rows as a CSV file, gzip without a time of its own."""
    out = io.StringIO(newline="")
    write = csv.writer(out, lineterminator="\n")
    write.writerow(names)
    write.writerows([text(row.get(c)) for c in names] for row in rows)
    raw = out.getvalue().encode()
    return gzip.compress(raw, mtime=0) if zipped else raw


def as_parquet(names: list[str], rows: list[dict[str, Any]]) -> bytes:
    """The rows as a Parquet file: exact decimals, UTC times, tags as a map."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = focus.all_columns()
    kinds = {
        "decimal": pa.decimal128(38, 18),
        "time": pa.timestamp("us", "UTC"),
        "tags": pa.map_(pa.string(), pa.string()),
    }
    arrays = {}
    for name in names:
        kind = columns[name].kind if name in columns else "text"
        values = [row.get(name) for row in rows]
        if kind == "tags":
            values = [None if v is None else list(v.items()) for v in values]
        elif kind not in kinds:
            values = [None if v is None else text(v) for v in values]
        arrays[name] = pa.array(values, kinds.get(kind, pa.string()))
    out = io.BytesIO()
    pq.write_table(pa.table(arrays), out, compression="zstd")
    return out.getvalue()
