"""The parts of a page that are words: masthead, headline, six numbers, decisions, definitions, findings."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from helpers.views import charts, sentences, theme
from helpers.views.markup import Shown, block, plain, safe, table, text_table, titled

MOST_TILES = 6
SHAPES = {"good": "●", "bad": "▲", "none": "–"}


def masthead(facts: Any) -> Shown:
    """One line: whose, which period, as of when, which currency, how many charges, and that they reconcile.

    Parameters
    ----------
    facts : object
        Attributes company, persona, month (title), as_of, currency, scope (text), rows (int), difference [currency,
        Decimal; must be 0], open (bool: the month is not over), basis (sentence about the owner rules).
    """

    def get(name: str, default: Any = "") -> Any:
        return getattr(facts, name, default)

    difference = get("difference", None)
    if difference is None:
        settled, kind = "not reconciled yet", "kit-bad"
    elif difference:
        settled, kind = f"▲ does not reconcile: difference {sentences.number(difference)}", "kit-bad"
    else:
        settled, kind = "reconciled, difference 0.00", ""
    month = f"{plain(get('month'))}{', not over yet' if get('open', False) else ''}"
    as_of = f", as of {sentences.day(get('as_of'))}" if get("as_of") else ""
    rows = get("rows", None)
    counted = f"{rows:,} charge{'' if rows == 1 else 's'}" if isinstance(rows, int) else ""
    whose = [plain(get(n)) for n in ("company", "persona") if get(n)] + [plain(get("scope"))] * bool(
        get("scope")
    )
    which = [month + as_of, *(x for x in (plain(get("currency")), counted) if x)]
    basis = plain(get("basis"), 400) if get("basis") else ""
    body = (
        f'<div class="kit-mast"><p>{safe(" · ".join(whose))}</p><p>{safe(" · ".join(which))} · '
        f"<span{f' class={chr(34)}{kind}{chr(34)}' if kind else ''}>{safe(settled)}</span></p></div>"
        + (f'<p class="kit-basis">{safe(basis)}</p>' if basis else "")
    )
    # A notebook has no page around it: the style comes along. On a page the sanitiser takes it out again.
    style = f"<style>{theme.css()}</style>"
    text = f"{' · '.join(whose)}\n{' · '.join(which)} · {settled}"
    return Shown(style + block("masthead", body), f"{text}\n{basis}" if basis else text)


def headline(sentence: str, lede: str = "") -> Shown:
    """The answer as the page's one heading, and what to do below it.

    Examples
    --------
    >>> headline("September cost 6 USD").text
    'September cost 6 USD'
    """
    below = f'<p class="kit-lede">{safe(lede)}</p>' if lede else ""
    return Shown(
        block("headline", f"<h1>{safe(sentence)}</h1>{below}"),
        f"{plain(sentence, 2000)}\n{plain(lede, 2000)}" if lede else plain(sentence, 2000),
    )


def tiles(kpis: Sequence[Any], ids: Sequence[str] | None = None) -> Shown:
    """Six numbers, each with unit, thirteen months, change, target and a judgement in words, shape and colour.

    Parameters
    ----------
    kpis : sequence of KpiResult
        Attributes id, name, variant, value (Decimal or None), reason, unit, currency, previous, history (month, value),
        target, status, direction.
    ids : sequence of str, optional
        Which, in this order: an id, or ``id:variant``. Default: the first six.
    """
    chosen = _chosen(kpis, ids)
    items, lines = [], []
    for kpi in chosen:
        kind, judgement = sentences.judged(kpi)
        if kpi.value is None:
            reason = plain(kpi.reason or "not computable from these charges", 300)
            items.append(
                f'<li class="kit-tile"><p class="kit-name">{safe(sentences.kpi_name(kpi))}</p>'
                f'<p class="kit-value kit-none">—</p><p class="kit-why">{safe(reason)}</p></li>'
            )
            lines.append(f"{sentences.kpi_name(kpi)}: — ({reason})")
            continue
        value = sentences.shown_value(kpi.value, sentences.unit_of(kpi))
        unit = sentences.unit_words(sentences.unit_of(kpi), kpi.currency)
        moved = sentences.moved(kpi)
        items.append(
            f'<li class="kit-tile"><p class="kit-name">{safe(sentences.kpi_name(kpi))}</p>'
            f'<p class="kit-value">{safe(value)}<span class="kit-unit">{" " + safe(unit) if unit else ""}</span></p>'
            f"{charts.sparkline_html(kpi, kind)}"
            f'<p class="kit-change">{safe(moved)}</p>'
            f'<p class="kit-judged kit-{kind}"><span aria-hidden="true">{SHAPES[kind]}</span> {safe(judgement)}</p></li>'
        )
        lines.append(
            f"{sentences.kpi_name(kpi)}: {sentences.with_unit(kpi.value, sentences.unit_of(kpi), kpi.currency)}; {moved}; "
            f"{SHAPES[kind]} {judgement}"
        )
    return Shown(block("six", f'<ul class="kit-tiles">{"".join(items)}</ul>'), "\n".join(lines))


def decisions(
    actions: Sequence[Any], *, currency: str = "", title: str | None = None, subtitle: str | None = None
) -> Shown:
    """What to do: each with why, worth how much, who, by when; the order is the caller's.

    Parameters
    ----------
    actions : sequence
        Attributes title, why, do (the step), value (Decimal, text or None), owner, due (text or date).
    currency : str
        Of values that name none.
    """
    found = title or sentences.decisions_title(actions)
    below = subtitle if subtitle is not None else "From the playbook: the rules that fire this month"
    items, lines = [], []
    for action in actions:
        worth = sentences.worth(action, currency)
        owner, due = plain(getattr(action, "owner", "") or "nobody named"), getattr(action, "due", "")
        do = plain(getattr(action, "do", "") or "", 600)
        step = f'<p class="kit-step">{safe(do)}</p>' if do else ""
        facts = [f"<strong>{safe(worth)}</strong>"] if worth else []
        facts += [safe(owner)] + ([f"due {safe(sentences.day(due))}"] if due else [])
        items.append(
            f'<li><p class="kit-do">{safe(action.title, 300)}</p>{step}<p class="kit-why">{safe(action.why, 600)}</p>'
            f'<p class="kit-meta">{" · ".join(facts)}</p></li>'
        )
        ends = [x for x in (do, worth, owner, f"due {sentences.day(due)}" if due else "") if x]
        lines.append(f"- {plain(action.title, 300)} ({plain(action.why, 600)}): {', '.join(ends)}")
    body = f'<ol class="kit-decisions">{"".join(items)}</ol>' if items else ""
    return Shown(block("decide", titled(found, below if items else "") + body), "\n".join([found, *lines]))


def definitions(kpis: Sequence[Any]) -> Shown:
    """What each number means, at the foot of the page.

    Parameters
    ----------
    kpis : sequence of KpiResult
        Attributes name, variant, and definition (text) or formula; benchmark and its source where there are.
    """
    terms, lines, seen = [], [], set()
    for kpi in kpis:
        said = plain(getattr(kpi, "formula", None) or getattr(kpi, "definition", None) or "", 800)
        name = sentences.kpi_name(kpi)
        if not said or (name, said) in seen:
            continue
        seen.add((name, said))
        terms.append(f"<div><dt>{safe(name)}</dt><dd>{safe(said)}</dd></div>")
        lines.append(f"{name}: {said}")
    body = f'<details class="kit-terms"><summary>What the numbers mean</summary><dl>{"".join(terms)}</dl></details>'
    return Shown(block("definitions", body if terms else ""), "\n".join(lines))


def reconciliation(frame: Any, *, title: str | None = None) -> Shown:
    """Billed cost in the source and in the report, by provider, period and currency; the difference must be 0.

    Parameters
    ----------
    frame : DataFrame
        Words first; Decimal columns [currency], of which the last (or ``difference``) is the difference. Numbers are
        shown with all their digits: here a rounded zero would be a lie.
    """
    from helpers.terms import money

    columns = list(frame.columns)
    gap = "difference" if "difference" in columns else columns[-1]
    numeric = {c for c in columns if any(isinstance(v, Decimal) for v in frame[c])}

    def said(column: str, value: Any) -> str:
        if value is None or value != value:
            return "—"
        if isinstance(value, Decimal):
            return f"{Decimal(money.plain(value)):,f}".replace("-", sentences.MINUS) if value else "0.00"
        return f"{value:,}" if isinstance(value, int) else plain(value)

    off = [i for i, v in enumerate(frame[gap]) if not isinstance(v, Decimal) or v]
    found = title or (
        "Billed cost in the source and in this report agree to the last digit"
        if not off
        else f"{sentences.capital(sentences.count(len(off)))} of {sentences.count(len(frame))} totals do not reconcile"
    )
    head = [sentences.capital(charts._words(c)) for c in columns]
    rows = [[said(c, v) for c, v in zip(columns, row, strict=True)] for row in frame.itertuples(index=False)]
    left = [0, *(i for i, c in enumerate(columns) if c not in numeric and not _whole(frame[c]))]
    body = titled(found, "") + table(head, rows, caption=found, left=left, odd=off)
    return Shown(block("reconciled", body), f"{found}\n{text_table(head, rows)}")


def findings(found: Sequence[Any], *, title: str | None = None) -> Shown:
    """What the checks found in the data and what it means for the numbers.

    Parameters
    ----------
    found : sequence
        Texts, or objects with title (or message), count and consequence.
    """
    items, lines = [], []
    for item in found:
        if isinstance(item, str):
            said, means = plain(item, 600), ""
        else:
            said = plain(getattr(item, "title", None) or getattr(item, "message", None) or item, 600)
            means = plain(getattr(item, "consequence", "") or "", 600)
            n = getattr(item, "count", None)
            said += f" ({n:,} charges)" if isinstance(n, int) else ""
        items.append(
            f"<li>{safe(said)}{f'<span class={chr(34)}kit-why{chr(34)}>{safe(means)}</span>' if means else ''}</li>"
        )
        lines.append(f"- {said}{f': {means}' if means else ''}")
    n = len(items)
    name = title or (
        "No finding in these charges"
        if not n
        else f"{sentences.capital(sentences.count(n))} finding{'' if n == 1 else 's'} about the data"
    )
    body = titled(name, "") + (f'<ul class="kit-findings">{"".join(items)}</ul>' if items else "")
    return Shown(block("found", body), "\n".join([name, *lines]))


def beside(*shown: Any) -> Shown:
    """Two things side by side where the page is wide, one below the other where it is not."""
    halves = [s.half() for s in shown]
    return Shown(
        f'<div class="kit-block kit-beside">{"".join(h.html for h in halves)}</div>',
        "\n\n".join(h.text for h in halves),
    )


def _whole(values: Any) -> bool:
    return all(isinstance(v, int) for v in values)


def _chosen(kpis: Sequence[Any], ids: Sequence[str] | None) -> list[Any]:
    if ids is None:
        return list(kpis)[:MOST_TILES]
    found = []
    for wanted in ids:
        name, _, variant = wanted.partition(":")
        fits = [k for k in kpis if k.id == name and (not variant or (k.variant or "") == variant)]
        if not fits:
            known = ", ".join(dict.fromkeys(k.id for k in kpis))
            raise KeyError(f"no KPI {wanted!r} among those computed: {known}")
        found.append(fits[0])
    return found
