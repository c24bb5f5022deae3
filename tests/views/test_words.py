"""Language files agree, every text is said by somebody, and a page is in one language."""

from __future__ import annotations

import ast
import re
from datetime import date
from decimal import Decimal as D
from pathlib import Path

import made
import pytest

from helpers import views
from helpers.catalog import kpis, notebooks, playbooks
from helpers.terms import writing
from helpers.terms.errors import UsageError
from helpers.terms.period import Month
from helpers.views import sentences, words

SOURCE = Path(words.__file__).parents[1]
OTHERS = [code for code in words.languages() if code != words.SOURCE]


@pytest.mark.parametrize("code", OTHERS)
def test_every_language_has_the_keys_placeholders_and_plural_forms_of_english(code):
    english, other = words.of(words.SOURCE).says, words.of(code).says
    assert english.keys() == other.keys()
    for key, text in english.items():
        assert isinstance(text, str) == isinstance(other[key], str), key
        assert words.placeholders(text) == words.placeholders(other[key]), key
        if not isinstance(text, str):
            assert text.keys() == other[key].keys(), key
    assert set(words.of(code).writing) <= set(writing.Writing.__dataclass_fields__)
    assert len(words.of(code).writing["months"]) == 12


@pytest.mark.parametrize("code", OTHERS)
def test_what_the_practitioners_page_takes_from_the_catalog_is_translated(code):
    needed = set()
    for record in kpis.records():
        if record.plain:
            needed |= {record.short, record.plain}
        if "practitioner_kpis" in record.notebooks:
            needed |= {v.formula for v in record.variants} | {v.name for v in record.variants}
            needed |= {v.empty for v in record.variants if v.empty}
            assert record.plain, f"{record.id}: plain words stand under each of the practitioner's numbers"
            needed |= {kpis.COMPANIONS[n] for v in record.variants for n in v.needs}
    needed |= {
        playbooks.playbook("practitioner_kpis").question,
        playbooks.playbook("practitioner_kpis").cadence,
    }
    for rule in playbooks.playbook("practitioner_kpis").decisions:
        needed |= {rule.title, rule.do, rule.owner}
    needed |= {said for pair in sentences.CAUSES.values() for said in pair} | set(words.REASONS.values())
    needed |= {*sentences.CAUSES, *playbooks.EXTRA_NAMES.values()}
    texts = words.of(code).texts
    assert needed - {""} <= texts.keys(), sorted(needed - texts.keys())
    for english, said in texts.items():
        assert words.placeholders(english) == words.placeholders(said), english
        assert said.strip(), english


@pytest.mark.parametrize("code", OTHERS)
def test_no_translation_is_left_of_a_text_that_is_gone(code):
    """A stale line would look like care: each stands somewhere in the code or the catalog."""
    said = {p.read_text("utf-8") for p in SOURCE.rglob("*.py")}
    code_text = "\n".join(said)
    held = {r.short for r in kpis.records()} | {r.plain for r in kpis.records()}
    held |= {t for r in kpis.records() for v in r.variants for t in (v.formula, v.empty, v.name)}
    for name in playbooks.ids():
        for rule in playbooks.playbook(name).decisions:
            held |= {rule.title, rule.do, rule.owner}
        held |= {playbooks.playbook(name).question, playbooks.playbook(name).cadence}
    held |= {notebooks.title(notebooks.find(name)) for name in notebooks.ids()}
    columns = {
        "service",
        "department",
        "provider",
        "source",
        "month",
        "currency",
        "sub account",
        "region",
        "product",
    }
    personas = {"Engineering", "Finance", "Product", "Sustainability", "Procurement", "Leadership"}
    stale = [t for t in words.of(code).texts if t not in held | columns | personas and t not in code_text]
    assert stale == []


def said_keys() -> dict[str, str]:
    """Every literal key that code says, and where."""
    found = {}
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            called = isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", ""))
            if called == "say" and node.args and isinstance(node.args[0], ast.Constant):  # type: ignore[attr-defined]
                found[str(node.args[0].value)] = path.name  # type: ignore[attr-defined]
    return found


def test_every_key_that_code_says_is_there():
    known = words.of(words.SOURCE).says
    assert {k: where for k, where in said_keys().items() if "." in k and k not in known} == {}


def test_every_key_is_said_by_somebody():
    """A text that nobody says is translated for nothing. The portal's stand in one section, read by their short keys."""
    made_up = (
        "numbers.n",
        "fractions.f",
        "decisions.why_",
        "bridge.",
        "versus.",
        "headline.",
        "controls.",
        "portal.",
    )
    code = "\n".join(p.read_text("utf-8") for p in SOURCE.rglob("*.py"))
    unsaid = [k for k in words.of(words.SOURCE).says if f'"{k}"' not in code and f"'{k}'" not in code]
    assert [k for k in unsaid if not k.startswith(made_up)] == []
    portal = "\n".join(t for p in SOURCE.rglob("*.py") if "SAY" in (t := p.read_text("utf-8")))
    short = [k.removeprefix("portal.") for k in unsaid if k.startswith("portal.")]
    assert [k for k in short if f'"{k}"' not in portal and f"'{k}'" not in portal] == []


def test_a_wrong_key_or_value_is_a_mistake_that_shows():
    with pytest.raises(KeyError, match=r"did you mean masthead\.charges"):
        words.say("masthead.charge", n=1)
    with pytest.raises(KeyError, match="takes \\['n'\\]"):
        words.say("masthead.charges")
    with pytest.raises(KeyError, match="was given"):
        words.say("page.skip", n=1)


def test_values_are_filled_in_once_and_never_read_as_templates():
    assert words.say("words.colon", name="{said}", said="{name} {0} %s") == "{said}: {name} {0} %s"


