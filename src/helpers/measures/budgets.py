"""Budgets, stored forecasts and late or restated months: plain Decimal arithmetic on small tables.

Formulas and scales with their sources: docs/forecast.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from helpers.measures.measure import Measure, Sums, Table, number
from helpers.terms.errors import UsageError
from helpers.terms.money import CONTEXT, NAN, ratio
from helpers.terms.money import total as add
from helpers.terms.period import Month

if TYPE_CHECKING:
    import pandas as pd

WHOLE = ""  # a budget's department where it is the whole company's
LATE_AFTER = 10  # days behind the first delivery of a month by which the others must be there
BIAS = Decimal("0.04")  # mean error of one sign beyond which forecasts are called biased
MATURITY = (  # FinOps Foundation, maturity model of the framework: forecast variance at most (read 2026-11-23)
    ("run", Decimal("0.12")),
    ("walk", Decimal("0.15")),
    ("crawl", Decimal("0.20")),
)
PLAYBOOK = (
    Decimal("0.05"),
    Decimal("0.12"),
    Decimal("0.15"),
    Decimal("0.20"),
)  # forecasting playbook, levels 4 to 1
Amounts = Mapping[tuple[str, str], Decimal]  # (month, department) -> amount


@dataclass(frozen=True)
class Budget:
    """One month's budget of one department: the newest approved version."""

    month: str
    department: str
    amount: Decimal
    version: str
    approved_by: str
    approved_on: date | None

    @property
    def late(self) -> bool:
        """Approved after the month had begun."""
        return self.approved_on is not None and self.approved_on > Month.parse(self.month).start.date()


def budgets(table: Any, *, currency: str, as_of: date | None = None) -> dict[tuple[str, str], Budget]:
    """Budgets by month and department in one currency, of each the version approved last.

    Raises
    ------
    UsageError
        Two budgets of one month, department and approval: which of them holds cannot be told.
    """
    found: dict[tuple[str, str], Budget] = {}
    if table is None:
        return found
    for r in table.to_dict("records"):
        if r["currency"] != currency:
            continue
        b = Budget(
            r["month"],
            _text(r.get("department")),
            Decimal(r["amount"]),
            _text(r.get("version")),
            _text(r.get("approved_by")),
            _date(r.get("approved_on")),
        )
        if as_of and b.approved_on and b.approved_on > as_of:
            continue
        held = found.get((b.month, b.department))
        if held and held.approved_on == b.approved_on and held.version == b.version:
            raise UsageError(
                f"two budgets of {b.department or 'the company'} for {b.month} in {currency}",
                "one for each month, department and version",
                "drop one of them in budgets.csv, or give the newer one a version and the day of its approval",
            )
        if held is None or (b.approved_on or date.min, b.version) > (
            held.approved_on or date.min,
            held.version,
        ):
            found[b.month, b.department] = b
    return found


def other_currencies(table: Any, currency: str) -> list[str]:
    """Currencies of budgets that a page in one currency cannot show."""
    return [] if table is None else sorted({c for c in table["currency"] if c != currency})


def status(
    held: Mapping[tuple[str, str], Budget],
    actual: Amounts,
    month: str,
    accrued: Mapping[str, Decimal] | None = None,
) -> pd.DataFrame:
    """Budget, actual, accrual and what is left of each department's month.

    Returns
    -------
    DataFrame
        Columns department, budget, actual, accrual, remaining [currency], variance [ratio of the budget; above 0 is over],
        approved_by, approved_on, late (bool). Departments with cost and no budget have budget None.
    """
    import pandas as pd

    accrued = accrued or {}
    names = (
        {d for m, d in held if m == month and d != WHOLE}
        | {n for m, n in actual if m == month}
        | set(accrued)
    )
    rows = []
    for name in names:
        budget = held.get((month, name))
        spent, owed = actual.get((month, name), Decimal(0)), accrued.get(name, Decimal(0))
        whole = CONTEXT.add(spent, owed)
        left = None if budget is None else CONTEXT.subtract(budget.amount, whole)
        over = None if budget is None or left is None else ratio(-left, budget.amount)
        rows.append(
            (
                name,
                budget and budget.amount,
                spent,
                owed,
                left,
                over,
                budget and budget.approved_by,
                budget and budget.approved_on,
                bool(budget and budget.late),
            )
        )
    rows.sort(key=lambda r: (r[5] is None, -(r[5] or 0), r[0]))
    columns = [
        "department",
        "budget",
        "actual",
        "accrual",
        "remaining",
        "variance",
        "approved_by",
        "approved_on",
        "late",
    ]
    return pd.DataFrame(rows, columns=columns, dtype=object)


