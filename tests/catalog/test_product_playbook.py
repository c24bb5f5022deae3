"""The product's playbook: each decision in a month in which it fires and in one in which it does not, with its amount."""

from __future__ import annotations

from datetime import date
from decimal import Decimal as D

import pytest

from helpers import catalog

BASE = {"kpi": "bets-next", "currency": "USD", "value": D(0)}


def of(kpi, value, **more):
    return {"kpi": kpi, "currency": "USD", "value": D(value), "scope": {"product": "P"}} | more


VERDICT = {n: of("product-verdict", i) for i, n in enumerate(("scale", "hold", "mend", "leave"), 1)}
CASES = {
    "loss-on-each-unit/P": (
        [of("product-margin", "-0.2", sums={"loss": D(40)})], [of("product-margin", "0.2", sums={"loss": D(-40)})], 40,
    ),
    "unit-cost-rises/P": (
        [of("product-unit-cost-trend", "0.03", sums={"grown": D(7)}), of("product-demand-trend", "0.001")],
        [of("product-unit-cost-trend", "0.03", sums={"grown": D(7)}), of("product-demand-trend", "-0.04")], 7,
    ),
    "unit-cost-over-target/P": (
        [of("product-unit-cost", "3", target=D(2), sums={"over": D(9)}), VERDICT["hold"]],
        [of("product-unit-cost", "2", target=D(2), sums={"over": D(0)}), VERDICT["hold"]], 9,
    ),
    "decommission/P": (
        [of("product-leaving", "500", sums={"cost": D(30)}), VERDICT["leave"]],
        [of("product-leaving", "500", sums={"cost": D(30)}), VERDICT["mend"]], 30,
    ),
    "scale/P": (
        [of("product-demand-trend", "0.05"), VERDICT["scale"]], [of("product-demand-trend", "0.05"), VERDICT["hold"]], None,
    ),
    "cache-context/P": (
        [of("product-cache-saving", "900", sums={"saving": D(900)})], [of("product-cache-saving", "90", sums={"saving": D(90)})], 900,
    ),
    "haste": ([of("haste-premium", "4000", scope={})], [of("haste-premium", "NaN", scope={})], None),
    "next-money": ([of("bets-next", "8000", scope={})], [of("bets-next", "800", scope={})], None),
    "ai-value": (
        [of("value-for-ai-initiatives", "-0.5", scope={})], [of("value-for-ai-initiatives", "0.5", scope={})], None,
    ),
}  # fmt: skip


def decided(numbers):
    page = catalog.playbook("product_unit_economics")
    kpis = catalog.found([BASE, *numbers], "2026-09")
    return {a.id: a for a in page.decide(kpis, as_of=date(2026, 10, 5), currency="USD")}


@pytest.mark.parametrize("id", CASES)
def test_it_fires_and_does_not(id):
    fires, quiet, amount = CASES[id]
    action = decided(fires)[id]
    assert action.value == amount and "{" not in action.title + action.do
    assert id not in decided(quiet)


def test_every_decision_has_its_case():
    page = catalog.playbook("product_unit_economics")
    assert {id.partition("/")[0] for id in CASES} == {d.id for d in page.decisions}
    assert set(page.responsibilities) == {s for d in page.decisions for s in d.serves}


def test_a_number_that_the_notebook_finds_without_value_says_why():
    (k,) = catalog.found([of("product-margin", "NaN", reason="no revenue of P")], "2026-09")
    assert (k.value, k.reason, k.status) == (None, "no revenue of P", "no value")
    (k,) = catalog.found(
        [of("product-unit-cost", "52.5", unit="currency/1,000 requests", digits=1, target=D(45))], "2026-09"
    )
    assert (k.text, k.status) == ("52.5 USD per 1,000 requests", "missed")
