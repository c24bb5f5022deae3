"""How old the numbers are, and how often new ones come."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from helpers.measures import rows
from helpers.measures.measure import Measure, Sums, Table
from helpers.terms.money import NAN, ratio

if TYPE_CHECKING:
    import pandas as pd

DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)


def visibility_delay(charges: Table, deliveries: pd.DataFrame) -> Measure:
    """From the end of the newest usage to the delivery that showed it, at the slowest delivery [days].

    Parameters
    ----------
    charges : ibis Table
        Columns ChargePeriodEnd, ChargeCategory, x_KitDelivery.
    deliveries : DataFrame
        Columns id (as x_KitDelivery) and delivered (date, or datetime in UTC). A date is the start of its day.

    Notes
    -----
    A month that was delivered again counts from its last delivery: that is the one whose charges stand in the store.
    Usage that ends after its delivery (a fee for the running month) counts as seen at once.
    """
    shown = {str(i): _instant(d) for i, d in zip(deliveries["id"], deliveries["delivered"], strict=True)}

    def value(s: Sums) -> Decimal:
        delays = [
            max(shown[delivery] - _instant(newest), timedelta(0))
            for delivery, newest in s["newest"].items()
            if newest is not None and delivery in shown
        ]
        return _days(max(delays)) if delays else NAN

    return Measure(
        "cost-visibility-delay",
        {"newest": charges.ChargePeriodEnd.max(where=rows.ran(charges))},
        value,
        "days",
        charges,
        along=("x_KitDelivery",),
    )


def update_interval(deliveries: pd.DataFrame) -> Measure:
    """Between the last two days (or instants) on which cost was delivered [days]; NaN with fewer than two."""
    times = sorted({_instant(d) for d in deliveries["delivered"]})
    gap = _days(times[-1] - times[-2]) if len(times) > 1 else NAN
    return Measure("frequency-of-data-updates", {"gap": gap}, lambda s: s["gap"], "days")


def _instant(when: date | datetime) -> datetime:
    if isinstance(when, datetime):
        return when if when.tzinfo else when.replace(tzinfo=UTC)
    return datetime(when.year, when.month, when.day, tzinfo=UTC)


def _days(span: timedelta) -> Decimal:
    return ratio(span // MICROSECOND, DAY // MICROSECOND)
