"""The effective savings rate, where today's tools are wrong. LC list, CC contracted, EC effective, BC billed cost."""

from __future__ import annotations

from decimal import Decimal

import pytest

from helpers import measures
from helpers.measures import savings
from helpers.terms.money import shown


def row(lc, cc, ec, bc=0, status=None, category="Usage", **more):
    return {
        "ListCost": lc,
        "ContractedCost": cc,
        "EffectiveCost": ec,
        "BilledCost": bc,
        "CommitmentDiscountStatus": status,
        "ChargeCategory": category,
        "x_KitEligible": category == "Usage" and status is None,
    } | more


ON_DEMAND = row(100, 90, 90, 90)
USED = row(100, 90, 60, 0, "Used")
UNUSED = row(40, 36, 20, 0, "Unused")
PURCHASE = row(80, 80, 0, 80, category="Purchase")
TAX = row(10, 10, 10, 10, category="Tax")
GOLDEN = [ON_DEMAND, USED, UNUSED, PURCHASE, TAX]

# Ten charges by hand. Inside the rates: 1 to 4 and 6; unused 5 in EC only; out: 7 to 10.
#                     LC   CC   EC   BC
TEN = [
    row(200, 180, 180, 180),  # 1 on demand
    row(100, 90, 60, 0, "Used"),  # 2
    row(50, 50, 20, 20, PricingCategory="Dynamic"),  # 3 spot
    row(30, 30, 30, 30, x_KitPublisherName="Datadog, Inc."),  # 4 marketplace, on AWS's invoice
    row(None, None, 12, 0, "Unused"),  # 5
    row(20, 20, 20, 20, ServiceName="Support", ServiceCategory="Other", x_KitEligible=False),  # 6
    row(None, 40, 40, 40),  # 7 no list price
    row(-60, -60, -60, -60, ChargeClass="Correction"),  # 8 refund
    row(500, 500, 0, 500, category="Purchase"),  # 9
    row(7, 7, 7, 7, category="Tax"),  # 10
]


def saved(paid, without):
    return shown(1 - Decimal(paid) / without)


def test_golden_rates(bench, one):
    charges = bench.table(GOLDEN)
    assert one(savings.over_list(charges)) == Decimal("0.15")
    assert shown(one(savings.over_contracted(charges))) == "0.055555555556"
    assert shown(one(savings.commitments_only(charges))) == "0.055555555556"
    assert one(savings.negotiated(charges)) == Decimal("0.1")


def test_the_two_usual_wrong_answers_are_not_given(bench, one):
    with_unused_list = 1 - Decimal(90 + 60 + 20) / (100 + 100 + 40)
    with_purchase_too = 1 - Decimal(90 + 60 + 20) / (100 + 100 + 40 + 80)
    assert [shown(w, 3) for w in (with_unused_list, with_purchase_too)] == ["0.292", "0.469"]
    charges = bench.table(GOLDEN)
    given = {shown(one(m), 3) for m in (savings.over_list(charges), savings.over_contracted(charges))}
    assert given == {"0.150", "0.056"}


def test_ten_charges_by_hand(bench, one):
    charges = bench.table(TEN)
    # list: EC 180+60+20+30+20 = 310, unused 12; LC 200+100+50+30+20 = 400
    assert one(savings.over_list(charges)) == 1 - Decimal(322) / 400
    # contracted: number 7 has a contracted price, so EC 350 + 12; CC 180+90+50+30+20+40 = 410
    assert shown(one(savings.over_contracted(charges))) == shown(1 - Decimal(362) / 410)
    # commitments: used 2, eligible on-demand 1, 4 and 7, no spot; EC 60+180+30+40 + 12; CC 90+180+30+40 = 340
    assert shown(one(savings.commitments_only(charges))) == shown(1 - Decimal(322) / 340)
    # negotiated: CC 370 of LC 400, number 7 out for want of a list price
    assert one(savings.negotiated(charges)) == 1 - Decimal(370) / 400
    # beside them: what is left out for want of a list price, by value and by count
    assert shown(one(savings.without_list_price(charges))) == shown(Decimal(40) / 350)
    assert one(savings.charges_without_list_price(charges)) == 1


@pytest.mark.parametrize(
    ("scope", "paid", "list_cost", "name"),
    [
        (savings.Scope(), 322, 400, "all usage"),
        (savings.Scope(spot=False), 302, 350, "all usage without spot"),
        (savings.Scope(marketplace=False), 292, 370, "all usage without marketplace"),
        (savings.Scope(support=False), 302, 380, "all usage without support"),
        (savings.Scope(category="Compute"), 302, 380, "Compute"),
        (savings.Scope(provider="Oracle"), 0, 0, "all usage of Oracle"),
        (savings.BENCHMARK, 252, 300, "Compute of AWS without spot, marketplace, support"),
    ],
)
def test_each_scope_is_named_and_counts_its_rows(bench, one, scope, paid, list_cost, name):
    found = one(savings.over_list(bench.table(TEN), scope))
    assert shown(found) == saved(paid, list_cost) if list_cost else found.is_nan()
    assert scope.name == name


