"""A logo made safe: an SVG of shapes only, or a PNG of its picture only, small enough to stand in every page."""

from __future__ import annotations

import base64
import os
import re
import struct
import zlib
from pathlib import Path
from typing import Any

from helpers.terms.errors import BadInput

LARGEST = 100_000  # [bytes]; the logo is part of every page
WIDEST = 4_000  # [px]
DEEPEST = 40
SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
_SHAPES = (
    "svg g path rect circle ellipse line polyline polygon defs linearGradient radialGradient stop clipPath "
    "title desc"
)
SHAPES = set(_SHAPES.split())
LEFT_OUT = {"metadata", "namedview"}  # what drawing programs keep for themselves
_STYLES = (
    "fill fill-opacity fill-rule stroke stroke-width stroke-linecap stroke-linejoin stroke-miterlimit stroke-dasharray "
    "stroke-opacity opacity stop-color stop-opacity clip-path clip-rule color"
)
STYLES = set(_STYLES.split())
_GEOMETRY = (
    "id d x y x1 y1 x2 y2 cx cy r rx ry fx fy width height points transform viewBox preserveAspectRatio offset "
    "gradientUnits gradientTransform spreadMethod clipPathUnits version"
)
GEOMETRY = set(_GEOMETRY.split())
_VALUE = re.compile(r"[\w\s.,#%()+/:;-]*")
_ADDRESS = re.compile(r"url\(\s*['\"]?(#[\w-]+)['\"]?\s*\)")
_PNG = b"\x89PNG\r\n\x1a\n"
_KEPT = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"sRGB", b"cHRM", b"pHYs", b"sBIT"}


def read(file: Path) -> tuple[str, bytes]:
    """A logo as an address that needs no network, and the bytes of its file.

    Raises
    ------
    BadInput
        Too large, neither SVG nor PNG, or with something in it that is no picture.
    """
    try:
        held = file.read_bytes()
    except OSError as problem:
        raise BadInput(
            f"the logo cannot be read: {os.strerror(problem.errno or 0)}",
            "an SVG or PNG file",
            "check the path",
            file=str(file),
        ) from problem
    if len(held) > LARGEST:
        raise BadInput(
            f"a logo of {len(held):,} bytes",
            f"at most {LARGEST:,}: it stands in every page",
            "save it smaller, or as SVG",
            file=str(file),
        )
    try:
        if held.startswith(_PNG):
            return "data:image/png;base64," + base64.b64encode(png(held)).decode(), held
        return "data:image/svg+xml;base64," + base64.b64encode(svg(held)).decode(), held
    except _Unsafe as problem:
        raise BadInput(*problem.said, file=str(file)) from problem


class _Unsafe(Exception):
    def __init__(self, *said: str) -> None:
        self.said = said
        super().__init__(said[0])


def png(held: bytes) -> bytes:
    """A PNG with its picture and nothing else: no texts, no camera's data, no second picture behind the first.

    Raises
    ------
    _Unsafe
    """
    broken = _Unsafe("a PNG that is cut off or damaged", "the whole picture", "export it again")
    out, at, seen = [_PNG], len(_PNG), []
    while at < len(held):
        if at + 12 > len(held):
            raise broken
        (length,) = struct.unpack(">I", held[at : at + 4])
        kind, end = held[at + 4 : at + 8], at + 12 + length
        if (
            end > len(held)
            or zlib.crc32(held[at + 4 : end - 4]) != struct.unpack(">I", held[end - 4 : end])[0]
        ):
            raise broken
        if kind in _KEPT:
            out.append(held[at:end])
            seen.append(kind)
        at = end
        if kind == b"IEND":
            break
    if seen[:1] != [b"IHDR"] or seen[-1:] != [b"IEND"] or b"IDAT" not in seen:
        raise broken
    width, height = struct.unpack(">II", out[1][8:16])
    if not (0 < width <= WIDEST and 0 < height <= WIDEST):
        raise _Unsafe(
            f"a logo of {width:,} by {height:,} pixels", f"at most {WIDEST:,} each way", "save it smaller"
        )
    return b"".join(out)


