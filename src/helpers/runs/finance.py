"""What the finance notebook works on: forecast, budgets, judged forecasts and late cost of one run, handed across once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from helpers.measures import budgets, outcomes, spend
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
        return [(m, a) for m, a in sorted(self.totals.items()) if m not in ahead and (not ahead or m < min(ahead))]

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

        stored = run.table("forecasts")
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
    draft = estimate.draft(run.table("calendar"), run.table("contracts"), days, as_of=known_on, until=until or run.as_of)
    scenarios = draft if own is None else own
    make = {"until": until, "months": AHEAD, "currency": currency, "as_known_on": known_on}
    outlook = estimate.spend(days, scenarios=scenarios, **make) if until else None
    plain = estimate.spend(days, **make) if outlook else None
    forecast = outlook.table() if outlook else pandas.DataFrame(columns=["month", "department", "mean"], dtype=object)
    table, stored = run.table("budgets"), run.table("forecasts")
    held = budgets.budgets(table, currency=currency, as_of=known_on)
    owed = budgets.accruals(run.charges, run.month, currency=currency, as_of=run.as_of)
    accrued = {}
    for name, amount in zip(owed["department"], owed["amount"], strict=True):
        accrued[name] = accrued.get(name, Decimal(0)) + amount
    status = budgets.status(held, actual, month, accrued)
    judged = budgets.judged(stored, closed, currency=currency, until=month)
    hidden = spend.misplaced(run.charges, run.month, currency=currency)
    under = {d for d, v in zip(status["department"], status["variance"], strict=True) if v is not None and v < 0}
    hidden = hidden[[h in under for h in hidden["home"]]].reset_index(drop=True)
    late = budgets.late_and_restated(run.companions["deliveries"], currency=currency, as_of=run.as_of)
    idle = outcomes.without_outcome(run.charges, run.table("drivers"), run.month, currency=currency)
    teams = budgets.by_team(judged)
    coming = _coming(outlook, held)
    issue = estimate.issued(forecast, on=run.as_of, currency=currency) if outlook else pandas.DataFrame()
    parts = {"status": status, "teams": teams, "hidden": hidden, "late": late, "owed": owed, "idle": idle, "coming": coming}
    year, out = _year(held, month, actual, forecast)
    notes = [f"budgets in {c} are not part of this page in {currency}" for c in budgets.other_currencies(table, currency)]
    return Review(
        currency, month, days, actual, until, outlook, forecast, scenarios, status, coming, judged, teams, late, hidden, owed, idle,
        _waterfall(stored, forecast, outlook, plain, currency), _found(parts, held, month, currency), issue, year, out, notes,
        {m: b for m in {k for k, _ in held} if (b := budgets.company(held, m)) is not None},
    )  # fmt: skip


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
    return pandas.DataFrame(rows, columns=["month", "department", "budget", "probability", "low", "high"], dtype=object)


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
    expected = {m: a for m, d, a in zip(forecast["month"], forecast["department"], forecast["mean"], strict=True) if d == ""}
    closed = {m: a for m, a in spent.items() if m not in expected}
    if any(m not in closed and m not in expected for m in months):
        return budget, None
    return budget, estimate.run_out(months, closed, expected, budget)


def _waterfall(stored: Any, forecast: Any, outlook: Any, plain: Any, currency: str) -> Any:
    """From the newest stored forecast of the first month ahead to this one; None where none is stored."""
    if outlook is None or stored is None:
        return None
    month = outlook.months[0]
    old, _ = budgets.versions(stored, month, currency)
    if not old:
        return None
    mine = {d: a for m, d, a in zip(forecast["month"], forecast["department"], forecast["mean"], strict=True) if m == month and d}
    without = plain.total(month)[0] if plain else Decimal(0)
    frame = estimate.waterfall(old, mine, sum(mine.values(), Decimal(0)) - without, [d for d in old if d])
    frame.attrs |= {"month": month, "currency": currency}
    return frame


def _found(parts: dict[str, Any], held: Any, month: str, currency: str) -> Any:
    """One row for each thing that a rule may speak of."""
    import pandas

    rows = []
    for r in parts["status"].to_dict("records"):
        if r["variance"] is not None and r["variance"] > 0:
            rows.append(("over-budget", r["department"], r["variance"], -r["remaining"]))
        if r["budget"] is None and r["actual"] > 0:
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
        amount = sum((b.amount for (m, d), b in held.items() if d == name and b.late and m <= month), Decimal(0))
        rows.append(("late-approval", name, None, amount))
    frame = pandas.DataFrame(rows, columns=["kind", "name", "value", "amount"], dtype=object)
    frame.attrs["currency"] = currency
    return frame


# What the page shows of it ----------------------------------------------------------------------------------------------


def waterfall(review: Review) -> Any:
    """The last stored forecast of the coming month to this one, by cause; a sentence where none is stored."""
    from helpers.views import charts, findings, sentences

    frame = review.waterfall
    if frame is None:
        return findings([], title="No earlier forecast of the coming month is stored; this one will be, once its file is ingested")
    month = Month.parse(frame.attrs["month"]).title
    start, end = frame.attrs["previous_total"], frame.attrs["total"]
    first = frame.iloc[0]
    rise = "rose" if end > start else "fell"
    moved = f"The forecast of {month} {rise} by {sentences.money(abs(end - start), review.currency)}; largest: {first['cause'].split(':')[0]}"
    return charts.bridge(
        frame,
        currency=review.currency,
        start_label="Last forecast",
        end_label="This forecast",
        title=moved if end != start else f"The forecast of {month} did not move",
        subtitle=f"Forecast of {month}, effective cost, {review.currency}. Each bar: what a department's days have shown since, or a planned event",
    )


def fan_of(run: Any) -> Any:
    """The fan of another month, provider or department: what the page's controls show."""
    from helpers.views import charts_finance

    found = review(run)
    return charts_finance.fan(found.past, found.forecast, found.plans, currency=run.currency, until=found.until)


