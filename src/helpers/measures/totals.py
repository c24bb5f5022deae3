"""Totals by each of the four costs, ranked shares, concentration, spot, refunds and credits."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from helpers.measures import rows
from helpers.measures.measure import CURRENCY, Measure, Sums, Table, known, month, number, quotient
from helpers.terms.focus import COSTS
from helpers.terms.money import CONTEXT, ratio
from helpers.terms.money import total as add
from helpers.terms.period import Month

if TYPE_CHECKING:
    import pandas as pd

IDS = {c: f"total-{c.removesuffix('Cost').lower()}-cost" for c in COSTS}


def total(charges: Table, cost: str) -> Measure:
    """Sum of one of the four costs over all charges [currency]; NaN where no charge has it."""
    return Measure(IDS[cost], {"total": charges[cost].sum()}, known("total"), "currency", charges)


def all_four(charges: Table) -> list[Measure]:
    """Totals of billed, effective, contracted and list cost [currency]."""
    return [total(charges, cost) for cost in COSTS]


def count(charges: Table) -> Measure:
    """Number of charges [charges]."""
    return Measure("charges", {"count": charges.count()}, lambda s: number(s["count"]), "charges", charges)


def spot_share(charges: Table) -> Measure:
    """Share of spot in the effective cost of compute usage [ratio]: PricingCategory Dynamic, unused commitment out."""
    compute = rows.ran(charges) & (charges.ServiceCategory == "Compute")
    return Measure(
        "spot-share",
        {
            "spot": charges.EffectiveCost.sum(where=compute & rows.spot(charges)),
            "all": charges.EffectiveCost.sum(where=compute),
        },
        quotient("spot", "all"),
        "ratio",
        charges,
    )


def refunds(charges: Table) -> Measure:
    """Billed cost of corrections (ChargeClass Correction) of any category [currency]; negative where money came back."""
    return Measure(
        "refunds-and-credits",
        {"billed": charges.BilledCost.sum(where=charges.ChargeClass == "Correction")},
        lambda s: number(s["billed"]),
        "currency",
        charges,
        "refunds",
    )


def credits_given(charges: Table) -> Measure:
    """Billed cost of credits (ChargeCategory Credit) that are no corrections [currency]; negative where given."""
    given = (charges.ChargeCategory == "Credit") & charges.ChargeClass.isnull()
    return Measure(
        "refunds-and-credits",
        {"billed": charges.BilledCost.sum(where=given)},
        lambda s: number(s["billed"]),
        "currency",
        charges,
        "credits",
    )


def concentration(
    charges: Table, dimension: str = "ServiceName", top: int = 3, cost: str = "EffectiveCost"
) -> Measure:
    """Share of the `top` largest of a dimension in the whole cost [ratio]; a missing name counts as one."""

    def value(s: Sums) -> Decimal:
        amounts = sorted((number(a) for a in s["cost"].values()), reverse=True)
        return ratio(add(amounts[:top]), add(amounts))

    return Measure(
        "concentration",
        {"cost": charges[cost].sum()},
        value,
        "ratio",
        charges,
        f"top-{top}-{dimension}",
        along=(dimension,),
    )


def ranked(
    charges: Table,
    which: Month,
    dimension: str,
    *,
    currency: str,
    cost: str = "EffectiveCost",
    previous: Month | None = None,
) -> pd.DataFrame:
    """One month's cost by a dimension, the largest first, beside the month before.

    Parameters
    ----------
    charges : ibis Table
        Columns `dimension`, `cost`, BillingCurrency, x_KitPeriod.
    which : Month
    dimension : str
        Column to split by.
    currency : str
        BillingCurrency: currencies are never added.
    cost : str
        One of the four costs.
    previous : Month, optional
        Default: the month before.

    Returns
    -------
    DataFrame
        Columns `dimension`, amount [currency], share [1], previous [currency], change [currency]; object Decimals. A
        name of last month that is gone stands with amount 0. Amounts add up to the month's total exactly.
    """
    import pandas as pd

    before = previous or which.plus(-1)
    both = charges.filter(charges.x_KitPeriod.isin([str(which), str(before)]), charges[CURRENCY] == currency)
    taken = both.aggregate(by=[dimension, "x_KitPeriod"], amount=both[cost].sum()).to_pyarrow().to_pylist()
    amounts: dict[object, dict[str, Decimal]] = {}
    for row in taken:
        amounts.setdefault(row[dimension], {})[row["x_KitPeriod"]] = number(row["amount"])
    whole = add(a.get(str(which), Decimal(0)) for a in amounts.values())
    table = [
        {
            dimension: name,
            "amount": a.get(str(which), Decimal(0)),
            "share": ratio(a.get(str(which), Decimal(0)), whole),
            "previous": a.get(str(before), Decimal(0)),
            "change": CONTEXT.subtract(a.get(str(which), Decimal(0)), a.get(str(before), Decimal(0))),
        }
        for name, a in amounts.items()
    ]
    table.sort(key=lambda r: (-r["amount"], -r["previous"], str(r[dimension])))
    return pd.DataFrame(table, columns=[dimension, "amount", "share", "previous", "change"], dtype=object)


def sums_by(charges: Table, which: Month, by: Sequence[str]) -> pd.DataFrame:
    """The four totals of one month by columns and currency [currency], for tables and reconciliation."""
    from helpers.measures.measure import evaluate

    return evaluate(all_four(month(charges, which)), by=by)
