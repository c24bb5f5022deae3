"""The anomalies' notebook on months, scopes and stores of every kind, against what is planted, and with feedback."""

from __future__ import annotations

import csv
import json
import shutil
from datetime import date
from decimal import Decimal as D

import pytest
from click.testing import CliRunner
from tests.conftest import ROOT
from tests.notebooks.making import report, taken

from helpers.__main__ import main
from helpers.catalog import anomalies
from helpers.runs import begin
from helpers.terms.period import Month

TRUTH = ROOT / "sample_data" / "truth"
WANTED = ("cost-spike", "cost-creep", "crypto-miner", "open-bucket")


def kpi(found: dict, id: str, variant: str | None = None, currency: str = "USD") -> dict:
    return next(
        k for k in found["kpis"] if k["id"] == id and k.get("variant") == variant and k["currency"] in (currency, None) and not k["scope"]
    )  # fmt: skip


@pytest.mark.parametrize(
    "asked",
    [
        {"month": "2026-10"},  # open: four days
        {"month": "2026-09", "currency": "EUR"},
        pytest.param({"month": "2025-09", "horizon": "7"}, marks=pytest.mark.slow),  # hardly any past
        pytest.param({"month": "2026-07", "provider": "AWS"}, marks=pytest.mark.slow),
        pytest.param({"month": "2026-09", "department": "Growth"}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_each_month_and_scope_makes_a_report(larkspur, tmp_path, asked):
    found, words = report("engineering_anomalies", larkspur, tmp_path / "report", **asked)
    assert found["month"] == asked["month"]
    assert found["headline"] in words
    if asked["month"] == "2025-09":
        assert "too few to say what is usual" in words


def test_september_names_the_miner_its_money_and_its_files(larkspur, tmp_path):
    found, words = report("engineering_anomalies", larkspur, tmp_path / "report", month="2026-09")
    whole = D(kpi(found, "total-unpredicted-variance-of-spend")["value"])
    assert f"{whole:,.0f} USD more than expected by three incidents, most of it vms-" in words
    assert D(kpi(found, "anomaly-cost", "ownerless")["value"]) > 10_000
    assert {a["id"] for a in found["actions"]} >= {"stop-it", "explain", "too-much", "find-owner", "ask-for-growth"}
    names = {p.name for p in (tmp_path / "report" / "files").iterdir()}
    assert names == {"tickets.csv", "tickets.json", "anomaly_feedback.csv", "aws-anomaly-monitors.json", "azure-anomaly-alerts.json"}  # fmt: skip
    with (tmp_path / "report" / "files" / "tickets.csv").open(encoding="utf-8") as file:
        assert whole == sum(D(r["above_expected"]) for r in csv.DictReader(file))
    assert "launch: Assistant answers with pictures" in words
    assert "a commitment ended: Compute savings plan 2023" in words


@pytest.fixture(scope="module")
def found(larkspur):
    """All months of the store as the last report of it sees them."""
    return anomalies.review(begin("engineering_anomalies", data=str(larkspur), month="2026-09", horizon="30"))


def planted(kind: str) -> list[dict]:
    return json.loads((TRUTH / f"{kind}.json").read_text("utf-8"))


def test_every_planted_anomaly_is_found_once_on_its_place_and_in_its_time(found):
    for record in [r for kind in WANTED for r in planted(kind)]:
        mine = [i for i in found.found.incidents if i.status == "alarm" and set(record["scope"].values()) & set(i.parts)]
        assert len(mine) == 1, record["title"]
        assert date.fromisoformat(record["start"]) <= mine[0].start
        assert (mine[0].kind == "creep") is (record["kind"] == "cost-creep")
        if record["kind"] in ("cost-spike", "crypto-miner", "open-bucket"):
            assert mine[0].delay == 0
        if record["kind"] == "cost-spike":
            assert mine[0].excess == pytest.approx(D(record["cost"]), rel=D("0.02"))


def test_alarms_are_planted_things_and_decoys_stay_quiet(found):
    wanted = {v for kind in WANTED for r in planted(kind) for v in r["scope"].values()}
    alarms = [i for i in found.found.incidents if i.status == "alarm"]
    right = [i for i in alarms if wanted & set(i.parts)]
    assert len(right) / len(alarms) >= 0.8
    decoys = {v for r in planted("decoy") for v in r["scope"].values()}
    assert [i.name for i in alarms if i.resource_id in decoys] == []


def test_feedback_is_taken_in_and_used(larkspur, tmp_path, found):
    store = tmp_path / "store"
    shutil.copytree(larkspur, store)
    miner = found.alarms[0]
    bucket = next(i for i in found.found.incidents if i.resource_id.endswith("shop-assets") and i.status == "alarm")
    sheet = tmp_path / "anomaly_feedback.csv"
    sheet.write_text(
        "match_on,match_value,verdict,said_on,from,until,least,by,note\n"
        f"incident,{bucket.id},true,2026-09-01,,,,Lars Holm,closed\n"
        "resource,*segments-vms,expected,2026-09-02,2026-01-01,,,Mei Tanaka,new campaign\n"
        f"incident,{miner.id},true,2026-10-01,,,,Security,keys changed\n",
        "utf-8",
    )
    done = CliRunner().invoke(main, ["ingest", str(sheet), "--to", str(store)])
    assert done.exit_code == 0, done.output
    def later(month: str) -> anomalies.Review:
        return anomalies.review(begin("engineering_anomalies", data=str(store), month=month, horizon="30"))

    september = later("2026-09")
    assert [i.name for i in september.alarms if i.name == "segments-vms"] == []
    assert [i.reason for i in september.found.of(Month(2026, 9), "muted")] == ["expected, said on 2026-09-02 by Mei Tanaka: new campaign"]
    assert september.alarms[0].confirmed and september.avoided(september.alarms[0]) is None, "it still runs"
    august = later("2026-08")
    (ended,) = [i for i in august.alarms if i.id == bucket.id]
    assert august.avoided(ended) == pytest.approx(ended.daily * (30 - 15), abs=D("0.01"))
    found, _ = report("engineering_anomalies", store, tmp_path / "report", month="2026-08")
    assert D(kpi(found, "anomaly-detected-cost-avoidance")["value"]) == august.avoided(ended)


@pytest.mark.parametrize("file", ["real", pytest.param("aws 1.2", marks=pytest.mark.slow)])
def test_stores_of_others_without_any_table_of_ours(shared, tmp_path, file):
    store, month, _ = taken(shared, file, tmp_path)
    found, words = report("engineering_anomalies", store, tmp_path / "report", month=month)
    few = "too few to say what is usual" in words
    assert few or D(kpi(found, "total-unpredicted-variance-of-spend")["value"]) < 10
    assert (found["actions"] == []) is few


def test_a_horizon_that_is_none_is_refused_with_its_remedy(larkspur, tmp_path):
    words = ["report", "engineering_anomalies", "--data", str(larkspur), "--to", str(tmp_path / "r"), "-p", "horizon=soon"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code != 0 and "whole number of days" in done.output


def test_lesson_and_facilitators_guide(larkspur, tmp_path):
    words = ["lesson", "engineering_anomalies", "--data", str(larkspur), "--to", str(tmp_path / "lesson"), "--facilitator"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    assert any(tmp_path.rglob("*"))
