"""Series of numbers from a CSV file with the columns series, date, value: daily or monthly, checked line by line."""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

from helpers.terms.errors import BadInput
from helpers.terms.period import Month

COLUMNS = ("series", "date", "value")
MISSING = {"", "na", "n/a", "nan", "null", "none"}
MOST_MISSING = 0.5  # beyond this share of gaps nothing honest can be said


@dataclass(frozen=True)
class Series:
    """One series of consecutive days or months.

    Attributes
    ----------
    name : str
    grain : str
        ``day`` or ``month``.
    last : date
        The last day, or the day that the file uses for the last month.
    values : list of float
        From the first date to the last, NaN where a day or month is missing.
    day : int
        Day of the month that stands for a month; 31 for its last day, 0 where the file writes ``YYYY-MM``.
    notes : list of str
        What was odd and taken all the same.
    """

    name: str
    grain: str
    last: date
    values: list[float]
    day: int = 1
    notes: list[str] = field(default_factory=list)

    def after(self, steps: int) -> list[str]:
        """The dates of the next steps, written as the file writes them."""
        if self.grain == "day":
            return [(self.last + timedelta(days=h)).isoformat() for h in range(1, steps + 1)]
        months = [Month.of(self.last).plus(h) for h in range(1, steps + 1)]
        if self.day == 0:
            return [str(m) for m in months]
        return [date(m.year, m.month, min(self.day, m.days)).isoformat() for m in months]


def read(path: Path | str) -> list[Series]:
    """Every series of a file, in the order in which they first appear.

    Parameters
    ----------
    path : Path or str
        CSV in UTF-8, separated by comma or semicolon, columns series, date (``2026-10-05``, ``2026-10``), value.

    Raises
    ------
    BadInput
        With file, row and column: a column is missing, a date or value cannot be read, a date stands twice, dates are
        neither daily nor monthly, or a series has hardly any value.
    """
    name = str(path)
    rows = lines(path)
    _, header = next(rows)
    places = _places(header, name)
    found: dict[str, dict[date, tuple[float, int]]] = {}
    short: Counter[str] = Counter()
    for row, cells in rows:
        if len(cells) < len(header):
            raise incomplete(cells, header, name, row)
        who, when, what = (cells[places[c]].strip() for c in COLUMNS)
        if not who:
            raise BadInput("no name", "the name of a series", "name it", file=name, row=row, column="series")
        day, monthly = _date(when, name, row)
        short[who] += monthly
        held = found.setdefault(who, {})
        if day in held:
            raise BadInput(
                f"{when} of {who!r} stands twice, first in row {held[day][1]}",
                "each date once for each series",
                "add the two up or drop one",
                file=name,
                row=row,
                column="date",
            )
        held[day] = (number(what, name, row), row)
    if not found:
        raise BadInput("no line below the header", "at least one value", "give the series", file=name)
    return [_series(who, held, short[who], name) for who, held in found.items()]


