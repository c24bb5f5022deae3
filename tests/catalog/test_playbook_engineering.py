"""Engineering's playbook: a month in which every decision fires, and one in which none does."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D

import pandas as pd
import pytest
from tests.catalog.conftest import charge

from helpers import catalog

ID = "engineering_rightsizing"
DECISIONS = [d.id for d in catalog.playbook(ID).decisions]
KINDS = ("idle machine", "oversized machine", "schedule", "snapshots", "NAT detour", "ARM")


def findings(kinds):
    table = pd.DataFrame(
        [{"resource_id": f"r{n}", "kind": k, "saving": D(10 + n), "currency": "USD"} for n, k in enumerate(kinds)],
        columns=["resource_id", "kind", "saving", "currency"], dtype=object,
    )  # fmt: skip
    table.attrs["currency"] = "USD"
    return table


def decided(make, good: bool):
    start = datetime(2026, 9, 7, tzinfo=UTC)  # a Monday
    ran = range(8, 18) if good else range(24)
    rows = [
        charge(
            cost=1, ResourceId="vm", PricingQuantity=1, ChargePeriodStart=start + timedelta(hours=h), ChargePeriodEnd=start + timedelta(hours=h + 1),
            x_KitTagPolicyMet=good, x_KitLegacy=False,
        )
        for h in ran
    ]  # fmt: skip
    rows.append(
        charge(cost=200, ResourceId="db", x_KitTagPolicyMet=good, x_KitDepartment="Shop" if good else None)
    )
    plan = {
        "resource_id": "vm",
        "zone": "UTC",
        "week": "mon-fri 08:00-18:00",
        "mode": None,
        "valid_from": date(2026, 9, 7),
        "valid_to": None,
    }
    leavers = pd.DataFrame([] if good else [{"cost": D(40)}], columns=["cost"], dtype=object)
    leavers.attrs["currency"] = "USD"
    promises = [] if good else [("no effect", D(70)), ("nobody's", D(30)), ("kept", D(5))]
    kpis = catalog.compute(
        make(rows), ID, "2026-09", as_of=date(2026, 10, 5), currency="USD", history=1,
        findings=findings(() if good else KINDS),
        utilisation=pd.DataFrame({"used": [D(5)], "capacity": [D(10)]}),
        schedules=pd.DataFrame([plan], dtype=object),
        actions=pd.DataFrame([{"promised": p, "currency": "USD", "judgement": j} for j, p in promises], columns=["promised", "currency", "judgement"], dtype=object),
        leavers=leavers,
    )  # fmt: skip
    return {a.id: a for a in catalog.playbook(ID).decide(kpis, as_of=date(2026, 10, 5), currency="USD")}


@pytest.fixture
def bad(make):
    return decided(make, False)


def test_every_decision_fires_in_the_bad_month_and_none_in_the_good_one(make, bad):
    assert set(bad) == set(DECISIONS)
    assert decided(make, True) == {}


def test_actions_are_worth_what_was_found(bad):
    worth = {i: a.value for i, a in bad.items()}
    assert worth["stop-idle"] == 10 and worth["size-down"] == 11 and worth["switch-off"] == 12
    assert worth["clean-storage"] == 13 and worth["shorten-paths"] == 14 and worth["renew"] == 15
    assert worth["own-it"] == 200
    assert (worth["promise-broken"], worth["nobody-acts"]) == (70, 30)
    assert worth["hand-over"] is None
    assert "0 %" in bad["keep-to-plan"].title


def test_what_is_not_known_stays_silent(make):
    kpis = catalog.compute(
        make([charge(cost=5)]), ID, "2026-09", as_of=date(2026, 10, 5), currency="USD", history=1
    )
    known = {k.key for k in kpis if k.value is not None}
    assert "possible-saving" not in known
    assert all(k.reason for k in kpis if k.value is None)
    fired = {a.id for a in catalog.playbook(ID).decide(kpis, as_of=date(2026, 10, 5), currency="USD")}
    assert not fired & {"stop-idle", "promise-broken", "nobody-acts", "keep-to-plan", "hand-over"}


def test_every_kpi_of_the_page_is_shown_by_its_notebook():
    shown = {r.id for r in catalog.kpis.of_notebook(ID)}
    book = catalog.playbook(ID)
    assert {t.kpi.split(":")[0] for d in book.decisions for t in d.tests} <= shown
    assert {k.split(":")[0] for k in book.targets} <= shown
