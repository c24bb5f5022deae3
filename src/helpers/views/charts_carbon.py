"""Pictures of emissions: services with their range, money against carbon, months against a path, regions by their power."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

from helpers.terms.money import foot
from helpers.terms.period import Month
from helpers.views import sentences_carbon as said
from helpers.views import theme
from helpers.views.charts import Chart
from helpers.views.markup import plain
from helpers.views.sentences import number
from helpers.views.words import say

D = Decimal


def services(
    frame: Any, *, by: str = "service", month: str = "", top: int = 7, title: str | None = None
) -> Chart:
    """Emissions by name, a bar for the figure and a thin line from its lowest to its highest plausible value.

    Parameters
    ----------
    frame : DataFrame
        Its first column names; low, kg, high [kgCO2e].
    by, month : str
        For the subtitle; month ``YYYY-MM``.
    top : int
        Names before the others.
    """
    rows = [
        (plain(n or "no name"), lo, kg, hi)
        for n, lo, kg, hi in zip(frame.iloc[:, 0], frame["low"], frame["kg"], frame["high"], strict=True)
        if kg
    ]
    rows.sort(key=lambda r: (-r[2], r[0]))
    kept, rest = (rows[:top], rows[top:]) if len(rows) > top + 1 else (rows, [])
    if rest:
        kept = [
            *kept,
            (say("words.others", n=len(rest)), *(sum((r[i] for r in rest), D(0)) for i in (1, 2, 3))),
        ]
    scale, unit, at = _scale([r[2] for r in kept])
    footed = foot([r[2] / scale for r in kept], at) if kept else []
    labels = [number(f, at) for f in footed]
    when = f", {Month.parse(month).title}" if month else ""
    table = tuple(
        (n, label, number(lo / scale, at), number(hi / scale, at))
        for (n, lo, _, hi), label in zip(kept, labels, strict=True)
    )
    told = "; ".join(f"{n} {v} (from {lo} to {hi})" for n, v, lo, hi in table)
    return Chart(
        title or said.services_title(frame),
        f"Estimated emissions by {by}, {unit}{when}; the thin line is the range",
        f"Emissions by {by} in {unit}: {told}." if told else "Nothing has a figure.",
        lambda width: _bars(
            width,
            [
                (n, float(lo), float(kg), float(hi), label)
                for (n, lo, kg, hi), label in zip(kept, labels, strict=True)
            ],
        ),
        (by.capitalize(), f"Emissions, {unit}", "Lowest", "Highest"),
        table,
    )


def _bars(width, lines) -> theme.Canvas:
    if not lines:
        return _empty(width, "nothing has a figure")
    left = min(max(theme.width_of(n) for n, *_ in lines) + 2, width * 0.4) + 10
    names = [theme.wrapped(n, left - 10) for n, *_ in lines]
    row = max(32.0, 15.0 * max(len(n) for n in names) + 6)
    values = max(theme.width_of(line[4], bold=True) for line in lines) + 10
    canvas = theme.Canvas(width, row * len(lines) + 4)
    scale = (width - left - values) / (max(line[3] for line in lines) or 1)
    for i, (_, low, kg, high, label) in enumerate(lines):
        middle = 2 + row * i + row / 2
        canvas.lines(left - 10, middle, names[i], align="right")
        canvas.bar(left, middle - 11, max(kg * scale, 1), 13, "subject" if i == 0 else "context")
        y = middle + 8
        canvas.line([left + low * scale, left + high * scale], [y, y], "quiet", 1.5)
        for x in (low, high):
            canvas.line([left + x * scale] * 2, [y - 3, y + 3], "quiet", 1.5)
        canvas.text(left + kg * scale + 6, middle - 5, label, bold=i == 0, color="ink" if i == 0 else "quiet")
    return canvas


def frontier(found: Any, *, currency: str, price: Decimal | None = None, title: str | None = None) -> Chart:
    """Measures by what they save in money and in carbon; those that no other beats in both are in blue.

    Parameters
    ----------
    found : DataFrame
        Columns name, measure, money [currency; None where not known], carbon [kgCO2e], currency.
    currency : str
        Only measures in it, and those without a known price, are drawn.
    price : Decimal, optional
        Carbon price [currency/tCO2e], for the subtitle.
    """
    rows = [r for r in found.to_dict("records") if r["currency"] == currency or r["money"] is None]
    known = [(r["money"], r["carbon"]) for r in rows if r["money"] is not None]
    best = {
        i for i, r in enumerate(rows)
        if r["money"] is not None
        and not any(m >= r["money"] and c >= r["carbon"] and (m > r["money"] or c > r["carbon"]) for m, c in known)
    }  # fmt: skip
    table = tuple(
        (
            plain(r["name"]),
            plain(r["measure"]),
            "not known" if r["money"] is None else number(r["money"], 0),
            number(r["carbon"], 1),
        )
        for r in rows
    )
    at = f"; a tonne is priced at {number(price, 0)} {currency}" if price is not None else ""
    told = "; ".join(f"{n} ({m}) {a} {currency} and {c} kg" for n, m, a, c in table[:8])
    return Chart(
        title or said.frontier_title(found, currency),
        f"Each dot is a measure: {currency} to the right, kgCO2e upwards, both saved a month{at}",
        f"Measures: {told}." if told else "There are none.",
        lambda width: _scatter(width, rows, best, currency),
        ("Resource", "Measure", f"Money, {currency} a month", "Carbon, kgCO2e a month"),
        table,
    )


def _scatter(width, rows, best, currency) -> theme.Canvas:
    if not rows:
        return _empty(width, "no measure was found")
    height, bottom, top = 300.0, 34.0, 16.0
    canvas = theme.Canvas(width, height)
    money = [float(r["money"] or 0) for r in rows]
    carbon = [float(r["carbon"]) for r in rows]
    low, high = min(0.0, *money), max(*money, 1.0)
    most = max(*carbon, 0.001) * 1.08
    tick = _step(most, 4)
    tops = [tick * i for i in range(int(most / tick) + 1)]
    places = 0 if most >= 10 else 1 if most >= 1 else 3
    left = max(theme.width_of(number(D(t), places)) for t in tops) + 12
    right = 14.0

    def x(value: float) -> float:
        return left + (value - low) / ((high - low) or 1) * (width - left - right)

    def y(value: float) -> float:
        return height - bottom - value / most * (height - bottom - top)

    for t in tops:
        canvas.line([left, width - right], [y(t)] * 2, "rule")
        canvas.text(left - 8, y(t), number(D(t), places), align="right", color="quiet")
    step = _step(high - low, 5 if width > 500 else 3)
    mark = step * (low // step)
    while mark <= high:
        if mark >= low:
            label = number(D(mark), 0)
            canvas.text(
                min(max(x(mark), theme.width_of(label) / 2), width - theme.width_of(label) / 2),
                height - 12,
                label,
                align="center",
                color="quiet",
            )
        mark += step
    boxes: list[tuple[float, float, float, float]] = []
    order = sorted(range(len(rows)), key=lambda i: (i not in best, rows[i]["money"] is not None, -carbon[i]))
    for i in order[::-1]:
        unknown = rows[i]["money"] is None
        canvas.dot(x(money[i]), y(carbon[i]), "adds" if unknown else "subject" if i in best else "context", 9)
        if unknown:
            canvas.dot(x(money[i]), y(carbon[i]), "paper", 5)
    for i in order:
        at_x, at_y = x(money[i]), y(carbon[i])
        boxes.append((at_x - 6, at_y - 6, at_x + 6, at_y + 6))
    marks = len(boxes)
    for i in order[: 9 if width > 500 else 4]:
        name = plain(rows[i]["name"]) + (", price not known" if rows[i]["money"] is None else "")
        wide = theme.width_of(name, 12)
        for dx, align in ((10, "left"), (-10, "right")):
            a = x(money[i]) + (dx if align == "left" else dx - wide)
            box = (a, y(carbon[i]) - 8, a + wide, y(carbon[i]) + 8)
            others = [b for n, b in enumerate(boxes) if n >= marks or n != order.index(i)]
            if box[0] >= left and box[2] <= width and not any(_meet(box, b) for b in others):
                canvas.text(
                    x(money[i]) + dx,
                    y(carbon[i]),
                    name,
                    align=align,
                    size=12,
                    color="ink" if i in best else "quiet",
                )
                boxes.append(box)
                break
    return canvas


def _meet(a, b) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _step(span: float, count: int) -> float:
    import math

    raw = (span or 1.0) / count
    size = 10 ** math.floor(math.log10(raw))
    return next(m * size for m in (1, 2, 5, 10) if m * size >= raw)


def path(frame: Any, *, open: bool = False, title: str | None = None) -> Chart:
    """Months as a line beside what they may emit.

    Parameters
    ----------
    frame : DataFrame
        Columns month, low, kg, high, budget [kgCO2e; budget NaN where there is none], source.
    open : bool
        The last month is not over: it is left out.
    """
    rows = frame.to_dict("records")[: -1 if open else None]
    scale, unit, at = _scale([r["kg"] for r in rows])
    table = tuple(
        (
            Month.parse(r["month"]).title,
            number(r["kg"] / scale, at),
            "none" if r["budget"].is_nan() else number(r["budget"] / scale, at),
        )
        for r in rows
    )
    what = next((r["source"] for r in reversed(rows) if r["source"]), "no budget")
    begun = next(
        (r["month"] for a, r in itertools.pairwise(rows) if r["measured"] and not a["measured"]),
        None,
    )
    breaks = f"; use is measured from {Month.parse(begun).title} on, assumed before" if begun else ""
    told = "; ".join(f"{m} {kg}, may {b}" for m, kg, b in table[-6:])
    return Chart(
        title or said.path_title(frame if not open else frame.iloc[:-1]),
        f"Estimated emissions by month, {unit}; grey is the {what}{breaks}",
        f"The last months in {unit}: {told}." if told else "There are no months.",
        lambda width: _path(width, rows, float(scale), at),
        ("Month", f"Emissions, {unit}", f"Budget or path, {unit}"),
        table,
    )


def _path(width, rows, scale, at) -> theme.Canvas:
    if not rows:
        return _empty(width, "no month has a figure")
    height, top, bottom = 200.0, 26.0, 36.0
    canvas = theme.Canvas(width, height)
    levels = [float(r["kg"]) / scale for r in rows]
    aims = [None if r["budget"].is_nan() else float(r["budget"]) / scale for r in rows]
    most = max([*levels, *(a for a in aims if a is not None)]) or 1.0
    right = max(theme.width_of(f"path {number(D(most), at)}", bold=True) + 12, 40)
    edge = 22.0
    step = (width - edge - right) / max(len(rows) - 1, 1)

    def point(i: int, value: float) -> tuple[float, float]:
        return edge + i * step, height - bottom - value / most * (height - top - bottom)

    canvas.line([0, width], [height - bottom] * 2, "rule")
    aimed = [point(i, a) for i, a in enumerate(aims) if a is not None]
    if aimed:
        canvas.line([p[0] for p in aimed], [p[1] for p in aimed], "context", 2)
    drawn = [point(i, v) for i, v in enumerate(levels)]
    canvas.line([p[0] for p in drawn], [p[1] for p in drawn], "subject", 2.5)
    end_x, end_y = drawn[-1]
    canvas.dot(end_x, end_y, "subject", 8)
    canvas.text(end_x + 8, end_y, number(D(levels[-1]), at), bold=True)
    if aimed:
        y = aimed[-1][1]
        y = y + (18 - abs(y - end_y)) * (1 if y >= end_y else -1) if abs(y - end_y) < 18 else y
        canvas.text(
            end_x + 8, min(y, height - bottom - 8), f"may {number(D(aims[-1] or 0), at)}", color="quiet"
        )
    wide = theme.width_of("Sep 25") + 8
    every = max(1, -int(-wide // step)) if step else 1
    for i, r in enumerate(rows):
        if (len(rows) - 1 - i) % every == 0:
            m = Month.parse(r["month"])
            x = max(edge + i * step, wide / 2)
            canvas.text(x, height - 12, f"{m.name[:3]} {m.year % 100:02d}", align="center", color="quiet")
    return canvas


def regions(frame: Any, *, currency: str, month: str = "", title: str | None = None) -> Chart:
    """How dirty each region's power is, with what is spent and emitted there, the dirtiest first.

    Parameters
    ----------
    frame : DataFrame
        Columns region, provider, grid [gCO2e/kWh], year, kg [kgCO2e], cost [currency].
    """
    rows = frame.to_dict("records")
    whole = sum((r["cost"] for r in rows), D(0))
    table = tuple(
        (
            plain(r["region"]),
            plain(r["provider"]),
            number(r["grid"], 0 if r["grid"] >= 10 else 1),
            str(r["year"]),
            said.mass(r["kg"]),
            number(r["cost"], 0),
        )
        for r in rows
    )
    when = f", {Month.parse(month).title}" if month else ""
    told = "; ".join(f"{r} {g} gCO2e/kWh, {kg}, {c} {currency}" for r, _, g, _, kg, c in table[:8])
    return Chart(
        title or said.regions_title(frame),
        f"Grid intensity by region, gCO2e/kWh{when}; behind it the cost there, {currency}, and the emissions. Rust: above 400",
        f"Regions: {told}." if told else "No region is known.",
        lambda width: _regions(
            width,
            [(t[0], float(r["grid"]), t[2], f"{t[5]} · {t[4]}") for t, r in zip(table, rows, strict=True)],
        ),
        ("Region", "Provider", "gCO2e/kWh", "Factor of", "Emissions", f"Cost, {currency}"),
        table if whole is not None else (),
    )


def _regions(width, lines) -> theme.Canvas:
    if not lines:
        return _empty(width, "no region is known")
    row = 28.0
    left = min(max(theme.width_of(n) for n, *_ in lines) + 2, width * 0.36) + 10
    ends = max(theme.width_of(end, 12) for *_, end in lines) + 4
    values = max(theme.width_of(v, bold=True) for _, _, v, _ in lines) + 12
    canvas = theme.Canvas(width, row * len(lines) + 4)
    scale = max(width - left - ends - values, 20) / (max(g for _, g, _, _ in lines) or 1)
    for i, (name, grid, value, end) in enumerate(lines):
        middle = 2 + row * i + row / 2
        canvas.text(left - 10, middle, theme.fitted(name, left - 10), align="right")
        dirty = grid >= 400
        canvas.bar(left, middle - 8, max(grid * scale, 1), 16, "adds" if dirty else "context")
        canvas.text(left + grid * scale + 6, middle, value, bold=dirty, color="ink" if dirty else "quiet")
        canvas.text(width, middle, end, align="right", color="quiet", size=12)
    return canvas


def _scale(values: list[Decimal]) -> tuple[Decimal, str, int]:
    """Divisor, unit and places for masses [kgCO2e] shown together."""
    most = max((abs(v) for v in values), default=D(0))
    if most >= 1000:
        return D(1000), "tCO2e", 2 if most < 100_000 else 0
    return D(1), "kgCO2e", 0 if most >= 100 else 1 if most >= 1 else 3


def _empty(width, text) -> theme.Canvas:
    canvas = theme.Canvas(width, 32)
    canvas.text(0, 15, text, color="quiet")
    return canvas