def test_every_savings_number_keeps_to_its_scope(bench, one):
    charges = bench.table([*TEN, row(None, 9, 9, PricingCategory="Dynamic")])
    no_spot = savings.Scope(spot=False)
    inside = bench.table([r for r in TEN if r.get("PricingCategory") != "Dynamic"])
    for number in (
        savings.over_list,
        savings.over_contracted,
        savings.commitments_only,
        savings.negotiated,
        savings.without_list_price,
        savings.charges_without_list_price,
    ):
        assert one(number(charges, no_spot)) == one(number(inside)), number.__name__
    used = savings.Scope(category="Databases")
    assert one(savings.commitments_only(charges, used)).is_nan()


@pytest.mark.parametrize(
    ("list_cost", "effective", "out"),
    [(None, 40, True), (0, 40, True), (0, 0, False), (0, -40, False), (50, 40, False)],
)
def test_a_charge_lacks_a_price_when_it_is_null_or_zero_for_something_paid(
    bench, one, list_cost, effective, out
):
    charges = bench.table([row(list_cost, 45, effective), ON_DEMAND])
    assert one(savings.charges_without_list_price(charges)) == int(out)
    listed = 100 + (0 if out else list_cost)
    paid = 90 + (0 if out else effective)
    assert shown(one(savings.over_list(charges))) == saved(paid, listed)


def test_a_charge_without_effective_cost_leaves_every_sum(bench, one):
    charges = bench.table([ON_DEMAND, row(70, 60, None)])
    assert one(savings.over_list(charges)) == Decimal("0.1")
    assert one(savings.negotiated(charges)) == Decimal("0.1")


def test_negotiated_and_commitment_together_are_the_whole_rate(bench, one):
    charges = bench.table(GOLDEN)
    left = (1 - one(savings.negotiated(charges))) * (1 - one(savings.over_contracted(charges)))
    assert shown(1 - left) == shown(one(savings.over_list(charges)))


def test_nothing_priced_is_no_rate_not_zero(bench, one):
    charges = bench.table([PURCHASE, TAX, row(None, None, 5)])
    rates = [
        savings.over_list,
        savings.over_contracted,
        savings.commitments_only,
        savings.negotiated,
    ]
    assert all(one(rate(charges)).is_nan() for rate in rates)
    assert one(savings.without_list_price(charges)) == 1


def test_eligible_needs_no_commitment_no_spot_and_the_mark(bench, one):
    charges = bench.table(
        [
            USED,
            ON_DEMAND,
            ON_DEMAND | {"x_KitEligible": None},
            ON_DEMAND | {"x_KitEligible": False},
            ON_DEMAND | {"PricingCategory": "Dynamic"},
            ON_DEMAND | {"PricingCategory": None},
            ON_DEMAND | {"ChargeClass": "Correction"},
        ]
    )
    assert shown(one(savings.commitments_only(charges))) == shown(1 - Decimal(60 + 90 + 90) / 270)


def test_a_third_party_on_a_third_partys_invoice_is_no_marketplace(bench, one):
    sold = {"x_KitPublisherName": None, "ServiceProviderName": "Datadog", "InvoiceIssuerName": "Datadog"}
    charges = bench.table([ON_DEMAND, row(30, 30, 30, **sold)])
    assert shown(one(savings.over_list(charges, savings.Scope(marketplace=False)))) == saved(120, 130)
    resold = bench.table([ON_DEMAND, row(30, 30, 30, **sold | {"InvoiceIssuerName": "Amazon Web Services"})])
    assert one(savings.over_list(resold, savings.Scope(marketplace=False))) == Decimal("0.1")
    assert shown(one(savings.over_list(resold))) == saved(120, 130)


def test_keys_and_units(bench):
    charges = bench.table(GOLDEN)
    several = [savings.over_list, savings.over_contracted, savings.commitments_only, savings.negotiated]
    made = [m(charges) for m in several]
    assert [m.key for m in made] == [
        "effective-savings-rate-percentage:list",
        "effective-savings-rate-percentage:contracted",
        "effective-savings-rate-percentage:commitments",
        "negotiated-savings-rate",
    ]
    assert {m.unit for m in made} == {"ratio"}
    assert list(measures.evaluate(made).columns) == ["BillingCurrency", *(m.key for m in made)]
