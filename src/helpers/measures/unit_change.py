"""Why a unit cost moved between two months: price, efficiency, mix, fixed use and its dilution, adding up exactly.

The unit cost of a group of products that count the same thing is ``Σⱼ sⱼ Σᵢ pᵢ aᵢ + Σᵢ pᵢ fᵢ / V``: s the product's share of all
units V, p the price of what a line buys, a its use per unit of the product, f the use that does not follow volume. Each
factor's part is its Shapley value: the mean of what its change adds over all orders in which the factors may change. For two
factors that is the midpoint rule, for three Das Gupta's. LMDI, the other method without a remainder, takes logarithms, which
have no exact decimals and no zero. Everything here is a fraction of whole numbers until the end, so nothing is left over.

References
----------
Das Gupta, P., Standardization and Decomposition of Rates: A User's Manual, US Bureau of the Census, Current Population Reports
P23-186, 1993 (its worked examples as the package DasGuptR prints them; read 2026-11-26). Shorrocks, A., Decomposition procedures
for distributional analysis: a unified framework based on the Shapley value, Journal of Economic Inequality 11, 2013.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from helpers.measures import rows
from helpers.measures.measure import CURRENCY, Table, number
from helpers.measures.products import PERIOD, PRODUCT, RUN, WORK, assigned
from helpers.terms.money import CONTEXT, NAN
from helpers.terms.period import Month

if TYPE_CHECKING:
    import pandas as pd

CAUSES: tuple[str, ...] = (
    "price", "efficiency", "mix", "fixed use", "dilution", "new", "ended", "no quantity", "without units",
)  # fmt: skip
PLACE = Decimal(1).scaleb(-18)
LINE = (PRODUCT, "ServiceName", "SkuId", "RegionId", "PricingUnit")
Key = tuple[str, ...]  # group first
Part = tuple[Key, str, Fraction]
ZERO, ONE = Fraction(0), Fraction(1)


@dataclass(frozen=True)
class Side:
    """One month.

    Attributes
    ----------
    lines : mapping of tuple to (quantity, cost)
        The first of a key is its group (product); quantity [the line's unit] may be None, cost [currency].
    units : mapping of str to Decimal
        Group → its volume [unit of the driver].
    """

    lines: Mapping[Key, tuple[Decimal | None, Decimal]]
    units: Mapping[str, Decimal]

    @property
    def volume(self) -> Fraction:
        """All units."""
        return sum((Fraction(v) for v in self.units.values()), ZERO)

    @property
    def unit_cost(self) -> Fraction | None:
        """Cost of one unit [currency/unit]; None without units."""
        cost = sum((Fraction(c) for _, c in self.lines.values()), ZERO)
        return cost / self.volume if self.volume else None


def parts(before: Side, after: Side, fixed: Mapping[str, Decimal] | None = None) -> list[Part]:
    """Every part of the change, exact.

    Parameters
    ----------
    before, after : Side
        Volumes not below zero, above zero in all.
    fixed : mapping, optional
        Group → share of its use that does not follow volume [ratio], such as a regression found; default 0.

    Returns
    -------
    list of (key, cause, Fraction)
        Their sum is the difference of the two unit costs, exactly.
    """
    shares = fixed or {}
    found: list[Part] = []
    whole = (before.volume, after.volume)
    for key in sorted(before.lines.keys() | after.lines.keys(), key=str):
        group = key[0]
        units = (Fraction(before.units.get(group, 0)), Fraction(after.units.get(group, 0)))
        lines = (before.lines.get(key), after.lines.get(key))
        share = min(max(Fraction(shares.get(group, 0)), ZERO), ONE)
        found += [(key, cause, amount) for cause, amount in _line(lines, units, whole, share) if amount]
    return found


def _line(lines, units, whole, share) -> Iterator[tuple[str, Fraction]]:
    """One line's causes."""
    costs = [Fraction(x[1]) if x else ZERO for x in lines]
    if any(c and not u for c, u in zip(costs, units, strict=True)):
        yield "without units", costs[1] / whole[1] - costs[0] / whole[0]
        return
    if not any(units):
        return
    mix = [u / v for u, v in zip(units, whole, strict=True)]
    quantities = [Fraction(x[0]) if x and x[0] is not None else ZERO for x in lines]
    present = [x is not None and bool(x[1] or x[0]) for x in lines]
    if any(p and q <= 0 for p, q in zip(present, quantities, strict=True)) or not any(present):
        each = [c / u if u else None for c, u in zip(costs, units, strict=True)]
        each = _filled(each)
        yield "mix", (mix[1] - mix[0]) * (each[0] + each[1]) / 2
        yield "no quantity", (each[1] - each[0]) * (mix[0] + mix[1]) / 2
        return
    price = _filled([c / q if p else None for c, q, p in zip(costs, quantities, present, strict=True)])
    use = [q / u if u else None for q, u in zip(quantities, units, strict=True)]
    per_unit = _filled([None if a is None else a * (1 - share) for a in use])
    moved = "efficiency" if all(present) else "new" if present[1] else "ended"
    yield "mix", _three(mix, price, per_unit)
    yield "price", _three(price, mix, per_unit)
    yield moved, _three(per_unit, mix, price)
    if share:
        held = [q * share for q in quantities]
        spread = [1 / v for v in whole]
        yield "price", _three(price, held, spread)
        yield "fixed use" if all(present) else moved, _three(held, price, spread)
        yield "dilution", _three(spread, price, held)


def _filled(pair: list[Fraction | None]) -> list[Fraction]:
    """What one month does not know stays as it is in the other: then it moves nothing."""
    a, b = pair
    return [b if a is None else a, a if b is None else b]  # type: ignore[list-item]


def _three(moved, one, other) -> Fraction:
    """Shapley value of the first of three factors of a product, each a pair (before, after)."""
    same = one[0] * other[0] + one[1] * other[1]
    crossed = one[0] * other[1] + one[1] * other[0]
    return (moved[1] - moved[0]) * (2 * same + crossed) / 6


def split(
    before: Side,
    after: Side,
    fixed: Mapping[str, Decimal] | None = None,
    *,
    attrs: Mapping[str, object] | None = None,
) -> pd.DataFrame:
    """The change by cause, as `views.charts.bridge` takes it.

    Returns
    -------
    DataFrame
        Columns cause, amount [currency/unit, Decimal at 18 places], one row for each of `CAUSES`; amounts add up to total −
        previous_total (``attrs``) exactly. Where a month has no units: no rows, and ``attrs["reason"]``.

    Examples
    --------
    >>> a = Side({("Shop", "vm"): (Decimal(10), Decimal(20))}, {"Shop": Decimal(100)})
    >>> b = Side({("Shop", "vm"): (Decimal(12), Decimal(36))}, {"Shop": Decimal(100)})
    >>> found = split(a, b)
    >>> {c: str(v.normalize()) for c, v in zip(found["cause"], found["amount"]) if v}
    {'price': '0.11', 'efficiency': '0.05'}
    """
    import pandas as pd

    about = dict(attrs or {})
    old, new = before.unit_cost, after.unit_cost
    if old is None or new is None:
        frame = pd.DataFrame({"cause": [], "amount": []}, dtype=object)
        which = "the month before" if old is None else "this month"
        frame.attrs |= about | {
            "reason": f"{which} has no units: a cost of nothing has no unit cost",
            "total": NAN if new is None else decimal(new),
            "previous_total": NAN if old is None else decimal(old),
        }
        return frame
    sums: dict[str, Fraction] = dict.fromkeys(CAUSES, ZERO)
    for _, cause, amount in parts(before, after, fixed):
        sums[cause] += amount
    rounded = {c: decimal(a) for c, a in sums.items()}
    total, previous = decimal(new), decimal(old)
    largest = max(rounded, key=lambda c: (abs(rounded[c]), -CAUSES.index(c)))
    # only what rounding to 18 places leaves: the sum of the fractions is checked to be the change itself
    if sum(sums.values(), ZERO) != new - old:
        raise ArithmeticError(f"the causes add up to {sum(sums.values(), ZERO)}, the change is {new - old}")
    rounded[largest] += (total - previous) - sum(rounded.values(), Decimal(0))
    frame = pd.DataFrame({"cause": CAUSES, "amount": list(rounded.values())}, dtype=object)
    frame.attrs |= about | {"total": total, "previous_total": previous}
    return frame


def decimal(value: Fraction) -> Decimal:
    """A fraction at 18 places, half-even."""
    return CONTEXT.divide(Decimal(value.numerator), Decimal(value.denominator)).quantize(
        PLACE, context=CONTEXT
    )


def sides(
    charges: Table,
    products: pd.DataFrame,
    volumes: Mapping[tuple[str, Month], Decimal],
    months: Sequence[Month],
    *,
    currency: str,
) -> list[Side]:
    """Each month as a `Side`: run cost of the products named in `volumes`, by service, SKU, region and unit.

    Parameters
    ----------
    charges : ibis Table
        Columns of `products.costs`, and PricingQuantity [PricingUnit], ServiceName, SkuId, RegionId, PricingUnit.
    volumes : mapping of (product, Month) to Decimal
        Units of the driver; NaN counts as none.
    """
    names = sorted({p for p, _ in volumes})
    table = charges.filter(charges[PERIOD].isin([str(m) for m in months]), charges[CURRENCY] == currency)
    table = assigned(table, products)
    table = table.filter(
        table[PRODUCT].isin(names),
        table[WORK] == RUN,
        rows.spent(table) & ~rows.unused(table).fill_null(False),
    )
    found = table.aggregate(
        by=[PERIOD, *LINE], quantity=table.PricingQuantity.sum(), cost=table.EffectiveCost.sum()
    )
    held: dict[str, dict[Key, tuple[Decimal | None, Decimal]]] = {str(m): {} for m in months}
    for r in found.to_pyarrow().to_pylist():
        held[r[PERIOD]][tuple(str(r[c] or "") for c in LINE)] = (r["quantity"], number(r["cost"]))
    return [Side(held[str(m)], _units(volumes, names, m)) for m in months]


def _units(
    volumes: Mapping[tuple[str, Month], Decimal], names: Sequence[str], month: Month
) -> dict[str, Decimal]:
    known = {n: volumes.get((n, month), NAN) for n in names}
    return {n: Decimal(0) if v.is_nan() else v for n, v in known.items()}
