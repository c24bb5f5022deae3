"""The page of a batch: what ran, how long, what failed and why, what reconciles, which KPIs changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote

from helpers.views import sentences, theme
from helpers.views.markup import SENTENCE, block, plain, safe
from helpers.views.page import POLICY

MOST = 60  # changed KPIs on the page; summary.json has more


def page(summary: Mapping[str, Any]) -> str:
    """The summary of a batch (`helpers.runs.batch.summary.record`) as one HTML file without script or network."""
    title = _title(summary)
    body = "".join(
        (
            _mast(summary),
            block("headline", f'<h1>{safe(title)}</h1><p class="kit-lede">{safe(_lede(summary))}</p>'),
            _failures(summary["reports"], summary.get("stopped")),
            _changes(summary["reports"]),
            _reports(summary["reports"]),
            _facts(summary),
        )
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{safe(POLICY)}">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><title>{safe(title)}</title>'
        f'<link rel="icon" href="data:,"><style>{theme.css()}</style></head><body class="kit-body">'
        f'<main class="kit-page" id="content">{body}</main></body></html>\n'
    )


def _title(s: Mapping[str, Any]) -> str:
    c, whole = s["counts"], len(s["reports"])
    there = c["done"] + c["standing"]
    if there < whole:
        return f"{there} of {whole} reports are there; {whole - there} {'is' if whole - there == 1 else 'are'} not"
    if c["not delivered"]:
        return f"All {whole} reports are there; {c['not delivered']} deliveries did not arrive"
    return f"All {whole} reports are there" if whole > 1 else "The report is there"


def _lede(s: Mapping[str, Any]) -> str:
    c = s["counts"]
    parts = [f"{c['done']} made in this run, {c['standing']} there already."]
    if c["failed"]:
        parts.append(f"{c['failed']} failed.")
    if c["not made"]:
        parts.append(f"{c['not made']} not made: the batch was stopped.")
    if s["lines_reconciled"]:
        parts.append(
            f"{s['lines_reconciled']:,} lines reconciled with their sources, "
            + ("difference 0.00." if s["reconciled"] else "not all of them exactly.")
        )
    changed = sum(r.get("changed_count", 0) for r in s["reports"])
    if changed:
        parts.append(f"{changed:,} KPIs differ from the report before.")
    return " ".join(parts)


def _mast(s: Mapping[str, Any]) -> str:
    when = str(s["began"]).replace("T", " ")[:16]
    whose = f"Batch {plain(s['plan'])}"
    which = [
        f"{when} UTC",
        f"{s['seconds']:,.0f} s",
        *([f"data as of {sentences.day(s['as_of'])}"] if s["as_of"] else []),
    ]
    return f'<div class="kit-block kit-masthead"><div class="kit-mast"><p>{safe(whose)}</p><p>{safe(" · ".join(which))}</p></div></div>'


def _failures(reports: Sequence[Mapping[str, Any]], stopped: Mapping[str, Any] | None) -> str:
    rows = []
    for r in (r for r in reports if r["state"] == "failed"):
        e = r["error"]
        where = " · ".join(
            filter(
                None,
                (
                    f"in “{e['section']}”" if e.get("section") else "",
                    f"cell {e['cell']}" if e.get("cell") is not None else "",
                ),
            )
        )
        what = " ".join(filter(None, (e.get("found"), f"Needed: {e['needed']}." if e.get("needed") else "")))
        base = r["report"].rpartition("/")[0]
        kept = f"{base}/{e['kept']}".lstrip("/") if e.get("kept") else ""
        rows.append(
            [
                safe(r["report"]),
                safe(where),
                safe(what, 600),
                safe(e.get("remedy") or "", 600),
                _link(f"{kept}/error.txt", "what is kept") if kept else "",
            ]
        )
    for r in reports:
        for d in r["deliveries"]:
            if d["state"] in ("failed", "may have been sent"):
                rows.append(
                    [
                        safe(r["report"]),
                        safe(f"delivery ({d['kind']})"),
                        safe(d.get("found") or d["state"], 600),
                        safe(d.get("remedy") or d.get("note") or "", 600),
                        "",
                    ]
                )
    said = ""
    if stopped:
        words = " ".join(filter(None, (stopped.get("found"), stopped.get("remedy"))))
        said = f'<div class="kit-message" role="status"><p>{safe(words[:1].upper() + words[1:])}</p></div>'
    if not rows:
        return said
    return said + _section(
        "What is missing, and why", ["report", "where", "what happened", "what to do", ""], rows
    )


def _changes(reports: Sequence[Mapping[str, Any]]) -> str:
    changed = [(r, c) for r in reports for c in r.get("changed", [])]
    if not changed:
        return ""
    rows = [
        [
            _link(f"{r['report']}/index.html", r["report"]),
            safe(c["kpi"]),
            _number(c["before"]),
            _number(c["after"]),
        ]
        for r, c in changed[:MOST]
    ]
    more = f"The first {MOST} of {len(changed):,}; summary.json has more." if len(changed) > MOST else ""
    return _section(
        "KPIs that changed since the report before",
        ["report", "KPI", "before", "now"],
        rows,
        right=(2, 3),
        sub=more,
    )


def _reports(reports: Sequence[Mapping[str, Any]]) -> str:
    words = {
        "done": "● made now",
        "standing": "● there already",
        "failed": "▲ failed",
        "not made": "– not made",
    }
    rows = []
    for r in reports:
        there = r["state"] in ("done", "standing")
        name = _link(f"{r['report']}/index.html", r["report"]) if there else safe(r["report"])
        lines = (
            f"{r['lines']:,}, {'0.00' if r['exact'] else 'not exact'}" if there and r.get("lines") else "–"
        )
        seconds = f"{r['seconds']:,.1f}" if r.get("seconds") else "–"
        rows.append(
            [
                name,
                safe(words[r["state"]]),
                safe(r.get("headline") or r["why"], 200),
                safe(lines),
                safe(seconds),
            ]
        )
    return _section(
        "Reports",
        ["report", "state", "what it says", "lines reconciled, difference", "seconds"],
        rows,
        right=(3, 4),
    )


def _facts(s: Mapping[str, Any]) -> str:
    took = s["seconds_of_a_report"]
    facts = [
        ("began, ended", f"{_time(s['began'])}, {_time(s['ended'])} UTC"),
        ("reports at the same time", f"{s['workers']}"),
        (
            "a report took",
            f"{took['median']:.1f} s in the middle, {took['longest']:.1f} s at most" if took else "–",
        ),
        ("state of the store", ", ".join(s["versions_read"]) or "no store was read"),
        ("kit", s["kit"]),
    ]
    return _section("How it was made", ["", ""], [[safe(n), safe(v)] for n, v in facts])


def _section(
    heading: str,
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Sequence[int] = (),
    sub: str = "",
) -> str:
    heads = "".join(
        f'<th scope="col"{_class(j in right)}>{safe(h)}</th>' if h else "<td></td>"
        for j, h in enumerate(head)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f'<th scope="row">{v}</th>' if not j else f"<td{_class(j in right, v)}>{v}</td>"
            for j, v in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    below = f'<p class="kit-sub">{safe(sub)}</p>' if sub else ""
    top = f"<thead><tr>{heads}</tr></thead>" if any(head) else ""
    return (
        f'<div class="kit-block"><h2>{safe(heading)}</h2>{below}<div class="kit-scroll" role="group" tabindex="0" '
        f'aria-label="{safe(heading)}"><table class="kit-table"><caption class="kit-aloud">{safe(heading)}</caption>'
        f"{top}<tbody>{body}</tbody></table></div></div>"
    )


def _class(right: bool, value: str = "") -> str:
    words = ' class="kit-long"' if len(value) > SENTENCE and not value.startswith("<a") else ""
    return ' class="kit-r"' if right else words


def _time(text: str) -> str:
    return str(text).replace("T", " ")[:19]


def _link(path: str, words: str) -> str:
    return f'<a href="{safe(quote(path), 4000)}">{safe(words, 200).replace("/", "/<wbr>")}</a>'


def _number(value: str | None) -> str:
    try:
        if value is None:
            return "not known"
        number = Decimal(value)
        return safe(f"{number:,.2f}" if abs(number) >= 100 else f"{number:,.4f}".rstrip("0").rstrip("."))
    except InvalidOperation:
        return safe(value)
