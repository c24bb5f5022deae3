"""Findings of procurement's page as sentences, written from the results."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from helpers.terms.money import ratio
from helpers.terms.money import total as add
from helpers.views.markup import plain
from helpers.views.sentences import capital, count, day, money, number, percent

ZERO = Decimal(0)


def headline(page: Any) -> str:
    """The page's one sentence: what is wrong or to be had, the largest first."""
    currency = page.run.currency
    if not page.held and not page.loads:
        return "Nothing here is committed, and nothing that runs could be"
    lapsed = add(h.stake for h in page.held if h.verdict == "lapsed")
    saving = add(p["saving_a_month"] for p in page.now)
    unused = add(h.unused for h in page.active)
    parts = []
    if lapsed:
        n = sum(1 for h in page.held if h.verdict == "lapsed")
        parts.append(
            f"{count(n)} ended commitment{'s cost' if n > 1 else ' costs'} {money(lapsed, currency)} more a month"
        )
    if saving:
        more = ", this included" if lapsed else ""
        parts.append(f"committing to what is stable would save {money(saving, currency)} a month{more}")
    if unused and not lapsed:
        parts.append(f"{money(unused, currency)} of commitment lay unused")
    if not parts and not page.active:
        return f"No commitment runs, and nothing is worth committing to in {page.run.month.title}"
    if not parts:
        return f"Commitments are used and nothing more is worth committing to in {page.run.month.title}"
    said = "; ".join(parts)
    return f"{plain(page.run.facts.scope)}: {said}" if page.run.facts.scope else capital(said)


def lede(page: Any) -> str:
    """What is committed, for how long, and what it saves."""
    active = page.active
    if not active:
        return "No commitment runs today" + (f". {page.missing}" if page.missing else "")
    currency = page.run.currency
    monthly, saving = add(h.monthly for h in active), add(h.saving for h in active)
    said = f"{capital(count(len(active)))} commitment{'s run' if len(active) > 1 else ' runs'}: {money(monthly, currency)} in {page.run.month.title}"
    said += (
        f", saving {money(saving, currency)}"
        if saving >= 0
        else f", costing {money(-saving, currency)} more than they save"
    )
    if not page.lock.committed.is_nan():
        said += f"; a committed unit of money is locked in for {number(page.lock.committed, 1)} months"
    assumed = [h for h in active if h.end_basis == "assumed term"]
    if assumed:
        said += f". {capital(count(len(assumed)))} end{'s' if len(assumed) == 1 else ''} by assumption: no contract says when"
    gap = f" No plan: {plain(page.gap.replace(chr(10), ';'), 240)}." if page.gap else ""
    return said + "." + gap + (f" {page.missing}" if page.missing else "")


def of_portfolio(held: Sequence[Any]) -> str:
    """Title of the picture of commitments."""
    active = [h for h in held if h.active]
    if not active:
        return "No commitment runs"
    soon = [h for h in active if h.end]
    unused, whole = add(h.unused for h in active), add(h.monthly for h in active)
    first = min(soon, key=lambda h: h.end) if soon else None
    tail = f"; {plain(first.name)} ends first, on {day(first.end)}" if first else ""
    if unused > 0 and whole > 0:
        return f"{percent(ratio(unused, whole))} of committed cost is unused{tail}"
    return f"All committed cost is used{tail}"


def of_verdicts(held: Sequence[Any], currency: str) -> str:
    """Title of the table of verdicts."""
    some = [h for h in held if h.stake > 0]
    if not some:
        return "No commitment needs a decision"
    worst = max(some, key=lambda h: h.stake)
    return f"{plain(worst.name)}: {worst.verdict}, {money(worst.stake, currency)} a month"


def of_orders(orders: Sequence[Any], currency: str) -> str:
    """Title of the table of orders."""
    by = {o.order: o for o in orders}
    if "joint" not in by or not by["nothing"].cost:
        return "There is nothing to plan"
    saved = by["nothing"].cost - by["joint"].cost
    if saved < Decimal("0.01"):
        return "There is nothing to plan"
    wrong = by["commit-less"].loses
    other = by["less-commit"].loses
    said = f"Together they save {money(saved, currency)} in a year"
    if wrong > 0 and wrong >= other:
        said += f"; commitments first would lose {money(wrong, currency)} of it"
    elif other > 0:
        said += f"; using less first would lose {money(other, currency)} of it"
    return said


def of_less(schedules: Any, currency: str) -> str:
    """Title of the table of what is planned to run less."""
    rows = schedules.to_dict("records")
    if not rows:
        return "Engineering plans nothing that commitments could meet"
    blocked = [r for r in rows if r["net"] < r["gross"] * Decimal("0.01")]
    taken = add(r["net"] for r in rows if r["taken"])
    if blocked:
        return f"{capital(count(len(blocked)))} of {count(len(rows))} save nothing until a commitment ends"
    return f"Using less saves {money(taken, currency)} a month, net of commitments"


def of_purchases(rows: Sequence[Any], currency: str) -> str:
    """Title of the table of purchases."""
    if not rows:
        return "Nothing is worth buying now"
    saving = add(p["saving_a_month"] for p in rows)
    cost = add(p["a_month"] for p in rows)
    return f"{capital(count(len(rows)))} purchase{'s' if len(rows) > 1 else ''} of {money(cost, currency)} a month save{'' if len(rows) > 1 else 's'} {money(saving, currency)}"


def of_calendar(entries: Sequence[Any], currency: str) -> str:
    """Title of the calendar."""
    late = [e for e in entries if e.overdue and e.kind != "support"]
    if late:
        cost = add(e.nothing for e in late if e.nothing)
        return f"{capital(count(len(late)))} date{'s are' if len(late) > 1 else ' is'} past: {money(cost, currency)} hangs on {'them' if len(late) > 1 else 'it'}"
    if not entries:
        return "No date is known"
    first = entries[0]
    return f"The next date is {day(first.day)}: {plain(first.what)}"


def of_benefit(table: Any, currency: str) -> str:
    """Title of the table of who gets the benefit."""
    rows = table.to_dict("records")
    used = {r["department"]: r["net"] for r in rows if r["way"] == "used"}
    pooled = {r["department"]: r["net"] for r in rows if r["way"] == "pooled"}
    if not any(used.values()) and not any(pooled.values()):
        return "There is no benefit to share"
    names = [d for d in used if d] or list(used)
    gain = max(names, key=lambda d: pooled.get(d, ZERO) - used[d])
    more = pooled.get(gain, ZERO) - used[gain]
    total = add(used.values())
    return f"Pooled, {plain(gain) or 'nobody by name'} would get {money(more, currency)} more of {money(total, currency)}"


def of_agreements(table: Any, currency: str) -> str:
    """Title of the table of promised minimums."""
    rows = table.to_dict("records")
    if not rows:
        return "No contract promises a minimum"
    gap = add(r["gap"] for r in rows if not r["gap"].is_nan())
    if gap:
        worst = max((r for r in rows if not r["gap"].is_nan()), key=lambda r: r["gap"])
        return f"At today’s pace {plain(worst['vendor'])} would be owed {money(worst['gap'], currency)} for nothing"
    return "Every promised minimum is within reach"
