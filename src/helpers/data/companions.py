"""Companion tables: what the bill does not say. Read from CSV, checked cell by cell, kept in the store.

`TABLES` is their dictionary (docs/companions.md says the same for people). A column whose name starts with ``#`` is a
remark for the person who fills the file in, and is not read.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.data import spreadsheets
from helpers.terms.currencies import is_national
from helpers.terms.errors import BadInput
from helpers.terms.money import STORED_PLACES

if TYPE_CHECKING:
    import pyarrow

MATCHES = ("SubAccountId", "SubAccountName", "ServiceName", "BillingAccountId", "x_KitSource")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")  # what a spreadsheet would compute, and our own shield


@dataclass(frozen=True)
class Field:
    """One column of a companion table.

    Attributes
    ----------
    name : str
    kind : str
        ``text``, ``decimal``, ``count`` (decimal above zero), ``day``, ``month``, ``time``, ``currency``, ``yes/no``,
        ``match`` or ``json``.
    doc : str
    required : bool
        The column must be there and no cell of a used row may be empty.
    allowed : tuple of str
        Allowed values, empty where free.
    """

    name: str
    kind: str
    doc: str
    required: bool = False
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Companion:
    """One companion table.

    Attributes
    ----------
    name, doc : str
    fields : tuple of Field
    unique : tuple of str
        Columns whose values may stand together only once (at a time, where rows have a validity).
    filled : tuple of str
        A row in which all of these are empty is not filled in yet and is left out.
    """

    name: str
    doc: str
    fields: tuple[Field, ...]
    unique: tuple[str, ...]
    filled: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """Usual name of its file."""
        return f"{self.name}.csv"

    @property
    def required(self) -> tuple[str, ...]:
        """Columns that a file must have."""
        return tuple(f.name for f in self.fields if f.required)

    @property
    def dated(self) -> bool:
        """Whether rows hold from a day to a day."""
        return any(f.name == "valid_from" for f in self.fields)


def _declared() -> dict[str, Companion]:
    """The tables as ``companion_tables.csv`` and ``companion_columns.csv`` declare them."""
    here = resources.files("helpers.data")

    def rows(name: str) -> list[dict[str, str]]:
        return list(csv.DictReader(here.joinpath(name).read_text("utf-8").splitlines()))

    fields: dict[str, list[Field]] = {}
    for c in rows("companion_columns.csv"):
        allowed = tuple(a for a in c["allowed"].split("|") if a)
        fields.setdefault(c["table"], []).append(
            Field(c["column"], c["kind"], c["doc"], c["required"] == "yes", allowed)
        )
    return {
        t["table"]: Companion(
            t["table"],
            t["doc"],
            tuple(fields[t["table"]]),
            tuple(t["unique"].split(";")),
            tuple(f for f in t["filled"].split(";") if f),
        )
        for t in rows("companion_tables.csv")
    }


TABLES = _declared()


def recognise(header: Iterable[str]) -> str | None:
    """Name of the companion table whose required columns stand in `header`, or None.

    Examples
    --------
    >>> recognise(["match_on", "match_value", "owner", "department"])
    'allocation'
    >>> recognise(["BilledCost"]) is None
    True
    """
    header = list(header)
    if spreadsheets.is_wide(header):
        return "budgets"
    names = {h.strip() for h in header if h.strip() and not h.strip().startswith("#")}
    fits = []
    for table in TABLES.values():
        known = len(names & {f.name for f in table.fields})
        # other people's exports may have a column `source` too: half of the columns must be the table's
        if names.issuperset(table.required) and known * 2 >= len(names):
            fits.append((len(table.required), known, table.name))
    return max(fits)[2] if fits else None


def read(path: Path | str, name: str | None = None) -> pyarrow.Table:
    """Read and check a companion table.

    Parameters
    ----------
    path : Path
        CSV, UTF-8, comma or semicolon. Budgets may be wide: departments in rows, months in columns.
    name : str, optional
        One of `TABLES`; recognised from the header when None.

    Returns
    -------
    pyarrow.Table
        The declared columns, in their order and typed: decimals DECIMAL(38,18), days DATE, yes/no BOOLEAN, the rest text
        (empty is null); and ``row`` [1], the line in the file. Rows that nobody filled in are left out.

    Raises
    ------
    BadInput
        With row, column, what was found, what is needed and the remedy.

    Examples
    --------
    >>> read("allocation.csv").num_rows  # doctest: +SKIP
    12
    """
    path = Path(path)
    header, rows, separator = _lines(path)
    name = name or recognise(header)
    if name == "budgets" and spreadsheets.is_wide(header):
        header, rows = spreadsheets.tall(path, header, rows, separator)
    if name is None:
        raise BadInput(
            f"columns {', '.join(header) or '(none)'}",
            "the columns of a companion table: "
            + "; ".join(f"{t.name}: {', '.join(t.required)}" for t in TABLES.values()),
            "finops init writes files with the right columns; docs/companions.md describes them",
            file=str(path),
        )
    table = TABLES[name]
    _check_header(path, table, header)
    records = [_record(path, table, header, number, cells) for number, cells in rows]
    kept = [r for r in records if r is not None]
    _check_unique(path, table, kept)
    return _arrow(table, kept)


def details(path: Path | str, table: pyarrow.Table) -> dict[str, Any]:
    """The record that `write_table` keeps with a companion: file name, hash, rows."""
    raw = Path(path).read_bytes()
    return {"file": Path(path).name, "sha256": hashlib.sha256(raw).hexdigest(), "rows": table.num_rows}


def with_loaded(sources: pyarrow.Table, names: Iterable[str]) -> pyarrow.Table:
    """The register of known sources with a column ``loaded``: whether the store holds it.

    Sources that are held but not in the register are added: they are known by now.
    """
    import pyarrow as pa

    held = sorted(set(names))
    known = sources.column("source").to_pylist()
    rows = sources.select(["source", "provider", "note"]).to_pylist()
    rows += [{"source": n, "provider": None, "note": None} for n in held if n not in known]
    text = {c: pa.array([r[c] for r in rows], pa.string()) for c in ("source", "provider", "note")}
    return pa.table(text | {"loaded": pa.array([r["source"] in held for r in rows], pa.bool_())})


def shielded(text: str) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe before it, which `read` takes off again.

    Examples
    --------
    >>> shielded("=1+1"), shielded("Team A")
    ("'=1+1", 'Team A')
    """
    return "'" + text if text.startswith(FORMULA) else text


