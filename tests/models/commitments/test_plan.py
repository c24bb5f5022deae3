"""The ladder for a bill: settings kept, money that adds up, and what cannot be kept."""

from __future__ import annotations

from datetime import date
from decimal import Decimal as D

import numpy as np
import pandas as pd
import pytest
from tests.models.commitments.worlds import hours

from helpers.models.commitments import Settings, plan
from helpers.models.commitments.plan import histories
from helpers.terms.errors import Refused

START = date(2022, 9, 1)
OFFERS = pd.DataFrame(
    [("type", 0.6, 12, "none", "type 1y"), ("pool", 0.7, 12, "none", "flexible 1y")],
    columns=["scope", "rate", "term", "payment", "name"],
)
PREPAID = pd.DataFrame(
    [("type", 0.6, 12, "none", "type 1y"), ("type", 0.5, 12, "all", "type 1y prepaid"), ("pool", 0.7, 12, "none", "flexible 1y")],
    columns=["scope", "rate", "term", "payment", "name"],
)  # fmt: skip
NONE = pd.DataFrame(columns=["pool", "type", "quantity", "rate", "ends"])


def frame(levels, *, pool="p", first="2022-02-01", grain="hour"):
    """Steady demand by type from `first` to the start; every tenth hour two more of the first type."""
    many = hours(first, str(START))
    moments = pd.date_range(first, periods=many, freq="h")
    parts = []
    for n, (kind, level) in enumerate(levels.items()):
        use = np.full(many, float(level)) + (2.0 * (np.arange(many) % 10 == 0) if not n else 0.0)
        parts.append(pd.DataFrame({"hour": moments, "pool": pool, "type": kind, "demand": use}))
    table = pd.concat(parts, ignore_index=True)
    if grain == "day":
        table["day"] = table["hour"].dt.date
        table = table.groupby(["day", "pool", "type"], as_index=False)["demand"].sum()
    return table


# `new` begins within the data, so that its age is known
DEMAND = pd.concat([frame({"old": 30}), frame({"new": 20}, first="2022-07-01")], ignore_index=True)


def test_types_of_known_age_by_type_the_rest_flexible():
    found = plan(DEMAND, NONE, Settings(START, OFFERS))
    first = found.purchases[found.purchases["month"] == START].set_index("type")
    assert first.loc["new", "quantity"] == pytest.approx(D(20))
    assert first.loc["", "quantity"] == pytest.approx(D(30))  # `old` was there when the data begin
    assert first.loc["new", "committed"] == pytest.approx(D(12))
    assert first.loc["new", "expires"] == date(2023, 9, 1)
    assert "old may be replaced" in first.loc["", "why"]
    figures = found.figures.set_index("pool").loc["all"]
    assert figures["savings"] == figures["on_demand"] - figures["paid"]
    # 50.4 on demand: 20 at 0.6, 30 at 0.7, 0.4 on demand
    assert figures["esr"] == pytest.approx(1 - (12 + 21 + 0.4) / 50.4, abs=1e-4)
    assert figures["utilisation"] == pytest.approx(1.0)
    assert figures["coverage"] == pytest.approx(50 / 50.4, abs=1e-4)
    assert figures["lock_in_committed"] == pytest.approx(12.0)
    assert figures["lock_in_usage"] == pytest.approx(33 * 12 / 50.4, abs=1e-3)
    assert figures["break_even"] == pytest.approx(12 * (0.6 * 20 + 0.7 * 30) / 50)


def test_what_stands_is_topped_up_and_renewed_when_it_ends():
    stands = pd.DataFrame([("p", "new", 15.0, 0.6, date(2023, 1, 1)), ("p", "", 30.0, 0.7, date(2023, 9, 1))], columns=NONE.columns)  # fmt: skip
    found = plan(DEMAND, stands, Settings(START, OFFERS)).purchases
    by = found.set_index(["month", "type"])["quantity"]
    assert by[(START, "new")] == pytest.approx(D(5))
    assert by[(date(2023, 1, 1), "new")] == pytest.approx(D(15))
    assert len(found) == 2


def test_what_covers_a_type_that_is_gone_stands_idle():
    stands = pd.DataFrame([("p", "gone", 10.0, 0.6, date(2023, 3, 1))], columns=NONE.columns)
    figures = plan(DEMAND, stands, Settings(START, OFFERS)).figures.set_index("pool").loc["p"]
    assert figures["utilisation"] < 0.93
    assert figures["loss_third"] > D(6 * 730 * 5)  # all of it, whatever the demand


def test_a_fall_of_a_third_by_hand():
    # 50.4 → 33.6: of 20 for `new` 13⅓ are used, now and then 14⅔; of 30 flexible `old` uses 20, now and then 21⅓
    found = plan(DEMAND, NONE, Settings(START, OFFERS)).figures.set_index("pool").loc["p"]
    idle = 0.6 * (20 - (40 / 3 * 0.9 + 44 / 3 * 0.1)) + 0.7 * (30 - (20 * 0.9 + 64 / 3 * 0.1))
    assert float(found["loss_third"]) == pytest.approx(idle * 12 * 730, rel=1e-3)


def test_the_frontier_rises_to_the_chosen_point():
    found = plan(DEMAND, NONE, Settings(START, OFFERS)).frontier
    assert found["chosen"].tolist() == [False] * 4 + [True]
    assert found["lock_in"].is_monotonic_increasing
    assert found["esr"].is_monotonic_increasing
    assert found["esr"].iloc[0] == pytest.approx(0)


