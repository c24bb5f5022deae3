"""A budget as finance keeps it: a row a department, a column a month, amounts as a spreadsheet of some country writes them.

`is_wide` recognises it by its header; `tall` turns it into the rows of ``budgets.csv``. Which sign divides and which groups
is read off the whole file, never off one cell; where a file leaves it open, it is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path

from helpers.terms.errors import BadInput

NAMES = ("department", "currency", "version", "approved_by", "approved_on")
TOTAL = re.compile(r"(grand )?(total|sum)s?", re.IGNORECASE)
_SHORT = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_BLANKS = "\u00a0\u202f\u2009 "

Row = tuple[int, list[str]]


def month(text: str) -> str | None:
    """The month ``YYYY-MM`` that a column's name says, or None.

    Examples
    --------
    >>> [month(t) for t in ("2026-10", "Oct 2026", "October-26", "10/2026", "2026-10-01", "Total")]
    ['2026-10', '2026-10', '2026-10', '2026-10', '2026-10', None]
    """
    text = text.strip().casefold()
    if found := re.fullmatch(r"(\d{4})[-/.](\d{1,2})([-/.]0?1)?", text):
        year, number = found[1], int(found[2])
    elif found := re.fullmatch(r"(?:0?1[-/.])?(\d{1,2})[-/.](\d{4})", text):
        year, number = found[2], int(found[1])
    elif (found := re.fullmatch(r"([a-z]{3,9})\.?[ '-]*(\d{4}|\d{2})", text)) and found[1][:3] in _SHORT:
        year, number = found[2].rjust(3, "0").rjust(4, "2"), _SHORT.index(found[1][:3]) + 1
    else:
        return None
    return f"{year}-{number:02d}" if 1 <= number <= 12 else None


def is_wide(header: Iterable[str]) -> bool:
    """Whether the columns are a department and months.

    Examples
    --------
    >>> is_wide(["Department", "currency", "2026-10", "2026-11"]), is_wide(["month", "amount", "currency"])
    (True, False)
    """
    names = [h.strip().casefold() for h in header]
    return "department" in names and sum(month(n) is not None for n in names) >= 2


def tall(
    path: Path, header: Sequence[str], rows: Sequence[Row], separator: str
) -> tuple[list[str], list[Row]]:
    """Header and rows of ``budgets.csv``: one for each department and month that has an amount.

    Totals are compared and left out. Columns that start with ``#`` are remarks.

    Raises
    ------
    BadInput
        With row and column as they stand in the spreadsheet.
    """
    months = {n: m for n, h in enumerate(header) if (m := month(h))}
    names = {n: h.strip().casefold() for n, h in enumerate(header) if n not in months}
    _check(path, header, months, names)
    sums = [n for n, h in names.items() if TOTAL.fullmatch(h)]
    filled = [(row, [*cells, *[""] * (len(header) - len(cells))]) for row, cells in rows]
    mark = _mark(path, header, filled, [*months, *sums], separator)
    at = {h: n for n, h in names.items()}
    found: list[Row] = []
    columns: dict[str, dict[int, Decimal]] = {}
    for row, cells in filled:
        amounts = {
            n: _amount(path, row, header[n], cells[n], mark)
            for n in (*months, *sums)
            if cells[n].strip(_BLANKS)
        }
        for n in sums:
            _compare(
                path,
                row,
                header[n],
                amounts.pop(n, None),
                sum((v for m, v in amounts.items() if m in months), Decimal(0)),
            )
        currency = cells[at["currency"]].strip()
        so_far = columns.setdefault(currency, {})
        if TOTAL.fullmatch(cells[at["department"]].strip()):
            for n, amount in amounts.items():
                _compare(path, row, header[n], amount, so_far.get(n, Decimal(0)))
            continue
        for n, amount in amounts.items():
            so_far[n] = so_far.get(n, Decimal(0)) + amount
            told = {h: cells[k].strip() for h, k in at.items() if h in NAMES}
            found.append((row, [months[n], format(amount, "f"), *(told.get(h, "") for h in NAMES)]))
    return ["month", "amount", *NAMES], found


def _check(path: Path, header: Sequence[str], months: dict[int, str], names: dict[int, str]) -> None:
    for n, name in names.items():
        if name and name not in NAMES and not name.startswith("#") and not TOTAL.fullmatch(name):
            raise BadInput(
                "a column that is neither a month nor one of budgets",
                f"months (2026-10, Oct 2026, 10/2026), {', '.join(NAMES)}, Total",
                "rename it, or let its name start with # if it is a remark",
                file=str(path),
                row=1,
                column=header[n],
            )
    if "currency" not in names.values():
        raise BadInput(
            "a budget without currency",
            "a column currency with a code of ISO 4217 in each row",
            "add it",
            file=str(path),
            row=1,
            column="currency",
        )
    twice = [m for m in months.values() if list(months.values()).count(m) > 1]
    if twice:
        raise BadInput(
            f"{twice[0]} twice", "each month once", "remove one", file=str(path), row=1, column=twice[0]
        )


def _mark(
    path: Path, header: Sequence[str], rows: Sequence[Row], columns: Sequence[int], separator: str
) -> str:
    """The sign before decimals, as all amounts of the file say it together."""
    said: dict[str, tuple[int, str, str]] = {}
    for row, cells in rows:
        for n in columns:
            if (mark := _evidence(cells[n], separator)) and mark not in said:
                said[mark] = (row, header[n], cells[n].strip())
    if len(said) > 1:
        row, column, cell = said[","]
        other = said["."]
        raise BadInput(
            f"{cell!r}, where row {other[0]} has {other[2]!r}",
            "one way of writing numbers in a file: decimal points, or decimal commas",
            "give all amounts the same format before you save it",
            file=str(path),
            row=row,
            column=column,
        )
    return next(iter(said), "")


def _evidence(cell: str, separator: str) -> str:
    """The decimal sign that a cell proves, or nothing."""
    digits = re.sub(r"[^\d.,]", "", cell)
    if "." in digits and "," in digits:
        return max(".,", key=digits.rfind)
    for mark, other in ((".", ","), (",", ".")):
        if digits.count(mark) > 1:
            return other
        if mark in digits and len(digits) - digits.index(mark) != 4:
            return mark
        # a spreadsheet parts cells by semicolons where commas divide numbers, and by commas where points do
        if mark in digits and mark == ("." if separator == ";" else ","):
            return other
    return ""


def _amount(path: Path, row: int, column: str, cell: str, mark: str) -> Decimal:
    text = cell.strip(_BLANKS)
    number = re.sub(r"^(?:[A-Z]{3}|[€$£¥])\s*|\s*(?:[A-Z]{3}|[€$£¥])$", "", text)
    negative = number.startswith(("-", "−", "(")) or number.endswith("-")
    number = re.sub(r"^\(|\)$", "", number).strip("-−+" + _BLANKS)
    number = re.sub(r"^[€$£¥]\s*", "", number)
    group = {".": ",", ",": "."}.get(mark, "")
    if not mark and re.search(r"[.,]", number):
        raise BadInput(
            f"{text!r}, which may be thousands or thousandths",
            "amounts that say which: 1234, 1,234.00 or 1.234,00",
            "give the cells two decimals, or no sign between thousands",
            file=str(path),
            row=row,
            column=column,
        )
    grouped = rf"\d{{1,3}}(?:[{re.escape(group)}{_BLANKS}'’]\d{{3}})+|\d+"
    if not re.fullmatch(rf"(?:{grouped})(?:{re.escape(mark or '.')}\d*)?", number):
        raise BadInput(
            repr(text),
            "an amount",
            "write it like 1234.56, or leave the cell empty",
            file=str(path),
            row=row,
            column=column,
        )
    plain = re.sub(rf"[{re.escape(group)}{_BLANKS}'’]", "", number).replace(mark or ".", ".")
    return Decimal(plain.rstrip(".")) * (-1 if negative else 1)


def _compare(path: Path, row: int, column: str, total: Decimal | None, added: Decimal) -> None:
    if total is not None and total != added:
        raise BadInput(
            f"a total of {total:f}, where the amounts add up to {added:f}",
            "totals that are the sum of what stands there",
            "correct it, or delete the total",
            file=str(path),
            row=row,
            column=column,
        )
