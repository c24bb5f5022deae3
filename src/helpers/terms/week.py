"""A weekly plan in local time, at a grain of 15 minutes: when something is on, and when it is switched.

Local time has days of 23 and 25 hours. A start that falls into the hour that a spring day lacks happens when that hour is
over; a start in the hour that an autumn day has twice happens the first time, a stop the second time: nobody finds their
machine off because a clock was turned.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from helpers.terms.errors import UsageError

QUARTER = timedelta(minutes=15)
QUARTERS = 96  # of a day
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MODES = ("both", "start only", "stop only")
Stretch = tuple[int, int]  # first quarter of the day, and the one after the last


@dataclass(frozen=True)
class Week:
    """When something is on, by day of the week.

    Attributes
    ----------
    zone : str
        IANA name.
    on : tuple
        For Monday to Sunday the stretches that are on, in quarters of an hour from local midnight, in order.
    skip : frozenset of date
        Local days that are off as a whole, such as holidays.
    mode : str
        ``both``, or one-way: ``start only`` or ``stop only``.

    Examples
    --------
    >>> w = Week.parse("mon-fri 07:45-19:00", "Europe/Berlin")
    >>> w.words, round(float(w.hours_on), 2)
    ('Mon–Fri 07:45–19:00', 56.25)
    """

    zone: str
    on: tuple[tuple[Stretch, ...], ...]
    skip: frozenset[date] = field(default_factory=frozenset)
    mode: str = "both"

    def __post_init__(self) -> None:
        _zone(self.zone)
        if self.mode not in MODES:
            raise UsageError(f"mode {self.mode!r}", f"one of {', '.join(MODES)}", "take one of these")
        for day in self.on:
            ends = [q for stretch in day for q in stretch]
            if ends != sorted(set(ends)) or (ends and not 0 <= ends[0] < ends[-1] <= QUARTERS):
                raise UsageError(
                    f"stretches {day}", "quarters from 0 to 96 in order, apart", "join what touches"
                )

    @classmethod
    def parse(cls, text: str, zone: str, *, skip: Iterable[date] = (), mode: str = "both") -> Week:
        """From ``mon-fri 07:45-19:00; sat 10:00-14:00``; ``always`` and ``never`` are whole weeks.

        Raises
        ------
        UsageError
            A day, a time or a zone that is none, times off the grain, an end before its start.
        """
        given = text.strip().casefold()
        if given in ("always", "never"):
            return cls(
                zone, (((0, QUARTERS),),) * 7 if given == "always" else ((),) * 7, frozenset(skip), mode
            )
        days: list[list[Stretch]] = [[] for _ in DAYS]
        for part in (p.strip() for p in given.replace("–", "-").split(";")):
            found = re.fullmatch(r"([a-z]{3}(?:[-,][a-z]{3})*) (\d{1,2}:\d{2})-(\d{1,2}:\d{2})", part)
            if not found:
                raise UsageError(
                    f"week {text!r}", "days and times", "write it like mon-fri 07:45-19:00; sat 10:00-14:00"
                )
            start, stop = _quarter(found[2]), _quarter(found[3])
            if stop <= start:
                raise UsageError(
                    f"{part!r}", "an end after its start", "cut what passes midnight into two days"
                )
            for day in _days(found[1]):
                days[day].append((start, stop))
        return cls(zone, tuple(_joined(d) for d in days), frozenset(skip), mode)

    @property
    def hours_on(self) -> float:
        """Hours a usual week that it is on [h]."""
        return sum(b - a for day in self.on for a, b in day) / 4

    @property
    def text(self) -> str:
        """What `parse` reads: equal days together."""
        if all(d == ((0, QUARTERS),) for d in self.on):
            return "always"
        parts = []
        for days, stretches in self._groups():
            parts += [f"{_named(days)} {_clock(a)}-{_clock(b)}" for a, b in stretches]
        return "; ".join(parts) or "never"

    @property
    def words(self) -> str:
        """The same for people."""
        return re.sub(
            r"(?<=[A-Za-z0-9])-(?=[A-Za-z0-9])",
            "–",
            re.sub(r"\b[a-z]{3}\b", lambda m: m[0].capitalize(), self.text),
        )

    def _groups(self) -> list[tuple[list[int], tuple[Stretch, ...]]]:
        groups: dict[tuple[Stretch, ...], list[int]] = {}
        for day, stretches in enumerate(self.on):
            if stretches:
                groups.setdefault(stretches, []).append(day)
        return [(days, stretches) for stretches, days in groups.items()]

    @cached_property
    def _grid(self) -> tuple[tuple[bool, ...], ...]:
        return tuple(tuple(any(a <= q < b for a, b in day) for q in range(QUARTERS)) for day in self.on)

    def is_on(self, moment: datetime) -> bool:
        """Whether the plan has it on at a moment [with a time zone]."""
        local = moment.astimezone(_zone(self.zone))
        if local.date() in self.skip:
            return False
        return self._grid[local.weekday()][local.hour * 4 + local.minute // 15]

    def transitions(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, str]]:
        """When something happens: (UTC, ``start`` or ``stop``) in order, from `start` on and before `end`.

        A stretch that runs to midnight and goes on the next day is no event; one-way plans have one kind of event only.
        """
        zone = _zone(self.zone)
        day = start.astimezone(zone).date() - timedelta(days=1)
        last = end.astimezone(zone).date() + timedelta(days=1)
        found: list[tuple[datetime, str]] = []
        while day <= last:
            for a, b in self._of(day):
                if not (a == 0 and self._to_midnight(day - timedelta(days=1))):
                    found.append((_instant(day, a, zone, first=True), "start"))
                if not (b == QUARTERS and self._from_midnight(day + timedelta(days=1))):
                    found.append((_instant(day, b, zone, first=False), "stop"))
            day += timedelta(days=1)
        wanted = {"both": ("start", "stop"), "start only": ("start",), "stop only": ("stop",)}[self.mode]
        for moment, kind in found:
            if start <= moment < end and kind in wanted:
                yield moment, kind

    def _of(self, day: date) -> tuple[Stretch, ...]:
        return () if day in self.skip else self.on[day.weekday()]

    def _to_midnight(self, day: date) -> bool:
        return any(b == QUARTERS for _, b in self._of(day))

    def _from_midnight(self, day: date) -> bool:
        return any(a == 0 for a, _ in self._of(day))


@dataclass(frozen=True)
class Override:
    """ "Keep on until Friday": from a moment to its end the plan is not followed; at the end it is again."""

    start: datetime
    until: datetime
    on: bool = True


def run(
    week: Week,
    start: datetime,
    end: datetime,
    *,
    overrides: Sequence[Override] = (),
    by_hand: Sequence[tuple[datetime, str]] = (),
    on: bool = True,
) -> list[tuple[datetime, bool]]:
    """What really runs: changes of state from `start` to `end`, the first entry being the state at `start`.

    The plan acts at its transitions only, so what a person starts or stops by hand stays so until the next one. While an
    override holds, transitions of the plan do nothing; where it ends, the plan's state is taken up again.

    Parameters
    ----------
    week : Week
    start, end : datetime
    overrides : sequence of Override
    by_hand : sequence of (datetime, ``start`` or ``stop``)
    on : bool
        Whether it runs at `start`.
    """
    events: list[tuple[datetime, int, bool]] = []
    for moment, kind in week.transitions(start, end):
        if not any(o.start <= moment < o.until for o in overrides):
            events.append((moment, 0, kind == "start"))
    for o in overrides:
        events.append((max(o.start, start), 1, o.on))
        if o.until < end:
            back = week.is_on(o.until)
            if week.mode == "both" or back == (week.mode == "start only"):
                events.append((o.until, 2, back))
    events += [(moment, 3, kind == "start") for moment, kind in by_hand]
    states = [(start, on)]
    for moment, _, state in sorted(e for e in events if start <= e[0] < end):
        if state != states[-1][1]:
            states = (
                [*states[:-1], (moment, state)] if states[-1][0] == moment else [*states, (moment, state)]
            )
    return states


def _instant(day: date, quarter: int, zone: ZoneInfo, *, first: bool) -> datetime:
    """Local clock time as UTC; see the module's first lines for the hours that are lacking or double."""
    wall = datetime.combine(day, time()) + quarter * QUARTER
    local = wall.replace(tzinfo=zone, fold=0 if first else 1)
    there = local.astimezone(UTC)
    if there.astimezone(zone).replace(tzinfo=None) != wall:  # no such time: the clock jumps over it
        return _jump(wall, zone)
    return there


