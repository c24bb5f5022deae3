"""Sentences of engineering's page, written from its results."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from helpers.terms.money import ratio
from helpers.views.sentences import capital, count, listed, money, number, percent


def of_advice(found: Any, *, currency: str, subject: str = "") -> str:
    """The headline: what could be saved and where most of it sits.

    Parameters
    ----------
    found : Found
        Attributes advice, saving, cost.

    Examples
    --------
    >>> from types import SimpleNamespace as N
    >>> one = N(kind="idle machine", saving=Decimal(90))
    >>> of_advice(N(advice=[one], saving=Decimal(90), cost=Decimal(1000)), currency="USD")
    '90.00 USD a month could be saved, 9 % of what resources cost: all of it by idle machines'
    """
    where = f" of {subject}" if subject else ""
    if not found.advice or not found.saving:
        return f"Nothing to save{where} that these data show"
    kinds: dict[str, Decimal] = {}
    for a in found.advice:
        kinds[a.kind] = kinds.get(a.kind, Decimal(0)) + a.saving
    first, *rest = sorted(kinds, key=lambda k: (-kinds[k], k))
    most = (
        f"all of it by {plural(first)}"
        if not rest
        else f"most of it by {plural(first)} and {plural(rest[0])}"
    )
    if len(rest) > 1 and kinds[first] + kinds[rest[0]] < found.saving / 2:
        most = f"{plural(first)} and {plural(rest[0])} first"
    share = percent(ratio(found.saving, found.cost), 0) if found.cost else "—"
    return f"{money(found.saving, currency)} a month could be saved{where}, {share} of what resources cost: {most}"


def plural(kind: str) -> str:
    """A kind of advice as a group of things."""
    known = {
        "idle machine": "idle machines", "oversized machine": "oversized machines", "schedule": "schedules",
        "old generation": "old generations", "orphaned disk": "orphaned disks", "idle load balancer": "idle load balancers",
        "idle address": "idle addresses", "NAT detour": "NAT detours", "extended support": "extended support",
        "log retention": "log retention",
    }  # fmt: skip
    return known.get(kind, kind)


def of_list(found: Any, shown: int, currency: str) -> str:
    """Title of the list of advice: what its largest lines are of the whole.

    Examples
    --------
    >>> from types import SimpleNamespace as N
    >>> of_list(N(advice=[N(saving=Decimal(3)), N(saving=Decimal(1))], saving=Decimal(4)), 1, "USD")
    'The largest of 2 pieces of advice saves 3.00 USD, 75 % of all'
    """
    if not found.advice:
        return "No advice that counts"
    part = sum((a.saving for a in found.advice[:shown]), Decimal(0))
    if shown >= len(found.advice):
        return f"{capital(count(len(found.advice)))} piece{'s'[: len(found.advice) > 1]} of advice: {money(part, currency)} a month"
    which = "The largest" if shown == 1 else f"The {count(shown)} largest"
    verb = "saves" if shown == 1 else "save"
    share = percent(ratio(part, found.saving), 0) if found.saving else "—"
    return f"{which} of {number(len(found.advice), 0)} pieces of advice {verb} {money(part, currency)}, {share} of all"


def of_kinds(found: Any, currency: str) -> str:
    """Title of the picture by kind.

    Examples
    --------
    >>> from types import SimpleNamespace as N
    >>> of_kinds(N(advice=[N(kind="ARM", saving=Decimal(9), resource_id="a")]), "USD")
    'ARM saves most: 9.00 USD with one resource'
    """
    kinds: dict[str, tuple[Decimal, set[str]]] = {}
    for a in found.advice:
        amount, ids = kinds.get(a.kind, (Decimal(0), set()))
        kinds[a.kind] = amount + a.saving, ids | {a.resource_id}
    if not kinds:
        return "No advice that counts"
    kind, (amount, ids) = max(kinds.items(), key=lambda k: (k[1][0], k[0]))
    name = plural(kind)
    verb = "saves" if name == kind else "save"
    return f"{capital(name)} {verb} most: {money(amount, currency)} with {count(len(ids))} resource{'s'[: len(ids) > 1]}"


def of_measured(review: Any) -> str:
    """What the advice rests on and what was left out, for a subtitle.

    Parameters
    ----------
    review : Review
    """
    found = review.found
    used = (
        f"{number(len(review.uses), 0)} machines measured over {review.days} days"
        if review.uses
        else "no hourly use is known, so machines get no advice from use: finops ingest takes it"
    )
    parts = [used, "savings after commitments, one after another on each resource"]
    if found.held:
        parts.append(f"{count(len(found.held))} left alone for a reason")
    if found.unknown:
        parts.append(f"{count(len(found.unknown))} of a type that the instance table does not have")
    return "; ".join(parts)


def of_promises(judged: Any, currency: str) -> str:
    """Title of the list of actions."""
    if not len(judged):
        return "No list of actions is kept yet: actions.csv takes one"
    done = [r for r in judged.to_dict("records") if r["status"] == "done"]
    none = [r for r in done if r["judgement"] == "no effect"]
    nobody = [r for r in judged.to_dict("records") if r["judgement"] == "nobody's"]
    parts = []
    if none:
        parts.append(
            f"{count(len(none))} of {count(len(done))} done action{'s'[: len(done) > 1]} moved no charge"
        )
    if nobody:
        parts.append(
            f"{count(len(nobody))} open one{'s'[: len(nobody) > 1]} {'have' if len(nobody) > 1 else 'has'} no owner"
        )
    return (
        capital(listed(parts))
        if parts
        else f"{capital(count(len(judged)))} actions, none of them without effect or owner"
    )


def of_speed(speed: Any, currency: str) -> str:
    """Title of what speed costs."""
    rows = [r for r in speed.to_dict("records") if r["ten_ms"] is not None]
    if not rows:
        return "No speed is bought that a smaller machine would lose"
    first = rows[0]
    return f"On {first['name']} ten milliseconds cost {money(first['ten_ms'], currency)} a month"


def of_designs(table: Any, currency: str) -> str:
    """Title of the comparison of designs."""
    rows: Sequence[dict[str, Any]] = table.to_dict("records")
    if not rows:
        return "No other design is compared: designs.csv takes one"
    saving = sum((r["saving"] for r in rows), Decimal(0))
    return f"{capital(count(len(rows)))} design{'s'[: len(rows) > 1]} would cost {money(saving, currency)} a month less"
