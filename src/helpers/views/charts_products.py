"""Pictures of products: unit costs over time, margins, fixed and variable cost, and who to scale, mend or end."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from helpers.terms.period import Month
from helpers.views import charts, sentences_products, theme
from helpers.views.charts import Chart
from helpers.views.markup import plain
from helpers.views.sentences import number, percent
from helpers.views.sentences_products import figures

PANEL = 116.0
SHAPES = {"scale": "▲", "hold": "●", "mend": "◆", "decommission": "✕"}
COLOURS = {"scale": "takes", "hold": "context", "mend": "subject", "decommission": "adds"}


def unit_costs(panels: Sequence[dict[str, Any]], *, title: str | None = None) -> Chart:
    """Small pictures, one for each product: unit cost by month, with its target as a thin line.

    Parameters
    ----------
    panels : sequence of dict
        product, currency, driver, per, target (Decimal, NaN without one), history (pairs of month and value or None), rate,
        rises, falls (of the unit cost and of demand).
    """
    shown = [p for p in panels if any(v is not None for _, v in p["history"])]
    rows = tuple(
        (
            p["product"], sentences_products.per(p), p["currency"], *(_said(v) for v in _ends(p["history"])),
            "—" if p["target"].is_nan() else figures(p["target"]),
        )
        for p in shown
    )  # fmt: skip
    first = Month.parse(shown[0]["history"][0][0]).title if shown else ""
    last = Month.parse(shown[0]["history"][-1][0]).title if shown else ""
    said = "; ".join(f"{r[0]} {r[4]} {r[2]} per {r[1]}, target {r[5]}" for r in rows)
    return Chart(
        title or sentences_products.trend_title(shown),
        f"Effective run cost of one unit by month, {first} to {last}; each picture starts at zero; the thin line is the target"
        if shown
        else "No product has both a cost and a driver",
        f"Unit cost in the last month: {said}." if said else "There is nothing to draw.",
        lambda width: _draw_panels(width, shown),
        ("Product", "One unit", "Currency", "First month", "Last month", "Target"),
        rows,
    )


def _ends(history):
    known = [v for _, v in history if v is not None]
    return (known[0], known[-1]) if known else (None, None)


def _said(value) -> str:
    return figures(value)


def _draw_panels(width, panels) -> theme.Canvas:
    if not panels:
        return _nothing(width, "no unit cost")
    columns = 1 if width < 420 else 2 if width < 700 else 3
    gap = 28.0
    wide = (width - gap * (columns - 1)) / columns
    lines = -(-len(panels) // columns)
    canvas = theme.Canvas(width, PANEL * lines)
    for n, p in enumerate(panels):
        _panel(canvas, p, (n % columns) * (wide + gap), (n // columns) * PANEL, wide)
    return canvas


def _panel(canvas, p, left, top, wide) -> None:
    known = [(i, float(v)) for i, (_, v) in enumerate(p["history"]) if v is not None]
    target = None if p["target"].is_nan() else float(p["target"])
    missed = target is not None and known[-1][1] > target
    high = max([v for _, v in known] + ([target] if target else [])) or 1.0
    bottom, height = top + PANEL - 16, PANEL - 62
    latest = figures(p["history"][known[-1][0]][1])
    mark = "▲ " if missed else ""
    room = theme.width_of(f"{mark}{latest}", bold=True) + 8
    canvas.text(left, top + 10, theme.fitted(p["product"], wide - room), bold=True)
    canvas.text(
        left + wide, top + 10, f"{mark}{latest}", align="right", bold=True, color="adds" if missed else "ink"
    )
    below = f"{p['currency']} per {sentences_products.per(p)}"
    aim = "" if target is None else f"target {figures(p['target'])}"
    canvas.text(left, top + 27, below, color="quiet", size=11.5)
    canvas.text(left + wide, top + 27, aim, align="right", color="quiet", size=11.5)
    step = (wide - 8) / max(len(p["history"]) - 1, 1)

    def y(value: float) -> float:
        return bottom - value / high * height

    canvas.line([left, left + wide], [bottom, bottom], "rule")
    if target is not None:
        canvas.line([left, left + wide], [y(target)] * 2, "quiet", 0.8)
    run: list[tuple[float, float]] = []
    held = dict(known)
    for i in range(len(p["history"]) + 1):
        if i in held:
            run.append((left + i * step, y(held[i])))
        elif run:
            if len(run) > 1:
                canvas.line([x for x, _ in run], [v for _, v in run], "adds" if missed else "context", 2)
            run = []
    x = left + known[-1][0] * step
    canvas.dot(x, y(known[-1][1]), "adds" if missed else "subject", 7)


def margins(
    rows: Sequence[dict[str, Any]], *, title: str | None = None, subtitle: str | None = None
) -> Chart:
    """Contribution margin of each product with revenue, the best first; loss-makers to the left, marked.

    Parameters
    ----------
    rows : sequence of dict
        product, currency, margin [ratio], contribution [currency] (Decimal, NaN without revenue).
    """
    known = sorted((r for r in rows if not r["margin"].is_nan()), key=lambda r: (-r["margin"], r["product"]))
    without = [r["product"] for r in rows if r["margin"].is_nan()]
    left_out = f"; no revenue known of {', '.join(without)}" if without else ""
    table = tuple(
        (
            r["product"], percent(r["margin"], 0 if abs(r["margin"]) >= 1 else 1),
            f"{number(r['contribution'], 0, signed=True)} {r['currency']}",
        )
        for r in known
    )  # fmt: skip
    said = "; ".join(f"{a} {b} ({c} a month)" for a, b, c in table)
    return Chart(
        title or sentences_products.margin_title(known),
        subtitle
        or f"Revenue less run cost, of revenue, and that amount a month; shared cost is left out{left_out}",
        f"Contribution margin: {said}." if said else "No product has a known revenue.",
        lambda width: _draw_margins(width, known, table),
        ("Product", "Margin", "Contribution a month"),
        table,
    )


def _draw_margins(width, rows, table) -> theme.Canvas:
    if not rows:
        return _nothing(width, "no revenue is known")
    row = 34.0 if width < 420 else 30.0
    canvas = theme.Canvas(width, row * len(rows) + 6)
    names = min(max(theme.width_of(r["product"]) for r in rows) + 12, width * 0.3)
    amounts = 0.0 if width < 420 else max(theme.width_of(t[2]) for t in table) + 12
    labels = max(theme.width_of(f"▲ {t[1]}", bold=True) for t in table) + 10
    values = [float(r["margin"]) for r in rows]
    low, high = min(0.0, *values), max(0.0, *values)
    start = names + (labels if low < 0 else 0)
    room = width - start - amounts - labels
    scale = room / ((high - low) or 1)
    zero = start - low * scale
    for i, (r, t, v) in enumerate(zip(rows, table, values, strict=True)):
        middle = 3 + row * i + row / 2
        loses = v < 0
        canvas.text(0, middle, theme.fitted(r["product"], names - 8), bold=loses)
        canvas.bar(zero, middle - 9, v * scale, 18, "adds" if loses else "context")
        at = zero + v * scale + (-6 if loses else 6)
        canvas.text(
            at, middle, f"▲ {t[1]}" if loses else t[1], align="right" if loses else "left", bold=loses,
            color="adds" if loses else "quiet",
        )  # fmt: skip
        if amounts:
            canvas.text(width, middle, t[2], align="right", color="ink" if loses else "quiet", bold=loses)
    canvas.line([zero, zero], [2, row * len(rows) + 4], "quiet")
    return canvas


def change(frame: Any, what: str, *, title: str | None = None) -> Chart:
    """The bridge of a unit cost (`measures.unit_change.split`)."""
    about = frame.attrs
    found = title or sentences_products.change_title(frame, what)
    if "reason" in about or not len(frame):
        reason = str(about.get("reason", "nothing is known of these months"))
        return Chart(
            found,
            "There is no bridge without units in both months",
            reason,
            lambda w: _nothing(w, "no units"),
            ("Step",),
            (),
        )
    driver = about["driver"] or "units"
    each = driver.removesuffix("s") if about["per"] == 1 else f"{number(about['per'], 0)} {driver}"
    first, last = (Month.parse(str(about[k])) for k in ("previous", "month"))
    return charts.bridge(
        frame,
        title=found,
        start_label=f"{first.name[:3]} {first.year}",
        end_label=f"{last.name[:3]} {last.year}",
        subtitle=f"From {first.title} to {last.title}, effective run cost in {about['currency']} per {each}. Rust adds, green takes away.",
    )


def scatter(fit: Any, name: str, row: dict[str, Any], *, title: str | None = None) -> Chart:
    """Weekly cost against weekly volume as daily means, with the line that was found and its 95 % band."""
    points = list(fit.points)
    currency, each = row["currency"], sentences_products.per(row)
    many = row["driver"] if row["per"] == 1 else each
    volumes = [v for v, _ in points]
    ends = (min(volumes), max(volumes)) if points else (0.0, 0.0)
    rows: tuple[tuple[str, ...], ...] = ()
    if fit.known:
        rows = (
            ("one more", _said(fit.per_unit), f"{figures(fit.per_unit_low)} to {figures(fit.per_unit_high)}"),
            ("a day without any", _said(fit.fixed), f"{figures(fit.fixed_low)} to {figures(fit.fixed_high)}"),
            ("average", _said(fit.average), "—"),
        )
    said = "; ".join(f"{a} {b} {currency} (95 % interval {c})" for a, b, c in rows[:2])
    return Chart(
        title or sentences_products.fit_title(fit, name, row),
        f"Run cost a day, {currency}, against {many} a day; {len(points)} weekly means; line: as of the last week, with its 95 % band",
        f"Cost of {name} against volume: {said}." if said else f"{name}: {fit.reason}.",
        lambda width: _draw_scatter(width, fit, points, ends, many),
        ("Part", f"{currency} per {each}", "95 % interval"),
        rows,
    )


def _draw_scatter(width, fit, points, ends, many) -> theme.Canvas:
    if len(points) < 2:
        return _nothing(width, fit.reason or "too few weeks")
    height, left, bottom = 250.0, 56.0, 40.0
    canvas = theme.Canvas(width, height)
    line = [fit.at(ends[1] * n / 20) for n in range(21)] if fit.known else []
    band = [fit.band(ends[1] * n / 20) for n in range(21)] if fit.known else []
    top = max([c for _, c in points] + line) * 1.08
    right = ends[1] * 1.03

    def x(v: float) -> float:
        return left + v / right * (width - left - 12)

    def y(c: float) -> float:
        return height - bottom - min(max(c, 0.0), top) / top * (height - bottom - 16)

    if band:
        xs = [x(ends[1] * n / 20) for n in range(21)]
        canvas.axes.fill_between(
            xs, [y(b[0]) for b in band], [y(b[1]) for b in band], color=theme.LIGHT["takes-soft"], linewidth=0
        )
        canvas.line(xs, [y(c) for c in line], "subject", 2)
    canvas.line([left, width - 8], [y(0), y(0)], "rule")
    canvas.line([left, left], [y(0), 10], "rule")
    recent = len(points) - 13
    for n, (v, c) in enumerate(points):
        canvas.dot(x(v), y(c), "ink" if n >= recent else "context", 5)
    for share in (0.0, 0.5, 1.0):
        value = Decimal(repr(round(top / 1.08 * share, 6)))
        canvas.text(
            left - 6,
            y(float(value)),
            number(value, 0 if top > 20 else None),
            align="right",
            color="quiet",
            size=11.5,
        )
        at = Decimal(repr(round(ends[1] * share, 6)))
        canvas.text(
            x(float(at)), height - bottom + 14, number(at, 0 if ends[1] > 20 else None),
            align="center" if 0 < share < 1 else "right" if share else "left", color="quiet", size=11.5,
        )  # fmt: skip
    canvas.text(
        width - 8, height - 8, f"{many} a day; dark: last 13 weeks", align="right", color="quiet", size=11.5
    )
    return canvas


def quadrant(rows: Sequence[dict[str, Any]], *, title: str | None = None) -> Chart:
    """Products by growth of demand and by margin, each with its verdict as shape and word.

    Parameters
    ----------
    rows : sequence of dict
        Of `measures.portfolio.sheet`: product, demand [ratio a month or None], margin [ratio, NaN without revenue], verdict.
    """
    shown = [r for r in rows if r["demand"] is not None]
    table = tuple(
        (
            r["product"], percent(r["demand"], signed=True), "—" if r["margin"].is_nan() else percent(r["margin"], 0),
            r["verdict"], r["because"],
        )
        for r in rows if r["demand"] is not None
    )  # fmt: skip
    said = "; ".join(f"{t[0]}: demand {t[1]} a month, margin {t[2]}, {t[3]}" for t in table)
    return Chart(
        title or sentences_products.verdict_title(rows),
        "Growth of demand a month against contribution margin; ▲ scale, ● hold, ◆ mend, ✕ decommission; at the foot: no revenue known",
        f"{said}." if said else "No product has a trend.",
        lambda width: _draw_quadrant(width, shown),
        ("Product", "Demand a month", "Margin", "Verdict", "Because"),
        table,
    )


def _draw_quadrant(width, rows) -> theme.Canvas:
    if not rows:
        return _nothing(width, "no product has six months of demand")
    height, left, foot = 356.0, 52.0, 100.0
    canvas = theme.Canvas(width, height)
    demand = [float(r["demand"]) for r in rows]
    low, high = min(-0.01, *demand) * 1.25, max(0.01, *demand) * 1.25
    margins_ = [max(float(r["margin"]), -1.0) for r in rows if not r["margin"].is_nan()]
    bottom = min([0.0, *margins_]) - 0.1
    plot = height - foot

    def x(v: float) -> float:
        return left + (v - low) / (high - low) * (width - left - 8)

    def y(m: float) -> float:
        return 12 + (1.05 - m) / (1.05 - bottom) * (plot - 24)

    canvas.line([x(0), x(0)], [6, height - 22], "rule")
    canvas.line([left, width - 8], [y(0), y(0)], "rule")
    canvas.line([left, width - 8], [plot, plot], "rule")
    for m in (1.0, 0.0, -1.0):
        if m >= bottom:
            canvas.text(
                left - 6,
                y(m),
                "−100 %"
                if m < 0 and min(margins_ or [0]) > -1
                else "≤ −100 %"
                if m < 0
                else f"{m * 100:.0f} %",
                align="right",
                color="quiet",
                size=11.5,
            )
    canvas.text(left, plot + 10, "no revenue known", color="quiet", size=11.5)
    canvas.text(left, height - 8, "← demand falls", color="quiet", size=11.5)
    canvas.text(width - 8, height - 8, "demand grows →", align="right", color="quiet", size=11.5)
    placed: list[tuple[float, float, float, float]] = []
    lane = 0
    for r in sorted(rows, key=lambda r: (r["margin"].is_nan(), float(r["demand"]))):
        at = x(float(r["demand"]))
        if r["margin"].is_nan():
            level = plot + 24 + (lane % 3) * 15
            lane += 1
        else:
            level = y(max(float(r["margin"]), -1.0))
        label = f"{SHAPES[r['verdict']]} {plain(r['product'])}"
        _label(canvas, label, at, level, COLOURS[r["verdict"]], width, placed)
    return canvas


def _label(canvas, label, at, level, colour, width, placed) -> None:
    """The mark stands at the point; the name goes to the side that has room, and down where it would cover another."""
    wide = theme.width_of(label, size=12, bold=True)
    right = at + wide < width - 4
    x0 = at if right else at - wide
    y0 = level
    while any(a < x0 + wide and b > x0 and abs(v - y0) < 14 for a, b, v, _ in placed):
        y0 += 14
    placed.append((x0, x0 + wide + 6, y0, 0.0))
    canvas.text(x0, y0, label, color=colour if colour != "context" else "quiet", size=12, bold=True)


def _nothing(width, words) -> theme.Canvas:
    canvas = theme.Canvas(width, 32)
    canvas.text(0, 15, plain(words, 200), color="quiet")
    return canvas
