"""The effective savings rate, where today's tools are wrong."""

from __future__ import annotations

from decimal import Decimal

from helpers.measures import savings
from helpers.terms.money import shown

# What the issue gives: LC list, CC contracted, EC effective, BC billed.
ON_DEMAND = {
    "ListCost": "100",
    "ContractedCost": "90",
    "EffectiveCost": "90",
    "BilledCost": "90",
    "x_KitEligible": True,
}
USED = {
    "ListCost": "100",
    "ContractedCost": "90",
    "EffectiveCost": "60",
    "BilledCost": "0",
    "CommitmentDiscountStatus": "Used",
}
UNUSED = {
    "ListCost": "40",
    "ContractedCost": "36",
    "EffectiveCost": "20",
    "BilledCost": "0",
    "CommitmentDiscountStatus": "Unused",
}
PURCHASE = {
    "ChargeCategory": "Purchase",
    "ListCost": "80",
    "ContractedCost": "80",
    "EffectiveCost": "0",
    "BilledCost": "80",
}
TAX = {
    "ChargeCategory": "Tax",
    "ListCost": "10",
    "ContractedCost": "10",
    "EffectiveCost": "10",
    "BilledCost": "10",
}
GOLDEN = [ON_DEMAND, USED, UNUSED, PURCHASE, TAX]


def test_golden_rates(bench, one):
    charges = bench.table(GOLDEN)
    assert one(savings.over_list(charges)) == Decimal("0.15")
    assert shown(one(savings.over_contracted(charges))) == "0.055555555556"
    assert shown(one(savings.commitments_only(charges))) == "0.055555555556"
    assert one(savings.negotiated(charges)) == Decimal("0.1")


def test_the_two_usual_wrong_answers_are_not_given(bench, one):
    given = shown(one(savings.over_list(bench.table(GOLDEN))), 3)
    assert given == "0.150"
    assert given not in {"0.292", "0.469"}
