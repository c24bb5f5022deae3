"""FOCUS 1.0 to 1.4: recognised, raised, nothing dropped, nothing rounded unseen."""

from __future__ import annotations

import csv
import hashlib
import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data import making

from helpers.data import explain, versions
from helpers.data.layout import stored_columns
from helpers.terms import focus

EARLY, LATE = datetime(1995, 1, 1), datetime(2100, 1, 1)  # noqa: DTZ001  their zone is drawn beside them


@pytest.fixture(scope="module")
def con():
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        versions.register(con)
        yield con


def found_again(source: dict[str, str], stored: dict) -> dict[str, str]:
    """Values of a source row that cannot be found in the stored row."""
    other = stored["x_KitOther"] or {}
    exact = stored["x_KitExact"] or {}
    lost = {}
    for name, text in source.items():
        text = None if text in versions.NULLS else text
        column = {"ProviderName": "ServiceProviderName", "PublisherName": "x_KitPublisherName"}.get(
            name, name
        )
        if text is None or other.get(name) == text or exact.get(name) == text:
            continue
        value = stored.get(column)
        kind = focus.all_columns()[name].kind if name in focus.all_columns() else "text"
        same = {
            "decimal": lambda v, t: v == Decimal(t),
            "time": lambda v, t: v == explain.instant(t),
            "tags": lambda v, t: v == json.loads(t),
        }.get(kind, lambda v, t: v == t)
        if value is None or not same(value, text):
            lost[name] = text
    return lost


@pytest.mark.parametrize("version", focus.VERSIONS)
def test_each_version_is_recognised_raised_and_found_again(version, tmp_path):
    charges = [
        making.charge(
            version, ChargeDescription=f"{n:03d}", x_Own=f"own {n}", Id=str(n), BilledCost=f"0.{n:010d}"
        )
        for n in range(5)
    ]
    staged = making.stage(making.write(tmp_path / "in" / "a.csv", charges), tmp_path / "out")
    assert staged.files[0].version == version
    assert staged.files[0].rows == 5
    stored = making.rows(staged)
    assert [found_again(s, k) for s, k in zip(charges, stored, strict=True)] == [{}] * 5
    assert list(stored[0]) == [*stored_columns(), "x_Own"]
    assert stored[0]["x_KitCores"] == (4 if version > "1.0" else None)
    assert stored[0]["x_KitPublisherName"] == ("PublisherName of charge" if version < "1.4" else None)
    absent = [c.id for c in focus.columns().values() if c.since > version and c.id != "ServiceProviderName"]
    assert all(stored[0][c] is None for c in absent)
    told = " ".join(note for note in staged.notes if "absent in version" in note)
    assert all(c in told for c in absent) or f"{len(absent)} of the columns of 1.4" in told


def test_publisher_is_not_host(tmp_path):
    row = making.charge("1.3", PublisherName="Maker", HostProviderName="Host")
    stored = making.rows(making.stage(making.write(tmp_path / "a.csv", [row]), tmp_path / "out"))[0]
    assert (stored["x_KitPublisherName"], stored["HostProviderName"]) == ("Maker", "Host")
    row = making.charge("1.2", PublisherName="Maker")
    stored = making.rows(making.stage(making.write(tmp_path / "b.csv", [row]), tmp_path / "out2"))[0]
    assert (stored["x_KitPublisherName"], stored["HostProviderName"]) == ("Maker", None)


def test_new_name_wins_and_disagreements_are_listed(tmp_path):
    charges = [
        making.charge("1.3", ChargeDescription="1", ProviderName="Old", ServiceProviderName="New"),
        making.charge("1.3", ChargeDescription="2", ProviderName="Same", ServiceProviderName="Same"),
        making.charge("1.3", ChargeDescription="3", ProviderName="Only", ServiceProviderName=None),
    ]
    staged = making.stage(making.write(tmp_path / "a.csv", charges), tmp_path / "out")
    stored = making.rows(staged)
    assert [r["ServiceProviderName"] for r in stored] == ["New", "Same", "Only"]
    assert [r["x_KitOther"] for r in stored] == [{"ProviderName": "Old"}, None, None]
    assert any("ProviderName" in n and "disagree in 1 charge " in n for n in staged.notes)


def test_versions_mix_within_one_delivery(tmp_path):
    for n, version in enumerate(focus.VERSIONS):
        making.write(
            tmp_path / "in" / f"{version}.csv", [making.charge(version, BilledCost=f"{n + 1}", x_A=n)]
        )
    staged = making.stage(tmp_path / "in", tmp_path / "out")
    assert [f.version for f in staged.files] == list(focus.VERSIONS)
    assert making.billed(staged) == 15
    assert {r["x_KitVersion"]: r["x_KitFile"] for r in making.rows(staged)} == {
        v: f"{v}.csv" for v in focus.VERSIONS
    }


