"""Each KPI against SQL that was written apart from it, over real files, equal at 12 decimal places."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal, localcontext
from pathlib import Path

import pytest

from helpers import measures
from helpers.data import open_charges, sources, store
from helpers.terms.money import CONTEXT

FILES = {
    "real": "focus_1.0_four_providers_sample.csv",
    "aws 1.2": "aws_1_2_cost_and_usage_rows100_seed42.csv",
    "azure 1.3": "azure_1_3_cost_and_usage_rows100_seed42.csv",
    "gcp 1.2": "gcp_1_2_cost_and_usage_rows100_seed42.csv",
}
# Owner columns that the files do not have, by rules of this test.
COMPANY = {
    "x_KitDepartment": "CASE WHEN RegionId LIKE 'us%' THEN SubAccountName END",
    "x_KitOwner": "CASE WHEN ServiceCategory = 'Compute' THEN 'compute' END",
    "x_KitShared": "CASE ServiceCategory WHEN 'Networking' THEN 'undistributed' WHEN 'Storage' THEN 'distributed' END",
    "x_KitTagPolicyMet": "CASE WHEN Tags IS NOT NULL THEN Tags LIKE '%prod%' END",
    "x_KitLegacy": "CASE WHEN ServiceName ILIKE '%e%' THEN ResourceId LIKE '%a%' END",
}
DAY = date(2026, 11, 24)
PLACES = Decimal("1E-12")


def plain() -> dict[str, str]:
    text = (Path(__file__).parent / "sql" / "plain.sql").read_text(encoding="utf-8")
    blocks = [block.partition("\n") for block in text.split("\n-- ")[2:]]
    return {key.strip(): body for key, _, body in blocks}


def every_once(every, charges, companions):
    return {m.key: m for m in every(charges, companions) if m.table is not None}


@pytest.mark.parametrize("file", FILES)
def test_measures_equal_plain_sql_over_real_files(file, shared, bench, companions, every):
    numbers = compare(bench.sql, bench.file(shared / "focus" / FILES[file], **COMPANY), every, companions)
    assert len(numbers) > len(plain()) // 2


def test_measures_equal_plain_sql_over_the_sample_company(bench, companions, every):
    numbers = compare(bench.sql, bench.company(), every, companions)
    assert set(plain()) - numbers == {
        "consumption-versus-commitment"
    }  # hours and dollars: no number, by design


@pytest.mark.parametrize("file", FILES)
def test_measures_equal_plain_sql_over_ingested_files(file, shared, tmp_path, companions, every):
    """The same by the real way: read, raised to 1.4, stored, opened."""
    staged = sources.stage(sources.find(shared / "focus" / FILES[file], today=DAY), tmp_path)
    store.ingest(tmp_path / "store", staged, now=datetime(2026, 11, 24, tzinfo=UTC))
    charges = open_charges(tmp_path / "store")
    companions = (companions[0].assign(id=staged.id), *companions[1:])
    numbers = compare(charges.get_backend().con, charges, every, companions)
    assert len(numbers) > len(plain()) // 2


def compare(sql, charges, every, companions) -> set[str]:
    """Keys that are a number, each equal to its plain SQL at 12 places."""
    ours = every_once(every, charges, companions)
    asked = plain()
    found = measures.evaluate([ours[key] for key in asked]).iloc[0]
    numbers = set()
    for key, statement in asked.items():
        num, den = sql.execute(statement.replace("FROM charges", f"FROM {charges.get_name()}")).fetchone()
        if num is None or not den:
            assert found[key].is_nan() or (num is None and found[key] == 0), key
            continue
        with localcontext(CONTEXT):
            theirs = (Decimal(num) / Decimal(den)).quantize(PLACES)
            assert found[key].quantize(PLACES) == theirs, key
        numbers.add(key)
    return numbers


def test_real_totals_are_those_of_the_publisher(shared, bench):
    charges = bench.file(shared / "focus" / FILES["real"])
    found = measures.evaluate([measures.totals.total(charges, "BilledCost")], by=["ServiceProviderName"])
    assert dict(zip(found["ServiceProviderName"], found["total-billed-cost"], strict=True)) == {
        "AWS": Decimal("18.00663861840"),
        "Microsoft": Decimal("1.97651418586"),
        "Oracle": Decimal("0.53707392473"),
    }
