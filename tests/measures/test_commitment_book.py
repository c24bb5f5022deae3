"""Commitments month by month, the specification's worked examples, and cases by hand; purchases never count beside usage."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.measures.conftest import Bench

from helpers.measures import benefit, commitment_book, commitments, contract_terms, savings
from helpers.terms.money import shown
from helpers.terms.period import Month

SEPTEMBER = Month(2026, 9)


@pytest.fixture(scope="module")
def bench_once():
    """One engine for all of hypothesis' cases."""
    return Bench()


def at(day: int, month: int = 9, hour: int = 0) -> str:
    return (datetime(2026, month, 1, hour, tzinfo=UTC) + timedelta(days=day - 1)).isoformat()


def row(cc, ec, status=None, quantity=None, day=1, end=None, bc=0, **more):
    return {
        "ContractedCost": cc,
        "ListCost": cc,
        "EffectiveCost": ec,
        "BilledCost": bc,
        "CommitmentDiscountStatus": status,
        "CommitmentDiscountQuantity": quantity,
        "CommitmentDiscountUnit": "Hours" if quantity is not None else None,
        "CommitmentDiscountId": "c" if status else None,
        "x_KitEligible": status is None,
        "ChargePeriodStart": at(day),
        "ChargePeriodEnd": at(end or day + 1),
        "ResourceId": "vm",
        "x_KitDepartment": "Shop",
    } | more


def purchase(billed, start=1, end=30, **more):
    return row(billed, 0, bc=billed, day=start, end=end) | {
        "ChargeCategory": "Purchase", "CommitmentDiscountId": "c", "x_KitEligible": False,
    } | more  # fmt: skip


# --- the specification's examples: utilisation, waste, coverage, savings rate, all from usage rows

EXAMPLES = {  # file -> utilisation, effective cost of used and unused; the oddities of the files stand in docs/procurement.md
    "commitment_discount_scenarios__commitment_discount_usage_scenario_1": (D(1), D(1), D(0)),
    "commitment_discount_scenarios__commitment_discount_usage_scenario_2": (D(0), D(0), D(1)),
    "commitment_discount_scenarios__commitment_discount_usage_scenario_3": (D("0.75"), D("0.75"), D("0.25")),
    "commitment_discount_scenarios__commitment_discount_usage_scenario_4": (D(1), D(1), D(0)),
}


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_specifications_usage_scenarios(bench, one, shared, example):
    share, used, unused = EXAMPLES[example]
    charges = bench.file(
        shared / "focus" / "spec_examples" / f"{example}.csv",
        BillingCurrency="'USD'",
        x_KitPeriod="'2023-01'",
    )
    assert one(commitments.utilisation(charges)) == share
    assert one(commitments.waste(charges)) == 1 - share
    book = commitment_book.book(charges, Month(2023, 1))
    assert (book["used"].iloc[0], book["unused"].iloc[0]) == (used, unused)


@pytest.mark.parametrize(
    ("example", "billed"),
    [("purchase_scenario_1", D(8760)), ("purchase_scenario_2", D(3)), ("purchase_scenario_3", D("4381.5"))],
)
def test_the_specifications_purchase_scenarios(bench, one, shared, tmp_path, example, billed):
    """Purchases are billed and cost nothing in effect: no rate sees them, and the book keeps them apart."""
    file = (
        shared
        / "focus"
        / "spec_examples"
        / f"commitment_discount_scenarios__commitment_discount_{example}.csv"
    )
    # the examples' hours 30:00 are no hours: the second and third end on the next day
    mended = tmp_path / "mended.csv"
    mended.write_text(file.read_text("utf-8").replace("T30:00:00Z", "T06:00:00Z"), "utf-8")
    charges = bench.file(mended, BillingCurrency="'USD'", x_KitPeriod="'2023-01'")
    assert one(commitments.utilisation(charges)).is_nan()
    assert one(savings.over_contracted(charges)).is_nan()
    book = commitment_book.book(charges, Month(2023, 1))
    assert (book["billed"].iloc[0], book["used"].iloc[0]) == (billed, 0)


FLEX = {  # file -> ESR over list of usage, coverage in list price
    "one_hundred_percent_utilization_with_commitment_discount_flexibility_with_2_resources": (D("0.5"), D(1)),
    "one_hundred_percent_utilization_without_commitment_discount_flexibility": (D("0.5"), D(1)),
    "zero_percent_utilization_without_commitment_discount_flexibility": (1 - D("3.5") / 2, D(0)),
}


