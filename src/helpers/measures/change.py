"""Why the month cost more or less than the one before: ten causes that add up to the difference exactly.

A price–volume–mix analysis, step by step from quantity to list, contracted and effective cost. Formulas and a worked
table: docs/measures.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any

from helpers.measures import rows
from helpers.measures.measure import CURRENCY, Table, month, number
from helpers.terms.money import CONTEXT, STORED_PLACES
from helpers.terms.money import total as add
from helpers.terms.period import Month

if TYPE_CHECKING:
    import pandas as pd

CAUSES = (
    "list price",
    "negotiated",
    "commitment",
    "volume",
    "mix",
    "days",
    "new",
    "ended",
    "corrections",
    "no quantity",
)
SERVICE = ["ServiceProviderName", "ServiceName"]
KEY = [*SERVICE, "SkuId", "RegionId", "PricingUnit"]
GROUPS = ["kind", *KEY, "spot"]
PLACE = Decimal(1).scaleb(-STORED_PLACES)


@dataclass(frozen=True)
class _Side:
    """One month of one SKU: quantity, and what it costs by list, contract and effectively."""

    quantity: Decimal
    list: Decimal | None  # None where a charge has no such price
    contracted: Decimal | None
    effective: Decimal


def bridge(
    charges: Table,
    which: Month,
    *,
    currency: str,
    previous: Month | None = None,
    days: int | None = None,
    as_of: date | None = None,
) -> pd.DataFrame:
    """Split the change of effective cost between two months into its causes.

    Parameters
    ----------
    charges : ibis Table
        Columns EffectiveCost, ContractedCost, ListCost [currency], PricingQuantity [PricingUnit], ChargeCategory,
        ChargeClass, CommitmentDiscountStatus, PricingCategory, ServiceProviderName, ServiceName, SkuId, RegionId,
        PricingUnit, x_KitPeriod, ChargePeriodStart, ChargePeriodEnd, BillingCurrency.
    which, previous : Month
        The month and the one it is compared with (default: the one before).
    currency : str
        BillingCurrency: currencies are never added.
    days : int, optional
        Compare only the first `days` days of both months: charges that lie wholly inside them.
    as_of : date, optional
        Today. A month that is not over on this day is compared over the days that its charges cover (`days_covered`).

    Returns
    -------
    DataFrame
        Columns cause and amount [currency, Decimal], one row for each of `CAUSES`, in that order; amounts add up to the
        difference exactly. ``attrs``: month, previous, currency, days (0 for whole months), total, previous_total.

    Examples
    --------
    >>> bridge(charges, Month(2026, 9), currency="USD")  # doctest: +SKIP
    """
    import pandas as pd

    split, attrs = _split(charges, which, currency, previous, days, as_of)
    amounts: dict[str, list[Decimal]] = defaultdict(list)
    for _, cause, amount in split:
        amounts[cause].append(amount)
    frame = pd.DataFrame({"cause": CAUSES, "amount": [add(amounts[c]) for c in CAUSES]}, dtype=object)
    frame.attrs |= attrs
    return frame


def detail(
    charges: Table,
    which: Month,
    *,
    currency: str,
    previous: Month | None = None,
    days: int | None = None,
    as_of: date | None = None,
) -> pd.DataFrame:
    """`bridge` by service: columns ServiceProviderName, ServiceName, cause, amount [currency], the largest first."""
    import pandas as pd

    split, attrs = _split(charges, which, currency, previous, days, as_of)
    amounts: dict[tuple, list[Decimal]] = defaultdict(list)
    for service, cause, amount in split:
        amounts[(*service, cause)].append(amount)
    table = [(*key, add(parts)) for key, parts in amounts.items()]
    table = sorted((r for r in table if r[-1]), key=lambda r: (-abs(r[-1]), [str(x) for x in r[:-1]]))
    frame = pd.DataFrame(table, columns=[*SERVICE, "cause", "amount"], dtype=object)
    frame.attrs |= attrs
    return frame


def days_covered(charges: Table, which: Month) -> int:
    """Days from the month's first on which usage is there to the day's end: what an open month can be compared over."""
    usage = month(charges, which).filter(rows.ran(charges))
    day = usage.ChargePeriodStart.truncate("D")
    found = usage.aggregate(by=[day.name("day")], end=usage.ChargePeriodEnd.max()).to_pyarrow().to_pylist()
    days = [
        (r["day"].replace(tzinfo=UTC), r["end"]) for r in found
    ]  # Ibis drops the zone of a truncated time
    whole = [day for day, end in days if end >= day + timedelta(days=1)]
    inside = [d for d in whole if which.start <= d < which.end]
    return (max(inside) - which.start).days + 1 if inside else 0


def first_days(charges: Table, which: Month, days: int) -> Table:
    """A month's charges that lie wholly inside its first `days` days; a fee for the whole month does not."""
    end = which.start + timedelta(days=days)
    inside = month(charges, which)
    return inside.filter(inside.ChargePeriodStart < end, inside.ChargePeriodEnd <= end)


Part = tuple[tuple[Any, Any], str, Decimal]  # service, cause, amount


