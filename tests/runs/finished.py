"""A finished report made without a store: a story told by `views`, its results, its manifest; texts to order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.views import made

from helpers import views
from helpers.runs import outputs
from helpers.runs.session import RESULTS

# What charges, tags and people write. Each must stand as text wherever it is shown.
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "{{7*7}}",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(A1:A9)",
    "\t=1+1",
    "a;=1+1",
    "\u202egnp.exe\u202c",
    "nul\x00inside",
    "$x$ \\frac{$ #strong[no] @ref <label>",
    '#read("/etc/passwd")',
    "<!channel> <@U123> <https://evil.example|here>",
    "[here](https://evil.example) **bold** {{DATE(2026-01-01T00:00:00Z)}}",
    "x\r\nBcc: all@evil.example\r\n\r\nbody",
)
LONG = "n" * 10_000
HUGE = "tag " * 250_000  # 1 MB


def results(name: str = "", **own: Any) -> dict[str, Any]:
    """What a notebook hands out; `name` stands in every text from data."""
    kpi = {
        "id": "total-effective-cost", "variant": None, "name": f"Effective cost{name}", "scope": {}, "value": "352410.37",
        "unit": "currency", "currency": "USD", "period": "2026-09", "previous": "332150.37", "target": None,
        "status": "no target", "definition": "x", "link": "https://example.org", "benchmark": None, "reason": None,
    }  # fmt: skip
    action = {
        "id": "a", "title": f"Stop it{name}", "why": f"because{name}", "do": f"do{name}", "value": "6100", "currency": "USD",
        "owner": f"Owner{name}", "due": "2026-10-12", "kpi": "total-effective-cost", "scope": {"provider": f"AWS{name}"}, "evidence": {},
    }  # fmt: skip
    both = {"store": "18.0066386184", "difference": "0"}
    line = {"source": f"aws{name}", "provider": "AWS", "period": "2026-09", "currency": "USD", "rows": 5, "rows_difference": 0}  # fmt: skip
    delivered = {"source": f"aws{name}", "delivered": "2026-10-05", "id": "0f" * 32, "version": 3, "files": [{"name": f"2026-09{name}.csv", "rows": 5, "sha256": "ab" * 32, "focus": "1.2"}]}  # fmt: skip
    services = {
        "columns": [f"service{name}", "amount", "since"],
        "kinds": {f"service{name}": "text", "amount": "number", "since": "date"},
        "rows": [
            {f"service{name}": f"Compute{name}", "amount": "12345678901234567.89", "since": "2026-09-01"},
            {f"service{name}": name.strip() or "Storage", "amount": "-2.5", "since": None},
        ],
    }
    costs = ("BilledCost", "EffectiveCost", "ContractedCost", "ListCost")
    return {
        "notebook": "practitioner_kpis", "kit": "0.1.0", "month": "2026-09", "open": False, "as_of": "2026-10-05", "currency": "USD",
        "parameters": {"month": "2026-09", "provider": "", "department": "", "currency": "USD"},
        "headline": f"September cost 352,410 USD{name}", "kpis": [kpi], "change": [{"cause": f"volume{name}", "amount": "20260.00"}],
        "actions": [action], "tables": {f"Services{name}"[:60]: services}, "files": {},
        "reconciliation": [line | dict.fromkeys(costs, both)],
        "data": {"as_of": "2026-10-05", "deliveries": [delivered], "companions": {}},
    } | own  # fmt: skip


def words(name: str = "") -> list:
    """The parts of the story that are words and need no drawing, which takes a second; their names in every text."""
    numbers = made.kpis(name)
    services = made.ranked("ServiceName", made.SERVICES, name)
    return [
        views.masthead(made.facts(name)),
        views.headline(f"September cost 352,410 USD{name}", f"Two of six targets are missed{name}"),
        views.tiles(numbers),
        views.tables.listing(services[["ServiceName", "amount"]], title=f"Services{name}", currency="USD"),
        views.decisions(made.actions(name), currency="USD"),
        views.findings([f"12 charges have no list price{name}"]),
        views.definitions(numbers),
    ]


def finished(folder: Path, name: str = "", shown: list | None = None, **own: Any) -> Path:
    """A report of `tests.views.made.story` (or of what is `shown`) in `folder`, as a run leaves it."""
    folder.mkdir(parents=True)
    found = results(name, **own)
    story = made.story(name) if shown is None else shown
    book = made.notebook([*story, {RESULTS: found, "text/plain": "Results are kept."}])
    outputs.write(folder, book, "The FinOps practitioner's month, 2026-09")
    outputs.write_manifest(folder, {"run": "1", "notebook": found["notebook"], "notebook_sha256": "cd" * 32, "parameters": {}})  # fmt: skip
    return folder