def company(held: Mapping[tuple[str, str], Budget], month: str) -> Decimal | None:
    """The company's budget of a month: its own row, else the departments' together."""
    own = held.get((month, WHOLE))
    if own is not None:
        return own.amount
    parts = [b.amount for (m, d), b in held.items() if m == month and d != WHOLE]
    return add(parts) if parts else None


def judged(forecasts: Any, actual: Amounts, *, currency: str, until: str) -> pd.DataFrame:
    """Stored forecasts beside what came: of each month and department the newest issued before the month began.

    Returns
    -------
    DataFrame
        Columns month, department, issued, forecast, actual, error (forecast − actual) [currency], of_forecast, of_actual
        [ratio]; both forms, because the Foundation divides by the forecast and most tools by the actual.
    """
    import pandas as pd

    newest: dict[tuple[str, str], tuple[date, Decimal]] = {}
    for r in [] if forecasts is None else forecasts.to_dict("records"):
        issued = _date(r["issued"])
        if (
            r["currency"] != currency
            or r["month"] > until
            or issued is None
            or issued > Month.parse(r["month"]).start.date()
        ):
            continue
        key = r["month"], _text(r.get("department"))
        if key not in newest or issued > newest[key][0]:
            newest[key] = issued, Decimal(r["amount"])
    rows = []
    for (month, name), (issued, amount) in sorted(newest.items()):
        if (month, name) in actual:
            came = actual[month, name]
            error = CONTEXT.subtract(amount, came)
            rows.append((month, name, issued, amount, came, error, ratio(error, amount), ratio(error, came)))
    columns = ["month", "department", "issued", "forecast", "actual", "error", "of_forecast", "of_actual"]
    return pd.DataFrame(rows, columns=columns, dtype=object)


def by_team(judgement: Any, months: int = 6) -> pd.DataFrame:
    """Accuracy and bias of each department's forecasts over its last months.

    Returns
    -------
    DataFrame
        Columns department, months (count), error [mean, currency], bias (Σ error ÷ Σ forecast) [ratio], variance
        (mean |error| ÷ forecast) [ratio], mase (mean |error| ÷ mean change from month to month) [ratio], same_sign
        (bool), biased (bool), level (maturity); the most biased first.
    """
    import pandas as pd

    rows = []
    for name in dict.fromkeys(judgement["department"]):
        own = judgement[judgement["department"] == name].sort_values("month")
        last = own.tail(months)
        errors, came = list(last["error"]), list(own["actual"])
        size = ratio(add([abs(e) for e in errors]), len(errors))
        moves = [abs(CONTEXT.subtract(b, a)) for a, b in pairwise(came)]
        usual = ratio(add(moves), len(moves)) if moves else NAN
        bias = ratio(add(errors), add(last["forecast"]))
        variance = ratio(add([abs(v) for v in last["of_forecast"]]), len(errors))
        same = all(e > 0 for e in errors) or all(e < 0 for e in errors)
        biased = len(errors) >= 3 and same and abs(bias) >= BIAS
        rows.append(
            (
                name,
                len(errors),
                ratio(add(errors), len(errors)),
                bias,
                variance,
                ratio(size, usual),
                same,
                biased,
                level(variance),
            )
        )
    rows.sort(key=lambda r: (not r[7], -abs(r[3]), r[0]))
    columns = ["department", "months", "error", "bias", "variance", "mase", "same_sign", "biased", "level"]
    return pd.DataFrame(rows, columns=columns, dtype=object)


def level(variance: Decimal) -> str:
    """Step of the framework's maturity model for a forecast variance; the playbook's second scale stands in docs."""
    if variance.is_nan():
        return "not known"
    return next((name for name, most in MATURITY if variance <= most), "below crawl")


