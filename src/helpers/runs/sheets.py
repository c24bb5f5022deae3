"""A report's tables: what stands on each sheet, and the sheets as a workbook, as CSV and as Parquet.

Texts come from charges, so no cell of a workbook or of CSV may start a formula; amounts keep all their digits.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from helpers.actions.csvs import safe_cell
from helpers.terms.focus import COSTS
from helpers.terms.money import plain

SAFE_DIGITS = 15  # a spreadsheet's number holds no more; the exact text stands beside it
LONGEST = 32_767  # characters of a spreadsheet's cell, as UTF-16 counts them
NUMBER, DATE, TEXT = "number", "date", "text"
_BROKEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]"
)  # no file of tables can hold them
# A spreadsheet that takes `;` or a tab as the separator would begin a cell behind it.
_INNER = re.compile("([;\t][\\s\"']*)(?=[=+\\-@＝＋－＠])")
_RESERVED = {"history", ""}  # names that a spreadsheet keeps for itself


@dataclass(frozen=True)
class Sheet:
    """A table of the report.

    Attributes
    ----------
    name : str
        As the notebook names it; no two alike.
    columns : tuple of str
    kinds : dict
        Column to ``number``, ``date`` or ``text``.
    rows : list of dict
        Column to text or None; numbers with all their digits, days as ``YYYY-MM-DD``.
    """

    name: str
    columns: tuple[str, ...]
    kinds: dict[str, str]
    rows: list[Mapping[str, Any]]

    @property
    def file(self) -> str:
        """Its name as that of a file, without an ending."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")[:60] or "table"


def sheets(found: Mapping[str, Any]) -> list[Sheet]:
    """All tables of a report: KPIs, change, the notebook's own, actions, reconciliation, sources, about.

    Parameters
    ----------
    found : mapping
        What the notebook handed out with `Run.finish`.
    """
    kpis = [
        {"id": k["id"], "variant": k.get("variant"), "scope": _named(k["scope"])}
        | {n: k[n] for n in ("name", "value", "unit", "currency", "period", "previous", "target", "status")}
        | {"reason": k.get("reason")}
        for k in found["kpis"]
    ]
    numbers: dict[str, str] = dict.fromkeys(("value", "previous", "target"), NUMBER)
    made = [
        _sheet("KPIs", kpis, numbers, ("id",)),
        _sheet(
            "Change",
            [{n: c[n] for n in ("cause", "amount")} for c in found["change"]],
            {"amount": NUMBER},
            ("cause", "amount"),
        ),
        *(
            Sheet(name, tuple(t["columns"]), dict(t["kinds"]), t["rows"])
            for name, t in sorted(found["tables"].items())  # a notebook on disk keeps no other order
        ),
        *(s for s in (_actions(found), _reconciliation(found), _deliveries(found), _about(found)) if s.rows),
    ]
    return _told_apart(made)


def _sheet(name: str, rows: Iterable[Mapping[str, Any]], kinds: Mapping[str, str], otherwise: Sequence[str]) -> Sheet:  # fmt: skip
    rows = list(rows)
    columns = tuple(rows[0]) if rows else tuple(otherwise)
    return Sheet(name, columns, {c: kinds.get(c, TEXT) for c in columns}, rows)


def _named(scope: Mapping[str, str]) -> str:
    return ", ".join(f"{n} {v}" for n, v in sorted(scope.items()))


def _actions(found: Mapping[str, Any]) -> Sheet:
    names = ("id", "title", "why", "do", "value", "currency", "owner", "due", "kpi")
    rows = [{n: a.get(n) for n in names} | {"scope": _named(a.get("scope") or {})} for a in found.get("actions", [])]  # fmt: skip
    return _sheet("Actions", rows, {"value": NUMBER, "due": DATE}, names)