@pytest.mark.parametrize(
    ("text", "stored", "kept"),
    [
        ("2.7755575615628914E-17", "0.000000000000000028", True),
        ("0.0000000000000000005", "0", True),  # half to even
        ("0.0000000000000000015", "0.000000000000000002", True),
        ("0.1234567890123456785", "0.123456789012345678", True),
        ("-0.1234567890123456785", "-0.123456789012345678", True),
        ("0.12345678901234567850", "0.123456789012345678", True),
        ("0.12345678901234567851", "0.123456789012345679", True),
        ("-0.0000000000000000015", "-0.000000000000000002", True),
        ("-0.0000000000000000025", "-0.000000000000000002", True),
        ("-0.00000000000000000250000000001", "-0.000000000000000003", True),
        ("9.9999999999999999995", "10", True),
        ("0.00000000000000000049999", "0", True),
        ("+1.0000000000000000000000", "1", False),
        ("0.12345678901234567800", "0.123456789012345678", False),
        ("1e2", "100", False),
        ("1.00E+05", "100000", False),
        (".5", "0.5", False),
        ("12345678901234567890.123456789012345678", "12345678901234567890.123456789012345678", False),
    ],
)
def test_money_is_exact_or_kept_as_text(text, stored, kept, tmp_path):
    staged = making.stage(
        making.write(tmp_path / "a.csv", [making.charge(BilledCost=text)]), tmp_path / "out"
    )
    row = making.rows(staged)[0]
    assert row["BilledCost"] == Decimal(stored)
    assert row["x_KitExact"] == ({"BilledCost": text} if kept else None)
    (one,) = staged.slices
    assert one.residue == ({"BilledCost": (1, Decimal(text) - Decimal(stored))} if kept else {})
    assert one.totals["Cloud", "USD"]["BilledCost"] == Decimal(stored)


@settings(max_examples=400, deadline=None)
@given(st.text("0123456789.-+eE_ ,x$n", max_size=24))
def test_engine_and_explain_agree_on_numbers(con, text):
    """What the engine takes on the short way is a number to `explain` too, and the same one."""
    odd = con.execute(f"SELECT {versions._odd_number('x')} FROM (SELECT ? AS x)", [text]).fetchone()[0]
    try:
        short = versions._decimal("x", "false")
        value = con.execute(f"SELECT {short} FROM (SELECT ? AS x)", [text]).fetchone()[0]
    except duckdb.Error:
        value = None
    if not odd and value is not None:
        assert versions.number(text) == value
        assert explain._off_number(text) is None
    if not odd and value is None and text not in versions.NULLS:
        assert explain._off_number(text) is not None


@settings(max_examples=200, deadline=None)
@given(st.from_regex(r"[-+]?[0-9]{1,6}\.[0-9]{17,24}[05]{0,3}", fullmatch=True))
def test_long_numbers_are_rounded_alike(con, text):
    value = f"SELECT {versions._decimal('x', versions._odd_number('x'))}, {versions._lost('x')} FROM (SELECT ? AS x)"
    stored, kept = con.execute(value, [text]).fetchone()
    assert stored == versions.rounded(text)
    assert kept == (text if versions.residue(text) else None)


@settings(max_examples=400, deadline=None)
@given(
    st.one_of(
        st.text("0123456789-/.: TZ+", max_size=26),
        st.datetimes(min_value=EARLY, max_value=LATE).map(str),
        st.builds(
            "{}{}{}".format,
            st.datetimes(min_value=EARLY, max_value=LATE).map(lambda t: t.isoformat(timespec="seconds")),
            st.sampled_from(["", ".5", ".1234567"]),
            st.sampled_from(["", "Z", "+02:00", "-05:30", "+01"]),
        ),
    )
)
def test_engine_and_explain_agree_on_times(con, text):
    try:
        micros = con.execute(
            f"SELECT epoch_us({versions._time('x')}) FROM (SELECT ? AS x)", [text]
        ).fetchone()[0]
    except duckdb.Error:
        micros = None
    if micros is not None:
        found = explain.instant(text)
        assert round(found.timestamp() * 1_000_000) == micros
        assert explain._off_time(text) is None


def test_zones_become_utc_and_finer_digits_are_kept(tmp_path):
    row = making.charge(
        BillingPeriodStart="2026-09-01T02:00:00+02:00",
        ChargePeriodStart="2026-09-03 04:00:00",
        ChargePeriodEnd="2026-09-03T05:00:00.1234567Z",
    )
    staged = making.stage(making.write(tmp_path / "a.csv", [row]), tmp_path / "out")
    stored = making.rows(staged)[0]
    assert stored["BillingPeriodStart"].isoformat() == "2026-09-01T00:00:00+00:00"
    assert stored["ChargePeriodStart"].isoformat() == "2026-09-03T04:00:00+00:00"
    assert stored["ChargePeriodEnd"].isoformat() == "2026-09-03T05:00:00.123456+00:00"
    assert stored["x_KitOther"] == {"ChargePeriodEnd": "2026-09-03T05:00:00.1234567Z"}
    assert stored["x_KitPeriod"] == "2026-09"


