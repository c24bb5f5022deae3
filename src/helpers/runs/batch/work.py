"""What a keeper does: one report, or something that all reports need, in a process of its own.

Each task takes and gives plain data, so that it can be done in a fork, on another machine, and twice: a report that is
there already with the same inputs is left as it is.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from helpers.runs import outputs
from helpers.terms.errors import Refused
from helpers.terms.period import parse_day

Tell = Callable[[str], None]
WAIT = 60.0  # for another process that writes the same report [s]
MOST_CHANGES = 40
PASSED = (
    "FINOPS_LOOK",
    "FINOPS_LANGUAGE",
    "FINOPS_ENGINE",
)  # variables that a report depends on, wherever it is made


def look(store: str, as_of: str = "", tell: Tell | None = None) -> dict[str, Any]:
    """The state of a store now: its pin, its version, and what has cost in which month."""
    from helpers.data import delta, open_charges
    from helpers.data import store as stores

    day = parse_day(as_of) if as_of else None
    folder = stores.need(Path(store))
    pin = delta.pin(folder)
    try:
        snapshot = stores.snapshot(folder, day)
        charges: Any = open_charges(folder, day)
        keys = {
            "month": charges.x_KitPeriod,
            "provider": charges.ServiceProviderName.fill_null(""),
            "department": charges.x_KitDepartment.fill_null(""),
            "currency": charges.BillingCurrency.fill_null(""),
        }
        costs = (charges.BilledCost != 0) | (charges.EffectiveCost != 0)
        named = [column.name(name) for name, column in keys.items()]
        rows = charges.aggregate(by=named, costs=costs.any()).to_pyarrow().to_pylist()
    finally:
        delta.unpin(folder)
    return {
        "pin": {name: list(place) for name, place in pin.items()},
        "version": version(snapshot),
        "today": snapshot["as_of"] or "",
        "months": sorted({r["month"] for r in rows}),
        "combinations": sorted(
            [r["month"], r["provider"], r["department"], r["currency"]] for r in rows if r["costs"]
        ),
    }


def version(inputs: Mapping[str, Any]) -> str:
    """A mark of what was delivered to a store: the same whatever its files look like on disk; "" where nothing was read."""
    held = outputs.inputs(inputs)
    return (
        hashlib.sha256(json.dumps(held, sort_keys=True, default=str).encode()).hexdigest()[:16]
        if held
        else ""
    )


def prepare(store: str, as_of: str, pin: Mapping[str, Any], folder: str, tell: Tell | None = None) -> str:
    """Make what all reports over this state of a store need alike (`helpers.data.shared`); the record's path."""
    from helpers.data import delta, shared

    delta.pin(Path(store), {name: (at, mark) for name, (at, mark) in pin.items()})
    Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    return str(shared.prepare(Path(store), parse_day(as_of) if as_of else None, Path(folder)))


def verify(store: str, pin: Mapping[str, Any], tell: Tell | None = None) -> int:
    """Compare every checksum of a store's pinned state; how many files."""
    from helpers.data import delta, integrity

    delta.pin(Path(store), {name: (at, mark) for name, (at, mark) in pin.items()})
    delta.confirm()
    return integrity.verify(Path(store), deep=True).files


def report(
    notebook: str,
    to: str,
    given: Mapping[str, str],
    how: Mapping[str, Any],
    timeout: float,
    memory: int,
    fingerprint: str,
    expected: str,
    env: Mapping[str, str] | None = None,
    tell: Tell | None = None,
) -> dict[str, Any]:
    """Make one report, unless the very same is there.

    Returns
    -------
    dict
        ``run``, ``state`` (``done``, or ``found`` where it was there), ``version`` (of what it read), ``seconds``,
        ``headline``, ``lines`` (reconciled), ``changed`` (KPIs, against the report that was there before), ``worker``.
    """
    from helpers.runs import report as reports

    for name in PASSED:  # this process is the report's own
        os.environ.pop(name, None)
    os.environ.update(env or {})
    settings = reports.How(**{**how, "formats": tuple(how["formats"])})
    begun, until, place = time.perf_counter(), time.monotonic() + WAIT, Path(to)
    while True:
        if standing(place, fingerprint, expected):
            return outcome(place, "found") | {"seconds": 0.0, "worker": _here()}
        before = _values(place)
        try:
            reports.make(
                Path(notebook), place, given, timeout=timeout, memory=memory, tell=tell, how=settings
            )
            break
        except Refused as problem:
            # the same report is being made by a process that is not known to be at it, or that is about to end
            if "another run is writing" not in str(problem) or time.monotonic() > until:
                raise
            time.sleep(0.2)
    changed = _changes(before, _values(place))
    return outcome(place, "done") | {
        "seconds": round(time.perf_counter() - begun, 3),
        "changed": changed[:MOST_CHANGES],
        "changed_count": len(changed),
        "worker": _here(),
    }


