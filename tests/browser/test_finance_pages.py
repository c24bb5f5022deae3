"""The finance report and its served page in Chromium: axe-core, no sideways scroll, wide and on a phone."""

from __future__ import annotations

import pytest
from tests.browser.making import address, axe

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def written(larkspur, tmp_path_factory):
    return address("finance_forecasting", larkspur, tmp_path_factory.mktemp("finance") / "report")


@pytest.mark.parametrize("width", [1180, 390])
def test_the_report_is_accessible_and_fits(chromium, written, width):
    context = chromium.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    page.goto(written)
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("figure").count() >= 3
    context.close()


def test_the_served_page_forecasts_another_month(page, serve, larkspur):
    served = serve("finance_forecasting", larkspur, "app")
    page.goto(f"{served}?month=2026-08", timeout=180_000)
    page.get_by_role("heading", level=1).wait_for(timeout=180_000)
    page.get_by_text("Every number with its definition").or_(
        page.get_by_text("What the numbers mean")
    ).first.wait_for(timeout=180_000)
    assert "August 2026" in page.get_by_role("heading", level=1).inner_text()
    assert axe(page) == []
    assert page.outside == []
