"""The parts of a page that are words: masthead, headline, six numbers, decisions, definitions, findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from helpers import catalog
from helpers.terms import writing
from helpers.terms.errors import UsageError
from helpers.views import charts, look, sentences, theme, words
from helpers.views.markup import Shown, block, plain, safe, table, text_table, titled
from helpers.views.words import say, term

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
        settled, kind = say("masthead.not_reconciled"), "kit-bad"
    elif difference:
        settled, kind = say("masthead.differs", difference=sentences.number(difference)), "kit-bad"
    else:
        settled, kind = say("masthead.reconciled", difference=writing.now().figures("0.00")), ""
    month = plain(get("month"))
    if get("open", False):
        month = say("masthead.open", month=month)
    if get("as_of"):
        month = say("masthead.as_of", month=month, day=sentences.day(get("as_of")))
    rows = get("rows", None)
    counted = say("masthead.charges", n=rows) if isinstance(rows, int) else ""
    own = look.current()
    company = own.name or get("company")
    whose = [plain(company)] * bool(company) + [term(plain(get("persona")))] * bool(get("persona"))
    whose += [plain(get("scope"))] * bool(get("scope"))
    which = [month, *(x for x in (plain(get("currency")), counted) if x)]
    basis = plain(get("basis"), 400) if get("basis") else ""
    body = (
        f'<div class="kit-mast"><p>{theme.mark()}{safe(" · ".join(whose))}</p><p>{safe(" · ".join(which))} · '
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
            reason = words.reason(plain(kpi.reason, 300)) if kpi.reason else say("tiles.not_computable")
            items.append(
                f'<li class="kit-tile"><p class="kit-name">{safe(sentences.kpi_name(kpi))}</p>'
                f'<p class="kit-value kit-none">—</p><p class="kit-why">{safe(reason)}</p>{_what(kpi)}</li>'
            )
            lines.append(f"{sentences.kpi_name(kpi)}: — ({reason})")
            continue
        value, unit = sentences.parted(kpi)
        moved = sentences.moved(kpi)
        items.append(
            f'<li class="kit-tile"><p class="kit-name">{safe(sentences.kpi_name(kpi))}</p>'
            f'<p class="kit-value">{safe(value)}<span class="kit-unit">{" " + safe(unit) if unit else ""}</span></p>'
            f"{charts.sparkline_html(kpi, kind)}"
            f'<p class="kit-change">{safe(moved)}</p>'
            f'<p class="kit-judged kit-{kind}"><span aria-hidden="true">{SHAPES[kind]}</span> {safe(judgement)}</p>'
            f"{_what(kpi)}</li>"
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
    below = subtitle if subtitle is not None else say("decisions.subtitle")
    items, lines = [], []
    for rule in actions:
        action = words.action(rule)
        worth = sentences.worth(action, currency)
        owner, due = plain(getattr(action, "owner", "") or say("words.nobody")), getattr(action, "due", "")
        do = plain(getattr(action, "do", "") or "", 600)
        step = f'<p class="kit-step">{safe(do)}</p>' if do else ""
        facts = [f"<strong>{safe(worth)}</strong>"] if worth else []
        by_when = say("decisions.due", day=sentences.day(due)) if due else ""
        facts += [safe(owner)] + ([safe(by_when)] if due else [])
        said = f'<p class="kit-do">{safe(action.title, 300)}</p>{step}<p class="kit-why">{safe(action.why, 600)}</p>'
        if words.foreign(rule):
            said = f'<div lang="en">{said}</div>'
        items.append(f'<li>{said}<p class="kit-meta">{" · ".join(facts)}</p></li>')
        ends = [x for x in (do, worth, owner, by_when) if x]
        lines.append(f"- {plain(action.title, 300)} ({plain(action.why, 600)}): {', '.join(ends)}")
    body = f'<ol class="kit-decisions">{"".join(items)}</ol>' if items else ""
    return Shown(block("decide", titled(found, below if items else "") + body), "\n".join([found, *lines]))


@dataclass(frozen=True)
class Meaning:
    """What a number means: in plain words, its formula, whose it is, and where that stands."""

    plain: str
    formula: str
    source: str
    link: str


def meaning(kpi: Any) -> Meaning:
    """A KPI's meaning in the page's language; the formula stays English where nobody translated it.

    Parameters
    ----------
    kpi : KpiResult
        Attributes id, variant; definition (or formula) for one that is in no catalog.
    """
    try:
        record = catalog.kpis.record(str(getattr(kpi, "id", "")))
    except UsageError:
        said = plain(getattr(kpi, "formula", None) or getattr(kpi, "definition", None) or "", 800)
        return Meaning("", said, "", "")
    variant = next((v for v in record.variants if v.name == (kpi.variant or "")), record.variants[0])
    if record.number is None:
        source = say("definitions.of_kit")
    else:
        key = "definitions.of_foundation" if record.definition == "foundation" else "definitions.of_ours"
        source = say(key, number=record.number, name=record.name)
    return Meaning(term(record.plain), variant.formula, source, record.link)


def _told(found: Meaning, formulas: Sequence[tuple[str, str]] = ()) -> str:
    """A meaning as HTML: plain words, then formula and source, each with its name.

    `formulas` are pairs of variant and formula where several variants share the rest; default its own.
    """
    parts = [f"<p>{safe(found.plain)}</p>"] if found.plain else []
    for variant, formula in formulas or [("", found.formula)] * bool(found.formula):
        name = say("definitions.formula")
        name = say("tiles.variant", name=name, variant=variant) if variant else name
        english = "" if words.translated(formula) else ' lang="en"'
        parts.append(
            f'<p class="kit-formula"><b>{safe(name)}:</b> <span{english}>{safe(term(formula))}</span></p>'
        )
    if found.source:
        link = f' <a href="{safe(found.link)}">{safe(say("definitions.link"))}</a>' if found.link else ""
        parts.append(
            f'<p class="kit-origin"><b>{safe(say("definitions.source"))}:</b> {safe(found.source)}{link}</p>'
        )
    return "".join(parts)


def _what(kpi: Any) -> str:
    """What stands under a number for those who ask: it opens below it."""
    found = meaning(kpi)
    if not (found.plain or found.formula):
        return ""
    name = say("words.of", name=sentences.kpi_name(kpi))
    return (
        f'<details class="kit-what"><summary>{safe(say("definitions.what"))}<span class="kit-aloud"> {safe(name)}</span>'
        f"</summary>{_told(found)}</details>"
    )


def definitions(kpis: Sequence[Any]) -> Shown:
    """What each number means, at the foot of the page: in plain words, the formula, the source.

    Parameters
    ----------
    kpis : sequence of KpiResult
        Attributes id, name, variant, and definition (text) or formula where the catalog has no such id.
    """
    held: dict[tuple[str, str, Any], list[tuple[str, str]]] = {}
    for kpi in kpis:
        found = meaning(kpi)
        if found.plain or found.formula:
            name = term(plain(kpi.name))
            variant = term(plain(kpi.variant)) if getattr(kpi, "variant", None) else ""
            # variants of one KPI stand together: what they share is said once
            formulas = held.setdefault((str(getattr(kpi, "id", "")), name, replace(found, formula="")), [])
            if (variant, found.formula) not in formulas:
                formulas.append((variant, found.formula))
    terms, lines = [], []
    for (_, name, found), formulas in held.items():
        terms.append(f"<div><dt>{safe(name)}</dt><dd>{_told(found, formulas)}</dd></div>")
        said = [found.plain, *(f"{v}: {term(f)}" if v else term(f) for v, f in formulas), found.source]
        lines.append(f"{name}: {' '.join(x for x in said if x)}")
    title = safe(say("definitions.title"))
    body = f'<details class="kit-terms"><summary>{title}</summary><dl>{"".join(terms)}</dl></details>'
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
            text = f"{Decimal(money.plain(value)):,f}".replace("-", sentences.MINUS) if value else "0.00"
            return writing.now().figures(text)
        return writing.now().figures(f"{value:,}") if isinstance(value, int) else plain(value)

    off = [i for i, v in enumerate(frame[gap]) if not isinstance(v, Decimal) or v]
    found = title or (
        say("reconciliation.agrees")
        if not off
        else sentences.capital(
            say("reconciliation.differs", few=sentences.count(len(off)), all=sentences.count(len(frame)))
        )
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
            said = say("findings.counted", said=said, n=n) if isinstance(n, int) else said
        items.append(
            f"<li>{safe(said)}{f'<span class={chr(34)}kit-why{chr(34)}>{safe(means)}</span>' if means else ''}</li>"
        )
        lines.append(f"- {said}{f': {means}' if means else ''}")
    n = len(items)
    name = title or (
        say("findings.none")
        if not n
        else sentences.capital(say("findings.title", n=n, count=sentences.count(n)))
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
