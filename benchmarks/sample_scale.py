"""The sample company at scale: how fast it is made, against DuckDB alone writing the same Parquet, and in how much memory.

``python benchmarks/sample_scale.py SCALE…`` (1, 30 and 1000 where none is given); each scale is added to
``results/sample_scale.json``. DuckDB alone reads the files made and writes them again, zstd, one file a month.
Scale 1000 needs about 2 GB of disk.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from ingest import HERE
from ten_million import command


def main(scales: list[int]) -> None:
    target = HERE / "results" / "sample_scale.json"
    results = json.loads(target.read_text(encoding="utf-8")) if target.exists() else {}
    for scale in scales:
        with tempfile.TemporaryDirectory() as scratch:
            made = Path(scratch) / "company"
            ours = command("sample", "--to", str(made), "--scale", str(scale))
            files = sorted(made.glob("2*/*.parquet"))
            rows = sum(
                f["rows"]
                for manifest in made.glob("2*/manifest.json")
                for f in json.loads(manifest.read_text("utf-8"))["files"]
            )
            result = {"rows": rows, "bytes": sum(f.stat().st_size for f in files), **ours}
            result["rows_a_second"] = round(rows / ours["seconds"])
            if scale > 1:
                alone = _alone(files, Path(scratch) / "again.parquet")
                result |= {"duckdb_alone_seconds": round(alone, 1), "rate": round(alone / ours["seconds"], 2)}
        results[str(scale)] = result
        target.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
        print(scale, json.dumps(result))


def _alone(files: list[Path], again: Path) -> float:
    start = time.perf_counter()
    with duckdb.connect() as con:
        con.execute("SET preserve_insertion_order = false")
        for file in files:
            con.execute(
                f"COPY (SELECT * FROM read_parquet('{file}')) TO '{again}' (FORMAT parquet, COMPRESSION zstd)"
            )
    return time.perf_counter() - start


if __name__ == "__main__":
    main([int(a) for a in sys.argv[1:]] or [1, 30, 1000])
