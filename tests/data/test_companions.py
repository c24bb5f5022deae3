"""Companion tables: recognised, read with every error named, drafted from the charges, read back as written."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from tests.conftest import ROOT
from tests.data import owning

from helpers.data import companions, dictionary
from helpers.terms import focus
from helpers.terms.errors import BadInput, Refused

GOOD = {
    "allocation": "match_on,match_value,owner,department,shared,valid_from,valid_to\ntag:team,A,ann,D,,2026-01-01,\n",
    "tag_policy": "tag_key,allowed_values\nteam|Team,A|B\n",
    "invoices": "issuer,period,currency,total\nAWS,2026-09,USD,123.456789012345678\n",
    "sources": "source,provider,note\naws,AWS,\n",
    "skus": "sku_id,cores,legacy,tier\nx,4,yes,\n",
    "budgets": "month,department,amount,currency\n2026-09,,1000,EUR\n",
    "targets": "kpi,target\neffective-savings-rate-percentage:list,0.2\n",
}

CELLS = {
    "decimal": "1.5",
    "count": "2",
    "day": "2026-10-05",
    "month": "2026-09",
    "currency": "USD",
    "match": "tag:team",
    "time": "2026-10-01T02:00:00+02:00",
    "json": '"{""a"":1}"',
}
for _table in companions.TABLES.values():  # of the others: each required cell once
    _used = [f for f in _table.fields if f.required]
    _cells = [f.allowed[0] if f.allowed else CELLS.get(f.kind, "x") for f in _used]
    GOOD.setdefault(_table.name, ",".join(f.name for f in _used) + "\n" + ",".join(_cells) + "\n")


@pytest.mark.parametrize("name", companions.TABLES)
def test_each_table_is_recognised_and_read(tmp_path, name):
    path = owning.write(tmp_path, name, GOOD[name])
    assert companions.recognise(GOOD[name].splitlines()[0].split(",")) == name
    table = companions.read(path)
    assert table.num_rows == 1
    assert table.column_names == ["row", *(f.name for f in companions.TABLES[name].fields)]


def test_foreign_headers_are_not_recognised():
    assert companions.recognise(["BilledCost", "BillingAccountId"]) is None
    assert companions.recognise(["source", "a", "b", "c"]) is None
    assert companions.recognise([]) is None


def test_types_are_exact(tmp_path):
    invoice = companions.read(owning.write(tmp_path, "invoices", GOOD["invoices"])).to_pylist()[0]
    assert invoice["total"] == Decimal("123.456789012345678")
    rule = companions.read(owning.write(tmp_path, "allocation", GOOD["allocation"])).to_pylist()[0]
    assert rule["valid_from"] == date(2026, 1, 1)
    assert rule["shared"] is None
    assert companions.read(owning.write(tmp_path, "skus", GOOD["skus"])).to_pylist()[0]["legacy"] is True


def test_semicolons_bom_remarks_and_rows_not_filled_in(tmp_path):
    text = "\ufeff# cost;match_on;match_value;owner;department\n1;tag:a;x;;\n2;tag:a;y;;D\n;;;;\n"
    assert [r["match_value"] for r in companions.read(owning.write(tmp_path, "f", text)).to_pylist()] == ["y"]


def test_times_are_utc_and_the_real_file_of_version_1_3_is_read(tmp_path, shared):
    period = companions.read(owning.write(tmp_path, "p", GOOD["billing_period"])).to_pylist()[0]
    assert period["BillingPeriodStart"] == datetime(2026, 10, 1, tzinfo=UTC)
    real = companions.read(shared / "focus" / "azure_1_3_contract_commitment_rows100_seed42.csv")
    assert real.num_rows == 10
    assert set(real.column("ContractCommitmentCategory").to_pylist()) == {"Spend", "Usage"}


@pytest.mark.parametrize(
    ("name", "column", "cell", "needed"),
    [
        ("billing_period", "BillingPeriodEnd", "yesterday", "a time of ISO 8601"),
        ("contract_commitment", "ContractCommitmentApplicability", "[1]", "a JSON object"),
        ("calendar", "kind", "party", "holiday or launch"),
        ("exchange_rates", "rate", "0", "a number above zero"),
    ],
)
def test_each_kind_of_cell_is_checked(tmp_path, name, column, cell, needed):
    header, row = (line.split(",") for line in GOOD[name].splitlines())
    given = dict(zip(header, row, strict=True)) | {column: cell}
    path = owning.write(tmp_path, name, ",".join(given) + "\n" + ",".join(given.values()) + "\n")
    with pytest.raises(BadInput, match=needed) as error:
        companions.read(path)
    assert (error.value.row, error.value.column) == (2, column)


BAD = {
    "tag without a name": ("allocation", "tag:,A,ann,D,,,", 2, "match_on", "tag:KEY"),
    "near miss": ("allocation", "subaccountid,A,ann,D,,,", 2, "match_on", "write SubAccountId"),
    "no value": ("allocation", "tag:a,,ann,D,,,", 2, "match_value", "a value"),
    "shared word": ("allocation", "tag:a,b,ann,D,maybe,,", 2, "shared", "distributed or undistributed"),
    "no day": ("allocation", "tag:a,b,ann,D,,10/5/2026,", 2, "valid_from", "YYYY-MM-DD"),
    "impossible day": ("allocation", "tag:a,b,ann,D,,2026-02-30,", 2, "valid_from", "YYYY-MM-DD"),
    "ends before start": ("allocation", "tag:a,b,ann,D,,2026-02-02,2026-02-01", 2, "valid_to", "on or after"),
    "too many cells": ("allocation", "tag:a,b,ann,D,,,,more", 2, None, "as the header has"),
    "overlap": (
        "allocation",
        "tag:a,b,x,,,,2026-03-31\ntag:a,b,y,,,2026-03-31,",
        3,
        "match_on",
        "once at a time",
    ),
    "money as a sheet writes it": ("invoices", 'AWS,2026-09,USD,"1,000.10"', 2, "total", "no separators"),
    "exponent": ("invoices", "AWS,2026-09,USD,1.00E+05", 2, "total", "decimal number"),
    "nan": ("invoices", "AWS,2026-09,USD,NaN", 2, "total", "decimal number"),
    "19 places": ("invoices", "AWS,2026-09,USD,0.1234567890123456789", 2, "total", "18 decimal places"),
    "month": ("invoices", "AWS,2026-13,USD,1", 2, "period", "YYYY-MM"),
    "currency": ("invoices", "AWS,2026-09,usd,1", 2, "currency", "ISO 4217"),
    "twice": ("invoices", "AWS,2026-09,USD,1\nAWS,2026-09,USD,2", 3, "issuer", "once"),
    "cores": ("skus", "x,0,,", 2, "cores", "above zero"),
    "yes or no": ("skus", "x,,maybe,", 2, "legacy", "yes or no"),
    "tier": ("skus", "x,,,warm", 2, "tier", "frequent or infrequent or archive"),
}


@pytest.mark.parametrize("case", BAD)
def test_errors_name_the_place_and_the_remedy(tmp_path, case):
    name, row, line, column, needed = BAD[case]
    path = owning.write(tmp_path, name, GOOD[name].splitlines()[0] + "\n" + row + "\n")
    with pytest.raises(BadInput) as error:
        companions.read(path)
    assert (error.value.row, error.value.column) == (line, column)
    assert error.value.file == str(path)
    assert needed in str(error.value)
    assert error.value.remedy


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (None, "no such file"),
        (b"", "empty file"),
        (b"a,b\n1,2\n", "columns a, b"),
        ("sku_id,tier\nx,\xe9\n".encode("latin-1"), "not UTF-8"),
        (b"sku_id,cores,coars\nx,1,2\n", "a column that skus does not have"),
        (b"sku_id,cores,cores\nx,1,2\n", "a column twice"),
        (b'sku_id,cores\n"x,1\n', "no CSV"),
    ],
)
def test_files_that_cannot_be_taken(tmp_path, content, found):
    path = tmp_path / "f.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInput, match=found):
        companions.read(path)


def test_a_missing_column_is_named(tmp_path):
    with pytest.raises(BadInput, match="column total: the column is missing"):
        companions.read(owning.write(tmp_path, "i", "issuer,period,currency\nA,2026-09,USD\n"), "invoices")


def test_the_same_rule_may_follow_itself(tmp_path):
    text = GOOD["allocation"].splitlines()[0] + "\ntag:a,b,x,,,,2026-03-31\ntag:a,b,y,,,2026-04-01,\n"
    assert companions.read(owning.write(tmp_path, "allocation", text)).num_rows == 2


def test_sources_loaded_or_not(tmp_path):
    table = companions.read(owning.write(tmp_path, "sources", GOOD["sources"] + "saas,Someone,\n"))
    found = companions.with_loaded(table, ["aws", "new"]).to_pylist()
    assert [(r["source"], r["loaded"]) for r in found] == [("aws", True), ("saas", False), ("new", True)]


# --- drafts ---------------------------------------------------------------------------------------------------------

ROWS = (
    {"Tags": {"Team": "Search"}, "EffectiveCost": Decimal(70)},
    {"Tags": {"team": "Data"}, "EffectiveCost": Decimal(20)},
    {"Tags": {"Name": "x"}, "EffectiveCost": Decimal(6), "SubAccountId": "222", "SubAccountName": "Sandbox"},
    {"Tags": None, "EffectiveCost": Decimal(4), "SubAccountId": None, "SkuId": "sku-9"},
)


def drafts(folder, rows=ROWS, **more):
    return {d.path.name: d for d in companions.init(owning.charges(*rows), folder, **more)}


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


def test_drafts_are_written_dearest_first_and_read_back(tmp_path):
    made = drafts(tmp_path / "company", sources=[("aws", "AWS")])
    assert list(made) == ["allocation.csv", "tag_policy.csv", "invoices.csv", "sources.csv", "skus.csv"]
    rules = rows_of(made["allocation.csv"].path)
    assert [(r["match_on"], r["match_value"], r["department"], r["# share"]) for r in rules] == [
        ("tag:Team|team", "Search", "Search", "70.0 %"),
        ("tag:Team|team", "Data", "Data", "20.0 %"),
        ("SubAccountId", "222", "", "6.0 %"),
        ("BillingAccountId", "payer", "", "4.0 %"),
    ]
    assert rules[2]["# name"] == "Sandbox"
    assert "90.0 %" in made["allocation.csv"].note
    assert rows_of(made["tag_policy.csv"].path)[0]["tag_key"] == "Team|team"
    invoice = rows_of(made["invoices.csv"].path)[0]
    assert (invoice["issuer"], invoice["period"], invoice["total"], invoice["# billed cost"]) == (
        "AWS",
        "2026-09",
        "",
        "5",
    )
    assert rows_of(made["sources.csv"].path) == [{"source": "aws", "provider": "AWS", "note": ""}]
    assert [r["sku_id"] for r in rows_of(made["skus.csv"].path)] == ["sku-1", "sku-9"]
    for name, draft in made.items():
        assert companions.recognise(draft.path.read_text().splitlines()[0].split(",")) == name.removesuffix(
            ".csv"
        )
        companions.read(draft.path)


def test_drafted_rules_allocate_what_they_say(tmp_path):
    path = drafts(tmp_path)["allocation.csv"].path
    table = owning.charges(*ROWS, allocation=path)
    got = table.group_by("x_KitDepartment").aggregate(cost=table.EffectiveCost.sum()).to_pyarrow().to_pylist()
    assert {r["x_KitDepartment"]: r["cost"] for r in got} == {
        "Search": Decimal(70),
        "Data": Decimal(20),
        None: Decimal(10),
    }


def test_files_of_a_person_are_kept_unless_forced(tmp_path):
    mine = tmp_path / "allocation.csv"
    mine.write_text("mine")
    made = drafts(tmp_path)
    assert made["allocation.new.csv"].beside
    assert not made["skus.csv"].beside
    assert mine.read_text() == "mine"
    assert not drafts(tmp_path, force=True)["allocation.csv"].beside
    assert mine.read_text() != "mine"


def test_a_file_where_the_folder_should_be_is_refused(tmp_path):
    (tmp_path / "company").write_text("x")
    with pytest.raises(Refused):
        drafts(tmp_path / "company")


def test_without_owner_tags_sub_accounts_are_listed(tmp_path):
    made = drafts(tmp_path, rows=({"Tags": {"Name": "x"}},))
    assert [r["match_on"] for r in rows_of(made["allocation.csv"].path)] == ["SubAccountId"]
    assert "one row for each sub-account" in made["allocation.csv"].note


def test_no_cell_starts_a_formula_and_rules_still_fit(tmp_path):
    row = {"Tags": {"team": '=HYPERLINK("http://x")'}, "ChargeDescription": "+cmd", "BilledCost": Decimal(-1)}
    made = drafts(tmp_path, rows=(row,))
    for draft in made.values():
        with draft.path.open(newline="") as f:
            assert not [c for line in csv.reader(f) for c in line if c.startswith(("=", "+", "-", "@"))]
    table = owning.charges(row, allocation=made["allocation.csv"].path)
    assert table.x_KitDepartment.to_pyarrow().to_pylist() == ['=HYPERLINK("http://x")']


def test_every_number_has_a_unit():
    for table in companions.TABLES.values():
        assert not [f.name for f in table.fields if f.kind in ("decimal", "count") and "[" not in f.doc], (
            table.name
        )
    units = {c.id: dictionary.UNITS.get(c.id, c.id in focus.COSTS) for c in focus.all_columns().values()}
    assert not [c.id for c in focus.all_columns().values() if c.kind == "decimal" and not units[c.id]]


def test_the_dictionary_is_made_from_the_schemas():
    assert (ROOT / "docs" / "data-dictionary.md").read_text(encoding="utf-8") == dictionary.page()
    overview = (ROOT / "docs" / "companions.md").read_text(encoding="utf-8")
    assert all(f"| `{t.file}` | {t.doc} |" in overview for t in companions.TABLES.values())
