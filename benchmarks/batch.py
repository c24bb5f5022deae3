"""``finops batch run`` against stock papermill over the same plan, and one warm report against the stock command.

The plan is the practitioner's notebook for every department with cost in each of the sample company's months. Before a
time is believed, outputs are compared: every output of the executed notebooks of a few reports of the batch against stock
papermill's, pictures pixel by pixel where they are PNG.

- batch: the whole command, from the start of its process to its end, the reports with page, results, workbook, manifest.
- sequential: the command ``papermill`` once a report, one after another, the executed notebook alone.
- two processes: two processes at once that each call ``papermill.execute_notebook`` in a loop, so that their imports are
  paid once: the stronger form of two stock processes.

The three take turns in blocks, so that other work on the machine hits all; not all reports are run with stock (the record
says how many). ``python benchmarks/batch.py [REPORTS] [STOCK] [BLOCKS] [ROUNDS] [STORE]``; the lock of a busy machine is
noted as its load.
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
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import nbformat

from helpers.catalog import notebooks
from helpers.runs.batch import plan, running, work
from helpers.runs.batch.warm import Warm
from helpers.runs.report import How
from report_cold import BYTECODE, outputs, run, sample

HERE = Path(__file__).parent
NOTEBOOK = "practitioner_kpis"
PLAN = """\
plan: benchmark
data: {store}
to: {to}
folder: "{{month}}/{{department}}"
months: [last 24 closed, latest]
limits: {{workers: {workers}}}
reports:
  - notebook: practitioner_kpis
    for: {{department: {{query: every department with cost}}}}
"""
LOOP = """
import json, os, sys
import papermill
for source, target, parameters in json.loads(sys.argv[1]):
    papermill.execute_notebook(source, target, parameters=parameters, kernel_name="python3", progress_bar=False)
"""
TARGETS = {"sequential": 5.0, "two processes": 2.0, "warm report": 4.0}


def timed(go: Callable[[], Any]) -> tuple[float, float]:
    """Wall and CPU seconds of what `go` starts."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    go()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - start, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def asked(report: Any, store: Path) -> dict[str, str]:
    return dict(report.given) | {"data": str(store)}


def words(given: dict[str, str]) -> list[str]:
    return [w for name, value in given.items() for w in ("-r", name, value)]


def stock(prepared: Path, target: Path, given: dict[str, str]) -> None:
    command = [
        sys.executable,
        "-m",
        "papermill",
        str(prepared),
        str(target),
        "--no-progress-bar",
        *words(given),
    ]
    run(command, {"FINOPS_MODE": "report"})


