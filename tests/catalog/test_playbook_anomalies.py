"""The anomalies' playbook: a month in which every decision fires, and one in which none does; the KPIs by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal as D

import pandas as pd
import pytest
from tests.catalog.conftest import charge

from helpers import catalog
from helpers.catalog import kpis as records

ID = "engineering_anomalies"
DECISIONS = [d.id for d in catalog.playbook(ID).decisions]
COLUMNS = list(records.COMPANION_COLUMNS["anomalies"])


def table(rows, currency="USD", months=("2026-08", "2026-09")):
    usual = {
        "month": "2026-09", "status": "alarm", "kind": "cost", "excess": D(10), "a_month": D(30), "avoided": None, "lasts": False,
        "owner": "Ana", "answered": True, "delay": 0,
    }  # fmt: skip
    frame = pd.DataFrame([usual | r for r in rows], columns=COLUMNS, dtype=object)
    frame.attrs |= {"currency": currency, "months": list(months)}
    return frame


BAD = [
    {"excess": D(40), "lasts": True, "a_month": D(120), "owner": "", "answered": False, "delay": 12},
    {"excess": D(7), "kind": "creep"},
    {"excess": D(5), "kind": "unused commitment"},
    {"excess": D(900), "status": "expected"},
    {"excess": D(3), "status": "muted"},
    {"month": "2026-08", "excess": D(1000)},
]
GOOD = [{"excess": D(900), "status": "expected"}, {"excess": D(3), "status": "new resource"}]


@pytest.fixture
def computed(make):
    def run(rows, **more):
        charges = make([charge(cost=1000), charge("2026-08", cost=1000)])
        return catalog.compute(
            charges, ID, "2026-09", as_of=date(2026, 10, 5), currency="USD", history=2, anomalies=table(rows, **more)
        )  # fmt: skip

    return run


def value(found, id, variant=""):
    return next(k for k in found if k.id == id and (k.variant or "") == variant)


def decided(found):
    return {a.id: a for a in catalog.playbook(ID).decide(found, as_of=date(2026, 10, 5), currency="USD")}


def test_every_decision_fires_in_the_bad_month_and_none_in_the_good_one(computed):
    assert set(decided(computed(BAD))) == set(DECISIONS)
    assert decided(computed(GOOD)) == {}


def test_actions_are_worth_what_was_found(computed):
    worth = {i: a.value for i, a in decided(computed(BAD)).items()}
    assert worth["stop-it"] == 120 and worth["explain"] == 52
    assert worth["find-owner"] == 40 and worth["ask-for-growth"] == 7 and worth["use-what-is-paid"] == 5
    assert worth["say-what-it-was"] is None and worth["too-much"] is None


def test_kpis_by_hand(computed):
    found = computed(BAD)
    assert value(found, "total-unpredicted-variance-of-spend").value == 52
    assert value(found, "total-unpredicted-variance-of-spend").previous == 1000
    assert value(found, "anomaly-detection-rate").value == D("0.052")
    assert value(found, "anomaly-detection-rate").status == "missed"
    assert value(found, "anomaly-delay").value == 4, "the mean of 12, 0 and 0"
    assert [value(found, "anomaly-cost", v).value for v in ("expected", "muted", "new", "unanswered")] == [
        900,
        3,
        0,
        40,
    ]


def test_avoidance_needs_a_confirmed_end(computed):
    none = value(computed(BAD), "anomaly-detected-cost-avoidance")
    assert none.value is None and "confirmed" in none.reason
    ended = [{"avoided": D(200)}, {"avoided": D(50), "month": "2026-08"}]
    assert value(computed(ended), "anomaly-detected-cost-avoidance").value == 200


def test_what_was_not_looked_at_has_no_value(computed):
    for found in (computed(BAD, currency="EUR"), computed(BAD, months=("2026-08",))):
        assert value(found, "total-unpredicted-variance-of-spend").value is None
    assert value(computed([]), "total-unpredicted-variance-of-spend").value == 0, (
        "nothing found is zero, not unknown"
    )


@pytest.mark.parametrize("text", ["0", "366", "2.5", "soon", "", "1e9", "NaN"])
def test_a_horizon_that_is_none(text):
    from helpers.catalog.anomalies import days
    from helpers.terms.errors import UsageError

    with pytest.raises(UsageError, match="whole number of days from 1 to 365"):
        days(text)
