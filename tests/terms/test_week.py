"""A week in local time: what it says, when it acts, and days of 23 and 25 hours."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.terms.errors import UsageError
from helpers.terms.week import QUARTERS, Override, Week, grid_to_week, run

ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Sydney",
    "America/Santiago",
    "Asia/Kolkata",
    "UTC",
    "Australia/Lord_Howe",
]
OFFICE = "mon-fri 07:45-19:00"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        OFFICE,
        "mon-fri 07:45-19:00; sat 10:00-14:00",
        "mon,wed 00:00-24:00",
        "always",
        "never",
        "sun 22:00-24:00",
    ],
)
def test_text_is_read_and_written_alike(text):
    week = Week.parse(text, "Europe/Berlin")
    assert Week.parse(week.text, "Europe/Berlin") == week


def test_days_around_the_weekend_and_stretches_that_touch():
    week = Week.parse("sat-mon 08:00-10:00; sat 10:00-12:00", "UTC")
    assert [len(d) for d in week.on] == [1, 0, 0, 0, 0, 1, 1]
    assert week.on[5] == ((32, 48),)
    assert week.hours_on == 8


@pytest.mark.parametrize(
    ("text", "zone", "said"),
    [
        ("weekdays", "UTC", "mon-fri 07:45-19:00"),
        ("mon-fri 07:50-19:00", "UTC", "quarter of an hour"),
        ("mon-fri 19:00-07:00", "UTC", "cut what passes midnight"),
        ("mon-fri 7:00-25:00", "UTC", "quarter of an hour"),
        ("xyz 07:00-08:00", "UTC", "mon-fri"),
        (OFFICE, "Berlin", "Europe/Berlin"),
    ],
)
def test_what_is_no_week_is_refused_with_a_remedy(text, zone, said):
    with pytest.raises(UsageError) as refused:
        Week.parse(text, zone)
    assert said in str(refused.value)
    with pytest.raises(UsageError, match="mode"):
        Week.parse(OFFICE, "UTC", mode="maybe")


def test_a_day_of_25_hours_and_one_of_23_are_on_as_long_as_they_last():
    always_sunday = Week.parse("sun 00:00-24:00", "Europe/Berlin")
    for day, hours in ((date(2026, 10, 25), 25), (date(2026, 3, 29), 23), (date(2026, 6, 7), 24)):
        start = datetime.combine(day, datetime.min.time(), ZoneInfo("Europe/Berlin")).astimezone(UTC)
        (a, first), (b, last) = list(
            always_sunday.transitions(start - timedelta(hours=1), start + timedelta(hours=27))
        )
        assert (first, last) == ("start", "stop")
        assert (b - a) == timedelta(hours=hours)
        assert sum(always_sunday.is_on(start + timedelta(minutes=15 * q)) for q in range(27 * 4)) == hours * 4


def test_the_hour_that_is_lacking_and_the_hour_that_is_double():
    # Berlin, 29 March 2026: 02:00 becomes 03:00; 25 October: 03:00 becomes 02:00
    spring = Week.parse("sun 02:15-06:00", "Europe/Berlin")
    assert next(iter(spring.transitions(utc("2026-03-28"), utc("2026-03-30")))) == (
        utc("2026-03-29T01:00"),
        "start",
    )
    autumn = Week.parse("sun 02:15-02:45", "Europe/Berlin")
    found = list(autumn.transitions(utc("2026-10-24"), utc("2026-10-26")))
    assert found == [
        (utc("2026-10-25T00:15"), "start"),
        (utc("2026-10-25T01:45"), "stop"),
    ]  # first time, second time


@st.composite
def weeks(draw):
    days = []
    for _ in range(7):
        cuts = sorted(draw(st.sets(st.integers(0, QUARTERS), max_size=4)))
        days.append(tuple(zip(cuts[::2], cuts[1::2], strict=False)))
    return Week(draw(st.sampled_from(ZONES)), tuple(days))


@settings(max_examples=150, deadline=None)
@given(weeks(), st.integers(0, 364))
def test_transitions_alternate_and_agree_with_the_state_whatever_the_clock_does(week, offset):
    start = utc("2026-01-01") + timedelta(days=offset)
    end = start + timedelta(days=9)
    events = list(week.transitions(start, end))
    assert [m for m, _ in events] == sorted(m for m, _ in events)
    for (_, a), (_, b) in pairwise(events):
        assert a != b
    for moment, kind in events:
        wall = moment.astimezone(ZoneInfo(week.zone))
        on = week.is_on(moment)
        doubled = (moment - timedelta(hours=2)).astimezone(wall.tzinfo).utcoffset() != (
            moment + timedelta(hours=2)
        ).astimezone(wall.tzinfo).utcoffset()
        assert on == (kind == "start") or doubled  # inside the double hour a stretch may be on twice
        assert wall.minute % 15 == 0
    if not any(week.on):
        assert events == []


@settings(max_examples=60, deadline=None)
@given(weeks())
def test_a_grid_gives_back_its_week(week):
    grid = {d: [any(a <= q < b for a, b in week.on[d]) for q in range(QUARTERS)] for d in range(7)}
    again = grid_to_week(grid, week.zone)
    assert [[any(a <= q < b for a, b in again.on[d]) for q in range(QUARTERS)] for d in range(7)] == list(
        grid.values()
    )


def states(week, start, end, **more):
    return [(m.strftime("%a %H:%M"), on) for m, on in run(week, utc(start), utc(end), **more)]


def test_a_manual_start_stays_until_the_next_event():
    week = Week.parse("mon-fri 08:00-18:00", "UTC")
    saturday = states(
        week, "2026-10-02T20:00", "2026-10-06", on=False, by_hand=[(utc("2026-10-03T09:00"), "start")]
    )
    assert saturday == [
        ("Fri 20:00", False),
        ("Sat 09:00", True),
        ("Mon 18:00", False),
    ]  # Monday's start finds it on


def test_an_override_holds_to_its_end_and_not_longer():
    week = Week.parse("mon-fri 08:00-18:00", "UTC")
    until_friday = Override(utc("2026-10-06T12:00"), utc("2026-10-09T20:00"))
    found = states(week, "2026-10-06T10:00", "2026-10-12T09:00", overrides=[until_friday])
    assert found == [("Tue 10:00", True), ("Fri 20:00", False), ("Mon 08:00", True)]
    off = Override(utc("2026-10-06T12:00"), utc("2026-10-07T12:00"), on=False)
    assert states(week, "2026-10-06T10:00", "2026-10-07T20:00", overrides=[off]) == [
        ("Tue 10:00", True), ("Tue 12:00", False), ("Wed 12:00", True), ("Wed 18:00", False),
    ]  # fmt: skip


def test_one_way_plans_do_one_thing_only():
    for mode, kinds in (("start only", {"start"}), ("stop only", {"stop"})):
        week = Week.parse(OFFICE, "UTC", mode=mode)
        assert {k for _, k in week.transitions(utc("2026-10-05"), utc("2026-10-12"))} == kinds


def test_a_holiday_is_off_as_a_whole():
    week = Week.parse("mon-fri 08:00-18:00", "UTC", skip=[date(2026, 10, 7)])
    days = {m.day for m, _ in week.transitions(utc("2026-10-05"), utc("2026-10-10"))}
    assert days == {5, 6, 8, 9}
    assert not week.is_on(utc("2026-10-07T12:00"))
