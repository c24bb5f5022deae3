"""Machines: what is idle, what is too large, what stays, and what is not known."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal as D

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.models.making import START, frame, hours, line, usage

from helpers.data.instances import instances
from helpers.models import rightsizing
from helpers.models.advice import Left, by_kind, key, reserved, stem, with_carbon
from helpers.models.advice import frame as advice_frame


def advise(lines, rows, **more):
    use = usage(rows)
    return rightsizing.recommend(lines, rightsizing.statistics(use), instances(), usage=use, **more)


def kinds(found):
    return [(a.kind, a.resource_id, a.candidate, a.saving) for a in found.advice]


def test_idle_saves_all_and_a_busy_day_keeps_it():
    day = START.date() + timedelta(days=12)
    rows = hours("idle", lambda t: 1.0, memory=5.0) + hours(
        "drill", lambda t: 60.0 if t.date() == day else 0.5, memory=5.0
    )
    found = advise(frame(line("idle"), line("drill")), rows)
    assert kinds(found) == [("idle machine", "idle", "none", D("720.00"))]
    assert found.advice[0].confidence == "high"


def test_memory_or_traffic_keep_a_machine_from_being_idle():
    rows = hours("app", lambda t: 1.0, memory=40.0) + hours("proxy", lambda t: 1.0, memory=5.0, network=1e10)
    found = advise(frame(line("app", "m6i.large"), line("proxy", "m6i.large")), rows)
    assert [a.kind for a in found.advice] == []


def test_half_the_size_at_half_the_price_with_its_headroom_and_risk():
    rows = hours("big", lambda t: 30.0 if t.hour == 9 else 10.0)
    found = advise(frame(line("big"), line("other", "m6i.2xlarge", cost=360)), rows)
    a = next(a for a in found.advice if a.resource_id == "big")
    assert (a.kind, a.now, a.candidate, a.saving, a.basis) == (
        "oversized machine",
        "m6i.4xlarge",
        "m6i.2xlarge",
        D("360.00"),
        "charges",
    )
    assert (a.peak, a.p999, a.risk) == (60.0, 60.0, 0.0)
    assert 0 < a.risk_high < 0.01
    assert a.effort > 0


def test_without_a_price_in_the_charges_it_is_by_size_and_says_so():
    found = advise(frame(line("big")), hours("big", lambda t: 20.0))
    assert [(a.candidate, a.saving, a.basis) for a in found.advice] == [
        ("m6i.2xlarge", D("360.00"), "by size")
    ]


def test_memory_holds_a_machine_that_its_processor_would_let_go():
    assert advise(frame(line("big")), hours("big", lambda t: 10.0, memory=60.0)).advice == []


def test_unmeasured_memory_and_a_week_of_life_are_not_counted():
    rows = hours("blind", lambda t: 10.0, memory=None) + hours("young", lambda t: 10.0, days=7)
    found = advise(frame(line("blind"), line("young")), rows)
    assert found.advice == []
    said = {a.resource_id: a.limits for a in found.possible if a.kind == "oversized machine"}
    assert "not measured: memory" in said["blind"]
    assert "measured for 7 days only" in said["young"]
    assert all(a.confidence == "low" for a in found.possible if a.kind == "oversized machine")


def test_two_sizes_at_once_only_after_four_weeks():
    short = advise(frame(line("big")), hours("big", lambda t: 5.0, days=20))
    long = advise(frame(line("big")), hours("big", lambda t: 5.0, days=30, memory=15.0))
    assert [a.candidate for a in short.advice] == ["m6i.2xlarge"]
    assert [a.candidate for a in long.advice] == ["m6i.xlarge"]


def test_a_commitment_keeps_the_saving_until_it_ends():
    rows = hours("covered", lambda t: 20.0) + hours("half", lambda t: 20.0)
    found = advise(frame(line("covered", covered_share=1), line("half", covered_share="0.7")), rows)
    half = next(a for a in found.advice if a.resource_id == "half")
    assert (half.saving, half.blocked) == (D("216.00"), D("144.00"))  # 30 % of 720 is not covered
    assert "only when it ends" in half.limits
    waiting = next(a for a in found.possible if a.resource_id == "covered" and a.kind == "oversized machine")
    assert (waiting.saving, waiting.blocked) == (D("0.00"), D("360.00"))


def test_kinds_on_one_machine_follow_each_other_and_never_exceed_its_cost():
    from helpers.models.schedules import learn

    rows = hours("dev", lambda t: 20.0 if 8 <= t.hour < 18 and t.weekday() < 5 else 0.5, network=None)
    use = usage(rows)
    plans = learn(use, {"dev": {"name": "dev", "zone": "UTC", "tags": {}}})
    found = rightsizing.recommend(
        frame(line("dev")), rightsizing.statistics(use), instances(), usage=use, schedules=plans
    )
    size, off = (next(a for a in found.advice if a.kind == k) for k in ("oversized machine", "schedule"))
    assert size.saving == D("360.00")
    assert off.saving == (D(360) * plans["dev"].share).quantize(D("0.01"))
    assert found.saving < found.cost


def test_tags_and_seasons_hold_machines_and_say_why():
    calendar = pd.DataFrame(
        [
            {
                "start": date(2026, 11, 20),
                "end": date(2026, 12, 31),
                "kind": "season",
                "name": "Christmas",
                "scope": "Shop;Search",
                "known_on": date(2026, 8, 1),
            }
        ]
    )
    rows = (
        hours("standby", lambda t: 1.0, memory=5.0)
        + hours("warm", lambda t: 3.5, memory=30.0)
        + hours("busy", lambda t: 20.0)
    )
    lines = frame(line("standby", tags={"purpose": "failover"}), line("warm"), line("busy"))
    found = advise(lines, rows, calendar=calendar, as_of=date(2026, 9, 2))
    assert {h["resource_id"]: h["reason"].split(":")[0][:16] for h in found.held} == {
        "standby": "tagged purpose",
        "warm": "Christmas begins",
    }
    assert [(a.resource_id, a.confidence) for a in found.advice] == [("busy", "medium")]
    assert "Christmas" in found.advice[0].limits
    later = advise(lines, rows, calendar=calendar, as_of=date(2027, 1, 5))
    assert {h["resource_id"] for h in later.held} == {"standby"}


def test_an_unknown_type_gets_no_candidate_and_is_named():
    found = advise(frame(line("odd", "z99.huge")), hours("odd", lambda t: 1.0, memory=5.0))
    assert found.advice == []
    assert [(u["name"], u["type"]) for u in found.unknown] == [("odd", "z99.huge")]


def test_old_generation_and_arm_take_prices_of_the_charges_only():
    rows = []
    lines = frame(
        line("old", "m4.xlarge", cost=144, legacy=True), line("new", "m6i.xlarge", cost=130),
        line("shop-workers-1a2b", "c6i.2xlarge", cost=240, name="shop-workers-1a2b"),
        line("other-workers-9f3c", "c7g.2xlarge", cost=200, name="other-workers-9f3c", department="Other"),
        line("shop-web", "c6i.2xlarge", cost=240, name="shop-web"),
    )  # fmt: skip
    found = advise(lines, rows or hours("nobody", lambda t: 50.0))
    old = next(a for a in found.advice if a.kind == "old generation")
    assert (old.candidate, old.saving) == ("m6i.xlarge", D("14.00"))
    assert [(a.name, a.candidate, a.saving) for a in found.advice if a.kind == "ARM"] == [
        ("shop-workers-1a2b", "c7g.2xlarge", D("40.00"))
    ]
    assert [a.name for a in found.possible if a.kind == "ARM"] == ["shop-web"]
    assert "does the same work on ARM" in next(a.why for a in found.advice if a.kind == "ARM")


def test_gaps_doubles_negative_and_over_100_are_marked_and_never_shrink_a_machine():
    rows = hours("odd", lambda t: 20.0)
    rows = [r for r in rows if not (r[1] == "cpu" and r[3].day == 5)]  # a day without values
    rows += [r for r in rows if r[1] == "cpu" and r[3].day == 6]  # an hour delivered twice
    rows[0] = (*rows[0][:4], -5.0, 10.0, 12)
    rows[3] = (*rows[3][:4], 110.0, 112.0, 12)
    use = usage(rows)
    s = rightsizing.statistics(use).loc["odd"]
    assert (s["odd"], s["over"]) == (1, 1)
    assert s["gaps"] >= 24
    assert s["cpu_peak"] == 100.0
    found = rightsizing.recommend(frame(line("odd")), rightsizing.statistics(use), instances(), usage=use)
    assert [
        a for a in found.advice if a.kind == "oversized machine"
    ] == []  # one full hour is more than a thousandth of a month


def test_hours_that_stand_twice_count_once_and_the_larger_wins():
    rows = hours("twice", lambda t: 20.0, days=15)
    again = [(*r[:4], 40.0, 40.0, 12) for r in rows if r[1] == "cpu"]
    s = rightsizing.statistics(usage(rows + again)).loc["twice"]
    assert (s["cpu_hours"], s["twice"], s["cpu_average"]) == (360, 360, 40.0)


def test_parts_of_any_size_give_the_same_numbers():
    rows = [r for n in range(7) for r in hours(f"m{n}", lambda t, n=n: (t.hour * 3 + n * 7) % 60, days=4)]
    use = usage(rows)
    pd.testing.assert_frame_equal(rightsizing.statistics(use), rightsizing.statistics(use, rows_at_once=500))


def test_short_hours_are_counted_hour_by_hour():
    use = usage(hours("m", lambda t: 60.0 if t.hour == 9 else 10.0, days=10, memory=45.0))
    assert rightsizing.short_hours(use, {"m": (50.0, 50.0)}) == {"m": (10, 240)}
    assert rightsizing.short_hours(use, {"m": (70.0, 40.0)}) == {"m": (240, 240)}


def test_no_use_at_all_is_no_advice_from_use():
    found = rightsizing.recommend(frame(line("big")), None, instances())
    assert (found.advice, found.saving, found.cost) == ([], D(0), D(720))


money = st.decimals(0, 10_000, places=2)


@given(money, money, st.lists(st.decimals(0, 1, places=3), max_size=5))
def test_cutting_in_any_order_never_saves_more_than_is_paid(plain, covered, shares):
    left, saved = Left(plain, covered), D(0)
    for share in shares:
        amount, blocked, left = left.cut(share)
        assert amount >= 0 and blocked >= 0
        saved += amount
    assert saved <= plain
    assert left.plain == plain - saved
    assert 0 <= left.covered <= covered


@pytest.mark.parametrize(("short", "hours_", "most"), [(0, 2208, 0.002), (0, 0, 1.0), (5, 100, 0.12)])
def test_the_bound_is_above_the_share(short, hours_, most):
    assert (short / hours_ if hours_ else 0) <= rightsizing.bound(short, hours_) <= most


def test_names_and_tags_are_read_as_people_write_them():
    assert reserved({"Always-On": "true"}) == "tagged Always-On: true"
    assert reserved({"keep": "no"}) == reserved({"team": "x"}) == reserved(None) == ""
    assert stem("search-workers-e300", "Search") == {"workers"}
    assert key("erp-disk") == key("erp-vm") != key("erp2-vm")


def test_tables_of_advice_have_a_place_for_carbon():
    found = advise(frame(line("big")), hours("big", lambda t: 20.0))
    assert advice_frame(found.advice)["carbon"].tolist() == [None]
    assert advice_frame(with_carbon(found.advice, {"big": D(100)}))["carbon"].tolist() == [D(50)]
    assert advice_frame(with_carbon(found.advice, {"big": None}))["carbon"].tolist() == [None]
    price = [replace(a, kind="extended support") for a in found.advice]
    assert advice_frame(with_carbon(price, {"big": D(100)}))["carbon"].tolist() == [None]
    assert by_kind(found.advice).to_dict("records") == [
        {"kind": "oversized machine", "amount": D("360.00"), "resources": 1, "effort": 4}
    ]


def test_spot_is_a_candidate_where_the_charges_show_its_price_and_tags_say_no_production():
    spot = line(
        "runs",
        "m6i.xlarge",
        cost=50,
        on_demand=D(0),
        on_demand_quantity=D(0),
        on_demand_contracted=D(0),
        spot=D(50),
        spot_quantity=D(720),
    )
    lines = frame(
        spot,
        line("ci", "m6i.xlarge", cost=130, tags={"env": "test"}),
        line("live", "m6i.xlarge", cost=130, tags={"env": "prod"}),
    )
    found = rightsizing.recommend(lines, None, instances())
    assert [(a.kind, a.resource_id, a.saving) for a in found.possible if a.kind == "spot"] == [
        ("spot", "ci", D("80.00"))
    ]
    assert found.advice == []


def test_disk_that_is_not_measured_is_said():
    assert "disk" in advise(frame(line("big")), hours("big", lambda t: 20.0)).advice[0].limits
