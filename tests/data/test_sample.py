"""The sample company is the same from the same seed, and holds what its story says."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from decimal import Decimal

import pytest

from helpers.data import sample
from helpers.terms.period import Month


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return sample.write(tmp_path_factory.mktemp("larkspur"))


def _rows(folder, name):
    path = folder / name
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return list(csv.DictReader(text.decode().splitlines()))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(folders, tmp_path):
    again = sample.write(tmp_path / "again")
    other = sample.write(tmp_path / "other", seed=7)
    for one, two, three in zip(folders, again, other, strict=True):
        names = sorted(p.name for p in one.iterdir())
        assert names == sorted(p.name for p in two.iterdir())
        assert all((one / n).read_bytes() == (two / n).read_bytes() for n in names)
        assert (one / "manifest.json").read_bytes() != (three / "manifest.json").read_bytes()


def test_manifests_tell_rows_and_hashes(folders):
    for folder in folders:
        manifest = json.loads((folder / "manifest.json").read_text())
        for file in manifest["files"]:
            data = (folder / file["path"]).read_bytes()
            assert hashlib.sha256(data).hexdigest() == file["sha256"]
            assert len(_rows(folder, file["path"])) == file["rows"]


def test_thirteen_closed_months_and_an_open_one_a_few_thousand_charges(folders):
    months = {p["path"][:7] for f in folders for p in json.loads((f / "manifest.json").read_text())["files"]}
    assert months == {str(sample.FIRST.plus(n)) for n in range(14)}
    counted = sum(p["rows"] for f in folders for p in json.loads((f / "manifest.json").read_text())["files"])
    assert 5_000 < counted < 20_000


def test_the_savings_plan_lapses_the_refund_the_credit_and_the_switch_off():
    charges = list(sample.month_charges(sample.AWS, Month(2026, 9), 1))
    used = [c for c in charges if c.get("CommitmentDiscountStatus") == "Used"]
    assert {c["ChargePeriodStart"].day for c in used} == {1, 2}
    june = list(sample.month_charges(sample.AWS, Month(2026, 6), 1))
    assert [c["BilledCost"] for c in june if c["ChargeCategory"] == "Credit"] == [Decimal("-6000.00")]
    august = list(sample.month_charges(sample.AWS, Month(2026, 8), 1))
    assert [c["BilledCost"] for c in august if c.get("ChargeClass") == "Correction"] == [Decimal("-2140.25")]
    legacy = [
        c for c in sample.month_charges(sample.AZURE, Month(2026, 9), 1) if c["ResourceName"] == "legacy-vms"
    ]
    assert max(c["ChargePeriodStart"].day for c in legacy) == 15


def test_monthly_payments_are_what_their_commitments_amortise():
    for provider in (sample.AWS, sample.AZURE):
        charges = list(sample.month_charges(provider, Month(2026, 7), 1))
        paid = sum(c["BilledCost"] for c in charges if c["ChargeCategory"] == "Purchase")
        amortised = sum(
            c["EffectiveCost"]
            for c in charges
            if c.get("CommitmentDiscountStatus") and c["CommitmentDiscountId"] and c["SkuId"] != "E8S-V5"
        )
        assert paid == amortised