@pytest.mark.parametrize("example", FLEX)
def test_the_specifications_flexibility_examples_have_one_savings_rate_with_and_without_purchases(
    bench, one, shared, example
):
    file = shared / "focus" / "spec_examples" / f"commitment_discount_flexibility__{example}.csv"
    rate, covered = FLEX[example]
    eligible = "ChargeCategory = 'Usage'"
    both = bench.file(
        file,
        BillingCurrency="'USD'",
        ServiceCategory="'Compute'",
        ContractedCost="ListCost",
        x_KitEligible=eligible,
    )
    usage = both.filter(both.ChargeCategory == "Usage")
    assert one(savings.over_list(both)) == one(savings.over_list(usage)) == rate
    assert one(commitments.coverage(both)) == one(commitments.coverage(usage)) == covered


# --- by hand

PARTIAL = [  # begins on the 11th: twenty days of 10, of which two lie idle; ten days on demand before
    *(row(14, 14, day=d) for d in range(1, 11)),
    *(row(14, 10, "Used", 24, day=d) for d in range(11, 29)),
    *(row(0, 10, "Unused", 24, day=d) for d in (29, 30)),
    purchase(200, 11),
]
EXPIRES = [  # ends in the middle of the month; afterwards the same machine runs on demand
    *(row(14, 10, "Used", 24, day=d) for d in range(1, 16)),
    *(row(14, 14, day=d) for d in range(16, 31)),
    purchase(150, 1, 16),
]
UPGRADED = [  # another commitment takes over on the 16th: both stand in the month, no day is paid twice
    *(row(14, 10, "Used", 24, day=d) for d in range(1, 16)),
    *(row(28, 18, "Used", 48, day=d) | {"CommitmentDiscountId": "larger"} for d in range(16, 31)),
]
REFUNDED = [
    *(row(14, 10, "Used", 24, day=d) for d in range(1, 31)),
    row(-40, -40, bc=-40)
    | {"ChargeClass": "Correction", "ChargeCategory": "Purchase", "CommitmentDiscountId": "c"},
]
SHARED = [  # one commitment, three machines of two departments; one machine runs beyond it
    row(40, 25, "Used", 40) | {"ResourceId": "a"},
    row(20, "12.5", "Used", 20) | {"ResourceId": "b", "x_KitDepartment": "Search"},
    row(10, 10) | {"ResourceId": "b", "x_KitDepartment": "Search"},
    row(30, 30) | {"ResourceId": "d", "x_KitDepartment": "Data"},
    row(0, "12.5", "Unused", 20) | {"ResourceId": "c", "x_KitDepartment": None},
]  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "utilisation", "coverage", "rate"),
    [
        (PARTIAL, D(18) / 20, D(18 * 14) / (28 * 14), 1 - D(180 + 20 + 140) / (28 * 14)),
        (EXPIRES, D(1), D(1) / 2, 1 - D(150 + 210) / 420),
        (UPGRADED, D(1), D(1), 1 - D(150 + 270) / (210 + 420)),
        (REFUNDED, D(1), D(1), 1 - D(300) / 420),
        (SHARED, D(60) / 80, D(60) / 100, 1 - (D("37.5") + 40 + D("12.5")) / 100),
    ],
    ids=["partial month", "expiry in mid-month", "upgrade", "refund", "shared"],
)
def test_cases_by_hand(bench, one, rows, utilisation, coverage, rate):
    charges = bench.table(rows)
    assert one(commitments.utilisation(charges)) == utilisation
    assert shown(one(commitments.coverage(charges))) == shown(coverage)
    assert shown(one(savings.commitments_only(charges))) == shown(rate)
    without = charges.filter(charges.ChargeCategory == "Usage")
    for measure in (commitments.utilisation, commitments.coverage, savings.commitments_only):
        assert str(one(measure(charges))) == str(one(measure(without))), measure.__name__


def test_size_flexibility_counts_in_the_commitments_own_units(bench, one):
    """Four normalised hours a day: a large machine takes all of them, a small one a quarter."""
    rows = [row(4, 2, "Used", 4, day=1), row(1, "0.5", "Used", 1, day=2), row(0, "1.5", "Unused", 3, day=2)]
    assert one(commitments.utilisation(bench.table(rows))) == D(5) / 8


