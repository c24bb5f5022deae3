"""What the business will do: units of each product's driver by month, known days and forecast ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from helpers.models.forecast import forecast
from helpers.models.smoothing import DAY
from helpers.terms.period import Month

STALE = 31  # days behind the others after which a driver says nothing about the months ahead
LEAST = 60  # days known at least
PLACES = Decimal("0.000001")


def volumes(
    daily: Mapping[str, Mapping[date, Decimal]], *, until: date, last: Month
) -> dict[str, dict[str, Decimal]]:
    """Sum of a driver's days by month, of each product; days after its last known one are forecast.

    Parameters
    ----------
    daily : mapping
        Product to day to value [unit]; of a stock, the value at a day's end: the sum is then unit·days.
    until : date
        Nothing behind it is used.
    last : Month
        Last month that is asked for.

    Returns
    -------
    dict
        Product to month to units; products whose driver is short, stale or below zero are left out.
    """
    series, first, behind = {}, {}, {}
    for product, values in daily.items():
        known = {d: float(v) for d, v in values.items() if d <= until}
        if len(known) < LEAST or min(known.values()) < 0 or (until - max(known)).days > STALE:
            continue
        first[product], end = min(known), max(known)
        count = (end - first[product]).days + 1
        series[product] = [known.get(first[product] + timedelta(n), np.nan) for n in range(count)]
        behind[product] = (until - end).days
    if not series:
        return {}
    newest = min(behind.values())
    steps = (last.end.date() - until).days - 1 + max(behind.values())
    panel = forecast(series, steps, grain=DAY, behind={n: b - newest for n, b in behind.items()})
    found: dict[str, dict[str, Decimal]] = {}
    for product, past in series.items():
        ahead = panel.mean[panel.names.index(product)]
        by: dict[str, float] = {}
        # a gap of the past stays out of its month: nothing is known of it
        for n, value in enumerate([*past, *ahead]):
            which = Month.of(first[product] + timedelta(n))
            if value == value and which <= last:
                by[str(which)] = by.get(str(which), 0.0) + float(value)
        found[product] = {m: Decimal(repr(v)).quantize(PLACES) for m, v in by.items()}
    return found
