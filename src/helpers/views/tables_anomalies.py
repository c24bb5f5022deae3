"""Tables of the anomalies' page: incidents with owner, money, cause and status; what is left quiet, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from helpers.terms.money import foot
from helpers.terms.money import total as add
from helpers.terms.period import Month
from helpers.views import sentences, sentences_anomalies
from helpers.views.markup import Shown, block, plain, safe, titled_table
from helpers.views.sentences import number
from helpers.views.words import say

TOP = 10


def incidents(review: Any, *, currency: str = "", top: int = TOP) -> Shown:
    """The month's alarms, dearest first, with their total; below it what is known of each."""
    shown, rest = review.alarms[:top], review.alarms[top:]
    amounts = [review.in_month(i) for i in shown] + ([add(review.in_month(i) for i in rest)] if rest else [])
    whole = add(amounts)
    at = sentences.places([*amounts, whole])
    footed = [number(v, at) for v in foot(amounts, at)] if amounts else []
    head = ["Incident", f"Too much, {currency}", "A month more", "Owner", "Began", "State"]
    rows = [
        [
            plain(i.name, 40),
            s,
            number(i.month_more, 0) if i.lasts else "—",
            plain(i.owner or i.department or "nobody"),
            "by degrees" if i.kind == "creep" else _day(i.start),
            _state(i),
        ]
        for i, s in zip(shown, footed, strict=False)
    ]
    if rest:
        rows.append([say("words.others", n=len(rest)), footed[-1], "", "", "", ""])
    if rows:
        on = [i.month_more for i in review.alarms if i.lasts]
        rows.append(["Total", number(whole, at), number(add(on), 0) if on else "—", "", "", ""])
    subtitle = f"Alarms of {review.month.title}: effective cost above what was expected, and what a month more would cost where it goes on, {currency}"
    seen = titled_table(sentences_anomalies.of_list(review), subtitle, head, rows, (0, 3, 4, 5), total=True)
    return _with_facts(seen, shown, currency)


def _with_facts(seen: Shown, shown: Sequence[Any], currency: str) -> Shown:
    """The table, and below it cause, place and id of each: sentences that no phone has a column for."""
    if not shown:
        return seen
    said = [(plain(i.name, 60), facts(i, currency)) for i in shown]
    terms = "".join(f"<div><dt>{safe(name)}</dt><dd>{safe(text)}</dd></div>" for name, text in said)
    body = (
        f'<details class="kit-terms"><summary>Cause, place and id of each</summary><dl>{terms}</dl></details>'
    )
    text = "\n".join(f"{name}: {text}" for name, text in said)
    return Shown(seen.html + block("definitions", body), f"{seen.text}\n{text}")


def facts(i: Any, currency: str) -> str:
    """What is known of one incident, in sentences."""
    place = ", ".join(plain(p, 60) for p in (i.provider, i.account, i.service, i.region) if p)
    delay = "on its first day" if not i.delay else f"after {i.delay} day{'s' * (i.delay > 1)}"
    more = f" If it goes on it comes to {sentences.money(i.by_month_end, currency)} by the month's end." if i.lasts else ""  # fmt: skip
    kind = {"creep": "It grows faster than the others and than what it serves. ", "unused commitment": "Less of the commitment is used. "}.get(i.kind, "")  # fmt: skip
    return (
        f"{kind}{sentences.capital(plain(i.cause.words, 200))}. {sentences.money(i.actual, currency)} instead of "
        f"{sentences.money(i.expected, currency)}; alert {delay}.{more} {sentences.capital(place)}{'.' if place else ''} "
        f"Id for feedback: {i.id}."
    )


def quiet(review: Any, *, currency: str = "", top: int = TOP) -> Shown:
    """What does not alarm: known events, feedback, new resources; with the reason."""
    shown, rest = review.quiet[:top], review.quiet[top:]
    rows = [
        [plain(i.name, 40), _day(i.start), number(review.in_month(i), 0), plain(i.reason, 90)]
        for i in shown
    ]  # fmt: skip
    if rest:
        rows.append([say("words.others", n=len(rest)), "", number(add(review.in_month(i) for i in rest), 0), "all of them stand in tables.xlsx"])  # fmt: skip
    title = sentences_anomalies.of_quiet(review.quiet, review)
    subtitle = f"Incidents of {review.month.title} that do not alarm, and why; above the expected, {currency}"
    return titled_table(title, subtitle, ["Incident", "Began", currency or "Amount", "Reason"], rows, (0, 1, 3))  # fmt: skip


def notes(review: Any, *, currency: str = "") -> Shown:
    """What was watched and what could not be."""
    found = review.found
    rows = [[plain(n, 200)] for n in found.notes[:8]]
    if review.longer:
        rows.append([f"Charges for longer than a day are not watched: {sentences.money(review.longer, currency)} in the months looked at"])  # fmt: skip
    span = f"{_day(found.days[0])} to {_day(found.days[1])}" if found.days else "no day"
    title = f"{number(found.resources, 0)} resource{'s' * (found.resources != 1)} watched, {span}"
    return titled_table(title, "Gaps, and what no alarm can come from", ["Note"], rows, (0,))


def again(review: Any, *, currency: str = "") -> Shown:
    """What the notebook's controls show of another choice."""
    return incidents(review, currency=currency)


def _state(i: Any) -> str:
    if i.confirmed:
        return "confirmed, goes on" if i.lasts else "confirmed, ended"
    return "goes on" if i.lasts else f"ended {_day(i.end)}"


def _day(day: Any) -> str:
    return f"{day.day} {Month.of(day).name[:3]} {day.year}"
