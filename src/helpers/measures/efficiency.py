"""How well capacity follows need: scaling, and machines of superseded generations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from helpers.measures import rows, units
from helpers.measures.measure import CURRENCY, Measure, Sums, Table, number, quotient
from helpers.terms.money import CONTEXT, NAN, ratio

GROUP = ("ServiceProviderName", "SubAccountId", "RegionId", "SkuId")
HOUR = timedelta(hours=1)


def auto_scaling(charges: Table, cost: str = "EffectiveCost", by: Sequence[str] = ()) -> Measure:
    """Cost of running each group at its peak in every hour / its cost as it was scaled [ratio]; 1 is no scaling.

    Parameters
    ----------
    charges : ibis Table
        Machine hours: compute usage billed in hours and by the hour.
    cost : str
        EffectiveCost, or ListCost to take discounts out.
    by : sequence of str
        Columns that `evaluate` shall group by.

    Notes
    -----
    A group is a provider's SKU in a region and sub-account; its peak is its dearest hour. The hours are those from the
    scope's first to its last, so a group that scales to zero is compared with itself always on.
    """
    import ibis

    hourly = charges.ChargePeriodEnd == charges.ChargePeriodStart + ibis.interval(hours=1)
    machines = charges.filter(
        rows.ran(charges),
        charges.ServiceCategory == "Compute",
        charges.ConsumedUnit.lower().isin(units.HOUR),
        hourly,
        charges[cost].notnull(),
    )
    groups = [CURRENCY, *dict.fromkeys((*by, *GROUP))]
    hours = machines.aggregate(by=[*groups, "ChargePeriodStart"], cost=machines[cost].sum())
    group = hours.aggregate(
        by=groups,
        peak=hours.cost.max(),
        cost=hours.cost.sum(),
        first=hours.ChargePeriodStart.min(),
        last=hours.ChargePeriodStart.max(),
    )

    def value(s: Sums) -> Decimal:
        if s["first"] is None:
            return NAN
        span = (s["last"] - s["first"]) // HOUR + 1
        return ratio(CONTEXT.multiply(number(s["peak"]), Decimal(span)), number(s["cost"]))

    return Measure(
        "auto-scaling-efficiency-rate",
        {
            "peak": group.peak.sum(),
            "cost": group.cost.sum(),
            "first": group.first.min(),
            "last": group.last.max(),
        },
        value,
        "ratio",
        group,
        cost.removesuffix("Cost").lower(),
    )


def legacy(charges: Table) -> Measure:
    """Cost on superseded generations / cost of usage whose generation is known [ratio]."""
    known = rows.ran(charges) & charges.x_KitLegacy.notnull()
    return Measure(
        "percentage-of-legacy-resource",
        {
            "old": charges.EffectiveCost.sum(where=known & charges.x_KitLegacy),
            "known": charges.EffectiveCost.sum(where=known),
        },
        quotient("old", "known"),
        "ratio",
        charges,
    )