def test_the_book_keeps_purchases_corrections_and_use_apart(bench):
    book = commitment_book.book(bench.table([*REFUNDED, purchase(300)]), SEPTEMBER)
    (r,) = book.to_dict("records")
    assert (r["used"], r["unused"], r["billed"], r["corrected"], r["used_contracted"]) == (
        300,
        0,
        300,
        -40,
        420,
    )
    assert r["last_used"] == datetime(2026, 10, 1, tzinfo=UTC)


def test_months_are_rows_and_currencies_stay_apart(bench):
    rows = [
        row(14, 10, "Used", 24),
        row(9, 7, "Used", 24, BillingCurrency="EUR"),
        row(14, 10, "Used", 24, x_KitPeriod="2026-08"),
    ]
    book = commitment_book.book(bench.table(rows), SEPTEMBER)
    assert sorted(zip(book["currency"], book["period"], strict=True)) == [
        ("EUR", "2026-09"),
        ("USD", "2026-08"),
        ("USD", "2026-09"),
    ]
    assert list(zip(book["currency"], book["used"], strict=True)) == [("EUR", 7), ("USD", 10), ("USD", 10)]


def test_demand_knows_hours_and_days_and_leaves_spot_and_the_rest_out(bench):
    rows = [
        row(24, 24, day=1, SkuId="a"), row(14, 10, "Used", 24, day=2, SkuId="a"), row(5, 5, day=1, SkuId="a", PricingCategory="Dynamic"),
        row(7, 7, day=1, SkuId="b", x_KitEligible=False),
        row(2, 2, SkuId="a") | {"ChargePeriodStart": at(3), "ChargePeriodEnd": at(3, hour=1)},
    ]  # fmt: skip
    found = commitment_book.demand(bench.table(rows), SEPTEMBER)
    assert list(found["hours"]) == [24, 24, 1]
    assert [(r["on_demand"], r["covered"], r["covered_effective"]) for r in found.to_dict("records")] == [
        (24, 0, 0), (0, 14, 10), (2, 0, 0),
    ]  # fmt: skip


# --- who gets it


def test_the_benefit_is_shared_three_ways_with_equal_sums(bench):
    charges = bench.table([*SHARED, purchase(50) | {"x_KitDepartment": "Platform"}])
    found = benefit.benefit(charges, SEPTEMBER, currency="USD")
    net = {(r["way"], r["department"]): (r["saving"], r["unused"]) for r in found.to_dict("records")}
    # saving 60 − 37.50, unused 12.50, both in proportion: used cost 25 : 12.50; eligible use 40 : 30 : 30
    assert net["used", "Shop"] == (D("15.00"), D("8.33"))
    assert net["used", "Search"] == (D("7.50"), D("4.17"))
    assert net["bought", "Platform"] == (D("22.50"), D("12.50"))
    assert net["bought", "Shop"] == (0, 0)
    assert net["pooled", "Shop"] == (D("9.00"), D("5.00"))
    assert net["pooled", "Data"] == (D("6.75"), D("3.75"))
    sums = found.groupby("way")[["on_demand", "saving", "unused", "net"]].sum()
    assert sums.nunique().tolist() == [1, 1, 1, 1]
    assert sums["net"].iloc[0] == D("10.00")


def test_what_nobody_used_goes_to_who_bought_it(bench):
    charges = bench.table([row(0, 20, "Unused", 24, x_KitDepartment="Platform")])
    found = benefit.benefit(charges, SEPTEMBER, currency="USD")
    assert {(r["way"], r["department"]): r["unused"] for r in found.to_dict("records") if r["unused"]} == {
        ("used", "Platform"): 20, ("bought", "Platform"): 20, ("pooled", ""): 20,
    }  # fmt: skip