def execute(
    notebook: str, to: str, given: Mapping[str, str], how: Mapping[str, Any], tell: Tell | None = None
) -> float:
    """The executed notebook alone, as ``papermill --engine kit`` leaves it; how long it took [s]."""
    import tempfile

    from helpers.runs import report as reports

    begun = time.perf_counter()
    reports._settle(reports.How(**{**how, "formats": ()}))
    with tempfile.TemporaryDirectory() as scratch:
        reports._execute(Path(notebook), Path(scratch), Path(to), given)
    return time.perf_counter() - begun


def deliver(
    folder: str,
    entry: Mapping[str, Any],
    where: str,
    record: str,
    resend: bool = False,
    tell: Tell | None = None,
) -> dict[str, Any]:
    """Deliver a finished report; never twice, which `delivery.send` sees to."""
    from helpers.runs import delivery

    return delivery.send(Path(folder), delivery.read(entry, where), Path(record), resend=resend).record()


def manifest(place: Path) -> dict[str, Any]:
    """The manifest of a whole report, else {}."""
    try:
        found = json.loads((place / "manifest.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and "files" in found else {}


def standing(place: Path, fingerprint: str, expected: str) -> bool:
    """Whether the report is there, made by these inputs from this state of the store, with every file."""
    found = manifest(place)
    note = found.get("batch") or {}
    read = version(found.get("inputs") or {}) or expected  # a notebook may read no store
    return note.get("fingerprint") == fingerprint and read == expected and not missing(place, found)


def missing(place: Path, found: Mapping[str, Any]) -> str:
    """The first file of a report that is not there or has another size, else nothing."""
    for name, known in found.get("files", {}).items():
        with suppress(OSError):
            if (place / name).stat().st_size == known["bytes"]:
                continue
        return name
    return ""


def outcome(place: Path, state: str) -> dict[str, Any]:
    """What ledger and summary keep of a finished report."""
    found = manifest(place)
    results = _results(place)
    lines = found.get("reconciliation", [])
    return {
        "state": state,
        "run": found.get("run"),
        "version": version(found.get("inputs") or {}),
        "delta_version": (found.get("inputs") or {}).get("delta_version"),
        "headline": results.get("headline", ""),
        "month": results.get("month", ""),
        "as_of": results.get("as_of", ""),
        "lines": len(lines),
        "exact": all(
            float(v["difference"]) == 0 for line in lines for v in line.values() if isinstance(v, dict)
        ),
        "timings": {k: v for k, v in found.get("timings", {}).get("seconds", {}).items() if k != "cells"},
        "made": found.get("started", ""),
    }


def _results(place: Path) -> dict[str, Any]:
    try:
        return json.loads((place / "results.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def _values(place: Path) -> dict[str, dict[str, Any]]:
    found = {}
    for k in _results(place).get("kpis", []):
        scope = ", ".join(f"{n} {v}" for n, v in sorted(k["scope"].items()))
        key = " · ".join(filter(None, (k["id"], k.get("variant"), scope, k["currency"])))
        found[key] = {"value": k["value"], "name": k["name"], "unit": k["unit"]}
    return found


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    if not before:
        return []
    none = {"value": None}
    return [
        {"kpi": key, "name": (after.get(key) or before.get(key) or {}).get("name"), "before": one["value"], "after": other["value"]}
        for key in sorted(before.keys() | after.keys())
        for one, other in [(before.get(key, none), after.get(key, none))]
        if one["value"] != other["value"]
    ]  # fmt: skip


def _here() -> str:
    return f"{os.uname().nodename}:{os.getppid()}"


@cache
def kit() -> str:
    """A mark of the kit's own code, look and lists: a mended kit makes its reports again."""
    root = Path(outputs.__file__).parents[1]
    told = hashlib.sha256()
    for file in sorted(root.rglob("*")):
        if (
            file.suffix in {".py", ".css", ".j2", ".typ", ".yaml", ".csv", ".json"}
            and "_shipped" not in file.parts
        ):
            told.update(file.relative_to(root).as_posix().encode() + b"\0")
            told.update(hashlib.sha256(file.read_bytes()).digest())
    return told.hexdigest()[:16]


DO: dict[str, Callable[..., Any]] = {f.__name__: f for f in (look, prepare, verify, report, execute, deliver)}
