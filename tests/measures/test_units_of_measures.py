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


RATIOS = [
    "allocation-accuracy-index-aai",
    "auto-scaling-efficiency-rate:effective",
    "auto-scaling-efficiency-rate:list",
    "cache-hit-rate",
    "commitment-utilization-score",
    "commitment-utilization-score:effective",
    "concentration:top-3-ServiceName",
    "consumption-versus-commitment",
    "consumption-versus-commitment:contract",
    "cost-without-list-price",
    "effective-savings-rate-percentage:commitments",
    "effective-savings-rate-percentage:contracted",
    "effective-savings-rate-percentage:list",
    "negotiated-savings-rate",
    "percent-of-compute-spend-covered-by-commitment-based-discounts:contracted",
    "percent-of-compute-spend-covered-by-commitment-based-discounts:effective",
    "percentage-of-commitment-based-discount-waste",
    "percentage-of-costs-associated-with-unallocated-csp-cloud-resources",
    "percentage-of-costs-associated-with-untagged-csp-cloud-resources",
    "percentage-of-costs-associated-with-untagged-csp-cloud-resources:taggable",
    "percentage-of-csp-cloud-costs-that-are-tagging-policy-compliant",
    "percentage-of-legacy-resource",
    "percentage-of-normalized-queryable-data-within-repository",
    "percentage-of-unallocated-shared-csp-cloud-cost",
    "spot-share",
]


def test_each_key_has_its_unit(every, companions):
    charges = ibis.table(measures.schema(), name="charges")
    found = {m.key: m.unit for m in every(charges, companions)}
    assert found == UNITS | dict.fromkeys(RATIOS, "ratio")


def test_measures_without_charges_have_theirs(companions):
    interval = measures.freshness.update_interval(companions[0])
    assert (interval.key, interval.unit) == ("frequency-of-data-updates", "days")
    seen = measures.visibility.sources(companions[0].assign(loaded=True))
    assert (seen.key, seen.unit) == ("unified-cost-usage-visibility", "ratio")
