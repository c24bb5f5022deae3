"""What the finance page says first: the month against its budget, and what comes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from helpers.terms.money import ratio
from helpers.terms.period import Month
from helpers.views.charts_finance import ALL, chance_words
from helpers.views.markup import plain
from helpers.views.sentences import money, number, percent


def headline(review: Any, *, open: bool = False) -> str:
    """The month's cost against the company's budget, in one sentence."""
    month, currency = Month.parse(review.month), review.currency
    spent = review.totals.get(review.month, Decimal(0)) + sum(review.accruals["amount"], Decimal(0))
    so_far = " so far" if open else ""
    budget = review.month_budget
    owed = ", accruals included" if len(review.accruals) else ""
    if budget is None:
        return f"{month.title} cost {money(spent, currency)}{so_far}{owed}; there is no budget to hold it against"
    left = budget - spent
    if open:
        return (
            f"{month.title} has cost {money(spent, currency)} so far of a budget of {money(budget, currency)}"
        )
    share = percent(abs(ratio(left, budget)), 0)
    if left < 0:
        return f"{month.title} cost {money(spent, currency)}{owed}: {money(-left, currency)} over its budget ({share})"
    return f"{month.title} cost {money(spent, currency)}{owed}: {money(left, currency)} under its budget ({share})"


def lede(review: Any) -> str:
    """What comes next, as a chance with its range, and the day on which the year's budget is used up."""
    said = []
    first = next((r for r in review.next.to_dict("records") if r["department"] == ALL), None)
    if first is not None:
        month = Month.parse(first["month"]).title
        chance = chance_words(first["probability"])
        by = (
            f" by {number(first['low'], 0)} to {number(first['high'], 0)} {review.currency}"
            if first["probability"] >= Decimal("0.05")
            else ""
        )
        said.append(f"{month} exceeds its budget with a chance of {chance}{',' if by else ''}{by}.")
    if review.run_out is not None:
        said.append(
            f"The year’s budget of {money(review.budget, review.currency)} is used up on {review.run_out.day} {Month.of(review.run_out).title}."
        )
    biased = [plain(n) for n, b in zip(review.teams["department"], review.teams["biased"], strict=True) if b]
    if biased:
        said.append(f"Stored forecasts err to one side for {', '.join(biased)}.")
    return " ".join(said)


def outcome(revenue: Decimal, gaps: list[str], spent: Decimal, currency: str, month: str) -> str:
    """Cloud cost beside revenue, for leadership; a missing rate is said, not guessed."""
    name = Month.parse(month).title
    if revenue.is_nan():
        return f"No revenue of {name} is known, so its cost of {money(spent, currency)} stands alone"
    share = percent(ratio(spent, revenue))
    gap = (
        f"; {len(gaps)} day{'s' * (len(gaps) != 1)} without an exchange rate are left out of revenue"
        if gaps
        else ""
    )
    return f"Cloud cost took {share} of {name}’s revenue of {money(revenue, currency)}{gap}"