def lines(path: Path | str) -> Iterator[tuple[int, list[str]]]:
    """Row and cells of a CSV file: its header first, in small letters, then every line that is not empty.

    Raises
    ------
    BadInput
        No such file, no UTF-8, no CSV.
    """
    name = str(path)
    try:
        text = Path(path).read_text("utf-8-sig")
    except FileNotFoundError:
        raise BadInput("no such file", "a CSV file", "check the path", file=name) from None
    except (UnicodeDecodeError, IsADirectoryError) as problem:
        raise BadInput(
            f"no UTF-8 text: {type(problem).__name__}", "a CSV file in UTF-8", "save it as UTF-8", file=name
        ) from None
    first = text.split("\n", 1)[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        yield 1, [h.strip().lower() for h in next(reader, [])]
        for cells in reader:
            if any(c.strip() for c in cells):
                yield reader.line_num, cells
    except csv.Error as problem:
        raise BadInput(
            f"no CSV: {problem}", "CSV, quotes closed", "export it again", file=name, row=reader.line_num
        ) from None


def incomplete(cells: list[str], header: list[str], name: str, row: int) -> BadInput:
    """A line that ends too early."""
    return BadInput(f"{len(cells)} cells", f"{len(header)}", "complete the line", file=name, row=row)


def number(text: str, name: str, row: int) -> float:
    """What stands in the column value: NaN where nothing does."""
    if text.lower() in MISSING:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        value = math.inf
    if not math.isfinite(value) or "_" in text:
        raise BadInput(
            f"{text!r}",
            "a number such as 1234.56, or nothing for a gap",
            "write it without separators of thousands",
            file=name,
            row=row,
            column="value",
        )
    return value


def _places(header: list[str], name: str) -> dict[str, int]:
    lacking = [c for c in COLUMNS if c not in header]
    if lacking:
        raise BadInput(
            f"columns {', '.join(header) or 'none'}",
            "columns series, date, value",
            f"add {', '.join(lacking)}",
            file=name,
            row=1,
            column=lacking[0],
        )
    return {c: header.index(c) for c in COLUMNS}


def _date(text: str, name: str, row: int) -> tuple[date, bool]:
    """The day, and whether only a month was written."""
    found = re.fullmatch(r"(\d{4})-(\d{2})(?:-(\d{2}))?(?:[T ]00:00(?::00(?:\.0+)?)?(?:Z|\+00:00)?)?", text)
    try:
        if found:
            return date(int(found[1]), int(found[2]), int(found[3] or 1)), found[3] is None
    except ValueError:
        pass
    raise BadInput(
        f"{text!r}",
        "a day as YYYY-MM-DD, or a month as YYYY-MM",
        "write it like 2026-10-05",
        file=name,
        row=row,
        column="date",
    )


def _series(who: str, held: dict[date, tuple[float, int]], short: int, name: str) -> Series:
    days = sorted(held)
    known = [d for d in days if math.isfinite(held[d][0])]
    if not known:
        raise BadInput(
            f"{who!r} has no value at all",
            "at least one number",
            "fill it in or leave the series out",
            file=name,
            row=held[days[0]][1],
            column="value",
        )
    steps = [(b - a).days for a, b in pairwise(days)]
    monthly = _monthly(days, short)
    if short and short != len(days):
        first = next(d for d in days if d.day != 1) if any(d.day != 1 for d in days) else days[-1]
        raise BadInput(
            f"{who!r} has months and days",
            "one frequency for a series",
            "sum the days to months, or give it two names",
            file=name,
            row=held[first][1],
            column="date",
        )
    if not monthly and steps:
        _daily(who, days, steps, held, name)
    if monthly:
        first, last = Month.of(days[0]), Month.of(days[-1])
        by = {Month.of(d): held[d][0] for d in days}
        whole = [first.plus(n) for n in range((last.year - first.year) * 12 + last.month - first.month + 1)]
        values = [by.get(m, math.nan) for m in whole]
        day = 0 if short else 1 if days[0].day == 1 else 31
        return _checked(Series(who, "month", days[-1], values, day), held, name)
    span = [days[0] + timedelta(days=n) for n in range((days[-1] - days[0]).days + 1)]
    return _checked(
        Series(who, "day", days[-1], [held[d][0] if d in held else math.nan for d in span]), held, name
    )


def _monthly(days: list[date], short: int) -> bool:
    """Every date begins a month, or every date ends one; a single date counts as a day unless it is written as a month."""
    if short:
        return True
    if len(days) < 2:
        return False
    return all(d.day == 1 for d in days) or all((d + timedelta(days=1)).day == 1 for d in days)


def _daily(who: str, days: list[date], steps: list[int], held: dict, name: str) -> None:
    """Refuse what is neither daily nor monthly, and what changes from one to the other."""
    single, long = steps.count(1), sum(s >= 5 for s in steps)
    if single >= 2 and long >= 3 and long >= 0.15 * len(steps):
        place = next(i for i, s in enumerate(steps) if (s >= 5) != (steps[0] >= 5)) + 1
        raise BadInput(
            f"{who!r} goes in steps of {steps[0]} day{'s' * (steps[0] != 1)} and then of {steps[place - 1]}",
            "one frequency for a series: daily or monthly",
            "sum the days to months, or give the parts two names",
            file=name,
            row=held[days[place]][1],
            column="date",
        )
    usual, times = Counter(steps).most_common(1)[0]
    if usual != 1 and times > single:
        raise BadInput(
            f"{who!r} goes in steps of {usual} days",
            "daily or monthly dates (months on their first or last day)",
            "sum it to months, or fill in the days",
            file=name,
            row=held[days[1]][1],
            column="date",
        )


def _checked(series: Series, held: dict, name: str) -> Series:
    gaps = sum(not math.isfinite(v) for v in series.values)
    if gaps > MOST_MISSING * len(series.values):
        raise BadInput(
            f"{series.name!r} has no value on {gaps} of {len(series.values)} {series.grain}s",
            f"values on at least half of the {series.grain}s between its first and last",
            "fill in zeros where nothing was spent, or begin the series later",
            file=name,
            row=min(row for _, row in held.values()),
            column="value",
        )
    return series
