"""Two designs compared on what today's charges measure, and what speed and availability cost.

A design is a small table, one row for each component: what its quantity is taken from, and what of it the design changes.
Nothing is benchmarked here: answers in time are modelled and say so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from helpers.measures.measure import number
from helpers.terms.errors import UsageError
from helpers.terms.money import CONTEXT, ratio
from helpers.terms.money import total as add

if TYPE_CHECKING:
    import pandas as pd

TAKEN_FROM = ("resource_id", "name", "meter", "service", "region", "sku")
STEP = Decimal(10)  # milliseconds


def compare(lines: pd.DataFrame, designs: pd.DataFrame) -> pd.DataFrame:
    """Monthly cost of each design, component by component.

    Parameters
    ----------
    lines : DataFrame
        As `helpers.measures.resources.lines`.
    designs : DataFrame
        design; component; taken_from (one of `TAKEN_FROM`) and value: the lines whose quantity it takes; quantity_factor [1],
        empty for 1; unit_price [currency/unit], empty for the contracted price that these lines show; fixed [currency a
        month], what comes on top.

    Returns
    -------
    DataFrame
        design, component, quantity [unit], unit, price [currency/unit], cost [currency]; rows in the order given. Its ``attrs``
        hold ``totals``, design -> cost.

    Raises
    ------
    UsageError
        A component that no line of the month fits, or whose lines have several units.
    """
    import pandas as pd

    rows = []
    totals: dict[str, Decimal] = {}
    for d in designs.to_dict("records"):
        if d["taken_from"] not in TAKEN_FROM:
            raise UsageError(
                f"taken_from {d['taken_from']!r} of {d['component']}",
                f"one of {', '.join(TAKEN_FROM)}",
                "correct the design",
            )
        mine = lines[lines[d["taken_from"]] == d["value"]]
        units = sorted({str(u) for u in mine["unit"]})
        if len(units) != 1:
            raise UsageError(
                f"{d['component']}: {d['taken_from']} {d['value']!r} has {' and '.join(units) or 'no charge in this month'}",
                "charges of one unit",
                "name a resource or meter of the month; finops report shows them",
            )
        quantity, cost = (add(number(v) for v in mine[c]) for c in ("quantity", "contracted"))
        price = _given(d.get("unit_price"))
        price = ratio(cost, quantity) if price is None else price
        factor = _given(d.get("quantity_factor"))
        quantity = quantity if factor is None else CONTEXT.multiply(quantity, factor)
        total = CONTEXT.add(CONTEXT.multiply(quantity, price), _given(d.get("fixed")) or Decimal(0))
        total = total.quantize(Decimal("0.01"), context=CONTEXT)
        rows.append(
            {
                "design": d["design"],
                "component": d["component"],
                "quantity": quantity,
                "unit": units[0],
                "price": price,
                "cost": total,
            }
        )
        totals[d["design"]] = add([totals.get(d["design"], 0), total])
    frame = pd.DataFrame(
        rows, columns=["design", "component", "quantity", "unit", "price", "cost"], dtype=object
    )
    frame.attrs["totals"] = totals
    return frame


def stretch(use: float) -> float:
    """How much longer an answer takes at a use of the processors than alone [1]: processor sharing, 1 ÷ (1 − use).

    References
    ----------
    Kleinrock, Queueing Systems, volume 2 (1976), M/G/1 processor sharing: the mean answer of any length is stretched alike.

    Examples
    --------
    >>> round(stretch(20.0), 3), stretch(100.0)
    (1.25, inf)
    """
    return math.inf if use >= 100 else 1 / (1 - use / 100)


def speed(advice: Sequence[Any], statistics: Mapping[str, Mapping[str, Any]], alone: Decimal) -> pd.DataFrame:
    """What speed costs: for each smaller machine that is advised, the answer's time before and after, and 10 ms' price.

    Parameters
    ----------
    advice : sequence of Advice
        Those of kind ``oversized machine`` are looked at.
    statistics : mapping
        resource_id -> row of ``helpers.models.rightsizing.statistics``.
    alone : Decimal
        Time of one answer that has the machine for itself [ms].

    Returns
    -------
    DataFrame
        name, now, candidate, before, after [ms, at the 95th percentile of hours], saving [currency a month], ten_ms
        [currency a month that 10 ms are worth today; None where nothing is lost]; the dearest first.
    """
    import pandas as pd

    rows = []
    for a in advice:
        use = statistics.get(a.resource_id)
        if a.kind != "oversized machine" or not use or a.p95 is None:
            continue
        before, after = (
            Decimal(str(round(float(alone) * stretch(u), 2))) for u in (use["cpu_p95"], min(a.p95, 99.0))
        )
        lost = after - before
        price = (
            CONTEXT.divide(CONTEXT.multiply(a.saving, STEP), lost).quantize(Decimal("0.01"))
            if lost > 0
            else None
        )
        rows.append(
            {
                "name": a.name, "now": a.now, "candidate": a.candidate, "before": before, "after": after,
                "saving": a.saving, "ten_ms": price,
            }
        )  # fmt: skip
    rows.sort(key=lambda r: (-(r["ten_ms"] or 0), r["name"]))
    return pd.DataFrame(
        rows, columns=["name", "now", "candidate", "before", "after", "saving", "ten_ms"], dtype=object
    )


def nines(one: Decimal, price: Decimal, most: int = 4) -> pd.DataFrame:
    """What one nine more costs: 1 to `most` copies of a thing, any of which is enough.

    Parameters
    ----------
    one : Decimal
        Availability of one copy [1], below 1.
    price : Decimal
        A copy [currency a month].

    Returns
    -------
    DataFrame
        copies [1], availability [1], nines [1] (−log10 of what is lost), cost [currency a month], a_nine [currency a month for
        one nine more than the row above; None in the first].

    Notes
    -----
    Copies that fail together (one zone, one release) are not two: this is the best case.

    Examples
    --------
    >>> nines(Decimal("0.99"), Decimal(100), 2)["a_nine"].tolist()
    [None, Decimal('50.00')]
    """
    import pandas as pd

    if not 0 < one < 1:
        raise UsageError(f"availability {one}", "a share between 0 and 1", "write 99.9 % as 0.999")
    rows, before = [], None
    for copies in range(1, most + 1):
        lost = CONTEXT.power(1 - one, copies)
        many = Decimal(str(round(-math.log10(float(lost)), 4)))
        gained = None if before is None else many - before
        rows.append(
            {
                "copies": copies,
                "availability": 1 - lost,
                "nines": many,
                "cost": price * copies,
                "a_nine": None if not gained else CONTEXT.divide(price, gained).quantize(Decimal("0.01")),
            }
        )
        before = many
    return pd.DataFrame(rows, columns=["copies", "availability", "nines", "cost", "a_nine"], dtype=object)


def standard(advice: Sequence[Any], lines: pd.DataFrame) -> pd.DataFrame:
    """Designs that the month's advice suggests, in the form of `compare`: today, and the way without a detour.

    Each NAT gateway whose traffic can take an endpoint, and each kind of work that can move to ARM, as two rows.
    """
    import pandas as pd

    rows = []
    for a in advice:
        if a.kind not in ("NAT detour", "cross-zone traffic", "ARM") or not a.cost:
            continue
        kept = 1 - ratio(a.saving + a.blocked, a.cost)
        for design, factor in (("today", None), (a.candidate, kept)):
            rows.append(
                {
                    "design": design, "component": a.name, "taken_from": "resource_id", "value": a.resource_id,
                    "quantity_factor": None if a.kind == "ARM" else factor, "fixed": None,
                    "unit_price": _price(lines, a, factor) if a.kind == "ARM" and factor is not None else None,
                }
            )  # fmt: skip
    columns = ["design", "component", "taken_from", "value", "quantity_factor", "unit_price", "fixed"]
    return pd.DataFrame(rows, columns=columns, dtype=object)


def totals(compared: pd.DataFrame) -> pd.DataFrame:
    """Components beside each other: component, today, instead (the other design), then, saving [currency]."""
    import pandas as pd

    rows: dict[str, dict[str, Any]] = {}
    for r in compared.to_dict("records"):
        one = rows.setdefault(
            r["component"], {"component": r["component"], "today": None, "instead": "", "then": None}
        )
        if r["design"] == "today":
            one["today"] = r["cost"]
        else:
            one["instead"], one["then"] = r["design"], r["cost"]
    for one in rows.values():
        one["saving"] = (one["today"] or 0) - (one["then"] or 0)
    found = sorted(rows.values(), key=lambda r: (-r["saving"], r["component"]))
    return pd.DataFrame(found, columns=["component", "today", "instead", "then", "saving"], dtype=object)


def _price(lines: pd.DataFrame, a: Any, kept: Decimal) -> Decimal:
    mine = lines[lines["resource_id"] == a.resource_id]
    return CONTEXT.multiply(
        ratio(add(number(v) for v in mine["contracted"]), add(number(v) for v in mine["quantity"])), kept
    )


def _given(value: Any) -> Decimal | None:
    return None if value is None or value != value or value == "" else Decimal(value)
