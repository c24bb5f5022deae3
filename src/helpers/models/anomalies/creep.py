"""Costs that grow month after month faster than those around them, with nothing that they serve growing so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from helpers.models.anomalies.grid import CREEP, Draft, Grid
from helpers.models.anomalies.panel import Episode

Array = Any
WEEKS = 26  # half a year
EVERY = 4  # weeks between two looks
ODD = 3.0  # distance of a growth from the others', in their usual distances
RATE = 0.04  # growth a month at least [ratio]: three fifths more in a year
STEADY = (0.15, 0.65)  # share of the growth that each third may hold: a step is no creep
MONTH = 365 / 12 / 7  # weeks
CHUNK = 2_000


def drafts(grid: Grid, serves: Mapping[str, Sequence[Mapping[date, float]]]) -> Iterator[Draft]:
    """Resources whose cost creeps, each once, at the look at which it showed.

    Parameters
    ----------
    grid : helpers.models.anomalies.grid.Grid
    serves : mapping of str to sequence of mapping of date to float
        ResourceId to the daily drivers of what it serves [any unit].
    """
    values = grid.values["resource"]
    days = values.shape[1]
    offset = (
        -grid.days[0].toordinal() % 7
    )  # weeks of the calendar, so that every report looks on the same days
    weeks = (days - offset) // 7
    if weeks < WEEKS:
        return
    weekly = values[:, offset : offset + 7 * weeks].reshape(len(values), weeks, 7).mean(axis=2)
    least = grid.least[0]
    drivers = _Drivers(grid, serves, offset, weeks)
    found: set[int] = set()
    first = (grid.days[0].toordinal() + offset) // 7
    for last in range(WEEKS, weeks + 1):
        if (first + last) % EVERY:
            continue
        some = weekly[:, last - WEEKS : last]
        rate, steady = growth_of(some)
        known = np.isfinite(rate)
        if known.sum() < 10:
            continue
        middle = float(np.median(rate[known]))
        spread = 1.4826 * float(np.median(np.abs(rate[known] - middle)))
        odd = (rate - middle) / max(spread, 0.002)
        served = drivers.growth(last)
        excess = rate - np.where(np.isfinite(served), np.maximum(served, middle), middle)
        day = offset + last * 7 - 1
        money = some[:, -1] - some[:, 0] * (1 + middle) ** (WEEKS / MONTH)
        creeps = known & steady & (odd > ODD) & (rate > RATE) & (excess > RATE * 2 / 3) & (money > least[day])
        for i in np.flatnonzero(creeps):
            if int(i) in found:
                continue
            found.add(int(i))
            yield _draft(grid, int(i), day, middle, float(odd[i]))


class _Drivers:
    """Weekly sums of what resources serve, on the grid's weeks."""

    def __init__(
        self, grid: Grid, serves: Mapping[str, Sequence[Mapping[date, float]]], offset: int, weeks: int
    ):
        several: dict[int, Mapping[date, float]] = {}
        for given in serves.values():
            several |= {id(d): d for d in given}
        place = {name: n for n, name in enumerate(several)}
        daily = np.array([[d.get(day, np.nan) for day in grid.days] for d in several.values()])
        self.weekly = (
            daily[:, offset : offset + 7 * weeks].reshape(len(several), weeks, 7).mean(axis=2)
            if several
            else None
        )
        self.mine = [[place[id(d)] for d in serves.get(k[2], ())] for k in grid.keys["resource"]]

    def growth(self, last: int) -> Array:
        """Growth a month of each resource's fastest driver over the weeks before `last` [ratio]; NaN without one."""
        if self.weekly is None:
            return np.full(len(self.mine), np.nan)
        rate = growth_of(self.weekly[:, last - WEEKS : last])[0]
        known = [[rate[n] for n in some if np.isfinite(rate[n])] for some in self.mine]
        return np.array([max(k) if k else np.nan for k in known])


def _draft(grid, i: int, day: int, usual: float, odd: float) -> Draft:
    """From the alert on, the expected is the level of half a year before, grown as others grew."""
    values = grid.values["resource"][i]
    begin = day + 1 - 7 * WEEKS
    level = float(np.nanmean(values[begin : begin + 28]))
    steps = np.arange(len(values)) - (begin + 14)
    expected = level * (1 + usual) ** (steps / (365 / 12))
    ran = np.flatnonzero(np.nan_to_num(values) > 0)
    end = int(ran[-1]) if len(ran) else day
    start = day - 27
    episode = Episode(i, start, day, end, False, odd)
    return Draft(CREEP, "resource", grid.keys["resource"][i], episode, values, expected, expected * 1.3)


def growth_of(weekly: Array) -> tuple[Array, Array]:
    """Growth a month by the median of all pairs of weeks, on the logarithmic scale, and whether all thirds grew alike.

    Parameters
    ----------
    weekly : array, series by weeks

    Returns
    -------
    tuple of array
        Growth [ratio a month], NaN where a week is missing or not above zero; steady.

    Examples
    --------
    >>> import numpy as np
    >>> rate, steady = growth_of(100 * 1.05 ** (np.arange(26) / MONTH)[None])
    >>> round(float(rate[0]), 4), bool(steady[0])
    (0.05, True)
    """
    count, weeks = weekly.shape
    with np.errstate(invalid="ignore", divide="ignore"):
        logs = np.log(np.where(weekly > 0, weekly, np.nan))
    a, b = np.triu_indices(weeks, 1)
    rate = np.full(count, np.nan)
    for at in range(0, count, CHUNK):
        part = logs[at : at + CHUNK]
        whole = np.isfinite(part).all(axis=1)
        slopes = (part[whole][:, b] - part[whole][:, a]) / (b - a)
        rate[at : at + CHUNK][whole] = np.median(slopes, axis=1)
    at = [round(n * (weeks - 4) / 3) for n in range(4)]
    levels = np.stack([np.median(logs[:, n : n + 4], axis=1) for n in at], axis=1)
    whole = levels[:, -1] - levels[:, 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        thirds = np.diff(levels, axis=1) / whole[:, None]
        steady = (thirds > STEADY[0]).all(axis=1) & (thirds < STEADY[1]).all(axis=1) & (whole > 0)
    return np.expm1(rate * MONTH), steady
