"""Procurement's notebook on months, scopes and stores of every kind, and against what is planted."""

from __future__ import annotations

import csv
import io
import json
import shutil
from decimal import Decimal as D

import icalendar
import pytest
from click.testing import CliRunner
from tests.conftest import ROOT
from tests.notebooks.making import report, taken

from helpers.__main__ import main
from helpers.catalog.procurement import Procurement
from helpers.runs import begin
from helpers.terms.errors import UsageError

ID = "procurement_commitments"
TRUTH = ROOT / "sample_data" / "truth"
CLOSE = D("0.25")  # a lapse of two days of data is no month


def planted(kind: str) -> list[dict]:
    return json.loads((TRUTH / f"{kind}.json").read_text("utf-8"))


def kpi(found: dict, id: str, variant: str | None = None) -> dict:
    return next(k for k in found["kpis"] if k["id"] == id and k.get("variant") == variant and k["currency"] in ("USD", None) and not k["scope"])


@pytest.fixture(scope="module")
def september(larkspur, tmp_path_factory):
    """The report of September 2026: its results, words and folder."""
    folder = tmp_path_factory.mktemp("procurement") / "report"
    return *report(ID, larkspur, folder, month="2026-09"), folder


@pytest.fixture(scope="module")
def euros(larkspur) -> Procurement:
    return Procurement(begin(ID, data=str(larkspur), month="2026-09", currency="EUR"))


@pytest.fixture(scope="module")
def dollars(larkspur) -> Procurement:
    return Procurement(begin(ID, data=str(larkspur), month="2026-09"))


def test_the_report_says_what_is_wrong_and_leaves_files_to_sign(september):
    found, words, folder = september
    assert found["headline"] in words
    assert {p.name for p in (folder / "files").iterdir()} == {
        "purchases.csv", "renewals.csv", "money_calendar.csv", "money_calendar.ics", "benefit.csv",
    }  # fmt: skip
    assert {a["id"] for a in found["actions"]} >= {
        "buy-again", "buy-stable", "renew-in-time", "renew-smaller", "exchange", "cover-more", "plan-together", "keep-the-minimum",
        "claim-discount", "claim-credit", "align-terms", "give-notice",
    }  # fmt: skip
    assert kpi(found, "commitments-not-known")["value"] == "0"


def test_a_provider_that_sells_no_machines_is_a_page_without_purchases(larkspur, tmp_path):
    found, words = report(ID, larkspur, tmp_path / "report", month="2026-09", provider="Quill AI")
    assert "Nothing is worth buying now" in words
    assert "cover-more" not in {a["id"] for a in found["actions"]}


def test_the_files_are_read_by_other_tools(september):
    _, _, folder = september
    events = icalendar.Calendar.from_ical((folder / "files" / "money_calendar.ics").read_text("utf-8")).walk("VEVENT")
    rows = list(csv.DictReader(io.StringIO((folder / "files" / "money_calendar.csv").read_text("utf-8"))))
    assert len(events) == len(rows) == len({str(e["uid"]) for e in events})
    assert all("Doing nothing costs" in str(e["description"]) for e in events)
    purchases = list(csv.DictReader(io.StringIO((folder / "files" / "purchases.csv").read_text("utf-8"))))
    assert all(p["who"] and p["decide_by"] and p["status"] == "proposed" and 0 < D(p["rate"]) < 1 for p in purchases)
    assert len({p["id"] for p in purchases}) == len(purchases)
    assert len({(p["what"], p["rung"], p["buy_on"]) for p in purchases}) == len(purchases)  # its name says what to order
    assert len({p["expires"] for p in purchases}) >= 3  # ends are spread


def test_the_ways_of_sharing_add_up_to_the_cent(september):
    rows = list(csv.DictReader(io.StringIO((september[2] / "files" / "benefit.csv").read_text("utf-8"))))
    sums = {w: sum(D(r["net"]) for r in rows if r["way"] == w) for w in ("used", "bought", "pooled")}
    assert len(set(sums.values())) == 1
    assert next(iter(sums.values())) > 0


def test_lapsed_oversized_and_wrong_commitments_are_found(dollars, euros):
    held = {h.id: h for page in (dollars, euros) for h in page.held}
    for record in planted("over-commitment"):
        one = held[record["scope"]["CommitmentDiscountId"]]
        assert one.larger, record["title"]
        if one.active:
            assert abs(one.stake - D(record["value"])) < 1, record["title"]
    for record in planted("wrong-family"):
        one = held[record["scope"]["CommitmentDiscountId"]]
        assert (one.verdict, abs(one.stake - D(record["value"])) < 1) == ("wrong family", True), record["title"]
    for record in planted("lapsed-commitment"):
        one = held[record["scope"]["CommitmentDiscountId"]]
        assert one.verdict == "lapsed", record["title"]
        assert abs(one.stake / D(record["value"]) - 1) < CLOSE, record["title"]


def test_what_is_stable_and_not_committed_is_bought(september, euros):
    """Each planted database is of a pool and type for which a purchase of at least half its cost is proposed."""
    rows = list(csv.DictReader(io.StringIO((september[2] / "files" / "purchases.csv").read_text("utf-8"))))
    rows += [{k: str(v) for k, v in p.items()} for p in euros.purchases]
    covers: dict[tuple[str, str], D] = {}
    for p in rows:
        covers[p["pool"], p["scope"]] = covers.get((p["pool"], p["scope"]), D(0)) + D(p["covers_an_hour"])
    wanted = {
        "checkout-db": ("AWS Amazon Relational Database Service", "r6g us-east-1"),
        "platform-db": ("AWS Amazon Relational Database Service", "m6g us-east-1"),
        "fern-sql": ("Google Cloud SQL", "db europe-west1"),
    }
    for record in planted("under-commitment"):
        name = next(n for n in wanted if n in record["title"])
        assert covers[wanted[name]] * 730 > D(record["cost"]) / 2, record["title"]


