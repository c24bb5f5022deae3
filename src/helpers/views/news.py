"""What a message says of a report: the finding, three more with their figures, the numbers, what to do.

One short summary for mail, Slack and Teams; each of them writes it in a form in which text from data stays text.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from helpers.views import pdf, theme
from helpers.views.markup import GLUE, plain

MOST = 3  # findings and decisions that a message shows
WIDTH = 600  # of a mail [CSS px]
PICTURE = (
    420  # of a picture in it [CSS px]; the drawing for phones, so that its words are large enough on one
)


@dataclass(frozen=True)
class Finding:
    """A title of the page that says something, and its picture."""

    title: str
    about: str
    svg: str = ""
    alt: str = ""


@dataclass(frozen=True)
class News:
    """A report in a few lines. All texts are plain: one line, no control or direction characters."""

    notebook: str
    headline: str
    lede: str
    facts: tuple[str, ...]
    findings: tuple[Finding, ...]
    numbers: tuple[tuple[str, str, str], ...]  # name, value with unit, judgement in words
    decisions: tuple[tuple[str, str], ...]  # what, and for whom by when
    all_decisions: int


def news(notebook: Any, found: Mapping[str, Any], title: str) -> News:
    """The summary of an executed notebook.

    Parameters
    ----------
    notebook : nbformat NotebookNode
    found : mapping
        Its results (`runs.outputs.results`).
    title : str
        Used where the notebook has no headline.
    """
    made = pdf.blocks(notebook, found, title, behind=False)
    head = next(b for b in made if b["kind"] == "headline")
    mast = next((b for b in made if b["kind"] == "mast"), {"lines": []})
    told = [b for whole in made for b in (_halves(whole) if whole["kind"] == "beside" else [whole])]
    findings = [
        Finding(
            _said(b["title"]),
            _said(b["sub"]),
            (b["phones"] or [b["pictures"][0]["svg"]])[0],
            _said(b["pictures"][0]["alt"], 600),
        )
        for b in told
        if b["kind"] == "figure" and b["title"] and b["pictures"]
    ]
    findings += [Finding(_said(b["title"]), _said(b["sub"])) for b in told if b["kind"] == "table" and b["title"]]  # fmt: skip
    tiles = [t for b in made if b["kind"] == "tiles" for t in b["tiles"]]
    decided = [i for b in made if b["kind"] == "decide" for i in b["items"]]
    return News(
        _said(str(found["notebook"])),
        _said(head["title"], 600) or _said(title),
        _said(head["lede"], 600),
        tuple(_said(line) for line in mast["lines"] if line),
        tuple(findings[:MOST]),
        tuple(
            (
                _said(t["name"]),
                _said(f"{t['value']} {t['unit']}"),
                _said(", ".join(x for x in (t["change"], t["judged"] or t["why"]) if x)),
            )
            for t in tiles
        ),
        tuple((_said(_words(i, "do")), _said(_last(i))) for i in decided[:MOST]),
        len(decided),
    )


def _halves(block: Mapping[str, Any]) -> list[Any]:
    return [b for half in block["halves"] for b in half]


def _said(text: str, longest: int = 300) -> str:
    return GLUE.sub("\u00a0", plain(text.replace("\u200b", ""), longest))


def _words(item: Sequence[Mapping[str, Any]], role: str) -> str:
    return " ".join(_flat(part["k"]) for part in item if part["role"] == role)


def _last(item: Sequence[Mapping[str, Any]]) -> str:
    said = [_flat(part["k"]) for part in item if part["role"] == "said"]
    return said[-1] if said else ""


def _flat(parts: Sequence[Any]) -> str:
    return "".join(p if isinstance(p, str) else _flat(p["k"]) for p in parts)


# --- mail -----------------------------------------------------------------------------------------------------------


def text(told: News, link: str = "") -> str:
    """The message as plain text."""
    lines = [told.headline, "", told.lede, ""]
    for n, each in enumerate(told.findings, 1):
        lines += [f"{n}. {each.title}", *([f"   {each.about}"] if each.about else []), *([f"   {each.alt}"] if each.alt else [])]  # fmt: skip
    if told.numbers:
        lines += ["", *(f"{name}: {value}{f' ({said})' if said else ''}" for name, value, said in told.numbers)]  # fmt: skip
    if told.decisions:
        lines += ["", _counted(told), *(f"- {do}{f' ({who})' if who else ''}" for do, who in told.decisions)]
    lines += ["", *told.facts, *([f"The whole report: {link}"] if link else [])]
    return "\n".join(lines).strip() + "\n"


def _counted(told: News) -> str:
    more = told.all_decisions - len(told.decisions)
    return f"To decide{f' (and {more} more in the report)' if more > 0 else ''}:"


def mail(told: News, link: str = "", cids: Sequence[str] = ()) -> str:
    """The message as HTML for mail: styles inline, pictures named by content id, nothing from elsewhere.

    Parameters
    ----------
    told : News
    link : str
        Address of the whole report.
    cids : sequence of str
        Content id of each finding's picture, empty for none.
    """
    c = theme.palettes()[0]
    font = "font-family:Segoe UI,Helvetica,Arial,sans-serif"

    def para(words: str, style: str) -> str:
        return f'<p style="margin:0 0 8px;{style}">{html.escape(words)}</p>' if words else ""

    body = [
        *(para(f, f"font-size:13px;color:{c['quiet']}") for f in told.facts),
        f'<h1 style="font-size:22px;line-height:1.3;margin:14px 0 8px">{html.escape(told.headline)}</h1>',
        para(told.lede, "font-size:16px"),
        _numbers(told, c),
    ]
    for each, cid in zip(told.findings, [*cids, *[""] * MOST], strict=False):
        body.append(f'<h2 style="font-size:17px;line-height:1.3;margin:24px 0 4px">{html.escape(each.title)}</h2>')  # fmt: skip
        body.append(para(each.about, f"font-size:13px;color:{c['quiet']}"))
        if cid:
            body.append(f'<img src="cid:{html.escape(cid)}" alt="{html.escape(each.alt)}" width="{PICTURE}" style="display:block;width:100%;max-width:{PICTURE}px;height:auto;border:0">')  # fmt: skip
    if told.decisions:
        items = "".join(f'<li style="margin:0 0 8px"><strong>{html.escape(do)}</strong><br><span style="color:{c["quiet"]}">{html.escape(who)}</span></li>' for do, who in told.decisions)  # fmt: skip
        body.append(f'<h2 style="font-size:17px;margin:24px 0 8px">{html.escape(_counted(told).rstrip(":"))}</h2><ol style="margin:0;padding:0 0 0 22px;font-size:14px">{items}</ol>')  # fmt: skip
    if link:
        body.append(f'<p style="margin:24px 0 0"><a href="{html.escape(link)}" style="color:{c["subject"]}">The whole report</a></p>')  # fmt: skip
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(told.headline)}</title></head>'
        f'<body style="margin:0;background:{c["paper"]}"><div style="max-width:{WIDTH}px;margin:0 auto;padding:16px;'
        f'{font};font-size:15px;line-height:1.45;color:{c["ink"]};overflow-wrap:anywhere">{"".join(body)}</div></body></html>\n'
    )


def _numbers(told: News, c: Mapping[str, str]) -> str:
    rows = "".join(
        f'<tr><th scope="row" style="text-align:left;font-weight:400;padding:4px 10px 4px 0;border-bottom:1px solid {c["rule"]}">{html.escape(name)}</th>'
        f'<td style="text-align:right;font-weight:600;white-space:nowrap;padding:4px 10px;border-bottom:1px solid {c["rule"]}">{html.escape(value)}</td>'
        f'<td style="color:{c["quiet"]};padding:4px 0;border-bottom:1px solid {c["rule"]}">{html.escape(said)}</td></tr>'
        for name, value, said in told.numbers
    )
    return f'<table style="border-collapse:collapse;width:100%;font-size:14px;margin:12px 0">{rows}</table>' if rows else ""  # fmt: skip


def picture(finding: Finding) -> bytes:
    """A finding's picture as PNG at double resolution; empty where it has none that can be drawn."""
    from helpers.terms.errors import RunFailed

    try:
        return pdf.png(finding.svg, PICTURE, 192) if finding.svg else b""
    except RunFailed:
        return b""