@settings(max_examples=8, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "c"]), st.sampled_from(["x", "y"]), st.sampled_from(["Used", "Unused", None]),
            st.integers(1, 9999), st.integers(1, 9999),
        ),
        min_size=1, max_size=12,
    )
)  # fmt: skip
def test_the_ways_never_make_or_lose_a_cent(bench_once, cases):
    rows = [
        row(D(cc) / 100 if status != "Unused" else 0, D(ec) / 100, status, x_KitDepartment=who)
        | {"CommitmentDiscountId": id if status else None}
        for who, id, status, cc, ec in cases
    ]
    found = benefit.benefit(bench_once.table(rows), SEPTEMBER, currency="USD")
    if len(found):
        sums = found.groupby("way")[["saving", "unused", "net"]].sum()
        assert sums.nunique().max() == 1
    unused = sum((D(ec) / 100 for _, _, status, _, ec in cases if status == "Unused"), D(0))
    assert all(t == unused for t in found.groupby("way")["unused"].sum()) if len(found) else not unused


# --- contracts against charges

K = {
    "contract_id": "K", "vendor": "Palisade", "subject": "Data", "start": date(2025, 5, 1), "end": date(2027, 4, 30),
    "commitment_amount": D(120), "commitment_period": "year", "currency": "USD",
}  # fmt: skip


def test_promised_minimums_in_money_and_what_is_to_be_expected():
    under = {"K": {f"2026-{m:02d}": D(8) for m in range(5, 10)} | {"2026-04": D(99)}}
    (r,) = contract_terms.agreements([K], under, as_of=date(2026, 10, 5), which=SEPTEMBER).to_dict("records")
    assert (r["first"], r["last"], r["consumed"], r["pace"]) == ("2026-05", "2027-04", 40, 8)
    assert (r["expected"], r["gap"]) == (96, 24)
    (late,) = contract_terms.agreements(
        [K], {"K": {"2026-09": D(8)}}, as_of=date(2026, 10, 5), which=SEPTEMBER
    ).to_dict("records")
    assert not late["known"]
    assert late["gap"].is_nan()  # charges do not reach back to its beginning
    kept = {"K": {"2026-09": D(130)}}
    assert contract_terms.agreements([K], kept, as_of=date(2026, 10, 5), which=SEPTEMBER)["gap"].iloc[0] == 0


def test_a_charge_counts_under_one_contract_only():
    some = [
        K,
        K | {"contract_id": "M", "vendor": "Microsoft"},
        K | {"contract_id": "D", "vendor": "Desk Inc"},
    ]
    spent = {
        ("Microsoft", "Desk Inc", "USD", "2026-09"): D(3),
        ("Microsoft", "Microsoft", "USD", "2026-09"): D(5),
        ("Microsoft", "Microsoft", "EUR", "2026-09"): D(7),
    }
    found = contract_terms.belongs(some, spent, str)
    assert found == {"K": {}, "M": {"2026-09": 5}, "D": {"2026-09": 3}}


def test_terms_off_budget_and_the_budget_year():
    rows = contract_terms.off_budget([K], 10, as_of=date(2026, 10, 5)).to_dict("records")
    assert [(r["year"], r["next"]) for r in rows] == [
        (D("120.00"), D("70.00"))
    ]  # May to September, and seven months behind
    assert len(contract_terms.off_budget([K], 5, as_of=date(2026, 10, 5))) == 0
    assert len(contract_terms.off_budget([K], None, as_of=date(2026, 10, 5))) == 0
    cut = [
        {"month": "2025-08", "version": "2025"},
        {"month": "2025-10", "version": "2026"},
        {"month": "2026-10", "version": "2027"},
    ]
    assert contract_terms.year_start(cut) == 10
    assert contract_terms.year_start([{"month": "2026-01", "version": None}]) is None


def test_a_discount_that_only_one_machine_lacks_is_missing_and_one_not_yet_in_force_is_not(bench):
    def paid(id, cc, period="2026-09", **more):
        return row(cc, cc, ListCost=100, ListUnitPrice=1, ResourceId=id, x_KitPeriod=period, **more)

    many = [paid(f"vm{n}", 94) for n in range(10)]
    found = contract_terms.missing_discount(
        bench.table([*many, paid("es", 100), paid("spot", 100, PricingCategory="Dynamic")]),
        SEPTEMBER,
        {"AWS": D("0.06")},
        currency="USD",
    )
    assert [(r["resource_id"], r["missing"]) for r in found.to_dict("records")] == [("es", D("6.00"))]
    before = [paid(f"vm{n}", 100, "2026-08") for n in range(10)]
    assert (
        len(
            contract_terms.missing_discount(
                bench.table(before), SEPTEMBER, {"AWS": D("0.06")}, currency="USD"
            )
        )
        == 0
    )
