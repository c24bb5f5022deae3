"""The cold command ``finops report`` against stock ``papermill`` and ``jupyter nbconvert --to html``.

Both run the practitioner's notebook over the sample company's store, each in new processes, taking turns. First the outputs
of every cell are compared and must be equal. Stock is given the cells that a report has, nothing more, and asked for the
same checksums of the store. Modules are compiled beforehand, for both, as in an environment made by pip. Stock writes an
executed notebook and a page, ours also results, actions, a workbook and a manifest. Wall time decides; CPU time stands
beside it, since other work on the machine disturbs it less. ``python benchmarks/report_cold.py [ROUNDS]``.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

import nbformat

from helpers.catalog import notebooks

HERE = Path(__file__).parent
NOTEBOOK, MONTH = "practitioner_kpis", "2026-09"
TARGET = 1.6
HELP_TARGET = 0.3  # [s]
HELP_ROUNDS = 9
KERNEL_ONLY = ("execution_count",)
BYTECODE: dict[str, str] = {}  # where all processes keep compiled modules, as those that pip installs have


def run(words: list[str], env: dict[str, str] | None = None) -> tuple[float, float]:
    """Wall and CPU seconds of a command and its children."""
    clean = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(
        words, env=clean | BYTECODE | (env or {}), capture_output=True, text=True, check=False
    )
    wall = time.perf_counter() - start
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def finops(*words: object) -> tuple[float, float]:
    return run([sys.executable, "-m", "helpers", *map(str, words)])


def stock(prepared: Path, folder: Path, store: Path) -> tuple[float, float]:
    executed = folder / "stock.ipynb"
    one = run(
        [sys.executable, "-m", "papermill", str(prepared), str(executed), "-p", "month", MONTH, "-p", "data", str(store)],
        {"FINOPS_MODE": "report"},
    )  # fmt: skip
    two = run([sys.executable, "-m", "nbconvert", "--to", "html", str(executed), "--output", "stock.html"])
    return one[0] + two[0], one[1] + two[1]


def outputs(path: Path) -> list[list[dict]]:
    """What each code cell shows, without the kernel's own counting."""
    cells = nbformat.read(path, as_version=4).cells
    return [
        [{k: v for k, v in o.items() if k not in KERNEL_ONLY} for o in c.outputs]
        for c in cells
        if c.cell_type == "code"
    ]


def sample(folder: Path) -> Path:
    """The sample company's store, as ``make report`` fills it."""
    finops("sample", "--to", folder / "sample")
    for delivery in sorted((folder / "sample").glob("2*")):
        finops("ingest", delivery, "--to", folder / "store")
    finops("ingest", folder / "sample" / "company", "--to", folder / "store")
    return folder / "store"


def main(rounds: int = 7) -> dict:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        BYTECODE["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")
        store = sample(folder)
        prepared = folder / f"{NOTEBOOK}.ipynb"
        nbformat.write(notebooks.read(notebooks.find(NOTEBOOK), "report"), prepared)
        report = ("report", NOTEBOOK, "-p", f"month={MONTH}", "--data", store, "--to", folder / "report")

        finops(*report)
        stock(prepared, folder, store)
        ours, theirs = outputs(folder / "report" / "notebook.ipynb"), outputs(folder / "stock.ipynb")
        assert len(ours) == len(theirs)
        for number, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            assert one == other, f"code cell {number} shows something else"
        assert sum("text/html" in o.get("data", {}) for cell in ours for o in cell) > 5  # pictures and tables

        times: dict[str, list[tuple[float, float]]] = {"ours": [], "stock": []}
        for n in range(rounds):
            turns = [("ours", lambda: finops(*report)), ("stock", lambda: stock(prepared, folder, store))]
            for which, go in turns if n % 2 else reversed(turns):
                times[which].append(go())
        helped = [run([sys.executable, "-m", "helpers", "--help"]) for _ in range(HELP_ROUNDS)]
        bare = [run([sys.executable, "-c", ""]) for _ in range(HELP_ROUNDS)]

    def median(which: str, part: int) -> float:
        return statistics.median(t[part] for t in times[which])

    return {
        "notebook": NOTEBOOK,
        "rounds": rounds,
        "outputs": {"equal": True, "cells": len(ours), "shown": sum(map(len, ours))},
        "versions": {p: metadata.version(p) for p in ("papermill", "nbconvert", "ipykernel")},
        "ours_s": round(median("ours", 0), 2),
        "stock_s": round(median("stock", 0), 2),
        "ratio": round(median("stock", 0) / median("ours", 0), 2),
        "target": TARGET,
        "ratio_cpu": round(median("stock", 1) / median("ours", 1), 2),
        "ratio_fastest": round(min(t[0] for t in times["stock"]) / min(t[0] for t in times["ours"]), 2),
        "cpu_s": {which: round(median(which, 1), 2) for which in times},
        "all_s": {which: [round(t[0], 2) for t in found] for which, found in times.items()},
        "finops --help": {
            "median_s": round(statistics.median(t[0] for t in helped), 3),
            "fastest_s": round(min(t[0] for t in helped), 3),
            "cpu_s": round(statistics.median(t[1] for t in helped), 3),
            "target_s": HELP_TARGET,
            "bare_python_s": round(statistics.median(t[0] for t in bare), 3),
        },
    }


if __name__ == "__main__":
    measured = main(*(int(a) for a in sys.argv[1:]))
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "report_cold.json").write_text(
        json.dumps(measured, indent=2) + "\n", encoding="utf-8"
    )
    print(json.dumps(measured, indent=2))
