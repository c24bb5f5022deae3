"""The page: an executed notebook as one HTML file that needs no network, runs no script and trusts no output.

nbconvert renders our own template; before it every output passes a sanitiser with a short list of what may stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from helpers.terms.quick import skip_grammar
from helpers.views import look, theme, words
from helpers.views.markup import safe
from helpers.views.words import say

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
IMAGES = ("data:image/svg+xml;base64,", "data:image/png;base64,")
_TAGS = (
    "a abbr b blockquote br caption code dd del details div dl dt em figcaption figure h1 h2 h3 h4 h5 h6 hr i img li "
    "ol p picture pre s small source span strong sub summary sup table tbody td tfoot th thead tr ul"
)
_ATTRIBUTES = {
    "*": {"class", "lang", "dir"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "source": {"srcset", "media"},
    "span": {"aria-hidden"},
    "div": {"role", "tabindex", "aria-label"},  # what scrolls sideways can be reached by keyboard
    "details": {"open"},
    "th": {"scope", "colspan", "rowspan"},
    "td": {"colspan", "rowspan"},
    "ol": {"start"},
}
_OURS = re.compile(r"kit-[a-z]+(-[a-z]+)*")
_VALUES = {  # attribute -> what its value must match
    "width": re.compile(r"\d{1,4}"),
    "height": re.compile(r"\d{1,4}"),
    "media": re.compile(r"screen and \(max-width: \d+px\)"),
    "role": re.compile("group"),
    "tabindex": re.compile("0"),
    "aria-hidden": re.compile("true"),
    "dir": re.compile("auto|ltr|rtl"),
    "lang": re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]+)*"),
    "scope": re.compile("col|row|colgroup|rowgroup"),
    "colspan": re.compile(r"\d{1,3}"),
    "rowspan": re.compile(r"\d{1,3}"),
    "start": re.compile(r"\d{1,6}"),
    "href": re.compile(r"(https?://|mailto:|#)\S*", re.I),
}


def clean(markup: str) -> str:
    """HTML with nothing in it that runs, loads or restyles the page: only the kit's classes, only images inside it.

    Examples
    --------
    >>> clean('<p class="kit-lede x" onclick="y()">6<script>z()</script></p><img src="https://a.example/b.png" alt="">')
    '<p class="kit-lede">6</p><img alt="">'
    """
    import nh3

    return nh3.clean(
        markup,
        tags=set(_TAGS.split()),
        attributes=_ATTRIBUTES,
        attribute_filter=_kept,
        clean_content_tags={
            "script",
            "style",
            "iframe",
            "object",
            "template",
            "noscript",
            "svg",
            "math",
            "title",
        },
        url_schemes={"http", "https", "mailto", "data"},
        link_rel="noopener noreferrer",
        strip_comments=True,
    )


def _kept(tag: str, attribute: str, value: str) -> str | None:
    if attribute == "class":
        return " ".join(c for c in value.split() if _OURS.fullmatch(c)) or None
    if attribute in ("src", "srcset"):
        return (
            value
            if value.startswith(IMAGES) and re.fullmatch(r"[A-Za-z0-9+/=]*", value.partition(",")[2])
            else None
        )
    if attribute in _VALUES:
        return value if _VALUES[attribute].fullmatch(value) else None
    return value


def markdown(source: str) -> str:
    """Prose as clean HTML: CommonMark and tables, no HTML of its own, no images from elsewhere.

    Examples
    --------
    >>> markdown("[x](javascript:alert) <b>6</b>")
    '<p>[x](javascript:alert) &lt;b&gt;6&lt;/b&gt;</p>\\n'
    """
    from markdown_it import MarkdownIt

    return clean(MarkdownIt("commonmark", {"html": False}).enable("table").render(source))


def without(notebook: Any, tags: Iterable[str]) -> Any:
    """A copy of a notebook without the cells that have one of `tags`."""
    import copy

    left_out, kept = set(tags), copy.copy(notebook)
    kept["cells"] = [
        c for c in notebook["cells"] if not left_out & set(c.get("metadata", {}).get("tags", []))
    ]
    return kept


def render(notebook: Any, *, title: str, mode: str = "report", lang: str = "") -> str:
    """An executed notebook as a self-contained page; sources are left out.

    Parameters
    ----------
    notebook : nbformat NotebookNode
        Its cells are shown in order: prose, and of each code cell the outputs.
    title : str
        Of the window, and the heading where no output is a headline.
    mode : str
        A class on the page.
    lang : str
        Code of the language; default that of the page at hand (`views.words`).

    Returns
    -------
    str
        HTML.
    """
    skip_grammar()
    from nbconvert.exporters.templateexporter import TemplateExporter
    from traitlets.config import Config

    cells = [parts(cell) for cell in notebook["cells"]]
    has_heading = any("<h1" in p for cell in cells for p in cell if "kit-prose" not in p)
    shown = [
        {"cell_type": "raw", "id": f"part-{i}", "metadata": {}, "source": "\n".join(p)}
        for i, p in enumerate(cells)
        if p
    ]
    exporter = TemplateExporter(
        config=Config({"TemplateExporter": {"enabled": True}}),
        extra_template_basedirs=[str(Path(__file__).with_name("templates"))],
        template_name="kit",
        template_file="index.html.j2",
    )
    with words.use(lang):
        lang, skip = words.language(), say("page.skip_report")
    owner = look.current().name
    kit = {
        "title": f"{title} · {owner}" if owner else title,
        "heading": "" if has_heading else title,
        "lang": lang,
        "skip": skip,
        "mode": mode,
        "policy": POLICY,
        "css": theme.css(),
    }
    import nbformat

    book: Any = nbformat.from_dict({"metadata": {}, "nbformat": 4, "nbformat_minor": 5, "cells": shown})
    return exporter.from_notebook_node(book, resources={"kit": kit})[0]


def message(title: str, lines: Sequence[str], *, lang: str = "") -> str:
    """A page with a few sentences, in the same look: for a report that failed or an address that asks too much."""
    said = "".join(f"<p>{safe(line)}</p>" for line in lines)
    return (
        f'<!doctype html>\n<html lang="{safe(lang or words.language())}"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{safe(POLICY)}">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><title>{safe(title)}</title>'
        f'<link rel="icon" href="data:,"><style>{theme.css()}</style></head><body class="kit-body">'
        f'<main class="kit-page" id="content"><h1>{safe(title)}</h1><div class="kit-message" role="alert">{said}</div>'
        f"</main></body></html>\n"
    )


def parts(cell: Any) -> list[str]:
    """A cell as pieces of clean HTML."""
    if cell["cell_type"] == "markdown":
        return (
            [f'<div class="kit-prose">{_lowered(markdown(cell["source"]))}</div>']
            if cell["source"].strip()
            else []
        )
    if cell["cell_type"] != "code":
        return []
    return [made for output in cell.get("outputs", []) if (made := piece(output))]


def piece(output: Any) -> str:
    """One output of a cell as clean HTML."""
    kind = output["output_type"]
    if kind == "stream":
        return _said(output["text"]) if output["name"] == "stdout" else ""  # warnings are for the log
    if kind == "error":
        said = say("page.stopped_part", kind=output.get("ename", "error"))
        return f'<div class="kit-message"><p>{safe(said)}</p></div>'
    data = output["data"]
    if "text/html" in data:
        return clean(_text(data["text/html"]))
    if "text/markdown" in data:
        return f'<div class="kit-prose">{_lowered(markdown(_text(data["text/markdown"])))}</div>'
    if "image/png" in data:
        address = IMAGES[1] + re.sub(r"\s", "", _text(data["image/png"]))
        alt = _text(data.get("text/plain", say("page.picture")))
        return clean(
            f'<div class="kit-block kit-figure"><img src="{safe(address, 50_000_000)}" alt="{safe(alt)}"></div>'
        )
    if any(kind.startswith("application/vnd.finops") for kind in data):
        return ""  # results for machines
    return _said(_text(data.get("text/plain", "")))


def _said(text: str) -> str:
    lines = "\n".join(
        safe(line, 2000) if line.strip() else "" for line in _text(text).strip("\n").split("\n")
    )
    return f'<pre class="kit-said" tabindex="0">{lines}</pre>' if lines.strip() else ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "".join(value)


def _lowered(markup: str) -> str:
    """Prose headings one level down: the page has one h1, the answer."""
    return re.sub(r"(</?h)([1-5])", lambda m: f"{m[1]}{max(2, int(m[2]))}", markup)
