"""What haste cost: machines that ran on demand for a project and went away, against what a commitment would have cost."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from helpers.measures import rows
from helpers.measures.measure import CURRENCY, Table, number
from helpers.measures.products import PERIOD
from helpers.terms.money import CONTEXT, NAN, ratio
from helpers.terms.period import Month

if TYPE_CHECKING:
    import pandas as pd

SLACK = timedelta(days=10)  # around a project's planned days
SHORTEST = timedelta(days=14)
KINDS = ("migration", "launch", "planned-change")
COLUMNS = (
    "project", "resource", "service", "currency", "first", "last", "cost", "committed_rate", "premium", "reason",
)  # fmt: skip


def found(charges: Table, calendar: pd.DataFrame | None, which: Month) -> pd.DataFrame:
    """Resources that lived for a project of the calendar only and never had a commitment or spot price.

    Parameters
    ----------
    charges : ibis Table
        With ResourceId, ResourceName, ServiceName, PricingCategory, CommitmentDiscountStatus, ContractedCost, ….
    calendar : DataFrame
        Columns start, end, kind, name (calendar.csv); projects that ended up to the end of `which` and last two weeks or
        more.
    which : Month

    Returns
    -------
    DataFrame
        cost: effective cost of the resource [currency]; committed_rate: effective ÷ contracted cost of what commitments
        covered in the same service and months [ratio]; premium = cost × (1 − committed_rate) [currency].
    """
    import pandas as pd

    lines = []
    for project in _projects(calendar, which):
        months = [str(m) for m in _months(project["start"], project["end"])]
        inside = charges.filter(charges[PERIOD].isin(months))
        usage = inside.filter(rows.ran(inside) & inside.ResourceId.notnull())
        seen = usage.filter(usage.EffectiveCost > 0)
        hit = seen.aggregate(
            by=[seen.ResourceId, seen.ResourceName, seen.ServiceName, seen[CURRENCY]],
            first=seen.ChargePeriodStart.min(),
            last=seen.ChargePeriodEnd.max(),
            cost=seen.EffectiveCost.sum(),
            all=seen.count(),
            plain=seen.count(
                where=seen.CommitmentDiscountStatus.isnull() & (seen.PricingCategory.fill_null("") == "Standard")
                & seen.x_KitEligible.fill_null(False)
            ),
        ).to_pyarrow().to_pylist()  # fmt: skip
        hit = [r for r in hit if r["all"] == r["plain"] and _lived(r, project)]
        hit = [r for r in hit if _alone(charges, r, months)]
        rates = _rates(usage) if hit else {}
        lines += [_line(project, r, rates.get((r["ServiceName"], r[CURRENCY]), NAN)) for r in hit]
    lines.sort(key=lambda r: (-r["cost"], str(r["resource"])))
    return pd.DataFrame(lines, columns=list(COLUMNS), dtype=object)


def _projects(calendar: pd.DataFrame | None, which: Month) -> list[dict]:
    if calendar is None:
        return []
    found = [
        r | {"start": _date(r["start"]), "end": _date(r["end"])}
        for r in calendar.to_dict("records")
        if r["kind"] in KINDS and isinstance(r["end"], date | str)
    ]
    return [r for r in found if r["end"] - r["start"] >= SHORTEST and r["end"] < which.end.date()]


def _date(day: object) -> date:
    return day if isinstance(day, date) else date.fromisoformat(str(day)[:10])


def _months(start: date, end: date) -> list[Month]:
    month, last = Month.of(start), Month.of(end)
    found = []
    while month <= last:
        found.append(month)
        month = month.plus(1)
    return found


def _lived(r: dict, project: dict) -> bool:
    first, last = r["first"].date(), (r["last"] - timedelta(seconds=1)).date()
    return abs(first - project["start"]) <= SLACK and abs(last - project["end"]) <= SLACK


def _alone(charges: Table, r: dict, months: list[str]) -> bool:
    """Whether the resource has no charge in other months."""
    others = charges.filter(charges.ResourceId == r["ResourceId"], ~charges[PERIOD].isin(months))
    return not int(others.count().to_pyarrow().as_py())


def _rates(usage: Table) -> dict[tuple[str, str], Decimal]:
    held = usage.filter(rows.used(usage))
    sums = held.aggregate(
        by=[held.ServiceName, held[CURRENCY]], paid=held.EffectiveCost.sum(), full=held.ContractedCost.sum()
    )
    return {
        (r["ServiceName"], r[CURRENCY]): ratio(number(r["paid"]), number(r["full"]))
        for r in sums.to_pyarrow().to_pylist()
    }


def _line(project: dict, r: dict, rate: Decimal) -> dict[str, object]:
    cost = number(r["cost"])
    known = not rate.is_nan() and rate < 1
    return {
        "project": project["name"],
        "resource": r["ResourceName"] or r["ResourceId"],
        "service": r["ServiceName"],
        "currency": r[CURRENCY],
        "first": r["first"].date(),
        "last": (r["last"] - timedelta(seconds=1)).date(),
        "cost": cost,
        "committed_rate": rate,
        "premium": CONTEXT.multiply(cost, CONTEXT.subtract(Decimal(1), rate)) if known else NAN,
        "reason": ""
        if known
        else f"no commitment covered {r['ServiceName']} then, so nothing says what it could have cost",
    }
