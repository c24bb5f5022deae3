"""Sentences of the anomalies' page, written from its results."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from helpers.terms.money import total as add
from helpers.views.markup import plain
from helpers.views.sentences import capital, count, day, money

FEW = 56  # days: four weeks before the first alert, and four that it is about


def headline(review: Any, *, subject: str = "") -> str:
    """What was unpredicted in the month, and where most of it sits.

    Examples
    --------
    >>> from types import SimpleNamespace as N
    >>> from datetime import date
    >>> found = N(resources=3, days=(date(2026, 1, 1), date(2026, 5, 31)))
    >>> headline(N(alarms=[], currency="USD", found=found, month=N(title="May 2026")), subject="AWS")
    'Nothing out of the ordinary in May 2026 of AWS'
    """
    where = f" of {subject}" if subject else ""
    if not review.found.resources:
        return f"No daily charges to watch in {review.month.title}{where}"
    first, last = review.found.days
    seen = (last - first).days + 1
    if not review.alarms and seen < FEW:
        return f"{capital(count(seen))} days of charges{where} are too few to say what is usual"
    if not review.alarms:
        return f"Nothing out of the ordinary in {review.month.title}{where}"
    whole = add(review.in_month(i) for i in review.alarms)
    first = review.alarms[0]
    n = len(review.alarms)
    part = review.in_month(first)
    most = "all of it" if n == 1 else "most of it" if part * 2 > whole else "first"
    more = f" by {count(n)} incidents" if n > 1 else ""
    return f"{money(whole, review.currency)} more than expected{where}{more}, {most} {plain(first.name, 40)}"


def of_incident(incident: Any, currency: str) -> str:
    """Title of an incident's picture: what it cost, since when, and whether it goes on."""
    since = (
        f"since {day(incident.start)}"
        if incident.lasts
        else f"from {day(incident.start)} to {day(incident.end)}"
    )
    if incident.start == incident.end:
        since = f"on {day(incident.start)}"
    verb = "has cost" if incident.lasts else "cost"
    return f"{plain(incident.name, 40)} {verb} {money(incident.excess, currency)} more than expected {since}"


def of_cause(incident: Any, currency: str) -> str:
    """Title of the bridge: which part of the excess is the largest."""
    from helpers.models.anomalies.causes import SAID

    parts = {k: v for k, v in incident.cause.parts.items() if v}
    if not parts:
        return "Nothing moved"
    first = max(parts, key=lambda p: parts[p])
    whole = len(parts) == 1
    place = plain(incident.cause.value, 60)
    where = f": {place}" if place else ""
    return f"{capital(SAID[first])}, {'all of it' if whole else money(parts[first], currency)}{where}"


def of_list(review: Any) -> str:
    """Title of the table."""
    alarms, quiet = len(review.alarms), len(review.quiet)
    if not alarms and not quiet:
        return "No incident in the month"
    on = sum(1 for i in review.alarms if i.lasts)
    said = f"{capital(count(alarms))} alarm{'s' * (alarms != 1)}"
    if on:
        said += (
            ", still going on"
            if alarms == 1
            else ", all still going on"
            if on == alarms
            else f", {count(on)} of them still going on"
        )
    return said + (f"; {count(quiet)} left quiet for a reason" if quiet else "")


def of_quiet(several: Sequence[Any], review: Any) -> str:
    """Title of what does not alarm."""
    if not several:
        return "Nothing was left quiet"
    known = [i for i in several if i.status == "expected"]
    whole = add(review.in_month(i) for i in known)
    if not known:
        return f"{capital(count(len(several)))} left quiet: no known event among them"
    return f"Known events explain {money(whole, review.currency)}"


def of_months(months: Sequence[tuple[str, Decimal | None]], currency: str) -> str:
    """Title of the months: the last against the ones before."""
    known = [v for _, v in months if v is not None]
    if len(known) < 2:
        return "One month has been watched"
    last, earlier = known[-1], sorted(known[:-1])
    middle = earlier[len(earlier) // 2]
    if last > max(earlier):
        return f"The dearest month of {count(len(known))}: {money(last, currency)} unpredicted"
    word = "more than usual" if last > middle else "less than usual" if last < middle else "as usual"
    return f"{money(last, currency)} unpredicted, {word}"
