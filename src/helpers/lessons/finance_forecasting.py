"""The finance partner's month: budgets, forecasts and what spoils both.

Each function takes the run at hand and gives one `Exercise`; solution and usual mistakes are computed from the run's own
charges and tables.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from helpers.lessons.exercises import Exercise, Mistake
from helpers.terms.money import ratio
from helpers.terms.money import total as add
from helpers.terms.period import Month

_KEPT: dict[int, tuple[Any, Any]] = {}


def _review(run: Any) -> Any:
    """The run's review, made once however many exercises ask for it."""
    from helpers.actions.finance_review import review

    held = _KEPT.get(id(run))
    if held is None or held[0] is not run:
        _KEPT.clear()
        _KEPT[id(run)] = (run, review(run))
    return _KEPT[id(run)][1]


def over(run: Any) -> Exercise:
    """Cost above the company's budget, against billed cost and against the departments alone."""
    from helpers.measures import evaluate, month, totals

    r = _review(run)
    budget, spent = r.month_budget, r.totals.get(r.month)
    known = budget is not None and spent is not None
    solution = spent - budget if budget is not None and spent is not None else None
    charges = month(run.charges, run.month)
    billed = evaluate([totals.total(charges.filter(charges.BillingCurrency == run.currency), "BilledCost")])[
        "total-billed-cost"
    ].iloc[0]
    with_budget = add(
        [a for a, b in zip(r.status["actual"], r.status["budget"], strict=True) if b is not None]
    )
    return Exercise(
        1,
        "Over or under?",
        5,
        f"By how much does {run.month.title}’s effective cost exceed the company’s budget, in {run.currency}? (Below it: minus.)",
        "The company’s budget is the row of budgets.csv without a department. Take all cost of the month, owned or not.",
        "money",
        solution,
        "All cost must be paid, also what has no owner: only the company’s budget can be held against it."
        if known
        else "This month has no budget for the whole company, so there is nothing to hold the cost against.",
        _mistakes(
            solution,
            (budget is not None and billed - budget, "That is billed cost. A reservation paid at once would break the month’s budget; budgets are held against effective cost."),
            (budget is not None and with_budget - budget, "You left out the cost that belongs to nobody with a budget. The company pays it all the same."),
            (solution is not None and -solution, "The sign is turned round: the question asks for the excess."),
        ),
        unit=run.currency,
        watch="Ask who owns the difference between the departments’ variances and the company’s.",
    )  # fmt: skip


def error(run: Any) -> Exercise:
    """Forecast error by the forecast, against the other denominator and the mean of departments."""
    r = _review(run)
    mine = r.judged[r.judged["month"] == r.month]
    known = len(mine) > 0
    miss, planned, came = (
        (add(mine[c]) for c in ("error", "forecast", "actual")) if known else (Decimal(0),) * 3
    )
    solution = ratio(miss, planned) if known else None
    mean = ratio(add(mine["of_forecast"]), len(mine)) if known else None
    size = ratio(add([abs(e) for e in mine["error"]]), planned) if known else None
    return Exercise(
        2,
        "How wrong was the forecast?",
        10,
        f"By the FinOps Foundation’s definition: how far was the stored forecast of {run.month.title} off, all departments together, in percent? (Too low: minus.)",
        "(Forecast − actual) ÷ forecast, of the sums over the departments that have a forecast.",
        "percent",
        solution,
        "Name the denominator whenever you show it: the two forms drift apart just when the forecast was bad."
        if known
        else "No forecast of this month was stored before it began; this report’s own can be judged next month.",
        _mistakes(
            solution,
            (known and ratio(miss, came), "You divided by the actual. Most tools do; the Foundation’s KPI divides by the forecast."),
            (mean, "That is the mean of the departments’ errors: a small department weighs as much as a large one. Add up first."),
            (size, "You added the errors without their signs. That is the variance; the question asks for the error of the sum."),
        ),
        unit="%",
        watch="Let one half of the room divide by the forecast, the other by the actual, and compare.",
    )  # fmt: skip


