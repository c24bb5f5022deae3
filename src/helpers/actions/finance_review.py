"""A finance review: forecast, budgets, judged forecasts and late cost of one run, and the files that carry it on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from helpers.measures import budgets, outcomes, spend, what_changed
from helpers.models import spend as estimate
from helpers.terms.period import Month

AHEAD = 3  # months shown beside the one that follows


@dataclass(frozen=True)
class Review:
    """Everything of one run; see the functions that make each part.

    Attributes
    ----------
    days, actual : DataFrame, dict
        `measures.spend.by_day` and its months.
    until : date or None
        Last day that is known whole.
    outlook : Spend or None
        With scenarios.
    forecast : DataFrame
        `Spend.table`, empty where nothing can be forecast.
    scenarios : DataFrame
        The company's, else a draft of them.
    status, next : DataFrame
        Budgets of the run's month; budgets of the coming months with probability.
    teams, judged : DataFrame
        Stored forecasts beside what came.
    late, hidden, accruals, idle : DataFrame
        Late or restated months; cost that stands elsewhere; what is owed; cost that grew without its driver.
    waterfall : DataFrame
        From the last stored forecast of the next month to this one.
    found : DataFrame
        Columns kind, name, value, amount [currency]: what rules look at.
    """

    currency: str
    month: str
    days: Any
    actual: dict[tuple[str, str], Decimal]
    until: date | None
    outlook: Any
    forecast: Any
    scenarios: Any
    status: Any
    next: Any
    judged: Any
    teams: Any
    late: Any
    hidden: Any
    accruals: Any
    idle: Any
    waterfall: Any
    found: Any
    forecasts: Any
    budget: Decimal | None
    run_out: date | None
    notes: list[str] = field(default_factory=list)
    plans: dict[str, Decimal] = field(default_factory=dict)

    @property
    def month_budget(self) -> Decimal | None:
        """The company's budget of the run's month."""
        return self.plans.get(self.month)

    @property
    def past(self) -> list[tuple[str, Decimal]]:
        """Closed months and their cost, oldest first, before the forecast begins."""
        ahead = set(self.forecast["month"])
        return [
            (m, a) for m, a in sorted(self.totals.items()) if m not in ahead and (not ahead or m < min(ahead))
        ]

    @property
    def totals(self) -> dict[str, Decimal]:
        """Actual cost of each month, all departments."""
        sums: dict[str, Decimal] = {}
        for (month, _), amount in self.actual.items():
            sums[month] = sums.get(month, Decimal(0)) + amount
        return sums

    def known_forecasts(self, run: Any) -> Any:
        """Stored forecasts and this one: what accuracy and drift are taken from; None where there is neither."""
        import pandas

        stored = scoped(run, "forecasts")
        both = [t for t in (stored, self.forecasts) if t is not None and len(t)]
        return pandas.concat([t.astype(object) for t in both], ignore_index=True) if both else None

    @property
    def files(self) -> dict[str, str]:
        """What goes into the report's folder: the forecast to store, and the scenarios to edit."""
        found = {"scenarios.csv": self.scenarios.to_csv(index=False)}
        if len(self.forecasts):
            found["forecasts.csv"] = self.forecasts.to_csv(index=False)
        return found