def two_processes(prepared: Path, folder: Path, reports: list[Any], store: Path) -> None:
    env = (
        {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        | BYTECODE
        | {"FINOPS_MODE": "report"}
    )
    started = []
    for half in (reports[::2], reports[1::2]):
        todo = [
            (str(prepared), str(folder / f"{r.folder.replace('/', '-')}-2.ipynb"), asked(r, store))
            for r in half
        ]
        started.append(subprocess.Popen([sys.executable, "-c", LOOP, json.dumps(todo)], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))  # fmt: skip
    for process in started:
        assert process.wait() == 0


def batch(file: Path) -> None:
    run([sys.executable, "-m", "helpers", "batch", "run", str(file)])


def part(folder: Path, store: Path, reports: list[Any], number: int, workers: int) -> Path:
    """A plan of its own for these reports, as rows of a table for each month."""
    entries = []
    for month in sorted({r.given["month"] for r in reports}):
        names = [json.dumps(r.given["department"]) for r in reports if r.given["month"] == month]
        entries.append(
            f"  - notebook: {NOTEBOOK}\n    months: {month}\n    for: {{department: [{', '.join(names)}]}}"
        )
    text = PLAN.format(store=store, to=f"batch-{number}", workers=workers).split("months:")[0]
    file = folder / f"plan-{number}.yaml"
    file.write_text(f"{text}limits: {{workers: {workers}}}\nreports:\n" + "\n".join(entries) + "\n", "utf-8")
    return file


def warm_report(folder: Path, store: Path, prepared: Path, report: Any, rounds: int) -> dict[str, Any]:
    """One report: the stock command; forked from the warm parent; and so with what a batch shares."""
    seen = work.look(str(store))
    warm = Warm(folder / "warm.log")
    warm.start()
    pin = {"store": str(store), "pin": seen["pin"]}
    shared = warm.submit("prepare", as_of="", folder=str(folder / "shared"), **pin).result()
    given = asked(report, store)
    source = str(notebooks.find(NOTEBOOK))
    hows = {"warm": How(**pin), "warm, in a batch": How(**pin, shared=shared)}

    def fork(how: How) -> None:
        told = {"notebook": source, "to": str(folder / "one.ipynb"), "given": given}
        warm.submit("execute", how=vars(how) | {"formats": []}, **told).result()

    goes: dict[str, Callable[[], Any]] = {"stock": lambda: stock(prepared, folder / "stock.ipynb", given)}
    goes |= {name: lambda h=how: fork(h) for name, how in hows.items()}
    took: dict[str, list[float]] = {name: [] for name in goes}
    try:
        for name, go in goes.items():  # once each, untimed: compiled modules, page cache; and equal
            go()
            if name != "stock":
                assert outputs(folder / "one.ipynb") == outputs(folder / "stock.ipynb"), name
        for n in range(rounds):
            names = list(goes)
            for name in names[n % 3 :] + names[: n % 3]:
                took[name].append(timed(goes[name])[0])
    finally:
        warm.close()
    medians = {name: statistics.median(t) for name, t in took.items()}
    return {
        "rounds": rounds,
        "seconds": {n: round(s, 3) for n, s in medians.items()},
        "ratio": {n: round(statistics.median(a / b for a, b in zip(took["stock"], t, strict=True)), 2) for n, t in took.items() if n != "stock"},
        "ratio_fastest": {n: round(min(took["stock"]) / min(t), 2) for n, t in took.items() if n != "stock"},
        "target": TARGETS["warm report"],
        "all_s": {n: [round(s, 2) for s in t] for n, t in took.items()},
    }  # fmt: skip


def main(
    reports: int = 200, stocks: int = 40, blocks: int = 4, rounds: int = 7, at: str = ""
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        BYTECODE["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")
        store = Path(at).resolve() if at else sample(folder)
        workers = len(os.sched_getaffinity(0))
        (folder / "plan.yaml").write_text(PLAN.format(store=store, to="unused", workers=workers))
        whole = [i.report for i in running.intended(plan.read(folder / "plan.yaml"))[0]][-reports:]
        prepared = folder / f"{NOTEBOOK}.ipynb"
        nbformat.write(notebooks.read(notebooks.find(NOTEBOOK), "report"), prepared)
        load = [os.getloadavg()[0]]

        # fidelity first: a few reports of a batch against stock
        few = whole[:: max(1, len(whole) // 3)][:3]
        batch(part(folder, store, few, 0, workers))
        shown = 0
        for one in few:
            stock(prepared, folder / "check.ipynb", asked(one, store))
            mine = outputs(folder / "batch-0" / one.folder / "notebook.ipynb")
            assert mine == outputs(folder / "check.ipynb"), one.folder
            shown += sum(map(len, mine))
        assert shown > 8 * len(few)

        single = warm_report(folder, store, prepared, few[0], rounds)
        times: dict[str, list[tuple[float, float, int]]] = {
            "batch": [],
            "sequential": [],
            "two processes": [],
        }
        for n in range(blocks):
            ours = whole[n::blocks]
            theirs = ours[: max(2, stocks // blocks)]
            goes: dict[str, tuple[Callable[[], Any], int]] = {
                "sequential": (lambda rs=theirs: [stock(prepared, folder / "s.ipynb", asked(r, store)) for r in rs], len(theirs)),
                "batch": (lambda rs=ours, k=n: batch(part(folder, store, rs, k + 1, workers)), len(ours)),
                "two processes": (lambda rs=theirs: two_processes(prepared, folder, rs, store), len(theirs)),
            }  # fmt: skip
            order = list(goes)
            for name in order[n % 3 :] + order[: n % 3]:
                go, count = goes[name]
                times[name].append((*timed(go), count))
            load.append(os.getloadavg()[0])
        summaries = [
            json.loads((folder / f"batch-{n + 1}" / "summary.json").read_text()) for n in range(blocks)
        ]
        made = [r for s in summaries for r in s["reports"]]
        assert len(made) == len(whole) and all(r["state"] == "done" and r["exact"] for r in made)
        again = [timed(lambda f=folder / f"plan-{n + 1}.yaml": batch(f))[0] for n in range(blocks)]
        for n in range(blocks):
            told = json.loads((folder / f"batch-{n + 1}" / "summary.json").read_text())
            assert {r["state"] for r in told["reports"]} == {"standing"}

    def each(name: str, part_: int) -> float:
        return sum(t[part_] for t in times[name]) / sum(t[2] for t in times[name])

    def ratio(name: str, part_: int) -> float:
        return round(each(name, part_) / each("batch", part_), 2)

    return {
        "notebook": NOTEBOOK,
        "cores": workers,
        "load": [round(x, 1) for x in load],
        "versions": {p: metadata.version(p) for p in ("papermill", "ipykernel", "duckdb", "pandas")},
        "outputs": {"equal": True, "reports_compared": len(few), "outputs_compared": shown},
        "reports": {name: sum(t[2] for t in found) for name, found in times.items()},
        "seconds_each": {name: round(each(name, 0), 2) for name in times},
        "cpu_seconds_each": {name: round(each(name, 1), 2) for name in times},
        "reports_an_hour": {name: round(3600 / each(name, 0)) for name in times},
        "ratio": {name: ratio(name, 0) for name in times if name != "batch"},
        "ratio_cpu": {name: ratio(name, 1) for name in times if name != "batch"},
        "target": {k: v for k, v in TARGETS.items() if k in times},
        "blocks": {name: [{"seconds": round(t[0], 1), "reports": t[2]} for t in found] for name, found in times.items()},
        "other_outputs_s": {"page, results, workbook, manifest": round(statistics.median(r["timings"]["page"] for r in made), 3)},
        "nothing_to_do_s": round(statistics.median(again), 2),
        "one_warm_report": single,
    }  # fmt: skip


if __name__ == "__main__":
    given = sys.argv[1:]
    measured = main(*(int(a) for a in given[:4]), *given[4:])
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "batch.json").write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(measured, indent=2))