# --- chat -----------------------------------------------------------------------------------------------------------

SLACK_HEAD, SLACK_TEXT, SLACK_FIELD = 150, 2900, 1900  # characters that Slack takes (150, 3000, 2000)


def slack(told: News, link: str = "") -> dict[str, Any]:
    """The message as Slack's Block Kit: only ``plain_text``, so that no name is a link, a mention or bold."""

    def words(said: str, most: int = SLACK_TEXT) -> dict[str, Any]:
        return {"type": "plain_text", "text": _cut(said, most, _slack) or " ", "emoji": False}

    blocks: list[dict[str, Any]] = [{"type": "header", "text": words(told.headline, SLACK_HEAD)}]
    if told.lede:
        blocks.append({"type": "section", "text": words(told.lede)})
    if told.numbers:
        fields = [words(f"{name}\n{value}{f' ({said})' if said else ''}", SLACK_FIELD) for name, value, said in told.numbers]  # fmt: skip
        blocks.append({"type": "section", "fields": fields[:10]})
    blocks += [{"type": "section", "text": words(f"{n}. {f.title}\n{f.about}".strip())} for n, f in enumerate(told.findings, 1)]  # fmt: skip
    if told.decisions:
        listed = "\n".join(f"• {do}{f' ({who})' if who else ''}" for do, who in told.decisions)
        blocks += [{"type": "divider"}, {"type": "section", "text": words(f"{_counted(told)}\n{listed}")}]
    if told.facts:
        blocks.append({"type": "context", "elements": [words(f) for f in told.facts[:10]]})
    if link:  # of the plan, not of the data: the one text that is markup
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": f"<{_slack(link).replace('|', '%7C')}|The whole report>", "verbatim": True}})  # fmt: skip
    return {"text": _cut(told.headline, SLACK_TEXT, _slack), "mrkdwn": False, "link_names": False, "parse": "none", "unfurl_links": False, "unfurl_media": False, "blocks": blocks}  # fmt: skip


