"""Owners by rules, policy, generations, tiers and eligibility: what the joined columns say."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from tests.data import owning

from helpers.data import allocation, companions, store, tables
from helpers.runs import session

HEAD = "match_on,match_value,owner,department,shared,valid_from,valid_to\n"


def only(table, *columns):
    rows = table.order_by("ResourceId").select(*columns).to_pyarrow().to_pylist()
    return [tuple(r.values()) for r in rows]


def owners(tmp_path, rules, *rows):
    table = owning.charges(*rows, allocation=owning.write(tmp_path, "allocation", HEAD + rules))
    return only(table, "x_KitOwner", "x_KitDepartment", "x_KitShared")


def test_without_rules_the_sub_account_stands_in():
    rows = (
        {},
        {"SubAccountName": None},
        {"SubAccountName": None, "SubAccountId": None, "BillingAccountName": "Payer"},
        {"SubAccountName": None, "SubAccountId": None},
    )
    table = owning.charges(*rows)
    assert only(table, "x_KitOwner", "x_KitDepartment") == [
        (None, "Web"),
        (None, "111"),
        (None, "Payer"),
        (None, "payer"),
    ]


def test_first_rule_that_fits_wins_in_file_order(tmp_path):
    rules = "tag:team,Search,ann,Search,,,\nServiceName,*,,Infra,undistributed,,\n"
    rows = ({"Tags": {"team": "Search"}}, {"Tags": {"team": "search"}}, {"Tags": None})
    assert owners(tmp_path, rules, *rows) == [
        ("ann", "Search", None),
        (None, "Infra", "undistributed"),
        (None, "Infra", "undistributed"),
    ]
    turned = "\n".join(reversed(rules.strip().split("\n"))) + "\n"
    assert owners(tmp_path, turned, rows[0]) == [(None, "Infra", "undistributed")]


def test_where_rules_are_but_none_fits_there_is_no_department(tmp_path):
    assert owners(tmp_path, "tag:team,Search,ann,Search,,,\n", {}) == [(None, None, None)]


def test_keys_are_verbatim_and_synonyms_are_named(tmp_path):
    rows = ({"Tags": {"Team": "A"}}, {"Tags": {"team": "A"}}, {"Tags": {" team": "A"}})
    assert owners(tmp_path, "tag:team,A,,D,,,\n", *rows) == [
        (None, None, None),
        (None, "D", None),
        (None, None, None),
    ]
    assert [d for _, d, _ in owners(tmp_path, "tag:team|Team| team,A,,D,,,\n", *rows)] == ["D", "D", "D"]


def test_star_takes_any_value_that_is_not_blank(tmp_path):
    rows = ({"Tags": {"team": " "}}, {"Tags": {"team": "x"}}, {"Tags": {"team": None}})
    assert [d for _, d, _ in owners(tmp_path, "tag:team,*,,D,,,\n", *rows)] == [None, "D", None]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("SubAccountId", "111"),
        ("SubAccountName", "Web"),
        ("ServiceName", "Amazon Elastic Compute Cloud"),
        ("BillingAccountId", "payer"),
        ("x_KitSource", "aws"),
    ],
)
def test_each_column_that_a_rule_may_look_at(tmp_path, column, value):
    assert owners(tmp_path, f"{column},{value},,D,,,\n", {}, {column: "other"})[0] == (None, "D", None)
    assert owners(tmp_path, f"{column},{value},,D,,,\n", {column: "other"}) == [(None, None, None)]


def test_a_renamed_sub_account_goes_by_the_name_of_each_charge(tmp_path):
    rows = ({"SubAccountName": "Old"}, {"SubAccountName": "New"})
    rules = "SubAccountName,Old,,Before,,,\nSubAccountName,New,,After,,,\n"
    assert [d for _, d, _ in owners(tmp_path, rules, *rows)] == ["Before", "After"]


def test_validity_is_by_charge_day_both_days_included(tmp_path):
    days = [datetime(2026, 9, d, 23, tzinfo=UTC) for d in (9, 10, 20, 21)]
    rows = [{"ChargePeriodStart": d} for d in days]
    rules = "SubAccountId,111,,Project,,2026-09-10,2026-09-20\nSubAccountId,*,,Base,,,\n"
    assert [d for _, d, _ in owners(tmp_path, rules, *rows)] == ["Base", "Project", "Project", "Base"]


def test_no_charge_is_lost_or_doubled_by_any_rules(tmp_path):
    rules = "".join(
        f"tag:team|Team,T{n},o{n},D{n},,2026-09-{n + 1:02},2026-09-{n + 3:02}\n" for n in range(20)
    )
    rows = [
        {"Tags": {"team": f"T{n % 7}"}, "ChargePeriodStart": datetime(2026, 9, 1 + n % 30, tzinfo=UTC)}
        for n in range(60)
    ]
    table = owning.charges(*rows, allocation=owning.write(tmp_path, "allocation", HEAD + rules))
    assert table.count().execute() == 60
    assert table.BilledCost.sum().execute() == Decimal("75.00")


def test_the_key_of_ingest_is_used_where_it_is(tmp_path):
    rows = (
        {"x_KitAllocationKey": 7, "Tags": {"team": "A"}},
        {"x_KitAllocationKey": 8, "Tags": {"team": "B"}},
        {"x_KitAllocationKey": None, "Tags": {"team": "A"}},
    )
    assert [d for _, d, _ in owners(tmp_path, "tag:team,A,,DA,,,\ntag:team,B,,DB,,,\n", *rows)] == [
        "DA",
        "DB",
        "DA",
    ]


def test_tagged_needs_one_value():
    tags = (None, {}, {"a": ""}, {"a": " "}, {"a": None}, {"a": "", "b": "x"})
    assert only(owning.charges(*({"Tags": t} for t in tags)), "x_KitTagged") == [
        (False,),
        (False,),
        (False,),
        (False,),
        (False,),
        (True,),
    ]


def test_tag_policy(tmp_path):
    policy = owning.write(
        tmp_path,
        "tag_policy",
        "tag_key,allowed_values,valid_from,valid_to\nteam|Team,,,\nenv,prod|dev,2026-09-15,\n",
    )
    late = datetime(2026, 9, 15, tzinfo=UTC)
    rows = (
        {"Tags": {"Team": "A"}},
        {"Tags": {"Team": "A"}, "ChargePeriodStart": late},
        {"Tags": {"Team": "A", "env": "dev"}, "ChargePeriodStart": late},
        {"Tags": {"Team": "A", "env": "test"}, "ChargePeriodStart": late},
        {"Tags": {"team": ""}},
    )
    assert [m for (m,) in only(owning.charges(*rows, tag_policy=policy), "x_KitTagPolicyMet")] == [
        True,
        False,
        True,
        False,
        False,
    ]
    assert only(owning.charges(rows[0]), "x_KitTagPolicyMet") == [(None,)]
    assert only(owning.charges(rows[0], tag_policy=policy), "x_KitDepartment") == [
        ("Web",)
    ]  # still stands in


GENERATIONS = (
    ("AWS", "$0.20 per On Demand Linux m4.xlarge Instance Hour", True),
    ("Amazon Web Services", "db.r4.large Single-AZ", True),
    ("AWS", "$0.34 per On Demand Linux c5.2xlarge Instance Hour", False),
    ("AWS", "AWS Fargate - vCPU", None),
    ("Microsoft", "Virtual Machines Dv2/DSv2 Series - D11 v2/DS11 v2", True),
    ("Microsoft", "Standard_D4s_v5 instance", False),
    ("Microsoft", "Standard_E8ds_v4", True),
    ("Microsoft Azure", "Standard_B2ms", True),
    ("Microsoft Azure", "Standard_B2s_v2", False),
    ("Microsoft", "Standard_DS2", True),
    ("Google Cloud", "N1 Predefined Instance Core running in Americas", True),
    ("Google Cloud", "e2-standard-4 running", False),
    ("Google Cloud", "N2 Instance Core running in Americas", False),
    ("Oracle", "Standard - E3 - Memory", True),
    ("Oracle", "Standard - E5", False),
    ("Somebody", "m4.xlarge", None),
)


def told(rows, column, **more):
    """The column's value for each (provider, text), each a SKU of its own."""
    made = [
        {
            "ServiceProviderName": p,
            "ChargeDescription": t,
            "SkuId": f"{n:03}",
            "ResourceId": f"{n:03}",
            **more,
        }
        for n, (p, t, _) in enumerate(rows)
    ]
    found = [v for (v,) in only(owning.charges(*made), column)]
    return [(p, t, v) for (p, t, _), v in zip(rows, found, strict=True)]