def _unshielded(text: str) -> str:
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA) else text


def init(charges: Any, folder: Path | str, sources: Iterable[tuple[str, str]] = (), *, force: bool = False):
    """Write drafts of the companion tables: see `proposals.init`."""
    from helpers.data import proposals

    return proposals.init(charges, folder, sources, force=force)


# --- reading --------------------------------------------------------------------------------------------------------


def _lines(path: Path) -> tuple[list[str], list[tuple[int, list[str]]], str]:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise BadInput("no such file", "a CSV file", "check the name", file=str(path)) from None
    except OSError as problem:
        raise BadInput(
            f"the file cannot be read: {problem.strerror}", "a CSV file", file=str(path)
        ) from problem
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = raw[: problem.start].count(b"\n") + 1
        raise BadInput(
            "text that is not UTF-8", "UTF-8", "save it as 'CSV UTF-8'", file=str(path), row=line
        ) from problem
    if not text.strip():
        raise BadInput("an empty file", "a header line and rows", "finops init writes one", file=str(path))
    first = text.splitlines()[0]
    separator = ";" if first.count(";") > first.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        header = [h.strip() for h in next(reader)]
        rows = []
        start = reader.line_num + 1
        for cells in reader:
            if any(c.strip() for c in cells):
                rows.append((start, cells))
            start = reader.line_num + 1
    except csv.Error as problem:
        raise BadInput(
            f"a line that is no CSV: {problem}",
            'quotes in pairs, a quote inside a value doubled ("")',
            "save it again from a spreadsheet as CSV UTF-8",
            file=str(path),
            row=reader.line_num,
        ) from problem
    return header, rows, separator


def _check_header(path: Path, table: Companion, header: list[str]) -> None:
    known = [f.name for f in table.fields]
    for column in header:
        if not column.startswith("#") and header.count(column) > 1:
            raise BadInput(
                "a column twice", "each column once", "remove one", file=str(path), row=1, column=column
            )
        if column and not column.startswith("#") and column not in known:
            raise BadInput(
                f"a column that {table.name} does not have",
                ", ".join(known),
                "rename it, or let its name start with # if it is a remark",
                file=str(path),
                row=1,
                column=column,
            )
    for column in table.required:
        if column not in header:
            raise BadInput(
                "the column is missing",
                ", ".join(table.required),
                "add it",
                file=str(path),
                row=1,
                column=column,
            )


def _record(
    path: Path, table: Companion, header: list[str], row: int, cells: list[str]
) -> dict[str, Any] | None:
    if len(cells) > len(header) and any(c.strip() for c in cells[len(header) :]):
        raise BadInput(
            f"{len(cells)} cells",
            f"{len(header)}, as the header has",
            "put a value that holds the separator in quotes",
            file=str(path),
            row=row,
        )
    given = {h: _unshielded(c.strip()) for h, c in zip(header, cells, strict=False)}
    if table.filled and not any(given.get(f) for f in table.filled):
        return None
    record: dict[str, Any] = {"row": row}
    for field in table.fields:
        record[field.name] = _cell(path, row, field, given.get(field.name, ""))
    if record.get("valid_from") and record.get("valid_to") and record["valid_to"] < record["valid_from"]:
        raise BadInput(
            f"{record['valid_to']}, before valid_from {record['valid_from']}",
            "a last day on or after the first",
            "correct one of the two",
            file=str(path),
            row=row,
            column="valid_to",
        )
    return record


