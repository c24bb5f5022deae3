"""Why the month changed: each cause by hand, and all of them exactly the difference."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.measures import change
from helpers.measures.change import CAUSES, bridge, days_covered, detail
from helpers.terms.period import Month

JUNE, JULY = Month(2026, 6), Month(2026, 7)  # 30 and 31 days
FEBRUARY, MARCH = Month(2026, 2), Month(2026, 3)


def row(month, quantity, lc, cc, ec, **more):
    return {
        "x_KitPeriod": str(month),
        "ChargePeriodStart": f"{month}-01T00:00:00Z",
        "ChargePeriodEnd": f"{month}-02T00:00:00Z",
        "SkuId": "m",
        "RegionId": "r",
        "PricingUnit": "Hours",
        "PricingQuantity": quantity,
        "ListCost": lc,
        "ContractedCost": cc,
        "EffectiveCost": ec,
    } | more


def causes(bench, rows, which=JULY, **more):
    found = bridge(bench.table(rows), which, currency="USD", **more)
    assert list(found["cause"]) == list(CAUSES)
    assert sum(found["amount"]) == found.attrs["total"] - found.attrs["previous_total"]
    return {c: a for c, a in zip(found["cause"], found["amount"], strict=True) if a}


# Two months of equal length, so that no day hides in a volume.
EQUAL = {"previous": Month(2026, 5), "which": JULY}
MAY = Month(2026, 5)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        # 100 h at list 1.00, contracted 0.90, effective 0.90
        (row(MAY, 100, 100, 90, 90), row(JULY, 120, 120, 108, 108), {"volume": 18}),
        (row(MAY, 100, 100, 90, 90), row(JULY, 100, 110, 99, 99), {"list price": 9}),
        (row(MAY, 100, 100, 90, 90), row(JULY, 100, 100, 80, 80), {"negotiated": -10}),
        (row(MAY, 100, 100, 90, 90), row(JULY, 100, 100, 90, 60), {"commitment": -30}),
        # all at once, each step with what was before it: volume 18; then 108 · 132/120 − 108 = 10.8 list;
        # 118.8 at 108.9/132 instead of 0.9: 108.9 − 118.8 = −9.9; the rest, 90 − 108.9 = −18.9, is the commitment
        (
            row(MAY, 100, 100, 90, 90),
            row(JULY, 120, 132, "108.9", 90),
            {"volume": 18, "list price": Decimal("10.8"), "negotiated": Decimal("-9.9"), "commitment": Decimal("-18.9")},
        ),
        # no list price: what moved is the agreed price
        (row(MAY, 100, None, 90, 90), row(JULY, 100, None, 99, 99), {"negotiated": 9}),
        (row(MAY, 100, None, 90, 90), row(JULY, 100, 100, 99, 99), {"negotiated": 9}),
        # no contracted price: what was paid stands for it, and nothing is said of commitments
        (row(MAY, 100, 100, None, 90), row(JULY, 100, 110, None, 110), {"list price": 9, "negotiated": 11}),
        (row(MAY, 100, None, None, 90), row(JULY, 50, None, None, 50), {"volume": -45, "negotiated": 5}),
        # paid nothing before: nothing to scale, what is paid now came from the commitment's side
        (row(MAY, 100, 100, 90, 0), row(JULY, 100, 100, 90, 30), {"commitment": 30}),
        (row(MAY, 2, 2, 2, 2), row(JULY, 1, 1, 1, 1), {"volume": -1}),
        # no quantity, or none to divide by
        (row(MAY, None, 10, 10, 10), row(JULY, None, 12, 12, 12), {"no quantity": 2}),
        (row(MAY, 0, 10, 10, 10), row(JULY, 5, 12, 12, 12), {"no quantity": 2}),
        (row(MAY, 5, 10, 10, 10), row(JULY, -5, 12, 12, 12), {"no quantity": 2}),
        (row(MAY, 5, 10, 10, 10), row(JULY, 0, 12, 12, 12), {"no quantity": 2}),
        # less than one unit, less than one dollar
        (row(MAY, "0.5", "0.5", "0.5", "0.5"), row(JULY, "0.5", "0.6", "0.6", "0.6"), {"list price": Decimal("0.1")}),
        # a contracted price on one side only: what was paid stands for it
        (row(MAY, 100, 100, None, 90), row(JULY, 100, 110, 99, 110), {"list price": 9, "negotiated": 11}),
        # free at list on one side: a price cannot be said to have moved by a share
        (row(MAY, 100, 0, 90, 90), row(JULY, 100, 100, 90, 90), {}),
        (row(MAY, 100, 100, 90, 90), row(JULY, 100, 0, 90, 90), {}),
    ],
)  # fmt: skip
def test_one_thing_moves_at_a_time(bench, before, after, expected):
    assert causes(bench, [before, after], **EQUAL) == expected


def test_it_says_what_was_compared_and_whose(bench):
    charges = bench.table([row(MAY, 100, 100, 90, 90), row(JULY, 120, 120, 108, 108)])
    found = bridge(charges, JULY, currency="USD", previous=MAY)
    assert {k: found.attrs[k] for k in ("month", "previous", "currency")} == {
        "month": "2026-07",
        "previous": "2026-05",
        "currency": "USD",
    }
    service = detail(charges, JULY, currency="USD", previous=MAY)
    seen = charges.select("ServiceProviderName", "ServiceName").distinct().to_pyarrow().to_pylist()[0]
    assert len(set(seen.values())) == 2
    assert service.iloc[0].to_dict() == seen | {"cause": "volume", "amount": 18}


def test_a_shift_between_skus_is_mix_and_growth_of_all_is_volume(bench):
    rows = [
        row(MAY, 100, 100, 100, 100, SkuId="small"),
        row(MAY, 100, 300, 300, 300, SkuId="large"),
        row(JULY, 60, 60, 60, 60, SkuId="small"),
        row(JULY, 160, 480, 480, 480, SkuId="large"),
    ]
    # 200 -> 220 hours: +10 % of 400 is volume 40; 540 − 440 is the shift to large
    assert causes(bench, rows, **EQUAL) == {"volume": 40, "mix": 100}


def test_quantities_of_another_unit_or_service_are_no_mix(bench):
    rows = [
        row(MAY, 100, 100, 100, 100),
        row(MAY, 10, 50, 50, 50, PricingUnit="GB"),
        row(MAY, 10, 50, 50, 50, ServiceName="Other"),
        row(JULY, 150, 150, 150, 150),
        row(JULY, 5, 25, 25, 25, PricingUnit="GB"),
        row(JULY, 20, 100, 100, 100, ServiceName="Other"),
    ]
    assert causes(bench, rows, **EQUAL) == {"volume": 50 - 25 + 50}


def test_a_longer_month_is_days_unless_the_unit_names_the_month(bench):
    rows = [row(JUNE, 300, 300, 300, 300), row(JULY, 310, 310, 310, 310)]
    assert causes(bench, rows) == {"days": 10}
    stored = [
        row(JUNE, 300, 300, 300, 300, PricingUnit=unit, SkuId=unit) for unit in ("GB-Months", "GB-Mo")
    ] + [row(JULY, 310, 310, 310, 310, PricingUnit=unit, SkuId=unit) for unit in ("GB-Months", "GB-Mo")]
    assert causes(bench, stored) == {"volume": 20}
    memory = [
        row(JUNE, 300, 300, 300, 300, PricingUnit="Memory"),
        row(JULY, 310, 310, 310, 310, PricingUnit="Memory"),
    ]
    assert causes(bench, memory) == {"days": 10}


def test_ten_charges_by_hand(bench):
    """A month's worth of everything; docs/measures.md works the same table."""
    rows = [
        row(MAY, 100, 100, 90, 90),  # machines
        row(JULY, 120, 132, "118.8", "118.8"),
        row(MAY, None, 40, 36, 10, CommitmentDiscountStatus="Unused"),
        row(JULY, None, 40, 36, 25, CommitmentDiscountStatus="Unused"),
        row(MAY, 8, 16, 16, 16, SkuId="old"),
        row(JULY, 5, 30, 30, 30, SkuId="new"),
        row(JULY, 1, -7, -7, -7, ChargeClass="Correction"),
        row(MAY, None, 0, 0, -4, ChargeCategory="Credit"),
        row(MAY, None, 10, 10, 10, ChargeCategory="Tax"),
        row(JULY, None, 13, 13, 13, ChargeCategory="Tax"),
    ]
    assert causes(bench, rows, **EQUAL) == {
        "list price": Decimal("10.8"),
        "volume": 18,
        "commitment": 15,
        "new": 30,
        "ended": -16,
        "corrections": -7 + 4,
        "no quantity": 3,
    }


