"""What the finance notebook shows of its review: waterfall, teams, surprises, outcomes, sheets."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from helpers.actions.budget_plans import Plans, plans
from helpers.actions.finance_grid import by_provider
from helpers.actions.finance_review import Review, changed, review, scoped
from helpers.measures import budget_plan, outcomes
from helpers.measures.what_changed import by_cause
from helpers.terms.period import Month

__all__ = [
    "Plans",
    "Review",
    "ahead",
    "by_cause",
    "change_picture",
    "changed",
    "fan_of",
    "outcome_sentence",
    "outcomes_of",
    "plans",
    "review",
    "scoped",
    "sheets",
    "surprises",
    "surprises_title",
    "teams",
    "teams_title",
    "waterfall",
    "ways",
]


def waterfall(review: Review) -> Any:
    """The last stored forecast of the coming month to this one, by cause; a sentence where none is stored."""
    from helpers.views import charts, findings, sentences

    frame = review.waterfall
    if frame is None:
        return findings(
            [],
            title="No earlier forecast of the coming month is stored; this one will be, once its file is ingested",
        )
    month = Month.parse(frame.attrs["month"]).title
    start, end = frame.attrs["previous_total"], frame.attrs["total"]
    cause = next(
        (c for c, a in zip(frame["cause"], frame["amount"], strict=True) if (a > 0) == (end > start)), ""
    )
    rise = "rose" if end > start else "fell"
    moved = f"The forecast of {month} {rise} by {sentences.money(abs(end - start), review.currency)}; most of it: {cause}"
    return charts.bridge(
        frame,
        currency=review.currency,
        start_label="Last forecast",
        end_label="This forecast",
        title=moved if end != start else f"The forecast of {month} did not move",
        subtitle=f"Forecast of {month}, effective cost, {review.currency}. A department: what its days have shown since",
    )


def change_picture(change: Any) -> Any:
    """From last month as it was closed to this one, by cause, with the rates that were used and those that are missing."""
    from helpers.views import charts, sentences

    frame = by_cause(change)
    about = frame.attrs
    before, now = Month.parse(about["previous"]), Month.parse(about["month"])
    restated = next(a for c, a in zip(frame["cause"], frame["amount"], strict=True) if c == "restatement")
    equal = f", {sentences.count(about['days'])} equal days" if about["days"] else ""
    said = [
        f"From {before.title} to {now.title}, effective cost of all currencies, {about['currency']}{equal}"
    ]
    said += about["rates"]
    said += [f"left out, not guessed: {gap}" for gap in about["gaps"]]
    return charts.bridge(
        frame,
        start_label=f"{before.name[:3]}, as closed" if restated else before.title,
        subtitle="; ".join(said),
    )


def fan_of(run: Any) -> Any:
    """The fan of another month, provider or department: what the page's controls show."""
    from helpers.views import charts_finance

    found = review(run)
    return charts_finance.fan(
        found.past, found.forecast, found.plans, currency=run.currency, until=found.until
    )


def teams(review: Review) -> Any:
    """Accuracy of stored forecasts by department, ratios in words."""
    import pandas

    from helpers.views.sentences import number, percent

    rows = [
        (r["department"], percent(r["bias"], signed=True), percent(r["variance"]), number(r["mase"], 2) if not r["mase"].is_nan() else "—", str(r["months"]), r["level"] + (", biased" if r["biased"] else ""))
        for r in review.teams.to_dict("records")
    ]  # fmt: skip
    return pandas.DataFrame(
        rows,
        columns=["department", "mean error (+ too high)", "variance", "MASE", "months", "maturity"],
        dtype=object,
    )


def teams_title(review: Review) -> str:
    """Whose stored forecasts err to one side."""
    from helpers.views.sentences import listed

    biased = [n for n, b in zip(review.teams["department"], review.teams["biased"], strict=True) if b]
    if not len(review.teams):
        return "No stored forecast can be judged yet"
    return (
        f"Stored forecasts of {listed(biased)} err to one side, month after month"
        if biased
        else "No department’s stored forecasts err to one side"
    )


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

    rows = [
        (KINDS[r["kind"]], r["name"], r["amount"])
        for r in review.found.to_dict("records")
        if r["kind"] in KINDS
    ]
    return pandas.DataFrame(rows, columns=["what", "where", "amount"], dtype=object)


def surprises_title(review: Review) -> str:
    """How many there are."""
    from helpers.views.sentences import capital, count

    n = len(surprises(review))
    return (
        f"{capital(count(n))} thing{'s' * (n != 1)} to put right before budgets are compared"
        if n
        else "Nothing hides in these budgets"
    )


