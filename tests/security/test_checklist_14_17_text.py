"""Lines 14, 16 and 17 of the checklist on the served surfaces: hostile text in every column, in a real browser.

Reports and their parts are attacked with the same payloads in tests/browser/test_report_page.py, charts in
tests/views/test_theme.py, spreadsheets in tests/actions/test_csv.py and tests/runs/test_report.py.
"""

from __future__ import annotations

import json
from datetime import date

import pytest
from tests.data.storing import charge, put

pytestmark = pytest.mark.browser
ALARM = "alert(document.domain)"
PAYLOADS = [
    f"<img src=x onerror={ALARM}>", f"<script>{ALARM}</script>", f"<svg onload={ALARM}>", f'"><img src=x onerror={ALARM}>',
    f"</script><script>{ALARM}</script>", f"</td></tr></table><script>{ALARM}</script>", "{{7*7}}", "{% raw %}", "${7*7}",
    f"<a href='javascript:{ALARM}'>x</a>", f"[x](javascript:{ALARM})", f"![x](x\"onerror=\"{ALARM})", "=cmd|' /C calc'!A0",
    f"<iframe srcdoc=\"<script>parent.{ALARM}</script>\">", f"</option></select><img src=x onerror={ALARM}>",
    "team $\\frac{$", "a_b $x^{$", "\u202e000,1 DSU\u202c", "a\u2028b\nc\td", "x" * 10_000, f"</style><script>{ALARM}</script>",
    '{"part":"c0","html":"<img src=x onerror=alert(1)>"}', "\\u003cimg src=x onerror=alert(1)\\u003e", "&lt;img src=x onerror=alert(1)&gt;",
]  # fmt: skip
TEXTS = (
    "ServiceName", "ServiceCategory", "ResourceName", "ResourceId", "RegionName", "SkuMeter", "ChargeDescription",
    "BillingAccountName", "SubAccountName", "SubAccountId", "InvoiceIssuerName", "ResourceType", "PricingUnit", "CommitmentDiscountName",
)  # fmt: skip


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """Every payload in every column of text, in tags and in the provider's name; one tag value of a megabyte, one NUL."""
    folder = tmp_path_factory.mktemp("hostile")
    rows = [
        charge(
            period, str(100 + n), provider=p, ChargeCategory="Usage", **{t: PAYLOADS[(n + i) % len(PAYLOADS)] for i, t in enumerate(TEXTS)},
        )
        for period in ("2026-08", "2026-09")
        for n, p in enumerate(PAYLOADS)
    ]  # fmt: skip
    rows.append(
        charge(
            "2026-09",
            "7",
            ServiceName="nul\x00inside",
            ChargeDescription="y" * 1_000_000,
            ChargeCategory="Usage",
        )
    )
    put(folder / "store", folder, rows, day=date(2026, 10, 5), source="a<b>&'\"")
    return folder / "store"


@pytest.fixture(scope="module")
def served(starter, hostile):
    """The portal over that store."""
    return starter("app", data=hostile, book=None)


@pytest.fixture
def watched(page):
    """A page that notes whatever runs or is asked of others."""
    page.ran = []
    page.on("dialog", lambda d: (page.ran.append(d.message), d.dismiss()))
    page.on("pageerror", lambda e: page.ran.append(str(e)))
    return page


def nothing_ran(page) -> None:
    page.wait_for_timeout(300)
    assert page.ran == []
    assert page.outside == []
    handlers = "[...document.querySelectorAll('*')].flatMap(e => [...e.attributes]).filter(a => /^on/.test(a.name)).map(a => a.value)"
    assert page.evaluate(handlers) == []
    links = "[...document.links].map(a => a.href).filter(h => !/^(https?|mailto|file):/.test(h))"
    assert page.evaluate(links) == []
    assert (
        page.evaluate(
            "document.querySelectorAll('main iframe, main object, main embed, main base, main meta').length"
        )
        == 0
    )


def test_14_the_served_page_and_its_live_script(served, watched):
    watched.goto(served.address + "practitioner_kpis/")
    watched.locator(".kit-headline, .kit-stopped").first.wait_for(timeout=60_000)
    assert watched.locator(".kit-stopped").count() == 0, watched.locator("main").inner_text()[:800]
    nothing_ran(watched)
    for label in ("Provider", "Department"):
        options = watched.get_by_label(label).locator("option").count()
        assert options > 10, "every payload is offered"
    watched.get_by_label("Provider").select_option(index=2)
    watched.wait_for_timeout(500)
    button = watched.get_by_role("button", name="Show")
    if button.count() and button.is_visible():
        button.click()
    watched.wait_for_timeout(2500)
    nothing_ran(watched)


