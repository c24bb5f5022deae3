"""The sample company: the same from the same seed, right to the last digit, its story and what is planted in it found again."""

from __future__ import annotations

import ast
import csv
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal

import pyarrow.parquet as pq
import pytest
from tests.conftest import ROOT

from helpers.catalog import results
from helpers.catalog.responsibilities import responsibilities
from helpers.data import conformance, open_charges, sample
from helpers.data.sample import grown, truth
from helpers.data.sample.charges import month_charges
from helpers.data.sample.identity import identified
from helpers.data.sample.ledger import Ledger
from helpers.data.sample.world import FIRST, OPEN, World
from helpers.runs.session import companions
from helpers.terms.errors import Refused, UsageError
from helpers.terms.money import CONTEXT
from helpers.terms.period import Month

# Of the last three months of the default seed: a change here is a change of everybody's company
CONTENT = "353e4aa046d11935572ba8f97bbbb2e85de2fdc20e2dc0cc4ce8fa3983ea91f0"
CLOSED = [FIRST.plus(n) for n in range(24)]


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """The last three months."""
    folder = tmp_path_factory.mktemp("sample") / "company"
    sample.write(folder, months=3)
    return folder


@pytest.fixture(scope="module")
def world():
    return World()


@pytest.fixture(scope="module")
def told(world):
    """Every charge of the story, each once: the ledger, and sums by export's currency and month as KPIs name them."""
    found, sums = Ledger(world), defaultdict(lambda: defaultdict(Decimal))
    for export in world.exports.values():
        month = export.first
        while month <= OPEN:
            for charge in month_charges(world, export.export, month, 4 if month == OPEN else None):
                found.add(export, month, charge)
                _sum(sums[export.currency, str(month)], export.export, charge)
            month = month.plus(1)
    return found, sums


def _sum(into, export, charge):
    effective, status = charge["EffectiveCost"], charge.get("CommitmentDiscountStatus")
    into["oracle" if export == "oci-larkspur" else "effective"] += effective
    into["billed"] += charge["BilledCost"]
    if status:
        into[status] += effective
    if charge["ChargeCategory"] == "Credit":
        into["credits"] += charge["BilledCost"]
    if charge["ChargeClass"] == "Correction" or (
        charge["ChargeCategory"] == "Usage" and charge["BilledCost"] < 0
    ):
        into["refunds"] += charge["BilledCost"]


@pytest.fixture(scope="module")
def ledger(told):
    """Sums of every charge of the story, each counted once."""
    return told[0]


def contents(folder) -> dict[str, str]:
    """File → hash of its bytes; of what is packed (gzip, Parquet) of its values, as compressors differ by build."""
    found = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        raw = path.read_bytes()
        if path.suffix == ".parquet":
            raw = json.dumps(pq.read_table(path).to_pylist(), default=str).encode()
        elif path.suffix == ".gz":
            raw = gzip.decompress(raw)
        elif path.name == "manifest.json":
            told = json.loads(raw)
            packed = [f for f in told["files"] if not f["path"].endswith(".csv")]
            for file in packed:
                file.pop("sha256")
            raw = json.dumps(told).encode()
        found[str(path.relative_to(folder))] = hashlib.sha256(raw).hexdigest()
    return found


def rows(path):
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return list(csv.DictReader(text.decode().splitlines()))


def charges(world, export, month):
    return list(month_charges(world, export, month))


# --- one seed -------------------------------------------------------------------------------------------------------


def test_the_default_seed_gives_these_very_files(short):
    whole = hashlib.sha256(json.dumps(contents(short), sort_keys=True).encode()).hexdigest()
    assert whole == CONTENT


def test_what_is_idle_or_old_on_purpose_says_so_in_a_tag(planted, world):
    told = [r for r in planted if r.kind == "decoy" and ("tagged so" in r.answer or "litigation" in r.answer)]
    tags = {
        identified(world, r)["ResourceId"]: identified(world, r)["Tags"] for r in world.resources.values()
    }
    assert len(told) == 3
    for record in told:
        assert {"purpose", "retain"} & tags[record.scope["ResourceId"]].keys(), record.title


def test_the_same_seed_gives_the_same_and_another_seed_another(short, tmp_path):
    sample.write(tmp_path / "again", months=3)
    sample.write(tmp_path / "other", seed=2**127 + 7, months=3)
    ours = contents(short)
    assert contents(tmp_path / "again") == ours
    same = {n for n, content in contents(tmp_path / "other").items() if ours[n] == content}
    assert not [n for n in same if n.endswith((".gz", ".parquet", "invoices.csv"))]


