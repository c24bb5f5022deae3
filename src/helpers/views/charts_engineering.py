"""Pictures of engineering: the week that is proposed, risk against saving, owners by rule."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from helpers.terms.money import foot
from helpers.views import sentences, theme
from helpers.views.charts import Chart, empty
from helpers.views.markup import plain
from helpers.views.sentences import number, percent

DAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LEVELS = ("paper", "takes-soft", "adds-soft", "adds")


def kinds(found: Any, *, currency: str = "", title: str | None = None) -> Chart:
    """Saving by kind of advice, the largest first, with how many resources it takes.

    Parameters
    ----------
    found : DataFrame
        kind, amount [currency], resources [1]; form of ``helpers.models.advice.by_kind``.
    """
    rows = [(plain(r["kind"]), r["amount"], int(r["resources"])) for r in found.to_dict("records")]
    if not rows:
        return empty("No advice that counts", "Saving by kind")
    at = sentences.places([a for _, a, _ in rows])
    footed = [number(v, at) for v in foot([a for _, a, _ in rows], at)]
    counted = [f"{number(n, 0)} resource{'s'[: n > 1]}" for _, _, n in rows]
    table = tuple((k, v, c) for (k, _, _), v, c in zip(rows, footed, counted, strict=True))
    return Chart(
        title or f"{sentences.capital(rows[0][0])} saves most",
        f"Possible saving a month by kind, after commitments, {currency}",
        "; ".join(f"{k} {v} {currency} ({c})" for k, v, c in table) + ".",
        lambda width: _draw_kinds(width, table, [float(a) for _, a, _ in rows]),
        ("Kind", f"Saving, {currency}", "Resources"),
        table,
    )


def _draw_kinds(width, table, amounts) -> theme.Canvas:
    row = 26.0
    canvas = theme.Canvas(width, row * len(table) + 4)
    left = max(theme.width_of(t[0]) for t in table) + 12
    side = max(theme.width_of(t[2]) for t in table)
    room = width - left - side - max(theme.width_of(t[1], bold=True) for t in table) - 26
    most = max(amounts) or 1
    for i, ((name, amount, counted), value) in enumerate(zip(table, amounts, strict=True)):
        y = 2 + row * i + row / 2
        canvas.text(left - 10, y, name, align="right")
        canvas.bar(left, y - 8, max(value / most * room, 1), 16, "subject" if i == 0 else "context")
        canvas.text(left + value / most * room + 6, y, amount, bold=i == 0)
        canvas.text(width, y, counted, align="right", color="quiet")
    return canvas


def week(plan: Any, *, title: str | None = None) -> Chart:
    """Hours of the week by how often they were used, and what the proposed plan keeps on.

    Parameters
    ----------
    plan : Plan or None
        Attributes name, week (Week), profile (share of weeks in which each local hour was used [1]), share, hours,
        wrong_hours, starts.
    """
    if plan is None:
        return empty("No machine is quiet by habit", "Hours of the week by use")
    found = title or (
        f"{plain(plan.name)} could be off {percent(plan.share, 0)} of the time"
        + ("; no hour of use would have been lost" if not plan.wrong_hours else "")
    )
    rows = tuple(
        (
            DAY_NAMES[d],
            *(f"{a // 4:02d}:{a % 4 * 15:02d}–{b // 4:02d}:{b % 4 * 15:02d}" for a, b in plan.week.on[d][:2]),
        )
        + ("off all day",) * (not plan.week.on[d])
        + ("",) * (1 - max(len(plan.week.on[d][:2]), 1) + 0)
        for d in range(7)
    )
    rows = tuple((r[0], "; ".join(x for x in r[1:] if x)) for r in rows)
    return Chart(
        found,
        f"Local time, {plan.week.zone}: darker hours were used in more weeks, the outline is what stays on",
        f"On {plan.week.words}, off at all other times; {number(plan.hours, 0)} measured hours replayed, {number(plan.wrong_hours, 0)} of them "
        f"used while off, {plan.starts:.1f} starts a day.",
        lambda width: _draw_week(width, plan),
        ("Day", "On"),
        rows,
    )


def _draw_week(width, plan) -> theme.Canvas:
    left, top, row = 40.0, 22.0, 22.0
    canvas = theme.Canvas(width, top + row * 7 + 8)
    step = (width - left - 4) / 24
    every = 3 if step < 26 else 2
    for hour in range(0, 25, every):
        x = min(left + hour * step, width - 16)
        canvas.text(x, 9, f"{hour:02d}", align="center", color="quiet", size=12)
    for day in range(7):
        y = top + day * row
        canvas.text(left - 8, y + row / 2, DAY_NAMES[day], align="right")
        for hour in range(24):
            use = plan.profile[day][hour]
            colour = (
                "rule" if use is None else "paper" if use <= 0 else "adds-soft" if use < 0.5 else "context"
            )
            canvas.bar(left + hour * step + 0.5, y + 1, step - 1, row - 2, colour)
    for day in range(7):
        y = top + day * row
        for a, b in plan.week.on[day]:
            x0, x1 = left + a / 4 * step, left + b / 4 * step
            canvas.line([x0, x1, x1, x0, x0], [y, y, y + row, y + row, y], "subject", 2)
    for edge in (top, top + 7 * row):
        canvas.line([left, width - 4], [edge, edge], "rule")
    return canvas


def risk(advice: Sequence[Any], *, currency: str = "", title: str | None = None) -> Chart:
    """Machines that could be smaller: saving against the candidate's use in its busiest hours.

    Parameters
    ----------
    advice : sequence of Advice
        Those with p999 are shown: name, saving [currency], p999, peak [%], risk [1].
    """
    shown = sorted((a for a in advice if a.p999 is not None), key=lambda a: -a.saving)[:10]
    if not shown:
        return empty("No machine is too large by its measured use", "Saving against the busiest hours")
    at = sentences.places([a.saving for a in shown])
    footed = foot([a.saving for a in shown], at)
    safe = sum(1 for a in shown if not a.risk)
    found = title or (
        f"{sentences.capital(sentences.count(len(shown)))} machine{'s'[: len(shown) > 1]} could be smaller; "
        + (
            "none would have been short"
            if safe == len(shown)
            else f"{sentences.count(len(shown) - safe)} would have been short at times"
        )
    )
    rows = tuple(
        (
            plain(a.name),
            number(s, at),
            f"{a.p999:.0f} %",
            f"{a.peak:.0f} %",
            percent(Decimal(str(a.risk or 0)), 2) if a.risk is not None else "—",
        )
        for a, s in zip(shown, footed, strict=True)
    )
    return Chart(
        found,
        f"Bars: saving a month, {currency}. Dot: use of the smaller machine in the busiest thousandth of past hours; line: to its peak",
        "; ".join(f"{r[0]} saves {r[1]} {currency}, busiest thousandth {r[2]}, peak {r[3]}" for r in rows[:8])
        + ".",
        lambda width: _draw_risk(width, shown, [number(s, at) for s in footed]),
        ("Machine", f"Saving, {currency}", "Busiest thousandth", "Peak", "Hours short"),
        rows,
    )


def _draw_risk(width, shown, labels) -> theme.Canvas:
    row, top = 28.0, 24.0
    canvas = theme.Canvas(width, top + row * len(shown) + 4)
    names = [plain(a.name) for a in shown]
    left = min(max(theme.width_of(n) for n in names) + 2, width * 0.3) + 10
    track = max(90.0, (width - left) * 0.36)
    right = width - track
    values = max(theme.width_of(t) for t in labels) + 24
    most = max(float(a.saving) for a in shown) or 1
    scale = (right - left - values) / most
    edge = 22.0
    wide = track - 2 * edge

    def x(use: float) -> float:
        return right + edge + min(use, 100.0) / 100 * wide

    for mark in (0, 50, 100):
        canvas.line([x(mark), x(mark)], [top - 4, top + row * len(shown)], "rule")
        if mark != 50 or wide > 110:  # on a phone three words do not fit
            canvas.text(x(mark), 10, f"{mark} %", align="center", color="quiet", size=11.5)
    for i, a in enumerate(shown):
        y = top + row * i + row / 2
        canvas.text(left - 10, y, theme.fitted(names[i], left - 10), align="right")
        canvas.bar(left, y - 9, max(float(a.saving) * scale, 1), 18, "takes")
        canvas.text(left + float(a.saving) * scale + 6, y, labels[i], color="quiet")
        canvas.line([x(a.p999), x(a.peak)], [y, y], "context", 2)
        canvas.dot(x(a.p999), y, "adds" if a.risk else "subject", 9)
    return canvas


def owners(coverage: Any, *, currency: str = "", title: str | None = None) -> Chart:
    """Share of cost by the kind of rule that gives it an owner; what no rule fits comes last, in rust.

    Parameters
    ----------
    coverage : DataFrame
        rule, amount [currency], share [1]; a row ``no rule`` is what has none.
    """
    rows = [(plain(r["rule"]), r["amount"], r["share"]) for r in coverage.to_dict("records")]
    if not rows:
        return empty("There is no cost to give to anybody", "Cost by the rule that gives it an owner")
    nobody = next((s for n, _, s in rows if n == "no rule"), Decimal(0))
    at = sentences.places([a for _, a, _ in rows])
    footed = foot([a for _, a, _ in rows], at)
    found = title or (
        f"{percent(nobody)} of cost has no owner by any rule"
        if nobody
        else "Every cost has an owner by a rule"
    )
    table = tuple((n, number(a, at), percent(s)) for (n, _, s), a in zip(rows, footed, strict=True))
    return Chart(
        found,
        f"Usage and purchases by the rule that decides first, {currency}",
        "; ".join(f"{n} {a} {currency} ({s})" for n, a, s in table) + ".",
        lambda width: _draw_owners(width, table, [float(s) for _, _, s in rows]),
        ("Rule", f"Effective cost, {currency}", "Share"),
        table,
    )


def _draw_owners(width, table, shares) -> theme.Canvas:
    row = 30.0
    canvas = theme.Canvas(width, row * len(table) + 4)
    left = min(max(theme.width_of(t[0]) for t in table) + 2, width * 0.36) + 10
    said = [f"{s}" for _, _, s in table]
    right = max(theme.width_of(t, bold=True) for t in said) + 12
    most = max(max(shares), 0.0001)
    for i, ((name, _, _), share) in enumerate(zip(table, shares, strict=True)):
        y = 2 + row * i + row / 2
        odd = name == "no rule"
        canvas.text(left - 10, y, theme.fitted(name, left - 10), align="right")
        canvas.bar(
            left, y - 9, max(share, 0) / most * (width - left - right), 18, "adds" if odd else "context"
        )
        canvas.text(left + max(share, 0) / most * (width - left - right) + 6, y, said[i], bold=odd)
    return canvas