def _reconciliation(found: Mapping[str, Any]) -> Sheet:
    words = ("source", "provider", "period", "currency")
    rows = []
    for line in found.get("reconciliation", []):
        row = {n: line.get(n) for n in words} | {n: _text(line.get(n)) for n in ("rows", "rows_difference")}
        for name in COSTS:
            both = line.get(name) or {}
            row |= {name: both.get("store"), f"{name} difference": both.get("difference")}
        rows.append(row)
    columns = list(rows[0]) if rows else []
    return _sheet("Reconciliation", rows, {c: NUMBER for c in columns if c not in words}, words)


def _deliveries(found: Mapping[str, Any]) -> Sheet:
    names = ("source", "delivered", "file", "focus", "rows", "sha256")
    held = found.get("data") or {}
    rows: list[dict[str, Any]] = []
    for each in held.get("deliveries", []):
        for file in each.get("files", []):
            rows.append({"source": each["source"], "delivered": each["delivered"], "file": file["name"]} | {n: _text(file.get(n)) for n in names[3:]})  # fmt: skip
    for name, each in held.get("companions", {}).items():
        about = each.get("details") or {}
        rows.append({"source": name, "delivered": each["delivered"], "file": about.get("file"), "focus": None} | {n: _text(about.get(n)) for n in names[4:]})  # fmt: skip
    rows.sort(key=lambda r: (r["source"], r["delivered"], r["file"] or ""))
    return _sheet("Sources", rows, {"delivered": DATE, "rows": NUMBER}, names)


def _about(found: Mapping[str, Any]) -> Sheet:
    names = ("notebook", "month", "as_of", "currency", "headline", "kit")
    facts = {n: found.get(n) for n in names} | dict(sorted((found.get("parameters") or {}).items()))
    rows = [{"what": n, "is": _text(v)} for n, v in facts.items() if v not in (None, "")]
    return _sheet("About", rows if found.get("headline") is not None else [], {}, ("what", "is"))


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _told_apart(made: list[Sheet]) -> list[Sheet]:
    """Names that stay different when a spreadsheet has cut them to 31 characters and reads no case."""
    taken: set[str] = set()
    kept = []
    for sheet in made:
        name, n = sheet.name, 1
        while _tab(name).lower() in taken | _RESERVED or Sheet(name, (), {}, []).file in taken:
            n += 1
            name = f"{_tab(sheet.name)[:26]} {n}"
        taken |= {_tab(name).lower(), Sheet(name, (), {}, []).file}
        kept.append(Sheet(name, sheet.columns, sheet.kinds, sheet.rows))
    return kept


def _tab(name: str) -> str:
    return re.sub(r"[\[\]:*?/\\'\x00-\x1f]", " ", _BROKEN.sub(" ", name))[:31].strip()


def number(value: Any) -> Decimal | None:
    """A text as the exact number it is; None where it is none."""
    try:
        read = Decimal(str(value))
    except InvalidOperation:
        return None
    return read if read.is_finite() else None


# --- a workbook -----------------------------------------------------------------------------------------------------


def write_xlsx(path: Path, found: Mapping[str, Any]) -> Path:
    """Write all sheets as a workbook: numbers and days typed, everything else text that no spreadsheet runs or links."""
    import xlsxwriter

    options = {
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "in_memory": True,
    }
    with xlsxwriter.Workbook(str(path), options) as book:
        # a workbook carries the time it was made; a fixed one keeps equal results equal
        book.set_properties({"title": _cut(found["notebook"]), "created": datetime(2026, 1, 1)})  # noqa: DTZ001 - as xlsxwriter takes it
        looks = {
            "head": book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"}),
            NUMBER: book.add_format({"num_format": "#,##0.00########"}),
            DATE: book.add_format({"num_format": "yyyy-mm-dd"}),
        }
        for sheet in sheets(found):
            _fill(book.add_worksheet(_tab(sheet.name)), sheet, looks, found["currency"])
    return path


