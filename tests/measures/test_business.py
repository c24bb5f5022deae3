"""KPIs beside drivers by hand: two months, two currencies, and nothing where a driver is missing."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal as D

import pandas as pd
from tests.measures.test_products import charges, tokens

from helpers.measures import business, evaluate

PRODUCTS = pd.DataFrame(
    [("Chat", None, "run", "ServiceName", "Model"), ("Chat", None, "build", "ServiceName", "GPU"), ("Lake", None, None, "ServiceName", "VM")],
    columns=["product", "feature", "work", "match_on", "match_value"],
)  # fmt: skip


def table(*rows):
    days = [date(2026, 9, 1) + timedelta(days=n) for n in range(30)]
    filled = [(d, p, n, D(v), u, c) for p, n, v, u, c in rows for d in days]
    return pd.DataFrame(filled, columns=["day", "product", "driver", "value", "unit", "currency"])


DRIVERS = table(
    ("Chat", "requests", 10, "1", None), ("Chat", "tokens", 5, "1", None), ("Chat", "accuracy", 2, "1", None),
    ("Chat", "revenue", 4, "currency", "USD"), ("Far", "revenue", 9, "currency", "EUR"), ("Lake", "value", 6, "currency", "USD"),
)  # fmt: skip
CHARGES = (
    tokens("Input", "900", "60"),
    {"ServiceName": "GPU", "EffectiveCost": "40"},
    {"EffectiveCost": "90"},
    {"EffectiveCost": "10", "x_KitPeriod": "2026-08"},
    {"EffectiveCost": "27", "BillingCurrency": "EUR", "ServiceName": "other"},
)


def values(measure):
    found = evaluate([measure], by=["x_KitPeriod"])
    return {(m, c): v for m, c, v in found.itertuples(index=False)}


def test_each_by_hand():
    held = charges(*CHARGES)
    sep, aug, euro = ("2026-09", "USD"), ("2026-08", "USD"), ("2026-09", "EUR")
    share = values(business.revenue_share(held, DRIVERS))
    assert (round(share[sep], 6), share[euro]) == (round(D(190) / 120, 6), D("0.1"))
    assert share[aug].is_nan()  # no revenue is known of August
    assert values(business.per_thought(held, PRODUCTS, DRIVERS))[sep] == D(
        "0.2"
    )  # 60 of 300 requests, the GPU is no thought
    assert values(business.ai_value(held, PRODUCTS, DRIVERS))[sep] == D("0.2")  # (120 − 100) ÷ 100
    assert values(business.value_density(held, PRODUCTS, DRIVERS))[sep] == 2  # 180 ÷ 90
    assert values(business.days_of_value(held, PRODUCTS, DRIVERS))[sep] == 60  # 180 ÷ (90 ÷ 30)
    assert round(values(business.training_efficiency(held, PRODUCTS, DRIVERS))[sep], 6) == round(
        D(40) / 60, 6
    )


def test_nothing_is_known_without_the_driver():
    held, bare = charges(*CHARGES), table(("Chat", "requests", 10, "1", None))
    for make in (
        business.per_thought,
        business.ai_value,
        business.value_density,
        business.days_of_value,
        business.training_efficiency,
    ):
        assert all(v.is_nan() for v in values(make(held, PRODUCTS, bare)).values())
    assert all(v.is_nan() for v in values(business.revenue_share(held, bare)).values())
