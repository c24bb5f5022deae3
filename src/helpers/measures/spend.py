"""Effective cost by day and by month of whoever owns a budget: what forecasts and budgets are held against."""

from __future__ import annotations

from datetime import UTC, date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from helpers.measures.measure import CURRENCY, Table, number
from helpers.terms.money import CONTEXT
from helpers.terms.period import Month

if TYPE_CHECKING:
    import pandas as pd

NOBODY = "no department"
DAY_SECONDS = 86_400


def by_day(charges: Table, *, currency: str, dimension: str = "x_KitDepartment") -> pd.DataFrame:
    """Effective cost by day of use and owner; charges longer than a day stand by month, with `whole` true.

    Parameters
    ----------
    charges : ibis Table
        Columns EffectiveCost [currency], ChargePeriodStart, ChargePeriodEnd, x_KitPeriod, BillingCurrency, `dimension`.
    currency : str
        BillingCurrency: currencies are never added.
    dimension : str
        Column of owners: department, provider, service.

    Returns
    -------
    DataFrame
        Columns month, day (date), name, whole (bool), amount [currency, Decimal]; amounts add up to the charges exactly.
    """
    import pandas as pd

    mine = charges.filter(charges[CURRENCY] == currency)
    length = mine.ChargePeriodEnd.epoch_seconds() - mine.ChargePeriodStart.epoch_seconds()
    mine = mine.mutate(x_day=mine.ChargePeriodStart.truncate("D"), x_whole=length > DAY_SECONDS)
    keys = ["x_KitPeriod", "x_day", dimension, "x_whole"]
    found = mine.aggregate(by=keys, amount=mine.EffectiveCost.sum()).to_pyarrow().to_pylist()
    rows = [
        (r["x_KitPeriod"], r["x_day"].date(), r[dimension] or NOBODY, bool(r["x_whole"]), number(r["amount"]))
        for r in found
        if r["x_day"] is not None
    ]
    rows.sort(key=lambda r: (r[1], r[2], r[3]))
    return pd.DataFrame(rows, columns=["month", "day", "name", "whole", "amount"], dtype=object)


def by_month(days: Any) -> dict[tuple[str, str], Decimal]:
    """Month and name to effective cost [currency], from `by_day`."""
    found: dict[tuple[str, str], Decimal] = {}
    for m, name, amount in zip(days["month"], days["name"], days["amount"], strict=True):
        found[m, name] = CONTEXT.add(found.get((m, name), Decimal(0)), amount)
    return found


def covered(charges: Table, as_of: date) -> date | None:
    """Last day of which the charges of every source that is up to date are whole; None where there is none.

    A source whose newest day lies more than a week before the others' is late and does not hold them up: it is accrued.
    """
    usage = charges.filter(charges.ChargeCategory == "Usage")
    found = usage.aggregate(by=["x_KitSource"], end=usage.ChargePeriodEnd.max()).to_pyarrow().to_pylist()
    ends = [r["end"].replace(tzinfo=UTC) for r in found if r["end"] is not None]
    if not ends:
        return None
    newest = max(ends)
    last = min(e for e in ends if newest - e <= timedelta(days=7))
    return min((last - timedelta(seconds=1)).date(), as_of)


def misplaced(
    charges: Table, which: Month, *, currency: str, least: Decimal = Decimal("0.8")
) -> pd.DataFrame:
    """Cost in a sub-account of one department that another department's tag carries away.

    A sub-account belongs to the department that owns at least `least` of its effective cost [ratio]; shared accounts,
    where nobody does, are left alone. Several resources of one foreign team are one finding for each resource.

    Returns
    -------
    DataFrame
        Columns account, resource, home, tagged, amount [currency], the largest first.
    """
    import pandas as pd

    m = charges.filter(
        charges[CURRENCY] == currency, charges.x_KitPeriod == str(which), charges.ChargeCategory == "Usage"
    )
    keys = ["SubAccountId", "SubAccountName", "x_KitDepartment", "ResourceId", "ResourceName"]
    found = m.aggregate(by=keys, amount=m.EffectiveCost.sum()).to_pyarrow().to_pylist()
    homes: dict[str, dict[str, Decimal]] = {}
    for r in found:
        parts = homes.setdefault(r["SubAccountId"], {})
        name = r["x_KitDepartment"] or NOBODY
        parts[name] = CONTEXT.add(parts.get(name, Decimal(0)), number(r["amount"]))
    rows = []
    for r in found:
        parts = homes[r["SubAccountId"]]
        whole = sum(parts.values(), Decimal(0))
        home = max(parts, key=lambda n: parts[n])
        owned = home != NOBODY and whole > 0 and parts[home] / whole >= least
        tagged = r["x_KitDepartment"]
        if owned and tagged and tagged != home and r["ResourceId"] and number(r["amount"]) > 0:
            rows.append(
                (
                    r["SubAccountName"] or r["SubAccountId"],
                    r["ResourceName"] or r["ResourceId"],
                    r["ResourceId"],
                    home,
                    tagged,
                    number(r["amount"]),
                )
            )
    rows.sort(key=lambda r: (-r[-1], str(r[2])))
    return pd.DataFrame(rows, columns=["account", "resource", "id", "home", "tagged", "amount"], dtype=object)
