"""Why a file was refused: reads it again slowly, in Python, and names the first line, column and value that is off."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from helpers.data import opening, versions
from helpers.data.versions import Layout
from helpers.terms import focus
from helpers.terms.errors import BadInput

AGAIN = "export the file again as the provider writes it, without a spreadsheet in between"
SPREADSHEET_DATE = re.compile(r"\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}([ T].*)?")


def explain_csv(path: Path, layout: Layout, name: str) -> BadInput | None:
    """The first thing in a CSV file that cannot be taken, or None where this reader finds nothing."""
    try:
        for row, values in _records(path, name):
            if len(values) != len(layout.header):
                return _ragged(row, values, layout, name)
            if found := explain_row(row, values, layout, name):
                return found
    except BadInput as found:
        return found
    return _two_line_ends(path, name)


def _two_line_ends(path: Path, name: str) -> BadInput | None:
    """Files of two systems joined: this reader takes them, the engine does not."""
    with path.open("rb") as raw:
        first = next(raw, b"")[-2:] == b"\r\n"
        for row, line in enumerate(raw, 2):
            if line.endswith(b"\n") and (line[-2:] == b"\r\n") != first:
                return BadInput(
                    "line ends of two kinds, \\r\\n and \\n",
                    "one kind in the whole file",
                    "make them one (dos2unix), or give the files before they were joined",
                    file=name,
                    row=row,
                )
    return None


def explain_rows(rows: Iterable[tuple[Any, ...]], layout: Layout, name: str) -> BadInput | None:
    """The same for rows that another reader gives, numbered from 1."""
    for row, values in enumerate(rows, 1):
        if found := explain_row(row, [v or "" for v in values], layout, name):
            return found
    return None


def count(path: Path) -> int:
    """Records of a CSV file without its header, blank lines left out."""
    with path.open(newline="", encoding="utf-8-sig") as lines:
        csv.field_size_limit(1 << 30)
        return max(sum(1 for r in csv.reader(lines, strict=True) if r) - 1, 0)


def _records(path: Path, name: str) -> Iterator[tuple[int, list[str]]]:
    _refuse_undecodable(path, name)
    csv.field_size_limit(1 << 30)
    with path.open(newline="", encoding="utf-8-sig") as lines:
        reader = csv.reader(lines, strict=True)
        start = 1
        try:
            for n, values in enumerate(reader):
                if n and values:
                    yield start, values
                start = reader.line_num + 1
        except csv.Error as problem:
            raise BadInput(
                f"the quotes do not close, or text follows a closing quote ({problem})",
                'every " that opens a value closed before the next comma, and doubled inside it',
                AGAIN,
                file=name,
                row=start,
            ) from problem


def _refuse_undecodable(path: Path, name: str) -> None:
    with path.open("rb") as raw:
        for row, line in enumerate(raw, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as problem:
                raise opening.not_utf8(line, name, row) from problem


def _ragged(row: int, values: list[str], layout: Layout, name: str) -> BadInput:
    return BadInput(
        f"{len(values)} values where the header has {len(layout.header)}",
        "as many values as columns in every line; a comma inside a value needs quotes",
        AGAIN,
        file=name,
        row=row,
    )


def explain_row(row: int, values: list[str], layout: Layout, name: str) -> BadInput | None:
    """What is off in one record, or None."""
    columns = focus.all_columns()
    cells = {c: values[n] for c, n in layout.known.items()}
    cells = {c: None if v in versions.NULLS else v for c, v in cells.items()}
    for column, text in cells.items():
        found = (
            _empty(column)
            if text is None
            else _off(column, text, columns[column].kind, columns[column].allowed)
        )
        if found:
            return BadInput(*found, file=name, row=row, column=column)
    for start, end in versions.SPANS:
        first, last = cells.get(start), cells.get(end)
        if first and last and instant(last) < instant(first):
            return BadInput(
                f"{end} {last} is before {start} {first}",
                "an end at or after its start",
                "report it to the provider, or correct the line",
                file=name,
                row=row,
                column=end,
            )
    return None


def _empty(column: str) -> tuple[str, str, str] | None:
    if column not in versions.FILLED:
        return None
    what = "no currency" if column == "BillingCurrency" else "no value"
    return what, f"{column} in every charge", "report it to the provider, or leave the line out on purpose"


def _off(column: str, text: str, kind: str, allowed: tuple[str, ...]) -> tuple[str, str, str] | None:
    if kind == "decimal":
        return _off_number(text)
    if kind == "time":
        return _off_time(text)
    if kind == "tags":
        try:
            versions.tag_pairs(text)
        except ValueError as problem:
            short = text if len(text) <= 60 else text[:57] + "…"
            return (
                f"{short} cannot be read as tags ({problem})",
                'a JSON object such as {"team": "web"}',
                "export the file again; a tool in between may have cut or requoted the column",
            )
    if column == "ChargeCategory" and text.lower() not in {a.lower() for a in allowed}:
        return f"ChargeCategory {text!r}", f"one of {', '.join(allowed)}", "report it to the provider"
    if column.endswith("Id") and versions.SPREADSHEET.fullmatch(text):
        return f"{text} in a column of ids", "the whole id; a spreadsheet has cut it to a few digits", AGAIN
    return None


def _off_number(text: str) -> tuple[str, str, str] | None:
    needed = "a plain decimal number such as 1234.56 (no currency sign, no thousands separator)"
    try:
        value = versions.rounded(text)
    except (ValueError, ArithmeticError):
        folded = text.strip().lstrip("+-").lower()
        if folded in ("nan", "inf", "infinity"):
            return text, "a finite number", "find the division that made it, in the tool that wrote the file"
        if re.fullmatch(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?", text.strip()):
            return f"{text}, with thousands separators", needed, AGAIN
        if re.fullmatch(r"[-+]?[\d.]*,\d+", text.strip()):
            return f"{text}, with a decimal comma", needed, "export with a point as decimal sign"
        return f"{text!r} is no number", needed, AGAIN
    if abs(value) >= 10**20:
        return f"{text} has more than 20 digits before the point", needed, "report it to the provider"
    return None


def _off_time(text: str) -> tuple[str, str, str] | None:
    needed = "a date and time such as 2026-09-01T00:00:00Z (UTC where no zone is said)"
    if SPREADSHEET_DATE.fullmatch(text.strip()):
        return f"{text}: a spreadsheet's date, in which day and month cannot be told apart", needed, AGAIN
    try:
        found = instant(text)
    except ValueError:
        return f"{text!r} is no date and time", needed, "correct the line, or export the file again"
    if not versions.FIRST_DAY <= f"{found:%Y-%m-%d}" <= versions.LAST_DAY:
        return (
            f"{text} is far from any bill",
            f"a time between {versions.FIRST_DAY} and {versions.LAST_DAY}",
            AGAIN,
        )
    return None


def instant(text: str) -> datetime:
    """A point in time, UTC where no zone is said; ValueError where it is none."""
    if not versions.TIME.fullmatch(text):
        raise ValueError(text)
    cut = re.sub(r"(\.\d{6})\d+", r"\1", text.strip().replace(" UTC", "Z").replace("UTC", "Z"))
    found = datetime.fromisoformat(cut)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
