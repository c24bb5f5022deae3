"""Engineering's notebook on months, scopes and stores of every kind, and against what is planted."""

from __future__ import annotations

import json
import shutil
from decimal import Decimal as D

import pytest
import yaml
from click.testing import CliRunner
from tests.conftest import ROOT
from tests.notebooks.making import report, taken

from helpers.__main__ import main
from helpers.catalog import engineering
from helpers.runs import begin

TRUTH = ROOT / "sample_data" / "truth"
FOUND_BY = {
    "idle-machine": "idle machine", "oversized-machine": "oversized machine", "forgotten-snapshot": "snapshots",
    "orphaned-disk": "orphaned disk", "idle-load-balancer": "idle load balancer", "idle-address": "idle address",
    "machine-at-night": "schedule", "old-generation": "old generation", "cold-storage": "cold storage",
    "log-retention": "log retention", "arm-candidate": "ARM", "cross-zone-traffic": "cross-zone traffic",
    "nat-detour": "NAT detour", "latency-for-money": "oversized machine",
}  # fmt: skip
YEAR_NEEDED = {"cold-storage"}  # a store is still only if thirteen months show it


def kpi(found: dict, id: str, variant: str | None = None, currency: str = "USD") -> dict:
    return next(
        k
        for k in found["kpis"]
        if k["id"] == id
        and k.get("variant") == variant
        and k["currency"] in (currency, None)
        and not k["scope"]
    )


@pytest.mark.parametrize(
    "asked",
    [
        {"month": "2026-10"},  # open: four days
        {"month": "2025-09"},  # before any hour was measured
        {"month": "2026-09", "department": "Checkout", "keep": "checkout-vms-784d", "answer": "12.5"},
        {"month": "2026-09", "currency": "EUR"},
        {"month": "2026-08", "as_of": "2026-09-10", "carbon": "yes"},
    ],
    ids=str,
)  # fmt: skip
def test_each_month_and_scope_makes_a_report(larkspur, tmp_path, asked):
    found, words = report("engineering_rightsizing", larkspur, tmp_path / "report", **asked)
    assert ("kgCO2e" in words) is ("carbon" in asked)
    assert found["month"] == asked.get("month", "2026-09")
    assert found["headline"] in " ".join(words.split())
    if asked.get("month") == "2025-09":
        assert "no hourly use is known" in words


def test_the_whole_company_is_advised_to_the_cent_and_its_files_are_written(larkspur, tmp_path):
    found, words = report("engineering_rightsizing", larkspur, tmp_path / "report", month="2026-09")
    saving = D(kpi(found, "possible-saving")["value"])
    parts = [
        D(kpi(found, "possible-saving", v)["value"])
        for v in ("idle", "size", "schedules", "renewal", "storage", "network")
    ]
    assert saving == sum(parts)
    assert f"{saving:,.0f} USD a month could be saved" in " ".join(words.split())
    cost = D(kpi(found, "cost-optimization-index-coin")["value"])
    assert D("0.8") < cost < 1
    names = {p.name for p in (tmp_path / "report" / "files").iterdir()}
    assert names == {
        "schedules.csv", "schedules.ics", "schedules.cron", "custodian.yml", "instance-scheduler.yml", "azure-start-stop.json", "google-schedules.json",
    }  # fmt: skip
    assert yaml.safe_load((tmp_path / "report" / "files" / "custodian.yml").read_text("utf-8"))["policies"]
    assert {a["id"] for a in found["actions"]} >= {
        "stop-idle",
        "size-down",
        "switch-off",
        "clean-storage",
        "shorten-paths",
        "renew",
        "hand-over",
        "promise-broken",
        "nobody-acts",
    }


def test_keep_is_kept(larkspur):
    run = begin(
        "engineering_rightsizing", data=str(larkspur), month="2026-09", keep="checkout-vms-784d", answer="40"
    )
    month = engineering.review(run)
    assert "checkout-vms-784d" not in {a.name for a in month.found.advice if a.kind == "schedule"}


def test_no_resource_is_saved_above_its_cost_and_all_reconciles(larkspur):
    from helpers.measures import resources

    run = begin("engineering_rightsizing", data=str(larkspur), month="2026-09", keep="", answer="40")
    month = engineering.review(run)
    cost = {r: D(0) for r in month.lines["resource_id"]}
    for line in month.lines.to_dict("records"):
        cost[line["resource_id"]] += line["effective"]
    saved: dict[str, D] = {}
    for a in month.found.advice:
        saved[a.resource_id] = saved.get(a.resource_id, D(0)) + a.saving
    assert all(v <= cost[r] + D("0.01") for r, v in saved.items())
    assert sum(saved.values()) == month.found.saving
    assert month.found.saving < resources.total(month.lines)


