"""The product's report and served page in a real browser: accessible, no wider than the screen, and its controls work."""

from __future__ import annotations

import pytest
from tests.browser.making import address, axe, fits

pytestmark = pytest.mark.browser
ID = "product_unit_economics"


@pytest.fixture(scope="module")
def report(larkspur, tmp_path_factory) -> str:
    return address(ID, larkspur, tmp_path_factory.mktemp("product") / "report")


@pytest.mark.parametrize(("width", "scheme"), [(1180, "light"), (390, "dark")])
def test_the_report_is_accessible_and_fits(page, report, width, scheme):
    fits(page, report, width, scheme)
    assert page.locator("h1").count() == 1 and page.outside == []


def test_the_served_page_looks_into_another_product(chromium, serve, larkspur):
    served = serve(ID, larkspur, "app")
    context = chromium.new_context(viewport={"width": 1180, "height": 900}, bypass_csp=True)
    page = context.new_page()
    page.goto(served, timeout=120_000)
    page.get_by_role("combobox", name="Product").select_option("Documents")
    page.get_by_role("button", name="Show").click()
    page.wait_for_load_state(timeout=180_000)
    page.get_by_role("heading", name="Documents cost").first.wait_for(timeout=120_000)
    assert axe(page) == []
    context.close()