def test_14_the_addresses_of_hostile_choices(served):
    from urllib.parse import quote

    for payload in PAYLOADS[:6]:
        for path in (
            f"/practitioner_kpis/?provider={quote(payload)}x",
            f"/practitioner_kpis/live?provider={quote(payload)}x",
        ):
            answer = served.ask(path)
            assert payload not in answer.text or answer.headers["Content-Type"].startswith(
                "application/x-ndjson"
            )
            if answer.headers["Content-Type"].startswith("application/x-ndjson"):
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert all(json.loads(line) for line in answer.text.splitlines())


def test_14_the_lesson_page_and_its_widgets(starter, hostile, tmp_path, watched):
    """Labels, options, placeholders, feedback and prose of the lesson's fields; the notebook prints the rest."""
    import nbformat
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    book = new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    )
    told = repr([p for p in PAYLOADS if len(p) < 200])
    begun = (
        "from helpers.lessons.exercises import Exercise, Mistake\nfrom decimal import Decimal\nanswer = ..."
    )
    asks = [
        f"p = texts[{n}]\nExercise({n + 1}, p, 2, p, p, 'money', Decimal(1), p, (Mistake(Decimal(2), p),), p[:40]).check(answer)"
        for n in range(6)
    ]
    asks.append(
        "Exercise(9, 'Choose', 2, 'Why?', 'Look.', 'choice', texts[0], 'Yes.', (), '', tuple(texts)).check()"
    )
    book.cells = [
        new_markdown_cell(
            "# Hostile\n\n" + "\n\n".join(p for p in PAYLOADS if len(p) < 200 and p.isprintable())
        ),
        new_code_cell('data = "store"\nmonth = ""', metadata={"tags": ["parameters"]}),
        new_code_cell(
            f"texts = {told}\nfrom IPython.display import HTML, Markdown, display\nfor p in texts: print(p)"
        ),
        new_code_cell("for p in texts: display(HTML(p)); display(Markdown(p)); display(p)"),
        new_code_cell("import pandas\ndisplay(pandas.DataFrame({p: [p] for p in texts}))"),
        new_code_cell(begun),
        *(new_code_cell(ask, metadata={"tags": ["exercise"]}) for ask in asks),
        new_code_cell(
            "from helpers.views import controls\ncontrols.explore({'provider': ['', *texts]}, {'provider': ''}, lambda **k: HTML('<p>' + __import__('html').escape(str(k)) + '</p>'))",
            metadata={"tags": ["exercise"]},
        ),
    ]
    path = tmp_path / "hostile.ipynb"
    nbformat.write(book, path)
    server = starter("lesson", data=hostile, book=path)
    watched.goto(server.address)
    watched.locator(".kit-question input").first.wait_for(timeout=60_000)
    watched.wait_for_timeout(1000)
    known = [e for e in watched.ran if "fullMathjaxUrl" not in e]
    watched.ran[:] = known
    nothing_ran(watched)
    field = watched.locator(".kit-question input").first
    field.fill(PAYLOADS[0])
    watched.keyboard.press("Enter")
    watched.wait_for_timeout(800)
    watched.locator(".kit-explore select").first.select_option(index=2)
    watched.wait_for_timeout(800)
    nothing_ran(watched)


def test_14_the_portal(served, watched):
    from urllib.parse import quote

    for words in ("", f"?q={quote(PAYLOADS[0])}", f"?q={quote(PAYLOADS[3])}"):
        watched.goto(served.address + words)
        watched.locator("main h1").first.wait_for(timeout=60_000)
        nothing_ran(watched)
    watched.reload()
    nothing_ran(watched)


def test_17_names_in_chart_labels_are_drawn():
    """`$` and `\\` stopped a stock savefig; here every name becomes a bar with its label."""
    from tests.views import made

    from helpers import views

    names = [p for p in PAYLOADS if "$" in p or "\\" in p or "\n" in p or len(p) > 1000]
    assert len(names) >= 5
    frame = made.ranked("ServiceName", {name: (str(100 + n), "90") for n, name in enumerate(names)})
    shown = views.charts.ranked(frame, currency="USD", top=30).html
    assert "data:image/svg+xml;base64," in shown
    import base64
    import re

    drawn = base64.b64decode(re.findall(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)", shown)[0])
    assert len(drawn) > 3000
    assert b"<script" not in drawn
