"""The portal: one page that leads to all others, by question, by persona, by search; and what data they show.

Only text in, only escaped text out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from helpers.terms.period import Month
from helpers.views.markup import safe

SAY = {  # every text of the portal and of the frame round a page
    "title": "FinOps pages",
    "heading": "What do you want to know?",
    "lede": "Each page answers one question from the charges, says what changed and what to do. Choose a question; no code is needed.",
    "search": "Search pages and numbers",
    "find": "Search",
    "found": "Pages found: {n}",
    "nothing": "No page has all of these words. Try a single one, such as budget, forecast or tagging.",
    "questions": "By question",
    "personas": "By persona",
    "data": "What data these pages show",
    "broken": "This page cannot be shown: its notebook is damaged. The server’s log says where.",
    "making": "Its newest answer is being made.",
    "reading": "The charges are being read. Load this page again in a few seconds.",
    "unread": "The charges could not be read. The server’s log says why.",
    "exact": "Every amount was added up again from the delivered files: the difference is 0.",
    "inexact": "Totals differ from the delivered files. No page is shown until this is mended.",
    "all": "All pages",
    "about": "About this page",
    "shown": "Shows {company}, {month}{scope}, with the deliveries up to {as_of}.",
    "link": "Link to this page with these choices",
    "copy": "Copy the link",
    "copied": "The link is copied.",
    "downloads": "Downloads",
    "xlsx": "Tables as a workbook (XLSX)",
    "csv": "Tables as text (CSV, zipped)",
    "pdf": "This page as a document (PDF)",
    "picture": "Picture",
    "newer": "Newer data has arrived since this page was made.",
    "load": "Show the newer data",
    "working": "Working …",
    "ready": "Shown",
    "silent": "The server does not answer. Choose again in a moment.",
    "renewed": "Newer data has arrived meanwhile: everything on this page is from it now.",
    "reference": "Reference for whoever runs this server: {reference}",
    "again": "Start again",
    "loading": "{title}: reading the charges …",
}


@dataclass(frozen=True)
class Card:
    """One page as the portal shows it.

    Attributes
    ----------
    id : str
        Stem of the notebook; the page's address.
    title, question, persona, cadence : str
    finding : str
        The page's own headline at its default choices; empty until it was made.
    words : str
        What search looks through beside these: names of the numbers shown.
    broken : bool
    """

    id: str
    title: str
    question: str = ""
    persona: str = ""
    cadence: str = ""
    finding: str = ""
    words: str = ""
    broken: bool = False

    @property
    def text(self) -> str:
        """All that search looks through, folded."""
        return " ".join(
            (self.title, self.question, self.persona, self.cadence, self.finding, self.words)
        ).casefold()


def matching(cards: Sequence[Card], asked: str) -> list[Card]:
    """The cards that hold every word asked for.

    Examples
    --------
    >>> [c.id for c in matching([Card("a", "Budgets"), Card("b", "Carbon")], "BUDG")]
    ['a']
    """
    words = asked.casefold().split()
    return [c for c in cards if all(w in c.text for w in words)]


def body(cards: Sequence[Card], facts: Mapping[str, Any] | None, asked: str = "") -> str:
    """The portal's content as HTML.

    Parameters
    ----------
    cards : sequence of Card
    facts : mapping or None
        As `runs.worker.facts` gives it; None while it is read, empty where it could not be.
    asked : str
        What was searched for.
    """
    shown = matching(cards, asked)
    hits = SAY["found"].format(n=len(shown)) if asked.strip() else ""
    by_persona: dict[str, list[Card]] = {}
    for card in shown:
        by_persona.setdefault(card.persona or "—", []).append(card)
    personas = "".join(
        f'<li><h3>{safe(name)}</h3><ul class="kit-plain">'
        + "".join(
            f'<li data-words="{safe(c.text, 20_000)}"><a href="{safe(c.id)}/">{safe(c.title)}</a></li>'
            for c in held
        )
        + "</ul></li>"
        for name, held in sorted(by_persona.items())
    )
    return (
        f"<h1>{safe(SAY['heading'])}</h1>"
        f'<p class="kit-lede">{safe(SAY["lede"])}</p>'
        f'<form class="kit-choices kit-search" method="get" action="./" role="search">'
        f'<label>{safe(SAY["search"])}<input type="search" name="q" maxlength="200" value="{safe(asked)}"></label>'
        f'<button type="submit">{safe(SAY["find"])}</button></form>'
        f'<p class="kit-hits" role="status" data-found="{safe(SAY["found"].format(n="#"))}">{safe(hits)}</p>'
        f'<p class="kit-nothing"{"" if not shown else " hidden"}>{safe(SAY["nothing"])}</p>'
        f'<section class="kit-block" aria-labelledby="questions"><h2 id="questions">{safe(SAY["questions"])}</h2>'
        f'<ul class="kit-cards">{"".join(map(_card, shown))}</ul></section>'
        f'<section class="kit-block" aria-labelledby="personas"><h2 id="personas">{safe(SAY["personas"])}</h2>'
        f'<ul class="kit-personas">{personas}</ul></section>'
        f'<section class="kit-block" aria-labelledby="data"><h2 id="data">{safe(SAY["data"])}</h2>{_data(facts)}</section>'
    )


def _card(card: Card) -> str:
    small = " · ".join(filter(None, (card.title if card.question else "", card.persona, card.cadence)))
    if card.broken:
        return (
            f'<li class="kit-card" data-words="{safe(card.text, 20_000)}"><p class="kit-card-name">{safe(card.title)}</p>'
            f"<p>{safe(SAY['broken'])}</p></li>"
        )
    finding = card.finding or SAY["making"]
    return (
        f'<li class="kit-card" data-words="{safe(card.text, 20_000)}">'
        f'<p class="kit-card-name"><a href="{safe(card.id)}/">{safe(card.question or card.title)}</a></p>'
        f'<p class="kit-finding">{safe(finding)}</p><p class="kit-sub">{safe(small)}</p></li>'
    )


def _data(facts: Mapping[str, Any] | None) -> str:
    if facts is None:
        return f"<p>{safe(SAY['reading'])}</p>"
    if not facts:
        return f"<p>{safe(SAY['unread'])}</p>"
    months = facts["months"]
    said = [
        f"{facts['company'] or 'The company'}: {facts['rows']:,} charges from {_month(months[0])} to {_month(months[-1])}."
        if months
        else "No charges yet.",
        f"As of {_day(facts['as_of'])}, the day of the newest delivery.",
        f"Providers: {_some(facts['providers'])}. Departments: {_some(facts['departments'])}. "
        f"Currencies, never added to one another: {_some(facts['currencies'])}.",
        SAY["exact"] if facts["exact"] else SAY["inexact"],
    ]
    rows = "".join(
        f'<tr><th scope="row">{safe(name)}</th><td>{safe(_day(day))}</td></tr>'
        for name, day in sorted(facts["sources"].items())
    )
    return (
        "".join(f"<p>{safe(line)}</p>" for line in said)
        + '<details class="kit-numbers"><summary>Deliveries</summary><div class="kit-scroll" role="group" tabindex="0" '
        'aria-label="Deliveries"><table class="kit-table"><thead><tr><th scope="col">Source</th>'
        f'<th scope="col">Newest delivery</th></tr></thead><tbody>{rows}</tbody></table></div></details>'
    )


def _some(names: Sequence[str], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(names[:most]) + more) or "none"


def _month(month: str) -> str:
    return Month.parse(month).title


def _day(day: str) -> str:
    found = date.fromisoformat(day)
    return f"{found.day} {Month(found.year, found.month).title}"


def bar(portal: bool) -> str:
    """The line above a page: the way back to all pages."""
    return f'<nav class="kit-bar" aria-label="Pages"><a href="../">{safe(SAY["all"])}</a></nav>' if portal else ""


def about(
    facts: Mapping[str, Any], query: str, kinds: Sequence[str], pictures: Sequence[str]
) -> str:
    """What stands below a page: what it shows, its link, its downloads.

    Parameters
    ----------
    facts : mapping
        As a worker said them; empty where the notebook has none.
    query : str
        The page's choices as a query string.
    kinds : sequence of str
        Downloads offered: ``xlsx``, ``csv``, ``pdf``.
    pictures : sequence of str
        What each picture of the page shows, in order.
    """
    shown = ""
    if facts:
        scope = f", {facts['scope']}" if facts.get("scope") else ""
        shown = SAY["shown"].format(
            company=facts.get("company") or "the company", month=facts["month"], scope=scope, as_of=_day(facts["as_of"])
        )
    tail = f"?{query}" if query else ""
    files = [f'<li><a href="{safe("download/" + kind + tail)}" download>{safe(SAY[kind])}</a></li>' for kind in kinds]
    files += [
        f'<li><a href="{safe(f"picture/{n}{tail}")}" download>{safe(SAY["picture"])} {n}: {safe(alt[:90])}</a></li>'
        for n, alt in enumerate(pictures, 1)
    ]
    return (
        f'<footer class="kit-about kit-block" aria-label="{safe(SAY["about"])}">'
        + (f"<p>{safe(shown)}</p>" if shown else "")
        + f'<p><a class="kit-link" href="./{safe(tail)}">{safe(SAY["link"])}</a> '
        f'<button type="button" class="kit-copy" hidden data-said="{safe(SAY["copied"])}">{safe(SAY["copy"])}</button></p>'
        + (f'<details><summary>{safe(SAY["downloads"])}</summary><ul class="kit-plain">{"".join(files)}</ul></details>' if files else "")
        + "</footer>"
    )


def newer() -> str:
    """What a page says when the store has changed since; hidden until its script finds so."""
    return (
        f'<div class="kit-newer" role="status" hidden><p>{safe(SAY["newer"])} '
        f'<a href="./" class="kit-reload">{safe(SAY["load"])}</a></p></div>'
    )