def test_generations():
    assert told(GENERATIONS, "x_KitLegacy") == list(GENERATIONS)


TIERS = (
    ("AWS", "$0.023 per GB - first 50 TB / month of storage used", "frequent"),
    ("AWS", "$0.0125 per GB-Month of storage used in Standard-Infrequent Access", "infrequent"),
    ("AWS", "TimedStorage-GDA-ByteHrs Glacier Deep Archive", "archive"),
    ("AWS", "$0.114 per GB-month of General Purpose SSD (gp2) provisioned storage", None),
    ("Microsoft", "Tiered Block Blob - Hot LRS - Data Stored", "frequent"),
    ("Microsoft", "Tiered Block Blob - Cool LRS - Data Stored", "infrequent"),
    ("Google", "Coldline Storage US", "infrequent"),
    ("Oracle", "Archive Storage", "archive"),
)


def test_storage_tiers():
    assert told(TIERS, "x_KitTier", ServiceCategory="Storage") == list(TIERS)


def test_sku_details_come_before_the_description_and_own_table_before_both(tmp_path):
    row = {"SkuPriceDetails": '{"InstanceType":"m4.large","CoreCount":2}', "ChargeDescription": "m6i.large"}
    assert only(owning.charges(row), "x_KitLegacy") == [(True,)]
    skus = owning.write(tmp_path, "skus", "sku_id,cores,legacy,tier\nsku-1,4,no,\n")
    assert only(owning.charges(row, skus=skus), "x_KitLegacy", "x_KitCores") == [(False, Decimal(4))]


