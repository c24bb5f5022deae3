"""Pictures of anomalies: a cost beside what was expected of it, and what made the difference."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from helpers.terms.period import Month
from helpers.views import charts, sentences, sentences_anomalies, theme
from helpers.views.charts import Chart
from helpers.views.markup import plain
from helpers.views.sentences import number

LABELS = {"volume": "more used", "price": "price", "commitment": "less covered", "new": "new"}


def watched(incident: Any, *, currency: str = "", title: str | None = None) -> Chart:
    """A series with its expected band and the alert.

    Parameters
    ----------
    incident : Incident or None
        series, start, seen, end, name, excess [currency].
    """
    points = [] if incident is None else [p for p in incident.series if p[1] == p[1]]
    if incident is None or len(points) < 2:
        return charts.empty("No incident to look at", "Cost by day beside what was expected")
    at = 0 if max(p[1] for p in points) >= 100 else 2
    rows = tuple(
        (
            sentences.day(d),
            _shown(cost, at),
            _shown(expected, at),
            "alert" if d == incident.seen else _within(incident, d),
        )
        for d, cost, expected, _ in points
    )
    peak = max(points, key=lambda p: p[1])
    return Chart(
        title or sentences_anomalies.of_incident(incident, currency),
        f"Effective cost by day, {currency}. Grey: what was expected, up to the limit; rust: above it; the mark is the alert",
        f"{plain(incident.name)}: {_shown(points[0][1], at)} {currency} on {sentences.day(points[0][0])}, "
        f"{_shown(peak[1], at)} on {sentences.day(peak[0])}, {_shown(points[-1][1], at)} on {sentences.day(points[-1][0])}; "
        f"alert on {sentences.day(incident.seen)}.",
        lambda width: _draw_watched(width, incident, points, at),
        ("Day", f"Cost, {currency}", f"Expected, {currency}", "What"),
        rows,
    )  # fmt: skip


def _within(incident: Any, day: Any) -> str:
    return "incident" if incident.start <= day <= incident.end else ""


def _shown(value: float, at: int) -> str:
    return number(Decimal(repr(round(value, 6))), at) if value == value else "—"


def _draw_watched(width, incident, points, at) -> theme.Canvas:
    height, top, bottom = 220.0, 30.0, 30.0
    canvas = theme.Canvas(width, height)
    most = max(max(p[1] for p in points), max((p[3] for p in points if p[3] == p[3]), default=0.0)) or 1.0
    label = _shown(most, at)
    left, right = theme.width_of(label) + 10, 8.0
    step = (width - left - right) / (len(points) - 1)

    def x(i: int) -> float:
        return left + i * step

    def y(value: float) -> float:
        return height - bottom - max(value, 0.0) / most * (height - top - bottom)

    for mark in (0.0, most / 2, most):
        canvas.line([left, width - right], [y(mark), y(mark)], "rule")
        canvas.text(left - 8, y(mark), _shown(mark, at), align="right", color="quiet", size=12)
    for i, (_, _, expected, limit) in enumerate(points):
        if expected == expected:
            low, high = max(2 * expected - limit, 0.0), limit
            canvas.bar(x(i) - step / 2, y(high), step + 0.4, y(low) - y(high), "rule")
    _line(canvas, [(x(i), y(p[2])) if p[2] == p[2] else None for i, p in enumerate(points)], "context", 1.5)
    _line(canvas, [(x(i), y(p[1])) for i, p in enumerate(points)], "ink", 2)
    inside = [(x(i), y(p[1])) for i, p in enumerate(points) if incident.start <= p[0] <= incident.end]
    if len(inside) > 1:
        _line(canvas, list(inside), "adds", 3)
    seen = next((i for i, p in enumerate(points) if p[0] == incident.seen), None)
    if seen is not None:
        canvas.dot(x(seen), y(points[seen][1]), "adds", 10)
        text = f"alert {incident.seen.day} {Month.of(incident.seen).name[:3]}"
        wide = theme.width_of(text, bold=True)
        canvas.text(
            min(max(x(seen), left + wide / 2), width - right - wide / 2), 12, text, align="center", bold=True
        )
        canvas.line([x(seen), x(seen)], [20, y(points[seen][1]) - 6], "adds", 1)
    _days(canvas, points, x, height - 12, width)
    return canvas


def _line(canvas: theme.Canvas, places: list, color: str, thick: float) -> None:
    """A line with gaps where a place is None."""
    run: list[tuple[float, float]] = []
    for place in [*places, None]:
        if place is not None:
            run.append(place)
            continue
        if len(run) > 1:
            canvas.line([a for a, _ in run], [b for _, b in run], color, thick)
        run = []


def _days(canvas: theme.Canvas, points, x, y: float, width: float) -> None:
    """Days below the axis, as many as have room."""
    wide = theme.width_of("30 Sep", 12) + 14
    every = max(1, int(wide / max((x(len(points) - 1) - x(0)) / max(len(points) - 1, 1), 0.1)) + 1)
    for i in range(0, len(points), every):
        day = points[i][0]
        at = max(x(i), wide / 2)
        if at > width - wide / 2:
            break
        canvas.text(at, y, f"{day.day} {Month.of(day).name[:3]}", align="center", color="quiet", size=12)


def cause(incident: Any, *, currency: str = "", title: str | None = None) -> Chart:
    """From the expected to the actual cost of an incident, by cause."""
    import pandas as pd

    if incident is None:
        return charts.empty("No incident to explain", "From the expected to the actual cost")
    frame = pd.DataFrame(
        [(LABELS[p], v) for p, v in incident.cause.parts.items()], columns=["cause", "amount"], dtype=object
    )
    span = f"{incident.start.day} {Month.of(incident.start).name[:3]} to {incident.end.day} {Month.of(incident.end).name[:3]} {incident.end.year}"
    return charts.bridge(
        frame,
        incident.expected,
        incident.actual,
        currency=currency,
        start_label="expected",
        end_label="actual",
        title=title or sentences_anomalies.of_cause(incident, currency),
        subtitle=f"{plain(incident.name, 40)}, {span}: from expected to actual effective cost, {currency}. Rust adds, green takes away",
    )


def months(review: Any, *, currency: str = "", title: str | None = None) -> Chart:
    """Unpredicted cost by month."""
    frame = review.table
    looked = [m for m in frame.attrs["months"] if m <= str(review.month)]
    pairs = []
    for m in sorted(set(looked)):
        rows = frame[(frame["month"] == m) & (frame["status"] == "alarm")] if len(frame) else frame
        pairs.append((m, sum(rows["excess"], Decimal(0))))
    return charts.trend(
        pairs,
        currency=currency,
        measure="Cost above the expected, of alarms",
        title=title or sentences_anomalies.of_months(pairs, currency),
    )