def teams(review: Review) -> Any:
    """Accuracy of stored forecasts by department, ratios in words."""
    import pandas

    from helpers.views.sentences import number, percent

    rows = [
        (r["department"], percent(r["bias"], signed=True), percent(r["variance"]), number(r["mase"], 2) if not r["mase"].is_nan() else "—", str(r["months"]), r["level"] + (", biased" if r["biased"] else ""))
        for r in review.teams.to_dict("records")
    ]  # fmt: skip
    return pandas.DataFrame(rows, columns=["department", "mean error (+ too high)", "variance", "MASE", "months", "maturity"], dtype=object)


def teams_title(review: Review) -> str:
    """Whose stored forecasts err to one side."""
    from helpers.views.sentences import listed

    biased = [n for n, b in zip(review.teams["department"], review.teams["biased"], strict=True) if b]
    if not len(review.teams):
        return "No stored forecast can be judged yet"
    return f"Stored forecasts of {listed(biased)} err to one side, month after month" if biased else "No department’s stored forecasts err to one side"


KINDS = {
    "no-budget": "cost without a budget",
    "hidden": "runs in a department under its budget, tagged as another's",
    "late": "came after the month was closed, was not accrued",
    "restated": "restated after the month was closed",
    "accrual": "not delivered yet, to accrue",
    "without-outcome": "grew in half a year, its product's driver did not",
    "late-approval": "budget approved after its month had begun",
}


def surprises(review: Review) -> Any:
    """What moves a closed budget or hides in it."""
    import pandas

    rows = [(KINDS[r["kind"]], r["name"], r["amount"]) for r in review.found.to_dict("records") if r["kind"] in KINDS]
    return pandas.DataFrame(rows, columns=["what", "where", "amount"], dtype=object)


def surprises_title(review: Review) -> str:
    """How many there are."""
    from helpers.views.sentences import capital, count

    n = len(surprises(review))
    return f"{capital(count(n))} thing{'s' * (n != 1)} to put right before budgets are compared" if n else "Nothing hides in these budgets"


def outcomes_of(run: Any, review: Review) -> Any:
    """Cost of each unit of the company's drivers: this month, the one before, and a year ago."""
    import pandas

    month = Month.parse(review.month)
    wanted = [str(month), str(month.plus(-1)), str(month.plus(-12))]
    found = outcomes.per_unit(review.totals, run.table("drivers"), wanted)
    by: dict[str, dict[str, Decimal]] = {}
    for r in found.to_dict("records"):
        by.setdefault(r["driver"], {})[r["month"]] = r["each"]
    rows = [(driver, *(each.get(m) for m in wanted)) for driver, each in by.items() if wanted[0] in each]
    columns = ["each", *(Month.parse(m).title for m in wanted)]
    return pandas.DataFrame(rows, columns=columns, dtype=object)


def outcome_sentence(run: Any, review: Review) -> str:
    """Cloud cost as a share of revenue, for leadership."""
    from helpers.views import sentences_finance

    earned, gaps = outcomes.revenue(run.table("drivers"), run.table("exchange_rates"), Month.parse(review.month), review.currency)
    spent = review.totals.get(review.month, Decimal(0))
    return sentences_finance.outcome(earned, gaps, spent, review.currency, review.month)


def sheets(review: Review) -> dict[str, Any]:
    """Tables of the report's workbook."""
    return {
        "Forecast": review.forecast,
        "Budgets": review.status,
        "Coming budgets": review.next,
        "Past forecasts": review.judged,
        "Forecasts by team": review.teams,
        "Late and restated": review.late,
        "To accrue": review.accruals,
        "In another's budget": review.hidden,
        "Scenarios": review.scenarios,
    }
