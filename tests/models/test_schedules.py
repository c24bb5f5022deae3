"""Weeks learned from hours, replayed against them: habits, holidays, irregular use, zones, and what stays on."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.models.making import hours, usage

from helpers.models import schedules
from helpers.terms.week import Override, Week

OCTOBER = datetime(2026, 10, 5, tzinfo=UTC)


def place(zone="UTC", **more):
    return {"name": "dev", "zone": zone, "country": "", "tags": {}} | more


def office(zone, first=8, last=18):
    info = ZoneInfo(zone)

    def level(moment):
        local = moment.astimezone(info)
        return 25.0 if first <= local.hour < last and local.weekday() < 5 else 0.5

    return level


def learn(level, *, days=35, start=OCTOBER, calendar=None, **more):
    rows = hours("dev", level, days=days, start=start, network=None)
    return schedules.learn(usage(rows), {"dev": place(**more)}, calendar=calendar).get("dev")


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Sydney", "UTC"])
def test_office_hours_are_learned_in_local_time_over_a_change_of_clocks(zone):
    """35 days from 5 October hold the changes of Europe, New York (1 November) and Sydney (4 October is just before)."""
    plan = learn(office(zone), zone=zone)
    assert plan.week.text == "mon-fri 07:45-18:00"
    assert plan.wrong_hours == 0
    assert plan.confidence == "high"
    assert (
        plan.off_hours == 35 * 24 + 0 - 25 * 11
    )  # each working day keeps 11 hours, the first of them for a quarter only
    assert D("0.69") < plan.share < D("0.7")


def test_a_spring_with_a_day_of_23_hours_in_the_south():
    plan = learn(office("Australia/Sydney"), zone="Australia/Sydney", start=datetime(2026, 9, 20, tzinfo=UTC))
    assert (plan.week.text, plan.wrong_hours) == ("mon-fri 07:45-18:00", 0)


def test_night_work_is_no_office_and_its_days_may_sleep():
    plan = learn(lambda t: 0.5 if 8 <= t.hour < 18 else 60.0)
    assert plan.week.text == "mon-sun 00:00-08:00; mon-sun 17:45-24:00"


def test_what_is_busy_now_and_then_has_no_week():
    drill = date(2026, 10, 17)
    assert learn(lambda t: 60.0 if t.date() == drill and 8 <= t.hour < 18 else 0.5) is None
    assert (
        learn(
            lambda t: 70.0 if t.day <= 3 or t.day >= 29 else 0.5,
            days=90,
            start=datetime(2026, 7, 6, tzinfo=UTC),
        )
        is None
    )
    assert learn(lambda t: 30.0) is None
    assert learn(lambda t: 0.5) is None
    assert learn(office("UTC"), days=10) is None


def test_background_above_the_limit_or_traffic_at_night_keeps_it_on():
    assert learn(lambda t: max(2.5, office("UTC")(t))) is None
    rows = hours("dev", office("UTC"), days=35, start=OCTOBER, network=5e6)
    assert schedules.learn(usage(rows), {"dev": place()}) == {}


def test_holidays_are_off_only_if_they_were_quiet():
    off = date(2026, 10, 26)
    calendar = pd.DataFrame(
        [{"start": off, "end": off, "kind": "holiday", "name": "Day", "scope": "*", "country": None}]
    )
    work = office("UTC")
    kept = learn(lambda t: 0.5 if t.date() == off else work(t), calendar=calendar)
    assert off in kept.week.skip
    assert kept.week.text == "mon-fri 07:45-18:00"
    assert not learn(work, calendar=calendar).week.skip
    public = learn(lambda t: 0.5 if t.date() == date(2026, 10, 12) else work(t), country="US")  # Columbus Day
    assert {date(2026, 10, 12), date(2026, 12, 25)} <= public.week.skip


def test_what_must_stay_is_never_scheduled():
    rows = hours("dev", office("UTC"), days=35, start=OCTOBER, network=None)
    assert schedules.learn(usage(rows), {"dev": place(tags={"always-on": "yes"})}) == {}
    plans = schedules.learn(usage(rows), {"dev": place()})
    assert schedules.never_off(plans, ["dev"]) == {}
    assert set(schedules.never_off(plans, ["other"])) == {"dev"}


def test_an_hour_without_a_value_counts_as_used():
    night = datetime(2026, 10, 7, 2, tzinfo=UTC)
    rows = [
        (*r[:4], None, None, 12) if r[3] == night and r[1] == "cpu" else r
        for r in hours("dev", office("UTC"), days=35, start=OCTOBER)
    ]
    rows = [r for r in rows if r[1] != "network_in" or r[3] == night]
    plan = schedules.learn(usage(rows), {"dev": place()})["dev"]
    assert plan.week.is_on(night)


def test_replay_counts_hours_off_wrong_and_starts():
    week = Week.parse("mon-fri 08:00-18:00", "UTC")
    start = datetime(2026, 10, 5, tzinfo=UTC)
    measured = [(start + timedelta(hours=n), n == 2) for n in range(7 * 24)]
    share, off, wrong, starts = schedules.replay(week, measured, on=False)
    assert (off, wrong, starts) == (118, 1, 5 / 7)
    assert share == (D(118) / D(168)).quantize(D("0.000001"))
    kept = schedules.replay(week, measured, on=False, overrides=[Override(start, start + timedelta(hours=8))])
    assert kept[2] == 0
    assert schedules.replay(week, []) == (D(0), 0, 0, 0.0)


def test_zones_of_regions_and_of_none():
    zones = [{"provider": "AWS", "region": "eu-west-1", "zone": "Europe/Dublin", "country": "IE"}]
    assert schedules.zone_of("AWS", "eu-west-1", zones) == ("Europe/Dublin", "IE")
    assert schedules.zone_of("AWS", "mars-1", zones) == ("UTC", "")


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Sydney", "America/Santiago"]),
    st.integers(0, 20), st.integers(3, 12), st.integers(0, 300),
)  # fmt: skip
def test_a_learned_week_loses_no_hour_that_it_learned_from(zone, first, length, offset):
    start = datetime(2026, 1, 5, tzinfo=UTC) + timedelta(days=offset)
    plan = learn(office(zone, first, min(first + length, 24)), zone=zone, start=start, days=28)
    assert plan is not None
    assert plan.wrong_hours == 0
