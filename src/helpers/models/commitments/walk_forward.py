"""A plan made month after month with what was known then, for many regions at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from helpers.models.commitments.cost import Purchase, Terms
from helpers.models.commitments.history import HOURS_A_DAY, History
from helpers.models.commitments.lifetimes import Lifetimes
from helpers.models.commitments.planner import WINDOW_DAYS, Move, Option, Situation, decide
from helpers.terms.period import Month

Array = Any


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
    plans: Mapping[str, Sequence[tuple[Any, Move]]] | None = None,
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

    Returns
    -------
    dict
        Region to purchases. Those of a month depend on hours before it and plans known by its first day, nothing else.
    """
    bought: dict[str, list[Purchase]] = {r.name: [] for r in regions}
    for month in _calendar(regions, first):
        pasts = [r.until(max(r.hour(_day(month)), 0)) for r in regions]
        alive = Lifetimes([p for p in pasts if len(p.use)])
        for region, past in zip(regions, pasts, strict=True):
            now = _between(region.first, month)
            if first <= now < region.months:
                known = [m for day, m in (plans or {}).get(region.name, ()) if day <= _day(month)]
                bought[region.name] += _bought(past, now, bought[region.name], terms, alive, known)
    return bought


def _bought(
    past: History, now: int, before: list[Purchase], terms: Terms, lifetimes: Lifetimes, moves: list[Move]
) -> list[Purchase]:
    offers = options(terms)
    found = decide(situation(past, now, before, terms, lifetimes, moves), offers)
    return [
        Purchase(now, None if i == len(past.types) else int(i), float(found.units[at, i]))
        for at, i in np.argwhere(found.units > 0)
    ]


def situation(
    past: History, now: int, before: list[Purchase], terms: Terms, lifetimes: Lifetimes, moves: list[Move]
) -> Situation:
    """What a decision at the end of `past` rests on."""
    by_type = np.zeros(len(past.types))
    pooled = 0.0
    for one in before:
        if one.month <= now < one.month + terms.term:
            if one.type is None:
                pooled += one.quantity
            else:
                by_type[one.type] += one.quantity
    window, days = recent(past)
    alive = np.stack([_alive(past, i, lifetimes, terms.term) for i in range(len(past.types))])
    today = int((past.start + np.timedelta64(len(past.use), "h")).astype("datetime64[D]").astype(int))
    return Situation(past.types, window, days, today, by_type, pooled, alive, tuple(moves))


def recent(past: History, days: int = WINDOW_DAYS) -> tuple[Array, Array]:
    """The known hours of the last days, and each one's day [days since 1970]."""
    begins = max(len(past.use) - days * HOURS_A_DAY, 0)
    known = past.known[begins:]
    hours = past.start + np.arange(begins, len(past.use)).astype("timedelta64[h]")
    return past.use[begins:][known], hours[known].astype("datetime64[D]").astype(int)


def _alive(past: History, i: int, lifetimes: Lifetimes, term: int) -> Array:
    used = past.use[:, i] > 0
    born = int(used.argmax()) // HOURS_A_DAY if used.any() else len(past.use) // HOURS_A_DAY
    return lifetimes.chances(past.name, past.types[i], born, term)


def _calendar(regions: Sequence[History], first: int) -> list[Month]:
    begins = min(r.first.plus(first) for r in regions)
    ends = max(r.first.plus(r.months) for r in regions)
    return [begins.plus(n) for n in range(max(_between(begins, ends), 0))]


def _between(a: Month, b: Month) -> int:
    return (b.year - a.year) * 12 + b.month - a.month


def _day(month: Month) -> Any:
    return month.start.date()
