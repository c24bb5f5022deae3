"""Incidents in charges: once, at the right level, with money, cause, known events and feedback; by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal as D

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.models.anomalies import incidents, known
from helpers.models.anomalies.known import Event, Verdict
from helpers.terms.period import Month

FIRST = date(2026, 6, 1)
DAYS = 120  # to 28 September
WORDS = {
    "provider": "AWS", "service": "Machines", "region": "eu", "sku": "S", "unit": "Hours", "commitment_id": "", "status": "",
    "meter": "Hours of S", "description": "", "department": "Shop", "owner": "Ana", "category": "Compute", "commitment": None, "tags": None,
}  # fmt: skip


def line(day: int, resource: str, cost: float, account: str = "prod", quantity: float | None = None, contract: float | None = None, **more) -> dict:  # fmt: skip
    exact = D(str(round(cost, 2)))
    return WORDS | {
        "day": FIRST + timedelta(days=day), "resource_id": resource, "name": resource, "account": account, "effective": exact,
        "contracted": exact if contract is None else D(str(contract)), "cost": float(exact),
        "at_contract": float(exact) if contract is None else contract, "quantity": float(exact if quantity is None else quantity),
    } | more  # fmt: skip


def base(days: int = DAYS, n: int = 6, skip: tuple[str, ...] = ()) -> list[dict]:
    """Six machines of 100 a day, one of them alone in another account."""
    rng = np.random.default_rng(1)
    out = []
    for day in range(days):
        for i in range(n):
            name = f"m{i}"
            if name not in skip:
                out.append(line(day, name, 100 * rng.normal(1, 0.01), "test" if i == n - 1 else "prod"))
    return out


def find(rows: list[dict], **more):
    return incidents.find(pd.DataFrame(rows), **more)


def spiked(factor: float = 4, at: range = range(90, 94), resource: str = "m0", **more) -> list[dict]:
    rows = base()
    for r in rows:
        if r["resource_id"] == resource and (r["day"] - FIRST).days in at:
            r |= {"effective": r["effective"] * D(str(factor)), "cost": r["cost"] * factor, "at_contract": r["at_contract"] * factor, "quantity": r["quantity"] * factor} | more  # fmt: skip
    return rows


def test_one_spike_is_one_incident_of_its_resource_with_its_money():
    (one,) = find(spiked()).incidents
    assert (one.level, one.resource_id, one.owner, one.status) == ("resource", "m0", "Ana", "alarm")
    assert (one.start, one.seen, one.end, one.lasts) == (
        date(2026, 8, 30),
        date(2026, 8, 30),
        date(2026, 9, 2),
        False,
    )
    assert one.excess == pytest.approx(D(1200), rel=D("0.02")) and one.actual - one.expected == one.excess
    assert sum(one.months.values()) == one.excess and set(one.months) == {"2026-08", "2026-09"}
    assert sum(one.cause.parts.values()) == one.excess
    assert one.cause.main == "volume" and one.cause.value == "Hours of S"
    assert one.delay == 0


def test_a_dearer_price_is_told_from_more_use():
    (one,) = find(spiked(quantity=100.0)).incidents
    assert one.cause.main == "price"
    assert one.cause.words.startswith("the price rose, meter Hours of S")


def test_less_coverage_is_told_from_both_and_its_commitment_s_end_is_known():
    rows = base(skip=("m1",))
    for day in range(DAYS):
        covered = day < 90
        rows.append(
            line(day, "m1", 60 if covered else 100, contract=100, quantity=100, status="Used" if covered else "", commitment_id="sp" if covered else "", commitment="Plan 2023" if covered else None)
        )  # fmt: skip
    (one,) = find(rows).incidents
    assert (one.cause.main, one.cause.ended) == ("commitment", "Plan 2023")
    assert (one.status, one.reason) == ("expected", "a commitment ended: Plan 2023")


def test_what_goes_on_is_projected_to_the_month_s_end():
    found = find(spiked(3, range(105, DAYS)))
    (one,) = found.incidents
    assert one.lasts and one.end == FIRST + timedelta(days=DAYS - 1)
    assert one.by_month_end == pytest.approx(one.months["2026-09"] + 2 * one.daily, abs=D("0.01")), (
        "two days of September are left"
    )
    assert one.month_more == pytest.approx(one.daily * D(365) / 12, abs=D("0.01"))
    assert found.of(Month(2026, 9), "alarm") == [one] and found.of(Month(2026, 7)) == []


def test_two_resources_of_a_service_are_one_incident_and_its_parts_are_named():
    rows = spiked()
    again = [r for r in spiked(resource="m1") if r["resource_id"] == "m1"]
    rows = [r for r in rows if r["resource_id"] != "m1"] + again
    (one,) = find(rows).incidents
    assert (one.level, one.service, one.account) == ("service", "Machines", "prod")
    assert set(one.parts) == {"m0", "m1"}
    assert one.excess == pytest.approx(D(2400), rel=D("0.02"))


def test_a_rise_spread_too_thin_for_each_resource_shows_at_the_account():
    """Twenty machines of ten a day, each a fourth more: 2.5 is below what a person should look at, 50 is not."""
    rng = np.random.default_rng(2)
    rows = []
    for day in range(DAYS):
        for i in range(20):
            rise = 1.25 if day >= 100 else 1.0
            rows.append(line(day, f"n{i}", 10 * rise * rng.normal(1, 0.01), sku=f"S{i}"))
        rows += [line(day, f"big{i}", 900 * rng.normal(1, 0.01), "other") for i in range(3)]
    found = [i for i in find(rows).incidents if i.status == "alarm"]
    (one,) = found
    assert one.level in ("service", "account") and one.account == "prod"
    assert one.cause.dimension in ("spread", "region", "service", "account")


def test_a_new_resource_alarms_where_it_doubles_its_account_only():
    small = base() + [line(day, "new", 120) for day in range(90, DAYS)]
    (one,) = find(small).incidents
    assert (one.status, one.cause.main, one.expected) == ("new resource", "new", 0)
    large = base() + [line(day, "new", 260, "test") for day in range(90, DAYS)]
    (one,) = find(large).incidents
    assert (one.status, one.resource_id, one.account) == ("alarm", "new", "test")
    assert one.excess == 260 * 30
    far = base() + [line(day, "new", 160, region="far") for day in range(90, DAYS)]
    (one,) = find(far).incidents
    assert (one.status, one.region) == ("alarm", "far"), "nothing of its account ran there before"


def event(
    kind="launch", start=date(2026, 8, 29), end=date(2026, 8, 29), scope=("shop",), known_on=date(2026, 7, 1)
):
    return Event(start, end, kind, "The event", frozenset(scope), known_on)


@pytest.mark.parametrize(
    ("given", "factor", "status"),
    [
        (event(), 2, "expected"),
        (event(), 4, "alarm"),  # a launch does not excuse four times the cost
        (event(known_on=date(2026, 9, 20)), 2, "alarm"),  # nobody knew it then
        (event(scope=("search",)), 2, "alarm"),
        (event(start=date(2026, 7, 1), end=date(2026, 7, 1)), 2, "alarm"),
        (event("season", date(2026, 8, 25), date(2026, 9, 10)), 1.5, "expected"),
        (event("season", date(2026, 8, 25), date(2026, 9, 10)), 2.5, "alarm"),
        (event("holiday", date(2026, 8, 30), date(2026, 8, 30), scope=()), 1.5, "expected"),
    ],
)
def test_known_events_explain_within_reason(given, factor, status):
    (one,) = find(spiked(factor), events=[given]).incidents
    assert one.status == status
    assert (one.reason == f"{given.kind}: The event") is (status == "expected")


def test_a_tag_may_say_that_a_burst_was_planned():
    rows = spiked(4, tags={"purpose": "training; planned burst in August 2026"})
    (one,) = find(rows).incidents
    assert one.status == "expected" and one.reason.startswith("tagged purpose")
    (one,) = find(spiked(4, tags={"purpose": "planned burst in July 2026"})).incidents
    assert one.status == "alarm"


def verdict(**more) -> Verdict:
    usual = {"on": "resource", "value": "m0", "verdict": "ignore", "said_on": date(2026, 7, 1)}
    return Verdict(**(usual | more))


def test_feedback_mutes_confirms_and_moves_the_limit():
    (alarm,) = find(spiked()).incidents
    (one,) = find(spiked(), verdicts=[verdict()]).incidents
    assert (one.status, one.id) == ("muted", alarm.id)
    (one,) = find(
        spiked(), verdicts=[verdict(value="m*", on="resource", by="Ana", note="load test")]
    ).incidents
    assert one.reason == "ignore, said on 2026-07-01 by Ana: load test"
    (one,) = find(spiked(), verdicts=[verdict(until=date(2026, 8, 1))]).incidents
    assert one.status == "alarm"
    (one,) = find(spiked(), verdicts=[verdict(on="incident", value=alarm.id, verdict="true")]).incidents
    assert one.confirmed and one.status == "alarm"
    (one,) = find(spiked(), verdicts=[verdict(on="incident", value=alarm.id, verdict="expected")]).incidents
    assert one.status == "muted"
    assert find(spiked(1.5), verdicts=[verdict(until=date(2026, 7, 2), least=D(80))]).incidents == []
    assert len(find(spiked(1.5)).incidents) == 1


def test_each_false_alarm_raises_a_place_s_limit_by_half_and_a_true_one_lowers_it():
    names = {"resource": "m0", "account": "prod", "service": "", "department": "", "incident": ""}
    said = [verdict(until=date(2026, 7, 2))]
    assert known.factor(said, names) == 1.5
    assert known.factor(said * 2, names) == 2.25
    assert known.factor(said * 9, names) == known.MOST
    assert known.factor([verdict(verdict="true")], names) == pytest.approx(0.9)
    assert known.factor(said, names | {"resource": "m1"}) == 1


def test_feedback_of_a_later_day_is_not_known_yet():
    frame = pd.DataFrame(
        [{"match_on": "resource", "match_value": "m0", "verdict": "ignore", "said_on": date(2026, 9, 20), "from": None, "until": None, "least": None, "by": None, "note": None}]
    )  # fmt: skip
    assert known.verdicts(frame, date(2026, 9, 19)) == []
    assert len(known.verdicts(frame, date(2026, 9, 20))) == 1


def test_unused_commitment_is_an_incident_of_its_own_and_a_holiday_explains_it():
    rows = base()
    for day in range(DAYS):
        idle = 60 if 95 <= day < 98 else 2
        common = {"commitment_id": "ri", "commitment": "Reservation", "contract": 0.0}
        rows.append(line(day, "ri", idle, status="Unused", **common))
        rows.append(line(day, "m0", 100 - idle, status="Used", **common))
    found = [i for i in find(rows).incidents if i.kind == "unused commitment"]
    (one,) = found
    assert (one.name, one.status, one.start) == ("Reservation", "alarm", FIRST + timedelta(days=95))
    assert one.excess == pytest.approx(D(174), rel=D("0.05"))
    holiday = event("holiday", FIRST + timedelta(days=95), FIRST + timedelta(days=97))
    assert [i.status for i in find(rows, events=[holiday]).incidents if i.kind == "unused commitment"] == [
        "expected"
    ]


def creeping(serves: bool, days: int = 300):
    rng = np.random.default_rng(3)
    rows = []
    for day in range(days):
        for i in range(12):
            rows.append(
                line(day, f"m{i}", 100 * (1 + 0.002 * i) ** (day / 30) * rng.normal(1, 0.01), sku=f"S{i}")
            )
        rows.append(line(day, "creep", 100 * 1.06 ** (day / 30.4) * rng.normal(1, 0.01), owner=None))
    driver = {FIRST + timedelta(days=n): 1000 * 1.06 ** (n / 30.4) for n in range(days)}
    return find(rows, serves={"creep": [driver]} if serves else {})


def test_growth_that_nothing_explains_is_found_once_and_growth_that_a_driver_shares_is_not():
    (one,) = [i for i in creeping(False).incidents if i.kind == "creep"]
    assert one.resource_id == "creep" and one.lasts and one.id.startswith("creep-")
    assert sum(one.cause.parts.values()) == one.excess > 0
    assert [i for i in creeping(True).incidents if i.kind == "creep"] == []


def test_a_day_without_any_charge_of_an_account_is_a_gap_and_said():
    rows = [r for r in base() if not (r["account"] == "prod" and (r["day"] - FIRST).days in (70, 71))]
    found = find(rows)
    assert found.incidents == []
    assert found.notes == ["prod has no charge on 2 days, the first 2026-08-10: a gap, not judged"]


def test_nothing_to_look_at():
    empty = pd.DataFrame(columns=list(line(0, "m", 1)))
    found = incidents.find(empty)
    assert found.incidents == [] and found.days is None and found.notes
    assert find(base(days=5)).incidents == []
    assert find([line(d, "z", 0) for d in range(60)]).incidents == []


@settings(max_examples=8, deadline=None)
@given(st.integers(60, 110), st.floats(1.5, 6), st.integers(0, 100))
def test_what_comes_later_changes_no_alert_and_sums_are_kept(cut, factor, seed):
    rng = np.random.default_rng(seed)
    rows = spiked(round(factor, 2), range(int(rng.integers(40, 100)), 112))
    whole = find(rows).incidents
    early = find([r for r in rows if (r["day"] - FIRST).days < cut]).incidents
    end = FIRST + timedelta(days=cut)
    assert [(i.id, i.start, i.seen) for i in early] == [
        (i.id, i.start, i.seen) for i in whole if i.seen < end
    ]
    for i in whole:
        assert sum(i.months.values()) == i.excess == sum(i.cause.parts.values()) == i.actual - i.expected


def test_the_order_of_lines_does_not_matter():
    rows = spiked()
    shuffled = [rows[n] for n in np.random.default_rng(1).permutation(len(rows))]
    a, b = find(rows).incidents, find(shuffled).incidents
    assert [replace(i, series=()) for i in a] == [replace(i, series=()) for i in b]


def test_events_come_from_calendar_scenarios_and_contracts():
    calendar = pd.DataFrame(
        [
            {
                "start": FIRST,
                "end": FIRST,
                "kind": "launch",
                "name": "L",
                "scope": "Shop; Search",
                "known_on": None,
            }
        ]
    )
    scenarios = pd.DataFrame(
        [
            {"name": "S", "from": FIRST, "to": None, "scope": "*", "kind": None, "factor": D("1.2"), "amount": None, "known_on": FIRST},
            {"name": "cheaper", "from": FIRST, "to": None, "scope": "*", "kind": None, "factor": D("0.9"), "amount": None, "known_on": FIRST},
        ]
    )  # fmt: skip
    contracts = pd.DataFrame(
        [{"contract_id": "C", "vendor": "Palisade Data", "start": FIRST, "signed_on": None}]
    )
    found = known.events(calendar, scenarios, contracts)
    assert [(e.kind, e.name) for e in found] == [
        ("launch", "L"),
        ("planned-change", "S"),
        ("contract", "contract C with Palisade Data begins"),
    ]
    assert (
        found[0].scope == {"shop", "search"}
        and found[1].scope == frozenset()
        and "palisade" in found[2].scope
    )
    assert known.events(None) == []


def test_what_comes_on_the_same_day_of_each_month_is_expected_from_the_third_on():
    rows = base(days=150)
    for r in rows:
        if r["resource_id"] == "m0" and r["day"].day == 28:
            r |= {"effective": r["effective"] * 4, "cost": r["cost"] * 4, "at_contract": r["at_contract"] * 4, "quantity": r["quantity"] * 4}  # fmt: skip
    found = find(rows).incidents
    assert [(i.start, i.status) for i in found] == [
        (date(2026, 7, 28), "alarm"),
        (date(2026, 8, 28), "expected"),
        (date(2026, 9, 28), "expected"),
        (date(2026, 10, 28), "expected"),
    ]
    assert found[1].reason == "it comes on the same day of each month"
