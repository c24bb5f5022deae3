"""The practitioner's notebook on months, scopes and stores of every kind: a finished report each time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal

import pytest
from tests.conftest import ROOT
from tests.notebooks.making import OTHERS, report, taken

NOTEBOOK = ROOT / "notebooks" / "practitioner_kpis.ipynb"


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"month": "2026-10"},  # open: four days
        {"month": "2025-09"},  # nothing before it
        {"month": "2026-09", "provider": "Microsoft"},
        {"month": "2026-09", "department": "Checkout"},
        {"month": "2026-09", "currency": "EUR"},
        {"month": "2025-10", "as_of": "2026-09-10"},
    ],
    ids=str,
)
def test_each_month_and_scope_makes_a_report(larkspur, tmp_path, asked):
    found, words = report("practitioner_kpis", larkspur, tmp_path / "report", **asked)
    assert found["month"] == asked.get("month", "2026-09")
    assert found["currency"] == asked.get("currency", "USD")
    assert found["open"] is (asked.get("month") == "2026-10")
    assert found["headline"] in " ".join(words.split())


def test_a_budget_is_a_target_in_its_own_currency(larkspur, tmp_path):
    found, _ = report("practitioner_kpis", larkspur, tmp_path / "report", month="2026-09")
    rates = {
        k["currency"]: k["target"]
        for k in found["kpis"]
        if k["id"] == "csp-cloud-budget-burn-rate" and not k["scope"]
    }
    assert rates["EUR"] is None  # Fernhill came without a budget
    assert Decimal(rates["USD"]) > 10_000
    assert any(a["kpi"] == "csp-cloud-budget-burn-rate" for a in found["actions"])


@pytest.mark.parametrize("file", OTHERS)
def test_files_of_others_make_a_report(shared, tmp_path, file):
    folder, month, outcome = taken(shared, file, tmp_path)
    found, _ = report("practitioner_kpis", folder, tmp_path / "report", month=month)
    totals = {
        (k["currency"]): Decimal(k["value"])
        for k in found["kpis"]
        if k["id"] == "total-billed-cost" and not k["scope"] and k["value"]
    }
    billed: dict[str, Decimal] = {}
    for one in outcome.slices:
        if one.period == month:
            for (_, currency), costs in one.totals.items():
                billed[currency] = billed.get(currency, Decimal(0)) + costs["BilledCost"]
    assert totals and totals == {c: billed[c] for c in totals}


@pytest.mark.slow
def test_stock_papermill_runs_it_from_any_folder(larkspur, tmp_path):
    command = [
        sys.executable,
        "-m",
        "papermill",
        str(NOTEBOOK),
        "out.ipynb",
        "-p",
        "data",
        str(larkspur),
        "-k",
        "python3",
    ]
    env = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    cells = json.loads((tmp_path / "out.ipynb").read_text("utf-8"))["cells"]
    assert not [o for c in cells for o in c.get("outputs", []) if o["output_type"] == "error"]
    mine, _ = report("practitioner_kpis", larkspur, tmp_path / "report")
    told = [
        o["data"]["application/vnd.finops.kit+json"]
        for c in cells
        for o in c.get("outputs", [])
        if "application/vnd.finops.kit+json" in o.get("data", {})
    ]
    assert told[-1]["headline"] == mine["headline"]
