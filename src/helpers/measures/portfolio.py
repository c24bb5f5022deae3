"""Scale, hold, mend or decommission: a rule sheet over each product's numbers. What was spent before is never counted."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from helpers.terms.money import CONTEXT, NAN

if TYPE_CHECKING:
    import pandas as pd

SCALE, HOLD, MEND, LEAVE = "scale", "hold", "mend", "decommission"
VERDICTS = (SCALE, HOLD, MEND, LEAVE)


@dataclass(frozen=True)
class Rules:
    """Where the verdicts begin; all ours (docs/unit-economics.md says why).

    Attributes
    ----------
    falling, growing : Decimal
        Demand's growth a month [ratio].
    rising : Decimal
        Unit cost's growth a month from which it is mended [ratio].
    full : Decimal
        Busy hours' processor use from which growth needs more machines [ratio].
    horizon : int
        Months over which leaving is held against staying.
    """

    falling: Decimal = Decimal("-0.01")
    growing: Decimal = Decimal("0.02")
    rising: Decimal = Decimal("0.01")
    full: Decimal = Decimal("0.80")
    horizon: int = 24


def leaving(
    revenue: Decimal,
    cost: Decimal,
    demand: Decimal,
    cost_trend: Decimal,
    plan: dict[str, Any] | None,
    horizon: int,
) -> Decimal:
    """What leaving is worth over `horizon` months [currency]: cost no longer paid, less revenue lost, less what leaving costs.

    Revenue follows demand, cost its own trend; both go on while leaving takes. Sunk cost is in neither.

    Examples
    --------
    >>> leaving(Decimal(0), Decimal(100), Decimal(0), Decimal(0), {"leaving_cost": Decimal(50), "leaving_months": Decimal(2)}, 12)
    Decimal('950')
    """
    plan = plan or {}
    start = int(_number(plan.get("leaving_months"), Decimal(0)))
    gain = -_number(plan.get("leaving_cost"), Decimal(0))
    for month in range(start + 1, horizon + 1):
        earned = CONTEXT.multiply(revenue, CONTEXT.power(1 + demand, month))
        paid = CONTEXT.multiply(cost, CONTEXT.power(1 + cost_trend, month))
        gain = CONTEXT.add(gain, CONTEXT.subtract(paid, earned))
    return gain


def verdict(row: dict[str, Any], rules: Rules) -> tuple[str, str]:
    """One product's verdict and why, in words.

    Parameters
    ----------
    row : dict
        margin [ratio] and contribution [currency] (NaN: no revenue known), demand and unit_cost_trend [ratio a month, None:
        not known], demand_falls, demand_rises, unit_cost_rises (bool: whole interval), load [ratio or None], leaving
        [currency].
    """
    demand, load = row["demand"], row["load"]
    loses = not row["margin"].is_nan() and row["margin"] < 0
    falls = demand is not None and row["demand_falls"] and demand <= rules.falling
    grows = demand is not None and row["demand_rises"] and demand >= rules.growing
    if falls and row["leaving"] > 0:
        return LEAVE, "demand falls, and leaving is worth more than staying"
    if loses:
        return MEND, "each unit costs more than it earns: price or cost first, then growth"
    if row["unit_cost_rises"] and row["unit_cost_trend"] >= rules.rising and not falls:
        return MEND, "its unit cost rises and demand does not explain it"
    if grows and load is not None and load >= rules.full:
        return SCALE, "demand grows, each unit pays, and its machines are full in busy hours"
    if grows:
        return HOLD, "demand grows; " + (
            "its load is not measured" if load is None else "its machines have room for it"
        )
    if falls:
        return HOLD, "demand falls, but leaving costs more than staying"
    if demand is None:
        return HOLD, "too few months to see a trend"
    return HOLD, "demand and unit cost are steady"


def sheet(frame: pd.DataFrame, plans: pd.DataFrame | None, rules: Rules | None = None) -> pd.DataFrame:
    """The rule sheet.

    Parameters
    ----------
    frame : DataFrame
        Columns product, currency, cost, revenue, contribution, margin, unit_cost, demand, demand_falls, demand_rises,
        unit_cost_trend, unit_cost_rises, cost_trend, load.
    plans : DataFrame, optional
        product_plans.csv.

    Returns
    -------
    DataFrame
        The same, with leaving [currency over the horizon], sunk [currency, not counted], verdict and because.
    """
    rules = rules or Rules()
    plan = {r["product"]: r for r in plans.to_dict("records")} if plans is not None else {}
    lines = []
    rows: Any = frame.to_dict("records")
    for row in rows:
        mine = plan.get(row["product"])
        revenue = Decimal(0) if row["revenue"].is_nan() else row["revenue"]
        # a feature without revenue of its own serves others: only falling demand makes leaving a question
        known = row["demand"] is not None and (not row["revenue"].is_nan() or row["demand_falls"])
        gain = (
            leaving(revenue, row["cost"], row["demand"], row["cost_trend"] or Decimal(0), mine, rules.horizon)
            if known
            else NAN
        )
        row |= {"leaving": gain, "sunk": _number((mine or {}).get("sunk_cost"), NAN)}
        row["verdict"], row["because"] = verdict(row, rules)
        lines.append(row)
    order = {v: n for n, v in enumerate((LEAVE, MEND, SCALE, HOLD))}
    lines.sort(key=lambda r: (order[r["verdict"]], -r["cost"]))
    import pandas as pd

    columns = [*frame.columns, "leaving", "sunk", "verdict", "because"]
    return pd.DataFrame(lines, columns=columns, dtype=object)


def _number(value: Any, missing: Decimal) -> Decimal:
    return value if isinstance(value, Decimal) and not value.is_nan() else missing
