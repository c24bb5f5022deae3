"""The practitioner's notebook as page and as lesson page: numbers are the engine's, exercises answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.browser.making import axe

from helpers.catalog import notebooks

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif("practitioner_kpis" not in notebooks.ids(), reason="the notebook is not written yet"),
]


@pytest.fixture(scope="session")
def app(serve, sample_store):
    """Address of the practitioner's page."""
    return serve("practitioner_kpis", sample_store, "app")


@pytest.fixture(scope="session")
def lesson(serve, sample_store):
    """Address of the practitioner's lesson page."""
    return serve("practitioner_kpis", sample_store, "lesson")


def effective(store: Path, month: str, provider: str = "") -> str:
    """Effective cost by the engine, whole units, as the page writes it."""
    from helpers.data import open_charges

    charges = open_charges(store)
    inside = (charges.x_KitPeriod == month) & (charges.BillingCurrency == "USD")
    if provider:
        inside = inside & (charges.ServiceProviderName == provider)
    total = (
        charges.filter(inside).aggregate(total=charges.EffectiveCost.sum()).to_pyarrow()["total"][0].as_py()
    )
    return f"{total:,.0f}"


def test_page_shows_the_engines_numbers_and_follows_the_controls(page, app, sample_store):
    page.goto(app, timeout=120_000)
    assert effective(sample_store, "2026-09") in page.locator("main").inner_text()
    page.get_by_role("combobox", name="Month").select_option("2026-08")
    page.get_by_role("button", name="Show").click()
    page.wait_for_load_state()
    assert effective(sample_store, "2026-08") in page.locator("main").inner_text()
    page.get_by_role("combobox", name="Provider").select_option("AWS")
    page.get_by_role("button", name="Show").click()
    page.wait_for_load_state()
    assert effective(sample_store, "2026-08", "AWS") in page.locator("main").inner_text()
    page.get_by_role("combobox", name="Department").select_option(index=1)
    with page.expect_navigation():
        page.get_by_role("button", name="Show").press("Enter")
    assert page.locator("h1").count() == 1
    assert page.get_by_role("combobox", name="Department").input_value() in page.locator("main").inner_text()
    assert page.outside == []


def test_page_refuses_what_the_store_does_not_have_with_a_sentence(page, app):
    for query in ("month=1999-01", "provider=Nobody", "department=Nobody"):
        page.goto(f"{app}?{query}")
        said = page.locator(".kit-stopped").inner_text()
        assert "Start again" in said
        assert query.split("=")[1] in said
        assert "Traceback" not in page.content()


def test_lesson_page_explains_a_mistake_and_takes_the_solution(page, lesson, sample_store):
    from types import SimpleNamespace

    from helpers.data import open_charges
    from helpers.lessons import exercise
    from helpers.terms.period import Month

    run = SimpleNamespace(
        notebook_id="practitioner_kpis",
        charges=open_charges(sample_store),
        month=Month(2026, 9),
        currency="USD",
    )
    first = exercise(run, 1)
    page.goto(lesson, timeout=120_000)
    field = page.get_by_label("Your answer to exercise 1, USD")
    field.wait_for(timeout=60_000)
    for answer, said in ((first.mistakes[0].answer, first.mistakes[0].why), (first.solution, "Right: ")):
        field.fill(first.shown(answer))
        page.keyboard.press("Enter")
        page.get_by_text(said).first.wait_for(timeout=15_000)
    assert page.outside == []


@pytest.mark.parametrize("width", [1180, 390])
def test_no_axe_violations(chromium, app, lesson, width):
    for address, ready in ((app, "h1"), (lesson, ".kit-question input")):
        context = chromium.new_context(viewport={"width": width, "height": 900}, bypass_csp=True)
        page = context.new_page()
        page.goto(address, timeout=120_000)
        page.locator(ready).first.wait_for(timeout=60_000)
        page.wait_for_timeout(500)
        assert axe(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        context.close()