def review(run: Any) -> Review:
    """Forecast, judge and compare for a run of the notebook.

    Parameters
    ----------
    run : helpers.runs.session.Run
    """
    import pandas

    currency, month = run.currency, str(run.month)
    days = spend.by_day(run.charges, currency=currency)
    actual = spend.by_month(days)
    closed = {k: v for k, v in actual.items() if Month.parse(k[0]).end.date() <= run.as_of}
    # the run's month may lie in the past: then the forecast is the one that could have been made at its end
    until = spend.covered(run.charges.filter(run.charges.BillingCurrency == currency), run.as_of)
    newest = max((m for m, _ in actual), default=month)
    if until is not None and month < str(Month.parse(newest).plus(-1)):
        until = min(until, date.fromordinal(run.month.end.date().toordinal() - 1))
    known_on = run.as_of if until is None else max(until, min(run.as_of, run.month.end.date()))
    own = run.table("scenarios")
    draft = estimate.draft(
        run.table("calendar"), run.table("contracts"), days, as_of=known_on, until=until or run.as_of
    )
    scenarios = draft if own is None else own
    make = {"until": until, "months": AHEAD, "currency": currency, "as_known_on": known_on}
    outlook = estimate.spend(days, scenarios=scenarios, **make) if until else None
    plain = estimate.spend(days, **make) if outlook else None
    forecast = (
        outlook.table()
        if outlook
        else pandas.DataFrame(columns=["month", "department", "mean"], dtype=object)
    )
    table, stored = scoped(run, "budgets"), scoped(run, "forecasts")
    held = budgets.budgets(table, currency=currency, as_of=known_on)
    owed = budgets.accruals(run.charges, run.month, currency=currency, as_of=run.as_of)
    accrued = {}
    for name, amount in zip(owed["department"], owed["amount"], strict=True):
        accrued[name] = accrued.get(name, Decimal(0)) + amount
    status = budgets.status(held, actual, month, accrued)
    judged = budgets.judged(stored, closed, currency=currency, until=month)
    hidden = spend.misplaced(run.charges, run.month, currency=currency)
    under = {
        d for d, v in zip(status["department"], status["variance"], strict=True) if v is not None and v < 0
    }
    hidden = hidden[hidden["home"].isin(list(under))].reset_index(drop=True)
    late = _late(run, month)
    idle = outcomes.without_outcome(run.charges, run.table("drivers"), run.month, currency=currency)
    teams = budgets.by_team(judged)
    coming = _coming(outlook, held)
    issue = estimate.issued(forecast, on=run.as_of, currency=currency) if outlook else pandas.DataFrame()
    parts = {
        "status": status,
        "teams": teams,
        "hidden": hidden,
        "late": late,
        "owed": owed,
        "idle": idle,
        "coming": coming,
    }
    year, out = _year(held, month, actual, forecast)
    notes = [
        f"budgets in {c} are not part of this page in {currency}"
        for c in budgets.other_currencies(table, currency)
    ]
    return Review(
        currency, month, days, actual, until, outlook, forecast, scenarios, status, coming, judged, teams, late, hidden, owed, idle,
        _waterfall(stored, days, outlook, plain, currency), _found(parts, held, month, currency, bool(run.chosen["provider"])), issue, year, out, notes,
        {m: b for m in {k for k, _ in held} if (b := budgets.company(held, m)) is not None},
    )  # fmt: skip


def changed(run: Any) -> Any:
    """Why the month cost more or less than the one before: see `measures.what_changed.what_changed`.

    The record of deliveries knows no departments: of one department restatements are not told apart.
    """
    deliveries = run.companions["deliveries"]
    if run.chosen["provider"]:
        deliveries = deliveries[deliveries["provider"] == run.chosen["provider"]]
    return what_changed.what_changed(
        run.charges,
        run.month,
        currency=run.currency,
        rates=run.table("exchange_rates"),
        deliveries=None if run.chosen["department"] else deliveries,
        as_of=run.as_of,
    )


def scoped(run: Any, name: str) -> Any:
    """Budgets or stored forecasts as far as they speak of the run's scope: a department's own; none of a provider."""
    table = run.table(name)
    if table is None or not (run.chosen["provider"] or run.chosen["department"]):
        return table
    mine = table["department"] == run.chosen["department"]
    return table[mine & (not run.chosen["provider"])].reset_index(drop=True)


def _late(run: Any, month: str) -> Any:
    """Months up to this one whose cost came late or moved since this one began; deliveries know providers, no departments."""
    deliveries = run.companions["deliveries"]
    if run.chosen["provider"]:
        deliveries = deliveries[deliveries["provider"] == run.chosen["provider"]]
    if run.chosen["department"]:
        deliveries = deliveries.iloc[:0]
    found = budgets.late_and_restated(deliveries, currency=run.currency, as_of=run.as_of)
    since = run.month.start.date()
    return found[(found["month"] <= month) & (found["last"] >= since)].reset_index(drop=True)


def _coming(outlook: Any, held: Any) -> Any:
    """Budgets of the months ahead with the probability that they are exceeded, and by how much."""
    import pandas

    rows = []
    for month in outlook.months if outlook else ():
        whole = budgets.company(held, month)
        plans = [(n, held[month, n].amount) for n in outlook.names if (month, n) in held]
        for name, amount in [*plans, *([("", whole)] if whole is not None else [])]:
            share, low, high = outlook.exceeds(name, month, amount)
            rows.append((month, name or "all departments", amount, Decimal(f"{share:.4f}"), low, high))
    rows.sort(key=lambda r: (r[0], -r[3], -r[4], r[1]))
    return pandas.DataFrame(
        rows, columns=["month", "department", "budget", "probability", "low", "high"], dtype=object
    )


