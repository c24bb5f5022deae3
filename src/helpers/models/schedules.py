"""When machines are needed: a weekly profile learned from hourly use in local time, and its replay against that use.

An hour is quiet where nothing but the machine itself runs; a slot of the week is off only where it was quiet in every week.
How, and against which published limits: docs/rightsizing.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from helpers.models.advice import reserved
from helpers.terms.week import QUARTER, QUARTERS, Week, grid_to_week, run

if TYPE_CHECKING:
    import pandas as pd

AT_ONCE = 4_000  # resources whose profile is held together
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Habits:
    """Limits of what is learned.

    Attributes
    ----------
    quiet_average, quiet_peak : float
        Processor of a quiet hour: average and maximum at most [%]; Azure Advisor's limits for shutting down.
    quiet_network : float
        Traffic of a quiet hour, as a share of the busiest hour's [1].
    least_weeks : int
        Whole weeks measured.
    missed : float
        Share of weeks in which an off slot may have been used [1]; 0: never.
    least_off : float
        Share of the week that must be off for the effort to be worth it [1].
    least_stretch : int
        Shortest time off [quarters of an hour]; shorter ones stay on.
    lead, lag : int
        Start before the first needed hour, stop after the last [quarters of an hour].
    regular : float
        Share of the on slots' hours that were really used [1]; below it use is no habit of weeks.
    """

    quiet_average: float = 2.0
    quiet_peak: float = 3.0
    quiet_network: float = 0.1
    least_weeks: int = 2
    missed: float = 0.0
    least_off: float = 0.2
    least_stretch: int = 12
    lead: int = 1
    lag: int = 0
    regular: float = 0.6


@dataclass(frozen=True)
class Plan:
    """A week for one resource, and what it would have done to the hours that were measured.

    Attributes
    ----------
    resource_id, name : str
    week : Week
    share : Decimal
        Share of the measured hours that is off [1]: what is saved of cost by the hour.
    hours, off_hours, wrong_hours : int
        Measured; off in them; off although used [h].
    starts : float
        Starts a day [1/day].
    wrong : float
        Share of measured hours in which it was off and used [1].
    confidence : str
    why : str
    profile : tuple
        For Monday to Sunday and each local hour the share of weeks in which it was used [1]; None: never measured.
    """

    resource_id: str
    name: str
    week: Week
    share: Decimal
    hours: int
    off_hours: int
    wrong_hours: int
    starts: float
    wrong: float
    confidence: str
    why: str
    profile: tuple[tuple[float | None, ...], ...]

    @property
    def words(self) -> str:
        """``Mon–Fri 07:45–19:00 America/New_York``."""
        return f"{self.week.words} {self.week.zone}"


def zone_of(provider: str, region: str, zones: Iterable[Mapping[str, str]]) -> tuple[str, str]:
    """Time zone and country of a region; UTC and none where nobody knows it here."""
    for row in zones:
        if row["region"] == region and row["provider"].casefold() in (provider or "").casefold():
            return row["zone"], row["country"]
    return "UTC", ""


def learn(
    usage: Any,
    places: Mapping[str, Mapping[str, Any]],
    *,
    calendar: pd.DataFrame | None = None,
    habits: Habits | None = None,
) -> dict[str, Plan]:
    """A plan for each machine that is quiet by habit.

    Parameters
    ----------
    usage : ibis Table
        As ``helpers.data.usage.open_usage``.
    places : mapping
        resource_id -> name, zone (IANA), country (for holidays; may be empty), tags. Others are not looked at, nor those
        whose tags say that they must stay (`advice.reserved`).
    calendar : DataFrame, optional
        Companion table: its holidays are known besides the public ones.
    habits : Habits, optional

    Returns
    -------
    dict
        resource_id -> Plan; machines that are always or never quiet, irregular or measured too shortly are not there.
    """
    habits = habits or Habits()
    open_ = {r: p for r, p in places.items() if not reserved(p.get("tags"))}
    found: dict[str, Plan] = {}
    names = _often_quiet(usage, sorted(open_), habits)
    for at in range(0, len(names), AT_ONCE):
        some = names[at : at + AT_ONCE]
        hours = _hours(usage, some, habits)
        for resource, rows in hours.items():
            plan = _plan(resource, open_[resource], rows, calendar, habits)
            if plan is not None:
                found[resource] = plan
    return found


def replay(
    week: Week, hours: Sequence[tuple[datetime, bool]], **run_as: Any
) -> tuple[Decimal, int, int, float]:
    """A plan held against hours that were measured.

    Parameters
    ----------
    week : Week
    hours : sequence of (start of hour [UTC], used)
        In order; hours that are not there are not counted.
    **run_as
        As `helpers.terms.week.run`: overrides, by_hand, on.

    Returns
    -------
    share, off, wrong, starts
        Share of the measured time that is off [1], hours wholly off, hours that were used and wholly or partly off,
        starts a day of the measured span.
    """
    if not hours:
        return Decimal(0), 0, 0, 0.0
    start, end = hours[0][0], hours[-1][0] + HOUR
    states = run(week, start, end, **run_as)
    off: dict[datetime, int] = {}  # seconds off in each hour
    for (a, on), b in zip(states, [*(m for m, _ in states[1:]), end], strict=True):
        if on:
            continue
        moment = a
        while moment < b:
            hour = moment.replace(minute=0, second=0, microsecond=0)
            step = min(b, hour + HOUR)
            off[hour] = off.get(hour, 0) + int((step - moment).total_seconds())
            moment = step
    seconds = wholly = wrong = 0
    for hour, used in hours:
        gone = off.get(hour, 0)
        seconds += gone
        wholly += gone == 3600
        wrong += used and gone > 0
    starts = sum(1 for (_, a), (_, b) in pairwise(states) if b and not a)
    days = (end - start) / timedelta(days=1)
    share = Decimal(seconds) / Decimal(3600 * len(hours))
    return share.quantize(Decimal("0.000001")), wholly, wrong, starts / days


def _often_quiet(usage: Any, resources: list[str], habits: Habits) -> list[str]:
    """Those of the resources whose quiet hours are many, but not all: found in the engine."""
    cpu = usage.filter(usage.metric == "cpu")
    quiet = (cpu.average <= habits.quiet_average) & (cpu.maximum <= habits.quiet_peak)
    sums = cpu.aggregate(by="resource_id", quiet=quiet.sum(), hours=cpu.count()).to_pyarrow().to_pylist()
    wanted = set(resources)
    return sorted(
        r["resource_id"]
        for r in sums
        if r["resource_id"] in wanted
        and r["hours"] >= habits.least_weeks * 7 * 24 * 0.9
        and habits.least_off * r["hours"] <= (r["quiet"] or 0) < r["hours"]
    )


def _hours(usage: Any, resources: list[str], habits: Habits) -> dict[str, list[tuple[datetime, bool]]]:
    """Each hour measured of the resources, and whether it was used; an hour without a value counts as used."""
    held = usage.filter(
        usage.resource_id.isin(resources), usage.metric.isin(["cpu", "network_in", "network_out"])
    )
    hourly = held.aggregate(
        by=["resource_id", "start"],
        average=held.average.max(where=held.metric == "cpu"),
        maximum=held.maximum.max(where=held.metric == "cpu"),
        traffic=held.average.max(where=held.metric != "cpu"),
    ).order_by(["resource_id", "start"])
    rows = hourly.to_pyarrow()
    columns = [rows.column(c).to_pylist() for c in ("resource_id", "start", "average", "maximum", "traffic")]
    found: dict[str, list[tuple[datetime, bool]]] = {}
    busiest: dict[str, float] = {}
    for resource, traffic in zip(columns[0], columns[4], strict=True):
        busiest[resource] = max(busiest.get(resource, 0.0), traffic or 0.0)
    for resource, start, average, maximum, traffic in zip(*columns, strict=True):
        still = (traffic or 0.0) <= habits.quiet_network * busiest[resource]
        quiet = False  # an hour without a value counts as used
        if average is not None and maximum is not None:
            quiet = still and 0 <= average <= habits.quiet_average and maximum <= habits.quiet_peak
        if average is not None or traffic is not None:
            found.setdefault(resource, []).append((_utc(start), not quiet))
    return {r: h for r, h in found.items() if h}


def _plan(
    resource: str,
    place: Mapping[str, Any],
    hours: list[tuple[datetime, bool]],
    calendar: pd.DataFrame | None,
    habits: Habits,
) -> Plan | None:
    zone = _info(place["zone"])
    local = [(h.astimezone(zone), used) for h, used in hours]
    free = _free_days(local, place.get("country", ""), calendar)
    slots: dict[tuple[int, int], list[int]] = {}
    for moment, used in local:
        if moment.date() in free:
            continue
        held = slots.setdefault((moment.weekday(), moment.hour), [0, 0])
        held[0] += used
        held[1] += 1
    needed = {
        day: [_needed(slots.get((day, hour)), habits) for hour in range(24) for _ in range(4)]
        for day in range(7)
    }
    week = grid_to_week(
        _smoothed(needed, habits), place["zone"], skip=free and _coming(free, hours, place, calendar)
    )
    if week.hours_on / 168 > 1 - habits.least_off:
        return None
    on = [s for (d, h), s in slots.items() if needed[d][h * 4]]
    seen = sum(s[1] for s in on)
    if not on or sum(s[0] for s in on) < habits.regular * seen:  # used now and then: no habit of weeks
        return None
    share, off, wrong, starts = replay(week, hours, on=week.is_on(hours[0][0]))
    weeks = len(hours) / 168
    profile = tuple(
        tuple(None if (s := slots.get((d, h))) is None else s[0] / s[1] for h in range(24)) for d in range(7)
    )
    return Plan(
        resource, str(place.get("name") or resource), week, share, len(hours), off, wrong, starts,
        wrong / len(hours), "high" if weeks >= 4 and not wrong else "medium",
        f"Quiet in the same hours of each of {weeks:.0f} weeks; replayed, {off:,} of {len(hours):,} hours are off, "
        f"{wrong:,} of them used, {starts:.1f} starts a day.",
        profile,
    )  # fmt: skip


def _needed(slot: list[int] | None, habits: Habits) -> bool:
    """A slot that was never measured stays on."""
    return slot is None or slot[0] > habits.missed * slot[1]


def _smoothed(needed: Mapping[int, list[bool]], habits: Habits) -> dict[int, list[bool]]:
    """Around the week: a lead and a lag at the ends of what is needed, and no time off that is too short."""
    flat = [q for day in range(7) for q in needed[day]]
    size = len(flat)
    grown = [
        any(flat[(i + k) % size] for k in range(habits.lead + 1))
        or any(flat[(i - k) % size] for k in range(habits.lag + 1))
        for i in range(size)
    ]
    if not any(grown):
        return {day: [False] * QUARTERS for day in range(7)}
    begin = grown.index(True)
    turned = grown[begin:] + grown[:begin]
    at = 0
    while at < size:
        if turned[at]:
            at += 1
            continue
        end = at
        while end < size and not turned[end]:
            end += 1
        if end - at < habits.least_stretch:
            turned[at:end] = [True] * (end - at)
        at = end
    flat = turned[size - begin :] + turned[: size - begin] if begin else turned
    return {day: flat[day * QUARTERS : (day + 1) * QUARTERS] for day in range(7)}


def _free_days(
    local: Sequence[tuple[datetime, bool]], country: str, calendar: pd.DataFrame | None
) -> frozenset[date]:
    """Holidays on working days, if the machine was quiet on every one of them; else none, since its people work on them."""
    days: dict[date, bool] = {}
    for moment, used in local:
        days[moment.date()] = days.get(moment.date(), False) or used
    known = _holidays(min(days), max(days), country, calendar)
    measured = {d for d in known if d in days and d.weekday() < 5}
    return frozenset(measured) if measured and not any(days[d] for d in measured) else frozenset()


def _coming(free: frozenset[date], hours, place, calendar) -> frozenset[date]:
    """Holidays that were kept, and those of the year to come."""
    last = hours[-1][0].date()
    return free | frozenset(_holidays(last, last + timedelta(days=366), place.get("country", ""), calendar))


def _holidays(first: date, last: date, country: str, calendar: pd.DataFrame | None) -> set[date]:
    import holidays

    found: set[date] = set()
    if country:
        try:
            found = {
                d
                for d in holidays.country_holidays(country, years=range(first.year, last.year + 1))
                if first <= d <= last
            }
        except NotImplementedError:  # the library does not know the country: the calendar may
            found = set()
    if calendar is not None:
        for row in calendar.to_dict("records"):
            here = not row.get("country") or row["country"] == country
            if row["kind"] == "holiday" and here:
                day = row["start"]
                while day <= row["end"]:
                    if first <= day <= last:
                        found.add(day)
                    day += timedelta(days=1)
    return found


def _utc(moment: Any) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _info(name: str):
    from zoneinfo import ZoneInfo

    return ZoneInfo(name)


def never_off(plans: Mapping[str, Plan], keep: Iterable[str]) -> dict[str, Plan]:
    """Plans without the resources that somebody wants to keep on, by id or name."""
    kept = set(keep)
    return {r: p for r, p in plans.items() if r not in kept and p.name not in kept}


__all__ = ["HOUR", "QUARTER", "Habits", "Plan", "learn", "never_off", "replay", "zone_of"]
