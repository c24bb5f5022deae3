"""All of engineering's advice for a month, from tables that a notebook hands in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from helpers.models import rightsizing, schedules, waste
from helpers.models.advice import Found, frame
from helpers.models.schedules import Plan

if TYPE_CHECKING:
    import pandas as pd


WINDOW, STALE = timedelta(days=400), timedelta(days=31)


@dataclass(frozen=True)
class Review:
    """What was found.

    Attributes
    ----------
    found : Found
    plans : dict
        resource_id -> Plan, also of machines for which better advice exists.
    statistics : DataFrame or None
        Of hourly use; None where none is known.
    utilisation : DataFrame
        used, capacity [vCPU-hours] of each machine with measured use.
    currency : str
    """

    found: Found
    plans: Mapping[str, Plan]
    statistics: pd.DataFrame | None
    utilisation: pd.DataFrame
    currency: str
    machines: int = 0
    days: int = 0
    uses: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def findings(self) -> pd.DataFrame:
        """Counted advice as KPIs take it, with its currency."""
        table = frame(self.found.advice)
        table["currency"] = self.currency
        table.attrs["currency"] = self.currency
        return table

    @property
    def best_plan(self) -> Plan | None:
        """The advised schedule that saves most."""
        return next((self.plans[a.resource_id] for a in self.found.advice if a.kind == "schedule"), None)


def review(
    lines: pd.DataFrame,
    history: pd.DataFrame,
    usage: Any,
    instances: pd.DataFrame,
    *,
    steps: Sequence[Mapping[str, str]],
    zones: Sequence[Mapping[str, str]],
    currency: str,
    until: datetime | None = None,
    calendar: pd.DataFrame | None = None,
    as_of: date | None = None,
    keep: str = "",
    zone: str = "",
) -> Review:
    """Everything about the resources of a month.

    Parameters
    ----------
    lines, history : DataFrame
        As ``helpers.measures.resources``; lines of what still runs.
    usage : ibis Table or None
        Hourly use; without it machines get no advice from use.
    instances, steps, zones
        The kit's tables of machine types, of storage tiers and of regions' time zones.
    currency : str
        Of the lines.
    until : datetime, optional
        Hours from here on are not looked at: a month is judged by what was known at its end.
    calendar : DataFrame, optional
        Companion table.
    as_of : date, optional
    keep : str
        Names or ids that must never be switched off, separated by ``;``.
    zone : str
        Time zone of all machines; empty: what a machine's tag ``timezone`` says, else that of its region.
    """
    kept = [k.strip() for k in keep.split(";") if k.strip()]
    if usage is not None and until is not None:
        usage = usage.filter(usage.start < until, usage.start >= until - WINDOW)
    statistics = None if usage is None else rightsizing.statistics(usage)
    if (
        statistics is not None and until is not None
    ):  # a machine that was measured once and no longer is not known now
        recent = [m.to_pydatetime() >= until - STALE for m in statistics["last"]]
        statistics = statistics.loc[recent]
    if statistics is not None and not len(statistics):
        usage = statistics = None
    fleet, _, _ = rightsizing.machines(lines, instances)
    places = {
        m.resource_id: dict(
            zip(
                ("zone", "country"),
                schedules.zone_of(m.line["provider"], m.line["region"], zones),
                strict=True,
            ),
            name=m.line["name"],
            tags=m.line["tags"],
        )
        | ({"zone": zone or _own_zone(m.line["tags"])} if zone or _own_zone(m.line["tags"]) else {})
        for m in fleet
    }
    plans = {} if usage is None else schedules.learn(usage, places, calendar=calendar)
    plans = schedules.never_off(plans, kept)
    found = rightsizing.recommend(
        lines, statistics, instances, usage=usage, schedules=plans, calendar=calendar, as_of=as_of
    ).joined(waste.recommend(lines, history, steps))
    uses = {} if statistics is None else statistics.to_dict("index")
    measured = [
        (m, uses[m.resource_id]) for m in fleet if m.resource_id in uses and uses[m.resource_id]["cpu_hours"]
    ]
    return Review(found, plans, statistics, _used(measured), currency, len(fleet), _days(uses), uses)


def _own_zone(tags: Mapping[str, Any] | None) -> str:
    """A time zone that the machine's own tag names; empty where it names none that exists."""
    from zoneinfo import available_timezones

    for key, value in (tags or {}).items():
        if re.sub(r"[\s_.-]+", "", key).casefold() in ("timezone", "tz") and value in available_timezones():
            return str(value)
    return ""


def _used(measured: Iterable[tuple[Any, Mapping[str, Any]]]) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for one, use in measured:
        capacity = Decimal(int(use["cpu_hours"]) * one.kind["vcpu"])
        share = Decimal(str(round(use["cpu_average"], 4))) / 100
        rows.append({"resource_id": one.resource_id, "used": capacity * share, "capacity": capacity})
    return pd.DataFrame(rows, columns=["resource_id", "used", "capacity"], dtype=object)


def _days(uses: Mapping[str, Mapping[str, Any]]) -> int:
    if not uses:
        return 0
    first, last = min(u["first"] for u in uses.values()), max(u["last"] for u in uses.values())
    return (last - first).days + 1
