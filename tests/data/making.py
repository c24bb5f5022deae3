"""FOCUS files of each version, made by hand: every column with a value of its own, so that a lost one is seen."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from helpers.data import sources
from helpers.terms import focus

TODAY = date(2026, 11, 24)
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
_FIXED = {
    "AllocatedMethodDetails": '{"Elements":[{"AllocatedRatio":0.25}]}',
    "AllocatedTags": '{"workload":"web"}',
    "BillingCurrency": "USD",
    "BillingPeriodStart": "2026-09-01T00:00:00Z",
    "BillingPeriodEnd": "2026-10-01T00:00:00Z",
    "ChargePeriodStart": "2026-09-03T04:00:00Z",
    "ChargePeriodEnd": "2026-09-03T05:00:00Z",
    "ChargeCategory": "Usage",
    "ChargeClass": "",
    "CommitmentProgramEligibilityDetails": '{"Elements":[]}',
    "ContractApplied": '{"Elements":[{"ContractId":"c-1"}]}',
    "PricingCurrency": "USD",
    "ServiceProviderName": "Cloud",
    "ProviderName": "Cloud",
    "SkuPriceDetails": '{"CoreCount":4,"MemorySize":16}',
    "Tags": '{"team":"web","note":"a, \\"b\\" é"}',
}


def charge(version: str = "1.2", **changes: object) -> dict[str, str]:
    """One charge with every column of a version (and the `changes`, None for null) as texts."""
    row = {}
    for n, column in enumerate(focus.columns(version).values()):
        if column.id in _FIXED:
            row[column.id] = _FIXED[column.id]
        elif column.kind == "decimal":
            row[column.id] = f"{n}.{n:03d}"
        elif column.allowed:
            row[column.id] = column.allowed[0]
        else:
            row[column.id] = f"{column.id} of charge"
    return row | {k: "" if v is None else str(v) for k, v in changes.items()}


def csv_text(rows: list[dict[str, str]], header: list[str] | None = None, **how) -> str:
    """CSV of these rows."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, header or list(rows[0]), lineterminator="\n", extrasaction="ignore", **how)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def write(path: Path, rows: list[dict[str, str]], header: list[str] | None = None, **how) -> Path:
    """Write a CSV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(csv_text(rows, header, **how), encoding="utf-8", newline="")
    return path


def stage(paths, into: Path, **how):
    """Find and stage in one go; `into` is made."""
    into.mkdir(parents=True, exist_ok=True)
    progress = how.pop("progress", None)
    return sources.stage(sources.find(paths, today=TODAY, **how), into, progress=progress)


def rows(staged, order: str = "ChargeDescription") -> list[dict]:
    """Every staged charge as a dict of Python values."""
    import duckdb

    files = [str(f) for s in staged.slices for f in s.files]
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        return (
            con.sql(f"SELECT * FROM read_parquet({files!r}, hive_partitioning = false) ORDER BY {order}")
            .to_arrow_table()
            .to_pylist(maps_as_pydicts="strict")
        )


def totals(staged) -> dict:
    """(provider, currency, account, period) -> rows and the four costs."""
    return {
        (*pair, s.account, s.period): (s.counts[pair], *costs.values())
        for s in staged.slices
        for pair, costs in s.totals.items()
    }


def billed(staged) -> Decimal:
    """All that was billed, whatever the currency."""
    return sum((c["BilledCost"] for s in staged.slices for c in s.totals.values()), Decimal(0))
