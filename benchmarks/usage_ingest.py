"""A large file of hourly use through ``finops ingest``: 100,000 resources, 14 days, one metric, 33.6 million rows.

Recorded, not asserted: seconds and the most memory that the command held (see `ten_million`), for the file into an empty
store and for a day of it measured again, which replaces that day in the month held. ``python benchmarks/usage_ingest.py
[RESOURCES]``; the result goes to ``results/usage_ingest.json``. Needs 3 GB of disk.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import duckdb

from ingest import HERE
from ten_million import command

DAYS = 14


def main(resources: int) -> None:
    result: dict[str, Any] = {"resources": resources, "days": DAYS, "rows": resources * DAYS * 24}
    with tempfile.TemporaryDirectory() as scratch:
        for name, first, days, seed in (("all", 0, DAYS, 1), ("again", 3, 1, 2)):
            path = Path(scratch) / f"{name}.parquet"
            _write(path, resources, first, days, seed)
            result[name] = {"bytes": path.stat().st_size} | command(
                "ingest", str(path), "--to", f"{scratch}/store"
            )
        kept = Path(scratch, "store", "companions", "usage", "data")
        result["store_bytes"] = sum(f.stat().st_size for f in kept.rglob("*.parquet"))
    target = HERE / "results" / "usage_ingest.json"
    target.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


def _write(path: Path, resources: int, first: int, days: int, seed: int) -> None:
    """Hours of all resources, hour by hour, as a monitoring system would write them."""
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute("SET memory_limit = '1GB'")
        con.execute(f"SET temp_directory = '{path.parent}/spill'")
        con.execute(
            "COPY (SELECT 'arn:aws:ec2:eu-west-1:' || (111122220000 + r % 40) || ':instance/i-' || md5(r::VARCHAR)[:17] "
            "AS resource_id, 'cpu' AS metric, '%' AS unit, TIMESTAMPTZ '2026-10-01 00:00:00Z' + to_hours(h::INTEGER) AS start, "
            f"(hash(r, h, {seed}) % 6000) / 100.0 AS average, 60 + (hash(h, r, {seed}) % 4000) / 100.0 AS maximum, "
            f"12::BIGINT AS samples FROM range({first * 24}, {(first + days) * 24}) AS hours(h), range({resources}) AS "
            f"resources(r)) TO '{path}' (FORMAT parquet, COMPRESSION zstd)"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
