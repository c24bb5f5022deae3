"""A look file is read strictly; what it says reaches numbers, pictures and pages; nothing set changes nothing."""

from __future__ import annotations

import base64
import re
import struct
import zlib
from datetime import date
from decimal import Decimal as D

import made
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import views
from helpers.terms.errors import BadInput
from helpers.views import colours, logo, look, page, sentences, theme, words

LOGO = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path d="M0 0h8v8z" fill="#123456"/></svg>'


def written(folder, text: str, **files: str | bytes):
    path = folder / "look.yaml"
    path.write_text(text, "utf-8")
    for name, content in files.items():
        file = folder / name.replace("__", ".")
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


WHOLE = """
name: Aurora Retail
logo: logo.svg
language: de
colours:
  subject: "#7a1fa2"
numbers: {thousands: ".", decimal: ","}
currency:
  format: "{amount} {currency}"
  signs: {EUR: "€"}
dates:
  day: DD.MM.YYYY
  month: MM/YYYY
"""


def test_a_whole_look_reaches_numbers_days_pictures_and_the_page(tmp_path):
    own = look.read(written(tmp_path, WHOLE, logo__svg=LOGO))
    with look.use(own):
        assert words.language() == "de"
        assert sentences.money(D("999.4"), "EUR") == "999,40 €"
        assert sentences.money(D("-1234567"), "EUR") == "−1.234.567 €"
        assert sentences.money(D("5"), "USD") == "5,00 USD", "a currency without a sign keeps its code"
        assert sentences.day(date(2026, 11, 26)) == "26.11.2026"
        assert theme.palettes()[0]["subject"] == "#7a1fa2"
        svg = views.charts.ranked(made.ranked("ServiceName", made.SERVICES), currency="EUR").svg(theme.WIDE)
        assert "--kit-subject:#7a1fa2" in svg and theme.LIGHT["subject"] not in svg
        shown = views.masthead(made.facts())
        assert "Aurora Retail" in shown.html and 'class="kit-logo"' in shown.html
        html = page.render(made.notebook(made.story()), title="T")
        assert '<html lang="de">' in html and "<title>T · Aurora Retail</title>" in html
        assert html.count('<img class="kit-logo"') == 1
        assert "--kit-subject:#7a1fa2" in html


def test_nothing_set_changes_nothing(tmp_path, monkeypatch):
    """A look with nothing in it, no look at all, and the state after another look: the same bytes."""
    monkeypatch.delenv(look.VARIABLE, raising=False)
    monkeypatch.delenv(words.VARIABLE, raising=False)
    before = page.render(made.notebook(made.story()), title="T")
    with look.use(look.read(written(tmp_path, WHOLE, logo__svg=LOGO))):
        assert page.render(made.notebook(made.story()), title="T") != before
    with look.use(look.read(written(tmp_path, "name: ''\n"))):
        assert page.render(made.notebook(made.story()), title="T") == before
    assert page.render(made.notebook(made.story()), title="T") == before


def test_the_environment_names_the_look_and_the_language(tmp_path, monkeypatch):
    monkeypatch.setattr(words, "_page", [""])  # whatever page an earlier test made in this process
    monkeypatch.setenv(look.VARIABLE, str(written(tmp_path, "name: Fernhill\nlanguage: de\n")))
    look._read_once.cache_clear()
    assert look.current().name == "Fernhill" and words.language() == "de"
    monkeypatch.setenv(words.VARIABLE, "en")
    assert words.language() == "en", "the command's word wins over the look's"
    assert sentences.number(D("1.5")) == "1.50"


