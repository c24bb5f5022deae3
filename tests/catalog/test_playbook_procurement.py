"""Procurement's playbook: a month in which every decision fires, and one in which none does."""

from __future__ import annotations

from datetime import date
from decimal import Decimal as D

from tests.catalog.conftest import charge

from helpers import catalog
from helpers.catalog.results import found
from helpers.terms.period import Month

ID = "procurement_commitments"
PLAYBOOK = catalog.playbook(ID)
OWN = (
    "commitments-lapsed", "commitments-ending", "commitments-larger-than-use", "commitments-wrong-family", "commitments-not-known",
    "commitments-to-buy", "order-of-planning", "agreement-shortfall", "terms-off-budget", "notice-near", "credits-not-claimed", "discount-not-applied",
)  # fmt: skip


def decided(make, good: bool):
    rows = [
        charge(cost=70, ContractedCost=100, CommitmentDiscountId="c", CommitmentDiscountStatus="Used", ServiceCategory="Compute"),
        charge(cost=1 if good else 60, ContractedCost=None, CommitmentDiscountId="c", CommitmentDiscountStatus="Unused", ServiceCategory="Compute"),
        charge(cost=10 if good else 900, ServiceCategory="Compute", x_KitEligible=True),
    ]  # fmt: skip
    kpis = catalog.compute(make(rows), ID, "2026-09", as_of=date(2026, 10, 5), currency="USD", history=1)
    amount = D(0) if good else D(40)
    mine = [{"kpi": id, "value": amount, "currency": "USD"} for id in OWN]
    mine.append({"kpi": "commitment-lock-in", "value": D(6) if good else D(30), "currency": "USD"})
    kpis = [k for k in kpis if k.id not in {m["kpi"] for m in mine}] + found(mine, Month(2026, 9))
    return {a.id: a for a in PLAYBOOK.decide(kpis, as_of=date(2026, 10, 5), currency="USD")}


def test_every_decision_fires_in_the_bad_month_and_none_in_the_good_one(make):
    bad = decided(make, False)
    assert set(bad) == {d.id for d in PLAYBOOK.decisions}
    assert decided(make, True) == {}
    assert bad["use-what-is-paid"].value == 60
    assert bad["buy-again"].value == 40
    assert "40 USD" in bad["give-notice"].title


def test_each_responsibility_is_served():
    assert all(PLAYBOOK.serves[duty] for duty in PLAYBOOK.responsibilities)
    assert {s for d in PLAYBOOK.decisions for s in d.serves} == set(PLAYBOOK.responsibilities)
