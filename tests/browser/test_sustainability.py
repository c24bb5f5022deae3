"""The sustainability report and its served page in a real browser: accessible, private, no wider than the screen."""

from __future__ import annotations

import pytest
from tests.browser.making import axe, fits
from tests.notebooks.test_sustainability_emissions import september, used  # noqa: F401 - the store with use, and its report

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("width", "scheme"), [(1180, "light"), (390, "dark")])
def test_axe_finds_no_violation_on_the_report(page, september, width, scheme):  # noqa: F811
    fits(page, (september[2] / "index.html").as_uri(), width, scheme)
    assert page.outside == []


def test_the_served_page_reckons_another_month_and_price(page, serve, used):  # noqa: F811
    address = serve("sustainability_emissions", used, "app")
    page.goto(f"{address}?month=2026-08&carbon_price=250", wait_until="networkidle", timeout=90_000)
    page.wait_for_selector("h1", timeout=60_000)
    words = " ".join(page.inner_text("body").split())  # numbers hold to their units by non-breaking spaces
    assert "August 2026 emitted about" in words and "250 USD a tonne" in words
    assert axe(page) == []
