"""Ten million charges through the real commands: ``finops ingest``, then ``finops report`` of one month.

Recorded, not asserted: seconds and the most memory that the command and all its children held together, read from
``/proc`` twenty times a second (shared pages are counted once: PSS). ``python benchmarks/ten_million.py [ROWS]``; the
result goes to ``results/ten_million.json``. Needs 1.2 KB of disk for each row.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ingest import HERE, generate


def held(root: int) -> int:
    """Bytes that a process and those below it hold, shared pages by their share."""
    found = 0
    for process in (root, *below(root)):
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text("ascii").splitlines()
        except OSError:
            continue  # it ended
        found += next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
    return found


def below(root: int) -> list[int]:
    """Ids of all processes under one."""
    found = []
    for task in Path(f"/proc/{root}/task").glob("*/children"):
        try:
            children = [int(c) for c in task.read_text("ascii").split()]
        except OSError:
            continue
        found += [c for child in children for c in (child, *below(child))]
    return found


def command(*words: str) -> dict[str, float]:
    """Run ``finops …``; its seconds by the clock and of processors (the machine may be shared), and most memory [MiB]."""
    start, most, before = time.perf_counter(), 0, resource.getrusage(resource.RUSAGE_CHILDREN)
    with subprocess.Popen([str(Path(sys.executable).with_name("finops")), *words]) as process:
        while process.poll() is None:
            most = max(most, held(process.pid))
            time.sleep(0.05)
    if process.returncode:
        raise SystemExit(f"finops {words[0]} ended with {process.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "seconds": round(time.perf_counter() - start, 1),
        "cpu_seconds": round(used, 1),
        "memory_mib": round(most / 2**20),
    }


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "in" / "focus.csv"
        path.parent.mkdir()
        generate(path, rows)
        store, report = f"{scratch}/store", f"{scratch}/report"
        result: dict[str, Any] = {"rows": rows, "bytes": path.stat().st_size}
        result["ingest"] = command("ingest", str(path), "--to", store)
        path.unlink()
        result["report"] = command(
            "report", "practitioner_kpis", "--data", store, "-p", "month=2026-08", "--to", report
        )
        told = json.loads((Path(report) / "results.json").read_text("utf-8"))
        result["kpis"] = len(told["kpis"])
    target = HERE / "results" / "ten_million.json"
    target.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000)
