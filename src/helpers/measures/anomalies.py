"""KPIs of anomalies: from incidents that a notebook found, and from charges.

The table has one row for each incident and month in which it has days: month, status (``alarm``, ``expected``, ``muted``,
``new resource``), kind, excess [currency], a_month (what a month like its last week would cost more) and avoided (what its
end saved over the horizon) [currency], lasts, owner, answered, delay [days] (None but in the month of the alert).
``attrs["currency"]`` says which currency was looked at and ``attrs["months"]`` which months.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from helpers.measures import rows
from helpers.measures.measure import CURRENCY, Measure, Sums, Table, number
from helpers.terms.money import NAN, ratio
from helpers.terms.money import total as add

ALARM = "alarm"
PARTS: dict[str, Callable[[Any], bool]] = {
    "ownerless": lambda r: r["status"] == ALARM and not r["owner"],
    "creep": lambda r: r["status"] == ALARM and r["kind"] == "creep",
    "commitment": lambda r: r["kind"] == "unused commitment" and r["status"] == ALARM,
    "unanswered": lambda r: r["status"] == ALARM and not r["answered"],
    "expected": lambda r: r["status"] == "expected",
    "muted": lambda r: r["status"] == "muted",
    "new": lambda r: r["status"] == "new resource",
}


def unpredicted(charges: Table, anomalies: Any) -> Measure:
    """Σ(effective cost − expected) over the month's alarms [currency]."""
    held = _Held(anomalies)

    def value(s: Sums) -> Decimal:
        return held.sum(s, lambda r: r["status"] == ALARM, "excess")

    sums = {"charges": charges.count()}
    return Measure("total-unpredicted-variance-of-spend", sums, value, "currency", charges)


def rate(charges: Table, anomalies: Any) -> Measure:
    """Σ excess of alarms / effective cost of usage and purchases without corrections [ratio]."""
    held = _Held(anomalies)

    def value(s: Sums) -> Decimal:
        found = held.sum(s, lambda r: r["status"] == ALARM, "excess")
        return NAN if found.is_nan() else ratio(found, number(s["cost"]))

    sums = {"charges": charges.count(), "cost": charges.EffectiveCost.sum(where=rows.spent(charges))}
    return Measure("anomaly-detection-rate", sums, value, "ratio", charges)


def avoidance(charges: Table, anomalies: Any) -> Measure:
    """What the ends of confirmed incidents saved over the horizon [currency]."""
    held = _Held(anomalies)

    def value(s: Sums) -> Decimal:
        ended = [r for r in held.of(s) if r["avoided"] is not None]
        return add(r["avoided"] for r in ended) if ended else NAN

    sums = {"charges": charges.count()}
    return Measure("anomaly-detected-cost-avoidance", sums, value, "currency", charges)


def month_more(charges: Table, anomalies: Any) -> Measure:
    """What another month like the last week would cost more, of alarms that go on [currency]."""
    held = _Held(anomalies)

    def value(s: Sums) -> Decimal:
        return held.sum(s, lambda r: r["status"] == ALARM and r["lasts"], "a_month")

    return Measure("anomaly-month-more", {"charges": charges.count()}, value, "currency", charges)


def part(charges: Table, anomalies: Any, which: str) -> Measure:
    """Excess of one kind of incident (`PARTS`) [currency]."""
    held = _Held(anomalies)

    def value(s: Sums) -> Decimal:
        return held.sum(s, PARTS[which], "excess")

    return Measure("anomaly-cost", {"charges": charges.count()}, value, "currency", charges, which)


def delay(charges: Table, anomalies: Any) -> Measure:
    """Mean days from an alarm's first day to its alert [days]."""
    held = _Held(anomalies)

    def value(s: Sums) -> Decimal:
        known = [Decimal(r["delay"]) for r in held.of(s) if r["status"] == ALARM and r["delay"] is not None]
        return ratio(add(known), Decimal(len(known))) if known else NAN

    return Measure("anomaly-delay", {"charges": charges.count()}, value, "days", charges)


class _Held:
    """The table, its rows taken out once for all groups of a measure."""

    def __init__(self, anomalies: Any) -> None:
        self.rows: list[dict[str, Any]] = anomalies.to_dict("records")
        self.currency, self.months = anomalies.attrs.get("currency"), anomalies.attrs.get("months", ())

    def of(self, s: Sums) -> list[dict[str, Any]]:
        """Rows of the group's month and currency; none where it was not looked at."""
        if not s["charges"] or self.currency != s[CURRENCY]:
            return []
        month = s.get("x_KitPeriod")
        return [r for r in self.rows if month is None or r["month"] == month]

    def sum(self, s: Sums, which: Callable[[Any], bool], column: str) -> Decimal:
        """Of a column; NaN where the group's month or currency was not looked at."""
        month = s.get("x_KitPeriod")
        looked = s["charges"] and self.currency == s[CURRENCY]
        if not looked or (month is not None and month not in self.months):
            return NAN
        return add(r[column] for r in self.of(s) if which(r))