@pytest.mark.parametrize(
    ("charge", "cause"),
    [
        ({"ChargeCategory": "Credit"}, "corrections"),
        ({"ChargeCategory": "Adjustment"}, "corrections"),
        ({"ChargeCategory": "Tax", "ChargeClass": "Correction"}, "corrections"),
        ({"ChargeCategory": "Purchase"}, "no quantity"),
        ({"ChargeCategory": "Tax"}, "no quantity"),
        ({"PricingQuantity": None}, "no quantity"),
        ({"CommitmentDiscountStatus": "Unused"}, "commitment"),
        ({"CommitmentDiscountStatus": "Used"}, "new"),
        ({}, "new"),
    ],
)
def test_every_charge_has_one_home(bench, charge, cause):
    assert causes(bench, [row(JULY, 5, 5, 5, 5) | charge]) == {cause: 5}
    gone = {"new": "ended"}.get(cause, cause)
    assert causes(bench, [row(JUNE, 5, 5, 5, 5) | charge]) == {gone: -5}


def test_moving_to_a_commitment_is_commitment_and_moving_to_spot_is_not(bench):
    on_demand = row(MAY, 100, 100, 90, 90)
    covered = row(
        JULY,
        100,
        100,
        90,
        60,
        CommitmentDiscountStatus="Used",
        SkuPriceId="other",
        PricingCategory="Committed",
    )
    assert causes(bench, [on_demand, covered], **EQUAL) == {"commitment": -30}
    spot = row(JULY, 100, 100, 30, 30, PricingCategory="Dynamic")
    assert causes(bench, [on_demand, spot], **EQUAL) == {"new": 30, "ended": -90}


