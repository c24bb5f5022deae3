"""The sample company at scale: made, taken in and reported, each in how much time and memory, and how that grows.

``python benchmarks/sample_scale.py SCALE…`` (1, 30 and 1000 where none is given); each scale is added to
``results/sample_scale.json``, stage by stage. Making is compared with DuckDB alone, which reads the files made and writes
them again (zstd, one file a month), by seconds of processors; then ``finops ingest`` of every delivery in its order and ``finops report`` of one
month. Scale 1000 (111 million charges) needs 20 GB of disk and an hour.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb

from ingest import HERE
from ten_million import command

MONTH = "2026-09"


def main(scales: list[int]) -> None:
    target = HERE / "results" / "sample_scale.json"
    results = json.loads(target.read_text(encoding="utf-8")) if target.exists() else {}
    for scale in scales:
        result: dict[str, Any] = {}

        def say(scale: int = scale, result: dict[str, Any] = result) -> None:
            results[str(scale)] = result
            target.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
            print(scale, json.dumps(result), flush=True)

        with tempfile.TemporaryDirectory() as scratch:
            made, store = Path(scratch) / "company", f"{scratch}/store"
            _made(made, scale, result)
            say()
            result["ingest"] = _taken(made, store)
            say()
            result["report"] = command(
                "report",
                "practitioner_kpis",
                "--data",
                store,
                "-p",
                f"month={MONTH}",
                "--to",
                f"{scratch}/report",
            )
            told = json.loads((Path(scratch) / "report" / "results.json").read_text("utf-8"))
            result["kpis"] = len(told["kpis"])
            say()


def _made(made: Path, scale: int, result: dict[str, Any]) -> None:
    ours = command("sample", "--to", str(made), "--scale", str(scale))
    files = sorted(made.glob("2*/*.parquet"))
    rows = sum(
        f["rows"]
        for manifest in made.glob("2*/manifest.json")
        for f in json.loads(manifest.read_text("utf-8"))["files"]
    )
    result |= {"rows": rows, "bytes": sum(f.stat().st_size for f in made.glob("2*/*")), **ours}
    result["rows_a_second"] = round(rows / ours["seconds"])
    if scale > 1:
        result |= _alone(files, made.parent / "again.parquet")
        result["rate"] = round(result["duckdb_alone_cpu_seconds"] / ours["cpu_seconds"], 2)


def _taken(made: Path, store: str) -> dict[str, float]:
    """Every delivery in its order, the company's tables and hourly use: seconds together, most memory of any."""
    told = [command("ingest", str(f), "--to", store) for f in sorted(made.glob("2*"))]
    told += [command("ingest", str(made / f), "--to", store) for f in ("company", "usage")]
    return {
        "seconds": round(sum(t["seconds"] for t in told), 1),
        "cpu_seconds": round(sum(t["cpu_seconds"] for t in told), 1),
        "memory_mib": max(t["memory_mib"] for t in told),
        "store_bytes": sum(f.stat().st_size for f in Path(store).rglob("*") if f.is_file()),
    }


def _alone(files: list[Path], again: Path) -> dict[str, float]:
    start, before = time.perf_counter(), time.process_time()
    with duckdb.connect() as con:
        con.execute("SET preserve_insertion_order = false")
        for file in files:
            con.execute(
                f"COPY (SELECT * FROM read_parquet('{file}')) TO '{again}' (FORMAT parquet, COMPRESSION zstd)"
            )
    again.unlink()
    return {
        "duckdb_alone_seconds": round(time.perf_counter() - start, 1),
        "duckdb_alone_cpu_seconds": round(time.process_time() - before, 1),
    }


if __name__ == "__main__":
    main([int(a) for a in sys.argv[1:]] or [1, 30, 1000])