def _jump(wall: datetime, zone: ZoneInfo) -> datetime:
    """The instant at which the clock jumps over a wall time."""
    low = wall.replace(tzinfo=UTC) - timedelta(hours=18)  # no zone is further from UTC
    high = low + timedelta(hours=36)
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).replace(tzinfo=None) < wall:
            low = middle
        else:
            high = middle
    return high.replace(second=0, microsecond=0)  # clocks jump on whole minutes


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, IsADirectoryError):
        raise UsageError(f"time zone {name!r}", "an IANA name", "write it like Europe/Berlin") from None


def _quarter(text: str) -> int:
    hour, minute = (int(p) for p in text.split(":"))
    if minute % 15 or not 0 <= hour * 60 + minute <= 24 * 60:
        raise UsageError(f"time {text!r}", "a quarter of an hour from 00:00 to 24:00", "write it like 07:45")
    return hour * 4 + minute // 15


def _clock(quarter: int) -> str:
    return f"{quarter // 4:02d}:{quarter % 4 * 15:02d}"


def _days(text: str) -> list[int]:
    found: list[int] = []
    for part in text.split(","):
        names = part.split("-")
        if any(n not in DAYS for n in names) or len(names) > 2:
            raise UsageError(f"days {text!r}", f"of {', '.join(DAYS)}", "write them like mon-fri or mon,wed")
        first, last = DAYS.index(names[0]), DAYS.index(names[-1])
        found += range(first, last + 1) if first <= last else [*range(first, 7), *range(last + 1)]
    return sorted(set(found))


def _named(days: list[int]) -> str:
    """``mon-fri`` for days in a row, else ``mon,wed``."""
    runs: list[list[int]] = []
    for day in days:
        if runs and day == runs[-1][-1] + 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ",".join(DAYS[r[0]] if len(r) == 1 else f"{DAYS[r[0]]}-{DAYS[r[-1]]}" for r in runs)


def _joined(stretches: list[Stretch]) -> tuple[Stretch, ...]:
    found: list[Stretch] = []
    for a, b in sorted(stretches):
        if found and a <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], b))
        else:
            found.append((a, b))
    return tuple(found)


def grid_to_week(grid: Mapping[int, Sequence[bool]], zone: str, skip: Iterable[date] = ()) -> Week:
    """A plan from quarters that are on, by day of the week (Monday is 0)."""
    days = []
    for day in range(7):
        stretches, begun = [], None
        for q, on in enumerate([*grid[day], False]):
            if on and begun is None:
                begun = q
            elif not on and begun is not None:
                stretches.append((begun, q))
                begun = None
        days.append(tuple(stretches))
    return Week(zone, tuple(days), frozenset(skip))
