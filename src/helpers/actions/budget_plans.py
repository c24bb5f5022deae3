"""Next year's budget three ways against a total from above, and the bottom-up forecast beside the trend."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from helpers.measures import budget_plan, budgets, products
from helpers.measures import resources as lines
from helpers.measures.drivers import Drivers
from helpers.models import volumes, waste
from helpers.terms.period import Month

REMAINING = 6  # months that are budgeted already beyond which they, not the year after them, are planned
LEAST = 3  # closed months below which nothing is planned


@dataclass(frozen=True)
class Plans:
    """Budgets set by several ways.

    Attributes
    ----------
    months : tuple of Month
        Planned ones.
    ways : tuple of Way
        Last year × growth, drivers × unit cost, from zero, from above; none where there is too little past.
    proposed : Way or None
        The one by drivers where they bear anything, else last year × growth.
    version : str
    above : str
        Where the total from above comes from.
    ahead : DataFrame
        Columns department, drivers (share of its cost that they bear [1]), trend, bottom_up, gap [currency], of the months
        that the trend forecasts.
    currency : str
    """

    months: tuple[Month, ...]
    ways: tuple[Any, ...]
    proposed: Any
    version: str
    above: str
    ahead: Any
    currency: str

    @property
    def files(self) -> dict[str, str]:
        """``budget_proposal.csv``, in the form of budgets.csv."""
        if self.proposed is None:
            return {}
        table = budget_plan.proposal(self.proposed, currency=self.currency, version=self.version)
        return {"budget_proposal.csv": table.to_csv(index=False)}


def plans(run: Any, review: Any) -> Plans:
    """Plan for a run of the finance notebook, from closed months and drivers up to the review's last whole day."""
    closed = _closed(run, review)
    held = budgets.budgets(run.table("budgets"), currency=run.currency, as_of=run.as_of)
    months = _planned(run.month, sorted({Month.parse(m) for m, _ in held}))
    empty = _compared(review, budget_plan.Way("", {}), {}, ())
    if len(closed) < LEAST or review.until is None:
        return Plans(months, (), None, "", "", empty, run.currency)
    names = {d for m, d in review.actual if m in {str(c) for c in closed}}
    actual = {k: v for k, v in review.actual.items() if k[1] in names}
    seasons = budget_plan.profiles(actual, closed)
    grown = budget_plan.last_year(actual, closed, months, seasons)
    ran = budget_plan.running(run.charges, closed[-1], currency=run.currency)
    zero = budget_plan.zero_based(ran, months, seasons, _waste(run, closed[-1]))
    borne, units = _drivers(run, review, closed, max(months[-1], *_ahead_months(review)))
    driven, shares = budget_plan.by_drivers(borne, units, zero, closed, months)
    total, above = _above(run, held, actual, closed)
    ways = (grown, driven, zero, budget_plan.top_down(total, actual, closed, months, seasons))
    version = f"proposal {months[0]} to {months[-1]}"
    return Plans(
        months, ways, driven if shares else grown, version, above, _ahead(review, borne, units, closed), run.currency
    )  # fmt: skip


def _ahead_months(review: Any) -> list[Month]:
    """Months that the trend forecasts."""
    return [Month.parse(m) for m in (review.outlook.months if review.outlook else (review.month,))]


def _closed(run: Any, review: Any) -> list[Month]:
    """Consecutive closed months with cost, up to the run's month, oldest first."""
    have = {m for m, _ in review.actual}
    last = run.month if run.month.end.date() <= run.as_of else run.month.plus(-1)
    found = []
    while str(last) in have:
        found.insert(0, last)
        last = last.plus(-1)
    return found


def _planned(month: Month, held: list[Month]) -> tuple[Month, ...]:
    """The months that still have a budget ahead where they are many, else the twelve after the last one that has."""
    ahead = [m for m in held if m > month]
    if len(ahead) > REMAINING:
        return tuple(ahead)
    first = max([month, *ahead]).plus(1)
    return tuple(first.plus(n) for n in range(12))


def _waste(run: Any, month: Month) -> dict[str, tuple[str, Decimal]]:
    """What engineering's rules call waste: resource to why, and what of a month it saves."""
    alive = lines.alive(lines.lines(run.charges, month, currency=run.currency))
    found = waste.recommend(alive, lines.history(run.charges, month, currency=run.currency), ())
    saved: dict[str, Decimal] = {}
    for a in found.advice:
        if a.candidate == "none" or a.basis == "removed":
            saved[a.resource_id] = saved.get(a.resource_id, Decimal(0)) + a.saving
    return {r: ("waste by engineering’s rules", s) for r, s in saved.items()}


def _drivers(
    run: Any, review: Any, closed: list[Month], last: Month
) -> tuple[Any, dict[str, dict[str, Decimal]]]:
    """Running cost of products with a driver, and the driver's units by month."""
    import pandas

    nothing = pandas.DataFrame([], columns=["month", "department", "product", "cost"], dtype=object)
    table, known = run.table("products"), Drivers(run.table("drivers"))
    if table is None or not known:
        return nothing, {}
    costs = products.costs(run.charges, table, closed[-3:])
    named = costs["department"].map(lambda d: isinstance(d, str))
    mine = costs[(costs["currency"] == run.currency) & (costs["work"] == products.RUN) & named]
    chosen = _chosen(run.table("product_plans"), known)
    daily = {p: known.daily(p, d) for p, d in chosen.items()}
    return mine, volumes.volumes(daily, until=review.until, last=last)


def _chosen(plans: Any, known: Drivers) -> dict[str, str]:
    """Each product's driver: the plan's, else its first that is no money."""
    said = {} if plans is None else dict(zip(plans["product"], plans["unit_driver"], strict=True))
    found = {}
    for product in known.products:
        names = [d for d in known.names(product) if not known.currency(product, d)]
        if said.get(product) in names or names:
            found[product] = said[product] if said.get(product) in names else names[0]
    return found


def _above(run: Any, held: Any, actual: Any, closed: list[Month]) -> tuple[Decimal, str]:
    """A total from above: the budget of the last closed year, else what that year cost."""
    year = [str(m) for m in closed[-12:]]
    parts = [budgets.company(held, m) for m in year]
    if (
        len(year) == 12
        and all(p is not None for p in parts)
        and not (run.chosen["provider"] or run.chosen["department"])
    ):
        return sum((p for p in parts if p is not None), Decimal(0)), "last year’s budget"
    spent = sum((a for (m, _), a in actual.items() if m in year), Decimal(0))
    return spent * 12 / len(year), "last year’s cost"


def _ahead(review: Any, borne: Any, units: Any, closed: list[Month]) -> Any:
    """The trend's months bottom-up: driven cost by its drivers, the rest as the trend has it."""
    if not review.outlook:
        return _compared(review, budget_plan.Way("", {}), {}, ())
    months = _ahead_months(review)
    trend = budget_plan.Way(
        "trend", {(m, d): a for m in review.outlook.months for d, a in review.outlook.means(m).items()}
    )
    way, shares = budget_plan.by_drivers(borne, units, trend, closed, months)
    return _compared(review, way, shares, months, trend)


def _compared(review: Any, way: Any, shares: Any, months: Any, trend: Any = None) -> Any:
    import pandas

    rows = [(n, s, trend.of(n), way.of(n), way.of(n) - trend.of(n)) for n, s in shares.items()]
    rows.sort(key=lambda r: (-abs(r[4]), r[0]))
    frame = pandas.DataFrame(
        rows, columns=["department", "drivers", "trend", "bottom_up", "gap"], dtype=object
    )
    frame.attrs |= {"months": [str(m) for m in months]}
    return frame