def test_another_seed_teaches_the_same(world, ledger):
    other = World(99)
    names = {r.shown for r in world.resources.values()} - {r.shown for r in other.resources.values()}
    assert len(names) > 40  # answers cannot be carried over by name
    assert set(other.resources) == set(world.resources)


def test_manifests_tell_rows_and_hashes(short):
    for folder in short.glob("2*"):
        for file in json.loads((folder / "manifest.json").read_text())["files"]:
            path = folder / file["path"]
            assert hashlib.sha256(path.read_bytes()).hexdigest() == file["sha256"]
            counted = pq.read_metadata(path).num_rows if path.suffix == ".parquet" else len(rows(path))
            assert counted == file["rows"]


# --- right to the last digit ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("export", list(World().exports))
def test_use_times_price_is_cost(world, export):
    for charge in charges(world, export, Month(2026, 8)):
        for price, cost in (("ListUnitPrice", "ListCost"), ("ContractedUnitPrice", "ContractedCost")):
            if charge[price] is not None and charge["ChargeCategory"] == "Usage":
                assert charge["PricingQuantity"] * charge[price] == charge[cost]


def test_what_commitments_amortise_is_what_is_paid_for_them(world):
    for export in ("aws-larkspur", "azure-larkspur", "gcp-larkspur", "gcp-fernhill"):
        for month in (Month(2025, 12), Month(2026, 8), Month(2026, 9)):
            paid, amortised = defaultdict(Decimal), defaultdict(Decimal)
            for charge in charges(world, export, month):
                name = charge.get("CommitmentDiscountId")
                if name and charge["ChargeCategory"] == "Purchase":
                    paid[name] += charge["BilledCost"]
                elif name:
                    amortised[name] += charge["EffectiveCost"]
            upfront = {n for n in amortised if n not in paid}
            assert {n: v for n, v in amortised.items() if n not in upfront} == dict(paid)


def test_a_reservation_paid_at_once_is_amortised_over_its_term(world, ledger):
    c = world.commitments["az-e8s-1"]  # February 2025 to January 2026, all of it in the story
    paid = ledger.effective[c.id, Month(2025, 2)]  # purchases have no effective cost …
    assert paid == 0
    used = sum(
        charge["EffectiveCost"]
        for n in range(12)
        for charge in charges(world, c.export, Month(2025, 2).plus(n))
        if charge.get("CommitmentDiscountName") == c.name and charge["ChargeCategory"] == "Usage"
    )
    bought = [
        charge["BilledCost"]
        for charge in charges(world, c.export, Month(2025, 2))
        if charge["ChargeCategory"] == "Purchase" and charge["CommitmentDiscountName"] == c.name
    ]
    assert [used] == bought


def test_euros_are_dollars_at_the_months_rate(world):
    rate = (1 / world.rates[Month(2026, 8)]).quantize(Decimal("1E-6"))
    used = [c for c in charges(world, "gcp-fernhill", Month(2026, 8)) if c["ListUnitPrice"] is not None]
    assert len(used) > 100
    for charge in used:
        if charge["ChargeCategory"] == "Usage":
            assert charge["PricingCurrencyEffectiveCost"] * rate == charge["EffectiveCost"]


def test_the_four_datasets_agree(short, world):
    lines = rows(short / "focus" / "invoice_detail.csv")
    billed, invoiced = defaultdict(Decimal), defaultdict(Decimal)
    for line in lines:
        invoiced[line["InvoiceId"]] += Decimal(line["BilledCost"])
    by_line = {(r["InvoiceDetailId"], r["BillingAccountId"]): Decimal(r["BilledCost"]) for r in lines}
    found: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in rows(
        short / "2026-10-05-azure-larkspur" / "2026-09.csv"
    ):  # version 1.4: charges name their line
        billed[row["InvoiceId"]] += Decimal(row["BilledCost"])
        found[row["InvoiceDetailId"], row["BillingAccountId"]] += Decimal(row["BilledCost"])
    assert {n: invoiced[n] for n in billed} == dict(billed)
    assert found and {k: by_line[k] for k in found} == found
    table = {(r["invoice_id"]): Decimal(r["total"]) for r in rows(short / "company" / "invoices.csv")}
    assert {n: invoiced[n] for n in table} == table
    periods = {
        (r["InvoiceIssuerName"], r["BillingPeriodStart"])
        for r in rows(short / "focus" / "billing_period.csv")
    }
    assert {(r["InvoiceIssuerName"], r["BillingPeriodStart"]) for r in lines} == periods
    promised = {r["ContractCommitmentId"] for r in rows(short / "focus" / "contract_commitment.csv")}
    used = {c.get("CommitmentDiscountId") for e in world.exports for c in charges(world, e, Month(2026, 9))}
    assert used - {None} <= promised