def _slack(said: str) -> str:
    return said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(said: str, most: int, coded: Any = str) -> str:
    """Text of which the coded form is no longer than `most`."""
    kept = said
    while len(coded(kept)) > most:
        kept = kept[: len(kept) - max(1, (len(coded(kept)) - most) // 5) - 1].rstrip() + "…"
    return coded(kept)


def teams(told: News, link: str = "") -> dict[str, Any]:
    """The message as an Adaptive Card for Teams: only ``TextRun``, which reads no Markdown."""

    def line(*runs: tuple[str, dict[str, Any]], **more: Any) -> dict[str, Any]:
        return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": _card(said), **how} for said, how in runs if said] or [{"type": "TextRun", "text": " "}], **more}  # fmt: skip

    quiet, bold = {"isSubtle": True, "size": "Small"}, {"weight": "Bolder"}
    body = [line((told.headline, bold | {"size": "Large"}))]
    if told.lede:
        body.append(line((told.lede, {})))
    body += [line((f"{name}: ", {}), (value, bold), (f" {said}" if said else "", quiet), spacing="Small") for name, value, said in told.numbers]  # fmt: skip
    for n, each in enumerate(told.findings, 1):
        body.append(line((f"{n}. {each.title}", bold), separator=n == 1))
        body += [line((each.about, quiet), spacing="None")] if each.about else []
    if told.decisions:
        body.append(line((_counted(told), bold), separator=True))
        body += [line((f"• {do}", {}), (f" ({who})" if who else "", quiet), spacing="Small") for do, who in told.decisions]  # fmt: skip
    body += [line((fact, quiet), spacing="Small") for fact in told.facts]
    card = {"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4", "fallbackText": _card(told.headline), "msteams": {"width": "Full"}, "body": body}  # fmt: skip
    if link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "The whole report", "url": link}]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}  # fmt: skip
    return {"type": "message", "attachments": [attachment]}


def _card(said: str) -> str:
    """Text without the beginning of a card's own function, ``{{DATE(…)}}`` for one."""
    return _cut(said, 4000).replace("{{", "{\u2060{").replace("${", "$\u2060{")


def as_json(told: News, link: str = "") -> dict[str, Any]:
    """The message as plain JSON, for a program of one's own."""
    return {
        "notebook": told.notebook,
        "headline": told.headline,
        "lede": told.lede,
        "facts": list(told.facts),
        "findings": [{"title": f.title, "about": f.about, "picture": f.alt} for f in told.findings],
        "numbers": [{"name": n, "value": v, "judged": j} for n, v, j in told.numbers],
        "decisions": [{"do": d, "who": w} for d, w in told.decisions],
        "link": link or None,
    }
