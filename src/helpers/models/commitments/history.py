"""Hourly demand of one region (or pool) by type, and its calendar of months: what every part of this package reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from helpers.terms.period import Month

Array = Any
HOURS_A_DAY, HOURS_A_MONTH = 24, 730
DAYS_A_MONTH = 30.44


@dataclass(frozen=True)
class History:
    """Demand of a region, hour by hour.

    Attributes
    ----------
    name : str
    start : numpy.datetime64
        The first hour, UTC.
    types : tuple of str
    use : array, hours by types [normalised units, or on-demand money per hour]
        Zero where a type was not used or an hour is not known.
    known : array of bool
        False for an hour about which nothing is known: it counts neither as demand nor as cost.
    """

    name: str
    start: Any
    types: tuple[str, ...]
    use: Array
    known: Array

    @classmethod
    def of_days(cls, name: str, days: Mapping[str, Mapping[date, float]]) -> History:
        """From each type's mean of an hour by day; days count as even hours, and every day from the first to the last is known."""
        every = sorted({d for own in days.values() for d in own})
        types = tuple(sorted(days))
        use = np.zeros(((every[-1] - every[0]).days + 1, len(types)))
        for i, kind in enumerate(types):
            for d, value in days[kind].items():
                use[(d - every[0]).days, i] = value
        use = np.repeat(use, HOURS_A_DAY, axis=0)
        return cls(name, np.datetime64(every[0], "h"), types, use, np.ones(len(use), dtype=bool))

    @property
    def first(self) -> Month:
        """The first whole month."""
        day = self.start.astype("datetime64[D]").item()
        month = Month.of(day)
        whole = day.day == 1 and self.start == self.start.astype("datetime64[D]")
        return month if whole else month.plus(1)

    @property
    def month(self) -> Array:
        """Month of each hour, counted from the first whole one; -1 before it."""
        hours = self.start + np.arange(len(self.use)).astype("timedelta64[h]")
        return hours.astype("datetime64[M]").astype(int) - np.datetime64(str(self.first), "M").astype(int)

    @property
    def months(self) -> int:
        """How many months there are from the first whole one, the last perhaps not whole."""
        return int(self.month[-1]) + 1 if len(self.use) else 0

    def hour(self, day: date) -> int:
        """Place of a day's first hour; may lie outside the history."""
        return int((np.datetime64(day, "h") - self.start.astype("datetime64[h]")).astype(int))

    def until(self, hour: int) -> History:
        """What is known before an hour."""
        return History(self.name, self.start, self.types, self.use[:hour], self.known[:hour])