def test_currencies_and_other_months_stay_out(bench):
    rows = [
        row(JULY, 5, 5, 5, 5),
        row(JULY, 5, 5, 5, 99, BillingCurrency="EUR"),
        row(Month(2026, 1), 5, 5, 5, 99),
    ]
    assert causes(bench, rows) == {"new": 5}


def test_detail_is_the_bridge_by_service(bench):
    rows = [
        row(JUNE, 10, 10, 10, 10),
        row(JULY, 20, 20, 20, 20, ServiceName="Other", ServiceProviderName="Oracle"),
        row(JULY, 20, 20, 20, 20, ServiceName=None),
    ]
    found = detail(bench.table(rows), JULY, currency="USD")
    assert found.to_dict("list") == {
        "ServiceProviderName": ["AWS", "Oracle", "AWS"],
        "ServiceName": [None, "Other", "Machines"],
        "cause": ["new", "new", "ended"],
        "amount": [20, 20, -10],
    }
    assert found.attrs["total"] == 40
    assert found.attrs["previous_total"] == 10


def daily(month, days, amount=1, hours=24, **more):
    start = month.start
    return [
        row(month, amount, amount, amount, amount)
        | {
            "ChargePeriodStart": start + timedelta(days=d),
            "ChargePeriodEnd": start + timedelta(days=d, hours=hours),
        }
        | more
        for d in range(days)
    ]


def test_an_open_month_is_compared_over_equal_days(bench):
    whole_month = {"ChargePeriodStart": JUNE.start, "ChargePeriodEnd": JUNE.end}
    rows = [*daily(JUNE, 30, 10), *daily(JULY, 4, 12), row(JUNE, None, 99, 99, 99) | whole_month]
    charges = bench.table(rows)
    assert days_covered(charges, JULY) == 4
    for asked in ({"days": 4}, {"as_of": date(2026, 7, 5)}, {"as_of": date(2026, 7, 31)}):
        found = bridge(charges, JULY, currency="USD", **asked)
        assert found.attrs["days"] == 4
        assert (found.attrs["previous_total"], found.attrs["total"]) == (40, 48)
        assert dict(found.values)["volume"] == 8
    closed = bridge(charges, JULY, currency="USD", as_of=date(2026, 8, 1))
    assert closed.attrs["days"] == 0
    assert closed.attrs["previous_total"] == 399


def test_days_covered_counts_whole_days_of_usage_only(bench):
    assert days_covered(bench.table(daily(JULY, 3) + daily(JULY, 4, hours=6)[3:]), JULY) == 3
    fee = row(JULY, 1, 1, 1, 1, ChargeCategory="Tax") | {
        "ChargePeriodStart": JULY.start + timedelta(days=20),
        "ChargePeriodEnd": JULY.start + timedelta(days=21),
    }
    assert days_covered(bench.table([*daily(JULY, 2), fee]), JULY) == 2
    assert days_covered(bench.table(daily(JUNE, 2)), JULY) == 0
    early = {
        "ChargePeriodStart": datetime(2026, 6, 29, tzinfo=UTC),
        "ChargePeriodEnd": datetime(2026, 6, 30, tzinfo=UTC),
    }
    assert days_covered(bench.table([row(JULY, 1, 1, 1, 1) | early]), JULY) == 0


def test_detail_looks_at_the_same_months_and_days(bench):
    charges = bench.table([*daily(MAY, 31, 5), *daily(JUNE, 30, 10), *daily(JULY, 4, 12)])
    for asked in ({"previous": MAY}, {"days": 2}, {"as_of": date(2026, 7, 5)}):
        found, parts = (take(charges, JULY, currency="USD", **asked) for take in (bridge, detail))
        assert parts.attrs == found.attrs
        assert sum(parts["amount"]) == sum(found["amount"])


