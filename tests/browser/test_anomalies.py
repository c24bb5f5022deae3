"""The anomalies' report and page in a real browser: accessible, nothing cut, controls that follow."""

from __future__ import annotations

import pytest
from tests.browser.making import address, axe, fits, pictures

pytestmark = pytest.mark.browser
ID = "engineering_anomalies"


@pytest.fixture(scope="module")
def report(sample_store, tmp_path_factory) -> str:
    return address(ID, sample_store, tmp_path_factory.mktemp("anomalies") / "report", month="2026-09")


@pytest.mark.parametrize(("width", "scheme"), [(1180, "light"), (390, "dark")])
def test_the_report_is_accessible_and_fits(page, report, width, scheme):
    fits(page, report, width, scheme)
    drawn = pictures(page)
    assert len(drawn) >= 4 and all(done and wide for done, wide in drawn)


def test_the_page_follows_its_controls(page, serve, sample_store):
    page.goto(serve(ID, sample_store, "app"), timeout=180_000)
    first = page.locator("h1").inner_text()
    assert "more than expected" in first
    assert axe(page) == []
    page.get_by_role("combobox", name="Department").select_option("Data")
    page.get_by_role("button", name="Show").click()
    page.wait_for_load_state()
    assert "of Data" in page.locator("h1").inner_text()
    assert page.locator("h1").inner_text() != first
    assert page.outside == []
