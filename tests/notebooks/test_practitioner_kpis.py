"""The practitioner's notebook on months, scopes and stores of every kind: a finished report each time."""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner
from tests.conftest import ROOT

from helpers.__main__ import main
from helpers.data import sources, store

SCHEMA = json.loads((ROOT / "src" / "helpers" / "runs" / "results.schema.json").read_text("utf-8"))
NOTEBOOK = ROOT / "notebooks" / "practitioner_kpis.ipynb"


def report(data: Path, to: Path, **parameters: str) -> tuple[dict, str]:
    """results.json, held to its schema, and the words of the page."""
    asked = [word for name, value in parameters.items() for word in ("-p", f"{name}={value}")]
    done = CliRunner().invoke(
        main, ["report", "practitioner_kpis", "--data", str(data), "--to", str(to), *asked]
    )
    assert done.exit_code == 0, done.output
    found = json.loads((to / "results.json").read_text("utf-8"))
    jsonschema.validate(found, SCHEMA)
    page = (to / "index.html").read_text("utf-8")
    body = re.sub(r"(?s)<(style|script)\b.*?</\1>", " ", page)
    words = html.unescape(re.sub(r"(?s)<[^>]*>", " ", body))
    assert not re.search(r"\b(nan|NaN|None|inf|Infinity|NaT|Traceback)\b", words)
    assert found["reconciliation"]
    assert all(Decimal(r["BilledCost"]["difference"]) == 0 for r in found["reconciliation"])
    return found, words


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
    found, words = report(larkspur, tmp_path / "report", **asked)
    assert found["month"] == asked.get("month", "2026-09")
    assert found["currency"] == asked.get("currency", "USD")
    assert found["open"] is (asked.get("month") == "2026-10")
    assert found["headline"] in " ".join(words.split())


def test_a_budget_is_a_target_in_its_own_currency(larkspur, tmp_path):
    found, _ = report(larkspur, tmp_path / "report", month="2026-09")
    rates = {
        k["currency"]: k["target"] for k in found["kpis"] if k["id"] == "csp-cloud-budget-burn-rate" and not k["scope"]
    }
    assert rates["EUR"] is None  # Fernhill came without a budget
    assert Decimal(rates["USD"]) > 10_000
    assert any(a["kpi"] == "csp-cloud-budget-burn-rate" for a in found["actions"])


FILES = {
    "real": "focus_1.0_four_providers_sample.csv",
    "aws 1.2": "aws_1_2_cost_and_usage_rows100_seed42.csv",
    "azure 1.3": "azure_1_3_cost_and_usage_rows100_seed42.csv",
    "gcp 1.2": "gcp_1_2_cost_and_usage_rows100_seed42.csv",
}


@pytest.mark.parametrize("file", FILES)
def test_files_of_others_make_a_report(shared, tmp_path, file):
    staged = sources.stage(
        sources.find(shared / "focus" / FILES[file], today=date(2026, 11, 24)), tmp_path / "staged"
    )
    outcome = store.ingest(tmp_path / "store", staged, now=datetime(2026, 11, 24, tzinfo=UTC))
    month = max(outcome.slices, key=lambda s: s.rows).period
    found, _ = report(tmp_path / "store", tmp_path / "report", month=month)
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
    mine, _ = report(larkspur, tmp_path / "report")
    told = [
        o["data"]["application/vnd.finops.kit+json"]
        for c in cells
        for o in c.get("outputs", [])
        if "application/vnd.finops.kit+json" in o.get("data", {})
    ]
    assert told[-1]["headline"] == mine["headline"]
