"""Pictures: a finding as title, the measure below it, names and values on the marks.

Each function takes a result and gives a `Chart`: drawn wide, half and for a phone, with alternative text and its
numbers as a table. Drawing is put off until it is shown.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from typing import Any

from helpers.terms.errors import UsageError
from helpers.terms.money import CONTEXT, foot, ratio
from helpers.terms.period import Month
from helpers.views import sentences, theme
from helpers.views.markup import block, plain, safe, table, text_table, titled
from helpers.views.sentences import number, percent
from helpers.views.words import say, term

Draw = Callable[[float], theme.Canvas]  # from a width [CSS px]


@dataclass(frozen=True)
class Chart:
    """A picture with its finding, what it measures, what it shows in words, and its numbers."""

    title: str
    subtitle: str
    alt: str
    draw: Draw
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    width: float = theme.WIDE

    def half(self) -> Chart:
        """The same for half the page's width."""
        return replace(self, width=theme.HALF)

    def svg(self, width: float) -> str:
        """The drawing at a width [CSS px]."""
        return self.draw(width).svg()

    @property
    def html(self) -> str:
        """Title, picture and the numbers behind it."""
        wide = self.draw(self.width)
        shown = theme.picture(wide.svg(), self.svg(theme.PHONE), self.alt, (wide.width, wide.height))
        numbers = table(self.head, self.rows, caption=f"{self.title}. {self.subtitle}")
        return block(
            "figure",
            f"{titled(self.title, self.subtitle)}<figure>{shown}</figure>"
            f'<details class="kit-numbers"><summary>{safe(say("page.numbers"))}<span class="kit-aloud">'
            f"{safe(say('page.numbers_of', title=self.title))}</span>"
            f"</summary>{numbers}</details>",
        )

    @property
    def text(self) -> str:
        """The same in words."""
        return f"{self.title}\n{self.subtitle}\n{self.alt}\n{text_table(self.head, self.rows)}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": self.text}


def empty(title: str, subtitle: str) -> Chart:
    """A picture that has nothing to draw and says so."""

    def draw(width: float) -> theme.Canvas:
        canvas = theme.Canvas(width, 32)
        canvas.text(0, 15, "nothing to show", color="quiet")
        return canvas

    return Chart(title, subtitle, f"{title}.", draw, ("", ""), ())


def bridge(
    frame: Any,
    start: Decimal | None = None,
    end: Decimal | None = None,
    *,
    currency: str = "",
    start_label: str = "",
    end_label: str = "",
    title: str | None = None,
    subtitle: str | None = None,
) -> Chart:
    """From one total to another by causes; the totals are marks, because the axis does not start at zero.

    Parameters
    ----------
    frame : DataFrame
        Columns cause, amount [currency, Decimal]. Its ``attrs`` (see `measures.change.bridge`) give what is not given
        here: total, previous_total, month, previous, currency, days.
    start, end : Decimal, optional
        The totals [currency].
    currency, start_label, end_label, subtitle : str, optional
    title : str, optional
        Default: the finding, written from the amounts.

    Returns
    -------
    Chart
    """
    about = dict(frame.attrs)
    start = Decimal(about["previous_total"] if start is None else start)
    end = Decimal(about["total"] if end is None else end)
    currency = currency or str(about.get("currency", ""))
    days = int(about.get("days", 0) or 0)
    first = plain(start_label or _month_name(about.get("previous"), say("words.before")))
    last = plain(end_label or _month_name(about.get("month"), say("words.after")))
    causes = [(plain(c), Decimal(a)) for c, a in zip(frame["cause"], frame["amount"], strict=True)]
    at, footed = sentences.footed(start, end, causes)
    shown = [(term(c), exact, footed[c]) for c, exact in causes if exact]
    equal = say("bridge.days", n=days, count=sentences.count(days)) if days else ""
    rows = (
        (first, number(start, at)),
        *((c, number(r, at, signed=True)) for c, _, r in shown),
        (last, number(end, at)),
    )
    parts = sentences.listed([f"{c} {number(r, at, signed=True)}" for c, _, r in shown]) or say(
        "bridge.moved_nothing"
    )
    return Chart(
        title or sentences.bridge_title(causes, start, end),
        subtitle
        if subtitle is not None
        else say("bridge.subtitle", first=first, last=last, currency=currency, days=equal),
        say(
            "bridge.alt",
            first=first,
            start=number(start, at),
            last=last,
            end=number(end, at),
            currency=currency,
            parts=parts,
        ),
        lambda width: _draw_bridge(width, first, last, start, end, shown, at),
        (say("words.step"), say("words.amount_in", currency=currency) if currency else say("words.amount")),
        rows,
    )


