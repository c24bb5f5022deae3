"""A plan made month after month with what was known then, for many regions at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np

from helpers.models.commitments import lock_in
from helpers.models.commitments.cost import Purchase, Terms
from helpers.models.commitments.history import HOURS_A_DAY, History
from helpers.models.commitments.lifetimes import Lifetimes
from helpers.models.commitments.planner import WINDOW_DAYS, Decision, Move, Option, Situation, decide
from helpers.terms.period import Month

Array = Any
Plans = Mapping[str, Sequence[tuple[date, Move]]]  # region to (known from this day on, plan)


def options(terms: Terms) -> list[Option]:
    """The instruments of `terms` that are on offer."""
    found = []
    if terms.type_rate is not None:
        found.append(Option("type", terms.type_rate, terms.term, "type"))
    if terms.portfolio_rate is not None:
        found.append(Option("pool", terms.portfolio_rate, terms.term, "portfolio"))
    return found


def walk(
    regions: Sequence[History],
    terms: Terms,
    first: int,
    *,
    plans: Plans | None = None,
    pace: float = 1.0,
    decline: float = 0.0,
) -> dict[str, list[Purchase]]:
    """Each region's purchases, from its month `first` on.

    Parameters
    ----------
    regions : sequence of History
    terms : Terms
    first : int
        Months of history before the first purchase.
    plans : mapping of region to sequence of (date, Move), optional
        Planned migrations, each with the day from which it is known.
    pace : float
        Share of what is lacking that a month buys: below 1, purchases and their ends are spread.
    decline : float
        Fall of demand that is to be absorbed [share].

    Returns
    -------
    dict
        Region to purchases. Those of a month depend on hours before it and plans known by its first day, nothing else.
    """
    lives = chances(regions, terms, first)
    return {
        r.name: alone(
            r, terms, first, lives[r.name], (plans or {}).get(r.name, ()), pace=pace, decline=decline
        )
        for r in regions
    }


def chances(regions: Sequence[History], terms: Terms, first: int) -> dict[str, dict[int, Array]]:
    """Region and month to each type's probability of being used in the months ahead, as learned before that month."""
    found: dict[str, dict[int, Array]] = {r.name: {} for r in regions}
    for month in _calendar(regions, first):
        pasts = [past for r in regions if len((past := r.until(max(r.hour(_day(month)), 0))).use)]
        lifetimes = Lifetimes(pasts)
        for past in pasts:
            now = month.since(past.first)
            if now >= first:
                found[past.name][now] = alive(past, lifetimes, terms.term)
    return found


def alive(past: History, lifetimes: Lifetimes, term: int) -> Array:
    """Types by months ahead: the probability that each is still used."""
    table = np.empty((len(past.types), term))
    for i, name in enumerate(past.types):
        used = past.use[:, i] > 0
        born = int(used.argmax()) // HOURS_A_DAY if used.any() else len(past.use) // HOURS_A_DAY
        table[i] = lifetimes.chances(past.name, name, born, term)
    return table


def alone(
    region: History,
    terms: Terms,
    first: int,
    lives: Mapping[int, Array],
    plans: Sequence[tuple[date, Move]] = (),
    *,
    pace: float = 1.0,
    decline: float = 0.0,
) -> list[Purchase]:
    """One region's purchases, given what was learned over all of them."""
    bought: list[Purchase] = []
    month = region.month
    for now in range(first, region.months):
        day = _day(region.first.plus(now))
        past = region.until(int(np.argmax(month == now)))
        known = [m for since, m in plans if since <= day]
        seen = situation(past, now, bought, terms, lives[now], known)
        found = decide(replace(seen, window=seen.window * (1 - decline)), options(terms))
        bought += purchases(now, found, pace)
    return bought


def purchases(now: int, found: Decision, pace: float = 1.0) -> list[Purchase]:
    """A month's decision as purchases; the last column is the pool."""
    pool = found.units.shape[1] - 1
    return [
        Purchase(now, None if i == pool else int(i), pace * float(found.units[at, i]))
        for at, i in np.argwhere(found.units > 0)
    ]


def situation(
    past: History, now: int, before: Sequence[Purchase], terms: Terms, lives: Array, moves: Sequence[Move]
) -> Situation:
    """What a decision at the end of `past` rests on."""
    by_type, pooled = lock_in.units(lock_in.standing(before, now, terms), len(past.types))
    window, days = recent(past)
    today = int((past.start + np.timedelta64(len(past.use), "h")).astype("datetime64[D]").astype(int))
    return Situation(past.types, window, days, today, by_type, pooled, lives, tuple(moves))


def recent(past: History, days: int = WINDOW_DAYS) -> tuple[Array, Array]:
    """The known hours of the last days, and each one's day [days since 1970]."""
    begins = max(len(past.use) - days * HOURS_A_DAY, 0)
    known = past.known[begins:]
    hours = past.start + np.arange(begins, len(past.use)).astype("timedelta64[h]")
    return past.use[begins:][known], hours[known].astype("datetime64[D]").astype(int)


def _calendar(regions: Sequence[History], first: int) -> list[Month]:
    if not regions:
        return []
    begins = min(r.first.plus(first) for r in regions)
    ends = max(r.first.plus(r.months) for r in regions)
    return [begins.plus(n) for n in range(max(ends.since(begins), 0))]


def _day(month: Month) -> date:
    return month.start.date()