@pytest.mark.parametrize(
    ("text", "tags", "raw"),
    [
        ('{"a":"b","c":null}', {"a": "b", "c": None}, False),
        ("{}", {}, False),
        ('{"a": "x\\": 1"}', {"a": 'x": 1'}, False),
        ('{"a":1}', {"a": "1"}, True),
        ('{"a":1.50}', {"a": "1.50"}, True),
        ('{"a":"1","a":"2"}', {"a": "2"}, True),
        ('{"a":{"b":1}}', {"a": '{"b":1}'}, True),
        ('[{"key":"a","value":"b"}]', {"a": "b"}, True),
        ("NULL", None, False),
        ("", None, False),
    ],
)
def test_tags_become_a_map_and_keep_what_it_cannot_hold(text, tags, raw, tmp_path):
    stored = making.rows(
        making.stage(making.write(tmp_path / "a.csv", [making.charge(Tags=text)]), tmp_path / "o")
    )[0]
    assert stored["Tags"] == tags
    assert stored["x_KitOther"] == ({"Tags": text} if raw else None)


def test_spelling_of_allowed_values(tmp_path):
    charges = [
        making.charge(ChargeDescription="1", ChargeFrequency="Usage-based", ChargeCategory="usage"),
        making.charge(ChargeDescription="2", ChargeFrequency="Hourly"),
    ]
    staged = making.stage(making.write(tmp_path / "a.csv", charges), tmp_path / "out")
    first, second = making.rows(staged)
    assert (first["ChargeFrequency"], first["ChargeCategory"]) == ("Usage-Based", "Usage")
    assert first["x_KitOther"] == {"ChargeFrequency": "Usage-based", "ChargeCategory": "usage"}
    assert (
        second["ChargeFrequency"] == "Hourly"
    )  # a broken rule is for `check` to report, not a reason to refuse
    assert any(n.startswith("ChargeFrequency of 1 charge was spelt Usage-based") for n in staged.notes)


def test_header_spelling_is_forgiven_with_a_note(tmp_path):
    row = making.charge()
    header = ["SkuPriceid" if c == "SkuPriceId" else c for c in row]
    path = tmp_path / "a.csv"
    path.write_text(making.csv_text([dict(zip(header, row.values(), strict=True))]), encoding="utf-8")
    staged = making.stage(path, tmp_path / "out")
    assert making.rows(staged)[0]["SkuPriceId"] == "SkuPriceId of charge"
    assert any("header SkuPriceid read as SkuPriceId" in n for n in staged.notes)


def test_allocation_key_is_the_same_everywhere_and_tells_parts_apart(tmp_path):
    """The value is pinned: a new engine that hashes otherwise would part old charges from new ones."""
    charges = [
        making.charge(
            ChargeDescription="1", BillingAccountId="a", SubAccountId="b", ServiceName="s", Tags=None
        ),
        making.charge(
            ChargeDescription="2", BillingAccountId="a", SubAccountId=None, ServiceName="b", Tags=None
        ),
        making.charge(
            ChargeDescription="3", BillingAccountId="a", SubAccountId="b", ServiceName="s", Tags=None
        ),
    ]
    staged = making.stage(making.write(tmp_path / "a.csv", charges), tmp_path / "out", source="src")
    one, two, three = (r["x_KitAllocationKey"] for r in making.rows(staged))
    digest = hashlib.md5("\x1f".join(["src", "a", "b", "s", ""]).encode(), usedforsecurity=False).digest()
    assert one == three == int.from_bytes(digest[8:], "little") >> 1
    assert two != one


def test_real_files_are_found_again(shared, tmp_path):
    names = [
        "focus_1.0_four_providers_sample.csv",
        *(f"{p}_cost_and_usage_rows100_seed42.csv" for p in ("aws_1_2", "gcp_1_2", "azure_1_3")),
    ]
    for n, name in enumerate(names):
        path = shared / "focus" / name
        staged = making.stage(path, tmp_path / str(n))
        with path.open(newline="", encoding="utf-8") as lines:
            source = list(csv.DictReader(lines))
        stored = making.rows(staged)

        def key(row, old):
            values = [
                row.get(c) or "" for c in ("ChargeDescription", "ResourceId", "SkuId", "AllocatedResourceId")
            ]
            time = row["ChargePeriodStart"]
            return [
                *("" if v == "NULL" else v for v in values),
                str(explain.instant(time) if old else time),
                *(str(Decimal(row[c]).normalize()) for c in ("BilledCost", "ListCost")),
            ]

        source.sort(key=lambda r: [*key(r, True), r.get("Id") or ""])
        stored.sort(key=lambda r: [*key(r, False), (r["x_KitOther"] or {}).get("Id") or ""])
        assert [found_again(s, k) for s, k in zip(source, stored, strict=True)] == [{}] * len(source)


def test_the_document_has_every_column_and_rule():
    text = (Path(__file__).parents[2] / "docs" / "focus-versions.md").read_text(encoding="utf-8")
    rows = {r[1].strip().strip("`"): r for line in text.splitlines() if len(r := line.split("|")) >= 4}
    for column in focus.all_columns().values():
        row = rows[column.id]
        assert row[2].strip() == column.since + (f" to {column.until}" if column.until else "")
        assert ("the file must have it" in row[3]) == (column.id in versions.REQUIRED)
        assert ("every charge must have a value" in row[3]) == (column.id in versions.FILLED)
    assert set(focus.STORED_KIT_COLUMNS) <= rows.keys()