def test_less_daring_settings_buy_less():
    whole = plan(DEMAND, NONE, Settings(START, OFFERS)).purchases["quantity"].sum()
    # trough 50: aggressiveness changes nothing where the best is the trough itself
    assert plan(DEMAND, NONE, Settings(START, OFFERS, aggressiveness=0)).purchases[
        "quantity"
    ].sum() == pytest.approx(whole)
    fall = plan(DEMAND, NONE, Settings(START, OFFERS, decline=0.3)).purchases["quantity"].sum()
    assert float(fall) == pytest.approx(0.7 * float(whole))


def test_aggressiveness_goes_from_the_trough_to_the_best():
    table = DEMAND.copy()
    table.loc[(table["type"] == "old") & (table["hour"].dt.hour < 4), "demand"] = 10.0  # nights are lower
    sums = [
        float(plan(table, NONE, Settings(START, OFFERS, aggressiveness=a)).purchases["quantity"].sum())
        for a in (0, 0.5, 1)
    ]
    assert sums == pytest.approx([30, 40, 50])


def test_the_lock_in_cap_is_kept():
    found = plan(DEMAND, NONE, Settings(START, OFFERS, lock_in_cap=3.0))
    assert found.figures.set_index("pool").loc["all", "lock_in_usage"] <= 3.0 + 1e-6
    # what saves most for its lock-in comes first
    assert found.purchases["type"].iloc[0] == "new"


def test_the_budget_of_each_quarter_is_kept():
    budget = {"2022-Q3": D(20_000), "2022-Q4": D(10_000)}
    found = plan(DEMAND, NONE, Settings(START, PREPAID, prepay=budget)).purchases
    paid = {"2022-Q3": D(0), "2022-Q4": D(0)}
    for month, money in zip(found["month"], found["upfront"], strict=True):
        quarter = f"{month.year}-Q{(month.month + 2) // 3}"
        paid[quarter] = paid.get(quarter, D(0)) + money
    assert paid.pop("2022-Q3") == pytest.approx(D(20_000), abs=D("0.05"))
    assert paid.pop("2022-Q4") <= D(10_000)
    assert sum(paid.values()) == 0  # a quarter that is not named has no money
    free = plan(DEMAND, NONE, Settings(START, PREPAID)).purchases
    assert set(free[free["type"] == "new"]["instrument"]) == {"type 1y prepaid"}
    assert free["upfront"].sum() == pytest.approx(D(20 * 730 * 12 // 2), abs=D(1))


def test_limits_that_cannot_be_kept_together():
    with pytest.raises(Refused, match="base_level 1 cannot be kept together with lock_in_cap") as said:
        plan(DEMAND, NONE, Settings(START, OFFERS, base_level=1.0, lock_in_cap=2.0))
    nearest = float(said.value.remedy.split("base_level ")[1].split(" ")[0])
    assert 0 < nearest < 1
    assert len(plan(DEMAND, NONE, Settings(START, OFFERS, base_level=nearest, lock_in_cap=2.0)).purchases)


def test_a_base_level_is_bought_although_it_would_not_be():
    dear = OFFERS.assign(rate=[0.99, 0.995])
    table = DEMAND.copy()
    table["demand"] *= 1 - 0.3 * (table["hour"].dt.hour % 3 == 0)
    free = plan(table, NONE, Settings(START, dear)).purchases["quantity"].sum()
    held = plan(table, NONE, Settings(START, dear, base_level=1.1))
    first = held.purchases[held.purchases["month"] == START]["quantity"].sum()
    assert float(first) > float(free)


def test_a_planned_migration_is_not_bet_against():
    events = pd.DataFrame([("p", "2022-08-01", "2022-11-01", "2022-11-10", "new", "newer", 1.0)], columns=["pool", "known_on", "start", "end", "from_type", "to_type", "share"])  # fmt: skip
    blind, told = (plan(DEMAND, NONE, Settings(START, OFFERS), e).purchases for e in (None, events))
    assert "new" in set(blind["type"])
    assert "new" not in set(told["type"])
    late = events.assign(known_on="2022-09-02")
    assert "new" in set(plan(DEMAND, NONE, Settings(START, OFFERS), late).purchases["type"])


def test_days_count_as_even_hours_and_are_said():
    table = pd.concat([frame({"old": 30}, grain="day"), frame({"new": 20}, first="2022-07-01", grain="day")])
    found = plan(table, NONE, Settings(START, OFFERS))
    assert "known by day" in found.notes[0]
    first = found.purchases[found.purchases["month"] == START]
    assert float(first["quantity"].sum()) == pytest.approx(50.2, abs=0.3)


def test_offers_of_one_pool_are_for_that_pool():
    table = pd.concat([DEMAND, DEMAND.assign(pool="q")], ignore_index=True)
    found = plan(table, NONE, Settings(START, OFFERS.assign(pool=["", "q"])))
    assert set(found.purchases[found.purchases["pool"] == "p"]["scope"]) == {"type"}
    assert set(found.purchases[found.purchases["pool"] == "q"]["scope"]) == {"type", "pool"}
    money = found.figures.set_index("pool")["savings"]
    assert abs(money["p"] + money["q"] - money["all"]) <= D("0.02")


def test_nothing_to_plan():
    gone = DEMAND.assign(demand=0.0)
    found = plan(gone, NONE, Settings(START, OFFERS))
    assert found.purchases.empty
    assert "nothing is bought" in found.notes[0]


def test_demand_after_the_start_is_not_looked_at():
    later = DEMAND.assign(hour=DEMAND["hour"] + pd.Timedelta(days=300), demand=999.0)
    both = plan(pd.concat([DEMAND, later], ignore_index=True), NONE, Settings(START, OFFERS))
    pd.testing.assert_frame_equal(both.purchases, plan(DEMAND, NONE, Settings(START, OFFERS)).purchases)
    assert len(histories(DEMAND, START)[0].use) == hours("2022-02-01", "2022-09-01")
