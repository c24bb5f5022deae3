"""A measure, and how many of them are taken in one pass over the charges."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from helpers.terms.errors import UsageError
from helpers.terms.focus import JOINED_KIT_COLUMNS, STORED_KIT_COLUMNS, columns
from helpers.terms.money import CONTEXT, NAN, ratio
from helpers.terms.period import Month

if TYPE_CHECKING:
    import pandas as pd

CURRENCY = "BillingCurrency"

# Ibis expressions; a type checker cannot know a table's columns, nor what may be done with them.
Table = Any
Column = Any
Condition = Any

# What the engine returned for one group: a sum by its name (None where it saw no value), and the group's own keys.
Sums = Mapping[str, Any]


@dataclass(frozen=True)
class Measure:
    """One number: which sums to take over a table, and how it comes from them.

    Attributes
    ----------
    id : str
        The Foundation's slug of the KPI, or ours.
    sums : dict
        Name -> Ibis aggregate over `table`; for a measure without table, name -> value.
    value : callable
        Sums (and the group's keys by column) -> Decimal, NaN where it is not defined.
    unit : str
        ``ratio``, ``currency``, ``currency/GB-month``, ``days``, …; ``currency`` is the group's BillingCurrency.
    table : ibis Table or None
        The charges, or a table at another grain made from them. None for what does not come from charges.
    variant : str
        Which of several published forms.
    along : tuple of str
        Columns whose values the sums are multiplied with, ranked or chosen by, which engines cannot do exactly: `value`
        then finds under each name a dict of those columns' values -> sum (of the value itself for one column).
    """

    id: str
    sums: Mapping[str, Any] = field(repr=False)
    value: Callable[[Sums], Decimal] = field(repr=False)
    unit: str
    table: Table | None = field(default=None, repr=False)
    variant: str = ""
    along: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """``id`` or ``id:variant``: the column of `evaluate`'s result."""
        return f"{self.id}:{self.variant}" if self.variant else self.id


def evaluate(measures: Iterable[Measure], by: Sequence[str] | str = ()) -> pd.DataFrame:
    """Take all measures, those that share a table in one aggregate, for each currency.

    Parameters
    ----------
    measures : iterable of Measure
        Different keys.
    by : sequence of str, optional
        Columns of the tables to group by besides BillingCurrency.

    Returns
    -------
    DataFrame
        Columns `by`, BillingCurrency, then one for each measure's key, object Decimals in the measure's unit; one row for
        each group in the order of its keys. Currencies are never added. A measure without table stands in every row.

    Raises
    ------
    UsageError
        Two measures of one key; a column that a table lacks; a measure that cannot be split by `by`.

    Examples
    --------
    >>> evaluate([totals.total(charges, "BilledCost")], by=["ServiceName"])  # doctest: +SKIP
    """
    import pandas as pd

    measures = list(measures)
    by = [by] if isinstance(by, str) else list(by)
    _check(measures, by)
    found: dict[str, dict[tuple, Sums]] = {}
    for several in _by_table(measures):
        found |= _aggregate(several, by)
    groups = sorted({g for sums in found.values() for g in sums}, key=_order)
    if not groups and not by:
        groups = [(None,)]
    rows = []
    for group in groups:
        keys = dict(zip([*by, CURRENCY], group, strict=True))
        row: dict[str, Any] = dict(keys)
        for m in measures:
            sums = m.sums if m.table is None else found[m.key].get(group) or _nothing(m)
            row[m.key] = m.value({**sums, **keys})
        rows.append(row)
    return pd.DataFrame(rows, columns=[*by, CURRENCY, *(m.key for m in measures)], dtype=object)


def _check(measures: list[Measure], by: list[str]) -> None:
    keys = [m.key for m in measures]
    for key in keys:
        if keys.count(key) > 1:
            raise UsageError(f"the measure {key} twice", "each measure once", "give one of them a variant")
    for m in measures:
        if m.table is None and by:
            raise UsageError(
                f"{m.key} by {', '.join(by)}",
                "a measure of charges",
                "evaluate it without `by`: it has no rows",
            )
        lacking = [c for c in by if m.table is not None and c not in m.table.columns]
        if lacking:
            raise UsageError(
                f"{m.key} by {', '.join(lacking)}",
                "columns of the measure's own table",
                "name them in the measure function's argument `by` too",
            )


def _by_table(measures: list[Measure]) -> list[list[Measure]]:
    """Measures that one aggregate can take: the same table, structurally; those along columns by themselves."""
    shared: dict[Any, list[Measure]] = {}
    for m in measures:
        if m.table is not None:
            shared.setdefault((m.table.op(), bool(m.along)), []).append(m)
    return list(shared.values())


def _aggregate(measures: list[Measure], by: list[str]) -> dict[str, dict[tuple, Sums]]:
    """Key -> group -> sums, of measures that share a table; equal sums are taken once."""
    table = measures[0].table
    assert table is not None
    names: dict[Any, str] = {}
    wanted: dict[str, Any] = {}
    for m in measures:
        for expression in m.sums.values():
            name = names.setdefault(expression.op(), f"s{len(names)}")
            wanted.setdefault(name, expression)
    keys = [*by, CURRENCY]
    along = dict.fromkeys(c for m in measures for c in m.along)
    found = table.aggregate(by=list(dict.fromkeys([*keys, *along])), **wanted).to_pyarrow().to_pylist()
    return {
        m.key: _taken(m, {name: names[e.op()] for name, e in m.sums.items()}, found, keys) for m in measures
    }


def _taken(m: Measure, names: dict[str, str], found: list[dict], keys: list[str]) -> dict[tuple, Sums]:
    """One measure's sums by group, out of an aggregate that may be finer than the measure."""
    if not m.along:
        return {tuple(r[k] for k in keys): {n: r[s] for n, s in names.items()} for r in found}
    groups: dict[tuple, Sums] = {}
    joins = {n: {"Min": min, "Max": max}.get(type(e.op()).__name__, CONTEXT.add) for n, e in m.sums.items()}
    for r in found:
        parts = groups.setdefault(tuple(r[k] for k in keys), _nothing(m))
        at = r[m.along[0]] if len(m.along) == 1 else tuple(r[c] for c in m.along)
        for n, s in names.items():
            held, more = parts[n].get(at), r[s]
            parts[n][at] = more if held is None else held if more is None else joins[n](held, more)
    return groups


def _nothing(m: Measure) -> dict[str, Any]:
    return {name: {} if m.along else None for name in m.sums}


def _order(group: tuple) -> tuple:
    return tuple((value is None, str(value)) for value in group)


def number(value: Any) -> Decimal:
    """A sum as Decimal, zero where the engine saw no row for it."""
    return Decimal(0) if value is None else Decimal(value)


def known(name: str) -> Callable[[Sums], Decimal]:
    """The sum itself; NaN where no row had a value: a total that is not known is no zero."""
    return lambda sums: NAN if sums[name] is None else Decimal(sums[name])


def quotient(numerator: str, denominator: str) -> Callable[[Sums], Decimal]:
    """Numerator / denominator; NaN where the denominator is zero."""
    return lambda sums: ratio(number(sums[numerator]), number(sums[denominator]))


def month(charges: Table, which: Month) -> Table:
    """Charges of one billing month (x_KitPeriod: cheap, since the store is cut by it)."""
    return charges.filter(charges.x_KitPeriod == str(which))


def window(charges: Table, last: Month, months: int = 13) -> Table:
    """Charges of the `months` billing months that end with `last`."""
    first = last.plus(1 - months)
    return charges.filter(charges.x_KitPeriod >= str(first), charges.x_KitPeriod <= str(last))


def schema():
    """Ibis schema of ``open_charges``: FOCUS 1.4 and the kit's columns, for expressions without data."""
    import ibis

    kinds = {"decimal": "decimal(38, 18)", "time": "timestamp('UTC')", "tags": "map<string, string>"}
    fields = {c.id: kinds.get(c.kind, "string") for c in columns().values()}
    types = {
        "VARCHAR": "string",
        "BIGINT": "int64",
        "BOOLEAN": "boolean",
        "MAP(VARCHAR, VARCHAR)": "map<string, string>",
        "DECIMAL(38,18)": "decimal(38, 18)",
    }
    for name, (kind, *_) in (STORED_KIT_COLUMNS | JOINED_KIT_COLUMNS).items():
        fields[name] = types[kind]
    return ibis.schema(fields)
