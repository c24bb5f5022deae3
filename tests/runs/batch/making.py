"""Plans over tiny notebooks that open no store: a report of theirs costs half a second."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from tests.runs.making import FINISH, notebook

from helpers.runs.batch import ledger, plan, running

PARAMETERS = 'month: str = ""  # YYYY-MM\nteam: str = ""  # whose\n'
ENV = os.environ | {"PYTHONPATH": str(ROOT / "src")}


def tiny(folder: Path, *cells: str, name: str = "tiny") -> Path:
    """A notebook with the parameters month and team."""
    last = FINISH.replace('{"month": month}', '{"month": month, "team": team}')
    return notebook(folder / f"{name}.ipynb", *cells, last, parameters=PARAMETERS, finish=False)


def plan_file(at: Path, reports: str = "", /, **top: str) -> Path:
    """A plan over ``tiny.ipynb``; `top` replaces whole lines."""
    lines = {
        "plan": "nightly",
        "to": "reports",
        "folder": '"{month}/{team}"',
        "months": "2026-09",
        "limits": "{time: 60 s, workers: 2}",
    } | top
    reports = reports or "\n  - notebook: tiny.ipynb\n    for: {team: [a, b, c]}"
    text = "\n".join(f"{k}: {v}" for k, v in lines.items() if v) + f"\nreports:{reports}\n"
    path = at / "plan.yaml"
    path.write_text(text, "utf-8")
    return path


def run(path: Path, **words: Any) -> dict[str, Any]:
    """Run a plan in this process; the record of its summary, whether it failed or not."""
    from helpers.terms.errors import KitError

    try:
        return running.run(plan.read(path), **words).record
    except KitError as problem:
        made = getattr(problem, "outcome", None)
        if made is None:
            raise
        return made.record


def states(record: dict[str, Any]) -> dict[str, str]:
    return {r["report"]: r["state"] for r in record["reports"]}


def events(folder: Path, *names: str) -> list[dict[str, Any]]:
    """Lines of the ledger, of these events."""
    return [
        e for e in ledger.read(folder / "reports/.batch/ledger.jsonl") if not names or e["event"] in names
    ]


def started(path: Path, *words: str) -> subprocess.Popen[str]:
    """``finops batch run`` in a process of its own."""
    command = [sys.executable, "-m", "helpers", "batch", "run", str(path), *words]
    return subprocess.Popen(command, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def manifest(place: Path) -> dict[str, Any]:
    return json.loads((place / "manifest.json").read_text("utf-8"))