def test_an_unknown_language_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match=r"no language 'da'"), words.use("da"):
        pass
    with pytest.raises(UsageError, match=r"one of de, en"):
        words.choose("../../etc/passwd")


def test_a_page_is_in_one_language(monkeypatch):
    """A notebook whose findings are not translated is in English as a whole, its numbers too; so is every lesson."""
    monkeypatch.setenv(words.VARIABLE, "de")
    monkeypatch.setattr(words, "_page", [""])
    assert words.language() == "de", "the portal"
    words.settle("practitioner_kpis")
    assert words.language() == "de"
    words.settle("sustainability_emissions")
    assert words.language() == "en" and sentences.number(D("1234.5"), 1) == "1,234.5"
    words.settle("practitioner_kpis")
    assert words.language() == "de" and sentences.number(D("1234.5"), 1) == "1.234,5"
    monkeypatch.setenv("FINOPS_MODE", "lesson")
    words.settle("practitioner_kpis")
    assert words.language() == "en"


def test_numbers_days_and_months_follow_the_language():
    assert sentences.money(D("1234.5"), "EUR") == "1,234 EUR"
    with words.use("de"):
        assert sentences.number(D("1234567.891"), 2) == "1.234.567,89"
        assert sentences.money(D("12.5"), "EUR") == "12,50 EUR"
        assert sentences.percent(D("0.214")) == "21,4 %"
        assert sentences.percent(D("0.00002")) == "0,002 %"
        assert sentences.percent(D("0.99999999")) == "99,9… %"
        assert sentences.day("2026-11-26") == "26. November 2026"
        assert Month(2026, 3).title == "März 2026"
        assert words.say("masthead.charges", n=1_234_567) == "1.234.567 Posten"
        assert sentences.points(D("0.01")) == "+1 Prozentpunkt"
        assert sentences.count(3) == "drei" and sentences.count(1234) == "1.234"
    assert Month(2026, 3).title == "March 2026"


def test_the_finding_in_german():
    bridge = [("volume", D(13500)), ("commitment", D(6760))]
    with words.use("de"):
        said = sentences.headline(D(352410), D(332150), month="2026-09", currency="USD", bridge=bridge)
        assert said == (
            "September kostete 352.410 USD, 6 % mehr als im August: zwei Drittel durch mehr Nutzung, "
            "ein Drittel durch weniger Ersparnis aus Commitments"
        )
        title = sentences.bridge_title([("volume", D(13)), ("mix", D(-4))], D(9), D(18))
        assert title == "Die Kosten stiegen durch mehr Nutzung; gebremst durch eine günstigere Mischung"


ENGLISH_LEFT = re.compile(
    r"\b(the|and|of|with|than|more|less|cost|share|change|from|target|none|month|others|owner|charges|no|is|by)\b",
    re.I,
)


def test_no_english_word_is_left_on_a_german_page():
    """All parts of a page over made results, whose own names (services, the company) are the data's."""
    from dataclasses import replace

    named = ["Effective cost", "Effective savings rate", "Commitment utilisation", "Burn rate", "Untagged cost", "Spot share of compute"]  # fmt: skip
    kpis = [
        replace(k, name=n, formula="", reason="no charges") for k, n in zip(made.kpis(), named, strict=True)
    ]
    facts = made.facts()
    facts.company, facts.scope, facts.basis = "Larkspur", "", words.say("basis.none")
    with words.use("de"):
        facts.basis = words.say("basis.rules", n=12, file="allocation.csv", day=date(2026, 10, 5))
        story = [
            views.masthead(facts),
            views.headline(sentences.of_bridge(made.change()), sentences.lede(kpis, [])),
            views.tiles(kpis),
            views.charts.bridge(made.change()),
            views.charts.ranked(made.ranked("ServiceName", made.SERVICES), currency="USD", month="2026-09"),
            views.charts.heat(made.detail()),
            views.charts.trend(kpis[1].history, unit="ratio"),
            views.tables.shares(made.ranked("ServiceName", made.SERVICES), currency="USD"),
            views.decisions([]),
            views.findings([]),
        ]
        shown = "\n".join(s.text for s in story)
    assert "Dienst" in shown and "Oktober" in shown
    for name in made.SERVICES:
        shown = shown.replace(name, "")
    assert [line for line in shown.splitlines() if ENGLISH_LEFT.search(line)] == []


def test_a_rule_that_nobody_translated_stays_whole_in_english_and_is_marked():
    rule = {
        "title": "A new rule for {provider}",
        "do": "Do it.",
        "name": "Effective cost",
        "compared": "above",
    }
    fields = {"value": "6 %", "threshold": "5 %", "provider": "AWS"}
    action = playbooks.Action("x", "A new rule for AWS", "Effective cost is 6 %, above 5 %.", "Do it.", None, "USD",
        "Finance partner", date(2026, 10, 5), "x", {}, {}, {**rule, "fields": fields})  # fmt: skip
    with words.use("de"):
        shown = views.decisions([action])
        assert "A new rule for AWS" in shown.html and 'lang="en"' in shown.html
        assert "Controlling" not in shown.html, "never half of it in each language"
    assert "lang=" not in views.decisions([action]).html
    known = playbooks.playbook("practitioner_kpis").decisions[0]
    rule = {"title": known.title, "do": known.do, "name": "Burn rate", "compared": "above", "fields": fields}
    translated = playbooks.Action(
        "x", "t", "w", "d", None, "USD", known.owner, date(2026, 10, 5), "x", {}, {}, rule
    )
    with words.use("de"):
        shown = views.decisions([translated])
    assert "lang=" not in shown.html and "Ausgaben je Tag: 6&nbsp;%, über 5&nbsp;%." in shown.html
