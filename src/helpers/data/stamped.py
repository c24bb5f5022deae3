"""One series of a monitor from a CSV file with the columns timestamp, value: evenly spaced, checked line by line."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from helpers.data.series import MOST_MISSING, incomplete, lines, number
from helpers.terms.errors import BadInput

COLUMNS = ("timestamp", "value")


@dataclass(frozen=True)
class Stamped:
    """A series on an even grid.

    Attributes
    ----------
    times : list of datetime
        Of each place: the file's own time where a value stands, else the grid's; all with a zone or all without.
    values : list of float
        NaN where there is no value: a gap.
    step : int
        Time between two places [s].
    notes : list of str
        What was odd and taken all the same.
    """

    times: list[datetime]
    values: list[float]
    step: int
    notes: list[str] = field(default_factory=list)


def read(path: Path | str) -> Stamped:
    """The series of a file.

    Parameters
    ----------
    path : Path or str
        CSV in UTF-8, separated by comma or semicolon; columns timestamp (ISO 8601, rising) and value, others are not read.

    Returns
    -------
    Stamped

    Raises
    ------
    BadInput
        With file, row and column: a column is missing, a time or value cannot be read, a time stands before the one above
        it, times with and without a zone, more than half of the values missing, fewer than three values.
    """
    name = str(path)
    rows = _rows(path)
    times = [r[1] for r in rows]
    if len(rows) < 3:
        raise BadInput(f"{len(rows)} values", "at least three", "give a longer series", file=name)
    _rising(rows, name)
    step = round(statistics.median((b - a).total_seconds() for a, b in pairwise(times)))
    if step < 1:
        raise BadInput("steps below a second", "steps of at least one second", "take means", file=name, row=3)
    return _on_grid(rows, step, name)


def _rows(path: Path | str) -> list[tuple[int, datetime, float]]:
    name = str(path)
    given = lines(path)
    _, header = next(given)
    when, what = _places(header, name)
    rows = []
    for row, cells in given:
        if len(cells) <= max(when, what):
            raise incomplete(cells, header, name, row)
        rows.append((row, _time(cells[when].strip(), name, row), number(cells[what].strip(), name, row)))
    return rows


def _places(header: list[str], name: str) -> tuple[int, int]:
    lacking = [c for c in COLUMNS if c not in header]
    if lacking:
        raise BadInput(
            f"columns {', '.join(h for h in header if h) or 'none'}",
            "columns timestamp and value",
            f"name one of them {lacking[0]}",
            file=name,
            row=1,
            column=lacking[0],
        )
    return header.index("timestamp"), header.index("value")


def _time(text: str, name: str, row: int) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(
            f"{text!r}",
            "a time such as 2026-10-05 14:30:00, or with a zone 2026-10-05T14:30:00Z",
            "write it so",
            file=name,
            row=row,
            column="timestamp",
        ) from None
    return found.astimezone(UTC) if found.tzinfo else found


def _rising(rows: list[tuple[int, datetime, float]], name: str) -> None:
    for (_, before, _), (row, now, _) in pairwise(rows):
        if (before.tzinfo is None) != (now.tzinfo is None):
            raise BadInput(
                "times with and without a zone", "all of one kind", "write all in UTC", file=name, row=row
            )
        if now >= before:
            continue
        back = before - now
        summer = timedelta(minutes=30) <= back <= timedelta(hours=1)
        remedy = "sort the lines by time"
        if summer:
            remedy = "write times with their zone or in UTC: an hour comes twice when summer time ends"
        raise BadInput(
            f"{now} after {before}", "rising times", remedy, file=name, row=row, column="timestamp"
        )


def _on_grid(rows: list[tuple[int, datetime, float]], step: int, name: str) -> Stamped:
    start = rows[0][1]
    places = [round((t - start).total_seconds() / step) for _, t, _ in rows]
    count = places[-1] + 1
    known = sum(math.isfinite(v) for _, _, v in rows)
    if not known:
        raise BadInput(
            "no value at all",
            "at least one number",
            "fill the column in",
            file=name,
            row=rows[0][0],
            column="value",
        )
    if known < (1 - MOST_MISSING) * count:
        jump = max(range(1, len(rows)), key=lambda i: places[i] - places[i - 1])
        raise BadInput(
            f"values at {known} of {count} steps of {step} seconds",
            "values at half of them at least",
            "give the parts between long gaps, or of different steps, as files of their own",
            file=name,
            row=rows[jump][0],
            column="timestamp",
        )
    values = [math.nan] * count
    times = [start + timedelta(seconds=step * n) for n in range(count)]
    crowded = Counter(places)
    for place, (_, time, value) in zip(places, rows, strict=True):
        if not math.isfinite(values[place]):
            values[place], times[place] = value, time
        elif math.isfinite(value):
            values[place] = max(values[place], value, key=abs)
    return Stamped(times, values, step, _notes(values, step, crowded, rows))


def _notes(values: list[float], step: int, crowded: Counter[int], rows: list) -> list[str]:
    said = []
    gaps = sum(not math.isfinite(v) for v in values)
    known = [v for v in values if math.isfinite(v)]
    if gaps:
        first = next(i for i, v in enumerate(values) if not math.isfinite(v))
        at = rows[0][1] + timedelta(seconds=step * first)
        said.append(f"{gaps} of {len(values)} steps have no value, the first at {at}: gaps are not judged")
    close = sum(n - 1 for n in crowded.values())
    if close:
        at = next(row for (row, now, _), (_, before, _) in zip(rows[1:], rows, strict=False) if (now - before).total_seconds() < step)  # fmt: skip
        said.append(
            f"{close} lines stand at the same step as another, the first in row {at}: the value furthest from zero counts"
        )
    if min(known) < 0:
        said.append(f"{sum(v < 0 for v in known)} values are below zero; they are taken as they are")
    if not any(known):
        said.append("all values are zero: there is nothing that could stand out")
    return said