def test_terms_off_budget_notices_and_missing_discounts_are_found(dollars):
    first = dollars.off_budget.to_dict("records")[0]
    (record,) = planted("terms-off-budget")
    assert first["contract_id"].startswith("PAL")
    assert first["year"] == D(record["cost"])
    notices = {e.id.split("-")[0]: e for e in dollars.calendar if e.kind == "notice"}
    for record in planted("missed-notice"):
        assert notices[record["scope"]["name"]].nothing == D(record["cost"]), record["title"]
    (record,) = planted("discount-not-applied")
    (row,) = dollars.missing_discount.to_dict("records")
    assert row["resource_id"] == record["scope"]["ResourceId"]
    assert abs(row["missing"] - D(record["cost"])) < D("0.01")


def test_credits_that_never_came_are_found(dollars):
    found = {c["credit"]: c["amount"] for c in dollars.credits}
    assert found == {r["scope"]["name"]: D(r["value"]) for r in planted("unclaimed-credit")}
    assert {e.what.split(" (")[0] for e in dollars.calendar if e.kind == "credit"} <= set(found)


def test_decoys_stay_quiet(dollars):
    decoy = next(r for r in planted("decoy") if "CommitmentDiscountId" in r["scope"])
    one = next((h for h in dollars.held if h.id == decoy["scope"]["CommitmentDiscountId"]), None)
    assert one is None or (one.verdict, one.stake) == ("ended", 0)
    # a burst, and what began lately, are not committed to
    assert dollars.room["AWS Compute Savings Plan", "p4d us-east-1"] < 2
    assert dollars.room["AWS Compute Savings Plan", "c6i ap-southeast-2"] == 0


def test_a_planned_change_leaves_its_types_unbound(dollars):
    """Search moves to Graviton in November: nothing is bound to its x86 family, and what is ARM already may be."""
    assert ("AWS Compute Savings Plan", "r6i us-east-1") in dollars.leaving
    assert ("AWS Amazon OpenSearch Service", "r6g us-east-1") not in dollars.leaving
    assert ("AWS Compute Savings Plan", "m6i us-east-1") not in dollars.leaving


def test_both_orders_lose_nothing_less_than_both_together(dollars):
    by = {o.order: o for o in dollars.orders}
    assert all(o.loses >= D("-0.05") for o in by.values())
    assert by["commit-less"].loses > 1000
    nights = {r["scope"]["ResourceId"] for r in planted("machine-at-night") if r["currency"] == "USD"}
    assert nights <= {i for i, o in by["joint"].chosen.items() if "schedule" in o.kind}


def test_parameters_are_checked(larkspur):
    for name, value, said in (("base", "two", "a number from 0 to 1"), ("decline", "1", "to 0.99"), ("year_starts", "13", "1 to 12")):
        with pytest.raises(UsageError, match=said):
            _ = Procurement(begin(ID, data=str(larkspur), month="2026-09", **{name: value})).settings


def test_a_budget_year_of_one_s_own_wins(larkspur):
    page = Procurement(begin(ID, data=str(larkspur), month="2026-09", year_starts="5"))
    assert "PAL-CAP-2025" not in set(page.off_budget["contract_id"])


def test_caps_that_cannot_be_kept_say_which_and_the_nearest(larkspur):
    page = Procurement(begin(ID, data=str(larkspur), month="2026-09", currency="EUR", base="1", aggressive="1", lock_in="0.3"))
    assert page.ladder is None
    assert "lock_in_cap" in page.gap
    assert "nearest" in page.gap
    assert page.purchases == []
    assert next(k for k in page.kpis() if k.id == "commitments-to-buy").reason == page.gap


@pytest.mark.parametrize("file", [pytest.param("real", marks=pytest.mark.slow), "azure 1.3"])
def test_files_of_others_make_a_report(shared, tmp_path, file):
    folder, month, _ = taken(shared, file, tmp_path)
    report(ID, folder, tmp_path / "report", month=month)


@pytest.mark.slow
@pytest.mark.parametrize(
    "asked",
    [{"month": "2026-10"}, {"month": "2025-09"}, {"month": "2026-09", "department": "Checkout", "aggressive": "0.5"}, {"month": "2026-08", "as_of": "2026-09-10"}],
    ids=str,
)  # fmt: skip
def test_each_month_and_scope_makes_a_report(larkspur, tmp_path, asked):
    found, words = report(ID, larkspur, tmp_path / "report", **asked)
    assert found["headline"] in words


@pytest.mark.slow
def test_a_store_of_nothing_but_charges_makes_an_honest_page(larkspur, tmp_path):
    bare = tmp_path / "bare"
    shutil.copytree(larkspur, bare)
    for folder in (bare / "companions").iterdir():
        shutil.rmtree(folder)
    found, words = report(ID, bare, tmp_path / "report", month="2026-09")
    assert "Not in the store yet" in words
    assert "by assumption" in words
    assert kpi(found, "terms-off-budget")["value"] is None
    assert kpi(found, "terms-off-budget")["reason"]


def finops(*words: str):
    return CliRunner().invoke(main, list(words))
