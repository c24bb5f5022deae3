"""Traces and metrics of a batch by OpenTelemetry, where somebody asked for them; without it, nothing is imported.

Asked for means: a variable of OpenTelemetry's own names an endpoint or an exporter, or the program around has loaded the
SDK. Spans and metrics hold folders, notebooks, months, times and states: no cost, no parameter's value beyond the folder.
"""

from __future__ import annotations

import os
import sys
from typing import Any

ASKED = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
)
SCOPE = "finops.batch"


def asked() -> bool:
    """Whether somebody wants traces."""
    if os.environ.get("OTEL_SDK_DISABLED", "").casefold() == "true":
        return False
    return any(os.environ.get(n) for n in ASKED) or "opentelemetry.sdk.trace" in sys.modules


class Telemetry:
    """One batch's spans and metrics; does nothing where nobody asked."""

    def __init__(self, plan: str, reports: int) -> None:
        self.on = asked() and _ready()
        self.spans: dict[str, Any] = {}
        if not self.on:
            return
        from opentelemetry import metrics, propagate, trace

        self.trace = trace
        self.tracer = trace.get_tracer(SCOPE)
        meter = metrics.get_meter(SCOPE)
        self.count = meter.create_counter(
            "finops.reports", unit="{report}", description="Reports that ended, by state"
        )
        self.seconds = meter.create_histogram(
            "finops.report.duration", unit="s", description="Wall time of a report"
        )
        self.tried = meter.create_counter(
            "finops.report.attempts", unit="{attempt}", description="Runs that began"
        )
        above = propagate.extract(
            {k.lower(): v for k, v in os.environ.items() if k in ("TRACEPARENT", "TRACESTATE")}
        )
        self.whole = self.tracer.start_span(
            "finops batch", context=above, attributes={"finops.plan": plan, "finops.reports": reports}
        )

    def started(self, item: Any) -> None:
        """A report begins, perhaps once more."""
        if not self.on:
            return
        self.tried.add(1, {"finops.notebook": item.report.stem})
        if item.report.folder in self.spans:
            self.spans[item.report.folder].add_event("again", {"finops.attempt": item.tries})
            return
        attributes = {
            "finops.report": item.report.folder,
            "finops.notebook": item.report.stem,
            "finops.month": item.report.given.get("month", ""),
            "finops.why": item.why,
        }
        context = self.trace.set_span_in_context(self.whole)
        self.spans[item.report.folder] = self.tracer.start_span(
            "finops report", context=context, attributes=attributes
        )

    def finished(self, item: Any) -> None:
        """It is done, or failed for good."""
        span = self.spans.pop(item.report.folder, None) if self.on else None
        if span is None:
            return
        told = {"finops.notebook": item.report.stem, "finops.state": item.state}
        self.count.add(1, told)
        if item.state == "done":
            self.seconds.record(float(item.told.get("seconds", 0.0)), told)
            for name, seconds in item.told.get("timings", {}).items():
                span.set_attribute(f"finops.seconds.{name}", float(seconds))
        else:
            span.set_status(self.trace.StatusCode.ERROR, str(item.told.get("error", "")))
        span.set_attribute("finops.state", item.state)
        span.set_attribute("finops.attempts", item.tries)
        span.end()

    def ended(self, counts: dict[str, int]) -> None:
        """The batch is over; what was measured goes out."""
        if not self.on:
            return
        for span in self.spans.values():
            span.set_attribute("finops.state", "not made")
            span.end()
        for state, count in counts.items():
            self.whole.set_attribute(f"finops.{state.replace(' ', '_')}", count)
        if counts.get("failed"):
            self.whole.set_status(self.trace.StatusCode.ERROR)
        self.whole.end()
        from opentelemetry import metrics

        for provider in (self.trace.get_tracer_provider(), metrics.get_meter_provider()):
            flush = getattr(provider, "force_flush", None)
            if flush:
                flush(3000)  # an endpoint that does not answer holds no batch up


def _ready() -> bool:
    """Set the SDK up where only an endpoint is named; say so where the package is not installed."""
    try:
        from opentelemetry import metrics, trace
        from opentelemetry.sdk.trace import TracerProvider
    except ImportError:
        print("traces were asked for, but OpenTelemetry is not installed: pip install 'finops-playbook-kit[trace]'", file=sys.stderr)  # noqa: T201  # fmt: skip
        return False
    if isinstance(trace.get_tracer_provider(), TracerProvider):
        return True
    try:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # pyright: ignore[reportMissingImports]
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # pyright: ignore[reportMissingImports]
    except ImportError:
        return True  # somebody else exports, or nobody does
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    import helpers

    named = Resource.create({"service.name": "finops", "service.version": helpers.__version__})
    tracers = TracerProvider(resource=named)
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=3)))
    trace.set_tracer_provider(tracers)
    metrics.set_meter_provider(
        MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter(timeout=3))], named)
    )
    return True
