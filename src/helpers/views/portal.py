"""The portal: one page that leads to all others, by question, by persona, by search; and what data they show.

Only text in, only escaped text out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from helpers.terms.period import Month
from helpers.views import look, words
from helpers.views.markup import safe
from helpers.views.words import say

SAY = words.Section("portal")  # every text of the portal and of the frame round a page, as templates


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
    hits = say("portal.found", n=len(shown)) if asked.strip() else ""
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
        f"{_ours()}<h1>{safe(SAY['heading'])}</h1>"
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


def _ours() -> str:
    """The organisation's own name or logo, where its look says one."""
    own = look.current()
    if own.logo:
        return f'<p class="kit-bar"><img class="kit-logo" src="{safe(own.logo, 200_000)}" alt="{safe(own.name)}"></p>'
    return f'<p class="kit-bar">{safe(own.name)}</p>' if own.name else ""


def _card(card: Card) -> str:
    small = " · ".join(
        words.term(x) for x in filter(None, (card.title if card.question else "", card.persona, card.cadence))
    )
    if card.broken:
        return (
            f'<li class="kit-card" data-words="{safe(card.text, 20_000)}"><p class="kit-card-name">{safe(card.title)}</p>'
            f"<p>{safe(SAY['broken'])}</p></li>"
        )
    finding = card.finding or SAY["making"]
    return (
        f'<li class="kit-card" data-words="{safe(card.text, 20_000)}">'
        f'<p class="kit-card-name"><a href="{safe(card.id)}/">{safe(words.term(card.question or card.title))}</a></p>'
        f'<p class="kit-finding">{safe(finding)}</p><p class="kit-sub">{safe(small)}</p></li>'
    )


def _data(facts: Mapping[str, Any] | None) -> str:
    if facts is None:
        return f"<p>{safe(SAY['reading'])}</p>"
    if not facts:
        return f"<p>{safe(SAY['unread'])}</p>"
    months = facts["months"]
    company = facts["company"] or SAY["company"]
    said = [
        say(
            "portal.charges",
            company=company,
            rows=facts["rows"],
            first=Month.parse(months[0]).title,
            last=Month.parse(months[-1]).title,
        )
        if months
        else SAY["no_charges"],
        say("portal.as_of", day=date.fromisoformat(facts["as_of"])),
        say(
            "portal.held",
            providers=_some(facts["providers"]),
            departments=_some(facts["departments"]),
            currencies=_some(facts["currencies"]),
        ),
        SAY["exact"] if facts["exact"] else SAY["inexact"],
    ]
    rows = [(name, date.fromisoformat(day)) for name, day in sorted(facts["sources"].items())]
    body = "".join(
        f'<tr><th scope="row">{safe(name)}</th><td>{safe(look.signs().of_day(day))}</td></tr>'
        for name, day in rows
    )
    return (
        "".join(f"<p>{safe(line)}</p>" for line in said)
        + f'<details class="kit-numbers"><summary>{safe(SAY["deliveries"])}</summary><div class="kit-scroll" role="group" '
        f'tabindex="0" aria-label="{safe(SAY["deliveries"])}"><table class="kit-table"><thead><tr>'
        f'<th scope="col">{safe(SAY["source"])}</th><th scope="col">{safe(SAY["newest"])}</th></tr></thead>'
        f"<tbody>{body}</tbody></table></div></details>"
    )


def _some(names: Sequence[str], most: int = 8) -> str:
    held = ", ".join(names[:most])
    return (say("portal.more", names=held, n=len(names) - most) if len(names) > most else held) or SAY["none"]


def bar(portal: bool) -> str:
    """The line above a page: the way back to all pages."""
    return (
        f'<nav class="kit-bar" aria-label="{safe(SAY["pages"])}"><a href="../">{safe(SAY["all"])}</a></nav>'
        if portal
        else ""
    )


def about(facts: Mapping[str, Any], query: str, kinds: Sequence[str], pictures: Sequence[str]) -> str:
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
        shown = say(
            "portal.shown",
            company=facts.get("company") or SAY["the_company"],
            month=facts["month"],
            scope=scope,
            as_of=date.fromisoformat(facts["as_of"]),
        )
    tail = f"?{query}" if query else ""
    files = [
        f'<li><a href="{safe("download/" + kind + tail)}" download>{safe(SAY[kind])}</a></li>'
        for kind in kinds
    ]
    files += [
        f'<li><a href="{safe(f"picture/{n}{tail}")}" download>{safe(SAY["picture"])} {n}: {safe(alt[:90])}</a></li>'
        for n, alt in enumerate(pictures, 1)
    ]
    return (
        f'<footer class="kit-about kit-block" aria-label="{safe(SAY["about"])}">'
        + (f"<p>{safe(shown)}</p>" if shown else "")
        + f'<p><a class="kit-link" href="./{safe(tail)}">{safe(SAY["link"])}</a> '
        f'<button type="button" class="kit-copy" hidden data-said="{safe(SAY["copied"])}">{safe(SAY["copy"])}</button></p>'
        + (
            f'<details><summary>{safe(SAY["downloads"])}</summary><ul class="kit-plain">{"".join(files)}</ul></details>'
            if files
            else ""
        )
        + "</footer>"
    )


def newer() -> str:
    """What a page says when the store has changed since; hidden until its script finds so."""
    return (
        f'<div class="kit-newer" role="status" hidden><p>{safe(SAY["newer"])} '
        f'<a href="./" class="kit-reload">{safe(SAY["load"])}</a></p></div>'
    )