def bias(run: Any) -> Exercise:
    """The most biased department, against the one with the largest error this month and the largest forecast."""
    r = _review(run)
    names = list(r.teams["department"])
    biased = [n for n, b in zip(names, r.teams["biased"], strict=True) if b]
    solution = names[0] if biased else None
    mine = r.judged[r.judged["month"] == r.month].to_dict("records")
    largest = max(mine, key=lambda x: x["forecast"])["department"] if mine else None
    second = names[1] if len(names) > 1 else None
    steady = names[-1] if names else None
    return Exercise(
        3,
        "Chance or habit?",
        5,
        "One department’s stored forecasts erred to one side in each of the last months, by the largest share of what was forecast. Which one?",
        "Add up the errors with their signs and divide by the forecasts. Errors that change sign cancel out; a habit does not.",
        "choice",
        solution,
        "The method is at fault, not the month: change it, and the money is freed or asked for in time."
        if solution
        else "No department’s stored forecasts erred to one side in all of its last months.",
        _mistakes(
            solution,
            (largest, "That is the largest forecast. A large department may be off by much money and little share."),
            (second, "It errs too, by a smaller share. Divide by its own forecasts."),
            (steady, "Its errors nearly cancel out: that is chance, or a good method."),
        ),
        choices=tuple(names) or ("none",),
        watch="Ask whether a forecast that is always too high is “safe”. Who else could have used the money?",
    )  # fmt: skip


def hidden(run: Any) -> Exercise:
    """Cost under another department's tag, against the largest of it and all misplaced cost."""
    from helpers.measures import spend

    r = _review(run)
    amounts = list(r.hidden["amount"])
    solution = add(amounts) if amounts else None
    everything = spend.misplaced(run.charges, run.month, currency=run.currency)["amount"]
    budget_left = [
        v
        for v, n in zip(r.status["remaining"], r.status["department"], strict=True)
        if amounts and n == r.hidden["home"].iloc[0]
    ]
    return Exercise(
        4,
        "Under budget, really?",
        10,
        f"A department is under its budget. How much of {run.month.title}’s effective cost runs in its own sub-account under another department’s tag, in {run.currency}?",
        "Find the sub-accounts that clearly belong to one department, then the resources in them that carry another one’s tag.",
        "money",
        solution,
        "Ask both owners together: a tag can be right in a foreign account, but then somebody must know it."
        if amounts
        else "No department under its budget has cost in its sub-account under another one’s tag.",
        _mistakes(
            solution,
            (amounts and max(amounts), "That is the largest resource only; there is more in the same account."),
            (amounts and add(everything), "You counted departments over their budgets too: nobody hides in an overspent budget."),
            (amounts and budget_left and budget_left[0], "That is what is left of the budget. Only a part of it comes from the foreign tags."),
            (amounts and min(amounts), "That is one of the resources; add them all up."),
        ),
        unit=run.currency,
        watch="Nobody need have done it on purpose. Keep the talk about the tag.",
    )  # fmt: skip


def width(run: Any) -> Exercise:
    """Width of the total's interval, against the sum of the departments' widths."""
    r = _review(run)
    known = r.outlook is not None
    month = r.outlook.months[0] if known else r.month
    rows = r.forecast[r.forecast["month"] == month].to_dict("records")
    whole = next((x for x in rows if x["department"] == ""), None)
    solution = whole["hi95"] - whole["lo95"] if whole else None
    parts = add([x["hi95"] - x["lo95"] for x in rows if x["department"]]) if whole else None
    return Exercise(
        5,
        "How wide is the sum?",
        10,
        f"How wide is the 95 % interval of {Month.parse(month).title}’s total, in {run.currency}?",
        "Take it from the total’s own paths (review.forecast, the row without a department), not from the departments’ intervals.",
        "money",
        solution,
        f"The departments’ widths add up to {parts:,.0f}: they would all have to be at their worst on the same day."
        if whole
        else "There is too little past to forecast from.",
        _mistakes(
            solution,
            (parts, "You added up the departments’ intervals. They do not all err to the same side at once: the total is surer than that."),
            (whole and whole["hi80"] - whole["lo80"], "That is the 80 % interval."),
            (whole and whole["hi95"] - whole["mean"], "That is the upper half only: take high less low."),
        ),
        unit=run.currency,
        watch="Who says that uncertainty simply adds up? Ask for the chance that eight dice all show a six.",
    )  # fmt: skip