# --- the story ------------------------------------------------------------------------------------------------------


def test_the_size_of_the_company(ledger):
    assert 90_000 < ledger.rows < 120_000
    year = sum(v for (_, m), v in ledger.effective.items() if Month(2025, 10) <= m <= Month(2026, 9))
    assert Decimal("4.0E6") < year < Decimal("4.6E6")


def test_the_savings_plan_lapses_the_refund_the_credit_and_the_switch_off(world):
    used = [
        c
        for c in charges(world, "aws-larkspur", Month(2026, 9))
        if c.get("CommitmentDiscountName") == "Compute savings plan 2023"
    ]
    assert {c["ChargePeriodStart"].day for c in used if c.get("CommitmentDiscountStatus") == "Used"} == {1, 2}
    june = charges(world, "aws-larkspur", Month(2026, 6))
    assert [c["BilledCost"] for c in june if c["ChargeCategory"] == "Credit"] == [Decimal("-6000.00")]
    august = charges(world, "aws-larkspur", Month(2026, 8))
    assert [c["BilledCost"] for c in august if c["ChargeClass"] == "Correction"] == [Decimal("-2140.25")]
    legacy = [
        c for c in charges(world, "azure-larkspur", Month(2026, 9)) if c["ResourceName"] == "legacy-vms"
    ]
    assert max(c["ChargePeriodStart"].day for c in legacy) == 15


def test_deliveries_come_late_twice_and_restated(short):
    names = sorted(p.name for p in short.glob("2*"))
    first, again = (short / f"2026-09-0{n}-gcp-larkspur" / "manifest.json" for n in (5, 6))
    assert first.read_text() == again.read_text()
    assert "2026-09-22-oci-larkspur" in names
    assert not (short / "2026-09-05-oci-larkspur" / "2026-08.csv.gz").exists()


def test_the_restated_month_had_its_cents_cut(tmp_path):
    sample.write(tmp_path / "five", months=5)
    old, new = (
        rows(tmp_path / "five" / f"2026-09-{day}-aws-larkspur" / "2026-06.csv.gz") for day in ("05", "18")
    )
    assert [r["BilledCost"] for r in old] == [r["BilledCost"] for r in new]
    assert all("." not in r["EffectiveCost"] for r in old)
    assert sum("." in r["EffectiveCost"] for r in new) > len(new) // 2


# --- what is planted ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def planted(world, ledger):
    return truth.records(world, ledger)


def test_everybody_has_something_to_find(planted):
    assert len(planted) >= 120
    assert len({r.kind for r in planted}) >= 40
    assert len({r.id for r in planted}) == len(planted)
    assert {r.responsibility for r in planted} - {""} == {
        f"{persona}.{one}" for persona, some in responsibilities().items() for one in some
    }
    assert sum(r.kind == "decoy" for r in planted) == 12
    assert all(r.title and r.answer and "{" not in r.title + r.answer for r in planted)


def test_the_committed_truth_is_that_of_the_default_seed(planted, world, tmp_path):
    truth.write(tmp_path / "truth", world, planted)
    made = {p.name: p.read_text() for p in (tmp_path / "truth").iterdir()}
    assert made == {p.name: p.read_text() for p in (ROOT / "sample_data" / "truth").iterdir()}


def test_prices_of_planted_things_by_hand(planted, world, ledger):
    found = {r.id: r for r in planted}
    # 24 hours of one m6i.4xlarge at 0.768, 6 % off: July, August (31 days) and September (30)
    whole = world.resources["idle-1"].quantity
    hand = whole * Decimal("0.768") * Decimal("0.94") * (31 + 31 + 30) / 3
    assert found["idle-machine-1"].cost == hand.quantize(Decimal("0.01"))
    # the savings plan: what it cost a day at 0.70 of list costs 0.94 of list without it
    day = world.commitments["sp-2023"].amount
    assert found["lapsed-commitment-1"].cost == (day * 30 * (Decimal("0.94") / Decimal("0.7") - 1)).quantize(
        Decimal("0.01")
    )
    # half of what cannot be told from money has no price
    assert found["restated-month-1"].cost is None
    seats = found["unused-licence-1"]
    assert seats.cost % 54 == 0


