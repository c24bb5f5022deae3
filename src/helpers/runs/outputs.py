"""What a finished run leaves in its folder: page, results, actions, tables, the executed notebook, the manifest."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from helpers.runs.session import RESULTS
from helpers.terms.errors import RunFailed

FILES = "files"  # folder of what carries the decisions out; absent where a notebook makes none
SAFE_DIGITS = 15  # a spreadsheet's number holds no more; the exact text stands beside it


def results(notebook: Any) -> dict[str, Any]:
    """The results that the notebook handed out with `Run.finish`.

    Raises
    ------
    RunFailed
        If it handed out none.
    """
    found = [
        o["data"][RESULTS]
        for c in notebook["cells"]
        for o in c.get("outputs", [])
        if RESULTS in o.get("data", {})
    ]
    if not found:
        raise RunFailed(
            "the notebook ended without results",
            "a last cell that calls run.finish(…)",
            "add it; docs/add-a-notebook.md shows the pattern",
        )
    return found[-1]


def write(folder: Path, notebook: Any, title: str) -> dict[str, Any]:
    """Write the files of a finished run into an empty folder; the manifest is `write_manifest`'s.

    Returns
    -------
    dict
        The results.
    """
    import nbformat

    from helpers import actions
    from helpers.views import page

    found = results(notebook)
    kept = {k: v for k, v in found.items() if k not in ("tables", "files")} | {"data": _inputs(found["data"])}
    (folder / "results.json").write_text(
        json.dumps(kept, indent=1, sort_keys=True, ensure_ascii=False) + "\n", "utf-8"
    )
    actions.write_csv([_action(a) for a in found["actions"]], folder / "actions.csv")
    _write_xlsx(folder / "tables.xlsx", found)
    (folder / "index.html").write_text(page.render(notebook, title=title), "utf-8")
    nbformat.write(notebook, folder / "notebook.ipynb")
    for name, text in found.get("files", {}).items():
        _write_file(folder / FILES, name, text)
    return found


def _write_file(folder: Path, name: str, text: str) -> None:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,60}(\.[a-z0-9]{1,10}){1,2}", name):
        raise RunFailed(
            f"a file named {name[:80]!r} among the results",
            "a plain name in lower case with an ending, such as schedules.yml",
            "rename it where the notebook calls run.finish(files=…)",
        )
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, "utf-8")


def _inputs(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    """What was delivered, not how the store lies on disk: a compaction or another order of deliveries changes nothing.

    The manifest has the whole snapshot.
    """
    if not snapshot:
        return {}

    def without_version(record: Mapping[str, Any]) -> dict[str, Any]:
        return {k: v for k, v in record.items() if k != "version"}

    deliveries = sorted(snapshot["deliveries"], key=lambda d: (d["source"], d["delivered"], d["id"]))
    return {
        "as_of": snapshot["as_of"],
        "deliveries": [without_version(d) for d in deliveries],
        "companions": {name: without_version(c) for name, c in snapshot["companions"].items()},
    }


def _action(record: Mapping[str, Any]) -> Any:
    from helpers.catalog import Action

    fields = {k: v for k, v in record.items() if k in Action.__dataclass_fields__}
    value = None if fields["value"] is None else Decimal(fields["value"])
    return Action(**fields | {"value": value, "due": date.fromisoformat(fields["due"])})


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write ``manifest.json`` last: a folder with it is whole."""
    files = {
        p.relative_to(folder).as_posix(): {
            "sha256": hashlib.sha256(p.read_bytes()).hexdigest(),
            "bytes": p.stat().st_size,
        }
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }
    text = json.dumps({**manifest, "files": files}, indent=1, sort_keys=True, ensure_ascii=False)
    (folder / "manifest.json").write_text(text + "\n", "utf-8")


def _write_xlsx(path: Path, found: Mapping[str, Any]) -> None:
    """Typed cells: numbers as numbers, everything else as text that no spreadsheet runs or links."""
    import xlsxwriter

    kpis = [
        {
            "id": k["id"],
            "variant": k.get("variant"),
            "scope": ", ".join(f"{n} {v}" for n, v in k["scope"].items()),
        }
        | {n: k[n] for n in ("name", "value", "unit", "currency", "period", "previous", "target", "status")}
        | {"reason": k.get("reason")}
        for k in found["kpis"]
    ]
    numbers = {"value", "previous", "target"}
    sheets = {
        "KPIs": (list(kpis[0]) if kpis else ["id"], numbers, kpis),
        "Change": (["cause", "amount"], {"amount"}, found["change"]),
    } | {
        name: (t["columns"], {c for c, k in t["kinds"].items() if k == "number"}, t["rows"])
        for name, t in found["tables"].items()
    }
    options = {
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "in_memory": True,
    }
    with xlsxwriter.Workbook(str(path), options) as book:
        # a workbook carries the time it was made; a fixed one keeps equal results equal
        book.set_properties({"title": found["notebook"], "created": datetime(2026, 1, 1)})  # noqa: DTZ001 - as xlsxwriter takes it
        head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        amount = book.add_format({"num_format": "#,##0.00########"})
        for name, (columns, numeric, rows) in sheets.items():
            sheet = book.add_worksheet(re.sub(r"[\[\]:*?/\\']", " ", name)[:31])
            long = [c for c in columns if c in numeric and any(_digits(r.get(c)) > SAFE_DIGITS for r in rows)]
            heads = [f"{c} [{found['currency']}]" if c == "amount" else c for c in columns]
            sheet.write_row(0, 0, [*heads, *(f"{c}, exact text" for c in long)], head)
            sheet.freeze_panes(1, 0)
            sheet.set_column(0, len(columns) + len(long), 22)
            for at, row in enumerate(rows, 1):
                for column, key in enumerate(columns):
                    value = row.get(key)
                    if value is None:
                        continue
                    if key in numeric:
                        sheet.write_number(at, column, float(value), amount)
                    else:
                        sheet.write_string(at, column, str(value)[:32_767])
                for column, key in enumerate(long, len(columns)):
                    sheet.write_string(at, column, row.get(key) or "")


def _digits(value: str | None) -> int:
    return len(Decimal(value).normalize().as_tuple().digits) if value else 0
