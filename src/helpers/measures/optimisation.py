"""What optimisation is worth and how far it is: from findings that a notebook made, and from charges.

A finding is one row with resource_id, kind, saving, currency; ``attrs["currency"]`` of the table says which currency was
looked at, so that no finding is not taken for nothing to find.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from helpers.measures import rows, units
from helpers.measures.measure import CURRENCY, Measure, Sums, Table, number
from helpers.terms.money import NAN, ratio
from helpers.terms.money import total as add
from helpers.terms.period import Month
from helpers.terms.week import Week

UNUSED = ("idle machine", "orphaned disk", "idle load balancer", "idle address")
HOUR = timedelta(hours=1)


def coin(charges: Table, findings: Any) -> Measure:
    """1 − possible saving / effective cost of usage and purchases without corrections [ratio]."""

    def value(s: Sums) -> Decimal:
        saving = _saving(findings, s[CURRENCY])
        return NAN if saving is None else 1 - ratio(saving, number(s["cost"]))

    return Measure(
        "cost-optimization-index-coin",
        {"cost": charges.EffectiveCost.sum(where=rows.spent(charges))},
        value,
        "ratio",
        charges,
    )


def saving(charges: Table, findings: Any, kinds: Sequence[str] = (), variant: str = "") -> Measure:
    """Possible saving of the month's findings of some kinds [currency]; all of them where none is named."""

    def value(s: Sums) -> Decimal:
        found = _saving(findings, s[CURRENCY], kinds) if s["charges"] else None
        return NAN if found is None else found

    return Measure("possible-saving", {"charges": charges.count()}, value, "currency", charges, variant)


def unused(charges: Table, findings: Any) -> Measure:
    """Resources found unused / resources with a charge of usage [ratio]."""

    def value(s: Sums) -> Decimal:
        if _saving(findings, s[CURRENCY]) is None:
            return NAN
        found = {r for r, k in zip(findings["resource_id"], findings["kind"], strict=True) if k in UNUSED}
        return ratio(Decimal(len(found)), number(s["resources"]))

    return Measure(
        "percent-of-unused-resources",
        {"resources": charges.ResourceId.nunique(where=rows.ran(charges))},
        value,
        "ratio",
        charges,
    )


def frequent_tier(charges: Table) -> Measure:
    """Gigabytes kept at the frequent price / gigabytes whose tier is known [ratio]."""
    kept = rows.ran(charges) & charges.x_KitTier.notnull()

    def value(s: Sums) -> Decimal:
        return ratio(units.amount(s["frequent"], units.GB_MONTH), units.amount(s["known"], units.GB_MONTH))

    return Measure(
        "percent-storage-on-frequent-access-tier",
        {
            "frequent": charges.ConsumedQuantity.sum(where=kept & (charges.x_KitTier == "frequent")),
            "known": charges.ConsumedQuantity.sum(where=kept),
        },
        value,
        "ratio",
        charges,
        along=("ConsumedUnit",),
    )


def utilisation(utilisation: Any) -> Measure:
    """Processor hours used / processor hours that ran, of machines with measured use [ratio].

    Parameters
    ----------
    utilisation : DataFrame
        Columns used, capacity [vCPU-hours], one row for each machine.
    """
    sums = {n: add(Decimal(str(v)) for v in utilisation[n]) for n in ("used", "capacity")}
    return Measure(
        "percentage-resource-utilization", sums, lambda s: ratio(s["used"], s["capacity"]), "ratio"
    )


def adherence(charges: Table, schedules: Any) -> Measure:
    """Hours planned off in which no charge arose / hours planned off [ratio], of resources charged by the hour.

    Parameters
    ----------
    charges : ibis Table
    schedules : DataFrame
        Columns resource_id, zone, week (see `helpers.terms.week.Week.parse`), mode, valid_from, valid_to.

    Notes
    -----
    An hour counts as planned off where all of it is. Hours are taken in UTC from the month's first to its last with any
    charge of these resources, so a day of 25 local hours has 25.
    """
    asked = list(schedules["resource_id"])
    hourly = charges.filter(
        charges.ChargePeriodEnd == charges.ChargePeriodStart + _hour(),
        charges.ResourceId.isin(asked),
        rows.ran(charges),
    )
    plans = [
        (
            r["resource_id"],
            Week.parse(r["week"], r["zone"], mode=r.get("mode") or "both"),
            r["valid_from"],
            r["valid_to"],
        )
        for r in schedules.to_dict("records")
    ]

    def value(s: Sums) -> Decimal:
        ran = {(r, _utc(t)) for (r, t), q in s["quantity"].items() if number(q) > 0}
        if not ran:
            return NAN
        moments = [t for _, t in ran]
        measured = {r for r, _ in ran}
        first, last = min(moments), max(moments)
        if s.get("x_KitPeriod"):
            first = min(first, Month.parse(s["x_KitPeriod"]).start)
        off = kept = 0
        for resource, week, since, until in plans:
            if resource not in measured:
                continue
            hour = first
            while hour <= last:
                day = hour.date()
                holds = (not _day(since) or since <= day) and (not _day(until) or day <= until)
                if holds and not any(week.is_on(hour + n * HOUR / 4) for n in range(4)):
                    off += 1
                    kept += (resource, hour) not in ran
                hour += HOUR
        return ratio(Decimal(kept), Decimal(off))

    return Measure(
        "power-schedule-adherence-rate",
        {"quantity": hourly.PricingQuantity.sum()},
        value,
        "ratio",
        hourly,
        along=("ResourceId", "ChargePeriodStart"),
    )


def without_effect(charges: Table, actions: Any) -> Measure:
    """Promised saving of actions that are done and moved no charge [currency]; see `accountability.judged`."""
    return _promised(charges, actions, "no effect", "promises-without-effect")


def without_owner(charges: Table, actions: Any) -> Measure:
    """Promised saving of open actions that nobody owns [currency]."""
    return _promised(charges, actions, "nobody's", "actions-without-owner")


def leavers(charges: Table, leavers: Any) -> Measure:
    """Effective cost of resources whose owner tag names somebody who left [currency]; see `accountability.gone`."""

    def value(s: Sums) -> Decimal:
        here = s["charges"] and leavers.attrs.get("currency") == s[CURRENCY]
        return add(leavers["cost"]) if here else NAN

    return Measure("cost-of-leavers", {"charges": charges.count()}, value, "currency", charges)


def _promised(charges: Table, actions: Any, judgement: str, id: str) -> Measure:
    def value(s: Sums) -> Decimal:
        if not s["charges"]:
            return NAN
        mine = actions[(actions["currency"] == s[CURRENCY]) & (actions["judgement"] == judgement)]
        return add(mine["promised"])

    return Measure(id, {"charges": charges.count()}, value, "currency", charges)


def _saving(findings: Any, currency: str, kinds: Sequence[str] = ()) -> Decimal | None:
    if findings.attrs.get("currency") != currency:
        return None
    return add(
        v for v, k in zip(findings["saving"], findings["kind"], strict=True) if not kinds or k in kinds
    )


def _hour():
    import ibis

    return ibis.interval(hours=1)


def _utc(moment: Any) -> datetime:
    from datetime import UTC

    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _day(value: Any) -> bool:
    return value is not None and value == value
