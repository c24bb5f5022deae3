"""Which charges belong to which product and feature, and what they cost: run and build apart, unused commitment named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from helpers.measures import rows
from helpers.measures.measure import CURRENCY, Column, Table, number
from helpers.terms.errors import BadInput
from helpers.terms.money import CONTEXT, foot, ratio
from helpers.terms.money import total as add
from helpers.terms.period import Month

if TYPE_CHECKING:
    import pandas as pd

PRODUCT, FEATURE, WORK = "x_KitProduct", "x_KitFeature", "x_KitWork"
RUN, BUILD = "run", "build"
NO_PRODUCT = "no product"
UNUSED = "unused commitment"
PERIOD = "x_KitPeriod"
METHODS = ("even", "proportional", "by rule")
PLACES = 18  # of money in the store


def assigned(charges: Table, products: pd.DataFrame) -> Table:
    """Charges with the product, feature and kind of work that the first fitting row of `products` gives.

    Parameters
    ----------
    charges : ibis Table
        Columns that `products` names in match_on; Tags where it names ``tag:KEY``.
    products : DataFrame
        Columns product, feature, work, match_on, match_value; `row` where known, for messages.

    Returns
    -------
    ibis Table
        With x_KitProduct, x_KitFeature (null where no row fits) and x_KitWork (``run`` or ``build``).

    Raises
    ------
    BadInput
        A match_on that the charges do not have: file, row, column, what was found, what is needed.
    """
    return charges.mutate(
        **{
            PRODUCT: named(charges, products, "product", None),
            FEATURE: named(charges, products, "feature", "all"),
            WORK: named(charges, products, "work", RUN),
        }
    )


def named(charges: Table, products: pd.DataFrame, column: str, missing: str | None) -> Column:
    """What the first fitting row of `products` says in a column, as an expression over the charges; null where none fits."""
    import ibis

    told = products.to_dict("records")
    if not told:
        return ibis.null().cast("string")
    return ibis.cases(*((_fits(charges, r), _text(r.get(column)) or missing) for r in told))


def _fits(charges: Table, row: Mapping[str, Any]) -> Any:
    on, value = row["match_on"], row["match_value"]
    if on.startswith("tag:"):
        if "Tags" not in charges.columns:
            raise _wrong(row, f"match_on {on!r}", "charges with the column Tags", "match by another column")
        keys = on.removeprefix("tag:").split("|")
        held = charges.Tags.get(keys[0])
        for key in keys[1:]:
            held = held.coalesce(charges.Tags.get(key))
    elif on in charges.columns and charges[on].type().is_string():
        held = charges[on]
    else:
        texts = [
            c for c in ("ResourceName", "SubAccountName", "ServiceName", "SkuId") if c in charges.columns
        ]
        needed = f"tag:KEY or a text column of the charges, such as {', '.join(texts)}"
        raise _wrong(row, f"match_on {on!r}", needed, "correct the cell")
    return (held.fill_null("") != "") if value == "*" else (held == value)


def _wrong(row: Mapping[str, Any], found: str, needed: str, remedy: str) -> BadInput:
    line = row.get("row")
    return BadInput(
        found, needed, remedy, file="products.csv", row=None if line is None else int(line), column="match_on"
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def costs(charges: Table, products: pd.DataFrame, months: Sequence[Month]) -> pd.DataFrame:
    """Effective cost of each product, feature and kind of work by month; what nobody's row fits stands as ``no product``.

    Parameters
    ----------
    charges : ibis Table
        Columns EffectiveCost [BillingCurrency], ChargeCategory, ChargeClass, CommitmentDiscountStatus, x_KitPeriod,
        BillingCurrency, x_KitDepartment and what `products` matches on.
    products : DataFrame
    months : sequence of Month

    Returns
    -------
    DataFrame
        Columns month, product, feature, work, department, currency, cost [currency, Decimal]. `work` is ``run``,
        ``build``, or ``unused commitment``, which is nobody's use. Tax, credits and corrections are out, as in every rate
        (`rows.spent`). Rows add up to that total exactly.
    """
    import ibis
    import pandas as pd

    table = assigned(charges.filter(charges[PERIOD].isin([str(m) for m in months])), products)
    table = table.filter(rows.spent(table))
    work = ibis.ifelse(rows.unused(table), UNUSED, table[WORK].coalesce(RUN))
    keys = [
        table[PERIOD].name("month"), table[PRODUCT].coalesce(NO_PRODUCT).name("product"),
        table[FEATURE].coalesce("all").name("feature"), work.name("work"),
        table.x_KitDepartment.name("department"), table[CURRENCY].name("currency"),
    ]  # fmt: skip
    found = table.aggregate(by=keys, cost=table.EffectiveCost.sum()).to_pyarrow().to_pylist()
    found = sorted(found, key=lambda r: tuple(str(v) for n, v in r.items() if n != "cost"))
    for r in found:
        r["cost"] = number(r["cost"])
    columns = ["month", "product", "feature", "work", "department", "currency", "cost"]
    return pd.DataFrame(found, columns=columns, dtype=object)


def direct(
    frame: pd.DataFrame, *, work: Sequence[str] = (RUN,), by: Sequence[str] = ("product",)
) -> dict[tuple, Decimal]:
    """(month, currency, *by) → cost [currency] of `costs` rows of these kinds of work."""
    found: dict[tuple, list[Decimal]] = {}
    for r in frame.to_dict("records"):
        if r["work"] in work:
            found.setdefault((r["month"], r["currency"], *(r[c] for c in by)), []).append(r["cost"])
    return {key: add(parts) for key, parts in found.items()}


# Shared cost --------------------------------------------------------------------------------------------------------


def pool(charges: Table, rules: pd.DataFrame | None, which: Month, currency: str) -> dict[str, Decimal]:
    """Rule → effective cost of the month [currency] that it shares out; the first rule that fits a charge takes it."""
    import ibis

    if rules is None or not len(rules):
        return {}
    month = charges.filter(charges[PERIOD] == str(which), charges[CURRENCY] == currency)
    month = month.filter(rows.spent(month) & ~rows.unused(month).fill_null(False))
    first = {r["rule"]: r for r in reversed(rules.to_dict("records"))}
    order = list(dict.fromkeys(rules["rule"]))
    rule = ibis.cases(*((_fits(month, first[name]), name) for name in order))
    found = month.aggregate(by=[rule.name("rule")], cost=month.EffectiveCost.sum()).to_pyarrow().to_pylist()
    by_rule = {r["rule"]: number(r["cost"]) for r in found}
    return {name: by_rule[name] for name in order if name in by_rule}


def shared(
    frame: pd.DataFrame,
    amounts: dict[str, Decimal],
    rules: pd.DataFrame | None,
    which: Month,
    currency: str,
    method: str,
) -> dict[str, Decimal]:
    """Shared cost by product [currency], by one of three methods; parts add up to the pool exactly.

    Parameters
    ----------
    frame : DataFrame
        Of `costs`.
    amounts : dict
        Of `pool`.
    rules : DataFrame
        Columns rule, basis, department, share (shared_cost_rules.csv).
    which : Month
    currency : str
        Only products with cost in it take part.
    method : str
        ``even``: the same to every product. ``proportional``: by their own run cost. ``by rule``: to departments as the
        rules say (even, fixed shares, proportional), inside a department by its products' own run cost; what falls to a
        department without a product is ``no product``.

    Returns
    -------
    dict
        Product → part, rounded to 18 places by largest remainder, so that the sum is the pool's to the last digit.
    """
    own = _own(frame, which, currency)
    parts: dict[str, Decimal] = {}
    for rule, amount in amounts.items():
        weights = _weights(own, rules, rule, method)
        names = sorted(weights)
        whole = add(weights.values())
        exact = [CONTEXT.multiply(amount, ratio(weights[n], whole)) for n in names]
        for name, part in zip(names, _to_the_last_digit(amount, exact), strict=True):
            parts[name] = CONTEXT.add(parts.get(name, Decimal(0)), part)
    return parts


def _to_the_last_digit(amount: Decimal, parts: list[Decimal]) -> list[Decimal]:
    """Rounded parts whose sum is `amount` itself: what 50 digits lost in a quotient goes to the largest first."""
    if not parts:
        return []
    largest = max(range(len(parts)), key=lambda i: abs(parts[i]))
    rest = CONTEXT.subtract(amount, add(parts))
    parts = [CONTEXT.add(p, rest) if i == largest else p for i, p in enumerate(parts)]
    return foot(parts, PLACES)


def _own(frame: pd.DataFrame, which: Month, currency: str) -> dict[tuple[str, str], Decimal]:
    """(product, department) → own run cost."""
    found = direct(frame, by=("product", "department"))
    return {
        (product, str(department or "")): cost
        for (month, money, product, department), cost in found.items()
        if month == str(which) and money == currency and product != NO_PRODUCT and cost > 0
    }


def _weights(
    own: dict[tuple[str, str], Decimal], rules: pd.DataFrame | None, rule: str, method: str
) -> dict[str, Decimal]:
    by_product: dict[str, Decimal] = {}
    for (product, _), cost in own.items():
        by_product[product] = CONTEXT.add(by_product.get(product, Decimal(0)), cost)
    if not by_product:
        return {NO_PRODUCT: Decimal(1)}
    if method == "even":
        return dict.fromkeys(by_product, Decimal(1))
    lines = [r for r in rules.to_dict("records") if r["rule"] == rule] if rules is not None else []
    named = {r["department"]: r for r in lines if _text(r.get("department"))}
    if method == "proportional" or not named:
        return by_product
    weights: dict[str, Decimal] = {}
    for department, line in named.items():
        part = line["share"] if line["basis"] == "fixed" else Decimal(1)
        mine = {p: c for (p, d), c in own.items() if d == department}
        whole = add(mine.values())
        for product, cost in (mine or {NO_PRODUCT: Decimal(1)}).items():
            more = CONTEXT.multiply(Decimal(part), ratio(cost, whole) if mine else Decimal(1))
            weights[product] = CONTEXT.add(weights.get(product, Decimal(0)), more)
    return weights


# Days ---------------------------------------------------------------------------------------------------------------


def daily(
    charges: Table, products: pd.DataFrame, months: Sequence[Month]
) -> dict[tuple[str, str], dict[date, Decimal]]:
    """(product, currency) → day → run cost [currency] of charges of a day or less; fees for longer are in no day."""
    from datetime import timedelta

    table = assigned(charges.filter(charges[PERIOD].isin([str(m) for m in months])), products)
    short = table.ChargePeriodEnd <= table.ChargePeriodStart + timedelta(days=1)
    inside = rows.spent(table) & ~rows.unused(table).fill_null(False) & (table[WORK] == RUN) & short
    table = table.filter(inside & table[PRODUCT].notnull())
    day = table.ChargePeriodStart.truncate("D").name("day")
    found = table.aggregate(by=[table[PRODUCT], table[CURRENCY], day], cost=table.EffectiveCost.sum())
    days: dict[tuple[str, str], dict[date, Decimal]] = {}
    for r in found.to_pyarrow().to_pylist():
        days.setdefault((r[PRODUCT], r[CURRENCY]), {})[r["day"].date()] = number(r["cost"])
    return days


def resources(charges: Table, products: pd.DataFrame, which: Month) -> dict[str, str]:
    """ResourceId → product of what ran for it in a month."""
    table = assigned(charges.filter(charges[PERIOD] == str(which)), products)
    table = table.filter(rows.ran(table) & table[PRODUCT].notnull() & table.ResourceId.notnull())
    table = table.filter(table[WORK] == RUN)
    found = table.aggregate(by=[table.ResourceId, table[PRODUCT]], n=table.count()).to_pyarrow().to_pylist()
    return {r["ResourceId"]: r[PRODUCT] for r in found}


def prices(charges: Table, row: Mapping[str, Any], months: Sequence[str]) -> tuple[Decimal, ...]:
    """Effective price of what a row (match_on, match_value, currency) names, month by month [currency/PricingUnit].

    Oldest first; months without a positive quantity are left out.
    """
    inside = charges.filter(charges[PERIOD].isin(list(months)), charges[CURRENCY] == row["currency"])
    inside = inside.filter(rows.ran(inside) & _fits(inside, row))
    sums = inside.aggregate(
        by=[inside[PERIOD].name("month")],
        cost=inside.EffectiveCost.sum(),
        quantity=inside.PricingQuantity.sum(),
    )
    held = {
        r["month"]: ratio(number(r["cost"]), number(r["quantity"])) for r in sums.to_pyarrow().to_pylist()
    }
    return tuple(held[m] for m in months if m in held and not held[m].is_nan() and held[m] > 0)
