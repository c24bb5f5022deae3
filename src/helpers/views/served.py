"""The frame of a served page as safe HTML: states, errors with a reference, downloads, the link that keeps the choices.

Blocks of a notebook pass the page's sanitiser; these stand around them and are made by the server, so they may hold what
a notebook may not: links to the server's own addresses and live regions. All text passes `views.markup.safe`.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from helpers.views import look, theme, words
from helpers.views.markup import plain, safe
from helpers.views.words import say

KINDS = {  # a file of a report -> the key of its name, and what kind of file it is
    "index.html": ("downloads.page", "HTML"),
    "report.pdf": ("downloads.pdf", "PDF"),
    "tables.xlsx": ("downloads.tables", "XLSX"),
    "actions.csv": ("downloads.actions", "CSV"),
    "results.json": ("downloads.results", "JSON"),
    "pictures.zip": ("downloads.pictures", "ZIP"),
}


@dataclass(frozen=True)
class Download:
    """A file to take along.

    Attributes
    ----------
    file : str
        Its name; those of a report (`KINDS`) are called by what they are, others by their name.
    address : str
        On this server: a path without a scheme.
    bytes : int
        [bytes]; 0 where nobody knows yet.
    """

    file: str
    address: str
    bytes: int = 0


def reference() -> str:
    """A short mark that a person can read out: it stands on the page and in the log, and says nothing else.

    Examples
    --------
    >>> len(reference())
    9
    """
    text = "".join(secrets.choice("23456789abcdefghjkmnpqrstvwxyz") for _ in range(8))
    return f"{text[:4]}-{text[4:]}"


def stopped(why: str, mark: str = "", *, again: str = "./") -> str:
    """The end of a page that cannot go on: a sentence, the log's reference, and the way back.

    Parameters
    ----------
    why : str
        What a person needs to know; may have several lines.
    mark : str
        A `reference` that the log has too.
    again : str
        Address to start from.

    Examples
    --------
    >>> "k3mn-7pqr" in stopped("no provider 'Nowhere'", "k3mn-7pqr")
    True
    """
    lines = "<br>".join(safe(line.strip()) for line in why.splitlines() if line.strip())
    told = f'<p class="kit-reference">{safe(say("error.reference", reference=mark))}</p>' if mark else ""
    return (
        f'<div class="kit-message kit-stopped" role="alert"><p>{lines}</p>{told}'
        f'<p><a href="{safe(_local(again))}">{safe(say("error.again"))}</a></p></div>'
        "<style>.kit-loading{display:none}</style>"
    )


def refusal(title: str, why: str, mark: str = "", *, heading: str = "") -> str:
    """A whole page with one sentence, for what cannot be shown at all."""
    return (
        f'<!doctype html><html lang="{words.language()}"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width,initial-scale=1"><meta name="color-scheme" content="light dark">'
        f'<title>{safe(title)}</title><link rel="icon" href="data:,">'
        f'<style>{theme.css()}</style></head><body class="kit-body"><main class="kit-page" id="content">'
        f"<h1>{safe(heading or say('error.title'))}</h1>{stopped(why, mark)}</main></body></html>"
    )


def loading(said: str = "") -> str:
    """What a reader sees before the first number; a reader who listens hears it."""
    return f'<div class="kit-loading"><p role="status">{safe(said or say("live.loading"))}</p></div>'


def status(said: str = "") -> str:
    """The live region of a page: a script sets its text to `live.updating`, `live.updated` or `live.lost`, and it is spoken.

    It is there from the start and empty: a region that appears with its text is not spoken.
    """
    return f'<p class="kit-status" id="status" role="status" aria-live="polite" aria-atomic="true">{safe(said) if said else ""}</p>'


def share(chosen: Mapping[str, str], address: str = "./") -> str:
    """A link to this page with what was chosen: sent to somebody else, it shows the same.

    Parameters
    ----------
    chosen : mapping
        Parameter name to text; empty ones are left out.
    address : str
        The page's own.

    Examples
    --------
    >>> share({"month": "2026-09", "provider": ""})
    '<p class="kit-share"><a href="./?month=2026-09">Link to this page with your choices</a></p>'
    """
    query = urlencode({name: value for name, value in chosen.items() if value})
    target = _local(address) + (f"?{query}" if query else "")
    return f'<p class="kit-share"><a href="{safe(target, 4000)}">{safe(say("live.share"))}</a></p>'


def downloads(files: Sequence[Download]) -> str:
    """What may be taken along, as a list of links that say kind and size.

    Parameters
    ----------
    files : sequence of Download
        In the order shown; nothing is shown for none.

    Examples
    --------
    >>> "XLSX, 24 kB" in downloads([Download("tables.xlsx", "files/tables.xlsx", 24_100)])
    True
    """
    if not files:
        return ""
    items = []
    for each in files:
        key, kind = KINDS.get(each.file, ("", each.file.rpartition(".")[2].upper()[:8]))
        name = say(key) if key else plain(each.file)
        about = ", ".join(x for x in (kind, size(each.bytes)) if x)
        items.append(
            f'<li><a href="{safe(_local(each.address), 4000)}" download>{safe(name)}</a> '
            f'<span class="kit-kind">{safe(about)}</span></li>'
        )
    return (
        f'<section class="kit-block kit-downloads" aria-labelledby="downloads"><h2 id="downloads">'
        f"{safe(say('downloads.title'))}</h2><ul>{''.join(items)}</ul></section>"
    )


def owner() -> str:
    """The organisation's logo and name, as the portal's first line; empty where the look names none."""
    own = look.current()
    if not (own.name or own.logo):
        return ""
    alt = "" if own.name else say("portal.title")
    mark = f'<img class="kit-logo" alt="{safe(alt)}" src="{own.logo}">' if own.logo else ""
    return f'<p class="kit-owner">{mark}{safe(own.name)}</p>'


def size(count: int) -> str:
    """A file's size for people.

    Examples
    --------
    >>> size(24_100), size(1_560_000), size(0)
    ('24 kB', '1.6 MB', '')
    """
    from helpers.terms import writing

    if count <= 0:
        return ""
    if count < 1_000_000:
        return f"{max(1, round(count / 1000))} kB"
    return f"{writing.now().figures(f'{count / 1e6:,.1f}')} MB"


def _local(address: str) -> str:
    """An address on this server; anything with a scheme or another host is none of a page's own."""
    if ":" in address.split("?")[0] or address.startswith(("//", "/\\", "\\")):
        raise ValueError(f"an address of this server is needed, not {address!r}")
    return address
