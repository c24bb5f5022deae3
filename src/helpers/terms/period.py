"""Months as the kit names them: ``2026-09``, from its first day to the first of the next, in UTC."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime

from helpers.terms import writing
from helpers.terms.errors import UsageError


@dataclass(frozen=True, order=True)
class Month:
    """A calendar month in UTC.

    Examples
    --------
    >>> m = Month.parse("2026-09")
    >>> str(m.plus(-12)), m.days, m.title
    ('2025-09', 30, 'September 2026')
    """

    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> Month:
        """From ``YYYY-MM``; anything else is a `UsageError` that names the remedy."""
        found = re.fullmatch(r"(\d{4})-(\d{2})", text)
        if not found or not 1 <= int(found[2]) <= 12:
            raise UsageError(f"month {text!r}", "a month as YYYY-MM", "write it like 2026-09")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def of(cls, day: date) -> Month:
        """The month that holds `day`."""
        return cls(day.year, day.month)

    def plus(self, months: int) -> Month:
        """The month `months` later (earlier when negative)."""
        count = self.year * 12 + self.month - 1 + months
        return Month(count // 12, count % 12 + 1)

    def since(self, other: Month) -> int:
        """Months from `other` to this one; below zero where it is later.

        Examples
        --------
        >>> Month(2026, 3).since(Month(2025, 12))
        3
        """
        return (self.year - other.year) * 12 + self.month - other.month

    @property
    def start(self) -> datetime:
        """First instant, UTC, included."""
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """First instant of the next month, UTC, excluded."""
        return self.plus(1).start

    @property
    def days(self) -> int:
        """How many days the month has."""
        return calendar.monthrange(self.year, self.month)[1]

    @property
    def name(self) -> str:
        """``September``, in the page's language."""
        return writing.now().month(self.month)

    @property
    def title(self) -> str:
        """``September 2026``, in the page's language and form."""
        return writing.now().of_month(self.year, self.month)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"


def parse_day(text: str) -> date:
    """A day from ``YYYY-MM-DD``; anything else is a `UsageError`."""
    try:
        return date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) else _no_day(text)
    except ValueError:
        return _no_day(text)


def _no_day(text: str) -> date:
    raise UsageError(f"day {text!r}", "a day as YYYY-MM-DD", "write it like 2026-10-05")
