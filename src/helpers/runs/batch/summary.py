"""What came of a batch: ``summary.json`` for programs, ``index.html`` for people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import helpers
from helpers.runs.delivery import SENT, UNSURE
from helpers.runs.secrets import clean
from helpers.terms.errors import KitError

NAMES = ("index.html", "summary.json")  # that the batch itself uses in its folder


def record(
    plan: Any,
    items: Sequence[Any],
    stores: Mapping[str, Any],
    began: datetime,
    ended: datetime,
    seconds: float,
    workers: int,
    problem: KitError | None,
) -> dict[str, Any]:
    """The batch as plain data.

    Returns
    -------
    dict
        ``counts``: done (made now), standing (there already), failed, not made (stopped before), delivered (now), may
        have been sent, not delivered. ``reports``: in the plan's order, each with its state, parameters, times, version of the store that
        it read, lines reconciled, headline, changed KPIs, deliveries, and what stopped it.
    """
    reports = [_report(i) for i in items]
    states = [r["state"] for r in reports]
    sent = [d for r in reports for d in r["deliveries"]]
    counts = {s: states.count(s) for s in ("done", "standing", "failed", "not made")} | {
        "delivered": sum(d["state"] == SENT for d in sent),
        "may have been sent": sum(d["state"] == UNSURE for d in sent),
        "not delivered": sum(d["state"] == "failed" for d in sent),
    }
    took = sorted(r["seconds"] for r in reports if r["state"] == "done" and r.get("seconds"))
    made = {
        "plan": plan.name,
        "kit": helpers.__version__,
        "began": began.isoformat(timespec="seconds"),
        "ended": ended.isoformat(timespec="seconds"),
        "seconds": seconds,
        "workers": workers,
        "stopped": problem.record() if problem else None,
        "store": sorted({s.version for s in stores.values() if s.version}),
        "versions_read": sorted({r["version"] for r in reports if r.get("version")}),
        "as_of": max((s.seen.get("today", "") for s in stores.values() if s.seen), default=""),
        "counts": counts,
        "seconds_of_a_report": {"median": took[len(took) // 2], "longest": took[-1]} if took else None,
        "reconciled": all(r.get("exact", True) for r in reports if r["state"] in ("done", "standing")),
        "lines_reconciled": sum(r.get("lines") or 0 for r in reports),
        "reports": reports,
    }
    return clean(made)


def _report(item: Any) -> dict[str, Any]:
    told, one = item.told, item.report
    state = item.state if item.state in ("done", "standing", "failed") else "not made"
    found: dict[str, Any] = {
        "report": one.folder,
        "notebook": one.stem,
        "parameters": dict(one.given),
        "viewer": one.viewer.name if one.viewer else "",
        "state": state,
        "why": item.why,
        "attempts": item.tries,
        "deliveries": [dict(d, delivery=key) for key, d in item.sent.items()],
    }
    if state in ("done", "standing"):
        names = (
            "run",
            "version",
            "delta_version",
            "headline",
            "lines",
            "exact",
            "seconds",
            "timings",
            "made",
            "worker",
        )
        found |= {n: told.get(n) for n in names}
        found["changed"] = told.get("changed", []) if state == "done" else []
        found["changed_count"] = told.get("changed_count", 0) if state == "done" else 0
    if state == "failed":
        found["error"] = {
            n: told.get(n) for n in ("error", "found", "needed", "remedy", "cell", "section", "kept")
        }
    return found


def write(to: Path, made: Mapping[str, Any]) -> None:
    """Write both files, each whole or not at all."""
    from helpers.views import batches

    texts = {
        "summary.json": json.dumps(made, indent=1, ensure_ascii=False) + "\n",
        "index.html": batches.page(made),
    }
    for name, text in texts.items():
        half = to / f".{name}.part"
        try:
            half.write_text(text, "utf-8", errors="replace")
            half.replace(to / name)
        finally:
            half.unlink(missing_ok=True)
