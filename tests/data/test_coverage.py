"""Owners by rule, the rule that would add most, virtual tags and collisions; the kit's own tables."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal as D
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from tests.data import owning

from helpers.data import coverage
from helpers.data.allocation import factors
from helpers.data.instances import instances
from helpers.terms.period import Month

RULES = ["match_on", "match_value", "owner", "department", "shared", "valid_from", "valid_to"]


def rules(*rows):
    return pd.DataFrame(
        [dict(zip(RULES, (*r, *[None] * 7)[:7], strict=True)) for r in rows], columns=RULES, dtype=object
    )


def groups(rows, table, **more):
    usual = {"ChargeCategory": "Usage", "BillingCurrency": "USD", "EffectiveCost": D(10)}
    charges = owning.charges(*[usual | r for r in rows])
    period = charges.x_KitPeriod.execute().iloc[0]
    return coverage.Groups(charges, Month.parse(period), table, currency="USD", **more)


def shown(frame, *columns):
    return [tuple(r[c] for c in columns) for r in frame.to_dict("records")]


def test_cost_by_the_rule_that_decides_first_adds_up():
    rows = [
        {"Tags": {"team": "A"}},
        {"Tags": {"Team": "A"}},
        {"Tags": {"x": "1"}, "SubAccountName": "Web"},
        {"Tags": None, "SubAccountName": "Lab"},
        {"ChargeCategory": "Tax"},
    ]
    found = groups(rows, rules(("tag:team|Team", "A", "ann"), ("SubAccountName", "Web", "ben")))
    assert shown(found.coverage(), "rule", "amount", "share") == [
        ("tag team", D(20), D("0.5")),
        ("account", D(10), D("0.25")),
        ("no rule", D(10), D("0.25")),
    ]
    assert found.whole == 40


def test_the_next_rule_is_chosen_by_cost_each_after_the_other():
    rows = [
        {"Tags": {"app": "x"}, "SubAccountName": "Lab", "EffectiveCost": D(30)},
        {"Tags": {"app": "x"}, "SubAccountName": "Web", "EffectiveCost": D(25)},
        {"Tags": None, "SubAccountName": "Lab", "EffectiveCost": D(5)},
    ]
    rows = [r | {"SubAccountId": None} for r in rows]
    wide = groups(rows, None).next_rules(1)
    assert shown(wide, "match_on", "amount") == [("ServiceName", D(60))]
    narrow = groups([r | {"ServiceName": f"s{n}"} for n, r in enumerate(rows)], None).next_rules(2)
    assert shown(narrow, "match_on", "match_value", "amount") == [
        ("tag:app", "x", D(55)),
        ("SubAccountName", "Lab", D(5)),
    ]


def test_dated_rules_hold_on_their_days():
    rows = [
        {
            "Tags": {"team": "A"},
            "ChargePeriodStart": datetime(2026, 9, day, tzinfo=UTC),
            "x_KitPeriod": "2026-09",
        }
        for day in (1, 20)
    ]
    table = rules(("tag:team", "A", "ann", None, None, date(2026, 9, 10), None))
    assert shown(groups(rows, table).coverage(), "rule", "amount") == [
        ("tag team", D(10)),
        ("no rule", D(10)),
    ]


def test_tags_of_another_scheme_stand_in_without_touching_anything():
    mapping = pd.DataFrame(
        [
            {
                "key": "squad",
                "value": "docs",
                "to_key": "team",
                "to_value": "A",
                "valid_from": None,
                "valid_to": None,
            }
        ],
        dtype=object,
    )
    found = groups(
        [{"Tags": {"squad": "docs"}}, {"Tags": {"squad": "other"}}],
        rules(("tag:team", "A", "ann")),
        mapping=mapping,
    )
    assert found.virtual() == 10
    assert shown(found.coverage(), "rule", "amount") == [("no rule", D(20))]


def test_collisions_are_named_and_the_first_decides():
    rows = [
        {"Tags": {"team": "A"}, "SubAccountName": "Web"},
        {"Tags": {"team": "A", "Team": "B"}, "SubAccountName": "Lab", "EffectiveCost": D(3)},
    ]
    found = groups(rows, rules(("tag:team", "A", "ann"), ("SubAccountName", "Web", "ben"))).collisions()
    assert shown(found, "what", "first", "second", "amount") == [
        ("rules", "tag team A: ann", "account Web: ben", D(10)), ("spellings", "'team': A", "'Team': B", D(3)),
    ]  # fmt: skip


def test_untagged_and_misspelt_resources():
    lines = pd.DataFrame(
        [
            {
                "resource_id": "a",
                "name": "a",
                "tags": {"team": "A"},
                "department": "A",
                "account": "w",
                "account_id": "1",
                "effective": D(1),
            },
            {
                "resource_id": "b",
                "name": "b",
                "tags": {" team": "A"},
                "department": "A",
                "account": "w",
                "account_id": "1",
                "effective": D(2),
            },
            {
                "resource_id": "c",
                "name": "c",
                "tags": {"env": "x", "team": " "},
                "department": None,
                "account": None,
                "account_id": "1",
                "effective": D(3),
            },
        ],
        dtype=object,
    )
    found = coverage.untagged(lines, rules(("tag:team|Team| team", "A", "ann")))
    assert shown(found, "problem", "name", "department") == [
        ("no owner by tag", "c", "nobody"),
        ("key spelt ' team'", "b", "A"),
    ]
    assert coverage.untagged(lines, None).empty


def test_every_machine_type_is_sourced_dated_and_whole():
    table = instances()
    assert not table.duplicated(["provider", "type"]).any()
    assert set(table["provider"]) == {"AWS", "Microsoft", "Google"}
    assert (table["vcpu"] > 0).all() and (table["generation"] > 0).all()
    assert set(table["architecture"]) == {"x86_64", "arm64"}
    assert table["source"].str.len().min() > 20 and set(table["read"]) == {"2026-11-26"}
    assert {"machine", "database", "cache", "search"} == set(table["service"])


@pytest.mark.parametrize(
    ("kind", "vcpu", "memory", "line", "architecture"),
    [
        ("m6i.4xlarge", 16, 64, "m", "x86_64"), ("c7g.2xlarge", 8, 16, "c", "arm64"), ("db.r6g.2xlarge", 8, 64, "db.r", "arm64"),
        ("Standard_D16s_v5", 16, 64, "Ds", "x86_64"), ("Standard_D2_v2", 2, 7, "Ds", "x86_64"), ("Standard_E8s_v5", 8, 64, "Es", "x86_64"),
        ("n2-standard-8", 8, 32, "n-standard", "x86_64"), ("m5d.xlarge", 4, 16, "md", "x86_64"), ("t4g.medium", 2, 4, "t", "arm64"),
    ],
)  # fmt: skip
def test_known_machine_types(kind, vcpu, memory, line, architecture):
    row = instances().set_index("type").loc[kind]
    assert (row["vcpu"], row["memory_gib"], row["line"], row["architecture"]) == (
        vcpu,
        memory,
        line,
        architecture,
    )


def test_zones_exist_and_steps_are_shares():
    for row in factors("zones"):
        assert ZoneInfo(row["zone"]) and row["source"] and row["read"]
    assert all(0 < D(r["share"]) < 1 and r["source"] for r in factors("storage_steps"))
