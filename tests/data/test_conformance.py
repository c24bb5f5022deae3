"""What `check` finds: every rule fires on what breaks it and is quiet on what does not; the real files say what they are."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from tests.data import owning

from helpers.data import companions, conformance
from helpers.terms.focus import columns

CREDIT = {"ChargeCategory": "Credit", "ConsumedQuantity": None, "ChargeFrequency": "One-Time"}
COVERED = {"CommitmentDiscountId": "c", "CommitmentDiscountStatus": "Used", "PricingCategory": "Committed"}
LATE = {
    "ChargePeriodStart": datetime(2026, 10, 1, tzinfo=UTC),
    "ChargePeriodEnd": datetime(2026, 10, 2, tzinfo=UTC),
}

# rule: (a change that breaks it, a change that comes near and does not)
CASES = {
    "CAU-EffectiveCost-C-003-M": ({"EffectiveCost": None}, {"EffectiveCost": Decimal(0)}),
    "CAU-ServiceCategory-C-002-M": ({"ServiceCategory": None}, {"ServiceCategory": "Compute"}),
    "kit-null-ServiceName": ({"ServiceName": None}, {"ServiceName": "x"}),
    "CAU-ChargeCategory-C-003-M": ({"ChargeCategory": "Fee"}, CREDIT),
    "CAU-ChargeFrequency-C-003-M": ({"ChargeFrequency": "Usage-based"}, {"ChargeFrequency": "Recurring"}),
    "CAU-ServiceCategory-C-003-M": ({"ServiceCategory": "Computers"}, {"ServiceCategory": "Other"}),
    "CAU-PricingCategory-C-007-M": ({"PricingCategory": "Spot"}, {"PricingCategory": "Dynamic"}),
    "kit-effective-cost-whole": ({"EffectiveCost": Decimal(1)}, {"EffectiveCost": Decimal(0), **COVERED}),
    "kit-contracted-cost-whole": (
        {"ContractedCost": Decimal(2)},
        {"ContractedCost": Decimal(2), "BilledCost": Decimal(2)},
    ),
    "kit-outside-billing-period": (LATE, LATE | {"ChargeClass": "Correction"}),
    "kit-charge-period-order": (
        {"ChargePeriodEnd": datetime(2026, 9, 9, tzinfo=UTC)},
        {"ChargePeriodEnd": owning.USAGE["ChargePeriodStart"]},
    ),
    "kit-list-cost-missing": ({"ListCost": Decimal(0)}, {"ListCost": Decimal(0), "BilledCost": Decimal(0)}),
    "kit-list-below-contracted": ({"ListCost": Decimal("1.24")}, {"ListCost": Decimal("1.25")}),
    "kit-unused-list-cost": (
        COVERED | {"CommitmentDiscountStatus": "Unused", "ConsumedQuantity": None},
        COVERED | {"CommitmentDiscountStatus": "Unused", "ConsumedQuantity": None, "ListCost": Decimal(0)},
    ),
    "CAU-PricingCategory-C-009-C": (COVERED | {"PricingCategory": "Standard"}, COVERED),
    "kit-committed-without-status": ({"PricingCategory": "Committed"}, COVERED),
    "CommitmentDiscountStatus-C-004-C": ({"CommitmentDiscountId": "c"}, COVERED),
    "CAU-PricingCategory-C-004-C": (
        {"PricingCategory": None},
        {"PricingCategory": None, "ChargeClass": "Correction"},
    ),
    "kit-subcategory-of-other-category": (
        {"ServiceCategory": "Storage"},
        {"ServiceSubcategory": "Containers"},
    ),
    "CAU-EffectiveCost-C-005-C": (
        {"ChargeCategory": "Purchase", "CommitmentDiscountId": "c", "ConsumedQuantity": None},
        {"ChargeCategory": "Purchase", "ConsumedQuantity": None},
    ),
    "kit-negative-usage": (
        {"BilledCost": Decimal("-1.25")},
        {"BilledCost": Decimal("-1.25"), "ChargeClass": "Correction"},
    ),
    "CAU-ConsumedQuantity-C-004-C": (CREDIT | {"ConsumedQuantity": Decimal(1)}, CREDIT),
    "CAU-BillingCurrency-C-006-M": ({"BillingCurrency": "Credits"}, {"BillingCurrency": "EUR"}),
    "CAU-ListCost-C-011-C": ({"ListUnitPrice": Decimal("0.20")}, {"ListUnitPrice": Decimal("0.1501")}),
    "CAU-ContractedCost-C-011-C": (
        {"ContractedUnitPrice": Decimal(1)},
        {"ContractedUnitPrice": Decimal("0.125")},
    ),
}


def found(*rows, **more):
    return {f.rule: f for f in conformance.findings(owning.charges(*rows), **more)}


def test_a_good_charge_is_quiet():
    assert found({}) == {}


@pytest.fixture(scope="module")
def every_case():
    """All cases as charges of one relation: what breaks a rule, and what comes near it."""
    rows = [
        {"SkuId": f"{rule} {kind}", "ResourceId": f"{rule} {kind}"} | change
        for rule, changes in CASES.items()
        for kind, change in zip(("breaks", "near"), changes, strict=True)
    ]
    return owning.charges(*rows)


@pytest.mark.parametrize("rule", [r.id for r in conformance.rules() if r.id in CASES])
def test_rule_on_a_charge_fires_and_is_quiet(every_case, rule):
    (one,) = [r for r in conformance.rules() if r.id == rule]
    broken = every_case.filter(one.breaks(every_case)).ResourceId.to_pyarrow().to_pylist()
    assert f"{rule} breaks" in broken
    assert f"{rule} near" not in broken


MORE = [rule for rule in CASES if rule not in {r.id for r in conformance.rules()}]


@pytest.mark.parametrize("rule", [*MORE, "CAU-EffectiveCost-C-003-M"])
def test_a_finding_tells_count_cost_example_consequence_and_remedy(rule):
    breaking, near = CASES[rule]
    got = found(breaking, {"ResourceId": "other", "SkuId": "s2"})
    assert got[rule].count == 1
    assert list(got[rule].billed.values()) == [breaking.get("BilledCost", Decimal("1.25"))]
    assert "september.csv" in got[rule].examples[0]
    assert got[rule].consequence
    assert got[rule].remedy
    assert rule not in found(near)


def test_every_rule_on_a_charge_has_a_case_or_is_of_a_family():
    family = ("CAU-", "kit-null-", "kit-allowed-")
    own = {r.id for r in conformance.rules() if not r.id.startswith(family)}
    assert own <= CASES.keys()
    demanded = {c.id for c in columns().values() if c.level == "mandatory" and not c.nulls}
    named = {r.column for r in conformance.rules() if r.title.startswith("no ")}
    assert named == demanded


def test_null_in_a_version_without_the_column_is_absent_not_wrong():
    old = found({"ServiceSubcategory": None, "InvoiceId": None, "x_KitVersion": "1.0"})
    assert [f.severity for f in old.values()] == ["note"]
    assert "ServiceSubcategory" in old["kit-absent-in-1.0"].title
    assert "ServiceProviderName" not in old["kit-absent-in-1.0"].title


def test_billed_cost_stays_by_currency():
    got = found({"EffectiveCost": None}, {"EffectiveCost": None, "BillingCurrency": "EUR", "SkuId": "x"})
    assert got["CAU-EffectiveCost-C-003-M"].billed == {"EUR": Decimal("1.25"), "USD": Decimal("1.25")}


def test_duplicates_across_files_are_worse_than_twins():
    same = {"ResourceId": "r"}
    assert found(same, same)["kit-duplicates"].severity == "low"
    across = found(same, same, same | {"x_KitFile": "again.csv"})["kit-duplicates"]
    assert (across.severity, across.count, across.billed) == ("high", 2, {"USD": Decimal("2.50")})
    assert "kit-duplicates" not in found(same, same | {"BilledCost": Decimal("1.26")})


def test_one_provider_under_two_names():
    other = {"ServiceProviderName": "Amazon Web Services", "SkuId": "x"}
    assert found({}, other)["kit-provider-spellings"].count == 2
    assert "kit-provider-spellings" not in found({}, {"ServiceProviderName": "Microsoft", "SkuId": "x"})


def test_tag_keys_alike():
    got = found({"Tags": {"org": "1"}}, {"Tags": {" Org": "1"}, "SkuId": "x"})
    assert "' Org' (1 charges)" in got["kit-tag-keys-alike"].examples[0]
    assert "kit-tag-keys-alike" not in found({"Tags": {"org": "1", "team": "2"}})


def test_residue_is_counted_and_summed_exactly():
    dust = {
        "x_KitExact": {"BilledCost": "2.7755575615628914E-17"},
        "BilledCost": Decimal("0.000000000000000028"),
    }
    got = found(dust, dust | {"SkuId": "x"})["kit-residue"]
    assert got.count == 2
    assert "-0.000000000000000000488848768742172" in got.title  # twice (text minus stored)
    assert "kit-residue" not in found({})


def test_spellings_that_ingest_corrected():
    got = found({"x_KitOther": {"ChargeFrequency": "Usage-based", "Id": "7"}})
    assert got["CAU-ChargeFrequency-C-003-M"].severity == "low"
    assert "'Usage-based'" in got["CAU-ChargeFrequency-C-003-M"].examples[0]
    assert len(got) == 1


def test_invoices(tmp_path):
    table = owning.charges({}, {"x_KitPeriod": "2026-08", "SkuId": "x"})
    said = "issuer,period,currency,total,invoice_id\nAWS,2026-09,USD,1.00,a\nAWS,2026-09,USD,0.30,b\nSaaS,2026-09,EUR,5,\n"
    invoices = companions.read(owning.write(tmp_path, "invoices", said))
    lines = conformance.invoice_lines(table, invoices)
    assert [(x.issuer, x.period, x.billed, x.invoiced, x.difference) for x in lines] == [
        ("AWS", "2026-08", Decimal("1.25"), None, None),
        ("AWS", "2026-09", Decimal("1.25"), Decimal("1.30"), Decimal("-0.05")),
        ("SaaS", "2026-09", Decimal(0), Decimal(5), Decimal(-5)),
    ]
    got = conformance.findings(table, companions={"invoices": invoices})
    assert [f.title for f in got] == [
        "AWS, 2026-09: billed 1.25, invoiced 1.3 USD",
        "SaaS, 2026-09: billed 0, invoiced 5 EUR",
    ]
    assert conformance.worst(got) == "high"
    even = companions.read(
        owning.write(tmp_path, "even", "issuer,period,currency,total\nAWS,2026-09,USD,1.25\n")
    )
    assert conformance.findings(table, companions={"invoices": even}) == []
    for total, off in (("1.259", 0), ("1.26", 1), ("1.24", 1)):
        said = f"issuer,period,currency,total\nAWS,2026-09,USD,{total}\n"
        near = companions.read(owning.write(tmp_path, f"near{total}", said))
        assert len(conformance.findings(table, companions={"invoices": near})) == off, total


def test_notes_are_no_trouble():
    assert conformance.worst([]) is None
    assert conformance.worst(conformance.findings(owning.charges({"x_KitVersion": "1.0"}))) is None


def test_the_real_sample(shared):
    table = owning.from_file(shared / "focus" / "focus_1.0_four_providers_sample.csv", "1.0")
    got = {f.rule: f for f in conformance.findings(table)}
    cut = got["kit-effective-cost-whole"]
    assert (cut.count, cut.severity) == (617, "high")
    assert "unreliable" in cut.consequence
    assert got["kit-outside-billing-period"].count == 1
    assert "' org' (23 charges)" in got["kit-tag-keys-alike"].examples[0]
    assert "Usage-based" in got["CAU-ChargeFrequency-C-003-M"].examples[0]


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("aws_1_2_cost_and_usage_rows100_seed42.csv", "1.2"),
        ("azure_1_3_cost_and_usage_rows100_seed42.csv", "1.3"),
        ("gcp_1_2_cost_and_usage_rows100_seed42.csv", "1.2"),
    ],
)
def test_good_files_raise_nothing_high(shared, name, version):
    found_in = conformance.findings(owning.from_file(shared / "focus" / name, version))
    assert {f.severity for f in found_in} == {"low", "note"}
    assert "kit-unused-list-cost" in {f.rule for f in found_in}


def test_a_finding_is_plain_data():
    record = found({"EffectiveCost": None})["CAU-EffectiveCost-C-003-M"].record()
    assert record["billed"] == {"USD": "1.25"}
    assert isinstance(record["examples"], list)
