"""What must hold for any charges: order, split and currencies change nothing."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers import measures
from helpers.measures import totals

money = st.decimals(-1000, 1000, places=12)
charge = st.fixed_dictionaries(
    {
        "BillingCurrency": st.sampled_from(["USD", "USD", "EUR"]),
        "x_KitPeriod": st.sampled_from(["2026-08", "2026-09"]),
        "ServiceName": st.sampled_from(["A", "B", None]),
        "ServiceCategory": st.sampled_from(["Compute", "Storage"]),
        "ChargeCategory": st.sampled_from(["Usage", "Usage", "Usage", "Purchase", "Tax", "Credit"]),
        "ChargeClass": st.sampled_from([None, None, "Correction"]),
        "PricingCategory": st.sampled_from(["Standard", "Dynamic", None]),
        "CommitmentDiscountStatus": st.sampled_from([None, "Used", "Unused"]),
        "CommitmentDiscountQuantity": st.none() | money,
        "CommitmentDiscountUnit": st.sampled_from(["Hours", "USD", None]),
        "ConsumedQuantity": st.none() | money,
        "ConsumedUnit": st.sampled_from(["Hours", "GB-Months", "Requests", None]),
        "x_KitEligible": st.sampled_from([True, False, None]),
        "x_KitCores": st.sampled_from([2, 4, None]),
        "x_KitTagged": st.booleans(),
        "x_KitDepartment": st.sampled_from(["web", None]),
        "BilledCost": money,
        "EffectiveCost": money,
        "ContractedCost": st.none() | money,
        "ListCost": st.none() | money,
    }
)
any_charges = given(st.lists(charge, min_size=1, max_size=20))
few = settings(
    max_examples=6,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def same(one, other):
    assert one.map(str).to_dict("records") == other.map(str).to_dict("records")


@few
@given(
    st.lists(charge, min_size=1, max_size=20).flatmap(
        lambda rows: st.tuples(st.just(rows), st.permutations(rows))
    )
)
def test_the_order_of_rows_changes_nothing(bench, every, companions, both):
    rows, mixed = both
    same(*(measures.evaluate(every(bench.table(r), companions)) for r in (rows, mixed)))


@few
@any_charges
def test_the_split_into_tables_changes_nothing(bench, every, companions, rows):
    half = len(rows) // 2
    parts = bench.table(rows[:half]).union(bench.table(rows[half:]))
    same(*(measures.evaluate(every(t, companions)) for t in (bench.table(rows), parts)))


@few
@any_charges
def test_a_currency_alone_has_the_numbers_it_has_among_others(bench, every, companions, rows):
    together = measures.evaluate(every(bench.table(rows), companions))
    for currency in {r["BillingCurrency"] for r in rows}:
        alone = bench.table([r for r in rows if r["BillingCurrency"] == currency])
        apart = together[together["BillingCurrency"] == currency].dropna(axis=1, how="all")
        same(apart, measures.evaluate(every(alone, companions))[apart.columns])


@few
@any_charges
def test_totals_by_any_columns_add_up_to_the_total(bench, rows):
    charges = bench.table(rows)
    billed = totals.total(charges, "BilledCost")
    for by in (["ServiceName"], ["x_KitPeriod", "ServiceCategory"]):
        parts, whole = measures.evaluate([billed], by=by), measures.evaluate([billed])
        for currency, total in zip(whole["BillingCurrency"], whole["total-billed-cost"], strict=True):
            assert (
                sum(parts.loc[parts["BillingCurrency"] == currency, "total-billed-cost"], Decimal(0)) == total
            )


@few
@any_charges
def test_a_month_by_itself_has_the_numbers_it_has_in_the_window(bench, every, companions, rows):
    def monthly(charges):
        return [m for m in every(charges, companions) if "x_KitPeriod" in m.table.columns]

    charges = bench.table(rows)
    window = measures.evaluate(monthly(charges), by=["x_KitPeriod"])
    for period in {r["x_KitPeriod"] for r in rows}:
        alone = measures.evaluate(monthly(charges.filter(charges.x_KitPeriod == period)))
        inside = window[window["x_KitPeriod"] == period].drop(columns="x_KitPeriod")
        invoiced = "percentage-of-normalized-queryable-data-within-repository"
        same(inside.drop(columns=invoiced), alone.drop(columns=invoiced))