def outcomes_of(run: Any, review: Review) -> Any:
    """Cost of each unit of the company's drivers: this month, the one before, and a year ago."""
    import pandas

    month = Month.parse(review.month)
    if _part(run):
        return pandas.DataFrame([], columns=["each"], dtype=object)
    wanted = [str(month), str(month.plus(-1)), str(month.plus(-12))]
    found = outcomes.per_unit(review.totals, run.table("drivers"), wanted)
    by: dict[str, dict[str, Decimal]] = {}
    for r in found.to_dict("records"):
        by.setdefault(r["driver"], {})[r["month"]] = r["each"]
    rows = []
    for driver, each in by.items():
        if wanted[0] not in each:
            continue
        size = (
            1_000_000
            if each[wanted[0]] < Decimal("0.00001")
            else 1_000
            if each[wanted[0]] < Decimal("0.1")
            else 1
        )
        name = driver if size == 1 else f"{size:,} {driver}"
        rows.append((name, *(None if each.get(m) is None else f"{each[m] * size:,.2f}" for m in wanted)))
    columns = ["each", *(Month.parse(m).title for m in wanted)]
    return pandas.DataFrame(rows, columns=columns, dtype=object)


def _part(run: Any) -> bool:
    return bool(run.chosen["provider"] or run.chosen["department"])


def outcome_sentence(run: Any, review: Review) -> str:
    """Cloud cost as a share of revenue, for leadership."""
    from helpers.views import sentences_finance

    if _part(run):
        return "Outcomes belong to the whole company: leave provider and department empty"
    earned, gaps = outcomes.revenue(
        run.table("drivers"), run.table("exchange_rates"), Month.parse(review.month), review.currency
    )
    spent = review.totals.get(review.month, Decimal(0))
    return sentences_finance.outcome(earned, gaps, spent, review.currency, review.month)


def ways(plans: Plans) -> Any:
    """The next budget three ways and from above, by department."""
    from helpers.views import findings, sentences, tables

    if not plans.ways:
        return findings([], title="There is too little past to set a budget from")
    grown, driven, zero, above = plans.ways
    span = f"{plans.months[0].title} to {plans.months[-1].title}"
    said = f"By drivers {span} costs {sentences.money(driven.total, plans.currency)}"
    if driven is not plans.proposed:
        said = f"At last year’s growth {span} costs {sentences.money(grown.total, plans.currency)}; no driver bears a cost"
    gap = driven.total - above.total
    said += f", {sentences.money(abs(gap), plans.currency)} {'more' if gap >= 0 else 'less'} than {plans.above} allows"
    return tables.listing(
        budget_plan.side_by_side(plans.ways),
        title=said,
        subtitle="; ".join(
            (
                f"From above: {plans.above}, by share",
                *(f"from zero {n}" for n in zero.notes),
                "apart: the first three",
            )
        ),
        currency=plans.currency,
        heads={grown.name: "By growth", driven.name: "By drivers", "difference": "Apart"},
    )


def ahead(plans: Plans) -> Any:
    """The months ahead by trend and bottom-up, by department."""
    from helpers.views import findings, sentences, tables

    frame = plans.ahead
    if not len(frame):
        return findings([], title="No driver bears a department’s cost, so the trend stands alone")
    first = frame.iloc[0]
    more = "more" if first["gap"] >= 0 else "less"
    months = [Month.parse(m).title for m in frame.attrs["months"]]
    shown = frame.assign(drivers=[sentences.percent(s, 0) for s in frame["drivers"]])
    return tables.listing(
        shown,
        title=f"Drivers expect {sentences.money(abs(first['gap']), plans.currency)} {more} for {first['department']} than the trend does",
        subtitle=f"{months[0]} to {months[-1]}; what no driver bears is the trend’s in both",
        currency=plans.currency,
        heads={"drivers": "Borne by drivers", "bottom_up": "Bottom-up"},
    )


def _ways_by_month(plans: Plans) -> Any:
    import pandas

    rows = [(w.name, m, d, a) for w in plans.ways for (m, d), a in sorted(w.amounts.items())]
    return pandas.DataFrame(rows, columns=["way", "month", "department", "amount"], dtype=object)


def _notes(plans: Plans) -> Any:
    import pandas

    rows = [(w.name, n) for w in plans.ways for n in w.notes]
    return pandas.DataFrame(rows, columns=["way", "note"], dtype=object)


def sheets(run: Any, review: Review, change: Any, plans: Plans) -> dict[str, Any]:
    """Tables of the report's workbook."""
    return {
        "By department and provider": by_provider(run, review),
        "Budget ways": _ways_by_month(plans),
        "Budget notes": _notes(plans),
        "Bottom-up and trend": plans.ahead,
        "What changed": change,
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