def _draw_bridge(width, first, last, start, end, shown, at) -> theme.Canvas:
    row, phone = 26.0, width < 420
    names = [first, *(c for c, _, _ in shown), last]
    labels = [
        number(start, at),
        *(number(r, at, signed=True) for _, _, r in shown),
        number(end, at),
    ]
    canvas = theme.Canvas(width, row * len(names) + 6)
    left = min(max(theme.width_of(n) for n in names) + 2, width * (0.3 if phone else 0.2)) + 10
    right = max(theme.width_of(text, bold=True) for text in labels) + 14
    levels = [float(start)]
    for _, exact, _ in shown:
        levels.append(levels[-1] + float(exact))
    low, high = min(*levels, float(end)), max(*levels, float(end))
    scale = (width - left - right) / ((high - low) or 1)

    def x(value: float) -> float:
        return left + (value - low) * scale if high > low else left

    for i, (name, label) in enumerate(zip(names, labels, strict=True)):
        middle = 3 + row * i + row / 2
        total = i in (0, len(names) - 1)
        canvas.text(left - 10, middle, theme.fitted(name, left - 10), align="right", bold=False)
        if total:
            at_x = x(float(start if i == 0 else end))
            canvas.bar(at_x - 1.5, middle - 11, 3, 22, "ink")
            canvas.text(at_x + 8, middle, label, bold=True)
        else:
            exact = shown[i - 1][1]
            a, b = x(levels[i - 1]), x(levels[i])
            canvas.bar(min(a, b), middle - 8, max(abs(b - a), 1), 16, "adds" if exact > 0 else "takes")
            canvas.text(max(a, b) + 6, middle, label, color="quiet")
        if i < len(names) - 1:  # a thin thread holds the steps together
            here = x(levels[min(i, len(levels) - 1)])
            canvas.line([here, here], [middle + (11 if total else 8), middle + row - 8], "rule")
    return canvas


def ranked(
    frame: Any,
    *,
    name: str | None = None,
    currency: str = "",
    month: str = "",
    previous: str = "",
    highlight: str | Sequence[str] | None = None,
    top: int = 6,
    measure: str = "",
    by: str = "",
    title: str | None = None,
    subtitle: str | None = None,
) -> Chart:
    """Names by value, the largest first, with their change; what is left stands together as "n others".

    Parameters
    ----------
    frame : DataFrame
        A column of names (`name`, default the first), ``amount`` (or ``value``) [currency, Decimal] and, where known,
        ``previous`` [currency, Decimal]. Form of `measures.totals.ranked`.
    currency, measure, by : str
        For the subtitle.
    month, previous : str
        ``2026-09``; for the subtitle.
    highlight : str or sequence of str, optional
        Names that are the subject. Default: the one that grew most in money.
    top : int, default 6
        Names shown before the others.
    title, subtitle : str, optional
        Default: written from the amounts.
    """
    names = name or frame.columns[0]
    measure = measure or say("ranked.measure")
    values = "amount" if "amount" in frame.columns else "value"
    before = list(frame["previous"]) if "previous" in frame.columns else [None] * len(frame)
    rows = sorted(
        (
            (plain(n), Decimal(v), None if p is None else Decimal(p))
            for n, v, p in zip(frame[names], frame[values], before, strict=True)
        ),
        key=lambda r: (-r[1], r[0]),
    )
    kept, rest = (rows[:top], rows[top:]) if len(rows) > top + 1 else (rows, [])
    if highlight is None:
        grown = [(v - p, n) for n, v, p in rows if p is not None and v > p]
        marked = {max(grown)[1]} if grown else set()
    else:
        marked = {plain(h) for h in ([highlight] if isinstance(highlight, str) else highlight)}
    lines = list(kept)
    if rest:
        with localcontext(CONTEXT):
            known = [p for _, _, p in rest if p is not None]
            lines.append(
                (
                    say("words.others", n=len(rest)),
                    sum((v for _, v, _ in rest), Decimal(0)),
                    sum(known, Decimal(0)) if len(known) == len(rest) else None,
                )
            )
    at = sentences.places([v for _, v, _ in lines])
    footed = foot([v for _, v, _ in lines], at) if lines else []
    changes = [_change(v, p) for _, v, p in lines]
    compared = say("ranked.compared", month=_month_name(previous, previous)) if previous else ""
    period = f", {_month_name(month, month, full=True)}" if month else ""
    what = term(by) if by else _words(names)
    drawn = [
        (n, float(v), number(r, at), c, n in marked, v - (p if p is not None else v))
        for (n, v, p), r, c in zip(lines, footed, changes, strict=True)
    ]
    table_rows = tuple(
        (n, number(r, at), c or "—") for (n, _, _), r, c in zip(lines, footed, changes, strict=True)
    )
    said = "; ".join(f"{n} {v}{f' ({c})' if c and c != '—' else ''}" for n, v, c in table_rows[:8])
    return Chart(
        title or sentences.ranked_title(rows),
        subtitle
        if subtitle is not None
        else say(
            "ranked.subtitle", measure=measure, what=what, currency=currency, period=period, compared=compared
        ),
        say("ranked.alt", measure=measure, what=what, currency=currency, said=said)
        if said
        else say("ranked.alt_nothing"),
        lambda width: _draw_ranked(width, drawn),
        (
            sentences.capital(_words(names)),
            say("words.in_currency", what=measure, currency=currency) if currency else measure,
            say("words.change"),
        ),
        table_rows,
    )


