"""The report on paper: an executed notebook as a tagged PDF with bookmarks, pictures as vectors, no system library.

The same pieces of clean HTML as on the page become plain blocks (JSON), which a Typst template lays out. Text from
data reaches Typst as strings of that JSON, never as its markup.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from helpers.terms.errors import RunFailed
from helpers.views import page, sentences, theme, words
from helpers.views.markup import GLUE, plain

TEMPLATE = "report.typ"
MONO = ("DejaVu Sans Mono",)
# DejaVu comes with matplotlib, so a PDF looks the same everywhere; the others stand in for scripts that it lacks where
# the machine has them, and the last, also matplotlib's, has a sign for every character that there is.
FONTS = ("DejaVu Sans", "Noto Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK KR", "Noto Sans Devanagari", "Noto Sans Thai", "Noto Color Emoji", "Last Resort High-Efficiency", "Last Resort HE")  # fmt: skip
STANDARD = "ua-1"
LONGEST_WORD = 28  # characters from which a word may break anywhere
WIDTH = 516  # of the text on the page [pt]
SIZES = (8.0, 7.2, 6.6, 6.0, 5.4)  # of a table's letters [pt]
LONGEST = 400  # of a table's cell [characters]
SHORT = 14  # rows of a table that stays on one page
LETTER = 0.65  # width of a letter, as part of its size
_VOID = {"img", "br", "hr", "source"}
_BLOCKS = {"p", "div", "ul", "ol", "dl", "table", "pre", "blockquote", "figure", "picture", "details", "img", "hr"} | {f"h{n}" for n in range(1, 7)}  # fmt: skip


# --- clean HTML as a tree -------------------------------------------------------------------------------------------


class Node:
    """An element: tag, the kit's classes, attributes, children (nodes and texts)."""

    def __init__(self, tag: str, attributes: Mapping[str, str]) -> None:
        self.tag, self.attributes = tag, attributes
        self.classes = set(attributes.get("class", "").split())
        self.children: list[Node | str] = []

    def all(self, *tags: str) -> list[Node]:
        """Elements below with one of these tags, in order."""
        found = []
        for child in self.children:
            if isinstance(child, Node):
                found += [child] if child.tag in tags else []
                found += child.all(*tags)
        return found

    def first(self, *names: str) -> Node | None:
        """The first element below with a tag or class of these."""
        for child in self.children:
            if isinstance(child, Node):
                if child.tag in names or child.classes & set(names):
                    return child
                if found := child.first(*names):
                    return found
        return None

    @property
    def text(self) -> str:
        """All text below, as one line."""
        parts = [c if isinstance(c, str) else ("\n" if c.tag == "br" else c.text) for c in self.children]
        return "".join(parts)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open = [Node("body", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {k: v or "" for k, v in attrs})
        self.open[-1].children.append(node)
        if tag not in _VOID:
            self.open.append(node)

    def handle_endtag(self, tag: str) -> None:
        for at in range(len(self.open) - 1, 0, -1):
            if self.open[at].tag == tag:
                del self.open[at:]
                return

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def tree(markup: str) -> Node:
    """Clean HTML (`page.parts`) as a tree."""
    reader = _Reader()
    reader.feed(markup)
    reader.close()
    return reader.open[0]


# --- the tree as blocks ---------------------------------------------------------------------------------------------


def _line(value: str) -> str:
    """Text as one line in which an overlong word may break."""
    text = GLUE.sub("\u00a0", plain(value, 20_000))
    return re.sub(rf"[^\s\u00a0\u200b]{{{LONGEST_WORD},}}", lambda m: _parted(m[0]), text)


def _parted(word: str) -> str:
    return "\u200b".join(word[i : i + 12] for i in range(0, len(word), 12))


def _of(node: Node | None) -> str:
    return _line(node.text) if node else ""


def _heads(node: Node) -> dict[str, str]:
    return {"title": _of(node.first("h2", "h1")), "sub": _of(node.first("kit-sub"))}


def _inline(children: Sequence[Node | str]) -> list[Any]:
    made: list[Any] = []
    for child in children:
        if isinstance(child, str):
            kept = re.sub(r"\s*\n\s*", " ", child)
            before, after = kept[:1].isspace(), kept[-1:].isspace() and kept.strip()
            made.append(f"{' ' * before}{_line(kept)}{' ' * bool(after)}" if kept.strip() else " ")
        elif child.tag == "img":
            made.append({"t": "img", "k": []} | _picture(child))
        else:
            one = {"t": child.tag, "k": _inline(child.children), "text": _line(child.text)}
            href = child.attributes.get("href", "")
            made.append(one | {"href": href if re.match("(?i)(https?://|mailto:)", href) else ""})
    return made


def _picture(node: Node) -> dict[str, str]:
    """An image inside the page as SVG in the light colours, with its alternative text."""
    source, alt = node.attributes.get("src", ""), _line(node.attributes.get("alt", "")) or "a picture"
    kind, _, data = source.partition(",")
    if kind == page.IMAGES[0].rstrip(","):
        try:
            return {"svg": light(base64.b64decode(data).decode("utf-8")), "alt": alt}
        except (ValueError, UnicodeDecodeError):
            return {"svg": "", "alt": alt}
    if kind == page.IMAGES[1].rstrip(","):
        return {"svg": _framed(data), "alt": alt}
    return {"svg": "", "alt": alt}


def light(svg: str) -> str:
    """A picture of ours with its colours as they are on paper: what draws PDF and PNG knows no CSS variables."""
    own = dict(re.findall(r"--kit-([a-z-]+):(#[0-9a-fA-F]{3,8})", svg.partition("@media")[0]))
    colours = theme.palettes()[0] | own  # as it was drawn, whose look ever that was
    svg = re.sub(r"<style>:root\{.*?</style>", "", svg, count=1, flags=re.S)
    return re.sub(r"var\(--kit-([a-z-]+)\)", lambda m: colours.get(m[1], colours["ink"]), svg)


def _framed(png: str) -> str:
    """A PNG as SVG, at the size of its pixels."""
    head = base64.b64decode(png[:64] + "=" * (-len(png[:64]) % 4))
    width, height = int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
    if not 0 < width < 20_000 or not 0 < height < 20_000:
        return ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="{width}" '
        f'height="{height}" viewBox="0 0 {width} {height}"><image width="{width}" height="{height}" '
        f'xlink:href="data:image/png;base64,{png}"/></svg>'
    )