@pytest.mark.parametrize(
    ("text", "key", "row", "said"),
    [
        ("nmae: x", "nmae", 1, "did you mean name?"),
        ("name: x\nname: y", "name", 2, "name stands twice"),
        ("name: [x]", "name", 1, "one line of text"),
        ("- a", "", None, "no names with values"),
        ("name: 'x", "", 1, "YAML that cannot be read"),
        ("language: fr", "language", 1, "one of de, en"),
        ("colours: {subject: blue}", "colours.subject", 1, "six digits"),
        ("colours:\n  paper: '#000000'", "colours.paper", 2, "one of subject"),
        ("colours:\n  subject: '#ffe600'", "colours.subject", 2, "contrast of 1.3 on white paper"),
        ("colours: {subject-dark: '#101010'}", "colours.subject-dark", 1, "on dark paper"),
        ("numbers: {thousands: '.'}", "numbers.thousands", 1, "thousands and decimal together"),
        ("numbers: {thousands: ',', decimal: ','}", "numbers.thousands", 1, "two different signs"),
        ("numbers: {thousands: x, decimal: ','}", "numbers.thousands", 1, "one of"),
        ("currency: {format: '{amount}'}", "currency.format", 1, "each once"),
        ("currency: {format: '<b>{amount} {currency}'}", "currency.format", 1, "no markup"),
        ("currency: {signs: {USD: $, CAD: $}}", "currency.signs", 1, "two currencies must never look alike"),
        ("currency: {signs: {usd: $}}", "currency.signs.usd", 1, "three capitals"),
        ("currency: {signs: {USD: '1'}}", "currency.signs.USD", 1, "a sign such as"),
        ("dates: {day: DD.MM}", "dates.day", 1, "each once"),
        ("dates: {day: 'DD.DD.MM.YYYY'}", "dates.day", 1, "each once"),
        ("dates: {day: 'YYYY-MM-DD at noon'}", "dates.day", 1, "each once"),
        ("dates: {month: 'D MMMM YYYY'}", "dates.month", 1, "MM or MMMM"),
        (
            "dates: {month: 'MMMM YYYY {company}'}",
            "dates.month",
            1,
            "MM or MMMM",
        ),  # a name that nothing fills
        ("logo: ../secret.svg", "logo", 1, "a file beside the look file"),
        ("logo: nowhere.svg", "", 1, "No such file"),
    ],
)
def test_what_is_wrong_is_said_with_file_line_and_key(tmp_path, text, key, row, said):
    with pytest.raises(BadInput) as refused:
        look.read(written(tmp_path, text))
    problem = refused.value
    assert said in str(problem), str(problem)
    assert problem.needed and problem.remedy
    assert (problem.column or "") == key and problem.row == row


def test_a_weak_colour_is_moved_and_said_and_a_near_one_noted(tmp_path):
    own = look.read(written(tmp_path, "colours: {subject: '#3d85e0'}"))
    assert own.light["subject"] != "#3d85e0" and colours.contrast(own.light["subject"], "#ffffff") >= 4.5
    assert "3.7" in own.notes[0] and own.light["subject"] in own.notes[0]
    near = look.read(written(tmp_path, "colours: {adds: '#167d68'}"))
    assert any("hard to tell apart" in n for n in near.notes)


@given(st.integers(0, 0xFFFFFF))
def test_a_colour_made_readable_is_readable_on_either_paper(number):
    colour = f"#{number:06x}"
    for paper in ("#ffffff", theme.DARK["paper"]):
        assert colours.contrast(colours.readable(colour, paper), paper) >= 4.45


def test_contrast_is_that_of_wcag():
    """Published pairs: #767676 on white is the lightest grey that passes, #777777 is not."""
    assert colours.contrast("#767676", "#ffffff") >= 4.5 > colours.contrast("#777777", "#ffffff")