def late(run: Any) -> Exercise:
    """Cost that came after its month was closed, against the restatement and the accrual."""
    r = _review(run)
    rows = r.late.to_dict("records")
    came = [x["change"] for x in rows if x["kind"] == "late"]
    moved = [abs(x["change"]) for x in rows if x["kind"] == "restated"]
    solution = add(came) if came else None
    return Exercise(
        6,
        "The bill that came late",
        5,
        f"How much effective cost came so late that its month was closed without it, in {run.currency}?",
        "Look for a source that delivered the months before in time, and one month long after the other sources.",
        "money",
        solution,
        "It should have been accrued by the trend of the months before; the closed month looked cheaper than it was."
        if came
        else "Every source delivered its months together with the others.",
        _mistakes(
            solution,
            (came and moved and add(moved), "That is a restatement: the month was there and changed. Late means that it was not there at all."),
            (came and moved and add([*came, *moved]), "You added the restatement. It needs another remedy, so keep the two apart."),
            (came and solution and solution * 2, "You counted the delivery twice."),
        ),
        unit=run.currency,
        watch="Ask what would have been visible on the day of the close: the account’s past, and that it was missing.",
    )  # fmt: skip


def day(run: Any) -> Exercise:
    """The day on which the year's budget is used up, against the year's end and a straight line."""
    r = _review(run)
    solution = r.run_out
    months = sorted(m for m in r.plans)
    last = Month.parse(months[-1]) if months else run.month
    end = date(last.year, last.month, last.days)
    first_of_month = solution.replace(day=1) if solution else None
    month_before = (
        Month.of(solution).plus(-1).start.date().replace(day=min(solution.day, 28)) if solution else None
    )
    return Exercise(
        7,
        "When is the money gone?",
        10,
        "On which day is the year’s budget (all months of its version together) used up, if the forecast holds?",
        "Add up the months’ cost until the sum passes the year’s budget; within the month, count days at an even pace.",
        "date",
        solution,
        "That day, not the year’s end, is the date for the talk about more money or less use."
        if solution
        else "The year’s budget lasts to its end, or there is none for the whole company.",
        _mistakes(
            solution,
            (end, "That is the end of the budget year. The cost is above plan, so the budget ends earlier."),
            (month_before, "You left out a month: begin with the first month of the budget’s version."),
            (first_of_month if first_of_month != solution else None, "You stopped at the month’s first day: go on within the month, at an even pace."),
        ),
        watch="Let them estimate before they calculate: most take the year’s end.",
    )  # fmt: skip


def grown(run: Any) -> Exercise:
    """Cost grown from last month as it was closed, in all currencies, against the restated month and one currency."""
    from helpers.actions.finance_review import changed
    from helpers.measures.what_changed import by_cause

    frame = by_cause(changed(run))
    start, end = frame.attrs["previous_total"], frame.attrs["total"]
    of = dict(zip(frame["cause"], frame["amount"], strict=True))
    known = start > 0 and end > 0 and not frame.attrs["days"]
    solution = end - start - of["restatement"] - of["exchange rate"] if known else None
    months = [run.month.plus(-1), run.month]
    own = [_review(run).totals.get(str(m), Decimal(0)) for m in months]
    return Exercise(
        8,
        "What did we do ourselves?",
        10,
        f"Of the change since last month, all currencies in {run.currency}: how much is neither an exchange rate nor a later delivery of last month?",
        "Begin with the whole change in the picture of causes, and take away the two that nobody in the company decided.",
        "money",
        solution,
        "Only this part can be answered by engineers; the rest belongs to the bank and to the close."
        if known
        else "There is no whole month before this one to compare it with.",
        _mistakes(
            solution,
            (known and end - start, "That is the whole change: it holds what came after last month’s close and what the rate moved."),
            (known and end - start - of["exchange rate"], "You left the restatement in. It is last month’s cost, delivered late."),
            (known and own[1] - own[0], "That leaves charges in other currencies out. They are paid too, at last month’s rate here."),
        ),
        unit=run.currency,
        watch="Ask who would have been blamed for the late delivery.",
    )  # fmt: skip


def _mistakes(solution: Any, *found: tuple[Any, str]) -> tuple[Mistake, ...]:
    """Only where there is a solution; a mistake that gives the right answer by chance is none."""
    if solution is None:
        return ()
    kept: dict[Any, Mistake] = {}
    for answer, why in found:
        if answer not in (None, False, [], solution):
            kept.setdefault(answer, Mistake(answer, why))
    return tuple(kept.values())


EXERCISES = (over, error, bias, hidden, width, late, day, grown)