def _table(node: Node, heads: Mapping[str, Any]) -> dict[str, Any] | None:
    rows = node.all("tr")
    lines = [[c for c in r.children if isinstance(c, Node) and c.tag in ("th", "td")] for r in rows]
    n = max((len(line) for line in lines), default=0)
    if not n:
        return None
    has_head = node.first("thead") is not None
    cells = [[_line(plain(c.text, LONGEST)) if c.text else "" for c in line] + [""] * (n - len(line)) for line in lines]  # fmt: skip
    head, body = (cells[0], cells[1:]) if has_head else ([""] * n, cells)
    first = lines[0] if has_head else []
    right = [i < len(first) and "kit-r" in first[i].classes for i in range(n)]
    kinds = [r.classes for r in (rows[1:] if has_head else rows)]
    return {
        "kind": "table",
        "head": head,
        "rows": body,
        "right": right,
        **_fit(head, body, right),
        "odd": [i for i, k in enumerate(kinds) if "kit-odd" in k],
        "sum": bool(kinds) and "kit-sum" in kinds[-1],
        **heads,
    }


def _fit(head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool], width: float = WIDTH) -> dict[str, Any]:  # fmt: skip
    """The size of a table's letters [pt] and the widths of its columns [pt], so that no word is squeezed.

    A table that fits stands as wide as it is; else numbers keep their line and columns of words share what is left.
    """
    columns = [[row[i] for row in rows] for i in range(len(head))]
    wished = [_wide(max(map(len, [h, *c])), SIZES[0]) for h, c in zip(head, columns, strict=True)]
    long = len(rows) > SHORT or any(len(v) > 60 for c in columns for v in c)  # may go over the end of a page
    if sum(wished) <= width:
        return {"size": SIZES[0], "widths": wished, "long": long}
    whole = [max([len(v) for v in c] + [_longest(h)]) for h, c in zip(head, columns, strict=True)]
    words = [max(map(_longest, [h, *c])) for h, c in zip(head, columns, strict=True)]
    least = [n if r else max(w, min(n, 16)) for n, w, r in zip(whole, words, right, strict=True)]
    size = next((s for s in SIZES if sum(_wide(n, s) for n in least) <= width), SIZES[-1])
    natural, needed = [_wide(n, size) for n in whole], [_wide(n, size) for n in least]
    if sum(natural) <= width:
        return {"size": size, "widths": natural, "long": long}
    if sum(needed) > width:  # too wide at any size: all give in, and what is long breaks
        return {"size": size, "widths": [n * width / sum(needed) for n in needed], "long": long}
    room, more = width - sum(needed), sum(natural) - sum(needed)
    return {
        "long": long,
        "size": size,
        "widths": [n + room * (w - n) / more for w, n in zip(natural, needed, strict=True)],
    }