HOSTILE = [
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'><script>alert(1)</script></svg>",
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'><foreignObject><p/></foreignObject></svg>",
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'><image href='https://a.example/x.png'/></svg>",
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'><use href='#a'/></svg>",
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'><text>hi</text></svg>",
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'><path fill='url(https://a.example/x)' d='M0 0'/></svg>",
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'><linearGradient href='https://a.example/x#a'/></svg>",
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'><style>@import url(https://a.example/x.css);</style></svg>",
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'><style>path{fill:red}</style></svg>",
    "<!DOCTYPE svg [<!ENTITY a 'b'>]><svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'><path d='&a;'/></svg>",
    "<svg xmlns='http://www.w3.org/2000/svg'><path d='M0 0'/></svg>",
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'>" + "<g>" * 60 + "</g>" * 60 + "</svg>",
    "<html xmlns='http://www.w3.org/1999/xhtml'/>",
    "GIF89a",
    b"\xff\xfe<\x00s\x00",
    b"\x89PNG\r\n\x1a\n" + b"x" * 40,
    b"x" * (logo.LARGEST + 1),
]


@pytest.mark.parametrize("content", HOSTILE)
def test_a_logo_that_is_more_than_a_picture_is_refused(tmp_path, content):
    with pytest.raises(BadInput) as refused:
        look.read(written(tmp_path, "logo: logo.svg", logo__svg=content))
    assert refused.value.needed and refused.value.remedy and refused.value.file


def test_an_svg_keeps_its_shapes_and_loses_the_rest(tmp_path):
    text = (
        "<?xml version='1.0'?><!DOCTYPE svg PUBLIC 'x' 'y'><!-- made by hand --><svg xmlns='http://www.w3.org/2000/svg' "
        "xmlns:ink='http://ink.example' viewBox='0 0 9 9' onload='alert(1)' ink:version='1'><metadata>x</metadata>"
        "<style>.a{fill:#f00;behavior:url(x)}</style><defs><linearGradient id='g'><stop offset='0' stop-color='#fff'/>"
        "</linearGradient></defs><path class='a' onclick='x()' d='M0 0h9' style='stroke:url(#g);background:url(h)'/></svg>"
    )
    made_of = logo.svg(text.encode()).decode()
    assert 'fill="#f00"' in made_of and "url(#g)" in made_of and 'd="M0 0h9"' in made_of
    for gone in (
        "onload",
        "onclick",
        "style",
        "class",
        "behavior",
        "background",
        "metadata",
        "ink",
        "<!--",
        "DOCTYPE",
    ):
        assert gone not in made_of, gone


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_a_png_keeps_its_picture_and_loses_its_texts(tmp_path):
    head, data = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0), zlib.compress(b"\0\0")
    whole = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"tEXt", b"Author\0Ann") + chunk(b"IDAT", data) + chunk(b"IEND", b"") + b"PK behind"  # fmt: skip
    own = look.read(written(tmp_path, "logo: l.png", l__png=whole))
    kept = base64.b64decode(own.logo.partition(",")[2])
    assert b"Ann" not in kept and b"PK" not in kept and kept.endswith(chunk(b"IEND", b""))
    huge = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 50_000, 1, 8, 0, 0, 0, 0)) + chunk(b"IDAT", data) + chunk(b"IEND", b"")  # fmt: skip
    with pytest.raises(BadInput, match="50,000 by 1 pixels"):
        look.read(written(tmp_path, "logo: l.png", l__png=huge))


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_with_a_sentence(tmp_path_factory, text):
    folder = tmp_path_factory.mktemp("look")
    path = folder / "look.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        look.read(path)
    except BadInput as refused:
        assert refused.needed


def test_the_example_in_the_docs_is_a_look(tmp_path):
    from pathlib import Path

    text = (Path(__file__).parents[2] / "docs" / "look-and-language.md").read_text("utf-8")
    example = re.search(r"```yaml\n(name: .*?)```", text, re.S)
    assert example
    own = look.read(written(tmp_path, example[1], logo__svg=LOGO))
    assert own.name and own.logo and own.light and own.signs and not own.notes


def test_counts_on_pages_of_findings_follow_the_look():
    """1,234 beside 1.234,50 would be two numbers."""
    from decimal import Decimal as D
    from types import SimpleNamespace as N

    from helpers.views import sentences_engineering, tables_anomalies

    review = N(found=N(resources=3204, days=None, notes=[]), longer=None)
    with look.use(look.Look(signs={"thousands": ".", "decimal": ","})):
        assert tables_anomalies.notes(review).text.startswith("3.204 resources watched")
        advice = [N(saving=D(1))] * 1200
        said = sentences_engineering.of_list(N(advice=advice, saving=D(1200)), 1, "USD")
        assert said.startswith("The largest of 1.200 pieces")
