"""Pictures of procurement: commitments by use and end, what each order of planning saves, savings against lock-in."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from helpers.terms.money import foot
from helpers.views import sentences, sentences_procurement, theme
from helpers.views.charts import Chart, empty
from helpers.views.markup import plain
from helpers.views.sentences import day, number, percent


def portfolio(held: Sequence[Any], *, currency: str, month: str, title: str | None = None) -> Chart:
    """Commitments that run: what of each is used and unused in the month, and when it ends.

    Parameters
    ----------
    held : sequence of Holding
    """
    shown = [h for h in held if h.active]
    if not shown:
        return empty(title or "No commitment runs", "Commitments by use and end")
    at = sentences.places([h.monthly for h in shown])
    used, unused = (foot([getattr(h, part) for h in shown], at) for part in ("used", "unused"))
    rows = tuple(
        (
            plain(h.name), number(u, at), number(n, at) if n or h.unused == 0 else f"under {number(Decimal(1), at)}",
            percent(h.utilisation) if not h.utilisation.is_nan() else "—", _end(h),
        )
        for h, u, n in zip(shown, used, unused, strict=True)
    )  # fmt: skip
    return Chart(
        title or sentences_procurement.of_portfolio(held),
        f"Effective cost of commitments in {month}, {currency}; blue: used, rust: unused; on the right their end",
        "; ".join(f"{n}: {u} {currency} used, {x} unused, ends {e}" for n, u, x, _, e in rows) + ".",
        lambda width: _draw_portfolio(width, shown, rows),
        ("Commitment", f"Used, {currency}", f"Unused, {currency}", "Used over a year", "Ends"),
        rows,
    )


def _end(h: Any) -> str:
    if h.end is None:
        return "not known"
    return day(h.end) + (" (assumed)" if h.end_basis == "assumed term" else "")


def _draw_portfolio(width, shown, rows) -> theme.Canvas:
    phone = width < 420
    row = 42.0 if phone else 30.0
    canvas = theme.Canvas(width, row * len(shown) + 4)
    left = 0.0 if phone else min(max(theme.width_of(r[0]) for r in rows) + 2, width * 0.3) + 10
    ends = max(theme.width_of(r[4]) for r in rows) + 12
    label = max(theme.width_of(r[1]) for r in rows) + 12
    most = max(float(h.monthly) for h in shown) or 1
    scale = max(width - left - ends - label, 40) / most
    for i, (h, r) in enumerate(zip(shown, rows, strict=True)):
        y = 2 + row * i + row / 2 + (8 if phone else 0)
        if phone:
            canvas.text(0, y - 21, theme.fitted(r[0], width))
        else:
            canvas.text(left - 10, y, theme.fitted(r[0], left - 10), align="right")
        a, b = float(h.used) * scale, float(h.unused) * scale
        canvas.bar(left, y - 9, max(a, 1), 18, "subject")
        if b > 0:
            canvas.bar(left + a, y - 9, max(b, 1.5), 18, "adds")
        canvas.text(left + a + b + 6, y, number(h.used + h.unused, 0), color="quiet")
        canvas.text(width, y, r[4], align="right", color="quiet")
    return canvas


def orders(outcomes: Sequence[Any], *, currency: str, title: str | None = None) -> Chart:
    """What each order of planning saves over a year against doing nothing, and what it loses against both together."""
    from helpers.models.joint import ORDERS

    by = {o.order: o for o in outcomes}
    if "nothing" not in by or by["nothing"].cost - by["joint"].cost < Decimal("0.01"):
        return empty(title or "There is nothing to plan", "Orders of planning")
    names = dict(ORDERS)
    none = by["nothing"].cost
    shown = [(names[o.order], none - o.cost, o.loses, o.order) for o in outcomes if o.order != "nothing"]
    at = sentences.places([s for _, s, _, _ in shown])
    rows = tuple((n, number(s, at), number(x, at) if x else "nothing") for n, s, x, _ in shown)
    return Chart(
        title or sentences_procurement.of_orders(outcomes, currency),
        f"Saved over twelve months if all were bought on the first day, {currency} (the ladder buys in steps and saves "
        "less); on the right what each loses against both together",
        "; ".join(f"{n}: saves {s} {currency}, loses {x}" for n, s, x in rows) + ".",
        lambda width: _draw_orders(width, shown, rows),
        ("Order", f"Saves, {currency}", f"Loses, {currency}"),
        rows,
    )


def _draw_orders(width, shown, rows) -> theme.Canvas:
    phone = width < 420
    row = 44.0 if phone else 32.0
    canvas = theme.Canvas(width, row * len(shown) + 4)
    left = 0.0 if phone else max(theme.width_of(r[0]) for r in rows) + 12
    said = [f"−{r[2]}" if r[2] != "nothing" else "—" for r in rows]
    lost = max(theme.width_of(t) for t in said) + 12
    label = max(theme.width_of(r[1], bold=True) for r in rows) + 12
    most = max([float(s) for _, s, _, _ in shown] + [0.01])
    scale = max(width - left - lost - label, 40) / most
    for i, ((_, saved, _, order), r) in enumerate(zip(shown, rows, strict=True)):
        y = 2 + row * i + row / 2 + (9 if phone else 0)
        best = order == "joint"
        if phone:
            canvas.text(0, y - 22, r[0], bold=best)
        else:
            canvas.text(left - 10, y, r[0], align="right", bold=best)
        canvas.bar(left, y - 9, max(float(saved) * scale, 1), 18, "subject" if best else "context")
        canvas.text(left + max(float(saved) * scale, 1) + 6, y, r[1], bold=best)
        canvas.text(width, y, said[i], align="right", color="quiet")
    return canvas


def frontier(points: Sequence[Any], *, currency: str, gap: str = "", title: str | None = None) -> Chart:
    """Savings against lock-in: from what stands today to the chosen plan.

    Parameters
    ----------
    points : sequence of mapping
        lock_in [months a unit of usage], savings [currency in the ladder's year], esr [1], chosen.
    gap : str
        Why there is no plan.
    """
    shown = [p for p in points if p["lock_in"] == p["lock_in"]]
    if len(shown) < 2:
        return empty(title or (plain(gap.split("\n")[0], 200) if gap else "There is nothing to choose between"), "Savings against lock-in")  # fmt: skip
    at = sentences.places([p["savings"] for p in shown])
    rows = tuple(
        (
            number(Decimal(repr(round(float(p["lock_in"]), 1))), 1), number(p["savings"], at), percent(Decimal(repr(round(float(p["esr"]), 4)))),
            "chosen" if p["chosen"] else "",
        )
        for p in shown
    )  # fmt: skip
    chosen = next((p for p in shown if p["chosen"]), shown[-1])
    found = title or _frontier_title(shown, chosen, currency)
    return Chart(
        found,
        f"Savings of commitments in a year, {currency}, against months of lock-in a unit of usage, just after the first purchases",
        "; ".join(f"{m} months: {s} {currency}{' (chosen)' if c else ''}" for m, s, _, c in rows) + ".",
        lambda width: _draw_frontier(width, shown, at),
        ("Lock-in, months", f"Saves, {currency}", "Of what runs", ""),
        rows,
    )


def _frontier_title(shown, chosen, currency) -> str:
    saved, bound = chosen["savings"], Decimal(repr(round(float(chosen["lock_in"]), 1)))
    half = next((p for p in shown if p["savings"] * 10 >= saved * 9), chosen)
    said = (
        f"The plan saves {sentences.money(saved, currency)} a year for {number(bound, 1)} months of lock-in"
    )
    if half is not chosen and chosen["lock_in"] > 0 and half["lock_in"] < chosen["lock_in"] * 0.9:
        said += f"; nine tenths of it {'take' if half['lock_in'] > 1 else 'takes'} {number(Decimal(repr(round(float(half['lock_in']), 1))), 1)}"
    return said


def _draw_frontier(width, shown, at) -> theme.Canvas:
    height, top, bottom = (210.0 if width < 420 else 240.0), 26.0, 40.0
    canvas = theme.Canvas(width, height)
    high = max(float(p["savings"]) for p in shown) or 1.0
    low = min(0.0, *(float(p["savings"]) for p in shown))
    most = max(float(p["lock_in"]) for p in shown) or 1.0
    label = number(Decimal(round(high)), at)
    left = theme.width_of(label) + 10
    right = 34.0

    def x(v: float) -> float:
        return left + v / most * (width - left - right)

    def y(v: float) -> float:
        return height - bottom - (v - low) / ((high - low) or 1) * (height - top - bottom)

    canvas.line([left, width - right], [y(0), y(0)], "rule")
    canvas.text(left - 6, y(0), "0", align="right", color="quiet", size=11.5)
    canvas.line(
        [x(float(p["lock_in"])) for p in shown], [y(float(p["savings"])) for p in shown], "context", 2
    )
    for p in shown:
        a, b = x(float(p["lock_in"])), y(float(p["savings"]))
        canvas.dot(a, b, "subject" if p["chosen"] else "context", 10 if p["chosen"] else 7)
        if p["chosen"]:
            canvas.text(
                min(a, width - theme.width_of(label, bold=True) / 2),
                b - 15,
                number(p["savings"], at),
                align="center",
                bold=True,
            )
    for v in (0.0, most):
        canvas.text(
            x(v),
            height - 24,
            number(Decimal(repr(round(v, 1))), 1 if v else 0),
            align="center",
            color="quiet",
            size=11.5,
        )
    canvas.text(
        (x(0) + x(most)) / 2,
        height - 8,
        "months of lock-in a unit of usage",
        align="center",
        color="quiet",
        size=11.5,
    )
    return canvas
