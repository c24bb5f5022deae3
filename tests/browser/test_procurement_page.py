"""Procurement's report and page in a real browser: accessible, nothing cut, controls that follow."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest
from click.testing import CliRunner

from helpers.__main__ import main

pytestmark = pytest.mark.browser
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def axe(page) -> list[str]:
    """Violations of WCAG 2.2 A and AA that axe-core finds."""
    page.evaluate((resources.files("axe_playwright_python") / "axe.min.js").read_text("utf-8"))
    found = page.evaluate(
        "tags => axe.run({runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']}).then(r => r.violations)",
        WCAG,
    )
    return [f"{v['id']}: {n['html'][:200]}" for v in found for n in v["nodes"]]


@pytest.fixture(scope="module")
def report(sample_store, tmp_path_factory) -> str:
    to = tmp_path_factory.mktemp("procurement") / "report"
    words = [
        "report",
        "procurement_commitments",
        "--data",
        str(sample_store),
        "--to",
        str(to),
        "-p",
        "month=2026-09",
    ]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    return Path(to / "index.html").as_uri()


@pytest.mark.parametrize(("width", "scheme"), [(1180, "light"), (390, "dark")])
def test_the_report_is_accessible_and_fits(page, report, width, scheme):
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    page.goto(report)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    drawn = page.evaluate("[...document.images].map(i => [i.complete, i.naturalWidth])")
    assert len(drawn) >= 3 and all(done and wide for done, wide in drawn)


def test_the_page_follows_its_controls(page, serve, sample_store):
    page.goto(serve("procurement_commitments", sample_store, "app"), timeout=240_000)
    first = page.locator("h1").inner_text()
    assert "a month" in first
    assert axe(page) == []
    page.get_by_role("combobox", name="Department").select_option("Growth")
    page.get_by_role("button", name="Show").click()
    page.wait_for_load_state(timeout=240_000)
    assert page.locator("h1").inner_text().startswith("Growth")
    assert page.outside == []
