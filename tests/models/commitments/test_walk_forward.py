"""Decisions made month after month: they see the past only, hedge, and use what is planned."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from tests.models.commitments.worlds import hours, migrating, region

from helpers.models.commitments import rules
from helpers.models.commitments.answer import answers, regrets, upcoming, worst_quarter
from helpers.models.commitments.cost import Terms, bill
from helpers.models.commitments.planner import Move
from helpers.models.commitments.walk_forward import walk

FLEXIBLE = Terms(type_rate=None)


def saved(one, bought, terms=None):
    return bill(one, bought, terms or Terms(), 12).savings


def test_a_changed_future_changes_no_decision_before_it():
    regions = [migrating("2022-05-10"), migrating("2022-09-20", name="2", seed=2)]
    at = hours("2021-02-01", "2022-11-01")
    changed = []
    for one in regions:
        use = one.use.copy()
        use[at:] = np.random.default_rng(3).gamma(2, 90, use[at:].shape)
        changed.append(replace(one, use=use))
    before, after = walk(regions, Terms(), 12), walk(changed, Terms(), 12)
    month = 21  # November 2022 is the first decision that may see the change … and it must not
    for name in ("1", "2"):
        assert [p for p in before[name] if p.month <= month] == [p for p in after[name] if p.month <= month]
    assert before != after  # the change is large enough to matter later


def test_where_nothing_runs_nothing_is_decided():
    assert walk([], Terms(), 12) == {}
    assert regrets([], {}, least=0.1) == []


def test_a_plan_not_yet_known_changes_no_decision():
    one, plan = migrating("2022-09-20"), Move(date(2022, 9, 20), date(2022, 9, 27), "A", "B")
    blind = walk([one], Terms(), 12)["1"]
    told = walk([one], Terms(), 12, plans={"1": [(date(2022, 6, 2), plan)]})["1"]
    assert [p for p in blind if p.month <= 16] == [p for p in told if p.month <= 16]  # June 2022 is month 16
    assert blind != told


def test_a_migration_in_the_middle_costs_no_more_than_flexible_alone_and_then_pays():
    one = migrating("2022-07-05")
    bought = walk([one], Terms(), 12)["1"]
    assert saved(one, bought) > saved(one, rules.newsvendor(one, FLEXIBLE, 12), FLEXIBLE) + 0.01
    assert all(p.type is None for p in bought if p.month < 17)  # nothing bet on a generation of unknown age
    assert any(p.type == 1 for p in bought)  # the new one is


def test_a_known_migration_saves_more():
    one, plan = migrating("2022-07-05"), Move(date(2022, 7, 5), date(2022, 7, 12), "A", "B")
    told = walk([one], Terms(), 12, plans={"1": [(date(2021, 12, 1), plan)]})["1"]
    assert saved(one, told) > saved(one, walk([one], Terms(), 12)["1"])


def test_the_flexible_instrument_alone_is_as_good_as_the_newsvendor():
    one = migrating("2022-07-05")
    mine = saved(one, walk([one], FLEXIBLE, 12)["1"], FLEXIBLE)
    assert mine >= saved(one, rules.newsvendor(one, FLEXIBLE, 12), FLEXIBLE) - 0.002


def test_the_type_alone():
    one, alone = migrating("2022-07-05"), Terms(portfolio_rate=None)
    bought = walk([one], alone, 12)["1"]
    assert all(p.type is not None for p in bought)
    assert saved(one, bought, alone) > saved(one, rules.newsvendor(one, alone, 12), alone)


def test_regions_of_different_beginnings_and_one_without_demand():
    late = migrating("2022-09-20", name="late")
    late = replace(late, start=late.start + np.timedelta64(24 * 95, "h"), use=late.use[24 * 95 :], known=late.known[24 * 95 :])  # fmt: skip
    empty = region(np.zeros((hours("2021-02-01", "2022-06-01"), 1)), name="empty")
    short = region(np.ones((hours("2021-02-01", "2021-06-01"), 1)), name="short")
    found = {r["region"]: r for r in answers([migrating("2022-07-05"), late, empty, short], Terms())}
    assert found[1]["savings_rate"] > 0.2
    assert found["late"]["evaluated"][0] == "2022-06"
    assert found["empty"]["savings_rate"] is None
    assert not found["empty"]["purchases"]
    assert found["short"]["savings_rate"] is None
    assert "13 are needed" in found["short"]["notes"][0]


def test_a_term_longer_than_what_is_evaluated_is_said_and_charged():
    one = migrating("2029-01-01", until="2022-06-01")
    found = answers([one], Terms())[0]
    assert "less than a term" in found["notes"][0]
    assert found["outlives"]["same"] > found["outlives"]["a third less"] > found["outlives"]["none"]
    assert found["savings_rate"] == pytest.approx(saved(one, walk([one], Terms(), 12)["1"]), abs=1e-8)


def test_what_to_buy_next():
    record = upcoming([migrating("2022-12-01")], Terms())[0]
    assert {p["month"] for p in record["purchases"]} == {"2023-08-01"}
    assert record["purchases"][0]["type"] == "B"


def test_the_worst_quarter_is_one_of_the_quarters():
    one = migrating("2022-07-05")
    paid = bill(one, walk([one], Terms(), 12)["1"], Terms(), 12)
    first = paid.month < 15
    assert worst_quarter(paid) <= 1 - paid.paid[first].sum() / paid.on_demand[first].sum()
