"""Traces and metrics where somebody asks for them; nothing is imported where nobody does."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from tests.runs.batch.making import ENV, plan_file, tiny

pytest.importorskip("opentelemetry.sdk", reason="the extra trace is not installed")
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="a batch forks")

TRACED = """
import json, sys
from pathlib import Path
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

kept, reader, provider = InMemorySpanExporter(), InMemoryMetricReader(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(kept))
trace.set_tracer_provider(provider)
metrics.set_meter_provider(MeterProvider([reader]))
from helpers.runs.batch import plan, running
from helpers.terms.errors import Unfinished

try:
    running.run(plan.read(Path(sys.argv[1])))
except Unfinished:
    pass
spans = [json.loads(s.to_json()) for s in kept.get_finished_spans()]
print(json.dumps({"spans": spans, "metrics": json.loads(reader.get_metrics_data().to_json())}))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    import json

    folder = tmp_path_factory.mktemp("traced")
    tiny(folder, "assert team != 'b'")
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    done = subprocess.run(
        [sys.executable, "-c", TRACED, str(plan_file(folder))],
        env=ENV | {"TRACEPARENT": parent}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def test_a_span_for_the_batch_and_one_for_each_report_below_it(told):
    (whole,) = [s for s in told["spans"] if s["name"] == "finops batch"]
    reports = {s["attributes"]["finops.report"]: s for s in told["spans"] if s["name"] == "finops report"}
    assert reports.keys() == {"2026-09/a", "2026-09/b", "2026-09/c"}
    for span in reports.values():
        assert span["parent_id"] == whole["context"]["span_id"]
    assert (
        whole["context"]["trace_id"] == "0x0af7651916cd43dd8448eb211c80319c"
    )  # of the scheduler's own trace
    assert (whole["attributes"]["finops.done"], whole["attributes"]["finops.failed"]) == (2, 1)
    assert reports["2026-09/b"]["status"]["status_code"] == "ERROR"
    assert [e["name"] for e in reports["2026-09/b"]["events"]] == ["again"]
    good = reports["2026-09/a"]["attributes"]
    assert (good["finops.state"], good["finops.notebook"], good["finops.attempts"]) == ("done", "tiny", 1)
    assert good["finops.seconds.all"] > 0


def test_reports_are_counted_by_state_and_timed(told):
    (resource,) = told["metrics"]["resource_metrics"]
    (scope,) = resource["scope_metrics"]
    points = {m["name"]: m["data"]["data_points"] for m in scope["metrics"]}
    counted = {p["attributes"]["finops.state"]: p["value"] for p in points["finops.reports"]}
    assert counted == {"done": 2, "failed": 1}
    assert sum(p["count"] for p in points["finops.report.duration"]) == 2
    assert sum(p["value"] for p in points["finops.report.attempts"]) == 4


def test_nothing_of_it_is_imported_where_nobody_asks(tmp_path):
    code = (
        "import sys; from helpers.runs.batch import telemetry, running; t = telemetry.Telemetry('x', 1); "
        "t.started(None); t.finished(None); t.ended({}); "
        "print(sorted(m for m in sys.modules if m.startswith('opentelemetry')))"
    )
    env = {k: v for k, v in ENV.items() if not k.startswith("OTEL_")}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_asked_for_and_not_installed_is_a_sentence_and_no_stop(tmp_path):
    code = (
        "import sys; sys.modules['opentelemetry'] = None; from helpers.runs.batch import telemetry; "
        "t = telemetry.Telemetry('x', 1); t.started(None); t.ended({}); print(t.on)"
    )
    env = ENV | {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert "finops-playbook-kit[trace]" in done.stderr