def _year(held: Any, month: str, actual: Any, forecast: Any) -> tuple[Decimal | None, date | None]:
    """The budget of the version that holds this month, over its months, and the day on which it is used up."""
    mine = held.get((month, budgets.WHOLE))
    if mine is None:
        return None, None
    months = sorted(m for (m, d), b in held.items() if d == budgets.WHOLE and b.version == mine.version)
    budget = sum((held[m, budgets.WHOLE].amount for m in months), Decimal(0))
    spent: dict[str, Decimal] = {}
    for (m, _), amount in actual.items():
        spent[m] = spent.get(m, Decimal(0)) + amount
    expected = {
        m: a
        for m, d, a in zip(forecast["month"], forecast["department"], forecast["mean"], strict=True)
        if d == ""
    }
    closed = {m: a for m, a in spent.items() if m not in expected}
    if any(m not in closed and m not in expected for m in months):
        return budget, None
    return budget, estimate.run_out(months, closed, expected, budget)


def _waterfall(stored: Any, days: Any, outlook: Any, plain: Any, currency: str) -> Any:
    """From the newest stored forecast of the first month ahead to this one; None where none is stored."""
    if outlook is None or stored is None:
        return None
    month = outlook.months[0]
    old, _ = budgets.versions(stored, month, currency)
    old = {d: a for d, a in old.items() if d}
    if not old:
        return None
    issued = max(budgets.issue_days(stored, month, currency))
    before = estimate.spend(
        days, until=issued - timedelta(days=1), months=_between(issued, month), currency=currency
    )
    then = before.means(month) if before and month in before.months else {}
    frame = estimate.waterfall(old, then, plain.means(month), outlook.means(month))
    frame.attrs |= {"month": month, "currency": currency, "issued": issued}
    return frame


def _between(day: date, month: str) -> int:
    """Months from a day's own to another."""
    last = Month.parse(month)
    return max((last.year - day.year) * 12 + last.month - day.month, 0)


def _found(parts: dict[str, Any], held: Any, month: str, currency: str, provider: bool) -> Any:
    """One row for each thing that a rule may speak of."""
    import pandas

    rows = []
    for r in parts["status"].to_dict("records"):
        if r["variance"] is not None and r["variance"] > 0:
            rows.append(("over-budget", r["department"], r["variance"], -r["remaining"]))
        if r["budget"] is None and r["actual"] > 0 and not provider:  # no budget speaks of a provider
            rows.append(("no-budget", r["department"], None, r["actual"]))
    for r in parts["teams"].to_dict("records"):
        if r["biased"]:
            rows.append(("bias", r["department"], abs(r["bias"]), abs(r["error"])))
    for r in parts["hidden"].to_dict("records"):
        rows.append(("hidden", r["resource"], None, r["amount"]))
    for r in parts["late"].to_dict("records"):
        rows.append((r["kind"], f"{r['source']} {r['month']}", None, abs(r["change"])))
    for r in parts["owed"].to_dict("records"):
        rows.append(("accrual", r["source"], None, r["amount"]))
    for r in parts["idle"].to_dict("records"):
        rows.append(("without-outcome", r["resource"], r["cost_growth"], r["now"] - r["before"]))
    for r in parts["coming"].to_dict("records")[:]:
        if r["probability"] >= Decimal("0.5") and r["department"] == "all departments":
            rows.append(("expected-over", r["month"], r["probability"], (r["low"] + r["high"]) / 2))
    late = {b.department for (m, d), b in held.items() if d != budgets.WHOLE and b.late and m <= month}
    for name in sorted(late):
        amount = sum(
            (b.amount for (m, d), b in held.items() if d == name and b.late and m <= month), Decimal(0)
        )
        rows.append(("late-approval", name, None, amount))
    frame = pandas.DataFrame(rows, columns=["kind", "name", "value", "amount"], dtype=object)
    frame.attrs["currency"] = currency
    return frame
