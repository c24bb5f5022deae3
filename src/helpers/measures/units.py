"""Units of quantity as providers write them, and what one of each is in the unit a measure speaks in."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from helpers.measures.measure import number
from helpers.terms.money import CONTEXT, ratio
from helpers.terms.money import total as add

HOURS_A_MONTH = 730  # 8,760 hours of a year / 12, as the providers' own price pages count a month
_COUNTS = {
    "": 1, "1 ": 1, "10 ": 10, "100 ": 100, "1000 ": 1000, "10000 ": 10_000, "100000 ": 100_000,
    "1000000 ": 1_000_000, "1k ": 1000, "10k ": 10_000, "1m ": 1_000_000, "thousand ": 1000, "million ": 1_000_000,
}  # fmt: skip


def _many(*names: str) -> dict[str, Decimal]:
    return {f"{prefix}{name}": Decimal(count) for prefix, count in _COUNTS.items() for name in names}


def _months(size: str, factor: Decimal) -> dict[str, Decimal]:
    names = ("{}-months", "{}-month", "{}/month", "{} months", "{} month", "{}-mo")
    hours = ("{}-hours", "{}-hour", "{}/hour", "{} hours", "{} hour")
    return {n.format(size): factor for n in names} | {
        n.format(size): ratio(factor, HOURS_A_MONTH) for n in hours
    }


# Lower-case unit -> how many of the family's own unit one of it is. Decimal and binary sizes are kept apart.
GB_MONTH = {
    unit: factor
    for size, bytes_ in (
        ("mb", 10**6), ("gb", 10**9), ("tb", 10**12), ("pb", 10**15),
        ("mib", 2**20), ("gib", 2**30), ("tib", 2**40), ("pib", 2**50),
    )
    for unit, factor in _months(size, ratio(bytes_, 10**9)).items()
}  # fmt: skip
REQUEST = _many(
    "request", "requests", "call", "calls", "api call", "api calls", "api request", "api requests"
)
INFERENCE = _many(
    "inference", "inferences", "invocation", "invocations", "inference request", "inference requests"
)
TOKEN = _many("token", "tokens")
HOUR = ("hour", "hours", "hrs", "instance-hours", "vm-hours")  # a machine ran: names only, no multiples


def amount(by_unit: Mapping[str | None, Any], family: Mapping[str, Decimal]) -> Decimal:
    """Quantities by unit as one, in the family's own unit; other units are left out.

    Examples
    --------
    >>> amount({"GB-Months": Decimal(3), "TB-Months": Decimal(1), "Requests": Decimal(9)}, GB_MONTH)
    Decimal('1003')
    """
    parts = [(number(q), factor(unit, family)) for unit, q in by_unit.items()]
    return add(CONTEXT.multiply(q, f) for q, f in parts if f is not None)


def money(by_unit: Mapping[str | None, Any], family: Mapping[str, Decimal]) -> Decimal:
    """Cost of what is measured in a unit of the family [currency]."""
    return add(number(cost) for unit, cost in by_unit.items() if factor(unit, family) is not None)


def factor(unit: str | None, family: Mapping[str, Decimal]) -> Decimal | None:
    """How many of the family's own unit one of `unit` is; None for a unit of another family."""
    return family.get(" ".join(unit.lower().split())) if unit else None