ELIGIBLE = (
    ({}, True),
    ({"ChargeClass": "Correction"}, False),
    ({"ChargeCategory": "Purchase"}, False),
    ({"PricingCategory": "Dynamic"}, False),
    ({"PricingCategory": "Dynamic", "CommitmentDiscountStatus": "Used"}, True),
    ({"ServiceName": "Amazon Simple Storage Service", "ServiceCategory": "Storage"}, False),
    (
        {"ServiceName": "Amazon Simple Storage Service", "CommitmentDiscountStatus": "Unused"},
        True,
    ),
    ({"ChargeDescription": "$0.045 per NAT Gateway Hour"}, False),
    ({"PricingUnit": "GB"}, False),
    ({"SkuId": None}, True),
    (
        {"ServiceProviderName": "Google Cloud", "ServiceName": "Cloud Run", "PricingUnit": "Core-Seconds"},
        True,
    ),
    ({"ServiceProviderName": "Oracle"}, False),
    ({"ServiceProviderName": "Microsoft", "ServiceName": "Azure Cosmos DB"}, True),
)


def test_eligible():
    rows = [{"SkuId": f"{n:03}", "ResourceId": f"{n:03}"} | change for n, (change, _) in enumerate(ELIGIBLE)]
    found = [v for (v,) in only(owning.charges(*rows), "x_KitEligible")]
    assert [(c, v) for (c, _), v in zip(ELIGIBLE, found, strict=True)] == list(ELIGIBLE)


@pytest.mark.parametrize("name", ["generations", "storage_tiers", "eligibility"])
def test_every_row_of_the_kits_own_tables_has_source_and_day(name):
    for row in allocation.factors(name):
        assert None not in row
        assert "." in row["source"]
        assert date.fromisoformat(row["read"]) <= date(2026, 12, 31)


def test_collisions_are_reported_not_merged():
    rows = [
        {"Tags": {"Cost Center": "1"}},
        {"Tags": {"costcenter": "1"}},
        {"Tags": {"costcenter": "2", "x": ""}},
    ]
    found = allocation.collisions(owning.charges(*rows))
    assert [(c.keys, c.charges) for c in found] == [(("costcenter", "Cost Center"), (2, 1))]
    assert allocation.collisions(owning.charges({"Tags": {"a": "1", "b": "2"}})) == []


def basis(home, day=None):
    """The sentence that every page carries."""
    return session._basis(allocation.rules(home, day))


def test_basis_says_where_departments_come_from(tmp_path):
    home = tmp_path / "store"
    store_now = datetime(2026, 10, 5, tzinfo=UTC)
    rules = companions.read(owning.write(tmp_path, "allocation", HEAD + "SubAccountId,111,ann,Web,,,\n"))
    assert tables.write_table(
        home, "skus", rules, date(2026, 10, 1), {}, now=store_now
    )  # any table makes the store
    assert "stands in" in basis(home)
    details = {"file": "allocation.csv"}
    store.write_table(home, "allocation", rules, date(2026, 10, 5), details, now=store_now)
    assert basis(home) == ("Owners and departments: 1 allocation rule (allocation.csv, 5 October 2026).")
    assert "stands in" in basis(home, date(2026, 10, 4))


def test_hostile_texts_stay_texts(tmp_path):
    evil = "x'; DROP TABLE charges; --"
    rules = f'"tag:{evil}","{evil}",ann,"{evil}",,,\n'
    assert owners(tmp_path, rules, {"Tags": {evil: evil}}) == [("ann", evil, None)]