def late_and_restated(
    deliveries: Any, *, currency: str, as_of: date, cost: str = "EffectiveCost"
) -> pd.DataFrame:
    """Closed months whose cost moved after they were first delivered, and those that came late.

    A slice is late where its first delivery came more than `LATE_AFTER` days behind the first one of that month from any
    source, though the source had delivered the month before; it is restated where a later delivery changed its cost.

    Returns
    -------
    DataFrame
        Columns source, account, month, kind (late, restated), first, last (day), before, after, change [currency].
    """
    import pandas as pd

    rows = deliveries[deliveries["currency"] == currency].to_dict("records")
    first_of = {}
    for r in rows:
        first_of[r["period"]] = min(first_of.get(r["period"], r["delivered"]), r["delivered"])
    found = []
    slices = sorted({(r["source"], r["account"], r["period"]) for r in rows})
    known = set(slices)
    for source, account, period in slices:
        mine = sorted(
            (r for r in rows if (r["source"], r["account"], r["period"]) == (source, account, period)),
            key=lambda r: r["version"],
        )
        month = Month.parse(period)
        if month.end.date() > as_of:
            continue
        start = mine[0]
        closed = [r for r in mine if r["delivered"] >= month.end.date()]
        earlier = (source, account, str(month.plus(-1))) in known
        if (
            earlier
            and start["delivered"] > first_of[period] + timedelta(days=LATE_AFTER)
            and start["delivered"] >= month.end.date()
        ):
            after = number(mine[-1][f"{cost}_after"])
            found.append(
                (
                    source,
                    account,
                    period,
                    "late",
                    first_of[period],
                    start["delivered"],
                    Decimal(0),
                    after,
                    after,
                )
            )
        elif len(closed) > 1:
            before, after = number(closed[0][f"{cost}_after"]), number(closed[-1][f"{cost}_after"])
            if before != after:
                found.append(
                    (
                        source,
                        account,
                        period,
                        "restated",
                        closed[0]["delivered"],
                        closed[-1]["delivered"],
                        before,
                        after,
                        CONTEXT.subtract(after, before),
                    )
                )
    found.sort(key=lambda r: (-abs(r[-1]), r[0], r[2]))
    return pd.DataFrame(
        found,
        columns=["source", "account", "month", "kind", "first", "last", "before", "after", "change"],
        dtype=object,
    )


def accruals(
    charges: Table, which: Month, *, currency: str, as_of: date, dimension: str = "x_KitDepartment"
) -> pd.DataFrame:
    """What a closed month still owes: accounts that were billed in each of the three months before and not yet in it.

    The estimate is the mean of those three months, plus the mean of their two changes twice (the trend's middle of last
    month to this one); a source that ended for good is accrued once too often, which its owner sees here.

    Returns
    -------
    DataFrame
        Columns source, account, department, amount [currency], months (the three amounts as text).
    """
    import pandas as pd

    empty = ["source", "account", "department", "amount", "basis"]
    if as_of < which.end.date():
        return pd.DataFrame([], columns=empty, dtype=object)
    past = [str(which.plus(-n)) for n in (3, 2, 1)]
    mine = charges.filter(charges.BillingCurrency == currency, charges.x_KitPeriod.isin([*past, str(which)]))
    keys = ["x_KitSource", "BillingAccountId", "x_KitPeriod", dimension]
    found = mine.aggregate(by=keys, amount=mine.EffectiveCost.sum()).to_pyarrow().to_pylist()
    have: dict[tuple, dict[str, dict[str, Decimal]]] = {}
    for r in found:
        months = have.setdefault((r["x_KitSource"], r["BillingAccountId"]), {})
        months.setdefault(r["x_KitPeriod"], {})[r[dimension] or "no department"] = number(r["amount"])
    rows = []
    for (source, account), months in sorted(have.items(), key=str):
        if str(which) in months or not all(m in months for m in past):
            continue
        for name in sorted({d for m in past for d in months[m]}):
            values = [months[m].get(name, Decimal(0)) for m in past]
            mean, step = ratio(add(values), 3), ratio(values[2] - values[0], 2)
            amount = CONTEXT.add(mean, CONTEXT.multiply(step, Decimal(2))).quantize(Decimal("0.01"))
            rows.append(
                (source, account, name, max(amount, Decimal(0)), f"mean and trend of {past[0]} to {past[-1]}")
            )
    return pd.DataFrame(rows, columns=empty, dtype=object)


# --- KPIs ---------------------------------------------------------------------------------------------------------------


def accuracy(charges: Table, forecast: Any, form: str = "forecast") -> Measure:
    """Stored forecast less actual ÷ the forecast (the Foundation's form), or ÷ the actual [ratio].

    Departments with a forecast of the month issued before it began; the newest one each.
    """

    def value(s: Sums) -> Decimal:
        actual = {(s["x_KitPeriod"], d): number(a) for d, a in s["cost"].items() if d}
        found = judged(forecast, actual, currency=s["BillingCurrency"], until=s["x_KitPeriod"])
        if found.empty:
            return NAN
        below = "forecast" if form == "forecast" else "actual"
        return ratio(add(found["error"]), add(found[below]))

    return Measure(
        "forecast-accuracy-rate-spend",
        {"cost": charges.EffectiveCost.sum()},
        value,
        "ratio",
        charges,
        f"of-{form}",
        along=("x_KitDepartment",),
    )


