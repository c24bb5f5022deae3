"""What the business did: drivers by day as months and as daily series, with gaps and bad values named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from helpers.measures.measure import CONTEXT
from helpers.terms.money import NAN, ratio
from helpers.terms.money import total as add
from helpers.terms.period import Month

if TYPE_CHECKING:
    import pandas as pd

STOCKS = ("customers", "users", "accounts", "subscribers", "seats", "licences", "members")
MONEY = "currency"


@dataclass(frozen=True)
class Volume:
    """One driver of one product in one month.

    Attributes
    ----------
    value : Decimal
        Sum over the days of a flow; mean over the days of a stock (customers, seats, …), which is not added over time. NaN
        where it is not known.
    days : int
        Days with a value.
    currency : str
        Of money, else empty.
    reason : str
        Why the value is NaN or incomplete, else empty.
    """

    value: Decimal
    days: int
    currency: str
    reason: str


@dataclass(frozen=True)
class Drivers:
    """The table of drivers, read once.

    Parameters
    ----------
    frame : DataFrame
        Columns day, product, driver, value [unit, Decimal], unit, currency (drivers.csv).
    """

    frame: pd.DataFrame | None
    _held: dict[tuple[str, str], dict[date, Decimal]] = field(init=False, repr=False, default_factory=dict)
    _currency: dict[tuple[str, str], str] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        if self.frame is None:
            return
        names = ("day", "product", "driver", "value", "currency")
        for day, product, driver, value, currency in zip(*(self.frame[c] for c in names), strict=True):
            self._held.setdefault((product, driver), {})[_date(day)] = value
            if isinstance(currency, str):
                self._currency[product, driver] = currency

    def __bool__(self) -> bool:
        return bool(self._held)

    def names(self, product: str) -> list[str]:
        """Drivers of a product."""
        return [d for p, d in self._held if p == product]

    @property
    def products(self) -> list[str]:
        """Products that have a driver."""
        return list(dict.fromkeys(p for p, _ in self._held))

    def daily(self, product: str, driver: str) -> Mapping[date, Decimal]:
        """Day → value [unit]."""
        return self._held.get((product, driver), {})

    def currency(self, product: str, driver: str = "revenue") -> str:
        """Currency of a driver of money; empty for counts."""
        return self._currency.get((product, driver), "")

    def month(self, product: str, driver: str, which: Month, days: int | None = None) -> Volume:
        """One month, or its first `days` days."""
        values = {
            d: v
            for d, v in self.daily(product, driver).items()
            if Month.of(d) == which and (days is None or d.day <= days)
        }
        money = self.currency(product, driver)
        if not values:
            return Volume(NAN, 0, money, f"no {driver} of {product} in {which.title}")
        bad = sorted(d for d, v in values.items() if v < 0)
        if bad:
            return Volume(NAN, len(values), money, f"{driver} of {product} is below zero on {bad[0]}")
        whole = add(values.values())
        value = ratio(whole, len(values)) if driver in STOCKS else whole
        expected = days or which.days
        short = len(values) < expected
        reason = f"{driver} of {product} is known for {len(values)} of {expected} days" if short else ""
        return Volume(value, len(values), money, reason)


def _date(day: object) -> date:
    return day if isinstance(day, date) else date.fromisoformat(str(day)[:10])


__all__ = ["CONTEXT", "MONEY", "STOCKS", "Drivers", "Volume"]
