"""KPIs of the Foundation that set cloud cost beside what the business did (drivers.csv), month by month, currency by currency."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from helpers.measures import rows
from helpers.measures.drivers import Drivers
from helpers.measures.measure import CURRENCY, Condition, Measure, Sums, Table, number
from helpers.measures.products import BUILD, RUN, named
from helpers.measures.unit_cost import AI
from helpers.terms.money import CONTEXT, NAN, ratio
from helpers.terms.money import total as add
from helpers.terms.period import Month

if TYPE_CHECKING:
    import pandas as pd

PERIOD = "x_KitPeriod"


def revenue_share(charges: Table, drivers: pd.DataFrame) -> Measure:
    """Effective cost ÷ revenue of all products in the same currency and month [ratio]; NaN without revenue."""
    held = Drivers(drivers)

    def value(s: Sums) -> Decimal:
        return ratio(number(s["cost"]), _money(held, "revenue", s))

    return Measure(
        "cloud-spend-percentage-of-recurring-revenue",
        {"cost": charges.EffectiveCost.sum(where=rows.spent(charges))},
        value,
        "ratio",
        charges,
    )


def per_thought(charges: Table, products: pd.DataFrame, drivers: pd.DataFrame) -> Measure:
    """Run cost of AI services ÷ requests, of the products that count tokens and requests [currency/request]."""
    held, names, mine = _products(charges, products, drivers, "tokens")
    inside = mine & (charges.ServiceCategory == AI) & rows.ran(charges)

    def value(s: Sums) -> Decimal:
        return ratio(number(s["cost"]), _units(held, names, "requests", s))

    return Measure(
        "cost-per-thought-llm-only",
        {"cost": charges.EffectiveCost.sum(where=inside)},
        value,
        "currency/request",
        charges,
    )


def ai_value(charges: Table, products: pd.DataFrame, drivers: pd.DataFrame) -> Measure:
    """(Revenue − cost) ÷ cost of the products that count tokens, building them included [ratio]."""
    held, names, mine = _products(charges, products, drivers, "tokens")

    def value(s: Sums) -> Decimal:
        cost = number(s["cost"])
        return ratio(CONTEXT.subtract(_money(held, "revenue", s, names), cost), cost)

    return Measure(
        "value-for-ai-initiatives",
        {"cost": charges.EffectiveCost.sum(where=mine & rows.spent(charges))},
        value,
        "ratio",
        charges,
    )


def value_density(charges: Table, products: pd.DataFrame, drivers: pd.DataFrame) -> Measure:
    """Value of data ÷ cost of the data platform: of the products with a driver ``value`` in money [ratio]."""
    return _valued(
        "data-value-density", charges, products, drivers, "ratio", lambda value, cost, s: ratio(value, cost)
    )


def days_of_value(charges: Table, products: pd.DataFrame, drivers: pd.DataFrame) -> Measure:
    """Value ÷ daily cost of the products with a driver ``value`` in money [days].

    The library divides value by a cost a day: only where value is money do the units give days.
    """
    return _valued(
        "time-to-achieve-business-value",
        charges,
        products,
        drivers,
        "days",
        lambda value, cost, s: CONTEXT.multiply(ratio(value, cost), Decimal(Month.parse(s[PERIOD]).days)),
    )


def training_efficiency(charges: Table, products: pd.DataFrame, drivers: pd.DataFrame) -> Measure:
    """Cost of building the products that measure accuracy ÷ their accuracy in percentage points [currency/point]."""
    held, names, mine = _products(charges, products, drivers, "accuracy")
    built = mine & (named(charges, products, "work", RUN) == BUILD) & rows.spent(charges)

    def value(s: Sums) -> Decimal:
        return ratio(number(s["cost"]), _units(held, names, "accuracy", s))

    return Measure(
        "training-cost-efficiency",
        {"cost": charges.EffectiveCost.sum(where=built)},
        value,
        "currency/point",
        charges,
    )


def _valued(
    id: str,
    charges: Table,
    products: pd.DataFrame,
    drivers: pd.DataFrame,
    unit: str,
    of: Callable[[Decimal, Decimal, Sums], Decimal],
) -> Measure:
    held, names, mine = _products(charges, products, drivers, "value")

    def value(s: Sums) -> Decimal:
        return of(_money(held, "value", s, names), number(s["cost"]), s)

    cost = charges.EffectiveCost.sum(where=mine & rows.spent(charges))
    return Measure(id, {"cost": cost}, value, unit, charges)


def _products(
    charges: Table, products: pd.DataFrame, drivers: pd.DataFrame, driver: str
) -> tuple[Drivers, list[str], Condition]:
    """Drivers, the products that have this one, and which charges are theirs."""
    held = Drivers(drivers)
    names = [p for p in held.products if driver in held.names(p)]
    return held, names, named(charges, products, "product", None).isin(names or [""])


def _money(held: Drivers, driver: str, s: Sums, names: Iterable[str] | None = None) -> Decimal:
    """Sum of a driver of money in the group's own month and currency; NaN where no product has one."""
    if not s.get(PERIOD):
        return NAN
    month = Month.parse(s[PERIOD])
    mine = held.products if names is None else names
    found = [held.month(p, driver, month) for p in mine if held.currency(p, driver) == s[CURRENCY]]
    known = [v.value for v in found if not v.value.is_nan()]
    return add(known) if known else NAN


def _units(held: Drivers, names: Iterable[str], driver: str, s: Sums) -> Decimal:
    if not s.get(PERIOD):
        return NAN
    month = Month.parse(s[PERIOD])
    known = [v.value for p in names if not (v := held.month(p, driver, month)).value.is_nan()]
    return add(known) if known else NAN
