"""``finops plan joint`` and ``finops plan schedule`` on files: answers that can be recomputed, and bad input."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from helpers.__main__ import main

LOADS = """id,name,pool,type,hourly,schedule,zone,smaller,effort
a,Shop,p,t,1.0,mon-fri 08:00-19:00,UTC,,10
b,Search,p,t,2.0,,,,
c,Data,p,u,1.5,,,0.5,50
"""
HELD = "id,pool,type,worth,price,months\nh,p,t,1.0,0.6,6\n"
OFFERS = "instrument,pool,type,rate,term\nsp,p,,0.7,12\nri,p,t,0.6,12\n"
WEEKS = 365.25 / 12 / 7


def finops(*words):
    return CliRunner().invoke(main, [str(w) for w in words])


@pytest.fixture
def files(tmp_path):
    for name, text in (("loads.csv", LOADS), ("held.csv", HELD), ("offers.csv", OFFERS)):
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def joint(files, *more):
    return finops(
        "plan",
        "joint",
        "--loads",
        files / "loads.csv",
        "--held",
        files / "held.csv",
        "--offers",
        files / "offers.csv",
        *more,
    )


def test_the_orders_are_compared_and_can_be_recomputed(files):
    done = joint(files, "--json", files / "out.json")
    assert done.exit_code == 0, done.output
    assert "Both together" in done.output
    found = json.loads((files / "out.json").read_text("utf-8"))
    by = {o["order"]: o for o in found["orders"]}
    assert all(float(o["loses"]) >= -0.05 for o in by.values())
    # doing nothing: on demand less what stands for six months, which is paid
    hours = 168 * WEEKS
    assert float(by["nothing"]["cost"]) == pytest.approx((4.5 * 12 - 1.0 * 6 + 0.6 * 6) * hours, abs=0.05)
    best = by["joint"]
    assert {m["resource"]: m["kept"] for m in best["less"]} == {"a": round(55 / 168, 6), "c": 0.5}
    paid = (
        sum(b["price_an_hour"] * min(12 - b["begins_in_months"], b["term"]) for b in best["purchases"])
        * hours
    )
    assert 0 < paid < float(best["cost"])


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("loads.csv", "id,pool\na,p\n", "also hourly"),
        ("loads.csv", LOADS.replace("1.0", "much"), "row 2, column hourly: 'much'"),
        ("loads.csv", LOADS.replace("08:00-19:00", "night"), "write it like mon-fri"),
        ("held.csv", HELD.replace("\nh,p", "\nh,q"), "pool 'q', in which nothing runs"),
        ("offers.csv", OFFERS.replace("0.7", "1.7"), "row 2, column rate"),
    ],
)
def test_bad_files_say_where_and_what_to_do(files, file, text, said):
    (files / file).write_text(text, "utf-8")
    done = joint(files)
    assert done.exit_code != 0
    assert said in done.output


def test_a_horizon_shorter_than_the_term_is_said(files):
    done = joint(files, "--months", 6)
    assert done.exit_code == 0
    assert "shorter than the term of 12" in done.output


def test_held_without_loads_is_refused(files):
    done = finops("plan", "joint", "--held", files / "held.csv")
    assert done.exit_code != 0
    assert "--loads" in done.output


def usage(tmp_path, weeks=3):
    start = datetime(2026, 8, 31, tzinfo=UTC)
    lines = ["resource_id,start,average,maximum"]
    for h in range(weeks * 168):
        at = start + timedelta(hours=h)
        busy = at.weekday() < 5 and 8 <= at.hour < 19
        lines.append(f"office,{at.isoformat()},{40 if busy else 0.5},{60 if busy else 1}")
        lines.append(f"always,{at.isoformat()},40,60")
    file = tmp_path / "usage.csv"
    file.write_text("\n".join(lines), "utf-8")
    return file


def test_schedules_are_learned_from_a_file(tmp_path):
    done = finops("plan", "schedule", "--usage", usage(tmp_path), "--json", tmp_path / "out.json")
    assert done.exit_code == 0, done.output
    (found,) = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert (found["name"], found["week"], found["used_while_off"]) == ("office", "mon-fri 07:45-19:00", 0)
    kept = finops("plan", "schedule", "--usage", usage(tmp_path), "--keep", "office")
    assert "0 schedules" in kept.output


def test_a_moment_that_is_none_names_its_row(tmp_path):
    file = tmp_path / "usage.csv"
    file.write_text("resource_id,start,average,maximum\na,yesterday,1,1\n", "utf-8")
    done = finops("plan", "schedule", "--usage", file)
    assert done.exit_code != 0
    assert "row 2, column start" in done.output


def test_help_lists_all_three():
    said = finops("plan", "--help").output
    assert all(word in said for word in ("commitments", "joint", "schedule"))
