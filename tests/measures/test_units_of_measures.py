"""The unit each measure's number is in: what a page writes behind it."""

from __future__ import annotations

import ibis

from helpers import measures

UNITS = {
    "total-billed-cost": "currency",
    "total-effective-cost": "currency",
    "total-contracted-cost": "currency",
    "total-list-cost": "currency",
    "refunds-and-credits:refunds": "currency",
    "refunds-and-credits:credits": "currency",
    "charges": "charges",
    "cost-without-list-price:charges": "charges",
    "cost-per-gigabytes-stored": "currency/GB-month",
    "cost-per-api-call": "currency/call",
    "cost-per-inference": "currency/inference",
    "token-consumption-metrics": "currency/token",
    "token-consumption-metrics:input": "currency/token",
    "saas-unit-cost": "currency/unit",
    "hourly-cost-per-cpu-core": "currency/core-hour",
    "effective-average-compute-cost-per-core": "currency/core-month",
    "csp-cloud-budget-burn-rate": "currency/day",
    "cost-visibility-delay": "days",
}


def test_all_else_is_a_ratio(every, companions):
    charges = ibis.table(measures.schema(), name="charges")
    found = {m.key: m.unit for m in every(charges, companions)}
    assert {key: unit for key, unit in found.items() if unit != "ratio"} == UNITS
    assert measures.freshness.update_interval(companions[0]).unit == "days"
