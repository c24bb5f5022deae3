"""How long a generation of instances is used before it is replaced: learned over all regions and types seen so far.

A commitment to a type is a bet that the type lives on. What is known before a moment: since when each type is used (or that
it was there when the data begin, its age unknown), and which have been replaced, which shows as a fall to a third of their
best month while the region's demand stayed. A Weibull lifetime with unknown mean and shape is weighed by these facts on a
prior; regions share a type's fate, so a type's facts count once however many regions show it. Once a type has been replaced
somewhere, the same type elsewhere is in danger, at a rate learned from earlier waits.

The prior is of our own: hyperscalers' general-purpose families followed each other after 19 to 45 months (release dates
of AWS m4 2015-06, m5 2017-11, m6g 2020-05, m6i 2021-08, m7g 2023-02, m7i 2023-08, m8g 2024-09).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gamma
from typing import Any

import numpy as np

from helpers.models.commitments.history import DAYS_A_MONTH, HOURS_A_DAY, History

Array = Any
# prior: mean lifetime in months, and shape (2: danger grows with age; 3: most live about as long)
MEANS = {15.0: 0.5, 20.0: 1.0, 25.0: 1.5, 30.0: 2.0, 36.0: 1.5, 45.0: 1.0, 60.0: 0.7, 90.0: 0.3}
SHAPES = {2.0: 0.5, 3.0: 0.5}
ENTRY = np.arange(0.0, 37.0, 3.0)  # ages that a type may have had when the data began, all alike
THERE_FROM_THE_START = 14  # days: used within these, its age is not known
MATERIAL, STEADY = 0.05, 0.95  # share of its region's demand and of its hours in some four weeks
REPLACED, REMAINS = 0.3, 0.7  # its last week to its best month; the region's to that month's
LATE_EVENTS, LATE_MONTHS = (
    2.0,
    12.0,
)  # prior for the wait between regions: two replacements in twelve months of danger
CAUTION = 1.5  # an unknown age is a guess, not a fact: its danger counts that much more
LEFT = 0.3  # share of a term that a type still serves once it is being replaced here


@dataclass(frozen=True)
class Fate:
    """One material type of a region, as far as is known.

    Attributes
    ----------
    aged : bool
        It was there when the data began: its age is at least what is seen.
    born, seen : int [days after the history's start]
        First day, and the day it was replaced or, if it lives, the last day known.
    replaced : bool
    """

    aged: bool
    born: int
    seen: int
    replaced: bool

    @property
    def age(self) -> float:
        """[months]"""
        return (self.seen - self.born) / DAYS_A_MONTH


def fates(past: History) -> dict[str, Fate]:
    """Each type that ever mattered in this past: steadily used, and a twentieth of the region or more."""
    days = len(past.use) // HOURS_A_DAY
    if days < 28:
        return {}
    hours = past.use[: days * HOURS_A_DAY].reshape(days, HOURS_A_DAY, -1)
    use, there = hours.mean(1), (hours > 0).mean(1)
    month, steady, week = _rolling(use, 28), _rolling(there, 28), _rolling(use, 7)
    whole, now = month.sum(1), week.sum(1)
    found = {}
    for i, name in enumerate(past.types):
        counts = (month[:, i] >= MATERIAL * whole) & (steady[:, i] >= STEADY) & (month[:, i] > 0)
        if not counts.any():
            continue
        best = int(np.where(counts, month[:, i], 0).argmax())
        low = (week[:, i] < REPLACED * month[best, i]) & (now > REMAINS * whole[best])
        born = int((use[:, i] > 0).argmax())
        since = len(low) - int((~low[::-1]).argmax()) if not low.all() else 0
        seen = since + 7 if low[-1] else days
        found[name] = Fate(born < THERE_FROM_THE_START, born, seen, bool(low[-1]))
    return found


def _rolling(values: Array, days: int) -> Array:
    run = np.cumsum(np.vstack([np.zeros(values.shape[1]), values]), 0)
    return (run[days:] - run[:-days]) / days


class Lifetimes:
    """What the pasts of all regions together say about how long types live.

    Parameters
    ----------
    pasts : sequence of History
        All cut at the same instant.
    """

    def __init__(self, pasts: Sequence[History]) -> None:
        self._mean, self._shape = (a.ravel() for a in np.meshgrid(list(MEANS), list(SHAPES), indexing="ij"))
        self._scale = self._mean / np.array([gamma(1 + 1 / s) for s in self._shape])
        self._seen = {p.name: fates(p) for p in pasts}
        self._start = {p.name: p.start for p in pasts}
        self._days = {p.name: len(p.use) // HOURS_A_DAY for p in pasts}
        self._weight = self._posterior()
        self._gone, self._rate = self._waits()

    @property
    def mean(self) -> float:
        """Expected lifetime [months]."""
        return float(self._weight @ self._mean)

    def chances(self, region: str, name: str, born: int, term: int) -> Array:
        """Probability that this type is used as now, in each of the coming `term` months.

        `born` is its first day in the data [days after the history's start].
        """
        days = self._days[region]
        fate = self._seen[region].get(name, Fate(born < THERE_FROM_THE_START, born, days, False))
        if fate.replaced:
            return np.where(np.arange(term) < 12, LEFT, 0.0)
        ahead = np.arange(term) + 0.5
        if fate.aged:
            before = self._survival(ENTRY + fate.age).sum(1)
            after = np.stack([self._survival(ENTRY + fate.age + a).sum(1) for a in ahead], 1)
        else:
            before = self._survival(np.array([fate.age]))[:, 0]
            after = self._survival(fate.age + ahead)
        lives = self._weight @ (after / np.maximum(before, 1e-12)[:, None])
        if fate.aged:
            lives = np.clip(1 - CAUTION * (1 - lives), 0, 1)
        if name in self._gone:
            lives = lives * np.exp(-self._rate * ahead)
        return lives

    def _survival(self, age: Array) -> Array:
        """Of each lifetime (rows) at each age [months] (columns)."""
        return np.exp(-((np.maximum(age, 0)[None, :] / self._scale[:, None]) ** self._shape[:, None]))

    def _posterior(self) -> Array:
        prior = np.outer(list(MEANS.values()), list(SHAPES.values())).ravel()
        evidence = np.zeros(len(prior))
        by_type: dict[str, list[Fate]] = {}
        for region in self._seen.values():
            for name, fate in region.items():
                by_type.setdefault(name, []).append(fate)
        for seen in by_type.values():
            evidence += sum(self._evidence(f) for f in seen) / len(seen)
        weight = prior * np.exp(evidence - evidence.max())
        return weight / weight.sum()

    def _evidence(self, fate: Fate) -> Array:
        """Log likelihood of what is seen of one type, for each lifetime."""
        ages = ENTRY + fate.age if fate.aged else np.array([fate.age])
        seen = self._survival(ages).sum(1)
        if fate.replaced:  # within about a month and a half around the day
            seen = (self._survival(ages - 1) - self._survival(ages + 0.5)).sum(1)
        began = self._survival(ENTRY).sum(1) if fate.aged else 1.0
        return np.log(np.maximum(seen, 1e-12) / np.maximum(began, 1e-12))

    def _waits(self) -> tuple[dict[str, Any], float]:
        """Types replaced somewhere, with the first day; and how fast the other regions follow [1/month]."""
        first: dict[str, Any] = {}
        for region, seen in self._seen.items():
            for name, fate in seen.items():
                if fate.replaced:
                    day = self._start[region] + np.timedelta64(fate.seen, "D")
                    first[name] = min(first.get(name, day), day)
        followed, months = LATE_EVENTS, LATE_MONTHS
        for region, seen in self._seen.items():
            for name, fate in seen.items():
                day = self._start[region] + np.timedelta64(fate.seen, "D")
                if name in first and day > first[name]:
                    months += (day - first[name]) / np.timedelta64(1, "D") / DAYS_A_MONTH
                    followed += fate.replaced
        return first, float(followed / months)
