"""The portal's words: found by every word, escaped wherever text comes from, honest where nothing is known."""

from __future__ import annotations

import html.parser

import pytest

from helpers.views import portal, words
from helpers.views.portal import Card

HOSTILE = "<img src=x onerror=alert(1)>\"'&{{7*7}}\u202e"
FACTS = {
    "company": "Larkspur",
    "as_of": "2026-10-05",
    "months": ["2025-09", "2026-10"],
    "providers": ["AWS"],
    "departments": [f"D{n}" for n in range(11)],
    "currencies": ["EUR", "USD"],
    "rows": 101618,
    "sources": {"aws": "2026-10-05"},
    "exact": True,
}


class Reading(html.parser.HTMLParser):
    """Tags, attributes and text of a piece of HTML."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("", ["budgets", "carbon"]),
        ("  BUDGET plan ", ["budgets"]),
        ("emissions", ["carbon"]),
        ("budget carbon", []),
        ("straße", ["carbon"]),
        ("STRASSE", ["carbon"]),
    ],
)
def test_search_wants_every_word(asked, found):
    cards = [
        Card("budgets", "Budgets", "What do we plan?", "Finance"),
        Card("carbon", "Carbon", words="emissions straße"),
    ]
    assert [c.id for c in portal.matching(cards, asked)] == found


def test_hostile_text_stays_text():
    card = Card("x", HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    facts = FACTS | {
        "company": HOSTILE,
        "providers": [HOSTILE],
        "departments": [HOSTILE],
        "sources": {HOSTILE: "2026-10-05"},
    }
    about = {"company": HOSTILE, "month": "September 2026", "as_of": "2026-10-05", "scope": HOSTILE}
    for made in (
        portal.body([card], facts, HOSTILE),
        portal.about(about, "department=%3Cb%3E", ["xlsx"], [HOSTILE]),
        portal.bar(True),
        portal.newer(),
    ):
        read = Reading(made)
        assert "img" not in read.tags
        assert not [name for name, _ in read.attributes if name.startswith("on")]
        assert "\u202e" not in read.text, "a mark that turns the text round"


def test_what_data_is_said_in_words():
    said = Reading(portal.body([], FACTS)).text
    assert "Larkspur: 101,618 charges from September 2025 to October 2026." in said
    assert "As of 5 October 2026, the day of the newest delivery." in said
    assert "D0, D1, D2, D3, D4, D5, D6, D7 and 3 more" in said
    assert "the difference is 0" in said
    assert "Totals differ" in Reading(portal.body([], FACTS | {"exact": False})).text
    assert "being read" in Reading(portal.body([], None)).text
    assert "could not be read" in Reading(portal.body([], {})).text


def test_in_german():
    with words.use("de"):
        said = Reading(portal.body([Card("a", "A")], FACTS)).text
    assert "101.618" in said
    assert "Search" not in said


def test_a_broken_page_has_no_link():
    read = Reading(portal.body([Card("bad", "Bad", broken=True)], FACTS))
    assert "its notebook is damaged" in read.text
    cards = (
        portal.body([Card("bad", "Bad", broken=True)], FACTS).split("kit-cards", 1)[1].split("</ul>", 1)[0]
    )
    assert "<a " not in cards