def drift(charges: Table, forecast: Any, month: str = "") -> Measure:
    """Newest forecast of the following month less the one issued before it ÷ the latter [ratio], over the departments of both."""

    def value(s: Sums) -> Decimal:
        after = str(Month.parse(s["x_KitPeriod"]).plus(1))
        new, old = versions(forecast, after, s["BillingCurrency"])
        both = new.keys() & old.keys()
        return ratio(add([new[d] - old[d] for d in both]), add([old[d] for d in both])) if both else NAN

    return Measure("forecast-drift-rate", {"cost": charges.EffectiveCost.sum()}, value, "ratio", charges)


def versions(forecast: Any, month: str, currency: str) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """The newest forecast of a month by department and the one issued before it."""
    days: dict[date, dict[str, Decimal]] = {}
    for r in [] if forecast is None else forecast.to_dict("records"):
        issued = _date(r["issued"])
        if r["month"] == month and r["currency"] == currency and issued is not None:
            days.setdefault(issued, {})[_text(r.get("department"))] = Decimal(r["amount"])
    order = sorted(days, reverse=True)
    return (days[order[0]] if order else {}), (days[order[1]] if len(order) > 1 else {})


def issue_days(forecast: Any, month: str, currency: str) -> list[date]:
    """Days on which a month was forecast."""
    rows = [] if forecast is None else forecast.to_dict("records")
    return sorted(
        {
            d
            for r in rows
            if r["month"] == month and r["currency"] == currency and (d := _date(r["issued"])) is not None
        }
    )


def over_budget(charges: Table, table: Any) -> Measure:
    """Budget less effective cost ÷ the budget [ratio]: below zero is over. The company's budget, else the departments'."""

    def value(s: Sums) -> Decimal:
        held = budgets(table, currency=s["BillingCurrency"])
        whole = company(held, s["x_KitPeriod"])
        spent = add([number(a) for a in s["cost"].values()])
        return NAN if whole is None else ratio(CONTEXT.subtract(whole, spent), whole)

    return Measure(
        "percentage-variance-of-budgeted-vs-actual-csp-cloud-spend",
        {"cost": charges.EffectiveCost.sum()},
        value,
        "ratio",
        charges,
        along=("x_KitDepartment",),
    )


def expected_over_budget(charges: Table, table: Any, forecast: Any) -> Measure:
    """Budget of the following month less its newest forecast ÷ the budget [ratio], over departments that have both."""

    def value(s: Sums) -> Decimal:
        after = str(Month.parse(s["x_KitPeriod"]).plus(1))
        held = budgets(table, currency=s["BillingCurrency"])
        new, _ = versions(forecast, after, s["BillingCurrency"])
        both = [d for d in new if (after, d) in held]
        planned = add([held[after, d].amount for d in both])
        return ratio(CONTEXT.subtract(planned, add([new[d] for d in both])), planned) if both else NAN

    return Measure(
        "percentage-variance-of-budgeted-vs-forecasted-csp-cloud-spend",
        {"cost": charges.EffectiveCost.sum()},
        value,
        "ratio",
        charges,
    )


def _text(value: Any) -> str:
    return "" if value is None or value != value else str(value)


def _date(value: Any) -> date | None:
    if value is None or value != value:
        return None
    if isinstance(value, str):
        return date.fromisoformat(value[:10])
    return value.date() if hasattr(value, "date") else value


FOUND = {  # kind of `finance` row -> id of the kit's KPI
    "over-budget": "over-budget-departments",
    "no-budget": "cost-without-budget",
    "bias": "forecast-bias",
    "hidden": "cost-in-anothers-budget",
    "late": "cost-delivered-late",
    "restated": "cost-restated",
    "accrual": "cost-to-accrue",
    "without-outcome": "growth-without-outcome",
    "expected-over": "budget-expected-to-break",
    "late-approval": "budget-approved-late",
}


def found(charges: Table, finance: Any, kind: str) -> Measure:
    """Amount of one kind of finding of the finance review [currency], `value` the largest share [ratio] as a sum beside it."""

    def value(s: Sums) -> Decimal:
        mine = [r for r in finance.to_dict("records") if r["kind"] == kind]
        return (
            add([r["amount"] for r in mine])
            if s["BillingCurrency"] == finance.attrs.get("currency", s["BillingCurrency"])
            else NAN
        )

    return Measure(FOUND[kind], {"cost": charges.EffectiveCost.sum()}, value, "currency", charges)
