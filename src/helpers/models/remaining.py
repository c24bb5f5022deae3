"""What runs on after the joint plan: demand by day, what of it is safe to be committed to, and what remains hour by hour."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from statistics import median
from typing import TYPE_CHECKING

from helpers.models.joint import Load, Option

if TYPE_CHECKING:
    import pandas as pd

HISTORY, WINDOW = 396, 28  # days handed to the estimator, and those of them that it sizes purchases by
Days = Mapping[date, float]  # mean cost of an hour [currency/h]
Key = tuple[str, str]  # pool and type


def safe(days: Days, last: date, *, base: float = 1.0, aggressive: float = 0.0, window: int = 91) -> float:
    """Demand that is safe to be committed to for a year, learned from its days [currency/h].

    Parameters
    ----------
    days : mapping
        Day -> mean cost an hour.
    last : date
        First day that is not known.
    base : float
        Share of the trough that is taken [1].
    aggressive : float
        From the trough (0) to the median (1) of the window [1].
    window : int
        Days looked back on; a day without a charge counts as nothing, so what began lately is not safe yet.

    Returns
    -------
    float
        base × the window's trough (mean of its lowest week), raised by `aggressive` towards the median; never above what a
        falling trend of the last year leaves in the middle of the term.
    """

    def at(n: int) -> float:
        return days.get(last - timedelta(days=n), 0.0)

    recent = [at(n) for n in range(1, window + 1)]
    low = sum(sorted(recent)[:7]) / 7
    level = base * low + aggressive * max(median(recent) - low, 0.0)
    year = [median(at(n) for n in range(1 + 30 * k, 31 + 30 * k)) for k in range(12)]  # newest first
    known = [v for v in year if v > 0]
    if len(known) >= 6:
        slopes = [
            (known[i] - known[j]) / (j - i) for i in range(len(known)) for j in range(i + 1, len(known))
        ]
        fall = median(slopes)
        if fall < 0:
            level = min(level, max(known[0] + 6 * fall, 0.0))
    return level


def room(demand: Mapping[Key, Days], last: date, *, aggressive: float = 0.0) -> dict[Key, float]:
    """What is `safe` of each type, and with type empty of each pool as a whole [currency/h]."""
    pools: dict[str, dict[date, float]] = {}
    for (pool, _), days in demand.items():
        whole = pools.setdefault(pool, {})
        for d, v in days.items():
            whole[d] = whole.get(d, 0.0) + v
    every = {**demand, **{(pool, ""): days for pool, days in pools.items()}}
    return {key: safe(days, last, aggressive=aggressive) for key, days in every.items()}


def remaining(
    demand: Mapping[Key, Days],
    loads: Iterable[Load],
    chosen: Mapping[str, Option],
    room: Mapping[Key, float],
    last: date,
    *,
    named: Callable[[str, str], str],
) -> pd.DataFrame:
    """Hourly demand of the last thirteen months by pool and type, after what is planned to run less.

    A daily export has even hours. Of the last four weeks only what is safe counts: what began lately, or falls, is not
    committed to (`safe`); months before tell how long types last.

    Parameters
    ----------
    demand : mapping
        (pool, type) -> day -> mean cost of an hour [currency/h].
    loads : iterable of Load
    chosen : mapping
        Resource -> way to use less.
    room : mapping
        As `room` gives it.
    last : date
        First day that is not known.
    named : callable
        From pool and type to the estimator's pool.

    Returns
    -------
    DataFrame
        hour, pool, type, demand [currency/h].
    """
    import numpy as np
    import pandas as pd

    hours = HISTORY * 24
    moments = np.datetime64(last, "h") + np.arange(-hours, 0).astype("timedelta64[h]")
    of_week = ((moments.astype("datetime64[D]").astype(int) + 3) % 7) * 24 + moments.astype(int) % 24
    late = np.arange(hours) >= hours - WINDOW * 24
    by_key: dict[Key, list[Load]] = {}
    for x in loads:
        by_key.setdefault((x.pool, x.type), []).append(x)
    parts = [pd.DataFrame({"hour": [], "pool": [], "type": [], "demand": []})]
    for (pool, type), days in sorted(demand.items()):
        daily = np.array([days.get(last - timedelta(days=HISTORY - n), 0.0) for n in range(HISTORY)])
        values = np.repeat(daily, 24)
        mine = by_key.get((pool, type), [])
        mean = sum(x.hourly for x in mine)
        share = min(room.get((pool, type), mean) / mean, 1.0) if mean > 0 else 0.0
        for x in mine:
            if (option := chosen.get(x.id)) is not None:
                values = values - late * x.hourly * (1 - np.array(option.keep)[of_week])
        values = np.where(late, np.clip(values, 0, None) * share, values)
        if values.any():
            parts.append(
                pd.DataFrame({"hour": moments, "pool": named(pool, type), "type": type, "demand": values})
            )
    return pd.concat(parts[1:] or parts, ignore_index=True)
