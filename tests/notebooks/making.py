"""A finished report as a test reads it."""

from __future__ import annotations

import html
import json
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
from click.testing import CliRunner
from tests.conftest import ROOT

from helpers.__main__ import main
from helpers.data import sources, store

OTHERS = {  # files that others wrote, in the shared folder
    "real": "focus_1.0_four_providers_sample.csv",
    "aws 1.2": "aws_1_2_cost_and_usage_rows100_seed42.csv",
    "azure 1.3": "azure_1_3_cost_and_usage_rows100_seed42.csv",
    "gcp 1.2": "gcp_1_2_cost_and_usage_rows100_seed42.csv",
}
SCHEMA = json.loads((ROOT / "src" / "helpers" / "runs" / "results.schema.json").read_text("utf-8"))


def report(notebook: str, data: Path, to: Path, **parameters: str) -> tuple[dict, str]:
    """results.json, held to its schema and reconciled, and the words of the page in one line."""
    asked = [word for name, value in parameters.items() for word in ("-p", f"{name}={value}")]
    done = CliRunner().invoke(main, ["report", notebook, "--data", str(data), "--to", str(to), *asked])
    assert done.exit_code == 0, done.output
    found = json.loads((to / "results.json").read_text("utf-8"))
    jsonschema.validate(found, SCHEMA)
    assert found["reconciliation"]
    assert all(Decimal(r["BilledCost"]["difference"]) == 0 for r in found["reconciliation"])
    body = re.sub(r"(?s)<(style|script)\b.*?</\1>", " ", (to / "index.html").read_text("utf-8"))
    words = html.unescape(re.sub(r"(?s)<[^>]*>", " ", body))
    assert not re.search(r"\b(nan|NaN|None|inf|Infinity|NaT|Traceback)\b", words)
    return found, " ".join(words.split())


def taken(shared: Path, file: str, folder: Path) -> tuple[Path, str, Any]:
    """A store in `folder` with one of `OTHERS`, its fullest month, and what was taken in."""
    found = sources.find(shared / "focus" / OTHERS[file], today=date(2026, 11, 24))
    staged = sources.stage(found, folder / "staged")
    outcome = store.ingest(folder / "store", staged, now=datetime(2026, 11, 24, tzinfo=UTC))
    return folder / "store", max(outcome.slices, key=lambda s: s.rows).period, outcome
