"""The published form of results.json is that of a real report, and refuses what is not."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import jsonschema
import pytest

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "src" / "helpers" / "runs" / "results.schema.json").read_text("utf-8"))
CHECK = jsonschema.Draft202012Validator(SCHEMA)


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_a_report_has_its_form(report_of_september):
    found = json.loads((report_of_september / "results.json").read_text("utf-8"))
    assert [f"{'/'.join(map(str, e.path))}: {e.message}" for e in CHECK.iter_errors(found)] == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("kpis", 0, "value"), 0.93),
        (("kpis", 0, "value"), "1e5"),
        (("kpis", 0, "value"), None),
        (("kpis", 0, "status"), "good"),
        (("kpis", 0, "period"), "2026-13"),
        (("kpis", 0, "scope"), {"provider": None}),
        (("actions", 0, "owner"), ""),
        (("reconciliation", 0, "BilledCost", "difference"), "0.01"),
        (("as_of",), "5 October"),
        (("extra",), 1),
    ],
)
def test_what_is_off_is_refused(report_of_september, path, value):
    found = json.loads((report_of_september / "results.json").read_text("utf-8"))
    wrong = copy.deepcopy(found)
    place = wrong
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    if value is None:
        place.pop("reason", None)
    assert not CHECK.is_valid(wrong)


def test_the_page_about_it_names_every_field():
    page = (ROOT / "docs" / "results.md").read_text("utf-8")
    for part in (SCHEMA, SCHEMA["$defs"]["kpi"], SCHEMA["$defs"]["action"]):
        assert [f for f in part["properties"] if f"`{f}`" not in page] == []