def _draw_ranked(width, lines) -> theme.Canvas:
    if not lines:
        canvas = theme.Canvas(width, 32)
        canvas.text(0, 14, say("ranked.no_charges"), color="quiet")
        return canvas
    left = min(max(theme.width_of(line[0]) for line in lines) + 2, width * 0.42) + 10
    names = [theme.wrapped(line[0], left - 10) for line in lines]
    row = max(28.0, 15.0 * max(len(n) for n in names) + 6)
    canvas = theme.Canvas(width, row * len(lines) + 4)
    values = max(theme.width_of(line[2]) for line in lines) + 14
    changes = max(theme.width_of(line[3]) for line in lines)
    low, high = min(0.0, *(line[1] for line in lines)), max(0.0, *(line[1] for line in lines))
    room = width - left - values - changes - 12
    scale = room / ((high - low) or 1)
    zero = left - low * scale
    for i, (_, value, label, change, marked, _) in enumerate(lines):
        middle = 2 + row * i + row / 2
        canvas.lines(left - 10, middle, names[i], align="right")
        canvas.bar(zero, middle - 9, value * scale, 18, "subject" if marked else "context")
        canvas.text(
            max(zero + value * scale, zero) + 6,
            middle,
            label,
            color="ink" if marked else "quiet",
            bold=marked,
        )
        canvas.text(width, middle, change, align="right", color="ink" if marked else "quiet", bold=marked)
    if low < 0:
        canvas.line([zero, zero], [2, 2 + row * len(lines)], "quiet")
    return canvas


def heat(
    frame: Any,
    *,
    row: str = "ServiceName",
    column: str = "cause",
    currency: str = "",
    top: int = 7,
    title: str | None = None,
    subtitle: str | None = None,
) -> Chart:
    """Rows by columns, such as services by causes: where each part of a change sits.

    Parameters
    ----------
    frame : DataFrame
        Columns `row`, `column`, amount [currency, Decimal]; equal pairs are added. Form of `measures.change.detail`,
        whose ``attrs`` give month, previous and currency.
    row, column : str
        Columns of `frame`.
    currency : str
    top : int
        Rows shown, by the size of what moved in them; the others stand together.
    title, subtitle : str, optional
        Default: written from the amounts.
    """
    about = dict(frame.attrs)
    currency = currency or str(about.get("currency", ""))
    cells: dict[tuple[str, str], Decimal] = {}
    with localcontext(CONTEXT):
        for r, c, a in zip(frame[row], frame[column], frame["amount"], strict=True):
            key = (plain(r), plain(c))
            cells[key] = cells.get(key, Decimal(0)) + Decimal(a)
        found = [(r, c, a) for (r, c), a in cells.items() if a]
        by_row = _sizes((r, a) for r, _, a in found)
        if len(by_row) > top + 1:
            rest, kept = say("words.others", n=len(by_row) - top), set(by_row[:top])
            merged: dict[tuple[str, str], Decimal] = {}
            for r, c, a in found:
                key = (r if r in kept else rest, c)
                merged[key] = merged.get(key, Decimal(0)) + a
            by_row = [*by_row[:top], rest]
        else:
            merged = {(r, c): a for r, c, a in found}
        at = sentences.places(list(merged.values()))
        seen = {c for (_, c), a in merged.items() if round(a, at)}  # a column of rounded zeros says nothing
        by_column = _sizes((c, a) for (_, c), a in merged.items() if c in seen or not seen)
    shown = tuple(
        (r, *(number(merged[r, c], at, signed=True) if (r, c) in merged else "" for c in by_column))
        for r in by_row
    )
    first, last = _month_name(about.get("previous"), ""), _month_name(about.get("month"), "")
    period = say("heat.period", first=first, last=last) if first and last else ""
    largest = sorted(merged.items(), key=lambda m: -abs(m[1]))[:6]
    parts = "; ".join(f"{r}, {term(c)} {number(a, at, signed=True)}" for (r, c), a in largest)
    return Chart(
        title or sentences.heat_title(found),
        subtitle
        if subtitle is not None
        else sentences.capital(say("heat.subtitle", period=period, currency=currency)),
        say("heat.alt", currency=currency, parts=parts) if parts else say("heat.alt_nothing"),
        lambda width: _draw_heat(width, by_row, by_column, merged, at),
        (sentences.capital(_words(row)), *map(term, by_column)),
        shown,
    )


