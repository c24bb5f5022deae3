"""How fast the bill grows."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from helpers.measures.measure import Measure, Sums, Table, number
from helpers.terms.money import NAN, ratio
from helpers.terms.period import Month


def rate(charges: Table, days: Mapping[str, int] | None = None) -> Measure:
    """Billed cost for each day of the months it belongs to: ΣBC / days [currency/day].

    Parameters
    ----------
    charges : ibis Table
        Columns BilledCost [currency], x_KitPeriod.
    days : mapping of str to int
        Month ``YYYY-MM`` -> days covered, for a month that is open; other months count whole.
    """
    covered = days or {}

    def value(s: Sums) -> Decimal:
        if s["first"] is None:
            return NAN
        month, last, count = Month.parse(s["first"]), Month.parse(s["last"]), 0
        while month <= last:
            count += covered.get(str(month), month.days)
            month = month.plus(1)
        return ratio(number(s["billed"]), count)

    return Measure(
        "csp-cloud-budget-burn-rate",
        {
            "billed": charges.BilledCost.sum(),
            "first": charges.x_KitPeriod.min(),
            "last": charges.x_KitPeriod.max(),
        },
        value,
        "currency/day",
        charges,
    )