def test_nothing_that_computes_reads_the_truth():
    """Measures, models, actions, lessons and the rest may not import it, nor open its files."""
    for path in (ROOT / "src" / "helpers").rglob("*.py"):
        if "sample" in path.parts:
            continue
        text = path.read_text(encoding="utf-8")
        assert "sample_data/truth" not in text, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom | ast.Import):
                names = [getattr(node, "module", "") or "", *(a.name for a in node.names)]
                assert not any("truth" in n for n in names), path


# --- grown ----------------------------------------------------------------------------------------------------------


def test_a_grown_company_is_the_same_in_each_division(short, tmp_path, world):
    sample.write(tmp_path / "grown", months=3, scale=4)
    sizes = grown.sizes(world.streams, 4)
    one = rows(short / "2026-10-05-aws-larkspur" / "2026-09.csv.gz")
    table = pq.read_table(tmp_path / "grown" / "2026-10-05-aws-larkspur" / "2026-09.parquet")
    assert table.num_rows == 4 * len(one)
    billed = sum(table.column("BilledCost").to_pylist())
    assert billed == sum(sizes) * sum(Decimal(r["BilledCost"]) for r in one)
    for quantity, price, cost, kind in zip(
        *(
            table.column(c).to_pylist()
            for c in ("PricingQuantity", "ListUnitPrice", "ListCost", "ChargeCategory")
        ),
        strict=True,
    ):
        if price is not None and kind == "Usage":
            assert (
                quantity * price == cost or quantity == sizes
            )  # a support plan is one unit in each division
    detail = rows(tmp_path / "grown" / "focus" / "invoice_detail.csv")
    first = rows(short / "focus" / "invoice_detail.csv")
    total = sum(Decimal(r["BilledCost"]) for r in first)
    assert sum(Decimal(r["BilledCost"]) for r in detail) == sum(sizes) * total
    accounts = set(table.column("SubAccountName").to_pylist())
    assert {"checkout-prod", "checkout-prod-d3"} <= accounts


# --- bad use --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"persona": "enginering"}, "did you mean engineering"),
        ({"persona": "king"}, "one of practitioner"),
        ({"scale": 0}, "a whole number from 1"),
        ({"months": 1}, "2 to 25"),
        ({"months": 26}, "2 to 25"),
        ({"seed": -1}, "0 to 2"),
        ({"seed": 2**128}, "0 to 2"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(tmp_path, asked, said):
    with pytest.raises(UsageError, match=said):
        sample.write(tmp_path / "c", **asked)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("what", ["to", "truth"])
def test_a_folder_that_is_not_empty_is_left_alone(tmp_path, what):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("keep")
    with pytest.raises(Refused, match="not empty"):
        sample.write(**({"to": tmp_path / "c"} | {what: tmp_path / "full"}), months=2)
    assert [p.name for p in (tmp_path / "full").iterdir()] == ["mine.txt"]


def test_too_little_disk_is_said_with_the_size_needed(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10**8))
    with pytest.raises(Refused, match=r"0\.1 GB free") as error:
        sample.write(tmp_path / "c", scale=1000)
    assert "2.1 GB for scale 1,000" in str(error.value)
    assert not list(tmp_path.iterdir())