def _split(
    charges: Table, which: Month, currency: str, previous: Month | None, days: int | None, as_of: date | None
) -> tuple[list[Part], dict[str, object]]:
    before = previous or which.plus(-1)
    charges = charges.filter(charges[CURRENCY] == currency)
    if days is None and as_of is not None and as_of < which.end.date():
        days = days_covered(charges, which)
    sides = [
        _read(month(charges, m) if days is None else first_days(charges, m, days)) for m in (before, which)
    ]
    lengths = (days or before.days, days or which.days)
    totals = [add(number(s["effective"]) for s in side.values()) for side in sides]
    attrs: dict[str, object] = {
        "month": str(which),
        "previous": str(before),
        "currency": currency,
        "days": days or 0,
        "total": totals[1],
        "previous_total": totals[0],
    }
    with localcontext(CONTEXT):
        return list(_parts(sides[0], sides[1], lengths)), attrs


def by_sku(charges: Table) -> Table:
    """What the bridge needs of one month: sums by kind of charge, service, SKU, region, unit and spot."""
    import ibis

    ran = rows.ran(charges)
    kind = ibis.cases(
        (
            charges.ChargeClass.notnull() | charges.ChargeCategory.isin(["Credit", "Adjustment"]),
            "corrections",
        ),
        (rows.unused(charges), "unused"),
        (ran & charges.PricingQuantity.notnull(), "usage"),
        else_="no quantity",
    )
    table = charges.mutate(kind=kind, spot=rows.spot(charges))
    return table.aggregate(
        by=GROUPS,
        quantity=table.PricingQuantity.sum(),
        list=table.ListCost.sum(),
        contracted=table.ContractedCost.sum(),
        effective=table.EffectiveCost.sum(),
        rows=table.count(),
        listed=table.count(where=rows.priced(table, "ListCost")),
        agreed=table.count(where=rows.priced(table, "ContractedCost")),
    )


def _read(charges: Table) -> dict[tuple, dict[str, Any]]:
    return {tuple(r[k] for k in GROUPS): r for r in by_sku(charges).to_pyarrow().to_pylist()}


def _parts(old: dict, new: dict, days: tuple[int, int]) -> Iterator[Part]:
    """Every part of the difference; inside the 50-digit context."""
    pairs: list[tuple[tuple, _Side, _Side]] = []
    for key in sorted(old.keys() | new.keys(), key=str):
        kind, service = key[0], (key[1], key[2])
        a, b = old.get(key), new.get(key)
        was, now = (number(s["effective"]) if s else Decimal(0) for s in (a, b))
        if kind != "usage":
            yield service, "commitment" if kind == "unused" else kind, now - was
        elif a is None:
            yield service, "new", now
        elif b is None:
            yield service, "ended", -was
        elif number(a["quantity"]) <= 0 or number(b["quantity"]) <= 0:
            yield service, "no quantity", now - was
        else:
            pairs.append((key, _side(a), _side(b)))
    growth = _growth(pairs, days)
    for key, a, b in pairs:
        longer = _longer(key, days)
        causes = _causes(a, b, longer, growth[_pool(key)])
        for cause, amount in _footed(causes).items():
            yield (key[1], key[2]), cause, amount


def _side(s: dict[str, Any]) -> _Side:
    return _Side(
        number(s["quantity"]),
        number(s["list"]) if s["rows"] == s["listed"] else None,
        number(s["contracted"]) if s["rows"] == s["agreed"] else None,
        number(s["effective"]),
    )


def _pool(key: tuple) -> tuple:
    """SKUs whose quantities add: one service, one unit."""
    return key[1], key[2], key[5]


def _longer(key: tuple, days: tuple[int, int]) -> Decimal:
    """By how much a longer month alone raises the quantity; a unit that names the month counts no days."""
    unit = (key[5] or "").lower()
    monthly = "month" in unit or unit.endswith("-mo")
    return Decimal(1) if monthly else Decimal(days[1]) / days[0]


def _growth(pairs: list[tuple[tuple, _Side, _Side]], days: tuple[int, int]) -> dict[tuple, Decimal]:
    """Growth of each pool's quantity a day."""
    before: dict[tuple, Decimal] = defaultdict(Decimal)
    after: dict[tuple, Decimal] = defaultdict(Decimal)
    for key, a, b in pairs:
        before[_pool(key)] += a.quantity * _longer(key, days)
        after[_pool(key)] += b.quantity
    return {pool: after[pool] / before[pool] for pool in before}


def _causes(a: _Side, b: _Side, longer: Decimal, growth: Decimal) -> dict[str, Decimal]:
    """One SKU's difference by cause: each step moves one thing and keeps what was before it in the chain."""
    level = a.effective * b.quantity / a.quantity  # last month's rates, this month's quantity
    causes = {
        "days": a.effective * (longer - 1),
        "volume": a.effective * longer * (growth - 1),
        "mix": level - a.effective * longer * growth,
    }
    steps = [("list price", a.list, b.list), ("negotiated", a.contracted, b.contracted)]
    if a.contracted is None or b.contracted is None:  # then what was paid is the only agreed price we know
        steps[1] = ("negotiated", a.effective, b.effective)
    for cause, was, now in steps:
        if was is not None and now is not None and was > 0 and now > 0:
            moved = a.effective * now / was
            causes[cause], level = moved - level, moved
    causes["commitment"] = b.effective - level
    return causes


def _footed(causes: dict[str, Decimal]) -> dict[str, Decimal]:
    """Causes at the places of stored money; what rounding leaves goes to the largest.

    Only that: the sum is taken from the causes themselves, so that a wrong formula cannot hide in the rest.
    """
    rounded = {cause: amount.quantize(PLACE) for cause, amount in causes.items()}
    largest = max(rounded, key=lambda c: (abs(rounded[c]), -CAUSES.index(c)))
    rounded[largest] += sum(causes.values(), Decimal(0)).quantize(PLACE) - sum(rounded.values(), Decimal(0))
    return rounded