def _fill(page: Any, sheet: Sheet, looks: Mapping[str, Any], currency: str) -> None:
    numeric = [c for c in sheet.columns if sheet.kinds.get(c) == NUMBER]
    long = [c for c in numeric if any(_digits(r.get(c)) > SAFE_DIGITS for r in sheet.rows)]
    heads = [f"{c} [{currency}]" if (sheet.name, c) == ("Change", "amount") else c for c in sheet.columns]
    for column, head in enumerate([*heads, *(f"{c}, exact text" for c in long)]):
        page.write_string(0, column, _cut(head), looks["head"])
    page.freeze_panes(1, 0)
    page.set_column(0, len(sheet.columns) + len(long), 22)
    if sheet.rows:
        page.autofilter(0, 0, len(sheet.rows), max(0, len(sheet.columns) + len(long) - 1))
    for at, row in enumerate(sheet.rows, 1):
        for column, key in enumerate(sheet.columns):
            _cell(page, at, column, row.get(key), sheet.kinds.get(key, TEXT), looks)
        for column, key in enumerate(long, len(sheet.columns)):
            page.write_string(at, column, _cut(row.get(key) or ""))


def _cell(page: Any, row: int, column: int, value: Any, kind: str, looks: Mapping[str, Any]) -> None:
    if value is None:
        return
    if kind == NUMBER and (amount := number(value)) is not None:
        page.write_number(row, column, float(amount), looks[NUMBER])
    elif kind == DATE and (day := _day(value)) is not None:
        page.write_datetime(row, column, day, looks[DATE])
    else:
        page.write_string(row, column, _cut(value))


def _day(value: Any) -> date | None:
    try:
        day = date.fromisoformat(str(value))
    except ValueError:
        return None
    return day if day.year >= 1900 else None  # a spreadsheet's calendar begins there


def _cut(value: Any) -> str:
    """Text that a cell can hold; what is longer is cut, and says so."""
    text = _BROKEN.sub("\ufffd", str(value))
    if len(text) + sum(c > "\uffff" for c in text[:LONGEST]) <= LONGEST:
        return text
    return f"{text[: LONGEST // 2 - 50]}… (cut here: {len(text):,} characters)"


def _digits(value: Any) -> int:
    found = number(value) if value else None
    return len(found.normalize().as_tuple().digits) if found else 0


# --- CSV and Parquet ------------------------------------------------------------------------------------------------


def csv_text(sheet: Sheet) -> str:
    """A sheet as CSV: numbers with all their digits, no cell that a spreadsheet runs."""
    text = io.StringIO(newline="")
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow([_words(c) for c in sheet.columns])
    for row in sheet.rows:
        lines.writerow([_written(row.get(c), sheet.kinds.get(c, TEXT)) for c in sheet.columns])
    return text.getvalue()


def _written(value: Any, kind: str) -> str:
    if value is None:
        return ""
    amount = number(value) if kind == NUMBER else None
    return _words(value) if amount is None else plain(amount)


def _words(value: Any) -> str:
    return _INNER.sub(r"\1'", safe_cell(_BROKEN.sub("\ufffd", str(value))))


def write_parquet(path: Path, sheet: Sheet) -> Path:
    """Write a sheet as Parquet: numbers DECIMAL(38,18) (or wider, where they need it), days as dates, the rest text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns, names = [], []
    for column in sheet.columns:
        kind = sheet.kinds.get(column, TEXT)
        columns.append(_array([row.get(column) for row in sheet.rows], kind, pa))
        names.append(_BROKEN.sub("\ufffd", column))
    # names may repeat in a table; a reader finds each by its place
    pq.write_table(pa.Table.from_arrays(columns, names=names), path)
    return path


def _array(values: list[Any], kind: str, pa: Any) -> Any:
    if kind == NUMBER:
        read = [None if v is None else number(v) for v in values]
        if all(r is not None or v is None for r, v in zip(read, values, strict=True)):
            for form in (pa.decimal128(38, 18), pa.decimal256(76, 38)):
                try:
                    return pa.array(read, type=form)
                except pa.ArrowInvalid:  # more places or digits than this form has
                    continue
    if kind == DATE:
        days = [None if v is None else _day(v) for v in values]
        if all(d is not None or v is None for d, v in zip(days, values, strict=True)):
            return pa.array(days, type=pa.date32())
    return pa.array([None if v is None else _BROKEN.sub("\ufffd", str(v)) for v in values], type=pa.string())
