"""The product's report and served page in a real browser: accessible, no wider than the screen, and its controls work."""

from __future__ import annotations

import importlib

import pytest
from click.testing import CliRunner

from helpers.__main__ import main

pytestmark = pytest.mark.browser
ID = "product_unit_economics"


@pytest.fixture(scope="module")
def report(larkspur, tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("product") / "report"
    done = CliRunner().invoke(main, ["report", ID, "--data", str(larkspur), "--to", str(folder)])
    assert done.exit_code == 0, done.output
    return (folder / "index.html").as_uri()


@pytest.mark.parametrize(("width", "scheme"), [(1180, "light"), (390, "dark")])
def test_the_report_is_accessible_and_fits(page, report, width, scheme):
    axe = importlib.import_module("tests.browser.test_report_page").axe
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    page.goto(report)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("h1").count() == 1 and page.outside == []


def test_the_served_page_looks_into_another_product(chromium, serve, larkspur):
    from axe_playwright_python.sync_playwright import Axe

    address = serve(ID, larkspur, "app")
    context = chromium.new_context(viewport={"width": 1180, "height": 900}, bypass_csp=True)
    page = context.new_page()
    page.goto(address, timeout=120_000)
    page.get_by_role("combobox", name="Product").select_option("Documents")
    page.get_by_role("button", name="Show").click()
    page.wait_for_load_state(timeout=180_000)
    page.get_by_role("heading", name="Documents cost").first.wait_for(timeout=120_000)
    rules = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
    found = Axe().run(page, options=rules).response["violations"]
    assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in found] == []
    context.close()
