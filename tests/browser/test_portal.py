"""The portal and a live page over the sample company in Chromium: found, opened, changed, by mouse and by keyboard."""

from __future__ import annotations

import re

import pytest
from tests.browser.making import axe

pytestmark = pytest.mark.browser
STEM = "practitioner_kpis"


@pytest.fixture(scope="module")
def portal(serve, larkspur):
    """Address of the portal."""
    return serve("", larkspur, "app")


def answered(page, number: int) -> None:
    """Wait until the page's script has shown its so-manieth answer."""
    page.locator(f"html[data-answered='{number}']").wait_for(state="attached", timeout=120_000)


def different(one: bytes, other: bytes) -> float:
    """Share of two screenshots' pixels that differ by more than a shade."""
    import io

    import numpy
    from PIL import Image

    a, b = (numpy.asarray(Image.open(io.BytesIO(x)).convert("L"), dtype=int) for x in (one, other))
    assert a.shape == b.shape
    return float((abs(a - b) > 16).mean())


def test_a_question_is_found_and_its_page_opens(page, portal):
    page.goto(portal)
    page.locator("html[data-live]").wait_for(state="attached")
    cards = page.locator(".kit-card:visible")
    every = cards.count()
    assert every >= 5
    page.get_by_role("searchbox").fill("commitment BUDGET")
    assert 0 < cards.count() < every
    assert page.locator(".kit-hits").inner_text() == f"Pages found: {cards.count()}"
    page.get_by_role("searchbox").fill("qqqq")
    assert page.get_by_text("No page has all of these words").is_visible()
    page.get_by_role("searchbox").fill("Where did the money go")
    page.keyboard.press("Tab")  # the button
    page.keyboard.press("Tab")  # the one card that is left
    with page.expect_navigation(timeout=180_000):
        page.keyboard.press("Enter")
    page.get_by_role("heading", level=1).wait_for(timeout=180_000)
    assert page.url == f"{portal}{STEM}/"
    finding = page.locator("h1").inner_text()
    page.get_by_role("link", name="All pages").click()
    page.wait_for_load_state()
    assert page.get_by_text(finding).is_visible(), "the portal tells the newest finding"
    for said in ("Larkspur: ", " charges from ", "As of 5 October 2026", "the difference is 0"):
        assert said in page.locator("main").inner_text()
    assert page.outside == []


def test_a_change_of_choices_is_shown_without_losing_ones_place(page, portal):
    page.goto(f"{portal}{STEM}/", timeout=180_000)
    page.locator("html[data-live]").wait_for(state="attached")
    first, requests = page.locator("h1").inner_text(), []
    page.on("request", lambda r: requests.append(r.url))
    month = page.get_by_role("combobox", name="Month")
    month.focus()
    page.keyboard.press("ArrowDown")
    answered(page, 1)
    assert page.evaluate("document.activeElement.name") == "month", "the keyboard keeps its place"
    assert page.locator("h1").inner_text() != first
    assert page.locator(".kit-now").inner_text() == f"Shown: {page.locator('h1').inner_text()}"
    chosen = month.input_value()
    assert page.url.endswith(f"?month={chosen}")
    assert len(requests) == 1
    assert re.fullmatch(rf"{portal}{STEM}/live\?month={chosen}", requests[0])
    live = page.locator("#kit-parts").inner_text()
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    page.get_by_text("Shown:").wait_for(state="hidden", timeout=10_000)
    drawn = page.screenshot(full_page=True)
    link = page.get_by_role("link", name="Link to this page with these choices").get_attribute("href")
    assert f"month={chosen}" in link
    page.goto(f"{portal}{STEM}/{link.removeprefix('./')}")
    assert page.locator("#kit-parts").inner_text() == live, "the address shows what the script showed"
    assert different(drawn, page.screenshot(full_page=True)) < 0.001
    page.go_back()
    page.wait_for_load_state()


def test_back_leads_to_the_choices_before(page, portal):
    page.goto(f"{portal}{STEM}/?month=2026-09", timeout=180_000)
    page.locator("html[data-live]").wait_for(state="attached")
    first = page.locator("h1").inner_text()
    page.get_by_role("combobox", name="Month").select_option("2026-08")
    answered(page, 1)
    assert page.locator("h1").inner_text() != first
    page.go_back()
    answered(page, 2)
    assert page.locator("h1").inner_text() == first
    assert page.get_by_role("combobox", name="Month").input_value() == "2026-09"


def test_an_answer_that_fails_leaves_the_page_as_it_was(page, portal):
    page.goto(f"{portal}{STEM}/?month=2026-09", timeout=180_000)
    page.locator("html[data-live]").wait_for(state="attached")
    before = page.locator("#kit-parts .kit-block").all_inner_texts()
    page.evaluate("document.querySelector('select[name=provider]').add(new Option('Nobody', 'Nobody'))")
    page.get_by_role("combobox", name="Provider").select_option("Nobody")
    answered(page, 1)
    said = page.get_by_role("alert").inner_text()
    assert "no provider 'Nobody'" in said
    page.get_by_role("combobox", name="Provider").select_option("")
    answered(page, 2)
    assert page.get_by_role("alert").count() == 0
    assert page.locator("#kit-parts .kit-block").all_inner_texts() == before
    page.context.set_offline(True)
    page.get_by_role("combobox", name="Month").select_option("2026-08")
    page.get_by_text("The server does not answer").wait_for()
    page.context.set_offline(False)


def test_downloads_are_what_the_page_shows(page, portal):
    import io

    import openpyxl

    page.goto(f"{portal}{STEM}/?month=2026-09", timeout=180_000)
    page.get_by_text("Downloads", exact=True).click()
    with page.expect_download(timeout=60_000) as held:
        page.get_by_role("link", name="Tables as a workbook").click()
    assert held.value.suggested_filename == f"{STEM}_2026-09.xlsx"
    book = openpyxl.load_workbook(io.BytesIO(held.value.path().read_bytes()))
    assert "KPIs" in book.sheetnames
    with page.expect_download() as held:
        page.get_by_role("link", name=re.compile("^Picture 1")).click()
    assert held.value.suggested_filename == f"{STEM}_2026-09-1.svg"
    assert b"<svg" in held.value.path().read_bytes()[:500]


@pytest.mark.parametrize(("width", "scheme"), [(1180, "light"), (390, "dark")])
def test_portal_and_page_are_accessible_and_fit(chromium, portal, width, scheme):
    context = chromium.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True
    )
    page = context.new_page()
    for address in ("", "?q=budget", "?q=qqqq", f"{STEM}/", f"{STEM}/?month=none", "none/"):
        page.goto(portal + address, timeout=180_000)
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert axe(page) == [], address
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
    page.goto(f"{portal}{STEM}/")
    page.get_by_role("combobox", name="Month").select_option("2026-08")
    answered(page, 1)
    assert axe(page) == []
    context.close()


def test_without_script_the_page_is_a_form(chromium, portal):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{portal}{STEM}?month=2026-09", timeout=180_000)  # as typed, without the last slash
    assert page.url == f"{portal}{STEM}/?month=2026-09"
    page.get_by_role("combobox", name="Month").select_option("2026-08")
    page.get_by_role("button", name="Show").click()
    page.wait_for_load_state()
    assert "August" in page.locator("h1").inner_text()
    page.goto(portal)
    page.get_by_role("searchbox").fill("carbon")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.locator(".kit-hits").inner_text().startswith("Pages found: ")
    context.close()