@pytest.fixture(scope="module")
def both(larkspur):
    """The review of September in dollars and in euros."""
    return [
        engineering.review(
            begin(
                "engineering_rightsizing",
                data=str(larkspur),
                month="2026-09",
                currency=c,
                keep="",
                answer="40",
            )
        )
        for c in ("USD", "EUR")
    ]


def planted(kind: str) -> list[dict]:
    return json.loads((TRUTH / f"{kind}.json").read_text("utf-8"))


@pytest.mark.parametrize("kind", FOUND_BY)
def test_what_is_planted_is_found(both, kind):
    advice = [a for month in both for a in (*month.found.advice, *month.found.possible)]
    for record in planted(kind):
        mine = [
            a for a in advice if a.resource_id == record["scope"]["ResourceId"] and a.kind == FOUND_BY[kind]
        ]
        assert mine, record["title"]


def test_found_value_is_nearly_all_of_what_is_planted(both):
    advice = [a for month in both for a in month.found.advice]
    wanted = got = D(0)
    for kind, name in FOUND_BY.items():
        for record in planted(kind):
            mine = [
                a.saving for a in advice if a.resource_id == record["scope"]["ResourceId"] and a.kind == name
            ]
            wanted += D(record["value"])
            got += min(D(record["value"]), sum(mine, D(0)))
    assert got / wanted > D("0.85")


def test_owners_tags_and_promises_are_found(both):
    tagging = {r["resource_id"]: r["problem"] for month in both for r in month.tagging.to_dict("records")}
    leavers = {r["resource_id"] for month in both for r in month.leavers.to_dict("records")}
    judged = {r["resource_id"]: r["judgement"] for r in both[0].promises.to_dict("records")}
    for record in planted("untagged-resources"):
        assert tagging[record["scope"]["ResourceId"]] == "no owner by tag", record["title"]
    for record in planted("misspelt-tag"):
        assert tagging[record["scope"]["ResourceId"]].startswith("key spelt"), record["title"]
    for record in planted("owner-left"):
        assert record["scope"]["ResourceId"] in leavers, record["title"]
    for record in planted("promise-without-effect"):
        assert judged[record["scope"]["ResourceId"]] == "no effect", record["title"]
    for record in planted("no-owner-of-action"):
        assert judged[record["scope"]["ResourceId"]] == "nobody's", record["title"]


def test_decoys_stay_quiet(both):
    advice = {a.resource_id for month in both for a in month.found.advice}
    for record in planted("decoy"):
        assert record["scope"].get("ResourceId") not in advice, record["title"]


def test_a_store_of_nothing_but_charges_makes_an_honest_page(larkspur, tmp_path):
    """No hourly use, no companion table: advice from charges alone, and each number without value has its reason."""
    bare = tmp_path / "bare"
    shutil.copytree(larkspur, bare)
    for folder in (bare / "companions").iterdir():
        shutil.rmtree(folder)
    found, words = report("engineering_rightsizing", bare, tmp_path / "report", month="2026-09")
    words = " ".join(words.split())
    assert "no hourly use is known" in words
    assert "No list of actions is kept yet" in words
    assert kpi(found, "percentage-resource-utilization")["value"] is None
    assert kpi(found, "percentage-resource-utilization")["reason"]
    assert D(kpi(found, "possible-saving", "storage")["value"]) > 0
    assert D(kpi(found, "possible-saving", "idle")["value"]) == 0


@pytest.mark.parametrize("file", ["real", "gcp 1.2"])
def test_files_of_others_make_a_report(shared, tmp_path, file):
    folder, month, _ = taken(shared, file, tmp_path)
    report("engineering_rightsizing", folder, tmp_path / "report", month=month)


def test_a_parameter_that_is_no_number_is_refused_with_a_remedy(larkspur, tmp_path):
    words = [
        "report",
        "engineering_rightsizing",
        "--data",
        str(larkspur),
        "--to",
        str(tmp_path / "r"),
        "-p",
        "answer=fast",
    ]
    done = CliRunner().invoke(main, words)
    assert done.exit_code != 0
    assert "write it like 40" in done.output