def test_stopped_while_it_writes_leaves_nothing_that_looks_complete(tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("helpers.data.sample.companions.write", stop)
    with pytest.raises(KeyboardInterrupt):
        sample.write(tmp_path / "c", months=2)
    assert not list(tmp_path.iterdir())


def test_a_killed_generation_leaves_nothing_that_looks_complete(tmp_path):
    words = [
        sys.executable,
        "-m",
        "helpers",
        "sample",
        "--to",
        str(tmp_path / "c"),
        "--months",
        "3",
        "--truth",
        str(tmp_path / "t"),
    ]
    env = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 30
        while not any(tmp_path.glob(".c.part-*/c/2*/*")):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        process.kill()
    assert [p.name for p in tmp_path.iterdir() if not p.name.startswith(".")] == []
    sample.write(tmp_path / "c", months=2)  # what it left is in nobody's way
    assert (tmp_path / "c" / "company" / "manifest.json").is_file()


def test_a_persona_gets_its_tables_only(tmp_path):
    sample.write(tmp_path / "c", months=2, persona="security")
    names = {p.name for p in (tmp_path / "c").rglob("*.csv")}
    assert {"findings.csv", "assets.csv", "allocation.csv"} <= names
    assert not {"budgets.csv", "licences.csv", "drivers.csv"} & names
    assert not (tmp_path / "c" / "usage").exists()


# --- found again by the kit -----------------------------------------------------------------------------------------

PLANTED_RULES = {
    "CAU-ContractedCost-C-003-M",  # Oracle in 1.0: no contracted cost,
    "kit-effective-cost-whole",  # effective cost 0,
    "CAU-ChargeFrequency-C-003-M",  # Usage-based,
    "CAU-PricingCategory-C-004-C",  # no pricing category
    "kit-tag-keys-alike",  # three spellings of the team's key
    *(f"kit-absent-in-{version}" for version in ("1.0", "1.2", "1.3")),
}


def test_check_finds_nothing_but_what_is_planted(larkspur):
    assert {f.rule for f in conformance.findings(open_charges(larkspur))} == PLANTED_RULES


def test_the_kit_finds_the_planted_shares_again(larkspur, ledger):
    charges = open_charges(larkspur)
    euros = charges.filter(charges.BillingCurrency == "EUR")
    owned = euros.aggregate(
        by=["x_KitPeriod"],
        owned=euros.EffectiveCost.sum(where=euros.x_KitOwner.notnull()),
        whole=euros.EffectiveCost.sum(),
    ).to_pyarrow()
    share = {r["x_KitPeriod"]: (r["owned"] or 0) / r["whole"] for r in owned.to_pylist()}
    assert share["2025-11"] == share["2026-02"] == 0  # the merger's tags mean nothing yet
    assert share["2026-03"] > Decimal("0.7")  # the mapping repairs most of it

    month = charges.filter(charges.x_KitPeriod == "2026-08")
    unused = month.filter(month.CommitmentDiscountStatus == "Unused")
    found = unused.aggregate(
        by=["CommitmentDiscountName", "BillingCurrency"], cost=unused.EffectiveCost.sum()
    ).to_pyarrow()
    hand = {
        c.name: ledger.unused.get((c.id, Month(2026, 8)), Decimal(0))
        for c in ledger.world.commitments.values()
    }
    assert {r["CommitmentDiscountName"]: r["cost"] for r in found.to_pylist()} == {
        n: v for n, v in hand.items() if v
    }


@pytest.fixture(scope="module")
def story(larkspur):
    """What the practitioner's KPIs say of each of thirteen months: (id, variant, currency) -> month -> value."""
    found = results.compute(
        open_charges(larkspur),
        "practitioner_kpis",
        "2026-09",
        as_of=date(2026, 11, 26),
        history=13,
        **companions(larkspur),
    )
    return {(r.id, r.variant, r.currency): dict(r.history) for r in found if not r.scope}


MONTHS = [str(Month(2025, 9).plus(n)) for n in range(13)]


@pytest.mark.parametrize("currency", ["USD", "EUR"])
def test_kpis_tell_cost_waste_credits_and_refunds_of_each_month(told, story, currency):
    _, sums = told
    closed = [m for m in MONTHS if (currency, m) in sums]
    assert len(closed) == {"USD": 13, "EUR": 11}[currency]
    for month in closed:
        s = sums[currency, month]
        oracle = (
            0 if month < "2026-01" else s["oracle"]
        )  # in FOCUS 1.0 Oracle left its effective cost at zero
        assert story["total-effective-cost", "", currency][month] == s["effective"] + oracle
        assert story["total-billed-cost", "", currency][month] == s["billed"]
        waste = story["percentage-of-commitment-based-discount-waste", "", currency][month]
        assert waste == CONTEXT.divide(s["Unused"], s["Used"] + s["Unused"])
        assert story["refunds-and-credits", "credits", currency][month] == s["credits"]
        assert story["refunds-and-credits", "refunds", currency][month] == s["refunds"]


def test_kpis_tell_the_planted_turns(story):
    def told(kpi, currency="USD", variant=""):
        return story[kpi, variant, currency]

    unowned = told("percentage-of-costs-associated-with-unallocated-csp-cloud-resources", "EUR")
    assert [unowned[m] for m in MONTHS[2:6]] == [
        1,
        1,
        1,
        1,
    ]  # month 14: the merged company's tags mean nothing
    assert all(
        Decimal("0.2") < unowned[m] < Decimal("0.3") for m in MONTHS[6:]
    )  # the mapping repairs most of it
    assert told("total-effective-cost", "EUR")["2025-10"] is None  # it was another company then
    covered = told("percent-of-compute-spend-covered-by-commitment-based-discounts", variant="contracted")
    assert covered["2026-09"] < covered["2026-08"] * Decimal("0.7")  # the savings plan ended on the third
    lasting = told("percentage-of-costs-associated-with-unallocated-csp-cloud-resources")
    assert lasting["2026-08"] > lasting["2026-07"] * Decimal("1.2")  # the miner in the sandbox
    billed, effective = told("total-billed-cost"), told("total-effective-cost")
    assert billed["2026-02"] / effective["2026-02"] > billed["2026-01"] / effective["2026-01"] + Decimal(
        "0.05"
    )


def test_what_has_no_tag_costs_what_the_truth_says(told, larkspur, planted, world):
    ledger, _ = told
    bare = {r.scope["ResourceId"] for r in planted if r.kind == "untagged-resources"}
    names = {n for n, r in world.resources.items() if identified(world, r)["ResourceId"] in bare}
    assert len(names) == len(bare)
    charges = open_charges(larkspur)
    month = charges.filter(charges.x_KitPeriod == "2026-09", charges.ResourceId.isin(sorted(bare)))
    assert month.EffectiveCost.sum().to_pyarrow().as_py() == sum(
        ledger.effective[n, Month(2026, 9)] for n in names
    )
    assert not month.x_KitTagged.fill_null(False).any().to_pyarrow().as_py()


def test_charges_invoice_detail_and_invoices_agree_in_both_currencies(larkspur):
    folder = larkspur.parent / "sample"
    charges = open_charges(larkspur)
    closed = charges.filter(charges.x_KitPeriod < "2026-10")
    found = closed.aggregate(
        by=["InvoiceIssuerName", "x_KitPeriod", "BillingCurrency"], billed=closed.BilledCost.sum()
    )
    ours = {tuple(r.values())[:3]: r["billed"] for r in found.to_pyarrow().to_pylist()}
    detail: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for r in rows(folder / "focus" / "invoice_detail.csv"):
        if r["BillingPeriodStart"] < "2026-10":
            detail[r["InvoiceIssuerName"], r["BillingPeriodStart"][:7], r["BillingCurrency"]] += Decimal(
                r["BilledCost"]
            )
    invoices: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for r in rows(folder / "company" / "invoices.csv"):
        invoices[r["issuer"], r["period"], r["currency"]] += Decimal(r["total"])
    assert {c for _, _, c in ours} == {"USD", "EUR"}
    assert {k: ours[k] - v for k, v in detail.items()} == dict.fromkeys(detail, 0)
    assert {k: ours[k] - v for k, v in invoices.items()} == dict.fromkeys(invoices, 0)
    assert set(detail) == set(ours)


def test_euros_and_dollars_agree_at_the_table_s_rates(larkspur):
    rates = {
        r["day"][:7]: Decimal(r["rate"])
        for r in rows(larkspur.parent / "sample" / "company" / "exchange_rates.csv")
        if (r["from_currency"], r["to_currency"]) == ("EUR", "USD")
    }
    charges = open_charges(larkspur)
    euros = charges.filter(
        charges.BillingCurrency == "EUR", charges.ListUnitPrice.notnull(), charges.ChargeCategory == "Usage"
    )
    found = euros.aggregate(
        by=["x_KitPeriod"], euro=euros.EffectiveCost.sum(), dollar=euros.PricingCurrencyEffectiveCost.sum()
    ).to_pyarrow()
    assert found.num_rows == 12
    for r in found.to_pylist():
        rate = (1 / rates[r["x_KitPeriod"]]).quantize(Decimal("1E-6"))
        assert r["dollar"] * rate - r["euro"] == 0


def test_commitments_of_the_dataset_are_those_of_the_charges(larkspur):
    listed = {
        r["ContractCommitmentId"]: r
        for r in rows(larkspur.parent / "sample" / "focus" / "contract_commitment.csv")
    }
    charges = open_charges(larkspur)
    some = charges.filter(charges.CommitmentDiscountStatus.notnull())
    found = some.aggregate(
        by=["CommitmentDiscountId", "BillingCurrency"],
        first=some.ChargePeriodStart.min(),
        last=some.ChargePeriodEnd.max(),
    ).to_pyarrow()
    assert found.num_rows >= 8
    for r in found.to_pylist():
        told = listed[r["CommitmentDiscountId"]]
        assert told["BillingCurrency"] == r["BillingCurrency"]
        assert datetime.fromisoformat(told["ContractCommitmentPeriodStart"]) <= r["first"]
        assert r["last"] <= datetime.fromisoformat(told["ContractCommitmentPeriodEnd"])
