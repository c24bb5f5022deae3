"""Coverage, utilisation, waste and consumption of commitment discounts."""

from __future__ import annotations

from decimal import Decimal

import pandas as pd
import pytest

from helpers.measures import commitments
from helpers.terms.money import shown


def row(cc, ec, status=None, quantity=None, unit="Hours", **more):
    return {
        "ContractedCost": cc,
        "ListCost": cc,
        "EffectiveCost": ec,
        "CommitmentDiscountStatus": status,
        "CommitmentDiscountQuantity": quantity,
        "CommitmentDiscountUnit": unit if status else None,
        "CommitmentDiscountId": "plan" if status else None,
        "x_KitEligible": status is None,
    } | more


#         CC   EC
TEN = [
    row(80, 50, "Used", 40),
    row(40, 30, "Used", 20),
    row(25, 20, "Unused", 20),
    row(60, 60),
    row(20, 20),
    row(90, 30, PricingCategory="Dynamic"),  # spot
    row(70, 70, x_KitEligible=False),  # nothing covers it
    row(50, 50, ServiceCategory="Databases"),  # not compute
    row(10, 10, ChargeClass="Correction"),
    row(60, 0, ChargeCategory="Purchase", CommitmentDiscountQuantity=80),
]


def test_ten_charges_by_hand(bench, one):
    charges = bench.table(TEN)
    assert one(commitments.coverage(charges)) == Decimal(120) / (120 + 80)
    assert one(commitments.coverage(charges, "EffectiveCost")) == Decimal(80) / (80 + 80)
    assert one(commitments.coverage(charges, category="")) == Decimal(120) / (120 + 80 + 50)
    assert one(commitments.utilisation(charges)) == Decimal(60) / 80  # by cost it would be 80 / 100
    assert one(commitments.utilisation(charges, by_quantity=False)) == Decimal(80) / 100
    assert one(commitments.waste(charges)) == Decimal(20) / 100
    assert one(commitments.consumption(charges)) == Decimal(60) / 80


def test_used_without_contracted_price_leaves_coverage(bench, one):
    charges = bench.table([row(None, 50, "Used"), row(40, 30, "Used"), row(60, 60), row(None, 5)])
    assert one(commitments.coverage(charges)) == Decimal(40) / 100


@pytest.mark.parametrize(
    "spoiled",
    [
        row(10, 10, "Used", None),  # a quantity is missing
        row(10, 10, "Used", 10, unit="USD"),  # hours and dollars do not add
        row(10, 10, "Used", 10, unit=None),
    ],
)
def test_utilisation_falls_back_to_effective_cost(bench, one, spoiled):
    charges = bench.table([row(80, 50, "Used", 40), row(25, 20, "Unused", 20), spoiled])
    assert one(commitments.utilisation(charges)) == Decimal(60) / 80


def test_no_commitment_has_no_utilisation_but_no_coverage(bench, one):
    charges = bench.table([row(60, 60)])
    assert one(commitments.utilisation(charges)).is_nan()
    assert one(commitments.waste(charges)).is_nan()
    assert one(commitments.consumption(charges)).is_nan()
    assert one(commitments.coverage(charges)) == 0
    nothing = bench.table([row(60, 60, x_KitEligible=False)])
    assert one(commitments.coverage(nothing)).is_nan()


FLEXIBILITY = {
    "one_hundred_percent_utilization_with_commitment_discount_flexibility_with_1_resource": 1,
    "one_hundred_percent_utilization_with_commitment_discount_flexibility_with_2_resources": 1,
    "one_hundred_percent_utilization_without_commitment_discount_flexibility": 1,
    "zero_percent_utilization_without_commitment_discount_flexibility": 0,
}


@pytest.mark.parametrize("example", FLEXIBILITY)
def test_the_specifications_flexibility_examples(bench, one, shared, example):
    file = shared / "focus" / "spec_examples" / f"commitment_discount_flexibility__{example}.csv"
    charges = bench.file(file, BillingCurrency="'USD'", ServiceCategory="'Compute'")
    assert one(commitments.utilisation(charges)) == FLEXIBILITY[example]
    assert one(commitments.waste(charges)) == 1 - FLEXIBILITY[example]


CONTRACTS = pd.DataFrame(
    {
        "ContractCommitmentId": ["plan", "other", "spend"],
        "ContractCommitmentQuantity": [Decimal(50), Decimal(100), None],
        "ContractCommitmentUnit": ["Hours", "Hours", None],
    }
)


def test_consumption_against_contracts_shows_overage(bench, one):
    charges = bench.table([row(80, 50, "Used", 180), row(1, 1, "Used", 7, CommitmentDiscountId="unknown")])
    assert shown(one(commitments.consumption(charges, CONTRACTS))) == "1.200000000000"


def test_consumption_in_two_units_is_no_number(bench, one):
    mixed = bench.table([row(80, 50, "Used", 40), row(80, 50, "Unused", 40, unit="USD")])
    assert one(commitments.consumption(mixed)).is_nan()
    dollars = bench.table([row(80, 50, "Used", 40, unit="USD")])
    assert one(commitments.consumption(dollars, CONTRACTS)).is_nan()


def test_consumption_of_contracts_without_quantity_is_no_number(bench, one):
    charges = bench.table([row(80, 50, "Used", 40)])
    assert one(commitments.consumption(charges, CONTRACTS.iloc[2:])).is_nan()
    unused_plan = bench.table([row(80, 50, "Used", 40, CommitmentDiscountId="unknown")])
    assert one(commitments.consumption(unused_plan, CONTRACTS)) == 0
