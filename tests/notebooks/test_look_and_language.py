"""The practitioner's whole report in German and in an organisation's look: the same numbers, one language, typed tables."""

from __future__ import annotations

import json
import re
from datetime import date

import openpyxl
import pytest
from click.testing import CliRunner
from tests.conftest import ROOT
from tests.notebooks.making import report

from helpers.__main__ import main
from helpers.catalog import kpis
from helpers.views import look, words

LOOK = """
name: Larkspur AG
logo: logo.svg
colours: {subject: "#7a1fa2"}
currency: {signs: {EUR: "€"}}
dates: {day: DD.MM.YYYY}
"""
SAID = {"Actions", "About"}  # sheets of sentences, which follow the language
ENGLISH = re.compile(r"\b(the|and|with|than|less|cost|share|change|target|month|owner|charges|is|by|from)\b")


@pytest.fixture(scope="module")
def both(larkspur, tmp_path_factory):
    """The report as it is, and with look and language: results and folder of each."""
    folder = tmp_path_factory.mktemp("reports")
    plain, _ = report("practitioner_kpis", larkspur, folder / "en", currency="EUR")
    (folder / "look.yaml").write_text(LOOK, "utf-8")
    (folder / "logo.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 2 1"><path d="M0 0h2v1z"/></svg>')
    asked = ["--data", str(larkspur), "--to", str(folder / "de"), "-p", "currency=EUR", "--language", "de"]
    done = CliRunner().invoke(main, ["report", "practitioner_kpis", "--look", str(folder / "look.yaml"), *asked])
    assert done.exit_code == 0, done.output
    return plain, json.loads((folder / "de" / "results.json").read_text("utf-8")), folder


def test_the_numbers_are_the_same_and_machines_read_the_same_form(both):
    plain, german, folder = both
    for key in plain:
        if key not in ("headline", "actions"):
            assert plain[key] == german[key], key
    texts = {"title", "why", "do", "owner"}
    for one, other in zip(plain["actions"], german["actions"], strict=True):
        assert {k: v for k, v in one.items() if k not in texts} == {k: v for k, v in other.items() if k not in texts}
        assert all(one[t] != other[t] for t in texts)
        assert date.fromisoformat(other["due"])
    books = [openpyxl.load_workbook(folder / code / "tables.xlsx") for code in ("en", "de")]
    assert books[0].sheetnames == books[1].sheetnames
    for name in books[0].sheetnames:
        one, other = (
            [(c.data_type, c.value) for row in book[name].rows for c in row if name not in SAID or c.data_type != "s"]
            for book in books
        )
        assert one == other, name
    assert any(c.data_type == "n" for row in books[0]["Actions"].rows for c in row)


def test_the_page_is_in_german_and_in_the_look(both):
    page = (both[2] / "de" / "index.html").read_text("utf-8")
    assert '<html lang="de">' in page
    assert re.search(r"<title>Der Monat der FinOps-Verantwortlichen, \d{4}-\d{2} · Larkspur AG</title>", page)
    assert 'class="kit-logo"' in page and "--kit-subject:#7a1fa2" in page
    assert re.search(r"[\d.]+(,\d\d)?&nbsp;€|[\d.]+(,\d\d)? €", page) and " EUR</p>" not in page
    manifest = json.loads((both[2] / "de" / "manifest.json").read_text("utf-8"))
    assert manifest["language"] == "de" and manifest["look"]["name"] == "Larkspur AG"
    assert not {"language", "look"} & json.loads((both[2] / "en" / "manifest.json").read_text("utf-8")).keys()


def test_no_english_sentence_is_on_the_german_page(both):
    """Texts of the page but for names from data (services, the Foundation's names) and what is marked as English."""
    page = (both[2] / "de" / "index.html").read_text("utf-8")
    body = page[page.index("<body") :]
    body = re.sub(r'(?s)<(span|div) lang="en">.*?</\1>', " ", body)
    texts = [t for t in re.findall(r">([^<]+)<", body) if t.strip()] + re.findall(r'alt="([^"]+)"', body)
    names = {r.name for r in kpis.records()}
    left = []
    for text in texts:
        for name in names:
            text = text.replace(name, " ")
        if ENGLISH.search(text):
            left.append(text)
    assert left == []
    assert body.count('lang="en"') == 0, "nothing of the practitioner's page is left in English"


def test_the_words_of_the_command_end_with_it(both):
    """A program that calls two verbs does not get the first one's language in the second."""
    import os

    assert look.VARIABLE not in os.environ and words.VARIABLE not in os.environ


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--language", "fr"], "no language 'fr'"),
        (["--look", "nowhere.yaml"], "the look cannot be read"),
    ],
)
def test_a_wrong_look_or_language_is_refused_before_anything_runs(tmp_path, asked, said):
    done = CliRunner().invoke(main, ["report", "practitioner_kpis", "--to", str(tmp_path / "r"), *asked])
    assert done.exit_code in (2, 5) and said in done.output
    assert not (tmp_path / "r").exists()


def test_the_docs_say_which_notebooks_are_english():
    text = (ROOT / "docs" / "look-and-language.md").read_text("utf-8")
    assert "English today" in text and "practitioner" in text
