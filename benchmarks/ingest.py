"""Our whole ingest of one CSV against DuckDB alone reading its typed columns and writing them as Parquet.

Ours finds, hashes, counts, checks, raises, cuts into slices, writes, totals, commits to the store and reconciles nothing
less; DuckDB alone reads with the types given (tags as a map), checks nothing and writes one file. Both write zstd. They
take turns, each in a process of its own, imports not counted; the medians are compared.
``python benchmarks/ingest.py [MEGABYTES] [ROUNDS]``; the result goes to ``results/ingest_<MEGABYTES>.json``.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from helpers.terms import focus

HERE = Path(__file__).parent
VERSION = "1.2"
TARGET = 1.5
BYTES_A_ROW = 890  # of the file made below; FOCUS files of AWS, Google and Microsoft have 800 to 1100

# How values look; {n} is the row. Four slices: two billing accounts, two months.
VALUES = {
    "BillingAccountId": "'10000000000' || ({n} % 2)",
    "ProviderName": "'Cloud ' || ({n} % 2)",
    "BillingPeriodStart": "'2026-0' || (8 + {n} // 2 % 2) || '-01T00:00:00Z'",
    "BillingPeriodEnd": "CASE {n} // 2 % 2 WHEN 0 THEN '2026-09-01T00:00:00Z' ELSE '2026-10-01T00:00:00Z' END",
    "ChargePeriodStart": "'2026-0' || (8 + {n} // 2 % 2) || '-' || lpad(({n} % 28 + 1)::VARCHAR, 2, '0') || 'T'"
    " || lpad(({n} % 23)::VARCHAR, 2, '0') || ':00:00Z'",
    "ChargePeriodEnd": "'2026-0' || (8 + {n} // 2 % 2) || '-' || lpad(({n} % 28 + 1)::VARCHAR, 2, '0') || 'T'"
    " || lpad(({n} % 23 + 1)::VARCHAR, 2, '0') || ':00:00Z'",
    "BillingCurrency": "'USD'",
    "PricingCurrency": "'USD'",
    "ChargeCategory": "'Usage'",
    "ChargeClass": "NULL",
    "ChargeFrequency": "'Usage-Based'",
    "PricingCategory": "'Standard'",
    "ResourceId": "'arn:aws:ec2:eu-west-1:10000000000:instance/i-' || md5({n}::VARCHAR)",
    "ResourceName": "'i-' || md5(({n} // 40)::VARCHAR)",
    "SubAccountId": "'2000000000' || ({n} % 60)",
    "SubAccountName": "'account-' || ({n} % 60)",
    "ServiceName": "'Service ' || ({n} % 45)",
    "SkuPriceDetails": """'{{"InstanceType":"m6i.large","CoreCount":' || (2 ** ({n} % 6))::INTEGER || ',"MemorySize":8}}'""",
    "Tags": """'{{"Environment":"prod","CostCenter":"cc-' || ({n} % 300) || '","Owner":"team-' || ({n} % 40) || '"}}'""",
}
NULL_SHARE = ("CommitmentDiscount", "CapacityReservation", "AvailabilityZone", "InvoiceId")


def generate(path: Path, rows: int) -> None:
    """A FOCUS 1.2 file with every column, money of 10 to 14 places."""
    cells = []
    for k, (name, column) in enumerate(focus.columns(VERSION).items()):
        if name in VALUES:
            value = VALUES[name].format(n="n")
        elif name.startswith(NULL_SHARE):
            value = "NULL"
        elif column.kind == "decimal":
            digits = f"lpad((hash(n, {k}) % 100000000000000)::VARCHAR, 14, '0')"
            value = f"(hash(n, {k + 100}) % 40)::VARCHAR || '.' || left({digits}, {10 + k % 3 * 2})"
        elif column.allowed:
            value = f"'{column.allowed[0]}'"
        else:
            value = f"'{name} ' || (n % {50 + k})"
        cells.append(f'{value} AS "{name}"')
    with duckdb.connect() as con:
        con.execute(
            f"COPY (SELECT {', '.join(cells)} FROM range({rows}) t(n)) TO '{path}' (FORMAT csv, HEADER)"
        )


def duckdb_alone(path: Path, folder: Path) -> int:
    """DuckDB with types given; nothing is checked beyond the casts."""
    types = {
        c.id: "JSON" if c.kind == "tags" else "VARCHAR" if c.kind == "json" else c.sql_type
        for c in focus.columns(VERSION).values()
    }
    header = path.open(encoding="utf-8").readline().strip().split(",")
    typed = {name: types[name] for name in header}
    with duckdb.connect() as con:
        con.execute("SET enable_progress_bar = false")
        con.execute("SET TimeZone = 'UTC'")
        con.execute("SET preserve_insertion_order = false")
        con.execute(
            f"COPY (SELECT * REPLACE (Tags::MAP(VARCHAR, VARCHAR) AS Tags) FROM read_csv('{path}', columns = {typed}, "
            "auto_detect = false, header = true, delim = ',', quote = '\"', escape = '\"', strict_mode = true)) "
            f"TO '{folder / 'alone.parquet'}' (FORMAT parquet, COMPRESSION zstd)"
        )
        return con.execute(f"SELECT count(*) FROM '{folder / 'alone.parquet'}'").fetchone()[0]


def ours(path: Path, folder: Path) -> int:
    """Everything that ``finops ingest`` does."""
    from helpers.data import sources, store

    with store.staging(folder / "store") as scratch:
        staged = sources.stage(sources.find(path, today=date(2026, 11, 24)), Path(scratch))
        outcome = store.ingest(folder / "store", staged, now=datetime.now(UTC))
    return sum(s.rows for s in outcome.slices)


def _timed(way: str, path: Path, folder: Path, pipe) -> None:
    import deltalake  # noqa: F401  imports are not what is compared
    import numpy  # noqa: F401
    import pyarrow.parquet  # noqa: F401

    from helpers.data import sources, store  # noqa: F401

    start, cpu = time.perf_counter(), time.process_time()
    rows = globals()[way](path, folder)
    took = time.perf_counter() - start, time.process_time() - cpu
    pipe.send((rows, *took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024))


def run(way: str, path: Path) -> tuple[int, float, float, int]:
    """Rows, seconds, seconds of all cores together, bytes of memory at most; in a process of its own."""
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        mine, theirs = spawn.Pipe()
        child = spawn.Process(target=_timed, args=(way, path, Path(folder), theirs))
        child.start()
        theirs.close()
        found = mine.recv()
        child.join()
    return found


def main(megabytes: int, rounds: int) -> None:
    rows = megabytes * 1_000_000 // BYTES_A_ROW
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "in" / "focus.csv"
        path.parent.mkdir()
        generate(path, rows)
        size = path.stat().st_size
        taken: dict[str, list[tuple]] = {"duckdb_alone": [], "ours": []}
        for _ in range(rounds):
            for way, times in taken.items():
                times.append(run(way, path))
                assert times[-1][0] == rows
                print(
                    way, [round(t, 2) for t in times[-1][1:3]], f"{times[-1][3] / 2**20:.0f} MiB", flush=True
                )
    seconds = {way: statistics.median(t[1] for t in times) for way, times in taken.items()}
    cores = {way: statistics.median(t[2] for t in times) for way, times in taken.items()}
    result = {
        "bytes": size,
        "rows": rows,
        "rounds": rounds,
        "duckdb": duckdb.__version__,
        "seconds": {w: round(s, 2) for w, s in seconds.items()},
        "seconds_of_cores": {w: round(s, 2) for w, s in cores.items()},
        "memory_mib": {w: round(max(t[3] for t in times) / 2**20) for w, times in taken.items()},
        "ratio": round(seconds["ours"] / seconds["duckdb_alone"], 2),
        "ratio_of_cores": round(cores["ours"] / cores["duckdb_alone"], 2),
        "target": TARGET,
    }
    target = HERE / "results" / f"ingest_{megabytes}.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    size, count = [*sys.argv[1:], *("1000", "5")[len(sys.argv) - 1 :]]
    main(int(size), int(count))