def _sizes(parts: Any) -> list[str]:
    """Names, those first in which most moved."""
    sizes: dict[str, Decimal] = {}
    for name, amount in parts:
        sizes[name] = sizes.get(name, Decimal(0)) + abs(amount)
    return sorted(sizes, key=lambda n: (-sizes[n], n))


def _draw_heat(width, rows, columns, cells, at) -> theme.Canvas:
    if not rows:
        canvas = theme.Canvas(width, 32)
        canvas.text(0, 15, say("heat.empty"), color="quiet")
        return canvas
    import seaborn
    from matplotlib.colors import ListedColormap

    small = theme.FONT - (1.5 if width < 420 else 1)
    left = min(max(theme.width_of(r) for r in rows) + 12, width * 0.3)
    names = [theme.wrapped(r, left - 12, small, 4) for r in rows]
    height = max(30.0, 15.0 * max(len(n) for n in names) + 6)
    words = [w for c in columns for w in term(c).split()]
    least = max(
        72.0,
        *(theme.width_of(number(a, at, signed=True), bold=True) + 12 for a in cells.values()),
        *(theme.width_of(w, small) + 4 for w in words),
    )
    room = max(1, int((width - left) // least))
    kept = columns if len(columns) <= room else columns[: max(room - 1, 0)]
    rest = [c for c in columns if c not in kept]
    heads = [*map(term, kept), *([say("words.rest")] if rest else [])]
    with localcontext(CONTEXT):
        grid = [
            [
                *(cells.get((r, c), Decimal(0)) for c in kept),
                *([sum((cells.get((r, c), Decimal(0)) for c in rest), Decimal(0))] if rest else []),
            ]
            for r in rows
        ]
    largest = max((abs(a) for line in grid for a in line), default=Decimal(0)) or Decimal(1)
    # Below a tenth of the largest a cell stays white: five steps that a reader tells apart, not a hundred.
    level = [
        [
            (1 if a > 0 else -1) * (2 if abs(a) * 2 >= largest else 1 if abs(a) * 10 >= largest else 0)
            for a in line
        ]
        for line in grid
    ]
    colours = ("takes", "takes-soft", "paper", "adds-soft", "adds")
    wide = (width - left) / len(heads)
    above = [theme.wrapped(head, wide - 4, small, 2) for head in heads]
    top = 12.0 + 14 * max(len(a) for a in above)
    canvas = theme.Canvas(width, top + height * len(rows) + 2)
    inner = canvas.figure.add_axes(
        (left / width, 2 / canvas.height, 1 - left / width, height * len(rows) / canvas.height)
    )
    seaborn.heatmap(
        level, ax=inner, cmap=ListedColormap([theme.LIGHT[n] for n in colours]), vmin=-2.5, vmax=2.5, cbar=False,
        linewidths=2, linecolor=theme.LIGHT["paper"], xticklabels=False, yticklabels=False,
    )  # fmt: skip
    for j, head in enumerate(above):
        canvas.lines(left + (j + 0.5) * wide, top / 2, head, align="center", color="quiet", size=small)
    for i, name in enumerate(names):
        middle = top + (i + 0.5) * height
        canvas.lines(left - 10, middle, name, align="right", size=small)
        for j, amount in enumerate(grid[i]):
            if amount:
                strong = abs(level[i][j]) == 2
                canvas.text(
                    left + (j + 0.5) * wide, middle, number(amount, at, signed=True), align="center",
                    color="paper" if strong else "ink" if level[i][j] else "quiet", bold=strong,
                )  # fmt: skip
    canvas.axes.set_zorder(2)
    return canvas


def trend(
    months: Any,
    *,
    currency: str = "",
    measure: str = "",
    unit: str = "currency",
    open: bool = False,
    title: str | None = None,
    subtitle: str | None = None,
) -> Chart:
    """A line over months; a month without a value is a gap.

    Parameters
    ----------
    months : DataFrame or sequence of (month, value)
        Month as ``2026-09``; value a Decimal or None [`unit`]. A DataFrame has columns month and amount (or value).
    currency, measure : str
        For the subtitle.
    unit : str
        ``currency`` or ``ratio``.
    open : bool
        The last month is not over: it is a hollow end, and no part of the title.
    title, subtitle : str, optional
        Default: written from the values.
    """
    pairs = _months(months)
    measure = measure or say("ranked.measure")
    closed = pairs[:-1] if open else pairs
    at = sentences.places([v for _, v in pairs])
    show = (lambda v: percent(v)) if unit == "ratio" else (lambda v: number(v, at))
    rows = tuple(
        (Month.parse(m).title, show(v) if v is not None else say("words.no_value")) for m, v in pairs
    )
    what = "%" if unit == "ratio" else currency
    so_far = say("trend.open") if open else ""
    known = [v for _, v in pairs if v is not None]
    cut = bool(known) and min(known) * 2 > max(known)  # a line may leave zero out, if it says so
    axis = say("trend.axis") if cut else ""
    return Chart(
        title or sentences.trend_title(closed),
        subtitle
        if subtitle is not None
        else say("trend.subtitle", measure=measure, unit=what, open=so_far, axis=axis),
        say(
            "trend.alt", measure=measure, unit=what, parts="; ".join(f"{m} {v}" for m, v in rows), open=so_far
        ),
        lambda width: _draw_trend(width, pairs, show, open, cut),
        (say("words.month"), say("words.in_currency", what=measure, currency=what)),
        rows,
    )


def _draw_trend(width, pairs, show, open, cut) -> theme.Canvas:
    height, top, bottom = 180.0, 26.0, 38.0
    canvas = theme.Canvas(width, height)
    known = [(i, v) for i, (_, v) in enumerate(pairs) if v is not None]
    if not known:
        canvas.text(0, height / 2, say("trend.empty"), color="quiet")
        return canvas
    edge = max(theme.width_of(show(v)) for _, v in known) / 2 + 4
    edge = max(edge, 22)
    step = (width - 2 * edge) / max(len(pairs) - 1, 1)
    levels = [float(v) for _, v in known]
    low, high = (min(levels), max(levels)) if cut else (min(0.0, *levels), max(0.0, *levels))
    low -= (high - low) * 0.15 if cut else 0.0

    def y(value) -> float:
        return height - bottom - (float(value) - low) / ((high - low) or 1) * (height - top - bottom)

    if not cut:
        canvas.line([0, width], [y(0), y(0)], "rule")
    run: list[tuple[float, float]] = []
    for i, (_, value) in enumerate([*pairs, ("", None)]):
        if value is not None:
            run.append((edge + i * step, y(value)))
        elif run:
            if len(run) > 1:
                canvas.line([x for x, _ in run], [v for _, v in run], "context", 2)
            else:
                canvas.dot(*run[0], "context", 5)
            run = []
    for i in {known[0][0], known[-1][0], max(known, key=lambda k: k[1])[0]}:
        value, last = pairs[i][1], i == known[-1][0]
        x = edge + i * step
        canvas.dot(x, y(value), "subject" if last else "context", 8 if last else 5)
        if last and open:
            canvas.dot(x, y(value), "paper", 4)
        if last or abs(i - known[-1][0]) * step > 2 * edge:
            canvas.text(
                x, y(value) - 14, show(value), align="center", bold=last, color="ink" if last else "quiet"
            )
    full = theme.width_of("Sep 25") + 8
    every = max(1, -int(-full // step)) if step else 1
    for i, (month, value) in enumerate(pairs):
        if (len(pairs) - 1 - i) % every == 0:
            m = Month.parse(month)
            label = f"{m.name[:3]} {m.year % 100:02d}"
            x = min(max(edge + i * step, full / 2), width - full / 2)
            canvas.text(x, height - 12, label, align="center", color="quiet")
        if value is None:
            canvas.text(edge + i * step, height - bottom - 9, "?", align="center", color="quiet")
    return canvas


def sparkline(history: Sequence[tuple[str, Decimal | None]], kind: str = "none") -> str:
    """Thirteen months as a thread with a dot at its end: SVG text of a few hundred bytes.

    Written by hand: six of them cost matplotlib more time than all other pictures of a report together.

    Parameters
    ----------
    history : sequence of (month, value)
        A missing value is a gap.
    kind : str
        ``good``, ``bad`` or ``none``: the colour of the dot, said in words beside it.
    """
    width, height, edge = 104, 28, 5
    known = [float(v) for _, v in history if v is not None]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    step = (width - 2 * edge) / max(len(history) - 1, 1)
    runs: list[list[str]] = [[]]
    end = None
    for i, (_, value) in enumerate(history):
        if value is None:
            runs.append([])
            continue
        level = (float(value) - low) / (high - low) if high > low else 0.5
        end = (edge + i * step, height - edge - level * (height - 2 * edge))
        runs[-1].append(f"{end[0]:.1f},{end[1]:.1f}")
    lines = "".join(
        f'<polyline points="{" ".join(run if len(run) > 1 else run * 2)}" fill="none" stroke="var(--kit-context)" '
        f'stroke-width="1.8" stroke-linejoin="round" stroke-linecap="round"/>'
        for run in runs
        if run
    )
    colour = {"good": "takes", "bad": "adds"}.get(kind, "subject")
    ended = history and history[-1][1] is not None and end
    dot = (
        f'<circle cx="{end[0]:.1f}" cy="{end[1]:.1f}" r="3.5" fill="var(--kit-{colour})"/>'
        if ended and end
        else ""
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f"<style>{theme.style()}</style>{lines}{dot}</svg>"
    )


def sparkline_html(kpi: Any, kind: str) -> str:
    """The thread of a KPI as an image, with what it shows in words."""
    history = list(kpi.history or [])
    known = [(m, v) for m, v in history if v is not None]
    if not known:
        return f'<span class="kit-spark kit-none">{safe(say("tiles.no_earlier"))}</span>'

    def said(pair) -> str:
        return say(
            "tiles.value_in",
            value=sentences.with_unit(pair[1], sentences.unit_of(kpi), kpi.currency),
            month=_month_name(pair[0], pair[0], full=True),
        )

    gaps = len(history) - len(known)
    months = sentences.capital(sentences.count(len(history)))
    alt = say("tiles.months", count=months, first=said(known[0]), last=said(known[-1]))
    if gaps:
        alt = say("tiles.without", said=alt, count=sentences.count(gaps))
    svg = base64.b64encode(sparkline(history, kind).encode()).decode()
    return f'<img class="kit-spark" width="104" height="28" alt="{safe(alt)}" src="data:image/svg+xml;base64,{svg}">'


def _change(value: Decimal, previous: Decimal | None) -> str:
    if previous is None:
        return "—"
    if previous == 0:
        return say("words.new") if value else "—"
    if not value:
        return say("words.ended")
    with localcontext(CONTEXT):
        difference = value - previous
    share = ratio(difference, previous) if previous > 0 else None
    if share is None or abs(share) >= 10:
        return number(difference, sentences.places([value]), signed=True)
    return percent(share, signed=True, trim=False)


def _months(months: Any) -> list[tuple[str, Decimal | None]]:
    if hasattr(months, "columns"):
        value = "amount" if "amount" in months.columns else "value"
        pairs = zip(months["month"], months[value], strict=True)
    else:
        pairs = iter(months)
    return [(str(m), None if v is None or Decimal(v).is_nan() else Decimal(v)) for m, v in pairs]


def _month_name(text: object, instead: object, *, full: bool = False) -> str:
    try:
        month = Month.parse(str(text))
    except UsageError:  # no month: a label of the caller's
        return plain(instead or "")
    return month.title if full else month.name


def _words(column: str) -> str:
    """A column's name in words: ``ServiceName`` is service, ``x_KitDepartment`` department."""
    import re

    bare = re.sub(r"^x_(Kit)?|(Name|Id)$", "", str(column)) or str(column)
    return term(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", bare).lower())
