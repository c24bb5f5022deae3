"""Many daily series at once: what each was expected to be, and on which days it was more than that.

One pass over the days, vectorised over the series; nothing after a day is used at it. The expected value is the median of
the last two weeks, freed of the weekday and put back on it; while an incident lasts, what was expected takes the place of
what was seen, so that an incident does not become the usual by lasting. Method and measured figures: docs/anomalies.md.

References
----------
B. Iglewicz and D. C. Hoaglin, How to Detect and Handle Outliers, 1993 (median and MAD in place of mean and deviation).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from helpers.models.smoothing import medians

Array = Any
WEEK = 7
AGAIN = 0.9  # of today's cost: so much on the same day before is the same again
LONG = 91  # days over which a series that seldom costs anything is remembered


@dataclass(frozen=True)
class Policy:
    """Limits; all are arguments, none is hidden.

    Attributes
    ----------
    level : int
        Days over which the usual level is the median.
    weeks : int
        Weeks over which the weekday's share is the median.
    spread : int
        Days over which the usual distance from the expected is the median.
    warm : int
        Days of a series before its first alert.
    scales : float
        Distance above the expected, in usual distances (1.4826 MAD) [1].
    share : float
        Distance above the expected at least, as a share of it [1].
    slow : float
        As `share`, for the mean of a week: a smaller step that stays.
    least : float
        Distance at least [unit of the series a day].
    settle : int
        Days after which an incident that goes on is the new usual.
    quiet : int
        Days below the limit that end an incident.
    rest : int
        Days after a new usual before a mean of a week is judged again: what was expected still lags behind it.
    """

    level: int = 14
    weeks: int = 8
    spread: int = 56
    warm: int = 28
    scales: float = 5.0
    share: float = 0.30
    slow: float = 0.12
    least: float = 1.0
    settle: int = 28
    quiet: int = 3
    rest: int = 14


@dataclass(frozen=True)
class Episode:
    """A run of days on which a series was above what was expected.

    Attributes
    ----------
    series : int
        Row of the panel.
    start, seen, end : int
        First day above the limit, day of the alert, last day above (columns); `seen` is what a reader could have known.
    settled : bool
        Whether it still went on when it was taken as the new usual.
    score : float
        Largest distance in usual distances, 3 of them being one in a thousand for a normal series [1].
    """

    series: int
    start: int
    seen: int
    end: int
    settled: bool
    score: float


@dataclass(frozen=True)
class Watched:
    """A panel and what was found in it.

    Attributes
    ----------
    expected, scale : array, series by days
        NaN where nothing was expected yet.
    above : array of bool, series by days
        Days of incidents, from the day of the alert on.
    episodes : list of Episode
        By day of the alert.
    """

    expected: Array
    scale: Array
    above: Array
    episodes: list[Episode]


def watch(
    values: Array,
    policy: Policy | None = None,
    *,
    least: Array | None = None,
    scales: Array | None = None,
) -> Watched:
    """Walk over the days and find the episodes of every series.

    Parameters
    ----------
    values : array, series by days
        NaN where there is no value: before a series begins, or a gap, which is neither judged nor learned from.
    policy : Policy, optional
    least : array, series by 1 or days, optional
        In place of ``policy.least`` [unit a day].
    scales : array of series, optional
        In place of ``policy.scales``.

    Returns
    -------
    Watched

    Examples
    --------
    >>> import numpy as np
    >>> cost = np.full((1, 60), 10.0)
    >>> cost[0, 50:53] = 90
    >>> [(e.start, e.end) for e in watch(cost).episodes]
    [(50, 52)]
    """
    policy = policy or Policy()
    days = values.shape[1]
    walk = _Walk(np.asarray(values, dtype=float), policy, least, scales)
    for day in range(days):
        walk.step(day)
    return Watched(walk.expected, walk.scale, walk.above, walk.finished())


class _Walk:
    """State of all series between two days."""

    def __init__(self, values, policy, least, scales) -> None:
        self.values, self.policy = values, policy
        count = len(values)
        self.expected = np.full(values.shape, np.nan)
        self.scale = np.full(values.shape, np.nan)
        self.above = np.zeros(values.shape, dtype=bool)
        self.usual = np.full(
            values.shape, np.nan
        )  # what is learned from: seen, or expected while an incident lasts
        self.distance = np.full(values.shape, np.nan)
        self.shape = np.ones((count, WEEK))
        self.least = np.full((count, 1), policy.least) if least is None else least
        self.scales = np.full(count, policy.scales) if scales is None else scales
        self.known = np.zeros(count, dtype=int)
        self.inside = np.zeros(count, dtype=bool)
        self.gentle = np.zeros(count, dtype=bool)
        self.begun = np.zeros(count, dtype=int)
        self.seen = np.zeros(count, dtype=int)
        self.last = np.zeros(count, dtype=int)
        self.most = np.zeros(count)
        self.rested = np.zeros(count, dtype=int)
        self.found: list[Episode] = []

    def step(self, day: int) -> None:
        policy, now = self.policy, self.values[:, day]
        if day >= 2 * WEEK and day % WEEK == 0:
            self._weekday(day)
        factor = self.shape[:, day % WEEK]
        expected = self._level(day) * factor
        scale = self._spread(day, expected)
        seldom = np.flatnonzero(expected == 0)  # most days cost nothing: only more than ever is odd
        ever = np.zeros(len(expected))
        if len(seldom) and day:
            ever[seldom] = np.nanmax(np.nan_to_num(self.usual[seldom, max(0, day - LONG) : day]), axis=1)
        self.expected[:, day], self.scale[:, day] = expected, scale
        there = np.isfinite(now)
        over = now - expected
        least = self.least[:, min(day, self.least.shape[1] - 1)]
        scale = np.where(
            np.isfinite(scale), scale, 0.0
        )  # never anything but nothing: any cost is far from it
        limit = np.maximum(np.maximum(self.scales * scale, policy.share * expected), least)
        limit = np.maximum(limit, (1 + policy.share) * ever)
        with np.errstate(invalid="ignore"):
            fast = over > limit
            fast &= self.inside | ~self._each_week(day, now)
            slow, began = self._slow(day, over, expected, scale, least)
            # an incident that a week had to show goes on at half of what a week needs
            little = np.maximum(self.scales * scale / 2, policy.slow * expected)
            goes_on = np.maximum(0.5 * np.where(self.gentle, little, limit), least)
            high = np.where(self.inside, fast | (over > goes_on), fast | slow)
        high &= there & (self.known >= policy.warm)
        self._open(day, high & ~self.inside, np.where(fast, day, began), fast)
        with np.errstate(invalid="ignore", divide="ignore"):
            score = np.where(scale > 0, over / scale, 0.0)
        self.most = np.where(self.inside & high, np.maximum(self.most, score), self.most)
        self.last = np.where(self.inside & high, day, self.last)
        self.above[:, day] = self.inside & high
        self._learn(day, now, there, expected, high)
        self._close(day)
        self.known += there

    def _level(self, day: int) -> Array:
        """Median of the last days, without weekday; NaN before there are three."""
        begin = max(day - self.policy.level, 0)
        if day - begin < 3:
            return np.full(len(self.values), np.nan)
        places = np.arange(begin, day) % WEEK
        tail = self.usual[:, begin:day] / self.shape[:, places]
        enough = np.isfinite(tail).sum(axis=1) >= 3
        return np.where(enough, medians(tail, 1), np.nan)

    def _weekday(self, day: int) -> None:
        """Share of each weekday in its week, median of the last weeks, shrunk to 1 where weeks disagree."""
        weeks = min(self.policy.weeks, day // WEEK)
        block = self.usual[:, day - weeks * WEEK : day].reshape(len(self.values), weeks, WEEK)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = block.mean(axis=2, keepdims=True)
            share = np.where(mean > 0, block / mean, np.nan)
        counted = np.isfinite(share[:, :, 0]).sum(axis=1)
        shape = medians(share, 1)
        noise = medians(np.abs(share - shape[:, None, :]), 1)
        with np.errstate(invalid="ignore", divide="ignore"):
            trust = (shape - 1) ** 2 / ((shape - 1) ** 2 + 4 * noise**2 / np.maximum(counted, 1)[:, None])
        trust = np.where(np.isfinite(trust) & (counted >= 2)[:, None], trust, 0.0)
        shape = np.where(np.isfinite(shape), shape, 1.0)
        # the block begins on a weekday of the panel's own counting: day % 7 == 0
        self.shape = np.maximum(1 + trust * (shape - 1), 0.05)

    def _spread(self, day: int, expected: Array) -> Array:
        """Usual distance from the expected: 1.4826 MAD of the last days, as a share of what was expected then."""
        begin = max(day - self.policy.spread, 0)
        if begin == day:
            return np.full(len(self.values), np.nan)
        usual = medians(self.distance[:, begin:day], 1)
        return np.where(np.isfinite(usual), 1.4826 * usual * np.abs(expected), np.nan)

    def _slow(self, day, over, expected, scale, least) -> tuple[Array, Array]:
        """Whether the last week's mean is above, and the first day of it that was."""
        nothing = np.zeros(len(self.values), dtype=bool), np.full(len(self.values), day)
        if day < WEEK:
            return nothing
        past = self.values[:, day - WEEK + 1 : day + 1] - self.expected[:, day - WEEK + 1 : day + 1]
        mean = past.mean(axis=1)
        limit = np.maximum(np.maximum(self.scales * scale / 2, self.policy.slow * expected), least)
        above = past > 0.5 * limit[:, None]
        slow = (mean > limit) & (above.sum(axis=1) >= WEEK - 1)
        slow &= day >= self.rested
        return slow, day - WEEK + 1 + above.argmax(axis=1)

    def _each_week(self, day: int, now: Array) -> Array:
        """Whether two of the last three same weekdays cost about as much: then it is the weekday, whatever was expected."""
        if day < 3 * WEEK:
            return np.zeros(len(now), dtype=bool)
        before = self.values[:, [day - WEEK, day - 2 * WEEK, day - 3 * WEEK]]
        return (before >= AGAIN * now[:, None]).sum(axis=1) >= 2

    def _open(self, day: int, new: Array, began: Array, fast: Array) -> None:
        self.gentle = np.where(new, ~fast, self.gentle)
        for i in np.flatnonzero(new & ~fast):  # the week that showed it is not learned from
            early = self.expected[i, began[i] : day]
            self.usual[i, began[i] : day] = np.where(np.isfinite(early), early, self.usual[i, began[i] : day])
        self.begun = np.where(new, began, self.begun)
        self.seen = np.where(new, day, self.seen)
        self.last = np.where(new, day, self.last)
        self.most = np.where(new, 0.0, self.most)
        self.inside |= new

    def _learn(self, day, now, there, expected, high) -> None:
        hold = self.inside & high & np.isfinite(expected)
        self.usual[:, day] = np.where(hold, expected, np.where(there, now, np.nan))
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.abs(now - expected) / np.abs(expected)
        self.distance[:, day] = np.where(hold | ~there | ~np.isfinite(share), np.nan, share)

    def _close(self, day: int) -> None:
        policy = self.policy
        gone = self.inside & (day - self.last >= policy.quiet)
        old = self.inside & (day - self.begun >= policy.settle)
        for i in np.flatnonzero(gone | old):
            self._note(int(i), bool(old[i] and not gone[i]))
            if old[i]:  # the new usual: learn from what was really seen
                begin = self.begun[i]
                self.rested[i] = day + policy.rest
                self.usual[i, begin : day + 1] = self.values[i, begin : day + 1]
        self.inside &= ~(gone | old)

    def _note(self, i: int, settled: bool) -> None:
        self.found.append(
            Episode(
                int(i), int(self.begun[i]), int(self.seen[i]), int(self.last[i]), settled, float(self.most[i])
            )
        )

    def finished(self) -> list[Episode]:
        for i in np.flatnonzero(self.inside):
            self._note(int(i), False)
        return sorted(self.found, key=lambda e: (e.seen, e.series))