def test_detail_leaves_out_nothings_and_ranks_equals_by_name(bench):
    rows = [row(JULY, 5, 5, 5, 5, ServiceName=name) for name in "bca"]
    rows += [
        row(JULY, 5, 5, 5, 5, ServiceName="a", ChargeCategory="Tax"),
        row(JULY, 5, 0, 0, 0, ServiceName="free"),
    ]
    found = detail(bench.table(rows), JULY, currency="USD")
    assert found[["ServiceName", "cause"]].values.tolist() == [
        ["a", "new"],
        ["a", "no quantity"],
        ["b", "new"],
        ["c", "new"],
    ]


def test_a_day_at_the_edge_of_the_month(bench):
    assert days_covered(bench.table(daily(JULY, 1)), JULY) == 1
    next_month = {"ChargePeriodStart": JULY.end, "ChargePeriodEnd": JULY.end + timedelta(days=1)}
    assert days_covered(bench.table([*daily(JULY, 2), row(JULY, 1, 1, 1, 1) | next_month]), JULY) == 2
    at_the_end = dict.fromkeys(("ChargePeriodStart", "ChargePeriodEnd"), JULY.start + timedelta(days=2))
    charges = bench.table([*daily(JULY, 3), row(JULY, 1, 1, 1, 1) | at_the_end])
    assert change.first_days(charges, JULY, 2).count().execute() == 2


def test_one_charge_without_list_price_leaves_the_step_to_the_next(bench):
    rows = [row(MAY, 50, 50, 45, 45), row(MAY, 50, None, 45, 45), row(JULY, 100, 120, 99, 99)]
    assert causes(bench, rows, **EQUAL) == {"negotiated": 9}


def test_equal_service_names_of_two_providers_are_no_mix(bench):
    rows = [row(MAY, 100, 100, 100, 100), row(JULY, 150, 150, 150, 150)]
    rows += [row(m, 100, 300, 300, 300, ServiceProviderName="Oracle") for m in (MAY, JULY)]
    assert causes(bench, rows, **EQUAL) == {"volume": 50}


def test_the_sample_company_adds_up(bench):
    charges = bench.company(Month(2026, 8), Month(2026, 9))
    found = bridge(charges, Month(2026, 9), currency="USD")
    amounts = dict(found.values)
    assert sum(found["amount"]) == found.attrs["total"] - found.attrs["previous_total"]
    assert amounts["commitment"] > 1000  # the savings plan lapsed on the 3rd
    assert amounts["list price"] > 0  # a database's list price rose
    assert amounts["days"] < 0  # September has a day less
    refund = amounts["corrections"].quantize(Decimal("0.01"))  # but for the invoices' rounding
    assert abs(refund - Decimal("2140.25")) <= Decimal("0.02")  # August's refund is not repeated
    parts = detail(charges, Month(2026, 9), currency="USD")
    assert sum(parts["amount"]) == sum(found["amount"])
    for cause in CAUSES:
        assert sum(parts["amount"][parts["cause"] == cause]) == amounts[cause]


money = st.decimals(-1000, 1000, places=10) | st.just(Decimal(0))
charge = st.fixed_dictionaries(
    {
        "x_KitPeriod": st.sampled_from(["2026-06", "2026-07"]),
        "ServiceName": st.sampled_from(["A", "B"]),
        "SkuId": st.sampled_from(["m", "n", None]),
        "PricingUnit": st.sampled_from(["Hours", "GB-Months", None]),
        "ChargeCategory": st.sampled_from(
            ["Usage", "Usage", "Usage", "Purchase", "Tax", "Credit", "Adjustment"]
        ),
        "ChargeClass": st.sampled_from([None, None, None, "Correction"]),
        "CommitmentDiscountStatus": st.sampled_from([None, "Used", "Unused"]),
        "PricingQuantity": st.none() | money,
        "ListCost": st.none() | money,
        "ContractedCost": st.none() | money,
        "EffectiveCost": money,
    }
)


@settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(charge, max_size=25))
def test_parts_are_exactly_the_difference_for_any_charges(bench, rows):
    found = bridge(bench.table(rows), JULY, currency="USD")
    totals = [
        sum((r["EffectiveCost"] for r in rows if r["x_KitPeriod"] == p), Decimal(0))
        for p in ("2026-06", "2026-07")
    ]
    assert sum(found["amount"]) == totals[1] - totals[0]
    assert all(a == a.quantize(change.PLACE) for a in found["amount"])
