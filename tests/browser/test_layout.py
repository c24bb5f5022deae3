"""Pages look as they did: their layout is compared with kept references, with a tolerance that fonts need.

Renew the references after a change that is meant, and look at them: ``make reference`` (or ``FINOPS_RENEW=1 pytest
tests/browser/test_layout.py``).
"""

from __future__ import annotations

import importlib
import itertools
import os
import sys
from pathlib import Path

import pytest
from tests.browser.making import axe

from helpers.views import look, words
from helpers.views import page as pages

pytestmark = pytest.mark.browser
sys.path[:0] = [str(Path(__file__).parents[1] / "views"), str(Path(__file__).parent)]
layout = importlib.import_module("layout")
made = importlib.import_module("made")
LOGO = "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHZpZXdCb3g9IjAgMCA0IDQiPjxwYXRoIGQ9Ik0wIDBoNHY0eiIvPjwvc3ZnPg=="
OWN = look.Look(
    name="Aurora", logo=LOGO, light={"subject": "#7a1fa2"}, dark={"subject": "#d0a2e8"},
    signs={"amount": "{amount} {currency}", "symbols": {"USD": "$"}, "day": "{day2}.{month2}.{year}"},
)  # fmt: skip
# name -> width, scheme, medium, everything opened, language, look
CASES = {
    "report-wide": (1180, "light", "screen", False, "en", look.NONE),
    "report-phone-dark": (390, "dark", "screen", False, "en", look.NONE),
    "report-print": (695, "light", "print", False, "en", look.NONE),
    "report-open": (1180, "light", "screen", True, "en", look.NONE),
    "report-german-look": (820, "light", "screen", False, "de", OWN),
}


def html(language: str, own: look.Look) -> str:
    with look.use(own), words.use(language):
        return pages.render(made.notebook(made.story(), before=""), title="Cloud cost")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Address of each page, rendered once."""
    folder = tmp_path_factory.mktemp("pages")
    found: dict[tuple[str, str], str] = {}

    def address(language: str, own: look.Look) -> str:
        key = (language, own.name)
        if key not in found:
            file = folder / f"{len(found)}.html"
            file.write_text(html(language, own), "utf-8")
            found[key] = file.as_uri()
        return found[key]

    return address


def opened(page, written, name: str):
    width, scheme, medium, everything, language, own = CASES[name]
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme, media=medium)
    page.goto(written(language, own))
    if everything:
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    return page


@pytest.mark.parametrize("name", CASES)
def test_the_page_looks_as_it_did(page, written, name):
    opened(page, written, name)
    seen = layout.taken(page)
    if os.environ.get("FINOPS_RENEW"):
        layout.keep(name, *seen)
        pytest.skip("the reference is renewed: look at it")
    assert layout.differences(layout.kept(name), seen) == []


BROKEN = {
    "the style sheet is gone": "document.querySelectorAll('style').forEach(e => e.remove())",
    "a picture is empty": "document.querySelector('figure img').closest('picture').innerHTML = '<img alt=x width=920 height=266 src=\"data:,\">'",
    "the tiles stand in one column": "document.querySelector('.kit-tiles').style.gridTemplateColumns = '1fr'",
    "the heading is white on white": "document.querySelector('h1').style.color = 'white'",
    "the page is dark, its pictures are not": "document.querySelector('main').style.background = '#000'; document.body.style.background = '#000'",
    "a part is gone": "document.querySelector('.kit-decide').remove()",
    "a table runs out of the page": "document.querySelector('.kit-beside .kit-scroll').style.width = '1400px'",
    "two parts lie on each other": "document.querySelector('.kit-beside').style.gridTemplateColumns = '1fr 1px'",
    "the sparklines are gone": "document.querySelectorAll('.kit-spark').forEach(e => e.remove())",
    "text is twice as large": "document.querySelectorAll('.kit-block').forEach(e => e.style.zoom = '1.6')",
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_page_is_noticed(page, written, what):
    opened(page, written, "report-wide")
    page.evaluate(BROKEN[what])
    assert layout.differences(layout.kept("report-wide"), layout.taken(page)) != [], what


@pytest.mark.parametrize("font", ["DejaVu Serif", "DejaVu Sans Condensed"])
def test_another_font_is_no_broken_page(page, written, font):
    opened(page, written, "report-wide")
    page.add_style_tag(content=f".kit-page, .kit-block {{ font-family: '{font}' !important }}")
    assert layout.differences(layout.kept("report-wide"), layout.taken(page)) == []


def test_the_references_are_few_and_small():
    kept = list(layout.FOLDER.iterdir())
    assert {p.stem for p in kept} == set(CASES)
    assert sum(p.stat().st_size for p in kept) < 400_000


def test_nothing_is_cut_off_in_print(page, written):
    """What scrolls sideways on a screen cannot on paper."""
    opened(page, written, "report-print")
    cut = "[...document.querySelectorAll('.kit-scroll')].filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.className)"
    assert page.evaluate(cut) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 695


def test_nothing_moves_for_readers_who_ask_for_that(page, written):
    page.emulate_media(reduced_motion="reduce")
    page.goto(written("en", look.NONE))
    moving = "[...document.querySelectorAll('*')].filter(e => { const s = getComputedStyle(e); return s.animationName != 'none' || parseFloat(s.transitionDuration) > 0; }).length"
    assert page.evaluate(moving) == 0


def test_forced_colours_keep_marks_and_focus(page, written):
    page.emulate_media(forced_colors="active")
    page.goto(written("en", look.NONE))
    assert (
        page.evaluate("getComputedStyle(document.querySelector('.kit-odd th'), '::before').content") == '"▲ "'
    )
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_the_page_is_read_in_order_and_named(page, written):
    """Landmarks, one h1, headings in steps, a caption for every table, focus from top to bottom."""
    page.goto(written("de", OWN))
    assert page.evaluate("document.documentElement.lang") == "de"
    assert page.locator("main").count() == 1 and page.locator("h1").count() == 1
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(e => +e.tagName[1])")
    assert levels[0] == 1 and all(b - a <= 1 for a, b in itertools.pairwise(levels))
    assert page.evaluate(
        "[...document.querySelectorAll('table')].every(t => t.caption && t.caption.textContent.trim())"
    )
    tops, seen = [], set()
    for _ in range(60):
        page.keyboard.press("Tab")
        where = page.evaluate(
            "(() => { const e = document.activeElement, b = e.getBoundingClientRect(); return [e.tagName, b.y + scrollY, b.x]; })()"
        )
        if where[0] == "BODY" or tuple(where) in seen:
            break
        seen.add(tuple(where))
        tops.append(where)
    assert len(tops) >= 10
    beside = 1200  # two parts side by side: the left one is read to its end before the right one
    assert all(b[1] >= a[1] - beside for a, b in itertools.pairwise(tops[1:]))
    assert tops[1][1] == tops[2][1] and tops[1][2] < tops[2][2], "what the numbers mean, from left to right"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_another_language_and_look(page, written, scheme):
    page.set_viewport_size({"width": 390, "height": 900})
    page.emulate_media(color_scheme=scheme)
    page.goto(written("de", OWN))
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
