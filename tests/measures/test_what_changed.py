"""What changed, in all currencies: exact, with the rate of its row, and with what later deliveries did."""

from __future__ import annotations

from datetime import date
from decimal import Decimal as D

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.measures.what_changed import CAUSES, by_cause, month_rate, what_changed
from helpers.terms.period import Month

MAY, JULY, AUGUST = Month(2026, 5), Month(2026, 7), Month(2026, 8)
TODAY = date(2026, 9, 10)


def row(month, cost, currency="USD", quantity=10, sku="m"):
    return {
        "x_KitPeriod": str(month),
        "ChargePeriodStart": f"{month}-01T00:00:00Z",
        "ChargePeriodEnd": f"{month}-02T00:00:00Z",
        "SkuId": sku,
        "PricingUnit": "Hours",
        "PricingQuantity": quantity,
        "BillingCurrency": currency,
        **dict.fromkeys(("ListCost", "ContractedCost", "EffectiveCost"), cost),
    }


def rates(*rows):
    return pd.DataFrame(
        [(day, "EUR", "USD", D(rate), "central bank") for day, rate in rows],
        columns=["day", "from_currency", "to_currency", "rate", "source"],
        dtype=object,
    )


def delivery(day, after, currency="USD", month=JULY, account="a"):
    return {"source": "s", "account": account, "period": str(month), "version": day, "delivered": day, "currency": currency, "EffectiveCost_after": after}  # fmt: skip


MONTHLY = rates((date(2026, 7, 1), "1.1"), (date(2026, 8, 1), "1.2"))


def causes(frame):
    whole = by_cause(frame)
    assert list(whole["cause"]) == list(CAUSES)
    assert sum(whole["amount"]) == whole.attrs["total"] - whole.attrs["previous_total"]
    return {c: a for c, a in zip(whole["cause"], whole["amount"], strict=True) if a}


def test_the_rate_is_a_cause_of_its_own(bench):
    charges = bench.table([row(JULY, 100, "EUR"), row(AUGUST, 150, "EUR", 15), row(JULY, 7), row(AUGUST, 7)])
    found = what_changed(charges, AUGUST, currency="USD", rates=MONTHLY, as_of=TODAY)
    # 50 more euros at 1.1, and 150 euros that cost 0.1 more each; 117 + 55 + 15 = 187
    assert causes(found) == {"volume": 55, "exchange rate": 15}
    assert (found.attrs["previous_total"], found.attrs["total"]) == (117, 187)
    assert "1 EUR = 1.1" in found.attrs["rates"][0] and "central bank" in found.attrs["rates"][0]


def test_a_missing_rate_is_a_gap_and_no_guess(bench):
    charges = bench.table([row(JULY, 100, "EUR"), row(AUGUST, 150, "EUR"), row(JULY, 7), row(AUGUST, 9)])
    found = what_changed(charges, AUGUST, currency="USD", rates=MONTHLY.iloc[:1], as_of=TODAY)
    assert found.attrs["gaps"] == ["no rate of EUR in USD for August 2026"]
    assert causes(found) == {"list price": 2} and set(found["currency"]) == {"USD"}


def test_rates_of_days():
    every = [(date(2026, 8, d), "1.0" if d <= 15 else "1.31") for d in range(1, 32) if d not in (16, 30, 31)]
    assert month_rate(rates(*every), AUGUST, "EUR", "USD")[0] == (D("1.0") * 16 + D("1.31") * 15) / 31
    rate, said = month_rate(rates(*[r for r in every if r[0].day < 20]), AUGUST, "EUR", "USD")
    assert (rate, said) == (None, "no rate of EUR in USD for 2026-08-24")
    twice = rates((date(2026, 8, 1), "1.1"), (date(2026, 8, 1), "1.2"))
    assert month_rate(twice, AUGUST, "EUR", "USD") == (None, "two rates of EUR in USD for 2026-08-01")
    assert month_rate(None, AUGUST, "USD", "USD") == (D(1), "")


def test_what_a_later_delivery_changed_is_no_growth(bench):
    charges = bench.table([row(JULY, 100), row(AUGUST, 100)])
    moved = pd.DataFrame(
        [
            delivery(date(2026, 8, 3), D(80)),
            delivery(date(2026, 8, 25), D(100)),
            delivery(date(2026, 7, 9), D(20)),
        ]
    )
    found = what_changed(charges, AUGUST, currency="USD", deliveries=moved, as_of=TODAY)
    assert causes(found) == {"restatement": 20}
    assert found.attrs["previous_total"] == 80
    # an open month is compared over equal days, and whole months' restatements are none of it
    found = what_changed(charges, AUGUST, currency="USD", deliveries=moved, as_of=date(2026, 8, 28))
    assert "restatement" not in causes(found) and found.attrs["days"] == 1


cost = st.decimals("-999", "999", places=7)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.sampled_from([JULY, AUGUST]), cost, st.sampled_from(["USD", "EUR"]), st.integers(0, 99), st.sampled_from("mn")), max_size=8),
    st.decimals("0.01", "99", places=6), st.decimals("0.01", "99", places=6), cost,
)  # fmt: skip
def test_it_adds_up_exactly(bench, rows, was, now, first):
    table = rates((date(2026, 7, 1), was), (date(2026, 8, 1), now))
    moved = pd.DataFrame([delivery(date(2026, 8, 3), first, "EUR"), delivery(date(2026, 8, 9), D(5), "EUR")])
    charges = bench.table([row(*r) for r in rows])
    found = what_changed(charges, AUGUST, currency="USD", rates=table, deliveries=moved, as_of=TODAY)
    assert sum(found["amount"]) == found.attrs["total"] - found.attrs["previous_total"]
    causes(found)