def _wide(letters: float, size: float) -> float:
    return letters * LETTER * size + 8


def _longest(value: str) -> int:
    return max(map(len, re.split(r"[ \u200b-]", value)))


def _tile(node: Node) -> dict[str, Any]:
    judged, image = node.first("kit-judged"), node.first("img")
    value, unit = node.first("kit-value"), node.first("kit-unit")
    shape = judged.first("span") if judged else None
    said = _of(judged).removeprefix(_of(shape)).strip() if judged else ""
    kind = next((k[4:] for k in (judged.classes if judged else ()) if k != "kit-judged"), "none")
    whole, tail = _of(value), _of(unit)
    return {
        "name": _of(node.first("kit-name")),
        "value": whole.removesuffix(tail).strip() if tail else whole,
        "unit": tail,
        "spark": _picture(image) if image else None,
        "change": _of(node.first("kit-change")),
        "judged": said,
        "shape": _of(shape),
        "kind": kind,
        "why": _of(node.first("kit-why")),
    }


def _decisions(node: Node) -> list[list[dict[str, Any]]]:
    found = node.first("kit-decisions")
    roles = {"kit-do": "do", "kit-why": "why"}
    return [
        [
            {"role": next((r for c, r in roles.items() if c in p.classes), "said"), "k": _inline(p.children)}
            for p in item.all("p")
        ]
        for item in (found.all("li") if found else [])
    ]


