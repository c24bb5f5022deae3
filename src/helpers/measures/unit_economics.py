"""Unit cost, revenue, margin and break-even by product and month; what is not known stays NaN, with its reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from helpers.measures.drivers import Drivers
from helpers.measures.products import BUILD, NO_PRODUCT, RUN, direct
from helpers.terms.money import CONTEXT, NAN, ratio
from helpers.terms.money import total as add
from helpers.terms.period import Month

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "month", "product", "currency", "driver", "per", "cost", "build", "units", "unit_cost", "target", "revenue",
    "contribution", "margin", "revenue_per_unit", "reason",
)  # fmt: skip


def monthly(
    costs: pd.DataFrame,
    drivers: Drivers,
    plans: pd.DataFrame | None,
    months: Sequence[Month],
    *,
    shared: Mapping[str, Decimal] | None = None,
    days: int | None = None,
) -> pd.DataFrame:
    """One row for each month, product and currency of cost.

    Parameters
    ----------
    costs : DataFrame
        Of `products.costs`.
    drivers : Drivers
    plans : DataFrame, optional
        Columns product, unit_driver, per, target_unit_cost (product_plans.csv). Without a plan the product's first driver
        that is not money counts.
    months : sequence of Month
        Oldest first.
    shared : mapping, optional
        Product → shared cost to add [currency], for one month only.
    days : int, optional
        Of the last month, where it is open: its drivers are taken over these days.

    Returns
    -------
    DataFrame
        cost: run cost [currency]; build: development and training, in no unit cost [currency]; units ÷ per; unit_cost
        [currency/(per units)]; revenue [currency]; contribution = revenue − cost; margin = contribution ÷ revenue [ratio];
        revenue_per_unit. Where revenue is in another currency than cost both contribution and margin are NaN, with the
        reason: currencies are never subtracted.
    """
    import pandas as pd

    run, build = direct(costs), direct(costs, work=(BUILD,))
    plan = {r["product"]: r for r in plans.to_dict("records")} if plans is not None else {}
    names = dict.fromkeys([*plan, *drivers.products, *(k[2] for k in run)])
    names.pop(NO_PRODUCT, None)
    lines = []
    for month in months:
        cut = days if days and month == months[-1] else None
        for name in names:
            for currency in sorted({k[1] for k in (*run, *build) if k[0] == str(month) and k[2] == name}):
                key = (str(month), currency, name)
                extra = (shared or {}).get(name, Decimal(0))
                cost = CONTEXT.add(run.get(key, Decimal(0)), extra)
                lines.append(
                    _line(
                        month, name, currency, cost, build.get(key, Decimal(0)), drivers, plan.get(name), cut
                    )
                )
    return pd.DataFrame(lines, columns=list(COLUMNS), dtype=object)


def _line(
    month: Month,
    name: str,
    currency: str,
    cost: Decimal,
    build: Decimal,
    drivers: Drivers,
    plan: Mapping[str, Any] | None,
    days: int | None,
) -> dict[str, Any]:
    driver, per, target = unit_of(name, drivers, plan)
    reasons = []
    units, each = NAN, NAN
    if not driver:
        reasons.append(f"nothing counts what {name} does: add a driver to drivers.csv")
    else:
        volume = drivers.month(name, driver, month, days)
        units = CONTEXT.divide(volume.value, per) if not volume.value.is_nan() else NAN
        each = ratio(cost, units)
        if volume.reason:
            reasons.append(volume.reason)
        elif units == 0:
            reasons.append(f"no {driver} in {month.title}: a cost of nothing has no unit cost")
    earned = drivers.month(name, "revenue", month, days)
    revenue = contribution = margin = price = NAN
    if earned.currency and earned.currency != currency:
        reasons.append(f"revenue is in {earned.currency}, cost in {currency}: they are not subtracted")
    elif not earned.value.is_nan():
        revenue = earned.value
        contribution = CONTEXT.subtract(revenue, cost)
        margin = ratio(contribution, revenue)
        price = ratio(revenue, units)
        if earned.reason:
            reasons.append(earned.reason)
    return {
        "month": str(month), "product": name, "currency": currency, "driver": driver, "per": per, "cost": cost,
        "build": build, "units": units, "unit_cost": each, "target": target, "revenue": revenue,
        "contribution": contribution, "margin": margin, "revenue_per_unit": price, "reason": "; ".join(reasons),
    }  # fmt: skip


def unit_of(name: str, drivers: Drivers, plan: Mapping[str, Any] | None) -> tuple[str, Decimal, Decimal]:
    """What a product counts, for how many its unit cost stands, and its target (NaN without one)."""
    counted = [d for d in drivers.names(name) if not drivers.currency(name, d)]
    driver = str(plan["unit_driver"]) if plan else (counted[0] if counted else "")
    per = plan.get("per") if plan else None
    target = plan.get("target_unit_cost") if plan else None
    return driver, _number(per, Decimal(1)), _number(target, NAN)


def _number(value: Any, missing: Decimal) -> Decimal:
    return value if isinstance(value, Decimal) and not value.is_nan() else missing


def of_month(frame: pd.DataFrame, which: Month, *, run_only: bool = True) -> pd.DataFrame:
    """The rows of one month, largest cost first; without products that only build."""
    rows = frame[frame["month"] == str(which)]
    if run_only:
        rows = rows.loc[[i for i in rows.index if rows.at[i, "cost"] != 0]]
    order = sorted(rows.index, key=lambda i: (-rows.at[i, "cost"], rows.at[i, "product"]))
    return rows.loc[order].reset_index(drop=True)


def history(frame: pd.DataFrame, product: str, column: str, months: Sequence[Month]) -> list[Decimal | None]:
    """A column's values of a product month by month; None where there is no row or a NaN."""
    mine = frame[frame["product"] == product]
    held = dict(zip(mine["month"], mine[column], strict=True))
    return [None if (v := held.get(str(m))) is None or v.is_nan() else v for m in months]


def break_even(price: Decimal, per_unit: Decimal, fixed: Decimal) -> tuple[Decimal, str]:
    """Units at which revenue pays for everything: fixed ÷ (price − cost of one more unit) [units].

    Parameters
    ----------
    price, per_unit : Decimal
        Revenue and marginal cost of one unit [currency/unit].
    fixed : Decimal
        Cost that stays without units [currency].

    Returns
    -------
    (Decimal, str)
        NaN and the reason where no volume is enough.

    Examples
    --------
    >>> break_even(Decimal(3), Decimal(1), Decimal(100))
    (Decimal('50'), '')
    >>> break_even(Decimal(1), Decimal(1), Decimal(100))[1]
    'each unit costs as much as it earns, or more: no volume breaks even'
    """
    if any(x.is_nan() for x in (price, per_unit, fixed)):
        return NAN, "price, marginal cost or fixed cost is not known"
    left = CONTEXT.subtract(price, per_unit)
    if left <= 0:
        return NAN, "each unit costs as much as it earns, or more: no volume breaks even"
    return (ratio(fixed, left), "") if fixed > 0 else (Decimal(0), "")


def of_total(frame: pd.DataFrame, which: Month, currency: str, column: str = "contribution") -> Decimal:
    """Sum of a column over the products of a month and currency [currency]; unknown ones are left out."""
    rows = frame[(frame["month"] == str(which)) & (frame["currency"] == currency)]
    return add(v for v in rows[column] if not v.is_nan())


__all__ = [
    "COLUMNS",
    "NO_PRODUCT",
    "RUN",
    "break_even",
    "history",
    "monthly",
    "of_month",
    "of_total",
    "unit_of",
]