def _cell(path: Path, row: int, field: Field, text: str) -> Any:
    def bad(needed: str, remedy: str) -> BadInput:
        found = repr(text) if text else "an empty cell"
        return BadInput(found, needed, remedy, file=str(path), row=row, column=field.name)

    if not text:
        if field.required:
            raise bad("a value", "fill it in, or delete the row")
        return None
    if field.allowed and text not in field.allowed:
        raise bad(
            " or ".join(field.allowed) + (", or nothing" if not field.required else ""), "write one of these"
        )
    return _KINDS[field.kind](text, bad)


def _day(text: str, bad: Callable[[str, str], BadInput]) -> date:
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise bad("a day as YYYY-MM-DD", "write it like 2026-10-05; spreadsheets need the cell format Text")


def _month(text: str, bad: Callable[[str, str], BadInput]) -> str:
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", text):
        raise bad("a month as YYYY-MM", "write it like 2026-09; spreadsheets need the cell format Text")
    return text


def _decimal(text: str, bad: Callable[[str, str], BadInput]) -> Decimal:
    if not re.fullmatch(r"[+-]?\d{1,20}(\.\d*)?", text, re.ASCII):
        raise bad("a decimal number with a point and no separators of thousands", "write it like 1234.56")
    if len(text.partition(".")[2]) > STORED_PLACES:
        raise bad(f"at most {STORED_PLACES} decimal places", "round it yourself: it is your number")
    return Decimal(text)


def _count(text: str, bad: Callable[[str, str], BadInput]) -> Decimal:
    value = _decimal(text, bad)
    if value <= 0:
        raise bad("a number above zero", "leave it empty where there is none")
    return value


def _currency(text: str, bad: Callable[[str, str], BadInput]) -> str:
    if not (is_national(text) or re.fullmatch(r"[A-Za-z][\w -]{3,}", text)):
        raise bad("a currency code of ISO 4217, or the name of a virtual currency", "write it like USD")
    return text


def _yes_no(text: str, bad: Callable[[str, str], BadInput]) -> bool:
    if text.lower() not in ("yes", "no", "true", "false"):
        raise bad("yes or no", "write yes, no, or nothing where it is not known")
    return text.lower() in ("yes", "true")


def _time(text: str, bad: Callable[[str, str], BadInput]) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise bad("a time of ISO 8601", "write it like 2026-10-05T00:00:00Z") from None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _json(text: str, bad: Callable[[str, str], BadInput]) -> str:
    try:
        if isinstance(json.loads(text), dict):
            return text
    except ValueError:
        pass
    raise bad("a JSON object", 'write it like {"ServiceName":"…"}')


def _match(text: str, bad: Callable[[str, str], BadInput]) -> str:
    if text in MATCHES or (text.startswith("tag:") and all(k.strip() for k in text[4:].split("|"))):
        return text
    near = next((m for m in (*MATCHES, "tag:KEY") if m.lower() == text.lower()), None)
    remedy = f"write {near}" if near else "name a tag like tag:team, several spellings like tag:Team|team"
    raise bad("tag:KEY or " + ", ".join(MATCHES), remedy)


_KINDS: dict[str, Callable[[str, Callable[[str, str], BadInput]], Any]] = {
    "text": lambda text, bad: text,
    "decimal": _decimal,
    "count": _count,
    "day": _day,
    "month": _month,
    "currency": _currency,
    "yes/no": _yes_no,
    "match": _match,
    "time": _time,
    "json": _json,
}


def _check_unique(path: Path, table: Companion, records: Sequence[dict[str, Any]]) -> None:
    seen: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for record in records:
        key = tuple(record[c] for c in table.unique)
        for other in seen.get(key, []):
            if _overlap(record, other):
                same = ", ".join(str(k) for k in key if k is not None)
                raise BadInput(
                    f"{same} again; it stands in row {other['row']} already"
                    + (" for some of the same days" if table.dated else ""),
                    f"each {' and '.join(table.unique)} once" + (" at a time" if table.dated else ""),
                    "delete one"
                    + (", or let one end (valid_to) before the other begins" if table.dated else ""),
                    file=str(path),
                    row=record["row"],
                    column=table.unique[0],
                )
        seen.setdefault(key, []).append(record)


def _overlap(a: dict[str, Any], b: dict[str, Any]) -> bool:
    start = max(r.get("valid_from") or date.min for r in (a, b))
    return start <= min(r.get("valid_to") or date.max for r in (a, b))


def _arrow(table: Companion, records: Sequence[dict[str, Any]]) -> pyarrow.Table:
    import pyarrow as pa

    kinds = {
        "decimal": pa.decimal128(38, STORED_PLACES),
        "count": pa.decimal128(38, STORED_PLACES),
        "day": pa.date32(),
        "yes/no": pa.bool_(),
        "time": pa.timestamp("us", "UTC"),
    }
    schema = pa.schema(
        [pa.field("row", pa.int64())]
        + [pa.field(f.name, kinds.get(f.kind, pa.string())) for f in table.fields]
    )
    return pa.Table.from_pylist(list(records), schema=schema)