def _block(node: Node, numbers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A block of the kit, by its class; what no class names is shown as prose."""
    kinds = node.classes
    if "kit-masthead" in kinds:
        lines = [_of(p) for p in node.all("p") if "kit-basis" not in p.classes]
        return [{"kind": "mast", "lines": lines, "basis": _of(node.first("kit-basis"))}]
    if "kit-headline" in kinds:
        return [{"kind": "headline", "title": _of(node.first("h1")), "lede": _of(node.first("kit-lede"))}]
    if "kit-six" in kinds:
        return [{"kind": "tiles", "tiles": [_tile(t) for t in node.all("li") if "kit-tile" in t.classes]}]
    if "kit-beside" in kinds:
        halves = [_block(c, numbers) for c in node.children if isinstance(c, Node)][:2]
        for each in [b for half in halves for b in half if b["kind"] == "table"]:
            each |= _fit(each["head"], each["rows"], each["right"], WIDTH / 2 - 9)
        long = any(b.get("long") for half in halves for b in half)
        return [{"kind": "beside", "halves": halves, "long": long}] if halves else []
    if "kit-decide" in kinds:
        return [{"kind": "decide", **_heads(node), "items": _decisions(node)}]
    if "kit-definitions" in kinds:
        terms = [[_of(dt), _of(dd)] for dt, dd in zip(node.all("dt"), node.all("dd"), strict=False)]
        return (
            [{"kind": "terms", "title": "What the numbers mean", "sub": "", "terms": terms}] if terms else []
        )
    if "kit-figure" in kinds:
        heads = _heads(node)
        aside = node.first("kit-numbers")
        held = aside.first("table") if aside else None
        if held and (behind := _table(held, heads | {"level": 3})):
            numbers.append(behind)
        narrow = [s.attributes.get("srcset", "") for s in node.all("source")]
        phones = [_picture(Node("img", {"src": s}))["svg"] for s in narrow]  # drawn for a narrow screen
        return [
            {"kind": "figure", **heads, "pictures": [_picture(i) for i in node.all("img")], "phones": phones}
        ]
    tables = node.all("table")
    if "kit-block" in kinds and len(tables) == 1 and not node.all("ul", "ol", "dl", "figure"):
        made = _table(tables[0], _heads(node))
        known = {"kit-sub", "kit-scroll"}
        rest = [c for c in node.children if isinstance(c, Node) and c.tag != "h2" and not c.classes & known]
        more = [b for c in rest for b in _prose([c], numbers)]
        return ([made] if made else []) + more
    return _prose(node.children, numbers)


def _prose(children: Sequence[Node | str], numbers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Anything else: headings, paragraphs, lists, tables, pictures in their order."""
    made: list[dict[str, Any]] = []
    loose: list[Node | str] = []

    def settle() -> None:
        if any(not isinstance(c, str) or c.strip() for c in loose):
            made.append({"kind": "para", "quiet": False, "k": _inline(loose)})
        loose.clear()

    for child in children:
        if isinstance(child, str) or child.tag not in _BLOCKS:
            loose.append(child)
            continue
        settle()
        if re.fullmatch(r"h\d", child.tag):
            made.append({"kind": "heading", "level": 2 if child.tag in ("h1", "h2") else 3, "title": _of(child)})  # fmt: skip
        elif child.tag == "p":
            calm = bool(child.classes & {"kit-sub", "kit-why"})
            made.append({"kind": "para", "quiet": calm, "k": _inline(child.children)})
        elif child.tag in ("ul", "ol"):
            items = [c for c in child.children if isinstance(c, Node) and c.tag == "li"]
            made.append({"kind": "list", "ordered": child.tag == "ol", "items": [_prose(i.children, numbers) for i in items]})  # fmt: skip
        elif child.tag == "table":
            made += [t for t in [_table(child, {"title": "", "sub": ""})] if t]
        elif child.tag == "pre":
            made.append({"kind": "said", "text": "\n".join(_line(x) for x in child.text.splitlines())})
        elif child.tag == "blockquote":
            made.append({"kind": "quote", "blocks": _prose(child.children, numbers)})
        elif child.tag == "img":
            made.append({"kind": "picture", "picture": _picture(child)})
        elif child.tag == "div" and any(c.startswith("kit-") for c in child.classes):
            made += _block(child, numbers)
        elif child.tag != "hr":
            made += _prose(child.children, numbers)
    settle()
    return made


# --- what stands behind the page ------------------------------------------------------------------------------------


def _all_kpis(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every key figure of the report's whole scope in the page's currency, as a table."""
    chosen = found.get("parameters") or {}
    asked = {n: chosen[n] for n in ("provider", "department") if chosen.get(n)}
    rows = []
    for record in found.get("kpis", []):
        if dict(record["scope"]) != asked or record.get("currency") not in (None, found["currency"]):
            continue
        kpi = SimpleNamespace(**{"variant": None, "reason": None, "history": ()} | dict(record))
        for name in ("value", "previous", "target"):
            held = getattr(kpi, name)
            setattr(kpi, name, None if held is None else Decimal(held))
        unit = sentences.unit_of(kpi)
        values = [
            "—" if v is None else sentences.with_unit(v, unit, kpi.currency)
            for v in (kpi.value, kpi.previous, kpi.target)
        ]
        said = kpi.status if kpi.value is not None else plain(kpi.reason or kpi.status, 200)
        rows.append([_line(sentences.kpi_name(kpi)), *map(_line, values), _line(said)])
    head = ["Key figure", "Value", "Month before", "Target", "Status"]
    return [_made("All key figures", "", head, rows, (1, 2, 3))] if rows else []


def _deliveries(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    held = found.get("data") or {}
    rows = []
    for each in held.get("deliveries", []):
        files = each.get("files", [])
        names = files[0]["name"] if len(files) == 1 else f"{files[0]['name']} to {files[-1]['name']} ({len(files)} files)" if files else ""  # fmt: skip
        rows.append([each["source"], sentences.day(each["delivered"]), names, f"{sum(int(f.get('rows') or 0) for f in files):,}", str(each.get("id", ""))[:12]])  # fmt: skip
    for name, each in held.get("companions", {}).items():
        about = each.get("details") or {}
        rows.append([name, sentences.day(each["delivered"]), str(about.get("file", "")), f"{int(about.get('rows') or 0):,}", str(each.get("id", ""))[:12]])  # fmt: skip
    rows.sort()
    head = ["Source", "Delivered", "Files", "Rows", "Hash begins"]
    said = "What this report was made from; the whole hashes stand in results.json."
    return [_made("Sources", said, head, [[_line(c) for c in r] for r in rows], (3,))] if rows else []


def _reconciled(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The month's lines, where the page has no such table of its own."""
    rows = [
        [_line(str(x[n])) for n in ("source", "provider", "period", "currency")]
        + [f"{x['rows']:,}", x["BilledCost"]["store"], x["BilledCost"]["difference"]]
        for x in found.get("reconciliation", [])
        if x["period"] == found["month"]
    ]
    head = ["Source", "Provider", "Month", "Currency", "Charges", "Billed", "Difference"]
    return [_made("Reconciliation", "Billed cost in the store and its difference from the source.", head, rows, (4, 5, 6))] if rows else []  # fmt: skip


def _made(
    title: str, sub: str, head: list[str], rows: list[list[str]], right: Sequence[int]
) -> dict[str, Any]:
    return {"kind": "table", "title": title, "sub": sub, "head": head, "rows": rows, "right": (sides := [i in right for i in range(len(head))]), **_fit(head, rows, sides), "odd": [], "sum": False}  # fmt: skip


def blocks(notebook: Any, found: Mapping[str, Any], title: str, behind: bool = True) -> list[dict[str, Any]]:
    """All that the PDF shows, in order; `behind` is what stands after the page's own parts."""
    numbers: list[dict[str, Any]] = []
    made: list[dict[str, Any]] = []
    reconciled = False
    for cell in notebook["cells"]:
        for part in page.parts(cell):
            reconciled |= "kit-reconciled" in part
            made += _prose(tree(part).children, numbers)
    first = [b for b in made if b["kind"] == "mast"][:1] + [b for b in made if b["kind"] == "headline"][:1]
    if not any(b["kind"] == "headline" for b in first):
        first.append({"kind": "headline", "title": _line(title), "lede": _line(found.get("headline") or "")})
    terms = [b for b in made if b["kind"] == "terms"]
    made = first + [b for b in made if b["kind"] != "terms" and not any(b is f for f in first)]
    if not behind:
        return made
    made += [] if reconciled else _reconciled(found)
    made += _all_kpis(found)
    if numbers:
        made.append({"kind": "heading", "level": 2, "title": "The numbers in the pictures"})
    made += [*numbers, *_deliveries(found), *terms]
    _levelled(made, 0)
    return made


def _levelled(value: Any, last: int) -> int:
    """Set the levels of all headings so that none is skipped, which readers of a tagged PDF rely on; the last level."""
    if isinstance(value, list):
        for each in value:
            last = _levelled(each, last)
        return last
    if not isinstance(value, dict):
        return last
    if value.get("kind") == "headline":
        last = 1
    elif value.get("title"):
        value["level"] = last = min(value.get("level", 2), last + 1)
    for name in ("blocks", "halves", "items"):
        last = _levelled(value.get(name), last)
    return last


# --- Typst ----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _fonts() -> Any:
    import matplotlib
    import typst

    return typst.Fonts(
        include_system_fonts=True,
        include_embedded_fonts=False,
        font_paths=[str(Path(matplotlib.get_data_path()) / "fonts" / "ttf")],
    )


def render(notebook: Any, found: Mapping[str, Any], *, title: str) -> bytes:
    """An executed notebook as PDF: tagged (PDF/UA-1), with bookmarks and alternative text; equal input, equal bytes.

    Its language is that of the page at hand (`views.words`).

    Parameters
    ----------
    notebook : nbformat NotebookNode
    found : mapping
        Its results (`runs.outputs.results`).
    title : str
        Of the document.

    Raises
    ------
    RunFailed
        Typst refused it, pictures left out too.
    """
    day = date.fromisoformat(found["as_of"])
    shown = blocks(notebook, found, title)
    _without(shown, "phones")
    value = {
        "title": _line(title),
        "author": "FinOps Playbook Kit",
        "keywords": ["FinOps", _line(found["notebook"]), _line(found["month"])],
        "day": [day.year, day.month, day.day],
        "lang": words.language(),
        "fonts": FONTS,
        "mono": (*MONO, *FONTS),
        "colours": theme.palettes()[0],
        "blocks": shown,
    }
    try:
        return compiled(TEMPLATE, value, day)
    except RunFailed:
        for one in _pictures(value["blocks"]):
            if one["svg"] and not drawable(one["svg"]):
                one["svg"] = ""  # its words stand in its place
    try:
        return compiled(TEMPLATE, value, day)
    except RunFailed:  # a rule of the standard that this page breaks: better a PDF with tags than none
        return compiled(TEMPLATE, value, day, standard=())


def _without(value: Any, name: str) -> None:
    """Take a field out of every block."""
    if isinstance(value, dict):
        value.pop(name, None)
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _without(each, name)


def _pictures(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        own = [value] if "svg" in value else []
        return own + [p for v in value.values() for p in _pictures(v)]
    return [p for v in value for p in _pictures(v)] if isinstance(value, list) else []


def compiled(
    template: str,
    value: Mapping[str, Any],
    day: date,
    kind: str = "pdf",
    ppi: float = 192,
    standard: Sequence[str] = (STANDARD,),
) -> bytes:
    """A template of this folder laid out with one value, which it reads as JSON.

    Raises
    ------
    RunFailed
    """
    import typst

    here = Path(__file__).parent
    compiler = typst.Compiler(
        input=str(here / template),
        root=str(here),
        font_paths=_fonts(),
        ignore_system_fonts=True,
        sys_inputs={"report": json.dumps(value, ensure_ascii=False)},
    )
    at = datetime(day.year, day.month, day.day, tzinfo=UTC)
    try:
        if kind == "pdf":
            made = compiler.compile(
                format="pdf",
                pdf_standards=list(standard),  # type: ignore[arg-type]
                timestamp=at,
            )
        else:
            made = compiler.compile(format=kind, ppi=ppi)  # type: ignore[arg-type]
    except typst.TypstError as problem:
        raise RunFailed(
            f"the {kind.upper()} could not be laid out: {plain(problem.message, 300)}",
            "",
            "leave it out of --format, and please report it with the notebook",
        ) from problem
    return made if isinstance(made, bytes) else made[0]  # type: ignore[index, return-value]


def drawable(svg: str) -> bool:
    """Whether a picture can be drawn."""
    try:
        png(svg, 10)
    except RunFailed:
        return False
    return True


def png(svg: str, width: float, ppi: float = 192) -> bytes:
    """An SVG picture of ours as PNG on white paper; `width` in CSS px, by default at double resolution."""
    value = {"svg": light(svg), "width": width * 0.75, "paper": theme.palettes()[0]["paper"]}
    return compiled("picture.typ", value, date(2026, 1, 1), "png", ppi)
