"""Pictures of finance: months to come with their range, and budgets with the chance that they break."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from helpers.terms.money import ratio
from helpers.terms.period import Month
from helpers.views import sentences, theme
from helpers.views.charts import Chart
from helpers.views.markup import plain
from helpers.views.sentences import money, number, percent

ALL = "all departments"


def fan(
    past: Sequence[tuple[str, Decimal]],
    forecast: Any,
    budgets: dict[str, Decimal],
    *,
    currency: str,
    until: Any = None,
) -> Chart:
    """Months so far, the months ahead with their 50, 80 and 95 % range, and the budget.

    Parameters
    ----------
    past : sequence of (month, amount)
        Closed months, oldest first [currency].
    forecast : DataFrame
        Form of `models.spend.Spend.table`; rows without department are the total.
    budgets : dict
        Month to budget [currency]; a month without one is a gap in the line.
    currency : str
    until : date, optional
        Last day whose charges are known.
    """
    ahead = [r for r in forecast.to_dict("records") if r["department"] == ""]
    values = [v for _, v in past] + [r["mean"] for r in ahead] + list(budgets.values())
    at = sentences.places(values) if values else 0
    title = _fan_title(past, ahead, budgets, currency)
    known = f"; charges up to {sentences.day(until)}" if until else ""
    rows = tuple((Month.parse(m).title, number(v, at), "", _budget(budgets, m, at)) for m, v in past)
    rows += tuple(
        (
            Month.parse(r["month"]).title,
            number(r["mean"], at),
            f"{number(r['lo80'], at)} to {number(r['hi80'], at)}",
            _budget(budgets, r["month"], at),
        )
        for r in ahead
    )
    said = "; ".join(f"{m} {v}{f', 80 % range {span}' if span else ''}" for m, v, span, _ in rows[-8:])
    return Chart(
        title,
        f"Effective cost by month, {currency}; shaded: 50, 80 and 95 % range; line in rust: budget{known}; the axis does not start at zero",
        f"Effective cost by month in {currency}: {said}.",
        lambda width: _draw_fan(width, past, ahead, budgets, at),
        ("Month", f"Cost or forecast, {currency}", "80 % range", f"Budget, {currency}"),
        rows,
    )


def _budget(budgets: dict[str, Decimal], month: str, at: int) -> str:
    return number(budgets[month], at) if month in budgets else "no budget"


def _fan_title(past, ahead, budgets, currency) -> str:
    if not ahead:
        return "There is too little past to forecast from"
    first = ahead[0]
    name = Month.parse(first["month"]).title
    span = f"{name} is expected at {money(first['mean'], currency)}"
    budget = budgets.get(first["month"])
    if budget is None:
        return f"{span}; it has no budget"
    gap = first["mean"] - budget
    if first["lo80"] > budget:
        return f"{span}, {money(gap, currency)} above its budget, also at the low end of the range"
    if first["hi80"] < budget:
        return f"{span}, {money(-gap, currency)} below its budget, also at the high end of the range"
    return f"{span}; its budget of {money(budget, currency)} lies within the range"


def _draw_fan(width, past, ahead, budgets, at) -> theme.Canvas:
    phone = width < 420
    height, top, bottom = (210.0 if phone else 260.0), 24.0, 34.0
    canvas = theme.Canvas(width, height)
    past = past[-6:] if phone else past[-13:]
    months = [m for m, _ in past] + [r["month"] for r in ahead]
    if not months:
        canvas.text(0, height / 2, "no month has a value", color="quiet")
        return canvas
    levels = [float(v) for _, v in past] + [float(r[k]) for r in ahead for k in ("lo95", "hi95")]
    levels += [float(budgets[m]) for m in months if m in budgets]
    low, high = min(levels), max(levels)
    low -= (high - low) * 0.08
    edge = 30.0
    right = (
        theme.width_of(number(max(ahead[-1]["mean"] if ahead else past[-1][1], Decimal(0)), at), bold=True)
        / 2
        + 6
    )
    step = (width - edge - max(edge, right)) / max(len(months) - 1, 1)

    def x(i: float) -> float:
        return edge + i * step

    def y(value: Any) -> float:
        return height - bottom - (float(value) - low) / ((high - low) or 1) * (height - top - bottom)

    start = len(past)
    half = min(step * 0.3, 16)
    for i, r in enumerate(ahead, start):
        for wide, (lo, hi) in ((1.0, ("lo95", "hi95")), (1.0, ("lo80", "hi80")), (1.0, ("lo50", "hi50"))):
            color = {"lo95": "rule", "lo80": "takes-soft", "lo50": "context"}[lo]
            canvas.bar(x(i) - half * wide, y(r[hi]), 2 * half * wide, max(y(r[lo]) - y(r[hi]), 1), color)
    line = [(x(i), y(v)) for i, (_, v) in enumerate(past)]
    if len(line) > 1:
        canvas.line([a for a, _ in line], [b for _, b in line], "ink", 2)
    for i, r in enumerate(ahead, start):
        canvas.dot(x(i), y(r["mean"]), "subject", 7)
    for i, m in enumerate(months):
        if m in budgets:
            canvas.line([x(i) - step * 0.42, x(i) + step * 0.42], [y(budgets[m])] * 2, "adds", 2)
    if past:
        canvas.dot(*line[-1], "ink", 6)
        canvas.text(
            line[-1][0] + (4 if phone else 0),
            line[-1][1] - 14,
            number(past[-1][1], at),
            align="right" if phone else "center",
            bold=not ahead,
        )
    if ahead:
        last = len(months) - 1
        canvas.text(
            x(last), y(ahead[-1]["hi95"]) - 9, number(ahead[-1]["mean"], at), align="center", bold=True
        )
    every = max(1, round((54 if not phone else 48) / max(step, 1) + 0.49))
    for i in range(len(months) - 1, -1, -every):
        canvas.text(x(i), height - 12, _short(months[i]), align="center", color="quiet")
    return canvas


def _short(month: str) -> str:
    m = Month.parse(month)
    return f"{m.name[:3]} {m.year % 100:02d}"


def budgets(status: Any, coming: Any, *, currency: str, month: str) -> Chart:
    """What each department spent of its budget, and the chance that it breaks the next one.

    Parameters
    ----------
    status : DataFrame
        Form of `measures.budgets.status`; departments without a budget stand below.
    coming : DataFrame
        Columns month, department, budget, probability [1], low, high [currency].
    """
    lines = [r for r in status.to_dict("records") if r["budget"]]
    lines.sort(key=lambda r: r["remaining"])
    chances = _chances(coming)
    after = min((r["month"] for r in coming.to_dict("records")), default="")
    at = sentences.places([r["budget"] for r in lines] + [r["actual"] for r in lines]) if lines else 0
    rows = tuple(
        (
            plain(r["department"]),
            number(r["budget"], at),
            number(r["actual"] + r["accrual"], at),
            percent(r["variance"], signed=True),
            _chance(chances, r["department"], currency),
        )
        for r in lines
    )
    over = [r for r in lines if r["remaining"] < 0]
    title = _budgets_title(lines, over, currency)
    next_month = Month.parse(after).title if after else "the next month"
    return Chart(
        title,
        f"Effective cost and accrual against the budget, {Month.parse(month).title}, {currency}; mark: budget; on the right the chance to exceed that of {next_month}",
        "; ".join(f"{n}: {a} of {b} ({v}), chance to exceed the next budget {c}" for n, b, a, v, c in rows)
        + "."
        if rows
        else "No department has a budget.",
        lambda width: _draw_budgets(width, lines, chances, at),
        (
            "Department",
            f"Budget, {currency}",
            f"Cost, {currency}",
            "Over (+) or under",
            f"Chance to exceed in {next_month}",
        ),
        rows,
    )


def _chances(coming: Any) -> dict[str, dict[str, Any]]:
    first: dict[str, dict[str, Any]] = {}
    for r in coming.to_dict("records"):
        if r["department"] not in first or r["month"] < first[r["department"]]["month"]:
            first[r["department"]] = r
    return first


def _chance(chances, name, currency) -> str:
    r = chances.get(name)
    if r is None:
        return "no budget"
    said = chance_words(r["probability"])
    return (
        said
        if r["probability"] < Decimal("0.05")
        else f"{said}, by {number(r['low'], 0)} to {number(r['high'], 0)} {currency}"
    )


def chance_words(probability: Decimal) -> str:
    """A probability as people may believe it: never 0 or 100 %.

    Examples
    --------
    >>> chance_words(Decimal("1")), chance_words(Decimal("0.713"))
    ('over 99 %', '71 %')
    """
    if probability > Decimal("0.99"):
        return "over 99 %"
    return "under 1 %" if probability < Decimal("0.01") else f"{probability * 100:.0f} %"


def _budgets_title(lines, over, currency) -> str:
    if not lines:
        return "No department has a budget for this month"
    if not over:
        return (
            f"{'All' if len(lines) > 1 else 'The'} {sentences.count(len(lines))} budgets held"
            if len(lines) > 1
            else "The one budget held"
        )
    worst = over[0]
    share = ratio(-worst["remaining"], worst["budget"])
    said = f"{plain(worst['department'])} is {money(-worst['remaining'], currency)} over its budget ({percent(share, 0, signed=True)})"
    others = len(over) - 1
    return (
        f"{said}; {sentences.count(others)} other{'s are' if others > 1 else ' is'} over too"
        if others
        else said
    )


def _draw_budgets(width, lines, chances, at) -> theme.Canvas:
    if not lines:
        canvas = theme.Canvas(width, 32)
        canvas.text(0, 14, "no budgets", color="quiet")
        return canvas
    phone = width < 420
    row = 30.0
    canvas = theme.Canvas(width, row * len(lines) + 6)
    left = min(max(theme.width_of(r["department"]) for r in lines) + 2, width * 0.3) + 10
    tags = [
        chance_words(chances[r["department"]]["probability"]) if r["department"] in chances else "—"
        for r in lines
    ]
    last = max(theme.width_of(t) for t in tags) + 6
    label = max(theme.width_of(number(r["actual"] + r["accrual"], at), bold=True) for r in lines) + 12
    high = max(float(max(r["budget"], r["actual"] + r["accrual"])) for r in lines)
    scale = (width - left - last - label) / (high or 1)
    for i, (r, tag) in enumerate(zip(lines, tags, strict=True)):
        middle = 3 + row * i + row / 2
        cost, over = float(r["actual"] + r["accrual"]), r["remaining"] < 0
        canvas.text(left - 10, middle, theme.fitted(r["department"], left - 10), align="right")
        canvas.bar(left, middle - 8, max(cost, 0) * scale, 16, "adds" if over else "context")
        canvas.bar(left + float(r["budget"]) * scale - 1.5, middle - 12, 3, 24, "ink")
        canvas.text(
            left + max(cost, float(r["budget"])) * scale + 7,
            middle,
            number(r["actual"] + r["accrual"], at),
            bold=over,
            color="ink" if over else "quiet",
        )
        canvas.text(width, middle, tag, align="right", color="ink" if over else "quiet")
    if phone:
        return canvas
    return canvas
