"""Cloud cost beside what the business did: cost for each unit of a driver, and share of revenue."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from helpers.measures.measure import CURRENCY, Table, number
from helpers.terms.money import CONTEXT, NAN, ratio
from helpers.terms.money import total as add
from helpers.terms.period import Month

if TYPE_CHECKING:
    import pandas as pd

GREW, STOOD = Decimal("0.15"), Decimal("0.05")  # cost grew by, while the driver moved by no more than
STOCKS = ("customers",)  # counted at a day's end: a month's value is its mean day


def rate(rates: Any, day: date, source: str, target: str) -> Decimal | None:
    """Units of `target` for one of `source` on a day: the newest rate of the table up to it; None where there is none.

    A rate holds until the next; one older than 45 days is a gap, not a rate.
    """
    if source == target:
        return Decimal(1)
    found = None
    for r in [] if rates is None else rates.to_dict("records"):
        since = r["day"].date() if hasattr(r["day"], "hour") else r["day"]
        if (
            r["from_currency"] == source
            and r["to_currency"] == target
            and since <= day
            and (found is None or since > found[0])
        ):
            found = since, Decimal(r["rate"])
    return found[1] if found and (day - found[0]).days <= 45 else None


def revenue(drivers: Any, rates: Any, which: Month, currency: str) -> tuple[Decimal, list[str]]:
    """Revenue of a month in one currency, and the days whose rate is missing (they are left out, not guessed)."""
    parts, gaps = [], []
    for r in [] if drivers is None else drivers.to_dict("records"):
        day = r["day"].date() if hasattr(r["day"], "hour") else r["day"]
        if r["driver"] != "revenue" or Month.of(day) != which:
            continue
        known = rate(rates, day, r["currency"], currency)
        if known is None:
            gaps.append(f"{day} {r['currency']}")
        else:
            parts.append(CONTEXT.multiply(Decimal(r["value"]), known))
    return (add(parts) if parts else NAN), gaps


def per_unit(actual: Mapping[str, Decimal], drivers: Any, months: list[str]) -> pd.DataFrame:
    """The whole cost for each unit of each company-wide driver, month by month.

    Returns
    -------
    DataFrame
        Columns driver, month, units, cost [currency], each [currency/unit]. Units of a stock are the month's mean day.
    """
    import pandas as pd

    sums: dict[tuple[str, str], list[Decimal]] = {}
    for r in [] if drivers is None else drivers.to_dict("records"):
        day = r["day"].date() if hasattr(r["day"], "hour") else r["day"]
        if r["unit"] != "currency":
            sums.setdefault((r["driver"], str(Month.of(day))), []).append(Decimal(r["value"]))
    rows = []
    for (driver, month), values in sorted(sums.items()):
        if month in months and month in actual:
            units = add(values)
            if driver in STOCKS:
                units = ratio(units, Month.parse(month).days)
            rows.append((driver, month, units, actual[month], ratio(actual[month], units)))
    return pd.DataFrame(rows, columns=["driver", "month", "units", "cost", "each"], dtype=object)


def without_outcome(
    charges: Table, drivers: Any, which: Month, *, currency: str, months: int = 6
) -> pd.DataFrame:
    """Resources that bear a product's name and grew by more than `GREW` while the product's driver stood still.

    Growth is taken in contracted cost, so that a commitment that ends is no growth. Both are compared with `months` months before, a day each. Money drivers do not count.

    Returns
    -------
    DataFrame
        Columns product, driver, resource, before, now [currency a month], cost_growth, driver_growth [ratio].
    """
    import pandas as pd

    columns = ["product", "driver", "resource", "id", "before", "now", "cost_growth", "driver_growth"]
    if drivers is None:
        return pd.DataFrame([], columns=columns, dtype=object)
    then = which.plus(-months)
    sums: dict[tuple[str, str], dict[str, Decimal]] = {}
    for r in drivers.to_dict("records"):
        day = r["day"].date() if hasattr(r["day"], "hour") else r["day"]
        month = str(Month.of(day))
        if r["unit"] != "currency" and month in (str(then), str(which)):
            by = sums.setdefault((r["product"], r["driver"]), {})
            by[month] = CONTEXT.add(by.get(month, Decimal(0)), Decimal(r["value"]))
    mine = charges.filter(
        charges[CURRENCY] == currency,
        charges.x_KitPeriod.isin([str(then), str(which)]),
        charges.ResourceName.notnull(),
    )
    found = (
        mine.aggregate(
            by=["ResourceName", "ResourceId", "x_KitPeriod"],
            amount=mine.EffectiveCost.sum(),
            agreed=mine.ContractedCost.sum(),
        )
        .to_pyarrow()
        .to_pylist()
    )
    costs: dict[tuple[str, str], dict[str, Decimal]] = {}
    sized: dict[
        tuple[str, str], dict[str, Decimal]
    ] = {}  # before commitments: one that ends is no growth of use
    for r in found:
        key = r["ResourceName"], r["ResourceId"]
        costs.setdefault(key, {})[r["x_KitPeriod"]] = number(r["amount"])
        sized.setdefault(key, {})[r["x_KitPeriod"]] = number(r["agreed"] or r["amount"])
    rows = []
    for (product, driver), by in sorted(sums.items()):
        for (name, id), cost in sorted(costs.items(), key=str):
            if _plain(name) != _plain(product) or not all(
                str(m) in cost and str(m) in by for m in (then, which)
            ):
                continue
            grown = _daily_growth(sized[name, id], then, which)
            moved = _daily_growth(by, then, which)
            if grown >= GREW and abs(moved) <= STOOD:
                rows.append((product, driver, name, id, cost[str(then)], cost[str(which)], grown, moved))
    rows.sort(key=lambda r: (-(r[5] - r[4]), r[0]))
    return pd.DataFrame(rows, columns=columns, dtype=object)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _daily_growth(by: Mapping[str, Decimal], then: Month, which: Month) -> Decimal:
    a, b = ratio(by[str(then)], then.days), ratio(by[str(which)], which.days)
    return CONTEXT.subtract(ratio(b, a), Decimal(1))
