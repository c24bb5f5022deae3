"""Totals, ranked shares, concentration, spot, refunds and credits, each by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest

from helpers import measures
from helpers.measures import totals
from helpers.terms.errors import UsageError
from helpers.terms.period import Month


def row(service, bc, ec=None, **more):
    return {"ServiceName": service, "BilledCost": bc, "EffectiveCost": bc if ec is None else ec} | more


TEN = [
    row("A", "10.10", ListCost="20", ContractedCost="15"),
    row("A", "20.20"),
    row("A", "0.000000000000000001"),
    row("B", "30"),
    row("B", "5", PricingCategory="Dynamic"),
    row("C", "7", CommitmentDiscountStatus="Unused"),
    row("D", "-4", ChargeCategory="Credit"),
    row("A", "-6", ChargeClass="Correction"),
    row("E", "-1", ChargeCategory="Credit", ChargeClass="Correction"),
    row("F", "9", BillingCurrency="EUR"),
]


def test_totals_are_exact_and_each_currency_its_own(bench):
    charges = bench.table(TEN)
    found = measures.evaluate([*totals.all_four(charges), totals.count(charges)])
    assert list(found["BillingCurrency"]) == ["EUR", "USD"]
    assert list(found["total-billed-cost"]) == [Decimal(9), Decimal("61.300000000000000001")]
    assert list(found["charges"]) == [1, 9]
    assert found["total-list-cost"][1] == 20
    assert found["total-contracted-cost"][1] == 15
    assert found["total-list-cost"][0].is_nan()  # no charge in EUR has a list cost: not known, not zero


def test_refunds_credits_and_spot_by_hand(bench):
    charges = bench.table(TEN)
    found = measures.evaluate(
        [totals.refunds(charges), totals.credits_given(charges), totals.spot_share(charges)]
    ).iloc[1]
    assert found["refunds-and-credits:refunds"] == -7
    assert found["refunds-and-credits:credits"] == -4
    # compute usage without corrections and unused commitment: 10.1 + 20.2 + 1E-18 + 30 + 5
    assert found["spot-share"] == pytest.approx(
        Decimal(5) / Decimal("65.300000000000000001"), abs=Decimal("1E-18")
    )


def test_concentration_is_the_share_of_the_largest(bench, one):
    charges = bench.table([row("A", 50), row("B", 30), row("C", 15), row(None, 5)])
    assert one(totals.concentration(charges, top=1)) == Decimal("0.5")
    assert one(totals.concentration(charges)) == Decimal("0.95")
    assert totals.concentration(charges).key == "concentration:top-3-ServiceName"
    assert one(totals.concentration(charges, top=9)) == 1
    assert totals.concentration(charges, "RegionId", 2).key == "concentration:top-2-RegionId"


def test_ranked_adds_up_and_shows_the_month_before(bench):
    charges = bench.table(
        [
            row("A", 60),
            row("B", 30),
            row(None, 10),
            row("A", 50, x_KitPeriod="2026-08"),
            row("Gone", 5, x_KitPeriod="2026-08"),
            row("A", 999, x_KitPeriod="2026-07"),
            row("A", 999, BillingCurrency="EUR"),
        ]
    )
    found = totals.ranked(charges, Month(2026, 9), "ServiceName", currency="USD")
    assert list(found.columns) == ["ServiceName", "amount", "share", "previous", "change"]
    assert found.to_dict("list") == {
        "ServiceName": ["A", "B", None, "Gone"],
        "amount": [60, 30, 10, 0],
        "share": [Decimal("0.6"), Decimal("0.3"), Decimal("0.1"), 0],
        "previous": [50, 0, 0, 5],
        "change": [10, 30, 10, -5],
    }
    older = totals.ranked(
        charges, Month(2026, 9), "ServiceName", currency="USD", cost="BilledCost", previous=Month(2026, 7)
    )
    assert list(older["previous"]) == [999, 0, 0]


def test_ties_are_ranked_by_the_month_before_then_by_name(bench):
    charges = bench.table([row("B", 1), row("A", 1), row("C", 1), row("C", 1, x_KitPeriod="2026-08")])
    found = totals.ranked(charges, Month(2026, 9), "ServiceName", currency="USD")
    assert list(found["ServiceName"]) == ["C", "A", "B"]


def test_sums_by_are_of_one_month(bench):
    charges = bench.table([row("A", 1), row("A", 2, x_KitPeriod="2026-08")])
    found = totals.sums_by(charges, Month(2026, 9), ["ServiceName"])
    assert found[["ServiceName", "BillingCurrency", "total-billed-cost"]].values.tolist() == [["A", "USD", 1]]


def test_month_and_window_look_at_the_billing_month(bench):
    rows = [row("A", 1, x_KitPeriod=str(Month(2025, 8).plus(n))) for n in range(15)]
    charges = bench.table(rows, ChargePeriodStart="2020-01-01T00:00:00Z")
    assert measures.month(charges, Month(2026, 9)).count().execute() == 1
    periods = measures.window(charges, Month(2026, 9)).x_KitPeriod.execute()
    assert sorted(periods) == [str(Month(2025, 9).plus(n)) for n in range(13)]
    assert len(measures.window(charges, Month(2026, 9), 2).execute()) == 2


def test_evaluate_says_what_it_cannot_do(bench):
    charges = bench.table(TEN)
    billed = totals.total(charges, "BilledCost")
    with pytest.raises(UsageError, match="total-billed-cost twice"):
        measures.evaluate([billed, billed])
    with pytest.raises(UsageError, match="by Colour"):
        measures.evaluate([billed], by=["Colour"])
    alone = measures.Measure("alone", {"n": 3}, lambda s: Decimal(s["n"]), "ratio")
    with pytest.raises(UsageError, match="alone by ServiceName"):
        measures.evaluate([alone], by="ServiceName")
    assert measures.evaluate([alone]).to_dict("records") == [{"BillingCurrency": None, "alone": 3}]


def test_no_charges_no_rows(bench):
    charges = bench.table([])
    assert len(measures.evaluate([totals.total(charges, "BilledCost")], by=["ServiceName"])) == 0
    assert measures.evaluate([totals.total(charges, "BilledCost")])["total-billed-cost"][0].is_nan()


def test_measures_of_one_table_are_one_aggregate_and_equal_sums_are_taken_once(bench, monkeypatch):
    charges = bench.table(TEN)
    asked = []
    run = type(charges).to_pyarrow
    monkeypatch.setattr(type(charges), "to_pyarrow", lambda self, **k: asked.append(self) or run(self, **k))
    measures.evaluate([*totals.all_four(charges), measures.savings.over_list(charges)])
    assert len(asked) == 1
    asked.clear()
    measures.evaluate([measures.commitments.waste(charges), measures.commitments.utilisation(charges, False)])
    (expression,) = asked
    assert len(expression.columns) == 1 + 3  # currency; used, unused, committed


def test_groups_are_in_the_order_of_their_keys_with_the_nameless_last(bench):
    charges = bench.table([row("B", 1), row(None, 2), row("A", 3)])
    found = measures.evaluate([totals.total(charges, "BilledCost")], by=["ServiceName"])
    assert list(found["ServiceName"]) == ["A", "B", None]


def test_a_month_without_charges_is_an_empty_ranking_with_its_columns(bench):
    found = totals.ranked(bench.table([]), Month(2026, 9), "ServiceName", currency="USD")
    assert list(found.columns) == ["ServiceName", "amount", "share", "previous", "change"]
    assert len(found) == 0