def svg(held: bytes) -> bytes:
    """An SVG of shapes: no script, no style sheet, no text, nothing loaded from elsewhere.

    Raises
    ------
    _Unsafe
    """
    from xml.etree import ElementTree

    try:
        text = held.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise _Unsafe("neither a PNG nor an SVG in UTF-8", "one of the two", "export it again") from problem
    if re.search(r"<!\s*(ENTITY|\[|ELEMENT|ATTLIST)", text, re.I) or re.search(
        r"<!DOCTYPE[^>]*\[", text, re.I
    ):
        raise _Unsafe("an SVG with declarations of its own", "shapes only", "export it as plain SVG")
    text = re.sub(r"<!DOCTYPE[^>]*>", "", text, flags=re.I)  # older programs write one; it says nothing
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as problem:
        raise _Unsafe(f"no SVG: {problem}", "an SVG or PNG file", "export it again") from problem
    if root.tag != f"{{{SVG}}}svg":
        raise _Unsafe("no SVG: another kind of XML", "an SVG or PNG file", "export it again")
    sheet = _sheet(root)
    made = _shape(root, sheet, 0)
    if made is None or not (made.get("viewBox") or (made.get("width") and made.get("height"))):
        raise _Unsafe("an SVG without a size", "viewBox, or width and height", "export it again")
    ElementTree.register_namespace("", SVG)
    return ElementTree.tostring(made, encoding="utf-8")


def _sheet(root: Any) -> dict[str, dict[str, str]]:
    """Rules for classes, as drawing programs write them; anything else in a style sheet is refused."""
    rules: dict[str, dict[str, str]] = {}
    for style in root.iter(f"{{{SVG}}}style"):
        text = re.sub(r"/\*.*?\*/", "", style.text or "", flags=re.S)
        for names, body in re.findall(r"([^{}]*)\{([^{}]*)\}", text):
            for name in names.split(","):
                if not re.fullmatch(r"\s*\.[\w-]+\s*", name):
                    raise _Unsafe(
                        f"a style sheet with a rule for {name.strip()[:40]!r}",
                        "rules for classes only",
                        "export with presentation attributes",
                    )
                rules.setdefault(name.strip()[1:], {}).update(_declared(body))
        if re.sub(r"[^{}]*\{[^{}]*\}", "", text).strip():
            raise _Unsafe(
                "a style sheet that loads or nests", "rules for classes only", "export it as plain SVG"
            )
    return rules


def _declared(body: str) -> dict[str, str]:
    pairs = (p.partition(":") for p in body.split(";") if p.strip())
    return {name.strip(): value.strip() for name, _, value in pairs if name.strip() in STYLES}


def _shape(element: Any, sheet: dict[str, dict[str, str]], depth: int) -> Any:
    from xml.etree import ElementTree

    if not isinstance(element.tag, str):
        return None  # a comment
    space, _, name = element.tag.rpartition("}")
    if space != "{" + SVG or name in LEFT_OUT or name == "style":
        return None
    if name not in SHAPES or depth > DEEPEST:
        raise _Unsafe(
            f"an SVG with <{name[:40]}>" if depth <= DEEPEST else "an SVG nested too deep",
            "shapes only: no text, picture, filter, animation or script",
            "turn text into outlines and export it as plain SVG",
        )
    given: dict[str, str] = {}
    for kind in element.get("class", "").split():
        given |= sheet.get(kind, {})
    given |= {n: v for n, v in element.attrib.items() if n in GEOMETRY | STYLES}
    given |= _declared(element.get("style", ""))
    target = element.get("href") or element.get(f"{{{XLINK}}}href")
    if target is not None:  # a gradient may take the stops of another
        if not re.fullmatch(r"#[\w-]+", target):
            raise _Unsafe("an SVG that points elsewhere", "shapes of its own only", "export it as plain SVG")
        given["href"] = target
    made = ElementTree.Element(f"{{{SVG}}}{name}", {n: _valued(v) for n, v in given.items()})
    if name in ("title", "desc"):
        made.text = element.text
        return made
    for child in element:
        inner = _shape(child, sheet, depth + 1)
        if inner is not None:
            made.append(inner)
    return made


def _valued(value: str) -> str:
    bare = _ADDRESS.sub("", value)
    if not _VALUE.fullmatch(bare) or "url" in bare.lower() or ":" in bare:
        raise _Unsafe(
            f"an SVG with the value {value[:40]!r}", "numbers, colours and shapes", "export it as plain SVG"
        )
    return _ADDRESS.sub(r"url(\1)", value)
