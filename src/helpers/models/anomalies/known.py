"""What is known beforehand and what people said: events that explain a cost, and feedback on earlier alerts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from helpers.terms.period import Month

SHORT = ("holiday", "promotion", "outage", "season")  # they pass: their own days, and one beside them
SHARE = {
    "holiday": 0.6,
    "promotion": 0.75,
    "season": 0.75,
}  # what more cost such days may bring; else `LASTING`
LASTING = 1.5  # what more cost a launch or a planned change may bring where something ran before
BESIDE, AROUND = (
    1,
    7,
)  # days around an event in which an incident may begin: what passes, what is built up to and stays
STEP, MOST, LEAST = 1.5, 4.0, 0.6  # feedback: one false alarm more raises a scope's limit by half
VERDICTS = ("true", "expected", "ignore")


@dataclass(frozen=True)
class Event:
    """Something known that explains more cost.

    Attributes
    ----------
    start, end : date
        Days, both included.
    scope : frozenset of str
        Departments, services or vendors concerned, in lower case; empty for all.
    known_on : date or None
        Before this day nothing may be excused by it.
    """

    start: date
    end: date
    kind: str
    name: str
    scope: frozenset[str] = frozenset()
    known_on: date | None = None

    def explains(self, start: date, seen: date, names: Iterable[str], more: float | None) -> bool:
        """Whether an incident of such names that began and was seen on these days is this event.

        Parameters
        ----------
        more : float or None
            Excess as a share of what was expected [1]; None where nothing ran before.
        """
        if self.known_on is not None and seen < self.known_on:
            return False
        if self.scope and not self.scope & {n.casefold() for n in names if n}:
            return False
        around = timedelta(days=BESIDE if self.kind in SHORT else AROUND)
        if not self.start - around <= start <= self.end + around:
            return False
        most = SHARE.get(self.kind, LASTING)
        return self.kind not in SHARE if more is None else more <= most


def events(calendar: Any, scenarios: Any = None, contracts: Any = None) -> list[Event]:
    """Events of the companion tables: calendar, scenarios that cost more, first days of contracts."""
    found = [
        Event(
            r["start"], r["end"], str(r["kind"]), str(r["name"]), _scope(r.get("scope")), _day(r["known_on"])
        )
        for r in _rows(calendar)
    ]
    for r in _rows(scenarios):
        if Decimal(r["factor"]) > 1 or _amount(r.get("amount")) > 0:
            end = _day(r.get("to")) or r["from"]
            found.append(
                Event(
                    r["from"],
                    end,
                    str(r.get("kind") or "planned-change"),
                    str(r["name"]),
                    _scope(r.get("scope")),
                    _day(r["known_on"]),
                )
            )
    for r in _rows(contracts):
        scope = frozenset({str(r["vendor"]).casefold(), str(r["vendor"]).casefold().split(" ")[0]})
        name = f"contract {r['contract_id']} with {r['vendor']} begins"
        found.append(Event(r["start"], r["start"], "contract", name, scope, _day(r.get("signed_on"))))
    return found


def said_by_tags(tags: Any, start: date) -> str:
    """What a tag says of a planned burst of this month; empty where none does.

    Examples
    --------
    >>> said_by_tags({"purpose": "training; planned burst in July 2026"}, date(2026, 7, 6))
    'tagged purpose: training; planned burst in July 2026'
    """
    month = Month.of(start)
    for key, value in (dict(tags) if tags is not None and tags == tags else {}).items():
        text = str(value).casefold()
        if "planned" in text and (re.search(rf"\b{month.title.casefold()}\b", text) or str(month) in text):
            return f"tagged {key}: {value}"
    return ""


@dataclass(frozen=True)
class Verdict:
    """One line of feedback (companion table ``anomaly_feedback``)."""

    on: str
    value: str
    verdict: str
    said_on: date
    since: date | None = None
    until: date | None = None
    least: Decimal | None = None
    by: str = ""
    note: str = ""

    def meets(self, names: dict[str, str]) -> bool:
        """Whether it speaks of a place; ``*`` stands for any letters."""
        given = names.get(self.on, "")
        pattern = ".*".join(re.escape(part) for part in self.value.split("*"))
        return bool(given) and re.fullmatch(pattern, given, re.IGNORECASE) is not None

    def mutes(self, names: dict[str, str], start: date, seen: date) -> bool:
        """Whether an incident is muted by it: said not to be one, for its days; a single incident from the day it was said on."""
        if self.verdict == "true" or not self.meets(names):
            return False
        if self.on == "incident":
            return True
        begin = self.since or self.said_on
        return begin <= start and (self.until is None or start <= self.until)


def verdicts(feedback: Any, as_of: date) -> list[Verdict]:
    """Feedback said up to a day, the oldest first."""
    found = [
        Verdict(
            str(r["match_on"]),
            str(r["match_value"]),
            str(r["verdict"]),
            r["said_on"],
            _day(r.get("from")),
            _day(r.get("until")),
            r["least"] if isinstance(r.get("least"), Decimal) else None,
            str(r.get("by") or ""),
            str(r.get("note") or ""),
        )
        for r in _rows(feedback)
        if r["said_on"] <= as_of
    ]
    return sorted(found, key=lambda v: v.said_on)


def factor(said: Sequence[Verdict], names: dict[str, str]) -> float:
    """How much further than usual a place must stand out [1]: half more for each false alarm there, less for each true one."""
    mine = [v for v in said if v.on != "incident" and v.meets(names)]
    false = sum(v.verdict != "true" for v in mine)
    true = sum(v.verdict == "true" for v in mine)
    return min(max(STEP**false * 0.9**true, LEAST), MOST)


def least(said: Sequence[Verdict], names: dict[str, str]) -> Decimal | None:
    """Money a day below which a place does not alarm, as last said [currency]."""
    given = [v.least for v in said if v.least is not None and v.meets(names)]
    return given[-1] if given else None


def _rows(frame: Any) -> list[dict[str, Any]]:
    return [] if frame is None else frame.to_dict("records")


def _scope(text: Any) -> frozenset[str]:
    if not isinstance(text, str) or text.strip() in ("", "*"):
        return frozenset()
    return frozenset(p.strip().casefold() for p in text.split(";") if p.strip() and p.strip() != "*")


def _day(value: Any) -> date | None:
    return value if isinstance(value, date) and value == value else None


def _amount(value: Any) -> Decimal:
    return value if isinstance(value, Decimal) and not value.is_nan() else Decimal(0)
